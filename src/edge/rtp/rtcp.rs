//! RTCP (RFC 3550 section 6): what both ends tell each other about the stream, and the reckoning
//! behind it.

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const DESCRIPTION: u8 = 202;
const BYE: u8 = 203;
/// Seconds from 1900, the epoch of NTP, to 1970.
const NTP_EPOCH_S: u64 = 2_208_988_800;
/// Longer round trips are a wrong clock or a lie.
const ROUND_TRIP_MAX_MS: u32 = 10_000;
/// The longest compound packet written here.
pub(super) const RTCP_BYTES_MAX: usize = 128;

/// What is of use in a compound packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RtcpItem {
    /// The middle 32 bits of the NTP time at which it was sent.
    SenderReport {
        ssrc: u32,
        ntp_middle: u32,
    },
    Block(ReportBlock),
    Bye {
        ssrc: u32,
    },
}

/// How a stream is received (section 6.4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ReportBlock {
    pub about: u32,
    /// Of 256.
    pub fraction_lost: u8,
    pub lost: i32,
    pub highest_sequence: u32,
    pub jitter_ticks: u32,
    /// Middle of the NTP time of the last sender report, and how long ago that came in 1/65536 s.
    pub last_report: u32,
    pub since_last_report: u32,
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// Reads a compound packet; false: it is none (appendix A.2), and nothing of it was given out.
pub(super) fn read(compound: &[u8], mut each: impl FnMut(RtcpItem)) -> bool {
    let first_is_report = matches!(compound.get(1), Some(&(SENDER_REPORT | RECEIVER_REPORT)));
    if !first_is_report || !packets(compound).all(|packet| packet.is_some()) {
        return false;
    }
    for packet in packets(compound).flatten() {
        let _ = read_one(packet, &mut each);
    }
    true
}

/// The packets of a compound; `None` ends it where a length or version is impossible.
fn packets(mut rest: &[u8]) -> impl Iterator<Item = Option<&[u8]>> {
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let length = match rest {
            [first, _, high, low, ..] if first >> 6 == 2 => {
                4 + 4 * usize::from(u16::from_be_bytes([*high, *low]))
            }
            _ => usize::MAX,
        };
        let Some((packet, more)) = rest.split_at_checked(length) else {
            rest = &[];
            return Some(None);
        };
        rest = more;
        Some(Some(packet))
    })
}

fn read_one(packet: &[u8], each: &mut impl FnMut(RtcpItem)) -> Option<()> {
    let count = usize::from(packet[0] & 0x1F);
    let ssrc = word(packet, 4);
    let blocks_at = match packet[1] {
        SENDER_REPORT => {
            let ntp_middle = word(packet, 10)?;
            each(RtcpItem::SenderReport {
                ssrc: ssrc?,
                ntp_middle,
            });
            28
        }
        RECEIVER_REPORT => 8,
        BYE => {
            for n in 0..count {
                each(RtcpItem::Bye {
                    ssrc: word(packet, 4 + 4 * n)?,
                });
            }
            return Some(());
        }
        _ => return None,
    };
    for n in 0..count {
        let at = blocks_at + 24 * n;
        let losses = word(packet, at + 4)?;
        each(RtcpItem::Block(ReportBlock {
            about: word(packet, at)?,
            fraction_lost: (losses >> 24) as u8,
            lost: ((losses << 8) as i32) >> 8,
            highest_sequence: word(packet, at + 8)?,
            jitter_ticks: word(packet, at + 12)?,
            last_report: word(packet, at + 16)?,
            since_last_report: word(packet, at + 20)?,
        }));
    }
    Some(())
}

/// What a report says of our own sending.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sent {
    pub packets: u32,
    pub bytes: u32,
    /// RTP time of now.
    pub timestamp: u32,
}

/// A compound packet to send.
pub(super) struct Report {
    pub ssrc: u32,
    pub ntp: u64,
    /// Makes it a sender's report.
    pub sent: Option<Sent>,
    pub block: Option<ReportBlock>,
    /// The canonical name.
    pub name: [u8; 16],
    pub bye: bool,
}

/// Writes a report, a description and perhaps a goodbye; returns the length.
pub(super) fn write(out: &mut [u8; RTCP_BYTES_MAX], report: &Report) -> usize {
    let Report {
        ssrc, sent, block, ..
    } = *report;
    let mut writer = Writer { out, at: 0 };
    let blocks = u8::from(block.is_some());
    let words = 1 + if sent.is_some() { 5 } else { 0 } + 6 * u16::from(blocks);
    let kind = if sent.is_some() {
        SENDER_REPORT
    } else {
        RECEIVER_REPORT
    };
    writer.head(blocks, kind, words);
    writer.word(ssrc);
    if let Some(sent) = sent {
        writer.word((report.ntp >> 32) as u32);
        writer.word(report.ntp as u32);
        writer.word(sent.timestamp);
        writer.word(sent.packets);
        writer.word(sent.bytes);
    }
    if let Some(block) = block {
        writer.word(block.about);
        writer.word(u32::from(block.fraction_lost) << 24 | (block.lost as u32 & 0x00FF_FFFF));
        writer.word(block.highest_sequence);
        writer.word(block.jitter_ticks);
        writer.word(block.last_report);
        writer.word(block.since_last_report);
    }
    // One chunk: the source, CNAME (1) of 16 bytes, and zeros up to the next word.
    writer.head(1, DESCRIPTION, 6);
    writer.word(ssrc);
    writer.bytes(&[1, 16]);
    writer.bytes(&report.name);
    writer.bytes(&[0, 0]);
    if report.bye {
        writer.head(1, BYE, 1);
        writer.word(ssrc);
    }
    writer.at
}

