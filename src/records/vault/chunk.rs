//! The bytes of a recording: its head, and chunks that are sealed and opened.

use super::keys::{Keys, WRAPPED_BYTES};
use super::{CHUNK_SAMPLES, Side, VaultError, read_error, write_error};
use crate::masking::silence;
use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Key, Nonce};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sidetone_media::g711::{from_ulaw, to_ulaw};
use sidetone_types::{CallId, CallTime, Span};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use zeroize::Zeroizing;

const MAGIC: &[u8; 21] = b"SIDETONE RECORDING 1\n";
/// Bytes of JSON in a head at most.
const FACTS_BYTES_MAX: u32 = 4096;
/// Samples, revision and final flag before a chunk's sealed bytes.
pub const CHUNK_HEAD_BYTES: usize = 9;
const TAG_BYTES: usize = 16;
/// A full chunk on the disk.
pub const FULL_CHUNK_BYTES: u64 = (CHUNK_HEAD_BYTES + 2 * CHUNK_SAMPLES + TAG_BYTES) as u64;

/// What the head of a file says, in the clear.
#[derive(Serialize, Deserialize)]
struct Facts {
    call: String,
    wall_ms: i64,
    codec: String,
    rate_hz: u32,
    channels: u8,
    chunk_samples: u32,
}

/// An open recording's head: the cipher of the call, and what binds chunks to it.
pub struct Head {
    cipher: Aes256Gcm,
    digest: [u8; 32],
    /// Where the wrapped key stands: version, then [`WRAPPED_BYTES`].
    key_at: u64,
    pub key_version: u32,
    data_key: Zeroizing<[u8; 32]>,
    /// Where the first chunk begins.
    pub body_at: u64,
}

/// What stands before a chunk's sealed bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkHead {
    pub samples: u32,
    pub revision: u32,
    pub last: bool,
}

/// One chunk of sound, both channels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sound {
    pub left: Vec<i16>,
    pub right: Vec<i16>,
}

impl Head {
    /// Writes a head with a fresh key to an empty file.
    pub fn create(
        file: &mut File,
        path: &Path,
        call: &CallId,
        wall_ms: i64,
        keys: &Keys,
    ) -> Result<Self, VaultError> {
        let facts = Facts {
            call: call.to_string(),
            wall_ms,
            codec: "mulaw".into(),
            rate_hz: sidetone_types::RATE_HZ,
            channels: 2,
            chunk_samples: CHUNK_SAMPLES as u32,
        };
        let json = serde_json::to_vec(&facts).expect("plain facts");
        let digest = digest(&json);
        let data_key = Zeroizing::new(rand::random::<[u8; 32]>());
        let (version, wrapped) = keys.wrap(&data_key, &digest);
        let mut bytes = Vec::with_capacity(MAGIC.len() + 4 + json.len() + 4 + WRAPPED_BYTES);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&(json.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&json);
        let key_at = bytes.len() as u64;
        bytes.extend_from_slice(&version.to_le_bytes());
        bytes.extend_from_slice(&wrapped);
        file.write_all(&bytes).map_err(|e| write_error(path, &e))?;
        Ok(Self::new(digest, key_at, version, data_key))
    }

    /// Reads a head and opens the call's key.
    pub fn read(
        file: &mut File,
        path: &Path,
        call: &CallId,
        keys: &Keys,
    ) -> Result<Self, VaultError> {
        let fail = |e: std::io::Error| match e.kind() {
            std::io::ErrorKind::UnexpectedEof => not_ours(path, "it is too short"),
            _ => read_error(path, &e),
        };
        file.seek(SeekFrom::Start(0)).map_err(fail)?;
        let mut magic = [0; MAGIC.len()];
        file.read_exact(&mut magic).map_err(fail)?;
        if magic != *MAGIC {
            return Err(not_ours(path, "it does not begin like one"));
        }
        let mut len = [0; 4];
        file.read_exact(&mut len).map_err(fail)?;
        let len = u32::from_le_bytes(len);
        if len > FACTS_BYTES_MAX {
            return Err(not_ours(path, "its head is too long"));
        }
        let mut json = vec![0; len as usize];
        file.read_exact(&mut json).map_err(fail)?;
        let facts: Facts =
            serde_json::from_slice(&json).map_err(|e| not_ours(path, &e.to_string()))?;
        let same = facts.codec == "mulaw"
            && facts.channels == 2
            && facts.chunk_samples as usize == CHUNK_SAMPLES;
        if !same {
            return Err(not_ours(
                path,
                "its sound is of a form that this version does not know",
            ));
        }
        let mut version = [0; 4];
        let mut wrapped = [0; WRAPPED_BYTES];
        file.read_exact(&mut version).map_err(fail)?;
        file.read_exact(&mut wrapped).map_err(fail)?;
        let version = u32::from_le_bytes(version);
        let digest = digest(&json);
        let data_key = keys.unwrap(path, version, &wrapped, &digest)?;
        if facts.call != call.as_str() {
            return Err(VaultError::WrongCall {
                path: path.to_owned(),
                found: facts.call,
                wanted: call.to_string(),
            });
        }
        let key_at = (MAGIC.len() + 4 + json.len()) as u64;
        Ok(Self::new(digest, key_at, version, data_key))
    }

    fn new(digest: [u8; 32], key_at: u64, key_version: u32, data_key: Zeroizing<[u8; 32]>) -> Self {
        Self {
            cipher: Aes256Gcm::new(&Key::<Aes256Gcm>::from(*data_key)),
            digest,
            key_at,
            key_version,
            data_key,
            body_at: key_at + 4 + WRAPPED_BYTES as u64,
        }
    }

