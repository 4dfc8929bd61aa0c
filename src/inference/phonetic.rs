//! How alike two words sound, for mapping near misses of the recognizer to what was expected.
//!
//! Chinese goes through pinyin without tones, split into initial and final, with the mergers of
//! southern accents and of the telephone band (zh/z, n/l, ing/in) at half price. English goes through
//! a reduced spelling: vowels are one class, voiced and voiceless consonants another.

use crate::recognizer::is_cjk;
use pinyin::ToPinyin;

/// One sound: a class and a letter within it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sound(String);

/// The sounds of a text; everything that is neither letter, digit nor character is dropped.
pub(crate) fn sounds(text: &str) -> Vec<Sound> {
    let mut out = Vec::new();
    let mut word = String::new();
    for c in text.chars() {
        if c.is_ascii_alphanumeric() {
            word.push(c.to_ascii_lowercase());
            continue;
        }
        english(&mut word, &mut out);
        if is_cjk(c) {
            match c.to_pinyin() {
                Some(p) => syllable(p.plain(), &mut out),
                None => out.push(Sound(c.to_string())),
            }
        }
    }
    english(&mut word, &mut out);
    out
}

/// Characters whose first reading in the table is not the one that these words have.
const READINGS: [(&str, &str); 10] = [
    ("银行", "yin2 hang2"),
    ("还款", "huan2 kuan3"),
    ("退还", "tui4 huan2"),
    ("归还", "gui1 huan2"),
    ("便宜", "pian2 yi5"),
    ("重新", "chong2 xin1"),
    ("重复", "chong2 fu4"),
    ("都", "dou1"),
    ("了", "le5"),
    ("得", "de5"),
];

/// A Chinese text as pinyin with tone numbers, for synthesizers that read no characters. Of several
/// readings it takes the most frequent; a third tone before another becomes a second.
pub fn pinyin(text: &str) -> String {
    let mut out: Vec<String> = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let Some((word, reading)) = READINGS.iter().find(|(word, _)| rest.starts_with(word)) {
            out.extend(reading.split(' ').map(str::to_owned));
            rest = &rest[word.len()..];
            continue;
        }
        rest = &rest[c.len_utf8()..];
        match c.to_pinyin() {
            Some(found) => {
                let mut syllable = found.with_tone_num_end().to_owned();
                if !syllable.ends_with(|c: char| c.is_ascii_digit()) {
                    syllable.push('5');
                }
                out.push(syllable);
            }
            None => out.push(c.to_string()),
        }
    }
    for at in 1..out.len() {
        if out[at].ends_with('3') && out[at - 1].ends_with('3') {
            out[at - 1].pop();
            out[at - 1].push('2');
        }
    }
    out.join(" ")
}

fn syllable(pinyin: &str, out: &mut Vec<Sound>) {
    const INITIALS: [&str; 23] = [
        "zh", "ch", "sh", "b", "p", "m", "f", "d", "t", "n", "l", "g", "k", "h", "j", "q", "x",
        "r", "z", "c", "s", "y", "w",
    ];
    let initial = INITIALS
        .iter()
        .find(|i| pinyin.starts_with(**i))
        .copied()
        .unwrap_or("");
    out.push(Sound(format!("{initial}-")));
    out.push(Sound(format!("-{}", &pinyin[initial.len()..])));
}

fn english(word: &mut String, out: &mut Vec<Sound>) {
    let mut last = ' ';
    for c in word
        .replace("ph", "f")
        .replace("ck", "k")
        .replace("gh", "")
        .chars()
    {
        let sound = match c {
            'a' | 'e' | 'i' | 'o' | 'u' | 'y' => 'a',
            'c' | 'q' => 'k',
            'z' => 's',
            c => c,
        };
        if sound != last {
            out.push(Sound(sound.to_string()));
        }
        last = sound;
    }
    word.clear();
}

/// Distance between two texts by sound, 0 (the same) to 1000 (nothing in common), by weighted edits.
pub(crate) fn distance(a: &[Sound], b: &[Sound]) -> u16 {
    let longest = a.len().max(b.len());
    if longest == 0 {
        return 0;
    }
    let mut row: Vec<u32> = (0..=b.len() as u32).map(|i| i * 10).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = (i as u32 + 1) * 10;
        for (j, y) in b.iter().enumerate() {
            let cost = (diagonal + swap(x, y))
                .min(row[j] + 10)
                .min(row[j + 1] + 10);
            diagonal = row[j + 1];
            row[j + 1] = cost;
        }
    }
    (row[b.len()] * 100 / longest as u32).min(1000) as u16
}

fn swap(a: &Sound, b: &Sound) -> u32 {
    const CLOSE: [(&str, &str); 20] = [
        ("zh-", "z-"),
        ("ch-", "c-"),
        ("sh-", "s-"),
        ("n-", "l-"),
        ("f-", "h-"),
        ("j-", "q-"),
        ("z-", "c-"),
        ("b-", "p-"),
        ("d-", "t-"),
        ("g-", "k-"),
        ("r-", "l-"),
        ("-ing", "-in"),
        ("-eng", "-en"),
        ("-ang", "-an"),
        ("-ian", "-iang"),
        ("-uan", "-uang"),
        ("b", "p"),
        ("d", "t"),
        ("v", "f"),
        ("m", "n"),
    ];
    if a == b {
        0
    } else if CLOSE
        .iter()
        .any(|(x, y)| (a.0 == *x && b.0 == *y) || (a.0 == *y && b.0 == *x))
    {
        4
    } else {
        10
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_become_numbered_syllables() {
        assert_eq!(pinyin("我想查账单"), "wo2 xiang3 cha2 zhang4 dan1");
        assert_eq!(pinyin("银行的"), "yin2 hang2 de5");
    }

    #[test]
    fn what_sounds_alike_is_near() {
        let d = |a: &str, b: &str| distance(&sounds(a), &sounds(b));
        assert_eq!(d("账单", "帐单"), 0);
        assert!(d("是的", "四的") < 200);
        assert!(d("查账单", "差账单") < 100);
        assert!(d("parcel", "parsel") < d("parcel", "refund"));
        assert_eq!(d("", ""), 0);
    }
}
