//! What the machine asks of the outside.

use crate::mix::Mix;
use serde::{Deserialize, Serialize};
use sidetone_types::*;
use std::collections::BTreeMap;

/// One thing that came out of [`Call::poll`](crate::Call::poll).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Goes to the journal before anything else is done with it.
    Event(CallEvent),
    Request(Request),
    /// Give `CallInput::Deadline` when this time has come. Always the last output of a drain; it
    /// replaces the deadline before it. A drain without one leaves nothing to wait for. A deadline
    /// given too often or too early does no harm.
    Deadline(CallTime),
}

/// What kind of answer is expected of a leg: a hint for the recognizer's decoding, for the slot
/// parsers, and the measure by which the end of speech is judged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "expect", rename_all = "snake_case")]
pub enum Expect {
    /// Anything.
    #[default]
    Open,
    YesNo,
    /// A number said digit by digit; `count` where its length is known.
    Digits {
        count: Option<u8>,
    },
    /// 8 digits with a Luhn check digit.
    OrderNumber,
    PhoneNumber,
    /// The last four digits of a card.
    CardEnding,
    Amount,
    Date,
    Time,
    /// One of `max` things that were read out, by number or by word.
    Choice {
        max: u8,
    },
    /// The keypad menu was offered: these words, or a key.
    Menu {
        words: Vec<String>,
    },
    /// A story in the caller's words: long pauses are thinking.
    FreeText,
}

impl Expect {
    /// How many digits make the answer complete.
    pub fn digits(&self) -> Option<u8> {
        match self {
            Self::Digits { count } => *count,
            Self::OrderNumber => Some(8),
            Self::PhoneNumber => Some(11),
            Self::CardEnding => Some(4),
            _ => None,
        }
    }

    /// The expectation that fits a slot.
    pub fn of(kind: SlotKind, count: Option<u8>) -> Self {
        match kind {
            SlotKind::OrderNumber => Self::OrderNumber,
            SlotKind::PhoneNumber => Self::PhoneNumber,
            SlotKind::CardEnding => Self::CardEnding,
            SlotKind::Amount => Self::Amount,
            SlotKind::Date => Self::Date,
            SlotKind::Time => Self::Time,
            SlotKind::YesNo => Self::YesNo,
            SlotKind::Digits => Self::Digits { count },
            SlotKind::Choice => Self::Choice {
                max: count.unwrap_or(9),
            },
            SlotKind::FreeText => Self::FreeText,
        }
    }
}

/// What the ACD needs to know to place a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enqueue {
    pub queue: QueueId,
    /// The customer's tier as the CRM names it; empty when the caller is unknown.
    pub tier: String,
    /// Skills an agent must have, the call's language not among them.
    pub skills: Vec<String>,
    pub lang: Lang,
    /// What the caller wants, as far as it was understood.
    pub intent: Option<IntentId>,
    /// Why a person is needed: `asked`, `flow`, `no_input`, `no_match`, `slot`, `failed`, `degraded`,
    /// `agent_lost`, `transfer`, `consult`, `transfer_failed`.
    pub reason: String,
    /// The caller has waited before: ahead of everybody.
    pub again: bool,
    /// Only this agent, now or not at all.
    #[serde(default)]
    pub agent: Option<AgentId>,
}

/// Something the machine needs done. A request with a `request` number is answered by an input with
/// the same number; the others are orders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Speak `text` to the caller. Answered by `PromptStarted` with the first frame and by
    /// `PromptEnded` when it is over, also after `StopSaying`. At most one prompt is out at a time.
    Say {
        prompt: PromptId,
        /// The prompt's name, for a recording that replaces the synthesizer.
        key: String,
        text: String,
        lang: Lang,
        bargeable: bool,
        /// What the caller is expected to answer to it.
        expect: Expect,
    },
    /// Stop a prompt now; `PromptEnded` follows with what was played.
    StopSaying {
        prompt: PromptId,
    },
    /// Music to the caller, on or off. Prompts are mixed over it.
    Music {
        on: bool,
    },
    /// Classify a sentence. Answered by `Understood`.
    Understand {
        request: RequestId,
        utterance: UtteranceId,
        text: String,
        lang: Lang,
    },
    /// Look in the knowledge base. Answered by `Found`.
    Ask {
        request: RequestId,
        query: String,
        lang: Lang,
        /// The article that the intent names, where one does: `refunds/how-long`.
        article: Option<String>,
    },
    /// Do an operation of [`flow::OPERATIONS`](crate::flow::OPERATIONS). Answered by `Connector`.
    Connect {
        request: RequestId,
        operation: String,
        slots: BTreeMap<String, SlotValue>,
    },
    /// Put a keyed personal number into the call's safe under `secret`. It never comes back here.
    /// Its hidden digits ([`crate::HIDDEN_KEY`]) are known to whoever carries the call.
    Keep {
        secret: u16,
        value: Heard,
    },
    /// From now on `expect` is what this leg is likely to say.
    Listen {
        leg: LegId,
        expect: Expect,
    },
    /// An utterance began at `from`, which lies in the past by the length of the onset: hand the
    /// recognizer the sound from there on and send `Partial`s.
    BeginUtterance {
        leg: LegId,
        utterance: UtteranceId,
        from: CallTime,
    },
    /// The utterance is over: send its `Final` (or `Unheard`). Sound after `span.to` is not part of it.
    EndUtterance {
        leg: LegId,
        utterance: UtteranceId,
        span: Span,
    },
    /// Place the call into a queue. Answered by `Waiting`, `Offered`, `Accepted` or `QueueRefused`.
    Enqueue(Enqueue),
    /// The call no longer waits. Offers end with it.
    LeaveQueue,
    /// Call a number outside. Answered by `Dialled`, more than once: `Ringing` may come first.
    Dial {
        request: RequestId,
        number: SlotValue,
    },
    /// The call out is not wanted any more. No `Dialled` must follow; one on its way is dropped.
    CancelDial {
        request: RequestId,
    },
    /// From now on everybody hears this.
    Mix(Mix),
    /// The agent is free of this call at once, without wrap-up: they never talked to the caller.
    Release {
        agent: AgentId,
    },
    /// Send a DTMF digit to `leg`.
    SendKey {
        leg: LegId,
        key: char,
    },
    HangUp {
        leg: LegId,
    },
    /// Nothing more will come: close the journal and forget the call.
    Finish,
}
