//! Keys as RTP events (RFC 4733 telephone-event).
//!
//! A key is a burst of packets with one RTP timestamp and a growing duration; the last is sent
//! three times with the end bit (section 2.5.1.4). Packets are lost, repeated and reordered, so the
//! receiver goes by the timestamp: one timestamp, one key.

/// How many timestamps a receiver remembers against late repeats.
const REMEMBERED: usize = 8;
/// How often the packet that ends an event is sent (section 2.5.1.4).
const END_REPEATS: u8 = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TelephoneEvent {
    /// 0–9 digits, 10 `*`, 11 `#`, 12–15 A–D; others are not keys.
    pub event: u8,
    pub end: bool,
    /// Power as dBm0 with the sign dropped, 0..=63.
    pub volume: u8,
    /// In ticks of the RTP clock.
    pub duration: u16,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a telephone-event payload has 4 bytes, this one has {0}")]
pub struct TooShort(pub usize);

impl TelephoneEvent {
    /// Reads the first event of a payload.
    pub fn parse(payload: &[u8]) -> Result<Self, TooShort> {
        let &[event, flags, high, low, ..] = payload else {
            return Err(TooShort(payload.len()));
        };
        Ok(Self {
            event,
            end: flags & 0x80 != 0,
            volume: flags & 0x3F,
            duration: u16::from_be_bytes([high, low]),
        })
    }

    pub fn build(&self) -> [u8; 4] {
        let [high, low] = self.duration.to_be_bytes();
        [
            self.event,
            u8::from(self.end) << 7 | (self.volume & 0x3F),
            high,
            low,
        ]
    }

    /// The key on the keypad, where the event is one.
    pub fn key(&self) -> Option<char> {
        const KEYS: &[u8; 16] = b"0123456789*#ABCD";
        KEYS.get(usize::from(self.event))
            .map(|&key| char::from(key))
    }
}

/// The event number of a key. Lower-case letters are taken for capitals.
pub fn event_of(key: char) -> Option<u8> {
    match key.to_ascii_uppercase() {
        digit @ '0'..='9' => Some(digit as u8 - b'0'),
        '*' => Some(10),
        '#' => Some(11),
        letter @ 'A'..='D' => Some(letter as u8 - b'A' + 12),
        _ => None,
    }
}

/// Turns the packets of one stream into keys, each once.
#[derive(Debug, Default)]
pub struct EventReceiver {
    seen: [Option<u32>; REMEMBERED],
    next: usize,
    last: Option<(u32, TelephoneEvent)>,
}

impl EventReceiver {
    /// One packet with its RTP timestamp. `Some(key)` with the first packet of a key that arrives,
    /// whichever of its packets that is.
    pub fn push(&mut self, timestamp: u32, payload: &[u8]) -> Option<char> {
        let event = TelephoneEvent::parse(payload).ok()?;
        let key = event.key()?;
        if self.seen.contains(&Some(timestamp)) {
            if self.last.is_some_and(|(last, _)| last == timestamp) {
                self.last = Some((timestamp, event));
            }
            return None;
        }
        let continues = self.last.is_some_and(|(started, last)| {
            // A key held longer than the duration field can count goes on as a new segment that
            // begins where the old one ended (section 2.5.1.3).
            last.event == event.event
                && !last.end
                && last.duration >= 0xFF00
                && timestamp == started.wrapping_add(0xFFFF)
        });
        self.seen[self.next] = Some(timestamp);
        self.next = (self.next + 1) % REMEMBERED;
        self.last = Some((timestamp, event));
        (!continues).then_some(key)
    }
}

/// A packet to send: RTP timestamp of the key's start, marker bit, payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventPacket {
    pub timestamp: u32,
    pub marker: bool,
    pub payload: [u8; 4],
}

/// Makes the packets of one key, one every 20 ms.
#[derive(Debug)]
pub struct EventSender {
    event: u8,
    timestamp: u32,
    ticks_per_packet: u16,
    packets: u8,
    sent: u8,
}

impl EventSender {
    /// A key of 160 ms that starts at `timestamp`; `clock_hz` is the RTP clock (8,000 or 48,000).
    /// `None`: not a key.
    pub fn new(key: char, timestamp: u32, clock_hz: u32) -> Option<Self> {
        Some(Self {
            event: event_of(key)?,
            timestamp,
            ticks_per_packet: u16::try_from(clock_hz / 50).unwrap_or(u16::MAX),
            packets: 8,
            sent: 0,
        })
    }

