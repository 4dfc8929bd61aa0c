//! What the pages see as it happens.

use serde::Serialize;
use serde_json::Value;
use sidetone_types::{AgentId, CallEvent, CallId, Lang, OfferOutcome};
use std::sync::Arc;
use tokio::sync::broadcast;

/// Messages a slow page may fall behind before it has to reload.
const BACKLOG_MESSAGES: usize = 1024;

/// One message to a page, as documented for `/api/live`.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum LiveMessage {
    AgentState {
        agent: AgentId,
        state: String,
        since_ms: i64,
        call: Option<CallId>,
    },
    Ringing {
        call: CallId,
        from: RingingFrom,
        queue: String,
        queue_zh: String,
        queue_en: String,
        /// A colleague gives the call away, or wants to ask something.
        #[serde(skip_serializing_if = "Option::is_none")]
        transfer: Option<RingingTransfer>,
        lang: Lang,
        intent: Option<String>,
        waited_s: u64,
        expires_ms: i64,
    },
    RingEnded {
        call: CallId,
        outcome: OfferOutcome,
    },
    CallEvent {
        call: CallId,
        event: CallEvent,
    },
    Wallboard {
        board: Value,
    },
    Content {
        status: Value,
    },
    /// The page fell behind and must load its state again.
    Reload,
}

#[derive(Clone, Debug, Serialize)]
pub struct RingingFrom {
    pub name: String,
    pub tier: String,
    pub number: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct RingingTransfer {
    pub by: AgentId,
    pub consult: bool,
}

/// Who a message is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Everyone who is logged in.
    Everyone,
    Agent(AgentId),
    /// Supervisors, QA and admins.
    Supervisors,
    /// Content team and admins.
    Content,
}

/// A message and who it is for; `follow` makes an agent's page follow a call from now on.
#[derive(Clone, Debug)]
pub struct Posted {
    pub audience: Audience,
    pub message: Option<LiveMessage>,
    pub follow: Option<CallId>,
}

/// The one place that messages to pages go through.
#[derive(Clone)]
pub struct Hub {
    posted: broadcast::Sender<Arc<Posted>>,
}

impl Hub {
    pub fn new() -> Self {
        Self {
            posted: broadcast::channel(BACKLOG_MESSAGES).0,
        }
    }
    /// Posts to whoever listens; with nobody listening the message is gone, as it should be.
    pub fn post(&self, audience: Audience, message: LiveMessage) {
        let _ = self.posted.send(Arc::new(Posted {
            audience,
            message: Some(message),
            follow: None,
        }));
    }
    /// The pages of this agent follow the call from its first event.
    pub fn follow(&self, agent: AgentId, call: CallId) {
        let posted = Posted {
            audience: Audience::Agent(agent),
            message: None,
            follow: Some(call),
        };
        let _ = self.posted.send(Arc::new(posted));
    }
    pub fn listen(&self) -> broadcast::Receiver<Arc<Posted>> {
        self.posted.subscribe()
    }
}

impl Default for Hub {
    fn default() -> Self {
        Self::new()
    }
}
