//! The agents' states: who may do what when, and how everybody gets out of every state again.

use crate::acd::{Acd, Serial, Stage, Timer};
use crate::*;
use sidetone_types::*;

pub(crate) struct Agent {
    pub id: AgentId,
    pub languages: Vec<Lang>,
    /// By the router's number of the skill.
    pub skills: std::collections::BTreeMap<u16, u8>,
    /// By the number of the line.
    pub serves: Vec<bool>,
    pub state: AgentState,
    pub since: AcdTime,
    /// The call that rings, is talked or is being wrapped up.
    pub call: Option<(Serial, CallId)>,
    /// Asked for during a call; takes effect after it.
    pub wish: Option<AgentState>,
    /// No page is open since then; the time is that of the grace timer.
    pub lost: Option<AcdTime>,
    /// No page for longer than the grace time, in the middle of a call.
    pub gone: bool,
    /// When the wrap-up ends by itself.
    pub wrap_up_until: Option<AcdTime>,
    /// Line and moment of the call being handled, for the handling time.
    pub handling: Option<(usize, AcdTime)>,
}

impl Acd {
    fn agent_ix(&mut self, agent: &AgentId) -> Option<usize> {
        let found = self.agent_of.get(agent).copied();
        if found.is_none() {
            self.ignore(Some(agent), None, Ignored::UnknownAgent);
        }
        found
    }

    pub(crate) fn agent_wish(&mut self, agent: &AgentId, wish: AgentState) {
        use AgentState::*;
        let Some(ix) = self.agent_ix(agent) else {
            return;
        };
        if !matches!(wish, Available | Break | Offline) {
            return self.ignore(Some(agent), None, Ignored::NotAWish);
        }
        if wish != Offline {
            self.page_is_there(ix);
        }
        match self.agents[ix].state {
            Available | Break | Offline if self.agents[ix].state == wish => {}
            Available | Break | Offline => self.rest_at(ix, wish),
            Ringing if wish == Available => {}
            Ringing => self.decline_ringing(ix, wish),
            Busy => self.agents[ix].wish = Some(wish),
            WrapUp => self.end_wrap_up(ix, Some(wish)),
        }
    }

    pub(crate) fn agent_lost(&mut self, agent: &AgentId) {
        let Some(ix) = self.agent_ix(agent) else {
            return;
        };
        if self.agents[ix].lost.is_some() || self.agents[ix].state == AgentState::Offline {
            return;
        }
        let until = self.now.plus_s(self.policy.agent_grace_s);
        self.agents[ix].lost = Some(until);
        self.arm(until, Timer::Grace(ix));
        self.free.remove(&(self.agents[ix].since, ix));
        // A closed page rings nobody: the call goes on to the next agent at once.
        if let (AgentState::Ringing, Some((serial, _))) = self.state_and_call(ix) {
            self.end_offer(ix, serial, OfferOutcome::TimedOut);
            self.rest_at(ix, AgentState::Available);
            self.match_call(serial);
        }
    }

    pub(crate) fn agent_seen(&mut self, agent: &AgentId) {
        if let Some(ix) = self.agent_ix(agent) {
            self.page_is_there(ix);
        }
    }

    fn page_is_there(&mut self, ix: usize) {
        let agent = &mut self.agents[ix];
        agent.gone = false;
        let Some(until) = agent.lost.take() else {
            return;
        };
        let (state, since) = (agent.state, agent.since);
        self.disarm(until, Timer::Grace(ix));
        if state == AgentState::Available {
            self.free.insert((since, ix));
            self.match_agent(ix);
        }
    }

    pub(crate) fn grace_over(&mut self, ix: usize) {
        use AgentState::*;
        self.agents[ix].lost = None;
        match self.agents[ix].state {
            Busy | WrapUp => self.agents[ix].gone = true,
            Available | Break => self.rest_at(ix, Offline),
            // A lost page cannot ring, and who is offline stays so.
            Ringing | Offline => {}
        }
    }

    pub(crate) fn accept(&mut self, agent: &AgentId, call: &CallId) {
        let Some((ix, serial)) = self.ringing(agent, call) else {
            return self.ignore(Some(agent), Some(call), Ignored::OfferOver);
        };
        let at = self.now;
        let Some(mut taken) = self.calls.remove(&serial) else {
            return;
        };
        self.leave_lines(&taken);
        self.stop_waiting(serial, &taken);
        taken.stage = Stage::Assigned { agent: ix, at };
        self.agents[ix].handling = Some((taken.line, at));
        self.calls.insert(serial, taken);
        let (agent, call) = (agent.clone(), call.clone());
        self.say(AcdOutput::OfferEnded {
            agent: agent.clone(),
            call: call.clone(),
            outcome: OfferOutcome::Accepted,
        });
        self.say(AcdOutput::Assigned { agent, call });
        self.enter(ix, AgentState::Busy);
    }

    pub(crate) fn decline(&mut self, agent: &AgentId, call: &CallId) {
        match self.ringing(agent, call) {
            Some((ix, _)) => self.decline_ringing(ix, AgentState::Available),
            None => self.ignore(Some(agent), Some(call), Ignored::OfferOver),
        }
    }

    fn decline_ringing(&mut self, ix: usize, next: AgentState) {
        let (_, Some((serial, _))) = self.state_and_call(ix) else {
            return;
        };
        let until = self.now.plus_s(self.policy.decline_rest_s);
        if let Some(call) = self.calls.get_mut(&serial) {
            call.rests.push((ix, until));
            self.arm(until, Timer::Rest(serial));
        }
        self.end_offer(ix, serial, OfferOutcome::Declined);
        self.rest_at(ix, next);
        self.match_call(serial);
    }

