//! From written to spoken: sentences one by one, and numbers as they are said on the telephone.

use sidetone_types::Lang;

/// Longest stretch without a cut, in characters: beyond it a comma will do.
const STRETCH_MAX: usize = 60;

/// Cuts a text into sentences. Joined, they are the text (but for white space at the cuts).
pub fn sentences(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let mut out = Vec::new();
    let mut open = String::new();
    for (i, &c) in chars.iter().enumerate() {
        open.push(c);
        let next = chars.get(i + 1).copied();
        let full_stop = matches!(c, '。' | '！' | '？' | '；' | '\n')
            || (matches!(c, '.' | '!' | '?' | ';')
                && next.is_none_or(char::is_whitespace)
                && !abbreviation(&open));
        let comma = matches!(c, '，' | '、' | ',') && open.chars().count() > STRETCH_MAX;
        // A closing quotation mark belongs to the sentence before it.
        let closes = next.is_some_and(|n| matches!(n, '”' | '"' | '」' | '’' | '）' | ')'));
        if (full_stop || comma) && !closes {
            flush(&mut open, &mut out);
        }
    }
    flush(&mut open, &mut out);
    out
}

fn flush(open: &mut String, out: &mut Vec<String>) {
    let text = open.trim();
    if text.chars().any(char::is_alphanumeric) {
        out.push(text.to_owned());
    } else if let (Some(last), false) = (out.last_mut(), text.is_empty()) {
        last.push_str(text);
    }
    open.clear();
}

fn abbreviation(open: &str) -> bool {
    let word = open
        .trim_end_matches('.')
        .rsplit(' ')
        .next()
        .unwrap_or_default();
    matches!(
        word,
        "Mr" | "Mrs" | "Ms" | "Dr" | "St" | "No" | "vs" | "e.g" | "i.e" | "a.m" | "p.m"
    )
}

/// Spells numbers, dates, times, money and long numbers out as they are said.
pub fn spoken(text: &str, lang: Lang) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::new();
    let mut at = 0;
    while at < chars.len() {
        let c = chars[at];
        if c.is_ascii_digit() {
            let (said, used) = number(&chars, at, lang);
            out.push_str(&said);
            at += used;
            continue;
        }
        match c {
            '¥' | '￥' if chars.get(at + 1).is_some_and(char::is_ascii_digit) => {
                let (said, used) = number(&chars, at + 1, lang);
                out.push_str(&said);
                out.push_str(if lang == Lang::Zh { "元" } else { " yuan" });
                at += used;
            }
            '*' | '#' | '_' | '`' => out.push(' '),
            '“' | '”' | '「' | '」' | '《' | '》' => {}
            '&' if lang == Lang::En => out.push_str(" and "),
            c => out.push(c),
        }
        at += 1;
    }
    out
}

/// One number from `at` on: what is said, and how many characters it took.
fn number(chars: &[char], at: usize, lang: Lang) -> (String, usize) {
    let digits_at = |from: usize| {
        chars[from.min(chars.len())..]
            .iter()
            .take_while(|c| c.is_ascii_digit())
            .count()
    };
    let text = |from: usize, count: usize| chars[from..from + count].iter().collect::<String>();
    let first = digits_at(at);
    let after = |i: usize| chars.get(i).copied().unwrap_or(' ');
    if first == 4
        && after(at + 4) == '-'
        && digits_at(at + 5) == 2
        && after(at + 7) == '-'
        && digits_at(at + 8) == 2
    {
        return (date(&text(at, 10), lang), 10);
    }
    if first <= 2 && after(at + first) == ':' && digits_at(at + first + 1) == 2 {
        let (hour, minute) = (text(at, first), text(at + first + 1, 2));
        return (time(&hour, &minute, lang), first + 3);
    }
    let fraction = if after(at + first) == '.' {
        digits_at(at + first + 1)
    } else {
        0
    };
    let whole = text(at, first);
    if fraction > 0 {
        let part = text(at + first + 1, fraction);
        return (decimal(&whole, &part, lang), first + 1 + fraction);
    }
    let masked = (at > 0 && chars[at - 1] == '*') || after(at + first) == '*';
    let before: String = chars[at.saturating_sub(10)..at].iter().collect();
    let numbered = ["尾号", "号码", "单号", "ending ", "ending in "]
        .iter()
        .any(|w| before.ends_with(w));
    if first >= 5 || masked || (numbered && first >= 3) || (first > 1 && whole.starts_with('0')) {
        return (one_by_one(&whole, lang), first);
    }
    if after(at + first) == '%' {
        let said = if lang == Lang::Zh {
            format!("百分之{}", chinese(&whole))
        } else {
            format!("{whole} percent")
        };
        return (said, first + 1);
    }
    match lang {
        Lang::Zh => {
            let measure = "个件条次位张天笔份名部台".contains(after(at + first));
            let said = if whole == "2" && measure {
                "两".to_owned()
            } else {
                chinese(&whole)
            };
            (said, first)
        }
        Lang::En => (whole, first),
    }
}

const DIGITS: [char; 10] = ['零', '一', '二', '三', '四', '五', '六', '七', '八', '九'];

fn digit(c: char) -> char {
    DIGITS[c.to_digit(10).unwrap_or(0) as usize]
}

