//! Writing recordings: one thread for all calls, fed through a bounded channel.

use super::chunk::{ChunkHead, FULL_CHUNK_BYTES, Head, Sound};
use super::keys::Keys;
use super::{CHUNK_SAMPLES, Recorded, Side, VaultError, find, new_path, unlock, write_error};
use sidetone_types::{CallId, CallTime, Pcm, Span};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender};
use std::sync::{Arc, Mutex};
use tokio::sync::oneshot;

/// Seconds between two syncs of one recording.
const SYNC_SECONDS: u64 = 10;

pub(super) enum Message {
    Start {
        id: u64,
        call: CallId,
        wall_ms: i64,
        shared: Arc<Shared>,
    },
    Chunk {
        id: u64,
        index: u64,
        sound: Sound,
    },
    Finish {
        id: u64,
        index: u64,
        rest: Sound,
        done: Option<oneshot::Sender<Result<Recorded, VaultError>>>,
    },
    Silence {
        call: CallId,
        side: Side,
        spans: Vec<Span>,
        done: oneshot::Sender<Result<(), VaultError>>,
    },
}

/// What the media path and the writer's thread tell each other besides sound.
#[derive(Default)]
pub(super) struct Shared {
    failed: AtomicBool,
    reason: Mutex<Option<VaultError>>,
    dropped: AtomicU64,
}

impl Shared {
    fn fail(&self, error: VaultError) {
        let mut reason = self.reason.lock().unwrap_or_else(|e| e.into_inner());
        reason.get_or_insert(error);
        self.failed.store(true, Ordering::Release);
    }
}

/// Records one call. Dropping it finishes the recording.
pub struct RecordingWriter {
    send: SyncSender<Message>,
    id: u64,
    /// Number of the chunk that is being filled.
    index: u64,
    filling: Sound,
    shared: Arc<Shared>,
    told: bool,
    finished: bool,
}

