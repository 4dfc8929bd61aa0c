//! Voice activity of one leg: a score per frame, and the three-step level made of it.
//!
//! The score comes from `earshot` (a small recurrent network in Rust, weights inside), which wants
//! 256 samples at a time while frames are 320: five steps fall on four frames, so the score of a
//! frame is the highest of the steps that ended in it.

use crate::linear::solve;
use crate::pcm::level_dbov;
use sidetone_types::Pcm;

/// Voice activity of one leg. One instance a leg; frames in order.
pub trait VoiceActivity: Send {
    /// Score of this frame, 0..=1000: how sure it is that somebody speaks.
    fn push(&mut self, pcm: &Pcm) -> u16;
    /// Forgets the past, for a gap in the sound.
    fn reset(&mut self);
}

/// `earshot` behind the trait. About 8 KiB a leg, no allocation per frame.
pub struct Earshot {
    detector: Box<earshot::Detector>,
    rest: [i16; 256],
    filled: usize,
    last: u16,
}

impl Default for Earshot {
    fn default() -> Self {
        Self {
            detector: Box::new(earshot::Detector::const_default()),
            rest: [0; 256],
            filled: 0,
            last: 0,
        }
    }
}

impl VoiceActivity for Earshot {
    fn push(&mut self, pcm: &Pcm) -> u16 {
        let mut best = None;
        for &sample in pcm {
            self.rest[self.filled] = sample;
            self.filled += 1;
            if self.filled == self.rest.len() {
                self.filled = 0;
                let score = (self.detector.predict_i16(&self.rest).clamp(0.0, 1.0) * 1000.0) as u16;
                best = Some(best.unwrap_or(0).max(score));
            }
        }
        self.last = best.unwrap_or(self.last);
        self.last
    }

    fn reset(&mut self) {
        self.detector.reset();
        self.filled = 0;
        self.last = 0;
    }
}

/// Thresholds of [`Level`].
#[derive(Clone, Copy, Debug)]
pub struct LevelConfig {
    /// Score from which a frame counts as speech.
    pub speech_min: u16,
    /// Score under which a frame counts as silence.
    pub silence_max: u16,
    /// Frames of speech in the last `window` that make level 2.
    pub rise_frames: u32,
    pub window: u32,
    /// Frames without speech before level 2 falls to 0.
    pub fall_frames: u32,
    /// Sound softer than this is never speech (echo, music from the other room), in dBov.
    pub floor_dbov: f32,
    /// Speech must also be this much louder than the line's own noise, in dB.
    pub over_noise_db: f32,
    /// Frames at the beginning in which nothing is taken for speech yet: a detector that has heard
    /// nothing takes the onset of line noise for a voice.
    pub warm_up_frames: u32,
    /// How far under what is being played its echo stays at least, in dB.
    pub echo_loss_db: f32,
}

impl Default for LevelConfig {
    fn default() -> Self {
        Self {
            speech_min: 500,
            silence_max: 250,
            rise_frames: 3,
            window: 5,
            fall_frames: 6,
            floor_dbov: -50.0,
            over_noise_db: 6.0,
            warm_up_frames: 25,
            echo_loss_db: 24.0,
        }
    }
}

/// Turns scores into 0 silence, 1 unsure, 2 speech, with hysteresis, and speaks only on change
/// (`CallInput::Voice`). Endpointing proper is `call`'s: this only removes flicker.
#[derive(Clone, Debug)]
pub struct Level {
    config: LevelConfig,
    now: u8,
    /// One bit a frame, newest lowest: was it speech?
    history: u32,
    quiet: u32,
    /// Frames in a row that were, and were not, at least unsure.
    maybe: u32,
    not_even: u32,
    frames: u32,
    noise: Noise,
    played_dbov: f32,
}

impl Default for Level {
    fn default() -> Self {
        Self::new(LevelConfig::default())
    }
}

impl Level {
    pub fn new(config: LevelConfig) -> Self {
        Self {
            config,
            now: 0,
            history: 0,
            quiet: 0,
            maybe: 0,
            not_even: 0,
            frames: 0,
            noise: Noise::default(),
            played_dbov: -96.0,
        }
    }

    /// The level now.
    pub fn now(&self) -> u8 {
        self.now
    }

    /// Tells the level of the frame being played on this leg, so that its echo is not taken for the
    /// caller; the last 200 ms count, since an echo comes late.
    pub fn playing(&mut self, dbov: f32) {
        self.played_dbov = dbov.max(self.played_dbov - 2.0);
    }

