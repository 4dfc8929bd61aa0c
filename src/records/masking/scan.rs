//! Finds digits in text, written or spoken, Chinese or English, and joins them into runs.

use std::ops::Range;

/// The check character X of a Chinese identity number.
pub const X: u8 = 10;

/// One digit and the bytes of the text that said it. Digits said together ("double five",
/// "forty-two") share their bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digit {
    /// 0..=9, or [`X`].
    pub value: u8,
    pub bytes: Range<usize>,
    /// Digits with nothing but a space between spoken words belong to one group; a comma, a dash,
    /// a filler or a space between written digits starts the next.
    pub group: u32,
    /// Said as a word and not written as a figure.
    pub spoken: bool,
}

/// Digits that follow each other with only separators and fillers between them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Run {
    pub digits: Vec<Digit>,
    /// "+" or "plus" stands before it.
    pub plus: bool,
    /// Letters stand before it as in a tracking number.
    pub prefixed: bool,
}

impl Run {
    pub fn bytes(&self) -> Range<usize> {
        match (self.digits.first(), self.digits.last()) {
            (Some(first), Some(last)) => first.bytes.start..last.bytes.end,
            _ => 0..0,
        }
    }
    /// Lengths of the groups, in order.
    pub fn groups(&self) -> Vec<usize> {
        let mut out: Vec<(u32, usize)> = Vec::new();
        for digit in &self.digits {
            match out.last_mut() {
                Some((group, count)) if *group == digit.group => *count += 1,
                _ => out.push((digit.group, 1)),
            }
        }
        out.into_iter().map(|(_, count)| count).collect()
    }
}

/// The runs of one text and whether the first touches its start and the last its end.
#[derive(Debug, Default)]
pub struct Scan {
    pub runs: Vec<Run>,
    /// Nothing but separators and fillers before the first run.
    pub opens: bool,
    /// Nothing but separators and fillers after the last run.
    pub closes: bool,
    /// Nothing in the text but separators and fillers.
    pub blank: bool,
}

enum Token {
    /// Values said, and whether they were spoken.
    Digits(Vec<u8>, bool),
    /// A spoken ten: 20, 30 … 90; takes a following one to nine.
    Tens(u8),
    /// "double" or "triple", "两个" or "三个": repeats the following digit.
    Repeat(usize),
    /// "ones", "zeros": repeats itself as often as the number before says.
    Plural(u8),
    /// "to", "for", "ate": a digit only between spoken digits.
    Maybe(u8),
    /// "hundred" and "thousand" after a digit: zeros.
    Zeros(usize),
    CheckX,
    Space,
    Separator,
    Filler,
    Plus,
    Word,
}

struct Piece {
    token: Token,
    bytes: Range<usize>,
}

pub fn scan(text: &str) -> Scan {
    let pieces = pieces(text);
    let mut builder = Builder::new(text);
    for at in 0..pieces.len() {
        builder.take(&pieces, at);
    }
    builder.finish()
}

struct Builder<'t> {
    text: &'t str,
    scan: Scan,
    run: Run,
    group: u32,
    /// A "double" or "triple" that waits for its digit, with the start of its bytes.
    repeat: Option<(usize, usize)>,
    /// A spoken ten that may take a one.
    tens: bool,
    plus: bool,
    seen_word: bool,
}

impl<'t> Builder<'t> {
    fn new(text: &'t str) -> Self {
        Self {
            text,
            scan: Scan::default(),
            run: Run::default(),
            group: 0,
            repeat: None,
            tens: false,
            plus: false,
            seen_word: false,
        }
    }

