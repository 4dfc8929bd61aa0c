//! From frames and keys to RTP packets.

use crate::sdp::AudioFormats;
use bytes::{Bytes, BytesMut};
use rtc::rtp::{Header, Packet};
use sidetone_media::codec::{OPUS_TICKS_PER_FRAME, PACKET_BYTES_MAX};
use sidetone_media::event::EventSender;
use sidetone_media::{CodecError, OpusEncoder, Pcm};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Packets are cut from blocks of this size, so that not every packet is an allocation.
const BLOCK_BYTES: usize = 16 * 1024;
/// Sound that comes after a longer break than this is placed at its own time.
const BREAK: Duration = Duration::from_millis(200);
/// Frames of rest between two keys (RFC 4733 asks for none, receivers of tones for 40 ms).
const KEY_GAP_FRAMES: u8 = 3;
/// Frames that a key and its rest take.
const KEY_FRAMES: u32 = 14;

/// The outgoing stream of one leg.
pub(crate) struct Outgoing {
    encoder: OpusEncoder,
    formats: AudioFormats,
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    block: BytesMut,
    packet: Box<[u8; PACKET_BYTES_MAX]>,
    last: Option<Instant>,
    keys: VecDeque<char>,
    key: Option<EventSender>,
    /// The earliest timestamp of the next key.
    key_after: u32,
    rest: u8,
}

impl Outgoing {
    pub fn new(ssrc: u32, formats: AudioFormats) -> Result<Self, CodecError> {
        // Random starts make the keystream's input hard to guess (RFC 3550 section 5.1).
        let timestamp = rand::random();
        Ok(Self {
            encoder: OpusEncoder::new()?,
            formats,
            ssrc,
            sequence: rand::random(),
            timestamp,
            block: BytesMut::with_capacity(BLOCK_BYTES),
            packet: Box::new([0; PACKET_BYTES_MAX]),
            last: None,
            keys: VecDeque::new(),
            key: None,
            key_after: timestamp,
            rest: 0,
        })
    }

    /// The packet of a frame; `None` while a key is being sent. `missed` frames were dropped before
    /// it.
    pub fn frame(&mut self, pcm: &Pcm, missed: u32, now: Instant) -> Option<Packet> {
        let mut marker = self.last.is_none();
        let silent_for = self
            .last
            .map_or(Duration::ZERO, |last| now.saturating_duration_since(last));
        if silent_for > BREAK {
            marker = true;
            let frames = (silent_for.as_millis() / 20).min(u128::from(u32::MAX)) as u32;
            self.skip_frames(frames.saturating_sub(1));
        } else {
            self.skip_frames(missed);
        }
        self.last = Some(now);
        let timestamp = self.timestamp;
        self.skip_frames(1);
        // Encoded in any case: the encoder's memory must follow the sound.
        let length = self.encoder.encode(pcm, &mut self.packet).ok()?;
        if self.key.is_some() {
            return None;
        }
        let payload = self.payload_of(length);
        Some(self.next_packet(self.formats.opus, timestamp, marker, payload))
    }

    /// Queues a key. False: the far end does not take keys this way.
    pub fn press(&mut self, key: char) -> bool {
        if self.formats.event.is_none() {
            return false;
        }
        self.keys.push_back(key);
        true
    }

    /// The key packet of this 20 ms, if one is due. To be called once a frame's time.
    pub fn key_packet(&mut self) -> Option<Packet> {
        let (number, clock_hz) = self.formats.event?;
        if self.rest > 0 {
            self.rest -= 1;
            return None;
        }
        if self.key.is_none() {
            let key = self.keys.pop_front()?;
            // Two keys never share a timestamp, even while nobody speaks and the clock of the sound
            // stands still.
            let behind = (self.timestamp.wrapping_sub(self.key_after) as i32) < 0;
            let timestamp = if behind {
                self.key_after
            } else {
                self.timestamp
            };
            self.key = EventSender::new(key, timestamp, clock_hz);
            self.key_after = timestamp.wrapping_add(KEY_FRAMES * OPUS_TICKS_PER_FRAME);
        }
        let Some(event) = self.key.as_mut().and_then(EventSender::poll) else {
            self.key = None;
            self.rest = KEY_GAP_FRAMES;
            return None;
        };
        let payload = Bytes::copy_from_slice(&event.payload);
        Some(self.next_packet(number, event.timestamp, event.marker, payload))
    }

