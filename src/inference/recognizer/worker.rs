//! The worker threads: one decoder state each, one processor thread each.

use super::hint::{TokenSets, settle};
use super::queue::{Waiting, refuse};
use super::words::{Piece, join, place, spell, unloop};
use super::{
    Evidence, HeardWord, Hint, Job, ModelShape, Recognized, RecognizerConfig, Rejected, Shared, cut,
};
use crate::ffi::{Stop, TokenBias};
use crate::vad::{Earshot, VoiceActivity};
use crate::{InferenceError, pcm};
use sidetone_types::{FRAME_SAMPLES, Heard, Lang, Stage};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use whisper_rs::{
    FullParams, SamplingStrategy, WhisperContext, WhisperContextParameters, WhisperState,
};

/// Frames of speech that an utterance must hold before it is decoded at all: 80 ms.
const SPEECH_FRAMES_MIN: usize = 4;
/// whisper.cpp holds no more.
pub(super) const BEAM_MAX: u8 = 8;
/// Encoder frames (20 ms) beyond the sound.
pub(super) const MARGIN_FRAMES: i32 = 10;

/// Samples decoded in one go: what the window holds, and what the tokens of one pass can write at
/// six a second of speech.
pub(super) fn piece_samples(shape: &ModelShape) -> usize {
    let window = (shape.n_audio_ctx - MARGIN_FRAMES).max(1) as usize * FRAME_SAMPLES;
    window.min(tokens_max(shape) as usize * 16_000 / 6)
}

/// whisper.cpp writes at most half the text window; a few tokens go to the prompt.
pub(super) fn tokens_max(shape: &ModelShape) -> i32 {
    (shape.n_text_ctx / 2 - 8).max(4)
}

/// Loads the model and starts the workers.
pub(super) fn start(
    path: &Path,
    shape: ModelShape,
    config: &RecognizerConfig,
    shared: &Arc<Shared>,
) -> Result<Vec<JoinHandle<()>>, InferenceError> {
    // Routes whisper.cpp's chatter away from standard error.
    whisper_rs::install_logging_hooks();
    let todo = "Fetch it again with `sidetone models get`, or name another model";
    let mut params = WhisperContextParameters::default();
    params.use_gpu(false).flash_attn(false);
    let context = WhisperContext::new_with_params(path, params)
        .map_err(|e| InferenceError::model(path, format!("whisper.cpp refuses it: {e}"), todo))?;
    let special = usize::try_from(context.token_eot()).unwrap_or(0);
    let tokens: Arc<[Vec<u8>]> = (0..shape.n_vocab)
        .map(|id| {
            context
                .token_to_bytes(id)
                .map(<[u8]>::to_vec)
                .unwrap_or_default()
        })
        .collect();
    let sets = Arc::new(TokenSets::new(&tokens, special));
    let prompts = Lang::ALL.map(|lang| prompt(&context, lang));
    (0..config.workers.max(1))
        .map(|i| {
            let state = context.create_state().map_err(|e| {
                InferenceError::model(path, format!("no memory for a decoder: {e}"), todo)
            })?;
            let worker = Worker {
                state,
                base: Lang::ALL
                    .map(|lang| [1, config.beam].map(|beam| base_params(lang, &shape, beam))),
                shape,
                special,
                prompts: prompts.clone(),
                tokens: Arc::clone(&tokens),
                config: config.clone(),
                sets: Arc::clone(&sets),
                biases: BTreeMap::new(),
                stop: Arc::new(Stop {
                    finals: Arc::clone(&shared.finals),
                    partial: AtomicBool::new(false),
                }),
                floats: Vec::new(),
            };
            let shared = Arc::clone(shared);
            std::thread::Builder::new()
                .name(format!("recognizer-{i}"))
                .spawn(move || worker.run(&shared))
                .map_err(|e| InferenceError::backend("starting a recognizer thread", e))
        })
        .collect()
}

