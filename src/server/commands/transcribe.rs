//! `sidetone transcribe`: the recognizer by itself.

use crate::config::Config;
use crate::models::recognizer_file;
use anyhow::{Context as _, anyhow};
use sidetone_inference::recognizer::{Hint, Job, Recognizer, RecognizerConfig};
use sidetone_inference::vad::{Earshot, Level, VoiceActivity as _};
use sidetone_media::wav::Recording;
use sidetone_types::*;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub async fn run(config: &Config, lang: Lang, files: &[PathBuf]) -> anyhow::Result<()> {
    let limits = RecognizerConfig {
        workers: 1,
        places_max: 1,
        ..RecognizerConfig::default()
    };
    let recognizer = Recognizer::load(&recognizer_file(config)?, limits)?;
    let mut failed = 0;
    for file in files {
        match transcribe(&recognizer, lang, file).await {
            Ok(said) if said.is_empty() => println!("{}\tno speech", file.display()),
            Ok(said) => {
                for one in said {
                    println!("{}{one}", file.display());
                }
            }
            Err(error) => {
                eprintln!("{}: {error:#}", file.display());
                failed += 1;
            }
        }
    }
    if failed > 0 {
        return Err(anyhow!(
            "{failed} of {} files could not be transcribed",
            files.len()
        ));
    }
    Ok(())
}

/// A stretch of speech, printed as channel, time within the file, and words.
struct Said {
    channel: Option<usize>,
    at: usize,
    text: Option<String>,
}

impl std::fmt::Display for Said {
    fn fmt(&self, out: &mut std::fmt::Formatter) -> std::fmt::Result {
        if let Some(channel) = self.channel {
            write!(out, " [{}]", channel + 1)?;
        }
        let tenths = self.at * 10 / RATE_HZ as usize;
        let (minutes, seconds, tenths) = (tenths / 600, tenths / 10 % 60, tenths % 10);
        let text = self.text.as_deref().unwrap_or("(unclear)");
        write!(out, "\t{minutes}:{seconds:02}.{tenths}\t{text}")
    }
}

async fn transcribe(recognizer: &Recognizer, lang: Lang, file: &Path) -> anyhow::Result<Vec<Said>> {
    let place = recognizer.admit().context("the recognizer has no place")?;
    let recording = sidetone_media::wav::read(&std::fs::read(file)?)?;
    let stereo = recording.channels.len() > 1;
    let mut said = Vec::new();
    let mut count = 0;
    for (channel, samples) in recording.channels.into_iter().enumerate() {
        let one = Recording {
            rate_hz: recording.rate_hz,
            channels: vec![samples],
        };
        let pcm = one.to_house()?;
        for stretch in spoken(&pcm) {
            let at = stretch.start;
            count += 1;
            let job = Job {
                place: place.key(),
                utterance: UtteranceId(count),
                pcm: Arc::from(&pcm[stretch]),
                at: CallTime::ZERO,
                lang,
                stage: Stage::Final,
                careful: true,
                hint: Hint::Open,
            };
            let text = recognizer.transcribe(job).await?.text.reveal().to_owned();
            said.push(Said {
                channel: stereo.then_some(channel),
                at,
                text: Some(text).filter(|text| !text.is_empty()),
            });
        }
    }
    said.sort_by_key(|one| one.at);
    Ok(said)
}

/// Where somebody speaks, in samples. Pauses within a sentence stay inside; what is longer than the
/// recognizer's window is cut.
pub(super) fn spoken(pcm: &[i16]) -> Vec<Range<usize>> {
    const PAUSE: usize = RATE_HZ as usize * 7 / 10;
    const MARGIN: usize = RATE_HZ as usize * 3 / 10;
    const LONGEST: usize = RATE_HZ as usize * 20;
    let (mut activity, mut level) = (Earshot::default(), Level::default());
    let mut found: Vec<Range<usize>> = Vec::new();
    for (number, frame) in pcm.as_chunks::<FRAME_SAMPLES>().0.iter().enumerate() {
        let score = activity.push(frame);
        level.push(frame, score);
        if level.now() < 2 {
            continue;
        }
        let (start, end) = (number * FRAME_SAMPLES, (number + 1) * FRAME_SAMPLES);
        match found.last_mut() {
            Some(last) if start <= last.end + PAUSE && end - last.start <= LONGEST => {
                last.end = end;
            }
            _ => found.push(start..end),
        }
    }
    // The level rises late and its first sounds belong to the stretch.
    let mut from = 0;
    for one in &mut found {
        one.start = one.start.saturating_sub(MARGIN).max(from);
        one.end = (one.end + MARGIN).min(pcm.len());
        from = one.end;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_are_found_and_pauses_are_not_cut() {
        let pause = |ms: usize| vec![0i16; ms * 16];
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../web/callers/zh-bill.wav");
        let speech = sidetone_media::wav::read(&std::fs::read(file).unwrap()).unwrap();
        let speech = speech.to_house().unwrap();
        let spoken_s = |pcm: &[i16]| {
            spoken(pcm)
                .iter()
                .map(|one| one.len() / 1600)
                .collect::<Vec<_>>()
        };
        let alone = spoken_s(&speech);
        assert!(!alone.is_empty() && spoken_s(&pause(5000)).is_empty());
        let twice = [pause(2000), speech.clone(), pause(3000), speech].concat();
        assert_eq!(spoken_s(&twice).len(), 2 * alone.len(), "{alone:?}");
    }
}
