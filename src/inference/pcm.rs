//! Sound at the models' doors: levels, resampling of whole clips, trimming, WAV as it comes out of
//! a synthesizer.
//!
//! Clips only. The media path resamples streams in `media`, without allocation.

use crate::InferenceError;
use sidetone_types::RATE_HZ;

/// Root mean square of the samples, 0..=32768.
pub fn rms(pcm: &[i16]) -> f32 {
    if pcm.is_empty() {
        return 0.0;
    }
    let sum: f64 = pcm.iter().map(|&s| f64::from(s) * f64::from(s)).sum();
    (sum / pcm.len() as f64).sqrt() as f32
}

/// Level against full scale (a square wave of ±32767 is 0), never under −96.
pub fn level_dbov(pcm: &[i16]) -> f32 {
    (20.0 * (rms(pcm) / 32768.0).max(1e-5).log10()).max(-96.0)
}

/// Converts a clip to 16 kHz; see [`resample`].
pub fn to_16k(input: &[i16], rate_hz: u32) -> Vec<i16> {
    resample(input, rate_hz, RATE_HZ)
}

/// Changes a clip's rate with a windowed-sinc filter (32 zero crossings, Hann window). Cutting off
/// at 0.45 of the lower rate keeps images and aliases more than 60 dB down.
pub fn resample(input: &[i16], from_hz: u32, to_hz: u32) -> Vec<i16> {
    if from_hz == to_hz || from_hz == 0 || to_hz == 0 || input.is_empty() {
        return input.to_vec();
    }
    let (from, to) = (f64::from(from_hz), f64::from(to_hz));
    let cut = 0.9 * (to / from).min(1.0);
    let half = (16.0 / cut).ceil() as i64;
    let taps = FilterTable::new(cut, half);
    let count = (input.len() as f64 * to / from).floor() as usize;
    (0..count)
        .map(|i| {
            let centre = i as f64 * from / to;
            let (low, high) = (
                (centre.floor() as i64 - half + 1).max(0),
                (centre.floor() as i64 + half).min(input.len() as i64 - 1),
            );
            let sum: f64 = (low..=high)
                .map(|j| f64::from(input[j as usize]) * taps.at(j as f64 - centre))
                .sum();
            sum.round().clamp(-32768.0, 32767.0) as i16
        })
        .collect()
}

/// The filter's impulse response, 256 points a sample, read with linear interpolation.
struct FilterTable {
    points: Vec<f64>,
}

impl FilterTable {
    const FINE: f64 = 256.0;

    fn new(cut: f64, half: i64) -> Self {
        let count = (half as f64 * Self::FINE) as usize + 2;
        let points = (0..count)
            .map(|i| {
                let x = i as f64 / Self::FINE;
                if x >= half as f64 {
                    return 0.0;
                }
                let phase = std::f64::consts::PI * x * cut;
                let sinc = if phase.abs() < 1e-9 {
                    1.0
                } else {
                    phase.sin() / phase
                };
                let window = 0.5 + 0.5 * (std::f64::consts::PI * x / half as f64).cos();
                cut * sinc * window
            })
            .collect();
        Self { points }
    }

    fn at(&self, distance: f64) -> f64 {
        let x = distance.abs() * Self::FINE;
        let i = x as usize;
        match self.points.get(i..i + 2) {
            Some(pair) => pair[0] + (pair[1] - pair[0]) * (x - i as f64),
            None => 0.0,
        }
    }
}

