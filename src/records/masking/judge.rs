//! Says which digits of a run are somebody's number.
//!
//! Verified shapes come first (check character, Luhn, mobile prefix), whole groups before parts of
//! them; then shapes without their check, because one misheard digit breaks a checksum and still
//! gives fifteen away.

use super::scan::{Run, X};
use std::ops::Range;

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    Card,
    Id,
    Phone,
    Email,
    /// More digits than an order number has, of no known shape; or a part of a number that is
    /// being said in pieces.
    Digits,
}

/// Digits `range` of a run are a number of this kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    pub range: Range<usize>,
    pub kind: Kind,
}

/// What the text around a run says about it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Context {
    pub english: bool,
    /// "my phone is", "手机号是" stands before it.
    pub phone_cue: bool,
    /// An amount of money, a tracking number or an invoice: no guessing beyond verified shapes.
    pub harmless_cue: bool,
}

/// Longest run that is judged; what is longer is masked whole.
const RUN_DIGITS_MAX: usize = 200;
/// Digits of an order number.
pub const ORDER_DIGITS: usize = 8;
/// Digits of a card's ending.
pub const ENDING_DIGITS: usize = 4;

/// The numbers in a run, in order, without overlap.
pub fn judge(run: &Run, context: Context) -> Vec<Verdict> {
    let values: Vec<u8> = run.digits.iter().map(|d| d.value).collect();
    if values.len() > RUN_DIGITS_MAX {
        return vec![Verdict {
            range: 0..values.len(),
            kind: Kind::Digits,
        }];
    }
    let view = View::new(run, values, context);
    let mut found: Vec<Verdict> = Vec::new();
    let rules: [(Kind, Fit, Test); 9] = [
        (Kind::Id, Fit::Anywhere, |v, r| is_id(&v.values[r])),
        (Kind::Card, Fit::Groups, |v, r| {
            is_card(&v.values[r.clone()]) && !v.answers(&r)
        }),
        (Kind::Id, Fit::Groups, |v, r| is_id_shape(&v.values[r])),
        (Kind::Card, Fit::Groups, |v, r| v.is_card_shape(&r)),
        (Kind::Phone, Fit::Groups, |v, r| v.is_phone(&r)),
        (Kind::Card, Fit::Spoken, |v, r| {
            is_card(&v.values[r.clone()]) && !v.answers(&v.around(&r))
        }),
        (Kind::Phone, Fit::Spoken, |v, r| {
            is_mobile(&v.values[r.clone()]) && !v.answers(&v.around(&r))
        }),
        (Kind::Phone, Fit::Whole, |v, r| v.is_likely_phone(&r)),
        (Kind::Digits, Fit::Whole, |v, r| v.is_too_long(&r)),
    ];
    for (kind, fit, test) in rules {
        view.search(kind, fit, test, &mut found);
    }
    found.sort_by_key(|v| v.range.start);
    found
}

type Test = fn(&View, Range<usize>) -> bool;

/// Where a window of digits may begin and end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fit {
    Anywhere,
    /// At group boundaries on both sides.
    Groups,
    /// Anywhere among spoken digits, whose groups a recognizer loses.
    Spoken,
    /// All that is left between two findings.
    Whole,
}

struct View {
    values: Vec<u8>,
    /// `starts[i]`: a group starts at digit i; `starts[len]` is true.
    starts: Vec<bool>,
    spoken: Vec<bool>,
    plus: bool,
    prefixed: bool,
    context: Context,
}

impl View {
    fn new(run: &Run, values: Vec<u8>, context: Context) -> Self {
        let mut starts: Vec<bool> = run
            .digits
            .iter()
            .enumerate()
            .map(|(at, d)| at == 0 || run.digits[at - 1].group != d.group)
            .collect();
        starts.push(true);
        Self {
            starts,
            values,
            spoken: run.digits.iter().map(|d| d.spoken).collect(),
            plus: run.plus,
            prefixed: run.prefixed,
            context,
        }
    }

    fn search(&self, kind: Kind, fit: Fit, test: Test, found: &mut Vec<Verdict>) {
        for segment in free_segments(self.values.len(), found) {
            let mut from = segment.start;
            while from < segment.end {
                let window = self
                    .windows(fit, from, &segment)
                    .find(|window| test(self, window.clone()));
                match window {
                    Some(range) => {
                        // A number at an odd place in a longer run: its neighbours may be its own
                        // misplaced digits, so all of them go.
                        let range = match fit {
                            Fit::Spoken if kind == Kind::Phone => segment.clone(),
                            _ => range,
                        };
                        from = range.end;
                        found.push(Verdict { range, kind });
                    }
                    None => from += 1,
                }
            }
        }
    }

