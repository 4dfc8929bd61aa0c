//! The sentence encoder that ships: English sentences through a small transformer, Chinese ones as
//! the weighted sum of their words, both in one space.
//!
//! Some milliseconds an English sentence, microseconds a Chinese one. `models/train/sentences.py`
//! makes the files and says how; the words are those of [`Words`].

use super::tokens;
use super::transformer::{Means, Transformer, read_floats};
use super::{Embedder, TextKind, Words, unit};
use crate::InferenceError;
use crate::recognizer::is_cjk;
use safetensors::SafeTensors;
use std::path::Path;
use std::sync::Arc;
use tokenizers::Tokenizer;

const TODO: &str = "Take encoder.safetensors and tokenizer.json from the installation, or make them again with models/train/sentences.py";
/// What the wording counts beside the meaning in a classifier's features.
const WORDING: f32 = 0.5;
/// Tokens in one pass: enough to keep the processor busy, few enough to stay in its cache.
const TOKENS_AT_ONCE: usize = 128;

/// See the module.
pub struct Sentences {
    id: String,
    words: Arc<Words>,
    encoder: Transformer,
    tokenizer: Tokenizer,
    /// To the axes of the word vectors.
    meaning: Projection,
    /// Of the encoder's middle, which keeps more of the wording: to its own main axes.
    wording: Projection,
}

/// Takes off what all sentences have in common, lays the rest on some axes, and brings it to length one.
struct Projection {
    mean: Vec<f32>,
    /// One after another, each as long as the mean.
    axes: Vec<f32>,
}

impl Projection {
    fn load(file: &SafeTensors<'_>, under: &str, from: usize, to: usize) -> Result<Self, String> {
        let mean = read_floats(file, &format!("{under}mean"))?;
        let axes = read_floats(file, &format!("{under}axes"))?;
        match mean.len() == from && axes.len() == from * to {
            true => Ok(Self { mean, axes }),
            false => Err(format!(
                "{under}axes do not lead from {from} numbers to {to}"
            )),
        }
    }

    fn apply(&self, mut row: Vec<f32>) -> Vec<f32> {
        unit(&mut row);
        row.iter_mut().zip(&self.mean).for_each(|(v, m)| *v -= m);
        let axes = self.axes.chunks_exact(row.len());
        let mut placed: Vec<f32> = axes
            .map(|axis| axis.iter().zip(&row).map(|(a, v)| a * v).sum())
            .collect();
        unit(&mut placed);
        placed
    }
}

impl Sentences {
    /// Reads `encoder.safetensors` and `tokenizer.json` of `dir`, and the word vectors' folder.
    pub fn load(dir: &Path, words: &Path) -> Result<Self, InferenceError> {
        let words = Arc::new(Words::load(words)?);
        let path = dir.join("encoder.safetensors");
        let bytes = std::fs::read(&path).map_err(|e| InferenceError::file(&path, e, TODO))?;
        let bad = |reason: String| InferenceError::model(&path, reason, TODO);
        let file = SafeTensors::deserialize(&bytes).map_err(|e| bad(e.to_string()))?;
        let encoder = Transformer::load(&file, &path)?;
        let project = |under| Projection::load(&file, under, encoder.width(), words.dims());
        let meaning = project("").map_err(bad)?;
        let wording = project("middle.").map_err(bad)?;
        let tokenizer = tokens::tokenizer(dir, encoder.tokens_max())?;
        let pieces = tokenizer.get_vocab_size(true);
        if pieces > encoder.vocabulary() {
            let reason = format!(
                "it has {pieces} tokens, the encoder {}",
                encoder.vocabulary()
            );
            return Err(InferenceError::model(
                &dir.join("tokenizer.json"),
                reason,
                TODO,
            ));
        }
        let hash = crate::manifest::sha256_of(&path)?;
        Ok(Self {
            id: format!("sentences-{}-{}", &hash[..12], words.id()),
            words,
            encoder,
            tokenizer,
            meaning,
            wording,
        })
    }

    /// English sentences, as many in one pass as fit.
    fn encode(&self, texts: &[&str]) -> Result<Vec<Means>, InferenceError> {
        let coded = self
            .tokenizer
            .encode_batch(texts.to_vec(), true)
            .map_err(|e| InferenceError::backend("the tokenizer", e))?;
        let ids: Vec<&[u32]> = coded.iter().map(tokenizers::Encoding::get_ids).collect();
        let mut out = Vec::with_capacity(texts.len());
        let mut from = 0;
        while from < ids.len() {
            let mut tokens = 0;
            let fits = |ids: &&&[u32]| {
                tokens += ids.len();
                tokens <= TOKENS_AT_ONCE
            };
            let count = ids[from..].iter().take_while(fits).count().max(1);
            out.extend(self.encoder.run(&ids[from..from + count]));
            from += count;
        }
        Ok(out)
    }

