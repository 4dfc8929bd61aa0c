//! A call's sound as its caller had it: own sound left, what was heard right; and the time to a reply
//! measured on it.

use crate::recorded::VOICED_DBOV;
use sidetone_media::{FRAME_MS, Pcm, SILENCE, level_dbov};
use sidetone_types::RATE_HZ;
use std::io::{Seek, Write};

/// Resolution of the measurement.
const STEP_MS: u64 = 10;
const STEP_SAMPLES: usize = (RATE_HZ as u64 * STEP_MS / 1000) as usize;
/// Speech over which there has not been so much silence goes on.
const GAP_MS: u64 = 200;
/// A reply later than this is none.
const REPLY_MS_MAX: u64 = 15_000;

/// Both channels, of the same length, 16 kHz.
#[derive(Clone, Debug, Default)]
pub struct TwoTrack {
    own: Vec<i16>,
    heard: Vec<i16>,
}

/// How a turn was answered, on the sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered {
    /// End of the caller's last voiced stretch of 10 ms.
    pub spoke_to_ms: u64,
    /// From there to the first voiced stretch of what was heard. `None`: no reply came, or the
    /// assistant was speaking over the end of the turn, so that no beginning can be told.
    pub reply_ms: Option<u64>,
}

impl TwoTrack {
    /// 20 ms of both sides. `missed` frames of the far end are put in as silence before it, so that
    /// the right channel keeps its clock.
    pub fn push(&mut self, own: &Pcm, heard: &Pcm, missed: u32) {
        for _ in 0..missed {
            self.own.extend_from_slice(&SILENCE);
            self.heard.extend_from_slice(&SILENCE);
        }
        self.own.extend_from_slice(own);
        self.heard.extend_from_slice(heard);
    }

    pub fn now_ms(&self) -> u64 {
        self.own.len() as u64 / (u64::from(RATE_HZ) * FRAME_MS / 1000) * FRAME_MS
    }

    /// Whether anything at all was heard of the far end.
    pub fn heard_anything(&self) -> bool {
        voiced(&self.heard).contains(&true)
    }

    /// How the turn that was played from `from_ms` to `to_ms` was answered. `until_ms` is where the
    /// caller's next turn begins. `None` where nothing voiced was said.
    pub fn answered(&self, from_ms: u64, to_ms: u64, until_ms: u64) -> Option<Answered> {
        let own = voiced(
            self.own
                .get(samples(from_ms)..samples(to_ms).min(self.own.len()))?,
        );
        let last = own.iter().rposition(|voiced| *voiced)?;
        let spoke_to_ms = from_ms + (last as u64 + 1) * STEP_MS;
        Some(Answered {
            spoke_to_ms,
            reply_ms: self.reply(spoke_to_ms, until_ms.min(spoke_to_ms + REPLY_MS_MAX)),
        })
    }

    fn reply(&self, spoke_to_ms: u64, until_ms: u64) -> Option<u64> {
        let before = spoke_to_ms.saturating_sub(GAP_MS);
        let until = samples(until_ms).min(self.heard.len());
        let heard = voiced(self.heard.get(samples(before)..until)?);
        let quiet_steps = ((spoke_to_ms - before) / STEP_MS) as usize;
        if heard.iter().take(quiet_steps).any(|voiced| *voiced) {
            return None;
        }
        let first = heard.iter().skip(quiet_steps).position(|voiced| *voiced)?;
        Some(first as u64 * STEP_MS)
    }

    pub fn write(&self, to: impl Write + Seek) -> std::io::Result<()> {
        let mut file = sidetone_media::wav::WavWriter::new(to, 2, RATE_HZ)?;
        file.push_pair(&self.own, &self.heard)?;
        file.finish()?.flush()
    }
}

fn samples(ms: u64) -> usize {
    (ms * u64::from(RATE_HZ) / 1000) as usize
}

/// Whether each stretch of 10 ms is voiced.
fn voiced(pcm: &[i16]) -> Vec<bool> {
    pcm.chunks(STEP_SAMPLES)
        .map(|step| level_dbov(step) >= VOICED_DBOV)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `#` is a voiced frame of 20 ms, anything else a silent one.
    fn track(own: &str, heard: &str) -> TwoTrack {
        let pcm = |c: char| [if c == '#' { 3000 } else { 0 }; 320];
        let mut track = TwoTrack::default();
        for (own, heard) in own.chars().zip(heard.chars()) {
            track.push(&pcm(own), &pcm(heard), 0);
        }
        track
    }

    #[test]
    fn from_the_last_voiced_frame_to_the_first() {
        let track = track(
            "....................###.##..........................",
            "#####.....................................#####.....",
        );
        assert_eq!(
            track.answered(400, 600, 2000),
            Some(Answered {
                spoke_to_ms: 520,
                reply_ms: Some(320)
            })
        );
        assert_eq!(
            track.answered(400, 600, 700).and_then(|a| a.reply_ms),
            None,
            "the next turn came first"
        );
        assert_eq!(track.answered(0, 300, 2000), None, "nothing was said");
    }

    #[test]
    fn a_prompt_that_runs_over_the_end_has_no_beginning() {
        let track = track(
            "..........#####.............................",
            "..........##################........#####...",
        );
        assert_eq!(
            track.answered(200, 300, 2000),
            Some(Answered {
                spoke_to_ms: 300,
                reply_ms: None
            })
        );
    }

    #[test]
    fn what_the_wire_lost_keeps_its_time() {
        let mut track = track("##", "..");
        track.push(&SILENCE, &[3000; 320], 3);
        assert_eq!(track.now_ms(), 120);
        assert_eq!(track.answered(0, 40, 500).unwrap().reply_ms, Some(60));
    }

    #[test]
    fn the_file_has_both_sides() {
        let mut file = std::io::Cursor::new(Vec::new());
        track("#.", ".#").write(&mut file).unwrap();
        let read = sidetone_media::wav::read(file.get_ref()).unwrap();
        assert_eq!(read.channels.len(), 2);
        assert_eq!((read.channels[0][0], read.channels[0][400]), (3000, 0));
        assert_eq!((read.channels[1][0], read.channels[1][400]), (0, 3000));
    }
}
