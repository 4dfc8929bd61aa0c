//! The gate of every summary: what a sentence states must stand in the turns it cites.
//!
//! Numbers, dates and names are compared, in whatever way they are written. Whether a paraphrase is
//! true is not judged here; that is why every sentence links to its turns, and a person reads it.

use crate::numbers::Numbers;
use crate::plain::{is_han, plain};
use crate::view::{CallView, Speaker, ViewTurn};
use serde::Serialize;
use sidetone_types::{SummaryPart, SummarySentence, UtteranceId};
use std::collections::BTreeSet;

/// Why a sentence must not be shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(tag = "unsupported", rename_all = "snake_case")]
pub enum Unsupported {
    #[error("it cites no turn")]
    NoCitation,
    #[error("it cites turn {turn}, which is not in this call")]
    UnknownTurn { turn: u32 },
    #[error("the number {number} is not in the turns it cites")]
    Number { number: String },
    #[error("the date or time “{date}” is not in the turns it cites")]
    Date { date: String },
    #[error("the name “{name}” is not in the turns it cites")]
    Name { name: String },
    #[error("it says that something was done, and cites only the caller's words")]
    NobodyDidIt,
    #[error("it is longer than {chars_max} characters")]
    TooLong { chars_max: usize },
}

/// Longer sentences are refused: a summary sentence that needs more is none.
pub const SENTENCE_CHARS_MAX: usize = 240;

/// Whether the sentence states only numbers, dates and names that occur in the turns it cites, in the
/// assistant's answers to them, or in the slots they filled.
pub fn check_supported(sentence: &SummarySentence, view: &CallView) -> Result<(), Unsupported> {
    let text = sentence.text.as_str();
    if text.chars().count() > SENTENCE_CHARS_MAX {
        let chars_max = SENTENCE_CHARS_MAX;
        return Err(Unsupported::TooLong { chars_max });
    }
    let evidence = Evidence::of(&sentence.turns, view)?;
    if sentence.part == SummaryPart::Done && !evidence.by_the_house {
        let of_ticket = |ticket: &sidetone_types::Ticket| {
            !ticket.number.is_empty() && text.contains(&ticket.number)
        };
        if !view.ticket.as_ref().is_some_and(of_ticket) {
            return Err(Unsupported::NobodyDidIt);
        }
    }
    let known = Numbers::of(&evidence.text).readings;
    let ticket = view.ticket.as_ref().map_or("", |ticket| &ticket.number);
    let of_ticket = Numbers::of(ticket).readings;
    for number in Numbers::of(text).stated {
        if !known.contains(&number) && !of_ticket.contains(&number) {
            return Err(Unsupported::Number { number });
        }
    }
    let said = dates(&evidence.text);
    if let Some(date) = dates(text).into_iter().find(|date| !said.contains(date)) {
        return Err(Unsupported::Date { date });
    }
    let said = format!("{} {}", plain(&evidence.text), plain(ticket));
    let unsaid = |name: &String| !said.contains(&plain(name));
    match names(text).into_iter().find(unsaid) {
        Some(name) => Err(Unsupported::Name { name }),
        None => Ok(()),
    }
}

struct Evidence {
    text: String,
    /// A person of the house spoke, or the assistant answered.
    by_the_house: bool,
}

impl Evidence {
    fn of(cited: &[UtteranceId], view: &CallView) -> Result<Self, Unsupported> {
        let spoken = |turn: &&ViewTurn| turn.utterance.is_some() && turn.is_final;
        let nobody_spoke = view.turns.iter().find(spoken).is_none();
        if cited.is_empty() && !nobody_spoke {
            return Err(Unsupported::NoCitation);
        }
        let cited: BTreeSet<UtteranceId> = cited.iter().copied().collect();
        let in_call = |id: &&UtteranceId| view.turn(**id).is_none_or(|turn| !turn.is_final);
        if let Some(unknown) = cited.iter().find(in_call) {
            return Err(Unsupported::UnknownTurn { turn: unknown.0 });
        }
        let mut evidence = Self {
            text: String::new(),
            by_the_house: false,
        };
        // A call by keypad has no words to cite: its prompts and slots are all there is.
        let mut answered = nobody_spoke;
        for turn in &view.turns {
            let counts = match turn.utterance {
                Some(id) if turn.speaker == Speaker::Caller => {
                    answered = cited.contains(&id);
                    answered
                }
                Some(id) => cited.contains(&id),
                None => answered,
            };
            if counts {
                evidence.by_the_house |= turn.speaker == Speaker::Agent || turn.answers;
                evidence.add(turn.text.as_str());
            }
        }
        for slot in &view.slots {
            if nobody_spoke || slot.by_key || slot.utterance.is_some_and(|id| cited.contains(&id)) {
                evidence.add(slot.shown.as_str());
                if let Some(money) = money(&slot.slot, slot.shown.as_str()) {
                    evidence.add(&money);
                }
            }
        }
        Ok(evidence)
    }

    fn add(&mut self, text: &str) {
        self.text.push_str(text);
        self.text.push('\n');
    }
}

