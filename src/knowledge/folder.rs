//! The files of the knowledge folder, as bytes become articles.

use crate::KnowledgeError;
use crate::article::{Article, check_text};
use sidetone_types::{ContentError, Lang};
use std::fs;
use std::path::Path;

/// Longest article that is read, in bytes.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// A file as it was read.
pub struct Read {
    /// Of the bytes, good or bad.
    pub digest: u64,
    pub article: Result<Article, ContentError>,
}

pub fn read_article(root: &Path, path: &str) -> Read {
    let fault = |reason: String, hint: &str| ContentError {
        file: path.to_owned(),
        line: None,
        reason,
        hint: hint.to_owned(),
    };
    let whole = root.join(path);
    let bytes = match fs::metadata(&whole) {
        Ok(facts) if facts.len() > FILE_BYTES_MAX => Err("it is longer than 1 MiB".to_owned()),
        Ok(_) => fs::read(&whole).map_err(|e| e.to_string()),
        Err(error) => Err(error.to_string()),
    };
    let bytes = match bytes {
        Ok(bytes) => bytes,
        Err(reason) => {
            return Read {
                digest: fnv(reason.as_bytes()),
                article: Err(fault(
                    reason,
                    "articles are small text files that the engine may read",
                )),
            };
        }
    };
    let article = match std::str::from_utf8(&bytes) {
        Ok(text) => check_text(path, text),
        Err(error) => {
            let line = bytes[..error.valid_up_to()]
                .iter()
                .filter(|b| **b == b'\n')
                .count() as u32
                + 1;
            Err(ContentError {
                line: Some(line),
                ..fault("the text is not UTF-8".into(), "save it as UTF-8")
            })
        }
    };
    Read {
        digest: fnv(&bytes),
        article,
    }
}

/// The Markdown files under the locales' folders, as paths relative to the root, sorted.
pub fn article_files(root: &Path) -> Result<Vec<String>, KnowledgeError> {
    if !root.is_dir() {
        return Err(KnowledgeError::Folder {
            path: root.to_owned(),
            reason: "it is not there; name the folder that holds zh-CN and en".into(),
        });
    }
    let mut out = Vec::new();
    for lang in Lang::ALL {
        collect(&root.join(lang.locale()), lang.locale(), 0, &mut out);
    }
    out.sort();
    Ok(out)
}

/// Editors' hidden and temporary files are passed over.
fn collect(folder: &Path, prefix: &str, depth: usize, out: &mut Vec<String>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let path = format!("{prefix}/{name}");
        match entry.file_type() {
            _ if name.starts_with('.') => {}
            Ok(kind) if kind.is_dir() && depth < 4 => collect(&entry.path(), &path, depth + 1, out),
            Ok(kind) if !kind.is_dir() && name.ends_with(".md") => out.push(path),
            _ => {}
        }
    }
}

/// FNV-1a.
pub fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
