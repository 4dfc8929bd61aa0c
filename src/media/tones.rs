//! Sounds made here: plain tones, call progress and hold music.
//!
//! The hold music is composed in the code below and belongs to the project. Everything is at
//! −20 dBov or lower, as loud as a person speaking.

use crate::level::{gain_of_db, level_dbov};
use sidetone_types::{FRAME_SAMPLES, Lang, Pcm, RATE_HZ};
use std::f32::consts::TAU;
use std::sync::{Arc, OnceLock};

/// Level of the hold music and of call-progress tones.
pub const TONE_DBOV: f32 = -20.0;

/// One sine, continuous over frames.
#[derive(Clone, Debug)]
pub struct Oscillator {
    step: f32,
    phase: f32,
    amplitude: f32,
}

impl Oscillator {
    pub fn new(hz: f32, dbov: f32) -> Self {
        Self {
            step: hz / RATE_HZ as f32,
            phase: 0.0,
            // A sine's mean square is half its amplitude's square.
            amplitude: 32768.0 * gain_of_db(dbov) * std::f32::consts::SQRT_2,
        }
    }

    /// The next sample, not rounded.
    pub fn next_sample(&mut self) -> f32 {
        let sample = self.amplitude * (self.phase * TAU).sin();
        self.phase += self.step;
        if self.phase >= 1.0 {
            self.phase -= 1.0;
        }
        sample
    }

    pub fn fill(&mut self, pcm: &mut Pcm) {
        pcm.iter_mut()
            .for_each(|sample| *sample = self.next_sample() as i16);
    }
}

/// What is heard while the other end rings: 450 Hz, one second in five (China, GB/T 3380), or
/// 440 + 480 Hz, two seconds in six (North America, the precise tone plan).
#[derive(Clone, Debug)]
pub struct Ringback {
    low: Oscillator,
    high: Option<Oscillator>,
    on: usize,
    period: usize,
    at: usize,
}

impl Ringback {
    pub fn new(lang: Lang) -> Self {
        let second = RATE_HZ as usize;
        match lang {
            Lang::Zh => Self {
                low: Oscillator::new(450.0, TONE_DBOV),
                high: None,
                on: second,
                period: 5 * second,
                at: 0,
            },
            Lang::En => Self {
                low: Oscillator::new(440.0, TONE_DBOV - 3.0),
                high: Some(Oscillator::new(480.0, TONE_DBOV - 3.0)),
                on: 2 * second,
                period: 6 * second,
                at: 0,
            },
        }
    }

    pub fn fill(&mut self, pcm: &mut Pcm) {
        for sample in pcm.iter_mut() {
            let tone =
                self.low.next_sample() + self.high.as_mut().map_or(0.0, Oscillator::next_sample);
            // Ten milliseconds of slope at both ends: no click.
            let edge =
                self.at.min(self.on.saturating_sub(self.at)) as f32 / (RATE_HZ as f32 / 100.0);
            *sample = if self.at < self.on {
                (tone * edge.min(1.0)) as i16
            } else {
                0
            };
            self.at = (self.at + 1) % self.period;
        }
    }
}

/// Beeps: the tone before a recording or between hold announcements.
pub fn beep(hz: f32, ms: u32) -> Vec<i16> {
    let samples = (RATE_HZ * ms / 1000) as usize;
    let mut tone = Oscillator::new(hz, TONE_DBOV);
    (0..samples)
        .map(|n| {
            let edge = n.min(samples - n) as f32 / (RATE_HZ as f32 / 200.0);
            (tone.next_sample() * edge.min(1.0)) as i16
        })
        .collect()
}

/// Music on hold: a loop of 32 seconds, computed once and shared by all calls.
#[derive(Clone, Debug)]
pub struct HoldMusic {
    tune: Arc<[i16]>,
    at: usize,
}

impl HoldMusic {
    /// The first call computes the loop (a few tens of milliseconds); do it at start.
    pub fn new() -> Self {
        static TUNE: OnceLock<Arc<[i16]>> = OnceLock::new();
        Self {
            tune: TUNE.get_or_init(compose).clone(),
            at: 0,
        }
    }

    pub fn fill(&mut self, pcm: &mut Pcm) {
        for sample in pcm.iter_mut() {
            *sample = self.tune[self.at];
            self.at = (self.at + 1) % self.tune.len();
        }
    }
}

impl Default for HoldMusic {
    fn default() -> Self {
        Self::new()
    }
}

/// Beats of half a second; eight bars of eight beats.
const BEAT_SAMPLES: usize = RATE_HZ as usize / 2;
const BEATS_PER_BAR: usize = 8;

/// The chords, a bar each, as MIDI notes: root in the bass and three broken notes above. C, G, A
/// minor, E minor, F, C, F, G: a descent that comes home.
const BARS: [[u8; 4]; 8] = [
    [48, 64, 67, 72],
    [43, 62, 67, 71],
    [45, 64, 69, 72],
    [40, 64, 67, 71],
    [41, 65, 69, 72],
    [48, 64, 67, 72],
    [41, 65, 69, 72],
    [43, 62, 67, 74],
];

/// The melody, pentatonic: MIDI note and beat within the piece.
const MELODY: [(u8, usize); 26] = [
    (76, 0),
    (79, 2),
    (81, 4),
    (79, 6),
    (74, 8),
    (79, 10),
    (74, 13),
    (72, 16),
    (76, 18),
    (81, 20),
    (79, 24),
    (76, 26),
    (74, 29),
    (72, 32),
    (74, 34),
    (76, 36),
    (79, 40),
    (76, 42),
    (72, 45),
    (69, 48),
    (72, 50),
    (74, 52),
    (76, 54),
    (74, 56),
    (72, 60),
    (79, 62),
];

