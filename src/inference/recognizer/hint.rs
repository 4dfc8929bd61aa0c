//! What the conversation expects to hear, and how that helps the recognizer.
//!
//! Two means, both soft. While decoding, tokens that occur in none of the expected words lose a
//! little of their score ([`TokenSets`]). Afterwards, a text that sounds almost like one of the
//! expected answers is taken for it ([`settle`]). Neither invents an answer from silence, and a
//! caller who says something else altogether is still heard: "agent" must always get through.

use crate::phonetic::{distance, sounds};
use sidetone_types::Lang;
use std::sync::Arc;

/// What the conversation expects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Hint {
    #[default]
    Open,
    YesNo,
    /// Digits said one by one; `count` of them when it is known.
    Digits {
        count: Option<u8>,
    },
    /// Eight digits.
    OrderNumber,
    /// One of these words or sentences.
    Words(Vec<String>),
}

const YES_ZH: [&str; 12] = [
    "是", "是的", "对", "对的", "好", "好的", "可以", "没错", "嗯", "行", "要", "确认",
];
const NO_ZH: [&str; 10] = [
    "不", "不是", "不对", "不用", "不要", "没有", "错了", "不行", "取消", "算了",
];
const YES_EN: [&str; 11] = [
    "yes",
    "yeah",
    "yep",
    "yes please",
    "right",
    "correct",
    "sure",
    "okay",
    "ok",
    "that's right",
    "yes it is",
];
const NO_EN: [&str; 8] = [
    "no",
    "nope",
    "no thanks",
    "no thank you",
    "wrong",
    "not right",
    "that's wrong",
    "cancel",
];
const DIGITS_ZH: [&str; 11] = [
    "零", "一", "二", "三", "四", "五", "六", "七", "八", "九", "幺",
];
const DIGITS_EN: [&str; 13] = [
    "zero", "oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "double",
    "triple",
];
/// Always within reach, whatever is expected.
const ALWAYS: [&str; 8] = [
    "转人工",
    "人工",
    "客服",
    "再说一遍",
    "agent",
    "a person please",
    "representative",
    "repeat",
];

impl Hint {
    /// The number of digits that make the answer complete.
    pub fn digits(&self) -> Option<u8> {
        match self {
            Self::Digits { count } => *count,
            Self::OrderNumber => Some(8),
            _ => None,
        }
    }

    fn is_digits(&self) -> bool {
        matches!(self, Self::Digits { .. } | Self::OrderNumber)
    }

    fn words(&self, lang: Lang) -> Vec<String> {
        let own = |lists: &[&[&str]]| {
            lists
                .iter()
                .flat_map(|l| l.iter())
                .map(|w| (*w).to_owned())
                .collect()
        };
        match (self, lang) {
            (Self::Open, _) => Vec::new(),
            (Self::YesNo, Lang::Zh) => own(&[&YES_ZH, &NO_ZH]),
            (Self::YesNo, Lang::En) => own(&[&YES_EN, &NO_EN]),
            (Self::Words(words), _) => words.clone(),
            (_, Lang::Zh) => own(&[
                &DIGITS_ZH,
                &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
            ]),
            (_, Lang::En) => own(&[
                &DIGITS_EN,
                &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
            ]),
        }
    }
}

/// First bytes of the characters from U+3000 to U+DFFF in UTF-8: Han, kana, hangul. A Chinese caller
/// says English words; on an English line a Han character is always a slip of a small model.
const EAST_ASIA: std::ops::RangeInclusive<u8> = 0xe3..=0xed;
/// More than any logit is ahead of another.
const NEVER: f32 = 1e4;

/// The vocabulary's strings, to find which tokens the expected words are made of.
pub(super) struct TokenSets {
    /// Bytes of every token, lower case, without the leading space.
    tokens: Vec<Vec<u8>>,
    /// Tokens from this one on are special and always allowed.
    special: usize,
}

impl TokenSets {
    pub fn new(tokens: &[Vec<u8>], special: usize) -> Self {
        let tokens = tokens
            .iter()
            .map(|t| t.trim_ascii_start().to_ascii_lowercase())
            .collect();
        Self { tokens, special }
    }

    /// What every token loses: a little outside the expected words, all of it where the language
    /// has no such script. `None` when nothing does.
    pub fn penalties(&self, hint: &Hint, lang: Lang, penalty: f32) -> Option<Arc<[f32]>> {
        let allowed = (penalty > 0.0)
            .then(|| self.allowed(hint, lang))
            .flatten()
            .unwrap_or_default();
        if allowed.is_empty() && lang == Lang::Zh {
            return None;
        }
        let foreign =
            |token: &[u8]| lang == Lang::En && token.iter().any(|b| EAST_ASIA.contains(b));
        Some(
            self.tokens
                .iter()
                .enumerate()
                .map(|(id, token)| match allowed.get(id) {
                    _ if id < self.special && foreign(token) => NEVER,
                    Some(false) => penalty,
                    _ => 0.0,
                })
                .collect(),
        )
    }

