//! English: "july twenty fifth" → "july 25", "eleven dollars and fifty cents" → "$11.50".

use crate::slots::{MONTHS, en};

pub(super) fn written(text: &str) -> String {
    let tokens = en::tokens(text);
    let lower: Vec<&str> = tokens.iter().map(|token| token.text.as_str()).collect();
    if lower == ["second"] {
        // Alone it chooses; beside other words it may be a moment.
        return text.replace(&text[tokens[0].span.clone()], "2nd");
    }
    let mut out = String::new();
    let (mut at, mut byte) = (0, 0);
    while at < lower.len() {
        let before = at.checked_sub(1).map(|before| lower[before]);
        let Some((written, used)) = bare_clock(before, &lower[at..])
            .or_else(|| en_negative(&lower[at..]))
            .or_else(|| en_piece(&lower[at..]))
        else {
            at += 1;
            continue;
        };
        out.push_str(&text[byte..tokens[at].span.start]);
        out.push_str(&written);
        byte = tokens[at + used - 1].span.end;
        at += used;
    }
    out.push_str(&text[byte..]);
    out
}

/// "minus sixty" → "-60".
fn en_negative(words: &[&str]) -> Option<(String, usize)> {
    let (first, rest) = words.split_first()?;
    if *first != "minus" {
        return None;
    }
    let (written, used) = en_decimal(rest).or_else(|| {
        let (value, used) = en::cardinal(rest)?;
        Some((value.to_string(), used))
    })?;
    Some((format!("-{written}"), used + 1))
}

/// "two thirty" → "02:30" where nothing else is said, or after a word of time; elsewhere the two
/// numbers may as well be an amount or the middle of an order number.
fn bare_clock(before: Option<&str>, words: &[&str]) -> Option<(String, usize)> {
    const OF_TIME: [&str; 9] = [
        "at", "by", "until", "till", "from", "before", "after", "around", "about",
    ];
    let (hour, used) = en::below_hundred(words).filter(|(hour, _)| (1..=12).contains(hour))?;
    let (minute, more) =
        en::below_hundred(words.get(used..)?).filter(|(minute, _)| (10..60).contains(minute))?;
    let alone = before.is_none() && words.len() == used + more && hour < 10;
    // "at two thirty": before 10 the hour is no century.
    let timed = before.is_some_and(|word| OF_TIME.contains(&word));
    let goes_on = words.get(used + more).is_some_and(|next| {
        *next == "point"
            || half(&words[used + more..]).is_some()
            || en::below_hundred(&[next]).is_some()
            || en::scale(next).is_some()
            || matches!(
                *next,
                "hundred" | "dollars" | "yuan" | "pounds" | "euros" | "cents" | "percent"
            )
    });
    (!goes_on && (alone || timed)).then(|| (format!("{hour:02}:{minute:02}"), used + more))
}

/// The written form of what `words` begin with, and how many words it took.
fn en_piece(words: &[&str]) -> Option<(String, usize)> {
    en_date(words)
        .or_else(|| en_clock(words))
        .or_else(|| en_money(words))
        .or_else(|| en_decimal(words))
        .or_else(|| en_abroad(words))
        .or_else(|| en_digits(words))
        .or_else(|| en_year(words))
        .or_else(|| en_ordinal(words))
        .or_else(|| {
            let (value, used) = en::cardinal(words)?;
            let large = words
                .get(used - 1)
                .is_some_and(|word| en::scale(word).is_some_and(|s| s >= 1_000_000));
            match (value, large) {
                (0..10, _) => None,
                (_, true) if used >= 2 => {
                    let scale = en::scale(words[used - 1])?;
                    Some((format!("{} {}", value / scale, words[used - 1]), used))
                }
                _ => Some((value.to_string(), used)),
            }
        })
}

fn is_month(word: &str) -> bool {
    MONTHS.contains(&word)
}

/// An ordinal below 32: value and words.
fn day(words: &[&str]) -> Option<(u64, usize)> {
    let first = *words.first()?;
    if let Some(ten) = en::tens(first)
        && let Some(one) = words
            .get(1)
            .and_then(|word| en::ordinal(word))
            .filter(|one| *one < 10)
    {
        return Some((ten + one, 2));
    }
    en::ordinal(first)
        .filter(|day| *day < 32)
        .map(|day| (day, 1))
}

