//! The models of a house, loaded once. A missing one is a sentence in the log and on the models
//! page, and a simpler way to serve; it never keeps the house from opening.

use crate::config::{self, Config, Secret};
use serde::Serialize;
use sidetone_inference::embed::{self, Embedder};
use sidetone_inference::llm::{
    self, Gguf, GgufConfig, LanguageModel, OpenAiChat, OpenAiChatConfig,
};
use sidetone_inference::manifest::Manifest;
use sidetone_inference::recognizer::{Recognizer, RecognizerConfig};
use sidetone_inference::synth::{
    Espeak, OpenAiVoice, OpenAiVoiceConfig, Synthesizer, Voice, VoiceConfig,
};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// A sentence that takes a speech server longer is late for the caller anyway.
const SPEECH_LIMIT: Duration = Duration::from_secs(6);

/// One model as `/api/models` shows it.
#[derive(Clone, Debug, Serialize)]
pub struct ModelState {
    pub name: String,
    pub task: &'static str,
    pub ok: bool,
    pub detail: String,
}

/// Everything that hears, speaks and understands.
pub struct Models {
    pub recognizer: Option<Recognizer>,
    pub voice: Option<Voice>,
    pub embedder: Arc<dyn Embedder>,
    pub language_model: Option<Arc<dyn LanguageModel>>,
    pub states: Vec<ModelState>,
}

impl Models {
    /// Loads what the configuration names. Blocking.
    pub fn load(config: &Config) -> Self {
        let mut states = Vec::new();
        let recognizer = keep(
            "recognizer",
            &config.recognizer.model,
            recognizer(config),
            &mut states,
        );
        let voice = keep(
            "synthesizer",
            &config.synthesizer.engine,
            voice(config),
            &mut states,
        );
        let (name, embedder) = match embedder(config) {
            Ok(embedder) => (embedder.id().to_owned(), Ok(embedder)),
            Err(e) => ("embedder".to_owned(), Err(e)),
        };
        let embedder = keep("embedder", &name, embedder, &mut states)
            .unwrap_or_else(|| Arc::new(embed::Hashed::default()));
        let language_model = config.language_model.as_ref().and_then(|configured| {
            keep(
                "language model",
                "language_model",
                language_model(configured),
                &mut states,
            )
        });
        Self {
            recognizer,
            voice,
            embedder,
            language_model,
            states,
        }
    }
}

fn keep<T>(
    task: &'static str,
    name: &str,
    loaded: anyhow::Result<T>,
    states: &mut Vec<ModelState>,
) -> Option<T> {
    let (ok, detail) = match &loaded {
        Ok(_) => (true, String::new()),
        Err(e) => (false, format!("{e:#}")),
    };
    if !ok {
        tracing::error!(task, name, reason = %detail, "a model is missing");
    }
    states.push(ModelState {
        name: name.to_owned(),
        task,
        ok,
        detail,
    });
    loaded.ok()
}

/// The file of the configured recognizer: a name in the manifest, or a path.
pub fn recognizer_file(config: &Config) -> anyhow::Result<PathBuf> {
    let name = &config.recognizer.model;
    let manifest = Manifest::load(&config.paths.models)?;
    Ok(match manifest.find(name) {
        Some(entry) => config.paths.models.join(&entry.file),
        None => PathBuf::from(name),
    })
}

fn recognizer(config: &Config) -> anyhow::Result<Recognizer> {
    let limits = RecognizerConfig {
        workers: config.recognizer.workers,
        places_max: config.recognizer.places,
        ..RecognizerConfig::default()
    };
    Ok(Recognizer::load(&recognizer_file(config)?, limits)?)
}

/// The assistant's voice as configured.
pub fn voice(config: &Config) -> anyhow::Result<Voice> {
    let configured = &config.synthesizer;
    let backend: Arc<dyn Synthesizer> = if configured.engine == "espeak-ng" {
        Arc::new(Espeak::find()?)
    } else {
        let voice = |named: &Option<String>| named.clone().unwrap_or_else(|| "alloy".to_owned());
        Arc::new(OpenAiVoice::new(OpenAiVoiceConfig {
            base_url: configured.engine.clone(),
            key: key_of(configured.key_env.as_deref())?,
            model: configured
                .model
                .clone()
                .unwrap_or_else(|| "tts-1".to_owned()),
            voice_zh: voice(&configured.voice_zh),
            voice_en: voice(&configured.voice_en),
            timeout: SPEECH_LIMIT,
        })?)
    };
    let kept = VoiceConfig {
        recorded: Some(config.paths.prompts.join("recorded")),
        cache: Some(config.paths.data.join("speech")),
        ..VoiceConfig::default()
    };
    Ok(Voice::new(backend, kept))
}

/// The embedder as configured.
pub fn embedder(config: &Config) -> anyhow::Result<Arc<dyn Embedder>> {
    let folder = |configured: &Option<PathBuf>, shipped: &str| match configured {
        Some(folder) => folder.clone(),
        None => config.paths.models.join(shipped),
    };
    Ok(match &config.embedder {
        config::Embedder::Sentences {
            folder: encoder,
            words,
        } => Arc::new(embed::Sentences::load(
            &folder(encoder, "sidetone-sentences"),
            &folder(words, "sidetone-words"),
        )?),
        config::Embedder::Words { folder: words } => {
            Arc::new(embed::Words::load(&folder(words, "sidetone-words"))?)
        }
        config::Embedder::Hashed => Arc::new(embed::Hashed::default()),
        config::Embedder::Candle { folder } => Arc::new(embed::Bert::load(folder)?),
        config::Embedder::Onnx { folder, library } => {
            Arc::new(embed::Onnx::load(folder, library.as_deref())?)
        }
    })
}

fn language_model(configured: &config::LanguageModel) -> anyhow::Result<Arc<dyn LanguageModel>> {
    Ok(match configured {
        config::LanguageModel::Server {
            base_url,
            model,
            key_env,
            timeout_ms,
        } => Arc::new(OpenAiChat::new(OpenAiChatConfig {
            base_url: base_url.clone(),
            key: key_of(key_env.as_deref())?,
            model: model.clone(),
            timeout: Duration::from_millis(*timeout_ms),
        })?),
        config::LanguageModel::Gguf {
            file,
            context_tokens_max,
            timeout_ms,
        } => Arc::new(Gguf::load(GgufConfig {
            path: file.clone(),
            timeout: Duration::from_millis(*timeout_ms),
            context_tokens_max: *context_tokens_max,
        })?),
    })
}

fn key_of(variable: Option<&str>) -> anyhow::Result<Option<llm::Secret>> {
    let Some(variable) = variable else {
        return Ok(None);
    };
    Ok(Some(llm::Secret::new(Secret::from_env(variable)?.reveal())))
}
