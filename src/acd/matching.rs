//! Who gets whom, who is before whom, and what those in line are told.

use crate::acd::{Acd, Call, Serial, Stage, Timer};
use crate::agents::Agent;
use crate::policy::Weights;
use crate::*;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// A call's place: smaller goes first. Fixed at arrival, because everybody waits equally fast.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    class: i64,
    /// Arrival in µs, less the head start that priority gives.
    moment: i64,
    pub serial: Serial,
}

impl Key {
    pub fn new(weights: &Weights, points: i32, arrived: AcdTime, serial: Serial) -> Self {
        let arrived = i64::try_from(arrived.0).unwrap_or(i64::MAX);
        let (class, head_start) = match weights.point_is_worth_s {
            None => (-i64::from(points), 0),
            Some(s) => (0, i64::from(points) * i64::from(s) * 1_000_000),
        };
        Self {
            class,
            moment: arrived.saturating_sub(head_start),
            serial,
        }
    }
}

/// One waiting line: calls that wait or ring; an answered call is in none.
#[derive(Default)]
pub(crate) struct Line {
    pub own: BTreeSet<Key>,
    /// Calls of other queues that have overflowed to this one.
    pub over: BTreeSet<Key>,
    /// Recent handling times in seconds, oldest first.
    pub recent_s: VecDeque<f64>,
    /// Lines that share an agent with this one, itself included.
    pub shares: Vec<bool>,
}

impl Line {
    pub fn handled(&mut self, took_s: f64) {
        if self.recent_s.len() == wait::SAMPLES_MAX {
            self.recent_s.pop_front();
        }
        self.recent_s.push_back(took_s);
    }
}

impl Acd {
    pub(crate) fn index_policy(&mut self) {
        let policy = &self.policy;
        let queues = policy.queues.iter().flat_map(|queue| queue.skills.iter());
        let agents = policy.agents.iter().flat_map(|agent| agent.skills.keys());
        for skill in queues.chain(agents) {
            let next = u16::try_from(self.skill_of.len()).unwrap_or(u16::MAX - 1);
            self.skill_of.entry(skill.clone()).or_insert(next);
        }
        for (ix, queue) in policy.queues.iter().enumerate() {
            self.line_of.insert(queue.id.clone(), ix);
            self.lines.push(Line::default());
        }
        for (ix, agent) in policy.agents.iter().enumerate() {
            let level = |skill: &String| agent.skills.get(skill).copied().unwrap_or(0);
            let serves = |queue: &QueuePolicy| {
                let enough = |skill| level(skill) >= queue.level_min.max(1);
                queue.skills.iter().all(enough)
            };
            let numbered = |(skill, level): (&String, &u8)| (self.skill_of[skill], *level);
            self.agent_of.insert(agent.id.clone(), ix);
            self.agents.push(Agent {
                id: agent.id.clone(),
                languages: agent.languages.clone(),
                skills: agent.skills.iter().map(numbered).collect(),
                serves: policy.queues.iter().map(serves).collect(),
                state: AgentState::Offline,
                since: self.now,
                call: None,
                wish: None,
                lost: None,
                gone: false,
                wrap_up_until: None,
                handling: None,
            });
        }
        for ix in 0..self.lines.len() {
            let both = |other| self.agents.iter().any(|a| a.serves[ix] && a.serves[other]);
            let shares = (0..self.lines.len()).map(|other| other == ix || both(other));
            self.lines[ix].shares = shares.collect();
        }
    }

    /// Whether the agent could ever take the call: language, queue and skills. In an overflow queue
    /// the skills of that queue are enough.
    pub(crate) fn fits(&self, agent: &Agent, call: &Call) -> bool {
        let skilled = |skill| agent.skills.contains_key(skill);
        agent.languages.contains(&call.lang)
            && ((agent.serves[call.line] && call.skills.iter().all(skilled))
                || call.over.is_some_and(|over| agent.serves[over]))
    }

    /// Whether anybody on duty could take the call, now or once it overflows.
    pub(crate) fn hope(&self, call: &Call) -> bool {
        let overflow = self.policy.queues[call.line].overflow.as_ref();
        let over = overflow.and_then(|overflow| self.line_of.get(&overflow.to));
        let later = |agent: &Agent| {
            over.is_some_and(|over| agent.serves[*over]) && agent.languages.contains(&call.lang)
        };
        let on_duty = |agent: &&Agent| agent.state != AgentState::Offline;
        let mut on_duty = self.agents.iter().filter(on_duty);
        on_duty.any(|agent| self.fits(agent, call) || later(agent))
    }

    /// How well an agent who fits a call fits it; more is better.
    fn merit(&self, agent: &Agent, call: &Call) -> u32 {
        let weights = &self.policy.weights;
        let of_queue = self.policy.queues[call.line].skills.iter();
        let asked = of_queue.filter_map(|skill| self.skill_of.get(skill));
        let (mut sum, mut count) = (0u32, 0u32);
        for skill in asked.chain(&call.skills) {
            sum += u32::from(agent.skills.get(skill).copied().unwrap_or(0));
            count += 1;
        }
        let best = agent.languages.first() == Some(&call.lang);
        weights.skill * (sum / count.max(1)) + if best { weights.language } else { 0 }
    }

