//! Spoken form to written form, as a transcript is read: "二零二六年" → "2026年", "eleven forty p m"
//! → "11:40 p.m.".

use super::{en, zh};
use sidetone_types::Lang;

/// Writes the spoken numbers of a text in figures; everything else stays as it is.
pub fn itn(text: &str, lang: Lang) -> String {
    match lang {
        Lang::Zh => zh_written(text),
        Lang::En => en_written(text),
    }
}

/// 1234567 → "1,234,567".
fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::new();
    for (index, c) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// One run of numerals and what stands around it.
struct ZhRun<'a> {
    chars: &'a [char],
    from: usize,
    to: usize,
}

impl ZhRun<'_> {
    fn text(&self) -> String {
        self.chars[self.from..self.to].iter().collect()
    }
    fn before(&self) -> Option<char> {
        self.from
            .checked_sub(1)
            .and_then(|at| self.chars.get(at))
            .copied()
    }
    fn after(&self) -> Option<char> {
        self.chars.get(self.to).copied()
    }
    fn has_unit(&self) -> bool {
        self.chars[self.from..self.to]
            .iter()
            .any(|&c| zh::unit(c).is_some())
    }
}

fn run_at(chars: &[char], from: usize) -> ZhRun<'_> {
    let length = chars[from..]
        .iter()
        .take_while(|&&c| zh::is_numeral(c))
        .count();
    ZhRun {
        chars,
        from,
        to: from + length,
    }
}

fn zh_written(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::new();
    let mut at = 0;
    while at < chars.len() {
        let run = run_at(&chars, at);
        if run.to == at {
            out.push(chars[at]);
            at += 1;
            continue;
        }
        match zh_number(&run, &mut out) {
            Some(next) => at = next,
            None => {
                out.push_str(&run.text());
                at = run.to;
            }
        }
    }
    out
}

/// Writes the number at a run and tells where to go on; `None` when it is no number.
fn zh_number(run: &ZhRun<'_>, out: &mut String) -> Option<usize> {
    let negative = matches!(run.before(), Some('负' | '負'));
    let start = out.len();
    let next = zh_fraction(run, out)
        .or_else(|| zh_time(run, out))
        .or_else(|| zh_decimal(run, out))
        .or_else(|| zh_plain(run, out))?;
    if negative {
        let sign = out[..start]
            .char_indices()
            .next_back()
            .map_or(0, |(at, _)| at);
        out.replace_range(sign..start, "-");
    }
    Some(next)
}

/// 百分之五 → 5%, 三分之一 → 1/3.
fn zh_fraction(run: &ZhRun<'_>, out: &mut String) -> Option<usize> {
    let follows = run.chars.get(run.to..run.to + 2)?;
    if follows != ['分', '之'] {
        return None;
    }
    let upper = run_at(run.chars, run.to + 2);
    let value = zh::cardinal(&upper.text())?;
    let below = if run.text() == "百" {
        100
    } else {
        zh::cardinal(&run.text())?
    };
    let mut next = upper.to;
    if run.text() == "百" {
        out.push_str(&value.to_string());
        if upper.after() == Some('点') {
            let digits = run_at(run.chars, upper.to + 1);
            if digits.to > digits.from && !digits.has_unit() {
                out.push('.');
                out.extend(digits_of(&digits));
                next = digits.to;
            }
        }
        out.push('%');
    } else {
        out.push_str(&format!("{value}/{below}"));
    }
    Some(next)
}

fn digits_of(run: &ZhRun<'_>) -> impl Iterator<Item = char> {
    let digits: Vec<char> = run.chars[run.from..run.to]
        .iter()
        .filter_map(|&c| zh::digit(c))
        .map(|digit| char::from(b'0' + digit))
        .collect();
    digits.into_iter()
}

