//! Figures with their intervals, and where they are written.

use serde_json::{Value, json};
use sidetone_types::Lang;
use std::collections::BTreeSet;

/// Bootstrap rounds: enough for two digits of a 95% interval.
const ROUNDS: usize = 1000;

/// One figure with its 95% interval.
pub struct Figure {
    name: String,
    value: f64,
    low: f64,
    high: f64,
    rows: usize,
}

impl Figure {
    /// The mean of one value a row.
    pub fn mean(name: &str, values: &[f64]) -> Self {
        let pairs: Vec<(f64, f64)> = values.iter().map(|value| (*value, 1.0)).collect();
        Self::ratio(name, &pairs)
    }

    /// The sum of the first values over the sum of the second, such as errors over words.
    pub fn ratio(name: &str, pairs: &[(f64, f64)]) -> Self {
        let ratio = |sum: (f64, f64)| if sum.1 > 0.0 { sum.0 / sum.1 } else { 0.0 };
        let add = |sum: (f64, f64), pair: &(f64, f64)| (sum.0 + pair.0, sum.1 + pair.1);
        let mut random = Random(0x5eed);
        let mut drawn: Vec<f64> = (0..if pairs.is_empty() { 0 } else { ROUNDS })
            .map(|_| {
                let one = |_| &pairs[random.below(pairs.len())];
                ratio((0..pairs.len()).map(one).fold((0.0, 0.0), add))
            })
            .collect();
        drawn.sort_by(f64::total_cmp);
        let at = |share: f64| drawn.get((drawn.len() as f64 * share) as usize).copied();
        Self {
            name: name.to_owned(),
            value: ratio(pairs.iter().fold((0.0, 0.0), add)),
            low: at(0.025).unwrap_or(0.0),
            high: at(0.975).unwrap_or(0.0),
            rows: pairs.len(),
        }
    }
}

/// Brings rows into an order that follows from the seed.
pub fn shuffle<T>(rows: &mut [T], seed: u64) {
    let mut random = Random(seed);
    for end in (1..rows.len()).rev() {
        rows.swap(end, random.below(end + 1));
    }
}

/// Share of right answers in each tenth of the score that has answers: (lower bound, share).
pub fn right_by_score(rows: &[(f64, bool)]) -> Vec<(f64, f64)> {
    let tenth = |score: f64| ((score * 10.0) as usize).min(9);
    let share = |step: usize| {
        let of: Vec<_> = rows.iter().filter(|row| tenth(row.0) == step).collect();
        let right = of.iter().filter(|row| row.1).count();
        (!of.is_empty()).then(|| (step as f64 / 10.0, right as f64 / of.len() as f64))
    };
    (0..10).filter_map(share).collect()
}

/// Expected calibration error over ten equal steps of the score (Guo et al. 2017): how far the share
/// of right answers is from the score they were given.
pub fn calibration_error(rows: &[(f64, bool)]) -> f64 {
    let mut steps = [(0.0, 0.0, 0.0); 10];
    for (score, right) in rows {
        let step = &mut steps[((score * 10.0) as usize).min(9)];
        *step = (
            step.0 + 1.0,
            step.1 + score,
            step.2 + f64::from(u8::from(*right)),
        );
    }
    let off = |(_, score, right): &(f64, f64, f64)| (score - right).abs();
    steps.iter().map(off).sum::<f64>() / rows.len().max(1) as f64
}

/// A small reproducible generator (splitmix64).
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n.max(1) as u64) as usize
    }
}

/// The figures of one evaluation.
pub struct Report {
    what: String,
    rows: Vec<Value>,
}

impl Report {
    /// For a program with a table of its own: nothing is printed but where the figures went.
    pub fn silent(what: &str) -> Self {
        Self {
            what: what.to_owned(),
            rows: Vec::new(),
        }
    }

    pub fn new(what: &str) -> Self {
        println!(
            "{:<26} {:<14} {:<24} {:>8}  95% interval",
            what, "part", "figure", "value"
        );
        Self::silent(what)
    }

    pub fn add(&mut self, set: &str, part: &str, figure: Figure) {
        let Figure {
            name,
            value,
            low,
            high,
            rows,
        } = figure;
        println!(
            "{set:<26} {part:<14} {name:<24} {:>7.1}%  {:.1} to {:.1}  ({rows} rows)",
            value * 100.0,
            low * 100.0,
            high * 100.0
        );
        self.rows.push(json!({
            "set": set, "part": part, "figure": name, "value": value, "low": low, "high": high,
            "rows": rows,
        }));
    }

