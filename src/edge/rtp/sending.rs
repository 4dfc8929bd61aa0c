//! From frames and keys to RTP packets on their way.

use super::packet::{DATAGRAM_BYTES_MAX, HEADER_BYTES, RtpHeader};
use super::params::{RtpCodec, RtpFormat, RtpParams, SrtpKeys};
use super::rtcp::Sent;
use super::srtp::{SrtpSender, TRAILER_BYTES_MAX};
use super::stream::{Channel, Out};
use crate::leg::KEYS;
use sidetone_media::codec::PACKET_BYTES_MAX;
use sidetone_media::dtmf::DtmfTone;
use sidetone_media::event::EventSender;
use sidetone_media::voice::FRAME_BYTES;
use sidetone_media::{CodecError, Pcm, SILENCE, VoiceCodec, VoiceEncoder};
use std::collections::VecDeque;
use std::net::SocketAddr;

/// Sound that comes after a longer break than this is placed at its own time.
const BREAK_US: u64 = 200_000;
const FRAME_US: u64 = 20_000;
/// Frames of rest between two keys (RFC 4733 asks for none, receivers of tones for 40 ms).
const KEY_GAP_FRAMES: u8 = 3;
/// Frames that a key and its rest take.
const KEY_FRAMES: u32 = 14;
/// Level of keys that are sent as tones.
const TONE_DBOV: f32 = -12.0;
/// After this long without a frame of the house, tones are sent on frames of silence.
const TONE_ALONE_US: u64 = 60_000;
/// The longest packet of G.711 and G.722, and a frame that waits for the next.
const PENDING_BYTES: usize = 60 * 8 + FRAME_BYTES;

/// The codec of the wire as the media room names it.
pub(super) fn voice_codec(codec: RtpCodec) -> VoiceCodec {
    match codec {
        RtpCodec::Pcmu => VoiceCodec::Pcmu,
        RtpCodec::Pcma => VoiceCodec::Pcma,
        RtpCodec::G722 => VoiceCodec::G722,
        RtpCodec::Opus => VoiceCodec::Opus,
    }
}

/// The outgoing stream of one leg.
pub(super) struct Sending {
    encoder: VoiceEncoder,
    format: RtpFormat,
    event: Option<(u8, u32)>,
    packets: Packets,
    encoded: Box<[u8; PACKET_BYTES_MAX]>,
    /// RTP time of the next frame.
    timestamp: u32,
    pending: Pending,
    last_us: Option<u64>,
    /// The next packet of sound begins a stretch of it.
    marker: bool,
    keys: VecDeque<char>,
    key: Option<EventSender>,
    /// The earliest timestamp of the next key.
    key_after: u32,
    rest: u8,
    tone: Option<DtmfTone>,
}

/// Encoded sound that does not fill a packet yet.
struct Pending {
    bytes: [u8; PENDING_BYTES],
    length: usize,
}

impl Sending {
    pub fn new(params: &RtpParams) -> Result<Self, CodecError> {
        let timestamp = rand::random();
        Ok(Self {
            encoder: VoiceEncoder::new(voice_codec(params.format.codec))?,
            format: params.format,
            event: params.event,
            packets: Packets::new(params.srtp.as_ref()),
            encoded: Box::new([0; PACKET_BYTES_MAX]),
            timestamp,
            pending: Pending {
                bytes: [0; PENDING_BYTES],
                length: 0,
            },
            last_us: None,
            marker: true,
            keys: VecDeque::with_capacity(KEYS),
            key: None,
            key_after: timestamp,
            rest: 0,
            tone: None,
        })
    }

    /// New formats, and new keys where `rekeyed`.
    pub fn update(&mut self, params: &RtpParams, rekeyed: bool) -> Result<(), CodecError> {
        let clock_before = self.format.codec.clock_hz();
        if self.format.codec != params.format.codec {
            self.encoder = VoiceEncoder::new(voice_codec(params.format.codec))?;
        }
        self.pending.length = 0;
        self.format = params.format;
        self.event = params.event;
        // One source has one clock (RFC 3550 section 5.2), and both ends count the rollovers of a
        // new key from zero: both begin a new source.
        if rekeyed || params.format.codec.clock_hz() != clock_before {
            self.packets = Packets::new(params.srtp.as_ref());
            self.marker = true;
        }
        Ok(())
    }

    pub fn ssrc(&self) -> u32 {
        self.packets.ssrc
    }

