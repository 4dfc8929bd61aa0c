//! Recordings: two channels of 16 kHz sound, encrypted while the call runs.
//!
//! **Form.** Left is the caller, right is what the caller heard. Sound is kept as µ-law (G.711's
//! curve at 16 kHz: one byte a sample, half the space of 16-bit samples, about 38 dB of signal to
//! noise), in chunks of one second. A chunk is sealed with AES-256-GCM under a key of the call's
//! own; its nonce is the chunk's number and revision, and its number, revision, length, final flag
//! and the digest of the file's head (with the call's number) are authenticated. The call's key is
//! wrapped under the master key of [`Keys`], of which there can be several versions.
//!
//! **Safe against.** A flipped bit, swapped chunks, a cut end, a chunk or key of another call: each
//! is an error that names the file and the second. Every full second is handed to the system when
//! it is over, so that a killed process loses the last second only; [`Vault::seal_lost`] closes
//! such a recording at the next start. Loss of power may cost what the system had not yet written,
//! ten seconds at most.
//!
//! The media path never waits: a chunk that finds the writer's channel full is dropped, counted,
//! and becomes silence of the same length, so that the times stay true.

mod chunk;
mod keys;
mod read;
mod write;

pub use keys::Keys;
pub use read::Recording;
pub use write::RecordingWriter;

use crate::journal::{check_id, month_name, uuid_v7_ms};
use chunk::Head;
use sidetone_types::{CallId, Span};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use tokio::sync::oneshot;
use write::Message;

/// Samples of one channel in a full chunk: one second.
pub const CHUNK_SAMPLES: usize = 16_000;
/// Seconds that wait for the writer before they are dropped, all calls together.
const WAITING_CHUNKS_MAX: usize = 512;

#[derive(Debug, Clone, thiserror::Error)]
pub enum VaultError {
    #[error("{path} can't be written: {reason}")]
    Write { path: PathBuf, reason: String },
    #[error("{path} can't be read: {reason}")]
    Read { path: PathBuf, reason: String },
    #[error("there is no recording of call {0}")]
    NoSuchCall(String),
    #[error("{path} is not a recording of this program: {reason}")]
    NotARecording { path: PathBuf, reason: String },
    #[error("{path} is the recording of call {found} and not of {wanted}")]
    WrongCall {
        path: PathBuf,
        found: String,
        wanted: String,
    },
    #[error(
        "{path}: the second {second} was changed, swapped or damaged; restore the file from a backup"
    )]
    Forged { path: PathBuf, second: u64 },
    #[error(
        "{path}: the end is missing after {seconds} s; if the engine was killed in this call, sealing it makes the rest readable"
    )]
    Truncated { path: PathBuf, seconds: u64 },
    #[error("{path}: the call's key does not open with version {version} of the master key")]
    WrongKey { path: PathBuf, version: u32 },
    #[error(
        "{path} needs version {version} of the master key, which is not in {keys}; put the old key file back"
    )]
    NoKey {
        path: PathBuf,
        version: u32,
        keys: String,
    },
    #[error("the master key {path}: {reason}")]
    Master { path: String, reason: String },
    #[error("the recordings' writer has stopped")]
    Stopped,
    #[error("{0} is still being recorded")]
    Busy(String),
}

/// Which of the two channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The caller.
    Left,
    /// What the caller heard.
    Right,
    Both,
}

/// What a finished recording came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Samples of each channel.
    pub samples: u64,
    /// Seconds that were lost because the disk was too slow; they are silent.
    pub dropped_seconds: u64,
}

/// All recordings of a house. Cheap to clone.
#[derive(Clone)]
pub struct Vault {
    root: PathBuf,
    keys: Arc<Keys>,
    send: SyncSender<Message>,
}

impl Vault {
    /// Opens the folder (made if absent) and starts the writer's thread.
    pub fn open(root: impl Into<PathBuf>, keys: Keys) -> Result<Self, VaultError> {
        let root = root.into();
        fs::create_dir_all(&root).map_err(|e| write_error(&root, &e))?;
        let keys = Arc::new(keys);
        let (send, receive) = std::sync::mpsc::sync_channel(WAITING_CHUNKS_MAX);
        let writer = write::Writer::new(root.clone(), keys.clone());
        std::thread::Builder::new()
            .name("recordings".into())
            .spawn(move || writer.run(receive))
            .map_err(|e| write_error(&root, &e))?;
        Ok(Self { root, keys, send })
    }

