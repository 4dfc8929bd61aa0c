//! When a recorded caller speaks and when they hang up. Pure: time comes in with every call, in
//! milliseconds since the call began.
//!
//! The caller's page has the same rules in TypeScript (`web/src/lib/cues.ts`).

use crate::recorded::{After, Cue, Moment};
use std::collections::BTreeSet;

/// The assistant may follow one prompt by the next at once; only a quiet this long is an end of turn.
pub const QUIET_MS: u64 = 700;

/// How long a caller stays when they have said everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// After the assistant's last answer.
    pub answered_ms: u64,
    /// In the queue and with a person, after everything was said.
    pub person_ms: u64,
    /// For the whole call.
    pub call_ms: u64,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            answered_ms: 5_000,
            person_ms: 20_000,
            call_ms: 180_000,
        }
    }
}

/// A part of the caller's sound that is to be played now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slice {
    /// Which cue.
    pub index: usize,
    pub from_ms: u32,
    pub to_ms: u32,
}

/// What the caller does now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Listen,
    Speak(Slice),
    HangUp,
}

/// Walks through the cues of one caller. A `prompt` cue waits for a prompt that ended after the
/// caller's previous words, so that a prompt which was cut off by them does not count.
#[derive(Clone, Debug)]
pub struct Script {
    cues: Vec<Cue>,
    patience: Patience,
    index: usize,
    spoke_at: u64,
    spoken_until: u64,
    prompts_open: BTreeSet<u32>,
    prompt_started: Option<u64>,
    prompt_ended: Option<u64>,
    /// Since when the caller is in the queue or with a person.
    handed_over: Option<u64>,
    over: bool,
}

impl Script {
    pub fn new(cues: &[Cue], patience: Patience) -> Self {
        Self {
            cues: cues.to_vec(),
            patience,
            index: 0,
            spoke_at: 0,
            spoken_until: 0,
            prompts_open: BTreeSet::new(),
            prompt_started: None,
            prompt_ended: None,
            handed_over: None,
            over: false,
        }
    }

    pub fn prompt_started(&mut self, prompt: u32, at: u64) {
        self.prompts_open.insert(prompt);
        self.prompt_started = Some(at);
    }

    pub fn prompt_ended(&mut self, prompt: u32, at: u64) {
        self.prompts_open.remove(&prompt);
        if at >= self.spoken_until {
            self.prompt_ended = Some(at);
        }
    }

    /// The caller was put into a queue or through to a person.
    pub fn handed_over(&mut self, at: u64) {
        self.handed_over = Some(at);
    }

    /// Everything was said.
    pub fn is_said(&self) -> bool {
        self.index >= self.cues.len()
    }

    /// What to do at `now`. A `Speak` is given once; after `HangUp` there is nothing more to do.
    pub fn step(&mut self, now: u64) -> Step {
        if self.over {
            return Step::Listen;
        }
        if self.leaves(now) {
            self.over = true;
            return Step::HangUp;
        }
        match self.due() {
            Some(due) if now >= due => self.speak(now),
            _ => Step::Listen,
        }
    }

    fn speak(&mut self, now: u64) -> Step {
        let cue = &self.cues[self.index];
        let slice = Slice {
            index: self.index,
            from_ms: cue.from_ms,
            to_ms: cue.to_ms,
        };
        self.index += 1;
        self.spoke_at = now;
        self.spoken_until = now + u64::from(cue.to_ms.saturating_sub(cue.from_ms));
        Step::Speak(slice)
    }

    /// When the next cue is due, `None` while that depends on the assistant.
    fn due(&self) -> Option<u64> {
        let cue = self.cues.get(self.index)?;
        let earliest = self.spoken_until;
        if let Some(barge_after_ms) = cue.barge_after_ms {
            // A quick answer may begin while the last slice's trailing silence is still playing.
            let started = self.prompt_started.filter(|at| *at >= self.spoke_at)?;
            return Some(earliest.max(started + u64::from(barge_after_ms)));
        }
        match cue.after {
            After::Ms(ms) => Some(earliest.max(u64::from(ms))),
            After::Moment(Moment::Start) => Some(earliest),
            After::Moment(Moment::Prompt) => self.quiet_since().map(|at| at + QUIET_MS),
        }
    }

    /// When the assistant fell silent after the caller's last words.
    fn quiet_since(&self) -> Option<u64> {
        self.prompt_ended
            .filter(|at| *at >= self.spoken_until && self.prompts_open.is_empty())
    }