/// "nineteen seventy five", "twenty twelve", "two thousand twelve".
fn year(words: &[&str]) -> Option<(u64, usize)> {
    if let Some((century, used)) = en::below_hundred(words)
        && (10..=20).contains(&century)
        && let Some((rest, more)) = en::below_hundred(words.get(used..)?)
        && rest >= 10
    {
        return Some((century * 100 + rest, used + more));
    }
    let (value, used) = en::cardinal(words)?;
    let value = u64::try_from(value).ok()?;
    (1000..3000).contains(&value).then_some((value, used))
}

/// A year right after a month: "two thousand twelve", "nineteen oh five", "sixteen sixty five"; not
/// the day and the beginning of a year ("sixteen twenty twenty two").
fn year_alone(words: &[&str]) -> Option<(u64, usize)> {
    let found = match words {
        [century, "o" | "oh", one, ..] => en::below_hundred(&[century])
            .filter(|(century, _)| (10..=20).contains(century))
            .and_then(|(century, _)| Some((century * 100 + en::unit(one)?, 3))),
        _ => year(words),
    };
    found.filter(|(_, used)| {
        let next = words.get(*used).copied().unwrap_or("");
        en::below_hundred(&[next]).is_none() && !matches!(next, "o" | "oh" | "hundred" | "thousand")
    })
}

/// "july twenty fifth two thousand twelve", "the twenty fifth of july twenty twelve".
fn en_date(words: &[&str]) -> Option<(String, usize)> {
    if words.first() == Some(&"the") {
        let (day, used) = day(words.get(1..)?)?;
        let month = *words.get(used + 2)?;
        if words.get(used + 1) != Some(&"of") || !is_month(month) {
            return None;
        }
        let at = used + 3;
        return Some(match year(words.get(at..).unwrap_or(&[])) {
            Some((year, more)) => (format!("{day} {month} {year}"), at + more),
            None => (format!("{day} {month}"), at),
        });
    }
    let month = *words.first()?;
    if !is_month(month) {
        return None;
    }
    let rest = words.get(1..)?;
    if let Some((year, used)) = year_alone(rest) {
        return Some((format!("{month} {year}"), 1 + used));
    }
    let (day, used) =
        day(rest).or_else(|| en::below_hundred(rest).filter(|(day, _)| (1..32).contains(day)))?;
    let at = 1 + used;
    Some(match year(words.get(at..).unwrap_or(&[])) {
        Some((year, more)) => (format!("{month} {day} {year}"), at + more),
        None => (format!("{month} {day}"), at),
    })
}

/// "a m", "pm": the half of the day and its words.
fn half(words: &[&str]) -> Option<(&'static str, usize)> {
    match words {
        ["am", ..] => Some(("a.m.", 1)),
        ["pm", ..] => Some(("p.m.", 1)),
        ["a", "m", ..] => Some(("a.m.", 2)),
        ["p", "m", ..] => Some(("p.m.", 2)),
        _ => None,
    }
}

/// "eleven forty p m" → "11:40 p.m.", "three o'clock" → "03:00", "half past twelve" → "12:30".
fn en_clock(words: &[&str]) -> Option<(String, usize)> {
    let past = match words {
        ["half", "past", ..] => Some(30),
        ["quarter", "past", ..] => Some(15),
        ["quarter", "to", ..] => Some(45),
        _ => None,
    };
    if let Some(minute) = past {
        let (hour, used) =
            en::below_hundred(&words[2..]).filter(|(hour, _)| (1..=12).contains(hour))?;
        let hour = if minute == 45 {
            (hour + 10) % 12 + 1
        } else {
            hour
        };
        return Some((format!("{hour:02}:{minute:02}"), used + 2));
    }
    let (hour, used) = en::below_hundred(words).filter(|(hour, _)| (1..=12).contains(hour))?;
    if words.get(used) == Some(&"o'clock") {
        return Some((format!("{hour:02}:00"), used + 1));
    }
    let rest = &words[used..];
    let (minute, more) = match rest {
        ["o" | "oh", next, ..] => en::unit(next).map(|unit| (unit, 2))?,
        _ => en::below_hundred(rest)
            .filter(|(minute, _)| (10..60).contains(minute))
            .unwrap_or((0, 0)),
    };
    let (name, words_of_half) = half(&words[used + more..])?;
    Some((
        format!("{hour:02}:{minute:02} {name}"),
        used + more + words_of_half,
    ))
}