    /// What a sender report says at `now_us`; `None`: nothing was sent yet.
    pub fn sent(&self, now_us: u64) -> Option<Sent> {
        let since_us = now_us.saturating_sub(self.last_us?);
        let ticks = since_us * u64::from(self.format.codec.clock_hz()) / 1_000_000;
        let sent = self.packets.sent;
        (sent.packets > 0).then(|| Sent {
            timestamp: self
                .timestamp
                .wrapping_sub(self.frame_ticks())
                .wrapping_add(ticks as u32),
            ..sent
        })
    }

    pub fn protect_rtcp(&mut self, buffer: &mut [u8], length: usize) -> usize {
        let ssrc = self.packets.ssrc;
        match &mut self.packets.srtp {
            Some(srtp) => srtp.protect_rtcp(buffer, length, ssrc),
            None => length,
        }
    }

    pub fn expect_loss(&mut self, percent: u8) {
        self.encoder.expect_loss(percent);
    }

    /// A frame of the house, `missed` frames after the one before it. Packets go to `to`.
    pub fn frame(
        &mut self,
        pcm: &Pcm,
        missed: u32,
        now_us: u64,
        to: Option<SocketAddr>,
        out: &mut impl Out,
    ) {
        let silent_us = self.last_us.map_or(0, |last| now_us.saturating_sub(last));
        let skipped = if silent_us > BREAK_US {
            self.marker = true;
            (silent_us / FRAME_US).saturating_sub(1) as u32
        } else {
            missed
        };
        if skipped > 0 {
            self.flush(to, out);
            self.skip_frames(skipped);
        }
        self.last_us = Some(now_us);
        let mut toned = SILENCE;
        let pcm = if self.fill_tone(&mut toned) {
            &toned
        } else {
            pcm
        };
        // Encoded in any case: the encoder's memory must follow the sound.
        let encoded = self.encoder.encode(pcm, &mut self.encoded);
        if let (Ok(length), None) = (encoded, &self.key) {
            self.packetize(length, to, out);
        } else {
            self.pending.length = 0;
        }
        self.skip_frames(1);
    }

    /// Queues a key.
    pub fn press(&mut self, key: char) {
        if self.keys.len() < KEYS {
            self.keys.push_back(key);
        }
    }

    /// Forgets what waits: sound does not flow this way now.
    pub fn pause(&mut self) {
        self.keys.clear();
        self.key = None;
        self.tone = None;
        self.pending.length = 0;
    }

    /// Once every 20 ms, whether the house speaks or not: keys go their own way.
    pub fn tick(&mut self, now_us: u64, to: Option<SocketAddr>, out: &mut impl Out) {
        if let Some((payload_type, clock_hz)) = self.event {
            self.key_packet(payload_type, clock_hz, to, out);
            return;
        }
        let alone = self
            .last_us
            .is_none_or(|last| now_us.saturating_sub(last) > TONE_ALONE_US);
        if alone && (self.tone.is_some() || !self.keys.is_empty()) {
            self.frame(&SILENCE, 0, now_us, to, out);
        }
    }

    fn key_packet(
        &mut self,
        payload_type: u8,
        clock_hz: u32,
        to: Option<SocketAddr>,
        out: &mut impl Out,
    ) {
        if self.rest > 0 {
            self.rest -= 1;
            return;
        }
        if self.key.is_none() {
            let Some(key) = self.keys.pop_front() else {
                return;
            };
            // Two keys never share a timestamp, even while nobody speaks and the clock of the sound
            // stands still.
            let behind = (self.timestamp.wrapping_sub(self.key_after) as i32) < 0;
            let timestamp = if behind {
                self.key_after
            } else {
                self.timestamp
            };
            self.key = EventSender::new(key, timestamp, clock_hz);
            self.key_after = timestamp.wrapping_add(KEY_FRAMES * self.frame_ticks());
        }
        let Some(event) = self.key.as_mut().and_then(EventSender::poll) else {
            self.key = None;
            self.rest = KEY_GAP_FRAMES;
            return;
        };
        let head = Head {
            payload_type,
            timestamp: event.timestamp,
            marker: event.marker,
        };
        self.packets.send(head, &event.payload, to, out);
    }

    /// The sound of a key in place of the house's, for a far end without telephone-event.
    fn fill_tone(&mut self, pcm: &mut Pcm) -> bool {
        if self.tone.is_none() && self.event.is_none() {
            self.tone = self
                .keys
                .pop_front()
                .and_then(|key| DtmfTone::new(key, TONE_DBOV));
        }
        let filled = self.tone.as_mut().is_some_and(|tone| tone.fill(pcm));
        if !filled {
            self.tone = None;
        }
        filled
    }

