//! AudioSocket: a header of one byte of kind and two of length (big-endian), then the payload.
//!
//! After Asterisk's documentation of the protocol and its `res_audiosocket.c`, which settles what the
//! documentation leaves open: Asterisk takes sound and hang-up from us and nothing else (a key that
//! is sent as 0x03 breaks the connection off, so keys go out as tones), and it reads a header with
//! one `read`, so a message must leave in one piece.
//!
//! A message that is wrong in itself is skipped, since its length still tells where the next begins.

use super::sound::{Decoder, Encoder, Reservoir, SoundFormat};
use super::stream::{Dialect, Said};
use super::{DialectError, WireMessage};
use crate::leg::CloseReason;
use bytes::{Buf, BufMut, Bytes, BytesMut};
use sidetone_media::Pcm;
use sidetone_media::event::event_of;
use sidetone_types::Wire;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use uuid::Uuid;

pub(super) const NAME: &str = "AudioSocket";
const HEADER_BYTES: usize = 3;
const HANGUP: u8 = 0x00;
const UUID: u8 = 0x01;
const KEY: u8 = 0x03;
const SOUND: u8 = 0x10;
const ERROR: u8 = 0xff;
/// Rates of the kinds 0x10, 0x11, ….
const RATES_HZ: [u32; 9] = [
    8000, 12_000, 16_000, 24_000, 32_000, 44_100, 48_000, 96_000, 192_000,
];
/// Changes of the sound's kind within one stream. Asterisk makes none, and each costs work.
const CHANGES_MAX: u32 = 8;
/// Outgoing messages are cut from blocks of this size, so that not each is an allocation.
const BLOCK_BYTES: usize = 16 * 1024;

/// One message of the far end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    Hangup,
    /// Which call this is. The first message.
    Call(Uuid),
    Key(char),
    Sound {
        rate_hz: u32,
        bytes: &'a [u8],
    },
    /// The far end failed; its code, if it gave one.
    Failed(Option<u8>),
}

/// Takes the next whole message, header included, out of what has come so far.
pub fn split(buffer: &mut BytesMut) -> Option<Bytes> {
    let header = buffer.get(..HEADER_BYTES)?;
    let length = HEADER_BYTES + usize::from(u16::from_be_bytes([header[1], header[2]]));
    (buffer.len() >= length).then(|| buffer.split_to(length).freeze())
}

/// Reads one whole message.
pub fn parse(message: &[u8]) -> Result<Message<'_>, DialectError> {
    let wrong =
        |name: String, field, why: String| Err(DialectError::malformed(NAME, &name, field, why));
    let (Some(header), Some(payload)) = (message.get(..HEADER_BYTES), message.get(HEADER_BYTES..))
    else {
        return wrong(
            "?".into(),
            "header",
            format!("{} bytes of 3 came", message.len()),
        );
    };
    let kind = header[0];
    let name = format!("0x{kind:02x}");
    let length = usize::from(u16::from_be_bytes([header[1], header[2]]));
    if payload.len() != length {
        return wrong(
            name,
            "length",
            format!("it says {length}, and {} follow", payload.len()),
        );
    }
    match kind {
        HANGUP => Ok(Message::Hangup),
        UUID => match Uuid::from_slice(payload) {
            Ok(uuid) => Ok(Message::Call(uuid)),
            Err(_) => wrong(name, "uuid", format!("16 bytes are needed, {length} came")),
        },
        KEY => match payload {
            [key] if event_of(*key as char).is_some() => {
                Ok(Message::Key(key.to_ascii_uppercase() as char))
            }
            _ => wrong(name, "digit", "one of 0-9, *, #, A-D is needed".into()),
        },
        ERROR => Ok(Message::Failed(payload.first().copied())),
        _ => match RATES_HZ.get(usize::from(kind.wrapping_sub(SOUND))) {
            Some(_) if !length.is_multiple_of(2) => wrong(
                name,
                "payload",
                format!("{length} bytes are no whole 16-bit samples"),
            ),
            Some(rate_hz) => Ok(Message::Sound {
                rate_hz: *rate_hz,
                bytes: payload,
            }),
            None => wrong(name, "kind", "no such kind is known".into()),
        },
    }
}

/// Writes a message. `payload` has at most 65535 bytes; what is beyond is left out.
pub fn build(kind: u8, payload: &[u8], out: &mut BytesMut) {
    let payload = &payload[..payload.len().min(usize::from(u16::MAX))];
    out.put_u8(kind);
    out.put_u16(payload.len() as u16);
    out.put_slice(payload);
}

/// One AudioSocket connection.
pub(super) struct AudioSocket {
    idle_max: Duration,
    decoder: Decoder,
    encoder: Encoder,
    rate_hz: u32,
    changes: u32,
    block: BytesMut,
    /// One of the server's places, given back with the stream.
    _place: OwnedSemaphorePermit,
}

impl AudioSocket {
    pub fn new(idle_max: Duration, place: OwnedSemaphorePermit) -> Result<Self, DialectError> {
        // Until the far end's first sound its kind is unknown; every Asterisk takes 8 kHz.
        let rate_hz = RATES_HZ[0];
        let format = SoundFormat::Slin { rate_hz };
        Ok(Self {
            idle_max,
            decoder: Decoder::new(format)?,
            encoder: Encoder::new(format)?,
            rate_hz,
            changes: 0,
            block: BytesMut::with_capacity(BLOCK_BYTES),
            _place: place,
        })
    }

    /// From now on sound comes, and is answered, at another rate.
    fn change(&mut self, rate_hz: u32) -> Result<(), DialectError> {
        self.changes += 1;
        if self.changes > CHANGES_MAX {
            return Err(DialectError::malformed(
                NAME,
                "sound",
                "kind",
                "the sample rate changes again and again",
            ));
        }
        let format = SoundFormat::Slin { rate_hz };
        self.decoder = Decoder::new(format)?;
        self.encoder = Encoder::new(format)?;
        self.rate_hz = rate_hz;
        Ok(())
    }
}

