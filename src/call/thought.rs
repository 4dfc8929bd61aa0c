//! How far a thought has come: what a pause after these words means.

use crate::policy::Thought;
use crate::request::Expect;
use crate::slots;
use sidetone_types::Lang;

/// How far the thought has come, from the text so far and from what was asked.
pub fn thought(partial: &str, expect: &Expect) -> Thought {
    let text = partial.trim();
    if text.is_empty() {
        return match expect {
            Expect::FreeText => Thought::Story,
            _ => Thought::Unknown,
        };
    }
    let lang = if slots::has_han(text) {
        Lang::Zh
    } else {
        Lang::En
    };
    if *expect == Expect::YesNo && slots::yes_no(text, lang).is_some() {
        return Thought::Answered;
    }
    let digits = slots::trailing_digits(text, lang);
    match (expect, expect.digits()) {
        (_, Some(count)) if digits >= usize::from(count) => return Thought::CountComplete,
        (_, Some(_)) | (Expect::Digits { .. }, None) if digits > 0 => return Thought::DigitsComing,
        // "It is …", "是……": the number comes yet.
        (_, Some(_)) | (Expect::Digits { .. }, None) if announces(text) => {
            return Thought::Incomplete;
        }
        (Expect::Open | Expect::FreeText, _)
            if (2..8).contains(&digits) && names_a_number(text) =>
        {
            return Thought::DigitsComing;
        }
        _ => {}
    }
    let hanging = is_left_hanging(text, lang)
        || *expect == Expect::Open && (is_subject(text) || is_count_of_nothing(text))
        || *expect == Expect::Date && is_month(text);
    let extendable = match expect {
        Expect::Open => digits > 0 && is_number(text, lang),
        Expect::Date => !names_a_time(text),
        _ => false,
    };
    if hanging {
        Thought::Incomplete
    } else if extendable {
        Thought::Extendable
    } else if *expect == Expect::FreeText {
        Thought::Story
    } else {
        Thought::Complete
    }
}

/// Nothing but the words before a number.
fn announces(text: &str) -> bool {
    const WORDS: [&str; 8] = [
        "是",
        "嗯是",
        "那个是",
        "号码是",
        "it",
        "it's",
        "it is",
        "the number",
    ];
    let lower = text.to_lowercase();
    WORDS.contains(&lower.trim_end_matches(|c: char| !c.is_alphanumeric()))
}

/// Nothing but digits. Where nobody asked for any it is the beginning of something, or a short word
/// heard wrong ("well", "twelve").
fn is_number(text: &str, lang: Lang) -> bool {
    let words: Vec<&str> = match lang {
        Lang::Zh => text
            .char_indices()
            .map(|(at, c)| &text[at..at + c.len_utf8()])
            .collect(),
        Lang::En => text.split_whitespace().collect(),
    };
    words
        .iter()
        .all(|word| slots::trailing_digits(word, lang) > 0)
}

/// "I would like two", heard for "to"; "有一", before the word for what is counted.
fn is_count_of_nothing(text: &str) -> bool {
    const BEFORE_TO: [&str; 8] = [
        "like", "need", "want", "wanted", "have", "going", "trying", "try",
    ];
    const ENDS_IN_ONE: &str = "期周拜第十百千零一二三四五六七八九点幺";
    let lower = text.to_lowercase();
    let mut words = lower.split_whitespace().rev();
    let to = matches!(words.next(), Some("two" | "too"))
        && words.next().is_some_and(|word| BEFORE_TO.contains(&word));
    let one = lower
        .strip_suffix('一')
        .and_then(|head| head.chars().next_back())
        .is_some_and(|before| !ENDS_IN_ONE.contains(before));
    to || one
}

/// A month that has no day yet: "十一月", "in november".
fn is_month(text: &str) -> bool {
    let lower = text.to_lowercase();
    let words: Vec<&str> = lower.split_whitespace().collect();
    lower.ends_with('月')
        || words.len() <= 2
            && words
                .last()
                .is_some_and(|last| slots::MONTHS.contains(last))
}

/// Whether a time of day is in it.
fn names_a_time(text: &str) -> bool {
    const ZH: [&str; 9] = [
        "点", "早", "上午", "中午", "下午", "晚", "傍晚", "凌晨", "现在",
    ];
    const EN: [&str; 10] = [
        "morning",
        "afternoon",
        "evening",
        "noon",
        "night",
        "o'clock",
        "midnight",
        "at",
        "now",
        "soon",
    ];
    let lower = text.to_lowercase();
    ZH.iter().any(|word| lower.contains(word))
        || lower.split_whitespace().any(|word| EN.contains(&word))
}

fn names_a_number(text: &str) -> bool {
    let lower = text.to_lowercase();
    ["号", "電話", "电话", "手机", "number", "order", "phone"]
        .iter()
        .any(|word| lower.contains(word))
}

