//! Vectors of the examples, kept on the disk: a content team that changes one sentence waits for the
//! encoder to read one sentence.

use super::IntentExample;
use crate::InferenceError;
use crate::embed::Embedder;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Texts that an embedder is given at once.
const AT_ONCE: usize = 32;

/// The first bytes of a text's SHA-256.
type Key = [u8; 16];

/// A vector as bytes, and what they are multiplied by.
#[derive(Clone, Serialize, Deserialize)]
struct Row {
    scale: f32,
    bytes: Vec<i8>,
}

/// See the module. Of one embedder.
#[derive(Serialize, Deserialize)]
pub(super) struct Vectors {
    embedder: String,
    rows: BTreeMap<Key, Row>,
    #[serde(skip)]
    path: Option<PathBuf>,
}

impl Vectors {
    /// Vectors that an earlier training with the same embedder left in `folder`; without one none, and
    /// none are kept.
    pub fn open(embedder: &dyn Embedder, folder: Option<&Path>) -> Self {
        let path = folder.map(|folder| folder.join("vectors.bin"));
        let kept = path
            .as_ref()
            .and_then(|path| std::fs::read(path).ok())
            .and_then(|bytes| postcard::from_bytes::<Self>(&bytes).ok())
            .filter(|kept| kept.embedder == embedder.id());
        Self {
            embedder: embedder.id().to_owned(),
            rows: kept.map(|kept| kept.rows).unwrap_or_default(),
            path,
        }
    }

    /// The vectors of examples, one a row; what is not known is read by the embedder, on half of the
    /// processor's cores, since calls may be going on. Vectors of other texts are forgotten.
    pub fn of(
        mut self,
        examples: &[IntentExample],
        embedder: &dyn Embedder,
    ) -> Result<Vec<Vec<f32>>, InferenceError> {
        let keys: Vec<Key> = examples.iter().map(|e| key(&e.text)).collect();
        let mut known = std::mem::take(&mut self.rows);
        let mut unknown: BTreeMap<Key, &str> = BTreeMap::new();
        for (key, example) in keys.iter().zip(examples) {
            match known.remove(key) {
                Some(row) => {
                    self.rows.insert(*key, row);
                }
                None if self.rows.contains_key(key) => {}
                None => {
                    unknown.insert(*key, &example.text);
                }
            }
        }
        let changed = !unknown.is_empty() || !known.is_empty();
        let unknown: Vec<(Key, &str)> = unknown.into_iter().collect();
        self.rows.extend(read(&unknown, embedder)?);
        if changed && let Err(error) = self.keep() {
            tracing::warn!(%error, "the examples' vectors are not kept; the next training reads all of them again");
        }
        Ok(keys.iter().map(|key| floats(&self.rows[key])).collect())
    }

    /// Whole or not at all.
    fn keep(&self) -> std::io::Result<()> {
        let Some(path) = &self.path else {
            return Ok(());
        };
        let bytes = postcard::to_stdvec(self).map_err(std::io::Error::other)?;
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
        let beside = path.with_extension("saving");
        std::fs::write(&beside, bytes)?;
        std::fs::rename(beside, path)
    }
}

fn key(text: &str) -> Key {
    let hash = Sha256::digest(text);
    std::array::from_fn(|i| hash[i])
}

fn read(texts: &[(Key, &str)], embedder: &dyn Embedder) -> Result<Vec<(Key, Row)>, InferenceError> {
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get().div_ceil(2));
    let share = texts.len().div_ceil(threads).max(1);
    let one = |texts: &[(Key, &str)]| {
        let mut out = Vec::with_capacity(texts.len());
        for some in texts.chunks(AT_ONCE) {
            let asked: Vec<&str> = some.iter().map(|(_, text)| *text).collect();
            let rows = embedder.features(&asked)?;
            out.extend(
                some.iter()
                    .map(|(key, _)| *key)
                    .zip(rows.iter().map(|vector| row(vector))),
            );
        }
        Ok(out)
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = texts
            .chunks(share)
            .map(|texts| scope.spawn(move || one(texts)))
            .collect();
        let mut out = Vec::with_capacity(texts.len());
        for thread in threads {
            let ended = thread.join();
            out.extend(ended.unwrap_or_else(|_| {
                Err(InferenceError::backend("the encoder", "its thread ended"))
            })?);
        }
        Ok(out)
    })
}

fn row(vector: &[f32]) -> Row {
    let widest = vector.iter().fold(0.0f32, |w, v| w.max(v.abs()));
    let scale = widest.max(1e-9) / f32::from(i8::MAX);
    Row {
        scale,
        bytes: vector.iter().map(|v| (v / scale).round() as i8).collect(),
    }
}

fn floats(row: &Row) -> Vec<f32> {
    row.bytes
        .iter()
        .map(|b| f32::from(*b) * row.scale)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embed::TextKind;
    use sidetone_types::Lang;
    use std::sync::Mutex;

    /// Writes down what it is asked for.
    struct Asked(Mutex<Vec<String>>);

    impl Embedder for Asked {
        fn id(&self) -> &str {
            "asked"
        }
        fn dims(&self) -> usize {
            2
        }
        fn learned(&self) -> bool {
            true
        }
        fn embed(&self, texts: &[&str], _: TextKind) -> Result<Vec<Vec<f32>>, InferenceError> {
            let mut asked = self.0.lock().unwrap();
            asked.extend(texts.iter().map(|t| (*t).to_owned()));
            Ok(texts.iter().map(|t| vec![t.len() as f32, -1.0]).collect())
        }
    }

    #[test]
    fn only_new_sentences_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let embedder = Asked(Mutex::default());
        let read = |texts: &[&str]| {
            let examples: Vec<IntentExample> = texts
                .iter()
                .map(|text| IntentExample {
                    intent: "bill".into(),
                    lang: Lang::En,
                    text: (*text).to_owned(),
                    weak: false,
                })
                .collect();
            let vectors = Vectors::open(&embedder, Some(folder.path()));
            let rows = vectors.of(&examples, &embedder).unwrap();
            let mut asked = std::mem::take(&mut *embedder.0.lock().unwrap());
            asked.sort();
            (rows, asked)
        };
        let (first, asked) = read(&["one", "three", "one"]);
        assert_eq!(asked, ["one", "three"]);
        assert!((first[1][0] - 5.0).abs() < 1e-4 && (first[1][1] + 1.0).abs() < 0.03);
        assert_eq!(first[0], first[2]);
        let (second, asked) = read(&["three", "seventeen"]);
        assert_eq!(asked, ["seventeen"]);
        assert_eq!(first[1], second[0]);
        let (_, asked) = read(&["one"]);
        assert_eq!(asked, ["one"], "what was left out is forgotten");
    }
}
