//! RTP packets (RFC 3550 section 5.1), read without copying and without trusting anything.

/// Bytes of a header without sources and extension; every header that is sent is of this length.
pub(super) const HEADER_BYTES: usize = 12;
/// Longer datagrams are not looked at: nothing on an Ethernet's telephone is.
pub(super) const DATAGRAM_BYTES_MAX: usize = 1500;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RtpHeader {
    pub marker: bool,
    pub payload_type: u8,
    pub sequence: u16,
    pub timestamp: u32,
    pub ssrc: u32,
    pub padded: bool,
    /// Where the payload begins: behind the contributing sources and the extension.
    pub length: usize,
}

impl RtpHeader {
    /// `None`: these bytes are no RTP packet.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let fixed: &[u8; HEADER_BYTES] = bytes.first_chunk()?;
        if fixed[0] >> 6 != 2 || bytes.len() > DATAGRAM_BYTES_MAX {
            return None;
        }
        let mut length = HEADER_BYTES + 4 * usize::from(fixed[0] & 0x0F);
        if fixed[0] & 0x10 != 0 {
            let extension: &[u8; 4] = bytes.get(length..)?.first_chunk()?;
            let words = u16::from_be_bytes([extension[2], extension[3]]);
            length += 4 + 4 * usize::from(words);
        }
        (length <= bytes.len()).then(|| Self {
            marker: fixed[1] & 0x80 != 0,
            payload_type: fixed[1] & 0x7F,
            sequence: u16::from_be_bytes([fixed[2], fixed[3]]),
            timestamp: u32::from_be_bytes([fixed[4], fixed[5], fixed[6], fixed[7]]),
            ssrc: u32::from_be_bytes([fixed[8], fixed[9], fixed[10], fixed[11]]),
            padded: fixed[0] & 0x20 != 0,
            length,
        })
    }

    /// The payload of the (decrypted) packet without its padding. `None`: the padding is impossible.
    pub fn payload<'a>(&self, packet: &'a [u8]) -> Option<&'a [u8]> {
        let payload = packet.get(self.length..)?;
        if !self.padded {
            return Some(payload);
        }
        let padding = usize::from(*payload.last()?);
        let kept = payload.len().checked_sub(padding)?;
        (padding > 0).then(|| &payload[..kept])
    }

    /// Writes a header of [`HEADER_BYTES`]; `padded` and `length` do not count.
    pub fn write(&self, out: &mut [u8; HEADER_BYTES]) {
        out[0] = 0x80;
        out[1] = u8::from(self.marker) << 7 | (self.payload_type & 0x7F);
        out[2..4].copy_from_slice(&self.sequence.to_be_bytes());
        out[4..8].copy_from_slice(&self.timestamp.to_be_bytes());
        out[8..12].copy_from_slice(&self.ssrc.to_be_bytes());
    }
}

/// Whether a datagram on a port that both share is RTCP (RFC 5761 section 4): packet types 192 to
/// 223 stand where RTP has its marker and payload number.
pub(super) fn is_rtcp(bytes: &[u8]) -> bool {
    bytes.len() >= 8 && bytes[0] >> 6 == 2 && (192..=223).contains(&bytes[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let header = RtpHeader {
            marker: true,
            payload_type: 101,
            sequence: 65_535,
            timestamp: 0xDEAD_BEEF,
            ssrc: 0x1234_5678,
            padded: false,
            length: HEADER_BYTES,
        };
        let mut bytes = [0; HEADER_BYTES];
        header.write(&mut bytes);
        assert_eq!(RtpHeader::parse(&bytes), Some(header));
        assert_eq!(header.payload(&bytes), Some(&[][..]));
        assert!(!is_rtcp(&bytes));
    }

    #[test]
    fn sources_extension_and_padding_are_left_out() {
        let mut bytes = vec![0xB2, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
        bytes.extend([9; 8]); // two contributing sources
        bytes.extend([0xBE, 0xDE, 0, 1, 7, 7, 7, 7]); // an extension of one word
        bytes.extend([1, 2, 3, 0, 0, 3]); // three bytes of payload, three of padding
        let header = RtpHeader::parse(&bytes).unwrap();
        assert_eq!(
            (header.length, header.payload(&bytes)),
            (28, Some(&[1, 2, 3][..]))
        );
        for padding in [0, 7, 255] {
            *bytes.last_mut().unwrap() = padding;
            assert_eq!(header.payload(&bytes), None, "padding {padding}");
        }
        for shorter in 0..28 {
            assert_eq!(RtpHeader::parse(&bytes[..shorter]), None);
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..1600)) {
            if let Some(header) = RtpHeader::parse(&bytes) {
                let _ = header.payload(&bytes);
            }
            is_rtcp(&bytes);
        }
    }
}
