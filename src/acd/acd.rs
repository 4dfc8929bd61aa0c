//! The router's state, its timers, and the life of a call in it.

use crate::matching::{Key, Line};
use crate::policy::Weights;
use crate::*;
use sidetone_types::*;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// How often those in line hear of a changed position.
const POSITIONS_EVERY_MS: u64 = 1000;

/// The router of the whole house. See the crate's first page.
pub struct Acd {
    pub(crate) policy: AcdPolicy,
    pub(crate) now: AcdTime,
    pub(crate) lines: Vec<Line>,
    pub(crate) agents: Vec<agents::Agent>,
    pub(crate) calls: BTreeMap<Serial, Call>,
    pub(crate) line_of: BTreeMap<QueueId, usize>,
    pub(crate) agent_of: BTreeMap<AgentId, usize>,
    call_of: BTreeMap<CallId, Serial>,
    pub(crate) skill_of: BTreeMap<String, u16>,
    /// Available agents whose page is there, longest idle first.
    pub(crate) free: BTreeSet<(AcdTime, usize)>,
    timers: BTreeSet<(AcdTime, Timer)>,
    out: VecDeque<AcdOutput>,
    last_serial: Serial,
    /// Something moved in a line since positions were last looked at.
    pub(crate) moved: bool,
    positions_at: Option<AcdTime>,
    nobody_at: Option<AcdTime>,
}

/// A call's number within the router: a caller may come back under the same id.
pub(crate) type Serial = u64;

pub(crate) struct Call {
    pub id: CallId,
    pub line: usize,
    /// The second line, once the call has overflowed.
    pub over: Option<usize>,
    pub key: Key,
    pub arrived: AcdTime,
    pub skills: Vec<u16>,
    pub lang: Lang,
    pub stage: Stage,
    /// Agents who declined this call, and until when they are left alone with it.
    pub rests: Vec<(usize, AcdTime)>,
    overflow_at: Option<AcdTime>,
    give_up_at: AcdTime,
    /// Only this agent, now or not at all; the call is in no line.
    pub only: Option<usize>,
    pub told: Option<(u32, Option<WaitRange>)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Waiting,
    Offered { agent: usize, expires: AcdTime },
    Assigned { agent: usize, at: AcdTime },
}

/// Everything the router waits for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// An agent's page has rung long enough.
    Offer(Serial),
    /// A call may go to its queue's overflow.
    Overflow(Serial),
    /// A call has waited as long as its queue allows.
    GiveUp(Serial),
    /// A declined call may be offered to the same agent again.
    Rest(Serial),
    /// An agent has wrapped up long enough.
    WrapUp(usize),
    /// An agent's page has been gone too long.
    Grace(usize),
    /// Those in line for whom nobody is on duty any more are told so.
    Nobody,
    /// Changed positions are told.
    Positions,
}

impl Acd {
    /// Everybody starts offline, every line empty.
    pub fn new(policy: AcdPolicy) -> Self {
        let mut acd = Self {
            lines: Vec::new(),
            agents: Vec::new(),
            now: AcdTime::default(),
            calls: BTreeMap::new(),
            line_of: BTreeMap::new(),
            agent_of: BTreeMap::new(),
            call_of: BTreeMap::new(),
            skill_of: BTreeMap::new(),
            free: BTreeSet::new(),
            timers: BTreeSet::new(),
            out: VecDeque::new(),
            last_serial: 0,
            moved: false,
            positions_at: None,
            nobody_at: None,
            policy,
        };
        acd.index_policy();
        acd
    }

    /// Takes one input. `now` never goes back; an earlier one counts as the last.
    pub fn handle(&mut self, now: AcdTime, input: AcdInput) {
        if matches!(self.out.back(), Some(AcdOutput::Deadline { .. })) {
            self.out.pop_back();
        }
        self.fire_due(now);
        match input {
            AcdInput::AgentState { agent, state } => self.agent_wish(&agent, state),
            AcdInput::AgentLost { agent } => self.agent_lost(&agent),
            AcdInput::AgentSeen { agent } => self.agent_seen(&agent),
            AcdInput::CallArrived(arrival) => self.call_arrived(arrival),
            AcdInput::CallLeft { call } => self.call_left(&call),
            AcdInput::Accept { agent, call } => self.accept(&agent, &call),
            AcdInput::Decline { agent, call } => self.decline(&agent, &call),
            AcdInput::CallFinished { agent, call } => self.call_finished(&agent, &call),
            AcdInput::WrapUpDone { agent } => self.wrap_up_done(&agent),
            AcdInput::Seize { agent, call } => self.seize(&agent, call),
            AcdInput::Deadline => {}
        }
        self.plan_positions();
        if let Some((at, _)) = self.timers.first().copied() {
            self.out.push_back(AcdOutput::Deadline { at });
        }
    }

