//! `models/manifest.toml`: which model files there are, where they come from, and whether the ones
//! on disk are those. Fetching resumes, checks the hash while it streams, and tries the mirrors in
//! order.

use crate::{InferenceError, recognizer::Calibration};
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Name of the manifest in its folder.
pub const FILE: &str = "manifest.toml";

/// The manifest. Unknown fields are errors.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    #[serde(default, rename = "model")]
    pub models: Vec<Entry>,
}

/// What a model is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    Recognizer,
    /// The order of words, beside a recognizer.
    Ngram,
    Encoder,
    LanguageModel,
    Voice,
}

/// One file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    pub name: String,
    pub task: Task,
    /// Path within the models folder.
    pub file: String,
    pub languages: Vec<String>,
    pub licence: String,
    /// Bytes; absent where it was not verified.
    #[serde(default)]
    pub size: Option<u64>,
    /// Hex; absent where it was not verified. The first fetch prints what it found.
    #[serde(default)]
    pub sha256: Option<String>,
    /// Mirrors, tried in order.
    #[serde(default)]
    pub sources: Vec<String>,
    /// What it runs well on.
    #[serde(default)]
    pub hardware: String,
    /// Whether the file comes with the product.
    #[serde(default)]
    pub shipped: bool,
    #[serde(default)]
    pub note: String,
    /// Recognizers: how probabilities become confidence.
    #[serde(default)]
    pub calibration: Option<Calibration>,
    /// A recognizer that has only heard sound of this sampling rate: what lies above its half is
    /// taken away from callers with a wider band.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trained_at_hz: Option<u32>,
    /// Recognizers: what else weighs the texts that they come by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ngram: Option<NamedNgram>,
}

/// An n-gram file beside the recognizer's, and how much it counts.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NamedNgram {
    pub file: String,
    pub weight: f32,
}

/// How an entry stands on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// There, and what the manifest says.
    Right,
    /// There; the manifest has no hash to compare. Its hash is this.
    Unverified {
        sha256: String,
    },
    Absent,
    /// There and something else. The sentence says what.
    Wrong {
        reason: String,
    },
}

impl Manifest {
    /// Reads the manifest of a models folder.
    pub fn load(dir: &Path) -> Result<Self, InferenceError> {
        let path = dir.join(FILE);
        let text = std::fs::read_to_string(&path).map_err(|e| {
            InferenceError::file(
                &path,
                e,
                "It lists the models and belongs to the installation; restore it",
            )
        })?;
        Self::parse(&text, &path)
    }

    fn parse(text: &str, path: &Path) -> Result<Self, InferenceError> {
        let bad = |reason: String| InferenceError::Manifest {
            manifest: path.to_owned(),
            reason,
        };
        let manifest: Self = toml::from_str(text).map_err(|e| bad(e.to_string()))?;
        for entry in &manifest.models {
            let inside = Path::new(&entry.file)
                .components()
                .all(|c| matches!(c, std::path::Component::Normal(_)));
            if entry.file.is_empty() || !inside {
                return Err(bad(format!(
                    "{}: file {:?} is not inside the models folder",
                    entry.name, entry.file
                )));
            }
            if let Some(ngram) = &entry.ngram
                && Path::new(&ngram.file).file_name() != Some(ngram.file.as_ref())
            {
                return Err(bad(format!(
                    "{}: ngram.file {:?} is not the name of a file",
                    entry.name, ngram.file
                )));
            }
            if let Some(hash) = &entry.sha256
                && (hash.len() != 64 || hex::decode(hash).is_err())
            {
                return Err(bad(format!("{}: sha256 is not 64 hex digits", entry.name)));
            }
        }
        Ok(manifest)
    }

    pub fn find(&self, name: &str) -> Option<&Entry> {
        self.models.iter().find(|e| e.name == name)
    }

    /// Compares every entry with the folder.
    pub fn verify(&self, dir: &Path) -> Vec<(&Entry, Standing)> {
        self.models.iter().map(|e| (e, e.standing(dir))).collect()
    }

