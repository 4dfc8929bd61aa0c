//! What can go wrong, each with what to do about it.

use std::path::PathBuf;

/// Errors of this crate. The text says what is wrong, where, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum InferenceError {
    #[error("{path}: cannot be read: {source}. {todo}", path = path.display())]
    File {
        path: PathBuf,
        source: std::io::Error,
        todo: String,
    },
    /// The file is there and is not what it should be.
    #[error("{path}: {reason}. {todo}", path = path.display())]
    Model {
        path: PathBuf,
        reason: String,
        todo: String,
    },
    #[error("{path}: the sha256 is {found} and {manifest} says {wanted}. Fetch the file again with `sidetone models get {name}`, or correct the manifest if the model was replaced on purpose", path = path.display(), manifest = manifest.display())]
    Hash {
        path: PathBuf,
        manifest: PathBuf,
        name: String,
        wanted: String,
        found: String,
    },
    #[error("{manifest}: {reason}", manifest = manifest.display())]
    Manifest { manifest: PathBuf, reason: String },
    /// A newer partial, or the final, of the same utterance took its place. Not a fault.
    #[error("a newer request of the same utterance took this one's place")]
    Superseded,
    /// A partial that waited so long that it would say nothing new. Not a fault.
    #[error("the partial waited too long and was dropped")]
    Stale,
    /// The caller's place was given back. Not a fault.
    #[error("the caller has left")]
    Gone,
    #[error("the recognizer is overloaded: {waiting_ms} ms of sound are waiting")]
    Overloaded { waiting_ms: u64 },
    /// The worker or the engine is stopping.
    #[error("{what} is stopping")]
    Stopped { what: &'static str },
    #[error("{what} failed: {reason}")]
    Backend { what: &'static str, reason: String },
    #[error("{what} took longer than {limit_ms} ms and was stopped")]
    TimedOut { what: String, limit_ms: u64 },
    /// A program or library that must be installed is not there.
    #[error("{what} was not found. {todo}")]
    Missing { what: String, todo: String },
    #[error("{url}: {reason}. {todo}")]
    Http {
        url: String,
        reason: String,
        todo: String,
    },
}

impl InferenceError {
    pub(crate) fn backend(what: &'static str, reason: impl std::fmt::Display) -> Self {
        Self::Backend {
            what,
            reason: reason.to_string(),
        }
    }

    pub(crate) fn model(
        path: &std::path::Path,
        reason: impl Into<String>,
        todo: impl Into<String>,
    ) -> Self {
        Self::Model {
            path: path.to_owned(),
            reason: reason.into(),
            todo: todo.into(),
        }
    }

    pub(crate) fn file(
        path: &std::path::Path,
        source: std::io::Error,
        todo: impl Into<String>,
    ) -> Self {
        Self::File {
            path: path.to_owned(),
            source,
            todo: todo.into(),
        }
    }

    /// Whether this is the ordinary fate of a superseded, stale or abandoned request.
    pub fn is_dropped(&self) -> bool {
        matches!(self, Self::Superseded | Self::Stale | Self::Gone)
    }
}
