//! `sidetone eval`: how good the models are, on any folder of the known formats.
//!
//! Nothing here knows a set by name. Every figure comes with a 95% interval (bootstrap over the
//! rows, seeded), and is written with its command and commit to `eval/results/`.

mod conversation;
mod figures;
mod tables;

use crate::config::Config;
use crate::content;
use crate::models::{self, recognizer_file};
use anyhow::{Context as _, bail};
use clap::Subcommand;
use figures::{Figure, Report};
pub(super) use figures::{errors_between, normal};
use sidetone_inference::intent::{IntentClassifier, IntentExample, load_examples};
use sidetone_inference::mood::MoodScorer;
use sidetone_inference::recognizer::{Hint, Job, Recognizer, RecognizerConfig};
use sidetone_knowledge::{Audience, Library, Tuning, ndcg_at, recall_at};
use sidetone_types::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

/// Seed of everything that is trained here.
const SEED: u64 = 20_261_122;

#[derive(Subcommand)]
pub enum Evaluation {
    /// Words: folders with `manifest.tsv` (file, lang, text). WER in English, CER in Chinese
    Asr {
        #[arg(long, required = true)]
        data: Vec<PathBuf>,
    },
    /// Intents: `text<TAB>intent`. A folder with `train.tsv` is trained on; others use the house's
    /// own classifier
    Intents {
        #[arg(long, default_value = "knowledge/eval")]
        data: PathBuf,
    },
    /// Retrieval over the house's articles: `question<TAB>article_id`; each half and both together
    Retrieval {
        #[arg(long, default_value = "knowledge/eval")]
        data: PathBuf,
    },
    /// Mood: `text<TAB>mood` (negative, neutral, positive)
    Mood {
        #[arg(long, default_value = "knowledge/eval")]
        data: PathBuf,
    },
    /// Conversations: synthesized callers against an engine of its own, `[[scenario]]` in TOML files
    Conversation {
        #[arg(long, default_value = "eval/scenarios")]
        data: PathBuf,
        /// How often each is called
        #[arg(long, default_value_t = 1)]
        times: usize,
        /// Callers at the same time
        #[arg(long, default_value_t = 2)]
        at_once: usize,
    },
    /// Intents, retrieval and mood on the house's own sets
    All,
}

pub async fn run(config: &Config, file: Option<&Path>, what: Evaluation) -> anyhow::Result<()> {
    match what {
        Evaluation::Asr { data } => asr(config, &data).await,
        Evaluation::Intents { data } => intents(config, &data),
        Evaluation::Retrieval { data } => retrieval(config, &data),
        Evaluation::Mood { data } => mood(config, &data),
        Evaluation::Conversation {
            data,
            times,
            at_once,
        } => conversation::run(file, &data, times, at_once).await,
        Evaluation::All => {
            let own = config.paths.knowledge.join("eval");
            intents(config, &own)?;
            retrieval(config, &own)?;
            mood(config, &own)
        }
    }
}

async fn asr(config: &Config, folders: &[PathBuf]) -> anyhow::Result<()> {
    let limits = RecognizerConfig {
        workers: 1,
        places_max: 1,
        ..RecognizerConfig::default()
    };
    let recognizer = Recognizer::load(&recognizer_file(config)?, limits)?;
    let place = recognizer.admit().context("the recognizer has no place")?;
    let mut report = Report::new("asr");
    for folder in folders {
        let mut errors: BTreeMap<&str, Vec<(f64, f64)>> = BTreeMap::new();
        let mut right: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
        let (mut sound_s, mut took_s) = (0.0, 0.0);
        for clip in tables::clips(folder)? {
            let pcm = sidetone_media::wav::read_house(&std::fs::read(&clip.file)?)?;
            sound_s += pcm.len() as f64 / f64::from(RATE_HZ);
            let began = Instant::now();
            let job = Job {
                place: place.key(),
                utterance: UtteranceId(0),
                pcm: Arc::from(pcm),
                at: CallTime::ZERO,
                lang: clip.lang,
                stage: Stage::Final,
                hint: Hint::Open,
            };
            let heard = recognizer.transcribe(job).await?;
            took_s += began.elapsed().as_secs_f64();
            let (said, heard) = (
                normal(&clip.text, clip.lang),
                normal(heard.text.reveal(), clip.lang),
            );
            let wrong = errors_between(&said, &heard) as f64;
            errors
                .entry(clip.lang.code())
                .or_default()
                .push((wrong, said.len() as f64));
            right
                .entry(clip.lang.code())
                .or_default()
                .push(f64::from(u8::from(wrong == 0.0)));
        }
        let set = folder
            .file_name()
            .and_then(|n| n.to_str())
            .unwrap_or("set")
            .to_owned();
        for (lang, pairs) in errors {
            let name = if lang == "zh" { "CER" } else { "WER" };
            report.add(&set, lang, Figure::ratio(name, &pairs));
            report.add(&set, lang, Figure::mean("clips right", &right[lang]));
        }
        report.note(&set, "real-time factor", took_s / f64::max(sound_s, 0.001));
    }
    report.finish()
}

