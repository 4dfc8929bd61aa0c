//! What callers say to the assistant itself, decided without a model.

use crate::listening::is_backchannel;
use crate::slots::{self, has_han};
use sidetone_types::Lang;

/// A wish that every place of the conversation honours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Person,
    Repeat,
    Goodbye,
    Thanks,
    Speak(Lang),
    Menu,
    Restart,
}

/// Letters and digits only, in lower case; blanks between words of English.
pub(crate) fn plain(text: &str) -> String {
    let cleaned: String = text
        .chars()
        .map(|c| {
            if c.is_alphanumeric() || c == '\'' {
                c
            } else {
                ' '
            }
        })
        .collect::<String>()
        .to_lowercase();
    let blank = if has_han(text) { "" } else { " " };
    cleaned.split_whitespace().collect::<Vec<_>>().join(blank)
}

/// The command a sentence is. A long story that happens to hold one of the words is not a command.
pub(crate) fn command(text: &str) -> Option<Command> {
    let plain = plain(text);
    if plain.is_empty() {
        return None;
    }
    if let Some(lang) = language(&plain) {
        return Some(Command::Speak(lang));
    }
    if is_person(&plain) {
        return Some(Command::Person);
    }
    if has_han(&plain) {
        zh_command(&plain)
    } else {
        en_command(&plain)
    }
}

fn language(plain: &str) -> Option<Lang> {
    const EN: [&str; 10] = [
        "english please",
        "in english",
        "speak english",
        "english",
        "说英语",
        "讲英语",
        "说英文",
        "讲英文",
        "用英语",
        "英语服务",
    ];
    const ZH: [&str; 11] = [
        "chinese please",
        "in chinese",
        "speak chinese",
        "mandarin",
        "chinese",
        "说中文",
        "讲中文",
        "说普通话",
        "讲普通话",
        "用中文",
        "中文服务",
    ];
    let short = plain.chars().count() <= if has_han(plain) { 12 } else { 40 };
    let is = |phrases: &[&str]| {
        phrases
            .iter()
            .any(|phrase| match phrase.contains(' ') || has_han(phrase) {
                true => short && plain.contains(phrase),
                false => plain == *phrase,
            })
    };
    if is(&EN) {
        Some(Lang::En)
    } else if is(&ZH) {
        Some(Lang::Zh)
    } else {
        None
    }
}

fn is_person(plain: &str) -> bool {
    if has_han(plain) {
        const ALWAYS: [&str; 13] = [
            "转人工",
            "人工客服",
            "人工服务",
            "接人工",
            "转接人工",
            "要人工",
            "找人工",
            "转客服",
            "找真人",
            "要真人",
            "转坐席",
            "转个人工",
            "找个真人",
        ];
        return plain.chars().count() <= 20
            && !plain.contains("不要人工")
            && !plain.contains("不用转人工")
            && (ALWAYS.iter().any(|phrase| plain.contains(phrase))
                || matches!(
                    plain.trim_end_matches('吧'),
                    "人工" | "人工人工" | "人工人工人工" | "真人" | "客服" | "坐席"
                ));
    }
    const ALONE: [&str; 12] = [
        "agent",
        "representative",
        "operator",
        "human",
        "person",
        "a person",
        "real person",
        "an agent",
        "a human",
        "customer service",
        "live agent",
        "agent please",
    ];
    const ALWAYS: [&str; 18] = [
        "talk to a person",
        "speak to a person",
        "talk to an agent",
        "speak to an agent",
        "speak to a human",
        "talk to a human",
        "real person",
        "a representative",
        "an operator",
        "live agent",
        "human being",
        "speak to someone",
        "talk to someone",
        "speak to somebody",
        "talk to somebody",
        "representative please",
        "operator please",
        "person please",
    ];
    let words = plain.split(' ').count();
    ALONE.contains(&plain)
        || (words <= 14
            && !plain.contains("don't want to talk to a")
            && ALWAYS.iter().any(|phrase| plain.contains(phrase)))
}

