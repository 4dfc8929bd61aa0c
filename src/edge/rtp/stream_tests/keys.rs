//! Keys of both kinds under every luck.

use super::*;

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
