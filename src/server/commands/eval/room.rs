//! The noise of a recording's room, carried on beyond its ends.
//!
//! Why: a clip with noise in it, put into digital silence, begins and ends with a jump that no call
//! has, and the detector hears it. The noise is white noise through the linear prediction of the
//! clip's quietest frames (autocorrelation method, Levinson-Durbin).

use sidetone_types::FRAME_SAMPLES;

const ORDER: usize = 12;

/// `count` samples of the room of a clip, 16 kHz; zeros where it is silent or too short to tell.
pub fn noise(pcm: &[i16], count: usize) -> Vec<i16> {
    let quiet = quietest(pcm);
    let mut lags = [0.0; ORDER + 1];
    for frame in &quiet {
        for (lag, sum) in lags.iter_mut().enumerate() {
            *sum += frame
                .iter()
                .zip(&frame[lag..])
                .map(|(a, b)| a * b)
                .sum::<f64>();
        }
    }
    let samples = (quiet.len() * FRAME_SAMPLES).max(1) as f64;
    if lags[0] / samples < 1.0 {
        return vec![0; count];
    }
    // A floor 40 dB down keeps a pure tone's filter from ringing for ever.
    lags[0] *= 1.0001;
    let (filter, rest) = predict(&lags);
    let spread = (rest / samples).sqrt();
    let mut random: u64 = 0x5eed;
    let mut out = Vec::with_capacity(count + FRAME_SAMPLES);
    for at in 0..count + FRAME_SAMPLES {
        let past: f64 = filter
            .iter()
            .enumerate()
            .filter_map(|(k, a)| Some(a * out.get(at.checked_sub(k + 1)?).copied().unwrap_or(0.0)))
            .sum();
        out.push(spread * normal(&mut random) - past);
    }
    // The first frame is the filter's warming up.
    out[FRAME_SAMPLES..]
        .iter()
        .map(|s| s.round() as i16)
        .collect()
}

/// The tenth of the frames with the least energy; frames of digital silence are no room.
fn quietest(pcm: &[i16]) -> Vec<Vec<f64>> {
    let mut frames: Vec<(f64, Vec<f64>)> = pcm
        .chunks_exact(FRAME_SAMPLES)
        .map(|frame| frame.iter().map(|s| f64::from(*s)).collect::<Vec<f64>>())
        .map(|frame| (frame.iter().map(|s| s * s).sum(), frame))
        .collect();
    frames.sort_by(|a, b| a.0.total_cmp(&b.0));
    let count = (frames.len() / 10).max(2);
    frames
        .into_iter()
        .take(count)
        .map(|(_, frame)| frame)
        .collect()
}

/// Levinson-Durbin: the filter, and the energy that it does not explain.
fn predict(lags: &[f64; ORDER + 1]) -> ([f64; ORDER], f64) {
    let (mut filter, mut rest) = ([0.0; ORDER], lags[0]);
    for i in 0..ORDER {
        let explained: f64 = (0..i).map(|k| filter[k] * lags[i - k]).sum();
        let reflection = -(lags[i + 1] + explained) / rest;
        let before = filter;
        for k in 0..i {
            filter[k] += reflection * before[i - 1 - k];
        }
        filter[i] = reflection;
        rest *= 1.0 - reflection * reflection;
    }
    (filter, rest)
}

/// About normal, variance 1: twelve uniform numbers of Marsaglia's xorshift.
fn normal(state: &mut u64) -> f64 {
    let mut uniform = || {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        (*state >> 11) as f64 / (1u64 << 53) as f64
    };
    (0..12).map(|_| uniform()).sum::<f64>() - 6.0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Noise of a known colour: each sample leans on the one before.
    fn coloured(count: usize, level: f64, lean: f64) -> Vec<i16> {
        let (mut state, mut last) = (7, 0.0);
        let mut next = || {
            last = lean * last + normal(&mut state) * level;
            last as i16
        };
        (0..count).map(|_| next()).collect()
    }

    fn energy(pcm: &[i16]) -> f64 {
        pcm.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / pcm.len() as f64
    }

    fn lean(pcm: &[i16]) -> f64 {
        let products: f64 = pcm
            .windows(2)
            .map(|w| f64::from(w[0]) * f64::from(w[1]))
            .sum();
        products / (energy(pcm) * pcm.len() as f64)
    }

    #[test]
    fn the_room_goes_on_as_loud_and_as_dull_as_it_was() {
        let mut clip = coloured(32_000, 100.0, 0.8);
        for sample in &mut clip[8_000..24_000] {
            *sample = sample.saturating_mul(40);
        }
        let room = noise(&clip, 16_000);
        let ratio = energy(&room) / energy(&clip[..8_000]);
        assert!((0.5..1.5).contains(&ratio), "level {ratio}");
        assert!((lean(&room) - 0.8).abs() < 0.1, "{}", lean(&room));
    }

    #[test]
    fn silence_stays_silent() {
        assert!(noise(&[0; 8_000], 320).iter().all(|s| *s == 0));
        assert_eq!(noise(&[], 5), vec![0; 5]);
    }
}
