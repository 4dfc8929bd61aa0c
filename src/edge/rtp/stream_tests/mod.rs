//! Two streams, or a stream and somebody else, on a clock that the test turns.

use super::*;
use crate::rtp::{Direction, RtpCodec, RtpFormat, SRTP_KEY_BYTES, SrtpKey, SrtpKeys, SrtpSuite};
use sidetone_media::tones::Oscillator;
use sidetone_media::{FRAME_SAMPLES, level_dbov};
use std::collections::VecDeque;

mod guard;
mod keys;
mod sound;

const A: &str = "192.0.2.1:4000";
const B: &str = "192.0.2.2:6000";
const STRANGER: &str = "203.0.113.9:5000";
const CODECS: [RtpCodec; 4] = [
    RtpCodec::Pcmu,
    RtpCodec::Pcma,
    RtpCodec::G722,
    RtpCodec::Opus,
];

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn params(codec: RtpCodec, remote: &str) -> RtpParams {
    let format = RtpFormat {
        codec,
        payload: codec.static_payload().unwrap_or(111),
        packet_ms: 20,
    };
    RtpParams {
        event: Some((101, codec.clock_hz())),
        comfort_noise: Some(13),
        ..RtpParams::new(format, Some(at(remote)))
    }
}

fn keys(seed: u8) -> SrtpKeys {
    let key = |seed| SrtpKey([seed; SRTP_KEY_BYTES]);
    SrtpKeys {
        suite: SrtpSuite::AesCm128HmacSha1_80,
        ours: key(seed),
        theirs: key(3 - seed),
    }
}

/// What a stream sent.
#[derive(Default)]
struct Sent(Vec<(Channel, SocketAddr, Vec<u8>)>);

impl Out for Sent {
    fn send(&mut self, channel: Channel, to: SocketAddr, bytes: &[u8]) {
        self.0.push((channel, to, bytes.to_vec()));
    }
}

/// One end on a virtual clock.
struct End {
    stream: Stream,
    address: SocketAddr,
    tone: Oscillator,
    heard: Vec<i16>,
    keys: String,
}

impl End {
    fn new(address: &str, params: RtpParams, hz: f32) -> Self {
        Self {
            stream: Stream::new(params, 1_700_000_000_000_000).unwrap(),
            address: at(address),
            tone: Oscillator::new(hz, -20.0),
            heard: Vec::new(),
            keys: String::new(),
        }
    }

    /// 20 ms: listens, speaks, gives what goes out.
    fn tick(&mut self, now_us: u64) -> Sent {
        let (mut out, mut pcm) = (Sent::default(), SILENCE);
        self.keys
            .extend(self.stream.tick(now_us, &mut pcm, &mut out));
        self.heard.extend_from_slice(&pcm);
        self.tone.fill(&mut pcm);
        self.stream.frame(&pcm, 0, now_us, &mut out);
        out
    }

    fn take(&mut self, channel: Channel, from: SocketAddr, mut bytes: Vec<u8>, now_us: u64) {
        let key = self.stream.datagram(channel, from, &mut bytes, now_us);
        self.keys.extend(key);
    }
}

/// Two ends and what happens between them.
struct World {
    a: End,
    b: End,
    now_us: u64,
    /// Datagrams on their way to B: when they arrive, and what they are.
    to_b: VecDeque<(u64, Channel, Vec<u8>)>,
}

impl World {
    fn new(a: RtpParams, b: RtpParams) -> Self {
        Self {
            a: End::new(A, a, 440.0),
            b: End::new(B, b, 1000.0),
            now_us: 0,
            to_b: VecDeque::new(),
        }
    }

    /// So many frames; `fate` says for each datagram from A how many copies arrive and how late in
    /// microseconds.
    fn run(&mut self, frames: usize, mut fate: impl FnMut(u64) -> (usize, u64)) {
        for _ in 0..frames {
            let from_a = self.a.tick(self.now_us);
            for (channel, to, bytes) in from_a.0 {
                let (copies, late_us) = fate(self.now_us);
                for _ in 0..copies {
                    assert_eq!(to.ip(), self.b.address.ip());
                    self.to_b
                        .push_back((self.now_us + late_us, channel, bytes.clone()));
                }
            }
            let from_b = self.b.tick(self.now_us + 7_000);
            for (channel, _, bytes) in from_b.0 {
                self.a
                    .take(channel, self.b.address, bytes, self.now_us + 8_000);
            }
            self.now_us += 20_000;
            self.to_b
                .make_contiguous()
                .sort_by_key(|(arrives, ..)| *arrives);
            while let Some((arrives, channel, bytes)) = self
                .to_b
                .pop_front_if(|(arrives, ..)| *arrives <= self.now_us)
            {
                self.b.take(channel, self.a.address, bytes, arrives);
            }
        }
    }
}

fn frequency_hz(samples: &[i16]) -> f64 {
    let crossings = samples
        .windows(2)
        .filter(|pair| pair[0] < 0 && pair[1] >= 0)
        .count();
    crossings as f64 * 16_000.0 / samples.len() as f64
}

fn noise(seed: &mut u32) -> u32 {
    *seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
    *seed >> 8
}
