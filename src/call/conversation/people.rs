//! Everybody beside the caller: their seats, what each may do, and who stays when one goes.
//!
//! | who goes | and so |
//! |---|---|
//! | caller | the call ends for everybody |
//! | the only agent | the call ends for everybody |
//! | the only agent, a supervisor has barged in | the supervisor has the call |
//! | one of two who talk with the caller | the other one goes on with the caller |
//! | agent, while somebody is consulted | the one who was consulted has the caller |
//! | agent, while the one to consult still rings | the caller waits for them: a blind transfer |
//! | the one who was consulted | agent and caller talk again |
//! | outside party in a conference | agent and caller go on |
//! | outside party who is alone with the caller | the call ends |
//! | a supervisor who listens, whispers or barges in | nothing changes for the others |
//! | an agent's line breaks, or their page closes | the seat is kept for `agent_away_ms_max`; the caller is told and hears music; then as if the agent had hung up, but the caller goes back to the front of the queue instead of losing the call |
//!
//! An agent who talked with the caller wraps up when they go, also while the call goes on without
//! them; one who was only consulted, and every supervisor, is free at once.

use super::Call;
use super::state::*;
use crate::mix::{Mix, Seated};
use crate::request::Request;
use sidetone_types::*;

/// Caller and two more talk; supervisors come on top of that.
pub(super) const TALKERS_MAX: usize = 2;

impl Call {
    /// Gives somebody a seat, or another one.
    pub(super) fn seat(&mut self, leg: LegId, party: Party, seat: Seat) {
        let muted = self.people.get(&leg).is_some_and(|person| person.muted);
        if matches!(party, Party::Agent { .. }) {
            self.listen_to(leg);
        }
        self.emit(EventKind::Seated {
            leg,
            party: party.clone(),
            seat,
        });
        let person = Person {
            party,
            seat,
            muted,
            back_until: None,
        };
        self.legs.entry(leg).or_insert(Wire::Internal);
        self.people.insert(leg, person);
    }

    /// Who talks with the caller, or would if the caller were not held.
    pub(super) fn talkers(&self) -> impl Iterator<Item = (LegId, &Person)> {
        let talks = |person: &Person| matches!(person.seat, Seat::Main | Seat::Barge);
        let people = self.people.iter();
        people
            .filter(move |(_, person)| talks(person))
            .map(|(leg, person)| (*leg, person))
    }

    /// Whether the caller is with people and yet nobody is there.
    pub(super) fn caller_is_alone(&self) -> bool {
        self.phase == Phase::Talking && self.talkers().next().is_none()
    }

    /// The leg of somebody of the house who is on this call, in whatever seat.
    pub(super) fn leg_of(&self, agent: &AgentId) -> Option<LegId> {
        let mut people = self.people.iter();
        people
            .find(|(_, person)| person.agent() == Some(agent))
            .map(|(leg, _)| *leg)
    }

    /// The leg of somebody of the house who talks with the caller.
    pub(super) fn talking_leg(&self, agent: &AgentId) -> Option<LegId> {
        let leg = self
            .leg_of(agent)
            .filter(|_| self.phase == Phase::Talking)?;
        self.talkers()
            .any(|(talker, _)| talker == leg)
            .then_some(leg)
    }

    /// Whether what this leg says is part of the conversation that is kept.
    pub(super) fn is_heard(&self, leg: LegId) -> bool {
        leg == LegId::CALLER || self.mix.hears(LegId::CALLER, leg)
    }

