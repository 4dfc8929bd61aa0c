//! Running calls: one task owns one call, and this is the way to reach it.

pub(crate) mod ear;
mod facts;
mod journal;
mod leg;
mod legs;
mod mixer;
mod mouth;
pub(crate) mod requests;
mod second_line;
mod task;

pub use task::{NewCall, start};

use crate::line_out::DialRefused;
use sidetone_edge::LegHandle;
use sidetone_types::*;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use tokio::sync::{broadcast, mpsc, oneshot};

/// Messages waiting for a call's task. The task drains them every 20 ms.
const INBOX_MESSAGES: usize = 256;
/// Events a page may fall behind on one call.
const FEED_EVENTS: usize = 1024;

/// What reaches a call's task from outside, beside sound.
pub enum CallMessage {
    /// A fact for the state machine.
    Input(CallInput),
    /// What the router says of a ticket of this call.
    Routed {
        ticket: CallId,
        input: CallInput,
    },
    /// An agent has answered, and the router has given them the ticket.
    AgentLeg {
        agent: AgentId,
        ticket: CallId,
        leg: Box<LegHandle>,
    },
    /// An agent who is on this call is back; `done` hears whether the call took them.
    Returned {
        agent: AgentId,
        leg: Box<LegHandle>,
        done: oneshot::Sender<bool>,
    },
    /// A supervisor steps onto this call.
    SupervisorLeg {
        agent: AgentId,
        ticket: CallId,
        mode: SuperviseMode,
        leg: Box<LegHandle>,
    },
    /// A telephone of an agent on this call has called somebody else meanwhile.
    SecondLine {
        agent: AgentId,
        to: String,
        leg: Box<LegHandle>,
    },
    /// A call that takes the place of one of this call's lines (RFC 3891).
    Replaces {
        line: u64,
        leg: Box<LegHandle>,
    },
    /// A number outside sends sound before it answers.
    EarlySound {
        request: RequestId,
        leg: Box<LegHandle>,
    },
    /// A number outside answered, on a line of its own or on the one that came early; or it can't be
    /// had.
    Dialled {
        request: RequestId,
        number: Masked,
        result: Result<Option<Box<LegHandle>>, DialRefused>,
    },
    /// A transfer to a number, which goes into the safe before anything else sees it.
    TransferOut {
        by: AgentId,
        number: Heard,
        consult: bool,
        done: oneshot::Sender<Result<(), String>>,
    },
    /// A click; `done` hears when it is on the disk.
    Click {
        by: AgentId,
        action: AgentAction,
        done: oneshot::Sender<Result<(), String>>,
    },
    /// A recognition is done, `result` as far as it went.
    Recognized(Box<ear::Recognition>),
    /// A prompt's sound.
    Spoken(mouth::Spoken),
    /// What a sentence of a call with a person asks for, to suggest cards.
    Classified {
        transcript: Box<Transcript>,
        scores: Vec<IntentScore>,
    },
    /// Passages for suggestion cards.
    Suggested {
        utterance: UtteranceId,
        passages: Vec<Passage>,
    },
    CallerHungUp,
}

/// Who is calling, as far as it is known before the first word.
#[derive(Clone, Debug, Default)]
pub struct Caller {
    pub customer: Option<CustomerId>,
    pub name: String,
    pub tier: String,
    /// Masked.
    pub number: String,
}

impl Caller {
    pub fn brief(&self) -> Option<CustomerBrief> {
        Some(CustomerBrief {
            id: self.customer.clone()?,
            name: Masked::authored(&self.name),
            tier: self.tier.clone(),
        })
    }
}

/// A running call as others see it.
pub struct CallHandle {
    pub call: CallId,
    /// What the caller's page shows to act on this call.
    pub token: String,
    pub caller: Caller,
    inbox: mpsc::Sender<CallMessage>,
    log: Mutex<Vec<CallEvent>>,
    feed: broadcast::Sender<CallEvent>,
}

impl CallHandle {
    fn new(
        call: CallId,
        token: String,
        caller: Caller,
    ) -> (Arc<Self>, mpsc::Receiver<CallMessage>) {
        let (inbox, receiver) = mpsc::channel(INBOX_MESSAGES);
        let handle = Self {
            call,
            token,
            caller,
            inbox,
            log: Mutex::new(Vec::new()),
            feed: broadcast::channel(FEED_EVENTS).0,
        };
        (Arc::new(handle), receiver)
    }

    /// Sends, waiting for room. False when the call is over.
    pub async fn send(&self, message: CallMessage) -> bool {
        self.inbox.send(message).await.is_ok()
    }

    /// All events so far, and those to come without a gap between.
    pub fn follow(&self) -> (Vec<CallEvent>, broadcast::Receiver<CallEvent>) {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        (log.clone(), self.feed.subscribe())
    }

    /// All events so far.
    pub fn events(&self) -> Vec<CallEvent> {
        self.log
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn publish(&self, event: &CallEvent) {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.push(event.clone());
        let _ = self.feed.send(event.clone());
    }
}

/// Every call that is running.
#[derive(Default)]
pub struct Calls {
    running: RwLock<BTreeMap<CallId, Arc<CallHandle>>>,
    /// Whose line each leg is, by [`sidetone_edge::LegControl::serial`].
    lines: RwLock<BTreeMap<u64, CallId>>,
}

impl Calls {
    pub fn get(&self, call: &CallId) -> Option<Arc<CallHandle>> {
        self.running
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(call)
            .cloned()
    }
    pub fn all(&self) -> Vec<Arc<CallHandle>> {
        self.running
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
            .cloned()
            .collect()
    }
    pub fn count(&self) -> usize {
        self.running
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }
    /// Adds unless `calls_max` are running.
    fn add(&self, handle: &Arc<CallHandle>, calls_max: usize) -> bool {
        let mut running = self.running.write().unwrap_or_else(PoisonError::into_inner);
        if running.len() >= calls_max {
            return false;
        }
        running.insert(handle.call.clone(), handle.clone());
        true
    }
    fn remove(&self, call: &CallId) {
        self.running
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(call);
    }

    /// The call that a leg belongs to.
    pub fn of_line(&self, line: u64) -> Option<Arc<CallHandle>> {
        let lines = self.lines.read().unwrap_or_else(PoisonError::into_inner);
        self.get(lines.get(&line)?)
    }

    fn line_joins(&self, line: u64, call: &CallId) {
        let mut lines = self.lines.write().unwrap_or_else(PoisonError::into_inner);
        lines.insert(line, call.clone());
    }

    fn line_leaves(&self, line: u64) {
        let mut lines = self.lines.write().unwrap_or_else(PoisonError::into_inner);
        lines.remove(&line);
    }
}
