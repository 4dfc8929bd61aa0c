//! Prompts: one at a time, what was played of them, and what happens when the mouth is dead.

use super::state::*;
use super::{Call, Facts};
use crate::policy::ms;
use crate::request::Request;
use crate::speak;
use sidetone_types::*;
use std::time::Duration;

impl Call {
    /// Puts a prompt at the end of what is to be said.
    pub(super) fn say(&mut self, key: &str) {
        let facts = self.facts();
        self.say_with(key, &facts);
    }

    pub(super) fn say_with(&mut self, key: &str, facts: &Facts) {
        let text = self.book.voice.render(key, self.lang, facts);
        self.say_text(key, text);
    }

    pub(super) fn say_text(&mut self, key: &str, text: String) {
        if text.is_empty() {
            return;
        }
        let bargeable = self.book.voice.is_bargeable(key);
        self.lines.push_back(Line {
            key: key.into(),
            text,
            lang: self.lang,
            bargeable,
        });
    }

    /// Says a question, remembers it for "repeat", and listens for the answer.
    pub(super) fn question(&mut self, key: &str, facts: &Facts, awaiting: Awaiting) {
        let before = self.lines.len();
        self.say_with(key, facts);
        self.asked_from(before, awaiting);
    }

    /// The lines from `index` on are the question.
    pub(super) fn asked_from(&mut self, index: usize, awaiting: Awaiting) {
        self.question = self.lines.iter().skip(index).cloned().collect();
        self.awaiting = awaiting;
        self.keys = Keys::default();
    }

    /// The last question once more.
    pub(super) fn repeat_question(&mut self) {
        let lang = self.lang;
        let lines: Vec<Line> = self
            .question
            .iter()
            .filter(|line| line.lang == lang)
            .cloned()
            .collect();
        self.lines.extend(lines);
    }

    /// Stops what is being said and forgets what was to follow.
    pub(super) fn hush(&mut self) {
        self.lines.clear();
        if let Some(playing) = self.playing.take() {
            self.request(Request::StopSaying {
                prompt: playing.prompt,
            });
            self.stopping.insert(playing.prompt, playing);
        }
    }

    pub(super) fn is_talking(&self) -> bool {
        self.playing.is_some() || !self.lines.is_empty()
    }

    /// Whether what is being said must be heard to the end.
    pub(super) fn is_unstoppable(&self) -> bool {
        self.playing
            .as_ref()
            .is_some_and(|playing| !playing.line.bargeable)
    }

    /// Sends the next line when nothing is out.
    pub(super) fn pump(&mut self) {
        let may_speak = match self.phase {
            Phase::Assistant | Phase::Waiting => true,
            Phase::Talking => self.caller_is_alone(),
            _ => false,
        };
        if self.playing.is_some() || !may_speak {
            return;
        }
        let Some(line) = self.lines.pop_front() else {
            return;
        };
        self.stop_music();
        let prompt = self.next_prompt;
        self.next_prompt = prompt.next();
        self.request(Request::Say {
            prompt,
            key: line.key.clone(),
            text: line.text.clone(),
            lang: line.lang,
            bargeable: line.bargeable,
            expect: self.wanted_expect(),
        });
        self.playing = Some(Playing {
            prompt,
            line,
            asked: self.now,
            started: None,
        });
    }

    pub(super) fn on_prompt_started(&mut self, prompt: PromptId) {
        let now = self.now;
        let known = match &mut self.playing {
            Some(playing) if playing.prompt == prompt => Some(playing),
            _ => self.stopping.get_mut(&prompt),
        };
        let Some(playing) = known.filter(|playing| playing.started.is_none()) else {
            return;
        };
        playing.started = Some(now);
        let line = playing.line.clone();
        self.emit(EventKind::PromptStarted {
            prompt,
            key: line.key,
            text: Masked::authored(line.text),
            lang: line.lang,
        });
    }

    pub(super) fn on_prompt_ended(&mut self, prompt: PromptId, played_ms: u32, total_ms: u32) {
        let current = self
            .playing
            .as_ref()
            .is_some_and(|playing| playing.prompt == prompt);
        let ended = if current {
            self.playing.take()
        } else {
            self.stopping.remove(&prompt)
        };
        let Some(ended) = ended else {
            return;
        };
        // A prompt that was over before the stop arrived was heard whole.
        let interrupted = played_ms < total_ms;
        let line = ended.line;
        let played = speak::played_part(&line.text, line.lang, played_ms, total_ms);
        self.emit(EventKind::PromptEnded {
            prompt,
            played: Masked::authored(played),
            interrupted,
        });
        self.play_held_keys();
    }

    /// A prompt that neither begins nor ends is given up, so that the call goes on.
    pub(super) fn saying_timers(&mut self) {
        let due = self.saying_deadline().is_some_and(|at| self.now >= at);
        if !due {
            return;
        }
        if let Some(playing) = self.playing.take() {
            let started = playing.started.is_some();
            self.request(Request::StopSaying {
                prompt: playing.prompt,
            });
            self.stopping.insert(playing.prompt, playing);
            let what = if started { "playback" } else { "synthesizer" };
            self.degrade(what, "the call goes on without the prompt");
        }
    }

    pub(super) fn saying_deadline(&self) -> Option<CallTime> {
        let playing = self.playing.as_ref()?;
        Some(match playing.started {
            None => playing.asked + ms(self.policy.prompt_start_ms_max),
            Some(at) => {
                let length = u64::try_from(playing.line.text.chars().count()).unwrap_or(1000);
                at + Duration::from_millis(6000 + 400 * length)
            }
        })
    }

    /// Music plays while a caller waits or is held and nothing is said.
    pub(super) fn keep_music(&mut self) {
        let wanted = match self.phase {
            Phase::Waiting => !self.is_talking(),
            Phase::Talking => (self.hand.held || self.caller_is_alone()) && !self.is_talking(),
            _ => false,
        };
        if wanted && !self.music {
            self.music = true;
            self.request(Request::Music { on: true });
        } else if !wanted {
            self.stop_music();
        }
    }

    pub(super) fn stop_music(&mut self) {
        if std::mem::take(&mut self.music) {
            self.request(Request::Music { on: false });
        }
    }
}
