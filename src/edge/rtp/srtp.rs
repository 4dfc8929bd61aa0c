//! SRTP and SRTCP with AES-CM and HMAC-SHA1 (RFC 3711), in place and for one source at a time.
//!
//! The WebRTC stack brings an SRTP of its own, which is not used here for three reasons: it copies
//! every packet into a new allocation, it keeps state for every source number it sees before the
//! packet is authenticated (a flood of random ones fills the memory), and it takes an SRTCP packet
//! whose encryption bit is off without looking at its tag. Ciphers and hashes are the RustCrypto
//! crates'; the tests hold this against the stack's and against the vectors of the RFC.

use super::packet::RtpHeader;
use super::params::{SrtpKey, SrtpSuite};
use aes::Aes128;
use aes::cipher::{InnerIvInit, KeyInit, StreamCipher, StreamCipherCoreWrapper};
use ctr::CtrCore;
use ctr::flavors::Ctr128BE;
use hmac::{Hmac, Mac};
use sha1::Sha1;

/// Bytes of the largest tag, for room in buffers; SRTCP has four more for its index.
pub(super) const TRAILER_BYTES_MAX: usize = 14;
/// Packets behind the newest that may still come (section 3.3.2 asks for 64 at least).
const WINDOW: u64 = 128;
/// Sources that have been left for another and are not taken up again, against replay.
const RETIRED: usize = 8;
/// Tag of SRTCP in both suites (RFC 4568 sections 6.2.1 and 6.2.2).
const RTCP_TAG_BYTES: usize = 10;
const RTCP_INDEX_BYTES: usize = 4;
const ENCRYPTED: u32 = 1 << 31;

/// Why a packet is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// Too short, or no packet at all.
    Malformed,
    /// Its tag is not what the key gives.
    Forged,
    /// It was here before, or is too old to tell.
    Replayed,
}

/// What encrypts and authenticates one kind of packet.
struct Crypt {
    cipher: Aes128,
    salt: [u8; 14],
    /// Keyed once, cloned for every packet.
    mac: Hmac<Sha1>,
}

impl Crypt {
    /// Key derivation of section 4.3.1 with rate zero; labels `first` (cipher), + 1 (tag), + 2 (salt).
    fn derive(master: &SrtpKey, first: u8) -> Self {
        let (key, salt) = master.0.split_at(16);
        let prf = Aes128::new_from_slice(key).unwrap_or_else(|_| Aes128::new(&[0; 16].into()));
        let (mut cipher_key, mut mac_key, mut session_salt) = ([0; 16], [0; 20], [0; 14]);
        let outputs: [&mut [u8]; 3] = [&mut cipher_key, &mut mac_key, &mut session_salt];
        for (label, out) in (first..).zip(outputs) {
            let mut iv = [0; 16];
            iv[..14].copy_from_slice(salt);
            iv[7] ^= label;
            keystream(&prf, &iv, out);
        }
        Self {
            cipher: Aes128::new(&cipher_key.into()),
            salt: session_salt,
            mac: <Hmac<Sha1> as KeyInit>::new_from_slice(&mac_key)
                .unwrap_or_else(|_| <Hmac<Sha1> as KeyInit>::new(&[0; 64].into())),
        }
    }

    /// Encrypts or decrypts (section 4.1.1); `index` is 48 bits.
    fn apply(&self, ssrc: u32, index: u64, data: &mut [u8]) {
        let mut iv = [0; 16];
        iv[..14].copy_from_slice(&self.salt);
        for (byte, add) in iv[4..8].iter_mut().zip(ssrc.to_be_bytes()) {
            *byte ^= add;
        }
        for (byte, add) in iv[8..14].iter_mut().zip(&index.to_be_bytes()[2..]) {
            *byte ^= add;
        }
        keystream(&self.cipher, &iv, data);
    }

    fn tag(&self, data: &[u8], more: &[u8]) -> Hmac<Sha1> {
        let mut mac = self.mac.clone();
        mac.update(data);
        mac.update(more);
        mac
    }
}

