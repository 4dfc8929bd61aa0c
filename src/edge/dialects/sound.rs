//! From the sound of a wire to frames and back.

use bytes::{BufMut, BytesMut};
use sidetone_media::g711::{from_alaw, from_ulaw, to_alaw, to_ulaw};
use sidetone_media::resample::{RateError, Resampler};
use sidetone_media::{FRAME_SAMPLES, Pcm, RATE_HZ};
use std::collections::VecDeque;

/// Sound that waits for its moment, in samples of the house: 600 ms. What is beyond came in a burst
/// after the network stood still, and the latest of it is worth most.
const WAITING_MAX: usize = 30 * FRAME_SAMPLES;
/// How much has to wait before it is played after a silence: the unevenness of a TCP stream.
const BEGIN_AT: usize = 2 * FRAME_SAMPLES;
/// When this much was waiting all through a window it is delay and no use: it goes, down to
/// [`BEGIN_AT`].
const SLACK_MAX: usize = 4 * FRAME_SAMPLES;
/// Frames of that window.
const WINDOW_FRAMES: u32 = 50;
/// Samples over which the cut is smoothed: 5 ms.
const CUT_SAMPLES: usize = 80;
/// Wire samples that are converted at once.
const PIECE_SAMPLES: usize = 1024;

/// How a wire writes sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SoundFormat {
    /// G.711 µ-law, 8 kHz.
    Ulaw,
    /// G.711 A-law, 8 kHz.
    Alaw,
    /// 16-bit signed linear, little-endian, mono.
    Slin { rate_hz: u32 },
}

impl SoundFormat {
    pub fn rate_hz(self) -> u32 {
        match self {
            Self::Ulaw | Self::Alaw => 8000,
            Self::Slin { rate_hz } => rate_hz,
        }
    }

    pub fn bytes_per_sample(self) -> usize {
        match self {
            Self::Ulaw | Self::Alaw => 1,
            Self::Slin { .. } => 2,
        }
    }
}

/// Sound of a wire becomes the house's.
pub(crate) struct Decoder {
    format: SoundFormat,
    resampler: Option<Resampler>,
    wire: Vec<i16>,
    house: Vec<i16>,
}

impl Decoder {
    pub fn new(format: SoundFormat) -> Result<Self, RateError> {
        let resampler = resampler(format.rate_hz(), RATE_HZ)?;
        let house = resampler
            .as_ref()
            .map_or(0, |resampler| resampler.output_max(PIECE_SAMPLES));
        Ok(Self {
            format,
            wire: Vec::with_capacity(PIECE_SAMPLES),
            house: vec![0; house],
            resampler,
        })
    }

    pub fn format(&self) -> SoundFormat {
        self.format
    }

    /// Converts `bytes`, a whole number of samples, into `into`. An odd last byte is left out.
    pub fn decode(&mut self, bytes: &[u8], into: &mut Reservoir) {
        for piece in bytes.chunks(PIECE_SAMPLES * self.format.bytes_per_sample()) {
            self.wire.clear();
            match self.format {
                SoundFormat::Ulaw => self.wire.extend(piece.iter().map(|code| from_ulaw(*code))),
                SoundFormat::Alaw => self.wire.extend(piece.iter().map(|code| from_alaw(*code))),
                SoundFormat::Slin { .. } => self.wire.extend(
                    piece
                        .chunks_exact(2)
                        .map(|pair| i16::from_le_bytes([pair[0], pair[1]])),
                ),
            }
            match &mut self.resampler {
                Some(resampler) => {
                    let count = resampler.process(&self.wire, &mut self.house);
                    into.push(&self.house[..count]);
                }
                None => into.push(&self.wire),
            }
        }
    }
}

/// The house's sound becomes a wire's.
pub(crate) struct Encoder {
    format: SoundFormat,
    resampler: Option<Resampler>,
    wire: Vec<i16>,
}

impl Encoder {
    pub fn new(format: SoundFormat) -> Result<Self, RateError> {
        let resampler = resampler(RATE_HZ, format.rate_hz())?;
        let wire = resampler
            .as_ref()
            .map_or(0, |resampler| resampler.output_max(FRAME_SAMPLES));
        Ok(Self {
            format,
            wire: vec![0; wire],
            resampler,
        })
    }

