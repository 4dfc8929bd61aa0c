//! WAV files: any common one in, 16-bit ones out.

use crate::g711;
use crate::resample::{RateError, convert};
use sidetone_types::RATE_HZ;
use std::io::{Seek, SeekFrom, Write};

/// Longest file that is read into memory: two hours of two channels at 48 kHz and 16 bits.
pub const FILE_BYTES_MAX: usize = 2 * 3600 * 48_000 * 4;
const CHANNELS_MAX: u16 = 8;
const HEADER_BYTES: u32 = 44;

/// What is wrong with a file and what to do about it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum WavError {
    #[error(
        "this is not a WAV file (it begins with {found:?}, a WAV file begins with \"RIFF\" … \"WAVE\"): convert it, for example with `ffmpeg -i FILE -ar 16000 -ac 1 out.wav`"
    )]
    NotWav { found: String },
    #[error("the WAV file has no \"{chunk}\" part: it is damaged or cut off; export it again")]
    Missing { chunk: &'static str },
    #[error(
        "the WAV file's format part has {bytes} bytes, at least 16 are needed: it is damaged; export it again"
    )]
    ShortFormat { bytes: usize },
    #[error(
        "the WAV file's encoding is not supported (format {tag:#06x}, {bits} bits): save it as PCM 16 bit"
    )]
    Encoding { tag: u16, bits: u16 },
    #[error(
        "the WAV file has {channels} channels; one to eight are supported: save it as mono or stereo"
    )]
    Channels { channels: u16 },
    #[error("the WAV file has no sound in it")]
    Empty,
    #[error("the WAV file is larger than {max_mb} MB: cut it into parts")]
    TooLarge { max_mb: usize },
    #[error(transparent)]
    Rate(#[from] RateError),
}

/// A recording as it was in the file, at 16 bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording {
    pub rate_hz: u32,
    /// One list of samples for each channel, all of the same length.
    pub channels: Vec<Vec<i16>>,
}

impl Recording {
    /// All channels together, at the rate of the house.
    pub fn to_house(&self) -> Result<Vec<i16>, WavError> {
        let count = self.channels.len() as i32;
        let length = self.channels.first().map_or(0, Vec::len);
        let mono: Vec<i16> = (0..length)
            .map(|n| {
                (self
                    .channels
                    .iter()
                    .map(|channel| i32::from(channel[n]))
                    .sum::<i32>()
                    / count) as i16
            })
            .collect();
        Ok(convert(&mono, self.rate_hz, RATE_HZ)?)
    }

    pub fn seconds(&self) -> f64 {
        self.channels.first().map_or(0, Vec::len) as f64 / f64::from(self.rate_hz)
    }
}

/// Reads PCM of 8, 16, 24 and 32 bits, float of 32 and 64 bits, µ-law and A-law, plain or
/// extensible. A file that was cut off, or whose writer never came to fill in the lengths, is read as
/// far as it goes.
pub fn read(bytes: &[u8]) -> Result<Recording, WavError> {
    if bytes.len() > FILE_BYTES_MAX {
        return Err(WavError::TooLarge {
            max_mb: FILE_BYTES_MAX >> 20,
        });
    }
    if bytes.len() < 12 || &bytes[..4] != b"RIFF" || &bytes[8..12] != b"WAVE" {
        let start = &bytes[..bytes.len().min(12)];
        return Err(WavError::NotWav {
            found: String::from_utf8_lossy(start).escape_debug().to_string(),
        });
    }
    let format = Format::parse(chunk(bytes, b"fmt ").ok_or(WavError::Missing { chunk: "fmt" })?)?;
    let data = chunk(bytes, b"data").ok_or(WavError::Missing { chunk: "data" })?;
    let channels = usize::from(format.channels);
    let block = format.bytes_per_sample * channels;
    if data.len() < block {
        return Err(WavError::Empty);
    }
    let mut recording = Recording {
        rate_hz: format.rate_hz,
        channels: vec![Vec::with_capacity(data.len() / block); channels],
    };
    for frame in data.chunks_exact(block) {
        for (channel, sample) in recording
            .channels
            .iter_mut()
            .zip(frame.chunks_exact(format.bytes_per_sample))
        {
            channel.push((format.decode)(sample));
        }
    }
    Ok(recording)
}