    fn leaves(&self, now: u64) -> bool {
        if now >= self.patience.call_ms {
            return true;
        }
        if let Some(since) = self.handed_over {
            // Whatever was still to be said was for the assistant.
            return now >= since.max(self.spoken_until) + self.patience.person_ms;
        }
        // Who has nothing to say waits for the assistant to give up.
        let answered = self.quiet_since().filter(|_| !self.cues.is_empty());
        self.is_said() && answered.is_some_and(|at| now >= at + self.patience.answered_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cue(after: After, ms: u32) -> Cue {
        Cue {
            after,
            from_ms: 100,
            to_ms: 100 + ms,
            text: String::new(),
            barge_after_ms: None,
            say: None,
        }
    }

    const PROMPT: After = After::Moment(Moment::Prompt);

    fn spoken(step: Step) -> Option<usize> {
        match step {
            Step::Speak(slice) => Some(slice.index),
            _ => None,
        }
    }

    #[test]
    fn a_turn_waits_for_a_quiet_assistant() {
        let mut script = Script::new(&[cue(PROMPT, 1000), cue(PROMPT, 500)], Patience::default());
        assert_eq!(script.step(0), Step::Listen);
        script.prompt_started(0, 50);
        script.prompt_ended(0, 5000);
        script.prompt_started(1, 5050);
        assert_eq!(script.step(5700), Step::Listen, "the next prompt has begun");
        script.prompt_ended(1, 7000);
        assert_eq!(script.step(7699), Step::Listen);
        assert_eq!(spoken(script.step(7700)), Some(0));
        assert_eq!(script.step(8800), Step::Listen, "no answer yet");
        script.prompt_started(2, 9400);
        script.prompt_ended(2, 10_000);
        assert_eq!(spoken(script.step(10_700)), Some(1));
        assert!(script.is_said());
    }

    #[test]
    fn a_prompt_that_was_cut_off_is_no_answer() {
        let mut barge = cue(PROMPT, 1000);
        barge.barge_after_ms = Some(1500);
        let mut script = Script::new(&[barge, cue(PROMPT, 500)], Patience::default());
        script.prompt_started(0, 100);
        assert_eq!(script.step(1599), Step::Listen);
        assert_eq!(spoken(script.step(1600)), Some(0));
        script.prompt_ended(0, 2200);
        assert_eq!(script.step(4000), Step::Listen);
        script.prompt_started(1, 4100);
        script.prompt_ended(1, 6000);
        assert_eq!(spoken(script.step(6700)), Some(1));
    }

    #[test]
    fn cues_by_the_clock() {
        let cues = [
            cue(After::Moment(Moment::Start), 300),
            cue(After::Ms(2000), 300),
        ];
        let mut script = Script::new(&cues, Patience::default());
        assert_eq!(spoken(script.step(0)), Some(0));
        assert_eq!(script.step(1999), Step::Listen);
        assert_eq!(spoken(script.step(2000)), Some(1));
    }

    #[test]
    fn a_caller_who_is_done_hangs_up_once() {
        let mut script = Script::new(&[cue(PROMPT, 1000)], Patience::default());
        script.prompt_ended(0, 1000);
        assert_eq!(spoken(script.step(1700)), Some(0));
        script.prompt_started(1, 3000);
        script.prompt_ended(1, 4000);
        assert_eq!(script.step(8999), Step::Listen);
        assert_eq!(script.step(9000), Step::HangUp);
        assert_eq!(script.step(9020), Step::Listen);
    }

    #[test]
    fn in_the_queue_patience_is_longer_and_still_ends() {
        let patience = Patience {
            person_ms: 10_000,
            ..Patience::default()
        };
        let mut script = Script::new(&[cue(PROMPT, 1000), cue(PROMPT, 1000)], patience);
        script.prompt_ended(0, 1000);
        assert_eq!(spoken(script.step(1700)), Some(0));
        script.handed_over(4000);
        assert_eq!(script.step(13_999), Step::Listen);
        assert_eq!(script.step(14_000), Step::HangUp);
    }

    #[test]
    fn who_says_nothing_waits_for_the_assistant() {
        let mut script = Script::new(&[], Patience::default());
        script.prompt_ended(0, 1000);
        assert_eq!(script.step(100_000), Step::Listen);
        assert_eq!(script.step(180_000), Step::HangUp);
    }
}
