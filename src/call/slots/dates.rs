//! Days: 明天, 下周三, 十一月三号, "the third of November".

use super::{ParsedSlot, en, zh};
use serde::{Deserialize, Serialize};
use sidetone_types::{Lang, SlotKind};
use std::ops::Range;

/// A day of the civil calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Day {
    pub year: i32,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
}

impl Day {
    /// The day at a wall time, for a clock that is `offset_min` minutes ahead of UTC.
    pub fn from_wall_ms(wall_ms: i64, offset_min: i32) -> Self {
        let local_ms = wall_ms.saturating_add(i64::from(offset_min) * 60_000);
        Self::from_number(local_ms.div_euclid(86_400_000))
    }

    /// Days since 1970-01-01 (the algorithm of H. Hinnant, "chrono-compatible low-level date
    /// algorithms").
    pub fn number(self) -> i64 {
        let year = i64::from(self.year) - i64::from(self.month <= 2);
        let era = year.div_euclid(400);
        let of_era = year.rem_euclid(400);
        let month = (i64::from(self.month) + 9) % 12;
        let of_year = (153 * month + 2) / 5 + i64::from(self.day) - 1;
        era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
    }

    fn from_number(number: i64) -> Self {
        let shifted = number.clamp(-100_000_000, 100_000_000) + 719_468;
        let era = shifted.div_euclid(146_097);
        let of_era = shifted.rem_euclid(146_097);
        let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        Self {
            year: i32::try_from(year + era * 400 + i64::from(month <= 2)).unwrap_or(1970),
            month: u8::try_from(month).unwrap_or(1),
            day: u8::try_from(day).unwrap_or(1),
        }
    }

    /// The day so many days later.
    pub fn plus(self, days: i64) -> Self {
        Self::from_number(self.number() + days)
    }

    /// Monday is 0.
    pub fn weekday(self) -> u8 {
        u8::try_from((self.number() + 3).rem_euclid(7)).unwrap_or(0)
    }

    /// Whether the calendar has this day.
    pub fn exists(self) -> bool {
        (1..=12).contains(&self.month)
            && (1..=31).contains(&self.day)
            && Self::from_number(self.number()) == self
    }

    /// Reads `2026-11-23`, also at the head of a longer text.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.get(..10)?.split('-');
        let day = Self {
            year: parts.next()?.parse().ok()?,
            month: parts.next()?.parse().ok()?,
            day: parts.next()?.parse().ok()?,
        };
        day.exists().then_some(day)
    }
}

