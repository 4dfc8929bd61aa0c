//! Concealment of lost sound for codecs that have none of their own.
//!
//! The method of ITU-T G.711 Appendix I: the last pitch period is repeated, from 10 ms on the last
//! two and from 20 ms on the last three, so that a long gap does not buzz; after 10 ms the sound
//! fades by a fifth in every 10 ms and is gone after 60. Where packets come again, the continuation
//! is faded into them. Two things differ from the appendix: nothing is delayed (instead of blending
//! the last 3.75 ms before the gap, the step at its start is levelled over a quarter of a period), and
//! the same is done at 16 kHz for G.722.

use std::iter::zip;

/// Lags that are looked at, in units of 1/8 ms: 5 to 15 ms, voices of 66 to 200 Hz and the multiples
/// of higher ones.
const LAG_MIN: usize = 40;
const LAG_MAX: usize = 120;
/// What is compared: 20 ms.
const WINDOW: usize = 160;
/// Three of the longest periods and a quarter to blend with.
const HISTORY: usize = 3 * LAG_MAX + LAG_MAX / 4;
/// 10 ms, in which the fade and the number of periods change.
const STEP: usize = 80;
/// Steps until nothing is left.
const STEPS_MAX: usize = 6;

/// One stream of sound that may have gaps.
#[derive(Clone, Debug)]
pub struct Concealer {
    /// Samples of 1/8 ms: 1 at 8 kHz, 2 at 16 kHz.
    unit: usize,
    /// The last sound heard or concealed, newest last.
    history: Vec<i16>,
    /// The gap's material: what was last heard when it began.
    before: Vec<i16>,
    lag: usize,
    /// The step between the last sample heard and its image one period before.
    offset: f32,
    /// Samples concealed since sound was last heard.
    gap: usize,
}

impl Concealer {
    /// `rate_hz` is 8,000 or a multiple.
    pub fn new(rate_hz: u32) -> Self {
        let unit = (rate_hz as usize / 8_000).max(1);
        Self {
            unit,
            history: vec![0; HISTORY * unit],
            before: vec![0; HISTORY * unit],
            lag: LAG_MIN * unit,
            offset: 0.0,
            gap: 0,
        }
    }

    /// Sound that arrived. Its start is changed where it ends a gap.
    pub fn heard(&mut self, pcm: &mut [i16]) {
        if self.gap > 0 {
            let steps = self.gap / (STEP * self.unit);
            // A quarter of a period, 4 ms more for every 10 ms of the gap after the first, 10 at most.
            let blend = (self.lag / 4 + 32 * self.unit * steps.saturating_sub(1))
                .min(STEP * self.unit)
                .min(pcm.len());
            for (n, sample) in pcm[..blend].iter_mut().enumerate() {
                let weight = (n + 1) as f32 / (blend + 1) as f32;
                let continued = self.continued(self.gap + n);
                *sample = (continued * (1.0 - weight) + f32::from(*sample) * weight) as i16;
            }
            self.gap = 0;
        }
        self.remember(pcm);
    }

    /// Sound for a gap.
    pub fn conceal(&mut self, out: &mut [i16]) {
        if self.gap == 0 {
            self.begin();
        }
        for (n, sample) in out.iter_mut().enumerate() {
            *sample = self.continued(self.gap + n) as i16;
        }
        self.gap += out.len();
        self.remember(out);
    }

    fn remember(&mut self, pcm: &[i16]) {
        let newest = &pcm[pcm.len().saturating_sub(self.history.len())..];
        let kept = self.history.len() - newest.len();
        self.history.copy_within(newest.len().., 0);
        self.history[kept..].copy_from_slice(newest);
    }

    fn begin(&mut self) {
        self.before.copy_from_slice(&self.history);
        self.lag = self.pitch();
        let end = self.before.len();
        self.offset = f32::from(self.before[end - 1]) - f32::from(self.before[end - 1 - self.lag]);
    }

    /// The lag at which the last 20 ms are most like what was before them.
    fn pitch(&self) -> usize {
        let window = WINDOW * self.unit;
        let end = self.before.len();
        let newest = &self.before[end - window..];
        let likeness = |lag: usize| {
            let older = &self.before[end - window - lag..end - lag];
            let (mut both, mut energy) = (0f32, 1f32);
            // Every other sample is enough to find the place.
            for (a, b) in zip(newest, older).step_by(2) {
                both += f32::from(*a) * f32::from(*b);
                energy += f32::from(*b) * f32::from(*b);
            }
            both / energy.sqrt()
        };
        (LAG_MIN * self.unit..=LAG_MAX * self.unit)
            .max_by(|&a, &b| likeness(a).total_cmp(&likeness(b)))
            .unwrap_or(LAG_MIN * self.unit)
    }

