//! One leg's RTP without its sockets: datagrams and frames in, frames, keys and datagrams out. The
//! clock comes in as microseconds, so that tests play hours in a moment.

use super::control::RtpCounts;
use super::packet::{RtpHeader, is_rtcp};
use super::params::RtpParams;
use super::pool::Pool;
use super::rtcp::{self, RTCP_BYTES_MAX, Reception, RtcpItem};
use super::sending::{Sending, voice_codec};
use super::source::{Seen, Source, Verdict};
use super::srtp::{Refused, SrtpReceiver, TRAILER_BYTES_MAX};
use bytes::Bytes;
use sidetone_media::dtmf::DtmfDetector;
use sidetone_media::event::EventReceiver;
use sidetone_media::jitter::JitterMetrics;
use sidetone_media::{CodecError, Pcm, Playout, SILENCE};
use std::net::SocketAddr;

/// Time between reports, halved for the first and varied by a half (RFC 3550 section 6.2).
const REPORT_US: u64 = 5_000_000;
/// A router keeps a way open for this long at least (RFC 6263 section 4).
const KEEP_ALIVE_US: u64 = 15_000_000;
/// A key that came as a tone and comes as an event within this time is the same press.
const SAME_PRESS_US: u64 = 500_000;

/// One of the leg's two sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Channel {
    Rtp,
    Rtcp,
}

/// Where datagrams go. Sending never waits; what cannot be sent is lost.
pub(super) trait Out {
    fn send(&mut self, channel: Channel, to: SocketAddr, bytes: &[u8]);
}

/// The state of the connection since the last time it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Quality {
    pub loss_permille: u16,
    pub jitter_ms: u32,
    pub rtt_ms: Option<u32>,
}

pub(super) struct Stream {
    params: RtpParams,
    source: Source,
    opener: Option<SrtpReceiver>,
    playout: Playout<Bytes>,
    pool: Pool,
    keys: KeysIn,
    sending: Sending,
    reports: Reports,
    heard_us: Option<u64>,
    sent_us: u64,
    /// Counters at the last look.
    last: JitterMetrics,
    counts: RtpCounts,
}

struct Reports {
    reception: Reception,
    /// Where the far end's reports come from.
    learned: Option<SocketAddr>,
    next_us: u64,
    rtt_ms: Option<u32>,
    /// NTP time at the leg's microsecond zero is that of this Unix time.
    unix_us: u64,
    /// A name that says nothing of the machine (RFC 7022).
    name: [u8; 16],
}

impl Stream {
    /// `unix_us` is the time of day at microsecond zero.
    pub fn new(params: RtpParams, unix_us: u64) -> Result<Self, CodecError> {
        let mut name = [0; 16];
        hex_of(rand::random(), &mut name);
        Ok(Self {
            source: Source::new(params.remote),
            opener: opener(&params),
            playout: Playout::of(voice_codec(params.format.codec))?,
            pool: Pool::new(),
            keys: KeysIn::default(),
            sending: Sending::new(&params)?,
            reports: Reports {
                reception: Reception::default(),
                learned: None,
                next_us: report_after(REPORT_US / 2),
                rtt_ms: None,
                unix_us,
                name,
            },
            heard_us: None,
            sent_us: 0,
            last: JitterMetrics::default(),
            counts: RtpCounts::default(),
            params,
        })
    }

    /// What was agreed on anew. The source is learned again where address or keys are new.
    pub fn update(&mut self, params: RtpParams) -> Result<(), CodecError> {
        let rekeyed = params.srtp != self.params.srtp;
        if rekeyed {
            self.opener = opener(&params);
        }
        if rekeyed || params.remote != self.params.remote {
            self.source = Source::new(params.remote);
            self.reports.learned = None;
        }
        if params.format.codec != self.params.format.codec {
            self.playout = Playout::of(voice_codec(params.format.codec))?;
            self.last = JitterMetrics::default();
        }
        self.sending.update(&params, rekeyed)?;
        if !params.direction.sends() {
            self.sending.pause();
        }
        if params.inband_keys != self.params.inband_keys || params.event != self.params.event {
            self.keys = KeysIn::default();
        }
        self.params = params;
        Ok(())
    }

