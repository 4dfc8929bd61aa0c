//! Strangers, forgers and rubbish; and a far end that changes.

use super::*;

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
