//! `sidetone eval intents`: the classifier on tables of sentences and their intents.
//!
//! A set with a train part is trained on it. A set whose intents are the house's is asked of the
//! house's own classifier. A set that has only one part is cut in five: each fifth is asked of a
//! classifier of the other four.

use super::figures::{self, Figure, Report};
use super::tables::{self, Part, Row, Table};
use super::{SEED, read};
use crate::config::Config;
use crate::models;
use serde::Deserialize;
use sidetone_inference::embed::Embedder;
use sidetone_inference::intent::{IntentClassifier, IntentExample, load_examples};
use sidetone_types::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

const TEXT: &[&str] = &["text_clean", "text", "utterance"];
const INTENT: &[&str] = &["intent", "label"];
/// What the sets call sentences that are none of their intents.
const NONE: [&str; 5] = ["none", "oos", "ood", "out_of_scope", "NO_NODES_DETECTED"];
const FOLDS: usize = 5;
/// Draws of a few-shot training part; the figures are over all of them.
const DRAWS: u64 = 3;

pub type Pairs = Vec<(String, String)>;

/// `oos_protocol.json`: intents that are kept out of training and must be told from the rest.
#[derive(Deserialize)]
struct Protocol {
    in_scope: BTreeSet<String>,
    out_of_scope: BTreeSet<String>,
}

struct Bench<'a> {
    config: &'a Config,
    embedder: Arc<dyn Embedder>,
    report: Report,
    /// Examples a class that are trained on; all where `None`.
    shots: Option<usize>,
    wrong: bool,
    house: Option<IntentClassifier>,
}

pub fn run(
    config: &Config,
    folders: &[std::path::PathBuf],
    shots: Option<usize>,
    wrong: bool,
) -> anyhow::Result<()> {
    let mut bench = Bench {
        config,
        embedder: models::embedder(config)?,
        report: Report::new(&match shots {
            Some(shots) => format!("intents-{shots}-shot"),
            None => "intents".to_owned(),
        }),
        shots,
        wrong,
        house: None,
    };
    for folder in folders {
        let mut sets: BTreeMap<String, Vec<(Table, Pairs)>> = BTreeMap::new();
        for table in tables::tables(folder)? {
            if let Some(pairs) = pairs(&table)? {
                sets.entry(table.set.clone())
                    .or_default()
                    .push((table, pairs));
            }
        }
        anyhow::ensure!(
            !sets.is_empty(),
            "{} has no table with a text and an intent in each row",
            folder.display()
        );
        for (set, parts) in sets {
            bench.set(&set, &parts)?;
            let protocol = folder.join("oos_protocol.json");
            if protocol.is_file() {
                bench.protocol(&set, &parts, &protocol)?;
            }
        }
    }
    bench.report.finish()
}

/// The sentences of a table with their one intent each; `None` where it is another kind of table.
pub fn pairs(table: &Table) -> anyhow::Result<Option<Pairs>> {
    let rows = tables::rows(&table.path)?;
    let is_one = |row: &Row| row.text(TEXT).is_some() && row.text(INTENT).is_some();
    if !rows.first().is_some_and(is_one) {
        return Ok(None);
    }
    let pairs = rows
        .iter()
        .map(|row| Ok((row.need(TEXT)?, none_or(row.need(INTENT)?))));
    pairs.collect::<anyhow::Result<Pairs>>().map(Some)
}

fn none_or(intent: String) -> String {
    match NONE.contains(&intent.as_str()) {
        true => IntentId::NONE.to_owned(),
        false => intent,
    }
}

