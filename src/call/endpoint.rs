//! When a speaker begins and when they are done.
//!
//! One [`Ear`] per leg. The voice-activity model only says how loud the evidence of speech is; this
//! decides what a pause means from what was said so far, from what was asked, and from how long this
//! very speaker pauses within a sentence.

use crate::policy::{PausePolicy, Thought, ms};
use crate::request::Expect;
use crate::thought::thought;
use sidetone_types::{CallTime, EndedBy, Span};
use std::time::Duration;

/// What an ear says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EarSignal {
    /// An utterance began; `from` lies before the onset by the pre-roll.
    Began { from: CallTime },
    /// It is over; the span ends with the last voiced moment.
    Ended { span: Span, by: EndedBy },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Silent,
    /// Something voiced, too short to be speech yet. `on` is the start of the voiced stretch that
    /// is still going, `off` the end of the last one.
    Onset {
        first: CallTime,
        voiced: Duration,
        on: Option<CallTime>,
        off: CallTime,
    },
    /// `onset` is the first voiced moment, `from` lies before it by the pre-roll, `quiet` is the last
    /// voiced moment while a pause is on.
    Speaking {
        onset: CallTime,
        from: CallTime,
        quiet: Option<CallTime>,
    },
}

/// One leg's start and end of speech.
#[derive(Clone, Debug)]
pub struct Ear {
    policy: PausePolicy,
    expect: Expect,
    state: State,
    level: u8,
    partial: String,
    /// Mean pause within an utterance of this speaker, in microseconds, and how many were seen.
    habit_us: u64,
    habit_count: u32,
    /// Where the last utterance ended: the next one does not reach back over it.
    ended_at: CallTime,
}

impl Ear {
    pub fn new(policy: PausePolicy) -> Self {
        Self {
            policy,
            expect: Expect::Open,
            state: State::Silent,
            level: 0,
            partial: String::new(),
            habit_us: 0,
            habit_count: 0,
            ended_at: CallTime::ZERO,
        }
    }

    /// What this leg is expected to say from now on.
    pub fn expect(&mut self, expect: Expect) {
        self.expect = expect;
    }

    /// Whether an utterance is open.
    pub fn is_speaking(&self) -> bool {
        matches!(self.state, State::Speaking { .. })
    }

    /// Whether the open utterance is in a pause.
    pub fn is_pausing(&self) -> bool {
        matches!(self.state, State::Speaking { quiet: Some(_), .. })
    }

    /// How long the speaker of the open utterance has been speaking, a pause that is on left out.
    pub fn voiced_for(&self, now: CallTime) -> Duration {
        match self.state {
            State::Speaking { onset, quiet, .. } => quiet.unwrap_or(now).since(onset),
            _ => Duration::ZERO,
        }
    }

    /// The voice activity changed: 0 silence, 1 unsure, 2 speech. Unsure never starts an utterance
    /// and never ends one quickly.
    pub fn voice(&mut self, now: CallTime, level: u8) -> Vec<EarSignal> {
        let mut signals = self.tick(now);
        let voiced = level >= 2;
        self.level = level.min(2);
        match self.state {
            State::Silent if voiced => {
                self.state = State::Onset {
                    first: now,
                    voiced: Duration::ZERO,
                    on: Some(now),
                    off: now,
                };
            }
            State::Silent => {}
            State::Onset {
                first,
                voiced: sum,
                on,
                off,
            } => self.state = self.onset_changed(now, voiced, first, sum, on, off),
            State::Speaking { onset, from, quiet } => match (voiced, quiet) {
                (true, Some(since)) => {
                    self.learn(now.since(since));
                    self.state = State::Speaking {
                        onset,
                        from,
                        quiet: None,
                    };
                }
                (false, None) => {
                    self.state = State::Speaking {
                        onset,
                        from,
                        quiet: Some(now),
                    };
                }
                _ => {}
            },
        }
        signals.extend(self.tick(now));
        signals
    }