    fn take(&mut self, pieces: &[Piece], at: usize) {
        let piece = &pieces[at];
        match &piece.token {
            Token::Digits(values, spoken) => self.digits(values, *spoken, &piece.bytes),
            Token::Tens(value) => {
                self.digits(&[*value, 0], true, &piece.bytes);
                self.tens = true;
            }
            Token::Repeat(times) if said_digit_at(pieces, at + 1).is_some() => {
                self.repeat = Some((*times, piece.bytes.start));
            }
            Token::Plural(value) => self.plural(*value, &piece.bytes),
            Token::Maybe(value) if between_spoken(pieces, at) => {
                self.digits(&[*value], true, &piece.bytes);
            }
            Token::Zeros(count) if !self.run.digits.is_empty() => {
                let zeros = vec![0; *count];
                self.digits(&zeros, true, &piece.bytes);
            }
            Token::CheckX if self.run.digits.len() >= 17 => {
                self.digits(&[X], true, &piece.bytes);
            }
            Token::Space => {
                let written = |p: Option<&Piece>| {
                    matches!(p.map(|p| &p.token), Some(Token::Digits(_, false)))
                };
                if written(pieces.get(at + 1)) || at > 0 && written(pieces.get(at - 1)) {
                    self.group += 1;
                }
            }
            Token::Separator => {
                self.group += 1;
                // "forty-two" is one number; a comma ends it.
                self.tens &= self.text[piece.bytes.clone()] == *"-";
            }
            Token::Filler => {
                self.group += 1;
                self.tens = false;
            }
            Token::Plus if self.run.digits.is_empty() => self.plus = true,
            _ => self.word(),
        }
    }

    fn digits(&mut self, values: &[u8], spoken: bool, bytes: &Range<usize>) {
        if self.run.digits.is_empty() {
            self.scan.opens |= !self.seen_word && self.scan.runs.is_empty();
            self.run.plus = self.plus;
            self.run.prefixed = letters_before(&self.text[..bytes.start]);
        }
        let tens = std::mem::take(&mut self.tens);
        if tens && spoken && values.len() == 1 && (1..=9).contains(&values[0]) {
            // "forty two" was taken as 40; the two replaces the zero and shares its bytes.
            if let Some(last) = self.run.digits.last_mut() {
                last.value = values[0];
                last.bytes.end = bytes.end;
                return;
            }
        }
        let (times, start) = self.repeat.take().unwrap_or((1, bytes.start));
        for &value in values {
            for _ in 0..times {
                self.run.digits.push(Digit {
                    value,
                    bytes: start..bytes.end,
                    group: self.group,
                    spoken,
                });
            }
        }
    }

    /// "four ones": the four was taken as a digit and becomes a count.
    fn plural(&mut self, value: u8, bytes: &Range<usize>) {
        let times = match self.run.digits.last() {
            Some(last) if last.spoken && last.value >= 2 => self.run.digits.pop(),
            _ => None,
        };
        let (times, start) =
            times.map_or((1, bytes.start), |d| (usize::from(d.value), d.bytes.start));
        self.repeat = Some((times, start));
        self.digits(&[value], true, bytes);
    }

    fn word(&mut self) {
        self.close();
        self.seen_word = true;
    }

    fn close(&mut self) {
        self.repeat = None;
        self.tens = false;
        self.plus = false;
        self.group = 0;
        if !self.run.digits.is_empty() {
            self.scan.runs.push(std::mem::take(&mut self.run));
        }
    }

    fn finish(mut self) -> Scan {
        self.scan.closes = !self.run.digits.is_empty();
        self.close();
        self.scan.blank = !self.seen_word && self.scan.runs.is_empty();
        self.scan
    }
}

/// Whether letters like those of a tracking number stand right before: "QH", "S F", "No. JD".
fn letters_before(before: &str) -> bool {
    let touching = before.ends_with(|c: char| c.is_ascii_alphabetic());
    let word = before
        .trim_end_matches([' ', '-'])
        .rsplit(|c: char| !c.is_ascii_alphabetic())
        .next()
        .unwrap_or("");
    let capitals = word.len() <= 4 && word.chars().all(|c| c.is_ascii_uppercase()) && word != "I";
    !word.is_empty() && (touching || capitals || word.len() == 1 && word != "o" && word != "a")
}