    pub fn expect_loss(&mut self, percent: u8) {
        self.encoder.expect_loss(percent);
    }

    fn skip_frames(&mut self, frames: u32) {
        self.timestamp = self
            .timestamp
            .wrapping_add(frames.wrapping_mul(OPUS_TICKS_PER_FRAME));
    }

    fn payload_of(&mut self, length: usize) -> Bytes {
        if self.block.capacity() < length {
            // Takes the old block back where its packets are all sent; allocates otherwise.
            self.block.reserve(BLOCK_BYTES);
        }
        self.block.extend_from_slice(&self.packet[..length]);
        self.block.split().freeze()
    }

    fn next_packet(
        &mut self,
        payload_type: u8,
        timestamp: u32,
        marker: bool,
        payload: Bytes,
    ) -> Packet {
        self.sequence = self.sequence.wrapping_add(1);
        Packet {
            header: Header {
                version: 2,
                payload_type,
                sequence_number: self.sequence,
                timestamp,
                ssrc: self.ssrc,
                marker,
                ..Header::default()
            },
            payload,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sidetone_media::SILENCE;

    fn outgoing() -> Outgoing {
        Outgoing::new(7, AudioFormats::ours()).unwrap()
    }

    #[test]
    fn silence_is_sent_and_the_clock_is_even() {
        let (mut out, now) = (outgoing(), Instant::now());
        let packets: Vec<Packet> = (0..100)
            .map(|n| {
                out.frame(&SILENCE, 0, now + Duration::from_millis(n * 20))
                    .unwrap()
            })
            .collect();
        assert!(packets[0].header.marker && !packets[1].header.marker);
        for pair in packets.windows(2) {
            assert_eq!(
                pair[1].header.sequence_number,
                pair[0].header.sequence_number.wrapping_add(1)
            );
            assert_eq!(
                pair[1].header.timestamp,
                pair[0].header.timestamp.wrapping_add(960)
            );
        }
    }

    #[test]
    fn missed_frames_and_breaks_keep_their_time() {
        let (mut out, now) = (outgoing(), Instant::now());
        let first = out.frame(&SILENCE, 0, now).unwrap().header;
        let after_gap = out
            .frame(&SILENCE, 2, now + Duration::from_millis(20))
            .unwrap()
            .header;
        assert_eq!(after_gap.timestamp.wrapping_sub(first.timestamp), 3 * 960);
        let after_break = out
            .frame(&SILENCE, 0, now + Duration::from_millis(1020))
            .unwrap()
            .header;
        assert_eq!(
            after_break.timestamp.wrapping_sub(after_gap.timestamp),
            50 * 960
        );
        assert!(after_break.marker);
        assert_eq!(
            after_break
                .sequence_number
                .wrapping_sub(first.sequence_number),
            2
        );
    }

    #[test]
    fn keys_are_told_apart_while_nobody_speaks() {
        let mut out = outgoing();
        let mut receiver = sidetone_media::event::EventReceiver::default();
        for _ in 0..3 {
            out.press('7');
        }
        let packets = std::iter::repeat_with(|| out.key_packet())
            .take(50)
            .flatten();
        let keys: String = packets
            .filter_map(|packet| receiver.push(packet.header.timestamp, &packet.payload))
            .collect();
        assert_eq!(keys, "777");
    }

    #[test]
    fn keys_take_the_place_of_sound_and_come_one_after_another() {
        let (mut out, mut now) = (outgoing(), Instant::now());
        assert!(out.press('4') && out.press('2'));
        let mut receiver = sidetone_media::event::EventReceiver::default();
        let mut keys = String::new();
        let mut sound = 0;
        for _ in 0..40 {
            if let Some(packet) = out.key_packet() {
                assert_eq!(packet.header.payload_type, 110);
                keys.extend(receiver.push(packet.header.timestamp, &packet.payload));
            }
            sound += usize::from(out.frame(&SILENCE, 0, now).is_some());
            now += Duration::from_millis(20);
        }
        assert_eq!(keys, "42");
        assert!((15..=22).contains(&sound), "{sound}");
    }
}
