//! Numbers that are names: order, phone and card digits.

use super::{ParsedSlot, en, zh};
use sidetone_types::{Lang, SlotKind};
use std::ops::Range;

/// Digits said in a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    pub digits: String,
    pub span: Range<usize>,
}

/// Whether the last digit is the Luhn check digit of the others.
pub fn luhn(digits: &str) -> bool {
    if digits.len() < 2 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return false;
    }
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(place, byte)| {
            let value = u32::from(byte - b'0');
            match (place % 2, value) {
                (0, _) => value,
                (_, 0..=4) => value * 2,
                _ => value * 2 - 9,
            }
        })
        .sum();
    sum.is_multiple_of(10)
}

/// All runs of digits in a text.
pub fn runs(text: &str, lang: Lang) -> Vec<Run> {
    match lang {
        Lang::Zh => zh_runs(text),
        Lang::En => en_runs(text),
    }
}

/// Words in which 一 and 两 are no numbers.
const ZH_NOT_AFTER: &str = "下样起直定共般些会边旦切致";

fn zh_runs(text: &str) -> Vec<Run> {
    let chars: Vec<(usize, char)> = text.char_indices().collect();
    let end_of = |index: usize| chars.get(index).map_or(text.len(), |&(at, _)| at);
    let mut out = Vec::new();
    let mut index = 0;
    while index < chars.len() {
        if !zh::is_numeral(chars[index].1) {
            index += 1;
            continue;
        }
        let (mut digits, start) = (String::new(), index);
        let (mut last, mut stretch) = (index, index);
        while index < chars.len() {
            let c = chars[index].1;
            if zh::is_numeral(c) {
                index += 1;
                last = index;
            } else if matches!(c, ' ' | '-' | '，' | ',' | '、') && index == last {
                digits.push_str(&zh_stretch(&chars[stretch..last]));
                index += 1;
                stretch = index;
            } else {
                break;
            }
        }
        let stretch = stretch.min(last);
        digits.push_str(&zh_stretch(&chars[stretch..last]));
        let next = chars.get(last).map(|&(_, c)| c);
        let is_word = last - start == 1
            && zh::ascii_digit(chars[start].1).is_none()
            && next.is_some_and(|c| ZH_NOT_AFTER.contains(c));
        if !is_word && !digits.is_empty() {
            out.push(Run {
                digits,
                span: chars[start].0..end_of(last),
            });
        }
        index = index.max(last);
    }
    out
}

/// One stretch without a gap: digit by digit, or a cardinal written out.
fn zh_stretch(chars: &[(usize, char)]) -> String {
    let text: String = chars.iter().map(|&(_, c)| c).collect();
    if text.chars().any(|c| zh::unit(c).is_some()) {
        return zh::cardinal(&text)
            .map(|value| value.to_string())
            .unwrap_or_default();
    }
    text.chars()
        .filter_map(zh::digit)
        .map(|digit| char::from(b'0' + digit))
        .collect()
}

fn en_runs(text: &str) -> Vec<Run> {
    let tokens = en::tokens(text);
    let words: Vec<&str> = tokens.iter().map(|t| t.text.as_str()).collect();
    let mut out: Vec<Run> = Vec::new();
    let mut index = 0;
    // Words between two numbers that do not part them.
    let mut adjacent = false;
    while index < words.len() {
        let Some((digits, used)) = en_piece(&words[index..]) else {
            adjacent = adjacent && matches!(words[index], "uh" | "um" | "dash");
            index += 1;
            continue;
        };
        let span = tokens[index].span.start..tokens[index + used - 1].span.end;
        match out.last_mut() {
            Some(run) if adjacent => {
                run.digits.push_str(&digits);
                run.span.end = span.end;
            }
            _ => out.push(Run { digits, span }),
        }
        adjacent = true;
        index += used;
    }
    // A lone "oh" or "one" within a sentence is a word.
    out.retain(|run| {
        let said = text[run.span.clone()].to_lowercase();
        !matches!(said.as_str(), "o" | "oh")
    });
    out
}

/// The digits that the head of `words` stands for, and how many words that took.
fn en_piece(words: &[&str]) -> Option<(String, usize)> {
    let first = *words.first()?;
    if first.chars().all(|c| c.is_ascii_digit()) {
        return Some((first.to_owned(), 1));
    }
    let times = match first {
        "double" => 2,
        "triple" | "treble" => 3,
        _ => 0,
    };
    if times > 0 {
        let next = words.get(1)?;
        let digit = en::unit(next).or_else(|| next.parse().ok().filter(|d| *d < 10))?;
        return Some((digit.to_string().repeat(times), 2));
    }
    if first == "o" {
        return Some(("0".into(), 1));
    }
    let (value, used) = en::below_hundred(words)?;
    let is_long = words
        .get(used)
        .is_some_and(|word| *word == "hundred" || en::scale(word).is_some());
    if is_long {
        let (value, used) = en::cardinal(words)?;
        return Some((value.to_string(), used));
    }
    Some((value.to_string(), used))
}

/// How many digits the text ends with; 0 when words follow them.
pub(crate) fn trailing_digits(text: &str, lang: Lang) -> usize {
    let runs = runs(text, lang);
    match runs.last() {
        Some(run) if !text[run.span.end..].chars().any(char::is_alphanumeric) => run.digits.len(),
        _ => 0,
    }
}