fn compose() -> Arc<[i16]> {
    let length = BARS.len() * BEATS_PER_BAR * BEAT_SAMPLES;
    let mut sum = vec![0f32; length];
    for (bar, chord) in BARS.iter().enumerate() {
        let begin = bar * BEATS_PER_BAR;
        pluck(&mut sum, chord[0], begin, 0.9, 3.0);
        pluck(&mut sum, chord[0], begin + 4, 0.6, 3.0);
        for beat in 0..BEATS_PER_BAR {
            // Up and down the broken chord: 1 2 3 2, twice.
            let note = chord[[1, 2, 3, 2][beat % 4]];
            pluck(&mut sum, note, begin + beat, 0.45, 1.6);
        }
    }
    for (note, beat) in MELODY {
        pluck(&mut sum, note, beat, 0.7, 2.2);
    }
    let scaled: Vec<i16> = sum.iter().map(|sample| (sample * 4000.0) as i16).collect();
    let gain = gain_of_db(TONE_DBOV - level_dbov(&scaled)) * 4000.0;
    sum.iter().map(|sample| (sample * gain) as i16).collect()
}

/// A soft plucked note: four partials, the higher the sooner gone. It rings on over the end of the
/// loop into its beginning, so that the loop has no seam.
fn pluck(sum: &mut [f32], note: u8, beat: usize, loudness: f32, seconds: f32) {
    let hz = 440.0 * ((f32::from(note) - 69.0) / 12.0).exp2();
    let samples = (seconds * RATE_HZ as f32) as usize;
    let begin = beat * BEAT_SAMPLES;
    for n in 0..samples {
        let t = n as f32 / RATE_HZ as f32;
        let attack = (t / 0.008).min(1.0);
        let release = ((seconds - t) / 0.05).min(1.0);
        let mut sample = 0.0;
        for (partial, weight) in [(1.0, 1.0), (2.0, 0.32), (3.0, 0.12), (4.0, 0.05)] {
            sample += weight * (-t * 2.2 * partial).exp() * (t * hz * partial * TAU).sin();
        }
        sum[(begin + n) % sum.len()] += loudness * attack * release * sample;
    }
}

/// Frames of a stretch of samples, the last one filled up with silence.
pub fn frames(samples: &[i16]) -> impl Iterator<Item = Pcm> + '_ {
    samples.chunks(FRAME_SAMPLES).map(|chunk| {
        let mut pcm = [0; FRAME_SAMPLES];
        pcm[..chunk.len()].copy_from_slice(chunk);
        pcm
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::level::SILENCE_DBOV;

    #[test]
    fn a_tone_has_the_level_and_frequency_asked_for() {
        let mut tone = Oscillator::new(1000.0, -20.0);
        let mut pcm = [0; FRAME_SAMPLES];
        let mut all = Vec::new();
        for _ in 0..50 {
            tone.fill(&mut pcm);
            all.extend_from_slice(&pcm);
        }
        assert!((level_dbov(&all) + 20.0).abs() < 0.05);
        let crossings = all
            .windows(2)
            .filter(|pair| pair[0] < 0 && pair[1] >= 0)
            .count();
        assert!((998..=1000).contains(&crossings), "{crossings}");
    }

    #[test]
    fn ringback_keeps_its_cadence() {
        for (lang, on, off) in [(Lang::Zh, 50, 200), (Lang::En, 100, 200)] {
            let mut ring = Ringback::new(lang);
            let levels: Vec<f32> = (0..on + off)
                .map(|_| {
                    let mut pcm = [0; FRAME_SAMPLES];
                    ring.fill(&mut pcm);
                    level_dbov(&pcm)
                })
                .collect();
            assert!(levels[1..on - 1].iter().all(|level| *level > -40.0));
            assert!(levels[on + 1..].iter().all(|level| *level == SILENCE_DBOV));
        }
    }

    #[test]
    fn hold_music_is_as_loud_as_a_person_and_never_clips_or_pauses() {
        let mut music = HoldMusic::new();
        let mut all = Vec::new();
        let mut pcm = [0; FRAME_SAMPLES];
        for _ in 0..1600 {
            music.fill(&mut pcm);
            all.extend_from_slice(&pcm);
        }
        assert!((level_dbov(&all) - TONE_DBOV).abs() < 0.1);
        assert!(all.iter().all(|s| s.unsigned_abs() < 32_000), "clipped");
        assert!(
            all.chunks(RATE_HZ as usize / 2)
                .all(|half| level_dbov(half) > -40.0),
            "a hole"
        );
        // No click where the loop begins again: the step there is one of many.
        let step = |pair: &[i16]| (i32::from(pair[1]) - i32::from(pair[0])).abs();
        let seam = step(&[all[all.len() - 1], all[0]]);
        let steepest = all.windows(2).map(step).max();
        assert!(
            Some(seam) < steepest && steepest < Some(9000),
            "{seam} {steepest:?}"
        );
    }

    #[test]
    fn the_last_frame_is_filled_up() {
        let all: Vec<Pcm> = frames(&[7; 700]).collect();
        assert_eq!(all.len(), 3);
        assert_eq!(all[2][60..], [0; 260]);
        assert_eq!(all[2][..60], [7; 60]);
    }
}
