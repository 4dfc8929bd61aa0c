//! Yes and no, corrections, choices.

use super::{digits, en, zh};
use sidetone_types::Lang;

/// A yes (`true`), a no (`false`), or neither. The first clear word decides; a long sentence that
/// merely contains one does not count.
pub fn yes_no(text: &str, lang: Lang) -> Option<bool> {
    match lang {
        Lang::Zh => zh_yes_no(text),
        Lang::En => en_yes_no(text),
    }
}

fn zh_yes_no(text: &str) -> Option<bool> {
    const NO: [&str; 22] = [
        "不对",
        "不是",
        "没有",
        "不用",
        "不要",
        "不行",
        "不可以",
        "不需要",
        "不了",
        "错了",
        "不正确",
        "没错了吗",
        "否",
        "别",
        "不想",
        "不办",
        "算了",
        "不必",
        "没解决",
        "不清楚",
        "不好",
        "没了",
    ];
    const YES: [&str; 24] = [
        "没错",
        "没问题",
        "对",
        "是的",
        "是",
        "嗯",
        "好",
        "可以",
        "行",
        "正确",
        "确认",
        "确定",
        "确实",
        "要",
        "可以的",
        "就是",
        "当然",
        "需要",
        "没事可以",
        "ok",
        "解决了",
        "清楚了",
        "明白",
        "有",
    ];
    let text: String = text
        .chars()
        .filter(|c| c.is_alphanumeric())
        .collect::<String>()
        .to_lowercase();
    let text = text.trim_start_matches(['呃', '额', '啊', '哦', '那', '噢']);
    if text.is_empty() || text.chars().count() > 24 {
        return None;
    }
    if text.starts_with("没错") || text.starts_with("没问题") {
        return Some(true);
    }
    if NO.iter().any(|word| text.starts_with(word)) || text == "不" || text == "没" {
        return Some(false);
    }
    let yes = YES.iter().find(|word| text.starts_with(**word))?;
    let rest: String = text.chars().skip(yes.chars().count()).collect();
    // "对不对" is a question, "要是" a condition, "好像" a doubt, "有一个问题" a story.
    let is_word = [
        "对不起",
        "对于",
        "要是",
        "好像",
        "好久",
        "行李",
        "要怎么",
        "有什么",
        "有没有",
        "有人",
    ]
    .iter()
    .any(|word| text.starts_with(word));
    (!is_word && (yes.chars().count() > 1 || rest.chars().count() <= 8)).then_some(true)
}

fn en_yes_no(text: &str) -> Option<bool> {
    let tokens = en::tokens(text);
    let words: Vec<&str> = tokens
        .iter()
        .map(|token| token.text.as_str())
        .skip_while(|word| matches!(*word, "um" | "uh" | "er" | "well" | "oh" | "so"))
        .collect();
    let first = *words.first()?;
    if words.len() > 9 {
        return None;
    }
    let second = words.get(1).copied().unwrap_or("");
    let no = matches!(
        first,
        "no" | "nope" | "nah" | "wrong" | "incorrect" | "negative"
    ) || (first == "not"
        && matches!(
            second,
            "really" | "correct" | "right" | "quite" | "yet" | "now"
        ))
        || (matches!(first, "that's" | "it's" | "that" | "it") && words.contains(&"not"))
        || words.starts_with(&["that's", "wrong"])
        || words.starts_with(&["i", "don't"])
        || words.starts_with(&["it", "doesn't"])
        || words.starts_with(&["it", "didn't"]);
    if no {
        return Some(false);
    }
    let yes = matches!(
        first,
        "yes"
            | "yeah"
            | "yep"
            | "yup"
            | "correct"
            | "right"
            | "sure"
            | "ok"
            | "okay"
            | "exactly"
            | "absolutely"
            | "definitely"
            | "affirmative"
            | "indeed"
            | "ya"
            | "aye"
    ) || words.starts_with(&["that's", "right"])
        || words.starts_with(&["that's", "correct"])
        || words.starts_with(&["that", "is", "correct"])
        || words.starts_with(&["it", "is"])
        || words.starts_with(&["it", "does"])
        || words.starts_with(&["it", "did"])
        || words.starts_with(&["please", "do"])
        || words.starts_with(&["go", "ahead"])
        || words.starts_with(&["of", "course"])
        || words == ["please"]
        || matches!(
            words.join(" ").as_str(),
            "mm hm" | "mhm" | "uh huh" | "mmhm"
        );
    yes.then_some(true)
}

