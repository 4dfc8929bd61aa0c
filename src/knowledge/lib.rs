//! The knowledge folder: its articles, their index, and the search that answers callers and agents.
//!
//! **Place in the flow.** A question (what a caller said) goes in, sections of articles come out,
//! each with the scores of both halves of the search. `server` turns them into answers and cards.
//!
//! **Invariants.** Readers hold an [`std::sync::Arc`] of a whole [`Library`] and never see half of
//! an update. A broken file is an error with its line and never takes its last good version down.
//! Vectors of different embedders never meet. Search allocates no more than its candidates and
//! holds no lock.
//!
//! **Not here.** What to say with a passage (`call`), who sees which page (`server`), the models
//! (`inference`), the other content files (flows, intents, prompts).

#![forbid(unsafe_code)]

mod article;
mod eval;
mod folder;
mod lexical;
mod library;
mod qdrant;
mod terms;
mod vectors;
mod watch;

pub use article::{Article, Audience, Section, check_text};
pub use eval::{Query, Scores, ndcg_at, recall_at, score};
pub use lexical::{B, K1, Lexical};
pub use library::{FileStatus, Hit, Library, Tuning};
pub use qdrant::{Remote, RemoteSearch};
pub use terms::terms;
pub use vectors::{Answer, Exact, Found, Neighbour, PassageKey, VectorIndex};
pub use watch::{Watch, watch};

use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum KnowledgeError {
    #[error("the knowledge folder {path}: {reason}")]
    Folder { path: PathBuf, reason: String },
    #[error("texts could not be embedded: {0}")]
    Embedding(#[from] sidetone_inference::InferenceError),
    #[error("the vector server {url}: {reason}; the search goes on in memory")]
    Remote { url: String, reason: String },
}
