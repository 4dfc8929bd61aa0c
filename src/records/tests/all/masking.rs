use proptest::prelude::*;
use sidetone_records::masking::{HeardWord, Masker, mask_alone, silence};
use sidetone_types::{CallTime, Heard, Lang, LegId, Span};

const SET: &str = include_str!("masking-set.tsv");

struct Case {
    kind: String,
    lang: Lang,
    form: String,
    turns: Vec<String>,
}

fn cases() -> Vec<Case> {
    let lines = SET.lines().filter(|l| !l.starts_with('#') && !l.is_empty());
    lines
        .map(|line| {
            let fields: Vec<&str> = line.split('\t').collect();
            assert_eq!(fields.len(), 4, "{line}");
            Case {
                kind: fields[0].into(),
                lang: Lang::parse(fields[1]).expect("zh or en"),
                form: fields[2].into(),
                turns: fields[3].split('|').map(str::to_owned).collect(),
            }
        })
        .collect()
}

fn mask_turns(case: &Case) -> Vec<String> {
    let mut masker = Masker::new();
    case.turns
        .iter()
        .map(|turn| {
            masker
                .mask(LegId::CALLER, Heard::new(turn.as_str()), case.lang)
                .to_string()
        })
        .collect()
}

/// Digits that a reader still sees outside of the labels, counted without the scanner under test.
fn visible_digits(text: &str) -> usize {
    const WORDS: [&str; 14] = [
        "zero", "oh", "one", "ones", "two", "three", "four", "five", "six", "seven", "eight",
        "nine", "double", "triple",
    ];
    let mut clear = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('[') {
        clear.push_str(&rest[..at]);
        rest = rest[at..].find(']').map_or("", |end| &rest[at + end + 1..]);
    }
    clear.push_str(rest);
    let figures = clear
        .chars()
        .filter(|c| c.is_numeric() || "零一二三四五六七八九幺两".contains(*c))
        .count();
    // Han numerals are numeric already; count each once.
    let words = clear
        .split(|c: char| !c.is_ascii_alphabetic())
        .filter(|w| WORDS.contains(&w.to_ascii_lowercase().as_str()))
        .count();
    figures + words
}

/// The most that may stand in the clear, by kind and form. Split numbers leave what was given out
/// before anybody could know (see the masking step's own words).
fn may_show(case: &Case) -> usize {
    match (case.form.as_str(), case.kind.as_str()) {
        ("split", "card") => 8,
        ("split", _) => 7,
        ("with order", _) => 8,
        // An ending, said once more.
        (_, "card") => 4,
        _ => 2,
    }
}

#[test]
fn nothing_personal_is_missed_and_little_else_is_hidden() {
    let (mut secrets, mut missed, mut harmless, mut hidden) = (0, Vec::new(), 0, Vec::new());
    for case in cases() {
        let turns = mask_turns(&case);
        let shown = turns.join(" | ");
        if case.kind == "keep" {
            harmless += 1;
            if shown.contains('[') {
                hidden.push(format!("{} {}: {shown}", case.lang, case.form));
            }
            continue;
        }
        secrets += 1;
        let gone = match case.kind.as_str() {
            "email" => {
                shown.contains('[')
                    && !shown.contains("smith")
                    && !shown.contains("qq")
                    && !shown.contains("example")
            }
            _ => shown.contains('[') && visible_digits(&shown) <= may_show(&case),
        };
        if !gone {
            missed.push(format!(
                "{} {} {}: {shown}",
                case.kind, case.lang, case.form
            ));
        }
    }
    println!(
        "{secrets} personal, {} missed; {harmless} harmless, {} hidden",
        missed.len(),
        hidden.len()
    );
    let (lost, shy) = (missed.join("\n"), hidden.join("\n"));
    // A hotline is hidden like anybody's number.
    assert!(
        missed.is_empty() && hidden.len() <= 1,
        "missed:\n{lost}\nhidden for nothing:\n{shy}"
    );
}

#[test]
fn what_helps_stays() {
    let masked = |text: &str, lang| mask_alone(Heard::new(text), lang).to_string();
    assert_eq!(
        masked("call 415-555-0132 now", Lang::En),
        "call [phone ••0132] now"
    );
    assert_eq!(
        masked("我手机一三八零零零一零零零一。", Lang::Zh),
        "我手机[电话 ••0001]。"
    );
    assert_eq!(masked("4111 1111 1111 1111", Lang::En), "[card ••1111]");
    assert_eq!(
        masked("身份证11010519491231002X", Lang::Zh),
        "身份证[证件 ••••]"
    );
    let once = masked("13800010001 和 20611018", Lang::Zh);
    assert_eq!(
        masked(&once, Lang::Zh),
        once,
        "masking again changes nothing"
    );
}

#[test]
fn growing_text_never_shows_the_number_that_it_becomes() {
    let digits = [
        "一", "三", "八", "零", "零", "零", "一", "零", "零", "零", "一",
    ];
    let masker = Masker::new();
    for count in 1..=digits.len() {
        let text = format!("我的手机是{}", digits[..count].concat());
        let shown = masker
            .mask_partial(LegId::CALLER, Heard::new(text), Lang::Zh)
            .to_string();
        assert!(visible_digits(&shown) <= 4, "{shown}");
    }
}

