//! Made sentences, in memory and on disk.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

/// Least recently used sentences go first. Disk files are raw 16 kHz samples named by their key.
pub(super) struct Cache {
    memory: Mutex<Memory>,
    dir: Option<PathBuf>,
}

#[derive(Default)]
struct Memory {
    kept: BTreeMap<String, (Arc<[i16]>, u64)>,
    bytes: usize,
    bytes_max: usize,
    tick: u64,
}

impl Cache {
    pub fn new(dir: Option<PathBuf>, memory_bytes_max: usize, disk_bytes_max: u64) -> Self {
        if let Some(dir) = &dir {
            prune(dir, disk_bytes_max);
        }
        Self {
            memory: Mutex::new(Memory {
                bytes_max: memory_bytes_max,
                ..Memory::default()
            }),
            dir,
        }
    }

    pub async fn get(&self, key: &str, disk: bool) -> Option<Arc<[i16]>> {
        if let Some(pcm) = self.lock().get(key) {
            return Some(pcm);
        }
        let path = self.dir.as_ref().filter(|_| disk)?.join(key);
        let bytes = tokio::fs::read(path).await.ok().filter(|b| !b.is_empty())?;
        let pcm: Arc<[i16]> = bytes
            .chunks_exact(2)
            .map(|b| i16::from_le_bytes([b[0], b[1]]))
            .collect();
        self.lock().put(key, &pcm);
        Some(pcm)
    }

    /// A disk that is full costs time at the next start, nothing else: it is only logged.
    pub async fn put(&self, key: &str, pcm: &Arc<[i16]>, disk: bool) {
        self.lock().put(key, pcm);
        let Some(dir) = self.dir.as_ref().filter(|_| disk) else {
            return;
        };
        let bytes: Vec<u8> = pcm.iter().flat_map(|s| s.to_le_bytes()).collect();
        let (part, whole) = (
            dir.join(format!("{key}.{}.part", std::process::id())),
            dir.join(key),
        );
        let written = async {
            tokio::fs::create_dir_all(dir).await?;
            tokio::fs::write(&part, bytes).await?;
            tokio::fs::rename(&part, &whole).await
        };
        if let Err(error) = written.await {
            tracing::warn!(path = %whole.display(), %error, "a made sentence could not be kept on disk");
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(|e| e.into_inner())
    }
}

impl Memory {
    fn get(&mut self, key: &str) -> Option<Arc<[i16]>> {
        self.tick += 1;
        let (pcm, used) = self.kept.get_mut(key)?;
        *used = self.tick;
        Some(Arc::clone(pcm))
    }

    fn put(&mut self, key: &str, pcm: &Arc<[i16]>) {
        self.tick += 1;
        self.bytes += pcm.len() * 2;
        if let Some((old, _)) = self
            .kept
            .insert(key.to_owned(), (Arc::clone(pcm), self.tick))
        {
            self.bytes -= old.len() * 2;
        }
        while self.bytes > self.bytes_max && self.kept.len() > 1 {
            let Some(oldest) = self
                .kept
                .iter()
                .min_by_key(|(_, v)| v.1)
                .map(|(k, _)| k.clone())
            else {
                return;
            };
            if let Some((pcm, _)) = self.kept.remove(&oldest) {
                self.bytes -= pcm.len() * 2;
            }
        }
    }
}

/// Removes the oldest files until the folder is within its bound.
fn prune(dir: &std::path::Path, bytes_max: u64) {
    let Ok(entries) = std::fs::read_dir(dir) else {
        return;
    };
    let mut files: Vec<_> = entries
        .flatten()
        .filter_map(|e| {
            let meta = e.metadata().ok().filter(std::fs::Metadata::is_file)?;
            Some((meta.modified().ok()?, meta.len(), e.path()))
        })
        .collect();
    files.sort();
    let mut total: u64 = files.iter().map(|f| f.1).sum();
    for (_, size, path) in files {
        if total <= bytes_max {
            return;
        }
        if std::fs::remove_file(path).is_ok() {
            total -= size;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_stays_within_its_bound_and_keeps_what_is_used() {
        let mut memory = Memory {
            bytes_max: 600,
            ..Memory::default()
        };
        let pcm: Arc<[i16]> = vec![0i16; 100].into();
        for key in ["a", "b", "c"] {
            memory.put(key, &pcm);
        }
        assert!(memory.get("a").is_some());
        memory.put("d", &pcm);
        assert!(memory.get("a").is_some());
        assert!(memory.get("b").is_none());
        assert!(memory.bytes <= 600);
    }
}