fn said_digit_at(pieces: &[Piece], from: usize) -> Option<u8> {
    let next = pieces[from.min(pieces.len())..]
        .iter()
        .find(|p| !matches!(p.token, Token::Space))?;
    match &next.token {
        Token::Digits(values, _) if values.len() == 1 => Some(values[0]),
        _ => None,
    }
}

fn between_spoken(pieces: &[Piece], at: usize) -> bool {
    let spoken = |p: Option<&Piece>| {
        matches!(
            p.map(|p| &p.token),
            Some(Token::Digits(_, true) | Token::Tens(_) | Token::Maybe(_) | Token::Repeat(_))
        )
    };
    let near = |p: &&Piece| !matches!(p.token, Token::Space | Token::Separator);
    let before = pieces[..at].iter().rev().find(near);
    let after = pieces[at + 1..].iter().find(near);
    spoken(before) && spoken(after)
}

/// Cuts text into pieces. Every character belongs to exactly one.
fn pieces(text: &str) -> Vec<Piece> {
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let (token, len) = piece_at(&text[at..], c);
        out.push(Piece {
            token,
            bytes: at..at + len,
        });
        at += len;
    }
    out
}

fn piece_at(rest: &str, c: char) -> (Token, usize) {
    if let Some(value) = figure(c) {
        return (Token::Digits(vec![value], false), c.len_utf8());
    }
    if c.is_ascii_alphabetic() {
        let len = rest
            .find(|c: char| !c.is_ascii_alphabetic() && c != '\'')
            .unwrap_or(rest.len());
        return (english(&rest[..len].to_ascii_lowercase()), len);
    }
    if let Some(found) = chinese(rest, c) {
        return found;
    }
    let token = match c {
        '+' | '＋' => Token::Plus,
        _ if c.is_whitespace() => Token::Space,
        '-' | '–' | '—' | '‐' | '‑' | '－' | '_' | '.' | '·' | '•' | ',' | '，' | '、' | '。'
        | '/' | '(' | ')' | '（' | '）' | '…' | '~' | '～' | '!' | '！' | '?' | '？' | ';'
        | '；' | '"' | '“' | '”' | '\u{200b}' | '\u{feff}' => Token::Separator,
        _ => Token::Word,
    };
    (token, c.len_utf8())
}

/// Decimal digits of the scripts that keyboards and recognizers produce.
fn figure(c: char) -> Option<u8> {
    const ZEROS: [char; 6] = ['0', '０', '٠', '۰', '०', '𝟎'];
    let code = u32::from(c);
    ZEROS
        .iter()
        .map(|&zero| code.wrapping_sub(u32::from(zero)))
        .find(|&value| value < 10)
        .map(|value| value as u8)
}

fn english(word: &str) -> Token {
    const ONES: [&str; 20] = [
        "zero",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "thirteen",
        "fourteen",
        "fifteen",
        "sixteen",
        "seventeen",
        "eighteen",
        "nineteen",
    ];
    const TENS: [&str; 8] = [
        "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety",
    ];
    let singular = match word {
        "sixes" => "six",
        word => word.strip_suffix('s').unwrap_or(word),
    };
    if let Some(value) = ONES[..10].iter().position(|w| *w == singular && *w != word) {
        return Token::Plural(value as u8);
    }
    if let Some(value) = ONES.iter().position(|w| *w == word) {
        let value = value as u8;
        let values = if value < 10 {
            vec![value]
        } else {
            vec![1, value - 10]
        };
        return Token::Digits(values, true);
    }
    if let Some(value) = TENS.iter().position(|w| *w == word) {
        return Token::Tens(value as u8 + 2);
    }
    match word {
        "o" | "oh" | "nought" | "naught" | "nil" => Token::Digits(vec![0], true),
        "niner" => Token::Digits(vec![9], true),
        "double" => Token::Repeat(2),
        "triple" | "treble" => Token::Repeat(3),
        "quadruple" => Token::Repeat(4),
        "to" | "too" => Token::Maybe(2),
        "for" | "fore" => Token::Maybe(4),
        "ate" => Token::Maybe(8),
        "won" => Token::Maybe(1),
        "hundred" => Token::Zeros(2),
        "thousand" => Token::Zeros(3),
        "x" | "ex" => Token::CheckX,
        "plus" => Token::Plus,
        "um" | "uh" | "er" | "erm" | "hmm" | "mm" | "hm" | "ah" | "and" | "then" | "dash"
        | "hyphen" | "space" | "dot" | "point" | "minus" | "okay" | "ok" | "yeah" | "yes"
        | "next" | "no" | "sorry" | "wait" | "i" | "mean" => Token::Filler,
        _ => Token::Word,
    }
}

