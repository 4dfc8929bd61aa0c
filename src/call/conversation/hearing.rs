//! Voice activity and text of every leg: utterances, and who has the word.

use super::Call;
use super::state::*;
use crate::barge::{self, Verdict};
use crate::endpoint::{Ear, EarSignal};
use crate::policy::ms;
use crate::request::{Expect, Request};
use crate::rules;
use crate::stable::Stable;
use sidetone_types::*;
use std::time::Duration;

/// Speech that is shorter and could not be made out was a cough or a word to somebody else.
const UNCLEAR_MIN: Duration = Duration::from_millis(600);

impl Call {
    /// Gives a leg an ear.
    pub(super) fn listen_to(&mut self, leg: LegId) {
        let policy = self.policy.pause.clone();
        self.hearings.entry(leg).or_insert_with(|| Hearing {
            ear: Ear::new(policy),
            open: None,
            partial: String::new(),
            stable: Stable::default(),
            over_prompt: false,
        });
    }

    pub(super) fn on_voice(&mut self, leg: LegId, level: u8) {
        let deaf = !self.speech
            || !matches!(
                self.phase,
                Phase::Assistant | Phase::Waiting | Phase::Talking
            );
        let now = self.now;
        let Some(hearing) = self.hearings.get_mut(&leg).filter(|_| !deaf) else {
            return;
        };
        let signals = hearing.ear.voice(now, level);
        self.ear_said(leg, signals);
    }

    pub(super) fn on_partial(&mut self, leg: LegId, utterance: UtteranceId, text: Masked) {
        let now = self.now;
        let Some(hearing) = self.hearings.get_mut(&leg) else {
            return;
        };
        if hearing.open != Some(utterance) {
            return;
        }
        let shown = hearing.stable.push(text.as_str());
        hearing.partial = text.as_str().to_owned();
        let signals = hearing.ear.text(now, text.as_str());
        if let Some(bytes) = shown {
            let text = text.beginning(bytes);
            self.emit(EventKind::Partial {
                leg,
                utterance,
                text,
            });
        }
        self.ear_said(leg, signals);
        self.weigh_barge_in();
    }

    fn ear_said(&mut self, leg: LegId, signals: Vec<EarSignal>) {
        for signal in signals {
            match signal {
                EarSignal::Began { from } => self.speech_began(leg, from),
                EarSignal::Ended { span, by } => self.speech_ended(leg, span, by),
            }
        }
    }

    fn speech_began(&mut self, leg: LegId, from: CallTime) {
        let utterance = self.next_utterance;
        self.next_utterance = utterance.next();
        let over_prompt = leg == LegId::CALLER && self.playing.is_some();
        if let Some(hearing) = self.hearings.get_mut(&leg) {
            hearing.open = Some(utterance);
            hearing.partial.clear();
            hearing.stable.clear();
            hearing.over_prompt = over_prompt;
        }
        self.emit(EventKind::SpeechStarted { leg, utterance });
        self.request(Request::BeginUtterance {
            leg,
            utterance,
            from,
        });
        if leg == LegId::CALLER && self.phase == Phase::Assistant {
            self.go_on_listening();
        }
    }

    /// The caller goes on before the assistant answered: what was heard so far and what comes now
    /// are one turn, and the reply on the way is superseded.
    fn go_on_listening(&mut self) {
        let superseded = match self.pending.take() {
            Some(Pending::Understand { turn, .. } | Pending::Ask { turn, .. }) => turn,
            other => {
                self.pending = other;
                return;
            }
        };
        self.turn = superseded;
        self.turn_ready = true;
    }

    fn speech_ended(&mut self, leg: LegId, span: Span, by: EndedBy) {
        let Some(hearing) = self.hearings.get_mut(&leg) else {
            return;
        };
        let Some(utterance) = hearing.open.take() else {
            return;
        };
        let over_prompt = hearing.over_prompt;
        let spoken = span.to.since(span.from);
        let length = spoken.saturating_sub(ms(self.policy.pause.preroll_ms));
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
        if leg == LegId::CALLER && self.phase == Phase::Assistant {
            let deadline = self.after(self.policy.final_ms_max);
            self.due.insert(
                utterance,
                Due {
                    deadline,
                    over_prompt,
                    length,
                    endless: by == EndedBy::Length,
                },
            );
        }
    }