    /// Checks one file against the manifest in its folder, where it is listed. The entry is given
    /// back; `None` for a file of the user's own.
    pub fn verify_beside(file: &Path) -> Result<Option<Entry>, InferenceError> {
        let Some(dir) = file.parent() else {
            return Ok(None);
        };
        let manifest = dir.join(FILE);
        if !manifest.is_file() {
            return Ok(None);
        }
        let name = file
            .file_name()
            .and_then(|n| n.to_str())
            .unwrap_or_default();
        let listed = Self::load(dir)?.models.into_iter().find(|e| e.file == name);
        if let Some(entry) = &listed
            && let Some(wanted) = &entry.sha256
            && file.is_file()
        {
            let found = sha256_of(file)?;
            if !found.eq_ignore_ascii_case(wanted) {
                return Err(InferenceError::Hash {
                    path: file.to_owned(),
                    manifest,
                    name: entry.name.clone(),
                    wanted: wanted.clone(),
                    found,
                });
            }
        }
        Ok(listed)
    }
}

impl Entry {
    /// How this entry stands in a models folder. Reads the whole file.
    pub fn standing(&self, dir: &Path) -> Standing {
        let path = dir.join(&self.file);
        let Ok(meta) = std::fs::metadata(&path) else {
            return Standing::Absent;
        };
        if let Some(size) = self.size
            && meta.len() != size
        {
            return Standing::Wrong {
                reason: format!("it is {} bytes long and should be {size}", meta.len()),
            };
        }
        match (sha256_of(&path), &self.sha256) {
            (Err(e), _) => Standing::Wrong {
                reason: e.to_string(),
            },
            (Ok(sha256), None) => Standing::Unverified { sha256 },
            (Ok(found), Some(wanted)) if found.eq_ignore_ascii_case(wanted) => Standing::Right,
            (Ok(found), Some(_)) => Standing::Wrong {
                reason: format!("its sha256 is {found}"),
            },
        }
    }
}

/// SHA-256 of a file, in hex.
pub fn sha256_of(path: &Path) -> Result<String, InferenceError> {
    let todo = "Check that the file is readable";
    let mut file = std::fs::File::open(path).map_err(|e| InferenceError::file(path, e, todo))?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0u8; 1 << 16];
    loop {
        let n = file
            .read(&mut buffer)
            .map_err(|e| InferenceError::file(path, e, todo))?;
        if n == 0 {
            return Ok(hex::encode(hash.finalize()));
        }
        hash.update(&buffer[..n]);
    }
}

/// What a fetch came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    pub path: PathBuf,
    pub sha256: String,
    /// False where the manifest has no hash: the caller shows the one found.
    pub verified: bool,
    /// Bytes that were already there and did not travel again.
    pub resumed_from: u64,
}

/// Fetches one model into the models folder. `progress` gets bytes so far and the total, where the
/// server gives it. A cut transfer leaves `FILE.part`, and the next call goes on from there.
pub async fn get(
    name: &str,
    dir: &Path,
    mut progress: impl FnMut(u64, Option<u64>) + Send,
) -> Result<Fetched, InferenceError> {
    let manifest = Manifest::load(dir)?;
    let bad = |reason: String| InferenceError::Manifest {
        manifest: dir.join(FILE),
        reason,
    };
    let entry = manifest.find(name).ok_or_else(|| {
        let names: Vec<&str> = manifest.models.iter().map(|e| e.name.as_str()).collect();
        bad(format!(
            "there is no model {name:?}; it lists {}",
            names.join(", ")
        ))
    })?;
    if entry.sources.is_empty() {
        return Err(bad(format!(
            "{name} has no sources; it comes with the product, restore the file {}",
            entry.file
        )));
    }
    let mut last = None;
    for url in &entry.sources {
        match fetch_from(url, entry, dir, &mut progress).await {
            Ok(done) => return Ok(done),
            Err(e) => {
                tracing::warn!(url, error = %e, "model source failed");
                last = Some(e);
            }
        }
    }
    Err(last.unwrap_or_else(|| bad(format!("{name}: no source worked"))))
}