    /// Offers a waiting call to the best agent who is free.
    pub(crate) fn match_call(&mut self, serial: Serial) {
        let Some(call) = self
            .calls
            .get(&serial)
            .filter(|c| c.stage == Stage::Waiting)
        else {
            return;
        };
        if call.only.is_some() {
            // The one who was asked for would not.
            return self.refuse_waiting(serial, Refusal::AgentNotFree);
        }
        let mut best: Option<(u32, usize)> = None;
        for (_, ix) in &self.free {
            let agent = &self.agents[*ix];
            if !self.fits(agent, call) || call.rests.iter().any(|(rests, _)| rests == ix) {
                continue;
            }
            let merit = self.merit(agent, call);
            // Longest idle come first, so that only a better one replaces the one found.
            if best.is_none_or(|(found, _)| merit > found) {
                best = Some((merit, *ix));
            }
        }
        if let Some((_, ix)) = best {
            self.offer(ix, serial);
        }
    }

    /// Gives a free agent the first call in line that fits.
    pub(crate) fn match_agent(&mut self, ix: usize) {
        let agent = &self.agents[ix];
        if agent.state != AgentState::Available || agent.lost.is_some() {
            return;
        }
        let takes = |key: &&Key| {
            let call = &self.calls[&key.serial];
            call.stage == Stage::Waiting
                && !call.rests.iter().any(|(rests, _)| *rests == ix)
                && self.fits(agent, call)
        };
        let served = self
            .lines
            .iter()
            .zip(&agent.serves)
            .filter(|(_, serves)| **serves);
        let firsts = served.flat_map(|(line, _)| {
            let own = line.own.iter().find(takes);
            own.into_iter().chain(line.over.iter().find(takes))
        });
        if let Some(serial) = firsts.min().map(|key| key.serial) {
            self.offer(ix, serial);
        }
    }

    pub(crate) fn offer(&mut self, ix: usize, serial: Serial) {
        let Some(call) = self.calls.get_mut(&serial) else {
            return;
        };
        let expires = self.now.plus_s(self.policy.queues[call.line].offer_s);
        call.stage = Stage::Offered { agent: ix, expires };
        let id = call.id.clone();
        self.agents[ix].call = Some((serial, id.clone()));
        self.arm(expires, Timer::Offer(serial));
        self.enter(ix, AgentState::Ringing);
        let agent = self.agents[ix].id.clone();
        self.say(AcdOutput::Offer {
            agent,
            call: id,
            expires,
        });
    }

    /// Tells a newly arrived call its place, unless it rings already.
    pub(crate) fn say_position_of(&mut self, serial: Serial) {
        let call = &self.calls[&serial];
        if call.stage != Stage::Waiting {
            return;
        }
        let before = |line: &Line| line.own.range(..call.key).count() as u32;
        let position = before(&self.lines[call.line]) + 1;
        let sharing = self.lines.iter().zip(&self.lines[call.line].shares);
        let ahead = sharing
            .filter(|(_, s)| **s)
            .map(|(line, _)| before(line))
            .sum();
        let wait = self.wait_of(call, ahead, &mut BTreeMap::new());
        self.tell(serial, position, wait);
    }

    /// Walks all lines once, in the order in which calls are served.
    pub(crate) fn say_positions(&mut self) {
        let own = self.lines.iter().enumerate();
        let mut all: Vec<(Key, usize)> = own
            .flat_map(|(ix, line)| line.own.iter().map(move |key| (*key, ix)))
            .collect();
        all.sort_unstable();
        let mut before = vec![0u32; self.lines.len()];
        let mut staff = BTreeMap::new();
        for (key, line) in all {
            let call = &self.calls[&key.serial];
            if call.stage == Stage::Waiting {
                let sharing = before.iter().zip(&self.lines[line].shares);
                let ahead = sharing.filter(|(_, s)| **s).map(|(count, _)| count).sum();
                let wait = self.wait_of(call, ahead, &mut staff);
                self.tell(key.serial, before[line] + 1, wait);
            }
            before[line] += 1;
        }
    }

    fn tell(&mut self, serial: Serial, position: u32, wait: Option<sidetone_types::WaitRange>) {
        let Some(call) = self.calls.get_mut(&serial) else {
            return;
        };
        if call.told != Some((position, wait)) {
            call.told = Some((position, wait));
            let call = call.id.clone();
            self.say(AcdOutput::Position {
                call,
                position,
                wait,
            });
        }
    }

    /// `staff` remembers how many agents serve calls of one kind.
    fn wait_of(
        &self,
        call: &Call,
        ahead: u32,
        staff: &mut BTreeMap<Kind, u32>,
    ) -> Option<sidetone_types::WaitRange> {
        let recent: Vec<f64> = self.lines[call.line].recent_s.iter().copied().collect();
        if recent.len() < SAMPLES_MIN {
            return None;
        }
        let kind = (call.line, call.over, call.lang, call.skills.clone());
        let agents = *staff.entry(kind).or_insert_with(|| {
            let working = |agent: &&Agent| {
                !matches!(agent.state, AgentState::Break | AgentState::Offline)
                    && agent.lost.is_none()
            };
            let working = self.agents.iter().filter(working);
            working.filter(|agent| self.fits(agent, call)).count() as u32
        });
        expected_wait(&recent, ahead, agents)
    }
}

/// What decides who can take a call.
type Kind = (usize, Option<usize>, sidetone_types::Lang, Vec<u16>);
