//! `sidetone transcribe`: the recognizer by itself.

use crate::config::Config;
use crate::models::recognizer_file;
use anyhow::{Context as _, anyhow};
use sidetone_inference::recognizer::{Hint, Job, Recognizer, RecognizerConfig};
use sidetone_media::wav::Recording;
use sidetone_types::*;
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
            Ok(texts) => {
                for (channel, text) in texts.iter().enumerate() {
                    let side = if texts.len() > 1 {
                        format!(" [{}]", channel + 1)
                    } else {
                        String::new()
                    };
                    println!("{}{side}\t{text}", file.display());
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

async fn transcribe(
    recognizer: &Recognizer,
    lang: Lang,
    file: &Path,
) -> anyhow::Result<Vec<String>> {
    let place = recognizer.admit().context("the recognizer has no place")?;
    let recording = sidetone_media::wav::read(&std::fs::read(file)?)?;
    let mut texts = Vec::new();
    for (channel, samples) in recording.channels.into_iter().enumerate() {
        let one = Recording {
            rate_hz: recording.rate_hz,
            channels: vec![samples],
        };
        let pcm = one.to_house()?;
        let job = Job {
            place: place.key(),
            utterance: UtteranceId(channel as u32),
            pcm: Arc::from(pcm),
            at: CallTime::ZERO,
            lang,
            stage: Stage::Final,
            hint: Hint::Open,
        };
        texts.push(recognizer.transcribe(job).await?.text.reveal().to_owned());
    }
    Ok(texts)
}