/// Answers that end in 的 and are whole.
const WHOLE_ZH: &[&str] = &["是的", "对的", "好的", "行的", "可以的", "没有的"];
/// Ends that ask for more words.
const HANGING_ZH: &[&str] = &[
    "的",
    "和",
    "跟",
    "还有",
    "然后",
    "因为",
    "所以",
    "但是",
    "就是",
    "那个",
    "这个",
    "嗯",
    "呃",
    "额",
    "啊那",
    "我想",
    "我要",
    "帮我",
    "请问",
    "如果",
    "或者",
    "把",
    "在",
    "给",
    "想",
    "号是",
    "我的",
    "就是说",
    "而且",
    "不过",
    "比如",
    "可是",
    "要是",
    "从",
    "到",
    "向",
    "用",
    "关于",
    "那",
    "我这",
    "你们",
    "请",
    "一个",
    "让",
    "被",
    "为",
    "与",
    "及",
    "但",
    "或",
    "是不是",
    "能不能",
    "有没有",
    "可不可以",
    "我是",
    "我有",
    "一家",
    "几个",
    "人均",
    "在这",
    "正在",
    "已经",
    "比较",
    "附近",
    "叫",
    "去",
    "找",
    "查",
    "想要",
    "需要",
    "打算",
    "或者是",
    "包括",
    "大概",
];
const HANGING_EN: &[&str] = &[
    "and", "but", "or", "so", "because", "um", "uh", "er", "erm", "hmm", "the", "a", "an", "my",
    "your", "to", "for", "of", "with", "is", "i'd", "i", "this", "if", "when", "can", "could",
    "would", "about", "from", "in", "on", "at", "well", "it's", "want", "am", "are", "was", "were",
    "have", "has", "had", "will", "be", "been", "does", "did", "do", "don't", "need", "trying",
    "looking", "like", "just", "which", "who", "what", "where", "how", "why", "as", "his", "her",
    "our", "their", "any", "some", "these", "those", "than", "then", "also", "get", "got", "i'm",
    "i've", "i'll", "we", "we're", "they", "he", "she", "let", "make", "by", "into", "through",
    "under", "between", "while", "since", "until", "after", "before", "without", "going", "wanted",
    "should", "might", "may", "new", "another", "every", "each", "more", "very", "really", "other",
];

/// Whole sentences that only announce what comes.
const LEAD_INS_ZH: &[&str] = &[
    "有个问题",
    "有一个问题",
    "有点问题",
    "有件事",
    "问一下",
    "问下",
    "咨询一下",
    "咨询下",
    "麻烦一下",
    "打扰一下",
    "是这样",
    "是这样的",
    "事情是这样的",
    "你好",
    "您好",
    "喂",
    "有个事",
];
const LEAD_INS_EN: &[&str] = &[
    "i have a question",
    "i've got a question",
    "quick question",
    "i have a problem",
    "i've got a problem",
    "hello",
    "hi",
    "hi there",
    "hey",
    "good morning",
    "good afternoon",
    "good evening",
    "excuse me",
    "here's the thing",
];

/// Whether the words so far ask for more words.
/// A subject without its verb, or a question word without its question: "my parcel", "怎么".
fn is_subject(text: &str) -> bool {
    const SUBJECTS: [&str; 24] = [
        "my parcel",
        "my package",
        "my order",
        "the parcel",
        "the order",
        "the item",
        "the driver",
        "my last order",
        "can you",
        "could you",
        "how do",
        "i need it",
        "i bought",
        "i ordered",
        "我的包裹",
        "我的快递",
        "我的订单",
        "我的东西",
        "怎么",
        "为什么",
        "你们的",
        "快递员",
        "那个快递",
        "我买的",
    ];
    let lower = text.to_lowercase();
    SUBJECTS.contains(&lower.trim_end_matches(|c: char| !c.is_alphanumeric()))
}

fn is_left_hanging(text: &str, lang: Lang) -> bool {
    match lang {
        Lang::Zh => {
            let text = text.trim_end_matches(|c: char| !c.is_alphanumeric());
            if LEAD_INS_ZH.iter().any(|lead| text.ends_with(lead)) {
                return true;
            }
            !WHOLE_ZH.iter().any(|whole| text.ends_with(whole))
                && HANGING_ZH.iter().any(|tail| text.ends_with(tail))
        }
        Lang::En => {
            let lower = text.to_lowercase();
            let plain = lower.trim_end_matches(|c: char| !c.is_alphanumeric());
            let leads_in = |lead: &&str| {
                plain
                    .strip_suffix(*lead)
                    .is_some_and(|head| !head.ends_with(char::is_alphanumeric))
            };
            if LEAD_INS_EN.iter().any(leads_in) {
                return true;
            }
            let last = lower
                .split(|c: char| !c.is_alphanumeric() && c != '\'')
                .rfind(|word| !word.is_empty())
                .unwrap_or("");
            HANGING_EN.contains(&last)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_tells_whether_more_will_come() {
        let order = Expect::OrderNumber;
        for (text, expect, wanted) in [
            ("my parcel", &Expect::Open, Thought::Incomplete),
            (
                "my parcel has not arrived",
                &Expect::Open,
                Thought::Complete,
            ),
            ("我的包裹", &Expect::Open, Thought::Incomplete),
            ("怎么", &Expect::Open, Thought::Incomplete),
            ("查账单", &Expect::Open, Thought::Complete),
            ("是", &order, Thought::Incomplete),
            ("it is", &order, Thought::Incomplete),
            ("我不知道", &order, Thought::Complete),
            ("two zero six", &order, Thought::DigitsComing),
            ("i would like two", &Expect::Open, Thought::Incomplete),
            ("我想问一", &Expect::Open, Thought::Incomplete),
            ("星期一", &Expect::Open, Thought::Complete),
            ("twelve", &Expect::Open, Thought::Extendable),
            ("on wednesday", &Expect::Date, Thought::Extendable),
            ("on wednesday at ten", &Expect::Date, Thought::Complete),
            ("星期三上午", &Expect::Date, Thought::Complete),
            ("十一月", &Expect::Date, Thought::Incomplete),
            ("十一月三号", &Expect::Date, Thought::Extendable),
        ] {
            assert_eq!(thought(text, expect), wanted, "{text}");
        }
    }
}
