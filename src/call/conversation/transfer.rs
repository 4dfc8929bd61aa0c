//! Giving the caller to somebody else: at once, or after a talk with them.
//!
//! Whoever asks, at most one transfer is on its way. Until somebody has taken the caller, the caller
//! either has the agent (a consultation) or waits with music and comes back to the front of the
//! queue with a sentence if nobody does (a blind transfer).

use super::Call;
use super::people::TALKERS_MAX;
use super::state::*;
use crate::request::{Enqueue, Request};
use sidetone_types::*;

impl Call {
    pub(super) fn transfer(&mut self, by: &AgentId, to: Target, consult: bool) {
        let Some(leg) = self.talking_leg(by) else {
            return;
        };
        let full = self.talkers().count() >= TALKERS_MAX;
        let on_it = matches!(&to, Target::Agent { agent } if self.leg_of(agent).is_some());
        let serves = self.people.get(&leg).is_some_and(Person::serves);
        if self.hand.transfer.is_some() || full || on_it || !serves {
            return;
        }
        self.emit(EventKind::TransferStarted {
            by: by.clone(),
            to: to.clone(),
            consult,
        });
        let patience = match (&to, consult) {
            (Target::Queue { .. }, false) => None,
            (Target::Queue { .. }, true) => Some(self.policy.consult_ms_max),
            _ => Some(self.policy.transfer_ms_max),
        };
        self.hand.transfer = Some(Transfer {
            by: by.clone(),
            to: to.clone(),
            consult,
            request: None,
            refused: false,
            until: patience.map(|patience| self.after(patience)),
            with: None,
        });
        if consult {
            self.hold_by(leg);
        } else {
            self.wait_for_the_other(leg);
        }
        self.fetch(to, consult);
    }

    /// Asks for the one who is to come.
    fn fetch(&mut self, to: Target, consult: bool) {
        let reason = if consult { "consult" } else { "transfer" };
        match to {
            Target::Number { number } => {
                let request = self.new_request();
                if let Some(transfer) = &mut self.hand.transfer {
                    transfer.request = Some(request);
                }
                self.request(Request::Dial { request, number });
            }
            Target::Queue { queue } if !consult => {
                self.enqueue(queue.0, Vec::new(), reason, true);
            }
            Target::Queue { queue } => self.ask_for(queue, None, reason),
            Target::Agent { agent } => {
                let (queue, _, _) = self.wanted_queue();
                self.ask_for(QueueId::new(queue), Some(agent), reason);
            }
        }
    }

    /// The caller does not wait in this line, so no event says that they do.
    fn ask_for(&mut self, queue: QueueId, agent: Option<AgentId>, reason: &str) {
        self.request(Request::Enqueue(Enqueue {
            queue,
            tier: self.tier.clone(),
            skills: Vec::new(),
            lang: self.lang,
            intent: self.intent.clone(),
            reason: reason.to_owned(),
            again: true,
            agent,
        }));
    }

    /// The agent goes; the caller waits for the other.
    fn wait_for_the_other(&mut self, leg: LegId) {
        self.unhold(leg);
        self.part(leg);
        self.phase = Phase::Waiting;
        self.hand.agent = None;
        self.hand.place = None;
        self.hand.announced = None;
        self.say("transferring");
    }

    /// Whether somebody who answers now is wanted.
    pub(super) fn waits_for_somebody(&self) -> bool {
        let rings = |transfer: &Transfer| transfer.with.is_none() && transfer.request.is_none();
        match self.phase {
            Phase::Waiting => self.hand.transfer.as_ref().is_none_or(rings),
            Phase::Talking => self.hand.transfer.as_ref().is_some_and(rings),
            _ => false,
        }
    }

    /// The one who was asked for is there, and talks with the agent first.
    pub(super) fn consulted(&mut self, party: Party, leg: LegId) {
        if let Some(transfer) = &mut self.hand.transfer {
            transfer.with = Some(leg);
            transfer.until = None;
        }
        self.seat(leg, party, Seat::Consult);
    }

    pub(super) fn on_dialled(&mut self, request: RequestId, outcome: DialOutcome) {
        let waiting = matches!(self.phase, Phase::Waiting | Phase::Talking);
        let transfer = self.hand.transfer.as_ref().filter(|transfer| {
            waiting && transfer.request == Some(request) && transfer.with.is_none()
        });
        let number = transfer.and_then(|transfer| match &transfer.to {
            Target::Number { number } => Some(number.shown.clone()),
            _ => None,
        });
        match (outcome, number) {
            (DialOutcome::Answered { leg }, number) => {
                let free = leg != LegId::CALLER && !self.people.contains_key(&leg);
                match number.filter(|_| free) {
                    Some(number) => self.outside_answered(number, leg),
                    None if free => self.request(Request::HangUp { leg }),
                    None => {}
                }
            }
            (DialOutcome::Refused { reason }, Some(_)) => {
                if let Some(transfer) = &mut self.hand.transfer {
                    transfer.refused = true;
                }
                self.transfer_failed(&reason);
            }
            (DialOutcome::Ringing | DialOutcome::Refused { .. }, _) => {}
        }
    }

