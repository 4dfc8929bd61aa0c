//! Reading a recording: by samples, as the bytes of a WAV file, and as a waveform's peaks.

use super::chunk::{FULL_CHUNK_BYTES, Head, Sound};
use super::keys::Keys;
use super::{CHUNK_SAMPLES, VaultError, read_error};
use sidetone_types::{CallId, RATE_HZ};
use std::fs::File;
use std::ops::Range;
use std::path::PathBuf;

/// Bytes of the head of a WAV file.
const WAV_HEAD_BYTES: u64 = 44;
/// Bytes of one sample of both channels.
const BLOCK_BYTES: u64 = 4;

/// An open recording. Every second is checked when it is read.
pub struct Recording {
    file: File,
    path: PathBuf,
    head: Head,
    samples: u64,
    finished: bool,
    /// The second that was read last.
    cached: Option<(u64, Sound)>,
}

impl Recording {
    pub(super) fn open(
        path: PathBuf,
        call: &CallId,
        keys: &Keys,
        whole: bool,
    ) -> Result<Self, VaultError> {
        let mut file = File::open(&path).map_err(|e| read_error(&path, &e))?;
        let head = Head::read(&mut file, &path, call, keys)?;
        let bytes = file.metadata().map_err(|e| read_error(&path, &e))?.len();
        let body = bytes.saturating_sub(head.body_at);
        let mut recording = Self {
            file,
            path,
            head,
            samples: 0,
            finished: false,
            cached: None,
        };
        recording.find_end(body, whole)?;
        Ok(recording)
    }

    /// The last chunk is the full one at the very end or the short one after the full ones.
    fn find_end(&mut self, body: u64, whole: bool) -> Result<(), VaultError> {
        let full = body / FULL_CHUNK_BYTES;
        let last = if body.is_multiple_of(FULL_CHUNK_BYTES) {
            full.saturating_sub(1)
        } else {
            full
        };
        match self.head.open(&self.file, &self.path, last)? {
            Some((chunk, _)) if chunk.last => {
                let end =
                    u64::from(chunk.samples) * 2 + FULL_CHUNK_BYTES - 2 * CHUNK_SAMPLES as u64;
                if body != last * FULL_CHUNK_BYTES + end {
                    return Err(VaultError::Forged {
                        path: self.path.clone(),
                        second: last,
                    });
                }
                self.samples = last * CHUNK_SAMPLES as u64 + u64::from(chunk.samples);
                self.finished = true;
            }
            _ if whole => {
                return Err(VaultError::Truncated {
                    path: self.path.clone(),
                    seconds: full,
                });
            }
            _ => self.samples = full * CHUNK_SAMPLES as u64,
        }
        Ok(())
    }

    /// Samples of each channel.
    pub fn samples(&self) -> u64 {
        self.samples
    }

    pub fn seconds(&self) -> f64 {
        self.samples as f64 / f64::from(RATE_HZ)
    }

    /// Whether the end was marked; false for one that is still being written or was cut off.
    pub fn finished(&self) -> bool {
        self.finished
    }

    /// Samples of both channels, as many of `range` as there are.
    pub fn read(&mut self, range: Range<u64>) -> Result<(Vec<i16>, Vec<i16>), VaultError> {
        let range = range.start.min(self.samples)..range.end.min(self.samples);
        let length = usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(0);
        let (mut left, mut right) = (Vec::with_capacity(length), Vec::with_capacity(length));
        let mut at = range.start;
        while at < range.end {
            let second = at / CHUNK_SAMPLES as u64;
            let begins = second * CHUNK_SAMPLES as u64;
            let sound = self.second(second)?;
            let from = (at - begins) as usize;
            let to = usize::try_from(range.end - begins)
                .unwrap_or(usize::MAX)
                .min(sound.left.len());
            left.extend_from_slice(&sound.left[from..to]);
            right.extend_from_slice(&sound.right[from..to]);
            at = begins + to as u64;
        }
        Ok((left, right))
    }

