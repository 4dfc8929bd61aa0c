use super::*;
use proptest::prelude::*;

fn arrival(sequence: u16, arrived_us: u64) -> Arrival<u16> {
    Arrival {
        sequence,
        timestamp: u32::from(sequence) * 960,
        ticks: 960,
        arrived_us,
        sound: Some(sequence),
    }
}

/// What was played, `None` for a frame without a packet.
fn played(pull: Pull<'_, u16>) -> Option<u16> {
    match pull {
        Pull::Sound(packet) => Some(packet),
        _ => None,
    }
}

#[test]
fn reordered_packets_come_out_in_order() {
    let mut jitter = JitterBuffer::new(48_000);
    for sequence in [0u16, 2, 1, 3, 5, 4] {
        assert_eq!(jitter.push(arrival(sequence, 0)), Pushed::Kept);
    }
    let order: Vec<u16> = (0..6)
        .filter_map(|n| played(jitter.pull(20_000 + n * 20_000)))
        .collect();
    assert_eq!(order, [0, 1, 2, 3, 4, 5]);
    assert_eq!(jitter.metrics().lost, 0);
}

#[test]
fn duplicates_and_late_packets_are_counted_and_left_out() {
    let mut jitter = JitterBuffer::new(48_000);
    for sequence in [10u16, 11, 13] {
        jitter.push(arrival(sequence, 0));
    }
    assert_eq!(jitter.push(arrival(11, 0)), Pushed::Duplicate);
    assert_eq!(played(jitter.pull(20_000)), Some(10));
    assert_eq!(played(jitter.pull(40_000)), Some(11));
    assert_eq!(jitter.pull(60_000), Pull::Lost { next: Some(&13) });
    assert_eq!(played(jitter.pull(80_000)), Some(13));
    assert_eq!(jitter.push(arrival(12, 81_000)), Pushed::Late);
    let metrics = jitter.metrics();
    assert_eq!((metrics.duplicates, metrics.late, metrics.lost), (1, 1, 1));
}

#[test]
fn of_three_lost_only_the_last_is_offered_for_correction() {
    let mut jitter = JitterBuffer::new(48_000);
    jitter.push(arrival(0, 0));
    jitter.push(arrival(4, 1000));
    assert_eq!(played(jitter.pull(20_000)), Some(0));
    assert_eq!(jitter.pull(40_000), Pull::Lost { next: None });
    assert_eq!(jitter.pull(60_000), Pull::Lost { next: None });
    assert_eq!(jitter.pull(80_000), Pull::Lost { next: Some(&4) });
    assert_eq!(played(jitter.pull(100_000)), Some(4));
    assert_eq!(jitter.metrics().lost, 3);
}

#[test]
fn running_dry_makes_the_delay_longer_and_loses_nothing() {
    let mut jitter = JitterBuffer::new(48_000);
    jitter.push(arrival(0, 0));
    assert_eq!(played(jitter.pull(20_000)), Some(0));
    assert_eq!(jitter.pull(40_000), Pull::Starved { frames: 1 });
    assert_eq!(jitter.pull(60_000), Pull::Starved { frames: 2 });
    jitter.push(arrival(1, 61_000));
    jitter.push(arrival(2, 61_000));
    assert_eq!(played(jitter.pull(80_000)), Some(1));
    assert_eq!(played(jitter.pull(100_000)), Some(2));
}

#[test]
fn what_was_concealed_while_dry_is_not_concealed_again() {
    let mut jitter = JitterBuffer::new(48_000);
    jitter.push(arrival(0, 0));
    assert_eq!(played(jitter.pull(20_000)), Some(0));
    assert_eq!(jitter.pull(40_000), Pull::Starved { frames: 1 });
    // Packet 1 is lost for good; 2 comes in time for its own moment.
    jitter.push(arrival(2, 41_000));
    assert_eq!(played(jitter.pull(60_000)), Some(2));
}

#[test]
fn a_pausing_sender_is_silence_and_not_loss() {
    let mut jitter = JitterBuffer::new(48_000);
    jitter.push(arrival(0, 0));
    jitter.push(Arrival {
        timestamp: 960 * 4,
        ..arrival(1, 1000)
    });
    assert_eq!(played(jitter.pull(20_000)), Some(0));
    for n in 0..3 {
        assert_eq!(jitter.pull(40_000 + n * 20_000), Pull::Silence);
    }
    assert_eq!(played(jitter.pull(100_000)), Some(1));
    assert_eq!(jitter.metrics().lost, 0);
}

