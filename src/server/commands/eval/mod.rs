//! `sidetone eval`: how good the models are, on any folder of the known formats.
//!
//! Nothing here knows a set by name. Every figure comes with a 95% interval (bootstrap over the
//! rows, seeded), and is written with its command and commit to `eval/results/`.

mod asr;
mod barge;
mod conversation;
mod figures;
mod intents;
mod listen;
mod mood;
mod retrieval;
mod room;
mod slots;
mod speech;
mod spoken;
mod summary;
mod tables;
mod turns;

use crate::config::Config;
use crate::content;
use clap::Subcommand;
pub(super) use figures::{Report, errors_between, normal};
use std::path::{Path, PathBuf};

/// Seed of everything that is trained here.
const SEED: u64 = 20_261_122;

#[derive(Subcommand)]
pub enum Evaluation {
    /// Words: folders with `manifest.tsv` (file, lang, text). WER in English, CER in Chinese
    Asr {
        #[arg(long, required = true, num_args = 1..)]
        data: Vec<PathBuf>,
        /// As a live call hears it too: partial texts, and how often words were taken back
        #[arg(long)]
        live: bool,
        /// What the caller is expected to say: how much the hint helps
        #[arg(long, value_enum)]
        hint: Option<asr::Expected>,
        /// Write what was heard of each clip, and how surely, into this table
        #[arg(long, value_name = "FILE")]
        decoded: Option<PathBuf>,
    },
    /// End of turn: recordings (`manifest.tsv`) or turns to be spoken (`*.toml`)
    Turns {
        #[arg(long, num_args = 1.., default_value = "eval/turns")]
        data: Vec<PathBuf>,
        /// Print what was heard of the turns that were cut into
        #[arg(long)]
        wrong: bool,
    },
    /// Speech over a prompt: tables with `text` and `label` (`backchannel`, `interruption`), spoken
    Barge {
        #[arg(long, num_args = 1.., default_value = "knowledge/eval")]
        data: Vec<PathBuf>,
        /// Print what was taken for the other kind
        #[arg(long)]
        wrong: bool,
    },
    /// Intents: tables with `text` and `intent`. A set with a train part is trained on it
    Intents {
        #[arg(long, num_args = 1.., default_value = "knowledge/eval")]
        data: Vec<PathBuf>,
        /// Examples of an intent that are trained on, drawn three times; all without it
        #[arg(long)]
        shots: Option<usize>,
        /// Have the house's own sentences spoken and recognized, beside the true text
        #[arg(long, conflicts_with = "shots")]
        spoken: bool,
        /// Print the rows of dev parts that came out wrong; test parts are not for reading
        #[arg(long)]
        wrong: bool,
    },
    /// Spoken numbers to written form: tables named `itn` with `input` and `output`
    Slots {
        #[arg(long, num_args = 1.., default_value = "eval/slots")]
        data: Vec<PathBuf>,
        /// Print the rows that came out wrong
        #[arg(long)]
        wrong: bool,
    },
    /// Search: tables of questions, over the folder's documents or the house's articles
    Retrieval {
        #[arg(long, num_args = 1.., default_value = "knowledge/eval")]
        data: Vec<PathBuf>,
        /// Shares of the vectors to compare, 0 to 1; without it words, vectors, and the usual share
        #[arg(long, num_args = 1..)]
        shares: Vec<f32>,
    },
    /// Mood: tables with `text` and `mood` or `sentiment` (negative, neutral, positive)
    Mood {
        #[arg(long, num_args = 1.., default_value = "knowledge/eval")]
        data: Vec<PathBuf>,
    },
    /// Summaries: tables with `turns` and `summary` or `summaries`
    Summary {
        #[arg(long, required = true, num_args = 1..)]
        data: Vec<PathBuf>,
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
    /// Intents, retrieval, mood, spoken numbers and ends of turn on the house's own sets
    All,
}

pub async fn run(config: &Config, file: Option<&Path>, what: Evaluation) -> anyhow::Result<()> {
    match what {
        Evaluation::Asr {
            data,
            live,
            hint,
            decoded,
        } => asr::run(config, &data, live, hint, decoded.as_deref()).await,
        Evaluation::Turns { data, wrong } => turns::run(config, &data, wrong).await,
        Evaluation::Intents {
            data, spoken: true, ..
        } => spoken::run(config, &data).await,
        Evaluation::Intents {
            data, shots, wrong, ..
        } => intents::run(config, &data, shots, wrong),
        Evaluation::Barge { data, wrong } => barge::run(config, &data, wrong).await,
        Evaluation::Slots { data, wrong } => slots::run(&data, wrong),
        Evaluation::Retrieval { data, shares } => retrieval::run(config, &data, &shares),
        Evaluation::Mood { data } => mood::run(config, &data),
        Evaluation::Summary { data } => summary::run(&data),
        Evaluation::Conversation {
            data,
            times,
            at_once,
        } => conversation::run(file, &data, times, at_once).await,
        Evaluation::All => {
            let own = [config.paths.knowledge.join("eval")];
            intents::run(config, &own, None, false)?;
            retrieval::run(config, &own, &[])?;
            mood::run(config, &own)?;
            slots::run(&[PathBuf::from("eval/slots")], false)?;
            turns::run(config, &[PathBuf::from("eval/turns")], false).await
        }
    }
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
