//! Changing the sample rate: a polyphase windowed-sinc filter.
//!
//! For a ratio of L/M the filter is computed at L phases, and every output sample is one dot product
//! of the phase that falls on it with the last inputs (Crochiere and Rabiner, Multirate Digital
//! Signal Processing, chapter 3). The window is Kaiser's with β = 8 (about 80 dB in the stop band);
//! the pass band reaches 0.92 of the lower of the two Nyquist frequencies. The delay is 16 samples
//! of the lower rate: 2 ms at 8 kHz, 1 ms at 16 kHz.

/// Zero crossings of the sinc on each side.
const HALF_WIDTH: usize = 16;
const KAISER_BETA: f64 = 8.0;
const PASS_BAND: f64 = 0.92;
/// More phases than this would be a table of megabytes; no rate in use comes near.
const PHASES_MAX: u32 = 2000;

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "sound cannot be changed from {from_hz} Hz to {to_hz} Hz: convert it to 8, 16, 44.1 or 48 kHz first"
)]
pub struct RateError {
    pub from_hz: u32,
    pub to_hz: u32,
}

/// A streaming converter. What it returns does not depend on how the input is cut into pieces.
#[derive(Clone, Debug)]
pub struct Resampler {
    up: usize,
    down: usize,
    taps: usize,
    /// `up` filters of `taps` coefficients, newest sample first.
    filters: Vec<f32>,
    /// The last `taps` inputs, twice, so that any window of them is one slice.
    history: Vec<f32>,
    at: usize,
    /// Position of the next output after the newest input, in 1/`up` of an input sample.
    phase: usize,
}

impl Resampler {
    pub fn new(from_hz: u32, to_hz: u32) -> Result<Self, RateError> {
        let divisor = gcd(from_hz, to_hz);
        let error = RateError { from_hz, to_hz };
        if divisor == 0 || from_hz == 0 || to_hz == 0 || from_hz > 768_000 || to_hz > 768_000 {
            return Err(error);
        }
        let (up, down) = (to_hz / divisor, from_hz / divisor);
        let widening = (f64::from(down) / f64::from(up)).max(1.0);
        if up > PHASES_MAX || widening > 50.0 {
            return Err(error);
        }
        let taps = (2.0 * HALF_WIDTH as f64 * widening).ceil() as usize;
        let mut new = Self {
            up: up as usize,
            down: down as usize,
            taps,
            filters: Vec::with_capacity(up as usize * taps),
            history: vec![0.0; 2 * taps],
            at: 0,
            phase: 0,
        };
        for phase in 0..new.up {
            new.add_filter(phase as f64 / f64::from(up), 1.0 / widening);
        }
        Ok(new)
    }

    /// One phase: output `offset` of an input sample after the newest input.
    fn add_filter(&mut self, offset: f64, cutoff: f64) {
        let centre = (self.taps as f64 - 1.0) / 2.0;
        let begin = self.filters.len();
        for tap in 0..self.taps {
            let t = tap as f64 + offset - centre;
            let x = t * cutoff * PASS_BAND;
            let sinc = if x.abs() < 1e-9 {
                1.0
            } else {
                (std::f64::consts::PI * x).sin() / (std::f64::consts::PI * x)
            };
            let edge = (t / (self.taps as f64 / 2.0)).clamp(-1.0, 1.0);
            let window =
                bessel_i0(KAISER_BETA * (1.0 - edge * edge).sqrt()) / bessel_i0(KAISER_BETA);
            self.filters.push((sinc * window) as f32);
        }
        // Each phase passes a constant unchanged, so that no phase is louder than another.
        let sum: f32 = self.filters[begin..].iter().sum();
        self.filters[begin..].iter_mut().for_each(|tap| *tap /= sum);
    }

    /// The most samples that `input` samples can give.
    pub fn output_max(&self, input: usize) -> usize {
        (input * self.up).div_ceil(self.down) + 1
    }

    /// Converts `input` into the start of `output` and returns how many samples were written. The
    /// output must have room for [`Self::output_max`]; what does not fit is left out.
    pub fn process(&mut self, input: &[i16], output: &mut [i16]) -> usize {
        let mut written = 0;
        for &sample in input {
            self.push(f32::from(sample));
            while self.phase < self.up {
                if let Some(place) = output.get_mut(written) {
                    *place = self.output().round() as i16;
                    written += 1;
                }
                self.phase += self.down;
            }
            self.phase -= self.up;
        }
        written
    }

    fn push(&mut self, sample: f32) {
        self.at = if self.at == 0 {
            self.taps - 1
        } else {
            self.at - 1
        };
        self.history[self.at] = sample;
        self.history[self.at + self.taps] = sample;
    }

    fn output(&self) -> f32 {
        let filter = &self.filters[self.phase * self.taps..][..self.taps];
        let inputs = &self.history[self.at..][..self.taps];
        filter
            .iter()
            .zip(inputs)
            .map(|(tap, sample)| tap * sample)
            .sum()
    }
}

