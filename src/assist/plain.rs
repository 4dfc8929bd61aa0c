//! Text made comparable: width, case and punctuation folded away.

/// Fullwidth forms to ASCII, upper to lower case, curly quotes to straight ones. Keeps punctuation.
pub(crate) fn fold(text: &str) -> String {
    text.chars().flat_map(fold_char).collect()
}

fn fold_char(c: char) -> impl Iterator<Item = char> {
    let c = match c {
        '\u{3000}' => ' ',
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0).unwrap_or(c),
        '‘' | '’' => '\'',
        '“' | '”' => '"',
        c => c,
    };
    c.to_lowercase()
}

pub(crate) fn is_han(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}')
}

/// Letters and digits only: Chinese without gaps, other words with one space between them and one at
/// either end where they are not next to a Chinese character. A phrase occurs in a text when its
/// plain form occurs in the text's, so that "our" is not found in "hour".
pub(crate) fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    let mut in_word = false;
    for c in fold(text).chars() {
        if is_han(c) {
            if in_word {
                out.push(' ');
            }
            in_word = false;
            out.push(c);
        } else if c.is_alphanumeric() {
            if !in_word && !out.ends_with(' ') {
                out.push(' ');
            }
            in_word = true;
            out.push(c);
        } else if c != '\'' && in_word {
            out.push(' ');
            in_word = false;
        }
    }
    if in_word {
        out.push(' ');
    }
    out
}

/// Words of other scripts and single Chinese characters, in order, folded.
pub(crate) fn tokens(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    for part in plain(text).split(' ').filter(|part| !part.is_empty()) {
        if part.chars().any(is_han) {
            out.extend(part.chars().map(String::from));
        } else {
            out.push(part.to_owned());
        }
    }
    out
}

/// Parts between full stops, question and exclamation marks, with their marks.
pub(crate) fn sentences(text: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let mut from = 0;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let next = chars.peek().map(|(_, next)| *next);
        // "1.5" and "e.g." go on; a full stop before a gap or at the end does not.
        let ends = match c {
            '。' | '！' | '？' | '!' | '?' | '；' | '\n' => true,
            '.' => next.is_none_or(char::is_whitespace),
            _ => false,
        };
        if ends {
            out.push(text[from..at + c.len_utf8()].trim());
            from = at + c.len_utf8();
        }
    }
    out.push(text[from..].trim());
    out.retain(|part| part.chars().any(char::is_alphanumeric));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn width_case_and_punctuation_do_not_matter() {
        assert_eq!(plain("您好，请讲！"), "您好请讲");
        assert_eq!(plain("Ｏ.Ｋ. I’m  Here"), " o k im here ");
        assert_eq!(plain("办VIP卡"), "办 vip 卡");
        assert!(!plain("an hour").contains(&plain("our")));
        assert!(plain("It's our fault.").contains(&plain("OUR fault")));
    }

    #[test]
    fn a_decimal_point_ends_no_sentence() {
        let text = "退款是1.5元。It costs 2.50 today. Really?";
        assert_eq!(
            sentences(text),
            ["退款是1.5元。", "It costs 2.50 today.", "Really?"]
        );
    }
}
