//! `sidetone bench asr`: how many callers one machine can hear at the same time, beside a whisper.cpp
//! server with the same file.
//!
//! Each caller says the recorded callers' sentences one after the other and is silent as long as they
//! spoke. While they speak, the text so far is asked for every 300 ms, one request at a time; 120 ms
//! after the last word, which is when the voice activity falls, the whole is. A number of callers is
//! borne when 95 of 100 whole texts are there 500 ms after the last word.

use super::bench;
use super::eval::Report;
use crate::config::Config;
use crate::models::recognizer_file;
use anyhow::{Context as _, bail};
use clap::Args;
use sidetone_inference::recognizer::{Hint, Job, PlaceKey, Recognizer, RecognizerConfig};
use sidetone_types::*;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;

const PARTIAL_EVERY: Duration = Duration::from_millis(300);
/// From the last voiced frame to the voice activity's fall.
const FALL: Duration = Duration::from_millis(120);
const FINAL_MS_MAX: u64 = 500;
/// A request that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Args)]
pub struct AsrArgs {
    /// Callers at the same time, one row of the table each; the first number that is too many ends it
    #[arg(long, value_delimiter = ',', default_value = "1,2,4,8,12,16,24,32,48")]
    callers: Vec<usize>,
    /// Seconds of each row
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// A whisper.cpp server with the same file, http://127.0.0.1:8178, measured after ours
    #[arg(long)]
    server: Option<String>,
}

/// One sentence.
struct Sentence {
    lang: Lang,
    pcm: Arc<[i16]>,
}

#[derive(Clone)]
enum Ears {
    Ours(Recognizer),
    Server {
        client: reqwest::Client,
        url: String,
    },
}

#[derive(Default)]
struct Measured {
    finals_ms: Vec<u64>,
    partials: usize,
    failed: usize,
}

pub async fn run(config: &Config, args: AsrArgs) -> anyhow::Result<()> {
    let sentences: Arc<[Sentence]> = sentences(config)?.into();
    let mut report = Report::silent("asr-bench");
    let limits = RecognizerConfig {
        places_max: args.callers.iter().copied().max().unwrap_or(1),
        ..RecognizerConfig::default()
    };
    println!("engine              callers  finals  final p50  p95 ms  partials/s  failed");
    let ours = Ears::Ours(Recognizer::load(&recognizer_file(config)?, limits)?);
    let most = levels("sidetone", &ours, &sentences, &args, &mut report).await?;
    drop(ours);
    if let Some(url) = &args.server {
        // Twice is once: an engine in this process may have done it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let server = Ears::Server {
            client: reqwest::Client::builder().timeout(PATIENCE).build()?,
            url: format!("{}/inference", url.trim_end_matches('/')),
        };
        let theirs = levels(
            "whisper.cpp server",
            &server,
            &sentences,
            &args,
            &mut report,
        )
        .await?;
        println!("sidetone bears {most} callers, the server {theirs}");
    }
    report.finish()
}

/// What the recorded callers say, a cue a sentence.
fn sentences(config: &Config) -> anyhow::Result<Vec<Sentence>> {
    let mut out = Vec::new();
    for voice in bench::voices(config, &[])? {
        let at = |ms: u32| (ms as usize * RATE_HZ as usize / 1000).min(voice.pcm.len());
        for cue in &voice.caller.cues {
            let pcm = &voice.pcm[at(cue.from_ms)..at(cue.to_ms)];
            if pcm.len() > RATE_HZ as usize / 4 {
                out.push(Sentence {
                    lang: voice.caller.lang,
                    pcm: pcm.into(),
                });
            }
        }
    }
    if out.is_empty() {
        bail!("the recorded callers say nothing");
    }
    Ok(out)
}

/// The largest number of callers that was borne.
async fn levels(
    name: &str,
    ears: &Ears,
    sentences: &Arc<[Sentence]>,
    args: &AsrArgs,
    report: &mut Report,
) -> anyhow::Result<usize> {
    let mut most = 0;
    for &callers in &args.callers {
        let measured = level(ears, sentences, callers, args.seconds).await?;
        let mut finals = measured.finals_ms;
        finals.sort_unstable();
        let at = |percent| sidetone_sim::bench::percentile(&finals, percent).unwrap_or(0);
        let rate = measured.partials as f64 / args.seconds as f64;
        println!(
            "{name:<19} {callers:>7}  {:>6}  {:>9}  {:>6}  {rate:>10.1}  {:>6}",
            finals.len(),
            at(50),
            at(95),
            measured.failed
        );
        let part = format!("{callers} callers");
        report.keep(name, &part, "final p50 ms", at(50) as f64);
        report.keep(name, &part, "final p95 ms", at(95) as f64);
        report.keep(name, &part, "partials a second", rate);
        let lost = measured.failed * 20 > finals.len();
        if finals.is_empty() || lost || at(95) > FINAL_MS_MAX {
            break;
        }
        most = callers;
    }
    Ok(most)
}

