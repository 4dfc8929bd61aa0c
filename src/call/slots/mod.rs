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
pub(crate) use dates::MONTHS;
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

#[cfg(test)]
mod tests {
    use super::*;

    const TODAY: Day = Day {
        year: 2026,
        month: 11,
        day: 22,
    };

    /// The values of a text: `order 20611018`, `!` before what is not valid, `~` after a correction.
    fn values(text: &str, lang: Lang, expect: &Expect) -> String {
        let found = parse_on(text, lang, expect, Some(TODAY));
        let shown = found.iter().map(|slot| {
            let kind = format!("{:?}", slot.kind);
            let (bad, new) = (
                if slot.valid { "" } else { "!" },
                if slot.corrected { "~" } else { "" },
            );
            format!("{bad}{kind} {}{new}", slot.value)
        });
        shown.collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn order_numbers() {
        let order = Expect::OrderNumber;
        for (text, lang, expected) in [
            ("二零六一一零一八", Lang::Zh, "OrderNumber 20611018"),
            ("是2061 1018", Lang::Zh, "OrderNumber 20611018"),
            ("二零六幺，幺零幺八", Lang::Zh, "OrderNumber 20611018"),
            ("二零六一一零一七", Lang::Zh, "!OrderNumber 20611017"),
            (
                "二零六一一零一七，不对，一八",
                Lang::Zh,
                "OrderNumber 20611018~",
            ),
            (
                "two oh six double one zero one eight",
                Lang::En,
                "OrderNumber 20611018",
            ),
            (
                "twenty sixty one ten eighteen",
                Lang::En,
                "OrderNumber 20611018",
            ),
            (
                "2 0 6 1 1 0 1 7 no sorry 8",
                Lang::En,
                "OrderNumber 20611018~",
            ),
            (
                "it's two zero six one uh one zero one eight",
                Lang::En,
                "OrderNumber 20611018",
            ),
            ("I have no idea", Lang::En, ""),
        ] {
            assert_eq!(values(text, lang, &order), expected, "{text}");
        }
        // Unasked, only a number whose check digit is right counts.
        assert_eq!(values("订单二零六一一零一七", Lang::Zh, &Expect::Open), "");
        assert_eq!(
            values("where is order 20611018", Lang::En, &Expect::Open),
            "OrderNumber 20611018"
        );
    }

    #[test]
    fn phones_cards_and_plain_digits() {
        for (text, lang, expect, expected) in [
            (
                "一三八零零一三八零零零",
                Lang::Zh,
                Expect::PhoneNumber,
                "PhoneNumber 13800138000",
            ),
            (
                "幺三八，零零幺三，八零零零",
                Lang::Zh,
                Expect::PhoneNumber,
                "PhoneNumber 13800138000",
            ),
            (
                "one five five five oh one double oh double oh one",
                Lang::En,
                Expect::PhoneNumber,
                "PhoneNumber 15550100001",
            ),
            (
                "一三八零零",
                Lang::Zh,
                Expect::PhoneNumber,
                "!PhoneNumber 13800",
            ),
            ("尾号四四一七", Lang::Zh, Expect::Open, "CardEnding 4417"),
            (
                "the card ending in forty four seventeen",
                Lang::En,
                Expect::Open,
                "CardEnding 4417",
            ),
            ("四四一七", Lang::Zh, Expect::CardEnding, "CardEnding 4417"),
            (
                "triple five",
                Lang::En,
                Expect::Digits { count: Some(3) },
                "Digits 555",
            ),
        ] {
            assert_eq!(values(text, lang, &expect), expected, "{text}");
        }
    }

    #[test]
    fn answers_and_choices() {
        for (text, lang, expect, expected) in [
            ("对的", Lang::Zh, Expect::YesNo, "YesNo yes"),
            ("no, sorry, seven", Lang::En, Expect::YesNo, "YesNo no"),
            ("第二个吧", Lang::Zh, Expect::Choice { max: 3 }, "Choice 2"),
            (
                "the fourth",
                Lang::En,
                Expect::Choice { max: 3 },
                "!Choice 4",
            ),
            (
                "明天下午三点",
                Lang::Zh,
                Expect::Date,
                "Date 2026-11-23, Time 15:00",
            ),
            ("四百二十块五毛", Lang::Zh, Expect::Amount, "Amount 42050"),
            (
                "东西是坏的",
                Lang::Zh,
                Expect::FreeText,
                "FreeText 东西是坏的",
            ),
        ] {
            assert_eq!(values(text, lang, &expect), expected, "{text}");
        }
    }

    #[test]
    fn odd_text_does_no_harm() {
        for text in [
            "",
            " ",
            "点",
            "月",
            "号",
            "一点",
            "double",
            "the th",
            "０１２",
            "\u{0}",
            "😀一😀",
            "块",
            "第",
        ] {
            for lang in Lang::ALL {
                for expect in [
                    Expect::Open,
                    Expect::YesNo,
                    Expect::OrderNumber,
                    Expect::PhoneNumber,
                    Expect::CardEnding,
                    Expect::Amount,
                    Expect::Date,
                    Expect::Time,
                    Expect::Choice { max: 0 },
                    Expect::FreeText,
                    Expect::Digits { count: None },
                ] {
                    for slot in parse_on(text, lang, &expect, Some(TODAY)) {
                        assert!(text.get(slot.span.clone()).is_some(), "{text:?} {slot:?}");
                    }
                    itn(text, lang);
                }
            }
        }
    }
}
