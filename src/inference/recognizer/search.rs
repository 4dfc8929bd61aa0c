//! The texts that a sound may be: a beam search over the decoder's tokens.
//!
//! whisper.cpp's own beam search draws its continuations at random and begins with one first token,
//! so that what it gives up is not the second best. This one keeps the likeliest of all at every
//! length, and gives back every text it came by with what ending there costs, so that something
//! else than the sound can weigh them again.

use std::cmp::Ordering;

/// Texts that are this much less likely than the best of their length are not followed.
const FAR: f32 = 9.0;
/// Tokens that are this much less likely than the likeliest add nothing to the sum over all.
const NOTHING: f32 = 16.0;

/// A text that the search came by, whether or not it went on from there.
#[derive(Clone, Debug, Default)]
pub(super) struct Candidate {
    pub tokens: Vec<u16>,
    /// Of each token, natural logarithm.
    pub log_p: Vec<f32>,
    /// Of ending after them.
    pub end: f32,
}

impl Candidate {
    fn so_far(&self) -> f32 {
        self.log_p.iter().sum()
    }

    /// Log probability of the whole text.
    pub fn by_sound(&self) -> f32 {
        self.so_far() + self.end
    }
}

/// How far and how wide.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    pub beam: usize,
    pub tokens_max: usize,
    /// The token that ends a text; those after it are never part of one.
    pub end: usize,
}

/// Searches. `logits` gives the scores of every token after a text; texts of one length come in
/// their tokens' order, so that it has to go back as little as can be.
pub(super) fn search<E>(
    limits: Limits,
    bias: Option<&[f32]>,
    mut logits: impl FnMut(&[u16], &mut Vec<f32>) -> Result<(), E>,
) -> Result<Vec<Candidate>, E> {
    let mut open = vec![Candidate::default()];
    let mut all = Vec::new();
    let mut ended = 0;
    let mut row = Vec::new();
    for _ in 0..=limits.tokens_max {
        // Log probability so far, text it goes on from (`None`: it ends), token, its own.
        let mut next: Vec<(f32, usize, Option<u16>, f32)> = Vec::new();
        for (at, text) in open.iter_mut().enumerate() {
            logits(&text.tokens, &mut row)?;
            row.truncate(limits.end + 1);
            if let Some(bias) = bias {
                row.iter_mut()
                    .zip(bias)
                    .for_each(|(logit, less)| *logit -= less);
            }
            normalise(&mut row);
            text.end = row.last().copied().unwrap_or(f32::MIN);
            let so_far = text.so_far();
            next.push((so_far + text.end, at, None, text.end));
            next.extend(
                likeliest(&row[..row.len().saturating_sub(1)], limits.beam)
                    .map(|(token, log_p)| (so_far + log_p, at, Some(token), log_p)),
            );
        }
        next.sort_by(|a, b| b.0.total_cmp(&a.0));
        next.truncate(2 * limits.beam);
        let best = next.first().map_or(f32::MIN, |first| first.0);
        let mut grown: Vec<Candidate> = Vec::new();
        for (rank, (so_far, from, token, log_p)) in next.into_iter().enumerate() {
            match token {
                // An end that is less likely than as many texts that go on ends nothing.
                None => ended += usize::from(rank < limits.beam),
                Some(token) if grown.len() < limits.beam && so_far > best - FAR => {
                    let mut text = open[from].clone();
                    text.tokens.push(token);
                    text.log_p.push(log_p);
                    grown.push(text);
                }
                Some(_) => {}
            }
        }
        all.append(&mut open);
        if ended >= limits.beam || grown.is_empty() {
            break;
        }
        grown.sort_by(|a, b| a.tokens.cmp(&b.tokens));
        open = grown;
    }
    Ok(all)
}

/// Scores to log probabilities.
fn normalise(row: &mut [f32]) {
    let most = row.iter().copied().fold(f32::MIN, f32::max);
    let near = row.iter().filter(|logit| **logit > most - NOTHING);
    let sum: f32 = near.map(|logit| (logit - most).exp()).sum();
    let less = most + sum.ln();
    row.iter_mut().for_each(|logit| *logit -= less);
}

/// The `count` likeliest tokens, in no order.
fn likeliest(row: &[f32], count: usize) -> impl Iterator<Item = (u16, f32)> {
    let mut kept: Vec<(u16, f32)> = Vec::with_capacity(count + 1);
    let mut least = f32::MIN;
    for (token, &log_p) in row.iter().enumerate() {
        if log_p <= least {
            continue;
        }
        kept.push((token as u16, log_p));
        if kept.len() > count {
            let by_log_p = |a: &(usize, &(u16, f32)), b: &(usize, &(u16, f32))| -> Ordering {
                a.1.1.total_cmp(&b.1.1)
            };
            if let Some((worst, _)) = kept.iter().enumerate().min_by(by_log_p) {
                kept.swap_remove(worst);
            }
            least = kept.iter().map(|k| k.1).fold(f32::MAX, f32::min);
        }
    }
    kept.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    const LIMITS: Limits = Limits {
        beam: 4,
        tokens_max: 5,
        end: 3,
    };

    /// After nothing 0 is likeliest, but what follows 1 is surer: "1 2" is the likeliest text.
    fn logits(text: &[u16], row: &mut Vec<f32>) -> Result<(), Infallible> {
        let p: [f32; 5] = match text {
            [] => [0.6, 0.38, 0.01, 0.01, 0.0],
            [0] => [0.3, 0.3, 0.3, 0.1, 0.0],
            [1] => [0.01, 0.01, 0.97, 0.01, 0.0],
            [1, 2] => [0.01, 0.01, 0.01, 0.97, 0.0],
            _ => [0.1, 0.1, 0.1, 0.7, 0.0],
        };
        // Any constant may be on top, and what lies after the end token is never a text.
        *row = p.iter().map(|p| p.max(1e-9).ln() + 7.0).collect();
        row[4] = 50.0;
        Ok(())
    }

    fn best(texts: &[Candidate]) -> &Candidate {
        let by_sound = |a: &&Candidate, b: &&Candidate| a.by_sound().total_cmp(&b.by_sound());
        texts.iter().max_by(by_sound).unwrap()
    }

    #[test]
    fn what_begins_less_likely_may_be_the_likeliest_text() {
        let Ok(texts) = search(LIMITS, None, logits);
        let best = best(&texts);
        assert_eq!(best.tokens, [1, 2]);
        assert!((best.by_sound().exp() - 0.38 * 0.97 * 0.97).abs() < 1e-4);
        // Shorter texts are there too, with what ending there costs.
        let short = texts.iter().find(|text| text.tokens == [1]).unwrap();
        assert!((short.end.exp() - 0.01).abs() < 1e-4);
        assert!(
            texts
                .iter()
                .all(|text| text.tokens.len() <= LIMITS.tokens_max)
        );
    }

    #[test]
    fn a_bias_takes_tokens_away() {
        let Ok(texts) = search(LIMITS, Some(&[0.0, 100.0, 0.0, 0.0]), logits);
        assert!(texts.iter().all(|text| !text.tokens.contains(&1)));
    }

    #[test]
    fn the_narrowest_beam_takes_the_likeliest_token_each_time() {
        let limits = Limits { beam: 1, ..LIMITS };
        let Ok(texts) = search(limits, None, logits);
        assert_eq!(texts[1].tokens, [0]);
    }

    #[test]
    fn an_error_ends_the_search() {
        let broken = |_: &[u16], _: &mut Vec<f32>| Err("gone");
        assert_eq!(search(LIMITS, None, broken).unwrap_err(), "gone");
    }
}