struct Writer<'a> {
    out: &'a mut [u8; RTCP_BYTES_MAX],
    at: usize,
}

impl Writer<'_> {
    fn bytes(&mut self, bytes: &[u8]) {
        self.out[self.at..self.at + bytes.len()].copy_from_slice(bytes);
        self.at += bytes.len();
    }

    fn word(&mut self, word: u32) {
        self.bytes(&word.to_be_bytes());
    }

    fn head(&mut self, count: u8, kind: u8, words: u16) {
        let [high, low] = words.to_be_bytes();
        self.bytes(&[0x80 | count, kind, high, low]);
    }
}

/// NTP time of `unix_us` microseconds after 1970: seconds and 2⁻³² seconds.
pub(super) fn ntp_of(unix_us: u64) -> u64 {
    let seconds = unix_us / 1_000_000 + NTP_EPOCH_S;
    (seconds << 32) | (((unix_us % 1_000_000) << 32) / 1_000_000)
}

fn middle(ntp: u64) -> u32 {
    (ntp >> 16) as u32
}

/// Round trip by a block about our stream (section 6.4.1, figure 2).
pub(super) fn round_trip_ms(block: &ReportBlock, ntp_now: u64) -> Option<u32> {
    if block.last_report == 0 {
        return None;
    }
    let units = middle(ntp_now)
        .wrapping_sub(block.last_report)
        .wrapping_sub(block.since_last_report);
    let ms = u64::from(units) * 1000 / 65_536;
    (ms <= u64::from(ROUND_TRIP_MAX_MS)).then_some(ms as u32)
}

/// How the far end's stream comes in, for our reports (appendices A.1, A.3 and A.8).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reception {
    stream: Option<Counted>,
    /// The last sender report's time, and when it came.
    report: Option<(u32, u64)>,
}

#[derive(Clone, Copy, Debug)]
struct Counted {
    ssrc: u32,
    base: u64,
    highest: u64,
    received: u64,
    /// Expected and received at the last report.
    reported: (u64, u64),
    transit_ticks: Option<i64>,
    /// Sixteenths of a tick.
    jitter: i64,
}

impl Reception {
    /// A packet that is heard. `timestamp` is `None` for keys, whose packets share the timestamp of
    /// the key's start and tell nothing of the network's time.
    pub fn packet(
        &mut self,
        ssrc: u32,
        sequence: u16,
        timestamp: Option<u32>,
        now_us: u64,
        clock_hz: u32,
    ) {
        let arrived_ticks = (u128::from(now_us) * u128::from(clock_hz) / 1_000_000) as i64;
        let transit_ticks = timestamp.map(|timestamp| arrived_ticks - i64::from(timestamp));
        let counted = match &mut self.stream {
            Some(counted) if counted.ssrc == ssrc => counted,
            _ => {
                self.report = None;
                self.stream.insert(Counted {
                    ssrc,
                    base: u64::from(sequence) + 0x1_0000,
                    highest: u64::from(sequence) + 0x1_0000,
                    received: 0,
                    reported: (0, 0),
                    transit_ticks,
                    jitter: 0,
                })
            }
        };
        counted.received += 1;
        let ahead = sequence.wrapping_sub(counted.highest as u16) as i16;
        counted.highest = counted
            .highest
            .saturating_add_signed(i64::from(ahead.max(0)));
        let Some(transit_ticks) = transit_ticks else {
            return;
        };
        // The timestamp wraps; what differs by more than a minute is a jump of its clock.
        let change = counted
            .transit_ticks
            .replace(transit_ticks)
            .map_or(0, |last| (transit_ticks - last).abs());
        if change < i64::from(clock_hz) * 60 {
            counted.jitter += change - ((counted.jitter + 8) >> 4);
        }
    }

    pub fn sender_report(&mut self, ssrc: u32, ntp_middle: u32, now_us: u64) {
        if self.stream.is_some_and(|counted| counted.ssrc == ssrc) {
            self.report = Some((ntp_middle, now_us));
        }
    }

