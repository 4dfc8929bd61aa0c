//! Vectors from hashed words and character n-grams: no file, no training, both languages.
//!
//! Each feature falls on two of 512 places with a sign of its own (feature hashing, Weinberger et
//! al. 2009), weighted by kind and by how rare it is in a text at hand once [`Hashed::learn`] has
//! seen the passages. It finds shared words and word parts, not meaning; that is what it is for
//! until a learned encoder lies in `models/encoder`.

use super::{Embedder, TextKind, unit};
use crate::InferenceError;
use crate::gram::{self, Kind};
use std::collections::HashMap;

const DIMS: usize = 512;

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Hashed {
    /// In how many passages a feature occurs, and of how many.
    seen: HashMap<u64, u32>,
    passages: u32,
}

impl Hashed {
    /// Counts in how many passages each feature occurs, so that rare ones weigh more.
    pub fn learn<'a>(passages: impl Iterator<Item = &'a str>) -> Self {
        let mut out = Self::default();
        for passage in passages {
            out.passages += 1;
            let mut hashes: Vec<u64> = gram::features(passage).into_iter().map(|f| f.0).collect();
            hashes.sort_unstable();
            hashes.dedup();
            for hash in hashes {
                *out.seen.entry(hash).or_default() += 1;
            }
        }
        out
    }

    fn row(&self, text: &str) -> Vec<f32> {
        let mut features = gram::features(text);
        features.sort_unstable_by_key(|f| f.0);
        let mut row = vec![0.0f32; DIMS];
        for run in features.chunk_by(|a, b| a.0 == b.0) {
            let (hash, kind) = run[0];
            let kind = match kind {
                Kind::Word => 1.0,
                Kind::WordPair => 0.5,
                Kind::Chars => 0.35,
            };
            let passages = self.passages as f32;
            let idf =
                ((passages + 1.0) / (self.seen.get(&hash).copied().unwrap_or(0) as f32 + 1.0)).ln()
                    + 1.0;
            let weight = kind * idf * (1.0 + (run.len() as f32).ln());
            for part in [
                hash,
                hash.rotate_left(31).wrapping_mul(0x9e37_79b9_7f4a_7c15),
            ] {
                let sign = if part >> 63 == 0 { 1.0 } else { -1.0 };
                row[(part >> 20) as usize % DIMS] += sign * weight;
            }
        }
        unit(&mut row);
        row
    }
}

impl Embedder for Hashed {
    fn id(&self) -> &str {
        "hashed-512-v1"
    }
    fn dims(&self) -> usize {
        DIMS
    }
    fn learned(&self) -> bool {
        false
    }
    fn embed(&self, texts: &[&str], _kind: TextKind) -> Result<Vec<Vec<f32>>, InferenceError> {
        Ok(texts.iter().map(|t| self.row(t)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_share_words_are_near() {
        let e = Hashed::default();
        let v = e
            .embed(
                &["退款多久到账", "退款什么时候到账", "怎么开发票", ""],
                TextKind::Query,
            )
            .unwrap();
        let cos = |a: usize, b: usize| v[a].iter().zip(&v[b]).map(|(x, y)| x * y).sum::<f32>();
        assert!((cos(0, 0) - 1.0).abs() < 1e-4);
        assert!(cos(0, 1) > cos(0, 2) + 0.2, "{} {}", cos(0, 1), cos(0, 2));
        assert!(v[3].iter().all(|x| *x == 0.0));
    }
}
