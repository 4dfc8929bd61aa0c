//! What happened in a call. Pages, reports, search and exports are folds over these.

use crate::*;
use serde::{Deserialize, Serialize};

/// One event of one call. `seq` counts from 0 without gaps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallEvent {
    pub seq: u64,
    pub at: CallTime,
    pub call: CallId,
    #[serde(flatten)]
    pub kind: EventKind,
}

/// Who is on a leg.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "role", rename_all = "snake_case")]
pub enum Party {
    Caller,
    Assistant,
    Agent {
        agent: AgentId,
    },
    Supervisor {
        agent: AgentId,
    },
    /// Somebody outside the house whom an agent called.
    Outside {
        number: Masked,
    },
}

/// Where somebody beside the caller stands in a call. Who hears whom follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Seat {
    /// Talks with the caller.
    Main,
    /// Talks with the agent while the caller is on hold.
    Consult,
    /// The line is gone; the seat is kept for a while.
    Away,
    /// Hears everybody, heard by nobody.
    Monitor,
    /// Hears everybody, heard by the agents only.
    Whisper,
    /// Hears everybody, heard by everybody.
    Barge,
}

/// How a supervisor is on a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SuperviseMode {
    Monitor,
    Whisper,
    Barge,
}

/// Who a call is given to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "to", rename_all = "snake_case")]
pub enum Target {
    Agent {
        agent: AgentId,
    },
    Queue {
        queue: QueueId,
    },
    /// A number outside; the full one is in the call's safe.
    Number {
        number: SlotValue,
    },
}

/// What became of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransferOutcome {
    /// The caller is with the one they were given to.
    Completed,
    /// All three talk together.
    Conference,
    /// Taken back, or the call ended first.
    Cancelled,
    /// Nobody took it.
    Failed,
}

/// The wire a leg came over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wire {
    WebRtc,
    Sip,
    AudioSocket,
    WebSocket,
    Internal,
}

/// Why an utterance was taken as finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndedBy {
    /// A pause long enough for what had been said so far.
    Pause,
    /// The expected number of digits was complete.
    Complete,
    /// The longest utterance the recognizer takes.
    Length,
    /// The leg left, or the call moved on.
    Cut,
}

/// Why a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    CallerHungUp,
    AgentHungUp,
    AssistantFinished,
    /// The caller hung up while waiting for a person.
    Abandoned,
    /// Nothing was said and no key pressed, and no person could be had.
    NoInput,
    /// The wire failed.
    LegFailed,
    /// The engine stopped in mid-call; written at the next start.
    Lost,
    Shutdown,
}

/// A value the caller gave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotValue {
    /// What is shown and read back; masked where it is personal.
    pub shown: Masked,
    /// Number of the unmasked value in the call's safe (memory only), where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<u16>,
}

/// One intent with its calibrated score, 0..=1000.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntentScore {
    pub intent: IntentId,
    pub score: u16,
}

/// A section of an article that answers something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passage {
    /// `refunds/how-long`
    pub document: String,
    pub title: String,
    pub section: String,
    pub text: String,
    /// 0..=1000, the hybrid score.
    pub score: u16,
}

/// A suggestion shown to the agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    pub card: CardId,
    pub passage: Passage,
    /// The utterance that called for it.
    pub utterance: UtteranceId,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CardAction {
    Accept,
    Edit,
    Dismiss,
}

/// Mood of one turn: −100 (angry) to 100 (delighted).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mood {
    pub score: i8,
    /// The words that made it so, strongest first, each with its share of the score.
    pub because: Vec<MoodWord>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MoodWord {
    pub word: Masked,
    pub weight: i16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Info,
    Warn,
    Critical,
}

/// A sentence of the summary and the utterances it rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SummarySentence {
    pub text: Masked,
    /// `issue`, `fact`, `done` or `next`.
    pub part: SummaryPart,
    pub turns: Vec<UtteranceId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SummaryPart {
    Issue,
    Fact,
    Done,
    Next,
}

/// A help-desk ticket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    pub number: String,
    pub subject: Masked,
    pub body: Masked,
    pub priority: String,
}

