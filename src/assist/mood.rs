//! The mood of a call over time. The score of one turn comes from `inference`; here they add up.

use crate::view::Speaker;
use serde::Serialize;
use sidetone_types::CallTime;

/// Turns shorter than this weigh as much as this: a curt "no" counts for something.
const LENGTH_US_MIN: u64 = 500_000;

/// All scores run from −100 (angry) to 100 (delighted). `now` and `mean` are the caller's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Trend {
    /// Score of the caller's last turn.
    pub now: Option<i8>,
    /// Mean over the caller's turns, weighted by how long each was spoken.
    pub mean: Option<i8>,
    /// Every scored turn, the agents' too.
    pub points: Vec<Point>,
    #[serde(skip)]
    sum: i64,
    #[serde(skip)]
    length_us: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Point {
    pub at_us: u64,
    pub score: i8,
    pub speaker: Speaker,
}

impl Trend {
    /// Adds one turn of `length_us` spoken microseconds.
    pub fn add(&mut self, at: CallTime, score: i8, speaker: Speaker, length_us: u64) {
        let score = score.clamp(-100, 100);
        self.points.push(Point {
            at_us: at.0,
            score,
            speaker,
        });
        if speaker != Speaker::Caller {
            return;
        }
        let length_us = length_us.max(LENGTH_US_MIN);
        self.now = Some(score);
        self.sum += i64::from(score) * i64::try_from(length_us).unwrap_or(i64::MAX / 200);
        self.length_us += length_us;
        let mean = self.sum as f64 / self.length_us as f64;
        self.mean = Some(mean.round() as i8);
    }

    /// Change of the caller's mood from the first third of the call's scored turns to the last;
    /// `None` under three turns.
    pub fn drift(&self) -> Option<i16> {
        let caller = self.points.iter().filter(|p| p.speaker == Speaker::Caller);
        let scores: Vec<i16> = caller.map(|point| i16::from(point.score)).collect();
        let third = scores.len() / 3;
        let mean = |part: &[i16]| part.iter().sum::<i16>() / part.len() as i16;
        (third > 0).then(|| mean(&scores[scores.len() - third..]) - mean(&scores[..third]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_angry_turn_outweighs_a_short_friendly_one() {
        let mut trend = Trend::default();
        let at = CallTime::from_ms;
        trend.add(at(0), 40, Speaker::Caller, 1_000_000);
        trend.add(at(9_000), -80, Speaker::Caller, 7_000_000);
        trend.add(at(12_000), 90, Speaker::Agent, 60_000_000);
        assert_eq!((trend.now, trend.mean), (Some(-80), Some(-65)));
        assert_eq!(trend.points.len(), 3);
        assert_eq!(trend.drift(), None);
        trend.add(at(20_000), 20, Speaker::Caller, 100);
        assert_eq!(trend.drift(), Some(-20));
        assert_eq!(
            trend.mean,
            Some(-60),
            "a turn of no length weighs half a second"
        );
    }
}