fn slot(kind: SlotKind, value: String, valid: bool, span: Range<usize>) -> ParsedSlot {
    ParsedSlot {
        kind,
        value,
        valid,
        corrected: false,
        span,
    }
}

/// Order numbers: 8 digits with a check digit. `expected` also takes what is too short or too long,
/// so that the caller can be told; otherwise a number must be right to count.
pub fn order(runs: &[Run], taken_back: Option<usize>, expected: bool) -> Option<ParsedSlot> {
    let corrected = taken_back.and_then(|at| corrected_order(runs, at));
    if corrected.is_some() {
        return corrected;
    }
    let kind = SlotKind::OrderNumber;
    let eights = || runs.iter().filter(|run| run.digits.len() == 8);
    if let Some(run) = eights().find(|run| luhn(&run.digits)) {
        return Some(slot(kind, run.digits.clone(), true, run.span.clone()));
    }
    if !expected {
        return None;
    }
    if let Some(run) = eights().next() {
        return Some(slot(kind, run.digits.clone(), false, run.span.clone()));
    }
    let all: String = runs.iter().map(|run| run.digits.as_str()).collect();
    let span = runs.first()?.span.start..runs.last()?.span.end;
    let valid = all.len() == 8 && luhn(&all);
    (all.len() >= 3).then(|| slot(kind, all, valid, span))
}

/// "2 0 6 1 1 0 1 7, no, sorry, 1 8": the later digits replace the last of the earlier ones.
fn corrected_order(runs: &[Run], at: usize) -> Option<ParsedSlot> {
    let join = |after: bool| -> String {
        runs.iter()
            .filter(|run| (run.span.start >= at) == after)
            .map(|run| run.digits.as_str())
            .collect()
    };
    let (before, after) = (join(false), join(true));
    let both = before.len() + after.len();
    if before.is_empty() || after.is_empty() || after.len() >= 8 || both < 8 {
        return None;
    }
    let keep = before.len().checked_sub(both - 8)?;
    let digits = format!("{}{after}", before.get(..keep)?);
    let valid = luhn(&digits);
    let span = runs.first()?.span.start..runs.last()?.span.end;
    let mut fixed = slot(SlotKind::OrderNumber, digits, valid, span);
    fixed.corrected = true;
    valid.then_some(fixed)
}

/// Puts corrected digits into a number that was read back: the last place at which the check digit
/// comes out right.
pub(crate) fn splice(old: &str, digits: &str) -> Option<String> {
    if digits.is_empty() || digits.len() >= old.len() || !old.is_ascii() {
        return None;
    }
    (0..=old.len() - digits.len()).rev().find_map(|place| {
        let new = format!("{}{digits}{}", &old[..place], &old[place + digits.len()..]);
        (new != old && luhn(&new)).then_some(new)
    })
}

/// Phone numbers, in digits with the country's code where it was said.
pub fn phone(runs: &[Run], expected: bool) -> Option<ParsedSlot> {
    let kind = SlotKind::PhoneNumber;
    let is_phone = |digits: &str| match digits.len() {
        11 => digits.starts_with('1'),
        13 => digits.starts_with("861"),
        10 => expected && !digits.starts_with('0'),
        _ => false,
    };
    if let Some(run) = runs.iter().find(|run| is_phone(&run.digits)) {
        return Some(slot(kind, run.digits.clone(), true, run.span.clone()));
    }
    let all: String = runs.iter().map(|run| run.digits.as_str()).collect();
    if !expected || all.len() < 3 {
        return None;
    }
    let span = runs.first()?.span.start..runs.last()?.span.end;
    let valid = is_phone(&all);
    Some(slot(kind, all, valid, span))
}

/// A number of a known length.
pub fn fixed(runs: &[Run], count: usize, kind: SlotKind) -> Option<ParsedSlot> {
    if let Some(run) = runs.iter().find(|run| run.digits.len() == count) {
        return Some(slot(kind, run.digits.clone(), true, run.span.clone()));
    }
    let all: String = runs.iter().map(|run| run.digits.as_str()).collect();
    let span = runs.first()?.span.start..runs.last()?.span.end;
    let valid = all.len() == count;
    Some(slot(kind, all, valid, span))
}

/// Digits whatever they mean.
pub fn spoken(runs: &[Run], count: Option<u8>) -> Option<ParsedSlot> {
    let all: String = runs.iter().map(|run| run.digits.as_str()).collect();
    let span = runs.first()?.span.start..runs.last()?.span.end;
    let valid = count.is_none_or(|count| all.len() == usize::from(count));
    Some(slot(SlotKind::Digits, all, valid, span))
}

/// "尾号四四一七", "ending in 4417" in any sentence.
pub fn ending(text: &str, runs: &[Run]) -> Option<ParsedSlot> {
    let lower = text.to_lowercase();
    let said = ["尾号", "后四位", "ending in", "ends in", "last four"]
        .iter()
        .any(|word| lower.contains(word));
    let run = runs.iter().find(|run| said && run.digits.len() == 4)?;
    Some(slot(
        SlotKind::CardEnding,
        run.digits.clone(),
        true,
        run.span.clone(),
    ))
}
