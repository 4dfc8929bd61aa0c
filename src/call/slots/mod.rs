//! Values in what was said: numbers, dates, yes and no, choices, in Mandarin and English.
//!
//! Pure functions over text. The server calls [`parse`] on the raw text before masking and makes
//! `SlotCandidate`s of the result; the conversation calls it again on masked text for what is not
//! personal.

mod dates;
mod digits;
mod en;
mod itn;
mod money;
mod times;
mod words;
mod zh;

pub use dates::Day;
pub use digits::luhn;
pub(crate) use digits::{splice, trailing_digits};
pub use itn::itn;
pub use words::yes_no;
pub(crate) use words::{choice, correction};

use crate::request::Expect;
use digits::Run;
use sidetone_types::{Lang, SlotKind};
use std::ops::Range;

/// A value found in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParsedSlot {
    pub kind: SlotKind,
    /// Normal form: digits; cents for an amount; ISO 8601 for a day; `HH:MM`; `yes`/`no`; a number
    /// from 1 for a choice.
    pub value: String,
    /// Check digit, length, calendar are right.
    pub valid: bool,
    /// It replaces something the caller took back ("no, sorry, seven").
    pub corrected: bool,
    /// Where it stands, in bytes of the text.
    pub span: Range<usize>,
}

/// Whether a text has Chinese characters.
pub fn has_han(text: &str) -> bool {
    text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c))
}

/// Values in `text`, the expected kind first. Relative days ("明天") need [`parse_on`].
pub fn parse(text: &str, lang: Lang, expect: &Expect) -> Vec<ParsedSlot> {
    parse_on(text, lang, expect, None)
}

/// [`parse`] with the company's date, so that "tomorrow" and "下周三" become days.
pub fn parse_on(text: &str, lang: Lang, expect: &Expect, today: Option<Day>) -> Vec<ParsedSlot> {
    let runs = digits::runs(text, lang);
    let taken_back = correction(text, lang);
    let mut found = Vec::new();
    match expect {
        Expect::YesNo => found.extend(yes_no_slot(text, lang)),
        Expect::OrderNumber => found.extend(digits::order(&runs, taken_back, true)),
        Expect::PhoneNumber => found.extend(digits::phone(&runs, true)),
        Expect::CardEnding => found.extend(digits::fixed(&runs, 4, SlotKind::CardEnding)),
        Expect::Digits { count } => found.extend(digits::spoken(&runs, *count)),
        Expect::Amount => found.extend(money::amounts(text, lang, true)),
        Expect::Date => found.extend(dates::dates(text, lang, today, true)),
        Expect::Time => found.extend(times::times(text, lang, true)),
        Expect::Choice { max } => found.extend(choice_slot(text, lang, *max)),
        Expect::FreeText => found.push(whole(text)),
        Expect::Open | Expect::Menu { .. } => {}
    }
    incidental(text, lang, &runs, taken_back, today, &mut found);
    settle_corrections(found, taken_back)
}

/// What stands out of any sentence, whatever was asked.
fn incidental(
    text: &str,
    lang: Lang,
    runs: &[Run],
    taken_back: Option<usize>,
    today: Option<Day>,
    found: &mut Vec<ParsedSlot>,
) {
    let mut more = Vec::new();
    more.extend(digits::order(runs, taken_back, false));
    more.extend(digits::phone(runs, false));
    more.extend(digits::ending(text, runs));
    more.extend(money::amounts(text, lang, false));
    more.extend(dates::dates(text, lang, today, false));
    more.extend(times::times(text, lang, false));
    for slot in more {
        if !found
            .iter()
            .any(|have: &ParsedSlot| have.kind == slot.kind && have.value == slot.value)
        {
            found.push(slot);
        }
    }
}

/// Of two values of a kind around a "no, sorry" the later one stands.
fn settle_corrections(found: Vec<ParsedSlot>, taken_back: Option<usize>) -> Vec<ParsedSlot> {
    let Some(at) = taken_back else {
        return found;
    };
    let is_after = |slot: &ParsedSlot| slot.span.start >= at || slot.corrected;
    let after: Vec<SlotKind> = found
        .iter()
        .filter(|s| is_after(s))
        .map(|s| s.kind)
        .collect();
    found
        .into_iter()
        .filter(|slot| is_after(slot) || !after.contains(&slot.kind))
        .map(|mut slot| {
            slot.corrected = slot.corrected
                || (slot.span.start >= at
                    && !matches!(slot.kind, SlotKind::YesNo | SlotKind::FreeText));
            slot
        })
        .collect()
}

fn yes_no_slot(text: &str, lang: Lang) -> Option<ParsedSlot> {
    yes_no(text, lang).map(|yes| ParsedSlot {
        kind: SlotKind::YesNo,
        value: if yes { "yes" } else { "no" }.into(),
        valid: true,
        corrected: false,
        span: 0..text.len(),
    })
}

fn choice_slot(text: &str, lang: Lang, max: u8) -> Option<ParsedSlot> {
    choice(text, lang, max).map(|number| ParsedSlot {
        kind: SlotKind::Choice,
        value: number.to_string(),
        valid: (1..=max).contains(&number),
        corrected: false,
        span: 0..text.len(),
    })
}

fn whole(text: &str) -> ParsedSlot {
    ParsedSlot {
        kind: SlotKind::FreeText,
        value: text.trim().into(),
        valid: !text.trim().is_empty(),
        corrected: false,
        span: 0..text.len(),
    }
}
