//! The codecs of the wires behind one face: packets to sound of the house and back.

use crate::codec::{CodecError, OpusDecoder, OpusEncoder, PACKET_BYTES_MAX};
use crate::comfort::{ComfortNoise, NoiseShape};
use crate::g711;
use crate::g722::{G722Decoder, G722Encoder};
use crate::plc::Concealer;
use crate::resample::Resampler;
use sidetone_types::{FRAME_SAMPLES, Pcm, RATE_HZ};

/// Rate of the telephone's sound.
const NARROW_HZ: u32 = 8_000;
/// 20 ms of it.
const NARROW_FRAME: usize = FRAME_SAMPLES / 2;
/// Samples of the longest packet: 200 ms, as RFC 3551 section 4.2 wants it.
pub const VOICE_SAMPLES_MAX: usize = 10 * FRAME_SAMPLES;
/// Its bytes in the telephone's codecs: a byte is an eighth of a millisecond.
const BYTES_MAX: usize = VOICE_SAMPLES_MAX / 2;
/// Bytes of 20 ms of G.711 and G.722.
pub const FRAME_BYTES: usize = NARROW_FRAME;

/// A way of writing sound down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VoiceCodec {
    Opus,
    /// G.711 µ-law.
    Pcmu,
    /// G.711 A-law.
    Pcma,
    G722,
}

impl VoiceCodec {
    /// The RTP clock. That of G.722 is 8,000 by an old mistake (RFC 3551 section 4.5.2).
    pub fn clock_hz(self) -> u32 {
        match self {
            Self::Opus => 48_000,
            Self::Pcmu | Self::Pcma | Self::G722 => 8_000,
        }
    }

    /// Length of a packet in samples of the house, without decoding it. `None`: not a packet.
    pub fn samples_of(self, packet: &[u8]) -> Option<usize> {
        match self {
            Self::Opus => OpusDecoder::samples_of(packet),
            // Eight bytes a millisecond, sixteen samples here.
            Self::Pcmu | Self::Pcma | Self::G722 => (1..=BYTES_MAX)
                .contains(&packet.len())
                .then(|| packet.len() * 2),
        }
    }
}

/// One incoming stream.
pub struct VoiceDecoder {
    codec: VoiceCodec,
    inner: Inner,
    noise: ComfortNoise,
}

enum Inner {
    Opus(OpusDecoder),
    Narrow(Box<Narrow>),
    G722 {
        decoder: Box<G722Decoder>,
        concealer: Concealer,
    },
}

/// G.711: 8 kHz inside.
struct Narrow {
    law: fn(u8) -> i16,
    concealer: Concealer,
    up: Resampler,
    samples: [i16; BYTES_MAX],
}

impl Narrow {
    fn new(law: fn(u8) -> i16) -> Result<Self, CodecError> {
        Ok(Self {
            law,
            concealer: Concealer::new(NARROW_HZ),
            up: resampler(NARROW_HZ, RATE_HZ)?,
            samples: [0; BYTES_MAX],
        })
    }

    fn decode(&mut self, packet: &[u8], out: &mut [i16]) -> usize {
        let samples = &mut self.samples[..packet.len()];
        for (sample, &code) in samples.iter_mut().zip(packet) {
            *sample = (self.law)(code);
        }
        self.concealer.heard(samples);
        self.up.process(samples, out)
    }

    /// 20 ms made here: concealed, or filled in by `fill`.
    fn make(&mut self, out: &mut Pcm, fill: impl FnOnce(&mut Concealer, &mut [i16])) {
        let samples = &mut self.samples[..NARROW_FRAME];
        fill(&mut self.concealer, samples);
        self.up.process(samples, out);
    }
}

fn resampler(from_hz: u32, to_hz: u32) -> Result<Resampler, CodecError> {
    Resampler::new(from_hz, to_hz).map_err(|error| CodecError::Setup(error.to_string()))
}

