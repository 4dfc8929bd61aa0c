//! Whose packets are taken, and where ours go: symmetric RTP (RFC 4961) with a guard.
//!
//! A description names an address, and a far end behind a router speaks from another. So the source
//! is learned from the packets themselves, and whoever sprays packets at the port must not become
//! it. What holds:
//!
//! - **Before the source is learned** sound goes to the described address only. A packet from there
//!   is believed at once and ends the search. Others are on probation: nothing of them is heard, and
//!   only packets in sequence from one address with one SSRC count (3 from the described host, 10 from
//!   elsewhere), so spray with random numbers never passes. Without encryption a stranger who sends a
//!   proper stream while the far end is silent does pass, and is thrown out by the first packets from
//!   the described address; only SRTP protects a call whose far end never speaks from there.
//! - **After that** other addresses are neither heard nor sent to. Two exceptions: the described
//!   address always wins; and a router that gave the far end a new port mid-call is followed when the
//!   known source has been silent for three seconds and the new one goes on with the same SSRC and
//!   sequence numbers, which a stranger who does not hear the call cannot guess.
//! - **Under SRTP** an authenticated packet is believed wherever it comes from, and moves the address
//!   if it is the newest; a packet that is not authenticated never gets here.
//! - A new SSRC from the known source is a new stream after two packets in sequence (RFC 3550
//!   appendix A.1).

use std::net::SocketAddr;

/// How long the known source must be silent before another may go on for it.
const SILENT_US: u64 = 3_000_000;
/// How far a packet may be ahead of the last to count as in sequence.
const AHEAD_MAX: u16 = 10;
/// How far ahead a source may go on after a silence: three seconds of 10 ms, and then some.
const AHEAD_AFTER_SILENCE: u16 = 3000;
/// Streams on probation at a time.
const CANDIDATES: usize = 8;
/// A candidate that was not heard for so long may be replaced.
const CANDIDATE_US: u64 = 200_000;

const PROBATION_SAME_HOST: u8 = 3;
const PROBATION_ELSEWHERE: u8 = 10;
const PROBATION_NEW_STREAM: u8 = 2;

/// What to do with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is the next of the stream.
    Take,
    /// It begins a stream; what was held of another is to be dropped.
    TakeNew,
    /// It is not heard yet.
    Probation,
    /// It is from somebody else.
    Drop,
}

/// What is known of a packet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub from: SocketAddr,
    pub ssrc: u32,
    pub sequence: u16,
    pub now_us: u64,
}

#[derive(Clone, Copy, Debug)]
struct Stream {
    from: SocketAddr,
    ssrc: u32,
    sequence: u16,
    last_us: u64,
    /// Packets in sequence.
    count: u8,
}

impl Stream {
    fn new(seen: &Seen) -> Self {
        Self {
            from: seen.from,
            ssrc: seen.ssrc,
            sequence: seen.sequence,
            last_us: seen.now_us,
            count: 1,
        }
    }

    fn ahead(&self, seen: &Seen) -> u16 {
        seen.sequence.wrapping_sub(self.sequence)
    }

    fn note(&mut self, seen: &Seen) {
        self.last_us = seen.now_us;
        if (self.ahead(seen) as i16) > 0 {
            self.sequence = seen.sequence;
        }
    }
}

#[derive(Debug)]
pub(super) struct Source {
    described: Option<SocketAddr>,
    known: Option<Stream>,
    candidates: [Option<Stream>; CANDIDATES],
}

impl Source {
    pub fn new(described: Option<SocketAddr>) -> Self {
        Self {
            described: described.filter(|to| !to.ip().is_unspecified() && to.port() != 0),
            known: None,
            candidates: [None; CANDIDATES],
        }
    }

    /// Where sound goes now.
    pub fn destination(&self) -> Option<SocketAddr> {
        self.known.map(|known| known.from).or(self.described)
    }

    /// The stream that is heard.
    pub fn ssrc(&self) -> Option<u32> {
        self.known.map(|known| known.ssrc)
    }

    /// Whether a packet is worth the work of authenticating it: it comes from the known source or
    /// claims to be of its stream, or no source is known.
    pub fn plausible(&self, from: SocketAddr, ssrc: u32) -> bool {
        self.known
            .is_none_or(|known| known.from == from || known.ssrc == ssrc || self.is_described(from))
    }

    /// An authenticated packet; `newest` if none of its stream is newer.
    pub fn authentic(&mut self, seen: &Seen, newest: bool) -> Verdict {
        match &mut self.known {
            Some(known) if known.ssrc == seen.ssrc => {
                if newest {
                    known.from = seen.from;
                }
                known.note(seen);
                Verdict::Take
            }
            _ => self.adopt(seen),
        }
    }