    pub(crate) fn rest_over(&mut self, serial: Serial) {
        let now = self.now;
        if let Some(call) = self.calls.get_mut(&serial) {
            call.rests.retain(|(_, until)| *until > now);
            self.match_call(serial);
        }
    }

    /// Ring, no answer: the agent is not there, whatever the page says.
    pub(crate) fn offer_ran_out(&mut self, serial: Serial) {
        let Some(Stage::Offered { agent, .. }) = self.calls.get(&serial).map(|call| call.stage)
        else {
            return;
        };
        self.end_offer(agent, serial, OfferOutcome::TimedOut);
        self.rest_at(agent, AgentState::Break);
        self.match_call(serial);
    }

    /// The call waits again in its old place. The caller of this puts the agent into a state.
    pub(crate) fn end_offer(&mut self, ix: usize, serial: Serial, outcome: OfferOutcome) {
        let Some(call) = self.calls.get_mut(&serial) else {
            return;
        };
        if let Stage::Offered { expires, .. } = call.stage {
            call.stage = Stage::Waiting;
            let call = call.id.clone();
            self.disarm(expires, Timer::Offer(serial));
            let agent = self.agents[ix].id.clone();
            self.say(AcdOutput::OfferEnded {
                agent,
                call,
                outcome,
            });
        }
    }

    pub(crate) fn call_finished(&mut self, agent: &AgentId, call: &CallId) {
        let ix = self.agent_of.get(agent).copied();
        let serial = self.serial(call);
        let on_it = |ix: usize, serial| {
            let (state, on) = self.state_and_call(ix);
            state == AgentState::Busy && on.is_some_and(|(on, _)| on == serial)
        };
        match (ix, serial) {
            (Some(ix), Some(serial)) if on_it(ix, serial) => self.part(ix, serial),
            _ => self.ignore(Some(agent), Some(call), Ignored::NotOnCall),
        }
    }

    /// The agent and the call have parted: the call is out, the agent wraps up.
    pub(crate) fn part(&mut self, ix: usize, serial: Serial) {
        self.take_out(serial);
        let seconds = self.policy.wrap_up_s_max;
        if seconds == 0 {
            return self.end_wrap_up(ix, None);
        }
        let until = self.now.plus_s(seconds);
        self.agents[ix].wrap_up_until = Some(until);
        self.arm(until, Timer::WrapUp(ix));
        self.enter(ix, AgentState::WrapUp);
    }

    pub(crate) fn wrap_up_done(&mut self, agent: &AgentId) {
        let Some(ix) = self.agent_ix(agent) else {
            return;
        };
        if self.agents[ix].state == AgentState::WrapUp {
            self.end_wrap_up(ix, None);
        } else {
            self.ignore(Some(agent), None, Ignored::NotInWrapUp);
        }
    }

    pub(crate) fn end_wrap_up(&mut self, ix: usize, wish: Option<AgentState>) {
        if let Some(until) = self.agents[ix].wrap_up_until.take() {
            self.disarm(until, Timer::WrapUp(ix));
        }
        if let Some((line, from)) = self.agents[ix].handling.take() {
            let took = self.now.since(from).as_secs_f64();
            self.lines[line].handled(took);
        }
        let agent = &mut self.agents[ix];
        let wish = wish.or(agent.wish.take());
        let next = match wish {
            _ if agent.gone => AgentState::Offline,
            Some(wish) => wish,
            None => AgentState::Available,
        };
        self.rest_at(ix, next);
    }

    /// Available, break or offline, without a call; an available agent gets the next call at once.
    pub(crate) fn rest_at(&mut self, ix: usize, state: AgentState) {
        self.agents[ix].call = None;
        self.agents[ix].wish = None;
        if state == AgentState::Offline {
            self.agents[ix].gone = false;
            if let Some(until) = self.agents[ix].lost.take() {
                self.disarm(until, Timer::Grace(ix));
            }
        }
        self.enter(ix, state);
        match state {
            AgentState::Available => self.match_agent(ix),
            AgentState::Offline => self.plan_hope(),
            _ => {}
        }
    }

    /// Changes the state and says so.
    pub(crate) fn enter(&mut self, ix: usize, state: AgentState) {
        let now = self.now;
        let agent = &mut self.agents[ix];
        self.free.remove(&(agent.since, ix));
        (agent.state, agent.since) = (state, now);
        if state == AgentState::Available && agent.lost.is_none() {
            self.free.insert((now, ix));
        }
        let call = agent.call.as_ref().map(|(_, id)| id.clone());
        let agent = agent.id.clone();
        self.say(AcdOutput::AgentStateChanged {
            agent,
            state,
            call,
            since: now,
        });
    }

    fn state_and_call(&self, ix: usize) -> (AgentState, Option<(Serial, CallId)>) {
        (self.agents[ix].state, self.agents[ix].call.clone())
    }

    fn ringing(&self, agent: &AgentId, call: &CallId) -> Option<(usize, Serial)> {
        let ix = *self.agent_of.get(agent)?;
        let serial = self.serial(call)?;
        let (state, on) = self.state_and_call(ix);
        (state == AgentState::Ringing && on?.0 == serial).then_some((ix, serial))
    }
}