impl VoiceDecoder {
    pub fn new(codec: VoiceCodec) -> Result<Self, CodecError> {
        let inner = match codec {
            VoiceCodec::Opus => Inner::Opus(OpusDecoder::new()?),
            VoiceCodec::Pcmu => Inner::Narrow(Box::new(Narrow::new(g711::from_ulaw)?)),
            VoiceCodec::Pcma => Inner::Narrow(Box::new(Narrow::new(g711::from_alaw)?)),
            VoiceCodec::G722 => Inner::G722 {
                decoder: Box::default(),
                concealer: Concealer::new(RATE_HZ),
            },
        };
        Ok(Self {
            codec,
            inner,
            noise: ComfortNoise::default(),
        })
    }

    pub fn codec(&self) -> VoiceCodec {
        self.codec
    }

    /// Decodes a packet; returns how many samples of `out` were written, `None` where it is broken.
    pub fn decode(&mut self, packet: &[u8], out: &mut [i16; VOICE_SAMPLES_MAX]) -> Option<usize> {
        self.codec.samples_of(packet)?;
        match &mut self.inner {
            Inner::Opus(opus) => {
                let room = out.first_chunk_mut()?;
                opus.decode(packet, room)
                    .ok()
                    .filter(|samples| *samples > 0)
            }
            Inner::Narrow(narrow) => Some(narrow.decode(packet, out)),
            Inner::G722 { decoder, concealer } => {
                let samples = decoder.decode(packet, out);
                concealer.heard(&mut out[..samples]);
                Some(samples)
            }
        }
    }

    /// A lost frame: rebuilt from `next`, the packet right after it, where the codec carries
    /// error correction, and continued from what was heard before otherwise.
    pub fn conceal(&mut self, next: Option<&[u8]>, out: &mut Pcm) {
        match &mut self.inner {
            Inner::Opus(opus) => {
                let rebuilt = next.is_some_and(|next| opus.decode_lost(next, out).is_ok());
                if !rebuilt {
                    opus.conceal(out);
                }
            }
            Inner::Narrow(narrow) => narrow.make(out, Concealer::conceal),
            Inner::G722 { concealer, .. } => concealer.conceal(out),
        }
    }

    /// A frame of comfort noise, in the band of the codec.
    pub fn comfort(&mut self, shape: &NoiseShape, out: &mut Pcm) {
        let noise = &mut self.noise;
        match &mut self.inner {
            Inner::Narrow(narrow) => narrow.make(out, |concealer, samples| {
                noise.fill(shape, samples);
                concealer.heard(samples);
            }),
            Inner::Opus(_) | Inner::G722 { .. } => noise.fill(shape, out),
        }
    }
}

/// One outgoing stream.
pub struct VoiceEncoder {
    inner: InnerEncoder,
}

enum InnerEncoder {
    Opus(OpusEncoder),
    Narrow { law: fn(i16) -> u8, down: Resampler },
    G722(Box<G722Encoder>),
}

impl VoiceEncoder {
    pub fn new(codec: VoiceCodec) -> Result<Self, CodecError> {
        let narrow = |law| {
            Ok::<_, CodecError>(InnerEncoder::Narrow {
                law,
                down: resampler(RATE_HZ, NARROW_HZ)?,
            })
        };
        let inner = match codec {
            VoiceCodec::Opus => InnerEncoder::Opus(OpusEncoder::new()?),
            VoiceCodec::Pcmu => narrow(g711::to_ulaw)?,
            VoiceCodec::Pcma => narrow(g711::to_alaw)?,
            VoiceCodec::G722 => InnerEncoder::G722(Box::default()),
        };
        Ok(Self { inner })
    }

    /// Encodes a frame; returns the length of its packet, which is [`FRAME_BYTES`] but for Opus.
    pub fn encode(
        &mut self,
        pcm: &Pcm,
        out: &mut [u8; PACKET_BYTES_MAX],
    ) -> Result<usize, CodecError> {
        match &mut self.inner {
            InnerEncoder::Opus(opus) => opus.encode(pcm, out),
            InnerEncoder::Narrow { law, down } => {
                let mut samples = [0; NARROW_FRAME + 1];
                let count = down.process(pcm, &mut samples).min(NARROW_FRAME);
                for (byte, &sample) in out.iter_mut().zip(&samples[..count]) {
                    *byte = law(sample);
                }
                Ok(count)
            }
            InnerEncoder::G722(encoder) => Ok(encoder.encode(pcm, out)),
        }
    }

