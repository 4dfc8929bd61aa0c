//! What goes into the router and what comes out of it.

use crate::MinuteOfWeek;
use serde::{Deserialize, Serialize};
use sidetone_types::{AgentId, CallId, IntentId, Lang, OfferOutcome, QueueId, WaitRange};
use std::ops::Add;
use std::time::Duration;

/// Microseconds on a clock that never goes back, from whatever moment the engine chose.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct AcdTime(pub u64);

impl AcdTime {
    pub const fn from_s(s: u64) -> Self {
        Self(s * 1_000_000)
    }
    pub const fn from_ms(ms: u64) -> Self {
        Self(ms * 1000)
    }
    /// Time from `earlier` to this moment, zero if `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
    pub(crate) fn plus_s(self, s: u32) -> Self {
        Self(self.0.saturating_add(u64::from(s) * 1_000_000))
    }
}

impl Add<Duration> for AcdTime {
    type Output = Self;
    fn add(self, rhs: Duration) -> Self {
        let us = u64::try_from(rhs.as_micros()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(us))
    }
}

/// What an agent is doing.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum AgentState {
    Available,
    Ringing,
    Busy,
    WrapUp,
    Break,
    #[default]
    Offline,
}

/// A call that wants a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrival {
    pub call: CallId,
    pub queue: QueueId,
    /// The customer's tier as the CRM names it; unknown tiers count as none.
    #[serde(default)]
    pub tier: Option<String>,
    /// Points that the flow or the dialled line gives, added to those of the queue and the tier.
    #[serde(default)]
    pub priority: i32,
    /// Skills beside those of the queue.
    #[serde(default)]
    pub skills: Vec<String>,
    pub lang: Lang,
    #[serde(default)]
    pub intent: Option<IntentId>,
    /// −100..=100, the caller's last mood.
    #[serde(default)]
    pub mood: Option<i8>,
    /// The company's local time, for the opening hours.
    pub local: MinuteOfWeek,
    /// Only this agent, at once or not at all: a transfer by name. The call stands in no line; the
    /// queue lends its ringing time.
    #[serde(default)]
    pub agent: Option<AgentId>,
}

impl Arrival {
    /// A call with nothing known but its queue and language.
    pub fn new(call: CallId, queue: QueueId, lang: Lang, local: MinuteOfWeek) -> Self {
        Self {
            call,
            queue,
            tier: None,
            priority: 0,
            skills: Vec::new(),
            lang,
            intent: None,
            mood: None,
            local,
            agent: None,
        }
    }
}

/// One thing that reached the router.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "input", rename_all = "snake_case")]
pub enum AcdInput {
    /// A person asks for a state: `available`, `break` or `offline`. While a call rings it declines
    /// the call; while they talk it is kept until after wrap-up; in wrap-up it ends it.
    AgentState {
        agent: AgentId,
        state: AgentState,
    },
    /// The last page of an agent closed. Offline after the grace time.
    AgentLost {
        agent: AgentId,
    },
    /// A page of an agent is there (again).
    AgentSeen {
        agent: AgentId,
    },
    CallArrived(Arrival),
    /// The caller is gone, whatever was happening to the call.
    CallLeft {
        call: CallId,
    },
    Accept {
        agent: AgentId,
        call: CallId,
    },
    Decline {
        agent: AgentId,
        call: CallId,
    },
    /// The agent and the call have parted; wrap-up begins.
    CallFinished {
        agent: AgentId,
        call: CallId,
    },
    WrapUpDone {
        agent: AgentId,
    },
    /// A supervisor steps onto a call that somebody else is having: busy from now on, and back in
    /// the state of before when they part from it. `call` is a number of its own. Answered by
    /// `Assigned`, or by `Ignored` if they ring, talk or wrap up.
    Seize {
        agent: AgentId,
        call: CallId,
    },
    /// The time of the last [`AcdOutput::Deadline`] has come.
    Deadline,
}

/// What the router decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "output", rename_all = "snake_case")]
pub enum AcdOutput {
    Offer {
        agent: AgentId,
        call: CallId,
        expires: AcdTime,
    },
    OfferEnded {
        agent: AgentId,
        call: CallId,
        outcome: OfferOutcome,
    },
    Assigned {
        agent: AgentId,
        call: CallId,
    },
    /// On change, at most once a second. `position` counts from 1 within the call's own queue.
    Position {
        call: CallId,
        position: u32,
        wait: Option<WaitRange>,
    },
    /// The call is out of the router: no person will come.
    Refused {
        call: CallId,
        reason: Refusal,
    },
    AgentStateChanged {
        agent: AgentId,
        state: AgentState,
        call: Option<CallId>,
        since: AcdTime,
    },
    /// An input that had no effect, and why: a late click, an unknown name.
    Ignored {
        agent: Option<AgentId>,
        call: Option<CallId>,
        why: Ignored,
    },
    /// When to come back with [`AcdInput::Deadline`]. Always the last output, replaces the one
    /// before; without one nothing is pending.
    Deadline {
        at: AcdTime,
    },
}

/// Why no person will come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// Outside the queue's hours.
    Closed,
    /// As many are waiting as the queue takes.
    Full,
    /// Nobody who could take the call is logged in.
    NobodyOnDuty,
    /// The longest wait of the queue is over.
    WaitedTooLong,
    UnknownQueue,
    /// The one agent who was asked for is not available, declined, or did not answer.
    AgentNotFree,
}

impl Refusal {
    /// The word that goes into `CallInput::QueueRefused`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Full => "full",
            Self::NobodyOnDuty => "nobody_on_duty",
            Self::WaitedTooLong => "waited_too_long",
            Self::UnknownQueue => "unknown_queue",
            Self::AgentNotFree => "agent_not_free",
        }
    }
}

/// Why an input had no effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ignored {
    UnknownAgent,
    UnknownCall,
    /// The call is already waiting or talking.
    CallTwice,
    /// The offer had run out, or was for another call.
    OfferOver,
    /// That agent is not on that call.
    NotOnCall,
    NotInWrapUp,
    /// Only `available`, `break` and `offline` can be asked for.
    NotAWish,
    /// That agent rings, talks or wraps up.
    NotFree,
}
