//! The master keys: a file that only the owner may read, or the environment.

use super::VaultError;
use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Key, Nonce};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// A wrapped data key: nonce, 32 bytes sealed, tag.
pub(super) const WRAPPED_BYTES: usize = 12 + 32 + 16;

/// The versions of the master key. New recordings use the highest; old ones stay readable.
pub struct Keys {
    versions: BTreeMap<u32, Zeroizing<[u8; 32]>>,
    from: String,
    file: Option<PathBuf>,
}

impl Keys {
    /// Takes the keys from `env` (the text of a key file) if it is given, else from the file, which
    /// is made with a fresh key and mode 0600 if absent.
    ///
    /// One version a line: `v1 <32 bytes in base64>`.
    pub fn open(file: &Path, env: Option<&str>) -> Result<Self, VaultError> {
        if let Some(text) = env {
            return Self::parse(text, "the environment", None);
        }
        if !file.exists() {
            let mut keys = Self {
                versions: BTreeMap::new(),
                from: file.display().to_string(),
                file: Some(file.to_owned()),
            };
            keys.rotate()?;
            return Ok(keys);
        }
        let failed = |reason: String| VaultError::Master {
            path: file.display().to_string(),
            reason,
        };
        let mode = fs::metadata(file)
            .map_err(|e| failed(e.to_string()))?
            .permissions()
            .mode();
        if mode & 0o077 != 0 {
            return Err(failed(format!(
                "others may read it (mode {:o}); run `chmod 600` on it, and rotate the key if the machine is shared",
                mode & 0o777
            )));
        }
        let text = Zeroizing::new(fs::read_to_string(file).map_err(|e| failed(e.to_string()))?);
        Self::parse(&text, &file.display().to_string(), Some(file.to_owned()))
    }

    fn parse(text: &str, from: &str, file: Option<PathBuf>) -> Result<Self, VaultError> {
        let failed = |line: usize, reason: &str| VaultError::Master {
            path: from.to_owned(),
            reason: format!("line {line}: {reason}; a line is `v1 ` and 32 bytes in base64"),
        };
        let mut versions = BTreeMap::new();
        for (at, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (version, key) = line
                .split_once(' ')
                .ok_or_else(|| failed(at + 1, "no space"))?;
            let version: u32 = version
                .strip_prefix('v')
                .and_then(|v| v.parse().ok())
                .ok_or_else(|| failed(at + 1, "no version"))?;
            let bytes = Zeroizing::new(
                STANDARD
                    .decode(key.trim())
                    .map_err(|_| failed(at + 1, "not base64"))?,
            );
            let key: [u8; 32] = bytes
                .as_slice()
                .try_into()
                .map_err(|_| failed(at + 1, "not 32 bytes"))?;
            if versions.insert(version, Zeroizing::new(key)).is_some() {
                return Err(failed(at + 1, "a version occurs twice"));
            }
        }
        if versions.is_empty() {
            return Err(failed(1, "no key"));
        }
        Ok(Self {
            versions,
            from: from.to_owned(),
            file,
        })
    }

    /// Makes a new version and writes the file anew, whole or not at all.
    pub fn rotate(&mut self) -> Result<u32, VaultError> {
        let failed = |reason: String| VaultError::Master {
            path: self.from.clone(),
            reason,
        };
        let file = self.file.clone().ok_or_else(|| {
            failed(
                "keys from the environment are rotated there: add a line with the next version"
                    .into(),
            )
        })?;
        let version = self.versions.keys().next_back().map_or(1, |v| v + 1);
        let mut text = Zeroizing::new(String::from(
            "# Master keys of the recordings. Without this file no recording can be read. Keep a copy apart.\n",
        ));
        let fresh = Zeroizing::new(rand::random::<[u8; 32]>());
        for (v, key) in self.versions.iter().chain([(&version, &fresh)]) {
            let line = Zeroizing::new(format!("v{v} {}\n", STANDARD.encode(key.as_slice())));
            text.push_str(&line);
        }
        write_whole(&file, text.as_bytes()).map_err(|e| failed(e.to_string()))?;
        self.versions.insert(version, fresh);
        Ok(version)
    }

    /// The version that new recordings use.
    pub fn newest(&self) -> u32 {
        self.versions.keys().next_back().copied().unwrap_or(0)
    }

    pub(super) fn wrap(&self, data_key: &[u8; 32], bound_to: &[u8]) -> (u32, Vec<u8>) {
        let version = self.newest();
        let nonce = rand::random::<[u8; 12]>();
        let sealed = self
            .cipher(version)
            .expect("the newest version is there")
            .encrypt(
                &Nonce::from(nonce),
                Payload {
                    msg: data_key,
                    aad: bound_to,
                },
            )
            .expect("32 bytes can be sealed");
        (version, [nonce.as_slice(), &sealed].concat())
    }

    pub(super) fn unwrap(
        &self,
        path: &Path,
        version: u32,
        wrapped: &[u8],
        bound_to: &[u8],
    ) -> Result<Zeroizing<[u8; 32]>, VaultError> {
        let cipher = self.cipher(version).ok_or_else(|| VaultError::NoKey {
            path: path.to_owned(),
            version,
            keys: self.from.clone(),
        })?;
        let wrong = || VaultError::WrongKey {
            path: path.to_owned(),
            version,
        };
        let (nonce, sealed) = wrapped.split_at_checked(12).ok_or_else(wrong)?;
        let nonce: [u8; 12] = nonce.try_into().map_err(|_| wrong())?;
        let opened = cipher
            .decrypt(
                &Nonce::from(nonce),
                Payload {
                    msg: sealed,
                    aad: bound_to,
                },
            )
            .map_err(|_| wrong())?;
        let opened = Zeroizing::new(opened);
        let key: [u8; 32] = opened.as_slice().try_into().map_err(|_| wrong())?;
        Ok(Zeroizing::new(key))
    }

    fn cipher(&self, version: u32) -> Option<Aes256Gcm> {
        let key = self.versions.get(&version)?;
        Some(Aes256Gcm::new(&Key::<Aes256Gcm>::from(**key)))
    }
}

/// Writes beside the file, syncs, and renames.
fn write_whole(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    let beside = file.with_extension("new");
    let _ = fs::remove_file(&beside);
    let mut out = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&beside)?;
    out.write_all(bytes)?;
    out.sync_all()?;
    fs::rename(&beside, file)?;
    if let Some(folder) = file.parent() {
        fs::File::open(folder)?.sync_all()?;
    }
    Ok(())
}
