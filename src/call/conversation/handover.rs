//! The way to a person, and the talk with them.

use super::Call;
use super::state::*;
use crate::policy::ms;
use crate::request::{Enqueue, Request};
use serde_json::Value as Json;
use sidetone_types::*;

impl Call {
    /// A person is wanted, from wherever the conversation stands.
    pub(super) fn seek_person(&mut self, reason: &str) {
        if self.phase != Phase::Assistant {
            return;
        }
        let head = self
            .intent
            .as_ref()
            .and_then(|intent| intent.as_str().split('-').next());
        let queue = head.and_then(|head| self.book.menu().queue.get(head).cloned());
        let queue = queue.unwrap_or_else(|| self.policy.queue.clone());
        self.say(match reason {
            "asked" => "to-person",
            _ => "to-person-sorry",
        });
        self.hand_over(queue, Vec::new(), reason);
    }

    /// Into a queue; out of hours a message is offered instead.
    pub(super) fn hand_over(&mut self, queue: String, skills: Vec<String>, reason: &str) {
        self.leave_flow("handed_over");
        self.pending = None;
        self.turn_ready = false;
        self.due.clear();
        self.later.clear();
        if !self.open {
            self.lines.clear();
            self.nobody_there("closed");
            return;
        }
        self.awaiting = Awaiting::Nothing;
        self.phase = Phase::Waiting;
        self.hand = Handover {
            wanted: Some((queue.clone(), skills.clone(), reason.to_owned())),
            ..Handover::default()
        };
        self.enqueue(queue, skills, reason, false);
    }

    /// Takes the call, or the request for somebody, out of the router.
    pub(super) fn leave_queue(&mut self) {
        self.request(Request::LeaveQueue);
        if let Some(agent) = self.hand.offered.take() {
            self.emit(EventKind::OfferEnded {
                agent,
                outcome: OfferOutcome::Revoked,
            });
        }
    }

    /// Where the caller waited, for a second try.
    pub(super) fn wanted_queue(&self) -> (String, Vec<String>, String) {
        let wanted = self.hand.wanted.clone();
        wanted.unwrap_or_else(|| (self.policy.queue.clone(), Vec::new(), String::new()))
    }

    pub(super) fn enqueue(
        &mut self,
        queue: String,
        skills: Vec<String>,
        reason: &str,
        again: bool,
    ) {
        let priority = match self.tier.as_str() {
            "vip" => 2,
            "gold" => 1,
            _ => 0,
        };
        self.emit(EventKind::QueueEntered {
            queue: QueueId::new(queue.clone()),
            priority: priority + if again { 10 } else { 0 },
            skills: skills.clone(),
            reason: reason.to_owned(),
        });
        self.request(Request::Enqueue(Enqueue {
            queue: QueueId::new(queue),
            tier: self.tier.clone(),
            skills,
            lang: self.lang,
            intent: self.intent.clone(),
            reason: reason.to_owned(),
            again,
            agent: None,
        }));
    }

    /// Nobody will come: say so, and offer to take a message.
    fn nobody_there(&mut self, key: &str) {
        self.phase = Phase::Assistant;
        self.say(key);
        let facts = self.facts();
        if self.book.menu().closed_flow.is_some() {
            self.question("offer-message", &facts, Awaiting::MessageOffer);
        } else {
            self.ask_more();
        }
    }

    /// The flow that takes a message.
    pub(super) fn take_message(&mut self) {
        match self.book.menu().closed_flow.clone() {
            Some(flow) => self.enter_flow(&flow),
            None => self.ask_more(),
        }
    }

    pub(super) fn on_queue_refused(&mut self, reason: &str) {
        let waiting = self.waits_for_somebody();
        if let Some(transfer) = &mut self.hand.transfer {
            if waiting {
                transfer.refused = true;
                self.transfer_failed(reason);
            }
            return;
        }
        if self.phase != Phase::Waiting {
            return;
        }
        self.degrade(&format!("queue: {reason}"), "a message is offered");
        self.hush();
        self.open = false;
        self.hand = Handover::default();
        self.nobody_there("nobody-free");
    }

    pub(super) fn on_waiting(&mut self, position: u32, wait: Option<WaitRange>) {
        if self.phase != Phase::Waiting {
            return;
        }
        self.hand.place = Some((position, wait));
        if self.hand.announced.is_none() {
            self.announce();
        }
    }

    /// Tells the place and the expected wait, or honestly that it is not known.
    fn announce(&mut self) {
        let Some((position, wait)) = self.hand.place else {
            return;
        };
        self.hand.announced = Some(self.now);
        self.emit(EventKind::WaitAnnounced { position, wait });
        let mut facts = self.facts();
        let minutes = |seconds: u32| seconds.div_ceil(60).max(1);
        facts.insert("ahead".into(), Json::from(position.saturating_sub(1)));
        facts.insert("known".into(), Json::from(wait.is_some()));
        if let Some(wait) = wait {
            facts.insert("low".into(), Json::from(minutes(wait.low_s)));
            facts.insert("high".into(), Json::from(minutes(wait.high_s)));
        }
        self.say_with("wait-position", &facts);
    }

    pub(super) fn waiting_timer(&mut self) {
        if self.waiting_deadline().is_some_and(|at| self.now >= at) {
            self.announce();
        }
    }

    pub(super) fn waiting_deadline(&self) -> Option<CallTime> {
        let waiting = self.phase == Phase::Waiting && self.hand.offered.is_none();
        let announced = self.hand.announced.filter(|_| waiting)?;
        Some(announced + ms(self.policy.announce_every_ms))
    }

    pub(super) fn on_offered(&mut self, agent: AgentId) {
        if self.waits_for_somebody() && self.hand.offered.as_ref() != Some(&agent) {
            self.hand.offered = Some(agent.clone());
            self.emit(EventKind::Offered { agent });
        }
    }