    /// A datagram, whatever it is; its bytes are decrypted in place. `Some`: the far end pressed a
    /// key.
    pub fn datagram(
        &mut self,
        channel: Channel,
        from: SocketAddr,
        bytes: &mut [u8],
        now_us: u64,
    ) -> Option<char> {
        if channel == Channel::Rtcp || (self.params.rtcp_mux && is_rtcp(bytes)) {
            self.control_packet(channel, from, bytes, now_us);
            return None;
        }
        let Some(header) = RtpHeader::parse(bytes) else {
            self.counts.malformed += 1;
            return None;
        };
        let Some(kind) = self.kind_of(header.payload_type) else {
            self.counts.unknown_payload += 1;
            return None;
        };
        let strange = self.opener.is_some() && !self.source.plausible(from, header.ssrc);
        if strange || header.ssrc == self.sending.ssrc() {
            self.counts.other_source += 1;
            return None;
        }
        let (verdict, length) = self.judge(from, &header, bytes, now_us)?;
        match verdict {
            Verdict::Drop => {
                self.counts.other_source += 1;
                return None;
            }
            Verdict::Probation => {
                self.counts.on_probation += 1;
                return None;
            }
            Verdict::TakeNew => {
                self.playout.restart();
                self.keys.restart();
            }
            Verdict::Take => {}
        }
        let Some(payload) = header.payload(&bytes[..length]) else {
            self.counts.malformed += 1;
            return None;
        };
        self.counts.received += 1;
        self.heard_us = Some(now_us);
        self.reports.reception.packet(
            header.ssrc,
            header.sequence,
            (kind != Kind::Key).then_some(header.timestamp),
            now_us,
            self.params.format.codec.clock_hz(),
        );
        if !self.params.direction.receives() {
            return None;
        }
        self.take(kind, &header, payload, now_us)
    }

    /// Whether the packet is to be heard, and its length when it is decrypted. `None`: refused and
    /// counted.
    fn judge(
        &mut self,
        from: SocketAddr,
        header: &RtpHeader,
        bytes: &mut [u8],
        now_us: u64,
    ) -> Option<(Verdict, usize)> {
        let seen = Seen {
            from,
            ssrc: header.ssrc,
            sequence: header.sequence,
            now_us,
        };
        let Some(opener) = &mut self.opener else {
            return Some((self.source.plain(&seen), bytes.len()));
        };
        match opener.unprotect(header, bytes) {
            Ok((length, newest)) => Some((self.source.authentic(&seen, newest), length)),
            Err(refused) => {
                self.count_refused(refused);
                None
            }
        }
    }

    fn take(
        &mut self,
        kind: Kind,
        header: &RtpHeader,
        payload: &[u8],
        now_us: u64,
    ) -> Option<char> {
        let (sequence, timestamp) = (header.sequence, header.timestamp);
        match kind {
            Kind::Sound if !payload.is_empty() => {
                let payload = self.pool.copy(payload);
                let pushed = self.playout.push(sequence, timestamp, now_us, payload);
                self.counts.malformed += u64::from(pushed.is_none());
                None
            }
            Kind::Comfort => {
                self.playout
                    .push_comfort(sequence, timestamp, now_us, payload);
                None
            }
            Kind::Sound => {
                self.playout.push_silent(sequence, timestamp, now_us);
                None
            }
            Kind::Key => {
                self.playout.push_silent(sequence, timestamp, now_us);
                self.keys.event(timestamp, payload, now_us)
            }
        }
    }

    /// A frame that the house wants said.
    pub fn frame(&mut self, pcm: &Pcm, missed: u32, now_us: u64, out: &mut impl Out) {
        if !self.params.direction.sends() {
            return;
        }
        let to = self.source.destination();
        let mut out = Counting::new(out, &mut self.counts.sent, &mut self.sent_us, now_us);
        self.sending.frame(pcm, missed, now_us, to, &mut out);
    }

    /// Presses a key towards the far end.
    pub fn press(&mut self, key: char) {
        if self.params.direction.sends() {
            self.sending.press(key);
        }
    }

