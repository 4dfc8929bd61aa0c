//! Speech for prompts: a backend behind a trait, recorded prompts before it, caches around it.
//!
//! [`Voice`] is what the server uses. It cuts a text into sentences, so that the first one plays
//! while the others are made; looks for a recorded prompt, then in memory, then on disk, and only
//! then asks the backend. Text with personal data in it stays in memory.

mod cache;
mod espeak;
mod openai;
mod text;

pub use espeak::Espeak;
pub use openai::{OpenAiVoice, OpenAiVoiceConfig};
pub use text::{sentences, spoken};

use crate::{BoxFuture, InferenceError, pcm};
use cache::Cache;
use sha2::{Digest, Sha256};
use sidetone_types::Lang;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Level that speech is brought to.
const TARGET_DBOV: f32 = -20.0;
/// Silence kept at both ends of a sentence.
const KEEP_MS: usize = 20;
/// Changes when the same text would be made into other sound (normalisation, levels).
const RECIPE: &str = "2";

/// Makes sound of a text.
pub trait Synthesizer: Send + Sync {
    /// Program, version and voice: part of the cache's key.
    fn id(&self, lang: Lang) -> String;
    /// 16 kHz mono of one sentence, as the backend makes it.
    fn speak<'a>(
        &'a self,
        text: &'a str,
        lang: Lang,
    ) -> BoxFuture<'a, Result<Vec<i16>, InferenceError>>;
}

/// What to say.
#[derive(Clone, Debug)]
pub struct Say {
    /// Key of the prompt, to find a recorded one. `None` for text made up on the way.
    pub key: Option<String>,
    pub text: String,
    pub lang: Lang,
    /// Holds something of the caller's (a number, an address): never written to disk.
    pub personal: bool,
}

/// One stretch of speech.
#[derive(Clone, Debug)]
pub struct Speech {
    /// 16 kHz mono, about −20 dBov.
    pub pcm: Arc<[i16]>,
    /// The sentence as shown.
    pub text: String,
    /// Whether no sentence comes after it.
    pub last: bool,
}

impl Speech {
    pub fn length(&self) -> Duration {
        Duration::from_micros(self.pcm.len() as u64 * 1_000_000 / 16_000)
    }
}

/// Where things are kept.
#[derive(Clone, Debug)]
pub struct VoiceConfig {
    /// Folder of `<lang>/<key>.wav`; both `zh` and `zh-CN` are looked at.
    pub recorded: Option<PathBuf>,
    /// Folder for made sentences; `None` keeps them in memory only.
    pub cache: Option<PathBuf>,
    pub memory_bytes_max: usize,
    pub disk_bytes_max: u64,
}

impl Default for VoiceConfig {
    fn default() -> Self {
        Self {
            recorded: None,
            cache: None,
            memory_bytes_max: 64 << 20,
            disk_bytes_max: 512 << 20,
        }
    }
}

/// The assistant's voice. Cheap to clone.
#[derive(Clone)]
pub struct Voice {
    inner: Arc<Inner>,
}

struct Inner {
    backend: Arc<dyn Synthesizer>,
    recorded: Option<PathBuf>,
    cache: Cache,
}

impl Voice {
    pub fn new(backend: Arc<dyn Synthesizer>, config: VoiceConfig) -> Self {
        Self {
            inner: Arc::new(Inner {
                backend,
                recorded: config.recorded,
                cache: Cache::new(config.cache, config.memory_bytes_max, config.disk_bytes_max),
            }),
        }
    }

    /// Sentence by sentence, in order; the first one as soon as it is made. The channel holds two,
    /// so nothing is made far ahead of what a caller who interrupts will hear.
    pub fn stream(&self, say: Say) -> mpsc::Receiver<Result<Speech, InferenceError>> {
        let (send, receive) = mpsc::channel(2);
        let inner = Arc::clone(&self.inner);
        tokio::spawn(async move {
            let began = Instant::now();
            if let Some(speech) = inner.recorded(&say).await {
                let _ = send.send(Ok(speech)).await;
                return;
            }
            let parts = sentences(&say.text);
            let count = parts.len();
            for (i, part) in parts.into_iter().enumerate() {
                let result = inner.sentence(part, &say, i + 1 == count).await;
                if i == 0 {
                    metrics::histogram!("sidetone_synthesis_first_seconds")
                        .record(began.elapsed().as_secs_f64());
                }
                let failed = result.is_err();
                if send.send(result).await.is_err() || failed {
                    return;
                }
            }
        });
        receive
    }