#[test]
fn keypad_packets_in_the_stream_are_not_losses() {
    let mut jitter = JitterBuffer::new(48_000);
    jitter.push(Arrival {
        sound: None,
        ..arrival(0, 0)
    });
    jitter.push(arrival(1, 0));
    for sequence in 2..5u16 {
        jitter.push(Arrival {
            sound: None,
            timestamp: 1920,
            ..arrival(sequence, 1000)
        });
    }
    jitter.push(arrival(5, 2000));
    assert_eq!(played(jitter.pull(20_000)), Some(1));
    for n in 0..3 {
        assert_eq!(jitter.pull(40_000 + n * 20_000), Pull::Silence);
    }
    assert_eq!(played(jitter.pull(100_000)), Some(5));
    assert_eq!(jitter.metrics().lost, 0);
}

#[test]
fn a_new_stream_is_taken_up() {
    let mut jitter = JitterBuffer::new(48_000);
    for sequence in 100..110u16 {
        jitter.push(arrival(sequence, 0));
    }
    assert_eq!(played(jitter.pull(20_000)), Some(100));
    assert_eq!(jitter.push(arrival(40_000, 200_000)), Pushed::Restarted);
    assert_eq!(jitter.pull(210_000), Pull::Silence);
    assert_eq!(played(jitter.pull(220_000)), Some(40_000));
}

#[test]
fn sequence_numbers_and_timestamps_wrap() {
    let mut jitter = JitterBuffer::new(48_000);
    for n in 0..20u16 {
        jitter.push(Arrival {
            sequence: 65_530u16.wrapping_add(n),
            timestamp: (u32::MAX - 5000).wrapping_add(u32::from(n) * 960),
            ticks: 960,
            arrived_us: u64::from(n) * 20_000,
            sound: Some(n),
        });
    }
    let order: Vec<u16> = (0..20)
        .filter_map(|n| played(jitter.pull(20_000 + n * 20_000)))
        .collect();
    assert_eq!(order, (0..20).collect::<Vec<_>>());
}

#[test]
fn the_target_follows_the_jitter() {
    let mut jitter = JitterBuffer::new(48_000);
    for n in 0..400u16 {
        jitter.push(arrival(n, u64::from(n) * 20_000));
        jitter.pull(u64::from(n) * 20_000 + 5000);
    }
    assert_eq!(jitter.metrics().target_ms, TARGET_MS_MIN);
    for n in 400..800u16 {
        let late = u64::from(n * 7 % 61) * 1000;
        jitter.push(arrival(n, u64::from(n) * 20_000 + late));
        jitter.pull(u64::from(n) * 20_000 + 5000);
    }
    let metrics = jitter.metrics();
    assert!((55..=80).contains(&metrics.target_ms), "{metrics:?}");
    assert!(metrics.jitter_ms > 5);
}

proptest! {
    /// Whatever the network does, what is played is in order, each packet at most once, and the
    /// books balance.
    #[test]
    fn order_holds_and_every_packet_is_accounted_for(
        fates in proptest::collection::vec((0u64..80_000, 0u8..100, proptest::bool::weighted(0.05)), 50..400),
        start: u16,
    ) {
        let mut coming: Vec<(u64, u16)> = Vec::new();
        let mut sent = 0u64;
        for (n, (late, luck, twice)) in fates.iter().enumerate() {
            sent += 1;
            if *luck < 5 {
                continue;
            }
            let at = n as u64 * 20_000 + late;
            coming.push((at, n as u16));
            if *twice {
                coming.push((at + 3000, n as u16));
            }
        }
        coming.sort_unstable();
        let mut jitter = JitterBuffer::new(48_000);
        let mut coming = coming.into_iter().peekable();
        let mut out: Vec<u16> = Vec::new();
        for tick in 0..fates.len() as u64 + 100 {
            let now = tick * 20_000;
            while let Some((at, n)) = coming.next_if(|(at, _)| *at <= now) {
                jitter.push(Arrival {
                    sequence: start.wrapping_add(n),
                    timestamp: u32::from(n) * 960,
                    ticks: 960,
                    arrived_us: at,
                    sound: Some(n),
                });
            }
            out.extend(played(jitter.pull(now)));
        }
        prop_assert!(out.windows(2).all(|pair| pair[0] < pair[1]), "{:?}", out);
        let metrics = jitter.metrics();
        prop_assert!(out.len() as u64 + metrics.duplicates + metrics.late <= metrics.received);
        if let (Some(first), Some(last)) = (out.first(), out.last()) {
            let span = u64::from(last - first) + 1;
            prop_assert_eq!(span, out.len() as u64 + metrics.lost);
        }
        prop_assert!(sent >= out.len() as u64);
    }
}