    /// Windows that start at `from`, longest first.
    fn windows(
        &self,
        fit: Fit,
        from: usize,
        segment: &Range<usize>,
    ) -> impl Iterator<Item = Range<usize>> {
        let segment = segment.clone();
        let longest = match fit {
            Fit::Whole => segment.end,
            _ => segment.end.min(from + 19),
        };
        let shortest = match fit {
            Fit::Whole => segment.end,
            _ => from + 7,
        };
        (shortest..=longest)
            .rev()
            .map(move |to| from..to)
            .filter(move |w| match fit {
                Fit::Anywhere => true,
                Fit::Groups => {
                    (self.starts[w.start] || w.start == segment.start)
                        && (self.starts[w.end] || w.end == segment.end)
                }
                Fit::Spoken => self.spoken[w.clone()].iter().all(|s| *s),
                Fit::Whole => *w == segment,
            })
    }

    fn group_lengths(&self, range: &Range<usize>) -> Vec<usize> {
        let mut out = vec![0];
        for at in range.clone() {
            if self.starts[at] && at > range.start {
                out.push(0);
            }
            *out.last_mut().expect("never empty") += 1;
        }
        out
    }

    /// The whole groups that a range lies in.
    fn around(&self, range: &Range<usize>) -> Range<usize> {
        let mut start = range.start;
        while !self.starts[start] {
            start -= 1;
        }
        let mut end = range.end;
        while !self.starts[end] {
            end += 1;
        }
        start..end
    }

    fn answers(&self, range: &Range<usize>) -> bool {
        are_answers(&self.values[range.clone()], &self.group_lengths(range))
    }

    fn is_phone(&self, range: &Range<usize>) -> bool {
        let digits = &self.values[range.clone()];
        if self.plus && range.start == 0 {
            return (8..=15).contains(&digits.len());
        }
        if is_mobile(digits) || is_landline(digits) {
            return true;
        }
        let local = self.context.phone_cue || self.group_lengths(range) == [3, 4];
        match digits.len() {
            10 if self.context.english => is_nanp(digits) && !self.prefixed,
            11 if digits[0] == 1 => is_nanp(&digits[1..]),
            7 => {
                self.context.english && local && digits[0] >= 2 && range.len() == self.values.len()
            }
            _ => false,
        }
    }

    /// The length of a phone number where one digit was misheard, or one was lost or doubled.
    fn is_likely_phone(&self, range: &Range<usize>) -> bool {
        let digits = &self.values[range.clone()];
        let length = digits.len();
        if self.prefixed || self.context.harmless_cue {
            return false;
        }
        let cue = self.context.phone_cue && (9..=13).contains(&length);
        let chinese = digits.first() == Some(&1) && (10..=12).contains(&length);
        let american = self.context.english && length == 10;
        cue || chinese || american
    }

    /// Sixteen digits in fours, or the length and first digits of an issuer, without the check.
    fn is_card_shape(&self, range: &Range<usize>) -> bool {
        if self.prefixed || self.context.harmless_cue || self.answers(range) {
            return false;
        }
        let digits = &self.values[range.clone()];
        let fours = self.group_lengths(range) == [4; 4];
        let issuer = matches!(
            digits,
            [4, ..] | [5, 1..=5, ..] | [6, 2, ..] | [3, 4 | 7, ..]
        );
        fours || issuer && matches!(digits.len(), 15 | 16 | 19)
    }

    fn is_too_long(&self, range: &Range<usize>) -> bool {
        range.len() > ORDER_DIGITS
            && !self.answers(range)
            && !self.prefixed
            && !self.context.harmless_cue
    }
}

/// The stretches of `0..len` that nothing was found in.
fn free_segments(len: usize, found: &[Verdict]) -> Vec<Range<usize>> {
    let mut taken: Vec<Range<usize>> = found.iter().map(|v| v.range.clone()).collect();
    taken.sort_by_key(|r| r.start);
    let mut out = Vec::new();
    let mut from = 0;
    for range in taken {
        if from < range.start {
            out.push(from..range.start);
        }
        from = range.end;
    }
    if from < len {
        out.push(from..len);
    }
    out
}

/// Order numbers and card endings, said one after the other. Order numbers carry a check digit, so
/// two of them together always pass for a card's.
pub fn are_answers(values: &[u8], groups: &[usize]) -> bool {
    groups.len() > 1
        && groups[0] == ORDER_DIGITS
        && groups
            .iter()
            .all(|g| [ORDER_DIGITS, ENDING_DIGITS].contains(g))
        && luhn(&values[..ORDER_DIGITS])
}

