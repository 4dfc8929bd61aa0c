//! How good a ranking is: nDCG@k and recall@k.

use std::collections::BTreeSet;

/// A question and what answers it.
#[derive(Clone, Debug)]
pub struct Query {
    pub text: String,
    pub relevant: BTreeSet<String>,
}

/// Means over questions, 0..=1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Scores {
    pub ndcg_at_10: f64,
    pub recall_at_10: f64,
    pub questions: usize,
}

/// Normalized discounted cumulative gain of a ranking with relevance 0 or 1 (Järvelin and
/// Kekäläinen 2002). A document that occurs twice counts once.
pub fn ndcg_at(k: usize, ranking: &[&str], relevant: &BTreeSet<String>) -> f64 {
    let gain = |rank: usize| 1.0 / (rank as f64 + 2.0).log2();
    let found: f64 = firsts(ranking)
        .take(k)
        .enumerate()
        .filter(|(_, document)| relevant.contains(*document))
        .map(|(rank, _)| gain(rank))
        .sum();
    let ideal: f64 = (0..relevant.len().min(k)).map(gain).sum();
    if ideal > 0.0 { found / ideal } else { 0.0 }
}

/// The share of the relevant documents among the first `k`.
pub fn recall_at(k: usize, ranking: &[&str], relevant: &BTreeSet<String>) -> f64 {
    let found = firsts(ranking)
        .take(k)
        .filter(|document| relevant.contains(*document))
        .count();
    found as f64 / relevant.len().max(1) as f64
}

/// Means over all questions; `rank` gives the documents for a question's text, best first.
pub fn score(queries: &[Query], mut rank: impl FnMut(&str) -> Vec<String>) -> Scores {
    let mut sum = Scores::default();
    for query in queries {
        let ranking = rank(&query.text);
        let ranking: Vec<&str> = ranking.iter().map(String::as_str).collect();
        sum.ndcg_at_10 += ndcg_at(10, &ranking, &query.relevant);
        sum.recall_at_10 += recall_at(10, &ranking, &query.relevant);
    }
    let count = queries.len().max(1) as f64;
    Scores {
        ndcg_at_10: sum.ndcg_at_10 / count,
        recall_at_10: sum.recall_at_10 / count,
        questions: queries.len(),
    }
}

fn firsts<'a>(ranking: &'a [&'a str]) -> impl Iterator<Item = &'a str> {
    let mut seen = BTreeSet::new();
    ranking
        .iter()
        .copied()
        .filter(move |document| seen.insert(*document))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_numbers_worked_by_hand() {
        let relevant: BTreeSet<String> = ["a", "b"].map(str::to_owned).into();
        assert_eq!(ndcg_at(10, &["a", "b"], &relevant), 1.0);
        assert_eq!(ndcg_at(10, &["x", "y"], &relevant), 0.0);
        // 1/log2(3) + 1/log2(5) over 1 + 1/log2(3)
        let found = ndcg_at(10, &["x", "a", "a", "y", "b"], &relevant);
        assert!((found - 0.650_921_0).abs() < 1e-6, "{found}");
        assert_eq!(recall_at(1, &["a", "b"], &relevant), 0.5);
        assert_eq!(recall_at(10, &["a", "a"], &relevant), 0.5);
    }
}
