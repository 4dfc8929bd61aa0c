//! Recorded callers: a 16 kHz mono WAV and a TOML file that says when which part of it is spoken.

use crate::SimError;
use serde::{Deserialize, Serialize};
use sidetone_media::level_dbov;
use sidetone_types::{ContentError, Lang, RATE_HZ};
use std::path::Path;

/// Sound from this level on counts as somebody speaking, in dBov.
pub const VOICED_DBOV: f32 = -45.0;
/// A silence this long in a plain WAV file parts two turns.
const PART_MS: usize = 1200;
/// Kept before and after the speech of a turn cut from a plain WAV file.
const MARGIN_MS: usize = 200;
const STEP_MS: usize = 20;

/// One recorded caller. Its sound is `<id>.wav` beside the TOML file.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedCaller {
    pub id: String,
    pub lang: Lang,
    pub title_zh: String,
    pub title_en: String,
    pub about_zh: String,
    pub about_en: String,
    /// Who is calling, in the demo data.
    #[serde(default)]
    pub customer: Option<String>,
    pub seconds: f32,
    /// What the sound was made with; absent where a person spoke.
    #[serde(default, skip_serializing)]
    pub voice: Option<SpokenBy>,
    /// A table `[[cue]]` each in the file, the list `cues` for the page.
    #[serde(rename(deserialize = "cue"), default)]
    pub cues: Vec<Cue>,
}

/// An espeak-ng voice.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SpokenBy {
    pub name: String,
    pub words_per_minute: u32,
    /// 0 to 99.
    pub pitch: u32,
}

/// One thing the caller says, and when.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
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
    /// What the synthesizer was given, where that is not the text.
    #[serde(default, skip_serializing)]
    pub say: Option<String>,
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

/// A caller with their sound: 16 kHz mono.
#[derive(Clone, Debug)]
pub struct Voice {
    pub caller: RecordedCaller,
    pub pcm: std::sync::Arc<[i16]>,
}

/// All recorded callers of a folder, by name. An empty or missing folder has none.
pub fn load(folder: &Path) -> Result<Vec<RecordedCaller>, ContentError> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Ok(Vec::new());
    };
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|e| e == "toml"));
    paths.sort();
    paths.iter().map(|path| load_one(path)).collect()
}

fn load_one(path: &Path) -> Result<RecordedCaller, ContentError> {
    let wrong = |line, reason: String, hint: &str| ContentError {
        file: path.display().to_string(),
        line,
        reason,
        hint: hint.into(),
    };
    let text = std::fs::read_to_string(path)
        .map_err(|e| wrong(None, format!("can't be read: {e}"), "check its permissions"))?;
    let caller: RecordedCaller = toml::from_str(&text).map_err(|e| {
        let line = e.span().map(|span| {
            let before = &text[..span.start.min(text.len())];
            before.matches('\n').count() as u32 + 1
        });
        wrong(
            line,
            e.message().to_owned(),
            "the recorded callers that ship show every field",
        )
    })?;
    if path.file_stem().is_none_or(|stem| *stem != *caller.id) {
        let reason = format!("the id “{}” is not the file's name", caller.id);
        return Err(wrong(None, reason, "give both the same name"));
    }
    if let Some(cue) = caller.cues.iter().find(|cue| cue.from_ms >= cue.to_ms) {
        let reason = format!("the cue “{}” ends before it begins", cue.text);
        return Err(wrong(None, reason, "from_ms must be less than to_ms"));
    }
    Ok(caller)
}

/// A caller's sound from the folder.
pub fn voice(folder: &Path, caller: RecordedCaller) -> Result<Voice, SimError> {
    let path = folder.join(format!("{}.wav", caller.id));
    let pcm = read_wav(&path)?.into();
    Ok(Voice { caller, pcm })
}

/// Any WAV file as a caller: every stretch of speech in it is a turn, said when the assistant has
/// finished speaking.
pub fn voice_of_file(path: &Path, lang: Lang) -> Result<Voice, SimError> {
    let pcm = read_wav(path)?;
    let name = path
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let cues = stretches(&pcm)
        .into_iter()
        .map(|(from_ms, to_ms)| Cue {
            after: After::Moment(Moment::Prompt),
            from_ms: from_ms as u32,
            to_ms: to_ms as u32,
            text: String::new(),
            barge_after_ms: None,
            say: None,
        })
        .collect();
    let caller = RecordedCaller {
        id: name.clone(),
        lang,
        title_zh: name.clone(),
        title_en: name,
        about_zh: String::new(),
        about_en: String::new(),
        customer: None,
        seconds: pcm.len() as f32 / RATE_HZ as f32,
        voice: None,
        cues,
    };
    Ok(Voice {
        caller,
        pcm: pcm.into(),
    })
}

fn read_wav(path: &Path) -> Result<Vec<i16>, SimError> {
    let wrong = |why: String| SimError::File {
        file: path.display().to_string(),
        why,
    };
    let bytes = std::fs::read(path).map_err(|e| wrong(e.to_string()))?;
    sidetone_media::wav::read_house(&bytes).map_err(|e| wrong(e.to_string()))
}

/// The stretches of speech, in milliseconds, with a margin around each.
fn stretches(pcm: &[i16]) -> Vec<(usize, usize)> {
    let whole_ms = pcm.len() * 1000 / RATE_HZ as usize;
    let mut found: Vec<(usize, usize)> = Vec::new();
    for (at, step) in pcm.chunks(STEP_MS * RATE_HZ as usize / 1000).enumerate() {
        if level_dbov(step) < VOICED_DBOV {
            continue;
        }
        let (from, to) = (at * STEP_MS, (at + 1) * STEP_MS);
        match found.last_mut().filter(|last| from < last.1 + PART_MS) {
            Some(last) => last.1 = to,
            None => found.push((from, to)),
        }
    }
    for stretch in &mut found {
        stretch.0 = stretch.0.saturating_sub(MARGIN_MS);
        stretch.1 = (stretch.1 + MARGIN_MS).min(whole_ms);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_parted_where_it_is_silent() {
        let loud = |ms: usize| vec![3000i16; ms * 16];
        let quiet = |ms: usize| vec![0i16; ms * 16];
        let pcm = [
            quiet(500),
            loud(1000),
            quiet(600),
            loud(400),
            quiet(2000),
            loud(300),
        ]
        .concat();
        assert_eq!(stretches(&pcm), [(300, 2700), (4300, 4800)]);
        assert!(stretches(&quiet(3000)).is_empty());
    }
}
