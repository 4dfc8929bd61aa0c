//! Word vectors that ship: a text is the weighted sum of its words.
//!
//! English word pieces and Chinese words lie in one space, because Chinese words were embedded by
//! their English glosses (`models/train/words.py` makes the files and says how). It knows synonyms
//! and finds English articles for Chinese questions; it knows nothing of word order. Microseconds a
//! text, no allocation that grows with the vocabulary.

use super::{Embedder, TextKind, unit};
use crate::InferenceError;
use crate::gram;
use crate::recognizer::is_cjk;
use safetensors::{Dtype, SafeTensors};
use std::collections::HashMap;
use std::path::Path;

const TODO: &str = "Take words.safetensors and words.txt from the installation, or make them again with models/train/words.py";

/// See the module.
pub struct Words {
    id: String,
    dims: usize,
    place: HashMap<String, u32>,
    /// One row of `dims` a word.
    rows: Vec<i8>,
    /// What a row is multiplied by; the word's weight is inside.
    scales: Vec<f32>,
}

impl Words {
    /// Reads `words.safetensors` (`vectors`: bytes, words × dims; `scales`: floats, words) and
    /// `words.txt` (the words in that order, one a line; `##` before a piece inside a word).
    pub fn load(dir: &Path) -> Result<Self, InferenceError> {
        let path = dir.join("words.safetensors");
        let bytes = std::fs::read(&path).map_err(|e| InferenceError::file(&path, e, TODO))?;
        let list = dir.join("words.txt");
        let words =
            std::fs::read_to_string(&list).map_err(|e| InferenceError::file(&list, e, TODO))?;
        let place: HashMap<String, u32> = words.lines().map(str::to_owned).zip(0..).collect();
        let bad = |reason: String| InferenceError::model(&path, reason, TODO);
        let file = SafeTensors::deserialize(&bytes).map_err(|e| bad(e.to_string()))?;
        let tensor = |name: &str, kind: Dtype| {
            let found = file.tensor(name).map_err(|e| bad(e.to_string()))?;
            match found.dtype() == kind {
                true => Ok(found),
                false => Err(bad(format!("{name} is {:?}, not {kind:?}", found.dtype()))),
            }
        };
        let vectors = tensor("vectors", Dtype::I8)?;
        let scales = tensor("scales", Dtype::F32)?;
        let [count, dims] = *vectors.shape() else {
            return Err(bad(format!("vectors has the shape {:?}", vectors.shape())));
        };
        if place.len() != count || scales.shape() != [count] || dims == 0 {
            return Err(bad(format!(
                "{count} vectors, {:?} scales and {} different words in words.txt do not belong together",
                scales.shape(),
                place.len()
            )));
        }
        let floats = scales.data().chunks_exact(4);
        Ok(Self {
            id: format!("words-{dims}-{count}"),
            dims,
            place,
            rows: vectors.data().iter().map(|b| *b as i8).collect(),
            scales: floats
                .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
                .collect(),
        })
    }

    fn row(&self, text: &str) -> Vec<f32> {
        let mut sum = vec![0.0f32; self.dims];
        let mut add = |place: u32| {
            let place = place as usize;
            let scale = self.scales[place];
            let row = &self.rows[place * self.dims..(place + 1) * self.dims];
            sum.iter_mut()
                .zip(row)
                .for_each(|(s, v)| *s += scale * f32::from(*v));
        };
        for word in gram::words(text) {
            // gram::words keeps "what's" together; the list has the parts.
            for part in word.split('\'') {
                self.pieces(part, &mut add);
            }
        }
        unit(&mut sum);
        sum
    }

    /// The places of a word: its own, or those of the longest pieces from the left (WordPiece); a
    /// Chinese word that is not known by its characters. What has no pieces is left out.
    fn pieces(&self, word: &str, add: &mut impl FnMut(u32)) {
        if let Some(place) = self.place.get(word) {
            return add(*place);
        }
        if word.starts_with(is_cjk) {
            let mut buffer = [0; 4];
            for c in word.chars() {
                if let Some(place) = self.place.get(&*c.encode_utf8(&mut buffer)) {
                    add(*place);
                }
            }
            return;
        }
        let mut found = Vec::new();
        let mut from = 0;
        while from < word.len() {
            let ends = word[from..]
                .char_indices()
                .map(|(i, c)| from + i + c.len_utf8());
            let mut ends: Vec<usize> = ends.collect();
            let piece = std::iter::from_fn(|| ends.pop()).find_map(|end| {
                let mark = if from == 0 { "" } else { "##" };
                let place = self.place.get(&format!("{mark}{}", &word[from..end]))?;
                Some((end, *place))
            });
            let Some((end, place)) = piece else {
                return;
            };
            found.push(place);
            from = end;
        }
        found.into_iter().for_each(add);
    }
}

impl Embedder for Words {
    fn id(&self) -> &str {
        &self.id
    }
    fn dims(&self) -> usize {
        self.dims
    }
    fn learned(&self) -> bool {
        true
    }
    fn reads_sentences(&self) -> bool {
        false
    }
    fn embed(&self, texts: &[&str], _kind: TextKind) -> Result<Vec<Vec<f32>>, InferenceError> {
        Ok(texts.iter().map(|t| self.row(t)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shipped() -> Words {
        Words::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/sidetone-words"))
            .expect("the shipped files")
    }

    #[test]
    fn synonyms_are_near_in_and_across_languages() {
        let words = shipped();
        let texts = [
            "where is my parcel",
            "track the package",
            "我的包裹到哪里了",
            "how is the weather today",
            "今天天气怎么样",
            "",
            "zqxjk",
        ];
        let v = words.embed(&texts, TextKind::Query).unwrap();
        let cos = |a: usize, b: usize| v[a].iter().zip(&v[b]).map(|(x, y)| x * y).sum::<f32>();
        assert!((cos(0, 0) - 1.0).abs() < 1e-4);
        assert!(cos(0, 1) > cos(0, 3) + 0.2, "{} {}", cos(0, 1), cos(0, 3));
        assert!(cos(0, 2) > cos(0, 4) + 0.2, "{} {}", cos(0, 2), cos(0, 4));
        assert!(cos(3, 4) > 0.3, "{}", cos(3, 4));
        assert!(v[5].iter().all(|x| *x == 0.0));
    }

    #[test]
    fn files_that_do_not_belong_together_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/sidetone-words");
        std::fs::copy(
            from.join("words.safetensors"),
            dir.path().join("words.safetensors"),
        )
        .unwrap();
        std::fs::write(dir.path().join("words.txt"), "one\ntwo\n").unwrap();
        let error = Words::load(dir.path()).err().unwrap().to_string();
        assert!(error.contains("2 different words"), "{error}");
    }
}
