//! Opus at the rate of the house.
//!
//! libopus encodes and decodes at 16 kHz directly, so that browser audio needs no resampler here.
//! In-band forward error correction is on and discontinuous transmission is off: silence is sent,
//! and one lost packet is rebuilt from the next.

use sidetone_types::{FRAME_SAMPLES, Pcm, RATE_HZ};

/// The largest Opus packet that is accepted or made (RFC 6716 section 3.4 allows 1275 a frame).
pub const PACKET_BYTES_MAX: usize = 1275;
/// Samples of the longest Opus packet, 120 ms, at 16 kHz.
pub const PACKET_SAMPLES_MAX: usize = 6 * FRAME_SAMPLES;
/// Ticks of the Opus RTP clock in one 20 ms frame: always 48 kHz (RFC 7587 section 4.1).
pub const OPUS_TICKS_PER_FRAME: u32 = 960;

#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    #[error("Opus could not be set up: {0}")]
    Setup(String),
    #[error("this is not an Opus packet ({bytes} bytes): {why}")]
    Packet { bytes: usize, why: String },
}

fn setup(error: opus::Error) -> CodecError {
    CodecError::Setup(error.to_string())
}

/// 20 ms frames to Opus packets.
pub struct OpusEncoder {
    inner: opus::Encoder,
}

impl OpusEncoder {
    /// Wide-band speech at 32 kbit/s, error correction for a tenth of the packets lost.
    pub fn new() -> Result<Self, CodecError> {
        let mut inner = opus::Encoder::new(RATE_HZ, opus::Channels::Mono, opus::Application::Voip)
            .map_err(setup)?;
        inner
            .set_bitrate(opus::Bitrate::Bits(32_000))
            .map_err(setup)?;
        inner.set_signal(opus::Signal::Voice).map_err(setup)?;
        // Half of the encoder's effort: above it speech gains nothing that a listener notices.
        inner.set_complexity(5).map_err(setup)?;
        inner.set_inband_fec(true).map_err(setup)?;
        inner.set_packet_loss_perc(10).map_err(setup)?;
        inner.set_dtx(false).map_err(setup)?;
        Ok(Self { inner })
    }

    /// Tells the encoder how many packets in a hundred the far end loses, so that it spends bits on
    /// error correction accordingly.
    pub fn expect_loss(&mut self, percent: u8) {
        // The only possible failure is a value out of range, and it is clamped.
        let _ = self
            .inner
            .set_packet_loss_perc(i32::from(percent.clamp(5, 40)));
    }

    /// Encodes one frame into `out` and returns the packet's length.
    pub fn encode(
        &mut self,
        pcm: &Pcm,
        out: &mut [u8; PACKET_BYTES_MAX],
    ) -> Result<usize, CodecError> {
        self.inner
            .encode(pcm, out)
            .map_err(|error| CodecError::Packet {
                bytes: 0,
                why: error.to_string(),
            })
    }
}

/// Opus packets of any rate, channel count and length to 16 kHz mono.
pub struct OpusDecoder {
    inner: opus::Decoder,
}

impl OpusDecoder {
    pub fn new() -> Result<Self, CodecError> {
        let inner = opus::Decoder::new(RATE_HZ, opus::Channels::Mono).map_err(setup)?;
        Ok(Self { inner })
    }

    /// Length of a packet in samples at 16 kHz, without decoding it. `None`: not an Opus packet.
    pub fn samples_of(packet: &[u8]) -> Option<usize> {
        let samples = opus::packet::get_nb_samples(packet, RATE_HZ).ok()?;
        (1..=PACKET_SAMPLES_MAX)
            .contains(&samples)
            .then_some(samples)
    }

    /// Decodes a packet and returns how many samples of `out` were written.
    pub fn decode(
        &mut self,
        packet: &[u8],
        out: &mut [i16; PACKET_SAMPLES_MAX],
    ) -> Result<usize, CodecError> {
        if packet.is_empty() {
            // libopus takes an empty packet for a lost one; here it is a broken one.
            return Err(CodecError::Packet {
                bytes: 0,
                why: "it is empty".into(),
            });
        }
        self.inner
            .decode(packet, out, false)
            .map_err(|error| CodecError::Packet {
                bytes: packet.len(),
                why: error.to_string(),
            })
    }