/// 五点二十五分 → 05:25, 五点半 → 5点半, 六点 → 6点.
fn zh_time(run: &ZhRun<'_>, out: &mut String) -> Option<usize> {
    let hour = zh::cardinal(&run.text()).filter(|hour| *hour <= 24)?;
    if !matches!(run.after(), Some('点' | '點')) {
        return None;
    }
    let minutes = run_at(run.chars, run.to + 1);
    let said = minutes.to > minutes.from;
    match (said, minutes.after()) {
        (false, Some('半')) => out.push_str(&format!("{hour}点")),
        // 一点 alone is "a bit".
        (false, _) if run.text() == "一" => return None,
        (false, _) => out.push_str(&format!("{hour}点")),
        (true, Some('刻')) => {
            let quarters = zh::cardinal(&minutes.text())?;
            out.push_str(&format!("{hour}点{quarters}"));
            return Some(minutes.to);
        }
        (true, Some('分')) => {
            let minute = zh::cardinal(&minutes.text()).filter(|minute| *minute < 60)?;
            out.push_str(&format!("{hour:02}:{minute:02}"));
            let seconds = run_at(run.chars, minutes.to + 1);
            if seconds.after() == Some('秒')
                && let Some(second) = zh::cardinal(&seconds.text())
            {
                out.push_str(&format!(":{second:02}"));
                return Some(seconds.to + 1);
            }
            return Some(minutes.to + 1);
        }
        (true, _) => return None,
    }
    Some(run.to + 1)
}

/// 一点零五六 → 1.056, 两百点一 → 200.1, 一点五万 → 1.5万.
fn zh_decimal(run: &ZhRun<'_>, out: &mut String) -> Option<usize> {
    if !matches!(run.after(), Some('点' | '點')) {
        return None;
    }
    let whole = zh::cardinal(&run.text())?;
    let digits = run_at(run.chars, run.to + 1);
    let plain = digits.chars[digits.from..digits.to]
        .iter()
        .take_while(|&&c| zh::digit(c).is_some())
        .count();
    if plain == 0 {
        return None;
    }
    let fraction = ZhRun {
        to: digits.from + plain,
        ..digits
    };
    out.push_str(&format!("{}.", grouped(whole)));
    out.extend(digits_of(&fraction));
    Some(fraction.to)
}

fn zh_plain(run: &ZhRun<'_>, out: &mut String) -> Option<usize> {
    let text = run.text();
    let count = run.to - run.from;
    if !run.has_unit() {
        let named = matches!(
            run.after(),
            Some('月' | '日' | '号' | '年' | '元' | '块' | '毛' | '角' | '分' | '秒' | '楼' | '折')
        ) || run.before() == Some('第');
        let written = zh::ascii_digit(run.chars[run.from]).is_some();
        // 一分钱, 两分钟 are counted; 一号 is a day; 一下 and 一个 are words.
        if count < 2 && !named && !written {
            return None;
        }
        out.extend(digits_of(run));
        return Some(run.to);
    }
    let first = run.chars[run.from];
    let starts_with_unit = zh::unit(first).is_some_and(|unit| unit > 10);
    let is_very =
        text == "十" && run.after() == Some('分') && run.chars.get(run.to + 1) != Some(&'钟');
    if starts_with_unit || is_very {
        return None;
    }
    let value = zh::cardinal(&text)?;
    let last = *run.chars.get(run.to - 1)?;
    let large = zh::unit(last).filter(|unit| *unit >= 10_000);
    let ordinal = run.before() == Some('第');
    let small = matches!(run.after(), Some('月' | '日' | '号' | '年' | '分' | '秒'));
    match large {
        Some(unit) if value.is_multiple_of(unit) && whole_large(run) => {
            out.push_str(&grouped(value / unit));
            out.push(last);
        }
        _ if ordinal || small || matches!(run.after(), Some('元' | '块')) => {
            out.push_str(&value.to_string());
        }
        _ => out.push_str(&grouped(value)),
    }
    Some(run.to)
}