    /// Bytes of one frame.
    pub fn frame_bytes(&self) -> usize {
        self.format.rate_hz() as usize / 50 * self.format.bytes_per_sample()
    }

    /// Appends one frame to `out`.
    pub fn encode(&mut self, pcm: &Pcm, out: &mut BytesMut) {
        let samples = match &mut self.resampler {
            Some(resampler) => {
                let count = resampler.process(pcm, &mut self.wire);
                &self.wire[..count]
            }
            None => pcm.as_slice(),
        };
        match self.format {
            SoundFormat::Ulaw => out.extend(samples.iter().map(|sample| to_ulaw(*sample))),
            SoundFormat::Alaw => out.extend(samples.iter().map(|sample| to_alaw(*sample))),
            SoundFormat::Slin { .. } => {
                samples.iter().for_each(|sample| out.put_i16_le(*sample));
            }
        }
    }
}

fn resampler(from_hz: u32, to_hz: u32) -> Result<Option<Resampler>, RateError> {
    (from_hz != to_hz)
        .then(|| Resampler::new(from_hz, to_hz))
        .transpose()
}

/// Sound that came and waits for its frame. Nothing allocates after it is made.
pub(crate) struct Reservoir {
    samples: VecDeque<i16>,
    playing: bool,
    /// The lowest level of this window, and frames of it so far.
    lowest: usize,
    frames: u32,
    /// Samples since the last look at the counters.
    counts: ReservoirCounts,
}

/// Samples that came, and of these those that were thrown away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ReservoirCounts {
    pub received: u64,
    pub dropped: u64,
}

impl Default for Reservoir {
    fn default() -> Self {
        Self {
            samples: VecDeque::with_capacity(WAITING_MAX),
            playing: false,
            lowest: usize::MAX,
            frames: 0,
            counts: ReservoirCounts::default(),
        }
    }
}

impl Reservoir {
    pub fn push(&mut self, sound: &[i16]) {
        self.counts.received += sound.len() as u64;
        let latest = &sound[sound.len().saturating_sub(WAITING_MAX)..];
        let over = (self.samples.len() + latest.len()).saturating_sub(WAITING_MAX);
        self.samples.drain(..over);
        self.samples.extend(latest);
        self.counts.dropped += (sound.len() - latest.len() + over) as u64;
    }

    /// The next 20 ms; silence where nothing came.
    pub fn pull(&mut self, out: &mut Pcm) {
        out.fill(0);
        if !self.playing {
            if self.samples.len() < BEGIN_AT {
                return;
            }
            self.playing = true;
            self.restart_window();
        }
        let count = self.samples.len().min(FRAME_SAMPLES);
        for (place, sample) in out.iter_mut().zip(self.samples.drain(..count)) {
            *place = sample;
        }
        self.playing = count == FRAME_SAMPLES;
        self.lowest = self.lowest.min(self.samples.len());
        self.frames += 1;
        if self.frames == WINDOW_FRAMES {
            if self.lowest > SLACK_MAX {
                self.cut(self.lowest - BEGIN_AT);
            }
            self.restart_window();
        }
    }

    /// What happened since the last call.
    pub fn take_counts(&mut self) -> ReservoirCounts {
        std::mem::take(&mut self.counts)
    }

    /// Takes out the oldest `count` samples and lets the sound before slide into the sound after.
    fn cut(&mut self, count: usize) {
        for n in 0..CUT_SAMPLES.min(self.samples.len().saturating_sub(count)) {
            let (before, after) = (
                i32::from(self.samples[n]),
                i32::from(self.samples[n + count]),
            );
            let mixed = (before * (CUT_SAMPLES - n) as i32 + after * n as i32) / CUT_SAMPLES as i32;
            self.samples[n + count] = mixed as i16;
        }
        self.samples.drain(..count.min(self.samples.len()));
        self.counts.dropped += count as u64;
    }

    fn restart_window(&mut self) {
        self.lowest = usize::MAX;
        self.frames = 0;
    }
}

/// How unevenly messages come (RFC 3550 section 6.4.1, with the length of the sound as its clock).
#[derive(Debug, Default)]
pub(crate) struct Unevenness {
    last_us: Option<u64>,
    /// Sixteenths of a microsecond.
    jitter_16us: u64,
}

