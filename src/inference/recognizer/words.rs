//! From the decoder's tokens to words with places and confidence.

use super::HeardWord;
use sidetone_types::{CallTime, Heard};
use std::time::Duration;

/// The bytes of one token and its probability.
pub(super) struct Piece {
    pub bytes: Vec<u8>,
    pub p: f32,
}

/// Text and words of one decoded stretch.
#[derive(Default)]
pub(super) struct Decoded {
    pub text: String,
    /// Word and the mean log probability of its tokens.
    pub words: Vec<(String, f32)>,
    /// Log probabilities of the tokens, for the confidence of the whole.
    pub log_p: Vec<f32>,
    /// What else it may be, best first, and its share of the likelihood, where this has 1.
    pub others: Vec<(String, f32)>,
}

/// Joins tokens. A Chinese character may be spread over several; a word takes the mean of its bytes.
pub(super) fn join(pieces: &[Piece]) -> Decoded {
    let mut bytes = Vec::new();
    let mut log_p_of_byte = Vec::new();
    for piece in pieces {
        bytes.extend_from_slice(&piece.bytes);
        log_p_of_byte.extend(std::iter::repeat_n(
            piece.p.max(1e-6).ln(),
            piece.bytes.len(),
        ));
    }
    let log_p = pieces.iter().map(|p| p.p.max(1e-6).ln()).collect();
    let mut text = String::new();
    let mut words: Vec<(String, f32)> = Vec::new();
    let mut open: Option<(String, Vec<f32>)> = None;
    let mut at = 0;
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            let mine = &log_p_of_byte[at..at + c.len_utf8()];
            at += c.len_utf8();
            text.push(c);
            let alone = is_cjk(c);
            if alone || c.is_whitespace() || (!c.is_alphanumeric() && !matches!(c, '\'' | '-')) {
                close(&mut open, &mut words);
            }
            if alone {
                words.push((c.to_string(), mean(mine)));
            } else if c.is_alphanumeric() || matches!(c, '\'' | '-') {
                let (word, marks) = open.get_or_insert_default();
                word.push(c);
                marks.extend_from_slice(mine);
            }
        }
        at += chunk.invalid().len();
    }
    close(&mut open, &mut words);
    Decoded {
        text: text.trim().to_owned(),
        words,
        log_p,
        others: Vec::new(),
    }
}

fn close(open: &mut Option<(String, Vec<f32>)>, words: &mut Vec<(String, f32)>) {
    if let Some((word, marks)) = open.take() {
        words.push((word, mean(&marks)));
    }
}

fn mean(values: &[f32]) -> f32 {
    values.iter().sum::<f32>() / values.len().max(1) as f32
}

/// Chinese characters stand for themselves as words.
pub(crate) fn is_cjk(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}')
}

/// Lays words over the voiced 20 ms blocks of their stretch, each as long as its share of the
/// syllables. An estimate: small models know no time stamps.
pub(super) fn place(words: &[(String, f32)], voiced: &[bool], at: CallTime) -> Vec<HeardWord> {
    let blocks: Vec<usize> = (0..voiced.len()).filter(|&i| voiced[i]).collect();
    let blocks = if blocks.is_empty() {
        (0..voiced.len().max(1)).collect()
    } else {
        blocks
    };
    let weights: Vec<f32> = words.iter().map(|(w, _)| syllables(w)).collect();
    let total: f32 = weights.iter().sum::<f32>().max(1.0);
    let time = |share: f32, up: usize| {
        let i = ((share / total * blocks.len() as f32) as usize).min(blocks.len() - 1);
        at + Duration::from_millis((blocks[i] + up) as u64 * 20)
    };
    let mut sum = 0.0;
    words
        .iter()
        .zip(&weights)
        .map(|((word, log_p), weight)| {
            let from = time(sum, 0);
            sum += weight;
            let to = time((sum - 0.01).max(0.0), 1);
            HeardWord {
                text: Heard::new(word.as_str()),
                from,
                to: to.max(from),
                confidence: (log_p.exp().clamp(0.0, 1.0) * 1000.0) as u16,
            }
        })
        .collect()
}