async fn level(
    ears: &Ears,
    sentences: &Arc<[Sentence]>,
    callers: usize,
    seconds: u64,
) -> anyhow::Result<Measured> {
    let until = Instant::now() + Duration::from_secs(seconds);
    let mut all = JoinSet::new();
    for caller in 0..callers {
        let (ears, sentences) = (ears.clone(), sentences.clone());
        all.spawn(async move {
            // They don't begin in the same moment.
            tokio::time::sleep(Duration::from_millis(caller as u64 * 137 % 1000)).await;
            one(&ears, &sentences, caller, until).await
        });
    }
    let mut sum = Measured::default();
    while let Some(done) = all.join_next().await {
        let one = done??;
        sum.finals_ms.extend(one.finals_ms);
        sum.partials += one.partials;
        sum.failed += one.failed;
    }
    Ok(sum)
}

async fn one(
    ears: &Ears,
    sentences: &[Sentence],
    caller: usize,
    until: Instant,
) -> anyhow::Result<Measured> {
    let place = match ears {
        Ears::Ours(recognizer) => Some(recognizer.admit().context("the recognizer has no place")?),
        Ears::Server { .. } => None,
    };
    let key = place.as_ref().map(|place| place.key());
    let mut out = Measured::default();
    let mut number = caller * 7;
    while Instant::now() < until {
        let sentence = &sentences[number % sentences.len()];
        number += 1;
        let began = Instant::now();
        let length = Duration::from_secs_f64(sentence.pcm.len() as f64 / f64::from(RATE_HZ));
        let mut partial: Option<tokio::task::JoinHandle<bool>> = None;
        let mut said = PARTIAL_EVERY;
        while said < length {
            tokio::time::sleep_until(began + said).await;
            if partial.as_ref().is_none_or(|p| p.is_finished()) {
                let samples = (said.as_secs_f64() * f64::from(RATE_HZ)) as usize;
                let pcm: Arc<[i16]> = sentence.pcm[..samples.min(sentence.pcm.len())].into();
                let (ears, lang) = (ears.clone(), sentence.lang);
                out.partials += 1;
                partial = Some(tokio::spawn(async move {
                    ears.hear(key, pcm, lang, Stage::Partial).await
                }));
            }
            said += PARTIAL_EVERY;
        }
        tokio::time::sleep_until(began + length + FALL).await;
        let heard = ears
            .hear(key, sentence.pcm.clone(), sentence.lang, Stage::Final)
            .await;
        match heard {
            true => out
                .finals_ms
                .push(began.elapsed().saturating_sub(length).as_millis() as u64),
            false => out.failed += 1,
        }
        tokio::time::sleep(length).await;
    }
    Ok(out)
}

impl Ears {
    /// Whether a text came, be it empty.
    async fn hear(
        &self,
        place: Option<PlaceKey>,
        pcm: Arc<[i16]>,
        lang: Lang,
        stage: Stage,
    ) -> bool {
        match (self, place) {
            (Self::Ours(recognizer), Some(place)) => {
                let job = Job {
                    place,
                    utterance: UtteranceId(0),
                    pcm,
                    at: CallTime::ZERO,
                    lang,
                    stage,
                    careful: stage == Stage::Final,
                    hint: Hint::Open,
                };
                recognizer.transcribe(job).await.is_ok()
            }
            (Self::Server { client, url }, _) => {
                let request = client
                    .post(url)
                    .header(
                        "content-type",
                        format!("multipart/form-data; boundary={BOUNDARY}"),
                    )
                    .body(form(&pcm, lang));
                matches!(request.send().await, Ok(answer) if answer.status().is_success())
            }
            (Self::Ours(_), None) => false,
        }
    }
}

const BOUNDARY: &str = "sidetone-bench-7f3a";

/// The form that the server takes: the language and a WAV file.
fn form(pcm: &[i16], lang: Lang) -> Vec<u8> {
    let mut out = format!(
        "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"language\"\r\n\r\n{lang}\r\n\
         --{BOUNDARY}\r\ncontent-disposition: form-data; name=\"file\"; filename=\"said.wav\"\r\n\
         content-type: audio/wav\r\n\r\n"
    )
    .into_bytes();
    out.extend(sidetone_media::wav::mono_bytes(pcm, RATE_HZ));
    out.extend(format!("\r\n--{BOUNDARY}--\r\n").bytes());
    out
}
