//! Recorded callers: a 16 kHz mono WAV and a TOML file that says when which part of it is spoken.

use crate::config::toml_error;
use serde::{Deserialize, Serialize};
use sidetone_types::{ContentError, Lang};
use std::path::Path;

/// One recorded caller. Its sound is `<id>.wav` beside the TOML file.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedCaller {
    pub id: String,
    pub lang: Lang,
    pub title_zh: String,
    pub title_en: String,
    pub about_zh: String,
    pub about_en: String,
    #[serde(default)]
    pub customer: Option<String>,
    pub seconds: f32,
    #[serde(rename = "cue", default)]
    #[serde(serialize_with = "as_is")]
    pub cues: Vec<Cue>,
}

/// One thing the caller says, and when.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Cue {
    pub after: After,
    /// Part of the WAV file, in milliseconds.
    pub from_ms: u32,
    pub to_ms: u32,
    pub text: String,
    /// Spoken into the next prompt, so long after it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub barge_after_ms: Option<u32>,
}

/// What a cue waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(untagged)]
pub enum After {
    /// Milliseconds from the start of the call.
    Ms(u32),
    Moment(Moment),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Moment {
    Start,
    /// The assistant has finished speaking.
    Prompt,
}

fn as_is<S: serde::Serializer>(cues: &[Cue], to: S) -> Result<S::Ok, S::Error> {
    cues.serialize(to)
}

/// All recorded callers of a folder, by name. An empty or missing folder has none.
pub fn load(folder: &Path) -> Result<Vec<RecordedCaller>, ContentError> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Ok(Vec::new());
    };
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|e| e == "toml"));
    paths.sort();
    paths
        .iter()
        .map(|path| {
            let text = crate::content::read(path)?;
            toml::from_str(&text).map_err(|e| toml_error(&e, &text, &path.display().to_string()))
        })
        .collect()
}
