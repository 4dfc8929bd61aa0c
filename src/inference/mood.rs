//! Mood of a turn from its words: −100 (angry) to 100 (delighted), with the words that made it so.
//!
//! A three-class linear model a language over words, word pairs and character n-grams, trained at
//! start from our own sentences in `knowledge/eval/mood-train.<zh|en>.tsv`. The score is
//! 100 × (P(positive) − P(negative)). A word's share is how much the score moves when the word is
//! taken out: exact for this model, and what a reader would check.

use crate::gram::{self, Feature, Vectorizer};
use crate::linear::{Linear, Training, softmax};
use crate::recognizer::is_cjk;
use sidetone_types::{ContentError, Lang, Masked, Mood, MoodWord};
use std::path::Path;

/// Words shown as evidence.
const WORDS_MAX: usize = 4;
/// A share under this is not worth showing.
const SHARE_MIN: i16 = 4;

const NEGATIVE: usize = 0;
const NEUTRAL: usize = 1;
const POSITIVE: usize = 2;

/// One sentence and how it feels: −100..=100.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MoodExample {
    pub lang: Lang,
    pub text: String,
    pub score: i8,
}

/// The scorer of both languages. A language without examples scores 0.
pub struct MoodScorer {
    models: Vec<(Lang, Model)>,
}

struct Model {
    vectors: Vectorizer,
    linear: Linear,
}

impl MoodScorer {
    /// Trains on examples; the same examples and seed give the same scorer.
    pub fn train(examples: &[MoodExample], seed: u64) -> Self {
        let models = Lang::ALL
            .into_iter()
            .filter_map(|lang| {
                let rows: Vec<(Vec<Feature>, usize)> = examples
                    .iter()
                    .filter(|e| e.lang == lang)
                    .map(|e| (gram::features(&e.text), class(e.score)))
                    .collect();
                (rows.len() >= 3).then(|| (lang, Model::train(&rows, seed)))
            })
            .collect();
        Self { models }
    }

    /// Reads `mood-train.zh.tsv` and `mood-train.en.tsv` of a folder and trains.
    pub fn load(dir: &Path, seed: u64) -> Result<Self, Vec<ContentError>> {
        let mut examples = Vec::new();
        let mut errors = Vec::new();
        for lang in Lang::ALL {
            let path = dir.join(format!("mood-train.{lang}.tsv"));
            match load_examples(&path, lang) {
                Ok(mut rows) => examples.append(&mut rows),
                Err(mut faults) => errors.append(&mut faults),
            }
        }
        if errors.is_empty() {
            Ok(Self::train(&examples, seed))
        } else {
            Err(errors)
        }
    }

    /// Mood of one turn. The words are the speaker's own and as masked as `text` is.
    pub fn score(&self, text: &Masked, lang: Lang) -> Mood {
        let Some((_, model)) = self.models.iter().find(|m| m.0 == lang) else {
            return Mood {
                score: 0,
                because: Vec::new(),
            };
        };
        let words = gram::words(text.as_str());
        let whole = model.score(&words);
        let mut because: Vec<MoodWord> = (0..words.len())
            .filter(|&i| words[..i].iter().all(|w| *w != words[i]))
            .map(|i| {
                let without: Vec<String> =
                    words.iter().filter(|w| **w != words[i]).cloned().collect();
                MoodWord {
                    word: Masked::authored(words[i].clone()),
                    weight: (whole - model.score(&without)).round() as i16,
                }
            })
            .filter(|w| w.weight.abs() >= SHARE_MIN && (w.weight > 0) == (whole > 0.0))
            .collect();
        because.sort_by_key(|w| (-w.weight.abs(), w.word.as_str().to_owned()));
        because.truncate(WORDS_MAX);
        let score = whole.round().clamp(-100.0, 100.0) as i8;
        // A turn of one neutral word is neutral: nothing speaks for anything else.
        let score = if because.is_empty() && score.abs() < 25 {
            0
        } else {
            score
        };
        Mood { score, because }
    }
}

impl Model {
    fn train(rows: &[(Vec<Feature>, usize)], seed: u64) -> Self {
        let vectors = Vectorizer::fit(rows.iter().map(|r| r.0.as_slice()), 1);
        let data: Vec<_> = rows
            .iter()
            .map(|(f, c)| (vectors.vector(f).0, *c, 1.0))
            .collect();
        let how = Training {
            epochs: (40_000 / data.len().max(1)).clamp(8, 30),
            rate: 0.4,
            decay: 0.01,
            smoothing: 0.05,
            seed,
        };
        let linear = Linear::train(&data, vectors.columns(), 3, how);
        Self { vectors, linear }
    }

