//! How one stretch of sound becomes tokens: whisper.cpp's greedy pass for partials, our own search
//! where the text is final.

use super::Job;
use super::search::{Candidate, Limits, search};
use super::words::{Decoded, Piece, join};
use super::worker::{BEAM_MAX, MARGIN_FRAMES, Worker, tokens_max};
use crate::ffi::{self, Decoder, Stop, TokenBias};
use crate::{InferenceError, pcm};
use sidetone_types::{FRAME_SAMPLES, Lang, RATE_HZ, Stage};
use std::borrow::Cow;
use std::sync::atomic::Ordering;
use whisper_rs::WhisperError;

/// Texts kept beside the best.
const OTHERS_MAX: usize = 7;
/// How fast a text's share falls with what a token of it is less likely on the mean. `None`: the best
/// text stands alone. By `sidetone eval intents --spoken` on dev sentences, with the weights before
/// the shipped ones, the others bring the wish of 54 in 100 English sentences instead of 48, and
/// 68 of Chinese ones instead of 71.
fn sharpness(lang: Lang) -> Option<f32> {
    match lang {
        Lang::En => Some(8.0),
        Lang::Zh => None,
    }
}

/// Scores of what may follow a text, when the decoder holds another: it goes back to what both have
/// in common.
fn follow(
    decoder: &mut Decoder<'_>,
    prompt: &[i32],
    held: &mut Vec<u16>,
    text: &[u16],
    row: &mut Vec<f32>,
) -> Result<(), WhisperError> {
    let same = held.iter().zip(text).take_while(|(a, b)| a == b).count();
    // At least the last one again, for its scores.
    let from = same.min(text.len().saturating_sub(1));
    let mut tokens: Vec<i32> = text[from..].iter().map(|&token| token.into()).collect();
    let past = if text.is_empty() {
        tokens.extend_from_slice(prompt);
        0
    } else {
        prompt.len() + from
    };
    held.clear();
    held.extend_from_slice(text);
    decoder.logits(&tokens, past, row)
}

/// A final waits, and this is a partial: it makes room.
fn superseded(stop: &Stop) -> bool {
    stop.partial.load(Ordering::Relaxed) && stop.finals.load(Ordering::Relaxed) > 0
}

impl Worker {
    pub(super) fn decode(
        &mut self,
        pcm: &[i16],
        job: &Job,
        bias: Option<&TokenBias>,
    ) -> Result<Decoded, InferenceError> {
        self.sound(pcm);
        let weigh = job.careful || job.stage == Stage::Final;
        let weighed = weigh && self.config.ngram.is_some();
        let mut params = self.base[job.lang as usize][usize::from(weigh && !weighed)].clone();
        if weighed {
            // Only what encodes the sound: the search is our own.
            params.set_max_tokens(1);
        }
        let frames = (self.floats.len() / FRAME_SAMPLES) as i32 + 1 + MARGIN_FRAMES;
        params.set_audio_ctx(frames.min(self.shape.n_audio_ctx));
        let stop = &self.stop;
        let n_vocab = self.shape.n_vocab as usize;
        let decoder = ffi::run(&mut self.state, params, bias, stop, n_vocab, &self.floats)
            .map_err(|e| failed(stop, e))?;
        if !weighed {
            return Ok(join(&self.pieces()));
        }
        let Some(mut decoder) = decoder else {
            return Ok(Decoded::default());
        };
        let prompt = &self.prompts[job.lang as usize];
        let mut held: Vec<u16> = Vec::new();
        let limits = Limits {
            beam: self.config.beam.clamp(1, BEAM_MAX).into(),
            tokens_max: tokens_max(&self.shape) as usize,
            end: self.special,
        };
        let texts = search(limits, bias.map(|bias| &bias[..]), |text, row| {
            if superseded(stop) {
                return Err(InferenceError::Superseded);
            }
            follow(&mut decoder, prompt, &mut held, text, row).map_err(|e| failed(stop, e))
        })?;
        let mut ranked = self.ranked(&texts, job.lang).into_iter();
        let Some((best, first)) = ranked.next() else {
            return Ok(Decoded::default());
        };
        let mut decoded = join(&self.pieces_of(first));
        if let Some(sharpness) = sharpness(job.lang) {
            decoded.others = ranked
                .take(OTHERS_MAX)
                .map(|(score, text)| {
                    let share = (sharpness * (score - best)).exp();
                    (join(&self.pieces_of(text)).text, share)
                })
                .collect();
        }
        Ok(decoded)
    }

