//! Which of the house's intents a sentence is, with an explicit "none of these".
//!
//! Trained at start from the example sentences in `knowledge/intents/`, in seconds: word, word-pair
//! and character n-gram features (Chinese through jieba), beside them the vector of an [`Embedder`]
//! where a learned one is configured; multinomial logistic regression and support vector machines
//! over them, their scores added; then a calibration
//! on held-out folds which turns margin, probability and the distance to the nearest example into
//! "the share of such answers that are right". What is far from every example falls to `none`.

mod content;
mod keep;
mod train;
mod vectors;

pub use content::{IntentInfo, load_examples};

use crate::embed::Embedder;
use crate::gram::{self, Sparse, Vectorizer};
use crate::linear::{Frozen, Platt, softmax};
use sidetone_types::{IntentId, IntentScore, Lang};
use std::collections::BTreeMap;
use std::sync::Arc;

/// One example sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntentExample {
    pub intent: IntentId,
    pub lang: Lang,
    pub text: String,
    /// A sentence of the article that answers the intent: it lends its words, and is neither an
    /// example of how people ask nor used to calibrate.
    pub weak: bool,
}

/// The classifier. Immutable once trained; share it.
#[derive(serde::Serialize, serde::Deserialize)]
pub struct IntentClassifier {
    /// In-scope intents, then `none` when there were examples of it.
    classes: Vec<IntentId>,
    none: Option<usize>,
    vectors: Vectorizer,
    /// Logistic regression.
    model: Frozen,
    /// Support vector machines, their scores as large as they count.
    machines: Frozen,
    nearest: Nearest,
    /// Of sentences whose words the embedder adds up (or without one), and of those that it reads.
    calibration: [Calibration; 2],
    #[serde(skip)]
    embedder: Option<Arc<dyn Embedder>>,
    dense: Dense,
}

/// How many numbers the embedder gives of a sentence that it reads, and of one whose words it adds up.
/// Each kind has columns of its own, behind those of the n-grams.
#[derive(Clone, Copy, Default, serde::Serialize, serde::Deserialize)]
struct Dense {
    read: usize,
    added: usize,
}

impl Dense {
    fn all(self) -> usize {
        self.read + self.added
    }
    fn of(self, read: bool) -> usize {
        if read { self.read } else { self.added }
    }
}

/// "The best in-scope class is right", and "it is none of them".
#[derive(serde::Serialize, serde::Deserialize)]
struct Calibration {
    right: Platt<FACTS>,
    nothing: Platt<FACTS>,
}

/// Facts the calibration looks at.
const FACTS: usize = 8;
/// Weight of the embedder's vector beside the n-grams': of a sentence that it reads, and of one whose
/// words it adds up.
const READ_WEIGHT: f32 = 7.0;
const ADDED_WEIGHT: f32 = 1.5;

/// What the models make of a text.
struct View {
    best: usize,
    p: Vec<f32>,
    /// Facts of both models together, and of the regression alone.
    facts: [f32; FACTS],
    plain: [f32; FACTS],
}

/// One text as the model sees it.
struct Seen {
    x: Sparse,
    /// Share of its features known from training.
    known: f32,
    /// The embedder reads it.
    read: bool,
}

impl IntentClassifier {
    /// The intents it can answer with.
    pub fn intents(&self) -> &[IntentId] {
        &self.classes
    }

    /// All intents with calibrated scores (0..=1000), best first; `none` is among them. Scores sum
    /// to about 1000. Empty text is `none`.
    pub fn classify(&self, text: &str, lang: Lang) -> Vec<IntentScore> {
        let began = std::time::Instant::now();
        let out = self.score(self.see(&[text]).remove(0));
        metrics::histogram!("sidetone_intent_seconds", "lang" => lang.code())
            .record(began.elapsed().as_secs_f64());
        out
    }

