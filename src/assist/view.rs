//! One call as the pages show it, folded from its events.

use crate::mood::Trend;
use serde::Serialize;
use sidetone_types::*;
use std::collections::BTreeMap;

/// Everything a page needs of one call. Grows with [`CallView::apply`], one event at a time.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct CallView {
    pub call: Option<CallId>,
    pub lang: Lang,
    pub wire: Option<Wire>,
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub started_ms: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer: Option<ViewCustomer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ani: Option<Masked>,
    pub state: CallState,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<QueueId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<u32>,
    /// Everybody beside the caller who has a seat in the call.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parties: Vec<ViewParty>,
    /// Somebody is being fetched or consulted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transfer: Option<ViewTransfer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<ViewEnd>,
    /// To the end of speech, or to the last event while the call runs.
    pub duration_us: u64,
    pub turns: Vec<ViewTurn>,
    pub intents: Vec<ViewIntent>,
    pub slots: Vec<ViewSlot>,
    /// The flow the call is in now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flow: Option<String>,
    pub cards: Vec<ViewCard>,
    pub compliance: Vec<ViewHit>,
    pub mood: Trend,
    pub summary: Vec<SummarySentence>,
    pub summary_edited: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ticket: Option<Ticket>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disposition: Option<String>,
    /// What happened beside the words, for the time line.
    pub events: Vec<ViewEvent>,
    /// For the rows and numbers; not part of what the pages get.
    #[serde(skip)]
    pub times: Times,
    #[serde(skip)]
    pub done: Vec<FlowDone>,
    #[serde(skip)]
    pub(crate) legs: BTreeMap<LegId, Speaker>,
    #[serde(skip)]
    pub(crate) wires: BTreeMap<LegId, Wire>,
    #[serde(skip)]
    pub(crate) spans: BTreeMap<UtteranceId, Span>,
    #[serde(skip)]
    pub(crate) last_caller: Option<UtteranceId>,
    /// A connector or the knowledge base has answered and the assistant has not said it yet.
    #[serde(skip)]
    pub(crate) answer_due: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CallState {
    #[default]
    Assistant,
    Waiting,
    Ringing,
    Talking,
    Held,
    WrapUp,
    Ended,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Speaker {
    Caller,
    Assistant,
    /// A person of the house: agent or supervisor.
    Agent,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ViewCustomer {
    pub id: CustomerId,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ViewParty {
    pub leg: LegId,
    #[serde(flatten)]
    pub party: Party,
    pub seat: Seat,
    pub muted: bool,
    /// Where their sound is: the page, a telephone, another telephone system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wire: Option<Wire>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ViewTransfer {
    pub by: AgentId,
    #[serde(flatten)]
    pub target: Target,
    pub consult: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ViewEnd {
    pub reason: EndReason,
    pub at_us: u64,
}

/// One stretch of speech by a person, or one prompt of the assistant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ViewTurn {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub utterance: Option<UtteranceId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt: Option<PromptId>,
    pub speaker: Speaker,
    pub from_us: u64,
    pub to_us: u64,
    /// Of a prompt: what was played of it.
    pub text: Masked,
    #[serde(rename = "final")]
    pub is_final: bool,
    pub interrupted: bool,
    /// "嗯", "mm-hm".
    pub backchannel: bool,
    /// 0..=1000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub intent: Option<IntentId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mood: Option<Mood>,
    pub words: Vec<Word>,
    /// The prompt said what a connector or the knowledge base had answered.
    #[serde(skip)]
    pub answers: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ViewIntent {
    pub utterance: UtteranceId,
    pub intent: IntentId,
    pub score: u16,
    pub at_us: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ViewSlot {
    pub flow: String,
    pub slot: String,
    pub shown: Masked,
    pub confirmed: bool,
    pub by_key: bool,
    /// The caller's words just before the value was taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub utterance: Option<UtteranceId>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ViewCard {
    pub card: CardId,
    pub passage: Passage,
    pub utterance: UtteranceId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub taken: Option<CardAction>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ViewHit {
    pub rule: String,
    pub severity: Severity,
    pub phrase: Masked,
    pub hint: String,
    pub broken: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub utterance: Option<UtteranceId>,
    pub at_us: u64,
}

/// `label` is in the call's language; a page takes `zh` or `en` by its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ViewEvent {
    pub at_us: u64,
    pub label: String,
    pub zh: String,
    pub en: String,
}

/// A flow that came to its end, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowDone {
    pub flow: String,
    pub outcome: String,
    pub utterance: Option<UtteranceId>,
}

/// Moments the numbers are computed from, µs since the call began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// First time into a queue.
    pub queued_us: Option<u64>,
    /// The queue gave the call back without a person.
    pub refused_us: Option<u64>,
    /// First answer by a person.
    pub answered_us: Option<u64>,
    pub held_us: u64,
    pub(crate) hold_since_us: Option<u64>,
    pub wrap_up_from_us: Option<u64>,
    pub wrap_up_to_us: Option<u64>,
    /// Low and high of the first wait that was announced, seconds.
    pub announced_s: Option<(u32, u32)>,
    /// Answers the assistant gave from a connector or the knowledge base.
    pub answers: u32,
    pub recording: bool,
    pub last_us: u64,
}

impl ViewTurn {
    /// Confidence below which a turn is shown as hardly heard and nothing is concluded from it.
    const CLEAR: u16 = 150;

    pub fn is_clear(&self) -> bool {
        self.confidence.is_none_or(|sure| sure >= Self::CLEAR)
    }
}

impl CallView {
    pub fn from_events<'a>(events: impl IntoIterator<Item = &'a CallEvent>) -> Self {
        let mut view = Self::default();
        for event in events {
            view.apply(event);
        }
        view
    }

    /// Who is on a leg; a leg nobody announced is taken by its number.
    pub fn speaker(&self, leg: LegId) -> Speaker {
        let known = self.legs.get(&leg).copied();
        known.unwrap_or(match leg {
            LegId::CALLER => Speaker::Caller,
            LegId::ASSISTANT => Speaker::Assistant,
            _ => Speaker::Agent,
        })
    }

    pub fn turn(&self, utterance: UtteranceId) -> Option<&ViewTurn> {
        let is_it = |turn: &&ViewTurn| turn.utterance == Some(utterance);
        self.turns.iter().rev().find(is_it)
    }

    /// Final turns in which the speaker said something that was heard well enough to go by.
    pub fn said_by(&self, speaker: Speaker) -> impl Iterator<Item = &ViewTurn> {
        let said = move |turn: &&ViewTurn| {
            turn.speaker == speaker && turn.is_final && !turn.text.is_empty() && turn.is_clear()
        };
        self.turns.iter().filter(said)
    }

    /// What the call is about: the best intent found that is one of ours, the last of equals.
    pub fn intent(&self) -> Option<&ViewIntent> {
        let ours = self.intents.iter().filter(|found| !found.intent.is_none());
        ours.max_by_key(|found| found.score)
    }
}
