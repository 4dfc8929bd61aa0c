//! From the packets of a wire to one frame every 20 ms.

use crate::codec::CodecError;
use crate::comfort::NoiseShape;
use crate::jitter::{Arrival, JitterBuffer, JitterMetrics, Pull, Pushed};
use crate::voice::{VOICE_SAMPLES_MAX, VoiceCodec, VoiceDecoder};
use sidetone_types::{FRAME_SAMPLES, Pcm, RATE_HZ};

/// Frames that are continued from what was heard before silence takes over.
const CONCEALED_MAX: u32 = 5;
/// Samples over which two pieces are faded into each other when time is taken out.
const CROSSFADE: usize = 80;
/// Room for two of the longest packets and a frame.
const QUEUE_SAMPLES: usize = 2 * VOICE_SAMPLES_MAX + FRAME_SAMPLES;

/// Where a frame's sound came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    Sound,
    /// Rebuilt or continued, because nothing arrived in time.
    Concealed,
    /// Nothing, or comfort noise in its place.
    Silence,
}

/// What a packet in the buffer holds.
enum Content<P> {
    Voice(P),
    /// The far end stops here and wants this heard until it goes on.
    Comfort(NoiseShape),
}

/// Jitter buffer and decoder of one incoming stream. `P` is whatever owns a packet's bytes.
pub struct Playout<P> {
    jitter: JitterBuffer<Content<P>>,
    decoder: VoiceDecoder,
    /// The noise of a pause that the far end has announced.
    comfort: Option<NoiseShape>,
    queue: Box<[i16; QUEUE_SAMPLES]>,
    queued: usize,
    decoded: Box<[i16; VOICE_SAMPLES_MAX]>,
    concealed: u64,
    broken: u64,
}

impl<P: AsRef<[u8]>> Playout<P> {
    /// Of an Opus stream.
    pub fn new() -> Result<Self, CodecError> {
        Self::of(VoiceCodec::Opus)
    }

    pub fn of(codec: VoiceCodec) -> Result<Self, CodecError> {
        Ok(Self {
            jitter: JitterBuffer::new(codec.clock_hz()),
            decoder: VoiceDecoder::new(codec)?,
            comfort: None,
            queue: Box::new([0; QUEUE_SAMPLES]),
            queued: 0,
            decoded: Box::new([0; VOICE_SAMPLES_MAX]),
            concealed: 0,
            broken: 0,
        })
    }

    /// A packet of sound. Packets that are not of the codec are counted and left out.
    pub fn push(
        &mut self,
        sequence: u16,
        timestamp: u32,
        arrived_us: u64,
        packet: P,
    ) -> Option<Pushed> {
        let codec = self.decoder.codec();
        let Some(samples) = codec.samples_of(packet.as_ref()) else {
            self.broken += 1;
            return None;
        };
        let ticks = samples as u64 * u64::from(codec.clock_hz()) / u64::from(RATE_HZ);
        Some(self.jitter.push(Arrival {
            sequence,
            timestamp,
            ticks: ticks as u32,
            arrived_us,
            sound: Some(Content::Voice(packet)),
        }))
    }

    /// A packet of comfort noise (RFC 3389): from its moment on the gap is filled with such noise.
    pub fn push_comfort(&mut self, sequence: u16, timestamp: u32, arrived_us: u64, payload: &[u8]) {
        self.jitter.push(Arrival {
            sequence,
            timestamp,
            ticks: 0,
            arrived_us,
            sound: NoiseShape::parse(payload).map(Content::Comfort),
        });
    }

    /// The far end has begun a new stream (another SSRC): what is held of the old one is dropped.
    pub fn restart(&mut self) {
        self.jitter.restart();
        self.comfort = None;
    }

    /// A packet of the same stream that carries no sound (a keypad event): its sequence number is
    /// not a loss.
    pub fn push_silent(&mut self, sequence: u16, timestamp: u32, arrived_us: u64) {
        self.jitter.push(Arrival {
            sequence,
            timestamp,
            ticks: 0,
            arrived_us,
            sound: None,
        });
    }

    /// Fills one frame. To be called every 20 ms, whatever has or has not arrived.
    pub fn pull(&mut self, now_us: u64, out: &mut Pcm) -> Heard {
        let mut heard = Heard::Sound;
        while self.queued < FRAME_SAMPLES {
            heard = self.refill(now_us);
        }
        if self.jitter.should_shorten() {
            // One more piece, and a stretch of the length of a frame is taken out of the two.
            if self.queued + VOICE_SAMPLES_MAX <= QUEUE_SAMPLES {
                self.refill(now_us);
            }
            self.shorten();
        }
        out.copy_from_slice(&self.queue[..FRAME_SAMPLES]);
        self.queue.copy_within(FRAME_SAMPLES..self.queued, 0);
        self.queued -= FRAME_SAMPLES;
        heard
    }

