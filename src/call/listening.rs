//! Signs of listening ("嗯", "right, I see"): what people say while somebody else has the word.

use crate::rules::plain;
use crate::slots::has_han;

/// Each stands alone or beside others. Longer ones first where one begins with another.
const UNITS_EN: [&str; 84] = [
    "please continue",
    "please go on",
    "that makes sense",
    "that sounds good",
    "that's right",
    "that's true",
    "that's fine",
    "that's good",
    "that's great",
    "i understand",
    "i'm listening",
    "i'm with you",
    "i'm here",
    "i'm following",
    "i hear you",
    "i get it",
    "i got it",
    "i know",
    "i see",
    "i do",
    "i think so",
    "is that so",
    "is it",
    "you don't say",
    "makes sense",
    "sounds good",
    "fair enough",
    "right you are",
    "of course",
    "no problem",
    "no worries",
    "very good",
    "very well",
    "very nice",
    "go ahead",
    "go on",
    "carry on",
    "keep going",
    "all right",
    "got it",
    "got you",
    "with you",
    "oh dear",
    "oh wow",
    "oh good",
    "uh huh",
    "mm hm",
    "continue",
    "understood",
    "absolutely",
    "definitely",
    "certainly",
    "exactly",
    "indeed",
    "interesting",
    "wonderful",
    "brilliant",
    "excellent",
    "perfect",
    "lovely",
    "great",
    "good",
    "nice",
    "cool",
    "fine",
    "true",
    "sure",
    "really",
    "alright",
    "gotcha",
    "right",
    "okay",
    "ok",
    "yeah",
    "yep",
    "yup",
    "yes",
    "wow",
    "well",
    "so",
    "ah",
    "aha",
    "oh",
    "and",
];
const HUMS_EN: [&str; 12] = [
    "mm", "hm", "hmm", "mhm", "mmhm", "mmm", "uh", "huh", "um", "er", "erm", "eh",
];
const UNITS_ZH: [&str; 62] = [
    "原来是这样",
    "原来如此",
    "原来这样",
    "我听着呢",
    "我在听",
    "听着呢",
    "在听呢",
    "我知道了",
    "我知道",
    "知道了",
    "知道",
    "我明白了",
    "我明白",
    "明白了",
    "明白",
    "我懂了",
    "懂了",
    "懂",
    "我了解",
    "了解了",
    "了解",
    "收到",
    "可不是嘛",
    "可不是吗",
    "可不是",
    "没问题",
    "没错",
    "请继续",
    "您继续",
    "你继续",
    "继续",
    "您接着讲",
    "您接着说",
    "接着讲",
    "接着说",
    "您请讲",
    "您请说",
    "您说",
    "你说",
    "您讲",
    "你讲",
    "真的吗",
    "真的",
    "这样子",
    "这样",
    "是这样",
    "好嘞",
    "好的",
    "可以",
    "确实",
    "的确",
    "也是",
    "就是",
    "当然",
    "不错",
    "那行",
    "那好",
    "好",
    "行",
    "对",
    "是",
    "成",
];
const HUMS_ZH: &str = "嗯哦噢喔啊呃唔哎诶欸恩额呀吧呢嘛吗啦哈咯嘞了的";

/// A sign of listening and nothing else; so is no text at all.
pub(crate) fn is_backchannel(text: &str) -> bool {
    let plain = plain(text).replace('-', " ");
    if has_han(&plain) {
        is_made_of(&plain, &|rest| {
            let unit = UNITS_ZH.iter().find_map(|unit| rest.strip_prefix(unit));
            unit.or_else(|| rest.strip_prefix(|c: char| HUMS_ZH.contains(c)))
        })
    } else {
        is_made_of(&plain, &|rest| {
            let whole = |unit: &&str| {
                let after = rest.strip_prefix(*unit)?;
                (after.is_empty() || after.starts_with(' ')).then(|| after.trim_start())
            };
            UNITS_EN.iter().chain(&HUMS_EN).find_map(whole)
        })
    }
}

/// Whether taking one part after the other leaves nothing.
fn is_made_of<'a>(text: &'a str, take: &dyn Fn(&'a str) -> Option<&'a str>) -> bool {
    let mut rest = text;
    while !rest.is_empty() {
        match take(rest) {
            Some(after) => rest = after,
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_of_listening_are_told_from_wishes() {
        for text in [
            "",
            "嗯嗯",
            "Mm-hm.",
            "okay",
            "yeah okay",
            "right, I see",
            "oh wow okay",
            "go on",
            "Is that so?",
            "好好好",
            "哦是吗",
            "嗯收到",
            "我听着呢",
            "那行吧",
            "对对对",
            "您接着讲",
        ] {
            assert!(is_backchannel(text), "{text}");
        }
        for text in [
            "账单",
            "agent",
            "wait",
            "stop",
            "hang on",
            "okay but my bill",
            "I see no bill",
            "够了",
            "跳过",
            "不用了",
            "好像不对",
            "是我要退货",
            "等一下",
            "no",
        ] {
            assert!(!is_backchannel(text), "{text}");
        }
    }
}
