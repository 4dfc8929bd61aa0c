//! What goes into a call's state machine. The journal keeps these too, so that a call can be replayed.

use crate::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One thing that reached a call's state machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "input", rename_all = "snake_case")]
pub enum CallInput {
    /// Always the first.
    Start(CallStart),
    /// The voice activity of a leg changed. Given on change only: 0 silence, 1 unsure, 2 speech.
    Voice {
        leg: LegId,
        level: u8,
    },
    Partial {
        leg: LegId,
        utterance: UtteranceId,
        text: Masked,
    },
    Final {
        leg: LegId,
        transcript: Transcript,
        slots: Vec<SlotCandidate>,
    },
    /// The recognizer could not say what was said (down, overloaded, timed out).
    Unheard {
        leg: LegId,
        utterance: UtteranceId,
        reason: String,
    },
    Understood {
        request: RequestId,
        scores: Vec<IntentScore>,
    },
    Found {
        request: RequestId,
        passages: Vec<Passage>,
    },
    Connector {
        request: RequestId,
        answer: ConnectorAnswer,
    },
    /// 0–9, *, # or A–D.
    Key {
        leg: LegId,
        key: char,
    },
    /// The first frame of a prompt left.
    PromptStarted {
        prompt: PromptId,
    },
    /// A prompt is over: all of it played, or stopped after `played_ms` of `total_ms`.
    PromptEnded {
        prompt: PromptId,
        played_ms: u32,
        total_ms: u32,
    },
    LegJoined {
        leg: LegId,
        party: Party,
        wire: Wire,
    },
    LegLeft {
        leg: LegId,
        reason: String,
    },
    /// The ACD's word on this call.
    Waiting {
        position: u32,
        wait: Option<WaitRange>,
    },
    Offered {
        agent: AgentId,
    },
    OfferEnded {
        agent: AgentId,
        outcome: OfferOutcome,
    },
    /// An agent accepted; `leg` is theirs.
    Accepted {
        agent: AgentId,
        leg: LegId,
    },
    /// An agent who is on this call is back with a new leg: after a reload, or from another device.
    Returned {
        agent: AgentId,
        leg: LegId,
    },
    /// A supervisor's leg wants to be on the call.
    Supervises {
        agent: AgentId,
        leg: LegId,
        mode: SuperviseMode,
    },
    /// The answer to a call out.
    Dialled {
        request: RequestId,
        outcome: DialOutcome,
    },
    /// No agent will come (queue closed, overflowed, nobody logged in).
    QueueRefused {
        reason: String,
    },
    /// A person's click.
    Click {
        by: AgentId,
        action: AgentAction,
    },
    /// Capacity of the recognizer came or went.
    Speech {
        available: bool,
    },
    /// A fact found outside (mood, cards, compliance, summary): becomes an event as it is.
    Fact {
        event: Box<EventKind>,
    },
    /// A deadline that the machine asked for has passed.
    Deadline,
    /// The engine is going down.
    Shutdown,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallStart {
    pub call: CallId,
    pub wall_ms: i64,
    pub wire: Wire,
    pub lang: Lang,
    pub ani: Option<Masked>,
    pub dnis: Option<String>,
    pub customer: Option<CustomerBrief>,
    pub content: String,
    /// Whether a recognizer place is reserved for this call; without one it is keypad only.
    pub speech: bool,
    /// Whether people are on duty now.
    pub open: bool,
    /// The flow that the dialled number leads to, in place of the open question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<String>,
    /// Two people talk already, on another system: they are heard and nothing is said. The agent's
    /// leg comes with the next inputs.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub assist_only: bool,
}

/// What the CRM says of the caller before the first word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerBrief {
    pub id: CustomerId,
    pub name: Masked,
    pub tier: String,
}

/// A value found in an utterance by the slot parsers, before masking.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotCandidate {
    pub kind: SlotKind,
    pub value: SlotValue,
    /// Check digit, length or calendar is right.
    pub valid: bool,
    /// The caller said "no, sorry, …" and this is what replaced the first try.
    pub corrected: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SlotKind {
    /// 8 digits, the last one a Luhn check digit.
    OrderNumber,
    PhoneNumber,
    /// Last four digits of a card.
    CardEnding,
    /// Integer cents in `shown`.
    Amount,
    /// ISO 8601 date in `shown`.
    Date,
    /// `HH:MM` in `shown`.
    Time,
    /// `yes` or `no` in `shown`.
    YesNo,
    /// Digits as said, whatever their number.
    Digits,
    /// A small whole number, such as the second of three choices.
    Choice,
    /// Everything that was said.
    FreeText,
}

/// The reply of a connector to one operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum ConnectorAnswer {
    /// Fields for the prompt's template. Money in cents under `*_cents`, dates ISO 8601.
    Ok {
        fields: BTreeMap<String, serde_json::Value>,
    },
    /// The other side says there is no such thing.
    NotFound,
    /// Down, too slow or wrong; the caller hears that it can't be looked up now.
    Failed { reason: String },
}

/// What became of a call out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum DialOutcome {
    Ringing,
    /// The far end answered; `leg` is theirs.
    Answered {
        leg: LegId,
    },
    /// `no_line_out`, `busy`, `no_answer`, `not_allowed`, `failed`, …
    Refused {
        reason: String,
    },
}

/// What an agent or a supervisor does on the page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "click", rename_all = "snake_case")]
pub enum AgentAction {
    Hold {
        on: bool,
    },
    Mute {
        on: bool,
    },
    Key {
        key: char,
    },
    HangUp,
    /// Gives the caller to somebody else: at once, or after a talk with them (`consult`).
    Transfer {
        to: Target,
        consult: bool,
    },
    /// The one who was consulted takes the caller.
    Complete,
    /// The consultation is over, or not wanted any more: back to the caller.
    Cancel,
    /// Caller, agent and the one who was consulted talk together.
    Conference,
    /// Takes one party out of the call.
    Drop {
        leg: LegId,
    },
    /// A supervisor who is on the call changes how.
    Supervise {
        mode: SuperviseMode,
    },
    /// A supervisor who is on the call takes it from its agent.
    TakeOver,
    Card {
        card: CardId,
        action: CardAction,
        text: Option<Masked>,
    },
    Summary {
        sentences: Vec<SummarySentence>,
    },
    Ticket {
        ticket: Ticket,
    },
    WrapUp {
        disposition: String,
    },
}

/// One line of a call's journal file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "line", rename_all = "snake_case")]
pub enum JournalLine {
    Input {
        at: CallTime,
        #[serde(flatten)]
        input: CallInput,
    },
    Event {
        #[serde(flatten)]
        event: CallEvent,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_line_survives_json() {
        let line = JournalLine::Input {
            at: CallTime::from_ms(20),
            input: CallInput::Click {
                by: "ann".into(),
                action: AgentAction::Card {
                    card: CardId(1),
                    action: CardAction::Edit,
                    text: None,
                },
            },
        };
        let text = serde_json::to_string(&line).unwrap();
        assert_eq!(serde_json::from_str::<JournalLine>(&text).unwrap(), line);
        let event = JournalLine::Event {
            event: CallEvent {
                seq: 1,
                at: CallTime(u64::MAX / 2),
                call: "c1".into(),
                kind: EventKind::LegJoined {
                    leg: LegId::CALLER,
                    party: Party::Agent {
                        agent: "ann".into(),
                    },
                    wire: Wire::WebRtc,
                },
            },
        };
        let text = serde_json::to_string(&event).unwrap();
        assert_eq!(serde_json::from_str::<JournalLine>(&text).unwrap(), event);
    }
}
