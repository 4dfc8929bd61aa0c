//! What the assistant says: templates in both languages and the words for numbers in them.

use crate::flow::Both;
use crate::slots::Day;
use minijinja::{Environment, State, Value};
use serde_json::Value as Json;
use sidetone_types::Lang;
use std::collections::BTreeMap;

/// Variables of a template.
pub(crate) type Facts = BTreeMap<String, Json>;

/// One spoken prompt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spoken {
    pub text: Both,
    /// False for what the caller must hear to the end.
    pub bargeable: bool,
    pub file: String,
    pub line: u32,
}

/// All spoken prompts and the engine that fills them in.
#[derive(Debug)]
pub(crate) struct Voice {
    pub spoken: BTreeMap<String, Spoken>,
    engine: Environment<'static>,
}

impl Voice {
    pub fn new(spoken: BTreeMap<String, Spoken>) -> Self {
        let mut engine = Environment::new();
        engine.add_filter("digits", digits);
        engine.add_filter("money", money);
        engine.add_filter("date", date);
        engine.add_filter("month", month);
        engine.add_filter("clock", clock);
        engine.add_filter("count", count);
        Self { spoken, engine }
    }

    /// What is wrong with a template, and on which of its lines.
    pub fn check(&self, source: &str) -> Result<Vec<String>, (String, u32)> {
        let line = |error: &minijinja::Error| u32::try_from(error.line().unwrap_or(1)).unwrap_or(1);
        let template = self
            .engine
            .template_from_str(source)
            .map_err(|error| (error.to_string(), line(&error)))?;
        let facts: Facts = [("lang".to_owned(), Json::from("en"))].into();
        template
            .render(Value::from(minijinja::value::Serde(&facts)))
            .map_err(|error| (error.to_string(), line(&error)))?;
        let mut names: Vec<String> = template.undeclared_variables(true).into_iter().collect();
        names.sort();
        Ok(names)
    }

    /// The text of a prompt. A prompt that is unknown or cannot be filled in is empty, and an empty
    /// prompt is not spoken; the lint keeps both out of a book.
    pub fn render(&self, key: &str, lang: Lang, facts: &Facts) -> String {
        let Some(spoken) = self.spoken.get(key) else {
            return String::new();
        };
        let mut facts = facts.clone();
        facts.insert("lang".into(), Json::from(lang.code()));
        let text = self
            .engine
            .render_str(
                spoken.text.in_lang(lang),
                Value::from(minijinja::value::Serde(&facts)),
            )
            .unwrap_or_default();
        tidy(&text, lang)
    }

    pub fn is_bargeable(&self, key: &str) -> bool {
        self.spoken.get(key).is_none_or(|spoken| spoken.bargeable)
    }

    pub fn fixed_texts(&self) -> Vec<(String, Lang, String)> {
        self.spoken
            .iter()
            .flat_map(|(key, spoken)| {
                Lang::ALL
                    .into_iter()
                    .map(move |lang| (key.clone(), lang, spoken.text.in_lang(lang)))
            })
            .filter(|(_, _, text)| !text.contains("{{") && !text.contains("{%"))
            .map(|(key, lang, text)| (key, lang, tidy(text, lang)))
            .collect()
    }
}