/// Whether the only large unit of a number is its last character: 一百一十万, and not 一亿零三百万.
fn whole_large(run: &ZhRun<'_>) -> bool {
    let large = |c: &&char| zh::unit(**c).is_some_and(|unit| unit >= 10_000);
    run.chars[run.from..run.to].iter().filter(large).count() == 1
}

fn en_written(text: &str) -> String {
    let tokens = en::tokens(text);
    let lower: Vec<&str> = tokens.iter().map(|token| token.text.as_str()).collect();
    let mut out = String::new();
    let (mut at, mut byte) = (0, 0);
    while at < lower.len() {
        let Some((written, used)) = en_piece(&lower[at..]) else {
            at += 1;
            continue;
        };
        out.push_str(&text[byte..tokens[at].span.start]);
        out.push_str(&written);
        byte = tokens[at + used - 1].span.end;
        at += used;
    }
    out.push_str(&text[byte..]);
    out
}

/// The written form of what `words` begin with, and how many words it took.
fn en_piece(words: &[&str]) -> Option<(String, usize)> {
    en_date(words)
        .or_else(|| en_clock(words))
        .or_else(|| en_money(words))
        .or_else(|| en_decimal(words))
        .or_else(|| en_digits(words))
        .or_else(|| en_year(words))
        .or_else(|| en_ordinal(words))
        .or_else(|| {
            let (value, used) = en::cardinal(words)?;
            let large = words
                .get(used - 1)
                .is_some_and(|word| en::scale(word).is_some_and(|s| s >= 1_000_000));
            match (value, large) {
                (0..10, _) => None,
                (_, true) if used >= 2 => {
                    let scale = en::scale(words[used - 1])?;
                    Some((format!("{} {}", value / scale, words[used - 1]), used))
                }
                _ => Some((value.to_string(), used)),
            }
        })
}

fn is_month(word: &str) -> bool {
    matches!(
        word,
        "january"
            | "february"
            | "march"
            | "april"
            | "may"
            | "june"
            | "july"
            | "august"
            | "september"
            | "october"
            | "november"
            | "december"
    )
}

/// An ordinal below 32: value and words.
fn day(words: &[&str]) -> Option<(u64, usize)> {
    let first = *words.first()?;
    if let Some(ten) = en::tens(first)
        && let Some(one) = words
            .get(1)
            .and_then(|word| en::ordinal(word))
            .filter(|one| *one < 10)
    {
        return Some((ten + one, 2));
    }
    en::ordinal(first)
        .filter(|day| *day < 32)
        .map(|day| (day, 1))
}

/// "nineteen seventy five", "twenty twelve", "two thousand twelve".
fn year(words: &[&str]) -> Option<(u64, usize)> {
    if let Some((century, used)) = en::below_hundred(words)
        && (10..=20).contains(&century)
        && let Some((rest, more)) = en::below_hundred(words.get(used..)?)
        && rest >= 10
    {
        return Some((century * 100 + rest, used + more));
    }
    let (value, used) = en::cardinal(words)?;
    let value = u64::try_from(value).ok()?;
    (1000..3000).contains(&value).then_some((value, used))
}

/// "july twenty fifth two thousand twelve", "the twenty fifth of july twenty twelve".
fn en_date(words: &[&str]) -> Option<(String, usize)> {
    if words.first() == Some(&"the") {
        let (day, used) = day(words.get(1..)?)?;
        let month = *words.get(used + 2)?;
        if words.get(used + 1) != Some(&"of") || !is_month(month) {
            return None;
        }
        let at = used + 3;
        return Some(match year(words.get(at..).unwrap_or(&[])) {
            Some((year, more)) => (format!("{day} {month} {year}"), at + more),
            None => (format!("{day} {month}"), at),
        });
    }
    let month = *words.first()?;
    if !is_month(month) {
        return None;
    }
    let rest = words.get(1..)?;
    let (day, used) =
        day(rest).or_else(|| en::below_hundred(rest).filter(|(day, _)| (1..32).contains(day)))?;
    let at = 1 + used;
    Some(match year(words.get(at..).unwrap_or(&[])) {
        Some((year, more)) => (format!("{month} {day} {year}"), at + more),
        None => (format!("{month} {day}"), at),
    })
}

