//! Spoken English numbers.

use std::ops::Range;

/// A word of a text with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    pub text: String,
    pub span: Range<usize>,
}

/// Words in lower case; hyphens part them ("twenty-three"), apostrophes don't.
pub fn tokens(text: &str) -> Vec<Token> {
    let mut out = Vec::new();
    let mut start = None;
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        let inside = c.is_alphanumeric() || c == '\'';
        match (inside, start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                out.push(Token {
                    text: text[from..at].to_lowercase(),
                    span: from..at,
                });
                start = None;
            }
            _ => {}
        }
    }
    out
}

/// 0 to 9, as said digit by digit.
pub fn unit(word: &str) -> Option<u64> {
    Some(match word {
        "zero" | "oh" | "o" | "nought" => 0,
        "one" => 1,
        "two" => 2,
        "three" => 3,
        "four" => 4,
        "five" => 5,
        "six" => 6,
        "seven" => 7,
        "eight" => 8,
        "nine" | "niner" => 9,
        _ => return None,
    })
}

/// 10 to 19.
pub fn teen(word: &str) -> Option<u64> {
    Some(match word {
        "ten" => 10,
        "eleven" => 11,
        "twelve" => 12,
        "thirteen" => 13,
        "fourteen" => 14,
        "fifteen" => 15,
        "sixteen" => 16,
        "seventeen" => 17,
        "eighteen" => 18,
        "nineteen" => 19,
        _ => return None,
    })
}

/// 20, 30, … 90.
pub fn tens(word: &str) -> Option<u64> {
    Some(match word {
        "twenty" => 20,
        "thirty" => 30,
        "forty" | "fourty" => 40,
        "fifty" => 50,
        "sixty" => 60,
        "seventy" => 70,
        "eighty" => 80,
        "ninety" => 90,
        _ => return None,
    })
}

/// thousand and beyond.
pub fn scale(word: &str) -> Option<u128> {
    Some(match word {
        "thousand" => 1_000,
        "million" => 1_000_000,
        "billion" => 1_000_000_000,
        "trillion" => 1_000_000_000_000,
        "quadrillion" => 1_000_000_000_000_000,
        // As callers in India count.
        "lakh" | "lakhs" => 100_000,
        "crore" | "crores" => 10_000_000,
        "quintillion" => 1_000_000_000_000_000_000,
        "sextillion" => 1_000_000_000_000_000_000_000,
        _ => return None,
    })
}

/// "first" to "thirty-first" and beyond by the last word; digits with an ending ("3rd") too.
pub fn ordinal(word: &str) -> Option<u64> {
    Some(match word {
        "first" => 1,
        "second" => 2,
        "third" => 3,
        "fourth" => 4,
        "fifth" => 5,
        "sixth" => 6,
        "seventh" => 7,
        "eighth" => 8,
        "ninth" => 9,
        "tenth" => 10,
        "eleventh" => 11,
        "twelfth" => 12,
        "thirteenth" => 13,
        "fourteenth" => 14,
        "fifteenth" => 15,
        "sixteenth" => 16,
        "seventeenth" => 17,
        "eighteenth" => 18,
        "nineteenth" => 19,
        "twentieth" => 20,
        "thirtieth" => 30,
        "fortieth" => 40,
        "fiftieth" => 50,
        "sixtieth" => 60,
        "seventieth" => 70,
        "eightieth" => 80,
        "ninetieth" => 90,
        _ => {
            let digits = ["st", "nd", "rd", "th"]
                .iter()
                .find_map(|ending| word.strip_suffix(ending))?;
            return digits.parse().ok();
        }
    })
}

/// A number below one hundred at the head of `words`: its value and how many words it took.
pub fn below_hundred(words: &[&str]) -> Option<(u64, usize)> {
    let first = *words.first()?;
    if let Some(ten) = tens(first) {
        return match words.get(1).and_then(|word| unit(word)) {
            Some(one) if one > 0 => Some((ten + one, 2)),
            _ => Some((ten, 1)),
        };
    }
    teen(first)
        .or_else(|| unit(first).filter(|_| first != "o"))
        .map(|value| (value, 1))
}

/// The longest cardinal at the head of `words`: value and words taken. "eleven hundred twenty one",
/// "two hundred and fifty four", "two million three".
pub fn cardinal(words: &[&str]) -> Option<(u128, usize)> {
    let (mut total, mut group, mut at) = (0u128, 0u128, 0usize);
    let mut taken = 0;
    let mut last_scale = u128::MAX;
    let mut filled = false;
    while at < words.len() {
        let word = words[at];
        if word == "and" && taken > 0 && at == taken && (group >= 100 || last_scale < u128::MAX) {
            at += 1;
            continue;
        }
        if word == "hundred" && filled && (1..100).contains(&group) {
            group *= 100;
        } else if let Some(value) = scale(word) {
            if !filled || value >= last_scale || group == 0 {
                break;
            }
            total += group.checked_mul(value)?;
            group = 0;
            last_scale = value;
        } else if let Some((value, used)) = below_hundred(&words[at..]) {
            let fits =
                !filled || (group == 0 && last_scale < u128::MAX) || group % 100 == 0 && group > 0;
            if !fits || (filled && value == 0) {
                break;
            }
            group += u128::from(value);
            filled = true;
            at += used;
            taken = at;
            continue;
        } else {
            break;
        }
        at += 1;
        taken = at;
    }
    filled.then_some((total + group, taken))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cardinals() {
        for (text, value) in [
            ("eleven hundred twenty one", 1121),
            ("two hundred and fifty four", 254),
            ("two million three", 2_000_003),
            ("one thousand one", 1001),
            ("four hundred", 400),
            ("zero", 0),
            ("twenty three", 23),
        ] {
            let words: Vec<&str> = text.split(' ').collect();
            assert_eq!(cardinal(&words), Some((value, words.len())), "{text}");
        }
        assert_eq!(cardinal(&["twenty", "three", "fifty"]), Some((23, 2)));
        assert_eq!(cardinal(&["and", "three"]), None);
        assert_eq!(cardinal(&["hundred"]), None);
    }
}