    /// Length of the recording as a WAV file of two channels of 16 bits.
    pub fn wav_bytes(&self) -> u64 {
        WAV_HEAD_BYTES + self.samples * BLOCK_BYTES
    }

    /// A part of that WAV file, for an HTTP range. Bounds beyond the end are cut.
    pub fn read_wav(&mut self, range: Range<u64>) -> Result<Vec<u8>, VaultError> {
        let range = range.start..range.end.min(self.wav_bytes());
        let mut out =
            Vec::with_capacity(usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(0));
        if range.start >= range.end {
            return Ok(out);
        }
        let head = self.wav_head();
        let (from, to) = (
            range.start.min(WAV_HEAD_BYTES),
            range.end.min(WAV_HEAD_BYTES),
        );
        out.extend_from_slice(&head[from as usize..to as usize]);
        let body = range.start.max(WAV_HEAD_BYTES) - WAV_HEAD_BYTES
            ..range.end.max(WAV_HEAD_BYTES) - WAV_HEAD_BYTES;
        let blocks = body.start / BLOCK_BYTES..body.end.div_ceil(BLOCK_BYTES);
        let skip = (body.start - blocks.start * BLOCK_BYTES) as usize;
        let (left, right) = self.read(blocks)?;
        let bytes = left
            .iter()
            .zip(&right)
            .flat_map(|(l, r)| l.to_le_bytes().into_iter().chain(r.to_le_bytes()));
        out.extend(bytes.skip(skip).take((body.end - body.start) as usize));
        Ok(out)
    }

    /// The loudest sample of each of `n` equal stretches, 0..=100, left and right.
    pub fn peaks(&mut self, n: usize) -> Result<(Vec<u8>, Vec<u8>), VaultError> {
        let n = n.clamp(1, 10_000);
        let (mut left, mut right) = (vec![0u8; n], vec![0u8; n]);
        let total = self.samples.max(1);
        for second in 0..self.samples.div_ceil(CHUNK_SAMPLES as u64) {
            let sound = self.second(second)?;
            let begins = second * CHUNK_SAMPLES as u64;
            for (at, (l, r)) in sound.left.iter().zip(&sound.right).enumerate() {
                let bin = ((begins + at as u64) * n as u64 / total) as usize;
                let bin = bin.min(n - 1);
                left[bin] = left[bin].max(percent(*l));
                right[bin] = right[bin].max(percent(*r));
            }
        }
        Ok((left, right))
    }

    fn second(&mut self, second: u64) -> Result<&Sound, VaultError> {
        if self.cached.as_ref().is_none_or(|(at, _)| *at != second) {
            let (_, sound) = self
                .head
                .open(&self.file, &self.path, second)?
                .ok_or_else(|| VaultError::Truncated {
                    path: self.path.clone(),
                    seconds: second,
                })?;
            self.cached = Some((second, sound));
        }
        Ok(&self.cached.as_ref().expect("was just put there").1)
    }

    fn wav_head(&self) -> Vec<u8> {
        let data = u32::try_from(self.samples * BLOCK_BYTES).unwrap_or(u32::MAX - 36);
        let mut out = Vec::with_capacity(WAV_HEAD_BYTES as usize);
        out.extend_from_slice(b"RIFF");
        out.extend_from_slice(&(data + 36).to_le_bytes());
        out.extend_from_slice(b"WAVEfmt ");
        out.extend_from_slice(&16u32.to_le_bytes());
        out.extend_from_slice(&1u16.to_le_bytes());
        out.extend_from_slice(&2u16.to_le_bytes());
        out.extend_from_slice(&RATE_HZ.to_le_bytes());
        out.extend_from_slice(&(RATE_HZ * BLOCK_BYTES as u32).to_le_bytes());
        out.extend_from_slice(&(BLOCK_BYTES as u16).to_le_bytes());
        out.extend_from_slice(&16u16.to_le_bytes());
        out.extend_from_slice(b"data");
        out.extend_from_slice(&data.to_le_bytes());
        out
    }
}

fn percent(sample: i16) -> u8 {
    (i32::from(sample).abs() * 100 / 32_768) as u8
}