/// ISO/IEC 7812-1 check.
pub fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(at, &digit)| {
            let digit = u32::from(digit);
            match (at % 2, digit * 2) {
                (0, _) => digit,
                (_, doubled) if doubled > 9 => doubled - 9,
                (_, doubled) => doubled,
            }
        })
        .sum();
    !digits.contains(&X) && !digits.is_empty() && sum.is_multiple_of(10)
}

fn is_card(digits: &[u8]) -> bool {
    (13..=19).contains(&digits.len()) && digits.iter().any(|d| *d != 0) && luhn(digits)
}

/// GB 11643: region, birthday, serial and a check character modulo 11.
fn is_id(digits: &[u8]) -> bool {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    const CHECKS: [u8; 11] = [1, 0, X, 9, 8, 7, 6, 5, 4, 3, 2];
    if !is_id_shape(digits) {
        return false;
    }
    let sum: u32 = digits
        .iter()
        .zip(WEIGHTS)
        .map(|(d, w)| u32::from(*d) * w)
        .sum();
    digits[17] == CHECKS[(sum % 11) as usize]
}

/// Eighteen characters with a region and a birthday in their places.
fn is_id_shape(digits: &[u8]) -> bool {
    if digits.len() != 18 || digits[..17].contains(&X) {
        return false;
    }
    let number = |range: Range<usize>| {
        digits[range]
            .iter()
            .fold(0u32, |n, d| n * 10 + u32::from(*d))
    };
    (1..=8).contains(&digits[0])
        && (1900..=2099).contains(&number(6..10))
        && (1..=12).contains(&number(10..12))
        && (1..=31).contains(&number(12..14))
}

/// A mobile number of mainland China, with or without the country code.
fn is_mobile(digits: &[u8]) -> bool {
    let national = match digits {
        [8, 6, rest @ ..] if rest.len() == 11 => rest,
        [0, 0, 8, 6, rest @ ..] if rest.len() == 11 => rest,
        [0, rest @ ..] if rest.len() == 11 => rest,
        _ => digits,
    };
    national.len() == 11
        && national[0] == 1
        && (3..=9).contains(&national[1])
        && !national.contains(&X)
}

/// A trunk prefix and ten to eleven digits: Chinese landlines, British and many other numbers; or
/// the international prefix 00.
fn is_landline(digits: &[u8]) -> bool {
    match digits {
        [0, 0, 1..=9, ..] => (11..=17).contains(&digits.len()),
        [0, 1..=9, ..] => (10..=12).contains(&digits.len()) && !digits.contains(&X),
        _ => false,
    }
}

/// Ten digits of the North American plan.
fn is_nanp(digits: &[u8]) -> bool {
    digits.len() == 10 && digits[0] >= 2 && digits[3] >= 2 && !digits.contains(&X)
}

#[cfg(test)]
mod tests {
    use super::super::scan::scan;
    use super::*;

    fn kinds(text: &str, english: bool) -> Vec<(Kind, usize)> {
        let context = Context {
            english,
            ..Context::default()
        };
        let scan = scan(text);
        let run = scan.runs.first().expect("digits");
        let found = judge(run, context);
        found.into_iter().map(|v| (v.kind, v.range.len())).collect()
    }

    #[test]
    fn tells_numbers_apart() {
        assert_eq!(kinds("4111 1111 1111 1111", true), [(Kind::Card, 16)]);
        assert_eq!(
            kinds("4111 1111 1111 1112", true),
            [(Kind::Card, 16)],
            "one digit misheard"
        );
        assert_eq!(kinds("11010519491231002X", false), [(Kind::Id, 18)]);
        assert_eq!(kinds("13800010001", false), [(Kind::Phone, 11)]);
        assert_eq!(kinds("+44 20 7946 0018", true), [(Kind::Phone, 12)]);
        assert_eq!(kinds("20611018", false), []);
        assert_eq!(kinds("20611018, 4417", false), []);
        assert_eq!(kinds("20611018 20609152", false), []);
        assert_eq!(kinds("20611018 13800010001", false), [(Kind::Phone, 11)]);
    }

    #[test]
    fn luhn_knows_its_own() {
        assert!(luhn(&[7, 9, 9, 2, 7, 3, 9, 8, 7, 1, 3]));
        assert!(!luhn(&[7, 9, 9, 2, 7, 3, 9, 8, 7, 1, 0]));
        assert!(!luhn(&[]));
    }
}