    pub fn metrics(&self) -> PlayoutMetrics {
        PlayoutMetrics {
            jitter: self.jitter.metrics(),
            concealed: self.concealed,
            broken: self.broken,
        }
    }

    fn refill(&mut self, now_us: u64) -> Heard {
        let mut frame = [0; FRAME_SAMPLES];
        let heard = loop {
            match self.jitter.pull(now_us) {
                Pull::Sound(Content::Voice(packet)) => {
                    self.comfort = None;
                    if let Some(samples) = self.decoder.decode(packet.as_ref(), &mut self.decoded) {
                        self.queue[self.queued..self.queued + samples]
                            .copy_from_slice(&self.decoded[..samples]);
                        self.queued += samples;
                        return Heard::Sound;
                    }
                    self.broken += 1;
                    self.decoder.conceal(None, &mut frame);
                    break Heard::Concealed;
                }
                // It takes no time; what follows it does.
                Pull::Sound(Content::Comfort(shape)) => self.comfort = Some(shape),
                Pull::Lost { next } if self.comfort.is_none() => {
                    let next = match next {
                        Some(Content::Voice(packet)) => Some(packet.as_ref()),
                        Some(Content::Comfort(_)) | None => None,
                    };
                    self.decoder.conceal(next, &mut frame);
                    break Heard::Concealed;
                }
                Pull::Starved { frames } if frames <= CONCEALED_MAX && self.comfort.is_none() => {
                    self.decoder.conceal(None, &mut frame);
                    break Heard::Concealed;
                }
                Pull::Lost { .. } | Pull::Starved { .. } | Pull::Silence => {
                    if let Some(shape) = &self.comfort {
                        self.decoder.comfort(shape, &mut frame);
                    }
                    break Heard::Silence;
                }
            }
        };
        self.concealed += u64::from(heard == Heard::Concealed);
        self.queue[self.queued..self.queued + FRAME_SAMPLES].copy_from_slice(&frame);
        self.queued += FRAME_SAMPLES;
        heard
    }

    /// Takes about a frame's length out of the queue where its two ends fit together best, which
    /// for a voice is a whole number of pitch periods.
    fn shorten(&mut self) {
        let Some(longest) = self.queued.checked_sub(FRAME_SAMPLES + CROSSFADE) else {
            return;
        };
        let longest = longest.min(FRAME_SAMPLES);
        if longest < FRAME_SAMPLES / 2 {
            return;
        }
        let cut = (FRAME_SAMPLES / 2..=longest)
            .max_by_key(|&cut| self.likeness(cut))
            .unwrap_or(longest);
        for n in 0..CROSSFADE {
            let (old, new) = (i32::from(self.queue[n]), i32::from(self.queue[n + cut]));
            let weight = n as i32;
            self.queue[n] =
                ((old * (CROSSFADE as i32 - weight) + new * weight) / CROSSFADE as i32) as i16;
        }
        self.queue
            .copy_within(cut + CROSSFADE..self.queued, CROSSFADE);
        self.queued -= cut;
    }

