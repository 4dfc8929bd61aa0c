//! Every number that shapes a conversation, with its unit, as data.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How far the thought of a speaker who just fell silent has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Thought {
    /// The expected number of digits was said.
    CountComplete,
    /// A yes or a no where one was asked for.
    Answered,
    /// A sentence that can stand as it is.
    Complete,
    /// An answer to which people often add: a day without its time, a number nobody asked for.
    Extendable,
    /// There is no text: none has arrived, or nothing was understood.
    Unknown,
    /// Ends in a conjunction, a hesitation, "的".
    Incomplete,
    /// A number that is shorter than the expected one.
    DigitsComing,
    /// A story in the caller's own words.
    Story,
}

/// The pause that ends an utterance, for one state of thought.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PauseRow {
    pub thought: Thought,
    pub pause_ms: u32,
    /// Longest that a caller's own habit may stretch it to.
    pub pause_ms_max: u32,
}

/// The rows of end of speech.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PausePolicy {
    pub rows: Vec<PauseRow>,
    /// Speech shorter than this is a click, a cough or a door.
    pub onset_ms: u32,
    /// Gaps in the voice activity shorter than this do not part an onset.
    pub flicker_ms: u32,
    /// Sound before the onset that belongs to the utterance: soft first consonants.
    pub preroll_ms: u32,
    /// The longest utterance that the recognizer takes.
    pub utterance_ms_max: u32,
    /// Pauses of this speaker that must have been seen before their habit counts.
    pub habit_pauses_min: u32,
}

impl Default for PausePolicy {
    fn default() -> Self {
        let row = |thought, pause_ms, pause_ms_max| PauseRow {
            thought,
            pause_ms,
            pause_ms_max,
        };
        Self {
            rows: vec![
                // The voice level falls 120 ms after the last voiced frame; that is not counted here.
                row(Thought::CountComplete, 180, 350),
                row(Thought::Answered, 220, 400),
                row(Thought::Complete, 280, 700),
                row(Thought::Extendable, 650, 900),
                // No text: the text of a pause is there in 100 ms, so this was not understood ("um"), and
                // what comes next is only a request to say it again.
                row(Thought::Unknown, 900, 1200),
                row(Thought::Incomplete, 1000, 1500),
                row(Thought::DigitsComing, 1300, 1900),
                row(Thought::Story, 1200, 1700),
            ],
            onset_ms: 120,
            flicker_ms: 100,
            preroll_ms: 200,
            utterance_ms_max: 11_000,
            habit_pauses_min: 2,
        }
    }
}

impl PausePolicy {
    /// The row of a state of thought; a policy file that leaves one out gets a safe 700 ms.
    pub fn row(&self, thought: Thought) -> PauseRow {
        self.rows
            .iter()
            .copied()
            .find(|row| row.thought == thought)
            .unwrap_or(PauseRow {
                thought,
                pause_ms: 700,
                pause_ms_max: 1000,
            })
    }
}

/// The numbers of one call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CallPolicy {
    pub pause: PausePolicy,
    /// Speech over a prompt for this long is a barge-in, if it is no sign of listening.
    pub barge_ms: u32,
    /// The same while nothing was made out of it: a short sign of listening is over by then.
    pub unclear_ms: u32,
    /// The same while all that was recognized is "mm-hm".
    pub backchannel_ms: u32,
    /// Silence after a question before the caller is helped.
    pub no_input_ms: u32,
    /// Silence that ends the entry of keys.
    pub key_gap_ms: u32,
    /// Confidence of a transcript, 0..=1000, below which what it means is confirmed first.
    pub words_sure: u16,
    /// Intent score, 0..=1000, from which the assistant acts without asking.
    pub intent_sure: u16,
    /// Intent score below which an intent is no intent.
    pub intent_unsure: u16,
    /// Passage score from which an article is spoken.
    pub passage_min: u16,
    /// Patience with the classifier and the knowledge base.
    pub understand_ms_max: u32,
    /// Patience with a connector.
    pub connector_ms_max: u32,
    /// After this the caller hears that the connector is being asked.
    pub connector_filler_ms: u32,
    /// Patience with the recognizer after the end of speech.
    pub final_ms_max: u32,
    /// Least time between two announcements of the place in the queue.
    pub announce_every_ms: u32,
    /// Time a person has for wrap-up before the call is closed for them.
    pub wrap_up_ms_max: u32,
    /// How long an agent whose line is gone keeps the call: the time of a page's reload.
    pub agent_away_ms_max: u32,
    /// Patience with an agent or a number that a call is given to.
    pub transfer_ms_max: u32,
    /// Patience of an agent who asked a queue for somebody to consult.
    pub consult_ms_max: u32,
    /// A prompt that has not begun by then is given up.
    pub prompt_start_ms_max: u32,
    /// Offset of the company's clock from UTC, for "tomorrow".
    pub utc_offset_min: i32,
    /// Queue for callers whom no flow sent to a special one.
    pub queue: String,
}

impl Default for CallPolicy {
    fn default() -> Self {
        Self {
            pause: PausePolicy::default(),
            barge_ms: 600,
            unclear_ms: 800,
            backchannel_ms: 1000,
            no_input_ms: 6000,
            key_gap_ms: 4000,
            words_sure: 300,
            intent_sure: 700,
            intent_unsure: 450,
            passage_min: 450,
            understand_ms_max: 2500,
            connector_ms_max: 8000,
            connector_filler_ms: 2000,
            final_ms_max: 4000,
            announce_every_ms: 30_000,
            wrap_up_ms_max: 180_000,
            agent_away_ms_max: 20_000,
            transfer_ms_max: 40_000,
            consult_ms_max: 120_000,
            prompt_start_ms_max: 8000,
            utc_offset_min: 480,
            queue: "service".into(),
        }
    }
}

/// Milliseconds as a duration.
pub(crate) fn ms(value: u32) -> Duration {
    Duration::from_millis(u64::from(value))
}
