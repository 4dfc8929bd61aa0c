//! One journal file: appending whole batches or nothing, and reading what is whole.

use super::{JournalError, write_error};
use sidetone_types::JournalLine;
use std::fs::{self, File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// The whole lines of a journal.
#[derive(Debug, Default)]
pub struct Lines {
    pub lines: Vec<JournalLine>,
    /// Bytes after the last whole line: the torn end of a write that was never acknowledged.
    pub torn_bytes: u64,
}

/// An open journal file. `good` is the length up to which whole batches stand in it.
pub(super) struct CallFile {
    path: PathBuf,
    file: File,
    good: u64,
    dirty: bool,
}

impl CallFile {
    /// Opens or creates; cuts a torn end.
    pub fn open(path: PathBuf) -> Result<Self, JournalError> {
        let fresh = !path.exists();
        let fail = |e: &std::io::Error| write_error(&path, e);
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .map_err(|e| fail(&e))?;
        let mut good = 0;
        if fresh {
            sync_folder(path.parent())?;
        } else if file.metadata().is_ok_and(|m| m.is_file()) {
            let bytes = fs::read(&path).map_err(|e| fail(&e))?;
            let whole = parse_lines(&path, &bytes)?;
            good = bytes.len() as u64 - whole.torn_bytes;
            if whole.torn_bytes > 0 {
                tracing::warn!(file = %path.display(), bytes = whole.torn_bytes, "cut the torn end of a journal");
                file.set_len(good).map_err(|e| fail(&e))?;
            }
        }
        // Not every thing that can be opened can be wound (a device), and then appending is right.
        let _ = file.seek(SeekFrom::Start(good));
        Ok(Self {
            path,
            file,
            good,
            dirty: false,
        })
    }

    /// Writes all of `text`, or leaves the file as it was.
    pub fn append(&mut self, text: &[u8]) -> Result<(), JournalError> {
        match self.file.write_all(text) {
            Ok(()) => {
                self.good += text.len() as u64;
                self.dirty = true;
                Ok(())
            }
            Err(error) => {
                // What can't be cut now is cut when the file is opened again.
                let _ = self.file.set_len(self.good);
                Err(write_error(&self.path, &error))
            }
        }
    }

    pub fn sync(&mut self) -> Result<(), JournalError> {
        if self.dirty {
            self.file
                .sync_data()
                .map_err(|e| write_error(&self.path, &e))?;
            self.dirty = false;
        }
        Ok(())
    }

    pub fn dirty(&self) -> bool {
        self.dirty
    }
}

pub(super) fn read_file(path: &Path) -> Result<Lines, JournalError> {
    let bytes = fs::read(path).map_err(|e| JournalError::Read {
        path: path.to_owned(),
        reason: e.to_string(),
    })?;
    parse_lines(path, &bytes)
}

/// Reads the bytes of a journal. `path` is for the error's words only.
pub fn parse_lines(path: &Path, bytes: &[u8]) -> Result<Lines, JournalError> {
    let mut out = Lines::default();
    let mut bad: Option<(usize, String)> = None;
    let mut good_until = 0;
    let mut at = 0;
    for (number, raw) in bytes.split_inclusive(|b| *b == b'\n').enumerate() {
        at += raw.len();
        match (parse_line(raw), &bad) {
            (Ok(line), None) => {
                out.lines.push(line);
                good_until = at;
            }
            (Ok(_), Some((line, reason))) => {
                return Err(JournalError::Broken {
                    file: path.to_owned(),
                    line: *line,
                    reason: reason.clone(),
                });
            }
            (Err(Flaw::Unknown(reason)), None) => {
                return Err(JournalError::Broken {
                    file: path.to_owned(),
                    line: number + 1,
                    reason,
                });
            }
            (Err(Flaw::Torn(reason)), None) => bad = Some((number + 1, reason)),
            (Err(_), Some(_)) => {}
        }
    }
    out.torn_bytes = (bytes.len() - good_until) as u64;
    Ok(out)
}

enum Flaw {
    /// Not what was written.
    Torn(String),
    /// What was written, and not a line that this version knows.
    Unknown(String),
}

fn parse_line(raw: &[u8]) -> Result<JournalLine, Flaw> {
    let torn = |why: &str| Flaw::Torn(why.to_owned());
    let raw = raw
        .strip_suffix(b"\n")
        .ok_or_else(|| torn("the line has no end"))?;
    let (sum, json) = raw
        .split_at_checked(9)
        .filter(|(sum, _)| sum[8] == b'\t')
        .ok_or_else(|| torn("the line does not begin with a checksum"))?;
    // Compared as written: a flipped bit that only changes a letter's case is a flaw, too.
    if sum[..8] != *format!("{:08x}", crc32fast::hash(json)).as_bytes() {
        return Err(torn("the checksum is not that of the line"));
    }
    serde_json::from_slice(json)
        .map_err(|e| Flaw::Unknown(format!("the checksum is right but the line is not understood ({e}); it was written by another version")))
}

pub(super) fn make_folder(folder: &Path, root: &Path) -> Result<(), JournalError> {
    if !folder.is_dir() {
        fs::create_dir_all(folder).map_err(|e| write_error(folder, &e))?;
        sync_folder(Some(root))?;
    }
    Ok(())
}

/// Marks a call as open. On the disk before the first line is acknowledged.
pub(super) fn make_mark(marks: &Path, call: &str) -> Result<(), JournalError> {
    let path = marks.join(call);
    fs::create_dir_all(marks).map_err(|e| write_error(marks, &e))?;
    File::create(&path).map_err(|e| write_error(&path, &e))?;
    sync_folder(Some(marks))
}

/// A new name is safe only when its folder is synced too.
fn sync_folder(folder: Option<&Path>) -> Result<(), JournalError> {
    let Some(folder) = folder else { return Ok(()) };
    File::open(folder)
        .and_then(|f| f.sync_all())
        .map_err(|e| write_error(folder, &e))
}
