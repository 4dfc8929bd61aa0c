//! A speech server that speaks the OpenAI dialect (`POST /v1/audio/speech`).

use super::Synthesizer;
use crate::llm::Secret;
use crate::manifest::reason_of;
use crate::{BoxFuture, InferenceError, pcm};
use sidetone_types::Lang;
use std::time::Duration;

/// Where the server is and which voice it is to use.
#[derive(Clone, Debug)]
pub struct OpenAiVoiceConfig {
    /// `http://host:port/v1`
    pub base_url: String,
    pub key: Option<Secret>,
    pub model: String,
    pub voice_zh: String,
    pub voice_en: String,
    pub timeout: Duration,
}

/// The client.
pub struct OpenAiVoice {
    config: OpenAiVoiceConfig,
    client: reqwest::Client,
}

impl OpenAiVoice {
    pub fn new(config: OpenAiVoiceConfig) -> Result<Self, InferenceError> {
        let client = reqwest::Client::builder()
            .timeout(config.timeout)
            .build()
            .map_err(|e| InferenceError::backend("the speech client", e))?;
        Ok(Self { config, client })
    }

    fn voice(&self, lang: Lang) -> &str {
        match lang {
            Lang::Zh => &self.config.voice_zh,
            Lang::En => &self.config.voice_en,
        }
    }
}

impl Synthesizer for OpenAiVoice {
    fn id(&self, lang: Lang) -> String {
        format!(
            "{} {} {}",
            self.config.base_url,
            self.config.model,
            self.voice(lang)
        )
    }

    fn speak<'a>(
        &'a self,
        text: &'a str,
        lang: Lang,
    ) -> BoxFuture<'a, Result<Vec<i16>, InferenceError>> {
        Box::pin(async move {
            let url = format!(
                "{}/audio/speech",
                self.config.base_url.trim_end_matches('/')
            );
            let failed = |reason: String| InferenceError::Http {
                url: url.clone(),
                reason,
                todo: "Check the address and the key of the speech server in the configuration"
                    .into(),
            };
            let mut request = self.client.post(&url).json(&serde_json::json!({
                "model": self.config.model,
                "voice": self.voice(lang),
                "input": text,
                "response_format": "wav",
            }));
            if let Some(key) = &self.config.key {
                request = request.bearer_auth(key.reveal());
            }
            let response = request.send().await.map_err(|e| failed(reason_of(&e)))?;
            let status = response.status();
            if !status.is_success() {
                return Err(failed(format!("the server answered {status}")));
            }
            let bytes = response.bytes().await.map_err(|e| failed(reason_of(&e)))?;
            pcm::read_wav(&bytes)
        })
    }
}
