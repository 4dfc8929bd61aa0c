//! Legs that come and go, and the end of a call.

use super::Call;
use super::state::*;
use crate::policy::ms;
use crate::request::Request;
use sidetone_types::*;

/// How long late facts (the summary) are taken after a call that nobody wraps up.
const LATE_FACTS_MS: u32 = 1500;

impl Call {
    pub(super) fn on_leg_joined(&mut self, leg: LegId, party: Party, wire: Wire) {
        if matches!(self.phase, Phase::Ended | Phase::WrapUp) {
            return;
        }
        self.legs.insert(leg, wire);
        if matches!(party, Party::Agent { .. }) {
            self.listen_to(leg);
        }
        self.emit(EventKind::LegJoined { leg, party, wire });
    }

    /// A leg is gone. A reason that names no failure is a hang-up; a browser that closes its
    /// connection is a page that went away, because on a page to hang up is a click.
    pub(super) fn on_leg_left(&mut self, leg: LegId, reason: String) {
        let wire = self.legs.remove(&leg);
        if wire.is_none() && leg != LegId::CALLER {
            return;
        }
        let failed = is_failure(&reason);
        let page_closed = wire == Some(Wire::WebRtc) && reason == "far_end";
        self.cut_ear(leg);
        self.emit(EventKind::LegLeft { leg, reason });
        if !matches!(
            self.phase,
            Phase::Assistant | Phase::Waiting | Phase::Talking
        ) {
            return;
        }
        match self.phase {
            _ if leg != LegId::CALLER => self.person_left(leg, failed || page_closed),
            Phase::Waiting => self.end_call(EndReason::Abandoned),
            _ => self.end_call(caller_gone(failed)),
        }
    }

    pub(super) fn cut_ear(&mut self, leg: LegId) {
        let now = self.now;
        let Some(hearing) = self.hearings.get_mut(&leg) else {
            return;
        };
        let Some(crate::endpoint::EarSignal::Ended { span, by }) = hearing.ear.cut(now) else {
            return;
        };
        if let Some(utterance) = hearing.open.take() {
            self.emit(EventKind::SpeechEnded {
                leg,
                utterance,
                span,
                ended_by: by,
            });
            self.request(Request::EndUtterance {
                leg,
                utterance,
                span,
            });
        }
    }

    /// Says goodbye; the call ends when it was heard.
    pub(super) fn goodbye(&mut self, reason: EndReason) {
        self.leave_flow("ended");
        self.pending = None;
        self.awaiting = Awaiting::Nothing;
        self.say("goodbye");
        self.ending = Some(reason);
    }

    pub(super) fn end_when_said(&mut self) {
        if self.phase == Phase::Assistant
            && !self.is_talking()
            && !self.caller_has_the_word()
            && let Some(reason) = self.ending
        {
            self.end_call(reason);
        }
    }

    /// Speech is over. Every leg that is still there is hung up, whoever left first.
    pub(super) fn end_call(&mut self, reason: EndReason) {
        if !matches!(
            self.phase,
            Phase::Assistant | Phase::Waiting | Phase::Talking
        ) {
            return;
        }
        self.leave_flow("ended");
        self.pending = None;
        self.due.clear();
        self.turn_ready = false;
        self.no_input_at = None;
        self.keys = Keys::default();
        self.awaiting = Awaiting::Nothing;
        self.ending = None;
        self.hush();
        self.stop_music();
        let legs: Vec<LegId> = self.hearings.keys().copied().collect();
        for leg in legs {
            self.cut_ear(leg);
        }
        if self.hand.transfer.is_some() {
            self.end_transfer(TransferOutcome::Cancelled, "call_ended");
        } else if self.phase == Phase::Waiting {
            self.leave_queue();
        }
        self.emit(EventKind::CallEnded { reason });
        let mut left: Vec<LegId> = self.legs.keys().copied().collect();
        if !left.contains(&LegId::CALLER) && reason == EndReason::AssistantFinished {
            left.push(LegId::CALLER);
        }
        for leg in left {
            self.request(Request::HangUp { leg });
        }
        self.everybody_goes();
    }

    /// Agents wrap up, supervisors are free; the journal stays open until the last one is done.
    fn everybody_goes(&mut self) {
        for (_, person) in std::mem::take(&mut self.people) {
            match (&person.party, person.agent().cloned()) {
                (Party::Agent { .. }, Some(agent)) => self.begin_wrap_up(agent),
                (_, Some(agent)) => self.request(Request::Release { agent }),
                (_, None) => {}
            }
        }
        self.hand.agent = None;
        self.hand.held = false;
        if self.wrapping.is_empty() {
            self.phase = Phase::Ended;
            self.finish_at = Some(self.now + ms(LATE_FACTS_MS));
        } else {
            self.phase = Phase::WrapUp;
        }
    }

    pub(super) fn begin_wrap_up(&mut self, agent: AgentId) {
        let until = self.after(self.policy.wrap_up_ms_max);
        self.wrapping.insert(agent.clone(), until);
        self.emit(EventKind::WrapUpStarted { agent });
    }

    pub(super) fn wrap_up_done(&mut self, by: AgentId, disposition: String) {
        if self.wrapping.remove(&by).is_none() {
            return;
        }
        self.emit(EventKind::WrapUpEnded {
            agent: by,
            disposition,
        });
        if self.phase == Phase::WrapUp && self.wrapping.is_empty() {
            self.finish();
        }
    }

    fn finish(&mut self) {
        self.phase = Phase::Over;
        self.finish_at = None;
        self.request(Request::Finish);
    }

    pub(super) fn ending_timers(&mut self) {
        let now = self.now;
        let late = |(_, until): &(&AgentId, &CallTime)| now >= **until;
        while let Some(agent) = self
            .wrapping
            .iter()
            .find(late)
            .map(|(agent, _)| agent.clone())
        {
            self.wrap_up_done(agent, "not_given".into());
        }
        if self.finish_at.is_some_and(|at| self.now >= at) {
            self.finish();
        }
    }

    /// The engine goes down: what was said is kept, nobody wraps up.
    pub(super) fn on_shutdown(&mut self) {
        self.end_call(EndReason::Shutdown);
        for agent in std::mem::take(&mut self.wrapping).into_keys() {
            self.emit(EventKind::WrapUpEnded {
                agent,
                disposition: "shutdown".into(),
            });
        }
        if self.phase != Phase::Over {
            self.finish();
        }
    }
}

/// Whether a leg left because its wire broke, and not because somebody hung up.
fn is_failure(reason: &str) -> bool {
    ["lost", "never_connected", "fail", "timeout", "error"]
        .iter()
        .any(|word| reason.contains(word))
}

fn caller_gone(failed: bool) -> EndReason {
    if failed {
        EndReason::LegFailed
    } else {
        EndReason::CallerHungUp
    }
}
