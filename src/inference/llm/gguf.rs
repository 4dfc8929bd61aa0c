//! A local GGUF file (llama or qwen2 family) through candle, with `tokenizer.json` beside it.
//!
//! Generation runs on a thread of its own and one at a time a file: a second question waits for
//! the first, and the queue is short, because nobody should wait behind many.

use super::{Chat, LanguageModel};
use crate::{BoxFuture, InferenceError};
use candle_core::quantized::gguf_file::{Content, Value};
use candle_core::{Device, Tensor};
use candle_transformers::generation::LogitsProcessor;
use candle_transformers::models::{quantized_llama, quantized_qwen2};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokenizers::Tokenizer;
use tokio::sync::{mpsc, oneshot};

const TODO: &str =
    "Give a GGUF of the llama or qwen2 family with its tokenizer.json in the same folder";
/// Questions that may wait.
const QUEUE: usize = 4;
/// Qwen's and many others' way of writing a conversation, where the file brings no template.
const CHATML: &str = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}<|im_start|>assistant\n";

/// Which file, and how long an answer may take.
#[derive(Clone, Debug)]
pub struct GgufConfig {
    pub path: PathBuf,
    pub timeout: Duration,
    /// Prompt and answer together.
    pub context_tokens_max: usize,
}

/// The model. Its thread ends with it.
pub struct Gguf {
    id: String,
    timeout: Duration,
    asks: mpsc::Sender<Ask>,
}

struct Ask {
    chat: Chat,
    until: Instant,
    answer: oneshot::Sender<Result<String, InferenceError>>,
}

enum Weights {
    Llama(quantized_llama::ModelWeights),
    Qwen2(quantized_qwen2::ModelWeights),
}

impl Weights {
    fn forward(&mut self, x: &Tensor, at: usize) -> candle_core::Result<Tensor> {
        match self {
            Self::Llama(m) => m.forward(x, at),
            Self::Qwen2(m) => m.forward(x, at),
        }
    }
    fn forget(&mut self) {
        match self {
            Self::Llama(m) => m.clear_kv_cache(),
            Self::Qwen2(m) => m.clear_kv_cache(),
        }
    }
}

struct Runner {
    weights: Weights,
    tokenizer: Tokenizer,
    template: String,
    stops: Vec<u32>,
    context: usize,
}

impl Gguf {
    /// Loads the file; minutes for a large one, so call it off the async threads.
    pub fn load(config: GgufConfig) -> Result<Self, InferenceError> {
        let runner = Runner::load(&config)?;
        let (asks, inbox) = mpsc::channel(QUEUE);
        std::thread::Builder::new()
            .name("language-model".into())
            .spawn(move || serve(runner, inbox))
            .map_err(|e| InferenceError::backend("starting the language model's thread", e))?;
        Ok(Self {
            id: config
                .path
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
            timeout: config.timeout,
            asks,
        })
    }
}

fn serve(mut runner: Runner, mut inbox: mpsc::Receiver<Ask>) {
    while let Some(ask) = inbox.blocking_recv() {
        if ask.answer.is_closed() {
            continue;
        }
        let result = runner.generate(&ask.chat, ask.until, || ask.answer.is_closed());
        runner.weights.forget();
        let _ = ask
            .answer
            .send(result.map_err(|e| InferenceError::backend("the language model", e)));
    }
}

impl Runner {
    fn load(config: &GgufConfig) -> Result<Self, InferenceError> {
        let path = &config.path;
        let bad = |reason: String| InferenceError::model(path, reason, TODO);
        let file = std::fs::File::open(path).map_err(|e| InferenceError::file(path, e, TODO))?;
        let mut file = std::io::BufReader::new(file);
        let content = read_content(path, &mut file)?;
        let text = |key: &str| match content.metadata.get(key) {
            Some(Value::String(s)) => Some(s.clone()),
            _ => None,
        };
        let family = text("general.architecture").unwrap_or_default();
        let template = text("tokenizer.chat_template").unwrap_or_else(|| CHATML.to_owned());
        let eos = content
            .metadata
            .get("tokenizer.ggml.eos_token_id")
            .and_then(|v| v.to_u32().ok());
        let beside = path.with_file_name("tokenizer.json");
        let tokenizer = Tokenizer::from_file(&beside)
            .map_err(|e| InferenceError::model(&beside, e.to_string(), TODO))?;
        let first = |e: candle_core::Error| {
            bad(e.to_string().lines().next().unwrap_or_default().to_owned())
        };
        let weights = match family.as_str() {
            "llama" => Weights::Llama(
                quantized_llama::ModelWeights::from_gguf(content, &mut file, &Device::Cpu)
                    .map_err(first)?,
            ),
            "qwen2" => Weights::Qwen2(
                quantized_qwen2::ModelWeights::from_gguf(content, &mut file, &Device::Cpu)
                    .map_err(first)?,
            ),
            other => {
                return Err(bad(format!(
                    "its family is {other:?}; llama and qwen2 are taken"
                )));
            }
        };
        let named = ["<|im_end|>", "<|eot_id|>", "</s>", "<|endoftext|>"];
        let stops = named
            .iter()
            .filter_map(|t| tokenizer.token_to_id(t))
            .chain(eos)
            .collect();
        Ok(Self {
            weights,
            tokenizer,
            template,
            stops,
            context: config.context_tokens_max,
        })
    }

