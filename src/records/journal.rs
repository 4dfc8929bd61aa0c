//! The spine: one append-only file per call.
//!
//! `<root>/<yyyy-mm>/<call>.jsonl`, one line per input or event: eight hexadecimal digits of the
//! CRC-32 of the JSON, a tab, the JSON of a [`JournalLine`], a line feed. One thread writes for all
//! calls and syncs in groups; [`JournalWriter::append`] returns after the sync, at most
//! [`GATHER`] plus the disk's own time later. `<root>/open/<call>` marks a call that has not ended,
//! so that a start does not read the archive.
//!
//! A line without its line feed, or with a wrong checksum and nothing valid after it, is the torn
//! end of a write that was never acknowledged: it is cut. A bad line with good ones after it is
//! damage and an error that names the file and the line.

mod file;

use file::CallFile;
pub use file::{Lines, parse_lines};
use sidetone_types::{CallEvent, CallId, CallInput, EventKind, JournalLine};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

/// How long the writer waits for more lines before it syncs.
pub const GATHER: Duration = Duration::from_millis(10);
/// Batches that wait for the writer before `append` makes its caller wait.
const WAITING_BATCHES_MAX: usize = 1024;
/// Batches written between two syncs.
const GROUP_BATCHES_MAX: usize = 512;
/// Files that are kept open. A call writes often while it lives, and is forgotten when it ends.
const OPEN_FILES_MAX: usize = 256;
/// Name of the folder of marks.
const OPEN: &str = "open";

/// What can go wrong with a journal.
#[derive(Debug, Clone, thiserror::Error)]
pub enum JournalError {
    #[error(
        "the journal {path} can't be written: {reason}; free space or make the folder writable, the next line is tried again"
    )]
    Write { path: PathBuf, reason: String },
    #[error("the journal {path} can't be read: {reason}")]
    Read { path: PathBuf, reason: String },
    #[error(
        "{file}, line {line}: {reason}; the lines before it are good, restore the file from a backup"
    )]
    Broken {
        file: PathBuf,
        line: usize,
        reason: String,
    },
    #[error("there is no journal of call {call} under {root}")]
    NoSuchCall { call: String, root: PathBuf },
    #[error(
        "{call:?} can't be a call's number: 1 to 80 letters, digits, dots, dashes and underscores are allowed"
    )]
    BadCallId { call: String },
    #[error("the journal's writer has stopped")]
    Stopped,
}

/// The one writer of all journals. Cheap to clone.
#[derive(Clone)]
pub struct JournalWriter {
    root: PathBuf,
    send: mpsc::Sender<Message>,
}

/// Resolves when the lines are on the disk.
pub struct Ack(oneshot::Receiver<Result<(), JournalError>>);

impl Ack {
    pub async fn wait(self) -> Result<(), JournalError> {
        self.0.await.unwrap_or(Err(JournalError::Stopped))
    }
}

struct Batch {
    call: CallId,
    month: String,
    text: Vec<u8>,
    ends: bool,
    done: oneshot::Sender<Result<(), JournalError>>,
}

enum Message {
    Batch(Batch),
    Flush(oneshot::Sender<()>),
}

/// A call that was running when the engine stopped.
#[derive(Debug)]
pub struct Unfinished {
    pub call: CallId,
    pub lines: Vec<JournalLine>,
    /// Bytes of a torn last line that were ignored.
    pub torn_bytes: u64,
}

