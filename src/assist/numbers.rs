//! The numbers in a text, however they are written: 1,299.00, 一千二百九十九, "two zero six".

use crate::plain::fold;
use std::collections::BTreeSet;

/// Numbers in one canonical form: no grouping, no trailing zeros after the point.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Numbers {
    /// Each number as the text states it.
    pub stated: Vec<String>,
    /// Those and every other reading, such as the single digits of a spoken order number.
    pub readings: BTreeSet<String>,
}

impl Numbers {
    pub fn of(text: &str) -> Self {
        let mut found = Self::default();
        let text = without_idioms(&fold(text));
        found.ascii(&text);
        found.chinese(&text);
        found.english(&text);
        found
    }

    fn add(&mut self, number: String) {
        self.readings.insert(number.clone());
        self.stated.push(number);
    }

    fn ascii(&mut self, text: &str) {
        let chars: Vec<char> = text.chars().collect();
        let digit = |ix: usize| chars.get(ix).is_some_and(char::is_ascii_digit);
        let mut ix = 0;
        while ix < chars.len() {
            if !digit(ix) {
                ix += 1;
                continue;
            }
            let mut number = String::new();
            let mut point = false;
            while digit(ix) || (matches!(chars.get(ix), Some(',' | '.')) && digit(ix + 1)) {
                match chars[ix] {
                    // A comma groups only three digits: "10,20" is two numbers.
                    ',' if point || !(digit(ix + 2) && digit(ix + 3) && !digit(ix + 4)) => break,
                    ',' => {}
                    '.' if point => break,
                    c => {
                        point |= c == '.';
                        number.push(c);
                    }
                }
                ix += 1;
            }
            let number = canonical(&number);
            match chars.get(ix).and_then(|unit| large(*unit)) {
                Some(unit) if number.len() < 9 && !point => {
                    let value = number.parse::<u64>().unwrap_or(0) * unit;
                    self.readings.insert(number);
                    self.add(value.to_string());
                }
                _ => self.add(number),
            }
            // The separator that ended the number, or the unit.
            ix += usize::from(!digit(ix));
        }
    }

    fn chinese(&mut self, text: &str) {
        let chars: Vec<char> = text.chars().collect();
        let numeral = |c: &char| digit_zh(*c).is_some() || unit_zh(*c).is_some();
        let mut ix = 0;
        while ix < chars.len() {
            let from = ix;
            while chars.get(ix).is_some_and(numeral) {
                ix += 1;
            }
            if ix == from {
                ix += 1;
                continue;
            }
            let run = &chars[from..ix];
            let mut number = value_zh(run);
            let decimals_from = ix + 1;
            if chars.get(ix) == Some(&'点') {
                let mut end = decimals_from;
                while chars.get(end).is_some_and(|c| digit_zh(*c).is_some()) {
                    end += 1;
                }
                if end > decimals_from {
                    let hour = number.clone();
                    self.readings.insert(hour);
                    number = format!("{number}.{}", value_zh(&chars[decimals_from..end]));
                    ix = end;
                }
            }
            self.readings.extend(
                run.iter()
                    .filter_map(|c| digit_zh(*c))
                    .map(|d| d.to_string()),
            );
            // "一" alone is an article more often than a number, and a unit alone is a word.
            let lone = run.len() == 1
                && !number.contains('.')
                && (run[0] == '一' || unit_zh(run[0]).is_some_and(|u| u > 10));
            if lone {
                self.readings.insert(canonical(&number));
            } else {
                self.add(canonical(&number));
            }
        }
    }

    fn english(&mut self, text: &str) {
        let clean: String = text
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { ' ' })
            .collect();
        let mut run: Vec<u64> = Vec::new();
        let mut twice = 1;
        for word in clean
            .split(' ')
            .filter(|word| !word.is_empty())
            .chain(["."])
        {
            match word {
                "double" => twice = 2,
                "triple" => twice = 3,
                "and" if run.last().is_some_and(|last| *last >= 100) => {}
                "oh" | "o" if !run.is_empty() => run.push(0),
                word => match value_en(word) {
                    Some(value) => {
                        run.extend(std::iter::repeat_n(value, twice));
                        twice = 1;
                    }
                    None => {
                        self.english_run(&std::mem::take(&mut run));
                        twice = 1;
                    }
                },
            }
        }
    }

    fn english_run(&mut self, run: &[u64]) {
        self.readings.extend(run.iter().map(u64::to_string));
        match run {
            // "one" alone is a pronoun more often than a number.
            [] | [1] => {}
            _ if run.iter().all(|value| *value < 10) => {
                let digits: String = run.iter().map(u64::to_string).collect();
                self.add(digits);
            }
            _ => {
                let joined: String = run.iter().map(u64::to_string).collect();
                self.readings.insert(joined);
                self.add(sum_en(run).to_string());
            }
        }
    }
}

/// Words in which numerals do not count anything.
fn without_idioms(text: &str) -> String {
    let mut text = text.replace("十分钟", "10分钟");
    for idiom in [
        "万一",
        "千万别",
        "千万不",
        "十分",
        "四川",
        "三亚",
        "百分之百",
        "统一",
        "乱七八糟",
    ] {
        text = text.replace(idiom, "·");
    }
    text
}