    /// Once every 20 ms: fills a frame of what the far end says. `Some`: it pressed a key by a tone.
    pub fn tick(&mut self, now_us: u64, pcm: &mut Pcm, out: &mut impl Out) -> Option<char> {
        self.playout.pull(now_us, pcm);
        let mut key = None;
        if !self.params.direction.receives() {
            *pcm = SILENCE;
        } else if self.params.inband_keys {
            key = self.keys.tone(pcm, now_us);
        }
        let to = self.source.destination();
        let mut counting = Counting::new(out, &mut self.counts.sent, &mut self.sent_us, now_us);
        if self.params.direction.sends() {
            self.sending.tick(now_us, to, &mut counting);
        }
        if let Some(to) = to
            && now_us.saturating_sub(*counting.sent_us) >= KEEP_ALIVE_US
        {
            // An empty datagram keeps routers' ways open and is nothing to a receiver (RFC 6263
            // section 4.1).
            counting.send(Channel::Rtp, to, &[]);
        }
        if now_us >= self.reports.next_us {
            self.reports.next_us = now_us + report_after(REPORT_US);
            self.report(now_us, false, out);
        }
        key
    }

    /// The stream ends: RTCP says so.
    pub fn bye(&mut self, now_us: u64, out: &mut impl Out) {
        self.report(now_us, true, out);
    }

    /// When the last packet of the far end came, of sound or control.
    pub fn heard_us(&self) -> Option<u64> {
        self.heard_us
    }

    /// Whether sound is to be expected from the far end.
    pub fn expects_sound(&self) -> bool {
        self.params.direction == super::Direction::SendRecv
    }

    pub fn counts(&self) -> RtpCounts {
        self.counts
    }

    /// The quality since the last call. What is lost in one direction is mostly lost in the other,
    /// so the encoder is told.
    pub fn quality(&mut self) -> Quality {
        let now = self.playout.metrics().jitter;
        let lost = now.lost.saturating_sub(self.last.lost);
        let received = now.received.saturating_sub(self.last.received);
        self.last = now;
        let share = |of: u64| lost * of / (lost + received).max(1);
        self.sending.expect_loss(share(100) as u8 + 5);
        Quality {
            loss_permille: share(1000) as u16,
            jitter_ms: now.jitter_ms,
            rtt_ms: self.reports.rtt_ms,
        }
    }

    fn kind_of(&self, payload_type: u8) -> Option<Kind> {
        let is = |number: Option<u8>| number == Some(payload_type);
        // Number 13 is comfort noise by RFC 3551, and sent by many that have not said so.
        let narrow = self.params.format.codec.clock_hz() == 8_000;
        if is(Some(self.params.format.payload)) {
            Some(Kind::Sound)
        } else if is(self.params.event.map(|(number, _)| number)) {
            Some(Kind::Key)
        } else if is(self.params.comfort_noise) || (narrow && payload_type == 13) {
            Some(Kind::Comfort)
        } else {
            None
        }
    }

    fn count_refused(&mut self, refused: Refused) {
        *match refused {
            Refused::Malformed => &mut self.counts.malformed,
            Refused::Forged => &mut self.counts.forged,
            Refused::Replayed => &mut self.counts.replayed,
        } += 1;
    }

    fn control_packet(
        &mut self,
        channel: Channel,
        from: SocketAddr,
        bytes: &mut [u8],
        now_us: u64,
    ) {
        let host = self.source.destination().map(|to| to.ip());
        let described = self.params.remote_rtcp.map(|to| to.ip());
        if Some(from.ip()) != host && Some(from.ip()) != described {
            self.counts.other_source += 1;
            return;
        }
        let length = match &mut self.opener {
            None => bytes.len(),
            Some(opener) => match opener.unprotect_rtcp(bytes) {
                Ok(length) => length,
                Err(refused) => return self.count_refused(refused),
            },
        };
        let (theirs, ours) = (self.source.ssrc(), self.sending.ssrc());
        let ntp = self.reports.ntp(now_us);
        let reports = &mut self.reports;
        let good = rtcp::read(&bytes[..length], |item| match item {
            RtcpItem::SenderReport { ssrc, ntp_middle } => {
                reports.reception.sender_report(ssrc, ntp_middle, now_us);
            }
            RtcpItem::Block(block) if block.about == ours => {
                reports.rtt_ms = rtcp::round_trip_ms(&block, ntp).or(reports.rtt_ms);
            }
            RtcpItem::Bye { ssrc } if Some(ssrc) == theirs => {
                tracing::debug!("the far end's stream says goodbye; its dialog decides");
            }
            RtcpItem::Block(_) | RtcpItem::Bye { .. } => {}
        });
        if !good {
            self.counts.malformed += 1;
            return;
        }
        self.heard_us = Some(now_us);
        if channel == Channel::Rtcp {
            self.reports.learned = Some(from);
        }
    }

