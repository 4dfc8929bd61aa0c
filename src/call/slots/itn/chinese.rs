//! Chinese: 二零二六年 → 2026年, 三百五十块 → 350块, 百分之五 → 5%.

use crate::slots::zh;

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

pub(super) fn written(text: &str) -> String {
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
        match number(&run, &mut out) {
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
fn number(run: &ZhRun<'_>, out: &mut String) -> Option<usize> {
    let negative = matches!(run.before(), Some('负' | '負'));
    let start = out.len();
    let next = fraction(run, out)
        .or_else(|| time(run, out))
        .or_else(|| decimal(run, out))
        .or_else(|| plain(run, out))?;
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
fn fraction(run: &ZhRun<'_>, out: &mut String) -> Option<usize> {
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
        // 一又三分之一 → 1又1/3: the whole stands written already, as the word it was.
        if let Some(whole) = whole_before(run, out) {
            out.push_str(&whole);
        }
        out.push_str(&format!("{value}/{below}"));
    }
    Some(next)
}

/// Takes a whole number before 又 back out of what is written, and gives it in figures.
fn whole_before(run: &ZhRun<'_>, out: &mut String) -> Option<String> {
    if run.before() != Some('又') {
        return None;
    }
    let end = run.from - 1;
    let is_numeral = |at: &usize| zh::is_numeral(run.chars[*at]);
    let from = (0..end).rev().take_while(is_numeral).last()?;
    let spoken: String = run.chars[from..end].iter().collect();
    let whole = zh::cardinal(&spoken)?;
    let kept = out.strip_suffix('又')?.strip_suffix(spoken.as_str())?.len();
    out.truncate(kept);
    Some(format!("{whole}又"))
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
fn time(run: &ZhRun<'_>, out: &mut String) -> Option<usize> {
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
fn decimal(run: &ZhRun<'_>, out: &mut String) -> Option<usize> {
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

fn plain(run: &ZhRun<'_>, out: &mut String) -> Option<usize> {
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
        _ if matches!(run.after(), Some('元' | '块')) => {
            out.push_str(&value.to_string());
            if let Some((tenths, next)) = tenths(run) {
                out.push_str(&format!(".{tenths}{}", run.chars[run.to]));
                return Some(next);
            }
        }
        _ if ordinal || small => out.push_str(&value.to_string()),
        _ => out.push_str(&grouped(value)),
    }
    Some(run.to)
}

/// 块五, 块四毛, 元二角: the tenth after an amount and where it ends. 三百块一个 is a price for one.
fn tenths(run: &ZhRun<'_>) -> Option<(u8, usize)> {
    let digit = zh::digit(*run.chars.get(run.to + 1)?).filter(|digit| *digit > 0)?;
    match run.chars.get(run.to + 2) {
        Some('毛' | '角') => Some((digit, run.to + 3)),
        None | Some('钱' | '，' | '。' | ',' | ' ') => Some((digit, run.to + 2)),
        Some(_) => None,
    }
}

/// Whether the only large unit of a number is its last character: 一百一十万, and not 一亿零三百万.
fn whole_large(run: &ZhRun<'_>) -> bool {
    let large = |c: &&char| zh::unit(**c).is_some_and(|unit| unit >= 10_000);
    run.chars[run.from..run.to].iter().filter(large).count() == 1
}