/// "a m", "pm": the half of the day and its words.
fn half(words: &[&str]) -> Option<(&'static str, usize)> {
    match words {
        ["am", ..] => Some(("a.m.", 1)),
        ["pm", ..] => Some(("p.m.", 1)),
        ["a", "m", ..] => Some(("a.m.", 2)),
        ["p", "m", ..] => Some(("p.m.", 2)),
        _ => None,
    }
}

/// "eleven forty p m" → "11:40 p.m.", "three o'clock" → "03:00", "half past twelve" → "12:30".
fn en_clock(words: &[&str]) -> Option<(String, usize)> {
    let past = match words {
        ["half", "past", ..] => Some(30),
        ["quarter", "past", ..] => Some(15),
        ["quarter", "to", ..] => Some(45),
        _ => None,
    };
    if let Some(minute) = past {
        let (hour, used) =
            en::below_hundred(&words[2..]).filter(|(hour, _)| (1..=12).contains(hour))?;
        let hour = if minute == 45 {
            (hour + 10) % 12 + 1
        } else {
            hour
        };
        return Some((format!("{hour:02}:{minute:02}"), used + 2));
    }
    let (hour, used) = en::below_hundred(words).filter(|(hour, _)| (1..=12).contains(hour))?;
    if words.get(used) == Some(&"o'clock") {
        return Some((format!("{hour:02}:00"), used + 1));
    }
    let rest = &words[used..];
    let (minute, more) = match rest {
        ["o" | "oh", next, ..] => en::unit(next).map(|unit| (unit, 2))?,
        _ => en::below_hundred(rest)
            .filter(|(minute, _)| (10..60).contains(minute))
            .unwrap_or((0, 0)),
    };
    let (name, words_of_half) = half(&words[used + more..])?;
    Some((
        format!("{hour:02}:{minute:02} {name}"),
        used + more + words_of_half,
    ))
}

/// "eleven dollars and fifty one cents" → "$11.51"; yuan keep their name.
fn en_money(words: &[&str]) -> Option<(String, usize)> {
    let (value, used) = en::cardinal(words)?;
    let unit = *words.get(used)?;
    let large = words
        .get(used - 1)
        .is_some_and(|word| en::scale(word).is_some_and(|s| s >= 1_000_000));
    let named = matches!(unit, "dollars" | "dollar" | "yuan");
    if !named || large || value == 0 {
        return None;
    }
    let mut at = used + 1;
    let and = usize::from(words.get(at) == Some(&"and"));
    let coins = en::below_hundred(words.get(at + and..).unwrap_or(&[]));
    let mut cents = None;
    if let Some((small, more)) = coins
        && matches!(
            words.get(at + and + more),
            Some(&("cents" | "cent" | "fen"))
        )
    {
        cents = Some(small);
        at += and + more + 1;
    }
    let amount = match cents {
        Some(cents) => format!("{value}.{cents:02}"),
        None => value.to_string(),
    };
    Some(match unit {
        "yuan" => (format!("{amount} yuan"), at),
        _ => (format!("${amount}"), at),
    })
}

/// "eighteen point o five" → "18.05".
fn en_decimal(words: &[&str]) -> Option<(String, usize)> {
    let (whole, used) = match words.first() {
        Some(&"point") => (None, 0),
        _ => {
            let (value, used) = en::cardinal(words)?;
            (Some(value), used)
        }
    };
    if words.get(used) != Some(&"point") {
        return None;
    }
    let digits: String = words[used + 1..]
        .iter()
        .map_while(|word| en::unit(word))
        .map(|digit| digit.to_string())
        .collect();
    if digits.is_empty() {
        return None;
    }
    let whole = whole.map_or(String::new(), |whole| whole.to_string());
    Some((format!("{whole}.{digits}"), used + 1 + digits.len()))
}

