//! Two connections that belong to one call between people.

use super::{Opening, StreamCall};
use crate::LegHandle;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::timeout;

/// Legs that wait for their other side.
const WAITING_MAX: usize = 1000;

/// Brings together the two legs of [`super::Mode::Assist`] on wires that carry one side each. Both
/// connections name the same call ([`Opening::reference`]). The parameter `part` says `caller` or
/// `agent`; where neither says it, the first to come is the caller.
pub struct Pairs {
    waiting: Mutex<BTreeMap<String, oneshot::Sender<(Opening, LegHandle)>>>,
    wait: Duration,
}

impl Default for Pairs {
    fn default() -> Self {
        Self::new(Duration::from_secs(10))
    }
}

impl Pairs {
    /// `wait`: how long the first leg waits for the second.
    pub fn new(wait: Duration) -> Self {
        Self {
            waiting: Mutex::default(),
            wait,
        }
    }

    /// The call, once both legs are there or the other has not come in time; `None` for the second
    /// leg, whose call goes to the first.
    pub async fn join(&self, opening: Opening, leg: LegHandle) -> Option<StreamCall> {
        let mut ours = (opening, leg);
        let name = ours.0.reference.clone();
        let other = {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(first) = waiting.remove(&name) {
                match first.send(ours) {
                    Ok(()) => return None,
                    // The first has just given up.
                    Err(back) => ours = back,
                }
            }
            if waiting.len() >= WAITING_MAX {
                tracing::warn!("too many legs wait for their other side; one goes on alone");
                return Some(alone(ours));
            }
            let (second, other) = oneshot::channel();
            waiting.insert(name.clone(), second);
            other
        };
        let came = timeout(self.wait, other).await;
        let Ok(Ok(theirs)) = came else {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            if waiting.get(&name).is_some_and(oneshot::Sender::is_closed) {
                waiting.remove(&name);
            }
            tracing::info!("the other side of a call did not come; only one side is heard");
            return Some(alone(ours));
        };
        let swapped = part(&ours.0) == Some("agent") || part(&theirs.0) == Some("caller");
        let (caller, agent) = if swapped {
            (theirs, ours)
        } else {
            (ours, theirs)
        };
        Some(StreamCall {
            opening: caller.0,
            caller: caller.1,
            agent: Some(agent.1),
        })
    }
}

fn part(opening: &Opening) -> Option<&str> {
    opening.parameters.get("part").map(String::as_str)
}

fn alone((opening, caller): (Opening, LegHandle)) -> StreamCall {
    StreamCall {
        opening,
        caller,
        agent: None,
    }
}
