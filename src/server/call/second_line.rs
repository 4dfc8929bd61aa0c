//! The second line of an agent's telephone: whoever has put the caller on hold there and calls a
//! colleague, a queue or a number, consults them, as the button on the page does. Giving the caller
//! away, going back, and hanging up are then the same for both.
//!
//! The state machine knows one leg of the agent, whose sound is that of the line they talk on.

use super::task::CallTask;
use sidetone_edge::{LegControl, LegHandle, LegSignal, Transfer, TransferOutcome as Outcome};
use sidetone_types::*;

/// A line beside the one that the caller is on.
pub(super) struct SecondLine {
    pub handle: LegHandle,
    /// The telephone has put it on hold, and its owner talks on the first.
    pub held: bool,
}

impl CallTask {
    /// An agent's telephone that is on this call has called somebody.
    pub(super) fn second_line(&mut self, agent: AgentId, to: &str, handle: LegHandle) {
        let place = self.legs.iter().find(|(_, leg)| {
            leg.agent.as_ref() == Some(&agent)
                && leg.handle.wire == Wire::Sip
                && leg.second.is_none()
        });
        let place = place.map(|(id, _)| *id);
        let (Some(id), Ok(to)) = (place, self.transfer_target(&agent, to)) else {
            return handle.close();
        };
        let line = handle.control.serial();
        self.house.calls.line_joins(line, &self.handle.call);
        if let Some(leg) = self.legs.get_mut(&id) {
            let held = false;
            leg.second = Some(SecondLine { handle, held });
        }
        let consult = true;
        let action = AgentAction::Transfer { to, consult };
        self.give(CallInput::Click {
            by: agent.clone(),
            action,
        });
        if !self.consults(&agent) {
            self.end_second(id);
        }
    }

    /// Whether this agent has asked for somebody, or talks with them.
    fn consults(&self, agent: &AgentId) -> bool {
        let transfer = self.facts.view.transfer.as_ref();
        transfer.is_some_and(|transfer| transfer.by == *agent)
    }

    /// What the second lines' wires say beside sound.
    pub(super) fn second_signals(&mut self) {
        let mut heard = Vec::new();
        for (id, leg) in &mut self.legs {
            let Some(second) = &mut leg.second else {
                continue;
            };
            while let Ok(signal) = second.handle.signals.try_recv() {
                heard.push((*id, signal));
            }
        }
        for (id, signal) in heard {
            match signal {
                LegSignal::Key(key) => self.give(CallInput::Key { leg: id, key }),
                LegSignal::Closed { .. } => self.second_over(id),
                LegSignal::Transfer(wish) => self.second_transfers(id, &wish),
                LegSignal::Held { by_far_end } => {
                    let leg = self.legs.get_mut(&id);
                    if let Some(second) = leg.and_then(|leg| leg.second.as_mut()) {
                        second.held = by_far_end;
                    }
                }
                LegSignal::Connected | LegSignal::Quality { .. } | LegSignal::Referred(_) => {}
            }
        }
    }

    /// The agent has hung up the second line, and is back with the caller.
    fn second_over(&mut self, id: LegId) {
        self.end_second(id);
        let Some(leg) = self.legs.get(&id) else {
            return;
        };
        let (held, by) = (leg.held, leg.agent.clone());
        if let Some(by) = by.filter(|by| self.consults(by)) {
            let action = AgentAction::Cancel;
            self.give(CallInput::Click {
                by: by.clone(),
                action,
            });
            // The telephone still holds the caller, until its owner takes them back.
            if held {
                let action = AgentAction::Hold { on: true };
                self.give(CallInput::Click { by, action });
            }
        }
    }

    fn end_second(&mut self, id: LegId) {
        let leg = self.legs.get_mut(&id);
        if let Some(second) = leg.and_then(|leg| leg.second.take()) {
            self.house.calls.line_leaves(second.handle.control.serial());
            second.handle.close();
        }
    }

    /// A consultation has ended: its line has nobody to talk with, unless all three talk now.
    pub(super) fn consultation_over(&mut self, by: &AgentId, outcome: TransferOutcome) {
        let place = self
            .legs
            .iter()
            .find(|(_, leg)| leg.agent.as_ref() == Some(by));
        if let Some(id) = place.map(|(id, _)| *id)
            && outcome != TransferOutcome::Conference
        {
            self.end_second(id);
        }
    }

    /// The transfer key, pressed on the second line.
    fn second_transfers(&mut self, id: LegId, wish: &Transfer) {
        let second = self.legs.get(&id).and_then(|leg| leg.second.as_ref());
        let Some(control) = second.map(|second| second.handle.control.clone()) else {
            return;
        };
        if wish.replaces.is_some() {
            return self.joins_lines(id, &control, wish);
        }
        control.transfer_outcome(Outcome::Failed(403));
    }

    /// An attended transfer (RFC 5589 section 7), asked for on the line `on`: the caller and the one
    /// on the other line talk, and the telephone leaves. One who still rings gets the caller when
    /// they answer.
    pub(super) fn joins_lines(&mut self, id: LegId, on: &LegControl, wish: &Transfer) {
        let Some(leg) = self.legs.get(&id) else {
            return;
        };
        let second = leg.second.as_ref().map(|one| one.handle.control.serial());
        let lines = [Some(leg.handle.control.serial()), second];
        let other = wish.replaces.as_ref().and_then(|one| one.leg);
        let by = leg.agent.clone();
        let by = by.filter(|by| other.is_some() && lines.contains(&other) && self.consults(by));
        let Some(by) = by else {
            on.transfer_outcome(Outcome::Failed(481));
            return;
        };
        // Said first: the line closes with what follows.
        on.transfer_outcome(Outcome::Done);
        let action = AgentAction::HangUp;
        self.give(CallInput::Click { by, action });
    }

    /// A call that takes the place of a line: whoever is behind it goes on where the other was.
    pub(super) fn replaces(&mut self, line: u64, mut handle: LegHandle) {
        let is_it = |leg: &super::leg::Leg| leg.handle.control.serial() == line;
        let Some(leg) = self.legs.values_mut().find(|leg| is_it(leg)) else {
            return handle.close();
        };
        while handle.frames_in.try_recv().is_ok() {}
        let joins = handle.control.serial();
        let before = std::mem::replace(&mut leg.handle, handle);
        leg.held = false;
        before.close();
        self.house.calls.line_leaves(line);
        self.house.calls.line_joins(joins, &self.handle.call);
    }
}