/// Three and more single digits in a row, "double" and "triple" among them.
fn en_digits(words: &[&str]) -> Option<(String, usize)> {
    let mut digits = String::new();
    let mut at = 0;
    while let Some(word) = words.get(at) {
        let times = match *word {
            "double" => 2,
            "triple" => 3,
            _ => 1,
        };
        let place = if times > 1 { at + 1 } else { at };
        let Some(digit) = words.get(place).and_then(|word| en::unit(word)) else {
            break;
        };
        // "one hundred" and "two million" are no digits in a row.
        let next = words.get(place + 1).copied().unwrap_or("");
        if next == "hundred" || next == "point" || en::scale(next).is_some() {
            return None;
        }
        digits.push_str(&digit.to_string().repeat(times));
        at = place + 1;
    }
    (digits.len() >= 3).then_some((digits, at))
}

fn en_year(words: &[&str]) -> Option<(String, usize)> {
    let (century, used) =
        en::below_hundred(words).filter(|(century, _)| (10..=20).contains(century))?;
    let (rest, more) = en::below_hundred(words.get(used..)?).filter(|(rest, _)| *rest >= 10)?;
    Some((format!("{century}{rest}"), used + more))
}

/// "twenty third" → "23rd"; "first" and "second" alone are words.
fn en_ordinal(words: &[&str]) -> Option<(String, usize)> {
    let (value, used) = match en::cardinal(words) {
        Some((value, used)) => {
            let last = words.get(used).and_then(|word| en::ordinal(word))?;
            let fits = value.is_multiple_of(100) || (value.is_multiple_of(10) && last < 10);
            if !fits {
                return None;
            }
            (value + u128::from(last), used + 1)
        }
        None => {
            let value = en::ordinal(words.first()?).filter(|value| *value > 2)?;
            (u128::from(value), 1)
        }
    };
    if words[used - 1].chars().any(|c| c.is_ascii_digit()) {
        return None;
    }
    let ending = match (value % 100, value % 10) {
        (11..=13, _) => "th",
        (_, 1) => "st",
        (_, 2) => "nd",
        (_, 3) => "rd",
        _ => "th",
    };
    Some((format!("{value}{ending}"), used))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_callers_say_is_written_as_people_write_it() {
        for (spoken, written) in [
            ("我的订单号是二零六一一零一八", "我的订单号是20611018"),
            ("幺三八零零一三八零零零", "13800138000"),
            ("查一下十月份的账单", "查一下10月份的账单"),
            ("二零二六年十一月二十五日", "2026年11月25日"),
            ("多收了我三百五十块", "多收了我350块"),
            ("下午三点二十五分", "下午03:25"),
            ("十分感谢，万一不行呢", "十分感谢，万一不行呢"),
            ("便宜一点，等一下", "便宜一点，等一下"),
            ("涨了百分之五点五", "涨了5.5%"),
            ("第二十三个", "第23个"),
            ("一百一十万", "110万"),
        ] {
            assert_eq!(itn(spoken, Lang::Zh), written, "{spoken}");
        }
        for (spoken, written) in [
            (
                "my order is two zero six one one zero one eight",
                "my order is 20611018",
            ),
            ("double five one", "551"),
            (
                "I paid twenty three dollars and fifty cents",
                "I paid $23.50",
            ),
            ("four hundred and twenty yuan", "420 yuan"),
            ("the third of november", "3 november"),
            ("november twenty third", "november 23"),
            ("come at eleven forty p m", "come at 11:40 p.m."),
            ("one second please", "one second please"),
            ("in twenty twelve", "in 2012"),
            ("the twenty third one", "the 23rd one"),
        ] {
            assert_eq!(itn(spoken, Lang::En), written, "{spoken}");
        }
    }
}