    /// The block of the next report; begins a new interval.
    pub fn block(&mut self, now_us: u64) -> Option<ReportBlock> {
        let counted = self.stream.as_mut()?;
        let expected = counted.highest - counted.base + 1;
        let (expected_before, received_before) = counted.reported;
        counted.reported = (expected, counted.received);
        let expected_now = expected.saturating_sub(expected_before);
        let lost_now = expected_now.saturating_sub(counted.received - received_before);
        let lost = (expected as i64 - counted.received as i64).clamp(-0x80_0000, 0x7F_FFFF);
        let (last_report, since_last_report) = self.report.map_or((0, 0), |(ntp, came_us)| {
            let since_us = u128::from(now_us.saturating_sub(came_us));
            (ntp, (since_us * 65_536 / 1_000_000) as u32)
        });
        Some(ReportBlock {
            about: counted.ssrc,
            fraction_lost: (lost_now * 256 / expected_now.max(1)).min(255) as u8,
            lost: lost as i32,
            highest_sequence: (counted.highest - 0x1_0000) as u32,
            jitter_ticks: (counted.jitter >> 4) as u32,
            last_report,
            since_last_report,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(compound: &[u8]) -> Option<Vec<RtcpItem>> {
        let mut items = Vec::new();
        read(compound, |item| items.push(item)).then_some(items)
    }

    const BLOCK: ReportBlock = ReportBlock {
        about: 7,
        fraction_lost: 12,
        lost: -3,
        highest_sequence: 70_000,
        jitter_ticks: 90,
        last_report: 0x1234_5678,
        since_last_report: 65_536,
    };

    #[test]
    fn what_is_written_is_read() {
        let mut out = [0; RTCP_BYTES_MAX];
        let ntp = ntp_of(1_700_000_000_500_000);
        assert_eq!((ntp >> 32, ntp as u32), (3_908_988_800, 1 << 31));
        let sent = Sent::default();
        let mut report = Report {
            ssrc: 9,
            ntp,
            sent: Some(sent),
            block: Some(BLOCK),
            name: *b"0123456789abcdef",
            bye: true,
        };
        let length = write(&mut out, &report);
        let expected = vec![
            RtcpItem::SenderReport {
                ssrc: 9,
                ntp_middle: middle(ntp),
            },
            RtcpItem::Block(BLOCK),
            RtcpItem::Bye { ssrc: 9 },
        ];
        assert_eq!(items(&out[..length]), Some(expected));
        for shorter in 1..length {
            assert!(
                items(&out[..shorter]).is_none_or(|items| items.len() < 3),
                "{shorter} of {length} bytes"
            );
        }
        (report.sent, report.block, report.bye) = (None, None, false);
        let length = write(&mut out, &report);
        assert_eq!(items(&out[..length]), Some(vec![]));
    }

    #[test]
    fn round_trips_are_what_is_left_after_the_far_ends_wait() {
        let sent = ntp_of(1_700_000_000_000_000);
        let block = ReportBlock {
            last_report: middle(sent),
            since_last_report: 65_536 * 2,
            ..BLOCK
        };
        let now = ntp_of(1_700_000_002_080_000);
        assert!(round_trip_ms(&block, now).is_some_and(|ms| (79..=80).contains(&ms)));
        assert_eq!(
            round_trip_ms(&block, sent),
            None,
            "answered before it was asked"
        );
        let unasked = ReportBlock {
            last_report: 0,
            ..block
        };
        assert_eq!(round_trip_ms(&unasked, now), None);
    }

    #[test]
    fn losses_and_jitter_are_reckoned_over_the_wrap() {
        let mut reception = Reception::default();
        for n in 0..100u64 {
            if n % 10 == 9 {
                continue;
            }
            let sequence = 65_500u16.wrapping_add(n as u16);
            // Every other packet is 4 ms late.
            let at = n * 20_000 + (n % 2) * 4_000;
            reception.packet(5, sequence, Some(n as u32 * 160), at, 8_000);
        }
        reception.sender_report(5, 77, 2_000_000);
        reception.sender_report(6, 99, 2_000_000);
        let block = reception.block(3_000_000).unwrap();
        assert_eq!((block.about, block.lost, block.last_report), (5, 9, 77));
        assert_eq!(block.fraction_lost, (9 * 256 / 99) as u8);
        assert_eq!(block.highest_sequence, 65_500 + 98);
        assert_eq!(block.since_last_report, 65_536);
        // A good 30 ticks (4 ms) of difference between neighbours.
        assert!(
            (20..=34).contains(&block.jitter_ticks),
            "{}",
            block.jitter_ticks
        );
        assert_eq!(reception.block(3_000_000).unwrap().fraction_lost, 0);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(mut bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200), kind in 198u8..206) {
            items(&bytes);
            if bytes.len() > 4 {
                bytes[0] = bytes[0] & 0x3F | 0x80;
                bytes[1] = kind;
                bytes[2] = 0;
                bytes[3] = (bytes.len() / 4 - 1) as u8;
                let whole = bytes.len() & !3;
                items(&bytes[..whole]);
            }
        }

        #[test]
        fn any_stream_can_be_reported(packets in proptest::collection::vec((0u32..3, proptest::num::u16::ANY, proptest::num::u32::ANY, 0u64..u64::MAX / 2), 0..60)) {
            let mut reception = Reception::default();
            for (ssrc, sequence, timestamp, at) in packets {
                reception.packet(ssrc, sequence, Some(timestamp), at, 8_000);
                reception.block(at);
            }
        }
    }
}