    fn frame_ticks(&self) -> u32 {
        self.format.codec.clock_hz() / 50
    }

    fn skip_frames(&mut self, frames: u32) {
        self.timestamp = self
            .timestamp
            .wrapping_add(frames.wrapping_mul(self.frame_ticks()));
    }

    fn packetize(&mut self, length: usize, to: Option<SocketAddr>, out: &mut impl Out) {
        if self.format.codec == RtpCodec::Opus {
            let head = self.head(self.timestamp);
            self.packets.send(head, &self.encoded[..length], to, out);
            return;
        }
        let Pending {
            bytes,
            length: waiting,
        } = &mut self.pending;
        bytes[*waiting..*waiting + length].copy_from_slice(&self.encoded[..length]);
        *waiting += length;
        // A byte is a tick. What waited is older than this frame.
        let mut timestamp = self.timestamp.wrapping_sub((*waiting - length) as u32);
        let packet_bytes = (self.format.packet_ms.clamp(10, 60) / 10 * 80) as usize;
        let mut begin = 0;
        while self.pending.length - begin >= packet_bytes {
            let head = self.head(timestamp);
            let payload = &self.pending.bytes[begin..begin + packet_bytes];
            self.packets.send(head, payload, to, out);
            begin += packet_bytes;
            timestamp = timestamp.wrapping_add(packet_bytes as u32);
        }
        self.pending
            .bytes
            .copy_within(begin..self.pending.length, 0);
        self.pending.length -= begin;
    }

    /// Sends what waits as a shorter packet, before a gap in the sound.
    fn flush(&mut self, to: Option<SocketAddr>, out: &mut impl Out) {
        let length = std::mem::take(&mut self.pending.length);
        if length > 0 {
            let head = self.head(self.timestamp.wrapping_sub(length as u32));
            let payload = &self.pending.bytes[..length];
            self.packets.send(head, payload, to, out);
        }
    }

    fn head(&mut self, timestamp: u32) -> Head {
        Head {
            payload_type: self.format.payload,
            timestamp,
            marker: std::mem::take(&mut self.marker),
        }
    }
}

/// What differs between the packets of a stream.
struct Head {
    payload_type: u8,
    timestamp: u32,
    marker: bool,
}

/// Numbers, protects and counts packets.
struct Packets {
    ssrc: u32,
    sequence: u16,
    srtp: Option<SrtpSender>,
    wire: Box<[u8; DATAGRAM_BYTES_MAX]>,
    sent: Sent,
}

impl Packets {
    fn new(keys: Option<&SrtpKeys>) -> Self {
        Self {
            // Random starts make the keystream's input hard to guess (RFC 3550 section 5.1); numbers
            // of the lower half cannot wrap before the far end has heard one (RFC 3711 section 3.3.1).
            ssrc: rand::random(),
            sequence: rand::random::<u16>() & 0x7FFF,
            srtp: keys.map(|keys| SrtpSender::new(keys.suite, &keys.ours)),
            wire: Box::new([0; DATAGRAM_BYTES_MAX]),
            sent: Sent::default(),
        }
    }

    fn send(&mut self, head: Head, payload: &[u8], to: Option<SocketAddr>, out: &mut impl Out) {
        let length = HEADER_BYTES + payload.len();
        let (Some(to), true) = (to, length + TRAILER_BYTES_MAX <= DATAGRAM_BYTES_MAX) else {
            return;
        };
        self.sequence = self.sequence.wrapping_add(1);
        let header = RtpHeader {
            marker: head.marker,
            payload_type: head.payload_type,
            sequence: self.sequence,
            timestamp: head.timestamp,
            ssrc: self.ssrc,
            padded: false,
            length: HEADER_BYTES,
        };
        if let Some(place) = self.wire.first_chunk_mut() {
            header.write(place);
        }
        self.wire[HEADER_BYTES..length].copy_from_slice(payload);
        let end = match &mut self.srtp {
            Some(srtp) => srtp.protect(
                &mut self.wire[..],
                HEADER_BYTES,
                length,
                self.ssrc,
                self.sequence,
            ),
            None => length,
        };
        self.sent.packets = self.sent.packets.wrapping_add(1);
        self.sent.bytes = self.sent.bytes.wrapping_add(payload.len() as u32);
        out.send(Channel::Rtp, to, &self.wire[..end]);
    }
}
