//! BERT-family encoders (safetensors) through candle, on the processor.

use super::tokens::{self, Extras};
use super::{Embedder, TextKind};
use crate::InferenceError;
use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::bert::{BertModel, Config};
use std::path::Path;
use tokenizers::Tokenizer;

const TODO: &str = "Put config.json, tokenizer.json and model.safetensors of one BERT-family encoder into the folder, as published";
/// Longest text in tokens unless the model says less.
const TOKENS_MAX: usize = 256;
/// Texts in one pass: bounds the memory.
const BATCH: usize = 16;

/// An encoder from a folder.
pub struct Bert {
    id: String,
    model: BertModel,
    tokenizer: Tokenizer,
    config: Config,
    extras: Extras,
}

impl Bert {
    /// Loads `config.json`, `tokenizer.json`, `model.safetensors` and, where it is there,
    /// `sidetone.json` (pooling, prefixes).
    pub fn load(dir: &Path) -> Result<Self, InferenceError> {
        let extras = tokens::extras(dir)?;
        let config = read_config(dir)?;
        let path = dir.join("model.safetensors");
        let bytes = std::fs::read(&path).map_err(|e| InferenceError::file(&path, e, TODO))?;
        let bad =
            |e: candle_core::Error| InferenceError::model(&path, first_line(&e.to_string()), TODO);
        let vars =
            VarBuilder::from_buffered_safetensors(bytes, DType::F32, &Device::Cpu).map_err(bad)?;
        let model = BertModel::load(vars, &config).map_err(bad)?;
        let tokens_max = extras
            .tokens_max
            .unwrap_or(TOKENS_MAX)
            .min(config.max_position_embeddings);
        let tokenizer = tokens::tokenizer(dir, tokens_max)?;
        let words = tokenizer.get_vocab_size(true);
        if words > config.vocab_size {
            let reason = format!(
                "it has {words} tokens and config.json says {}",
                config.vocab_size
            );
            return Err(InferenceError::model(
                &dir.join("tokenizer.json"),
                reason,
                TODO,
            ));
        }
        let name = extras.name.clone().unwrap_or_else(|| {
            dir.file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned()
        });
        let hash = crate::manifest::sha256_of(&path)?;
        Ok(Self {
            id: format!("{name}-{}", &hash[..12]),
            model,
            tokenizer,
            config,
            extras,
        })
    }

    fn run(&self, texts: &[&str], prefix: &str) -> Result<Vec<Vec<f32>>, InferenceError> {
        let batch = tokens::batch(
            &self.tokenizer,
            texts,
            prefix,
            self.config.pad_token_id as u32,
        )?;
        let hidden = self
            .forward(&batch)
            .map_err(|e| InferenceError::backend("the encoder", first_line(&e.to_string())))?;
        Ok(tokens::pool(
            &hidden,
            &batch,
            self.config.hidden_size,
            self.extras.pooling,
        ))
    }

    fn forward(&self, batch: &tokens::Batch) -> candle_core::Result<Vec<f32>> {
        let shape = (batch.rows, batch.width);
        let ids = Tensor::from_slice(&batch.ids, shape, &Device::Cpu)?;
        let mask = Tensor::from_slice(&batch.mask, shape, &Device::Cpu)?;
        let kinds = ids.zeros_like()?;
        self.model
            .forward(&ids, &kinds, Some(&mask))?
            .flatten_all()?
            .to_vec1()
    }
}

fn read_config(dir: &Path) -> Result<Config, InferenceError> {
    let path = dir.join("config.json");
    let text = std::fs::read_to_string(&path).map_err(|e| InferenceError::file(&path, e, TODO))?;
    let config: Config = serde_json::from_str(&text)
        .map_err(|e| InferenceError::model(&path, e.to_string(), TODO))?;
    let heads = config.num_attention_heads;
    let fits = heads > 0
        && config.hidden_size.is_multiple_of(heads)
        && (1..=4096).contains(&config.hidden_size);
    if !fits || config.max_position_embeddings == 0 || config.num_hidden_layers > 48 {
        return Err(InferenceError::model(
            &path,
            "its sizes make no encoder",
            TODO,
        ));
    }
    Ok(config)
}

/// candle appends a backtrace to its messages.
fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

impl Embedder for Bert {
    fn id(&self) -> &str {
        &self.id
    }
    fn dims(&self) -> usize {
        self.config.hidden_size
    }
    fn learned(&self) -> bool {
        true
    }
    fn embed(&self, texts: &[&str], kind: TextKind) -> Result<Vec<Vec<f32>>, InferenceError> {
        let prefix = match kind {
            TextKind::Query => &self.extras.query_prefix,
            TextKind::Passage => &self.extras.passage_prefix,
        };
        let began = std::time::Instant::now();
        let mut out = Vec::with_capacity(texts.len());
        for chunk in texts.chunks(BATCH) {
            out.extend(self.run(chunk, prefix)?);
        }
        metrics::histogram!("sidetone_embedding_seconds").record(began.elapsed().as_secs_f64());
        Ok(out)
    }
}