impl Bench<'_> {
    fn set(&mut self, set: &str, parts: &[(Table, Pairs)]) -> anyhow::Result<()> {
        let train = parts.iter().find(|(table, _)| table.part == Part::Train);
        let asked: Vec<_> = parts
            .iter()
            .filter(|(table, _)| table.part != Part::Train)
            .collect();
        if let (Some((_, train)), false) = (train, asked.is_empty()) {
            let draws = if self.shots.is_some() { DRAWS } else { 1 };
            let classifiers: Vec<_> = (0..draws).map(|draw| self.train(train, draw)).collect();
            for (table, rows) in asked {
                let answers = classifiers
                    .iter()
                    .flat_map(|one| answers(one, rows))
                    .collect();
                self.figures(set, table.part.name(), answers);
            }
            return Ok(());
        }
        for (table, rows) in parts {
            let answers = if self.is_of_the_house(rows)? {
                answers(self.house.as_ref().expect("was just loaded"), rows)
            } else if let Some((_, known)) = parts
                .iter()
                .find(|(other, _)| table.part == Part::Test && other.part == Part::Dev)
            {
                answers(&self.train(known, 0), rows)
            } else if table.part == Part::Dev && parts.len() > 1 {
                continue;
            } else {
                self.in_fifths(rows)
            };
            self.figures(set, table.part.name(), answers);
        }
        Ok(())
    }

    /// The published near-domain protocol: some intents are never trained on.
    fn protocol(&mut self, set: &str, parts: &[(Table, Pairs)], file: &Path) -> anyhow::Result<()> {
        let protocol: Protocol = serde_json::from_str(&read(file)?)?;
        let Some((_, train)) = parts.iter().find(|(table, _)| table.part == Part::Train) else {
            return Ok(());
        };
        let known = |row: &&(String, String)| protocol.in_scope.contains(&row.1);
        let train: Pairs = train.iter().filter(known).cloned().collect();
        let classifier = self.train(&train, 0);
        for (table, rows) in parts.iter().filter(|(table, _)| table.part != Part::Train) {
            let rows: Pairs = rows
                .iter()
                .map(
                    |(text, intent)| match protocol.out_of_scope.contains(intent) {
                        true => (text.clone(), IntentId::NONE.to_owned()),
                        false => (text.clone(), intent.clone()),
                    },
                )
                .collect();
            let part = format!("{} near", table.part.name());
            self.figures(set, &part, answers(&classifier, &rows));
        }
        Ok(())
    }

    fn train(&self, rows: &[(String, String)], draw: u64) -> IntentClassifier {
        let mut left: BTreeMap<&str, usize> = BTreeMap::new();
        let mut rows: Vec<&(String, String)> = rows.iter().collect();
        if self.shots.is_some() {
            figures::shuffle(&mut rows, SEED + draw);
        }
        let examples: Vec<IntentExample> = rows
            .into_iter()
            .filter(|(_, intent)| {
                let taken = left.entry(intent).or_default();
                *taken += 1;
                self.shots.is_none_or(|shots| *taken <= shots)
            })
            .map(|(text, intent)| IntentExample {
                intent: IntentId::new(intent.clone()),
                lang: tables::lang_of(text),
                text: text.clone(),
                weak: false,
            })
            .collect();
        IntentClassifier::train(&examples, Some(self.embedder.clone()), SEED)
    }

    fn is_of_the_house(&mut self, rows: &[(String, String)]) -> anyhow::Result<bool> {
        if self.house.is_none() {
            self.house = Some(of_the_house(self.config, self.embedder.clone())?);
        }
        Ok(knows(self.house.as_ref().expect("was just loaded"), rows))
    }

    fn in_fifths(&self, rows: &[(String, String)]) -> Vec<Answer> {
        let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
        let folds: Vec<usize> = rows
            .iter()
            .map(|(_, intent)| {
                let count = seen.entry(intent).or_default();
                *count += 1;
                *count % FOLDS
            })
            .collect();
        let of = |keep: &dyn Fn(usize) -> bool| -> Pairs {
            let kept = rows.iter().zip(&folds).filter(|(_, fold)| keep(**fold));
            kept.map(|(row, _)| row.clone()).collect()
        };
        (0..FOLDS)
            .flat_map(|fold| answers(&self.train(&of(&|f| f != fold), 0), &of(&|f| f == fold)))
            .collect()
    }

    fn figures(&mut self, set: &str, part: &str, answers: Vec<Answer>) {
        if self.wrong && part == Part::Dev.name() {
            for one in answers.iter().filter(|one| !one.right) {
                println!("{}", one.told);
            }
        }
        let share = |of: &mut dyn Iterator<Item = &Answer>| -> Vec<f64> {
            of.map(|a| f64::from(u8::from(a.right))).collect()
        };
        let report = &mut self.report;
        let inside = share(&mut answers.iter().filter(|a| !a.is_none));
        report.add(set, part, Figure::mean("in scope right", &inside));
        let nothing: Vec<(f64, bool)> = answers.iter().map(|a| (a.none, a.is_none)).collect();
        if let Some(area) = figures::area_under_roc(&nothing) {
            let none = share(&mut answers.iter().filter(|a| a.is_none));
            report.add(set, part, Figure::mean("none-of-these right", &none));
            report.note(set, part, "AUROC of none-of-these", area);
        }
        let sure: Vec<(f64, bool)> = answers.iter().map(|a| (a.sure, a.right)).collect();
        report.note(
            set,
            part,
            "calibration error",
            figures::calibration_error(&sure),
        );
        for (low, share) in figures::right_by_score(&sure) {
            report.keep(set, part, &format!("right at {low:.1}"), share);
        }
        let mut took: Vec<f64> = answers.iter().map(|a| a.took_ms).collect();
        took.sort_by(f64::total_cmp);
        report.note(set, part, "p99 ms", took[took.len() * 99 / 100]);
    }
}

