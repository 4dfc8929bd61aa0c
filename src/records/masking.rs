//! The masking step: card, identity and phone numbers and e-mail addresses leave the text before
//! anything is stored, shown or logged.
//!
//! Numbers are found written or spoken, in Chinese and English, with separators and fillers
//! between the digits, and split over successive turns of one leg. What helps stays: the last four
//! digits of a card or phone, order numbers (exactly eight digits), card endings (exactly four).
//!
//! **What a split number leaves behind.** A turn that was already given out is not changed later.
//! So a trailing run of five or more digits that is neither an order number nor plainly an amount
//! is masked at once, and a run that goes on from the turn before is masked as soon as both
//! together are more than an order number. At most the first eight digits of a card and the first
//! seven of a phone number that is said in pieces can stand in earlier turns, usually four and
//! three.

mod judge;
mod scan;

pub use judge::{Kind, luhn};

use judge::{Context, ENDING_DIGITS, ORDER_DIGITS, Verdict, are_answers, judge};
use regex::Regex;
use scan::{Digit, Run, Scan, X, scan};
use sidetone_types::{CallTime, Heard, Lang, LegId, Masked, Span, Word};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::LazyLock;

/// Digits of a run that are remembered from turn to turn.
const CARRY_DIGITS_MAX: usize = 24;

/// A personal number in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Bytes of the text.
    pub bytes: Range<usize>,
    pub kind: Kind,
    /// The last four digits, where they may be shown.
    ending: Option<String>,
}

/// One recognized word before masking.
#[derive(Clone, Debug)]
pub struct HeardWord {
    pub text: Heard,
    pub from: CallTime,
    pub to: CallTime,
    /// 0..=1000.
    pub confidence: u16,
}

/// One utterance after masking.
#[derive(Clone, Debug, Default)]
pub struct MaskedSpeech {
    pub text: Masked,
    /// Words that said a number have become one word that stands for it.
    pub words: Vec<Word>,
    /// The stretches of sound to silence in the recording.
    pub audio: Vec<Span>,
}

/// The masking step of one call. Keeps, per leg, the digits that the last turn ended with.
#[derive(Default)]
pub struct Masker {
    legs: BTreeMap<LegId, Carry>,
    keys: BTreeMap<LegId, usize>,
}

/// Digits said at the end of the turns before, with nothing but fillers since.
#[derive(Clone, Default)]
struct Carry {
    digits: Vec<u8>,
    /// How many digits each turn gave.
    pieces: Vec<usize>,
}

impl Masker {
    pub fn new() -> Self {
        Self::default()
    }

    /// Masks the final text of one utterance of a leg and remembers the digits that it ended with.
    pub fn mask(&mut self, leg: LegId, heard: Heard, lang: Lang) -> Masked {
        heard.mask(|text| {
            let found = self.find(leg, text, lang);
            replace(text, &found, lang)
        })
    }

    /// Masks growing text. Stricter than [`Masker::mask`], since nobody knows what comes next:
    /// an order number shows when it is complete. Remembers nothing.
    pub fn mask_partial(&self, leg: LegId, heard: Heard, lang: Lang) -> Masked {
        heard.mask(|text| {
            let carry = self.legs.get(&leg).cloned().unwrap_or_default();
            let (found, _) = find_after(&carry, text, lang, true);
            replace(text, &found, lang)
        })
    }

    /// Masks an utterance with its words' times. The text is the words joined, with spaces between
    /// words of the Latin script.
    pub fn mask_words(&mut self, leg: LegId, words: &[HeardWord], lang: Lang) -> MaskedSpeech {
        let (text, places) = join(words);
        let found = self.find(leg, &text, lang);
        let audio = audio_spans(words, &places, &found);
        MaskedSpeech {
            text: Heard::new(text.as_str()).mask(|text| replace(text, &found, lang)),
            words: replace_words(&text, words, &places, &found, lang),
            audio,
        }
    }

    /// Masks one key as it is pressed: the first four of a run show (a menu choice, a card's
    /// ending), the others are dots. `#`, `*` and [`Masker::boundary`] begin a new run.
    pub fn mask_key(&mut self, leg: LegId, key: char) -> Masked {
        let pressed = self.keys.entry(leg).or_default();
        if !key.is_ascii_digit() {
            *pressed = 0;
            return Masked::authored(key);
        }
        *pressed += 1;
        match *pressed {
            n if n <= ENDING_DIGITS => Masked::authored(key),
            _ => Masked::authored("•"),
        }
    }