    /// The frame before `next`, rebuilt from the error correction that `next` carries; concealed
    /// where it carries none.
    pub fn decode_lost(&mut self, next: &[u8], out: &mut Pcm) -> Result<(), CodecError> {
        self.inner
            .decode(next, out, true)
            .map(drop)
            .map_err(|error| CodecError::Packet {
                bytes: next.len(),
                why: error.to_string(),
            })
    }

    /// A frame for which nothing arrived, continued from what was heard before.
    pub fn conceal(&mut self, out: &mut Pcm) {
        if self.inner.decode(&[], out, false).is_err() {
            *out = [0; FRAME_SAMPLES];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::level::level_dbov;
    use crate::tones::Oscillator;

    fn tone_frames(frames: usize) -> Vec<Pcm> {
        let mut tone = Oscillator::new(440.0, -20.0);
        (0..frames)
            .map(|_| {
                let mut pcm = [0; FRAME_SAMPLES];
                tone.fill(&mut pcm);
                pcm
            })
            .collect()
    }

    #[test]
    fn a_tone_keeps_its_level_through_the_codec() {
        let mut encoder = OpusEncoder::new().unwrap();
        let mut decoder = OpusDecoder::new().unwrap();
        let (mut packet, mut out) = ([0; PACKET_BYTES_MAX], [0; PACKET_SAMPLES_MAX]);
        let mut heard = Vec::new();
        for pcm in tone_frames(50) {
            let len = encoder.encode(&pcm, &mut packet).unwrap();
            assert!(len > 3, "no frame is left out: silence suppression is off");
            assert_eq!(OpusDecoder::samples_of(&packet[..len]), Some(FRAME_SAMPLES));
            assert_eq!(
                decoder.decode(&packet[..len], &mut out).unwrap(),
                FRAME_SAMPLES
            );
            heard.extend_from_slice(&out[..FRAME_SAMPLES]);
        }
        let level = level_dbov(&heard[FRAME_SAMPLES * 10..]);
        assert!((level + 20.0).abs() < 1.0, "{level} dBov");
    }

    #[test]
    fn a_lost_frame_is_rebuilt_not_silent() {
        let mut encoder = OpusEncoder::new().unwrap();
        let mut decoder = OpusDecoder::new().unwrap();
        let (mut packet, mut out) = ([0; PACKET_BYTES_MAX], [0; PACKET_SAMPLES_MAX]);
        let mut lost = [0; FRAME_SAMPLES];
        for (n, pcm) in tone_frames(40).iter().enumerate() {
            let len = encoder.encode(pcm, &mut packet).unwrap();
            if n == 30 {
                continue;
            }
            if n == 31 {
                decoder.decode_lost(&packet[..len], &mut lost).unwrap();
            }
            decoder.decode(&packet[..len], &mut out).unwrap();
        }
        assert!(level_dbov(&lost) > -26.0, "{}", level_dbov(&lost));
        let mut concealed = [0; FRAME_SAMPLES];
        decoder.conceal(&mut concealed);
        assert!(level_dbov(&concealed) > -40.0);
    }

    #[test]
    fn rubbish_is_refused_without_harm() {
        let mut decoder = OpusDecoder::new().unwrap();
        let mut out = [0; PACKET_SAMPLES_MAX];
        assert!(decoder.decode(&[], &mut out).is_err());
        assert!(OpusDecoder::samples_of(&[]).is_none());
        for first in 0..=255u8 {
            for len in [1usize, 2, 7, 60] {
                let packet: Vec<u8> = (0..len)
                    .map(|n| {
                        first
                            .wrapping_mul(31)
                            .wrapping_add((n as u8).wrapping_mul(7))
                    })
                    .collect();
                let _ = decoder.decode(&packet, &mut out);
            }
        }
    }
}
