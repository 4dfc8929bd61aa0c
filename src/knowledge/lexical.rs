//! The text index: BM25 over an inverted list.

use std::collections::HashMap;

/// How soon a term's repetition stops to count.
pub const K1: f32 = 1.2;
/// How much a long text is discounted. Sections are of similar length, so the usual 0.75 stands.
pub const B: f32 = 0.75;

/// BM25 (Robertson and Zaragoza 2009, with the non-negative idf of Lucene) over numbered texts.
#[derive(Default)]
pub struct Lexical {
    postings: HashMap<String, Vec<(u32, u16)>>,
    /// What each text's length adds to the denominator: k1·(1 − b + b·length/mean).
    norms: Vec<f32>,
}

/// Scores of one query.
pub struct LexicalScores {
    /// By text, 0..=1: its share of the score of a text that says every term of the question over
    /// and over.
    scores: Vec<f32>,
}

impl Lexical {
    /// Indexes texts by their terms; the number of a text is its place.
    pub fn build<'a>(texts: impl IntoIterator<Item = &'a [String]>) -> Self {
        let mut postings: HashMap<String, Vec<(u32, u16)>> = HashMap::new();
        let mut lengths = Vec::new();
        for (at, terms) in texts.into_iter().enumerate() {
            lengths.push(terms.len() as f32);
            for term in terms {
                let list = match postings.get_mut(term.as_str()) {
                    Some(list) => list,
                    None => postings.entry(term.clone()).or_default(),
                };
                match list.last_mut() {
                    Some((text, count)) if *text == at as u32 => *count = count.saturating_add(1),
                    _ => list.push((at as u32, 1)),
                }
            }
        }
        let mean = (lengths.iter().sum::<f32>() / lengths.len().max(1) as f32).max(1.0);
        let norms = lengths
            .iter()
            .map(|length| K1 * (1.0 - B + B * length / mean));
        Self {
            norms: norms.collect(),
            postings,
        }
    }

    /// Scores all texts that share a term with the question.
    pub fn score(&self, query: &[String]) -> LexicalScores {
        let mut unique: Vec<&String> = query.iter().collect();
        unique.sort();
        unique.dedup();
        let mut scores = vec![0.0; self.norms.len()];
        let lists = unique.iter().map(|term| {
            self.postings
                .get(term.as_str())
                .map_or(&[][..], Vec::as_slice)
        });
        let best_possible: f32 = lists
            .clone()
            .map(|list| self.idf(list.len()) * (K1 + 1.0))
            .sum();
        for list in lists {
            let weight = self.idf(list.len()) * (K1 + 1.0) / best_possible;
            for &(text, count) in list {
                let count = f32::from(count);
                scores[text as usize] += weight * count / (count + self.norms[text as usize]);
            }
        }
        LexicalScores { scores }
    }

    /// The terms of the question that a text has.
    pub fn matched(&self, query: &[String], text: u32) -> Vec<String> {
        let mut out: Vec<String> = query
            .iter()
            .filter(|term| {
                self.postings
                    .get(term.as_str())
                    .is_some_and(|list| list.binary_search_by_key(&text, |(t, _)| *t).is_ok())
            })
            .cloned()
            .collect();
        out.sort();
        out.dedup();
        out
    }

    fn idf(&self, texts: usize) -> f32 {
        let (all, texts) = (self.norms.len() as f32, texts as f32);
        (1.0 + (all - texts + 0.5) / (texts + 0.5)).ln()
    }
}

impl LexicalScores {
    /// The score of one text; 0 where it shares no term.
    pub fn of(&self, text: u32) -> f32 {
        self.scores.get(text as usize).copied().unwrap_or(0.0)
    }

    /// The best `k` of those that share a term, best first; ties by number, so that the order never
    /// changes between runs.
    pub fn top(&self, k: usize) -> Vec<(u32, f32)> {
        let scored = self
            .scores
            .iter()
            .enumerate()
            .filter(|(_, score)| **score > 0.0);
        let mut all: Vec<(u32, f32)> = scored.map(|(text, score)| (text as u32, *score)).collect();
        let order = |a: &(u32, f32), b: &(u32, f32)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
        if all.len() > k {
            all.select_nth_unstable_by(k, order);
            all.truncate(k);
        }
        all.sort_by(order);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn agrees_with_the_formula() {
        let texts = [words("a b b c"), words("a a a a"), words("d e")];
        let index = Lexical::build(texts.iter().map(Vec::as_slice));
        let found = index.score(&words("b"));
        assert_eq!(found.top(9).len(), 1);
        // idf cancels for one term: count·(k1+1) / (count + k1·(1−b+b·4/3.333)) / (k1+1)
        let expected = 2.0 / (2.0 + 1.2 * (0.25 + 0.75 * 1.2));
        assert!((found.of(0) - expected).abs() < 1e-5);
        let top = index.score(&words("a d")).top(3);
        assert_eq!(top[0].0, 2, "a rare word in a short text comes first");
        assert_eq!(index.matched(&words("a b z"), 0), ["a", "b"]);
    }
}