    /// Masks keyed digits as a whole, once they are complete.
    pub fn mask_keys(&mut self, leg: LegId, keys: &str, lang: Lang) -> Masked {
        self.keys.remove(&leg);
        let found = find_after(&Carry::default(), keys, lang, false).0;
        Heard::new(keys).mask(|text| replace(text, &found, lang))
    }

    /// Something new was asked of this leg: digits that follow do not belong to those before.
    pub fn boundary(&mut self, leg: LegId) {
        self.legs.remove(&leg);
        self.keys.remove(&leg);
    }

    /// What is personal in a final text of a leg, in order. Remembers the trailing digits.
    pub fn find(&mut self, leg: LegId, text: &str, lang: Lang) -> Vec<Finding> {
        let carry = self.legs.remove(&leg).unwrap_or_default();
        let (found, next) = find_after(&carry, text, lang, false);
        if !next.digits.is_empty() {
            self.legs.insert(leg, next);
        }
        found
    }
}

/// Masks a text that stands alone: a note, a form field, a line of a connector.
pub fn mask_alone(heard: Heard, lang: Lang) -> Masked {
    heard.mask(|text| {
        let (found, _) = find_after(&Carry::default(), text, lang, false);
        replace(text, &found, lang)
    })
}

/// Zeroes the samples of a stretch of sound that lie in any of `spans`.
///
/// `at` is the time of `pcm[0]`; 16 kHz mono.
pub fn silence(pcm: &mut [i16], at: CallTime, spans: &[Span]) {
    let sample = |time: CallTime| {
        let us = time.0.saturating_sub(at.0);
        usize::try_from(us * u64::from(sidetone_types::RATE_HZ) / 1_000_000).unwrap_or(usize::MAX)
    };
    for span in spans {
        let (from, to) = (sample(span.from), sample(span.to));
        let to = to.min(pcm.len());
        if from < to {
            pcm[from..to].fill(0);
        }
    }
}

fn find_after(carry: &Carry, text: &str, lang: Lang, partial: bool) -> (Vec<Finding>, Carry) {
    let mut found = emails(text);
    let scan = scan(text);
    let last = scan.runs.len().saturating_sub(1);
    for (at, run) in scan.runs.iter().enumerate() {
        let context = context(text, run, lang);
        let goes_on = at == 0 && scan.opens && !carry.digits.is_empty();
        let mut verdicts = judge(run, context);
        if goes_on {
            continue_from(carry, run, context, &mut verdicts);
        }
        if at == last && scan.closes && verdicts.is_empty() && unfinished(run, partial) {
            verdicts.push(Verdict {
                range: 0..run.digits.len(),
                kind: Kind::Digits,
            });
        }
        found.extend(verdicts.iter().map(|v| finding(run, v)));
    }
    if found.is_empty() {
        found.extend(scattered(text, &scan, lang));
    }
    let next = carry_on(carry, &scan);
    (in_order(found), next)
}

/// A card or identity number that is told in parts with words between ("the first four are …, then
/// …"): no part is long, all of them together are.
fn scattered(text: &str, scan: &Scan, lang: Lang) -> Vec<Finding> {
    static CUE: LazyLock<Regex> = LazyLock::new(|| {
        regex(r"(?i)卡号|银行卡|信用卡|储蓄卡|身份证|证件|\bcard\b|\bid number\b|\bidentity\b")
    });
    let long: Vec<&Run> = scan.runs.iter().filter(|r| r.digits.len() >= 3).collect();
    let digits: usize = long.iter().map(|r| r.digits.len()).sum();
    let harmless =
        |run: &&Run| context(text, run, lang).harmless_cue || run.digits.len() == ORDER_DIGITS;
    if digits < 13 || long.len() < 2 || !CUE.is_match(text) || long.iter().any(harmless) {
        return Vec::new();
    }
    let whole = |run: &Run| Verdict {
        range: 0..run.digits.len(),
        kind: Kind::Digits,
    };
    long.into_iter()
        .map(|run| finding(run, &whole(run)))
        .collect()
}