    /// The sound as whisper.cpp takes it, in the band that the model was trained on.
    fn sound(&mut self, pcm: &[i16]) {
        let band = match self.config.trained_at_hz {
            narrow if narrow < RATE_HZ => {
                let narrowed = pcm::resample(pcm, RATE_HZ, narrow);
                Cow::Owned(pcm::resample(&narrowed, narrow, RATE_HZ))
            }
            _ => Cow::Borrowed(pcm),
        };
        self.floats.clear();
        self.floats
            .extend(band.iter().map(|&s| f32::from(s) / 32768.0));
        // whisper.cpp answers nothing for less than 100 ms.
        self.floats.resize(self.floats.len().max(3_200), 0.0);
    }

    /// The texts by how likely sound and language together make them, best first: by the mean over
    /// a text's tokens, its end and one more, which keeps short ones from winning. None where
    /// nothing was said, going by the sound alone.
    fn ranked<'a>(&self, texts: &'a [Candidate], lang: Lang) -> Vec<(f32, &'a Candidate)> {
        let mean = |sum: f32, text: &Candidate| sum / (text.tokens.len() + 2) as f32;
        let by_sound = |text: &&Candidate| mean(text.by_sound(), text);
        let first = texts
            .iter()
            .max_by(|a, b| by_sound(a).total_cmp(&by_sound(b)));
        let something = first.is_some_and(|text| !text.tokens.is_empty());
        let Some(weighing) = self.config.ngram.as_ref().filter(|_| something) else {
            return Vec::new();
        };
        let token = |id: i32| u16::try_from(id).unwrap_or_default();
        let begin = token(self.prompts[lang as usize][0]);
        let end = self.special as u16;
        let mut ranked: Vec<(f32, &Candidate)> = texts
            .iter()
            .filter(|text| !text.tokens.is_empty())
            .map(|text| {
                let run = [&[begin][..], &text.tokens, &[end]].concat();
                let order = weighing.ngram.text(lang, &run);
                (mean(text.by_sound() + weighing.weight * order, text), text)
            })
            .collect();
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
        ranked
    }

    fn pieces_of(&self, text: &Candidate) -> Vec<Piece> {
        let tokens = text.tokens.iter().zip(&text.log_p);
        let spoken = tokens.filter(|(token, _)| usize::from(**token) < self.special);
        spoken
            .map(|(token, log_p)| Piece {
                bytes: self.tokens[usize::from(*token)].clone(),
                p: log_p.exp(),
            })
            .collect()
    }

    /// What whisper.cpp chose.
    fn pieces(&self) -> Vec<Piece> {
        let mut pieces = Vec::new();
        for segment in self.state.as_iter() {
            for token in (0..segment.n_tokens()).filter_map(|i| segment.get_token(i)) {
                if usize::try_from(token.token_id()).is_ok_and(|id| id < self.special) {
                    pieces.push(Piece {
                        bytes: token.to_bytes().map(<[u8]>::to_vec).unwrap_or_default(),
                        p: token.token_probability(),
                    });
                }
            }
        }
        pieces
    }
}

fn failed(stop: &Stop, error: WhisperError) -> InferenceError {
    if superseded(stop) {
        InferenceError::Superseded
    } else {
        InferenceError::backend("recognition", error)
    }
}