    /// Begins the recording of a call. Never waits and never fails here: ask
    /// [`RecordingWriter::take_failure`].
    pub fn record(&self, call: &CallId, wall_ms: i64) -> RecordingWriter {
        RecordingWriter::start(self.send.clone(), call.clone(), wall_ms)
    }

    /// Opens a finished recording. Blocking.
    pub fn open_recording(&self, call: &CallId) -> Result<Recording, VaultError> {
        let path = self.path_of(call)?;
        Recording::open(path, call, &self.keys, true)
    }

    /// Opens a recording that is still being written or was cut off, up to its last whole second.
    /// Blocking.
    pub fn open_unfinished(&self, call: &CallId) -> Result<Recording, VaultError> {
        let path = self.path_of(call)?;
        Recording::open(path, call, &self.keys, false)
    }

    pub fn has_recording(&self, call: &CallId) -> bool {
        self.path_of(call).is_ok()
    }

    /// Closes the recording of a call in which the engine was killed: cuts a torn last chunk, and
    /// marks the end. Gives the samples that are left. Does nothing to a finished one. Blocking.
    pub fn seal_lost(&self, call: &CallId) -> Result<u64, VaultError> {
        let path = self.path_of(call)?;
        write::seal_lost(&path, call, &self.keys)
    }

    /// Silences stretches of one or both channels, for numbers that were said. Works while the call
    /// is recorded and after. Chunks are sealed anew under the next revision.
    pub async fn silence(
        &self,
        call: &CallId,
        side: Side,
        spans: &[Span],
    ) -> Result<(), VaultError> {
        let (done, outcome) = oneshot::channel();
        let message = Message::Silence {
            call: call.clone(),
            side,
            spans: spans.to_vec(),
            done,
        };
        let send = self.send.clone();
        // The channel is the writer's, a blocking one.
        let sent = tokio::task::spawn_blocking(move || send.send(message)).await;
        match sent {
            Ok(Ok(())) => outcome.await.unwrap_or(Err(VaultError::Stopped)),
            _ => Err(VaultError::Stopped),
        }
    }

    /// Wraps a recording's key under the newest master key. True: it was under an older one.
    /// Blocking.
    pub fn rewrap(&self, call: &CallId) -> Result<bool, VaultError> {
        let path = self.path_of(call)?;
        write::rewrap(&path, call, &self.keys)
    }

    /// Removes a recording for good. Blocking.
    pub fn erase(&self, call: &CallId) -> Result<(), VaultError> {
        let path = self.path_of(call)?;
        fs::remove_file(&path).map_err(|e| write_error(&path, &e))
    }

    fn path_of(&self, call: &CallId) -> Result<PathBuf, VaultError> {
        find(&self.root, call)
            .ok_or_else(|| VaultError::NoSuchCall(call.as_str().chars().take(100).collect()))
    }
}

/// Where a call's recording is or would be made.
fn new_path(root: &Path, call: &CallId, wall_ms: i64) -> PathBuf {
    let month = month_name(uuid_v7_ms(call.as_str()).unwrap_or(wall_ms));
    root.join(month).join(format!("{call}.rec"))
}

fn find(root: &Path, call: &CallId) -> Option<PathBuf> {
    check_id(call).ok()?;
    if let Some(ms) = uuid_v7_ms(call.as_str()) {
        let path = new_path(root, call, ms);
        if path.is_file() {
            return Some(path);
        }
    }
    let months = fs::read_dir(root).ok()?;
    months
        .filter_map(|entry| Some(entry.ok()?.path().join(format!("{call}.rec"))))
        .find(|path| path.is_file())
}

fn write_error(path: &Path, error: &io::Error) -> VaultError {
    VaultError::Write {
        path: path.to_owned(),
        reason: error.to_string(),
    }
}

fn read_error(path: &Path, error: &io::Error) -> VaultError {
    VaultError::Read {
        path: path.to_owned(),
        reason: error.to_string(),
    }
}

/// The unlocked head of a file, for those who read or change it.
fn unlock(path: &Path, call: &CallId, keys: &Keys) -> Result<(fs::File, Head), VaultError> {
    let mut file = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .map_err(|e| read_error(path, &e))?;
    let head = Head::read(&mut file, path, call, keys)?;
    Ok((file, head))
}