    /// A packet that nothing but its address and numbers vouch for.
    pub fn plain(&mut self, seen: &Seen) -> Verdict {
        let described = self.is_described(seen.from);
        let Some(known) = &mut self.known else {
            if described {
                return self.adopt(seen);
            }
            let same_host = self.described.is_some_and(|to| to.ip() == seen.from.ip());
            let needed = if same_host {
                PROBATION_SAME_HOST
            } else {
                PROBATION_ELSEWHERE
            };
            return self.probation(seen, needed);
        };
        if known.from == seen.from {
            if known.ssrc == seen.ssrc {
                known.note(seen);
                return Verdict::Take;
            }
            return self.probation(seen, PROBATION_NEW_STREAM);
        }
        if described {
            return self.probation(seen, PROBATION_NEW_STREAM);
        }
        let silent = seen.now_us.saturating_sub(known.last_us) >= SILENT_US;
        let goes_on =
            known.ssrc == seen.ssrc && (1..=AHEAD_AFTER_SILENCE).contains(&known.ahead(seen));
        if !(silent && goes_on) {
            return Verdict::Drop;
        }
        match self.probation(seen, PROBATION_ELSEWHERE) {
            // The same stream on another way: nothing of it is dropped.
            Verdict::TakeNew => Verdict::Take,
            other => other,
        }
    }

    fn is_described(&self, from: SocketAddr) -> bool {
        self.described == Some(from)
    }

    fn adopt(&mut self, seen: &Seen) -> Verdict {
        self.known = Some(Stream::new(seen));
        self.candidates = [None; CANDIDATES];
        Verdict::TakeNew
    }