    /// How long the caller has been speaking over the prompt, and whether that stops it.
    fn weigh_barge_in(&mut self) {
        if let Some(Verdict::Stop) = self.barge_verdict() {
            let utterance = self
                .hearings
                .get(&LegId::CALLER)
                .and_then(|hearing| hearing.open);
            self.barge_in(utterance);
        }
    }

    fn barge_verdict(&self) -> Option<Verdict> {
        let hearing = self.hearings.get(&LegId::CALLER)?;
        hearing.open.filter(|_| hearing.over_prompt)?;
        self.playing
            .as_ref()
            .filter(|playing| playing.line.bargeable)?;
        if self.phase != Phase::Assistant {
            return None;
        }
        let voiced = hearing.ear.voiced_for(self.now);
        let answering = self.wanted_expect() == Expect::YesNo;
        Some(barge::verdict(
            &self.policy,
            &hearing.partial,
            voiced,
            answering,
        ))
    }

    fn barge_deadline(&self) -> Option<CallTime> {
        let hearing = self.hearings.get(&LegId::CALLER)?;
        match self.barge_verdict()? {
            // In a pause nothing is added to what was voiced: the end of the utterance decides.
            Verdict::Wait(rest) if !hearing.ear.is_pausing() => Some(self.now + rest),
            _ => None,
        }
    }

    /// The caller takes the word.
    pub(super) fn barge_in(&mut self, utterance: Option<UtteranceId>) {
        if let (Some(utterance), Some(playing)) = (utterance, &self.playing) {
            let prompt = playing.prompt;
            let playing = playing.line.clone();
            self.cut_off = self.lines.iter().cloned().collect();
            self.cut_off.insert(0, playing);
            self.emit(EventKind::BargeIn { prompt, utterance });
        }
        self.hush();
    }

    pub(super) fn hearing_timers(&mut self) {
        let now = self.now;
        let legs: Vec<LegId> = self.hearings.keys().copied().collect();
        for leg in legs {
            if let Some(hearing) = self.hearings.get_mut(&leg) {
                let signals = hearing.ear.tick(now);
                self.ear_said(leg, signals);
            }
        }
        self.weigh_barge_in();
        let late: Vec<UtteranceId> = self
            .due
            .iter()
            .filter(|(_, due)| now >= due.deadline)
            .map(|(utterance, _)| *utterance)
            .collect();
        for utterance in late {
            self.on_unheard(LegId::CALLER, utterance, "no text in time");
        }
    }

    pub(super) fn hearing_deadline(&self) -> Option<CallTime> {
        let ears = self
            .hearings
            .values()
            .filter_map(|hearing| hearing.ear.deadline());
        let finals = self.due.values().map(|due| due.deadline);
        ears.chain(finals).chain(self.barge_deadline()).min()
    }

    /// Whether the caller is speaking, or their words are still being recognized.
    pub(super) fn caller_has_the_word(&self) -> bool {
        let speaking = self
            .hearings
            .get(&LegId::CALLER)
            .is_some_and(|hearing| hearing.open.is_some());
        speaking || !self.due.is_empty()
    }

    pub(super) fn on_final(
        &mut self,
        leg: LegId,
        transcript: Transcript,
        slots: Vec<SlotCandidate>,
    ) {
        let due = match leg {
            LegId::CALLER => self.due.remove(&transcript.utterance),
            _ => None,
        };
        self.emit(EventKind::Heard {
            leg,
            transcript: transcript.clone(),
        });
        let Some(due) = due.filter(|_| self.phase == Phase::Assistant) else {
            if leg == LegId::CALLER && self.phase == Phase::Talking {
                self.overhear(&transcript);
            }
            return;
        };
        if transcript.text.is_empty() {
            if transcript.rejected && !due.over_prompt && due.length >= UNCLEAR_MIN {
                if !self.turn_ready {
                    self.turn = CallerTurn::default();
                }
                self.turn.unclear = true;
                self.turn_ready = true;
            } else {
                self.heard_noise(due);
            }
            return;
        }
        let text = transcript.text.as_str();
        let answering = self.wanted_expect() == Expect::YesNo;
        let hum = barge::is_listening(text, answering);
        let prompt_is_on = self.playing.is_some();
        // A hum that answers nothing is nothing, also when it comes into a silence.
        let idle_hum = !answering && rules::is_hum(text);
        if idle_hum || (due.over_prompt && hum && (prompt_is_on || !answering)) {
            self.emit(EventKind::Backchannel {
                utterance: transcript.utterance,
            });
            self.heard_noise(due);
            return;
        }
        if prompt_is_on && !self.is_unstoppable() {
            self.barge_in(Some(transcript.utterance));
        }
        self.follow_language(&transcript);
        self.take_words(&transcript, slots);
    }