    /// How many packets in a hundred the far end loses; only Opus can do something about it.
    pub fn expect_loss(&mut self, percent: u8) {
        if let InnerEncoder::Opus(opus) = &mut self.inner {
            opus.expect_loss(percent);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::level::level_dbov;
    use crate::tones::Oscillator;

    const ALL: [VoiceCodec; 4] = [
        VoiceCodec::Opus,
        VoiceCodec::Pcmu,
        VoiceCodec::Pcma,
        VoiceCodec::G722,
    ];

    #[test]
    fn a_tone_keeps_its_level_and_length_through_every_codec() {
        for codec in ALL {
            let mut encoder = VoiceEncoder::new(codec).unwrap();
            let mut decoder = VoiceDecoder::new(codec).unwrap();
            let mut tone = Oscillator::new(1000.0, -20.0);
            let (mut packet, mut out) = ([0; PACKET_BYTES_MAX], [0; VOICE_SAMPLES_MAX]);
            let mut heard = Vec::new();
            for _ in 0..50 {
                let mut pcm = [0; FRAME_SAMPLES];
                tone.fill(&mut pcm);
                let length = encoder.encode(&pcm, &mut packet).unwrap();
                let packet = &packet[..length];
                assert_eq!(codec.samples_of(packet), Some(FRAME_SAMPLES));
                let samples = decoder.decode(packet, &mut out).unwrap();
                heard.extend_from_slice(&out[..samples]);
            }
            assert_eq!(heard.len(), 50 * FRAME_SAMPLES);
            let level = level_dbov(&heard[3200..]);
            assert!((level + 20.0).abs() < 0.8, "{codec:?}: {level} dBov");
        }
    }

    #[test]
    fn packets_of_every_length_and_rubbish_are_taken_or_refused() {
        for codec in ALL {
            let mut decoder = VoiceDecoder::new(codec).unwrap();
            let (mut out, mut frame) = ([0; VOICE_SAMPLES_MAX], [0; FRAME_SAMPLES]);
            for length in [0usize, 1, 7, 80, 160, 240, 480, 960, 1275, 1488, 1600, 1601] {
                let packet: Vec<u8> = (0..length).map(|n| (n * 37 + length) as u8).collect();
                if let Some(samples) = decoder.decode(&packet, &mut out) {
                    assert_eq!(Some(samples), codec.samples_of(&packet));
                }
                decoder.conceal(Some(&packet), &mut frame);
                decoder.conceal(None, &mut frame);
            }
        }
    }

    #[test]
    fn a_gap_in_a_tone_is_hardly_a_gap() {
        for codec in [VoiceCodec::Pcmu, VoiceCodec::Pcma, VoiceCodec::G722] {
            let mut encoder = VoiceEncoder::new(codec).unwrap();
            let mut decoder = VoiceDecoder::new(codec).unwrap();
            let mut tone = Oscillator::new(200.0, -20.0);
            let (mut packet, mut out) = ([0; PACKET_BYTES_MAX], [0; VOICE_SAMPLES_MAX]);
            let mut heard: Vec<i16> = Vec::new();
            for n in 0..60 {
                let mut pcm = [0; FRAME_SAMPLES];
                tone.fill(&mut pcm);
                let length = encoder.encode(&pcm, &mut packet).unwrap();
                if n % 10 == 9 {
                    let mut frame = [0; FRAME_SAMPLES];
                    decoder.conceal(None, &mut frame);
                    heard.extend_from_slice(&frame);
                } else {
                    let samples = decoder.decode(&packet[..length], &mut out).unwrap();
                    heard.extend_from_slice(&out[..samples]);
                }
            }
            // A sine of 200 Hz and −20 dBov moves by 364 a sample at most; a click would be thousands.
            let jump = heard[640..]
                .windows(2)
                .map(|w| w[0].abs_diff(w[1]))
                .max()
                .unwrap();
            assert!(jump < 900, "{codec:?}: {jump}");
            let quietest = heard[640..]
                .chunks_exact(160)
                .map(level_dbov)
                .fold(0.0, f32::min);
            assert!(quietest > -24.0, "{codec:?}: {quietest} dBov");
        }
    }
}
