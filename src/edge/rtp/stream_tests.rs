//! Two streams, or a stream and somebody else, on a clock that the test turns.

use super::*;
use crate::rtp::{Direction, RtpCodec, RtpFormat, SRTP_KEY_BYTES, SrtpKey, SrtpKeys, SrtpSuite};
use sidetone_media::tones::Oscillator;
use sidetone_media::{FRAME_SAMPLES, level_dbov};
use std::collections::VecDeque;

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

#[test]
fn tones_go_both_ways_in_every_codec_plain_and_encrypted() {
    for codec in CODECS {
        for encrypted in [false, true] {
            let (mut a, mut b) = (params(codec, B), params(codec, A));
            if encrypted {
                (a.srtp, b.srtp) = (Some(keys(1)), Some(keys(2)));
            }
            let mut world = World::new(a, b);
            world.run(150, |_| (1, 3_000));
            for (end, hz) in [(&world.a, 1000.0), (&world.b, 440.0)] {
                let steady = &end.heard[16_000..];
                let (level, got) = (level_dbov(steady), frequency_hz(steady));
                assert!(
                    (level + 20.0).abs() < 1.5,
                    "{codec:?} {encrypted}: {level} dBov"
                );
                assert!((got - hz).abs() < 3.0, "{codec:?} {encrypted}: {got} Hz");
                assert_eq!(end.heard.len(), 150 * FRAME_SAMPLES);
                let counts = end.stream.counts();
                assert!(counts.received >= 145, "{counts:?}");
                assert_eq!(
                    (counts.malformed, counts.forged, counts.other_source),
                    (0, 0, 0)
                );
            }
        }
    }
}

#[test]
fn packets_of_every_length_are_made_and_taken() {
    for packet_ms in [10, 20, 30, 40, 60] {
        let mut a = params(RtpCodec::Pcma, B);
        a.format.packet_ms = packet_ms;
        let mut world = World::new(a, params(RtpCodec::Pcma, A));
        world.run(150, |_| (1, 0));
        let received = world.b.stream.counts().received;
        let expected = 3000 / u64::from(packet_ms);
        assert!(
            received.abs_diff(expected) <= 2,
            "{packet_ms} ms: {received}"
        );
        let steady = &world.b.heard[16_000..];
        assert!((frequency_hz(steady) - 440.0).abs() < 3.0, "{packet_ms} ms");
        assert!((level_dbov(steady) + 20.0).abs() < 1.0, "{packet_ms} ms");
        assert_eq!(world.b.stream.quality().loss_permille, 0);
    }
}

#[test]
fn packets_of_nearly_two_hundred_ms_are_played_without_holes() {
    let mut world = World::new(params(RtpCodec::Pcma, B), params(RtpCodec::Pcma, A));
    let mut tone = Oscillator::new(440.0, -20.0);
    let mut encoder = sidetone_media::VoiceEncoder::new(sidetone_media::VoiceCodec::Pcma).unwrap();
    let mut coded = [0; sidetone_media::codec::PACKET_BYTES_MAX];
    for n in 0..20u32 {
        // Nine frames in one packet, as long as fits a datagram.
        let mut packet = vec![0x80, 8, 0, n as u8];
        packet.extend((n * 9 * 160).to_be_bytes());
        packet.extend([0, 0, 0, 7]);
        for _ in 0..9 {
            let mut pcm = SILENCE;
            tone.fill(&mut pcm);
            let length = encoder.encode(&pcm, &mut coded).unwrap();
            packet.extend_from_slice(&coded[..length]);
        }
        world.b.take(Channel::Rtp, at(A), packet, world.now_us);
        for _ in 0..9 {
            world.now_us += 20_000;
            world.b.tick(world.now_us);
        }
    }
    let steady = &world.b.heard[16_000..40_000];
    assert_eq!(world.b.stream.counts().malformed, 0);
    assert!((level_dbov(steady) + 20.0).abs() < 0.5 && (frequency_hz(steady) - 440.0).abs() < 3.0);
}

