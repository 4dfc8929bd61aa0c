//! Conversations with expectations: who calls and what they say, and what must come of it.
//!
//! A file holds any number of `[[scenario]]`; `eval/scenarios/` has the house's own. The sound is made
//! by whoever runs them; here is the format, and the comparison with the events of a call.

use crate::SimError;
use serde::Deserialize;
use sidetone_types::{CallEvent, EventKind, Lang};
use std::path::Path;

/// One conversation.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    pub name: String,
    pub lang: Lang,
    /// Who is calling, in the demo data.
    #[serde(default)]
    pub customer: Option<String>,
    pub voice: ScenarioVoice,
    /// Level of the speech over the noise in the room; absent where it is quiet.
    #[serde(default)]
    pub noise_db: Option<f32>,
    /// What the caller says, each after a prompt. Nothing: a caller who says nothing.
    #[serde(default)]
    pub say: Vec<Say>,
    pub expect: Expect,
}

/// An espeak-ng voice.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScenarioVoice {
    pub name: String,
    pub words_per_minute: u32,
    /// 0 to 99.
    pub pitch: u32,
}

/// One thing to say: a sentence, or a table with more.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Say {
    Plain(String),
    More(SayMore),
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SayMore {
    pub text: String,
    /// What the synthesizer is given, where that is not the text: pinyin for a pinyin voice.
    #[serde(default)]
    pub spoken: Option<String>,
    /// Spoken into the next prompt, so long after it began.
    #[serde(default)]
    pub barge_after_ms: Option<u32>,
}

impl Say {
    pub fn text(&self) -> &str {
        match self {
            Self::Plain(text) => text,
            Self::More(more) => &more.text,
        }
    }

    pub fn barge_after_ms(&self) -> Option<u32> {
        match self {
            Self::Plain(_) => None,
            Self::More(more) => more.barge_after_ms,
        }
    }

    /// What the synthesizer is given.
    pub fn spoken(&self) -> &str {
        match self {
            Self::Plain(text) => text,
            Self::More(more) => more.spoken.as_deref().unwrap_or(&more.text),
        }
    }
}

/// What must come of it. What is not named is not looked at.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Expect {
    /// Each was the best intent of something the caller said.
    pub intents: Vec<String>,
    /// Each was entered.
    pub flows: Vec<String>,
    /// Each stands in a prompt that was begun.
    pub says: Vec<String>,
    /// None of these stands in one.
    pub never_says: Vec<String>,
    /// The queue that the caller was put into; `""`: none at all.
    pub queue: Option<String>,
    /// Why the call ended, as events name it.
    pub ends: Vec<String>,
    /// Whether a prompt was cut off by the caller.
    pub barge_in: Option<bool>,
    /// Longest from the caller's last voiced 10 ms to the reply.
    pub reply_ms_max: Option<u64>,
}

/// What is compared beside the events.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measured {
    pub ended: Option<String>,
    pub reply_ms: Vec<u64>,
}

