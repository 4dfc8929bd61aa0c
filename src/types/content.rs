//! What is wrong with a file that a person wrote.

use serde::{Deserialize, Serialize};
use std::fmt;

/// One fault in a configuration, flow, prompt, knowledge, compliance or model file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ContentError {
    /// Path as the author knows it, relative to the project.
    pub file: String,
    /// From 1.
    pub line: Option<u32>,
    pub reason: String,
    /// What to do.
    pub hint: String,
}

impl fmt::Display for ContentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}", self.reason)?;
        if !self.hint.is_empty() {
            write!(f, " ({})", self.hint)?;
        }
        Ok(())
    }
}

impl std::error::Error for ContentError {}