/// The parameters of every pass. Made once a language: whisper-rs leaks the language's name.
fn base_params(lang: Lang, shape: &ModelShape, beam: u8) -> FullParams<'static, 'static> {
    let mut p = FullParams::new(if beam > 1 {
        SamplingStrategy::BeamSearch {
            beam_size: beam.min(BEAM_MAX).into(),
            patience: -1.0,
        }
    } else {
        SamplingStrategy::Greedy { best_of: 1 }
    });
    p.set_language(Some(lang.code()));
    p.set_no_timestamps(true);
    p.set_single_segment(true);
    p.set_no_context(true);
    // Forbidding the empty text makes words out of silence.
    p.set_suppress_blank(false);
    p.set_temperature_inc(0.0);
    p.set_max_tokens(tokens_max(shape));
    p.set_print_special(false);
    p.set_print_progress(false);
    p.set_print_realtime(false);
    p.set_print_timestamps(false);
    p
}

/// The tokens that ask for a text without times.
fn prompt(context: &WhisperContext, lang: Lang) -> Vec<i32> {
    let mut tokens = vec![context.token_sot()];
    if context.is_multilingual() {
        let lang = whisper_rs::get_lang_id(lang.code()).map(|id| context.token_lang(id));
        tokens.extend(lang);
        tokens.push(context.token_transcribe());
    }
    tokens.push(context.token_not());
    tokens
}

pub(super) struct Worker {
    pub(super) state: WhisperState,
    /// By language: the likeliest token each time, several texts weighed.
    pub(super) base: [[FullParams<'static, 'static>; 2]; 2],
    pub(super) shape: ModelShape,
    pub(super) special: usize,
    /// By language: what comes before a text.
    pub(super) prompts: [Vec<i32>; 2],
    /// The bytes of every token.
    pub(super) tokens: Arc<[Vec<u8>]>,
    pub(super) config: RecognizerConfig,
    pub(super) sets: Arc<TokenSets>,
    /// Penalties of the hints seen so far; bounded, since `Words` differ from flow to flow.
    pub(super) biases: BTreeMap<String, Option<TokenBias>>,
    pub(super) stop: Arc<Stop>,
    pub(super) floats: Vec<f32>,
}

impl Worker {
    fn run(mut self, shared: &Shared) {
        while let Some(waiting) = next(shared) {
            self.stop
                .partial
                .store(waiting.job.stage == Stage::Partial, Ordering::Relaxed);
            let waited = waiting.since.elapsed();
            let began = Instant::now();
            let stage = if waiting.job.stage == Stage::Final {
                "final"
            } else {
                "partial"
            };
            let result = self.recognize(&waiting.job, waited, began);
            metrics::histogram!("sidetone_recognizer_wait_seconds", "stage" => stage)
                .record(waited.as_secs_f64());
            metrics::histogram!("sidetone_recognizer_seconds", "stage" => stage)
                .record(began.elapsed().as_secs_f64());
            match result {
                Err(InferenceError::Superseded) => refuse(waiting, InferenceError::Superseded),
                other => {
                    let _ = waiting.answer.send(other);
                }
            }
        }
    }

    fn recognize(
        &mut self,
        job: &Job,
        waited: Duration,
        began: Instant,
    ) -> Result<Recognized, InferenceError> {
        let voiced = voiced_frames(&job.pcm);
        let mut out = Recognized {
            text: Heard::default(),
            words: Vec::new(),
            confidence: 0,
            others: Vec::new(),
            evidence: Evidence::default(),
            lang: job.lang,
            took: Duration::ZERO,
            waited,
            rejected: Some(Rejected::NoSpeech),
        };
        if voiced.iter().filter(|v| **v).count() >= SPEECH_FRAMES_MIN {
            let bias = self.bias(&job.hint, job.lang);
            let mut log_p = Vec::new();
            let mut all: Vec<(String, f32)> = Vec::new();
            let mut pieces = 0;
            for range in cut::pieces(&job.pcm, &voiced, piece_samples(&self.shape)) {
                let frames = range.start / FRAME_SAMPLES
                    ..range.end.div_ceil(FRAME_SAMPLES).min(voiced.len());
                if !voiced[frames.clone()].iter().any(|v| *v) {
                    continue;
                }
                let mut decoded = self.decode(&job.pcm[range.clone()], job, bias.as_ref())?;
                unloop(&mut decoded);
                let from = job.at + Duration::from_micros(range.start as u64 * 1_000_000 / 16_000);
                out.words
                    .extend(place(&decoded.words, &voiced[frames], from));
                log_p.extend_from_slice(&decoded.log_p);
                all.append(&mut decoded.words);
                pieces += 1;
                out.others = std::mem::take(&mut decoded.others)
                    .into_iter()
                    .filter(|_| pieces == 1)
                    .map(|(text, less)| (Heard::new(text), less))
                    .collect();
            }
            self.finish(job, &all, &log_p, &mut out);
        }
        out.took = began.elapsed();
        Ok(out)
    }