/// The far end's clock is its own: two minutes at a tenth of a percent too fast or slow.
#[test]
fn a_clock_that_runs_apart_is_followed() {
    for ppm in [-1000i64, 1000] {
        let mut b = End::new(B, params(RtpCodec::Pcmu, A), 1000.0);
        let mut a = End::new(A, params(RtpCodec::Pcmu, B), 440.0);
        let (mut a_us, mut b_us) = (0u64, 5_000u64);
        let step = (20_000 + 20_000 * ppm / 1_000_000) as u64;
        while b_us < 120_000_000 {
            if a_us <= b_us {
                for (channel, _, bytes) in a.tick(a_us).0 {
                    b.take(channel, at(A), bytes, a_us);
                }
                a_us += step;
            } else {
                b.tick(b_us);
                b_us += 20_000;
            }
        }
        let metrics = b.stream.playout.metrics();
        assert!(metrics.jitter.depth_ms <= 80, "{ppm} ppm: {metrics:?}");
        assert!(metrics.concealed <= 20, "{ppm} ppm: {metrics:?}");
        let quiet = b.heard[16_000..]
            .chunks_exact(FRAME_SAMPLES)
            .filter(|frame| level_dbov(frame) < -30.0)
            .count();
        assert_eq!(quiet, 0, "{ppm} ppm");
    }
}

#[test]
fn keys_are_exact_under_loss_swaps_and_repeats() {
    const DIGITS: &str = "4711*0815#";
    for codec in [RtpCodec::Pcmu, RtpCodec::Opus] {
        for loss in [0, 5, 20] {
            let mut seed = 11 + loss;
            let mut world = World::new(params(codec, B), params(codec, A));
            DIGITS.chars().for_each(|key| world.a.stream.press(key));
            world.run(250, |_| {
                let copies = usize::from(noise(&mut seed) % 100 >= loss)
                    + usize::from(noise(&mut seed).is_multiple_of(10));
                (copies, u64::from(noise(&mut seed) % 60_000))
            });
            assert_eq!(world.b.keys, DIGITS, "{codec:?} at {loss} %");
        }
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(24))]
    #[test]
    fn any_keys_are_exact_under_any_luck(digits in "[0-9A-D*#]{1,6}", mut seed: u32, loss in 0u32..15, repeats in 0u32..30, late in 1u32..80_000) {
        let mut world = World::new(params(RtpCodec::Pcma, B), params(RtpCodec::Pcma, A));
        digits.chars().for_each(|key| world.a.stream.press(key));
        world.run(130, |_| {
            let copies = usize::from(noise(&mut seed) % 100 >= loss)
                + usize::from(noise(&mut seed) % 100 < repeats);
            (copies, u64::from(noise(&mut seed) % late))
        });
        proptest::prop_assert_eq!(&world.b.keys, &digits);
    }
}

#[test]
fn from_mouth_to_ear_is_short_over_a_bad_network() {
    let mut seed = 9;
    let mut world = World::new(params(RtpCodec::Pcmu, B), params(RtpCodec::Pcmu, A));
    world.a.tone = Oscillator::new(440.0, -120.0);
    let mut bad = |_| {
        let kept = noise(&mut seed) % 100 >= 5;
        (usize::from(kept), u64::from(noise(&mut seed) % 40_000))
    };
    // Ten seconds to get to know the network, then a word.
    let mut delays = Vec::new();
    for _ in 0..20 {
        world.run(500, &mut bad);
        let begun = world.b.heard.len();
        world.a.tone = Oscillator::new(440.0, -20.0);
        world.run(25, &mut bad);
        world.a.tone = Oscillator::new(440.0, -120.0);
        let heard = &world.b.heard[begun..];
        let at = heard.chunks_exact(16).position(|ms| level_dbov(ms) > -30.0);
        delays.push(at.expect("heard"));
    }
    delays.sort_unstable();
    println!("mouth to ear at 5 % loss and 40 ms of jitter, ms: {delays:?}");
    assert!(delays[19] <= 200, "{delays:?}");
}

#[test]
fn keys_without_events_go_as_tones_and_are_heard_as_tones() {
    let (mut a, mut b) = (params(RtpCodec::Pcmu, B), params(RtpCodec::Pcmu, A));
    (a.event, b.event, b.inband_keys) = (None, None, true);
    let mut world = World::new(a, b);
    "159D".chars().for_each(|key| world.a.stream.press(key));
    world.run(100, |_| (1, 0));
    assert_eq!(world.b.keys, "159D");
    // A house that says nothing can press keys all the same.
    world.b.keys.clear();
    world.a.stream.press('0');
    for _ in 0..40 {
        world.now_us += 20_000;
        let (mut out, mut pcm) = (Sent::default(), SILENCE);
        world.a.stream.tick(world.now_us, &mut pcm, &mut out);
        for (channel, _, bytes) in out.0 {
            world.b.take(channel, at(A), bytes, world.now_us);
        }
        world.b.tick(world.now_us);
    }
    assert_eq!(world.b.keys, "0");
}