/// Amounts are kept in cents; people read them in whole units.
pub(crate) fn money(slot: &str, shown: &str) -> Option<String> {
    let digits = !shown.is_empty() && shown.len() < 12 && shown.bytes().all(|b| b.is_ascii_digit());
    if !(slot.contains("amount") && digits) {
        return None;
    }
    let cents: u64 = shown.parse().ok()?;
    Some(format!("{}.{:02}", cents / 100, cents % 100))
}

const WEEKDAYS_ZH: [&str; 8] = ["一", "二", "三", "四", "五", "六", "日", "天"];

const WORDS_ZH: [&str; 24] = [
    "今天",
    "明天",
    "后天",
    "昨天",
    "前天",
    "今晚",
    "明早",
    "明晚",
    "上午",
    "下午",
    "晚上",
    "中午",
    "早上",
    "凌晨",
    "月底",
    "月初",
    "年底",
    "周末",
    "本周",
    "下周",
    "上周",
    "下个月",
    "上个月",
    "明年",
];

const WORDS_EN: [&str; 32] = [
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
    "january",
    "february",
    "march",
    "april",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
    "today",
    "tomorrow",
    "yesterday",
    "tonight",
    "morning",
    "afternoon",
    "evening",
    "noon",
    "midnight",
    "weekend",
    "next week",
    "last week",
    "next month",
    "last month",
];

/// Days, weeks and times of day named in a text, in one spelling for each.
fn dates(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let text_plain = plain(
        &text
            .replace("这周", "本周")
            .replace("礼拜", "周")
            .replace("星期", "周"),
    );
    for (ix, day) in WEEKDAYS_ZH.iter().enumerate() {
        if text_plain.contains(&format!("周{day}")) {
            found.insert(format!("周{}", WEEKDAYS_ZH[ix.min(6)]));
        }
    }
    let zh = WORDS_ZH.iter().filter(|word| text_plain.contains(**word));
    found.extend(zh.map(|word| (*word).to_owned()));
    let en = WORDS_EN
        .iter()
        .filter(|word| text_plain.contains(&format!(" {word} ")));
    found.extend(en.map(|word| (*word).to_owned()));
    found
}

/// What looks like a name: Latin words with a capital, and a Chinese surname with a title or after a
/// word for a person. It errs on the side of finding too many.
fn names(text: &str) -> Vec<String> {
    let mut found = latin_names(text);
    found.extend(chinese_names(text));
    found
}

const COMMON: [&str; 58] = [
    "i",
    "the",
    "a",
    "an",
    "caller",
    "customer",
    "agent",
    "assistant",
    "he",
    "she",
    "they",
    "it",
    "we",
    "you",
    "his",
    "her",
    "their",
    "this",
    "that",
    "there",
    "no",
    "not",
    "was",
    "were",
    "is",
    "asked",
    "agreed",
    "promised",
    "refund",
    "refunds",
    "order",
    "parcel",
    "bill",
    "delivery",
    "ticket",
    "wants",
    "wanted",
    "said",
    "reported",
    "complained",
    "will",
    "to",
    "follow",
    "called",
    "issue",
    "fact",
    "done",
    "next",
    "after",
    "when",
    "because",
    "both",
    "all",
    "please",
    "and",
    "but",
    "confirmed",
    "told",
];

fn latin_names(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let is_word = |c: char| c.is_alphanumeric() || c == '\'' || c == '’' || c == '-';
    for word in text.split(|c: char| !is_word(c) || is_han(c)) {
        let word = word.trim_matches(['\'', '’', '-']);
        let capital = word.chars().next().is_some_and(char::is_uppercase);
        let stem = word.split(['\'', '’']).next().unwrap_or(word);
        if capital && !COMMON.contains(&stem.to_lowercase().as_str()) {
            found.push(stem.to_owned());
        }
    }
    found
}

fn chinese_names(text: &str) -> Vec<String> {
    const SURNAMES: &str = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文欧";
    const TITLES: [&str; 12] = [
        "先生", "女士", "小姐", "经理", "师傅", "老师", "主管", "同学", "太太", "阿姨", "叔叔",
        "总",
    ];
    const BEFORE: [&str; 12] = [
        "客户",
        "顾客",
        "用户",
        "客服",
        "坐席",
        "专员",
        "同事",
        "联系人",
        "收件人",
        "收货人",
        "姓名",
        "我叫",
    ];
    let chars: Vec<char> = text.chars().collect();
    let rest = |ix: usize| chars[ix.min(chars.len())..].iter().collect::<String>();
    let mut found = Vec::new();
    for (ix, c) in chars.iter().enumerate() {
        if !SURNAMES.contains(*c) {
            continue;
        }
        for given in 0..=2 {
            let title = TITLES
                .iter()
                .find(|title| rest(ix + 1 + given).starts_with(**title));
            let name: String = chars[ix..(ix + 1 + given).min(chars.len())]
                .iter()
                .collect();
            if title.is_some() && name.chars().all(is_han) {
                found.push(name);
                break;
            }
        }
        let before: String = chars[..ix].iter().collect();
        let introduced = BEFORE.iter().any(|word| before.ends_with(word));
        let given: String = rest(ix).chars().take(2).collect();
        // "客户方便时" looks like a Mr Fang, too: better a sentence lost than a name invented.
        if introduced && given.chars().count() == 2 && given.chars().all(is_han) {
            found.push(given);
        }
    }
    found
}
