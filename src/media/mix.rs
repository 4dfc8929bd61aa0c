//! Adding voices. Sums saturate at full scale instead of wrapping around.

use sidetone_types::Pcm;

/// Adds `other` to `into`.
pub fn add(into: &mut Pcm, other: &Pcm) {
    for (sum, sample) in into.iter_mut().zip(other) {
        *sum = sum.saturating_add(*sample);
    }
}

/// Adds `other`, made louder or softer by the factor `gain`.
pub fn add_scaled(into: &mut Pcm, other: &Pcm, gain: f32) {
    for (sum, sample) in into.iter_mut().zip(other) {
        // A float that does not fit becomes the nearest end of the range.
        *sum = sum.saturating_add((f32::from(*sample) * gain) as i16);
    }
}

/// Changes the level of a frame from the factor `from` at its start to `to` at its end, so that
/// prompts and hold music begin and stop without a click.
pub fn fade(pcm: &mut Pcm, from: f32, to: f32) {
    let step = (to - from) / pcm.len() as f32;
    let mut gain = from;
    for sample in pcm.iter_mut() {
        *sample = (f32::from(*sample) * gain) as i16;
        gain += step;
    }
}

/// The sum of all voices.
pub fn sum<'a>(voices: impl IntoIterator<Item = &'a Pcm>) -> Pcm {
    let mut wide = [0i32; sidetone_types::FRAME_SAMPLES];
    for voice in voices {
        for (sum, sample) in wide.iter_mut().zip(voice) {
            *sum += i32::from(*sample);
        }
    }
    wide.map(|sample| sample.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sidetone_types::FRAME_SAMPLES;

    #[test]
    fn sums_saturate_and_do_not_depend_on_order() {
        let (loud, quiet, minus) = (
            [30000; FRAME_SAMPLES],
            [5000; FRAME_SAMPLES],
            [-20000; FRAME_SAMPLES],
        );
        let mut pcm = loud;
        add(&mut pcm, &quiet);
        assert_eq!(pcm, [i16::MAX; FRAME_SAMPLES]);
        assert_eq!(sum([&loud, &quiet, &minus]), [15000; FRAME_SAMPLES]);
        assert_eq!(sum([&minus, &loud, &quiet]), [15000; FRAME_SAMPLES]);
        assert_eq!(sum([&minus, &minus]), [i16::MIN; FRAME_SAMPLES]);
        let mut pcm = loud;
        add_scaled(&mut pcm, &quiet, -2.0);
        assert_eq!(pcm, [20000; FRAME_SAMPLES]);
    }

    #[test]
    fn a_fade_starts_and_ends_where_it_says() {
        let mut pcm = [10000; FRAME_SAMPLES];
        fade(&mut pcm, 0.0, 1.0);
        assert_eq!(pcm[0], 0);
        assert!((pcm[FRAME_SAMPLES / 2] - 5000).abs() < 50 && pcm[FRAME_SAMPLES - 1] > 9900);
    }
}