impl std::fmt::Display for Day {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

fn slot(day: Day, span: Range<usize>) -> ParsedSlot {
    ParsedSlot {
        kind: SlotKind::Date,
        value: day.to_string(),
        valid: day.exists(),
        corrected: false,
        span,
    }
}

/// Days named in a text. `expected` also takes "the third" and "三号" alone.
pub fn dates(text: &str, lang: Lang, today: Option<Day>, expected: bool) -> Vec<ParsedSlot> {
    match lang {
        Lang::Zh => zh_dates(text, today, expected),
        Lang::En => en_dates(text, today, expected),
    }
}

/// A day without a year: this year's, or next year's when it is more than half a year ago.
fn near(today: Option<Day>, month: u8, day: u8) -> Option<Day> {
    let today = today?;
    let this = Day {
        year: today.year,
        month,
        day,
    };
    let gap = this.number() - today.number();
    let year = match gap {
        ..-183 => today.year + 1,
        183.. => today.year - 1,
        _ => today.year,
    };
    Some(Day { year, month, day })
}

/// A day of the month alone: the next one to come.
fn next_of_month(today: Option<Day>, day: u8) -> Option<Day> {
    let today = today?;
    let this = Day { day, ..today };
    if day >= today.day {
        return Some(this);
    }
    Some(if today.month == 12 {
        Day {
            year: today.year + 1,
            month: 1,
            day,
        }
    } else {
        Day {
            month: today.month + 1,
            ..this
        }
    })
}

fn zh_dates(text: &str, today: Option<Day>, expected: bool) -> Vec<ParsedSlot> {
    const RELATIVE: [(&str, i64); 8] = [
        ("大后天", 3),
        ("后天", 2),
        ("明天", 1),
        ("今天", 0),
        ("今晚", 0),
        ("明晚", 1),
        ("前天", -2),
        ("昨天", -1),
    ];
    let mut found = Vec::new();
    if let Some(today) = today {
        for (word, days) in RELATIVE {
            if let Some(at) = text.find(word) {
                found.push(slot(today.plus(days), at..at + word.len()));
                break;
            }
        }
        found.extend(zh_weekday(text, today));
    }
    found.extend(zh_calendar(text, today, expected));
    found
}

/// 周三, 下周三, 星期日, 这周五.
fn zh_weekday(text: &str, today: Day) -> Option<ParsedSlot> {
    let (at, word) = ["星期", "礼拜", "周"]
        .iter()
        .find_map(|word| text.find(word).map(|at| (at, *word)))?;
    let after = &text[at + word.len()..];
    let name = after.chars().next()?;
    let weekday: i64 = match name {
        '日' | '天' | '末' => 6,
        _ => i64::from(zh::digit(name).filter(|d| (1..=6).contains(d))?) - 1,
    };
    let before = &text[..at];
    let span = at..at + word.len() + name.len_utf8();
    let ahead = weekday - i64::from(today.weekday());
    let ahead = if before.ends_with("下下") || before.ends_with("下下个") {
        ahead + 14
    } else if before.ends_with('下') || before.ends_with("下个") {
        ahead + 7
    } else if before.ends_with('这') || before.ends_with("本") || ahead >= 0 {
        ahead
    } else {
        ahead + 7
    };
    Some(slot(today.plus(ahead), span))
}

/// 二零二六年十一月三号, 11月3日, 三号.
fn zh_calendar(text: &str, today: Option<Day>, expected: bool) -> Option<ParsedSlot> {
    let chars: Vec<(usize, char)> = text.char_indices().collect();
    let number_before = |index: usize| -> Option<(u64, usize)> {
        let mut from = index;
        while from > 0 && zh::is_numeral(chars[from - 1].1) {
            from -= 1;
        }
        let digits: String = chars[from..index].iter().map(|&(_, c)| c).collect();
        Some((zh::cardinal(&digits)?, from))
    };
    let small = |value: u64| u8::try_from(value).ok().filter(|v| (1..=31).contains(v));
    let day_at = chars
        .iter()
        .position(|&(_, c)| matches!(c, '号' | '日' | '號'));
    let month_at = chars.iter().position(|&(_, c)| c == '月');
    if let Some(month_at) = month_at
        && let Some((month, mut start)) = number_before(month_at)
    {
        // 十一月三 without 号 is said as well.
        let end = day_at.filter(|&at| at > month_at).unwrap_or_else(|| {
            let rest = chars[month_at + 1..].iter();
            month_at + 1 + rest.take_while(|&&(_, c)| zh::is_numeral(c)).count()
        });
        let (day, _) = number_before(end)?;
        let mut date = near(today, small(month)?, small(day)?);
        if start > 0
            && chars[start - 1].1 == '年'
            && let Some((year, from)) = number_before(start - 1)
        {
            let year = if year < 100 { year + 2000 } else { year };
            date = Some(Day {
                year: i32::try_from(year).ok()?,
                month: small(month)?,
                day: small(day)?,
            });
            start = from;
        }
        let end_byte = chars.get(end + 1).map_or(text.len(), |&(at, _)| at);
        return Some(slot(date?, chars[start].0..end_byte));
    }
    let day_at = day_at.filter(|_| expected)?;
    let (day, start) = number_before(day_at)?;
    let date = next_of_month(today, small(day)?)?;
    Some(slot(
        date,
        chars[start].0..chars[day_at].0 + chars[day_at].1.len_utf8(),
    ))
}

/// The English months in order, small letters.
pub(crate) const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

fn month_of(word: &str) -> Option<u8> {
    let place = MONTHS.iter().position(|month| {
        *month == word
            || (word.len() >= 3 && word != "mar" && month.starts_with(word) && word.len() <= 4)
    })?;
    u8::try_from(place + 1).ok()
}

fn weekday_of(word: &str) -> Option<i64> {
    const DAYS: [&str; 7] = [
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday",
    ];
    let place = DAYS.iter().position(|day| *day == word)?;
    i64::try_from(place).ok()
}

/// A day of the month at the head of `words`: "third", "twenty third", "23rd", "3".
fn day_of_month(words: &[&str]) -> Option<(u8, usize)> {
    let first = *words.first()?;
    let small = |value: u64| u8::try_from(value).ok().filter(|v| (1..=31).contains(v));
    if let Some(ten) = en::tens(first)
        && let Some(one) = words.get(1).and_then(|word| en::ordinal(word))
        && one < 10
    {
        return Some((small(ten + one)?, 2));
    }
    if let Some(value) = en::ordinal(first) {
        return Some((small(value)?, 1));
    }
    if let Ok(value) = first.parse() {
        return Some((small(value)?, 1));
    }
    let (value, used) = en::below_hundred(words)?;
    Some((small(value)?, used))
}

fn en_dates(text: &str, today: Option<Day>, expected: bool) -> Vec<ParsedSlot> {
    let tokens = en::tokens(text);
    let words: Vec<&str> = tokens.iter().map(|token| token.text.as_str()).collect();
    let span = |from: usize, to: usize| tokens[from].span.start..tokens[to].span.end;
    let mut found = Vec::new();
    for at in 0..words.len() {
        if let Some(month) = month_of(words[at]) {
            let after = day_of_month(&words[at + 1..]).map(|(day, used)| (day, at, at + used));
            let before = (1..=3usize.min(at)).find_map(|back| {
                let (day, used) = day_of_month(&words[at - back..at])?;
                let of = words.get(at - 1) == Some(&"of");
                (used + usize::from(of) == back).then_some((day, at - back, at))
            });
            let Some((day, from, to)) = before.or(after) else {
                continue;
            };
            if let Some(date) = near(today, month, day) {
                found.push(slot(date, span(from, to)));
            }
        }
    }
    if !found.is_empty() {
        return found;
    }
    if let Some(today) = today {
        found.extend(en_relative(&words, today).map(|(day, from, to)| slot(day, span(from, to))));
    }
    if found.is_empty() && expected {
        let at = words
            .iter()
            .position(|word| en::ordinal(word).is_some() || en::tens(word).is_some());
        if let Some(at) = at
            && let Some((day, used)) = day_of_month(&words[at..])
            && let Some(date) = next_of_month(today, day)
        {
            found.push(slot(date, span(at, at + used - 1)));
        }
    }
    found
}

/// "tomorrow", "the day after tomorrow", "next Friday": the day and its words.
fn en_relative(words: &[&str], today: Day) -> Option<(Day, usize, usize)> {
    for (at, word) in words.iter().enumerate() {
        let before = |back: usize| at.checked_sub(back).and_then(|at| words.get(at)).copied();
        let days = match *word {
            "today" | "tonight" => Some(0),
            "tomorrow" if before(1) == Some("after") && before(2) == Some("day") => Some(2),
            "tomorrow" => Some(1),
            "yesterday" if before(1) == Some("before") => Some(-2),
            "yesterday" => Some(-1),
            _ => weekday_of(word).map(|weekday| {
                let ahead = weekday - i64::from(today.weekday());
                match before(1) {
                    Some("next") => ahead + 7,
                    Some("last") => ahead - 7,
                    _ if ahead < 0 => ahead + 7,
                    _ => ahead,
                }
            }),
        };
        if let Some(days) = days {
            return Some((today.plus(days), at, at));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const TODAY: Day = Day {
        year: 2026,
        month: 11,
        day: 22,
    };

    #[test]
    fn the_calendar_turns() {
        assert_eq!(TODAY.weekday(), 6, "a Sunday");
        assert_eq!(TODAY.plus(40).to_string(), "2027-01-01");
        assert_eq!(
            Day::from_wall_ms(1_795_363_200_000, 480).to_string(),
            "2026-11-23"
        );
        assert!(Day::parse("2026-02-29").is_none());
    }

    #[test]
    fn days_in_both_languages() {
        let first = |text: &str, lang| {
            dates(text, lang, Some(TODAY), true)
                .first()
                .map(|slot| slot.value.clone())
                .unwrap_or_default()
        };
        for (text, day) in [
            ("明天下午三点", "2026-11-23"),
            ("大后天吧", "2026-11-25"),
            ("下周三", "2026-11-25"),
            ("周五上午", "2026-11-27"),
            ("十一月三号", "2026-11-03"),
            ("二零二七年一月十五日", "2027-01-15"),
            ("二十五号", "2026-11-25"),
            ("三号", "2026-12-03"),
        ] {
            assert_eq!(first(text, Lang::Zh), day, "{text}");
        }
        for (text, day) in [
            ("the third of November", "2026-11-03"),
            ("November twenty third", "2026-11-23"),
            ("tomorrow afternoon", "2026-11-23"),
            ("the day after tomorrow", "2026-11-24"),
            ("on Friday", "2026-11-27"),
            ("the twenty fifth", "2026-11-25"),
            ("january 5th", "2027-01-05"),
        ] {
            assert_eq!(first(text, Lang::En), day, "{text}");
        }
    }
}