    /// The same for a text that may have been another: `readings` are the texts with their shares of
    /// the likelihood, the first of them the likeliest. What is classified is the mean of what is
    /// seen of them, as long as the first one's.
    pub fn classify_readings(&self, readings: &[(&str, f32)], lang: Lang) -> Vec<IntentScore> {
        let began = std::time::Instant::now();
        let texts: Vec<&str> = readings.iter().map(|(text, _)| *text).collect();
        let seen = readings
            .iter()
            .map(|(_, share)| *share)
            .zip(self.see(&texts))
            .map(|(share, seen)| (seen, share))
            .collect();
        let out = self.score(mean(seen));
        metrics::histogram!("sidetone_intent_seconds", "lang" => lang.code())
            .record(began.elapsed().as_secs_f64());
        out
    }

    /// One answer for each thing asked ("…, and also …"). Parts that are none of these are dropped
    /// unless nothing else is left.
    pub fn classify_parts(&self, text: &str, lang: Lang) -> Vec<(String, Vec<IntentScore>)> {
        let whole = vec![(text.to_owned(), self.classify(text, lang))];
        let parts = split(text);
        if parts.len() < 2 {
            return whole;
        }
        let mut kept: Vec<(String, Vec<IntentScore>)> = Vec::new();
        for part in parts {
            let scores = self.classify(&part, lang);
            let best = &scores[0];
            let fresh = kept.iter().all(|(_, s)| s[0].intent != best.intent);
            if !best.intent.is_none() && best.score >= 400 && fresh {
                kept.push((part, scores));
            }
        }
        if kept.len() < 2 { whole } else { kept }
    }

    fn score(&self, seen: Seen) -> Vec<IntentScore> {
        if seen.x.index.is_empty() {
            return self.only_none();
        }
        let view = self.view(&seen);
        let calibration = &self.calibration[usize::from(seen.read)];
        let right = calibration.right.p(&view.facts);
        let nothing = calibration.nothing.p(&view.plain);
        self.share(&view.p, view.best, right, nothing)
    }

    /// Spreads the probability: what it is none of them by its calibration, the best class its calibrated
    /// share, what is left over the other classes by the softmax.
    fn share(&self, p: &[f32], best: usize, right: f32, nothing: f32) -> Vec<IntentScore> {
        let others: f32 = p
            .iter()
            .enumerate()
            .filter(|(i, _)| *i != best && Some(*i) != self.none)
            .map(|(_, v)| v)
            .sum();
        let none = nothing.clamp(1e-4, 1.0 - 1e-4);
        // Where they were fitted apart they may exceed one together.
        let both = (none + right).max(1.0);
        let (none, right) = (none / both, right / both);
        let rest = 1.0 - none - right;
        let to_score = |v: f32| (v * 1000.0).round().clamp(0.0, 1000.0) as u16;
        let mut out: Vec<IntentScore> = (0..p.len())
            .filter(|i| Some(*i) != self.none)
            .map(|i| {
                let v = if i == best {
                    right
                } else {
                    rest * p[i] / others.max(1e-6)
                };
                IntentScore {
                    intent: self.classes[i].clone(),
                    score: to_score(v),
                }
            })
            .collect();
        out.push(IntentScore {
            intent: IntentId::new(IntentId::NONE),
            score: to_score(none),
        });
        out.sort_by(|a, b| b.score.cmp(&a.score).then_with(|| a.intent.cmp(&b.intent)));
        out
    }

    fn only_none(&self) -> Vec<IntentScore> {
        let mut out = vec![IntentScore {
            intent: IntentId::new(IntentId::NONE),
            score: 1000,
        }];
        out.extend(
            self.classes
                .iter()
                .enumerate()
                .filter(|(i, _)| Some(*i) != self.none)
                .map(|(_, c)| IntentScore {
                    intent: c.clone(),
                    score: 0,
                }),
        );
        out
    }

