//! `tokenizer.json` and the few settings that a sentence encoder has beside it.

use crate::InferenceError;
use serde::Deserialize;
use std::path::Path;
use tokenizers::{Tokenizer, TruncationParams};

/// Optional `sidetone.json` beside a model. Unknown fields are errors.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Extras {
    pub name: Option<String>,
    pub pooling: Pooling,
    pub query_prefix: String,
    pub passage_prefix: String,
    /// Tokens that count; longer texts are cut.
    pub tokens_max: Option<usize>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Pooling {
    #[default]
    Mean,
    Cls,
}

const TODO: &str =
    "Put config.json, tokenizer.json and the model of one encoder into the folder, as published";

pub(super) fn extras(dir: &Path) -> Result<Extras, InferenceError> {
    let path = dir.join("sidetone.json");
    match std::fs::read_to_string(&path) {
        Ok(text) => serde_json::from_str(&text)
            .map_err(|e| InferenceError::model(&path, e.to_string(), TODO)),
        Err(_) => Ok(Extras::default()),
    }
}

/// The tokenizer, cutting at `tokens_max`, without padding of its own.
pub(super) fn tokenizer(dir: &Path, tokens_max: usize) -> Result<Tokenizer, InferenceError> {
    let path = dir.join("tokenizer.json");
    let bad = |e: String| InferenceError::model(&path, e, TODO);
    let mut tokenizer = Tokenizer::from_file(&path).map_err(|e| bad(e.to_string()))?;
    let cut = TruncationParams {
        max_length: tokens_max,
        ..TruncationParams::default()
    };
    tokenizer
        .with_truncation(Some(cut))
        .map_err(|e| bad(e.to_string()))?;
    tokenizer.with_padding(None);
    Ok(tokenizer)
}

/// Token ids and mask of a batch, row by row, padded to the longest.
pub(super) struct Batch {
    pub ids: Vec<u32>,
    pub mask: Vec<u32>,
    pub rows: usize,
    pub width: usize,
}

pub(super) fn batch(
    tokenizer: &Tokenizer,
    texts: &[&str],
    prefix: &str,
    pad: u32,
) -> Result<Batch, InferenceError> {
    let texts: Vec<String> = texts.iter().map(|t| format!("{prefix}{t}")).collect();
    let rows = tokenizer
        .encode_batch(texts, true)
        .map_err(|e| InferenceError::backend("the tokenizer", e))?;
    let width = rows
        .iter()
        .map(|r| r.get_ids().len())
        .max()
        .unwrap_or(0)
        .max(1);
    let mut out = Batch {
        ids: Vec::new(),
        mask: Vec::new(),
        rows: rows.len(),
        width,
    };
    for row in &rows {
        let short = width - row.get_ids().len();
        out.ids.extend_from_slice(row.get_ids());
        out.ids.extend(std::iter::repeat_n(pad, short));
        out.mask.extend(std::iter::repeat_n(1, width - short));
        out.mask.extend(std::iter::repeat_n(0, short));
    }
    Ok(out)
}

/// Mean of the tokens that count, or the first one; then length one.
pub(super) fn pool(hidden: &[f32], batch: &Batch, dims: usize, pooling: Pooling) -> Vec<Vec<f32>> {
    (0..batch.rows)
        .map(|r| {
            let mut row = vec![0.0f32; dims];
            for t in 0..batch.width {
                let counts = batch.mask[r * batch.width + t] == 1;
                if counts && (pooling == Pooling::Mean || t == 0) {
                    let token = &hidden[(r * batch.width + t) * dims..][..dims];
                    row.iter_mut().zip(token).for_each(|(o, v)| *o += v);
                }
            }
            super::unit(&mut row);
            row
        })
        .collect()
}