#[test]
fn a_press_that_comes_as_tone_and_as_event_is_told_once() {
    let mut b = params(RtpCodec::Pcmu, A);
    b.inband_keys = true;
    // The sender puts the tone into the sound and sends the event as well, as some gateways do.
    let mut tones = params(RtpCodec::Pcmu, B);
    tones.event = None;
    let mut world = World::new(tones, b);
    let mut events = sidetone_media::event::EventReceiver::default();
    assert_eq!(events.push(1, &[5, 0, 0, 1]), Some('5'));
    world.run(20, |_| (1, 0));
    for round in 0..3u32 {
        world.a.stream.press('5');
        world.run(8, |_| (1, 0));
        // The event follows when the tone is already told, or long before the next.
        let event = sidetone_media::event::EventSender::new('5', round * 8000, 8_000)
            .unwrap()
            .poll()
            .unwrap();
        let told = world
            .b
            .stream
            .keys
            .event(event.timestamp, &event.payload, world.now_us);
        world.b.keys.extend(told);
        world.run(20, |_| (1, 0));
    }
    assert_eq!(world.b.keys, "555");
}

#[test]
fn the_clock_stays_true_over_an_outage_and_the_sound_comes_back_in_its_place() {
    for (codec, outage) in [
        (RtpCodec::Pcmu, 2_000),
        (RtpCodec::G722, 500),
        (RtpCodec::Opus, 2_000),
    ] {
        let mut world = World::new(params(codec, B), params(codec, A));
        let gone = 1_000_000..1_000_000 + outage * 1000;
        world.run(300, |now| (usize::from(!gone.contains(&now)), 0));
        let heard = &world.b.heard;
        assert_eq!(heard.len(), 300 * FRAME_SAMPLES, "a frame each 20 ms");
        let loud: Vec<bool> = heard
            .chunks_exact(FRAME_SAMPLES)
            .map(|frame| level_dbov(frame) > -26.0)
            .collect();
        let ends = loud[20..].iter().position(|loud| !loud).unwrap() + 20;
        let again = loud[ends..].iter().position(|loud| *loud).unwrap() + ends;
        let silent_ms = (again - ends) as i64 * 20;
        // Up to 60 ms of the gap are concealed.
        let owed = outage as i64 - 60..=outage as i64 + 40;
        assert!(
            owed.contains(&silent_ms),
            "{codec:?}: {silent_ms} of {outage} ms"
        );
        let resumed_ms = again as i64 * 20 - (1000 + outage as i64);
        assert!(
            (0..=60).contains(&resumed_ms),
            "{codec:?}: {resumed_ms} ms late"
        );
        assert!(loud[again + 2..].iter().all(|loud| *loud));
    }
}

#[test]
fn five_percent_loss_leaves_no_holes_in_any_codec() {
    for codec in CODECS {
        let mut seed = 5;
        let mut world = World::new(params(codec, B), params(codec, A));
        world.run(500, |_| {
            let kept = noise(&mut seed) % 100 >= 5;
            (usize::from(kept), u64::from(noise(&mut seed) % 40_000))
        });
        let quietest = world.b.heard[16_000..]
            .chunks_exact(2 * FRAME_SAMPLES)
            .map(level_dbov)
            .fold(0.0, f32::min);
        assert!(quietest > -37.0, "{codec:?}: {quietest} dBov");
        let quality = world.b.stream.quality();
        assert!(
            (20..=90).contains(&quality.loss_permille),
            "{codec:?}: {quality:?}"
        );
    }
}