fn keystream(cipher: &Aes128, iv: &[u8; 16], data: &mut [u8]) {
    let core = CtrCore::<&Aes128, Ctr128BE>::inner_iv_init(cipher, iv.into());
    StreamCipherCoreWrapper::from_core(core).apply_keystream(data);
}

fn tag_bytes(suite: SrtpSuite) -> usize {
    match suite {
        SrtpSuite::AesCm128HmacSha1_80 => 10,
        SrtpSuite::AesCm128HmacSha1_32 => 4,
    }
}

/// The sending half.
pub(super) struct SrtpSender {
    rtp: Crypt,
    rtcp: Crypt,
    tag_bytes: usize,
    /// Rollover counter and sequence number of the newest packet.
    index: Option<u64>,
    rtcp_index: u32,
}

impl SrtpSender {
    pub fn new(suite: SrtpSuite, master: &SrtpKey) -> Self {
        Self {
            rtp: Crypt::derive(master, 0),
            rtcp: Crypt::derive(master, 3),
            tag_bytes: tag_bytes(suite),
            index: None,
            rtcp_index: 0,
        }
    }

    /// Protects the packet in `buffer[..length]`, whose header has `header_bytes`; returns the new
    /// length. Packets come in the order of their numbers, and of one source only.
    pub fn protect(
        &mut self,
        buffer: &mut [u8],
        header_bytes: usize,
        length: usize,
        ssrc: u32,
        sequence: u16,
    ) -> usize {
        let last = self.index.unwrap_or(u64::from(sequence));
        let ahead = u64::from(sequence.wrapping_sub(last as u16));
        let index = last + ahead;
        self.index = Some(index);
        self.rtp
            .apply(ssrc, index, &mut buffer[header_bytes..length]);
        let roc = ((index >> 16) as u32).to_be_bytes();
        let tag = self
            .rtp
            .tag(&buffer[..length], &roc)
            .finalize()
            .into_bytes();
        let end = length + self.tag_bytes;
        buffer[length..end].copy_from_slice(&tag[..self.tag_bytes]);
        end
    }

    /// The same for RTCP (section 3.4).
    pub fn protect_rtcp(&mut self, buffer: &mut [u8], length: usize, ssrc: u32) -> usize {
        self.rtcp_index = (self.rtcp_index + 1) & !ENCRYPTED;
        self.rtcp
            .apply(ssrc, u64::from(self.rtcp_index), &mut buffer[8..length]);
        let index_at = length + RTCP_INDEX_BYTES;
        buffer[length..index_at].copy_from_slice(&(self.rtcp_index | ENCRYPTED).to_be_bytes());
        let tag = self
            .rtcp
            .tag(&buffer[..index_at], &[])
            .finalize()
            .into_bytes();
        let end = index_at + RTCP_TAG_BYTES;
        buffer[index_at..end].copy_from_slice(&tag[..RTCP_TAG_BYTES]);
        end
    }
}

/// Which packets of one source were here.
#[derive(Clone, Copy)]
struct Seen {
    ssrc: u32,
    newest: u64,
    /// Bit n: the packet n before the newest.
    window: u128,
}

impl Seen {
    fn check(&self, index: u64) -> Result<(), Refused> {
        let Some(behind) = self.newest.checked_sub(index) else {
            return Ok(());
        };
        if behind >= WINDOW || self.window >> behind & 1 == 1 {
            return Err(Refused::Replayed);
        }
        Ok(())
    }

    fn note(&mut self, index: u64) {
        match self.newest.checked_sub(index) {
            Some(behind) => self.window |= 1u128.checked_shl(behind as u32).unwrap_or(0),
            None => {
                let ahead = index - self.newest;
                self.window = u32::try_from(ahead)
                    .ok()
                    .and_then(|ahead| self.window.checked_shl(ahead))
                    .unwrap_or(0)
                    | 1;
                self.newest = index;
            }
        }
    }
}