/// What stands before or after an amount.
fn currency(words: &[&str]) -> Option<(&'static str, &'static str, usize)> {
    Some(match words {
        ["united", "states", "dollars" | "dollar", ..] => ("$", "", 3),
        ["us" | "american", "dollars" | "dollar", ..] => ("$", "", 2),
        ["dollars" | "dollar", ..] => ("$", "", 1),
        ["pounds" | "pound", ..] if words.get(1) != Some(&"of") => ("£", "", 1),
        ["euros" | "euro", ..] => ("€", "", 1),
        ["yen", ..] => ("¥", "", 1),
        ["yuan", ..] => ("", " yuan", 1),
        _ => return None,
    })
}

/// "eleven dollars and fifty one cents" → "$11.51", "two point five billion dollars" → "$2.5 billion",
/// "one fifty five dollars" → "$155"; yuan keep their name.
fn en_money(words: &[&str]) -> Option<(String, usize)> {
    let (amount, mut at, whole) = amount(words)?;
    if matches!(words.get(at), Some(&("cent" | "cents"))) && whole.is_some_and(|cents| cents < 100)
    {
        return Some((format!("$0.{:02}", whole.unwrap_or(0)), at + 1));
    }
    let (sign, name, more) = currency(&words[at..])?;
    // "one dollars" and "zero dollars" are nothing that people say.
    if whole == Some(0) {
        return None;
    }
    at += more;
    let and = usize::from(words.get(at) == Some(&"and"));
    let coins = en::below_hundred(words.get(at + and..).unwrap_or(&[]));
    let mut cents = String::new();
    if let Some((small, more)) = coins
        && whole.is_some()
        && matches!(
            words.get(at + and + more),
            Some(&("cents" | "cent" | "fen" | "pence"))
        )
    {
        cents = format!(".{small:02}");
        at += and + more + 1;
    }
    Some((format!("{sign}{amount}{cents}{name}"), at))
}

/// The number of an amount as it is written, its words, and its value where it is whole.
fn amount(words: &[&str]) -> Option<(String, usize, Option<u128>)> {
    if let Some((decimal, used)) = en_decimal(words) {
        let large = words
            .get(used)
            .filter(|w| en::scale(w).is_some_and(|s| s >= 1_000_000));
        return Some(match large {
            Some(scale) => (format!("{decimal} {scale}"), used + 1, None),
            None => (decimal, used, None),
        });
    }
    let spoken: Vec<&str> = match words {
        // "a hundred and ninety nine dollars".
        ["a", "hundred" | "thousand" | "million", ..] => [&["one"], &words[1..]].concat(),
        _ => words.to_vec(),
    };
    let (value, used) = en::cardinal(&spoken)?;
    let large = en::scale(words[used - 1]).filter(|scale| *scale >= 1_000_000);
    if let Some(scale) = large.filter(|scale| value.is_multiple_of(*scale)) {
        return Some((format!("{} {}", value / scale, words[used - 1]), used, None));
    }
    // "one fifty five": hundreds without the word.
    if (1..10).contains(&value)
        && let Some((rest, more)) =
            en::below_hundred(&words[used..]).filter(|(rest, _)| *rest >= 10)
        && currency(&words[used + more..]).is_some()
    {
        let value = value * 100 + u128::from(rest);
        return Some((value.to_string(), used + more, Some(value)));
    }
    Some((value.to_string(), used, Some(value)))
}

/// "eighteen point o five" → "18.05".
fn en_decimal(words: &[&str]) -> Option<(String, usize)> {
    let (whole, used) = match words.first() {
        Some(&"point") => (None, 0),
        _ => {
            let (value, used) = en::cardinal(words)?;
            (Some(value), used)
        }
    };
    if words.get(used) != Some(&"point") {
        return None;
    }
    let digits: String = words[used + 1..]
        .iter()
        .map_while(|word| en::unit(word))
        .map(|digit| digit.to_string())
        .collect();
    if digits.is_empty() {
        return None;
    }
    let whole = whole.map_or(String::new(), |whole| whole.to_string());
    Some((format!("{whole}.{digits}"), used + 1 + digits.len()))
}