impl JournalWriter {
    /// Opens the folder (made if absent) and starts the writer's thread.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, JournalError> {
        let root = root.into();
        let marks = root.join(OPEN);
        fs::create_dir_all(&marks).map_err(|e| write_error(&marks, &e))?;
        let (send, receive) = mpsc::channel(WAITING_BATCHES_MAX);
        let files = Files {
            root: root.clone(),
            open: BTreeMap::new(),
            turn: 0,
        };
        std::thread::Builder::new()
            .name("journal".into())
            .spawn(move || write_all(files, receive))
            .map_err(|e| write_error(&root, &e))?;
        Ok(Self { root, send })
    }

    /// Appends lines of one call; returns when they are on the disk. The lines of one call must be
    /// given in order. On an error none of them is in the file.
    pub async fn append(&self, call: &CallId, lines: &[JournalLine]) -> Result<(), JournalError> {
        self.submit(call, lines).await?.wait().await
    }

    /// Hands lines to the writer and returns before they are on the disk. Waits only while the
    /// writer is more than a thousand batches behind.
    pub async fn submit(&self, call: &CallId, lines: &[JournalLine]) -> Result<Ack, JournalError> {
        check_id(call)?;
        let (done, ack) = oneshot::channel();
        let batch = Batch {
            call: call.clone(),
            month: month_of(call, lines),
            text: encode(lines)?,
            ends: lines.iter().any(ends_call),
            done,
        };
        self.send
            .send(Message::Batch(batch))
            .await
            .map_err(|_| JournalError::Stopped)?;
        Ok(Ack(ack))
    }

    /// Returns when everything submitted before is on the disk or refused.
    pub async fn flush(&self) {
        let (done, ack) = oneshot::channel();
        if self.send.send(Message::Flush(done)).await.is_ok() {
            let _ = ack.await;
        }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// See [`read`]. Blocking.
    pub fn read(&self, call: &CallId) -> Result<Vec<JournalLine>, JournalError> {
        read(&self.root, call)
    }

    /// See [`scan_unfinished`]. Blocking; call it once at the start, before anything is appended.
    pub fn scan_unfinished(&self) -> Result<Vec<Unfinished>, JournalError> {
        scan_unfinished(&self.root)
    }
}

/// All lines of a call, without a torn last one. Blocking.
pub fn read(root: &Path, call: &CallId) -> Result<Vec<JournalLine>, JournalError> {
    let path = path_of(root, call)?;
    Ok(file::read_file(&path)?.lines)
}

/// The events of a call's lines, in order.
pub fn events(lines: Vec<JournalLine>) -> Vec<CallEvent> {
    lines
        .into_iter()
        .filter_map(|line| match line {
            JournalLine::Event { event } => Some(event),
            JournalLine::Input { .. } => None,
        })
        .collect()
}

/// Every call that has a journal, oldest month first. Blocking.
pub fn all_calls(root: &Path) -> Result<Vec<CallId>, JournalError> {
    let mut out = Vec::new();
    for month in months(root)? {
        let mut names: Vec<String> = names_in(&month)?
            .into_iter()
            .filter_map(|name| name.strip_suffix(".jsonl").map(str::to_owned))
            .collect();
        names.sort();
        out.extend(names.into_iter().map(CallId::new));
    }
    Ok(out)
}

/// Calls without a `CallEnded`. The marks of those that did end are removed. Blocking.
pub fn scan_unfinished(root: &Path) -> Result<Vec<Unfinished>, JournalError> {
    let marks = root.join(OPEN);
    let mut names = match names_in(&marks) {
        Ok(names) => names,
        // Without the folder of marks (an archive that was copied in) every journal is looked at.
        Err(_) => all_calls(root)?.into_iter().map(|call| call.0).collect(),
    };
    names.sort();
    let mut out = Vec::new();
    for name in names {
        let call = CallId::new(name);
        let path = match path_of(root, &call) {
            Ok(path) => path,
            Err(JournalError::NoSuchCall { .. }) => {
                let _ = fs::remove_file(marks.join(call.as_str()));
                continue;
            }
            Err(error) => return Err(error),
        };
        let Lines { lines, torn_bytes } = file::read_file(&path)?;
        if lines.iter().any(ends_call) {
            let _ = fs::remove_file(marks.join(call.as_str()));
            continue;
        }
        out.push(Unfinished {
            call,
            lines,
            torn_bytes,
        });
    }
    Ok(out)
}

fn ends_call(line: &JournalLine) -> bool {
    matches!(
        line,
        JournalLine::Event {
            event: CallEvent {
                kind: EventKind::CallEnded { .. },
                ..
            }
        }
    )
}

