//! Texts as vectors, for the dense half of the search and beside the intent classifier.
//!
//! Five backends: [`Sentences`] (the encoder that ships), [`Words`] (word vectors alone), [`Bert`] (candle; BERT-family safetensors
//! with `tokenizer.json` and `config.json`), [`Onnx`] (ONNX Runtime, loaded at run time), and
//! [`Hashed`], which needs no file. [`open`] takes the best that a folder offers.

mod bert;
mod hashed;
mod onnx;
mod sentences;
mod tokens;
mod transformer;
mod words;

pub use bert::Bert;
pub use hashed::Hashed;
pub use onnx::{Onnx, find_runtime};
pub use sentences::Sentences;
pub use words::Words;

use crate::InferenceError;
use std::path::Path;
use std::sync::Arc;

/// What a text is, for models that treat questions and passages differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextKind {
    Query,
    Passage,
}

/// Turns texts into vectors of length one. Safe to call from many threads; blocks while it
/// computes, so call it off the async threads when the batch is large.
pub trait Embedder: Send + Sync {
    /// Name and version: vectors of different ids cannot be compared.
    fn id(&self) -> &str;
    fn dims(&self) -> usize;
    /// Whether it was learned from data; hashed n-grams add nothing to an n-gram classifier.
    fn learned(&self) -> bool;
    /// Whether it reads sentences, or only adds up words: how far a search may trust it.
    fn reads_sentences(&self) -> bool {
        self.learned()
    }
    /// The same for one text, where it depends on its language.
    fn reads(&self, _text: &str) -> bool {
        self.reads_sentences()
    }
    /// One of the same space that takes microseconds, for what is learnt anew at every start.
    fn quick(&self) -> Option<Arc<dyn Embedder>> {
        None
    }
    /// One vector a text, in order, each of length one (or all zero for text with nothing in it).
    fn embed(&self, texts: &[&str], kind: TextKind) -> Result<Vec<Vec<f32>>, InferenceError>;
    /// What a classifier sees of each text: its vector, and where the model has more to tell than the
    /// meaning, more numbers behind it. All texts that it [reads](Self::reads) have equally many.
    fn features(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, InferenceError> {
        self.embed(texts, TextKind::Query)
    }
}

/// The best embedder that a models folder offers: `model.onnx` where ONNX Runtime is found, then
/// `model.safetensors`, then `words.safetensors`, else the hashed one. A folder that is there but broken is an error.
pub fn open(dir: &Path) -> Result<Arc<dyn Embedder>, InferenceError> {
    if dir.join("model.onnx").is_file() {
        match Onnx::load(dir, None) {
            Ok(onnx) => return Ok(Arc::new(onnx)),
            Err(error @ InferenceError::Missing { .. }) => {
                tracing::warn!(%error, "the ONNX encoder is passed over");
            }
            Err(error) => return Err(error),
        }
    }
    if dir.join("model.safetensors").is_file() {
        return Ok(Arc::new(Bert::load(dir)?));
    }
    if dir.join("words.safetensors").is_file() {
        return Ok(Arc::new(Words::load(dir)?));
    }
    Ok(Arc::new(Hashed::default()))
}

/// Brings a vector to length one; zero stays zero.
fn unit(row: &mut [f32]) {
    let norm = row.iter().map(|v| v * v).sum::<f32>().sqrt();
    if norm > 1e-9 {
        row.iter_mut().for_each(|v| *v /= norm);
    }
}