#[test]
fn legs_do_not_mix_and_a_new_question_begins_anew() {
    let mut masker = Masker::new();
    let mut say = |leg, text: &str| masker.mask(leg, Heard::new(text), Lang::Zh).to_string();
    assert_eq!(say(LegId::CALLER, "四一一一"), "四一一一");
    assert_eq!(say(LegId(2), "二零六一一零一八"), "二零六一一零一八");
    let mut masker = Masker::new();
    masker.mask(LegId::CALLER, Heard::new("二零六一"), Lang::Zh);
    masker.boundary(LegId::CALLER);
    let shown = masker.mask(LegId::CALLER, Heard::new("四一一二"), Lang::Zh);
    assert_eq!(shown.as_str(), "四一一二");
}

#[test]
fn keys_show_no_more_than_an_ending() {
    let mut masker = Masker::new();
    let mut press = |keys: &str| {
        keys.chars()
            .map(|k| masker.mask_key(LegId::CALLER, k).to_string())
            .collect::<String>()
    };
    assert_eq!(press("1"), "1");
    assert_eq!(press("#4417#"), "#4417#");
    assert_eq!(press("4111111111111111"), "4111••••••••••••");
    assert_eq!(
        masker
            .mask_keys(LegId::CALLER, "4111111111111111", Lang::En)
            .as_str(),
        "[card ••1111]"
    );
    assert_eq!(
        masker
            .mask_keys(LegId::CALLER, "20611018", Lang::En)
            .as_str(),
        "20611018"
    );
}

#[test]
fn words_and_sound_go_with_the_number() {
    let word = |at: usize, text: &str| HeardWord {
        text: Heard::new(text),
        from: CallTime::from_ms(at as u64 * 300),
        to: CallTime::from_ms(at as u64 * 300 + 250),
        confidence: 900,
    };
    let words: Vec<HeardWord> = "call me on four one five five five five oh one three two today"
        .split(' ')
        .enumerate()
        .map(|(at, text)| word(at, text))
        .collect();
    let masked = Masker::new().mask_words(LegId::CALLER, &words, Lang::En);
    assert_eq!(masked.text.as_str(), "call me on [phone ••0132] today");
    let shown: Vec<&str> = masked.words.iter().map(|w| w.text.as_str()).collect();
    assert_eq!(shown, ["call", "me", "on", "[phone ••0132]", "today"]);
    let span = Span {
        from: CallTime::from_ms(3 * 300 - 80),
        to: CallTime::from_ms(12 * 300 + 250 + 80),
    };
    assert_eq!(masked.audio, [span]);
    let mut pcm = vec![7i16; 16_000];
    silence(&mut pcm, CallTime::from_ms(500), &masked.audio);
    let loud = pcm.iter().take_while(|s| **s == 7).count();
    assert_eq!(loud, (3 * 300 - 80 - 500) * 16);
    assert!(pcm[loud..].iter().all(|s| *s == 0));
}

proptest! {
    #[test]
    fn any_text_is_masked_without_a_panic(turns in prop::collection::vec(".{0,60}", 1..4), zh: bool) {
        let lang = if zh { Lang::Zh } else { Lang::En };
        let mut masker = Masker::new();
        for turn in &turns {
            masker.mask_partial(LegId::CALLER, Heard::new(turn.as_str()), lang);
            masker.mask(LegId::CALLER, Heard::new(turn.as_str()), lang);
        }
    }

    #[test]
    fn digits_in_any_dress_are_masked_without_a_panic(
        parts in prop::collection::vec("[0-9]{1,7}|[一二三零幺两个]{1,9}|(one|two|oh|double|forty|hundred|for) |[-,. @x]|at|dot com|[元年號]", 0..30),
        zh: bool,
    ) {
        let lang = if zh { Lang::Zh } else { Lang::En };
        let mut masker = Masker::new();
        let text = parts.concat();
        let (first, second) = text.split_at(text.char_indices().map(|(at, _)| at).nth(text.chars().count() / 2).unwrap_or(0));
        masker.mask(LegId::CALLER, Heard::new(first), lang);
        masker.mask(LegId::CALLER, Heard::new(second), lang);
    }

    /// Any mobile number, in figures or Chinese words, with any separators, is gone.
    #[test]
    fn any_mobile_number_is_masked(second in 3u8..=9, rest in prop::collection::vec(0u8..=9, 9), spoken: bool, cuts in prop::collection::vec(prop::sample::select(vec!["", "", " ", "-", "，"]), 11)) {
        let digits: Vec<u8> = [1, second].into_iter().chain(rest).collect();
        let figure = |d: &u8| if spoken { "零一二三四五六七八九".chars().nth(usize::from(*d)).unwrap() } else { char::from(b'0' + d) };
        let text: String = digits.iter().zip(&cuts).map(|(d, cut)| format!("{}{cut}", figure(d))).collect();
        let shown = mask_alone(Heard::new(format!("我是{text}。")), Lang::Zh).to_string();
        prop_assert!(visible_digits(&shown) == 0, "{}", shown);
    }
}
