//! The router as the wallboard shows it, and its own audit.

use crate::acd::{Acd, Stage};
use crate::*;
use serde::Serialize;
use sidetone_types::*;

/// One agent now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AgentOnBoard {
    pub agent: AgentId,
    pub state: AgentState,
    pub since: AcdTime,
    pub call: Option<CallId>,
    /// Asked for during a call, in effect after it.
    pub wish: Option<AgentState>,
    pub languages: Vec<Lang>,
    /// Skill and level 1–10.
    pub skills: Vec<(String, u8)>,
}

/// One waiting line now. A call that rings at an agent is still waiting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct QueueOnBoard {
    pub queue: QueueId,
    pub name_zh: String,
    pub name_en: String,
    pub target_s: u32,
    pub waiting: u32,
    pub longest_wait_s: u32,
    /// In the order in which they will be served.
    pub calls: Vec<CallId>,
    /// Agents of this queue who are neither on a break nor offline.
    pub staffed: u32,
    /// What a caller who came now would be told.
    pub wait: Option<WaitRange>,
}

impl Acd {
    /// All agents of the policy, in its order.
    pub fn agents_on_board(&self) -> Vec<AgentOnBoard> {
        let ids = self.policy.agents.iter().map(|agent| &agent.id);
        ids.filter_map(|id| self.agent_on_board(id)).collect()
    }

    pub fn agent_on_board(&self, agent: &AgentId) -> Option<AgentOnBoard> {
        let ix = *self.agent_of.get(agent)?;
        let (now, policy) = (&self.agents[ix], &self.policy.agents[ix]);
        let skills = policy.skills.iter();
        Some(AgentOnBoard {
            agent: agent.clone(),
            state: now.state,
            since: now.since,
            call: now.call.as_ref().map(|(_, id)| id.clone()),
            wish: now.wish,
            languages: policy.languages.clone(),
            skills: skills
                .map(|(skill, level)| (skill.clone(), *level))
                .collect(),
        })
    }

    /// All queues of the policy, in its order.
    pub fn queues_on_board(&self, now: AcdTime) -> Vec<QueueOnBoard> {
        let queues = self.policy.queues.iter().zip(&self.lines).enumerate();
        let board = queues.map(|(ix, (queue, line))| {
            let calls = line.own.iter().map(|key| &self.calls[&key.serial]);
            let longest = calls.clone().map(|call| call.arrived).min();
            let working = self.agents.iter().filter(|agent| {
                agent.serves[ix] && !matches!(agent.state, AgentState::Break | AgentState::Offline)
            });
            let staffed = working.count() as u32;
            let recent: Vec<f64> = line.recent_s.iter().copied().collect();
            let waiting = line.own.len() as u32;
            QueueOnBoard {
                queue: queue.id.clone(),
                name_zh: queue.name_zh.clone(),
                name_en: queue.name_en.clone(),
                target_s: queue.target_s,
                waiting,
                longest_wait_s: longest.map_or(0, |at| now.since(at).as_secs() as u32),
                calls: calls.map(|call| call.id.clone()).collect(),
                staffed,
                wait: expected_wait(&recent, waiting, staffed),
            }
        });
        board.collect()
    }

    /// Whether anybody who serves the queue is logged in, on a break included.
    pub fn on_duty(&self, queue: &QueueId) -> bool {
        let serves = |line: &usize| {
            let mut on_duty = self
                .agents
                .iter()
                .filter(|a| a.state != AgentState::Offline);
            on_duty.any(|agent| agent.serves[*line])
        };
        self.line_of.get(queue).is_some_and(serves)
    }

    /// Checks the crate's invariants on the inner state; the simulation calls it after every step.
    /// The error says which one is broken.
    pub fn audit(&self) -> Result<(), String> {
        for (ix, agent) in self.agents.iter().enumerate() {
            let stage = agent
                .call
                .as_ref()
                .and_then(|(serial, _)| self.calls.get(serial));
            let right = match (agent.state, stage.map(|call| call.stage)) {
                (AgentState::Ringing, Some(Stage::Offered { agent, .. })) => agent == ix,
                (AgentState::Busy, Some(Stage::Assigned { agent, .. })) => agent == ix,
                (AgentState::WrapUp, None) => agent.wrap_up_until.is_some(),
                (AgentState::Ringing | AgentState::Busy | AgentState::WrapUp, _) => false,
                (_, _) => agent.call.is_none(),
            };
            if !right {
                return Err(format!(
                    "agent {} is {:?} with a wrong call",
                    agent.id, agent.state
                ));
            }
        }
        for (serial, call) in &self.calls {
            let holder = match call.stage {
                Stage::Waiting => None,
                Stage::Offered { agent, .. } | Stage::Assigned { agent, .. } => Some(agent),
            };
            let held = |ix: usize| self.agents[ix].call.as_ref().map(|(on, _)| on);
            if holder.is_some_and(|ix| held(ix) != Some(serial)) {
                return Err(format!(
                    "call {} is with an agent who is not with it",
                    call.id
                ));
            }
            let in_line = self.lines[call.line].own.contains(&call.key);
            let answered = matches!(call.stage, Stage::Assigned { .. });
            if call.only.is_some() && call.stage == Stage::Waiting {
                return Err(format!("call {} waits for one agent", call.id));
            }
            if in_line == (answered || call.only.is_some()) {
                return Err(format!(
                    "call {} is in line and answered, or neither",
                    call.id
                ));
            }
        }
        self.audit_rest()
    }

    /// No free agent next to a waiting call that fits.
    fn audit_rest(&self) -> Result<(), String> {
        for call in self
            .calls
            .values()
            .filter(|call| call.stage == Stage::Waiting)
        {
            for (_, ix) in &self.free {
                let rests = call.rests.iter().any(|(rests, _)| rests == ix);
                if !rests && self.fits(&self.agents[*ix], call) {
                    let agent = &self.agents[*ix].id;
                    return Err(format!("{agent} is free and {} waits", call.id));
                }
            }
        }
        Ok(())
    }
}