/// Reads mono or stereo 16-bit PCM WAV and gives 16 kHz mono. Lengths that a streaming writer left
/// open (0 or 2 GB, as espeak-ng writes to a pipe) are taken as "to the end".
pub fn read_wav(bytes: &[u8]) -> Result<Vec<i16>, InferenceError> {
    let bad = |reason: &str| InferenceError::backend("reading WAV", reason);
    if bytes.len() < 12 || &bytes[..4] != b"RIFF" || &bytes[8..12] != b"WAVE" {
        return Err(bad("it does not begin with RIFF/WAVE"));
    }
    let (mut at, mut format) = (12usize, None);
    while let Some(head) = bytes.get(at..at + 8) {
        let size = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
        let body = &bytes[at + 8..];
        match &head[..4] {
            b"fmt " => {
                let f = body
                    .get(..16)
                    .ok_or_else(|| bad("the format chunk is cut off"))?;
                let word = |i: usize| u16::from_le_bytes([f[i], f[i + 1]]);
                let rate = u32::from_le_bytes([f[4], f[5], f[6], f[7]]);
                if !matches!(word(0), 1 | 0xfffe) || word(14) != 16 {
                    return Err(bad("only 16-bit PCM is taken"));
                }
                if !(1..=2).contains(&word(2)) || !(8_000..=48_000).contains(&rate) {
                    return Err(bad("one or two channels at 8 to 48 kHz are taken"));
                }
                format = Some((usize::from(word(2)), rate));
            }
            b"data" => {
                let (channels, rate) =
                    format.ok_or_else(|| bad("the data come before the format"))?;
                let data = &body[..size.min(body.len())];
                let mono: Vec<i16> = data
                    .chunks_exact(2 * channels)
                    .map(|c| {
                        let sum: i32 = c
                            .chunks_exact(2)
                            .map(|b| i32::from(i16::from_le_bytes([b[0], b[1]])))
                            .sum();
                        (sum / channels as i32) as i16
                    })
                    .collect();
                return Ok(to_16k(&mono, rate));
            }
            _ => {}
        }
        at = at
            .saturating_add(8)
            .saturating_add(size)
            .saturating_add(size & 1);
    }
    Err(bad("there is no data chunk"))
}

/// Cuts leading and trailing silence, leaving `keep_ms` of it, and brings the voiced part to
/// `target_dbov` without going over full scale.
pub fn trim_and_level(pcm: &mut Vec<i16>, keep_ms: usize, target_dbov: f32) {
    const BLOCK: usize = 160;
    let loud = |block: &[i16]| level_dbov(block) > -55.0;
    let keep = keep_ms * RATE_HZ as usize / 1000;
    let first = pcm.chunks(BLOCK).position(loud);
    let last = pcm.chunks(BLOCK).rposition(loud);
    let (Some(first), Some(last)) = (first, last) else {
        pcm.clear();
        return;
    };
    let end = ((last + 1) * BLOCK + keep).min(pcm.len());
    pcm.truncate(end);
    pcm.drain(..(first * BLOCK).saturating_sub(keep));
    let voiced: Vec<i16> = pcm
        .chunks(BLOCK)
        .filter(|b| level_dbov(b) > -45.0)
        .flatten()
        .copied()
        .collect();
    let gain = 10f32.powf((target_dbov - level_dbov(&voiced)) / 20.0);
    let peak = pcm
        .iter()
        .map(|s| s.unsigned_abs())
        .max()
        .unwrap_or(1)
        .max(1);
    let gain = gain.min(32_000.0 / f32::from(peak));
    // Three milliseconds of fade at both ends: a cut in mid-wave clicks.
    let (count, fade) = (pcm.len(), 48.0f32);
    for (i, s) in pcm.iter_mut().enumerate() {
        let edge = (i.min(count - 1 - i) as f32 / fade).min(1.0);
        *s = (f32::from(*s) * gain * edge).round() as i16;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(rate: u32, hz: f64, ms: usize) -> Vec<i16> {
        (0..rate as usize * ms / 1000)
            .map(|i| {
                (8000.0 * (std::f64::consts::TAU * hz * i as f64 / f64::from(rate)).sin()) as i16
            })
            .collect()
    }

    #[test]
    fn a_tone_keeps_its_level_and_an_alias_is_gone() {
        for rate in [8_000, 22_050, 44_100] {
            let out = to_16k(&tone(rate, 1000.0, 300), rate);
            assert!((out.len() as i64 - 4800).abs() <= 2, "{rate} {}", out.len());
            assert!(
                (level_dbov(&out[800..4000]) - level_dbov(&tone(16_000, 1000.0, 300))).abs() < 0.2
            );
        }
        let alias = to_16k(&tone(44_100, 11_000.0, 300), 44_100);
        assert!(level_dbov(&alias[800..4000]) < -60.0);
    }

    #[test]
    fn broken_wav_is_refused_in_words() {
        for bytes in [
            &b""[..],
            b"RIFF",
            b"RIFF\0\0\0\0WAVE",
            b"RIFF\0\0\0\0WAVEdata\0\0\0\0",
        ] {
            assert!(read_wav(bytes).is_err());
        }
    }
}
