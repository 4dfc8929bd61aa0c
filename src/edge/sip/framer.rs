//! Messages out of a stream of octets (RFC 3261 section 18.3).
//!
//! **Invariants.** Never more than [`BYTES_MAX`] octets and one read are kept; each octet is looked
//! at a bounded number of times, however slowly they come.

use super::parse::BYTES_MAX;

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Framed {
    Message(Vec<u8>),
    /// Two empty lines, to be answered with one (RFC 5626 section 4.4.1).
    Ping,
    /// From here on the stream cannot be cut into messages any more. What there is of the last one
    /// is worth an answer before the connection is closed.
    Lost(Vec<u8>),
}

#[derive(Default)]
pub(crate) struct Framer {
    buffer: Vec<u8>,
    /// Up to here there is no end of a head.
    scanned: usize,
    /// Length of the whole message, once its head is there.
    length: Option<usize>,
}

impl Framer {
    pub fn push(&mut self, octets: &[u8]) {
        self.buffer.extend_from_slice(octets);
    }

    /// Whether a message has begun and not ended.
    pub fn is_partial(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// What there is of an unfinished message.
    pub fn give_up(&mut self) -> Vec<u8> {
        self.scanned = 0;
        self.length = None;
        std::mem::take(&mut self.buffer)
    }

    pub fn next(&mut self) -> Option<Framed> {
        if self.length.is_none() {
            let empty = self
                .buffer
                .iter()
                .take_while(|b| matches!(b, b'\r' | b'\n'))
                .count();
            if empty > 0 && self.scanned == 0 {
                if self.buffer.len() < 4 && empty == self.buffer.len() {
                    return None;
                }
                self.buffer.drain(..empty);
                if empty >= 4 {
                    return Some(Framed::Ping);
                }
            }
            let from = self.scanned.saturating_sub(3);
            let found = self.buffer[from..]
                .windows(4)
                .position(|w| w == b"\r\n\r\n");
            let Some(at) = found else {
                self.scanned = self.buffer.len();
                return (self.buffer.len() > BYTES_MAX).then(|| Framed::Lost(self.give_up()));
            };
            let head = from + at + 4;
            match length_of(&self.buffer[..head]) {
                // A length near the largest number must not wrap around.
                Some(body) if head.saturating_add(body) <= BYTES_MAX => {
                    self.length = Some(head + body);
                }
                _ => return Some(Framed::Lost(self.give_up())),
            }
        }
        let length = self.length?;
        if self.buffer.len() < length {
            return None;
        }
        let rest = self.buffer.split_off(length);
        let message = std::mem::replace(&mut self.buffer, rest);
        self.length = None;
        self.scanned = 0;
        Some(Framed::Message(message))
    }
}

/// The one Content-Length of a head. `None`: missing, repeated, or not a number.
fn length_of(head: &[u8]) -> Option<usize> {
    let mut found = None;
    for line in head.split(|&b| b == b'\n') {
        let Some(colon) = line.iter().position(|&b| b == b':') else {
            continue;
        };
        let key = line[..colon].trim_ascii();
        if !key.eq_ignore_ascii_case(b"content-length") && !key.eq_ignore_ascii_case(b"l") {
            continue;
        }
        let value = line[colon + 1..].trim_ascii();
        if found.is_some() || value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
            return None;
        }
        found = Some(std::str::from_utf8(value).ok()?.parse().ok()?);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &[u8] = b"OPTIONS sip:a SIP/2.0\r\nContent-Length : 3\r\n\r\nabc";
    const B: &[u8] = b"INFO sip:b SIP/2.0\r\nl: 0\r\n\r\n";

    #[test]
    fn messages_come_whole_however_they_are_cut() {
        let stream = [b"\r\n", A, b"\r\n\r\n", B, A].concat();
        for size in [1, 2, 3, 7, 50, 1000] {
            let mut framer = Framer::default();
            let mut seen = Vec::new();
            for piece in stream.chunks(size) {
                framer.push(piece);
                while let Some(framed) = framer.next() {
                    seen.push(framed);
                }
            }
            seen.retain(|framed| *framed != Framed::Ping);
            let whole = |message: &[u8]| Framed::Message(message.to_vec());
            assert_eq!(seen, [whole(A), whole(B), whole(A)], "pieces of {size}");
            assert!(!framer.is_partial());
        }
    }

    #[test]
    fn a_ping_is_told() {
        let mut framer = Framer::default();
        framer.push(b"\r\n\r\n");
        assert_eq!(framer.next(), Some(Framed::Ping));
        assert_eq!(framer.next(), None);
    }

    #[test]
    fn a_stream_without_lengths_is_lost() {
        for head in [
            "",
            "l: -1\r\n",
            "l: 1\r\nl: 1\r\n",
            "l: x\r\n",
            "l: 99999999999999999999\r\n",
            "l: 65536\r\n",
        ] {
            let mut framer = Framer::default();
            framer.push(format!("X sip:a SIP/2.0\r\n{head}\r\n").as_bytes());
            assert!(matches!(framer.next(), Some(Framed::Lost(_))), "{head}");
        }
        let mut framer = Framer::default();
        framer.push(&vec![b'a'; BYTES_MAX + 1]);
        assert!(matches!(framer.next(), Some(Framed::Lost(_))));
    }

    proptest::proptest! {
        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(proptest::prop_oneof![proptest::strategy::Just(b'\r'), proptest::strategy::Just(b'\n'), proptest::num::u8::ANY], 0..300), size in 1_usize..40) {
            let mut framer = Framer::default();
            for piece in bytes.chunks(size) {
                framer.push(piece);
                while framer.next().is_some() {}
            }
        }
    }
}