    /// Keeps the mix true. Words of one who is not heard any more are cut; one who is heard again
    /// may be in the middle of a sentence.
    pub(super) fn keep_mix(&mut self) {
        let seated: Vec<Seated> = self
            .people
            .iter()
            .map(|(leg, person)| Seated::new(*leg, &person.party, person.seat, person.muted))
            .collect();
        let mix = Mix::of(&seated, self.hand.held);
        if matches!(self.phase, Phase::Before | Phase::Over) || mix == self.mix {
            return;
        }
        let before = std::mem::replace(&mut self.mix, mix);
        let legs: Vec<LegId> = self.people.keys().copied().collect();
        for leg in legs {
            match (before.hears(LegId::CALLER, leg), self.is_heard(leg)) {
                (true, false) => self.cut_ear(leg),
                (false, true) => {
                    let level = self.levels.get(&leg).copied().unwrap_or(0);
                    if level > 0 {
                        self.on_voice(leg, level);
                    }
                }
                _ => {}
            }
        }
        self.request(Request::Mix(self.mix.clone()));
    }

    /// An agent who talked with the caller goes: their line is closed and they wrap up.
    pub(super) fn part(&mut self, leg: LegId) {
        let Some(person) = self.people.remove(&leg) else {
            return;
        };
        self.cut_ear(leg);
        match person.party {
            Party::Agent { agent } => self.begin_wrap_up(agent),
            Party::Supervisor { agent } => self.request(Request::Release { agent }),
            Party::Caller | Party::Assistant | Party::Outside { .. } => {}
        }
        self.hang_up(leg);
        self.find_lead();
    }

    /// Somebody goes who never talked with the caller.
    pub(super) fn dismiss(&mut self, leg: LegId) {
        let Some(person) = self.people.remove(&leg) else {
            return;
        };
        self.cut_ear(leg);
        if let Some(agent) = person.agent().cloned() {
            self.request(Request::Release { agent });
        }
        self.hang_up(leg);
    }

    /// Closes a line that is still there; `LegLeft` follows and finds nobody in the seat.
    pub(super) fn hang_up(&mut self, leg: LegId) {
        if self.legs.contains_key(&leg) {
            self.request(Request::HangUp { leg });
        }
    }

    /// The call belongs to the agent who has it, or to the next one who talks with the caller.
    pub(super) fn find_lead(&mut self) {
        let has = |leg: LegId| self.people.get(&leg).is_some_and(Person::serves);
        if self.hand.agent.as_ref().is_some_and(|(_, leg)| has(*leg)) {
            return;
        }
        let mut serving = self.people.iter().filter(|(_, person)| person.serves());
        self.hand.agent = serving
            .next()
            .and_then(|(leg, person)| Some((person.agent()?.clone(), *leg)));
    }

    /// Somebody of the house hangs up, by a click or on their phone.
    pub(super) fn person_hangs_up(&mut self, leg: LegId) {
        let Some(person) = self.people.get(&leg).cloned() else {
            return;
        };
        match person.seat {
            Seat::Monitor | Seat::Whisper | Seat::Barge => return self.dismiss(leg),
            Seat::Consult => return self.consulted_left("hung_up"),
            Seat::Main | Seat::Away => {}
        }
        let transfers = self.hand.transfer.as_ref();
        let own = transfers.is_some_and(|one| Some(&one.by) == person.agent());
        if own {
            return self.leave_to_the_other(leg);
        }
        let stays = |(other, one): (&LegId, &Person)| {
            *other != leg && (one.serves() || matches!(one.seat, Seat::Main | Seat::Barge))
        };
        if !self.people.iter().any(stays) {
            return self.end_call(EndReason::AgentHungUp);
        }
        self.part(leg);
        self.barged_takes_over();
    }

    /// A supervisor who is alone with the caller has the call.
    pub(super) fn barged_takes_over(&mut self) {
        let barged = |(_, person): &(&LegId, &Person)| person.seat == Seat::Barge;
        let nobody = !self.people.values().any(|person| person.seat == Seat::Main);
        let found = self.people.iter().find(barged).filter(|_| nobody);
        if let Some(agent) = found.and_then(|(_, person)| person.agent().cloned()) {
            self.take_over(&agent);
        }
    }