    fn score(&self, words: &[String]) -> f32 {
        let text = join(words);
        let (x, _) = self.vectors.vector(&gram::features(&text));
        if x.index.is_empty() {
            return 0.0;
        }
        let mut p = self.linear.scores(&x);
        softmax(&mut p);
        100.0 * (p[POSITIVE] - p[NEGATIVE])
    }
}

fn join(words: &[String]) -> String {
    let mut out = String::new();
    for word in words {
        let close = word.starts_with(is_cjk) && out.ends_with(is_cjk);
        if !out.is_empty() && !close {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

fn class(score: i8) -> usize {
    match score {
        ..=-20 => NEGATIVE,
        -19..=19 => NEUTRAL,
        20.. => POSITIVE,
    }
}

/// Reads `text<TAB>mood` lines; mood is −100..=100 or a name (`negative`, `angry`, `neutral`,
/// `positive`, …). A first line `text<TAB>mood` is taken as a header.
pub fn load_examples(path: &Path, lang: Lang) -> Result<Vec<MoodExample>, Vec<ContentError>> {
    let error = |line: Option<u32>, reason: String, hint: &str| ContentError {
        file: path.display().to_string(),
        line,
        reason,
        hint: hint.to_owned(),
    };
    let text = std::fs::read_to_string(path).map_err(|e| {
        vec![error(
            None,
            format!("it cannot be read: {e}"),
            "It holds the sentences that mood is learned from; restore it",
        )]
    })?;
    let mut out = Vec::new();
    let mut errors = Vec::new();
    for (i, row) in text.lines().enumerate() {
        let line = Some(i as u32 + 1);
        if row.trim().is_empty() || row.starts_with('#') || (i == 0 && row.starts_with("text\t")) {
            continue;
        }
        match row
            .split_once('\t')
            .map(|(text, mood)| (text.trim(), mood_of(mood.trim())))
        {
            Some((text, Some(score))) if !text.is_empty() => out.push(MoodExample {
                lang,
                text: text.to_owned(),
                score,
            }),
            Some((_, None)) => errors.push(error(
                line,
                "the mood is not known".into(),
                "Write -100 to 100, negative, neutral or positive",
            )),
            _ => errors.push(error(
                line,
                "the line has no text and mood".into(),
                "Write the sentence, a tab, and the mood",
            )),
        }
    }
    if errors.is_empty() {
        Ok(out)
    } else {
        Err(errors)
    }
}

fn mood_of(word: &str) -> Option<i8> {
    match word {
        "angry" | "anger" | "furious" => Some(-80),
        "negative" | "neg" | "frustrated" | "sad" | "worried" | "anxious" => Some(-60),
        "neutral" | "neu" => Some(0),
        "positive" | "pos" | "happy" | "satisfied" | "grateful" | "thankful" => Some(60),
        other => other.parse().ok().filter(|n| (-100..=100).contains(n)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_that_made_it_so_are_named() {
        let rows = [
            ("this is terrible service", -60),
            ("I am so angry with you", -60),
            ("terrible, I want to complain", -60),
            ("thank you so much", 60),
            ("great, that is perfect", 60),
            ("wonderful, thanks", 60),
            ("my order number is here", 0),
            ("I want to know the hours", 0),
            ("can you check it", 0),
        ];
        let examples: Vec<_> = rows
            .iter()
            .map(|(t, s)| MoodExample {
                lang: Lang::En,
                text: (*t).into(),
                score: *s,
            })
            .collect();
        let scorer = MoodScorer::train(&examples, 1);
        let bad = scorer.score(&Masked::authored("the service was terrible"), Lang::En);
        assert!(bad.score < -20, "{bad:?}");
        assert_eq!(bad.because[0].word.as_str(), "terrible");
        assert!(bad.because[0].weight < 0);
        assert!(
            scorer
                .score(&Masked::authored("thanks, that is great"), Lang::En)
                .score
                > 20
        );
        assert_eq!(scorer.score(&Masked::authored(""), Lang::En).score, 0);
        assert_eq!(scorer.score(&Masked::authored("糟糕"), Lang::Zh).score, 0);
    }
}