/// Judges the digits of this turn together with those of the turns before.
fn continue_from(carry: &Carry, run: &Run, context: Context, verdicts: &mut Vec<Verdict>) {
    let before = carry.digits.len();
    let joined = joined_run(carry, run);
    let together = judge(&joined, context);
    let reaching = together
        .iter()
        .filter(|v| v.range.end > before && v.range.start < before);
    let mut ours: Vec<Verdict> = reaching
        .map(|v| Verdict {
            range: 0..v.range.end - before,
            kind: v.kind,
        })
        .collect();
    if ours.is_empty() && verdicts.is_empty() && grows_too_long(carry, run) {
        ours.push(Verdict {
            range: 0..run.digits.len(),
            kind: Kind::Digits,
        });
    }
    for new in ours {
        verdicts.retain(|old| old.range.start >= new.range.end || old.range.end > new.range.end);
        let covered = verdicts.iter().any(|old| old.range.start < new.range.end);
        if !covered {
            verdicts.push(new);
        }
    }
    verdicts.sort_by_key(|v| v.range.start);
}

/// The digits of the turns before and of this one as one spoken run.
fn joined_run(carry: &Carry, run: &Run) -> Run {
    let mut digits = Vec::with_capacity(carry.digits.len() + run.digits.len());
    let mut values = carry.digits.iter();
    for (group, piece) in carry.pieces.iter().enumerate() {
        digits.extend(values.by_ref().take(*piece).map(|value| Digit {
            value: *value,
            bytes: 0..0,
            group: group as u32,
            spoken: true,
        }));
    }
    let groups = carry.pieces.len() as u32;
    digits.extend(run.digits.iter().map(|d| Digit {
        group: d.group + groups,
        spoken: true,
        ..d.clone()
    }));
    Run {
        digits,
        plus: false,
        prefixed: run.prefixed,
    }
}

/// Whether a number that is being said in pieces has become more than an order number.
fn grows_too_long(carry: &Carry, run: &Run) -> bool {
    let complete = |n: &usize| [ORDER_DIGITS, ENDING_DIGITS].contains(n);
    let here = run.digits.len();
    let total = carry.digits.len() + here;
    let mobile_prefix = carry.pieces.first() == Some(&3) && carry.digits[0] == 1 && total > 3;
    // An order number and then a card's ending, or an order number again: both complete.
    let answers = carry.pieces.iter().all(|n| *n == ORDER_DIGITS) && complete(&here);
    let halves: Vec<u8> = carry
        .digits
        .iter()
        .copied()
        .chain(run.digits.iter().map(|d| d.value))
        .collect();
    let order_in_parts = total < ORDER_DIGITS || total == ORDER_DIGITS && luhn(&halves);
    mobile_prefix || !answers && !order_in_parts
}

/// A run at the end of a turn that looks like the first part of something longer.
fn unfinished(run: &Run, partial: bool) -> bool {
    let count = run.digits.len();
    if count <= ENDING_DIGITS || run.prefixed {
        return false;
    }
    let values: Vec<u8> = run.digits.iter().map(|d| d.value).collect();
    if count == ORDER_DIGITS {
        return partial && !luhn(&values);
    }
    if are_answers(&values, &run.groups()) {
        return false;
    }
    let mobile = run.digits[0].value == 1 && run.digits[1].value >= 3 && count >= 7;
    let in_pieces =
        run.digits.iter().any(|d| d.spoken) || run.groups().len() > 1 && !thousands(&run.groups());
    mobile || in_pieces || count > ORDER_DIGITS
}

/// 12,500 and 1,234,567: an amount and not a number in pieces.
fn thousands(groups: &[usize]) -> bool {
    groups.len() > 1 && groups[0] <= 3 && groups[1..].iter().all(|g| *g == 3)
}

fn carry_on(carry: &Carry, scan: &Scan) -> Carry {
    if scan.blank {
        return carry.clone();
    }
    let Some(run) = scan.runs.last().filter(|_| scan.closes) else {
        return Carry::default();
    };
    let goes_on = scan.opens && scan.runs.len() == 1;
    let mut next = match goes_on {
        true => carry.clone(),
        false => Carry::default(),
    };
    next.digits.extend(run.digits.iter().map(|d| d.value));
    next.pieces.push(run.digits.len());
    while next.digits.len() > CARRY_DIGITS_MAX {
        let first = next.pieces.remove(0);
        next.digits.drain(..first);
    }
    next
}

