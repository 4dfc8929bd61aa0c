//! `sidetone eval mood`: the shipped scorer, and the same learner trained on the set's own sentences.

use super::SEED;
use super::figures::{self, Figure, Report};
use super::tables::{self, Part, Row, Table};
use crate::config::Config;
use crate::models;
use sidetone_inference::embed::Embedder;
use sidetone_inference::mood::{MoodExample, MoodScorer};
use sidetone_types::*;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

const TEXT: &[&str] = &["text_clean", "text", "utterance"];
const MOOD: &[&str] = &["mood", "sentiment"];
const FOLDS: usize = 5;
/// A score from here is a mood: of a turn, −100..=100.
const MOODY_FROM: i8 = 20;

pub fn run(config: &Config, folders: &[PathBuf]) -> anyhow::Result<()> {
    let embedder = models::embedder(config)?;
    let shipped = MoodScorer::load(
        &config.paths.knowledge.join("eval"),
        Some(embedder.clone()),
        SEED,
    )
    .map_err(|errors| anyhow::anyhow!("{}", errors[0]))?;
    let mut report = Report::new("mood");
    let mut found = false;
    for folder in folders {
        let mut sets: BTreeMap<String, Vec<(Table, Vec<MoodExample>)>> = BTreeMap::new();
        for table in tables::tables(folder)? {
            if let Some(rows) = examples(&tables::rows(&table.path)?) {
                sets.entry(table.set.clone())
                    .or_default()
                    .push((table, rows));
            }
        }
        for (set, parts) in sets {
            found = true;
            let train = parts.iter().find(|(table, _)| table.part == Part::Train);
            let asked = parts.iter().filter(|(table, _)| table.part != Part::Train);
            let asked: Vec<_> = match asked.count() {
                0 => parts.iter().collect(),
                _ => parts
                    .iter()
                    .filter(|(table, _)| table.part != Part::Train)
                    .collect(),
            };
            for (table, rows) in asked {
                let part = table.part.name();
                figures(
                    &mut report,
                    &set,
                    &format!("{part} shipped"),
                    &answers(&shipped, rows),
                );
                let own = match train {
                    Some((other, train)) if other.path != table.path => answers(
                        &MoodScorer::train(train, Some(embedder.clone()), SEED),
                        rows,
                    ),
                    _ => in_fifths(rows, &embedder),
                };
                figures(&mut report, &set, &format!("{part} trained"), &own);
            }
        }
    }
    anyhow::ensure!(
        found,
        "no table with a text and a mood (or sentiment) in each row"
    );
    report.finish()
}

fn examples(rows: &[Row]) -> Option<Vec<MoodExample>> {
    let one = |row: &Row| {
        let text = row.text(TEXT)?;
        let score = match row.text(MOOD)?.to_lowercase().as_str() {
            "negative" => -100,
            "neutral" => 0,
            "positive" => 100,
            _ => return None,
        };
        Some(MoodExample {
            lang: tables::lang_of(&text),
            text,
            score,
        })
    };
    rows.iter().map(one).collect()
}

fn name(score: i8) -> String {
    let name = match score {
        score if score <= -MOODY_FROM => "negative",
        score if score >= MOODY_FROM => "positive",
        _ => "neutral",
    };
    name.to_owned()
}

/// What each sentence is said to be, and what was found.
fn answers(scorer: &MoodScorer, rows: &[MoodExample]) -> Vec<(String, String)> {
    rows.iter()
        .map(|row| {
            let found = scorer.score(&Masked::authored(&row.text), row.lang);
            (name(row.score), name(found.score))
        })
        .collect()
}

fn in_fifths(rows: &[MoodExample], embedder: &Arc<dyn Embedder>) -> Vec<(String, String)> {
    let of = |keep: &dyn Fn(usize) -> bool| -> Vec<MoodExample> {
        let kept = rows.iter().enumerate().filter(|(n, _)| keep(n % FOLDS));
        kept.map(|(_, row)| row.clone()).collect()
    };
    (0..FOLDS)
        .flat_map(|fold| {
            let scorer = MoodScorer::train(&of(&|n| n != fold), Some(embedder.clone()), SEED);
            answers(&scorer, &of(&|n| n == fold))
        })
        .collect()
}

fn figures(report: &mut Report, set: &str, part: &str, answers: &[(String, String)]) {
    let right: Vec<f64> = answers
        .iter()
        .map(|(said, found)| f64::from(u8::from(said == found)))
        .collect();
    report.add(set, part.trim(), Figure::mean("right", &right));
    report.note(set, part.trim(), "macro F1", figures::macro_f1(answers));
}
