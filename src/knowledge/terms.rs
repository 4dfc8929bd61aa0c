//! How text is cut into terms for the text index.
//!
//! Chinese: the words of jieba's search mode, and every pair of neighbouring characters, so that a
//! word that segmentation missed is still found. English: lower case, a light stemmer (plural,
//! `-ing`, `-ed`, `-ly`), the commonest function words left out. Mixed text is cut by its script.

use jieba_rs::Jieba;
use std::sync::LazyLock;

static JIEBA: LazyLock<Jieba> = LazyLock::new(Jieba::new);

/// Words that say nothing about what is asked.
const STOP_EN: [&str; 58] = [
    "a", "an", "the", "is", "are", "was", "were", "be", "been", "am", "do", "does", "did", "to",
    "of", "in", "on", "at", "for", "with", "and", "or", "it", "its", "this", "that", "these",
    "those", "i", "you", "he", "she", "we", "they", "my", "your", "me", "us", "our", "their", "as",
    "by", "from", "if", "so", "but", "can", "could", "would", "will", "shall", "should", "have",
    "has", "had", "there", "please", "um",
];
const STOP_ZH: [&str; 40] = [
    "的", "了", "是", "我", "你", "您", "他", "她", "它", "们", "在", "有", "和", "就", "都", "而",
    "及", "与", "着", "或", "吗", "呢", "吧", "啊", "嗯", "呀", "哦", "这", "那", "也", "很", "请",
    "把", "被", "给", "我们", "你们", "请问", "一下", "这个",
];

/// The terms of a text, in order, with repetitions.
pub fn terms(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let han = is_han(c);
        let same = |c: char| (c.is_alphanumeric() || c == '\'' && !han) && is_han(c) == han;
        let len = rest.find(|c| !same(c)).unwrap_or(rest.len());
        if len == 0 {
            rest = &rest[c.len_utf8()..];
            continue;
        }
        let (stretch, after) = rest.split_at(len);
        match han {
            true => chinese(stretch, &mut out),
            false => out.extend(english(stretch)),
        }
        rest = after;
    }
    out
}

fn chinese(stretch: &str, out: &mut Vec<String>) {
    for word in JIEBA.cut_for_search(stretch, true) {
        // Two characters come as a pair below.
        let length = word.word.chars().count();
        if length != 2 && !STOP_ZH.contains(&word.word) {
            out.push(word.word.to_owned());
        }
    }
    let chars: Vec<char> = stretch.chars().collect();
    for pair in chars.windows(2) {
        let pair: String = pair.iter().collect();
        if !STOP_ZH.contains(&pair.as_str()) {
            out.push(pair);
        }
    }
}

fn english(word: &str) -> Option<String> {
    let word = word.to_lowercase();
    let word = word.trim_matches('\'');
    let word = word.strip_suffix("'s").unwrap_or(word);
    if word.is_empty() || STOP_EN.contains(&word) {
        return None;
    }
    Some(stem(word))
}

/// A light stemmer: what it joins is nearly always one word; what it misses the dense half finds.
fn stem(word: &str) -> String {
    if word.len() < 4 || !word.is_ascii() {
        return word.to_owned();
    }
    let mut word = match word {
        w if w.ends_with("sses") => &w[..w.len() - 2],
        w if w.ends_with("ies") && w.len() > 4 => return format!("{}y", &w[..w.len() - 3]),
        w if w.ends_with("ss") || w.ends_with("us") || w.ends_with("is") => w,
        w if w.ends_with('s') => &w[..w.len() - 1],
        w => w,
    };
    for suffix in ["ing", "ed", "ly"] {
        let Some(base) = word.strip_suffix(suffix) else {
            continue;
        };
        let vowel = base.bytes().any(|b| b"aeiouy".contains(&b));
        if base.len() >= 3 && vowel {
            word = base;
            let bytes = word.as_bytes();
            let (last, before) = (bytes[bytes.len() - 1], bytes[bytes.len() - 2]);
            // shipped → ship, but billed → bill
            if last == before && !b"lsz".contains(&last) {
                word = &word[..word.len() - 1];
            }
            break;
        }
    }
    // invoice and invoic(ed), change and chang(ing)
    word.strip_suffix('e')
        .filter(|w| w.len() >= 3)
        .unwrap_or(word)
        .to_owned()
}

fn is_han(c: char) -> bool {
    matches!(u32::from(c), 0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0xF900..=0xFAFF | 0x20000..=0x323AF | 0x3007)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joins_the_forms_of_a_word() {
        let same = |a: &str, b: &str| assert_eq!(terms(a), terms(b));
        same("refunds", "refunded");
        same("invoices", "invoiced");
        same("shipping", "shipped");
        same("Parcel's", "parcels");
        same("cancelling deliveries", "cancell delivery");
        assert_ne!(terms("bill"), terms("ball"));
        assert_eq!(terms("is it the"), Vec::<String>::new());
    }

    #[test]
    fn cuts_chinese_into_words_and_pairs() {
        let found = terms("退款多久到账 VIP");
        for term in ["退款", "多久", "到账", "vip"] {
            assert!(
                found.iter().any(|t| t == term),
                "{term} is not in {found:?}"
            );
        }
    }
}
