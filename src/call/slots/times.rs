//! Times of day: 下午三点半, "half past two", "three pm".

use super::{ParsedSlot, en, zh};
use sidetone_types::{Lang, SlotKind};
use std::ops::Range;

fn slot(hour: u64, minute: u64, span: Range<usize>) -> ParsedSlot {
    ParsedSlot {
        kind: SlotKind::Time,
        value: format!("{hour:02}:{minute:02}"),
        valid: hour < 24 && minute < 60,
        corrected: false,
        span,
    }
}

/// Times named in a text. `expected` also takes "three" and "half two" alone.
pub fn times(text: &str, lang: Lang, expected: bool) -> Option<ParsedSlot> {
    match lang {
        Lang::Zh => zh_time(text),
        Lang::En => en_time(text, expected),
    }
}

fn zh_time(text: &str) -> Option<ParsedSlot> {
    let chars: Vec<(usize, char)> = text.char_indices().collect();
    let point = chars.iter().position(|&(_, c)| c == '点')?;
    let back = chars[..point]
        .iter()
        .rev()
        .take_while(|&&(_, c)| zh::is_numeral(c))
        .count();
    let start = point - back;
    let number = |from: usize, to: usize| -> Option<u64> {
        let digits: String = chars[from..to].iter().map(|&(_, c)| c).collect();
        zh::cardinal(&digits)
    };
    let mut hour = number(start, point)?;
    // 一点 is "a bit" unless a part of the day or minutes go with it.
    let before: String = chars[..start].iter().map(|&(_, c)| c).collect();
    let part = ["凌晨", "早上", "上午", "中午", "下午", "晚上", "傍晚"]
        .into_iter()
        .find(|part| before.ends_with(part));
    let rest: String = chars[point + 1..].iter().map(|&(_, c)| c).collect();
    let (minute, used) = zh_minute(&rest);
    if hour == 1 && part.is_none() && used == 0 {
        return None;
    }
    let afternoon =
        matches!(part, Some("下午" | "晚上" | "傍晚")) || (part == Some("中午") && hour < 3);
    if afternoon && hour < 12 {
        hour += 12;
    }
    let end = chars
        .get(point + 1 + used)
        .map_or(text.len(), |&(at, _)| at);
    let from = chars[start].0 - part.map_or(0, str::len);
    Some(slot(hour, minute, from..end))
}

/// Minutes after 点: their number and how many characters they took.
fn zh_minute(rest: &str) -> (u64, usize) {
    if rest.starts_with('半') {
        return (30, 1);
    }
    let digits: String = rest.chars().take_while(|&c| zh::is_numeral(c)).collect();
    let count = digits.chars().count();
    match (zh::cardinal(&digits), rest.chars().nth(count)) {
        (Some(value), Some('刻')) => (value * 15, count + 1),
        (Some(value), Some('分')) => (value, count + 1),
        (Some(value), _) if value < 60 => (value, count),
        _ => (0, 0),
    }
}

fn en_time(text: &str, expected: bool) -> Option<ParsedSlot> {
    let tokens = en::tokens(text);
    let words: Vec<&str> = tokens.iter().map(|token| token.text.as_str()).collect();
    let span = |from: usize, to: usize| tokens[from].span.start..tokens[to].span.end;
    for at in 0..words.len() {
        match words[at] {
            "noon" | "midday" => return Some(slot(12, 0, span(at, at))),
            "midnight" => return Some(slot(0, 0, span(at, at))),
            _ => {}
        }
        let (from, minute_before) = match (words[at], words.get(at + 1)) {
            ("half", Some(&"past")) => (at + 2, Some(30)),
            ("quarter", Some(&"past")) => (at + 2, Some(15)),
            ("quarter", Some(&"to")) => (at + 2, Some(45)),
            _ => (at, None),
        };
        let Some((mut hour, used)) = words.get(from..).and_then(number) else {
            continue;
        };
        if minute_before == Some(45) {
            hour = hour.checked_sub(1)?;
        }
        let mut end = from + used;
        let mut minute = minute_before;
        if minute.is_none()
            && let Some((value, used)) = words.get(end..).and_then(number)
            && value < 60
        {
            minute = Some(value);
            end += used;
        }
        let (half, more) = half_of_day(words.get(end..).unwrap_or(&[]));
        let clock = words.get(end) == Some(&"o'clock");
        let marked = half.is_some() || clock || minute_before.is_some();
        if hour > 23 || !(marked || expected && at == from) {
            continue;
        }
        let (half, more) = if clock {
            let (half, more) = half_of_day(words.get(end + 1..).unwrap_or(&[]));
            (half, more + 1)
        } else {
            (half, more)
        };
        if half == Some(true) && hour < 12 {
            hour += 12;
        } else if half == Some(false) && hour == 12 {
            hour = 0;
        }
        return Some(slot(hour, minute.unwrap_or(0), span(at, end + more - 1)));
    }
    None
}

fn number(words: &[&str]) -> Option<(u64, usize)> {
    let first = *words.first()?;
    if let Ok(value) = first.parse() {
        return Some((value, 1));
    }
    en::below_hundred(words)
}

/// "pm", "p m", "in the evening": whether it is the second half, and the words taken.
fn half_of_day(words: &[&str]) -> (Option<bool>, usize) {
    match words {
        ["am", ..] => (Some(false), 1),
        ["pm", ..] => (Some(true), 1),
        ["a", "m", ..] => (Some(false), 2),
        ["p", "m", ..] => (Some(true), 2),
        ["in", "the", "morning", ..] => (Some(false), 3),
        ["in", "the", "afternoon" | "evening", ..] => (Some(true), 3),
        ["at", "night", ..] => (Some(true), 2),
        _ => (None, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_in_both_languages() {
        let of = |text: &str, lang| {
            times(text, lang, true)
                .map(|slot| slot.value)
                .unwrap_or_default()
        };
        for (text, time) in [
            ("明天下午三点", "15:00"),
            ("上午九点半", "09:30"),
            ("晚上八点一刻", "20:15"),
            ("十点二十分", "10:20"),
            ("快一点", ""),
        ] {
            assert_eq!(of(text, Lang::Zh), time, "{text}");
        }
        for (text, time) in [
            ("three pm", "15:00"),
            ("half past two in the afternoon", "14:30"),
            ("quarter to nine a m", "08:45"),
            ("two thirty pm", "14:30"),
            ("ten o'clock in the morning", "10:00"),
            ("noon", "12:00"),
        ] {
            assert_eq!(of(text, Lang::En), time, "{text}");
        }
    }
}