    /// Which tokens occur in the expected words. `None` when nothing is expected.
    fn allowed(&self, hint: &Hint, lang: Lang) -> Option<Vec<bool>> {
        let mut words = hint.words(lang);
        if words.is_empty() {
            return None;
        }
        words.extend(ALWAYS.iter().map(|w| (*w).to_owned()));
        let words: Vec<Vec<u8>> = words
            .iter()
            .map(|w| w.to_lowercase().into_bytes())
            .collect();
        let within = |token: &[u8]| {
            words
                .iter()
                .any(|w| w.windows(token.len()).any(|part| part == token))
        };
        Some(
            self.tokens
                .iter()
                .enumerate()
                .map(|(id, token)| id >= self.special || token.is_empty() || within(token))
                .collect(),
        )
    }
}

/// Takes a near miss for what was expected; `None` leaves the text as it is.
pub(super) fn settle(text: &str, hint: &Hint, lang: Lang) -> Option<String> {
    if text.trim().is_empty() {
        return None;
    }
    if hint.is_digits() && lang == Lang::Zh {
        return settle_digits(text, hint.digits());
    }
    if matches!(hint, Hint::Open) || hint.is_digits() {
        return None;
    }
    // Yes and no are too short for wide nets: one wrong sound there is another word.
    let limit = if matches!(hint, Hint::YesNo) {
        210
    } else {
        340
    };
    let heard = sounds(text);
    let mut near: Vec<(u16, String)> = hint
        .words(lang)
        .into_iter()
        .map(|w| (distance(&heard, &sounds(&w)), w))
        .collect();
    near.sort();
    let best = near.first()?;
    // A second candidate about as near means that nobody knows.
    let rival = near
        .iter()
        .find(|n| n.1 != best.1 && !same_side(&n.1, &best.1));
    let clear = rival.is_none_or(|r| r.0 >= best.0 + 100);
    (best.0 <= limit && clear && best.1 != text).then(|| best.1.clone())
}

fn same_side(a: &str, b: &str) -> bool {
    let yes = |w: &str| YES_ZH.contains(&w) || YES_EN.contains(&w);
    let no = |w: &str| NO_ZH.contains(&w) || NO_EN.contains(&w);
    (yes(a) && yes(b)) || (no(a) && no(b))
}

/// Reads homophones as digits ("而三思" → "二三四") where nearly all of the text is digits already
/// or it has exactly as many syllables as digits are expected.
fn settle_digits(text: &str, count: Option<u8>) -> Option<String> {
    let chars: Vec<char> = text.chars().filter(|c| c.is_alphanumeric()).collect();
    let is_digit =
        |c: &char| c.is_ascii_digit() || DIGITS_ZH.iter().any(|d| d.contains(*c)) || *c == '两';
    let sure = chars.iter().filter(|c| is_digit(c)).count();
    let as_many = count.is_some_and(|n| usize::from(n) == chars.len());
    if sure == chars.len() || sure * 10 < chars.len() * if as_many { 5 } else { 8 } {
        return None;
    }
    let mut out = String::new();
    for c in &chars {
        if is_digit(c) {
            out.push(*c);
            continue;
        }
        let heard = sounds(&c.to_string());
        let (near, digit) = DIGITS_ZH
            .iter()
            .map(|d| {
                (
                    distance(&heard, &sounds(if *d == "幺" { "腰" } else { d })),
                    *d,
                )
            })
            .min()?;
        if near > 250 {
            return None;
        }
        out.push_str(digit);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_misses_become_what_was_expected_and_others_stay() {
        assert_eq!(
            settle("四的", &Hint::YesNo, Lang::Zh).as_deref(),
            Some("是的")
        );
        assert_eq!(settle("转人工", &Hint::YesNo, Lang::Zh), None);
        assert_eq!(settle("我要退货", &Hint::YesNo, Lang::Zh), None);
        let number = Hint::Digits { count: Some(4) };
        assert_eq!(
            settle("而三四五", &number, Lang::Zh).as_deref(),
            Some("二三四五")
        );
        assert_eq!(settle("二三四五", &number, Lang::Zh), None);
        assert_eq!(settle("查一下账单", &number, Lang::Zh), None);
        let words = Hint::Words(vec!["my parcel".into(), "my refund".into()]);
        assert_eq!(
            settle("my parsel", &words, Lang::En).as_deref(),
            Some("my parcel")
        );
        assert_eq!(settle("", &words, Lang::En), None);
    }

    #[test]
    fn expected_words_keep_their_tokens() {
        let tokens = ["是", "账", " yes", " no", " bill", "", "[eot]"];
        let tokens: Vec<Vec<u8>> = tokens.iter().map(|t| t.as_bytes().to_vec()).collect();
        let sets = TokenSets::new(&tokens, 6);
        let zh = sets.allowed(&Hint::YesNo, Lang::Zh).unwrap();
        assert_eq!(&zh[..], [true, false, false, false, false, true, true]);
        let en = sets.allowed(&Hint::YesNo, Lang::En).unwrap();
        assert_eq!(&en[..], [false, false, true, true, false, true, true]);
        assert!(sets.allowed(&Hint::Open, Lang::En).is_none());
        assert!(sets.penalties(&Hint::Open, Lang::Zh, 3.0).is_none());
        let english = sets.penalties(&Hint::YesNo, Lang::En, 3.0).unwrap();
        assert_eq!(&english[..], [NEVER, NEVER, 0.0, 0.0, 3.0, 0.0, 0.0]);
    }
}