/// Reads a file and returns it as the house's sound: 16 kHz mono.
pub fn read_house(bytes: &[u8]) -> Result<Vec<i16>, WavError> {
    read(bytes)?.to_house()
}

/// The body of the first chunk of that name, as much of it as there is.
fn chunk<'a>(bytes: &'a [u8], name: &[u8; 4]) -> Option<&'a [u8]> {
    let mut at = 12usize;
    loop {
        let header = bytes.get(at..at + 8)?;
        let size = u32::from_le_bytes([header[4], header[5], header[6], header[7]]) as usize;
        let body = at + 8;
        if &header[..4] == name {
            // A length of 0 or of all ones was never filled in: the sound goes on to the end.
            let open = name == b"data" && (size == 0 || size >= 0xFFFF_FF00);
            let end = if open {
                bytes.len()
            } else {
                body.saturating_add(size).min(bytes.len())
            };
            return bytes.get(body..end);
        }
        // Chunks begin at even places.
        at = body.checked_add(size)?.checked_add(size & 1)?;
    }
}

struct Format {
    rate_hz: u32,
    channels: u16,
    bytes_per_sample: usize,
    decode: fn(&[u8]) -> i16,
}

impl Format {
    fn parse(body: &[u8]) -> Result<Self, WavError> {
        let word = |at: usize| Some(u16::from_le_bytes([*body.get(at)?, *body.get(at + 1)?]));
        let (Some(mut tag), Some(channels), Some(bits)) = (word(0), word(2), word(14)) else {
            return Err(WavError::ShortFormat { bytes: body.len() });
        };
        let rate_hz = u32::from_le_bytes([body[4], body[5], body[6], body[7]]);
        // Extensible: the real encoding stands at the head of the sub-format.
        if tag == 0xFFFE {
            tag = word(24).ok_or(WavError::ShortFormat { bytes: body.len() })?;
        }
        if !(1..=CHANNELS_MAX).contains(&channels) {
            return Err(WavError::Channels { channels });
        }
        if !(1000..=768_000).contains(&rate_hz) {
            return Err(RateError {
                from_hz: rate_hz,
                to_hz: RATE_HZ,
            }
            .into());
        }
        let decode: fn(&[u8]) -> i16 = match (tag, bits) {
            (1, 8) => |b| (i16::from(b[0]) - 128) << 8,
            (1, 16) => |b| i16::from_le_bytes([b[0], b[1]]),
            (1, 24) => |b| i16::from_le_bytes([b[1], b[2]]),
            (1, 32) => |b| i16::from_le_bytes([b[2], b[3]]),
            (3, 32) => |b| from_float(f64::from(f32::from_le_bytes([b[0], b[1], b[2], b[3]]))),
            (3, 64) => |b| {
                from_float(f64::from_le_bytes([
                    b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7],
                ]))
            },
            (6, 8) => |b| g711::from_alaw(b[0]),
            (7, 8) => |b| g711::from_ulaw(b[0]),
            _ => return Err(WavError::Encoding { tag, bits }),
        };
        Ok(Self {
            rate_hz,
            channels,
            bytes_per_sample: usize::from(bits / 8),
            decode,
        })
    }
}

fn from_float(sample: f64) -> i16 {
    // Not a number becomes 0, what is too loud the end of the range.
    (sample * 32768.0).round() as i16
}

/// Writes a recording while it happens. The header is right after every [`Self::checkpoint`], so that
/// a file left behind by a crash plays up to there (and, with most players, to its end).
pub struct WavWriter<W: Write + Seek> {
    out: W,
    channels: u16,
    data_bytes: u32,
}

impl<W: Write + Seek> WavWriter<W> {
    pub fn new(mut out: W, channels: u16, rate_hz: u32) -> std::io::Result<Self> {
        out.write_all(&header(channels, rate_hz, 0))?;
        Ok(Self {
            out,
            channels,
            data_bytes: 0,
        })
    }