/// One line, no doubled blanks; none at all between Chinese characters.
fn tidy(text: &str, lang: Lang) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut out = String::new();
    for word in words {
        let joint = out
            .chars()
            .next_back()
            .zip(word.chars().next())
            .is_some_and(|(a, b)| lang == Lang::Zh && !(a.is_ascii() && b.is_ascii()));
        if !out.is_empty() && !joint {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

fn is_zh(state: &State<'_, '_>) -> bool {
    state
        .lookup("lang")
        .is_none_or(|lang| lang.as_str() != Some("en"))
}

/// Digits one by one, in groups of four. Of a masked number only the tail is read.
fn digits(state: &State<'_, '_>, value: &Value) -> String {
    let zh = is_zh(state);
    let text = value.to_string();
    let masked = text.contains(['*', '•', '＊']);
    let tail = text.rsplit(['*', '•', '＊']).next().unwrap_or_default();
    let figures: Vec<char> = tail.chars().filter(char::is_ascii_digit).collect();
    let names: Vec<char> = "零一二三四五六七八九".chars().collect();
    let in_threes = figures.len().is_multiple_of(3) && !figures.len().is_multiple_of(4);
    let groups: Vec<String> = figures
        .chunks(if in_threes { 3 } else { 4 })
        .map(|group| {
            let said = group.iter().map(|c| {
                let place = usize::from(*c as u8 - b'0');
                if zh {
                    names[place].to_string()
                } else {
                    c.to_string()
                }
            });
            said.collect::<Vec<_>>().join(if zh { "" } else { " " })
        })
        .collect();
    let said = groups.join(if zh { "，" } else { ", " });
    match (masked, zh) {
        (true, true) => format!("尾号{said}"),
        (true, false) => format!("ending in {said}"),
        _ => said,
    }
}

/// Cents as yuan: "483.74元", "483.74 yuan".
fn money(state: &State<'_, '_>, value: &Value) -> String {
    let cents = i64::try_from(value.clone())
        .ok()
        .or_else(|| value.to_string().parse().ok())
        .unwrap_or(0);
    let (whole, rest) = (cents.abs() / 100, cents.abs() % 100);
    let amount = match (rest, rest % 10) {
        (0, _) => whole.to_string(),
        (_, 0) => format!("{whole}.{}", rest / 10),
        _ => format!("{whole}.{rest:02}"),
    };
    match (is_zh(state), cents < 0) {
        (true, false) => format!("{amount}元"),
        (true, true) => format!("负{amount}元"),
        (false, false) => format!("{amount} yuan"),
        (false, true) => format!("minus {amount} yuan"),
    }
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

fn month_name(month: u8) -> &'static str {
    MONTHS
        .get(usize::from(month.saturating_sub(1)))
        .unwrap_or(&"")
}

/// "11月25日", "November 25".
fn date(state: &State<'_, '_>, value: &Value) -> String {
    let text = value.to_string();
    match Day::parse(&text) {
        Some(day) if is_zh(state) => format!("{}月{}日", day.month, day.day),
        Some(day) => format!("{} {}", month_name(day.month), day.day),
        None => text,
    }
}

/// A month such as `2026-10`: "10月", "October".
fn month(state: &State<'_, '_>, value: &Value) -> String {
    let text = value.to_string();
    match text.get(5..7).and_then(|month| month.parse::<u8>().ok()) {
        Some(month) if is_zh(state) => format!("{month}月"),
        Some(month) => month_name(month).to_owned(),
        None => text,
    }
}

/// A time of day such as `14:30`: "下午2点半", "2:30 pm".
fn clock(state: &State<'_, '_>, value: &Value) -> String {
    let text = value.to_string();
    let parts = text
        .split_once(':')
        .and_then(|(hour, minute)| Some((hour.parse::<u8>().ok()?, minute.parse::<u8>().ok()?)));
    let Some((hour, minute)) = parts else {
        return text;
    };
    let twelve = if hour % 12 == 0 { 12 } else { hour % 12 };
    if !is_zh(state) {
        let half = if hour < 12 { "am" } else { "pm" };
        return match minute {
            0 => format!("{twelve} {half}"),
            _ => format!("{twelve}:{minute:02} {half}"),
        };
    }
    let part = match hour {
        0..6 => "凌晨",
        6..12 => "上午",
        12 => "中午",
        13..18 => "下午",
        _ => "晚上",
    };
    match minute {
        0 => format!("{part}{twelve}点"),
        30 => format!("{part}{twelve}点半"),
        _ => format!("{part}{twelve}点{minute:02}分"),
    }
}

/// A number before a measure word: 两 instead of 2.
fn count(state: &State<'_, '_>, value: &Value) -> String {
    match (is_zh(state), value.to_string().as_str()) {
        (true, "2") => "两".into(),
        (_, text) => text.into(),
    }
}

/// The part of a text that was heard when `played_ms` of `total_ms` were played, cut after a whole
/// word (English) or character (Chinese). Punctuation takes its time as well.
pub(crate) fn played_part(text: &str, lang: Lang, played_ms: u32, total_ms: u32) -> String {
    if total_ms == 0 || played_ms == 0 {
        return String::new();
    }
    if played_ms >= total_ms {
        return text.to_owned();
    }
    let weight = |c: char| match c {
        '。' | '？' | '！' | '.' | '?' | '!' => 3u64,
        '，' | '、' | ',' | ';' | '；' | ':' | '：' => 2,
        _ => 1,
    };
    let total: u64 = text.chars().map(weight).sum();
    let heard = total * u64::from(played_ms) / u64::from(total_ms);
    let mut sum = 0;
    let mut cut = 0;
    for (at, c) in text.char_indices() {
        sum += weight(c);
        if sum > heard {
            break;
        }
        cut = at + c.len_utf8();
    }
    let part = &text[..cut];
    // An English word or a number in figures is heard whole or not at all.
    let inside = |c: char| c.is_ascii_alphanumeric() || (c == '.' && lang == Lang::Zh);
    let goes_on = text[cut..].chars().next().is_some_and(inside);
    let splits_word = goes_on && part.chars().next_back().is_some_and(inside);
    let part = if splits_word {
        part.trim_end_matches(inside)
    } else {
        part
    };
    part.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn say(source: &str, lang: Lang, facts: &[(&str, Json)]) -> String {
        let spoken = Spoken {
            text: Both {
                zh: source.into(),
                en: source.into(),
            },
            ..Spoken::default()
        };
        let voice = Voice::new([("x".to_owned(), spoken)].into());
        let facts = facts
            .iter()
            .map(|(k, v)| ((*k).to_owned(), v.clone()))
            .collect();
        voice.render("x", lang, &facts)
    }

    #[test]
    fn numbers_are_said_as_people_say_them() {
        let order = [("v", Json::from("20611018"))];
        assert_eq!(
            say("{{ v|digits }}", Lang::Zh, &order),
            "二零六一，一零一八"
        );
        assert_eq!(say("{{ v|digits }}", Lang::En, &order), "2 0 6 1, 1 0 1 8");
        let phone = [("v", Json::from("138****1234"))];
        assert_eq!(say("{{ v|digits }}", Lang::En, &phone), "ending in 1 2 3 4");
        let cents = [("v", Json::from(12_350))];
        assert_eq!(say("{{ v|money }}", Lang::Zh, &cents), "123.5元");
        assert_eq!(say("{{ v|money }}", Lang::En, &cents), "123.5 yuan");
        let day = [("v", Json::from("2026-11-25"))];
        assert_eq!(say("{{ v|date }}", Lang::Zh, &day), "11月25日");
        assert_eq!(say("{{ v|date }}", Lang::En, &day), "November 25");
        let time = [("v", Json::from("14:30"))];
        assert_eq!(say("{{ v|clock }}", Lang::Zh, &time), "下午2点半");
        assert_eq!(say("{{ v|clock }}", Lang::En, &time), "2:30 pm");
        assert_eq!(say("{{ absent|money }}", Lang::En, &[]), "0 yuan");
    }

    #[test]
    fn history_keeps_whole_words_of_what_was_played() {
        let text = "Your bill is due on Friday.";
        assert_eq!(played_part(text, Lang::En, 500, 1000), "Your bill is");
        assert_eq!(played_part(text, Lang::En, 1000, 1000), text);
        assert_eq!(played_part(text, Lang::En, 0, 1000), "");
        assert_eq!(
            played_part("您的账单是一百元", Lang::Zh, 500, 1000),
            "您的账单"
        );
    }
}
