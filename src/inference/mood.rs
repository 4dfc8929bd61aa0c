//! Mood of a turn from its words: −100 (angry) to 100 (delighted), with the words that made it so.
//!
//! A three-class linear model a language over words, word pairs and character n-grams, and beside
//! them the vector of a learned [`Embedder`] where there is one, trained at start from our own
//! sentences in `knowledge/eval/mood-train.<zh|en>.tsv`. The score is
//! 100 × (P(positive) − P(negative)). A word's share is how much the score moves when the word is
//! taken out: exact for this model, and what a reader would check.

use crate::embed::{Embedder, TextKind};
use crate::gram::{self, Sparse, Vectorizer};
use crate::linear::{Linear, Training, softmax};
use crate::recognizer::is_cjk;
use sidetone_types::{ContentError, Lang, Masked, Mood, MoodWord};
use std::path::Path;
use std::sync::Arc;

/// Weight of the embedder's vector beside the n-grams'.
const DENSE_WEIGHT: f32 = 1.0;
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
    embedder: Option<Arc<dyn Embedder>>,
    linear: Linear,
}

impl MoodScorer {
    /// Trains on examples; the same examples, embedder and seed give the same scorer. It is made anew at
    /// every start, so where the embedder has a quicker one of the same space that one is taken.
    pub fn train(examples: &[MoodExample], embedder: Option<Arc<dyn Embedder>>, seed: u64) -> Self {
        let embedder = embedder.map(|e| e.quick().unwrap_or(e));
        let embedder = embedder.filter(|e| e.learned());
        let models = Lang::ALL
            .into_iter()
            .filter_map(|lang| {
                let rows: Vec<(&str, usize)> = examples
                    .iter()
                    .filter(|e| e.lang == lang)
                    .map(|e| (e.text.as_str(), class(e.score)))
                    .collect();
                (rows.len() >= 3).then(|| (lang, Model::train(&rows, embedder.clone(), seed)))
            })
            .collect();
        Self { models }
    }

    /// Reads `mood-train.zh.tsv` and `mood-train.en.tsv` of a folder and trains.
    pub fn load(
        dir: &Path,
        embedder: Option<Arc<dyn Embedder>>,
        seed: u64,
    ) -> Result<Self, Vec<ContentError>> {
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
            Ok(Self::train(&examples, embedder, seed))
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
    fn train(rows: &[(&str, usize)], embedder: Option<Arc<dyn Embedder>>, seed: u64) -> Self {
        let features: Vec<_> = rows.iter().map(|r| gram::features(r.0)).collect();
        let vectors = Vectorizer::fit(features.iter().map(Vec::as_slice), 1);
        let dense = embedder.as_ref().map_or(0, |e| e.dims());
        let see = |(text, class): &(&str, usize)| {
            (seen(&vectors, embedder.as_deref(), text), *class, 1.0)
        };
        let data: Vec<_> = rows.iter().map(see).collect();
        let how = Training {
            epochs: (40_000 / data.len().max(1)).clamp(8, 30),
            rate: 0.4,
            decay: 0.01,
            smoothing: 0.05,
            seed,
        };
        let linear = Linear::train(&data, vectors.columns() + dense, 3, how);
        Self {
            vectors,
            embedder,
            linear,
        }
    }

    fn score(&self, words: &[String]) -> f32 {
        let x = seen(&self.vectors, self.embedder.as_deref(), &join(words));
        if x.value.iter().all(|v| *v == 0.0) {
            return 0.0;
        }
        let mut p = self.linear.scores(&x);
        softmax(&mut p);
        100.0 * (p[POSITIVE] - p[NEGATIVE])
    }
}

/// N-grams, then the embedder's axes.
fn seen(vectors: &Vectorizer, embedder: Option<&dyn Embedder>, text: &str) -> Sparse {
    let (mut x, _) = vectors.vector(&gram::features(text));
    if let Some(embedder) = embedder
        && let Ok(rows) = embedder.embed(&[text], TextKind::Query)
        && let Some(row) = rows.first()
    {
        let base = vectors.columns() as u32;
        x.index.extend((0..row.len() as u32).map(|i| base + i));
        x.value.extend(row.iter().map(|v| v * DENSE_WEIGHT));
    }
    x
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
        let scorer = MoodScorer::train(&examples, None, 1);
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
