//! Sound, its clock, and what is told about both.

use super::*;

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

/// [`A`], without parsing.
fn at_a() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], 4000))
}