    /// Puts the call's key under the newest master key, in place. The chunks stay as they are.
    pub fn rewrap(&mut self, file: &File, path: &Path, keys: &Keys) -> Result<(), VaultError> {
        let (version, wrapped) = keys.wrap(&self.data_key, &self.digest);
        let bytes = [version.to_le_bytes().as_slice(), &wrapped].concat();
        file.write_all_at(&bytes, self.key_at)
            .and_then(|()| file.sync_data())
            .map_err(|e| write_error(path, &e))?;
        self.key_version = version;
        Ok(())
    }

    /// Where a chunk begins.
    pub fn chunk_at(&self, index: u64) -> u64 {
        self.body_at + index * FULL_CHUNK_BYTES
    }

    /// A chunk's bytes for the disk.
    pub fn seal(&self, index: u64, head: ChunkHead, sound: &Sound) -> Vec<u8> {
        let plain: Vec<u8> = sound
            .left
            .iter()
            .chain(&sound.right)
            .map(|s| to_ulaw(*s))
            .collect();
        debug_assert_eq!(plain.len(), 2 * head.samples as usize);
        let aad = self.aad(index, head);
        let sealed = self
            .cipher
            .encrypt(
                &nonce(index, head),
                Payload {
                    msg: &plain,
                    aad: &aad,
                },
            )
            .expect("a second of sound can be sealed");
        let mut out = Vec::with_capacity(CHUNK_HEAD_BYTES + sealed.len());
        out.extend_from_slice(&head.bytes());
        out.extend_from_slice(&sealed);
        out
    }

    /// Reads and opens a chunk. `None` where the file ends before it or within it.
    pub fn open(
        &self,
        file: &File,
        path: &Path,
        index: u64,
    ) -> Result<Option<(ChunkHead, Sound)>, VaultError> {
        let forged = || VaultError::Forged {
            path: path.to_owned(),
            second: index,
        };
        let at = self.chunk_at(index);
        let mut bytes = [0; CHUNK_HEAD_BYTES];
        if !fill(file, path, &mut bytes, at)? {
            return Ok(None);
        }
        let head = ChunkHead::parse(bytes).ok_or_else(forged)?;
        let mut sealed = vec![0; 2 * head.samples as usize + TAG_BYTES];
        if !fill(file, path, &mut sealed, at + CHUNK_HEAD_BYTES as u64)? {
            return Ok(None);
        }
        let aad = self.aad(index, head);
        let plain = self
            .cipher
            .decrypt(
                &nonce(index, head),
                Payload {
                    msg: &sealed,
                    aad: &aad,
                },
            )
            .map_err(|_| forged())?;
        let (left, right) = plain.split_at(plain.len() / 2);
        let sound = Sound {
            left: left.iter().map(|c| from_ulaw(*c)).collect(),
            right: right.iter().map(|c| from_ulaw(*c)).collect(),
        };
        Ok(Some((head, sound)))
    }

    /// Everything that a chunk's bytes are bound to.
    fn aad(&self, index: u64, head: ChunkHead) -> Vec<u8> {
        [self.digest.as_slice(), &index.to_be_bytes(), &head.bytes()].concat()
    }
}

impl ChunkHead {
    fn bytes(self) -> [u8; CHUNK_HEAD_BYTES] {
        let mut out = [0; CHUNK_HEAD_BYTES];
        out[..4].copy_from_slice(&self.samples.to_le_bytes());
        out[4..8].copy_from_slice(&self.revision.to_le_bytes());
        out[8] = u8::from(self.last);
        out
    }

    /// Only the last chunk may be short.
    fn parse(bytes: [u8; CHUNK_HEAD_BYTES]) -> Option<Self> {
        let number = |at: usize| {
            u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        let head = Self {
            samples: number(0),
            revision: number(4),
            last: bytes[8] == 1,
        };
        let full = head.samples as usize == CHUNK_SAMPLES;
        let fits = bytes[8] <= 1 && head.samples as usize <= CHUNK_SAMPLES && (full || head.last);
        fits.then_some(head)
    }
}

impl Sound {
    /// Zeroes what lies in the spans; `at` is the time of the first sample.
    pub fn silence(&mut self, side: Side, at: CallTime, spans: &[Span]) {
        if side != Side::Right {
            silence(&mut self.left, at, spans);
        }
        if side != Side::Left {
            silence(&mut self.right, at, spans);
        }
    }

    pub fn silent(samples: usize) -> Self {
        Self {
            left: vec![0; samples],
            right: vec![0; samples],
        }
    }
}

/// A chunk is sealed once under each revision of each number, so the pair never repeats under a key.
fn nonce(index: u64, head: ChunkHead) -> Nonce<aes_gcm::aead::consts::U12> {
    let mut out = [0; 12];
    out[..4].copy_from_slice(&head.revision.to_be_bytes());
    out[4..].copy_from_slice(&index.to_be_bytes());
    Nonce::from(out)
}

fn digest(json: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(MAGIC);
    hash.update(json);
    hash.finalize().into()
}

fn not_ours(path: &Path, reason: &str) -> VaultError {
    VaultError::NotARecording {
        path: path.to_owned(),
        reason: reason.to_owned(),
    }
}

fn fill(file: &File, path: &Path, bytes: &mut [u8], at: u64) -> Result<bool, VaultError> {
    match file.read_exact_at(bytes, at) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => Ok(false),
        Err(e) => Err(read_error(path, &e)),
    }
}