fn chinese(rest: &str, c: char) -> Option<(Token, usize)> {
    const FILLERS: [&str; 27] = [
        "说错了",
        "不对",
        "不是",
        "错了",
        "最后",
        "还有",
        "接下来",
        "然后",
        "那个",
        "后面",
        "接着",
        "空格",
        "对对",
        "嗯",
        "呃",
        "额",
        "啊",
        "哦",
        "噢",
        "唔",
        "杠",
        "是",
        "的",
        "哈",
        "再",
        "对",
        "横",
    ];
    if let Some(value) = han_digit(c) {
        let len = c.len_utf8();
        let after = &rest[len..];
        // 三个八: three eights.
        if (2..=8).contains(&value) && after.starts_with('个') {
            let repeated = after["个".len()..].chars().next();
            if repeated.is_some_and(|c| han_digit(c).or(figure(c)).is_some()) {
                return Some((Token::Repeat(usize::from(value)), len + "个".len()));
            }
        }
        return Some((Token::Digits(vec![value], true), len));
    }
    if c == '叉' {
        return Some((Token::CheckX, c.len_utf8()));
    }
    if rest.starts_with("艾克斯") {
        return Some((Token::CheckX, "艾克斯".len()));
    }
    if c == '加' {
        return Some((Token::Plus, c.len_utf8()));
    }
    let filler = FILLERS.iter().find(|f| rest.starts_with(**f))?;
    Some((Token::Filler, filler.len()))
}

fn han_digit(c: char) -> Option<u8> {
    Some(match c {
        '零' | '〇' | '○' | '洞' | '令' => 0,
        '一' | '幺' | '壹' | '妖' | '吆' | '腰' => 1,
        '二' | '两' | '贰' | '兩' => 2,
        '三' | '叁' => 3,
        '四' | '肆' => 4,
        '五' | '伍' => 5,
        '六' | '陆' | '陸' => 6,
        '七' | '柒' | '拐' => 7,
        '八' | '捌' => 8,
        '九' | '玖' | '勾' => 9,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Vec<String> {
        let one = |run: &Run| {
            run.digits
                .iter()
                .map(|d| {
                    if d.value == X {
                        'X'
                    } else {
                        char::from(b'0' + d.value)
                    }
                })
                .collect()
        };
        scan(text).runs.iter().map(one).collect()
    }

    #[test]
    fn reads_figures_and_words_of_both_languages() {
        assert_eq!(said("幺三八，零零零一 0001"), ["13800010001"]);
        assert_eq!(said("一三八四个零一"), ["13800001"]);
        assert_eq!(said("one three eight double oh one"), ["138001"]);
        assert_eq!(said("forty-two forty two, nineteen eighty"), ["42421980"]);
        assert_eq!(said("four one for two to six"), ["414226"]);
        assert_eq!(said("call for two people to go"), ["2"]);
        assert_eq!(said("１３８"), ["138"]);
    }

    #[test]
    fn knows_whether_a_run_touches_the_ends() {
        let s = scan("嗯，一二三四");
        assert!(s.opens && s.closes && !s.blank);
        let s = scan("我的号是一二三四的那个");
        assert!(!s.opens && s.closes);
        let s = scan("一二三四没错吧");
        assert!(s.opens && !s.closes);
        assert!(scan("嗯嗯，啊").blank);
    }
}