impl Dialect for AudioSocket {
    const NAME: &'static str = NAME;
    const WIRE: Wire = Wire::AudioSocket;
    /// "Socket closure is also sufficient" to hang up.
    const END: CloseReason = CloseReason::FarEnd;

    fn idle_max(&self) -> Duration {
        self.idle_max
    }

    fn read(
        &mut self,
        message: WireMessage,
        sides: &mut [Reservoir],
    ) -> Result<Said, DialectError> {
        let WireMessage::Binary(message) = message else {
            return Ok(Said::Nothing);
        };
        match parse(&message)? {
            Message::Hangup => Ok(Said::Over(CloseReason::FarEnd)),
            Message::Call(_) => Ok(Said::Nothing),
            Message::Key(key) => Ok(Said::Key { side: 0, key }),
            Message::Sound { rate_hz, bytes } => {
                if rate_hz != self.rate_hz {
                    self.change(rate_hz)?;
                }
                if let Some(side) = sides.first_mut() {
                    self.decoder.decode(bytes, side);
                }
                let sound_us = (bytes.len() as u64 / 2) * 1_000_000 / u64::from(rate_hz);
                Ok(Said::Sound { sound_us })
            }
            Message::Failed(code) => {
                tracing::warn!(wire = NAME, ?code, "the far end reports that it failed");
                Ok(Said::Over(CloseReason::FarEnd))
            }
        }
    }

    fn sound(&mut self, pcm: &Pcm) -> Option<WireMessage> {
        let kind = RATES_HZ
            .iter()
            .position(|rate_hz| *rate_hz == self.rate_hz)?;
        let length = self.encoder.frame_bytes();
        self.block.reserve(HEADER_BYTES + length);
        self.block.put_u8(SOUND + kind as u8);
        self.block.put_u16(length as u16);
        self.encoder.encode(pcm, &mut self.block);
        Some(WireMessage::Binary(self.block.split().freeze()))
    }

    fn fills_silence(&self) -> bool {
        true
    }

    /// The protocol has none; Asterisk plays what comes at once.
    fn mark(&mut self, _number: u32) -> Option<WireMessage> {
        None
    }

    fn clear(&mut self) -> Option<WireMessage> {
        None
    }

    fn bye(&mut self) -> Option<WireMessage> {
        Some(WireMessage::Binary(Bytes::from_static(&[HANGUP, 0, 0])))
    }
}

/// Reads whole messages from a connection; the stream ends where the connection does.
pub(super) async fn next_message<R: tokio::io::AsyncRead + Unpin>(
    from: &mut R,
    buffer: &mut BytesMut,
) -> std::io::Result<Option<Bytes>> {
    use tokio::io::AsyncReadExt;
    loop {
        if let Some(message) = split(buffer) {
            return Ok(Some(message));
        }
        let count = match from.read_buf(buffer).await {
            // A far end that closes before it has read all of our sound resets the connection; it
            // has hung up all the same.
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => 0,
            count => count?,
        };
        if count == 0 {
            // A half message at the end says no more than that the connection ended.
            buffer.advance(buffer.len());
            return Ok(None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u8, payload: &[u8]) -> Vec<u8> {
        let mut out = BytesMut::new();
        build(kind, payload, &mut out);
        out.to_vec()
    }

    #[test]
    fn messages_are_split_wherever_they_are_cut() {
        let whole = [
            message(UUID, &[7; 16]),
            message(SOUND, &[1; 320]),
            message(KEY, b"5"),
            message(HANGUP, &[]),
        ];
        let stream = whole.concat();
        for piece in 1..40 {
            let (mut buffer, mut got) = (BytesMut::new(), Vec::new());
            for bytes in stream.chunks(piece) {
                buffer.extend_from_slice(bytes);
                got.extend(std::iter::from_fn(|| split(&mut buffer)));
            }
            assert_eq!(got, whole, "{piece}");
            assert!(buffer.is_empty());
        }
    }

    #[test]
    fn each_kind_is_read_and_each_fault_is_named() {
        assert_eq!(parse(&[0, 0, 0]), Ok(Message::Hangup));
        let uuid = Uuid::from_u128(0x40325ec2_5efd_4bd3_805f_53576e581d13);
        assert_eq!(
            parse(&message(UUID, uuid.as_bytes())),
            Ok(Message::Call(uuid))
        );
        assert_eq!(parse(&message(KEY, b"#")), Ok(Message::Key('#')));
        assert_eq!(parse(&message(ERROR, &[2])), Ok(Message::Failed(Some(2))));
        for (n, rate_hz) in RATES_HZ.into_iter().enumerate() {
            let sound = message(SOUND + n as u8, &[0; 4]);
            let bytes = &[0; 4][..];
            assert_eq!(parse(&sound), Ok(Message::Sound { rate_hz, bytes }));
        }
        for (wrong, says) in [
            (
                message(UUID, &[1; 15]),
                "`0x01`, field `uuid`: 16 bytes are needed, 15 came",
            ),
            (message(KEY, b"x"), "`0x03`, field `digit`"),
            (message(KEY, b"12"), "`0x03`, field `digit`"),
            (message(SOUND, &[1; 3]), "`0x10`, field `payload`: 3 bytes"),
            (message(0x19, &[]), "`0x19`, field `kind`"),
            (
                vec![0x10, 0, 9, 1],
                "`0x10`, field `length`: it says 9, and 1 follow",
            ),
            (vec![0x10], "field `header`: 1 bytes"),
        ] {
            let error = parse(&wrong).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }
}