fn finding(run: &Run, verdict: &Verdict) -> Finding {
    let digits = &run.digits[verdict.range.clone()];
    let ending = match verdict.kind {
        Kind::Card | Kind::Phone if digits.len() >= 7 => Some(
            digits[digits.len() - 4..]
                .iter()
                .map(|d| {
                    if d.value == X {
                        'X'
                    } else {
                        char::from(b'0' + d.value)
                    }
                })
                .collect(),
        ),
        _ => None,
    };
    Finding {
        bytes: digits[0].bytes.start..digits[digits.len() - 1].bytes.end,
        kind: verdict.kind,
        ending,
    }
}

/// Sorts findings and joins those that overlap; the first one names the whole.
fn in_order(mut found: Vec<Finding>) -> Vec<Finding> {
    found.sort_by_key(|f| (f.bytes.start, usize::MAX - f.bytes.end));
    let mut out: Vec<Finding> = Vec::with_capacity(found.len());
    for next in found {
        match out.last_mut() {
            Some(last) if next.bytes.start < last.bytes.end => {
                last.bytes.end = last.bytes.end.max(next.bytes.end);
            }
            _ => out.push(next),
        }
    }
    out
}

fn context(text: &str, run: &Run, lang: Lang) -> Context {
    static PHONE: LazyLock<Regex> = LazyLock::new(|| {
        regex(
            r"(?i)手机|电话|联系方式|打给我|回电|\b(phone|mobile|cell|telephone|call me|reach me|ring me|text me)\b",
        )
    });
    static HARMLESS: LazyLock<Regex> = LazyLock::new(|| {
        regex(
            r"(?i)快递单|运单|物流单|快递号|发票|税号|[¥￥$€£]\s*$|\b(tracking|waybill|parcel number|invoice)\b",
        )
    });
    static MONEY_AFTER: LazyLock<Regex> = LazyLock::new(|| {
        regex(r"(?i)^\s*(元|块|人民币|美元|dollars?|yuan|rmb|pounds?|euros?|%|percent)")
    });
    let bytes = run.bytes();
    let before = tail(&text[..bytes.start], 60);
    let after = &text[bytes.end..];
    Context {
        english: lang == Lang::En,
        phone_cue: PHONE.is_match(before),
        harmless_cue: HARMLESS.is_match(before)
            || MONEY_AFTER.is_match(after)
            || thousands(&run.groups()),
    }
}

/// The last `bytes` bytes of a text, or a few fewer so as not to cut a character.
fn tail(text: &str, bytes: usize) -> &str {
    let mut from = text.len().saturating_sub(bytes);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    &text[from..]
}

/// Addresses as written, as spelled aloud, and as recognizers write what was spelled.
fn emails(text: &str) -> Vec<Finding> {
    static WRITTEN: LazyLock<Regex> = LazyLock::new(|| {
        regex(r"[\p{L}\p{N}._%+\-]+\s?[@＠]\s?[\p{L}\p{N}\-]+(?:\s?\.\s?[\p{L}\p{N}\-]+)+")
    });
    static SPOKEN: LazyLock<Regex> = LazyLock::new(|| {
        regex(concat!(
            r"(?i)(?:(?-u:\b)[a-z0-9]+(?:\s*(?:(?-u:\b)dot(?-u:\b)|(?-u:\b)underscore(?-u:\b)|(?-u:\b)dash(?-u:\b)|(?-u:\b)hyphen(?-u:\b)|点|下划线|杠|[._\-])\s*|\s+))??",
            r"(?:(?-u:\b)[a-z0-9]\s+)*(?:[a-z0-9._\-]+(?:\s*(?:(?-u:\b)dot(?-u:\b)|(?-u:\b)underscore(?-u:\b)|(?-u:\b)dash(?-u:\b)|点|下划线|杠)\s*[a-z0-9]+)*",
            r"|[零〇一二三四五六七八九幺两a-z0-9\s]+)\s*",
            r"(?:(?-u:\b)at(?-u:\b)|@|＠|艾特|圈\s?a|圈)\s*",
            r"[a-z0-9一二三四五六七八九零幺\-]+(?:\s*(?:(?-u:\b)dot(?-u:\b)|点|\.)\s*[a-z0-9]+)*",
            r"\s*(?:(?-u:\b)dot(?-u:\b)|点|\.)\s*(?:com|cn|net|org|edu|gov|io|co|uk|de|info|me|hk|tw)(?-u:\b)"
        ))
    });
    let hits = WRITTEN.find_iter(text).chain(SPOKEN.find_iter(text));
    hits.map(|hit| Finding {
        bytes: hit.range(),
        kind: Kind::Email,
        ending: None,
    })
    .collect()
}

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a pattern of this file is wrong")
}

