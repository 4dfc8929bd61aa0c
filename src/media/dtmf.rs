//! Keypad tones in the sound itself (ITU-T Q.23 and Q.24), for wires without telephone-event.
//!
//! The receiver looks at 20 ms every 10 ms through Goertzel filters at the eight frequencies. A key
//! is two tones that hold most of the energy of the window, one of each group, neither much louder
//! than the other; it counts when two windows in a row agree and again only after a gap. So a tone
//! of 40 ms is always found, and speech and music are not taken for keys.

use crate::event::event_of;
use crate::level::gain_of_db;
use crate::tones::Oscillator;
use sidetone_types::{FRAME_SAMPLES, Pcm, RATE_HZ};
use std::f32::consts::TAU;

const ROWS_HZ: [f32; 4] = [697.0, 770.0, 852.0, 941.0];
const COLUMNS_HZ: [f32; 4] = [1209.0, 1336.0, 1477.0, 1633.0];
const KEYS: [[char; 4]; 4] = [
    ['1', '2', '3', 'A'],
    ['4', '5', '6', 'B'],
    ['7', '8', '9', 'C'],
    ['*', '0', '#', 'D'],
];

const HOP: usize = FRAME_SAMPLES / 2;
/// The two tones' share of the window's energy; a clean key has nearly all of it.
const SHARE_MIN: f32 = 0.75;
/// How much louder than the others of its group a tone must be, as a ratio of energies (6 dB).
const LEAD_MIN: f32 = 4.0;
/// Twist allowed by Q.24: the high tone up to 4 dB louder, the low one up to 8 dB.
const HIGH_OVER_LOW_DB: f32 = 4.5;
const LOW_OVER_HIGH_DB: f32 = 8.5;
/// The faintest key, both tones together.
const FAINTEST_DBOV: f32 = -42.0;
/// Windows without the key before the same key counts again (30 ms).
const GAP_HOPS: u8 = 3;

/// Goertzel's recursion at one frequency: energy of that frequency in a window.
fn energy_at(window: &[i16; FRAME_SAMPLES], hz: f32) -> f32 {
    let twice_cos = 2.0 * (hz / RATE_HZ as f32 * TAU).cos();
    let (mut last, mut before) = (0f32, 0f32);
    for &sample in window {
        let next = f32::from(sample) + twice_cos * last - before;
        before = last;
        last = next;
    }
    last * last + before * before - twice_cos * last * before
}

/// Finds keys in one stream of frames.
#[derive(Clone, Debug)]
pub struct DtmfDetector {
    window: [i16; FRAME_SAMPLES],
    last: Option<char>,
    reported: Option<char>,
    absent: u8,
}

impl Default for DtmfDetector {
    fn default() -> Self {
        Self {
            window: [0; FRAME_SAMPLES],
            last: None,
            reported: None,
            absent: 0,
        }
    }
}

impl DtmfDetector {
    /// Takes the next frame; a key is reported once, 30 to 50 ms after its start.
    pub fn push(&mut self, pcm: &Pcm) -> Option<char> {
        let mut found = None;
        for half in pcm.chunks_exact(HOP) {
            self.window.copy_within(HOP.., 0);
            self.window[HOP..].copy_from_slice(half);
            let key = key_in(&self.window);
            found = found.or(self.decide(key));
        }
        found
    }

    /// Whether a key is being held down now.
    pub fn held(&self) -> Option<char> {
        self.reported
    }

    fn decide(&mut self, key: Option<char>) -> Option<char> {
        let agreed = key.filter(|_| key == self.last);
        self.last = key;
        if self.reported.is_some() && key != self.reported {
            self.absent += 1;
            if self.absent >= GAP_HOPS || agreed.is_some() {
                self.reported = None;
            }
        }
        if key == self.reported {
            self.absent = 0;
        }
        if agreed.is_some() && self.reported.is_none() {
            self.reported = agreed;
            self.absent = 0;
            return agreed;
        }
        None
    }
}

fn key_in(window: &[i16; FRAME_SAMPLES]) -> Option<char> {
    let total: f32 = window.iter().map(|&s| f32::from(s) * f32::from(s)).sum();
    let faintest = (32768.0 * gain_of_db(FAINTEST_DBOV)).powi(2) * FRAME_SAMPLES as f32;
    if total < faintest {
        return None;
    }
    let (row, low) = strongest(window, &ROWS_HZ)?;
    let (column, high) = strongest(window, &COLUMNS_HZ)?;
    // A sine of energy E in N samples measures E·N/2 at its own frequency.
    let share = (low + high) * 2.0 / (FRAME_SAMPLES as f32 * total);
    let twist_db = 10.0 * (high / low).log10();
    let fits = share >= SHARE_MIN && (-LOW_OVER_HIGH_DB..=HIGH_OVER_LOW_DB).contains(&twist_db);
    fits.then(|| KEYS[row][column])
}

/// The strongest of a group and its energy, if it leads the others clearly.
fn strongest(window: &[i16; FRAME_SAMPLES], group: &[f32; 4]) -> Option<(usize, f32)> {
    let energies = group.map(|hz| energy_at(window, hz));
    let best = (0..4).max_by(|&a, &b| energies[a].total_cmp(&energies[b]))?;
    let leads = (0..4).all(|n| n == best || energies[best] >= LEAD_MIN * energies[n]);
    (leads && energies[best] > 0.0).then_some((best, energies[best]))
}

/// The sound of one key: 100 ms of two tones, then 60 ms of silence.
#[derive(Clone, Debug)]
pub struct DtmfTone {
    low: Oscillator,
    high: Oscillator,
    frames_left: u8,
}

