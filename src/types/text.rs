//! Languages, recognized words, and the two states of text: heard and masked.

use crate::{CallTime, UtteranceId};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The two languages of the product.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Lang {
    #[default]
    Zh,
    En,
}

impl Lang {
    pub const ALL: [Self; 2] = [Self::Zh, Self::En];
    /// Folder name in `knowledge/`: `zh-CN` or `en`.
    pub fn locale(self) -> &'static str {
        match self {
            Self::Zh => "zh-CN",
            Self::En => "en",
        }
    }
    /// ISO 639-1 code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Zh => "zh",
            Self::En => "en",
        }
    }
    /// Reads `zh`, `zh-CN`, `en`, `en-US` and the like.
    pub fn parse(text: &str) -> Option<Self> {
        match text.get(..2)?.to_ascii_lowercase().as_str() {
            "zh" => Some(Self::Zh),
            "en" => Some(Self::En),
            _ => None,
        }
    }
}

impl fmt::Display for Lang {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// Recognized text that may hold personal data. It cannot be serialized, and its `Debug` shows its
/// length only, so that it cannot reach a log or a store by accident.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Heard(String);

impl Heard {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
    /// The raw text, for understanding in memory. Never hand the result to a sink.
    pub fn reveal(&self) -> &str {
        &self.0
    }
    /// The one way to text that a sink accepts. `mask` is the masking step of `records`.
    pub fn mask(self, mask: impl FnOnce(&str) -> String) -> Masked {
        Masked(mask(&self.0))
    }
}

impl fmt::Debug for Heard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Heard({} characters)", self.0.chars().count())
    }
}

/// Text in which card, identity and phone numbers have been replaced.
#[derive(Clone, Debug, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Masked(String);

impl Masked {
    /// The first bytes of it, which are as masked as the whole. Cut inside a character, all of it.
    pub fn beginning(&self, bytes: usize) -> Self {
        Self(self.0.get(..bytes).unwrap_or(&self.0).to_owned())
    }
    /// For text that the house wrote itself: prompts, titles, labels.
    pub fn authored(text: impl Into<String>) -> Self {
        Self(text.into())
    }
    pub fn as_str(&self) -> &str {
        &self.0
    }
    pub fn is_empty(&self) -> bool {
        self.0.trim().is_empty()
    }
}

impl fmt::Display for Masked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One recognized word (a character or a word in Chinese) with its place in the call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Word {
    pub text: Masked,
    pub from: CallTime,
    pub to: CallTime,
    /// 0..=1000.
    pub confidence: u16,
}

/// How far a transcript has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    Partial,
    Final,
}

/// What was recognized of one utterance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transcript {
    pub utterance: UtteranceId,
    pub text: Masked,
    pub words: Vec<Word>,
    pub stage: Stage,
    pub lang: Lang,
    /// 0..=1000, calibrated: the share of such transcripts that are right.
    pub confidence: u16,
    /// Somebody spoke, and the words were too unsure to be kept: there is no text.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rejected: bool,
}