fn intents(config: &Config, folder: &Path) -> anyhow::Result<()> {
    let embedder = models::embedder(config)?;
    let mut report = Report::new("intents");
    let own_train = folder.join("train.tsv");
    let classifier = if own_train.is_file() {
        let examples: Vec<IntentExample> = tables::pairs(&own_train)?
            .into_iter()
            .map(|(text, intent)| IntentExample {
                intent: IntentId::new(intent),
                lang: tables::lang_of(&text),
                text,
                weak: false,
            })
            .collect();
        IntentClassifier::train(&examples, Some(embedder), SEED)
    } else {
        let (examples, _) = load_examples(&config.paths.knowledge.join("intents"))
            .map_err(|errors| anyhow::anyhow!("{}", errors[0]))?;
        IntentClassifier::train(&examples, Some(embedder), SEED)
    };
    for file in tables::files(folder, &["intents.", "dev.tsv", "test.tsv"])? {
        let (mut right, mut nothing, mut took_us) = (Vec::new(), Vec::new(), Vec::new());
        let rows = tables::pairs(&file)?;
        for (text, intent) in &rows {
            let began = Instant::now();
            let scores = classifier.classify(text, tables::lang_of(text));
            took_us.push(began.elapsed().as_micros() as f64);
            let best = scores
                .first()
                .map(|s| s.intent.as_str())
                .unwrap_or_default();
            let is_none = intent == IntentId::NONE || intent == "oos";
            let found = if is_none {
                best == IntentId::NONE
            } else {
                best == intent
            };
            if !is_none {
                right.push(f64::from(u8::from(found)));
            }
            let none_score = scores
                .iter()
                .find(|s| s.intent.is_none())
                .map_or(0, |s| s.score);
            nothing.push((f64::from(none_score), is_none));
        }
        let set = file
            .file_stem()
            .and_then(|n| n.to_str())
            .unwrap_or("set")
            .to_owned();
        report.add(&set, "", Figure::mean("in scope right", &right));
        if let Some(area) = figures::area_under_roc(&nothing) {
            report.note(&set, "AUROC of none-of-these", area);
        }
        took_us.sort_by(f64::total_cmp);
        report.note(&set, "p99 ms", took_us[took_us.len() * 99 / 100] / 1000.0);
    }
    report.finish()
}

fn retrieval(config: &Config, folder: &Path) -> anyhow::Result<()> {
    let embedder = models::embedder(config)?;
    let usual = Tuning::for_embedder(&*embedder);
    let (library, errors) = Library::load(&config.paths.knowledge, embedder, usual)?;
    if let Some(error) = errors.first() {
        bail!("the articles have faults, first {error}");
    }
    let mut report = Report::new("retrieval");
    let halves = [
        ("words", 0.0),
        ("vectors", 1.0),
        ("both", usual.weight_dense),
    ];
    for file in tables::files(folder, &["retrieval."])? {
        let set = file
            .file_stem()
            .and_then(|n| n.to_str())
            .unwrap_or("set")
            .to_owned();
        let rows = tables::pairs(&file)?;
        for (half, weight_dense) in halves {
            let tuned = library.with_tuning(Tuning {
                weight_dense,
                ..usual
            });
            let (mut ndcg, mut recall) = (Vec::new(), Vec::new());
            for (question, article) in &rows {
                let lang = tables::lang_of(question);
                let hits = tuned.search(question, lang, Audience::Both, 30)?;
                let ranking: Vec<&str> = hits
                    .iter()
                    .map(|hit| hit.passage.document.as_str())
                    .collect();
                let relevant = BTreeSet::from([article.clone()]);
                ndcg.push(ndcg_at(10, &ranking, &relevant));
                recall.push(recall_at(10, &ranking, &relevant));
            }
            report.add(&set, half, Figure::mean("nDCG@10", &ndcg));
            report.add(&set, half, Figure::mean("recall@10", &recall));
        }
    }
    report.finish()
}

fn mood(config: &Config, folder: &Path) -> anyhow::Result<()> {
    let scorer = MoodScorer::load(&config.paths.knowledge.join("eval"), SEED)
        .map_err(|errors| anyhow::anyhow!("{}", errors[0]))?;
    let mut report = Report::new("mood");
    for file in tables::files(folder, &["mood."])? {
        let set = file
            .file_stem()
            .and_then(|n| n.to_str())
            .unwrap_or("set")
            .to_owned();
        let mut pairs = Vec::new();
        for (text, mood) in tables::pairs(&file)? {
            let lang = tables::lang_of(&text);
            let score = scorer.score(&Masked::authored(&text), lang).score;
            let found = match score {
                ..=-20 => "negative",
                20.. => "positive",
                _ => "neutral",
            };
            pairs.push((mood, found.to_owned()));
        }
        let right: Vec<f64> = pairs
            .iter()
            .map(|(said, found)| f64::from(u8::from(said == found)))
            .collect();
        report.add(&set, "", Figure::mean("right", &right));
        report.note(&set, "macro F1", figures::macro_f1(&pairs));
    }
    report.finish()
}

/// The commit of the working tree, for the results' origin.
fn commit() -> String {
    let out = std::process::Command::new("git")
        .args(["rev-parse", "--short", "HEAD"])
        .output();
    out.ok()
        .filter(|out| out.status.success())
        .map(|out| String::from_utf8_lossy(&out.stdout).trim().to_owned())
        .unwrap_or_else(|| "unknown".into())
}

/// Reads a file with its name in the error.
fn read(path: &Path) -> anyhow::Result<String> {
    content::read(path).map_err(Into::into)
}
