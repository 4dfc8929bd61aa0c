//! Amounts of money, in cents.

use super::{ParsedSlot, en, zh};
use sidetone_types::{Lang, SlotKind};
use std::ops::Range;

fn slot(cents: u128, span: Range<usize>) -> ParsedSlot {
    ParsedSlot {
        kind: SlotKind::Amount,
        value: cents.to_string(),
        valid: cents > 0 && cents < 1_000_000_000_000,
        corrected: false,
        span,
    }
}

/// An amount in a text. `expected` also takes a bare number ("twenty-three fifty").
pub fn amounts(text: &str, lang: Lang, expected: bool) -> Option<ParsedSlot> {
    match lang {
        Lang::Zh => zh_amount(text, expected),
        Lang::En => en_amount(text, expected),
    }
}

/// 四百二十块五毛, 一百二十三块五, 12.5元, 三百块钱.
fn zh_amount(text: &str, expected: bool) -> Option<ParsedSlot> {
    let chars: Vec<(usize, char)> = text.char_indices().collect();
    let is_number = |c: char| zh::is_numeral(c) || c == '.' || c == '点';
    let unit = chars
        .iter()
        .position(|&(_, c)| matches!(c, '块' | '元' | '圆'));
    let Some(unit) = unit else {
        return expected.then(|| zh_bare(text, &chars)).flatten();
    };
    let back = chars[..unit]
        .iter()
        .rev()
        .take_while(|&&(_, c)| is_number(c))
        .count();
    let whole: String = chars[unit - back..unit].iter().map(|&(_, c)| c).collect();
    let mut cents = zh_decimal_cents(&whole)?;
    // What follows: 五毛, 五毛三, 五 (jiao), 五毛三分, 五分.
    let mut at = unit + 1;
    let mut place = 10;
    while let Some(digit) = chars.get(at).and_then(|&(_, c)| zh::digit(c)) {
        let marker = chars.get(at + 1).map(|&(_, c)| c);
        if marker == Some('分') {
            place = 1;
        }
        cents += u128::from(digit) * place;
        place = 1;
        at += 1;
        if matches!(marker, Some('毛' | '角' | '分')) {
            at += 1;
        } else if at > unit + 2 {
            break;
        }
    }
    let end = chars.get(at).map_or(text.len(), |&(byte, _)| byte);
    Some(slot(cents, chars[unit - back].0..end))
}

fn zh_bare(text: &str, chars: &[(usize, char)]) -> Option<ParsedSlot> {
    let start = chars.iter().position(|&(_, c)| zh::is_numeral(c))?;
    let number: String = text[chars[start].0..]
        .chars()
        .take_while(|&c| zh::is_numeral(c) || c == '.' || c == '点')
        .collect();
    let end = chars[start].0 + number.len();
    Some(slot(zh_decimal_cents(&number)?, chars[start].0..end))
}

/// "12.5", "十二点五", "四百二十" in cents.
fn zh_decimal_cents(text: &str) -> Option<u128> {
    let (whole, rest) = text.split_once(['.', '点']).unwrap_or((text, ""));
    let cents = u128::from(zh::cardinal(whole)?) * 100;
    let mut digits = rest.chars().filter_map(zh::digit);
    let tens = u128::from(digits.next().unwrap_or(0)) * 10;
    Some(cents + tens + u128::from(digits.next().unwrap_or(0)))
}

/// "420 yuan", "twenty three dollars and fifty cents", and where expected "twenty-three fifty".
fn en_amount(text: &str, expected: bool) -> Option<ParsedSlot> {
    let tokens = en::tokens(text);
    let words: Vec<&str> = tokens.iter().map(|token| token.text.as_str()).collect();
    for at in 0..words.len() {
        let Some((whole, used)) = en_number(text, &tokens, at) else {
            continue;
        };
        let next = words.get(at + used).copied().unwrap_or("");
        let mut end = at + used;
        let mut cents = whole;
        let named = matches!(
            next,
            "yuan" | "dollars" | "dollar" | "bucks" | "rmb" | "kuai" | "euros" | "pounds"
        );
        if named {
            end += 1;
            let skip = usize::from(words.get(end) == Some(&"and"));
            if let Some((small, used)) = en::below_hundred(words.get(end + skip..).unwrap_or(&[])) {
                let coin = words.get(end + skip + used).copied().unwrap_or("");
                if matches!(coin, "cents" | "fen") || skip == 0 {
                    cents += u128::from(small);
                    end += skip + used + usize::from(matches!(coin, "cents" | "fen"));
                }
            }
        } else if expected {
            if let Some((small, used)) = en::below_hundred(words.get(end..).unwrap_or(&[]))
                && small >= 10
                && whole < 1_000_000
            {
                cents += u128::from(small);
                end += used;
            }
        } else {
            continue;
        }
        return Some(slot(cents, tokens[at].span.start..tokens[end - 1].span.end));
    }
    None
}

/// A number in figures ("23.50") or words at a token, in cents, and the tokens taken.
fn en_number(text: &str, tokens: &[en::Token], at: usize) -> Option<(u128, usize)> {
    let words: Vec<&str> = tokens[at..]
        .iter()
        .map(|token| token.text.as_str())
        .collect();
    let first = *words.first()?;
    if first.chars().all(|c| c.is_ascii_digit()) && first.len() <= 9 {
        let whole: u128 = first.parse().ok()?;
        let (this, next) = (&tokens[at], tokens.get(at + 1));
        let decimals = next.filter(|next| {
            next.span.start == this.span.end + 1
                && text.as_bytes().get(this.span.end) == Some(&b'.')
                && (1..=2).contains(&next.text.len())
        });
        let cents = decimals.and_then(|next| {
            let value: u128 = next.text.parse().ok()?;
            Some(if next.text.len() == 1 {
                value * 10
            } else {
                value
            })
        });
        return Some(match cents {
            Some(cents) => (whole * 100 + cents, 2),
            None => (whole * 100, 1),
        });
    }
    let (value, used) = en::cardinal(&words)?;
    (value < 1_000_000_000).then_some((value * 100, used))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_in_both_languages() {
        let of = |text: &str, lang| {
            amounts(text, lang, true)
                .map(|slot| slot.value)
                .unwrap_or_default()
        };
        for (text, cents) in [
            ("四百二十块五毛", "42050"),
            ("一百二十三块五", "12350"),
            ("三百块钱", "30000"),
            ("12.5元", "1250"),
            ("十二块零五分", "1205"),
            ("五块三毛二", "532"),
            ("三百", "30000"),
        ] {
            assert_eq!(of(text, Lang::Zh), cents, "{text}");
        }
        for (text, cents) in [
            ("twenty-three fifty", "2350"),
            ("twenty three dollars and fifty cents", "2350"),
            ("420 yuan", "42000"),
            ("four hundred and twenty yuan", "42000"),
            ("23.50", "2350"),
        ] {
            assert_eq!(of(text, Lang::En), cents, "{text}");
        }
    }
}