    /// Sound without a word. What it cut off is said again, once; a noise that does not end counts
    /// as silence.
    fn heard_noise(&mut self, due: Due) {
        if self.is_talking() || self.turn_ready || self.caller_has_the_word() && !due.endless {
            return;
        }
        let cut_off = std::mem::take(&mut self.cut_off);
        if due.endless {
            if self.awaiting != Awaiting::Nothing && self.ending.is_none() {
                self.nothing_said();
            }
        } else if due.over_prompt {
            self.lines.extend(cut_off);
        }
    }

    /// What was said joins what was said before it in this turn.
    fn take_words(&mut self, transcript: &Transcript, slots: Vec<SlotCandidate>) {
        let text = transcript.text.as_str().trim();
        if !self.turn_ready {
            self.turn = CallerTurn::default();
        }
        if !self.turn.text.is_empty() {
            self.turn
                .text
                .push_str(if self.lang == Lang::Zh { "，" } else { " " });
        }
        self.turn.text.push_str(text);
        self.turn.utterance = transcript.utterance;
        self.turn.slots.extend(slots);
        self.turn.doubtful |= transcript.confidence < self.policy.words_sure;
        self.turn_ready = true;
    }

    /// A caller who plainly speaks the other language is answered in it.
    fn follow_language(&mut self, transcript: &Transcript) {
        let plain = rules::language_of(transcript.text.as_str());
        let sure = transcript.confidence >= 600 && plain == Some(transcript.lang);
        if sure && transcript.lang != self.lang {
            self.change_language(transcript.lang);
        }
    }

    pub(super) fn change_language(&mut self, lang: Lang) {
        if self.lang != lang {
            self.lang = lang;
            self.emit(EventKind::LanguageChanged { lang });
        }
    }

    /// The recognizer failed on one utterance: the keys take over.
    pub(super) fn on_unheard(&mut self, leg: LegId, utterance: UtteranceId, reason: &str) {
        if leg != LegId::CALLER || self.due.remove(&utterance).is_none() {
            return;
        }
        if self.phase == Phase::Assistant {
            self.degrade(&format!("recognizer: {reason}"), "keypad menu");
            self.hush_unless_unstoppable();
            self.offer_keys("speech-lost");
        }
    }

    pub(super) fn hush_unless_unstoppable(&mut self) {
        if self.is_unstoppable() {
            self.lines.clear();
        } else {
            self.hush();
        }
    }

    /// The recognizer came or went.
    pub(super) fn on_speech(&mut self, available: bool) {
        if self.speech == available {
            return;
        }
        self.speech = available;
        if available || self.phase != Phase::Assistant {
            return;
        }
        let now = self.now;
        let cut = self
            .hearings
            .get_mut(&LegId::CALLER)
            .and_then(|hearing| hearing.ear.cut(now));
        self.ear_said(LegId::CALLER, cut.into_iter().collect());
        self.due.clear();
        self.degrade("recognizer", "keypad menu");
        self.hush_unless_unstoppable();
        self.offer_keys("speech-lost");
    }

    /// Hints the recognizer and the ear when the expected answer changes.
    pub(super) fn keep_expectation(&mut self) {
        let expect = self.wanted_expect();
        if expect == self.expect || !matches!(self.phase, Phase::Assistant | Phase::Talking) {
            return;
        }
        self.expect = expect.clone();
        if let Some(hearing) = self.hearings.get_mut(&LegId::CALLER) {
            hearing.ear.expect(expect.clone());
        }
        self.request(Request::Listen {
            leg: LegId::CALLER,
            expect,
        });
    }

    /// A silence after a question is counted from the end of the question.
    pub(super) fn arm_silence(&mut self) {
        let listening = self.phase == Phase::Assistant
            && self.awaiting != Awaiting::Nothing
            && !self.is_talking()
            && self.pending.is_none()
            && !self.turn_ready
            && !self.caller_has_the_word()
            && self.keys.digits.is_empty()
            && self.ending.is_none();
        if !listening {
            self.no_input_at = None;
        } else if self.no_input_at.is_none() {
            self.no_input_at = Some(self.now + ms(self.policy.no_input_ms));
        }
    }
}
