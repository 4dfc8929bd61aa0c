//! Supervisors on a call: listening, whispering, barging in, taking over.

use super::Call;
use super::state::*;
use crate::request::Request;
use sidetone_types::*;

/// Supervisors on one call.
const SUPERVISORS_MAX: usize = 2;

impl Call {
    /// A supervisor's line is there. Before a person talks with the caller they only listen.
    pub(super) fn on_supervises(&mut self, agent: AgentId, leg: LegId, mode: SuperviseMode) {
        if leg == LegId::CALLER || self.people.contains_key(&leg) {
            return;
        }
        let supervisors = self
            .people
            .values()
            .filter(|person| matches!(person.party, Party::Supervisor { .. }))
            .count();
        let running = matches!(
            self.phase,
            Phase::Assistant | Phase::Waiting | Phase::Talking
        );
        let known = self.leg_of(&agent).is_some();
        if !running || known || supervisors >= SUPERVISORS_MAX {
            self.request(Request::HangUp { leg });
            if !known {
                self.request(Request::Release { agent });
            }
            return;
        }
        let seat = self.seat_of(mode);
        self.seat(leg, Party::Supervisor { agent }, seat);
    }

    fn seat_of(&self, mode: SuperviseMode) -> Seat {
        match mode {
            _ if self.phase != Phase::Talking => Seat::Monitor,
            SuperviseMode::Monitor => Seat::Monitor,
            SuperviseMode::Whisper => Seat::Whisper,
            SuperviseMode::Barge => Seat::Barge,
        }
    }

    pub(super) fn supervise(&mut self, by: &AgentId, mode: SuperviseMode) {
        let seat = self.seat_of(mode);
        let Some(leg) = self.supervisor_leg(by) else {
            return;
        };
        let person = self.people.get(&leg).filter(|person| person.seat != seat);
        if let Some(party) = person.map(|person| person.party.clone()) {
            self.seat(leg, party, seat);
        }
    }

    fn supervisor_leg(&self, by: &AgentId) -> Option<LegId> {
        let leg = self.leg_of(by)?;
        let party = &self.people.get(&leg)?.party;
        matches!(party, Party::Supervisor { .. }).then_some(leg)
    }

    /// The supervisor has the call from now on. Agents wrap up, whoever was being fetched is sent
    /// away; an outside party stays.
    pub(super) fn take_over(&mut self, by: &AgentId) {
        let Some(leg) = self.supervisor_leg(by) else {
            return;
        };
        if !matches!(
            self.phase,
            Phase::Assistant | Phase::Waiting | Phase::Talking
        ) {
            return;
        }
        let from = self.hand.agent.as_ref().map(|(agent, _)| agent.clone());
        self.end_transfer(TransferOutcome::Cancelled, "taken_over");
        match self.phase {
            Phase::Waiting => self.leave_queue(),
            Phase::Assistant => self.leave_the_assistant(),
            _ => {}
        }
        self.hush();
        self.stop_music();
        self.unhold(leg);
        let agents: Vec<LegId> = self
            .people
            .iter()
            .filter(|(_, person)| person.serves())
            .map(|(leg, _)| *leg)
            .collect();
        self.emit(EventKind::TakenOver {
            by: by.clone(),
            from,
        });
        let agent = by.clone();
        self.phase = Phase::Talking;
        self.seat(leg, Party::Agent { agent }, Seat::Main);
        for agent in agents {
            self.part(agent);
        }
        self.hand.agent = Some((by.clone(), leg));
        self.emit(EventKind::Answered {
            agent: by.clone(),
            leg,
        });
    }

    /// The assistant's work is dropped where it stands.
    fn leave_the_assistant(&mut self) {
        self.leave_flow("handed_over");
        self.pending = None;
        self.turn_ready = false;
        self.due.clear();
        self.later.clear();
        self.ending = None;
        self.awaiting = Awaiting::Nothing;
        self.held_keys.clear();
    }
}