/// Converts a whole recording, with the filter's delay taken out.
pub fn convert(samples: &[i16], from_hz: u32, to_hz: u32) -> Result<Vec<i16>, RateError> {
    if from_hz == to_hz {
        return Ok(samples.to_vec());
    }
    let mut resampler = Resampler::new(from_hz, to_hz)?;
    let wanted = (samples.len() as u64 * u64::from(to_hz) / u64::from(from_hz)) as usize;
    let delay = (resampler.taps / 2 * resampler.up) / resampler.down;
    let tail = vec![0; resampler.taps + 1];
    let mut out = vec![0; resampler.output_max(samples.len() + tail.len()) + 1];
    let body = resampler.process(samples, &mut out);
    let end = body + resampler.process(&tail, &mut out[body..]);
    out.truncate(end);
    out.drain(..delay.min(end));
    out.resize(wanted, 0);
    Ok(out)
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// The modified Bessel function of the first kind and order zero, by its power series.
fn bessel_i0(x: f64) -> f64 {
    let (mut sum, mut term) = (1.0, 1.0);
    for k in 1..60 {
        term *= (x / 2.0 / f64::from(k)).powi(2);
        sum += term;
        if term < sum * 1e-15 {
            break;
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::level::level_dbov;

    fn sine(hz: f64, rate_hz: u32, seconds: f64) -> Vec<i16> {
        let count = (seconds * f64::from(rate_hz)) as usize;
        (0..count)
            .map(|n| {
                ((n as f64 * hz / f64::from(rate_hz) * std::f64::consts::TAU).sin() * 10_000.0)
                    as i16
            })
            .collect()
    }

    /// Level of what differs from the sine of that frequency that fits best.
    fn residue_dbov(samples: &[i16], hz: f64, rate_hz: u32) -> f32 {
        let step = hz / f64::from(rate_hz) * std::f64::consts::TAU;
        let (mut s, mut c) = (0.0, 0.0);
        for (n, x) in samples.iter().enumerate() {
            s += f64::from(*x) * (n as f64 * step).sin();
            c += f64::from(*x) * (n as f64 * step).cos();
        }
        let (s, c) = (
            2.0 * s / samples.len() as f64,
            2.0 * c / samples.len() as f64,
        );
        let rest: Vec<i16> = samples
            .iter()
            .enumerate()
            .map(|(n, x)| {
                (f64::from(*x) - s * (n as f64 * step).sin() - c * (n as f64 * step).cos()) as i16
            })
            .collect();
        level_dbov(&rest)
    }

    #[test]
    fn tones_keep_level_and_purity_at_every_rate_in_use() {
        for (from, to) in [
            (8_000, 16_000),
            (16_000, 8_000),
            (48_000, 16_000),
            (16_000, 48_000),
            (44_100, 16_000),
            (22_050, 16_000),
            (11_025, 16_000),
            (96_000, 16_000),
        ] {
            for hz in [300.0, 1000.0, 3000.0] {
                let tone = sine(hz, from, 1.0);
                let out = convert(&tone, from, to).unwrap();
                assert_eq!(out.len(), to as usize);
                let middle = &out[to as usize / 10..to as usize * 9 / 10];
                assert!(
                    (level_dbov(middle) - level_dbov(&tone)).abs() < 0.1,
                    "{from}→{to} {hz}"
                );
                assert!(
                    residue_dbov(middle, hz, to) < -70.0,
                    "{from}→{to} {hz}: {}",
                    residue_dbov(middle, hz, to)
                );
            }
        }
    }

    #[test]
    fn what_does_not_fit_the_lower_rate_is_filtered_out() {
        let out = convert(&sine(5000.0, 16_000, 1.0), 16_000, 8_000).unwrap();
        assert!(
            level_dbov(&out[800..7200]) < -75.0,
            "{}",
            level_dbov(&out[800..7200])
        );
        let out = convert(&sine(11_000.0, 48_000, 1.0), 48_000, 16_000).unwrap();
        assert!(level_dbov(&out[1600..14_400]) < -75.0);
    }

    #[test]
    fn frames_of_the_telephone_are_frames_of_the_house() {
        for (from, samples) in [(8_000, 160), (48_000, 960)] {
            let mut resampler = Resampler::new(from, 16_000).unwrap();
            for _ in 0..5 {
                let mut out = vec![0; resampler.output_max(samples)];
                assert_eq!(resampler.process(&vec![100; samples], &mut out), 320);
            }
        }
    }

    #[test]
    fn a_recording_is_not_shifted() {
        let mut click = vec![0i16; 8000];
        click[4000] = 20_000;
        let out = convert(&click, 8_000, 16_000).unwrap();
        let peak = (0..out.len())
            .max_by_key(|&n| i32::from(out[n]).abs())
            .unwrap();
        assert!(peak.abs_diff(8000) <= 1, "{peak}");
    }

    #[test]
    fn impossible_rates_are_refused() {
        assert!(Resampler::new(0, 16_000).is_err());
        assert!(Resampler::new(16_000, 0).is_err());
        assert!(Resampler::new(u32::MAX, 16_000).is_err());
        assert!(Resampler::new(15_999, 48_001).is_err());
    }

    proptest::proptest! {
        #[test]
        fn pieces_make_the_same_sound_as_the_whole(cuts in proptest::collection::vec(0usize..700, 1..8), seed: u32) {
            let total: usize = cuts.iter().sum();
            let input: Vec<i16> = (0..total).map(|n| (seed.wrapping_mul(n as u32 + 1) >> 17) as i16).collect();
            let mut whole = Resampler::new(44_100, 16_000).unwrap();
            let mut parts = whole.clone();
            let mut expected = vec![0; whole.output_max(total)];
            let len = whole.process(&input, &mut expected);
            expected.truncate(len);
            let (mut got, mut from) = (Vec::new(), 0);
            for cut in cuts {
                let mut out = vec![0; parts.output_max(cut)];
                let len = parts.process(&input[from..from + cut], &mut out);
                got.extend_from_slice(&out[..len]);
                from += cut;
            }
            proptest::prop_assert_eq!(got, expected);
        }
    }
}
