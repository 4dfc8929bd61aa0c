//! How text is cut for the full-text index, and how a search is put to it.

/// Cuts text into tokens with a space between: words and numbers in lower case, and for Chinese
/// every pair of neighbouring characters, with the last character of a stretch once more alone.
/// `我要退款 OK` → `我要 要退 退款 款 ok`.
pub fn tokens(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    for stretch in stretches(text) {
        match stretch {
            Stretch::Word(word) => push(&mut out, word.chars()),
            Stretch::Han(chars) => {
                for pair in chars.windows(2) {
                    push(&mut out, pair.iter().copied());
                }
                push(&mut out, chars.last().copied());
            }
        }
    }
    out
}

/// The FTS5 expression for what a person typed: every part that is set off by white space must
/// occur. `None` where nothing searchable was typed.
pub fn match_expression(query: &str) -> Option<String> {
    let parts: Vec<String> = query
        .split_whitespace()
        .take(16)
        .filter_map(phrase)
        .collect();
    (!parts.is_empty()).then(|| parts.join(" AND "))
}

/// One part as a phrase of neighbouring tokens; the last word or lone character may go on.
fn phrase(part: &str) -> Option<String> {
    let mut out = String::new();
    let mut goes_on = false;
    let stretches = stretches(part);
    let count = stretches.len();
    for (at, stretch) in stretches.into_iter().enumerate() {
        goes_on = match stretch {
            Stretch::Word(word) => {
                push(&mut out, word.chars());
                true
            }
            Stretch::Han(chars) => {
                for pair in chars.windows(2) {
                    push(&mut out, pair.iter().copied());
                }
                // What something else follows ends here, and in the text its last character stands
                // alone once more.
                if chars.len() == 1 || at + 1 < count {
                    push(&mut out, chars.last().copied());
                }
                chars.len() == 1
            }
        };
    }
    let star = if goes_on { "*" } else { "" };
    (!out.is_empty()).then(|| format!("\"{out}\"{star}"))
}

fn push(out: &mut String, chars: impl IntoIterator<Item = char>) {
    if !out.is_empty() {
        out.push(' ');
    }
    out.extend(chars.into_iter().flat_map(char::to_lowercase));
}

enum Stretch<'t> {
    Word(&'t str),
    Han(Vec<char>),
}

/// The words and the Chinese stretches of a text, in order.
fn stretches(text: &str) -> Vec<Stretch<'_>> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let han = is_han(c);
        let same = |c: char| c.is_alphanumeric() && is_han(c) == han;
        let len = rest.find(|c| !same(c)).unwrap_or(rest.len());
        if len == 0 {
            rest = &rest[c.len_utf8()..];
            continue;
        }
        let (stretch, after) = rest.split_at(len);
        out.push(match han {
            true => Stretch::Han(stretch.chars().collect()),
            false => Stretch::Word(stretch),
        });
        rest = after;
    }
    out
}

fn is_han(c: char) -> bool {
    matches!(u32::from(c), 0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0xF900..=0xFAFF | 0x20000..=0x323AF | 0x3007)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_both_languages() {
        assert_eq!(tokens("我要退款, OK?"), "我要 要退 退款 款 ok");
        assert_eq!(tokens("2026年11月"), "2026 年 11 月");
        assert_eq!(tokens(" ?! "), "");
    }

    #[test]
    fn asks_for_every_part() {
        assert_eq!(
            match_expression("退款 2026年").unwrap(),
            "\"退款\" AND \"2026 年\"*"
        );
        assert_eq!(match_expression("退款，订单").unwrap(), "\"退款 款 订单\"");
        assert_eq!(match_expression("物流延").unwrap(), "\"物流 流延\"");
        assert_eq!(
            match_expression("Late parc").unwrap(),
            "\"late\"* AND \"parc\"*"
        );
        assert_eq!(match_expression("\" OR *"), Some("\"or\"*".into()));
        assert_eq!(match_expression("—!"), None);
    }
}
