//! How far the far end is with playing what it was sent.
//!
//! A wire with marks tells when a mark was reached: everything sent before it has been played by
//! then. Between two marks the far end plays at the pace of the clock. The result includes the
//! network's way there and back, so it errs by one round trip towards "not heard yet".

use sidetone_types::FRAME_MS;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Frames between marks.
const MARK_FRAMES: u64 = 10;
/// Marks that are waited for. When the far end answers none, older ones are given up.
const PENDING_MAX: usize = 64;

/// The far end's buffer, as far as it can be known from here.
#[derive(Debug, Default)]
pub(crate) struct FarBuffer {
    /// Frames that went out.
    sent: u64,
    /// Frames known to be played, and when that was so.
    played: u64,
    at: Option<Instant>,
    next_mark: u32,
    /// Whether it ever answered a mark. Some do not know marks.
    answers: bool,
    pending: VecDeque<(u32, u64)>,
}

impl FarBuffer {
    /// One frame goes out. Returns the number of a mark that should follow it.
    pub fn sent(&mut self, now: Instant) -> Option<u32> {
        if self.estimate(now) >= self.sent {
            self.played = self.sent;
            self.at = Some(now);
        }
        self.sent += 1;
        if !self.sent.is_multiple_of(MARK_FRAMES) {
            return None;
        }
        if self.pending.len() == PENDING_MAX {
            self.pending.pop_front();
        }
        let mark = self.next_mark;
        self.next_mark = self.next_mark.wrapping_add(1);
        self.pending.push_back((mark, self.sent));
        Some(mark)
    }

    /// The far end has reached a mark. One that nobody waits for changes nothing.
    pub fn reached(&mut self, mark: u32, now: Instant) {
        let Some(place) = self.pending.iter().position(|(known, _)| *known == mark) else {
            return;
        };
        self.answers = true;
        self.played = self.pending[place].1;
        self.at = Some(now);
        self.pending.drain(..=place);
    }

    /// Everything sent so far will never be played. Marks of it are forgotten: a far end may answer
    /// them all at once.
    pub fn clear(&mut self, now: Instant) {
        self.pending.clear();
        self.played = self.sent;
        self.at = Some(now);
    }

    pub fn unheard(&self, now: Instant) -> Duration {
        Duration::from_millis((self.sent - self.estimate(now)) * FRAME_MS)
    }

    /// Frames played by now, never more than were sent.
    fn estimate(&self, now: Instant) -> u64 {
        let Some(at) = self.at else {
            return self.sent;
        };
        let since_ms = now.saturating_duration_since(at).as_millis();
        let since = u64::try_from(since_ms).unwrap_or(u64::MAX) / FRAME_MS;
        // Sound behind a mark that was not reached cannot have been played.
        let bound = match self.pending.front() {
            Some((_, frames)) if self.answers => (*frames).min(self.sent),
            _ => self.sent,
        };
        self.played
            .saturating_add(since)
            .min(bound.max(self.played))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(begin: Instant, ms: u64) -> Instant {
        begin + Duration::from_millis(ms)
    }

    #[test]
    fn a_far_end_that_plays_at_once_holds_next_to_nothing() {
        let begin = Instant::now();
        let mut far = FarBuffer::default();
        for n in 0..500 {
            let now = ms(begin, n * 20);
            if let Some(mark) = far.sent(now) {
                far.reached(mark, now);
            }
            assert!(far.unheard(now) <= Duration::from_millis(20), "{n}");
        }
    }

    #[test]
    fn a_far_end_that_is_behind_is_found_out_by_its_marks() {
        let begin = Instant::now();
        let mut far = FarBuffer::default();
        let mut echoes = VecDeque::new();
        for n in 0..200 {
            let now = ms(begin, n * 20);
            if let Some(mark) = far.sent(now) {
                echoes.push_back((ms(now, 400), mark));
            }
            while echoes.front().is_some_and(|(at, _)| *at <= now) {
                far.reached(echoes.pop_front().unwrap().1, now);
            }
            if n > 40 {
                let unheard_ms = far.unheard(now).as_millis();
                assert!((380..=440).contains(&unheard_ms), "{n}: {unheard_ms}");
            }
        }
        let now = ms(begin, 4000);
        far.clear(now);
        assert_eq!(far.unheard(now), Duration::ZERO);
        // What comes late of the cleared sound is nobody's mark.
        for (_, mark) in echoes {
            far.reached(mark, now);
        }
        assert_eq!(far.unheard(now), Duration::ZERO);
    }

    #[test]
    fn a_far_end_that_answers_no_mark_costs_no_memory() {
        let begin = Instant::now();
        let mut far = FarBuffer::default();
        for n in 0..100_000 {
            far.sent(ms(begin, n * 20));
        }
        assert!(far.pending.len() <= PENDING_MAX);
        assert!(far.unheard(ms(begin, 2_000_000)).is_zero());
    }
}
