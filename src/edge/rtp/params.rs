//! What signalling has agreed on.

use std::fmt;
use std::net::SocketAddr;

/// Bytes of an SDES master key with its salt for AES-CM-128 (RFC 4568 section 6.1).
pub const SRTP_KEY_BYTES: usize = 30;

/// What is spoken on an RTP leg.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RtpCodec {
    Pcmu,
    Pcma,
    G722,
    Opus,
}

impl RtpCodec {
    /// The RTP clock. That of G.722 is 8,000 although it has 16,000 samples a second (RFC 3551
    /// section 4.5.2).
    pub fn clock_hz(self) -> u32 {
        match self {
            Self::Pcmu | Self::Pcma | Self::G722 => 8_000,
            Self::Opus => 48_000,
        }
    }

    /// The payload number of RFC 3551 table 4; `None`: the descriptions say it.
    pub fn static_payload(self) -> Option<u8> {
        match self {
            Self::Pcmu => Some(0),
            Self::Pcma => Some(8),
            Self::G722 => Some(9),
            Self::Opus => None,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RtpFormat {
    pub codec: RtpCodec,
    pub payload: u8,
    /// Length of the packets that are sent, 10 to 60, rounded down to tens; Opus is always sent in
    /// 20. Packets of any length up to 200 ms are taken (RFC 3551 section 4.2), of Opus 120.
    pub packet_ms: u32,
}

/// Of RFC 4568 section 6.2.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SrtpSuite {
    AesCm128HmacSha1_80,
    AesCm128HmacSha1_32,
}

impl SrtpSuite {
    /// The word in `a=crypto`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AesCm128HmacSha1_80 => "AES_CM_128_HMAC_SHA1_80",
            Self::AesCm128HmacSha1_32 => "AES_CM_128_HMAC_SHA1_32",
        }
    }
}

/// A master key (16 bytes) and its salt (14), as `inline:` carries them.
#[derive(Clone, PartialEq, Eq)]
pub struct SrtpKey(pub [u8; SRTP_KEY_BYTES]);

impl fmt::Debug for SrtpKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SrtpKey(…)")
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SrtpKeys {
    pub suite: SrtpSuite,
    /// What we encrypt with: the key of our own description.
    pub ours: SrtpKey,
    /// What the far end encrypts with.
    pub theirs: SrtpKey,
}

/// Which way sound flows, seen from this side (RFC 3264 section 8.4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    SendRecv,
    SendOnly,
    RecvOnly,
    Inactive,
}

impl Direction {
    pub fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    pub fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }
}

/// What an RTP leg is to do. A new one may be given at any time ([`super::RtpControl::update`]).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RtpParams {
    /// Where the far end says it listens. `None`: not known yet; nothing is sent until a source has
    /// been learned.
    pub remote: Option<SocketAddr>,
    /// `None`: the port above `remote`.
    pub remote_rtcp: Option<SocketAddr>,
    /// RTCP on the RTP port (RFC 5761).
    pub rtcp_mux: bool,
    pub format: RtpFormat,
    /// Payload number and clock of telephone-event (RFC 4733). `None`: keys are sent as tones.
    pub event: Option<(u8, u32)>,
    /// Payload number of comfort noise (RFC 3389), 13 for the telephone's codecs.
    pub comfort_noise: Option<u8>,
    pub srtp: Option<SrtpKeys>,
    pub direction: Direction,
    /// Listen for keypad tones in the sound, for a far end without telephone-event.
    pub inband_keys: bool,
}

impl RtpParams {
    /// A codec to an address, both ways, and nothing else.
    pub fn new(format: RtpFormat, remote: Option<SocketAddr>) -> Self {
        Self {
            remote,
            remote_rtcp: None,
            rtcp_mux: false,
            format,
            event: None,
            comfort_noise: None,
            srtp: None,
            direction: Direction::SendRecv,
            inband_keys: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_not_printed() {
        let key = SrtpKey([0x41; SRTP_KEY_BYTES]);
        let keys = SrtpKeys {
            suite: SrtpSuite::AesCm128HmacSha1_80,
            ours: key.clone(),
            theirs: key,
        };
        let printed = format!("{keys:?}");
        assert!(!printed.contains("65") && !printed.contains("AAAA") && !printed.contains("41"));
    }
}