fn zh_command(plain: &str) -> Option<Command> {
    let count = plain.chars().count();
    let is = |phrases: &[&str]| phrases.iter().any(|phrase| plain.contains(phrase));
    if count <= 12
        && is(&[
            "再说一遍",
            "重复一遍",
            "再说一次",
            "没听清",
            "重说",
            "再讲一遍",
            "你说什么",
        ])
    {
        return Some(Command::Repeat);
    }
    if count <= 10 && is(&["再见", "拜拜", "挂了", "先这样"]) {
        return Some(Command::Goodbye);
    }
    if count <= 8 && is(&["按键", "菜单"]) {
        return Some(Command::Menu);
    }
    if count <= 8 && is(&["返回", "重新开始", "从头来", "主菜单"]) {
        return Some(Command::Restart);
    }
    let thanks = plain
        .trim_start_matches(['好', '的', '嗯', '哦', '行'])
        .trim_end_matches(['你', '您', '啊', '了']);
    matches!(thanks, "谢谢" | "多谢" | "谢谢谢谢" | "感谢").then_some(Command::Thanks)
}

fn en_command(plain: &str) -> Option<Command> {
    let words = plain.split(' ').count();
    let is = |phrases: &[&str]| phrases.iter().any(|phrase| plain.contains(phrase));
    if words <= 8
        && (matches!(plain, "repeat" | "pardon" | "what" | "sorry" | "again")
            || is(&[
                "say that again",
                "repeat that",
                "come again",
                "say again",
                "pardon me",
                "once more",
                "what did you say",
                "didn't catch",
                "can you repeat",
                "please repeat",
            ]))
    {
        return Some(Command::Repeat);
    }
    if words <= 7 && is(&["goodbye", "good bye", "bye bye", "bye"]) {
        return Some(Command::Goodbye);
    }
    if words <= 4 && is(&["keypad", "menu options", "the menu"]) {
        return Some(Command::Menu);
    }
    if words <= 4 && is(&["start over", "main menu", "go back"]) {
        return Some(Command::Restart);
    }
    let thanks = ["ok ", "okay ", "great ", "alright "]
        .iter()
        .fold(plain, |text, head| text.strip_prefix(head).unwrap_or(text));
    matches!(
        thanks,
        "thanks"
            | "thank you"
            | "thanks a lot"
            | "thank you very much"
            | "thank you so much"
            | "many thanks"
    )
    .then_some(Command::Thanks)
}

/// "yes", "不对": an answer and nothing else. Where nothing was asked it is no wish.
pub(crate) fn is_bare_answer(text: &str) -> bool {
    let plain = plain(text);
    matches!(
        plain.as_str(),
        "对" | "对的"
            | "对对"
            | "是"
            | "是的"
            | "好"
            | "好的"
            | "行"
            | "可以"
            | "没错"
            | "不"
            | "不是"
            | "不对"
            | "不行"
            | "yes"
            | "yeah"
            | "yep"
            | "yes please"
            | "no"
            | "nope"
            | "okay"
            | "ok"
            | "right"
            | "sure"
            | "correct"
            | "that's right"
    )
}

/// A sign of listening that is never an answer while the question is still being spoken.
pub(crate) fn is_hum(text: &str) -> bool {
    let plain = plain(text);
    if has_han(&plain) {
        plain.chars().all(|c| "嗯哦噢啊呃唔哎诶欸恩额".contains(c))
    } else {
        plain.split(' ').all(|word| {
            matches!(
                word,
                "" | "mm"
                    | "hm"
                    | "hmm"
                    | "mhm"
                    | "mmhm"
                    | "uh"
                    | "huh"
                    | "um"
                    | "ah"
                    | "oh"
                    | "er"
            )
        })
    }
}

/// Words that carry meaning: characters pairs in Chinese, words in English, hums left out.
pub(crate) fn content_words(text: &str) -> usize {
    let plain = plain(text);
    if has_han(&plain) {
        const EMPTY: &str = "嗯哦噢啊呃唔哎诶欸恩额吧吗呢的了";
        return plain.chars().filter(|&c| !EMPTY.contains(c)).count() / 2;
    }
    plain
        .split(' ')
        .filter(|word| !word.is_empty() && !is_backchannel(word))
        .count()
}

/// "That's all", "没别的了": nothing more is wanted.
pub(crate) fn is_done(text: &str) -> bool {
    let plain = plain(text);
    let short = plain.chars().count() <= if has_han(&plain) { 10 } else { 40 };
    const DONE: [&str; 14] = [
        "that's all",
        "that is all",
        "that's it",
        "nothing else",
        "nothing more",
        "all good",
        "i'm good",
        "i'm fine",
        "没别的",
        "没有别的",
        "就这些",
        "就这样",
        "没事了",
        "可以了",
    ];
    short && (DONE.iter().any(|phrase| plain.contains(phrase)) || is_nothing(&plain))
}