    /// The next decision; `None` when all are taken.
    pub fn poll(&mut self) -> Option<AcdOutput> {
        self.out.pop_front()
    }

    /// Whether the queue takes calls at that local time. An unknown queue does not.
    pub fn is_open(&self, queue: &QueueId, local: MinuteOfWeek) -> bool {
        let line = self.line_of.get(queue);
        line.is_some_and(|line| hours::open(&self.policy.queues[*line].hours, local))
    }

    pub(crate) fn say(&mut self, output: AcdOutput) {
        self.out.push_back(output);
    }

    pub(crate) fn ignore(&mut self, agent: Option<&AgentId>, call: Option<&CallId>, why: Ignored) {
        let (agent, call) = (agent.cloned(), call.cloned());
        self.say(AcdOutput::Ignored { agent, call, why });
    }

    pub(crate) fn serial(&self, call: &CallId) -> Option<Serial> {
        self.call_of.get(call).copied()
    }

    pub(crate) fn arm(&mut self, at: AcdTime, timer: Timer) {
        self.timers.insert((at, timer));
    }

    pub(crate) fn disarm(&mut self, at: AcdTime, timer: Timer) {
        self.timers.remove(&(at, timer));
    }

    /// Timers fire at their own time, so that a late host changes nothing but the moment of hearing.
    fn fire_due(&mut self, now: AcdTime) {
        while let Some((at, timer)) = self.timers.first().copied().filter(|(at, _)| *at <= now) {
            self.timers.remove(&(at, timer));
            self.now = self.now.max(at);
            match timer {
                Timer::Offer(serial) => self.offer_ran_out(serial),
                Timer::Overflow(serial) => self.overflow(serial),
                Timer::GiveUp(serial) => self.refuse_waiting(serial, Refusal::WaitedTooLong),
                Timer::Rest(serial) => self.rest_over(serial),
                Timer::WrapUp(agent) => self.end_wrap_up(agent, None),
                Timer::Grace(agent) => self.grace_over(agent),
                Timer::Nobody => self.refuse_hopeless(),
                Timer::Positions => {
                    self.positions_at = None;
                    self.say_positions();
                }
            }
        }
        self.now = self.now.max(now);
    }

    fn call_arrived(&mut self, arrival: Arrival) {
        if self.call_of.contains_key(&arrival.call) {
            return self.ignore(None, Some(&arrival.call), Ignored::CallTwice);
        }
        let call = arrival.call.clone();
        if let Some(agent) = arrival.agent.clone() {
            return self.arrived_for(&agent, arrival);
        }
        match self.admit(arrival) {
            Err(reason) => self.say(AcdOutput::Refused { call, reason }),
            Ok(serial) => {
                self.match_call(serial);
                self.say_position_of(serial);
                self.moved = true;
            }
        }
    }

