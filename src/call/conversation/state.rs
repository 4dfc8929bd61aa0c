//! What a call remembers.

use crate::endpoint::Ear;
use crate::speak::Facts;
use crate::stable::Stable;
use serde_json::Value as Json;
use sidetone_types::*;
use std::collections::BTreeMap;
use std::time::Duration;

/// Where a call stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// `Start` has not come.
    Before,
    Assistant,
    /// In a queue, also while an agent's page rings.
    Waiting,
    /// Caller and agent talk, or the caller is on hold.
    Talking,
    /// Speech is over; the agent finishes their work.
    WrapUp,
    /// Speech is over and nobody wraps up; late facts are still taken.
    Ended,
    Over,
}

/// What the caller's next words or keys are an answer to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Awaiting {
    /// The assistant is at work, or says goodbye.
    Nothing,
    /// "How can I help?"
    Request,
    /// The keypad menu was read out.
    Menu,
    /// "I understood: …. Is that right?"
    IntentConfirm(IntentId),
    /// "Does that answer it?"
    Helped,
    /// "Shall I put you through?"
    PersonOffer,
    /// "Nobody is here. Shall I take a message?"
    MessageOffer,
    /// "You also mentioned …, shall I do that?"
    NextOffer(IntentId),
    /// "Anything else?"
    More,
    /// The `ask` step that the flow stands on.
    Slot,
    /// The value of that step was read back.
    ReadBack,
    /// The `choose` step that the flow stands on.
    Choice,
}

impl Awaiting {
    /// Whether the question is answered by yes or no.
    pub fn is_yes_no(&self) -> bool {
        matches!(
            self,
            Self::IntentConfirm(_)
                | Self::Helped
                | Self::PersonOffer
                | Self::MessageOffer
                | Self::NextOffer(_)
                | Self::More
                | Self::ReadBack
        )
    }
}

/// One thing to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub key: String,
    pub text: String,
    pub lang: Lang,
    pub bargeable: bool,
}

/// A prompt that is out.
#[derive(Clone, Debug)]
pub(super) struct Playing {
    pub prompt: PromptId,
    pub line: Line,
    pub asked: CallTime,
    pub started: Option<CallTime>,
}

/// One leg's speech.
#[derive(Clone, Debug)]
pub(super) struct Hearing {
    pub ear: Ear,
    /// The open utterance.
    pub open: Option<UtteranceId>,
    /// The newest text of the open utterance.
    pub partial: String,
    /// What of it is shown.
    pub stable: Stable,
    /// Whether the open utterance began over a prompt.
    pub over_prompt: bool,
}

/// An utterance whose final text is on the way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Due {
    pub deadline: CallTime,
    pub over_prompt: bool,
    /// How long it was.
    pub length: Duration,
    /// As long as an utterance can be: if it holds no word it was noise, and it goes on.
    pub endless: bool,
}

/// What the caller said since the assistant last answered.
#[derive(Clone, Debug, Default)]
pub(super) struct CallerTurn {
    pub text: String,
    pub utterance: UtteranceId,
    pub slots: Vec<SlotCandidate>,
    /// The recognizer's doubt about any part of it: it may have been something else.
    pub doubtful: bool,
    /// Part of it was speech that nobody can make words of.
    pub unclear: bool,
}

/// A question to the outside whose reply is awaited.
#[derive(Clone, Debug)]
pub(super) enum Pending {
    Understand {
        whole: RequestId,
        /// The two halves of a sentence that may hold two wishes.
        parts: Vec<RequestId>,
        scores: BTreeMap<RequestId, Vec<IntentScore>>,
        turn: CallerTurn,
        /// Asked because the words were no answer to the question of a flow: only a sure wish leads
        /// out of it.
        detour: bool,
        deadline: CallTime,
    },
    Ask {
        request: RequestId,
        turn: CallerTurn,
        article: Option<String>,
        deadline: CallTime,
    },
    Connect {
        request: RequestId,
        deadline: CallTime,
        /// When the caller hears that this takes a moment.
        filler: Option<CallTime>,
    },
}

impl Pending {
    pub fn deadline(&self) -> CallTime {
        match self {
            Self::Understand { deadline, .. } | Self::Ask { deadline, .. } => *deadline,
            Self::Connect {
                deadline, filler, ..
            } => filler.map_or(*deadline, |at| at.min(*deadline)),
        }
    }
}

/// A flow in progress.
#[derive(Clone, Debug, Default)]
pub(super) struct Run {
    /// Flow and step, the innermost last. Never empty, at most three.
    pub stack: Vec<(String, usize)>,
    pub slots: BTreeMap<String, SlotValue>,
    /// Fields of connectors' answers and shown slot values.
    pub vars: Facts,
    /// Failures of the question that the flow stands on.
    pub fails: u8,
    /// Entries that a `choose` step read out.
    pub list: Vec<Json>,
}

/// Keys of a number that is being entered.
#[derive(Clone, Debug, Default)]
pub(super) struct Keys {
    pub digits: String,
    pub last: Option<CallTime>,
}

/// The way to a person.
#[derive(Clone, Debug, Default)]
pub(super) struct Handover {
    pub offered: Option<AgentId>,
    pub agent: Option<(AgentId, LegId)>,
    pub held: bool,
    /// The ACD's last word: position and expected wait.
    pub place: Option<(u32, Option<WaitRange>)>,
    pub announced: Option<CallTime>,
    /// Queue, skills and reason, for a second try.
    pub wanted: Option<(String, Vec<String>, String)>,
    pub transfer: Option<Transfer>,
}

/// A transfer on its way: somebody is being fetched, or talks with the agent already.
#[derive(Clone, Debug)]
pub(super) struct Transfer {
    pub by: AgentId,
    pub to: Target,
    /// The agent stays until it is decided; otherwise the caller waits alone.
    pub consult: bool,
    /// Of the call out, where the target is a number.
    pub request: Option<RequestId>,
    /// The router or the line has said no: there is nothing to take back.
    pub refused: bool,
    /// When it is given up while nobody has answered; `None`: as long as the queue allows.
    pub until: Option<CallTime>,
    /// Who was consulted, once they have answered.
    pub with: Option<LegId>,
}

/// Somebody beside the caller.
#[derive(Clone, Debug)]
pub(super) struct Person {
    pub party: Party,
    pub seat: Seat,
    pub muted: bool,
    /// Until when the seat of one who is away is kept.
    pub back_until: Option<CallTime>,
}

impl Person {
    /// The agent or supervisor on the leg.
    pub fn agent(&self) -> Option<&AgentId> {
        match &self.party {
            Party::Agent { agent } | Party::Supervisor { agent } => Some(agent),
            Party::Caller | Party::Assistant | Party::Outside { .. } => None,
        }
    }

    /// Whether the caller is in their hands: an agent, here or away.
    pub fn serves(&self) -> bool {
        matches!(self.party, Party::Agent { .. }) && matches!(self.seat, Seat::Main | Seat::Away)
    }
}
