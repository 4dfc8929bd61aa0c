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
        self.legs.insert(leg);
        if matches!(party, Party::Agent { .. }) {
            self.listen_to(leg);
        }
        self.emit(EventKind::LegJoined { leg, party, wire });
    }

    /// A leg is gone. A reason that names no failure is a hang-up.
    pub(super) fn on_leg_left(&mut self, leg: LegId, reason: String) {
        let known = self.legs.remove(&leg);
        let is_agent = self
            .hand
            .agent
            .as_ref()
            .is_some_and(|(_, have)| *have == leg);
        if !known && leg != LegId::CALLER && !is_agent {
            return;
        }
        let failed = is_failure(&reason);
        self.cut_ear(leg);
        self.emit(EventKind::LegLeft { leg, reason });
        match self.phase {
            Phase::Assistant if leg == LegId::CALLER => {
                self.end_call(caller_gone(failed));
            }
            Phase::Waiting if leg == LegId::CALLER => self.end_call(EndReason::Abandoned),
            Phase::Talking if leg == LegId::CALLER => self.end_call(caller_gone(failed)),
            Phase::Talking if is_agent && failed => self.agent_lost(),
            Phase::Talking if is_agent => self.end_call(EndReason::AgentHungUp),
            _ => {}
        }
    }

    fn cut_ear(&mut self, leg: LegId) {
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
        if self.phase == Phase::Waiting {
            self.request(Request::LeaveQueue);
            if let Some(agent) = self.hand.offered.take() {
                self.emit(EventKind::OfferEnded {
                    agent,
                    outcome: OfferOutcome::Revoked,
                });
            }
        }
        if self.phase == Phase::Talking {
            self.request(Request::Unbridge);
        }
        self.emit(EventKind::CallEnded { reason });
        let mut left: Vec<LegId> = self.legs.iter().copied().collect();
        if !left.contains(&LegId::CALLER) && reason == EndReason::AssistantFinished {
            left.push(LegId::CALLER);
        }
        for leg in left {
            self.request(Request::HangUp { leg });
        }
        self.begin_wrap_up();
    }

    fn begin_wrap_up(&mut self) {
        match self.hand.agent.clone() {
            Some((agent, _)) if self.phase == Phase::Talking => {
                self.phase = Phase::WrapUp;
                self.wrap_up_until = Some(self.after(self.policy.wrap_up_ms_max));
                self.emit(EventKind::WrapUpStarted { agent });
            }
            _ => {
                self.phase = Phase::Ended;
                self.finish_at = Some(self.now + ms(LATE_FACTS_MS));
            }
        }
    }

    pub(super) fn wrap_up_done(&mut self, by: AgentId, disposition: String) {
        let own = self
            .hand
            .agent
            .as_ref()
            .is_some_and(|(agent, _)| *agent == by);
        if self.phase == Phase::WrapUp && own {
            self.emit(EventKind::WrapUpEnded {
                agent: by,
                disposition,
            });
            self.finish();
        }
    }

    fn finish(&mut self) {
        self.phase = Phase::Over;
        self.wrap_up_until = None;
        self.finish_at = None;
        self.request(Request::Finish);
    }

    pub(super) fn ending_timers(&mut self) {
        if self.wrap_up_until.is_some_and(|at| self.now >= at) {
            let agent = self.hand.agent.clone();
            if let Some((agent, _)) = agent {
                self.wrap_up_done(agent, "not_given".into());
            }
        } else if self.finish_at.is_some_and(|at| self.now >= at) {
            self.finish();
        }
    }

    /// The engine goes down: what was said is kept, nobody wraps up.
    pub(super) fn on_shutdown(&mut self) {
        self.end_call(EndReason::Shutdown);
        if let Some((agent, _)) = self
            .hand
            .agent
            .clone()
            .filter(|_| self.phase == Phase::WrapUp)
        {
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