    fn outside_answered(&mut self, number: Masked, leg: LegId) {
        let party = Party::Outside { number };
        if self.phase == Phase::Talking {
            return self.consulted(party, leg);
        }
        self.hush();
        self.stop_music();
        self.phase = Phase::Talking;
        self.transfer_over(TransferOutcome::Completed, "");
        self.seat(leg, party, Seat::Main);
    }

    /// The one who was consulted takes the caller.
    pub(super) fn complete_transfer(&mut self, by: &AgentId) {
        let own = self.hand.transfer.as_ref().is_some_and(|t| t.by == *by);
        let answered = self
            .hand
            .transfer
            .as_ref()
            .is_some_and(|t| t.with.is_some());
        if let Some(leg) = self.leg_of(by).filter(|_| own && answered) {
            self.leave_to_the_other(leg);
        }
    }

    /// All three talk together.
    pub(super) fn conference(&mut self, by: &AgentId) {
        let Some(leg) = self.talking_leg(by) else {
            return;
        };
        let transfer = self.hand.transfer.as_ref().filter(|t| t.by == *by);
        let Some(with) = transfer.and_then(|transfer| transfer.with) else {
            return;
        };
        if let Some(party) = self.people.get(&with).map(|person| person.party.clone()) {
            self.transfer_over(TransferOutcome::Conference, "");
            self.seat(with, party, Seat::Main);
        }
        self.unhold(leg);
    }

    /// Back to the caller.
    pub(super) fn cancel_transfer(&mut self, by: &AgentId) {
        let own = self.hand.transfer.as_ref().is_some_and(|t| t.by == *by);
        let leg = self.leg_of(by).filter(|_| own);
        if let Some(leg) = leg.filter(|_| self.phase == Phase::Talking) {
            self.end_transfer(TransferOutcome::Cancelled, "taken_back");
            self.unhold(leg);
        }
    }

    /// The agent who asked goes: the one who was consulted has the caller, or the caller waits for
    /// them.
    pub(super) fn leave_to_the_other(&mut self, leg: LegId) {
        let Some(with) = self.hand.transfer.as_ref().map(|transfer| transfer.with) else {
            return;
        };
        let Some(with) = with else {
            if let Some(transfer) = &mut self.hand.transfer {
                transfer.consult = false;
            }
            return self.wait_for_the_other(leg);
        };
        let Some(person) = self.people.get(&with).cloned() else {
            return;
        };
        self.unhold(leg);
        self.transfer_over(TransferOutcome::Completed, "");
        self.seat(with, person.party.clone(), Seat::Main);
        self.part(leg);
        if let Party::Agent { agent } = person.party {
            self.hand.agent = Some((agent.clone(), with));
            self.emit(EventKind::Answered { agent, leg: with });
        }
    }

    /// The one who was consulted is gone.
    pub(super) fn consulted_left(&mut self, reason: &str) {
        self.transfer_failed(reason);
    }

    /// Nobody took it: agent and caller talk again, or the caller comes back to the queue.
    pub(super) fn transfer_failed(&mut self, reason: &str) {
        let Some(by) = self.hand.transfer.as_ref().map(|t| t.by.clone()) else {
            return;
        };
        let blind = self.phase == Phase::Waiting;
        self.end_transfer(TransferOutcome::Failed, reason);
        if blind {
            let (queue, skills, _) = self.wanted_queue();
            self.hand.place = None;
            self.hand.announced = None;
            self.hush();
            self.say("transfer-failed");
            self.enqueue(queue, skills, "transfer_failed", true);
        } else if let Some(leg) = self.leg_of(&by) {
            self.unhold(leg);
        }
    }

    /// Sends away whoever was being fetched or consulted, and says how it ended.
    pub(super) fn end_transfer(&mut self, outcome: TransferOutcome, reason: &str) {
        let Some(transfer) = self.hand.transfer.clone() else {
            return;
        };
        match (transfer.with, transfer.request) {
            (Some(with), _) => {
                self.transfer_over(outcome, reason);
                return self.dismiss(with);
            }
            _ if transfer.refused => {}
            (None, Some(request)) => self.request(Request::CancelDial { request }),
            (None, None) => self.leave_queue(),
        }
        self.transfer_over(outcome, reason);
    }

    pub(super) fn transfer_over(&mut self, outcome: TransferOutcome, reason: &str) {
        if let Some(transfer) = self.hand.transfer.take() {
            self.emit(EventKind::TransferEnded {
                by: transfer.by,
                outcome,
                reason: reason.to_owned(),
            });
        }
    }

    pub(super) fn transfer_deadline(&self) -> Option<CallTime> {
        self.hand.transfer.as_ref()?.until
    }

    pub(super) fn transfer_timer(&mut self) {
        if self.transfer_deadline().is_some_and(|at| self.now >= at) {
            self.transfer_failed("no_answer");
        }
    }
}