    /// Confidence, rejection, and the hint's last word.
    fn finish(&self, job: &Job, words: &[(String, f32)], log_p: &[f32], out: &mut Recognized) {
        out.rejected = None;
        let text = spell(words);
        if text.is_empty() {
            out.rejected = Some(Rejected::Nothing);
            return;
        }
        if let Some(evidence) = Evidence::of(log_p) {
            out.confidence = self.config.calibration.confidence(evidence);
            out.evidence = evidence;
        }
        if out.confidence < self.config.reject_below {
            out.rejected = Some(Rejected::Unsure);
            out.words.clear();
            out.others.clear();
            return;
        }
        match settle(&text, &job.hint, job.lang) {
            Some(settled) => {
                out.others.clear();
                respell(&settled, &mut out.words);
                out.text = Heard::new(settled);
            }
            None => out.text = Heard::new(text),
        }
    }

    fn bias(&mut self, hint: &Hint, lang: Lang) -> Option<TokenBias> {
        let key = format!("{lang}{hint:?}");
        if let Some(known) = self.biases.get(&key) {
            return known.clone();
        }
        if self.biases.len() >= 64 {
            self.biases.clear();
        }
        let bias = self.sets.penalties(hint, lang, self.config.hint_penalty);
        self.biases.insert(key, bias.clone());
        bias
    }
}

fn next(shared: &Shared) -> Option<Waiting> {
    let mut inner = shared.lock();
    loop {
        let parts = &mut *inner;
        let popped = parts
            .queue
            .pop(Instant::now(), |key| parts.places.contains(&key));
        if let Some(waiting) = popped {
            shared.measure(&inner);
            return Some(waiting);
        }
        if inner.queue.stopped {
            return None;
        }
        inner = shared.wake.wait(inner).unwrap_or_else(|e| e.into_inner());
    }
}

/// Which 20 ms frames hold speech.
fn voiced_frames(pcm: &[i16]) -> Vec<bool> {
    let mut vad = Earshot::default();
    let mut voiced: Vec<bool> = pcm
        .chunks(FRAME_SAMPLES)
        .map(|chunk| {
            let mut frame = [0i16; FRAME_SAMPLES];
            frame[..chunk.len()].copy_from_slice(chunk);
            vad.push(&frame) >= 400 && pcm::level_dbov(chunk) > -58.0
        })
        .collect();
    // The detector looks back 48 ms: a frame before a voiced one is part of its onset.
    for i in 1..voiced.len() {
        voiced[i - 1] |= voiced[i];
    }
    voiced
}

/// Gives the settled text to the words that stand, so that both say the same.
fn respell(text: &str, words: &mut Vec<HeardWord>) {
    let fresh = join(&[Piece {
        bytes: text.as_bytes().to_vec(),
        p: 1.0,
    }])
    .words;
    if fresh.len() == words.len() {
        for (word, (text, _)) in words.iter_mut().zip(fresh) {
            word.text = Heard::new(text);
        }
    } else if let (Some(first), Some(last)) = (words.first().cloned(), words.last().cloned()) {
        *words = vec![HeardWord {
            text: Heard::new(text),
            from: first.from,
            to: last.to,
            confidence: first.confidence.min(last.confidence),
        }];
    }
}