    /// Two channels of the same length, one left and one right. The writer must be of two channels.
    pub fn push_pair(&mut self, left: &[i16], right: &[i16]) -> std::io::Result<()> {
        if self.channels != 2 || left.len() != right.len() {
            return Err(std::io::Error::new(
                std::io::ErrorKind::InvalidInput,
                "two channels of equal length are needed",
            ));
        }
        let mut block = [0u8; 1280];
        for (left, right) in left.chunks(320).zip(right.chunks(320)) {
            for ((pair, l), r) in block.chunks_exact_mut(4).zip(left).zip(right) {
                pair[..2].copy_from_slice(&l.to_le_bytes());
                pair[2..].copy_from_slice(&r.to_le_bytes());
            }
            self.write(&block[..left.len() * 4])?;
        }
        Ok(())
    }

    /// Samples, interleaved where there is more than one channel.
    pub fn push(&mut self, samples: &[i16]) -> std::io::Result<()> {
        let mut block = [0u8; 1280];
        for chunk in samples.chunks(640) {
            for (place, sample) in block.chunks_exact_mut(2).zip(chunk) {
                place.copy_from_slice(&sample.to_le_bytes());
            }
            self.write(&block[..chunk.len() * 2])?;
        }
        Ok(())
    }

    fn write(&mut self, block: &[u8]) -> std::io::Result<()> {
        let after = self
            .data_bytes
            .checked_add(block.len() as u32)
            .filter(|bytes| *bytes < u32::MAX - HEADER_BYTES);
        let Some(after) = after else {
            return Err(std::io::Error::new(
                std::io::ErrorKind::FileTooLarge,
                "a WAV file holds 4 GB: begin a new one",
            ));
        };
        self.out.write_all(block)?;
        self.data_bytes = after;
        Ok(())
    }

    /// Puts the lengths into the header and flushes.
    pub fn checkpoint(&mut self) -> std::io::Result<()> {
        self.out.seek(SeekFrom::Start(4))?;
        self.out
            .write_all(&(self.data_bytes + HEADER_BYTES - 8).to_le_bytes())?;
        self.out.seek(SeekFrom::Start(40))?;
        self.out.write_all(&self.data_bytes.to_le_bytes())?;
        self.out.seek(SeekFrom::End(0))?;
        self.out.flush()
    }

    pub fn finish(mut self) -> std::io::Result<W> {
        self.checkpoint()?;
        Ok(self.out)
    }
}

/// The 44 bytes before the sound; `data_bytes` is the length of what follows.
pub fn header(channels: u16, rate_hz: u32, data_bytes: u32) -> [u8; 44] {
    let mut out = [0; 44];
    let block = channels * 2;
    out[..4].copy_from_slice(b"RIFF");
    out[4..8].copy_from_slice(&data_bytes.saturating_add(36).to_le_bytes());
    out[8..16].copy_from_slice(b"WAVEfmt ");
    out[16..20].copy_from_slice(&16u32.to_le_bytes());
    out[20..22].copy_from_slice(&1u16.to_le_bytes());
    out[22..24].copy_from_slice(&channels.to_le_bytes());
    out[24..28].copy_from_slice(&rate_hz.to_le_bytes());
    out[28..32].copy_from_slice(&rate_hz.saturating_mul(u32::from(block)).to_le_bytes());
    out[32..34].copy_from_slice(&block.to_le_bytes());
    out[34..36].copy_from_slice(&16u16.to_le_bytes());
    out[36..40].copy_from_slice(b"data");
    out[40..44].copy_from_slice(&data_bytes.to_le_bytes());
    out
}

/// A whole mono file in memory.
pub fn mono_bytes(samples: &[i16], rate_hz: u32) -> Vec<u8> {
    let mut out = header(1, rate_hz, samples.len() as u32 * 2).to_vec();
    out.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    out
}

#[cfg(test)]
#[path = "wav_tests.rs"]
mod tests;