/// The receiving half.
pub(super) struct SrtpReceiver {
    rtp: Crypt,
    rtcp: Crypt,
    tag_bytes: usize,
    seen: Option<Seen>,
    seen_rtcp: Option<Seen>,
    retired: [Option<u32>; RETIRED],
    next_retired: usize,
}

impl SrtpReceiver {
    pub fn new(suite: SrtpSuite, master: &SrtpKey) -> Self {
        Self {
            rtp: Crypt::derive(master, 0),
            rtcp: Crypt::derive(master, 3),
            tag_bytes: tag_bytes(suite),
            seen: None,
            seen_rtcp: None,
            retired: [None; RETIRED],
            next_retired: 0,
        }
    }

    /// Checks and decrypts a packet in place; returns its length without the tag, and whether it is
    /// the newest of its source. A refused packet is as it came and has changed nothing.
    pub fn unprotect(
        &mut self,
        header: &RtpHeader,
        packet: &mut [u8],
    ) -> Result<(usize, bool), Refused> {
        let length = packet
            .len()
            .checked_sub(self.tag_bytes)
            .filter(|length| *length >= header.length)
            .ok_or(Refused::Malformed)?;
        let known = self.seen.filter(|seen| seen.ssrc == header.ssrc);
        if known.is_none() && self.retired.contains(&Some(header.ssrc)) {
            return Err(Refused::Replayed);
        }
        let index = known.map_or(u64::from(header.sequence), |seen| {
            guessed(seen.newest, header.sequence)
        });
        if let Some(seen) = known {
            seen.check(index)?;
        }
        let roc = ((index >> 16) as u32).to_be_bytes();
        let (data, tag) = packet.split_at(length);
        self.rtp
            .tag(data, &roc)
            .verify_truncated_left(tag)
            .map_err(|_| Refused::Forged)?;
        self.rtp
            .apply(header.ssrc, index, &mut packet[header.length..length]);
        let newest = known.is_none_or(|seen| index > seen.newest);
        let mut seen = known.unwrap_or(Seen {
            ssrc: header.ssrc,
            newest: index,
            window: 0,
        });
        seen.note(index);
        if let Some(left) = self
            .seen
            .replace(seen)
            .filter(|left| left.ssrc != seen.ssrc)
        {
            self.retired[self.next_retired] = Some(left.ssrc);
            self.next_retired = (self.next_retired + 1) % RETIRED;
        }
        Ok((length, newest))
    }

    /// The same for RTCP; returns the length without index and tag.
    pub fn unprotect_rtcp(&mut self, packet: &mut [u8]) -> Result<usize, Refused> {
        let length = packet
            .len()
            .checked_sub(RTCP_INDEX_BYTES + RTCP_TAG_BYTES)
            .filter(|length| *length >= 8)
            .ok_or(Refused::Malformed)?;
        let (data, tag) = packet.split_at(length + RTCP_INDEX_BYTES);
        let word =
            |at: usize| u32::from_be_bytes([data[at], data[at + 1], data[at + 2], data[at + 3]]);
        let (ssrc, trailer) = (word(4), word(length));
        let index = u64::from(trailer & !ENCRYPTED);
        let known = self.seen_rtcp.filter(|seen| seen.ssrc == ssrc);
        if let Some(seen) = known {
            seen.check(index)?;
        }
        self.rtcp
            .tag(data, &[])
            .verify_truncated_left(tag)
            .map_err(|_| Refused::Forged)?;
        if trailer & ENCRYPTED != 0 {
            self.rtcp.apply(ssrc, index, &mut packet[8..length]);
        }
        let mut seen = known.unwrap_or(Seen {
            ssrc,
            newest: index,
            window: 0,
        });
        seen.note(index);
        self.seen_rtcp = Some(seen);
        Ok(length)
    }
}

/// The index that a sequence number most likely stands for (appendix A).
fn guessed(newest: u64, sequence: u16) -> u64 {
    let ahead = sequence.wrapping_sub(newest as u16) as i16;
    newest
        .checked_add_signed(i64::from(ahead))
        .unwrap_or(u64::from(sequence))
}

#[cfg(test)]
#[path = "srtp_tests.rs"]
mod tests;