    /// Which class it is, both models decide; whether it is any, the regression alone tells better: the
    /// machines are as sure of a stranger that lies beyond a class as of the class.
    fn view(&self, seen: &Seen) -> View {
        let mut plain = self.model.scores(&seen.x);
        let mut p = self.machines.scores(&seen.x);
        p.iter_mut().zip(&plain).for_each(|(p, own)| *p += own);
        softmax(&mut p);
        softmax(&mut plain);
        let (best, facts) = self.facts(&p, seen);
        View {
            best,
            facts,
            plain: self.facts(&plain, seen).1,
            p,
        }
    }

    /// The best in-scope class, and what the calibration looks at.
    fn facts(&self, p: &[f32], seen: &Seen) -> (usize, [f32; FACTS]) {
        let near = self.nearest.find(&seen.x);
        let (alike, alike_best) = self
            .nearest
            .meaning(&seen.x, self.vectors.columns(), self.dense);
        let mut best = 0;
        let mut second = 0.0f32;
        let mut top = -1.0f32;
        for (i, &v) in p.iter().enumerate() {
            if Some(i) == self.none {
                continue;
            }
            if v > top {
                (second, top, best) = (top.max(0.0), v, i);
            } else if v > second {
                second = v;
            }
        }
        let none = self.none.map_or(0.0, |i| p[i]);
        let logit = |v: f32| (v.clamp(1e-4, 1.0 - 1e-4) / (1.0 - v.clamp(1e-4, 1.0 - 1e-4))).ln();
        let facts = [
            1.0,
            logit(top),
            top - second,
            near,
            seen.known,
            logit(none),
            alike,
            alike_best.get(best).copied().unwrap_or(0.0),
        ];
        (best, facts)
    }

    /// Texts as the model sees them; the embedder reads them together.
    fn see(&self, texts: &[&str]) -> Vec<Seen> {
        let columns = self.vectors.columns();
        let embedded = self.embedder.as_ref();
        let rows = embedded.and_then(|e| e.features(texts).ok());
        let mut rows = rows.unwrap_or_default().into_iter();
        let one = |text: &&str| {
            let (x, known) = self.vectors.vector(&gram::features(text));
            let mut seen = Seen {
                x,
                known,
                read: false,
            };
            if let (Some(embedder), Some(row)) = (embedded, rows.next()) {
                seen.add(&row, embedder.reads(text), columns, self.dense);
            }
            seen
        };
        texts.iter().map(one).collect()
    }
}

impl Seen {
    /// Puts the embedder's vector beside the n-grams' `columns`. A text without a known n-gram, and a
    /// vector of another length than those learnt from, stay without.
    fn add(&mut self, row: &[f32], read: bool, columns: usize, dense: Dense) {
        if self.x.index.is_empty() || row.len() != dense.of(read) {
            return;
        }
        let (weight, from) = match read {
            true => (READ_WEIGHT, columns),
            false => (ADDED_WEIGHT, columns + dense.read),
        };
        self.read = read;
        let index = (from..).take(row.len()).map(|c| c as u32);
        self.x.index.extend(index);
        self.x.value.extend(row.iter().map(|v| v * weight));
    }
}

/// What is seen of several readings of one sentence, by their shares.
fn mean(readings: Vec<(Seen, f32)>) -> Seen {
    let all: f32 = readings.iter().map(|(_, share)| share).sum();
    let norm = |values: &[f32]| values.iter().map(|v| v * v).sum::<f32>().sqrt();
    let length = readings
        .first()
        .map_or(0.0, |(seen, _)| norm(&seen.x.value));
    let read = readings.first().is_some_and(|(seen, _)| seen.read);
    let mut known = 0.0;
    let mut sums: BTreeMap<u32, f32> = BTreeMap::new();
    for (seen, share) in &readings {
        known += seen.known * share / all;
        for (&index, value) in seen.x.index.iter().zip(&seen.x.value) {
            *sums.entry(index).or_default() += value * share / all;
        }
    }
    let (index, mut value): (Vec<u32>, Vec<f32>) = sums.into_iter().unzip();
    let longer = length / norm(&value).max(1e-6);
    value.iter_mut().for_each(|v| *v *= longer);
    Seen {
        x: Sparse { index, value },
        known,
        read,
    }
}