fn encode(lines: &[JournalLine]) -> Result<Vec<u8>, JournalError> {
    let mut out = Vec::with_capacity(lines.len() * 160);
    for line in lines {
        let json = serde_json::to_vec(line).map_err(|e| JournalError::Broken {
            file: PathBuf::new(),
            line: 0,
            reason: format!("a line can't be written as JSON: {e}"),
        })?;
        out.extend_from_slice(format!("{:08x}\t", crc32fast::hash(&json)).as_bytes());
        out.extend_from_slice(&json);
        out.push(b'\n');
    }
    Ok(out)
}

/// Call numbers become file names, so only harmless characters may occur in them.
pub(crate) fn check_id(call: &CallId) -> Result<(), JournalError> {
    let text = call.as_str();
    let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if (1..=80).contains(&text.len()) && text.chars().all(fine) && !text.starts_with('.') {
        return Ok(());
    }
    Err(JournalError::BadCallId {
        call: text.chars().take(100).collect(),
    })
}

/// `yyyy-mm` in UTC: from the number where it is a UUID of version 7, else from the call's start.
fn month_of(call: &CallId, lines: &[JournalLine]) -> String {
    let started = lines.iter().find_map(|line| match line {
        JournalLine::Input {
            input: CallInput::Start(start),
            ..
        } => Some(start.wall_ms),
        JournalLine::Event {
            event:
                CallEvent {
                    kind: EventKind::CallStarted { wall_ms, .. },
                    ..
                },
        } => Some(*wall_ms),
        _ => None,
    });
    month_name(uuid_v7_ms(call.as_str()).or(started).unwrap_or(0))
}

pub(crate) fn uuid_v7_ms(text: &str) -> Option<i64> {
    let hex: String = text.chars().filter(|c| *c != '-').collect();
    let fits = text.len() == 36 && hex.len() == 32 && hex.is_ascii() && hex.as_bytes()[12] == b'7';
    fits.then(|| i64::from_str_radix(&hex[..12], 16).ok())?
}

/// The civil year and month of a time, after Howard Hinnant's `civil_from_days`.
pub(crate) fn month_name(wall_ms: i64) -> String {
    let days = wall_ms.div_euclid(86_400_000) + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}")
}

/// The file of a call, wherever its month is.
fn path_of(root: &Path, call: &CallId) -> Result<PathBuf, JournalError> {
    check_id(call)?;
    let name = format!("{call}.jsonl");
    let likely = root.join(month_of(call, &[])).join(&name);
    if likely.is_file() {
        return Ok(likely);
    }
    months(root)?
        .into_iter()
        .map(|month| month.join(&name))
        .find(|path| path.exists())
        .ok_or_else(|| JournalError::NoSuchCall {
            call: call.to_string(),
            root: root.to_owned(),
        })
}

fn months(root: &Path) -> Result<Vec<PathBuf>, JournalError> {
    let month = |name: &String| name.len() == 7 && name.as_bytes()[4] == b'-';
    let mut names: Vec<String> = names_in(root)?.into_iter().filter(month).collect();
    names.sort();
    Ok(names.into_iter().map(|name| root.join(name)).collect())
}

fn names_in(folder: &Path) -> Result<Vec<String>, JournalError> {
    let entries = fs::read_dir(folder).map_err(|e| JournalError::Read {
        path: folder.to_owned(),
        reason: e.to_string(),
    })?;
    Ok(entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect())
}

fn write_error(path: &Path, error: &io::Error) -> JournalError {
    JournalError::Write {
        path: path.to_owned(),
        reason: error.to_string(),
    }
}

/// The files that the writer has open.
struct Files {
    root: PathBuf,
    open: BTreeMap<CallId, (u64, CallFile)>,
    turn: u64,
}

impl Files {
    fn write(&mut self, batch: &Batch) -> Result<(), JournalError> {
        self.turn += 1;
        if !self.open.contains_key(&batch.call) {
            self.make_room();
            let file = self.open_file(batch)?;
            self.open.insert(batch.call.clone(), (self.turn, file));
        }
        let (used, file) = self.open.get_mut(&batch.call).expect("was just put there");
        *used = self.turn;
        let outcome = file.append(&batch.text);
        if outcome.is_err() {
            // Opened anew for the next line: that is how the writer finds space that came back.
            self.open.remove(&batch.call);
        }
        outcome
    }