    fn admit(&mut self, arrival: Arrival) -> Result<Serial, Refusal> {
        let line = *self
            .line_of
            .get(&arrival.queue)
            .ok_or(Refusal::UnknownQueue)?;
        let queue = &self.policy.queues[line];
        if !hours::open(&queue.hours, arrival.local) {
            return Err(Refusal::Closed);
        }
        if self.lines[line].own.len() >= queue.waiting_max as usize {
            return Err(Refusal::Full);
        }
        let serial = self.last_serial + 1;
        let points = self.points(line, &arrival);
        let overflow_at = queue
            .overflow
            .as_ref()
            .map(|over| self.now.plus_s(over.after_s));
        let known = |skill: &String| self.skill_of.get(skill).copied().unwrap_or(u16::MAX);
        let call = Call {
            id: arrival.call,
            line,
            over: None,
            key: Key::new(&self.policy.weights, points, self.now, serial),
            arrived: self.now,
            skills: arrival.skills.iter().map(known).collect(),
            lang: arrival.lang,
            stage: Stage::Waiting,
            rests: Vec::new(),
            overflow_at,
            give_up_at: self.now.plus_s(queue.wait_s_max),
            only: None,
            told: None,
        };
        if !self.hope(&call) {
            return Err(Refusal::NobodyOnDuty);
        }
        self.last_serial = serial;
        self.arm(call.give_up_at, Timer::GiveUp(serial));
        if let Some(at) = overflow_at {
            self.arm(at, Timer::Overflow(serial));
        }
        self.lines[line].own.insert(call.key);
        self.call_of.insert(call.id.clone(), serial);
        self.calls.insert(serial, call);
        Ok(serial)
    }

    /// A call for one agent: it rings there now, or it is refused.
    fn arrived_for(&mut self, agent: &AgentId, arrival: Arrival) {
        let line = self.line_of.get(&arrival.queue).copied();
        let ix = self.agent_of.get(agent).copied();
        let free = |ix: &usize| self.free.contains(&(self.agents[*ix].since, *ix));
        let call = arrival.call.clone();
        match (line, ix.filter(free)) {
            (None, _) => self.say(AcdOutput::Refused {
                call,
                reason: Refusal::UnknownQueue,
            }),
            (_, None) => self.say(AcdOutput::Refused {
                call,
                reason: Refusal::AgentNotFree,
            }),
            (Some(line), Some(ix)) => {
                let serial = self.put(call, line, arrival.lang, Some(ix), Stage::Waiting);
                self.offer(ix, serial);
            }
        }
    }

    /// Puts a call into the tables and into no line.
    fn put(
        &mut self,
        id: CallId,
        line: usize,
        lang: Lang,
        only: Option<usize>,
        stage: Stage,
    ) -> Serial {
        let serial = self.last_serial + 1;
        self.last_serial = serial;
        let call = Call {
            id: id.clone(),
            line,
            over: None,
            key: Key::new(&self.policy.weights, 0, self.now, serial),
            arrived: self.now,
            skills: Vec::new(),
            lang,
            stage,
            rests: Vec::new(),
            overflow_at: None,
            give_up_at: self.now,
            only,
            told: None,
        };
        self.call_of.insert(id, serial);
        self.calls.insert(serial, call);
        serial
    }

    fn seize(&mut self, agent: &AgentId, call: CallId) {
        let Some(ix) = self.agent_of.get(agent).copied() else {
            return self.ignore(Some(agent), Some(&call), Ignored::UnknownAgent);
        };
        if self.call_of.contains_key(&call) {
            return self.ignore(Some(agent), Some(&call), Ignored::CallTwice);
        }
        let state = self.agents[ix].state;
        if !matches!(
            state,
            AgentState::Available | AgentState::Break | AgentState::Offline
        ) || self.lines.is_empty()
        {
            return self.ignore(Some(agent), Some(&call), Ignored::NotFree);
        }
        let stage = Stage::Assigned {
            agent: ix,
            at: self.now,
        };
        let serial = self.put(call.clone(), 0, Lang::default(), Some(ix), stage);
        self.agents[ix].call = Some((serial, call.clone()));
        self.agents[ix].wish = Some(state);
        self.say(AcdOutput::Assigned {
            agent: agent.clone(),
            call,
        });
        self.enter(ix, AgentState::Busy);
    }

    fn points(&self, line: usize, arrival: &Arrival) -> i32 {
        let Weights {
            intents,
            angry_at,
            angry_points,
            ..
        } = &self.policy.weights;
        let tier = arrival
            .tier
            .as_ref()
            .and_then(|tier| self.policy.tiers.get(tier));
        let intent = arrival
            .intent
            .as_ref()
            .and_then(|intent| intents.get(intent));
        let angry = arrival.mood.is_some_and(|mood| mood <= *angry_at);
        [
            self.policy.queues[line].priority,
            arrival.priority,
            tier.copied().unwrap_or(0),
            intent.copied().unwrap_or(0),
            if angry { *angry_points } else { 0 },
        ]
        .into_iter()
        .fold(0, i32::saturating_add)
    }