/// "没有了，谢谢" and nothing beside it; "快递没有了" is another matter.
fn is_nothing(plain: &str) -> bool {
    const NOTHING: [&str; 14] = [
        "没有了",
        "没了",
        "没有",
        "没事",
        "没问题了",
        "没有问题了",
        "不用了",
        "不需要了",
        "nothing",
        "no nothing",
        "no thanks",
        "no thank you",
        "no that's fine",
        "not anymore",
    ];
    let courtesy = ["谢谢您", "谢谢你", "谢谢", "再见", " thanks", " thank you"];
    let head = plain.trim_start_matches(['嗯', '哦', '好', '的', '啊']);
    let bare = courtesy
        .iter()
        .fold(head, |text, tail| text.strip_suffix(tail).unwrap_or(text))
        .trim_end_matches(['啊', '吧', '呢', '哈']);
    NOTHING.contains(&plain) || NOTHING.contains(&bare)
}

/// The two halves of a sentence that holds two wishes: "查一下账单，顺便改个预约".
pub(crate) fn two_wishes(text: &str, lang: Lang) -> Option<(String, String)> {
    let joints: &[&str] = match lang {
        Lang::Zh => &["顺便", "另外", "还有就是", "还有", "然后", "再帮我", "同时"],
        Lang::En => &[
            " and also ",
            " and then ",
            " also ",
            " plus ",
            " and i want to ",
            " and i'd like to ",
            " and ",
        ],
    };
    let lower = text.to_ascii_lowercase();
    let long_enough = |part: &str| match lang {
        Lang::Zh => part.chars().filter(|c| c.is_alphanumeric()).count() >= 4,
        Lang::En => part.split_whitespace().count() >= 3,
    };
    joints.iter().find_map(|joint| {
        let at = lower.find(joint)?;
        let (first, second) = (text[..at].trim(), text[at + joint.len()..].trim());
        let clean = |part: &str| {
            part.trim_matches(|c: char| !c.is_alphanumeric() && c != '\'')
                .to_owned()
        };
        (long_enough(first) && long_enough(second)).then(|| (clean(first), clean(second)))
    })
}

/// The language a text is written in, where it is plain.
pub(crate) fn language_of(text: &str) -> Option<Lang> {
    let han = text
        .chars()
        .filter(|&c| slots::has_han(c.encode_utf8(&mut [0; 4])))
        .count();
    let latin = text
        .split_whitespace()
        .filter(|word| word.chars().any(|c| c.is_ascii_alphabetic()))
        .count();
    match (han, latin) {
        (2.., 0 | 1) => Some(Lang::Zh),
        (0, 2..) => Some(Lang::En),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_in_both_languages() {
        for (text, expected) in [
            ("转人工", Some(Command::Person)),
            ("麻烦帮我转人工，谢谢", Some(Command::Person)),
            ("Agent!", Some(Command::Person)),
            ("I want to talk to a person", Some(Command::Person)),
            ("我要投诉你们的客服态度", None),
            ("what did the agent say yesterday about my parcel", None),
            ("请再说一遍", Some(Command::Repeat)),
            ("Pardon?", Some(Command::Repeat)),
            ("English please", Some(Command::Speak(Lang::En))),
            ("请讲中文", Some(Command::Speak(Lang::Zh))),
            ("好的，谢谢", Some(Command::Thanks)),
            ("ok, thank you", Some(Command::Thanks)),
            ("bye", Some(Command::Goodbye)),
            ("查一下账单", None),
        ] {
            assert_eq!(command(text), expected, "{text}");
        }
    }

    #[test]
    fn hums_and_words() {
        for bare in ["对。", "是的", "不是", "好的"] {
            assert!(is_bare_answer(bare), "{bare}");
        }
        for bare in ["Yes.", "no", "yes please", "that's right"] {
            assert!(is_bare_answer(bare), "{bare}");
        }
        assert!(!is_bare_answer("要退款"));
        assert!(!is_bare_answer("no parcel yet"));
        assert_eq!(content_words("check my bill"), 3);
        assert_eq!(content_words("嗯，账单"), 1);
    }

    #[test]
    fn two_wishes_in_a_sentence() {
        assert_eq!(
            two_wishes("查一下我的账单，顺便看看快递到哪了", Lang::Zh),
            Some(("查一下我的账单".into(), "看看快递到哪了".into()))
        );
        assert_eq!(
            two_wishes("check my bill and also track my parcel", Lang::En),
            Some(("check my bill".into(), "track my parcel".into()))
        );
        assert_eq!(two_wishes("black and white", Lang::En), None);
    }
}