/// Cuts a sentence at the words that begin a second request.
pub fn split(text: &str) -> Vec<String> {
    const MARKS: [&str; 12] = [
        "还有就是",
        "还有",
        "另外",
        "顺便",
        "以及",
        "再帮我",
        " and also ",
        " and then ",
        " also ",
        " as well as ",
        " and can you ",
        " plus ",
    ];
    let lower = text.to_lowercase();
    // Offsets are only good in the original when lowering kept the lengths.
    let hay = if lower.len() == text.len() {
        lower
    } else {
        text.to_owned()
    };
    let mut cuts = vec![];
    for mark in MARKS {
        cuts.extend(hay.match_indices(mark).map(|(i, m)| (i, i + m.len())));
    }
    cuts.sort_unstable();
    let mut out = Vec::new();
    let mut from = 0;
    for (start, end) in cuts {
        if start >= from {
            out.push(text[from..start].to_owned());
            from = end;
        }
    }
    out.push(text[from..].to_owned());
    let clean = |t: &String| t.trim_matches(|c: char| !c.is_alphanumeric()).to_owned();
    out.iter()
        .map(clean)
        .filter(|t| t.chars().count() >= 2)
        .collect()
}

/// The training vectors by column, to find the nearest example.
#[derive(Default, serde::Serialize, serde::Deserialize)]
struct Nearest {
    /// For each column, the examples that have it and its value there.
    postings: Vec<Vec<(u32, f32)>>,
    examples: usize,
    /// The mean directions of each class's vectors, of those read and of those added up: two rows of the
    /// embedder's length a class.
    centres: Vec<f32>,
}

impl Nearest {
    /// Examples with their classes; columns from `columns` on are the embedder's.
    fn new(rows: &[(&Sparse, usize)], columns: usize, dense: Dense, classes: usize) -> Self {
        let mut out = Self {
            postings: vec![Vec::new(); columns],
            examples: rows.len(),
            centres: vec![0.0; dense.all() * classes],
        };
        for (example, (x, class)) in rows.iter().enumerate() {
            for (column, value) in x.iter() {
                match column.checked_sub(columns) {
                    None => out.postings[column].push((example as u32, value)),
                    Some(axis) => out.centres[class * dense.all() + axis] += value,
                }
            }
        }
        for both in out.centres.chunks_mut(dense.all().max(1)) {
            let (read, added) = both.split_at_mut(dense.read);
            for centre in [read, added] {
                let length = centre.iter().map(|v| v * v).sum::<f32>().sqrt().max(1e-9);
                centre.iter_mut().for_each(|v| *v /= length);
            }
        }
        out
    }

    /// Cosine to the nearest example, over the n-gram columns.
    fn find(&self, x: &Sparse) -> f32 {
        let mut sums = vec![0.0f32; self.examples];
        for (column, value) in x.iter() {
            for (example, v) in self.postings.get(column).into_iter().flatten() {
                sums[*example as usize] += value * v;
            }
        }
        sums.into_iter().fold(0.0, f32::max)
    }