    fn open_file(&self, batch: &Batch) -> Result<CallFile, JournalError> {
        let path = match path_of(&self.root, &batch.call) {
            Ok(path) => path,
            Err(JournalError::NoSuchCall { .. }) => {
                let folder = self.root.join(&batch.month);
                file::make_folder(&folder, &self.root)?;
                if !batch.ends {
                    file::make_mark(&self.root.join(OPEN), batch.call.as_str())?;
                }
                folder.join(format!("{}.jsonl", batch.call))
            }
            Err(error) => return Err(error),
        };
        CallFile::open(path)
    }

    /// Closes the file that was used longest ago. It has been synced: room is made only between
    /// groups or for files of the group that are synced here.
    fn make_room(&mut self) {
        if self.open.len() < OPEN_FILES_MAX {
            return;
        }
        let oldest = self
            .open
            .iter()
            .filter(|(_, (_, file))| !file.dirty())
            .min_by_key(|(_, (used, _))| *used)
            .map(|(call, _)| call.clone());
        if let Some(call) = oldest {
            self.open.remove(&call);
        }
    }

    fn sync(&mut self, call: &CallId) -> Result<(), JournalError> {
        let Some((_, file)) = self.open.get_mut(call) else {
            return Ok(());
        };
        let outcome = file.sync();
        if outcome.is_err() {
            self.open.remove(call);
        }
        outcome
    }

    fn ended(&mut self, call: &CallId) {
        let _ = fs::remove_file(self.root.join(OPEN).join(call.as_str()));
    }
}

/// The writer's thread: gather, write, sync, acknowledge.
fn write_all(mut files: Files, mut receive: mpsc::Receiver<Message>) {
    while let Some(first) = receive.blocking_recv() {
        let (batches, flushes) = gather(first, &mut receive);
        let mut written: Vec<(Batch, Result<(), JournalError>)> = Vec::with_capacity(batches.len());
        for batch in batches {
            let outcome = files.write(&batch);
            written.push((batch, outcome));
        }
        acknowledge(&mut files, written);
        for flush in flushes {
            let _ = flush.send(());
        }
    }
}

/// What arrives within [`GATHER`] of the first message.
fn gather(
    first: Message,
    receive: &mut mpsc::Receiver<Message>,
) -> (Vec<Batch>, Vec<oneshot::Sender<()>>) {
    let began = Instant::now();
    let (mut batches, mut flushes) = (Vec::new(), Vec::new());
    let mut next = Some(first);
    loop {
        match next.take() {
            Some(Message::Batch(batch)) => batches.push(batch),
            Some(Message::Flush(done)) => flushes.push(done),
            None => {}
        }
        if batches.len() >= GROUP_BATCHES_MAX {
            break;
        }
        match receive.try_recv() {
            Ok(message) => next = Some(message),
            Err(mpsc::error::TryRecvError::Disconnected) => break,
            Err(mpsc::error::TryRecvError::Empty)
                if !flushes.is_empty() || began.elapsed() >= GATHER =>
            {
                break;
            }
            Err(mpsc::error::TryRecvError::Empty) => std::thread::sleep(Duration::from_millis(1)),
        }
    }
    (batches, flushes)
}

fn acknowledge(files: &mut Files, written: Vec<(Batch, Result<(), JournalError>)>) {
    let mut synced: BTreeMap<CallId, Result<(), JournalError>> = BTreeMap::new();
    for (batch, outcome) in written {
        let outcome = outcome.and_then(|()| {
            synced
                .entry(batch.call.clone())
                .or_insert_with(|| files.sync(&batch.call))
                .clone()
        });
        match &outcome {
            Ok(()) if batch.ends => files.ended(&batch.call),
            Ok(()) => {}
            Err(error) => {
                tracing::error!(call = %batch.call, %error, "journal lines were not written")
            }
        }
        // A caller that does not wait has dropped its end; the lines are written all the same.
        let _ = batch.done.send(outcome);
    }
}