/// Groups of four with a short pause between; 1 is 幺 as on the telephone.
fn one_by_one(digits: &str, lang: Lang) -> String {
    let said: Vec<String> = digits
        .chars()
        .map(|c| match lang {
            Lang::Zh if c == '1' => "幺".to_owned(),
            Lang::Zh => digit(c).to_string(),
            Lang::En => c.to_string(),
        })
        .collect();
    let first = if said.len() == 11 { 3 } else { 4 };
    let (head, tail) = said.split_at(first.min(said.len()));
    let join = |part: &[String]| part.join(if lang == Lang::Zh { "" } else { " " });
    let mut groups = vec![join(head)];
    groups.extend(tail.chunks(4).map(join));
    groups.join(if lang == Lang::Zh { "，" } else { ", " })
}

fn decimal(whole: &str, part: &str, lang: Lang) -> String {
    let part = part.trim_end_matches('0');
    match (lang, part.is_empty()) {
        (Lang::Zh, true) => chinese(whole),
        (Lang::Zh, false) => format!(
            "{}点{}",
            chinese(whole),
            part.chars().map(digit).collect::<String>()
        ),
        (Lang::En, true) => whole.to_owned(),
        (Lang::En, false) => format!("{whole}.{part}"),
    }
}

fn date(iso: &str, lang: Lang) -> String {
    let month: usize = iso[5..7].parse().unwrap_or(0);
    let day = iso[8..10].trim_start_matches('0');
    match lang {
        Lang::Zh => {
            let year: String = iso[..4].chars().map(digit).collect();
            format!(
                "{year}年{}月{}日",
                chinese(&month.to_string()),
                chinese(day)
            )
        }
        Lang::En => {
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
            let name = MONTHS.get(month.wrapping_sub(1)).copied().unwrap_or("");
            format!("{name} {day}, {} {}", &iso[..2], &iso[2..4])
        }
    }
}

fn time(hour: &str, minute: &str, lang: Lang) -> String {
    let hour = if hour == "00" {
        "0"
    } else {
        hour.trim_start_matches('0')
    };
    let hour = if hour.is_empty() { "0" } else { hour };
    match (lang, minute) {
        (Lang::Zh, "00") => format!("{}点", chinese(hour)),
        (Lang::Zh, "30") => format!("{}点半", chinese(hour)),
        (Lang::Zh, m) if m.starts_with('0') => {
            format!("{}点零{}分", chinese(hour), chinese(&m[1..]))
        }
        (Lang::Zh, m) => format!("{}点{}分", chinese(hour), chinese(m)),
        (Lang::En, "00") => format!("{hour} o'clock"),
        (Lang::En, m) => format!(
            "{hour} {}",
            m.replacen('0', "oh ", usize::from(m.starts_with('0')))
        ),
    }
}

/// Whole numbers up to 9999 in Chinese; longer ones are said digit by digit before this.
fn chinese(digits: &str) -> String {
    let value: u32 = digits.parse().unwrap_or(0);
    if value == 0 {
        return "零".to_owned();
    }
    let mut out = String::new();
    let mut gap = false;
    for (unit, name) in [(1000, "千"), (100, "百"), (10, "十"), (1, "")] {
        let figure = (value / unit % 10) as usize;
        if figure == 0 {
            gap = !out.is_empty();
            continue;
        }
        if gap {
            out.push('零');
            gap = false;
        }
        // 十二, not 一十二.
        if !(unit == 10 && figure == 1 && out.is_empty()) {
            out.push(DIGITS[figure]);
        }
        out.push_str(name);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_said_as_on_the_telephone() {
        let zh = |t: &str| spoken(t, Lang::Zh);
        assert_eq!(zh("订单12345678已发货"), "订单幺二三四，五六七八已发货");
        assert_eq!(zh("手机13812345678"), "手机幺三八，幺二三四，五六七八");
        assert_eq!(zh("应还¥1208.50，共3笔"), "应还一千二百零八点五元，共三笔");
        assert_eq!(zh("2个包裹2026-11-05到"), "两个包裹二零二六年十一月五日到");
        assert_eq!(zh("9:00到18:30，优惠12%"), "九点到十八点半，优惠百分之十二");
        assert_eq!(zh("尾号0420"), "尾号零四二零");
        assert_eq!(zh("10个，110件，1000元"), "十个，一百一十件，一千元");
        let en = |t: &str| spoken(t, Lang::En);
        assert_eq!(
            en("order 12345678 on 2026-11-05"),
            "order 1 2 3 4, 5 6 7 8 on November 5, 20 26"
        );
        assert_eq!(
            en("open from 9:00 to 18:30"),
            "open from 9 o'clock to 18 30"
        );
        assert_eq!(en("¥99.00"), "99 yuan");
    }

    #[test]
    fn sentences_are_cut_where_a_speaker_breathes() {
        assert_eq!(
            sentences("您好。请问有什么可以帮您？"),
            ["您好。", "请问有什么可以帮您？"]
        );
        assert_eq!(
            sentences("It costs 3.50. Fine!  Mr. Wang agrees."),
            ["It costs 3.50.", "Fine!", "Mr. Wang agrees."]
        );
        assert_eq!(sentences("他说“好。”然后走了"), ["他说“好。”然后走了"]);
        assert!(sentences("  …… ").is_empty());
    }
}