async fn fetch_from(
    url: &str,
    entry: &Entry,
    dir: &Path,
    progress: &mut (impl FnMut(u64, Option<u64>) + Send),
) -> Result<Fetched, InferenceError> {
    let http = |reason: String| InferenceError::Http {
        url: url.to_owned(),
        reason,
        todo: "Check the network, or copy the file into the models folder by hand".into(),
    };
    let target = dir.join(&entry.file);
    let part = dir.join(format!("{}.part", entry.file));
    let disk = |e: std::io::Error| {
        InferenceError::file(
            &part,
            e,
            "Check that the disk has room and the folder may be written",
        )
    };
    if let Some(parent) = part.parent() {
        tokio::fs::create_dir_all(parent).await.map_err(disk)?;
    }
    let mut hash = Sha256::new();
    let mut have = hash_part(&part, &mut hash).await.map_err(disk)?;
    let client = reqwest::Client::builder()
        .connect_timeout(Duration::from_secs(10))
        .read_timeout(Duration::from_secs(30))
        .build()
        .map_err(|e| http(e.to_string()))?;
    let mut request = client.get(url);
    if have > 0 {
        request = request.header("Range", format!("bytes={have}-"));
    }
    let response = request.send().await.map_err(|e| http(reason_of(&e)))?;
    let resumed_from = match response.status().as_u16() {
        206 if range_starts_at(&response, have) => have,
        200 => 0,
        // The part may be whole already: then only its hash decides.
        416 if have > 0 => have,
        status => return Err(http(format!("the server answered {status}"))),
    };
    if resumed_from == 0 && have > 0 {
        (hash, have) = (Sha256::new(), 0);
    }
    if response.status() != 416 {
        have = stream_into(
            response,
            &part,
            resumed_from > 0,
            have,
            &mut hash,
            progress,
            &http,
        )
        .await?;
    }
    finish(
        entry,
        &target,
        &part,
        hex::encode(hash.finalize()),
        have,
        resumed_from,
    )
    .await
}

fn range_starts_at(response: &reqwest::Response, at: u64) -> bool {
    response
        .headers()
        .get("content-range")
        .and_then(|v| v.to_str().ok())
        .is_some_and(|v| v.starts_with(&format!("bytes {at}-")))
}

async fn hash_part(part: &Path, hash: &mut Sha256) -> std::io::Result<u64> {
    use tokio::io::AsyncReadExt;
    let mut file = match tokio::fs::File::open(part).await {
        Ok(file) => file,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(0),
        Err(e) => return Err(e),
    };
    let (mut buffer, mut have) = (vec![0u8; 1 << 16], 0);
    loop {
        let n = file.read(&mut buffer).await?;
        if n == 0 {
            return Ok(have);
        }
        hash.update(&buffer[..n]);
        have += n as u64;
    }
}

async fn stream_into(
    response: reqwest::Response,
    part: &Path,
    append: bool,
    mut have: u64,
    hash: &mut Sha256,
    progress: &mut (impl FnMut(u64, Option<u64>) + Send),
    http: &impl Fn(String) -> InferenceError,
) -> Result<u64, InferenceError> {
    use tokio::io::AsyncWriteExt;
    let disk = |e: std::io::Error| {
        InferenceError::file(
            part,
            e,
            "Check that the disk has room and the folder may be written",
        )
    };
    let total = response.content_length().map(|left| left + have);
    let mut file = tokio::fs::OpenOptions::new()
        .create(true)
        .write(true)
        .append(append)
        .truncate(!append)
        .open(part)
        .await
        .map_err(disk)?;
    let mut body = response.bytes_stream();
    while let Some(chunk) = body.next().await {
        let chunk = match chunk {
            Ok(chunk) => chunk,
            Err(e) => {
                // What came so far is good: the next try goes on from it.
                file.flush().await.map_err(disk)?;
                return Err(http(format!(
                    "the transfer broke off after {have} bytes: {}",
                    reason_of(&e)
                )));
            }
        };
        file.write_all(&chunk).await.map_err(disk)?;
        hash.update(&chunk);
        have += chunk.len() as u64;
        progress(have, total);
    }
    file.sync_all().await.map_err(disk)?;
    Ok(have)
}

async fn finish(
    entry: &Entry,
    target: &Path,
    part: &Path,
    found: String,
    have: u64,
    resumed_from: u64,
) -> Result<Fetched, InferenceError> {
    let todo = "The part was removed; try again, and if it happens again the source has another file than the manifest says";
    let wrong = match (&entry.sha256, entry.size) {
        (Some(wanted), _) if !found.eq_ignore_ascii_case(wanted) => Some(format!(
            "what came has the sha256 {found}, the manifest says {wanted}"
        )),
        (_, Some(size)) if have != size => Some(format!(
            "what came is {have} bytes long, the manifest says {size}"
        )),
        _ => None,
    };
    if let Some(reason) = wrong {
        let _ = tokio::fs::remove_file(part).await;
        return Err(InferenceError::model(target, reason, todo));
    }
    tokio::fs::rename(part, target)
        .await
        .map_err(|e| InferenceError::file(target, e, "Check that the folder may be written"))?;
    Ok(Fetched {
        path: target.to_owned(),
        verified: entry.sha256.is_some(),
        sha256: found,
        resumed_from,
    })
}

/// The innermost reason of a transport error; the outer ones repeat the address.
pub(crate) fn reason_of(error: &dyn std::error::Error) -> String {
    let mut deepest = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string()
}