    fn onset_changed(
        &self,
        now: CallTime,
        voiced: bool,
        first: CallTime,
        sum: Duration,
        on: Option<CallTime>,
        off: CallTime,
    ) -> State {
        match (voiced, on) {
            (false, Some(since)) => State::Onset {
                first,
                voiced: sum + now.since(since),
                on: None,
                off: now,
            },
            (true, None) if now.since(off) <= ms(self.policy.flicker_ms) => State::Onset {
                first,
                voiced: sum,
                on: Some(now),
                off,
            },
            // The burst before was a click of its own.
            (true, None) => State::Onset {
                first: now,
                voiced: Duration::ZERO,
                on: Some(now),
                off: now,
            },
            _ => State::Onset {
                first,
                voiced: sum,
                on,
                off,
            },
        }
    }

    /// New text of the open utterance: it changes what a pause means.
    pub fn text(&mut self, now: CallTime, text: &str) -> Vec<EarSignal> {
        if self.is_speaking() {
            self.partial.clear();
            self.partial.push_str(text);
        }
        self.tick(now)
    }

    /// What has become due by `now`.
    pub fn tick(&mut self, now: CallTime) -> Vec<EarSignal> {
        let mut signals = Vec::new();
        match self.state {
            State::Onset {
                first,
                voiced,
                on: Some(on),
                ..
            } if voiced + now.since(on) >= ms(self.policy.onset_ms) => {
                let from = (first - ms(self.policy.preroll_ms)).max(self.ended_at);
                self.begin(first, from, &mut signals);
            }
            State::Speaking { from, quiet, .. } => {
                let limit = from + ms(self.policy.utterance_ms_max);
                if let Some(since) = quiet
                    && now >= (since + self.pause()).min(limit)
                {
                    let by = if self.thought() == Thought::CountComplete {
                        EndedBy::Complete
                    } else {
                        EndedBy::Pause
                    };
                    self.end(from, since, by, &mut signals);
                } else if now >= limit {
                    self.end(from, now, EndedBy::Length, &mut signals);
                    self.begin(now, now, &mut signals);
                }
            }
            _ => {}
        }
        signals
    }

    /// When `tick` has something to do.
    pub fn deadline(&self) -> Option<CallTime> {
        match self.state {
            State::Onset {
                voiced,
                on: Some(on),
                ..
            } => Some(on + ms(self.policy.onset_ms).saturating_sub(voiced)),
            State::Speaking { from, quiet, .. } => {
                let limit = from + ms(self.policy.utterance_ms_max);
                Some(quiet.map_or(limit, |since| (since + self.pause()).min(limit)))
            }
            _ => None,
        }
    }

    /// The leg left or the call moved on: what was being said ends here.
    pub fn cut(&mut self, now: CallTime) -> Option<EarSignal> {
        let State::Speaking { from, quiet, .. } = self.state else {
            self.state = State::Silent;
            return None;
        };
        let mut signals = Vec::new();
        self.end(from, quiet.unwrap_or(now), EndedBy::Cut, &mut signals);
        signals.pop()
    }

    fn begin(&mut self, onset: CallTime, from: CallTime, signals: &mut Vec<EarSignal>) {
        self.partial.clear();
        self.state = State::Speaking {
            onset,
            from,
            quiet: None,
        };
        signals.push(EarSignal::Began { from });
    }

    fn end(&mut self, from: CallTime, to: CallTime, by: EndedBy, signals: &mut Vec<EarSignal>) {
        self.state = State::Silent;
        self.ended_at = to;
        self.partial.clear();
        signals.push(EarSignal::Ended {
            span: Span {
                from,
                to: to.max(from),
            },
            by,
        });
    }

    /// The mean of this speaker's pauses within an utterance; gaps between syllables don't count.
    fn learn(&mut self, gap: Duration) {
        if gap < Duration::from_millis(150) {
            return;
        }
        let gap_us = u64::try_from(gap.as_micros()).unwrap_or(u64::MAX / 4);
        let count = u64::from(self.habit_count.min(15));
        self.habit_us = (self.habit_us.saturating_mul(count) + gap_us) / (count + 1);
        self.habit_count += 1;
    }

