//! A language model, for the few places where a flow or the summary asks for one. Never on the path
//! between a caller's words and the next prompt unless a flow says so.

mod gguf;
mod openai;

pub use gguf::{Gguf, GgufConfig};
pub use openai::{OpenAiChat, OpenAiChatConfig};

use crate::{BoxFuture, InferenceError};
use std::fmt;

/// A key or password. Its `Debug` shows nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
    /// The text itself, for the one header it belongs in.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// One message of a conversation with the model.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Message {
    pub role: Role,
    pub content: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    System,
    User,
    Assistant,
}

impl Role {
    /// The name on the wire and in chat templates.
    pub fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }
}

/// A question to the model.
#[derive(Clone, Debug)]
pub struct Chat {
    pub messages: Vec<Message>,
    pub tokens_max: u32,
    /// 0 gives the same answer to the same question.
    pub temperature: f32,
}

impl Chat {
    /// One instruction and one text.
    pub fn ask(system: impl Into<String>, user: impl Into<String>) -> Self {
        Self {
            messages: vec![
                Message {
                    role: Role::System,
                    content: system.into(),
                },
                Message {
                    role: Role::User,
                    content: user.into(),
                },
            ],
            tokens_max: 512,
            temperature: 0.0,
        }
    }
}

/// A language model.
pub trait LanguageModel: Send + Sync {
    /// Name for the record of who wrote something.
    fn id(&self) -> &str;
    /// The model's answer, without white space around it.
    fn answer<'a>(&'a self, chat: &'a Chat) -> BoxFuture<'a, Result<String, InferenceError>>;
}
