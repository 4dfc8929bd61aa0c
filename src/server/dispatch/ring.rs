//! An offer rings: on the agent's page with what is known of the call, and on their telephone.

use super::{Bell, Router, call_of};
use crate::live::{Audience, LiveMessage, RingingFrom, RingingTransfer};
use sidetone_acd::AcdTime;
use sidetone_assist::view::CallView;
use sidetone_types::{AgentId, CallId};

impl Router {
    /// Telephones that fall far behind don't hold up the router; their pages ring all the same.
    pub(super) fn bell(&self, bell: Bell) {
        if let Some(bells) = self.bells.get()
            && bells.try_send(bell).is_err()
        {
            tracing::warn!("a telephone's bell was lost: too many are waiting");
        }
    }

    pub(super) fn ring(&self, agent: &AgentId, ticket: &CallId, expires: AcdTime) {
        let call = &call_of(ticket);
        let Some(handle) = self.calls.get(call) else {
            return;
        };
        let view = CallView::from_events(&handle.events());
        let waiting = self.waiting.get(ticket);
        let waited_s = waiting.map_or(0, |(_, since)| self.clock.acd().since(*since).as_secs());
        let queue = waiting.map(|(queue, _)| queue.clone());
        let board = self.publish.borrow();
        let named = board
            .queues
            .iter()
            .find(|one| Some(&one.queue) == queue.as_ref());
        let from = RingingFrom {
            name: handle.caller.name.clone(),
            tier: handle.caller.tier.clone(),
            number: handle.caller.number.clone(),
        };
        self.bell(Bell::Ring {
            agent: agent.clone(),
            call: call.clone(),
            from: from.clone(),
        });
        let message = LiveMessage::Ringing {
            call: call.clone(),
            from,
            queue: queue.map(|queue| queue.to_string()).unwrap_or_default(),
            queue_zh: named.map_or_else(String::new, |one| one.name_zh.clone()),
            queue_en: named.map_or_else(String::new, |one| one.name_en.clone()),
            transfer: view.transfer.as_ref().map(|transfer| RingingTransfer {
                by: transfer.by.clone(),
                consult: transfer.consult,
            }),
            lang: view.lang,
            intent: view.intents.first().map(|found| found.intent.to_string()),
            waited_s,
            expires_ms: self.clock.wall_of(expires),
        };
        drop(board);
        self.hub.post(Audience::Agent(agent.clone()), message);
        // The agent's page shows what the assistant understood before the first hello.
        self.hub.follow(agent.clone(), call.clone());
    }
}