    /// A figure without an interval.
    pub fn note(&mut self, set: &str, part: &str, name: &str, value: f64) {
        println!("{set:<26} {part:<14} {name:<24} {value:>8.3}");
        self.keep(set, part, name, value);
    }

    /// A figure that is only written.
    pub fn keep(&mut self, set: &str, part: &str, name: &str, value: f64) {
        self.rows
            .push(json!({ "set": set, "part": part, "figure": name, "value": value }));
    }

    /// Writes `eval/results/<what>.json`.
    pub fn finish(self) -> anyhow::Result<()> {
        let folder = std::path::Path::new("eval/results");
        std::fs::create_dir_all(folder)?;
        let command: Vec<String> = std::env::args().skip(1).collect();
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        let result = json!({
            "command": format!("sidetone {}", command.join(" ")), "commit": super::commit(),
            "machine": format!("{} cores, {}", cores, std::env::consts::ARCH), "figures": self.rows,
        });
        let path = folder.join(format!("{}.json", self.what));
        std::fs::write(&path, format!("{result:#}\n"))?;
        println!("→ {}", path.display());
        Ok(())
    }
}

/// What is compared: lower-case words of English, single characters of Chinese, no punctuation.
pub fn normal(text: &str, lang: Lang) -> Vec<String> {
    let lower = text.to_lowercase().replace(['\'', '’'], "");
    let clean: String = lower
        .chars()
        .map(|c| if c.is_alphanumeric() { c } else { ' ' })
        .collect();
    match lang {
        Lang::En => clean.split_whitespace().map(str::to_owned).collect(),
        Lang::Zh => clean
            .chars()
            .filter(|c| !c.is_whitespace())
            .map(String::from)
            .collect(),
    }
}

/// Substitutions, deletions and insertions (Levenshtein).
pub fn errors_between(said: &[String], heard: &[String]) -> usize {
    let mut row: Vec<usize> = (0..=heard.len()).collect();
    for (i, word) in said.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, other) in heard.iter().enumerate() {
            let change = diagonal + usize::from(word != other);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[heard.len()]
}

/// Probability that a row of the second kind scores above one of the first; `None` where one kind is
/// missing.
pub fn area_under_roc(rows: &[(f64, bool)]) -> Option<f64> {
    let positive: Vec<f64> = rows.iter().filter(|row| row.1).map(|row| row.0).collect();
    let negative: Vec<f64> = rows.iter().filter(|row| !row.1).map(|row| row.0).collect();
    if positive.is_empty() || negative.is_empty() {
        return None;
    }
    let wins: f64 = positive
        .iter()
        .flat_map(|p| negative.iter().map(move |n| (p, n)))
        .map(|(p, n)| {
            if p > n {
                1.0
            } else if p == n {
                0.5
            } else {
                0.0
            }
        })
        .sum();
    Some(wins / (positive.len() * negative.len()) as f64)
}

/// Mean of the classes' F1, for (said, found) pairs.
pub fn macro_f1(pairs: &[(String, String)]) -> f64 {
    let classes: BTreeSet<&str> = pairs.iter().map(|(said, _)| said.as_str()).collect();
    let f1 = |class: &str| {
        let count = |test: &dyn Fn(&(String, String)) -> bool| {
            pairs.iter().filter(|pair| test(pair)).count() as f64
        };
        let both = count(&|(said, found)| said == class && found == class);
        let either = count(&|(said, _)| said == class) + count(&|(_, found)| found == class);
        if either > 0.0 {
            2.0 * both / either
        } else {
            0.0
        }
    };
    classes.iter().map(|class| f1(class)).sum::<f64>() / classes.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_counted_as_the_trade_does() {
        let zh = |text| normal(text, Lang::Zh);
        assert_eq!(errors_between(&zh("查一下账单。"), &zh("查下帐单")), 2);
        let en = |text| normal(text, Lang::En);
        assert_eq!(
            errors_between(&en("Where's my parcel?"), &en("wheres my the parcel")),
            1
        );
        assert_eq!(errors_between(&[], &en("a b")), 2);
    }

    #[test]
    fn the_interval_holds_the_value() {
        let figure = Figure::mean("right", &[1.0, 1.0, 0.0, 1.0]);
        assert!(figure.low <= figure.value && figure.value <= figure.high);
        assert!((figure.value - 0.75).abs() < 1e-9);
    }

    #[test]
    fn a_score_that_parts_both_kinds_has_all_the_area() {
        assert_eq!(area_under_roc(&[(0.9, true), (0.1, false)]), Some(1.0));
        assert_eq!(area_under_roc(&[(0.5, true), (0.5, false)]), Some(0.5));
        assert_eq!(area_under_roc(&[(0.5, true)]), None);
    }
}