impl DtmfTone {
    const TONE_FRAMES: u8 = 5;
    const GAP_FRAMES: u8 = 3;

    /// `dbov` is the level of both tones together. `None`: not a key.
    pub fn new(key: char, dbov: f32) -> Option<Self> {
        event_of(key)?;
        let key = key.to_ascii_uppercase();
        let row = KEYS.iter().position(|row| row.contains(&key))?;
        let column = KEYS[row].iter().position(|k| *k == key)?;
        Some(Self {
            low: Oscillator::new(ROWS_HZ[row], dbov - 3.0),
            high: Oscillator::new(COLUMNS_HZ[column], dbov - 3.0),
            frames_left: Self::TONE_FRAMES + Self::GAP_FRAMES,
        })
    }

    /// Fills the next frame; false when the key and its gap are over.
    pub fn fill(&mut self, pcm: &mut Pcm) -> bool {
        let Some(left) = self.frames_left.checked_sub(1) else {
            return false;
        };
        self.frames_left = left;
        for sample in pcm.iter_mut() {
            *sample = if left >= Self::GAP_FRAMES {
                (self.low.next_sample() + self.high.next_sample()) as i16
            } else {
                0
            };
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tones::HoldMusic;

    fn tone(low_hz: f32, high_hz: f32, low_dbov: f32, high_dbov: f32, ms: usize) -> Vec<i16> {
        let (mut low, mut high) = (
            Oscillator::new(low_hz, low_dbov),
            Oscillator::new(high_hz, high_dbov),
        );
        (0..ms * 16)
            .map(|_| (low.next_sample() + high.next_sample()) as i16)
            .collect()
    }

    fn keys_of(samples: &[i16]) -> String {
        let mut detector = DtmfDetector::default();
        crate::tones::frames(samples)
            .filter_map(|pcm| detector.push(&pcm))
            .collect()
    }

    /// `offset` moves the sound against the frames.
    fn padded(sound: &[i16], offset: usize) -> Vec<i16> {
        let mut all = vec![0; 640 + offset];
        all.extend_from_slice(sound);
        all.extend(std::iter::repeat_n(0, 1600));
        all
    }

    #[test]
    fn every_key_at_every_level_from_loud_to_faint() {
        for key in "0123456789*#ABCD".chars() {
            for dbov in [-3.5, -10.0, -20.0, -30.0, -38.0] {
                let mut sound = DtmfTone::new(key, dbov).unwrap();
                let (mut all, mut pcm) = (Vec::new(), [0; FRAME_SAMPLES]);
                while sound.fill(&mut pcm) {
                    all.extend_from_slice(&pcm);
                }
                assert_eq!(keys_of(&padded(&all, 0)), key.to_string(), "{dbov} dBov");
            }
        }
    }

    #[test]
    fn forty_ms_suffice_wherever_they_fall_and_repeats_count() {
        for offset in (0..320).step_by(31) {
            let one = padded(&tone(770.0, 1336.0, -20.0, -20.0, 40), offset);
            assert_eq!(keys_of(&one), "5", "offset {offset}");
            let twice: Vec<i16> = [one.clone(), one].concat();
            assert_eq!(keys_of(&twice), "55");
        }
        // A long key is one key.
        assert_eq!(
            keys_of(&padded(&tone(770.0, 1336.0, -20.0, -20.0, 2000), 0)),
            "5"
        );
    }

    #[test]
    fn twist_and_mistuning_within_the_standard_are_accepted_and_beyond_refused() {
        assert_eq!(
            keys_of(&padded(&tone(697.0, 1209.0, -20.0, -16.0, 80), 0)),
            "1"
        );
        assert_eq!(
            keys_of(&padded(&tone(697.0, 1209.0, -16.0, -24.0, 80), 0)),
            "1"
        );
        assert_eq!(
            keys_of(&padded(&tone(697.0, 1209.0, -26.0, -14.0, 80), 0)),
            ""
        );
        assert_eq!(
            keys_of(&padded(
                &tone(697.0 * 1.015, 1209.0 * 0.985, -20.0, -20.0, 80),
                0
            )),
            "1"
        );
        assert_eq!(
            keys_of(&padded(&tone(697.0, 1100.0, -20.0, -20.0, 80), 0)),
            ""
        );
    }

    #[test]
    fn keys_are_found_in_noise() {
        let mut seed = 3u32;
        let noisy: Vec<i16> = padded(&tone(852.0, 1477.0, -20.0, -20.0, 80), 5)
            .iter()
            .map(|sample| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                sample.saturating_add((seed >> 16) as i16 / 64)
            })
            .collect();
        assert_eq!(keys_of(&noisy), "9");
    }

    #[test]
    fn music_noise_and_single_tones_are_not_keys() {
        let mut music = HoldMusic::new();
        let mut detector = DtmfDetector::default();
        let mut pcm = [0; FRAME_SAMPLES];
        for _ in 0..1600 {
            music.fill(&mut pcm);
            assert_eq!(detector.push(&pcm), None);
        }
        let mut seed = 9u32;
        let noise: Vec<i16> = (0..160_000)
            .map(|_| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (seed >> 16) as i16 / 8
            })
            .collect();
        assert_eq!(keys_of(&noise), "");
        for hz in (300..3400).step_by(50) {
            let mut one = Oscillator::new(hz as f32, -20.0);
            let sound: Vec<i16> = (0..3200).map(|_| one.next_sample() as i16).collect();
            assert_eq!(keys_of(&sound), "", "{hz} Hz");
        }
    }
}