    /// All of it in one piece.
    pub async fn say(&self, say: &Say) -> Result<Speech, InferenceError> {
        if let Some(speech) = self.inner.recorded(say).await {
            return Ok(speech);
        }
        let mut pcm = Vec::new();
        for part in sentences(&say.text) {
            pcm.extend_from_slice(&self.inner.sentence(part, say, true).await?.pcm);
        }
        Ok(Speech {
            pcm: pcm.into(),
            text: say.text.clone(),
            last: true,
        })
    }

    /// What a caller hears when nothing can speak: two short tones. The text still goes to the
    /// captions.
    pub fn tone(text: &str) -> Speech {
        let note = |hz: f32, ms: usize| {
            (0..ms * 16).map(move |i| {
                let fade = (i.min(ms * 16 - i) as f32 / 160.0).min(1.0);
                (fade * 2600.0 * (std::f32::consts::TAU * hz * i as f32 / 16_000.0).sin()) as i16
            })
        };
        Speech {
            pcm: note(523.0, 120).chain(note(392.0, 180)).collect(),
            text: text.to_owned(),
            last: true,
        }
    }
}

impl Inner {
    /// A recorded prompt overrides the synthesizer. A broken recording is reported and passed over.
    async fn recorded(&self, say: &Say) -> Option<Speech> {
        let (folder, key) = (self.recorded.as_ref()?, say.key.as_ref()?);
        let name = PathBuf::from(format!("{key}.wav"));
        if !name.components().all(|c| matches!(c, Component::Normal(_))) {
            return None;
        }
        for lang in [say.lang.locale(), say.lang.code()] {
            let path = folder.join(lang).join(&name);
            let Ok(bytes) = tokio::fs::read(&path).await else {
                continue;
            };
            match pcm::read_wav(&bytes) {
                Ok(pcm) => {
                    return Some(Speech {
                        pcm: pcm.into(),
                        text: say.text.clone(),
                        last: true,
                    });
                }
                Err(e) => warn_recording(&path, &e),
            }
        }
        None
    }

    async fn sentence(
        &self,
        text: String,
        say: &Say,
        last: bool,
    ) -> Result<Speech, InferenceError> {
        let words = spoken(&text, say.lang);
        let key = self.key(&words, say.lang);
        let kept = self.cache.get(&key, !say.personal).await;
        metrics::counter!("sidetone_synthesis_total", "cache" => if kept.is_some() { "hit" } else { "miss" }).increment(1);
        let pcm = match kept {
            Some(pcm) => pcm,
            None => {
                let began = Instant::now();
                let mut pcm = self.backend.speak(&words, say.lang).await?;
                pcm::trim_and_level(&mut pcm, KEEP_MS, TARGET_DBOV);
                // The pause that a speaker makes after a sentence.
                pcm.resize(pcm.len() + 16_000 / 5, 0);
                metrics::histogram!("sidetone_synthesis_seconds")
                    .record(began.elapsed().as_secs_f64());
                let pcm: Arc<[i16]> = pcm.into();
                self.cache.put(&key, &pcm, !say.personal).await;
                pcm
            }
        };
        Ok(Speech { pcm, text, last })
    }

    fn key(&self, words: &str, lang: Lang) -> String {
        let mut hash = Sha256::new();
        for part in [RECIPE, &self.backend.id(lang), lang.code(), words] {
            hash.update(part.len().to_le_bytes());
            hash.update(part);
        }
        hex::encode(hash.finalize())
    }
}

fn warn_recording(path: &Path, error: &InferenceError) {
    tracing::warn!(path = %path.display(), %error, "recorded prompt passed over; the synthesizer speaks instead");
}