    fn report(&mut self, now_us: u64, bye: bool, out: &mut impl Out) {
        let Some((channel, to)) = self.report_to() else {
            return;
        };
        let mut buffer = [0; RTCP_BYTES_MAX + TRAILER_BYTES_MAX];
        let Some(place) = buffer.first_chunk_mut() else {
            return;
        };
        let length = rtcp::write(
            place,
            &rtcp::Report {
                ssrc: self.sending.ssrc(),
                ntp: self.reports.ntp(now_us),
                sent: self.sending.sent(now_us),
                block: self.reports.reception.block(now_us),
                name: self.reports.name,
                bye,
            },
        );
        let end = self.sending.protect_rtcp(&mut buffer, length);
        out.send(channel, to, &buffer[..end]);
    }

    fn report_to(&self) -> Option<(Channel, SocketAddr)> {
        let rtp = self.source.destination()?;
        if self.params.rtcp_mux {
            return Some((Channel::Rtp, rtp));
        }
        // A description of another host than the one that speaks is of no use.
        let described = self
            .params
            .remote_rtcp
            .filter(|to| to.port() != 0 && !to.ip().is_unspecified())
            .filter(|_| self.params.remote.map(|to| to.ip()) == Some(rtp.ip()));
        let above = SocketAddr::new(rtp.ip(), rtp.port().checked_add(1)?);
        let to = self.reports.learned.or(described).unwrap_or(above);
        Some((Channel::Rtcp, to))
    }
}

impl Reports {
    fn ntp(&self, now_us: u64) -> u64 {
        rtcp::ntp_of(self.unix_us.saturating_add(now_us))
    }
}

fn opener(params: &RtpParams) -> Option<SrtpReceiver> {
    let keys = params.srtp.as_ref()?;
    Some(SrtpReceiver::new(keys.suite, &keys.theirs))
}

fn report_after(mean_us: u64) -> u64 {
    mean_us / 2 + rand::random_range(0..=mean_us)
}

fn hex_of(number: u64, out: &mut [u8; 16]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (n, place) in out.iter_mut().enumerate() {
        *place = DIGITS[(number >> (4 * n) & 15) as usize];
    }
}

/// What a payload number stands for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Sound,
    Key,
    Comfort,
}

/// Counts what goes out and notes when.
struct Counting<'a, O> {
    inner: &'a mut O,
    sent: &'a mut u64,
    sent_us: &'a mut u64,
    now_us: u64,
}

impl<'a, O: Out> Counting<'a, O> {
    fn new(inner: &'a mut O, sent: &'a mut u64, sent_us: &'a mut u64, now_us: u64) -> Self {
        Self {
            inner,
            sent,
            sent_us,
            now_us,
        }
    }
}

impl<O: Out> Out for Counting<'_, O> {
    fn send(&mut self, channel: Channel, to: SocketAddr, bytes: &[u8]) {
        *self.sent += 1;
        *self.sent_us = self.now_us;
        self.inner.send(channel, to, bytes);
    }
}

/// Keys of the far end, each press once, by events or by tones.
#[derive(Default)]
struct KeysIn {
    events: EventReceiver,
    tones: DtmfDetector,
    /// Events were seen: the far end sends them, and tones beside them are echoes of the same press.
    by_event: bool,
    last_tone: Option<(char, u64)>,
}

impl KeysIn {
    fn restart(&mut self) {
        self.events = EventReceiver::default();
    }

    fn event(&mut self, timestamp: u32, payload: &[u8], now_us: u64) -> Option<char> {
        let key = self.events.push(timestamp, payload)?;
        self.by_event = true;
        let told = self
            .last_tone
            .take()
            .is_some_and(|(tone, at)| tone == key && now_us.saturating_sub(at) < SAME_PRESS_US);
        (!told).then_some(key)
    }

    fn tone(&mut self, pcm: &Pcm, now_us: u64) -> Option<char> {
        if self.by_event {
            return None;
        }
        let key = self.tones.push(pcm)?;
        self.last_tone = Some((key, now_us));
        Some(key)
    }
}

#[cfg(test)]
#[path = "stream_tests/mod.rs"]
mod tests;