/// Where the caller took something back: the byte after the last "no, sorry" or "不对" that has
/// digits or words after it.
pub(crate) fn correction(text: &str, lang: Lang) -> Option<usize> {
    const ZH: [&str; 10] = [
        "不对不对",
        "说错了",
        "我说错",
        "不对",
        "不是",
        "错了",
        "更正",
        "应该是",
        "哦不",
        "啊不",
    ];
    const EN: [&str; 12] = [
        "no sorry",
        "no, sorry",
        "sorry",
        "i mean",
        "no wait",
        "wait no",
        "wait, no",
        "correction",
        "make that",
        "no, ",
        "scratch that",
        "rather",
    ];
    let lower = text.to_ascii_lowercase();
    let markers: &[&str] = match lang {
        Lang::Zh => &ZH,
        Lang::En => &EN,
    };
    markers
        .iter()
        .filter_map(|marker| lower.rfind(marker).map(|at| at + marker.len()))
        .filter(|&at| text[at..].chars().any(char::is_alphanumeric))
        .max()
}

/// Which of `max` things was meant, from 1. A number beyond `max` is returned as it is, so that the
/// caller can be told.
pub(crate) fn choice(text: &str, lang: Lang, max: u8) -> Option<u8> {
    let number = match lang {
        Lang::Zh => zh_choice(text, max),
        Lang::En => en_choice(text, max),
    }?;
    (number > 0).then_some(number)
}

fn zh_choice(text: &str, max: u8) -> Option<u8> {
    if ["都不", "没有合适", "不行", "不合适"]
        .iter()
        .any(|no| text.contains(no))
    {
        return None;
    }
    if text.contains("最后") || text.contains("最晚") {
        return Some(max);
    }
    if text.contains("最早") || text.contains("头一个") || text.contains("前面那个") {
        return Some(1);
    }
    let after = text.find('第').map(|at| &text[at + '第'.len_utf8()..]);
    let numeral = |text: &str| -> Option<u8> {
        let digits: String = text.chars().take_while(|&c| zh::is_numeral(c)).collect();
        u8::try_from(zh::cardinal(&digits)?).ok()
    };
    if let Some(number) = after.and_then(numeral) {
        return Some(number);
    }
    let runs = digits::runs(text, Lang::Zh);
    match runs.as_slice() {
        [run] if run.digits.len() <= 2 => run.digits.parse().ok(),
        _ => None,
    }
}

fn en_choice(text: &str, max: u8) -> Option<u8> {
    let tokens = en::tokens(text);
    let has = |word: &str| tokens.iter().any(|token| token.text == word);
    if has("last") || has("latest") {
        return Some(max);
    }
    if has("earliest") {
        return Some(1);
    }
    let ordinal = tokens.iter().find_map(|token| en::ordinal(&token.text));
    if let Some(number) = ordinal {
        return u8::try_from(number).ok();
    }
    let runs = digits::runs(text, Lang::En);
    // In "the one on Friday" one is no number.
    let number = |run: &digits::Run| run.digits.parse().ok();
    match runs.as_slice() {
        [run] if run.digits.len() <= 2 && (tokens.len() <= 4 || run.digits != "1") => number(run),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yes_and_no() {
        for (text, expected) in [
            ("对", Some(true)),
            ("是的，没错", Some(true)),
            ("没错", Some(true)),
            ("不对，是七", Some(false)),
            ("不是", Some(false)),
            ("嗯", Some(true)),
            ("没有了", Some(false)),
            ("对不起", None),
            ("查一下账单", None),
            ("好像不行", None),
        ] {
            assert_eq!(yes_no(text, Lang::Zh), expected, "{text}");
        }
        for (text, expected) in [
            ("yes please", Some(true)),
            ("Yeah, that's right", Some(true)),
            ("no, sorry, seven", Some(false)),
            ("nope", Some(false)),
            ("that's not right", Some(false)),
            ("um, correct", Some(true)),
            ("check my bill", None),
        ] {
            assert_eq!(yes_no(text, Lang::En), expected, "{text}");
        }
    }

    #[test]
    fn choices() {
        assert_eq!(choice("第二个", Lang::Zh, 3), Some(2));
        assert_eq!(choice("最后那个吧", Lang::Zh, 3), Some(3));
        assert_eq!(choice("二", Lang::Zh, 3), Some(2));
        assert_eq!(choice("the second one please", Lang::En, 3), Some(2));
        assert_eq!(choice("option three", Lang::En, 3), Some(3));
        assert_eq!(choice("the last one", Lang::En, 3), Some(3));
        assert_eq!(choice("两个都不行", Lang::Zh, 3), None);
        assert_eq!(choice("none of them", Lang::En, 3), None);
    }
}