    /// The next packet, or `None` when the key is over.
    pub fn poll(&mut self) -> Option<EventPacket> {
        if self.sent >= self.packets + END_REPEATS - 1 {
            return None;
        }
        self.sent += 1;
        let counted = self.sent.min(self.packets);
        let event = TelephoneEvent {
            event: self.event,
            end: self.sent >= self.packets,
            volume: 10,
            duration: self.ticks_per_packet.saturating_mul(u16::from(counted)),
        };
        Some(EventPacket {
            timestamp: self.timestamp,
            marker: self.sent == 1,
            payload: event.build(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_rfc() {
        // RFC 4733 section 5, table 7: digit 9, end bit, volume 7, duration 1600.
        let event = TelephoneEvent {
            event: 9,
            end: true,
            volume: 7,
            duration: 1600,
        };
        assert_eq!(event.build(), [9, 0x87, 0x06, 0x40]);
        assert_eq!(TelephoneEvent::parse(&event.build()), Ok(event));
        assert_eq!(TelephoneEvent::parse(&[1, 2, 3]), Err(TooShort(3)));
    }

    #[test]
    fn keys_and_numbers_are_each_others_inverse() {
        for key in "0123456789*#ABCD".chars() {
            let event = event_of(key).unwrap();
            let packet = TelephoneEvent {
                event,
                end: false,
                volume: 0,
                duration: 0,
            };
            assert_eq!(packet.key(), Some(key));
        }
        assert_eq!(event_of('x'), None);
        // Flash (16) is an event and not a key.
        assert_eq!(TelephoneEvent::parse(&[16, 0, 0, 0]).unwrap().key(), None);
    }

    #[test]
    fn whichever_packets_arrive_the_key_counts_once() {
        let packets: Vec<EventPacket> = {
            let mut sender = EventSender::new('7', 1000, 48_000).unwrap();
            std::iter::from_fn(|| sender.poll()).collect()
        };
        assert_eq!(packets.len(), 10);
        assert!(packets[0].marker && packets[1..].iter().all(|p| !p.marker));
        assert_eq!(
            packets.iter().filter(|p| p.payload[1] & 0x80 != 0).count(),
            3
        );
        // Every non-empty subset of arrivals, forwards and backwards.
        for mask in 1u32..1024 {
            for reversed in [false, true] {
                let mut receiver = EventReceiver::default();
                let mut arriving: Vec<_> = packets
                    .iter()
                    .enumerate()
                    .filter(|(n, _)| mask & (1 << n) != 0)
                    .collect();
                if reversed {
                    arriving.reverse();
                }
                let keys: Vec<char> = arriving
                    .iter()
                    .filter_map(|(_, p)| receiver.push(p.timestamp, &p.payload))
                    .collect();
                assert_eq!(keys, ['7'], "mask {mask:b}");
            }
        }
    }

    #[test]
    fn the_same_key_twice_is_two_keys_even_with_a_late_repeat_between() {
        let mut receiver = EventReceiver::default();
        let end = |event| {
            TelephoneEvent {
                event,
                end: true,
                volume: 10,
                duration: 960,
            }
            .build()
        };
        assert_eq!(receiver.push(1000, &end(5)), Some('5'));
        assert_eq!(receiver.push(9000, &end(5)), Some('5'));
        assert_eq!(
            receiver.push(1000, &end(5)),
            None,
            "late repeat of the first"
        );
        assert_eq!(receiver.push(17000, &end(5)), Some('5'));
    }

    #[test]
    fn a_key_held_for_seconds_is_one_key() {
        let mut receiver = EventReceiver::default();
        let held = |duration| {
            TelephoneEvent {
                event: 1,
                end: false,
                volume: 10,
                duration,
            }
            .build()
        };
        assert_eq!(receiver.push(0, &held(960)), Some('1'));
        assert_eq!(receiver.push(0, &held(0xFFFF)), None);
        assert_eq!(receiver.push(0xFFFF, &held(960)), None);
    }

    proptest::proptest! {
        #[test]
        fn any_payload_is_read_or_refused(payload: Vec<u8>, timestamp: u32) {
            let mut receiver = EventReceiver::default();
            let _ = receiver.push(timestamp, &payload);
        }
    }
}