/// Leading zeros of short numbers and trailing zeros of decimals go; "09" is 9, "0018" stays.
fn canonical(number: &str) -> String {
    let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
    let whole = match whole.trim_start_matches('0') {
        _ if whole.len() > 2 => whole,
        "" => "0",
        trimmed => trimmed,
    };
    match decimals.trim_end_matches('0') {
        "" => whole.to_owned(),
        decimals => format!("{whole}.{decimals}"),
    }
}

fn large(c: char) -> Option<u64> {
    match c {
        '百' => Some(100),
        '千' => Some(1000),
        '万' => Some(10_000),
        '亿' => Some(100_000_000),
        _ => None,
    }
}

fn digit_zh(c: char) -> Option<u64> {
    let value = match c {
        '零' | '〇' => 0,
        '一' | '幺' => 1,
        '二' | '两' => 2,
        '三' => 3,
        '四' => 4,
        '五' => 5,
        '六' => 6,
        '七' => 7,
        '八' => 8,
        '九' => 9,
        _ => return None,
    };
    Some(value)
}

fn unit_zh(c: char) -> Option<u64> {
    if c == '十' { Some(10) } else { large(c) }
}

/// With units a value, without them the digits as they were read out.
fn value_zh(run: &[char]) -> String {
    if run.iter().all(|c| unit_zh(*c).is_none()) {
        return run
            .iter()
            .filter_map(|c| digit_zh(*c))
            .map(|d| d.to_string())
            .collect();
    }
    let (mut total, mut part, mut digit) = (0u64, 0u64, None);
    let mut last_unit = 1;
    for c in run {
        match (digit_zh(*c), unit_zh(*c)) {
            (Some(0), _) => last_unit = 10,
            (Some(value), _) => digit = Some(value),
            (_, Some(unit)) if unit >= 10_000 => {
                part += digit.take().unwrap_or(0);
                total = (total + part.max(1)).saturating_mul(unit);
                (part, last_unit) = (0, unit);
            }
            (_, Some(unit)) => {
                part += digit.take().unwrap_or(1) * unit;
                last_unit = unit;
            }
            _ => {}
        }
    }
    // "三百五" is 350: the last digit counts the next smaller unit.
    let rest = digit.unwrap_or(0) * if last_unit >= 100 { last_unit / 10 } else { 1 };
    (total + part + rest).to_string()
}

fn value_en(word: &str) -> Option<u64> {
    const SMALL: [&str; 20] = [
        "zero",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "thirteen",
        "fourteen",
        "fifteen",
        "sixteen",
        "seventeen",
        "eighteen",
        "nineteen",
    ];
    const TENS: [&str; 8] = [
        "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety",
    ];
    const ORDINALS: [&str; 8] = [
        "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth",
    ];
    let at = |list: &[&str]| list.iter().position(|w| *w == word).map(|ix| ix as u64);
    match word {
        "hundred" => Some(100),
        "thousand" => Some(1000),
        "million" => Some(1_000_000),
        _ => at(&SMALL)
            .or_else(|| at(&TENS).map(|ix| (ix + 2) * 10))
            .or_else(|| at(&ORDINALS).map(|ix| ix + 3)),
    }
}

fn sum_en(run: &[u64]) -> u64 {
    let (mut total, mut part) = (0u64, 0u64);
    for value in run {
        match value {
            100 => part = part.max(1) * 100,
            1000.. => {
                total += part.max(1).saturating_mul(*value);
                part = 0;
            }
            // "nineteen ninety nine": two pairs make a year or a price.
            10..=99 if (10..=99).contains(&part) => part = part * 100 + value,
            _ => part += value,
        }
    }
    total + part
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_the_same_however_they_are_written() {
        for (text, number) in [
            ("退了1,299.00元", "1299"),
            ("退了一千二百九十九块", "1299"),
            ("三百五", "350"),
            ("一百零五块", "105"),
            ("三万二", "32000"),
            ("3万元", "30000"),
            ("二十五号", "25"),
            ("十五分钟", "15"),
            ("订单二零六幺幺零一八", "20611018"),
            ("order two oh six double one oh one eight", "20611018"),
            ("一点五折", "1.5"),
            ("ＮＯ．２０６１１０１８", "20611018"),
            ("nineteen ninety nine", "1999"),
            ("one hundred and five dollars", "105"),
            ("three thousand two hundred", "3200"),
            ("at 09:30", "9"),
            ("尾号0018", "0018"),
            ("十分钟内", "10"),
        ] {
            let found = Numbers::of(text);
            assert!(
                found.stated.contains(&number.to_owned()),
                "{text}: {found:?}"
            );
        }
    }

    #[test]
    fn words_that_only_look_like_numbers_are_none() {
        for text in [
            "我帮您看一下",
            "十分抱歉",
            "万一丢了呢",
            "one of our agents",
            "千万别挂",
            "四川",
        ] {
            assert_eq!(Numbers::of(text).stated, Vec::<String>::new(), "{text}");
        }
        assert_eq!(Numbers::of("a,b 10,20").stated, ["10", "20"]);
    }
}