#[test]
fn a_far_end_that_pauses_leaves_its_noise() {
    let mut world = World::new(params(RtpCodec::Pcmu, B), params(RtpCodec::Pcmu, A));
    world.run(50, |_| (1, 0));
    // Comfort noise of −50 dBov with the stream's next numbers, then nothing for two seconds.
    let mut packet = vec![0x80, 13, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 50];
    let sent = world.a.tick(world.now_us).0.remove(0).2;
    packet[2..12].copy_from_slice(&sent[2..12]);
    world.b.take(Channel::Rtp, at(A), packet, world.now_us);
    let from = world.b.heard.len();
    for _ in 0..100 {
        world.now_us += 20_000;
        world.b.tick(world.now_us);
    }
    let pause = &world.b.heard[from + 8 * FRAME_SAMPLES..];
    let level = level_dbov(pause);
    assert!((level + 50.0).abs() < 2.0, "{level} dBov");
    world.run(25, |_| (1, 0));
    let again = &world.b.heard[world.b.heard.len() - 15 * FRAME_SAMPLES..];
    assert!((level_dbov(again) + 20.0).abs() < 1.0);
}

#[test]
fn sprayed_packets_are_neither_heard_nor_answered_before_and_after_learning() {
    for learned in [false, true] {
        let mut world = World::new(params(RtpCodec::Pcmu, B), params(RtpCodec::Pcmu, A));
        if learned {
            world.run(50, |_| (1, 0));
        }
        let before = world.b.stream.counts();
        world.b.heard.clear();
        let mut seed = 77;
        let mut leaked = 0;
        for n in 0..200u64 {
            // Loud noise from everywhere, with numbers at random.
            for _ in 0..20 {
                let mut packet = vec![0x80, 0];
                for _ in 0..170 {
                    packet.push(noise(&mut seed) as u8);
                }
                let from = SocketAddr::new(at(STRANGER).ip(), noise(&mut seed) as u16);
                world.b.take(Channel::Rtp, from, packet, n * 20_000);
            }
            let sent = world.b.tick(world.now_us + n * 20_000);
            leaked += sent
                .0
                .iter()
                .filter(|(_, to, _)| *to != at(A) && to.port() != 4001)
                .count();
        }
        let counts = world.b.stream.counts();
        assert_eq!(leaked, 0, "learned: {learned}");
        assert_eq!(counts.received, before.received, "learned: {learned}");
        assert_eq!(counts.other_source + counts.on_probation, 4000);
        let skip = 10 * FRAME_SAMPLES;
        assert!(
            level_dbov(&world.b.heard[skip..]) < -80.0,
            "learned: {learned}"
        );
    }
}

#[test]
fn a_stranger_with_the_streams_own_numbers_is_not_heard_while_the_far_end_speaks() {
    let mut world = World::new(params(RtpCodec::Pcmu, B), params(RtpCodec::Pcmu, A));
    world.run(50, |_| (1, 0));
    for _ in 0..100 {
        let now_us = world.now_us;
        let sent = world.a.tick(now_us);
        for (channel, _, bytes) in sent.0 {
            let mut forged = bytes.clone();
            if channel == Channel::Rtp {
                forged[12..].fill(0x80);
            }
            world.b.take(channel, at(STRANGER), forged, now_us);
            world.b.take(channel, at(A), bytes, now_us);
        }
        let answered = world.b.tick(now_us);
        assert!(answered.0.iter().all(|(_, to, _)| to.ip() == at(A).ip()));
        world.now_us += 20_000;
    }
    let counts = world.b.stream.counts();
    assert!(counts.other_source >= 100);
    let steady = &world.b.heard[60 * FRAME_SAMPLES..];
    assert!((level_dbov(steady) + 20.0).abs() < 0.5 && (frequency_hz(steady) - 440.0).abs() < 3.0);
}

#[test]
fn encrypted_streams_follow_the_far_end_and_nobody_else() {
    let (mut a, mut b) = (params(RtpCodec::Pcmu, B), params(RtpCodec::Pcmu, A));
    (a.srtp, b.srtp) = (Some(keys(1)), Some(keys(2)));
    let mut world = World::new(a, b);
    world.run(20, |_| (1, 0));
    // The far end's router gives it another port; its next packet moves the address.
    world.a.address = at("198.51.100.7:999");
    world.run(20, |_| (1, 0));
    let sent = world.b.tick(world.now_us);
    assert_eq!(sent.0[0].1, at("198.51.100.7:999"));
    // A captured packet from elsewhere, and forged ones, change nothing.
    let captured = world.a.tick(world.now_us).0.remove(0).2;
    world.b.take(
        Channel::Rtp,
        world.a.address,
        captured.clone(),
        world.now_us,
    );
    let before = world.b.stream.counts();
    world
        .b
        .take(Channel::Rtp, at(STRANGER), captured.clone(), world.now_us);
    let mut forged = captured;
    forged[3] = forged[3].wrapping_add(1);
    world
        .b
        .take(Channel::Rtp, at(STRANGER), forged, world.now_us);
    let counts = world.b.stream.counts();
    assert_eq!(
        (counts.replayed, counts.forged),
        (before.replayed + 1, before.forged + 1)
    );
    assert_eq!(counts.received, before.received);
    let sent = world.b.tick(world.now_us);
    assert_eq!(sent.0[0].1, at("198.51.100.7:999"));
}