impl Unevenness {
    /// A message with `sound_us` of sound came at `now_us`.
    pub fn came(&mut self, now_us: u64, sound_us: u64) {
        if let Some(last_us) = self.last_us {
            let deviation = now_us.saturating_sub(last_us).abs_diff(sound_us);
            // A pause of the far end is no unevenness of the network.
            if deviation < 5_000_000 {
                self.jitter_16us += deviation;
                self.jitter_16us -= self.jitter_16us / 16;
            }
        }
        self.last_us = Some(now_us);
    }

    pub fn jitter_ms(&self) -> u32 {
        (self.jitter_16us / 16 / 1000) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sidetone_media::level_dbov;
    use sidetone_media::tones::Oscillator;

    fn round_trip(format: SoundFormat) -> f32 {
        let (mut encoder, mut decoder) =
            (Encoder::new(format).unwrap(), Decoder::new(format).unwrap());
        let (mut reservoir, mut tone) = (Reservoir::default(), Oscillator::new(440.0, -20.0));
        let mut heard = Vec::new();
        for _ in 0..100 {
            let (mut pcm, mut bytes) = ([0; FRAME_SAMPLES], BytesMut::new());
            tone.fill(&mut pcm);
            encoder.encode(&pcm, &mut bytes);
            assert_eq!(bytes.len(), encoder.frame_bytes(), "{format:?}");
            decoder.decode(&bytes, &mut reservoir);
            reservoir.pull(&mut pcm);
            heard.extend_from_slice(&pcm);
        }
        level_dbov(&heard[10 * FRAME_SAMPLES..])
    }

    #[test]
    fn every_format_carries_a_tone_there_and_back() {
        let rates = [
            8000, 12_000, 16_000, 24_000, 32_000, 44_100, 48_000, 96_000, 192_000,
        ];
        let linear = rates.map(|rate_hz| SoundFormat::Slin { rate_hz });
        for format in linear
            .into_iter()
            .chain([SoundFormat::Ulaw, SoundFormat::Alaw])
        {
            let level = round_trip(format);
            assert!((level + 20.0).abs() < 0.5, "{format:?}: {level}");
        }
    }

    #[test]
    fn a_burst_is_bounded_and_its_delay_goes_away() {
        let mut reservoir = Reservoir::default();
        let mut pcm = [0; FRAME_SAMPLES];
        reservoir.push(&vec![1000; 10 * 16_000]);
        assert_eq!(reservoir.samples.len(), WAITING_MAX);
        assert_eq!(
            reservoir.take_counts().dropped,
            (10 * 16_000 - WAITING_MAX) as u64
        );
        for _ in 0..2 * WINDOW_FRAMES {
            reservoir.pull(&mut pcm);
            assert_eq!(pcm, [1000; FRAME_SAMPLES]);
            reservoir.push(&[1000; FRAME_SAMPLES]);
        }
        assert!(
            reservoir.samples.len() <= SLACK_MAX,
            "{}",
            reservoir.samples.len()
        );
    }

    #[test]
    fn a_gap_is_silence_and_sound_begins_again_with_a_little_in_hand() {
        let mut reservoir = Reservoir::default();
        let mut pcm = [7; FRAME_SAMPLES];
        reservoir.push(&[1000; FRAME_SAMPLES]);
        reservoir.pull(&mut pcm);
        assert_eq!(pcm, [0; FRAME_SAMPLES]);
        reservoir.push(&[1000; FRAME_SAMPLES + 100]);
        reservoir.pull(&mut pcm);
        reservoir.pull(&mut pcm);
        assert_eq!(pcm, [1000; FRAME_SAMPLES]);
        reservoir.pull(&mut pcm);
        assert_eq!((pcm[99], pcm[100]), (1000, 0));
        reservoir.push(&[1000; FRAME_SAMPLES]);
        reservoir.pull(&mut pcm);
        assert_eq!(pcm, [0; FRAME_SAMPLES]);
    }

    #[test]
    fn unevenness_is_measured() {
        let (mut even, mut uneven) = (Unevenness::default(), Unevenness::default());
        for n in 0..200 {
            even.came(n * 20_000, 20_000);
            uneven.came(n * 20_000 + (n % 2) * 10_000, 20_000);
        }
        assert_eq!(even.jitter_ms(), 0);
        assert!(
            (8..=10).contains(&uneven.jitter_ms()),
            "{}",
            uneven.jitter_ms()
        );
    }
}
