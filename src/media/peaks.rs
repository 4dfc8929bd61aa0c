//! The outline of a sound, for drawing it.

/// `count` values 0..=100: the loudest sample of each of `count` equal stretches, on a scale of
/// decibels from −60 dBov (0) to full scale (100), so that quiet speech is still seen.
pub fn peaks(samples: &[i16], count: usize) -> Vec<u8> {
    (0..count)
        .map(|n| {
            let (from, to) = (n * samples.len() / count, (n + 1) * samples.len() / count);
            height(loudest(&samples[from..to]))
        })
        .collect()
}

/// Outlines of a recording that is too long to hold: samples go in, and `finish` gives the outline.
#[derive(Clone, Debug)]
pub struct PeakBuilder {
    /// Loudest sample of each stretch of `stretch` samples.
    loudest: Vec<u16>,
    stretch: usize,
    in_last: usize,
}

impl Default for PeakBuilder {
    /// Stretches of 20 ms at 16 kHz; an hour is 180,000 of them.
    fn default() -> Self {
        Self {
            loudest: Vec::new(),
            stretch: sidetone_types::FRAME_SAMPLES,
            in_last: 0,
        }
    }
}

impl PeakBuilder {
    pub fn push(&mut self, samples: &[i16]) {
        for &sample in samples {
            if self.in_last == 0 {
                self.loudest.push(0);
            }
            if let Some(last) = self.loudest.last_mut() {
                *last = (*last).max(sample.unsigned_abs());
            }
            self.in_last = (self.in_last + 1) % self.stretch;
        }
    }

    /// `count` values 0..=100.
    pub fn finish(&self, count: usize) -> Vec<u8> {
        (0..count)
            .map(|n| {
                let (from, to) = (
                    n * self.loudest.len() / count,
                    (n + 1) * self.loudest.len() / count,
                );
                // Where there are fewer stretches than values, neighbours share one.
                let to = to.max(from + 1).min(self.loudest.len());
                let stretches = self.loudest.get(from..to).unwrap_or_default();
                height(stretches.iter().copied().max().unwrap_or(0))
            })
            .collect()
    }
}

fn loudest(samples: &[i16]) -> u16 {
    samples
        .iter()
        .map(|sample| sample.unsigned_abs())
        .max()
        .unwrap_or(0)
}

fn height(sample: u16) -> u8 {
    if sample == 0 {
        return 0;
    }
    let db = 20.0 * (f32::from(sample) / 32768.0).log10();
    ((db + 60.0) / 60.0 * 100.0).clamp(0.0, 100.0) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outline_shows_where_the_sound_is() {
        let mut samples = vec![0i16; 16_000];
        samples[8000..12_000].fill(16_384);
        let outline = peaks(&samples, 8);
        assert_eq!(outline, [0, 0, 0, 0, 89, 89, 0, 0]);
        let mut builder = PeakBuilder::default();
        samples.chunks(320).for_each(|chunk| builder.push(chunk));
        assert_eq!(builder.finish(10), [0, 0, 0, 0, 0, 89, 89, 89, 0, 0]);
    }

    #[test]
    fn short_and_empty_sounds_have_outlines_too() {
        assert_eq!(peaks(&[], 3), [0, 0, 0]);
        assert_eq!(peaks(&[i16::MIN], 2), [0, 100]);
        assert_eq!(PeakBuilder::default().finish(4), [0; 4]);
        let mut builder = PeakBuilder::default();
        builder.push(&[i16::MAX; 640]);
        assert_eq!(builder.finish(5), [99; 5]);
        assert!(peaks(&[1; 10], 0).is_empty());
    }
}