impl RecordingWriter {
    pub(super) fn start(send: SyncSender<Message>, call: CallId, wall_ms: i64) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let writer = Self {
            send,
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            index: 0,
            filling: empty(),
            shared: Arc::default(),
            told: false,
            finished: false,
        };
        let start = Message::Start {
            id: writer.id,
            call,
            wall_ms,
            shared: writer.shared.clone(),
        };
        if writer.send.try_send(start).is_err() {
            writer.shared.fail(VaultError::Stopped);
        }
        writer
    }

    /// Adds 20 ms of both channels. Allocates once a second and never waits.
    pub fn push(&mut self, left: &Pcm, right: &Pcm) {
        self.filling.left.extend_from_slice(left);
        self.filling.right.extend_from_slice(right);
        if self.filling.left.len() < CHUNK_SAMPLES {
            return;
        }
        let sound = std::mem::replace(&mut self.filling, empty());
        let chunk = Message::Chunk {
            id: self.id,
            index: self.index,
            sound,
        };
        self.index += 1;
        if self.send.try_send(chunk).is_err() {
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Why the recording failed, once. The call goes on without it.
    pub fn take_failure(&mut self) -> Option<VaultError> {
        if self.told || !self.shared.failed.load(Ordering::Acquire) {
            return None;
        }
        self.told = true;
        self.shared
            .reason
            .lock()
            .unwrap_or_else(|e| e.into_inner())
            .clone()
    }

    /// Seconds dropped so far because the writer was behind.
    pub fn dropped_seconds(&self) -> u64 {
        self.shared.dropped.load(Ordering::Relaxed)
    }

    /// Writes what is left, marks the end, syncs.
    pub async fn finish(mut self) -> Result<Recorded, VaultError> {
        self.finished = true;
        let (done, outcome) = oneshot::channel();
        let message = self.last(Some(done));
        let send = self.send.clone();
        let sent = tokio::task::spawn_blocking(move || send.send(message).is_ok()).await;
        match sent {
            Ok(true) => outcome.await.unwrap_or(Err(VaultError::Stopped)),
            _ => Err(VaultError::Stopped),
        }
    }

    fn last(&mut self, done: Option<oneshot::Sender<Result<Recorded, VaultError>>>) -> Message {
        Message::Finish {
            id: self.id,
            index: self.index,
            rest: std::mem::take(&mut self.filling),
            done,
        }
    }
}

impl Drop for RecordingWriter {
    fn drop(&mut self) {
        if !self.finished {
            let message = self.last(None);
            if self.send.try_send(message).is_err() {
                tracing::warn!(
                    "a recording was left without its end; it is sealed at the next start"
                );
            }
        }
    }
}

fn empty() -> Sound {
    Sound {
        left: Vec::with_capacity(CHUNK_SAMPLES),
        right: Vec::with_capacity(CHUNK_SAMPLES),
    }
}

/// The writer's thread.
pub(super) struct Writer {
    root: PathBuf,
    keys: Arc<Keys>,
    active: BTreeMap<u64, Active>,
}

struct Active {
    call: CallId,
    path: PathBuf,
    file: File,
    head: Head,
    next: u64,
    /// Stretches to silence in seconds that are still to come.
    silences: Vec<(Side, Span)>,
    shared: Arc<Shared>,
}

impl Writer {
    pub fn new(root: PathBuf, keys: Arc<Keys>) -> Self {
        Self {
            root,
            keys,
            active: BTreeMap::new(),
        }
    }

    pub fn run(mut self, receive: Receiver<Message>) {
        while let Ok(message) = receive.recv() {
            match message {
                Message::Start {
                    id,
                    call,
                    wall_ms,
                    shared,
                } => self.start(id, call, wall_ms, shared),
                Message::Chunk { id, index, sound } => self.chunk(id, index, &sound),
                Message::Finish {
                    id,
                    index,
                    rest,
                    done,
                } => {
                    let outcome = self.finish(id, index, &rest);
                    if let Some(done) = done {
                        let _ = done.send(outcome);
                    }
                }
                Message::Silence {
                    call,
                    side,
                    spans,
                    done,
                } => {
                    let _ = done.send(self.silence(&call, side, &spans));
                }
            }
        }
    }

    fn start(&mut self, id: u64, call: CallId, wall_ms: i64, shared: Arc<Shared>) {
        match self.create(&call, wall_ms) {
            Ok((path, file, head)) => {
                let active = Active {
                    call,
                    path,
                    file,
                    head,
                    next: 0,
                    silences: Vec::new(),
                    shared,
                };
                self.active.insert(id, active);
            }
            Err(error) => shared.fail(error),
        }
    }

    fn create(&self, call: &CallId, wall_ms: i64) -> Result<(PathBuf, File, Head), VaultError> {
        crate::journal::check_id(call).map_err(|e| VaultError::NoSuchCall(e.to_string()))?;
        let path = new_path(&self.root, call, wall_ms);
        let fail = |e: &std::io::Error| write_error(&path, e);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|e| fail(&e))?;
        }
        let mut file = fs::OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .map_err(|e| fail(&e))?;
        let head = Head::create(&mut file, &path, call, wall_ms, &self.keys)?;
        Ok((path, file, head))
    }

    fn chunk(&mut self, id: u64, index: u64, sound: &Sound) {
        let Some(active) = self.active.get_mut(&id) else {
            return;
        };
        if let Err(error) = active.write(index, sound, false) {
            // The file keeps what it has; the call is told once and goes on.
            active.shared.fail(error);
            self.active.remove(&id);
        }
    }

    fn finish(&mut self, id: u64, index: u64, rest: &Sound) -> Result<Recorded, VaultError> {
        let mut active = self.active.remove(&id).ok_or(VaultError::Stopped)?;
        active.write(index, rest, true)?;
        active
            .file
            .sync_all()
            .map_err(|e| write_error(&active.path, &e))?;
        Ok(Recorded {
            samples: index * CHUNK_SAMPLES as u64 + rest.left.len() as u64,
            dropped_seconds: active.shared.dropped.load(Ordering::Relaxed),
        })
    }

    fn silence(&mut self, call: &CallId, side: Side, spans: &[Span]) -> Result<(), VaultError> {
        if let Some(active) = self.active.values_mut().find(|a| a.call == *call) {
            // The end of a number is often in the second that is being filled just now.
            let written = CallTime(active.next * 1_000_000);
            let to_come = spans.iter().filter(|span| span.to > written);
            active.silences.extend(to_come.map(|span| (side, *span)));
            return silence_chunks(
                &active.file,
                &active.path,
                &active.head,
                active.next,
                side,
                spans,
            );
        }
        let path =
            find(&self.root, call).ok_or_else(|| VaultError::NoSuchCall(call.to_string()))?;
        let (file, head) = unlock(&path, call, &self.keys)?;
        silence_chunks(&file, &path, &head, u64::MAX, side, spans)
    }
}

