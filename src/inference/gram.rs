//! Words and n-grams of a text as hashed features, shared by intents, mood and the hashed embedder.

use crate::recognizer::is_cjk;
use jieba_rs::Jieba;
use std::collections::HashMap;
use std::sync::OnceLock;

/// What a feature is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Word,
    WordPair,
    /// Characters within a word (Latin) or a run (Chinese).
    Chars,
}

/// One feature: its hash and its kind.
pub(crate) type Feature = (u64, Kind);

fn jieba() -> &'static Jieba {
    static JIEBA: OnceLock<Jieba> = OnceLock::new();
    JIEBA.get_or_init(Jieba::new)
}

/// Lower case, full-width forms made half-width, digits made alike.
pub(crate) fn normal(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0).unwrap_or(c),
            '’' => '\'',
            c => c,
        })
        .flat_map(char::to_lowercase)
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect()
}

/// Words of a text: jieba's in Chinese, runs of letters and digits elsewhere.
pub(crate) fn words(text: &str) -> Vec<String> {
    let text = normal(text);
    let mut out = Vec::new();
    let mut open = String::new();
    let mut cjk = false;
    let mut flush = |open: &mut String, cjk: bool| {
        if cjk {
            out.extend(
                jieba()
                    .cut(open, false)
                    .into_iter()
                    .map(|w| w.word.to_owned()),
            );
        } else if !open.is_empty() {
            out.push(open.trim_matches('\'').to_owned());
        }
        open.clear();
    };
    for c in text.chars() {
        let keep = is_cjk(c) || c.is_alphanumeric() || c == '\'';
        if !keep || is_cjk(c) != cjk {
            flush(&mut open, cjk);
        }
        if keep {
            cjk = is_cjk(c);
            open.push(c);
        }
    }
    flush(&mut open, cjk);
    out.retain(|w| !w.is_empty());
    out
}

/// All features of a text, repeated as often as they occur.
pub(crate) fn features(text: &str) -> Vec<Feature> {
    let words = words(text);
    let mut out = Vec::with_capacity(words.len() * 8);
    for (i, word) in words.iter().enumerate() {
        out.push((hash(&["w", word]), Kind::Word));
        let before = if i == 0 { "^" } else { &words[i - 1] };
        out.push((hash(&["p", before, word]), Kind::WordPair));
        if !word.starts_with(is_cjk) {
            grams(&format!("_{word}_"), 3..=5, &mut out);
        }
    }
    let mut run = String::new();
    for word in &words {
        if word.starts_with(is_cjk) {
            run.push_str(word);
        } else if !run.is_empty() {
            grams(&std::mem::take(&mut run), 1..=3, &mut out);
        }
    }
    if !run.is_empty() {
        grams(&run, 1..=3, &mut out);
    }
    out
}

fn grams(text: &str, lengths: std::ops::RangeInclusive<usize>, out: &mut Vec<Feature>) {
    let starts: Vec<usize> = text
        .char_indices()
        .map(|(i, _)| i)
        .chain([text.len()])
        .collect();
    for n in lengths {
        for pair in starts.windows(n + 1) {
            out.push((hash(&["c", &text[pair[0]..pair[n]]]), Kind::Chars));
        }
    }
}

/// FNV-1a over the parts, with a mark between them.
pub(crate) fn hash(parts: &[&str]) -> u64 {
    let mut h = 0xcbf2_9ce4_8422_2325u64;
    for part in parts {
        for byte in part.bytes().chain([0xff]) {
            h = (h ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    // FNV's low bits are weak for short keys; one round of mixing spreads them.
    h ^= h >> 32;
    h.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (h >> 29)
}

/// A vector with few entries, ordered by index.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sparse {
    pub index: Vec<u32>,
    pub value: Vec<f32>,
}

impl Sparse {
    pub fn iter(&self) -> impl Iterator<Item = (usize, f32)> + '_ {
        self.index
            .iter()
            .map(|&i| i as usize)
            .zip(self.value.iter().copied())
    }
}

/// Gives features their columns and weights: sublinear count times inverse document frequency,
/// brought to length one.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Vectorizer {
    column: HashMap<u64, u32>,
    idf: Vec<f32>,
}

impl Vectorizer {
    /// Learns the columns from all texts; features in fewer than `min_texts` are left out.
    pub fn fit<'a>(texts: impl Iterator<Item = &'a [Feature]>, min_texts: u32) -> Self {
        let mut order = Vec::new();
        let mut seen: HashMap<u64, (u32, u32)> = HashMap::new();
        let mut count = 0u32;
        for features in texts {
            count += 1;
            for (hash, _) in features {
                let entry = seen.entry(*hash).or_insert_with(|| {
                    order.push(*hash);
                    (0, 0)
                });
                if entry.1 != count {
                    *entry = (entry.0 + 1, count);
                }
            }
        }
        let mut out = Self::default();
        // In order of first appearance, so that the same texts give the same columns.
        for hash in order {
            let texts = seen[&hash].0;
            if texts >= min_texts {
                out.column.insert(hash, out.idf.len() as u32);
                out.idf
                    .push((f32::from(1u8) + (count as f32 + 1.0) / (texts as f32 + 1.0)).ln());
            }
        }
        out
    }

    pub fn columns(&self) -> usize {
        self.idf.len()
    }

    /// The vector of a text, and which part of its weight was seen in training (0..=1).
    pub fn vector(&self, features: &[Feature]) -> (Sparse, f32) {
        let mut sums: Vec<(u32, f32)> = Vec::with_capacity(features.len());
        let (mut known, mut all) = (0.0f32, 0.0f32);
        for (hash, kind) in features {
            let weight = match kind {
                Kind::Word => 1.0,
                Kind::WordPair => 0.8,
                Kind::Chars => 0.6,
            };
            all += weight;
            if let Some(&column) = self.column.get(hash) {
                known += weight;
                sums.push((column, weight));
            }
        }
        sums.sort_unstable_by_key(|s| s.0);
        let mut out = Sparse::default();
        for (column, weight) in sums {
            if out.index.last() == Some(&column) {
                // A second occurrence counts half.
                if let Some(last) = out.value.last_mut() {
                    *last += 0.5 * weight * self.idf[column as usize];
                }
            } else {
                out.index.push(column);
                out.value.push(weight * self.idf[column as usize]);
            }
        }
        let norm = out
            .value
            .iter()
            .map(|v| v * v)
            .sum::<f32>()
            .sqrt()
            .max(1e-9);
        out.value.iter_mut().for_each(|v| *v /= norm);
        (out, if all > 0.0 { known / all } else { 0.0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_both_languages() {
        assert_eq!(words("Where's MY parcel??"), ["where's", "my", "parcel"]);
        assert_eq!(
            words("查一下我的账单").join("|").replace('|', ""),
            "查一下我的账单"
        );
        assert!(words("查一下我的账单").contains(&"账单".to_owned()));
        assert_eq!(words("我的VIP等级")[1..], ["的", "vip", "等级"]);
    }

    #[test]
    fn vectors_have_length_one_and_know_what_they_know() {
        let texts = [features("check my bill"), features("where is my parcel")];
        let v = Vectorizer::fit(texts.iter().map(Vec::as_slice), 1);
        let (x, known) = v.vector(&texts[0]);
        assert!((x.value.iter().map(|v| v * v).sum::<f32>() - 1.0).abs() < 1e-4);
        assert!(known > 0.99);
        assert!(v.vector(&features("完全不同")).1 < 0.01);
    }
}
