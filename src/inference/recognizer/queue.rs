//! The bounded queue between callers and workers: finals before partials, one partial an utterance.

use super::{Job, PlaceKey, Recognized};
use crate::InferenceError;
use sidetone_types::{Stage, UtteranceId};
use std::collections::VecDeque;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

pub(super) type Answer = Result<Recognized, InferenceError>;

/// A job that waits.
pub(super) struct Waiting {
    pub job: Job,
    pub since: Instant,
    pub answer: oneshot::Sender<Answer>,
}

impl Waiting {
    fn key(&self) -> (PlaceKey, UtteranceId) {
        (self.job.place, self.job.utterance)
    }
    fn sound_ms(&self) -> u64 {
        self.job.pcm.len() as u64 / 16
    }
}

/// What waits, without a lock of its own.
pub(super) struct Queue {
    finals: VecDeque<Waiting>,
    partials: VecDeque<Waiting>,
    sound_ms: u64,
    sound_ms_max: u64,
    partial_stale: Duration,
    pub stopped: bool,
}

impl Queue {
    pub fn new(sound_ms_max: u64, partial_stale: Duration) -> Self {
        Self {
            finals: VecDeque::new(),
            partials: VecDeque::new(),
            sound_ms: 0,
            sound_ms_max,
            partial_stale,
            stopped: false,
        }
    }

    pub fn finals(&self) -> usize {
        self.finals.len()
    }
    pub fn partials(&self) -> usize {
        self.partials.len()
    }
    pub fn sound_ms(&self) -> u64 {
        self.sound_ms
    }

    /// Puts a job in line. What it displaces, and the job itself where there is no room, is answered.
    pub fn push(&mut self, waiting: Waiting) {
        if self.stopped {
            return refuse(
                waiting,
                InferenceError::Stopped {
                    what: "the recognizer",
                },
            );
        }
        match waiting.job.stage {
            Stage::Final => self.push_final(waiting),
            Stage::Partial => self.push_partial(waiting),
        }
    }

    fn push_final(&mut self, waiting: Waiting) {
        let key = waiting.key();
        while let Some(i) = self.partials.iter().position(|w| w.key() == key) {
            self.drop_partial(i, InferenceError::Superseded);
        }
        while self.sound_ms + waiting.sound_ms() > self.sound_ms_max && !self.partials.is_empty() {
            self.drop_partial(0, InferenceError::Stale);
        }
        // An utterance longer than the whole queue is still taken when nothing else waits.
        if self.sound_ms > 0 && self.sound_ms + waiting.sound_ms() > self.sound_ms_max {
            let waiting_ms = self.sound_ms;
            return refuse(waiting, InferenceError::Overloaded { waiting_ms });
        }
        self.sound_ms += waiting.sound_ms();
        self.finals.push_back(waiting);
    }

    fn push_partial(&mut self, mut waiting: Waiting) {
        let key = waiting.key();
        if self.finals.iter().any(|w| w.key() == key) {
            return refuse(waiting, InferenceError::Superseded);
        }
        if let Some(i) = self.partials.iter().position(|w| w.key() == key) {
            // The newer one keeps the older one's turn, or a long talker would never be heard.
            let old = &mut self.partials[i];
            self.sound_ms = self.sound_ms - old.sound_ms() + waiting.sound_ms();
            std::mem::swap(old, &mut waiting);
            return refuse(waiting, InferenceError::Superseded);
        }
        if self.sound_ms + waiting.sound_ms() > self.sound_ms_max {
            let waiting_ms = self.sound_ms;
            return refuse(waiting, InferenceError::Overloaded { waiting_ms });
        }
        self.sound_ms += waiting.sound_ms();
        self.partials.push_back(waiting);
    }

    /// The next job worth doing; those of callers that left and stale partials are answered here.
    pub fn pop(&mut self, now: Instant, lives: impl Fn(PlaceKey) -> bool) -> Option<Waiting> {
        loop {
            let waiting = match self.finals.pop_front() {
                Some(w) => w,
                None => self.partials.pop_front()?,
            };
            self.sound_ms -= waiting.sound_ms();
            if !lives(waiting.job.place) {
                refuse(waiting, InferenceError::Gone);
            } else if waiting.job.stage == Stage::Partial
                && now.duration_since(waiting.since) > self.partial_stale
            {
                refuse(waiting, InferenceError::Stale);
            } else {
                return Some(waiting);
            }
        }
    }

    /// Answers everything that waits; nothing is taken any more.
    pub fn stop(&mut self) {
        self.stopped = true;
        self.sound_ms = 0;
        for waiting in self.finals.drain(..).chain(self.partials.drain(..)) {
            refuse(
                waiting,
                InferenceError::Stopped {
                    what: "the recognizer",
                },
            );
        }
    }

    fn drop_partial(&mut self, i: usize, why: InferenceError) {
        if let Some(old) = self.partials.remove(i) {
            self.sound_ms -= old.sound_ms();
            refuse(old, why);
        }
    }
}

/// Answers a job with the reason why it is not done.
pub(super) fn refuse(waiting: Waiting, why: InferenceError) {
    let reason = match &why {
        InferenceError::Superseded => "superseded",
        InferenceError::Stale => "stale",
        InferenceError::Gone => "gone",
        InferenceError::Overloaded { .. } => "overloaded",
        _ => "other",
    };
    metrics::counter!("sidetone_recognizer_dropped_total", "reason" => reason).increment(1);
    // The asker may have gone as well; then nobody wants the answer.
    let _ = waiting.answer.send(Err(why));
}