/// The classifier of the house's own examples.
pub fn of_the_house(
    config: &Config,
    embedder: Arc<dyn Embedder>,
) -> anyhow::Result<IntentClassifier> {
    let (examples, _) = load_examples(&config.paths.knowledge.join("intents"))
        .map_err(|errors| anyhow::anyhow!("{}", errors[0]))?;
    Ok(IntentClassifier::train(&examples, Some(embedder), SEED))
}

/// Whether nine in ten of the rows have an intent that the classifier has.
pub fn knows(house: &IntentClassifier, rows: &[(String, String)]) -> bool {
    let ours: BTreeSet<&str> = house.intents().iter().map(|i| i.as_str()).collect();
    let known = rows.iter().filter(|row| ours.contains(row.1.as_str()));
    known.count() * 10 >= rows.len() * 9
}

/// What came out for one sentence.
struct Answer {
    right: bool,
    is_none: bool,
    /// Score of none-of-these, 0..=1.
    none: f64,
    /// Score of the best answer, 0..=1.
    sure: f64,
    took_ms: f64,
    /// Text, what it is, and what was made of it.
    told: String,
}

fn answers(classifier: &IntentClassifier, rows: &[(String, String)]) -> Vec<Answer> {
    let one = |(text, intent): &(String, String)| {
        let began = Instant::now();
        let scores = classifier.classify(text, tables::lang_of(text));
        let took_ms = began.elapsed().as_micros() as f64 / 1000.0;
        let share = |score: u16| f64::from(score) / 1000.0;
        let none = scores.iter().find(|s| s.intent.is_none());
        Answer {
            right: scores
                .first()
                .is_some_and(|best| best.intent.as_str() == intent),
            is_none: intent == IntentId::NONE,
            none: none.map_or(0.0, |s| share(s.score)),
            sure: scores.first().map_or(0.0, |s| share(s.score)),
            took_ms,
            told: format!(
                "{text}\t{intent}\t{}",
                scores
                    .iter()
                    .take(2)
                    .map(|s| format!("{} {}", s.intent, s.score))
                    .collect::<Vec<_>>()
                    .join(", ")
            ),
        }
    };
    rows.iter().map(one).collect()
}