    fn prompt(&self, chat: &Chat) -> Result<String, String> {
        let mut env = minijinja::Environment::new();
        // Templates raise on roles that they do not know.
        env.add_function(
            "raise_exception",
            |text: String| -> Result<String, minijinja::Error> {
                Err(minijinja::Error::new(
                    minijinja::ErrorKind::InvalidOperation,
                    text,
                ))
            },
        );
        let messages: Vec<minijinja::Value> = chat
            .messages
            .iter()
            .map(|m| {
                minijinja::Value::from_pairs([
                    ("role", m.role.name()),
                    ("content", m.content.as_str()),
                ])
            })
            .collect();
        env.render_str(
            &self.template,
            minijinja::context! { messages => messages, add_generation_prompt => true, bos_token => "", eos_token => "" },
        )
        .map_err(|e| format!("its chat template fails: {e}"))
    }

    fn generate(
        &mut self,
        chat: &Chat,
        until: Instant,
        gone: impl Fn() -> bool,
    ) -> Result<String, String> {
        let prompt = self.prompt(chat)?;
        let encoded = self
            .tokenizer
            .encode(prompt, false)
            .map_err(|e| e.to_string())?;
        let mut tokens = encoded.get_ids().to_vec();
        let room = self
            .context
            .saturating_sub(tokens.len())
            .min(chat.tokens_max as usize);
        if room == 0 || tokens.is_empty() {
            return Err(format!(
                "the question has {} tokens and the model takes {}",
                tokens.len(),
                self.context
            ));
        }
        let prompt_length = tokens.len();
        let warmth = (chat.temperature > 0.0).then_some(f64::from(chat.temperature));
        let mut sampler = LogitsProcessor::new(1, warmth, None);
        let mut at = 0;
        while tokens.len() < prompt_length + room {
            if Instant::now() >= until || gone() {
                return Err("the time for the answer was up".into());
            }
            let next = self
                .step(&tokens[at..], at, &mut sampler)
                .map_err(|e| e.to_string().lines().next().unwrap_or_default().to_owned())?;
            at = tokens.len();
            if self.stops.contains(&next) {
                break;
            }
            tokens.push(next);
        }
        let text = self
            .tokenizer
            .decode(&tokens[prompt_length..], true)
            .map_err(|e| e.to_string())?;
        Ok(text.trim().to_owned())
    }

    fn step(
        &mut self,
        fresh: &[u32],
        at: usize,
        sampler: &mut LogitsProcessor,
    ) -> candle_core::Result<u32> {
        let x = Tensor::new(fresh, &Device::Cpu)?.unsqueeze(0)?;
        let logits = self.weights.forward(&x, at)?.squeeze(0)?;
        sampler.sample(&logits)
    }
}

/// The header, after checks that keep a broken file from asking for absurd memory.
fn read_content(
    path: &Path,
    file: &mut std::io::BufReader<std::fs::File>,
) -> Result<Content, InferenceError> {
    use std::io::{Read, Seek, SeekFrom};
    let bad = |reason: &str| InferenceError::model(path, reason, TODO);
    let mut head = [0u8; 24];
    file.read_exact(&mut head)
        .map_err(|_| bad("it is too short for a GGUF file"))?;
    if &head[..4] != b"GGUF" {
        return Err(bad("it is not a GGUF file"));
    }
    let number = |i: usize| u64::from_le_bytes(std::array::from_fn(|k| head[i + k]));
    if number(8) > 100_000 || number(16) > 100_000 {
        return Err(bad(
            "its header counts more tensors or fields than any model has",
        ));
    }
    file.seek(SeekFrom::Start(0))
        .map_err(|e| InferenceError::file(path, e, TODO))?;
    Content::read(file).map_err(|e| {
        bad(e
            .to_string()
            .lines()
            .next()
            .unwrap_or("its header is broken"))
    })
}

impl LanguageModel for Gguf {
    fn id(&self) -> &str {
        &self.id
    }

    fn answer<'a>(&'a self, chat: &'a Chat) -> BoxFuture<'a, Result<String, InferenceError>> {
        Box::pin(async move {
            let began = Instant::now();
            let (answer, wait) = oneshot::channel();
            let ask = Ask {
                chat: chat.clone(),
                until: began + self.timeout,
                answer,
            };
            self.asks.try_send(ask).map_err(|_| {
                InferenceError::backend("the language model", "too many questions wait already")
            })?;
            let late = || InferenceError::TimedOut {
                what: self.id.clone(),
                limit_ms: self.timeout.as_millis() as u64,
            };
            let out = tokio::time::timeout(self.timeout, wait)
                .await
                .map_err(|_| late())?;
            metrics::histogram!("sidetone_language_model_seconds")
                .record(began.elapsed().as_secs_f64());
            out.unwrap_or(Err(InferenceError::Stopped {
                what: "the language model",
            }))
        })
    }
}