    fn thought(&self) -> Thought {
        thought(&self.partial, &self.expect)
    }

    /// The pause that ends the utterance as it stands.
    fn pause(&self) -> Duration {
        let row = self.policy.row(self.thought());
        let mut pause_us = u64::from(row.pause_ms) * 1000;
        if self.habit_count >= self.policy.habit_pauses_min {
            let habit_us = self.habit_us.saturating_mul(13) / 10;
            pause_us = pause_us.max(habit_us.min(u64::from(row.pause_ms_max) * 1000));
        }
        if self.level == 1 {
            pause_us = pause_us * 3 / 2;
        }
        Duration::from_micros(pause_us)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(time_ms: u64) -> CallTime {
        CallTime::from_ms(time_ms)
    }

    #[test]
    fn a_click_is_no_speech() {
        let mut ear = Ear::new(PausePolicy::default());
        assert!(ear.voice(at(1000), 2).is_empty());
        assert!(ear.voice(at(1100), 0).is_empty());
        assert!(ear.tick(at(3000)).is_empty());
        assert!(!ear.is_speaking());
    }

    #[test]
    fn a_flickering_onset_is_one_onset() {
        let mut ear = Ear::new(PausePolicy::default());
        ear.voice(at(1000), 2);
        ear.voice(at(1080), 0);
        ear.voice(at(1140), 2);
        assert_eq!(ear.deadline(), Some(at(1180)));
        assert_eq!(ear.tick(at(1180)), [EarSignal::Began { from: at(800) }]);
    }

    #[test]
    fn a_finished_sentence_ends_sooner_than_a_hanging_one() {
        let end_of = |text: &str, expect: Expect| {
            let mut ear = Ear::new(PausePolicy::default());
            ear.expect(expect);
            ear.voice(at(0), 2);
            ear.tick(at(120));
            ear.text(at(900), text);
            ear.voice(at(1000), 0);
            ear.deadline().unwrap().as_ms() - 1000
        };
        assert_eq!(end_of("查一下我的账单", Expect::Open), 280);
        assert_eq!(end_of("我想查一下我的", Expect::Open), 1000);
        assert_eq!(end_of("check my bill and", Expect::Open), 1000);
        assert_eq!(end_of("好的", Expect::Open), 280);
        assert_eq!(end_of("喂，你好，我有个问题", Expect::Open), 1000);
        assert_eq!(end_of("Hello, I have a question.", Expect::Open), 1000);
        assert_eq!(end_of("yes", Expect::YesNo), 220);
        assert_eq!(end_of("two zero six one", Expect::OrderNumber), 1300);
        assert_eq!(end_of("二零六一一零一八", Expect::OrderNumber), 180);
        assert_eq!(end_of("", Expect::Open), 900);
        assert_eq!(end_of("东西坏了", Expect::FreeText), 1200);
    }

    #[test]
    fn speech_within_the_pause_goes_on_and_teaches() {
        let mut ear = Ear::new(PausePolicy::default());
        ear.voice(at(0), 2);
        ear.tick(at(120));
        for round in 0..3u64 {
            ear.voice(at(1000 + round * 1000), 0);
            assert!(ear.voice(at(1450 + round * 1000), 2).is_empty());
        }
        ear.text(at(4400), "check my bill");
        ear.voice(at(4500), 0);
        // 1.3 × the mean of 450 ms instead of the table's 300.
        assert_eq!(ear.deadline(), Some(at(5085)));
        let ended = ear.tick(at(5085));
        assert!(
            matches!(ended[..], [EarSignal::Ended { span, by: EndedBy::Pause }]
            if span.to == at(4500))
        );
    }

    #[test]
    fn an_endless_speaker_is_cut_into_pieces() {
        let mut ear = Ear::new(PausePolicy::default());
        ear.voice(at(0), 2);
        ear.tick(at(120));
        let signals = ear.tick(at(11_000));
        assert!(matches!(
            signals[..],
            [
                EarSignal::Ended {
                    by: EndedBy::Length,
                    ..
                },
                EarSignal::Began { .. }
            ]
        ));
    }
}
