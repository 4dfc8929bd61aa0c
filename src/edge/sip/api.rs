//! What the server sees of the SIP edge.

use crate::EdgeError;
use crate::leg::LegHandle;
use sidetone_types::AgentId;
use std::net::SocketAddr;
use tokio::sync::{mpsc, oneshot, watch};

/// How many events wait for the server; an INVITE beyond is refused with 503.
pub(crate) const EVENTS: usize = 256;

/// What happens at the edge without having been asked for.
#[derive(Debug)]
pub enum SipEvent {
    Incoming(IncomingCall),
    /// An agent's phones changed; `contacts` are left (0: none).
    Registered {
        agent: AgentId,
        contacts: usize,
    },
    /// A trunk's log-in changed.
    Trunk {
        name: String,
        up: bool,
        why: String,
    },
}

/// Who calls, as far as the edge believes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SipParty {
    /// The trunk that the call came over.
    pub trunk: Option<String>,
    /// The agent whose phone calls.
    pub agent: Option<AgentId>,
    /// The calling number. From P-Asserted-Identity where the trunk is believed (RFC 3325), from
    /// the account where it is an agent's phone, else what From claims.
    pub number: Option<String>,
    pub name: Option<String>,
    /// The caller asked that its number be withheld (RFC 3323): don't show it.
    pub withheld: bool,
}

/// A call that waits for an answer. Dropped without one, it is refused with 480.
#[derive(Debug)]
pub struct IncomingCall {
    pub from: SipParty,
    /// The number that was dialled (DNIS), or an account's name.
    pub to: String,
    /// [`crate::LegControl::serial`] of the leg that this call takes the place of (RFC 3891).
    pub replaces: Option<u64>,
    /// Where the INVITE came from.
    pub source: SocketAddr,
    pub(crate) orders: mpsc::Sender<AnswerOrder>,
    pub(crate) cancelled: watch::Receiver<bool>,
}

#[derive(Debug)]
pub(crate) enum AnswerOrder {
    Ring,
    Answer(oneshot::Sender<Result<LegHandle, EdgeError>>),
    Refuse(Refusal),
}

impl std::fmt::Debug for LegHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LegHandle({})", self.control.serial())
    }
}

impl IncomingCall {
    /// Tells the caller that somebody is being called (180).
    pub fn ring(&self) {
        let _ = self.orders.try_send(AnswerOrder::Ring);
    }

    /// Takes the call: the media starts, 200 is sent until its ACK comes. Sound flows when the leg
    /// says [`crate::LegSignal::Connected`]; without an ACK in 32 s it closes as lost.
    ///
    /// # Errors
    /// [`EdgeError::Refused`] with 487 where the caller gave up, others where no media is to be had
    /// (the caller then got its refusal).
    pub async fn answer(self) -> Result<LegHandle, EdgeError> {
        let (answer, answered) = oneshot::channel();
        let gone = || EdgeError::Refused {
            code: 487,
            phrase: "the caller hung up before the answer".into(),
        };
        self.orders
            .send(AnswerOrder::Answer(answer))
            .await
            .map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }

    pub fn refuse(self, refusal: Refusal) {
        let _ = self.orders.try_send(AnswerOrder::Refuse(refusal));
    }

    /// Ready when the caller gave up.
    pub async fn cancelled(&mut self) {
        while !*self.cancelled.borrow() {
            if self.cancelled.changed().await.is_err() {
                return;
            }
        }
    }

    pub fn is_cancelled(&self) -> bool {
        *self.cancelled.borrow() || self.orders.is_closed()
    }
}

/// Why a call is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    Busy,
    Unavailable,
    UnknownNumber,
    Declined,
    /// No capacity; the far end may try again after so many seconds.
    Full {
        retry_after_s: u32,
    },
    Forbidden,
    Gone,
}

impl Refusal {
    pub(crate) fn code(&self) -> u16 {
        match self {
            Self::Busy => 486,
            Self::Unavailable => 480,
            Self::UnknownNumber => 404,
            Self::Declined => 603,
            Self::Full { .. } => 503,
            Self::Forbidden => 403,
            Self::Gone => 410,
        }
    }
}

/// Whom to call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallTarget {
    /// Every phone of this agent; the first to answer wins.
    Agent(AgentId),
    /// A number outside, through a trunk.
    Number { number: String, trunk: String },
}

/// A call to make.
#[derive(Clone, Debug)]
pub struct CallRequest {
    pub target: CallTarget,
    /// What the other side is shown.
    pub caller_number: Option<String>,
    pub caller_name: Option<String>,
    /// The Replaces header of an attended transfer ([`crate::Replaces::header`]).
    pub replaces: Option<String>,
    /// For the toll-fraud rules: true where a flow or a user with that right asked for this call.
    /// Agents' phones inside need none.
    pub authorized: bool,
}

impl CallRequest {
    pub fn to_agent(agent: AgentId) -> Self {
        Self::new(CallTarget::Agent(agent))
    }
    /// A call that no rule authorizes yet; set `authorized`.
    pub fn to_number(number: impl Into<String>, trunk: impl Into<String>) -> Self {
        Self::new(CallTarget::Number {
            number: number.into(),
            trunk: trunk.into(),
        })
    }
    fn new(target: CallTarget) -> Self {
        Self {
            target,
            caller_number: None,
            caller_name: None,
            replaces: None,
            authorized: false,
        }
    }
}

/// How an outgoing call goes on.
#[derive(Debug)]
pub enum OutgoingEvent {
    Ringing,
    /// The far end sends sound before it answers (an announcement); the same leg is answered later.
    EarlyMedia(LegHandle),
    /// `None`: the leg is the one that came as early media.
    Answered(Option<LegHandle>),
    /// The last event of a call that did not come about.
    Failed {
        code: u16,
        phrase: String,
    },
}

/// A call under way. Dropped before it is answered, it is cancelled.
#[derive(Debug)]
pub struct OutgoingCall {
    pub(crate) events: mpsc::Receiver<OutgoingEvent>,
    pub(crate) cancel: watch::Sender<bool>,
}

impl OutgoingCall {
    /// The next event; `None` after the last.
    pub async fn next(&mut self) -> Option<OutgoingEvent> {
        self.events.recv().await
    }

    pub fn cancel(&self) {
        self.cancel.send_replace(true);
    }

    /// Waits for the answer, leaving early media aside.
    ///
    /// # Errors
    /// [`EdgeError::Refused`] with the far end's status code.
    pub async fn answered(mut self) -> Result<LegHandle, EdgeError> {
        let mut early = None;
        while let Some(event) = self.next().await {
            match event {
                OutgoingEvent::Ringing => {}
                OutgoingEvent::EarlyMedia(leg) => early = Some(leg),
                OutgoingEvent::Answered(leg) => {
                    return leg.or(early).ok_or(EdgeError::Refused {
                        code: 500,
                        phrase: "the call has no leg".into(),
                    });
                }
                OutgoingEvent::Failed { code, phrase } => {
                    return Err(EdgeError::Refused { code, phrase });
                }
            }
        }
        Err(EdgeError::Refused {
            code: 487,
            phrase: "the call was given up".into(),
        })
    }
}

/// One phone of an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    pub agent: AgentId,
    pub uri: String,
    pub source: SocketAddr,
    pub user_agent: Option<String>,
    pub expires_in_s: u64,
}

/// Figures for the metrics page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SipFigures {
    pub calls: usize,
    pub transactions: usize,
    pub contacts: usize,
    pub connections: usize,
    /// Requests answered with 503 since the start.
    pub refused_full: u64,
    /// Messages since the start that could not be read.
    pub broken: u64,
}