#[test]
fn plain_packets_are_nothing_to_an_encrypted_stream() {
    let mut b = params(RtpCodec::Pcmu, A);
    b.srtp = Some(keys(2));
    let mut world = World::new(params(RtpCodec::Pcmu, B), b);
    world.run(50, |_| (1, 0));
    let counts = world.b.stream.counts();
    assert!(counts.received == 0 && counts.forged >= 50, "{counts:?}");
    assert_eq!(level_dbov(&world.b.heard), -127.0);
}

#[test]
fn hold_stops_sound_in_the_right_direction_and_the_way_is_kept_open() {
    for (direction, sends, hears) in [
        (Direction::SendOnly, true, false),
        (Direction::RecvOnly, false, true),
        (Direction::Inactive, false, false),
    ] {
        let mut world = World::new(params(RtpCodec::Pcmu, B), params(RtpCodec::Pcmu, A));
        world.run(50, |_| (1, 0));
        let mut held = world.b.stream.params.clone();
        held.direction = direction;
        world.b.stream.update(held.clone()).unwrap();
        world.b.heard.clear();
        let before = (
            world.a.stream.counts().received,
            world.b.stream.counts().sent,
        );
        world.run(1000, |_| (1, 0));
        let sent = world.a.stream.counts().received - before.0;
        assert_eq!(sent > 900, sends, "{direction:?}: {sent} packets");
        assert!(sends || sent == 0, "{direction:?}: {sent} packets");
        let heard = level_dbov(&world.b.heard[FRAME_SAMPLES * 10..]);
        assert_eq!(heard > -25.0, hears, "{direction:?}: {heard} dBov");
        assert!(hears || heard < -100.0);
        if !sends {
            assert_eq!(
                world.b.stream.counts().sent - before.1,
                1,
                "one keep-alive in 20 s"
            );
        }
        held.direction = Direction::SendRecv;
        world.b.stream.update(held).unwrap();
        world.b.heard.clear();
        world.a.heard.clear();
        world.run(100, |_| (1, 0));
        for end in [&world.a, &world.b] {
            let level = level_dbov(&end.heard[FRAME_SAMPLES * 30..]);
            assert!((level + 20.0).abs() < 1.0, "{direction:?}: {level}");
        }
    }
}

#[test]
fn reports_tell_the_round_trip_and_the_losses() {
    for mux in [false, true] {
        let (mut a, mut b) = (params(RtpCodec::Pcmu, B), params(RtpCodec::Pcmu, A));
        (a.rtcp_mux, b.rtcp_mux) = (mux, mux);
        (a.srtp, b.srtp) = (Some(keys(1)), Some(keys(2)));
        let mut world = World::new(a, b);
        // Datagrams to B arrive at the end of their frame, those to A after 1 ms.
        world.run(1500, |_| (1, 20_000));
        for end in [&mut world.a, &mut world.b] {
            let quality = end.stream.quality();
            assert_eq!(quality.loss_permille, 0);
            let rtt_ms = quality.rtt_ms.expect("measured");
            assert!((10..=30).contains(&rtt_ms), "mux {mux}: {rtt_ms} ms");
            assert_eq!(end.stream.counts().malformed, 0);
        }
    }
}

#[test]
fn a_new_codec_and_a_new_address_are_gone_over_to() {
    let mut world = World::new(params(RtpCodec::Pcmu, B), params(RtpCodec::Pcmu, A));
    world.run(50, |_| (1, 0));
    world.a.stream.update(params(RtpCodec::G722, B)).unwrap();
    world.b.stream.update(params(RtpCodec::G722, A)).unwrap();
    world.run(50, |_| (1, 0));
    let moved = "192.0.2.77:1234";
    world
        .b
        .stream
        .update(params(RtpCodec::Opus, moved))
        .unwrap();
    let sent = world.b.tick(world.now_us);
    assert_eq!(sent.0[0].1, at(moved));
    world.a.address = at(moved);
    world.a.stream.update(params(RtpCodec::Opus, B)).unwrap();
    world.b.heard.clear();
    world.run(100, |_| (1, 0));
    let steady = &world.b.heard[50 * FRAME_SAMPLES..];
    assert!((frequency_hz(steady) - 440.0).abs() < 3.0);
}