    fn probation(&mut self, seen: &Seen, needed: u8) -> Verdict {
        let same = |stream: &Stream| stream.from == seen.from && stream.ssrc == seen.ssrc;
        if let Some(stream) = self.candidates.iter_mut().flatten().find(|s| same(s)) {
            let in_sequence = (1..=AHEAD_MAX).contains(&stream.ahead(seen));
            let count = if in_sequence { stream.count + 1 } else { 1 };
            *stream = Stream {
                count,
                ..Stream::new(seen)
            };
            if count >= needed {
                return self.adopt(seen);
            }
            return Verdict::Probation;
        }
        // A flood of single packets must not push out one that has begun to prove itself, nor any
        // the candidates of the described host.
        let host = self.described.map(|to| to.ip());
        let worth = |place: &Option<Stream>| match place {
            None => (0, 0, 0),
            Some(old) => {
                let stale = seen.now_us.saturating_sub(old.last_us) > CANDIDATE_US;
                let of_host = Some(old.from.ip()) == host;
                let rank = if stale { 1 } else { 2 + u8::from(of_host) };
                (rank, old.count, old.last_us)
            }
        };
        let newcomer_rank = 2 + u8::from(Some(seen.from.ip()) == host);
        let place = self.candidates.iter_mut().min_by_key(|place| worth(place));
        if let Some(place) = place.filter(|place| {
            let (rank, count, _) = worth(place);
            rank < newcomer_rank || (rank == newcomer_rank && count <= 1)
        }) {
            *place = Some(Stream::new(seen));
        }
        Verdict::Probation
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn seen(from: &str, ssrc: u32, sequence: u16, ms: u64) -> Seen {
        Seen {
            from: at(from),
            ssrc,
            sequence,
            now_us: ms * 1000,
        }
    }

    const DESCRIBED: &str = "192.0.2.1:4000";
    const ROUTER: &str = "198.51.100.7:31000";
    const STRANGER: &str = "203.0.113.9:5000";

    fn source() -> Source {
        Source::new(Some(at(DESCRIBED)))
    }

    #[test]
    fn the_described_address_is_believed_at_once_and_strangers_never_after() {
        let mut source = source();
        assert_eq!(source.destination(), Some(at(DESCRIBED)));
        assert_eq!(source.plain(&seen(DESCRIBED, 1, 100, 0)), Verdict::TakeNew);
        for n in 0..500u16 {
            assert_eq!(
                source.plain(&seen(STRANGER, 9, n, u64::from(n) * 20)),
                Verdict::Drop
            );
            assert_eq!(
                source.plain(&seen(DESCRIBED, 1, 101 + n, u64::from(n) * 20)),
                Verdict::Take
            );
        }
        assert_eq!(source.destination(), Some(at(DESCRIBED)));
    }

    #[test]
    fn a_far_end_behind_a_router_is_learned_after_a_probation() {
        let mut source = source();
        for n in 0..9 {
            assert_eq!(
                source.plain(&seen(ROUTER, 1, n, u64::from(n) * 20)),
                Verdict::Probation
            );
            assert_eq!(
                source.destination(),
                Some(at(DESCRIBED)),
                "nothing leaks before"
            );
        }
        assert_eq!(source.plain(&seen(ROUTER, 1, 9, 180)), Verdict::TakeNew);
        assert_eq!(source.destination(), Some(at(ROUTER)));
        let mut source = Source::new(Some(at(DESCRIBED)));
        let other_port = "192.0.2.1:4444";
        assert_eq!(
            source.plain(&seen(other_port, 1, 65_535, 0)),
            Verdict::Probation
        );
        assert_eq!(
            source.plain(&seen(other_port, 1, 0, 20)),
            Verdict::Probation
        );
        assert_eq!(source.plain(&seen(other_port, 1, 2, 60)), Verdict::TakeNew);
    }

    #[test]
    fn spray_is_never_learned_and_does_not_keep_the_far_end_from_being_learned() {
        let mut source = source();
        let mut seed = 3u32;
        let mut taken_at = None;
        for n in 0..40u16 {
            for _ in 0..50 {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let spray = Seen {
                    from: SocketAddr::new(at(STRANGER).ip(), (seed >> 16) as u16),
                    ssrc: seed,
                    sequence: (seed >> 8) as u16,
                    now_us: u64::from(n) * 20_000,
                };
                assert!(matches!(
                    source.plain(&spray),
                    Verdict::Probation | Verdict::Drop
                ));
            }
            // The same host as described, another port.
            let verdict = source.plain(&seen("192.0.2.1:4444", 7, n, u64::from(n) * 20 + 1));
            if verdict == Verdict::TakeNew {
                taken_at = Some(n);
            }
        }
        assert_eq!(taken_at, Some(2));
    }

    #[test]
    fn a_stranger_who_was_first_is_thrown_out_by_the_described_address() {
        let mut source = source();
        for n in 0..20 {
            source.plain(&seen(STRANGER, 9, n, u64::from(n) * 20));
        }
        assert_eq!(
            source.destination(),
            Some(at(STRANGER)),
            "the known weakness"
        );
        assert_eq!(
            source.plain(&seen(DESCRIBED, 1, 5, 500)),
            Verdict::Probation
        );
        assert_eq!(source.plain(&seen(DESCRIBED, 1, 6, 520)), Verdict::TakeNew);
        assert_eq!(source.plain(&seen(STRANGER, 9, 21, 530)), Verdict::Drop);
        assert_eq!(source.destination(), Some(at(DESCRIBED)));
    }

    #[test]
    fn a_new_port_of_the_router_is_followed_when_the_stream_goes_on() {
        let mut source = source();
        source.plain(&seen(DESCRIBED, 1, 100, 0));
        let moved = "192.0.2.1:5555";
        assert_eq!(
            source.plain(&seen(moved, 1, 101, 2_000)),
            Verdict::Drop,
            "too soon"
        );
        for n in 0..9 {
            let verdict = source.plain(&seen(moved, 1, 200 + n, 4_000 + u64::from(n) * 20));
            assert_eq!(verdict, Verdict::Probation);
        }
        assert_eq!(source.plain(&seen(moved, 1, 209, 4_200)), Verdict::Take);
        assert_eq!(source.destination(), Some(at(moved)));
        // Another SSRC or numbers from the past do not take over, however long the silence.
        for n in 0..50 {
            assert_eq!(
                source.plain(&seen(STRANGER, 2, 210 + n, 60_000)),
                Verdict::Drop
            );
            assert_eq!(
                source.plain(&seen(STRANGER, 1, 100 + n, 60_000)),
                Verdict::Drop
            );
        }
    }

    #[test]
    fn a_new_stream_of_the_known_source_is_heard_from_its_second_packet() {
        let mut source = source();
        source.plain(&seen(DESCRIBED, 1, 100, 0));
        assert_eq!(source.plain(&seen(DESCRIBED, 2, 7, 20)), Verdict::Probation);
        assert_eq!(source.plain(&seen(DESCRIBED, 1, 101, 20)), Verdict::Take);
        assert_eq!(source.plain(&seen(DESCRIBED, 2, 8, 40)), Verdict::TakeNew);
        assert_eq!(source.ssrc(), Some(2));
    }

    #[test]
    fn an_authenticated_packet_moves_the_address_if_it_is_the_newest() {
        let mut source = source();
        assert_eq!(
            source.authentic(&seen(ROUTER, 1, 10, 0), true),
            Verdict::TakeNew
        );
        assert_eq!(
            source.authentic(&seen(STRANGER, 1, 9, 10), false),
            Verdict::Take
        );
        assert_eq!(
            source.destination(),
            Some(at(ROUTER)),
            "an old packet from elsewhere"
        );
        assert_eq!(
            source.authentic(&seen(STRANGER, 1, 11, 20), true),
            Verdict::Take
        );
        assert_eq!(source.destination(), Some(at(STRANGER)));
        assert!(!source.plausible(at(ROUTER), 5) && source.plausible(at(ROUTER), 1));
    }

    #[test]
    fn nothing_is_sent_to_no_address() {
        for to in ["0.0.0.0:4000", "192.0.2.1:0", "[::]:9"] {
            assert_eq!(Source::new(Some(at(to))).destination(), None);
        }
    }
}