    /// English sentences by the encoder, others by their words.
    fn each<T>(
        &self,
        texts: &[&str],
        read: impl FnOnce(&[&str]) -> Result<Vec<T>, InferenceError>,
        added: impl FnOnce(&[&str]) -> Result<Vec<T>, InferenceError>,
    ) -> Result<Vec<T>, InferenceError> {
        let began = std::time::Instant::now();
        let reads = |text: &&str| self.reads(text) && text.contains(char::is_alphanumeric);
        let (own, others): (Vec<&str>, Vec<&str>) = texts.iter().copied().partition(reads);
        let (mut own, mut others) = (read(&own)?.into_iter(), added(&others)?.into_iter());
        let in_order = texts.iter().filter_map(|text| match reads(text) {
            true => own.next(),
            false => others.next(),
        });
        let out = in_order.collect();
        metrics::histogram!("sidetone_embedding_seconds").record(began.elapsed().as_secs_f64());
        Ok(out)
    }
}

impl Embedder for Sentences {
    fn id(&self) -> &str {
        &self.id
    }
    fn dims(&self) -> usize {
        self.words.dims()
    }
    fn learned(&self) -> bool {
        true
    }
    fn reads(&self, text: &str) -> bool {
        !text.contains(is_cjk)
    }
    fn quick(&self) -> Option<Arc<dyn Embedder>> {
        Some(self.words.clone())
    }
    fn embed(&self, texts: &[&str], kind: TextKind) -> Result<Vec<Vec<f32>>, InferenceError> {
        let read = |texts: &[&str]| {
            let read = self.encode(texts)?.into_iter();
            Ok(read.map(|row| self.meaning.apply(row.last)).collect())
        };
        self.each(texts, read, |texts| self.words.embed(texts, kind))
    }
    fn features(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, InferenceError> {
        let both = |row: Means| {
            let mut out = self.meaning.apply(row.last);
            let wording = self.wording.apply(row.middle);
            out.extend(wording.into_iter().map(|v| v * WORDING));
            out
        };
        let read = |texts: &[&str]| Ok(self.encode(texts)?.into_iter().map(both).collect());
        self.each(texts, read, |texts| {
            self.words.embed(texts, TextKind::Query)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shipped() -> Sentences {
        let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models");
        Sentences::load(
            &models.join("sidetone-sentences"),
            &models.join("sidetone-words"),
        )
        .expect("the shipped files")
    }

    fn cos(a: &[f32], b: &[f32]) -> f32 {
        a.iter().zip(b).map(|(x, y)| x * y).sum()
    }

    #[test]
    fn vectors_are_those_of_the_published_encoder() {
        // Of all-MiniLM-L6-v2 with its own floats in PyTorch, laid on the same axes.
        let known = [
            [0.2089, -0.1069, -0.1523, -0.0261, 0.0065, -0.1893],
            [0.0390, -0.0012, 0.0302, 0.0543, -0.0191, 0.0951],
        ];
        let texts = [
            "Where is my parcel?",
            "I'd like to cancel the order I placed yesterday, please.",
        ];
        let rows = shipped().embed(&texts, TextKind::Query).unwrap();
        for (row, known) in rows.iter().zip(known) {
            assert_eq!(row.len(), 256);
            assert!((cos(row, row) - 1.0).abs() < 1e-4);
            for (ours, theirs) in row.iter().zip(known) {
                assert!((ours - theirs).abs() < 0.01, "{ours} {theirs}");
            }
        }
    }

    #[test]
    fn meaning_within_and_across_languages() {
        let texts = [
            "the shop called me back",
            "I got a call from the shop",
            "I'd like a new card please",
            "我的包裹到哪里了",
            "where is my parcel",
            "how is the weather today",
            "",
            "?!",
        ];
        let v = shipped().embed(&texts, TextKind::Query).unwrap();
        assert!(cos(&v[0], &v[1]) > cos(&v[0], &v[2]) + 0.3);
        assert!(cos(&v[3], &v[4]) > cos(&v[3], &v[5]) + 0.2);
        assert!(v[6].iter().chain(&v[7]).all(|x| *x == 0.0));
    }

    #[test]
    fn a_batch_gives_what_each_sentence_gives_alone() {
        let sentences = shipped();
        let long = "my order has not come and nobody answers ".repeat(40);
        let texts = ["hello", &long, "where is it", "我要退货", "and then?"];
        let together = sentences.embed(&texts, TextKind::Query).unwrap();
        for (text, row) in texts.iter().zip(&together) {
            let alone = sentences.embed(&[text], TextKind::Query).unwrap();
            assert!(cos(&alone[0], row) > 0.9999, "{text}");
        }
    }

    #[test]
    fn files_that_do_not_belong_together_are_refused() {
        let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models");
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("encoder.safetensors"), [0u8; 40]).unwrap();
        let error = Sentences::load(dir.path(), &models.join("sidetone-words"))
            .err()
            .unwrap()
            .to_string();
        assert!(error.contains("encoder.safetensors"), "{error}");
    }
}