/// Expected wait in seconds, a range; `None` while there is too little data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitRange {
    pub low_s: u32,
    pub high_s: u32,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum EventKind {
    CallStarted {
        /// Milliseconds since 1970-01-01T00:00:00Z.
        wall_ms: i64,
        wire: Wire,
        lang: Lang,
        /// The caller's number as shown (masked), where there is one.
        ani: Option<Masked>,
        dnis: Option<String>,
        customer: Option<CustomerId>,
        /// Digest of the flows and prompts that the call runs on.
        content: String,
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
    LanguageChanged {
        lang: Lang,
    },
    SpeechStarted {
        leg: LegId,
        utterance: UtteranceId,
    },
    SpeechEnded {
        leg: LegId,
        utterance: UtteranceId,
        span: Span,
        ended_by: EndedBy,
    },
    /// Growing text of an utterance that is still being spoken.
    Partial {
        leg: LegId,
        utterance: UtteranceId,
        text: Masked,
    },
    /// The final text of an utterance. Empty text: nothing was said, or it was rejected.
    Heard {
        leg: LegId,
        transcript: Transcript,
    },
    IntentFound {
        utterance: UtteranceId,
        best: IntentScore,
        others: Vec<IntentScore>,
    },
    FlowEntered {
        flow: String,
        step: String,
    },
    FlowLeft {
        flow: String,
        outcome: String,
    },
    SlotFilled {
        flow: String,
        slot: String,
        value: SlotValue,
        by_key: bool,
    },
    SlotConfirmed {
        flow: String,
        slot: String,
    },
    SlotRejected {
        flow: String,
        slot: String,
        reason: String,
    },
    PromptStarted {
        prompt: PromptId,
        key: String,
        text: Masked,
        lang: Lang,
    },
    /// `played` is what the caller heard of it.
    PromptEnded {
        prompt: PromptId,
        played: Masked,
        interrupted: bool,
    },
    BargeIn {
        prompt: PromptId,
        utterance: UtteranceId,
    },
    /// "嗯", "mm-hm": heard, and no reason to stop.
    Backchannel {
        utterance: UtteranceId,
    },
    KeyPressed {
        leg: LegId,
        key: Masked,
    },
    NoInput {
        count: u8,
    },
    NoMatch {
        count: u8,
    },
    ConnectorAsked {
        request: RequestId,
        operation: String,
    },
    ConnectorAnswered {
        request: RequestId,
        ok: bool,
        reason: String,
    },
    PassagesFound {
        request: RequestId,
        passages: Vec<Passage>,
    },
    /// Something the product stands on failed; `what` names it, `then` what the caller got instead.
    Degraded {
        what: String,
        then: String,
    },
    QueueEntered {
        queue: QueueId,
        priority: i32,
        skills: Vec<String>,
        reason: String,
    },
    WaitAnnounced {
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
    Answered {
        agent: AgentId,
        leg: LegId,
    },
    /// Somebody beside the caller took a seat in the call, or changed it. `LegLeft` ends it.
    Seated {
        leg: LegId,
        party: Party,
        seat: Seat,
    },
    TransferStarted {
        by: AgentId,
        to: Target,
        consult: bool,
    },
    /// `reason` says why it failed or was cancelled; empty otherwise.
    TransferEnded {
        by: AgentId,
        outcome: TransferOutcome,
        reason: String,
    },
    /// An agent's line is gone in mid-call; the seat is kept for `grace_ms`.
    AgentAway {
        agent: AgentId,
        grace_ms: u32,
    },
    /// They are back, on `leg`.
    AgentBack {
        agent: AgentId,
        leg: LegId,
    },
    /// A supervisor has taken the call from its agent, the assistant or the queue.
    TakenOver {
        by: AgentId,
        from: Option<AgentId>,
    },
    HoldStarted {
        by: LegId,
    },
    HoldEnded {
        by: LegId,
    },
    Muted {
        leg: LegId,
        on: bool,
    },
    MoodScored {
        utterance: UtteranceId,
        leg: LegId,
        mood: Mood,
    },
    CardsShown {
        cards: Vec<Card>,
    },
    CardTaken {
        card: CardId,
        action: CardAction,
        text: Option<Masked>,
        by: AgentId,
    },
    ComplianceHit {
        rule: String,
        severity: Severity,
        utterance: Option<UtteranceId>,
        phrase: Masked,
        hint: String,
        /// True for a forbidden phrase said, or a required one missed.
        broken: bool,
    },
    SummaryDrafted {
        sentences: Vec<SummarySentence>,
        by: String,
    },
    SummaryEdited {
        sentences: Vec<SummarySentence>,
        by: AgentId,
    },
    TicketCreated {
        ticket: Ticket,
        by: AgentId,
    },
    RecordingStarted {
        channels: u8,
    },
    /// The recording could not be written; the call goes on.
    RecordingFailed {
        reason: String,
    },
    WrapUpStarted {
        agent: AgentId,
    },
    WrapUpEnded {
        agent: AgentId,
        disposition: String,
    },
    /// Speech is over; wrap-up events may follow.
    CallEnded {
        reason: EndReason,
    },
    /// Time spent in a stage, for the metrics and the latency report.
    Took {
        stage: LatencyStage,
        utterance: Option<UtteranceId>,
        took_us: u64,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OfferOutcome {
    Accepted,
    Declined,
    TimedOut,
    /// The caller left, or another device answered.
    Revoked,
}

/// Stages whose time is measured, each from the last voiced frame unless said otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LatencyStage {
    EndOfTurn,
    Transcription,
    /// From the final text.
    Intent,
    /// From the question to the passages.
    Retrieval,
    /// From the words of a reply to its first sound.
    FirstReplyAudio,
    /// From the caller's last voiced frame to the first sound of the reply.
    EndToEnd,
}