impl Expect {
    /// What did not come true, a sentence each.
    pub fn misses(&self, events: &[CallEvent], measured: &Measured) -> Vec<String> {
        let mut misses = Vec::new();
        let (mut intents, mut flows, mut prompts, mut queues) = (vec![], vec![], vec![], vec![]);
        let mut barge_in = false;
        for event in events {
            match &event.kind {
                EventKind::IntentFound { best, .. } => intents.push(best.intent.as_str()),
                EventKind::FlowEntered { flow, .. } => flows.push(flow.as_str()),
                EventKind::PromptStarted { text, .. } => prompts.push(text.as_str()),
                EventKind::QueueEntered { queue, .. } => queues.push(queue.as_str()),
                EventKind::BargeIn { .. } => barge_in = true,
                _ => {}
            }
        }
        for (what, wanted, had) in [
            ("intent", &self.intents, &intents),
            ("flow", &self.flows, &flows),
        ] {
            for one in wanted.iter().filter(|one| !had.contains(&one.as_str())) {
                misses.push(format!("no {what} {one}, but {had:?}"));
            }
        }
        let said = |words: &String| prompts.iter().any(|prompt| prompt.contains(words.as_str()));
        for words in self.says.iter().filter(|words| !said(words)) {
            misses.push(format!("“{words}” was not said"));
        }
        for words in self.never_says.iter().filter(|words| said(words)) {
            misses.push(format!("“{words}” was said"));
        }
        match &self.queue {
            Some(none) if none.is_empty() && !queues.is_empty() => {
                misses.push(format!("was put into {queues:?}"));
            }
            Some(queue) if !queue.is_empty() && !queues.contains(&queue.as_str()) => {
                misses.push(format!("was not put into {queue}, but into {queues:?}"));
            }
            _ => {}
        }
        let ended = measured.ended.clone().unwrap_or_else(|| "nothing".into());
        if !self.ends.is_empty() && !self.ends.contains(&ended) {
            misses.push(format!("ended by {ended}, not by {:?}", self.ends));
        }
        if self.barge_in.is_some_and(|wanted| wanted != barge_in) {
            let was = if barge_in { "a" } else { "no" };
            misses.push(format!("there was {was} barge-in"));
        }
        if let Some(max) = self.reply_ms_max
            && let Some(slow) = measured.reply_ms.iter().find(|ms| **ms > max)
        {
            misses.push(format!("a reply took {slow} ms"));
        }
        misses
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    scenario: Vec<Scenario>,
}

/// All scenarios of a folder's TOML files, by file and place.
///
/// # Errors
/// A file that cannot be read, by name and line; a name that is there twice; a folder without any.
pub fn load(folder: &Path) -> Result<Vec<Scenario>, SimError> {
    let wrong = |file: &Path, why: String| SimError::File {
        file: file.display().to_string(),
        why,
    };
    let entries = std::fs::read_dir(folder).map_err(|error| wrong(folder, error.to_string()))?;
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|kind| kind == "toml"));
    paths.sort();
    let mut all: Vec<Scenario> = Vec::new();
    for path in paths {
        let text = std::fs::read_to_string(&path).map_err(|e| wrong(&path, e.to_string()))?;
        let file: File = toml::from_str(&text).map_err(|e| wrong(&path, e.to_string()))?;
        for one in file.scenario {
            if all.iter().any(|have| have.name == one.name) {
                return Err(wrong(&path, format!("“{}” is there twice", one.name)));
            }
            all.push(one);
        }
    }
    if all.is_empty() {
        return Err(wrong(folder, "there is no [[scenario]] in it".into()));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sidetone_types::CallTime;

    fn entered(flow: &str) -> CallEvent {
        CallEvent {
            seq: 0,
            at: CallTime::ZERO,
            call: "c".into(),
            kind: EventKind::FlowEntered {
                flow: flow.into(),
                step: "who".into(),
            },
        }
    }

    #[test]
    fn what_did_not_come_true_is_named() {
        let expect: Expect = toml::from_str(
            "flows = ['bill', 'refund']\nends = ['assistant_finished']\nreply_ms_max = 900\nqueue = ''",
        )
        .unwrap();
        let measured = Measured {
            ended: Some("caller_hung_up".into()),
            reply_ms: vec![500, 1200],
        };
        let misses = expect.misses(&[entered("bill")], &measured);
        assert_eq!(misses.len(), 3, "{misses:?}");
        assert!(misses[0].contains("refund") && misses[1].contains("caller_hung_up"));
        assert!(misses[2].contains("1200"));
    }

    #[test]
    fn the_house_has_scenarios_in_both_languages() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../eval/scenarios");
        let all = load(&folder).unwrap();
        assert!(all.len() >= 40, "{}", all.len());
        for lang in Lang::ALL {
            assert!(all.iter().filter(|one| one.lang == lang).count() >= 20);
        }
        assert!(all.iter().any(|one| one.say.is_empty()));
        assert!(all.iter().any(|one| one.noise_db.is_some()));
        assert!(all.iter().any(|one| one.expect.barge_in == Some(true)));
    }

    #[test]
    fn a_wrong_file_is_named() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
        let error = load(&folder).unwrap_err().to_string();
        assert!(
            error.contains("tests") && error.contains("[[scenario]]"),
            "{error}"
        );
    }
}