    /// Sample `at` of the gap's continuation, faded.
    fn continued(&self, at: usize) -> f32 {
        let step = STEP * self.unit;
        let gain = if at < step {
            1.0
        } else {
            1.0 - (at - step) as f32 / ((STEPS_MAX - 1) * step) as f32
        };
        if gain <= 0.0 {
            return 0.0;
        }
        let quarter = self.lag / 4;
        let periods = (at / step + 1).min(3);
        let mut sample = self.repeated(at, periods);
        // More periods from here on: the two are blended for a quarter of one.
        let since = at - (periods - 1) * step;
        if periods > 1 && since < quarter && at < 3 * step {
            let weight = since as f32 / quarter as f32;
            sample = self.repeated(at, periods - 1) * (1.0 - weight) + sample * weight;
        }
        if at < quarter {
            sample += self.offset * (1.0 - (at + 1) as f32 / (quarter + 1) as f32);
        }
        (sample * gain).clamp(f32::from(i16::MIN), f32::from(i16::MAX))
    }

    /// Sample `at` of the last `periods` periods, repeated. The end of each round is blended into
    /// what led up to its start.
    fn repeated(&self, at: usize, periods: usize) -> f32 {
        let length = periods * self.lag;
        let begin = self.before.len() - length;
        let place = at % length;
        let sample = f32::from(self.before[begin + place]);
        let quarter = self.lag / 4;
        let Some(into) = place.checked_sub(length - quarter) else {
            return sample;
        };
        let weight = (into + 1) as f32 / (quarter + 1) as f32;
        let earlier = f32::from(self.before[begin - quarter + into]);
        sample * (1.0 - weight) + earlier * weight
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::level::level_dbov;

    /// A voice-like sound: harmonics of a pitch.
    fn voice(pitch_hz: f32, rate_hz: u32, samples: usize) -> Vec<i16> {
        (0..samples)
            .map(|n| {
                let t = n as f32 / rate_hz as f32;
                (1..8)
                    .map(|h| {
                        let h = h as f32;
                        (std::f32::consts::TAU * pitch_hz * h * t).sin() * 3000.0 / h
                    })
                    .sum::<f32>() as i16
            })
            .collect()
    }

    fn error_db(sound: &[i16], other: &[i16]) -> f32 {
        let difference: Vec<i16> = zip(sound, other)
            .map(|(a, b)| a.saturating_sub(*b))
            .collect();
        level_dbov(sound) - level_dbov(&difference)
    }

    #[test]
    fn a_voice_goes_on_through_a_lost_packet_at_its_own_pitch() {
        for rate_hz in [8_000u32, 16_000] {
            let frame = rate_hz as usize / 50;
            for pitch_hz in [80.0, 125.0, 160.0, 250.0] {
                let sound = voice(pitch_hz, rate_hz, frame * 10);
                let mut concealer = Concealer::new(rate_hz);
                concealer.heard(&mut sound[..frame * 5].to_vec());
                let mut gap = vec![0; frame];
                concealer.conceal(&mut gap);
                let got = error_db(&sound[frame * 5..frame * 6], &gap);
                assert!(got > 9.0, "{rate_hz} Hz, pitch {pitch_hz}: {got} dB");
                let mut next = sound[frame * 6..frame * 7].to_vec();
                concealer.heard(&mut next);
                let steepest = |pcm: &[i16]| pcm.windows(2).map(|w| w[0].abs_diff(w[1])).max();
                let whole: Vec<i16> = [&sound[..frame * 5], &gap, &next].concat();
                assert!(steepest(&whole).unwrap() < steepest(&sound).unwrap() * 3 / 2);
            }
        }
    }

    #[test]
    fn a_long_gap_fades_and_is_silent_after_sixty_ms() {
        let mut concealer = Concealer::new(8_000);
        concealer.heard(&mut voice(125.0, 8_000, 800));
        let mut levels = Vec::new();
        for _ in 0..8 {
            let mut out = vec![0; 80];
            concealer.conceal(&mut out);
            levels.push(level_dbov(&out));
        }
        assert!(
            levels[..6].windows(2).all(|w| w[1] < w[0] + 1.0),
            "{levels:?}"
        );
        assert!(
            levels[0] > -25.0 && levels[6] < -100.0 && levels[7] < -100.0,
            "{levels:?}"
        );
        // What comes then is heard from its first sample on.
        let mut onset = vec![5000i16; 160];
        concealer.heard(&mut onset);
        assert!(onset[80] == 5000 && onset[0] < 5000);
    }

    proptest::proptest! {
        #[test]
        fn any_sound_in_any_order_is_survived(parts in proptest::collection::vec((proptest::bool::ANY, 0usize..900, proptest::num::i16::ANY), 0..20)) {
            let mut concealer = Concealer::new(16_000);
            for (heard, length, value) in parts {
                let mut pcm = vec![value; length];
                if heard { concealer.heard(&mut pcm) } else { concealer.conceal(&mut pcm) }
            }
        }
    }
}