/// Roughly how long a word takes to say.
fn syllables(word: &str) -> f32 {
    if word.chars().any(is_cjk) {
        return word.chars().count() as f32;
    }
    let mut count = 0;
    let mut vowel = false;
    for c in word.chars().map(|c| c.to_ascii_lowercase()) {
        let now = "aeiouy".contains(c);
        if (now && !vowel) || c.is_ascii_digit() {
            count += 1;
        }
        vowel = now;
    }
    count.max(1) as f32
}

/// Cuts a decoder that turned in circles: the same run of one to eight words said four times or
/// more in a row is said once.
pub(super) fn unloop(decoded: &mut Decoded) {
    for run in 1..=8usize {
        let words = &decoded.words;
        let mut count = 0;
        for (i, pair) in words.iter().zip(words.iter().skip(run)).enumerate() {
            count = if pair.0.0 == pair.1.0 { count + 1 } else { 0 };
            if count >= 3 * run.max(2) && !is_digit_word(&pair.0.0) {
                let start = i + 1 - count;
                decoded.words.truncate(start + run);
                decoded.text = spell(&decoded.words);
                return;
            }
        }
    }
}

/// Digits are said over and over for good reason.
fn is_digit_word(word: &str) -> bool {
    const DIGITS: &str = " zero oh one two three four five six seven eight nine double triple ";
    word.chars()
        .all(|c| c.is_ascii_digit() || "零一二三四五六七八九幺".contains(c))
        || DIGITS.contains(&format!(" {} ", word.to_ascii_lowercase()))
}

/// Writes words out again: Chinese without spaces, the rest with.
pub(super) fn spell(words: &[(String, f32)]) -> String {
    let mut out = String::new();
    for (word, _) in words {
        let close =
            out.chars().last().is_none_or(is_cjk) && word.chars().next().is_some_and(is_cjk);
        if !out.is_empty() && !close {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(bytes: &[u8], p: f32) -> Piece {
        Piece {
            bytes: bytes.to_vec(),
            p,
        }
    }

    #[test]
    fn a_character_spread_over_tokens_is_one_word() {
        let zhang = "账".as_bytes();
        let d = join(&[
            piece("查".as_bytes(), 1.0),
            piece(&zhang[..2], 0.5),
            piece(&zhang[2..], 0.5),
            piece(b" bill please", 0.9),
        ]);
        assert_eq!(d.text, "查账 bill please");
        let words: Vec<&str> = d.words.iter().map(|w| w.0.as_str()).collect();
        assert_eq!(words, ["查", "账", "bill", "please"]);
        assert!((d.words[1].1 - 0.5f32.ln()).abs() < 1e-5);
    }

    #[test]
    fn words_lie_in_order_inside_the_voiced_part() {
        let words = vec![("查".into(), 0.0), ("账".into(), 0.0), ("单".into(), 0.0)];
        let mut voiced = vec![false; 50];
        voiced[10..40].fill(true);
        let placed = place(&words, &voiced, CallTime::from_ms(1000));
        assert_eq!(placed[0].from.as_ms(), 1200);
        assert_eq!(placed[2].to.as_ms(), 1800);
        assert!(
            placed
                .windows(2)
                .all(|w| w[0].to <= w[1].to && w[0].from <= w[1].from)
        );
    }

    #[test]
    fn circles_are_cut_and_digits_are_not() {
        let mut d = join(&[piece("好的好的好的好的好的好的好的好的".as_bytes(), 0.9)]);
        unloop(&mut d);
        assert!(d.text.chars().count() <= 4, "{}", d.text);
        let mut d = join(&[piece("一一一一一一一一一".as_bytes(), 0.9)]);
        unloop(&mut d);
        assert_eq!(d.text.chars().count(), 9);
    }
}