    /// How alike the start of the queue and the place `cut` samples later are, −1,000,000 to
    /// 1,000,000.
    fn likeness(&self, cut: usize) -> i64 {
        let (mut both, mut a, mut b) = (0i64, 1i64, 1i64);
        for n in 0..CROSSFADE {
            let (x, y) = (i64::from(self.queue[n]), i64::from(self.queue[n + cut]));
            both += x * y;
            a += x * x;
            b += y * y;
        }
        (both as f64 / ((a as f64) * (b as f64)).sqrt() * 1e6) as i64
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PlayoutMetrics {
    pub jitter: JitterMetrics,
    /// Frames that were rebuilt or continued.
    pub concealed: u64,
    /// Packets that were not of the codec.
    pub broken: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{OpusEncoder, PACKET_BYTES_MAX};
    use crate::level::level_dbov;
    use crate::tones::Oscillator;

    /// A tone as packets of 20 ms.
    fn packets(count: usize) -> Vec<Vec<u8>> {
        let (mut encoder, mut tone) = (OpusEncoder::new().unwrap(), Oscillator::new(440.0, -20.0));
        let mut out = [0; PACKET_BYTES_MAX];
        (0..count)
            .map(|_| {
                let mut pcm = [0; FRAME_SAMPLES];
                tone.fill(&mut pcm);
                let len = encoder.encode(&pcm, &mut out).unwrap();
                out[..len].to_vec()
            })
            .collect()
    }

    /// Pulls 20 ms apart while packets come when `arrive_us` says (`None`: never).
    fn play(
        count: usize,
        arrive_us: impl Fn(usize) -> Option<u64>,
    ) -> (Vec<Heard>, Vec<i16>, PlayoutMetrics) {
        let mut playout = Playout::new().unwrap();
        let mut coming: Vec<(u64, usize)> = (0..count)
            .filter_map(|n| Some((arrive_us(n)?, n)))
            .collect();
        coming.sort_unstable();
        let packets = packets(count);
        let (mut heard, mut pcm, mut out) = (Vec::new(), Vec::new(), [0; FRAME_SAMPLES]);
        let mut coming = coming.into_iter().peekable();
        for tick in 0..count as u64 {
            let now = tick * 20_000 + 7_000;
            while let Some((at, n)) = coming.next_if(|(at, _)| *at <= now) {
                playout.push(
                    (n as u16).wrapping_add(65_500),
                    (n as u32 * 960).wrapping_add(u32::MAX - 5000),
                    at,
                    packets[n].clone(),
                );
            }
            heard.push(playout.pull(now, &mut out));
            pcm.extend_from_slice(&out);
        }
        (heard, pcm, playout.metrics())
    }

    #[test]
    fn an_even_stream_plays_without_a_gap_and_with_little_delay() {
        let (heard, pcm, metrics) = play(200, |n| Some(n as u64 * 20_000));
        let first = heard.iter().position(|h| *h == Heard::Sound).unwrap();
        assert!(first <= 2, "{first} frames of delay");
        assert!(heard[first..].iter().all(|h| *h == Heard::Sound));
        assert!((level_dbov(&pcm[16_000..]) + 20.0).abs() < 1.0);
        assert_eq!(
            (
                metrics.jitter.lost,
                metrics.concealed,
                metrics.jitter.shortened
            ),
            (0, 0, 0)
        );
    }

    #[test]
    fn five_percent_loss_and_forty_ms_of_jitter_stay_audible_and_bounded() {
        let mut seed = 7u32;
        let noise: Vec<u32> = (0..2000)
            .map(|_| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                seed >> 8
            })
            .collect();
        let (heard, pcm, metrics) = play(1000, |n| {
            let kept = noise[n * 2] % 100 >= 5;
            kept.then(|| n as u64 * 20_000 + u64::from(noise[n * 2 + 1] % 40_000))
        });
        let sound = heard.iter().filter(|h| **h == Heard::Sound).count();
        assert!(
            sound > 920,
            "{sound} of 1000 frames from packets; {metrics:?}"
        );
        assert!(heard[10..].iter().all(|h| *h != Heard::Silence), "no holes");
        assert!((level_dbov(&pcm[16_000..]) + 20.0).abs() < 1.5);
        assert!(metrics.jitter.depth_ms <= 120, "{metrics:?}");
    }

    #[test]
    fn a_stall_of_a_second_is_caught_up_with() {
        // Everything between frame 100 and 150 arrives at once.
        let (_, _, metrics) = play(800, |n| {
            let due = n as u64 * 20_000;
            Some(if (100..150).contains(&n) {
                150 * 20_000
            } else {
                due
            })
        });
        assert!(
            metrics.jitter.depth_ms <= 200,
            "the delay came back down: {metrics:?}"
        );
        assert!(metrics.jitter.shortened > 0);
    }

    #[test]
    fn nothing_that_arrives_can_break_it() {
        let mut playout = Playout::new().unwrap();
        let mut out = [0; FRAME_SAMPLES];
        assert_eq!(playout.pull(0, &mut out), Heard::Silence);
        let mut seed = 1u32;
        for n in 0..5000u64 {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let packet: Vec<u8> = (0..seed % 50).map(|k| (seed >> (k % 24)) as u8).collect();
            playout.push((seed >> 16) as u16, seed, n * 3000, packet);
            if n % 3 == 0 {
                playout.push_silent((seed >> 12) as u16, seed, n * 3000);
                playout.pull(n * 3000, &mut out);
            }
        }
    }
}