    /// The line of somebody beside the caller is gone.
    pub(super) fn person_left(&mut self, leg: LegId, broken: bool) {
        let Some(person) = self.people.get(&leg) else {
            return;
        };
        let agent = person.agent().cloned();
        match (person.seat, agent) {
            (Seat::Main, Some(agent)) if broken => self.away(leg, agent),
            _ => self.person_hangs_up(leg),
        }
    }

    /// The seat is kept: a page that is loaded again comes back within seconds.
    fn away(&mut self, leg: LegId, agent: AgentId) {
        let grace_ms = self.policy.agent_away_ms_max;
        let until = self.after(grace_ms);
        let Some(person) = self.people.get_mut(&leg) else {
            return;
        };
        (person.seat, person.back_until) = (Seat::Away, Some(until));
        let party = person.party.clone();
        self.emit(EventKind::AgentAway { agent, grace_ms });
        self.emit(EventKind::Seated {
            leg,
            party,
            seat: Seat::Away,
        });
        if self.caller_is_alone() {
            self.say("agent-away");
        }
    }

    pub(super) fn away_deadline(&self) -> Option<CallTime> {
        let away = self.people.values().filter_map(|person| person.back_until);
        away.min()
    }

    /// Who did not come back has left.
    pub(super) fn away_timer(&mut self) {
        let now = self.now;
        let late = |(_, person): &(&LegId, &Person)| person.back_until.is_some_and(|at| now >= at);
        let Some(leg) = self.people.iter().find(late).map(|(leg, _)| *leg) else {
            return;
        };
        let own = self
            .hand
            .transfer
            .as_ref()
            .is_some_and(|one| self.leg_of(&one.by) == Some(leg));
        let others = |(other, person): (&LegId, &Person)| {
            *other != leg && (person.serves() || matches!(person.seat, Seat::Main | Seat::Barge))
        };
        if own {
            self.leave_to_the_other(leg);
        } else if self.people.iter().any(others) {
            self.part(leg);
            self.barged_takes_over();
        } else {
            self.agent_lost(leg);
        }
        // Two can be late at the same moment.
        self.away_timer();
    }

    /// An agent is back, or goes on from another device: the new line takes the seat of the old one.
    pub(super) fn on_returned(&mut self, agent: AgentId, leg: LegId) {
        let old = self.leg_of(&agent).filter(|_| leg != LegId::CALLER);
        let taken = self.people.contains_key(&leg);
        let Some(old) = old.filter(|_| !taken) else {
            if !taken && leg != LegId::CALLER {
                self.request(Request::HangUp { leg });
            }
            return;
        };
        let Some(person) = self.people.remove(&old) else {
            return;
        };
        self.cut_ear(old);
        self.hang_up(old);
        if let Some((_, lead)) = self.hand.agent.as_mut().filter(|(_, lead)| *lead == old) {
            *lead = leg;
        }
        if let Some(transfer) = &mut self.hand.transfer
            && transfer.with == Some(old)
        {
            transfer.with = Some(leg);
        }
        let seat = match person.seat {
            Seat::Away => Seat::Main,
            seat => seat,
        };
        if self.caller_is_alone() {
            self.hush();
        }
        self.emit(EventKind::AgentBack {
            agent: agent.clone(),
            leg,
        });
        self.seat(leg, person.party, seat);
    }

    /// Takes one party out.
    pub(super) fn drop_party(&mut self, by: &AgentId, leg: LegId) {
        if self.talking_leg(by).is_none() {
            return;
        }
        let Some(person) = self.people.get(&leg) else {
            if leg == LegId::CALLER {
                self.end_call(EndReason::AgentHungUp);
            }
            return;
        };
        match (&person.party, person.seat) {
            // Nobody who is watched may throw the supervisor out.
            (Party::Supervisor { .. }, _) => {}
            (_, Seat::Consult) => self.cancel_transfer(by),
            _ => self.person_hangs_up(leg),
        }
    }
}
