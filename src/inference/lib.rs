//! Models behind small traits: voice activity, recognizer, synthesizer, embedder, intent, mood,
//! language model, and the manifest that says which files they are.
//!
//! **Place in the flow.** The server pushes frames into [`vad`], cuts utterances as `call` tells it,
//! sends them to the [`recognizer`], the text to [`intent`] and [`mood`], and prompts to [`synth`].
//! `knowledge` uses [`embed`]. Everything that leaves here is an integer score, a duration or
//! [`sidetone_types::Heard`] text that the masking step has yet to see.
//!
//! **Invariants.** No lock is held while a model runs: every worker owns its state. Every queue is
//! bounded and counted. A model file is checked (hash, header, sizes) before native code sees it.
//! Audio with no speech in it never becomes text. Nothing here logs what was said.
//!
//! **Not here.** Decisions (`call`), masking and storage (`records`), search (`knowledge`), sockets
//! that carry calls (`edge`).

pub mod embed;
mod error;
#[allow(unsafe_code)]
mod ffi;
mod gram;
pub mod intent;
mod linear;
pub mod llm;
pub mod manifest;
mod margins;
pub mod mood;
pub mod pcm;
pub mod phonetic;
pub mod recognizer;
pub mod synth;
pub mod vad;

pub use error::InferenceError;

/// A boxed future, so that the traits stay usable as `dyn`.
pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn std::future::Future<Output = T> + Send + 'a>>;