    fn call_left(&mut self, call: &CallId) {
        let Some(serial) = self.serial(call) else {
            return self.ignore(None, Some(call), Ignored::UnknownCall);
        };
        match self.calls[&serial].stage {
            Stage::Waiting => {
                self.take_out(serial);
            }
            Stage::Offered { agent, .. } => {
                self.end_offer(agent, serial, OfferOutcome::Revoked);
                self.take_out(serial);
                self.rest_at(agent, AgentState::Available);
            }
            Stage::Assigned { agent, .. } => self.part(agent, serial),
        }
    }

    /// Takes the call out of every line, table and timer.
    pub(crate) fn take_out(&mut self, serial: Serial) -> Option<Call> {
        let call = self.calls.remove(&serial)?;
        self.call_of.remove(&call.id);
        self.leave_lines(&call);
        self.stop_waiting(serial, &call);
        Some(call)
    }

    pub(crate) fn leave_lines(&mut self, call: &Call) {
        self.lines[call.line].own.remove(&call.key);
        if let Some(over) = call.over {
            self.lines[over].over.remove(&call.key);
        }
        self.moved = true;
    }

    /// Stops every timer that only a waiting call has.
    pub(crate) fn stop_waiting(&mut self, serial: Serial, call: &Call) {
        self.disarm(call.give_up_at, Timer::GiveUp(serial));
        if let Some(at) = call.overflow_at {
            self.disarm(at, Timer::Overflow(serial));
        }
        for (_, until) in &call.rests {
            self.disarm(*until, Timer::Rest(serial));
        }
        if let Stage::Offered { expires, .. } = call.stage {
            self.disarm(expires, Timer::Offer(serial));
        }
    }

    fn overflow(&mut self, serial: Serial) {
        let Some(call) = self.calls.get_mut(&serial) else {
            return;
        };
        let overflow = self.policy.queues[call.line].overflow.as_ref();
        let to = overflow.and_then(|overflow| self.line_of.get(&overflow.to).copied());
        let Some(to) = to else { return };
        call.over = Some(to);
        self.lines[to].over.insert(call.key);
        self.match_call(serial);
    }

    /// The call leaves the router without a person; an offer that is ringing is taken back.
    pub(crate) fn refuse_waiting(&mut self, serial: Serial, reason: Refusal) {
        let stage = self.calls.get(&serial).map(|call| call.stage);
        let agent = match stage {
            Some(Stage::Waiting) => None,
            Some(Stage::Offered { agent, .. }) => {
                self.end_offer(agent, serial, OfferOutcome::Revoked);
                Some(agent)
            }
            _ => return,
        };
        if let Some(call) = self.take_out(serial) {
            let call = call.id;
            self.say(AcdOutput::Refused { call, reason });
        }
        if let Some(agent) = agent {
            self.rest_at(agent, AgentState::Available);
        }
    }

    /// Somebody logged off: look after the grace time whether the waiting still have hope.
    pub(crate) fn plan_hope(&mut self) {
        if self.nobody_at.is_none() && self.lines.iter().any(|line| !line.own.is_empty()) {
            let at = self.now.plus_s(self.policy.nobody_grace_s);
            self.nobody_at = Some(at);
            self.arm(at, Timer::Nobody);
        }
    }

    fn refuse_hopeless(&mut self) {
        self.nobody_at = None;
        let waiting = self
            .calls
            .iter()
            .filter(|(_, call)| call.stage == Stage::Waiting);
        let hopeless = waiting.filter(|(_, call)| !self.hope(call));
        let serials: Vec<_> = hopeless.map(|(serial, _)| *serial).collect();
        for serial in serials {
            self.refuse_waiting(serial, Refusal::NobodyOnDuty);
        }
    }

    fn plan_positions(&mut self) {
        if self.moved && self.positions_at.is_none() {
            let at = AcdTime(self.now.0 + POSITIONS_EVERY_MS * 1000);
            self.positions_at = Some(at);
            self.arm(at, Timer::Positions);
        }
        self.moved = false;
    }
}