/// "plus forty four seven seven …" → "+44 77…": a number that is dialled from abroad.
fn en_abroad(words: &[&str]) -> Option<(String, usize)> {
    let ["plus", rest @ ..] = words else {
        return None;
    };
    if let Some((code, used)) = en::below_hundred(rest).filter(|(code, _)| *code >= 10)
        && let Some((digits, more)) = en_digits(&rest[used..]).filter(|(d, _)| d.len() >= 6)
    {
        return Some((format!("+{code} {digits}"), 1 + used + more));
    }
    let (digits, used) = en_digits(rest).filter(|(digits, _)| digits.len() >= 8)?;
    Some((format!("+{digits}"), 1 + used))
}

/// Three and more single digits in a row, "double" and "triple" among them.
fn en_digits(words: &[&str]) -> Option<(String, usize)> {
    let mut digits = String::new();
    let mut at = 0;
    while let Some(word) = words.get(at) {
        let times = match *word {
            "double" => 2,
            "triple" => 3,
            _ => 1,
        };
        let place = if times > 1 { at + 1 } else { at };
        let Some(digit) = words.get(place).and_then(|word| en::unit(word)) else {
            break;
        };
        let next = words.get(place + 1).copied().unwrap_or("");
        if next == "hundred" && times == 1 && digits.len() >= 3 {
            // "oh seven seven double oh nine hundred one two three".
            digits.push_str(&format!("{digit}00"));
            at = place + 2;
            continue;
        }
        // "one hundred" and "two million" are no digits in a row.
        if next == "hundred" || next == "point" || en::scale(next).is_some() {
            return None;
        }
        digits.push_str(&digit.to_string().repeat(times));
        at = place + 1;
    }
    (digits.len() >= 3).then_some((digits, at))
}

fn en_year(words: &[&str]) -> Option<(String, usize)> {
    let (century, used) =
        en::below_hundred(words).filter(|(century, _)| (10..=20).contains(century))?;
    if let Some(tens) = words.get(used).and_then(|word| decade(word)) {
        return Some((format!("{century}{tens}s"), used + 1));
    }
    let (rest, more) = en::below_hundred(words.get(used..)?).filter(|(rest, _)| *rest >= 10)?;
    Some((format!("{century}{rest}"), used + more))
}

/// "eighties" → 80.
fn decade(word: &str) -> Option<u64> {
    let ten = format!("{}y", word.strip_suffix("ies")?);
    en::tens(&ten)
}

/// "one hundredth", "two thousandth": value and words.
fn large_ordinal(words: &[&str]) -> Option<(u128, usize)> {
    let at = words
        .iter()
        .take(6)
        .position(|word| word.ends_with("dth") || word.ends_with("ionth"))?;
    let unit = words[at].strip_suffix("th")?;
    let spoken = [&words[..at], &[unit]].concat();
    let (value, used) = en::cardinal(&spoken)?;
    (used == at + 1).then_some((value, used))
}

/// "twenty third" → "23rd"; "first" and "second" alone are words.
fn en_ordinal(words: &[&str]) -> Option<(String, usize)> {
    let (value, used) = match (large_ordinal(words), en::cardinal(words)) {
        (Some(found), _) => found,
        (None, Some((value, used))) => {
            let last = words.get(used).and_then(|word| en::ordinal(word))?;
            let fits = value.is_multiple_of(100) || (value.is_multiple_of(10) && last < 10);
            if !fits {
                return None;
            }
            (value + u128::from(last), used + 1)
        }
        (None, None) => {
            let value = en::ordinal(words.first()?).filter(|value| *value > 2)?;
            (u128::from(value), 1)
        }
    };
    if words[used - 1].chars().any(|c| c.is_ascii_digit()) {
        return None;
    }
    let ending = match (value % 100, value % 10) {
        (11..=13, _) => "th",
        (_, 1) => "st",
        (_, 2) => "nd",
        (_, 3) => "rd",
        _ => "th",
    };
    Some((format!("{value}{ending}"), used))
}