    /// Takes a frame and its score; gives the new level when it changed.
    pub fn push(&mut self, pcm: &Pcm, score: u16) -> Option<u8> {
        let level = level_dbov(pcm);
        let noise = self.noise.push(level);
        let loud = level > self.config.floor_dbov
            && level > noise + self.config.over_noise_db
            && level > self.played_dbov - self.config.echo_loss_db;
        self.frames = self.frames.saturating_add(1);
        let warm = self.frames > self.config.warm_up_frames;
        let unsure = score >= self.config.silence_max && loud && !is_tones(pcm);
        let speech = unsure && score >= self.config.speech_min && warm;
        self.history = (self.history << 1) | u32::from(speech);
        self.quiet = if speech { 0 } else { self.quiet + 1 };
        (self.maybe, self.not_even) = if unsure {
            (self.maybe + 1, 0)
        } else {
            (0, self.not_even + 1)
        };
        let mask = (1u32 << self.config.window.min(31)) - 1;
        let risen = (self.history & mask).count_ones() >= self.config.rise_frames;
        let next = match self.now {
            2 if self.quiet < self.config.fall_frames => 2,
            _ if risen => 2,
            _ if self.maybe >= 2 || (self.now >= 1 && self.not_even < 4) => 1,
            _ => 0,
        };
        let changed = next != self.now;
        self.now = next;
        changed.then_some(next)
    }
}

/// The line's own noise: the softest frame of the last 1.2 to 1.4 s (minimum statistics, Martin
/// 2001, without the bias term). The detector's score does not matter to it, because steady noise at
/// 15 dB under a voice scores as "perhaps" for seconds. Speech has softer frames in that time.
#[derive(Clone, Debug)]
struct Noise {
    /// Softest frame of each stretch, in dBov.
    softest: [f32; STRETCHES],
    frames: usize,
}

const STRETCHES: usize = 7;
const STRETCH_FRAMES: usize = 10;
/// Softer than this is no noise; louder than that is not only noise.
const NOISE_DBOV: std::ops::RangeInclusive<f32> = -70.0..=-30.0;

impl Default for Noise {
    fn default() -> Self {
        Self {
            softest: [*NOISE_DBOV.start(); STRETCHES],
            frames: 0,
        }
    }
}

impl Noise {
    /// Takes a frame's level; gives the noise's. Both in dBov.
    fn push(&mut self, level: f32) -> f32 {
        let stretch = self.frames / STRETCH_FRAMES % STRETCHES;
        let begins = self.frames.is_multiple_of(STRETCH_FRAMES);
        self.frames += 1;
        let softest = &mut self.softest[stretch];
        *softest = if begins { level } else { softest.min(level) };
        let noise = self.softest.iter().copied().fold(f32::INFINITY, f32::min);
        noise.clamp(*NOISE_DBOV.start(), *NOISE_DBOV.end())
    }
}

/// Whether a frame is up to three steady sines (dial tone, ringing, a key, a chord), which the
/// detector takes for a voice at first. Sines are predicted exactly from their past: six terms at
/// 8 kHz leave under 0.2 % of their energy (−38 dB of µ-law noise included), while speech leaves
/// several per cent.
fn is_tones(pcm: &Pcm) -> bool {
    const TERMS: usize = 6;
    let x: Vec8k = std::array::from_fn(|i| f64::from(pcm[2 * i]) + f64::from(pcm[2 * i + 1]));
    // How sample n − i goes with sample n − j, summed over the frame.
    let along = |i: usize, j: usize| -> f64 { (TERMS..x.len()).map(|n| x[n - i] * x[n - j]).sum() };
    let energy = along(0, 0) + 1e-9;
    let b: [f64; TERMS] = std::array::from_fn(|i| along(0, i + 1));
    // The small addition keeps the equations solvable where fewer sines leave terms free.
    let a: [[f64; TERMS]; TERMS] = std::array::from_fn(|i| {
        std::array::from_fn(|j| along(i + 1, j + 1) + if i == j { energy * 1e-7 } else { 0.0 })
    });
    let explained: f64 = solve(a, b).iter().zip(b).map(|(w, b)| w * b).sum();
    1.0 - explained / energy < 0.002
}

/// One frame at 8 kHz.
type Vec8k = [f64; sidetone_types::FRAME_SAMPLES / 2];