impl Active {
    /// Writes a chunk; the numbers that were dropped before it become silence.
    fn write(&mut self, index: u64, sound: &Sound, last: bool) -> Result<(), VaultError> {
        while self.next < index {
            let gap = Sound::silent(CHUNK_SAMPLES);
            self.put(self.next, &gap, false)?;
        }
        self.put(index, sound, last)
    }

    fn put(&mut self, index: u64, sound: &Sound, last: bool) -> Result<(), VaultError> {
        let head = ChunkHead {
            samples: sound.left.len() as u32,
            revision: 0,
            last,
        };
        let at = CallTime(index * 1_000_000);
        let end = CallTime((index + 1) * 1_000_000);
        let touched = self.silences.iter().any(|(_, span)| span.from < end);
        let bytes = if touched {
            let mut quiet = sound.clone();
            for (side, span) in &self.silences {
                quiet.silence(*side, at, &[*span]);
            }
            self.silences.retain(|(_, span)| span.to > end);
            self.head.seal(index, head, &quiet)
        } else {
            self.head.seal(index, head, sound)
        };
        let fail = |e: std::io::Error| write_error(&self.path, &e);
        self.file
            .write_all_at(&bytes, self.head.chunk_at(index))
            .map_err(fail)?;
        self.next = index + 1;
        if self.next.is_multiple_of(SYNC_SECONDS) {
            self.file.sync_data().map_err(fail)?;
        }
        Ok(())
    }
}

/// Opens the chunks that the spans touch, silences them and seals them under the next revision.
fn silence_chunks(
    file: &File,
    path: &Path,
    head: &Head,
    chunks: u64,
    side: Side,
    spans: &[Span],
) -> Result<(), VaultError> {
    let mut touched: Vec<u64> = spans
        .iter()
        .filter(|span| span.from < span.to)
        .flat_map(|span| span.from.0 / 1_000_000..=span.to.0 / 1_000_000)
        .filter(|index| *index < chunks)
        .collect();
    touched.sort_unstable();
    touched.dedup();
    for index in touched {
        let Some((chunk, mut sound)) = head.open(file, path, index)? else {
            break;
        };
        sound.silence(side, CallTime(index * 1_000_000), spans);
        let next = ChunkHead {
            revision: chunk.revision + 1,
            ..chunk
        };
        let bytes = head.seal(index, next, &sound);
        file.write_all_at(&bytes, head.chunk_at(index))
            .map_err(|e| write_error(path, &e))?;
    }
    file.sync_data().map_err(|e| write_error(path, &e))
}

pub(super) fn seal_lost(path: &Path, call: &CallId, keys: &Keys) -> Result<u64, VaultError> {
    let (file, head) = unlock(path, call, keys)?;
    let fail = |e: std::io::Error| write_error(path, &e);
    let body = file
        .metadata()
        .map_err(fail)?
        .len()
        .saturating_sub(head.body_at);
    let full = body / FULL_CHUNK_BYTES;
    // An end that is already there: a full last chunk, or a short one after the full ones.
    for index in [full.checked_sub(1), Some(full)].into_iter().flatten() {
        if let Ok(Some((chunk, _))) = head.open(&file, path, index)
            && chunk.last
        {
            return Ok(index * CHUNK_SAMPLES as u64 + u64::from(chunk.samples));
        }
    }
    file.set_len(head.chunk_at(full)).map_err(fail)?;
    // The torn chunk was sealed under this number, so its revision must differ.
    let end = ChunkHead {
        samples: 0,
        revision: 1 << 31,
        last: true,
    };
    let bytes = head.seal(full, end, &Sound::default());
    file.write_all_at(&bytes, head.chunk_at(full))
        .map_err(fail)?;
    file.sync_all().map_err(fail)?;
    Ok(full * CHUNK_SAMPLES as u64)
}

pub(super) fn rewrap(path: &Path, call: &CallId, keys: &Keys) -> Result<bool, VaultError> {
    let (file, mut head) = unlock(path, call, keys)?;
    if head.key_version == keys.newest() {
        return Ok(false);
    }
    head.rewrap(&file, path, keys)?;
    Ok(true)
}