#[test]
fn late_offers_send_nothing_until_somebody_speaks() {
    let mut b = params(RtpCodec::Pcmu, A);
    b.remote = None;
    let mut world = World::new(params(RtpCodec::Pcmu, B), b);
    assert!(world.b.tick(0).0.is_empty());
    world.run(50, |_| (1, 0));
    assert!(world.a.stream.counts().received >= 35);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(300))]
    #[test]
    fn no_datagrams_harm(
        datagrams in proptest::collection::vec((proptest::bool::ANY, 0u8..8, 0u8..4, proptest::collection::vec(proptest::num::u8::ANY, 0..60)), 1..60),
        encrypted: bool, mux: bool, codec in 0usize..4,
    ) {
        let mut b = params(CODECS[codec], A);
        b.rtcp_mux = mux;
        b.srtp = encrypted.then(|| keys(2));
        let payload = b.format.payload;
        let mut end = End::new(B, b, 440.0);
        for (n, (control, kind, from, mut bytes)) in (0u64..).zip(datagrams) {
            // Most look like something: the right version, a payload number in use, one of few sources.
            if kind < 6 && bytes.len() > 12 {
                bytes[0] = bytes[0] & 0x3F | 0x80;
                bytes[1] = [payload, 101, 13, 200, 201, 203][usize::from(kind)];
                bytes[8..12].copy_from_slice(&[0, 0, 0, from & 1]);
            }
            let channel = if control { Channel::Rtcp } else { Channel::Rtp };
            let from = [A, B, STRANGER, "192.0.2.1:4001"][usize::from(from)];
            end.take(channel, at(from), bytes, n * 7_000);
            if n % 3 == 0 {
                end.tick(n * 7_000);
            }
        }
        for n in 0..20 {
            end.tick(1_000_000 + n * 20_000);
        }
    }
}

/// An [`Out`] that allocates nothing: the packets of the last call.
struct Last {
    packets: [(usize, [u8; 256]); 4],
    count: usize,
}

impl Out for Last {
    fn send(&mut self, channel: Channel, _: SocketAddr, bytes: &[u8]) {
        if channel == Channel::Rtp && self.count < self.packets.len() {
            let (length, room) = &mut self.packets[self.count];
            *length = bytes.len();
            room[..bytes.len()].copy_from_slice(bytes);
            self.count += 1;
        }
    }
}

#[test]
fn in_steady_state_nothing_is_allocated() {
    let seen = allocation_counter::measure(|| drop(std::hint::black_box(vec![0u8; 100])));
    assert_eq!(seen.count_total, 1, "the counter works");
    for codec in CODECS {
        for encrypted in [false, true] {
            let (mut a, mut b) = (params(codec, B), params(codec, A));
            if encrypted {
                (a.srtp, b.srtp) = (Some(keys(1)), Some(keys(2)));
            }
            let (mut a, mut b) = (End::new(A, a, 440.0), End::new(B, b, 1000.0));
            let mut pcm = SILENCE;
            let mut out = Last {
                packets: [(0, [0; 256]); 4],
                count: 0,
            };
            let mut turn = |now_us: u64| {
                a.stream.tick(now_us, &mut pcm, &mut out);
                a.tone.fill(&mut pcm);
                out.count = 0;
                a.stream.frame(&pcm, 0, now_us, &mut out);
                for (length, packet) in &mut out.packets[..out.count] {
                    let _ = b
                        .stream
                        .datagram(Channel::Rtp, at_a(), &mut packet[..*length], now_us);
                }
                b.stream.tick(now_us + 10_000, &mut pcm, &mut out);
            };
            (0..500).for_each(|n| turn(n * 20_000));
            // Ten seconds in which a thousand packets are made, sent, taken and played.
            let counted =
                allocation_counter::measure(|| (500..1500).for_each(|n| turn(n * 20_000)));
            assert_eq!(counted.count_total, 0, "{codec:?}, encrypted: {encrypted}");
        }
    }
}

/// [`A`], without parsing.
fn at_a() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], 4000))
}