fn replace(text: &str, found: &[Finding], lang: Lang) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for finding in found {
        out.push_str(&text[at..finding.bytes.start]);
        out.push_str(&label(finding, lang));
        at = finding.bytes.end;
    }
    out.push_str(&text[at..]);
    out
}

/// What stands in the place of a number: `[phone ••0001]`, `[证件 ••••]`.
fn label(finding: &Finding, lang: Lang) -> String {
    let name = match (finding.kind, lang) {
        (Kind::Card, Lang::En) => "card",
        (Kind::Card, Lang::Zh) => "卡号",
        (Kind::Id, Lang::En) => "id",
        (Kind::Id, Lang::Zh) => "证件",
        (Kind::Phone, Lang::En) => "phone",
        (Kind::Phone, Lang::Zh) => "电话",
        (Kind::Email, Lang::En) => "email",
        (Kind::Email, Lang::Zh) => "邮箱",
        (Kind::Digits, Lang::En) => "digits",
        (Kind::Digits, Lang::Zh) => "数字",
    };
    match &finding.ending {
        Some(ending) => format!("[{name} ••{ending}]"),
        None => format!("[{name} ••••]"),
    }
}

/// Joins words into one text; gives each word's bytes.
fn join(words: &[HeardWord]) -> (String, Vec<Range<usize>>) {
    let mut text = String::new();
    let mut places = Vec::with_capacity(words.len());
    for word in words {
        let next = word.text.reveal();
        let latin = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        if latin(text.chars().next_back()) && latin(next.chars().next()) {
            text.push(' ');
        }
        let from = text.len();
        text.push_str(next);
        places.push(from..text.len());
    }
    (text, places)
}

fn overlaps(a: &Range<usize>, b: &Range<usize>) -> bool {
    a.start < b.end && b.start < a.end
}

fn replace_words(
    text: &str,
    words: &[HeardWord],
    places: &[Range<usize>],
    found: &[Finding],
    lang: Lang,
) -> Vec<Word> {
    let mut out: Vec<Word> = Vec::with_capacity(words.len());
    let mut last: Option<usize> = None;
    for (word, place) in words.iter().zip(places) {
        let hit = found.iter().position(|f| overlaps(&f.bytes, place));
        if hit.is_some() && hit == last {
            if let Some(stand_in) = out.last_mut() {
                stand_in.to = word.to;
                stand_in.confidence = stand_in.confidence.min(word.confidence);
            }
            continue;
        }
        last = hit;
        let shown = match hit {
            None => text[place.clone()].to_owned(),
            // What a word says beside the number ("号13800010001") goes with it.
            Some(at) => label(&found[at], lang),
        };
        out.push(Word {
            text: Heard::new(shown).mask(str::to_owned),
            from: word.from,
            to: word.to,
            confidence: word.confidence,
        });
    }
    out
}

/// The sound in which the found numbers were said, with 80 ms on both sides, for the recording.
pub fn audio_spans(words: &[HeardWord], places: &[Range<usize>], found: &[Finding]) -> Vec<Span> {
    const MARGIN: std::time::Duration = std::time::Duration::from_millis(80);
    let mut out: Vec<Span> = Vec::new();
    for finding in found {
        let said: Vec<&HeardWord> = words
            .iter()
            .zip(places)
            .filter(|(_, place)| overlaps(&finding.bytes, place))
            .map(|(word, _)| word)
            .collect();
        let (Some(first), Some(last)) = (said.first(), said.last()) else {
            continue;
        };
        let span = Span {
            from: first.from - MARGIN,
            to: last.to + MARGIN,
        };
        match out.last_mut() {
            Some(before) if span.from <= before.to => before.to = before.to.max(span.to),
            _ => out.push(span),
        }
    }
    out
}
