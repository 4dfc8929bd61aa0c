//! A server that speaks the OpenAI dialect (`POST /v1/chat/completions`): Ollama, vLLM, llama.cpp.

use super::{Chat, LanguageModel, Secret};
use crate::manifest::reason_of;
use crate::{BoxFuture, InferenceError};
use serde::Deserialize;
use std::time::Duration;

/// Where the server is.
#[derive(Clone, Debug)]
pub struct OpenAiChatConfig {
    /// `http://host:port/v1`
    pub base_url: String,
    pub key: Option<Secret>,
    pub model: String,
    pub timeout: Duration,
}

/// The client.
pub struct OpenAiChat {
    config: OpenAiChatConfig,
    client: reqwest::Client,
}

#[derive(Deserialize)]
struct Reply {
    choices: Vec<Choice>,
}

#[derive(Deserialize)]
struct Choice {
    message: Content,
}

#[derive(Deserialize)]
struct Content {
    content: Option<String>,
}

impl OpenAiChat {
    pub fn new(config: OpenAiChatConfig) -> Result<Self, InferenceError> {
        let client = reqwest::Client::builder()
            .timeout(config.timeout)
            .connect_timeout(Duration::from_secs(5).min(config.timeout))
            .build()
            .map_err(|e| InferenceError::backend("the language model client", e))?;
        Ok(Self { config, client })
    }

    async fn ask(&self, chat: &Chat) -> Result<String, InferenceError> {
        let url = format!(
            "{}/chat/completions",
            self.config.base_url.trim_end_matches('/')
        );
        let failed = |reason: String| {
            InferenceError::Http {
            url: url.clone(),
            reason,
            todo: "Check the address, the model's name and the key of the language model server in the configuration".into(),
        }
        };
        let mut request = self.client.post(&url).json(&serde_json::json!({
            "model": self.config.model,
            "messages": chat.messages,
            "max_tokens": chat.tokens_max,
            "temperature": chat.temperature,
            "stream": false,
        }));
        if let Some(key) = &self.config.key {
            request = request.bearer_auth(key.reveal());
        }
        let response = request.send().await.map_err(|e| {
            if e.is_timeout() {
                InferenceError::TimedOut {
                    what: url.clone(),
                    limit_ms: self.config.timeout.as_millis() as u64,
                }
            } else {
                failed(reason_of(&e))
            }
        })?;
        let status = response.status();
        if !status.is_success() {
            return Err(failed(format!("the server answered {status}")));
        }
        let reply: Reply = response
            .json()
            .await
            .map_err(|e| failed(format!("its answer cannot be read: {}", reason_of(&e))))?;
        let text = reply
            .choices
            .into_iter()
            .next()
            .and_then(|c| c.message.content);
        text.map(|t| t.trim().to_owned())
            .filter(|t| !t.is_empty())
            .ok_or_else(|| failed("its answer is empty".into()))
    }
}

impl LanguageModel for OpenAiChat {
    fn id(&self) -> &str {
        &self.config.model
    }

    fn answer<'a>(&'a self, chat: &'a Chat) -> BoxFuture<'a, Result<String, InferenceError>> {
        Box::pin(async move {
            let began = std::time::Instant::now();
            let out = self.ask(chat).await;
            metrics::histogram!("sidetone_language_model_seconds")
                .record(began.elapsed().as_secs_f64());
            out
        })
    }
}