    pub(super) fn on_offer_ended(&mut self, agent: AgentId, outcome: OfferOutcome) {
        if self.hand.offered.as_ref() == Some(&agent) {
            self.hand.offered = None;
            self.emit(EventKind::OfferEnded { agent, outcome });
        }
    }

    /// Somebody answers. An acceptance that comes when nobody is wanted any more is hung up.
    pub(super) fn on_accepted(&mut self, agent: AgentId, leg: LegId) {
        if leg == LegId::CALLER || self.people.contains_key(&leg) {
            return;
        }
        let on_it = self.leg_of(&agent).is_some();
        if !self.waits_for_somebody() || on_it {
            self.request(Request::HangUp { leg });
            if !on_it {
                self.request(Request::Release { agent });
            }
            return;
        }
        if let Some(offered) = self.hand.offered.take() {
            let outcome = if offered == agent {
                OfferOutcome::Accepted
            } else {
                OfferOutcome::Revoked
            };
            self.emit(EventKind::OfferEnded {
                agent: offered,
                outcome,
            });
        }
        // Who has just wrapped up a talk with this caller has the caller again.
        self.wrapping.remove(&agent);
        if self.phase == Phase::Talking {
            return self.consulted(Party::Agent { agent }, leg);
        }
        self.hush();
        self.stop_music();
        self.transfer_over(TransferOutcome::Completed, "");
        self.emit(EventKind::Answered {
            agent: agent.clone(),
            leg,
        });
        self.hand.agent = Some((agent.clone(), leg));
        self.hand.held = false;
        self.phase = Phase::Talking;
        self.seat(leg, Party::Agent { agent }, Seat::Main);
    }

    pub(super) fn on_click(&mut self, by: AgentId, action: AgentAction) {
        match action {
            AgentAction::Card { card, action, text } => self.emit(EventKind::CardTaken {
                card,
                action,
                text,
                by,
            }),
            AgentAction::Summary { sentences } => {
                self.emit(EventKind::SummaryEdited { sentences, by });
            }
            AgentAction::Ticket { ticket } => self.emit(EventKind::TicketCreated { ticket, by }),
            AgentAction::WrapUp { disposition } => self.wrap_up_done(by, disposition),
            other => self.on_call_click(&by, other),
        }
    }

    /// Clicks that change who hears whom.
    fn on_call_click(&mut self, by: &AgentId, action: AgentAction) {
        match action {
            AgentAction::Hold { on } => self.hold(by, on),
            AgentAction::Mute { on } => self.mute(by, on),
            AgentAction::Key { key } => self.send_key(by, key),
            AgentAction::HangUp => {
                let running = matches!(
                    self.phase,
                    Phase::Assistant | Phase::Waiting | Phase::Talking
                );
                if let Some(leg) = self.leg_of(by).filter(|_| running) {
                    self.person_hangs_up(leg);
                }
            }
            AgentAction::Transfer { to, consult } => self.transfer(by, to, consult),
            AgentAction::Complete => self.complete_transfer(by),
            AgentAction::Cancel => self.cancel_transfer(by),
            AgentAction::Conference => self.conference(by),
            AgentAction::Drop { leg } => self.drop_party(by, leg),
            AgentAction::Supervise { mode } => self.supervise(by, mode),
            AgentAction::TakeOver => self.take_over(by),
            AgentAction::Card { .. }
            | AgentAction::Summary { .. }
            | AgentAction::Ticket { .. }
            | AgentAction::WrapUp { .. } => {}
        }
    }

    fn mute(&mut self, by: &AgentId, on: bool) {
        let Some(leg) = self.leg_of(by) else {
            return;
        };
        if let Some(person) = self.people.get_mut(&leg) {
            person.muted = on;
            self.emit(EventKind::Muted { leg, on });
        }
    }

    /// A key goes to the one who is consulted, or else to the caller.
    fn send_key(&mut self, by: &AgentId, key: char) {
        if !matches!(key, '0'..='9' | '*' | '#' | 'A'..='D') {
            return;
        }
        let Some(leg) = self.talking_leg(by) else {
            return;
        };
        let with = self.hand.transfer.as_ref().and_then(|t| t.with);
        self.emit(EventKind::KeyPressed {
            leg,
            key: Masked::authored(key),
        });
        self.request(Request::SendKey {
            leg: with.unwrap_or(LegId::CALLER),
            key,
        });
    }

    fn hold(&mut self, by: &AgentId, on: bool) {
        let Some(leg) = self.talking_leg(by) else {
            return;
        };
        // While somebody is consulted the caller stays on hold; to go back is `Cancel`.
        if self.hand.transfer.is_some() {
            return;
        }
        if on {
            self.hold_by(leg);
        } else {
            self.unhold(leg);
        }
    }

    pub(super) fn hold_by(&mut self, by: LegId) {
        if !std::mem::replace(&mut self.hand.held, true) {
            self.emit(EventKind::HoldStarted { by });
        }
    }

    pub(super) fn unhold(&mut self, by: LegId) {
        if std::mem::take(&mut self.hand.held) {
            self.emit(EventKind::HoldEnded { by });
        }
    }

    /// The agent's line is gone for good: the caller is told and goes ahead of everybody.
    pub(super) fn agent_lost(&mut self, leg: LegId) {
        self.unhold(leg);
        self.part(leg);
        let (queue, skills, _) = self.wanted_queue();
        self.hand = Handover {
            wanted: self.hand.wanted.take(),
            ..Handover::default()
        };
        self.phase = Phase::Waiting;
        self.hush();
        self.say("agent-lost");
        self.enqueue(queue, skills, "agent_lost", true);
    }
}