    /// Cosine of the embedder's vector to the nearest centre, and to each class's.
    fn meaning(&self, x: &Sparse, columns: usize, dense: Dense) -> (f32, Vec<f32>) {
        let from = x.index.partition_point(|c| (*c as usize) < columns);
        if dense.all() == 0 || from == x.index.len() {
            return (0.0, Vec::new());
        }
        let row = &x.value[from..];
        let length = row.iter().map(|v| v * v).sum::<f32>().sqrt().max(1e-9);
        let axes = || x.index[from..].iter().map(|c| *c as usize - columns);
        let cosine = |c: &[f32]| axes().zip(row).map(|(a, v)| c[a] * v).sum::<f32>() / length;
        let all: Vec<f32> = self.centres.chunks(dense.all()).map(cosine).collect();
        (all.iter().copied().fold(-1.0, f32::max), all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn examples() -> Vec<IntentExample> {
        let rows = [
            (
                "bill",
                Lang::En,
                [
                    "check my bill",
                    "what do I owe this month",
                    "how much is my bill",
                    "bill please",
                ],
            ),
            (
                "bill",
                Lang::Zh,
                [
                    "查一下账单",
                    "我的账单多少钱",
                    "这个月要还多少",
                    "账单出来了吗",
                ],
            ),
            (
                "parcel",
                Lang::En,
                [
                    "where is my parcel",
                    "track my package",
                    "has my parcel been sent",
                    "when does my package come",
                ],
            ),
            (
                "parcel",
                Lang::Zh,
                [
                    "我的快递到哪了",
                    "查一下物流",
                    "包裹什么时候到",
                    "快递怎么还没到",
                ],
            ),
            (
                "none",
                Lang::En,
                [
                    "how is the weather",
                    "book me a flight",
                    "tell me a joke",
                    "who won the match",
                ],
            ),
            (
                "none",
                Lang::Zh,
                ["今天天气怎么样", "帮我订机票", "讲个笑话", "谁赢了比赛"],
            ),
        ];
        let each = |(intent, lang, texts): (&str, Lang, [&str; 4])| {
            texts.map(|text| IntentExample {
                intent: intent.into(),
                lang,
                text: text.into(),
                weak: false,
            })
        };
        rows.into_iter().flat_map(each).collect()
    }

    #[test]
    fn a_sentence_finds_its_intent_and_strange_ones_find_none() {
        let c = IntentClassifier::train(&examples(), None, 7);
        for (text, lang, want) in [
            ("please check the bill", Lang::En, "bill"),
            ("包裹到哪了", Lang::Zh, "parcel"),
            ("weather in Rome", Lang::En, "none"),
            ("", Lang::Zh, "none"),
            ("zxqv", Lang::En, "none"),
        ] {
            let got = c.classify(text, lang);
            assert_eq!(got[0].intent.as_str(), want, "{text}: {got:?}");
            let sum: u32 = got.iter().map(|s| u32::from(s.score)).sum();
            assert!((980..=1020).contains(&sum), "{sum}");
        }
    }

    #[test]
    fn other_readings_bring_the_word_that_the_best_one_lost() {
        let c = IntentClassifier::train(&examples(), None, 7);
        let of = |readings: &[(&str, f32)]| {
            let scores = c.classify_readings(readings, Lang::En);
            let parcel = scores.iter().find(|one| one.intent.as_str() == "parcel");
            parcel.map_or(0, |one| one.score)
        };
        let alone = of(&[("where is my partial", 1.0)]);
        let several = of(&[
            ("where is my partial", 1.0),
            ("where is my parcel", 0.8),
            ("wears my parcel", 0.5),
        ]);
        assert!(several > alone, "{several} {alone}");
        assert_eq!(
            c.classify_readings(&[("track my package", 1.0)], Lang::En),
            c.classify("track my package", Lang::En)
        );
    }

    #[test]
    fn the_same_examples_and_seed_give_the_same_scores() {
        let (a, b) = (
            IntentClassifier::train(&examples(), None, 3),
            IntentClassifier::train(&examples(), None, 3),
        );
        assert_eq!(a.classify("账单", Lang::Zh), b.classify("账单", Lang::Zh));
    }

    #[test]
    fn two_requests_are_two() {
        assert_eq!(
            split("查一下账单，还有我的快递到哪了"),
            ["查一下账单", "我的快递到哪了"]
        );
        assert_eq!(
            split("check my bill and also track my package"),
            ["check my bill", "track my package"]
        );
        assert_eq!(split("check my bill").len(), 1);
        let c = IntentClassifier::train(&examples(), None, 7);
        let parts = c.classify_parts("查一下账单，另外我的快递到哪了", Lang::Zh);
        let found: Vec<&str> = parts.iter().map(|p| p.1[0].intent.as_str()).collect();
        assert_eq!(found, ["bill", "parcel"]);
    }
}
