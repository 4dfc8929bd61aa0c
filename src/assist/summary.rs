//! The summary at the end of a call: what it was about, the facts, what was done, what comes next.
//!
//! [`draft`] works without a language model: it quotes and fills templates. [`prompt`] and
//! [`parse_reply`] are for one; both results pass the same gate, [`check_supported`].

use crate::plain::{is_han, sentences};
use crate::support::money;
use crate::view::{CallView, Speaker, ViewTurn};
use sidetone_types::*;
use std::collections::BTreeMap;

pub use crate::model_summary::{Reply, ReplyError, parse_reply, prompt};
pub use crate::support::{SENTENCE_CHARS_MAX, Unsupported, check_supported};

/// Longest quotation in a sentence: Chinese characters, or two and a half letters each.
const QUOTE_MAX: usize = 60;
const FACTS_MAX: usize = 4;
const DONE_MAX: usize = 3;
const NEXT_MAX: usize = 3;
/// A caller's turn at or below this mood is named as such.
const UPSET_AT: i8 = -50;

/// Titles of intents in the summary's language, from the content folder.
pub type Titles = BTreeMap<IntentId, String>;

/// A summary without a model and without titles.
pub fn draft(view: &CallView, lang: Lang) -> Vec<SummarySentence> {
    draft_titled(view, lang, &Titles::new())
}

/// A summary without a model. Every sentence has passed [`check_supported`].
pub fn draft_titled(view: &CallView, lang: Lang, titles: &Titles) -> Vec<SummarySentence> {
    let issue = issue_turn(view);
    let mut all = Vec::new();
    // A title may hold a number or a name that the caller did not say; then the words stand alone.
    let titled = issue.map(|turn| issue_sentence(turn, view, lang, titles));
    let supported = titled.filter(|sentence| check_supported(sentence, view).is_ok());
    all.extend(supported.or_else(|| {
        let turn = issue?;
        Some(issue_sentence(turn, view, lang, &Titles::new()))
    }));
    all.extend(upset(view, issue, lang));
    all.extend(slots(view, lang));
    all.extend(answers(view, lang));
    all.extend(commitments(view, lang));
    all.extend(record(view, issue, lang));
    all.retain(|sentence| check_supported(sentence, view).is_ok());
    let mut left = BTreeMap::from([(1, FACTS_MAX), (2, DONE_MAX), (3, NEXT_MAX)]);
    all.retain(|sentence| match left.get_mut(&order(sentence.part)) {
        Some(0) => false,
        Some(left) => {
            *left -= 1;
            true
        }
        None => true,
    });
    all.sort_by_key(|sentence| order(sentence.part));
    all
}

fn order(part: SummaryPart) -> u8 {
    match part {
        SummaryPart::Issue => 0,
        SummaryPart::Fact => 1,
        SummaryPart::Done => 2,
        SummaryPart::Next => 3,
    }
}

fn sentence(part: SummaryPart, text: String, turns: Vec<UtteranceId>) -> SummarySentence {
    SummarySentence {
        // Templates around text that was masked before it came here.
        text: Masked::authored(text),
        part,
        turns,
    }
}

/// The turn that says what the call is about: the one with the clearest intent, else the longest of
/// the caller's first three.
pub(crate) fn issue_turn(view: &CallView) -> Option<&ViewTurn> {
    let asks_person = |id: &IntentId| id.as_str() == "agent-request";
    let about = view
        .intents
        .iter()
        .filter(|f| !f.intent.is_none() && !asks_person(&f.intent));
    let clear = about
        .max_by_key(|found| found.score)
        .and_then(|f| view.turn(f.utterance));
    let said = |turn: &&ViewTurn| turn.is_final && !turn.text.is_empty();
    let first = view
        .said_by(Speaker::Caller)
        .filter(|turn| !turn.backchannel)
        .take(3);
    let longest = || first.max_by_key(|turn| turn.text.as_str().chars().count());
    clear.filter(said).or_else(longest)
}

fn issue_sentence(
    turn: &ViewTurn,
    view: &CallView,
    lang: Lang,
    titles: &Titles,
) -> SummarySentence {
    let quote = quote(turn.text.as_str());
    let of_turn = |intent: &&crate::view::ViewIntent| Some(intent.utterance) == turn.utterance;
    let intent = view.intents.iter().rev().find(of_turn);
    let title = intent.and_then(|found| titles.get(&found.intent));
    let text = match (lang, title) {
        (Lang::Zh, Some(title)) => format!("客户来电办理“{title}”：“{quote}”。"),
        (Lang::Zh, None) => format!("客户来电：“{quote}”。"),
        (Lang::En, Some(title)) => {
            let title = lower_first(title);
            format!("Caller asked about “{title}”: “{quote}”.")
        }
        (Lang::En, None) => format!("Caller: “{quote}”."),
    };
    sentence(
        SummaryPart::Issue,
        text,
        turn.utterance.into_iter().collect(),
    )
}

fn upset(view: &CallView, issue: Option<&ViewTurn>, lang: Lang) -> Option<SummarySentence> {
    let scored = view
        .said_by(Speaker::Caller)
        .filter_map(|turn| Some((turn.mood.as_ref()?.score, turn)));
    let (score, turn) = scored.min_by_key(|(score, _)| *score)?;
    if score > UPSET_AT || issue.is_some_and(|issue| issue.utterance == turn.utterance) {
        return None;
    }
    let quote = quote(turn.text.as_str());
    let text = match lang {
        Lang::Zh => format!("客户情绪不满：“{quote}”。"),
        Lang::En => format!("The caller was upset: “{quote}”."),
    };
    Some(sentence(
        SummaryPart::Issue,
        text,
        turn.utterance.into_iter().collect(),
    ))
}

fn slots(view: &CallView, lang: Lang) -> impl Iterator<Item = SummarySentence> {
    let confirmed = view
        .slots
        .iter()
        .filter(|slot| slot.confirmed && !slot.shown.is_empty());
    confirmed.map(move |slot| {
        let label = slot_label(&slot.slot, lang);
        let shown = slot.shown.to_string();
        let shown = money(&slot.slot, &shown).unwrap_or(shown);
        let text = match lang {
            Lang::Zh => format!("{label}：{shown}，已与客户核对。"),
            Lang::En => format!("The {label} is {shown}, confirmed with the caller."),
        };
        sentence(
            SummaryPart::Fact,
            text,
            slot.utterance.into_iter().collect(),
        )
    })
}

/// Slots are named by the flows' authors; the usual names have words of their own.
fn slot_label(slot: &str, lang: Lang) -> String {
    const LABELS: [(&str, &str, &str); 10] = [
        ("order", "订单号", "order number"),
        ("phone", "电话号码", "phone number"),
        ("card", "卡号后四位", "last four digits of the card"),
        ("amount", "金额", "amount"),
        ("date", "日期", "date"),
        ("time", "时间", "time"),
        ("address", "地址", "address"),
        ("parcel", "运单号", "parcel number"),
        ("name", "姓名", "name"),
        ("reason", "原因", "reason"),
    ];
    let known = LABELS.iter().find(|(part, ..)| slot.contains(part));
    match (known, lang) {
        (Some((_, zh, _)), Lang::Zh) => (*zh).to_owned(),
        (Some((.., en)), Lang::En) => (*en).to_owned(),
        (None, _) => slot.replace(['_', '-'], " "),
    }
}

/// What the assistant said from a connector or an article, cited by the question it answered.
fn answers(view: &CallView, lang: Lang) -> Vec<SummarySentence> {
    let mut asked = None;
    let mut out = Vec::new();
    for turn in &view.turns {
        if turn.speaker == Speaker::Caller && turn.is_final && turn.is_clear() && !turn.backchannel
        {
            asked = turn.utterance;
        }
        if !turn.answers || !turn.is_final {
            continue;
        }
        let quote = quote(turn.text.as_str());
        let part = if Commitment::of(&quote) == Some(Commitment::Done) {
            SummaryPart::Done
        } else {
            SummaryPart::Fact
        };
        let text = match lang {
            Lang::Zh => format!("智能助理答复：“{quote}”。"),
            Lang::En => format!("The assistant answered: “{quote}”."),
        };
        out.push(sentence(part, text, asked.into_iter().collect()));
    }
    out
}

/// What the agent said they had done or would do.
fn commitments(view: &CallView, lang: Lang) -> Vec<SummarySentence> {
    let mut out = Vec::new();
    for turn in view.said_by(Speaker::Agent) {
        for said in sentences(turn.text.as_str()).into_iter().flat_map(promises) {
            let Some(commitment) = Commitment::of(said) else {
                continue;
            };
            let quote = quote(said);
            let (part, text) = match (commitment, lang) {
                (Commitment::Done, Lang::Zh) => {
                    (SummaryPart::Done, format!("坐席已办理：“{quote}”。"))
                }
                (Commitment::Done, Lang::En) => {
                    (SummaryPart::Done, format!("The agent said: “{quote}”."))
                }
                (Commitment::Next, Lang::Zh) => {
                    (SummaryPart::Next, format!("坐席承诺：“{quote}”。"))
                }
                (Commitment::Next, Lang::En) => {
                    (SummaryPart::Next, format!("The agent promised: “{quote}”."))
                }
            };
            out.push(sentence(part, text, turn.utterance.into_iter().collect()));
        }
    }
    out
}

/// "已经登记了，明天给您打电话" is one thing done and one promised: two clauses of one sentence.
fn promises(sentence: &str) -> Vec<&str> {
    let clauses: Vec<&str> = sentence.split(['，', ',']).map(str::trim).collect();
    let found = |wanted| {
        clauses
            .iter()
            .any(|clause| Commitment::of(clause) == Some(wanted))
    };
    if found(Commitment::Done) && found(Commitment::Next) {
        clauses
    } else {
        vec![sentence]
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Commitment {
    Done,
    Next,
}

const IDLE: [&str; 13] = [
    "查一下",
    "看一下",
    "查询一下",
    "核实一下",
    "稍等",
    "请稍",
    "等一下",
    "let me check",
    "let me see",
    "let me look",
    "one moment",
    "hold on",
    "bear with me",
];

const DONE: [&str; 31] = [
    "已经帮您",
    "已经给您",
    "已经为您",
    "已帮您",
    "已给您",
    "已为您",
    "登记好了",
    "登记了",
    "提交了",
    "办好了",
    "处理好了",
    "申请好了",
    "预约好了",
    "取消了",
    "修改好了",
    "已经登记",
    "已经提交",
    "已经申请",
    "已经安排",
    "已经取消",
    "已经反馈",
    "预约成功",
    "i've ",
    "i have ",
    "we've ",
    "we have ",
    "has been ",
    "have been ",
    "i just ",
    "is booked",
    "is cancelled",
];

const NEXT: [&str; 35] = [
    "我帮您",
    "我给您",
    "我为您",
    "帮您登记",
    "帮您申请",
    "帮您催",
    "帮您反馈",
    "帮您转",
    "会尽快",
    "会在",
    "会给您",
    "会联系",
    "会有专",
    "联系您",
    "回复您",
    "回电",
    "给您打电话",
    "之前给您",
    "以内",
    "之内",
    "工作日内",
    "小时内",
    "i'll ",
    "i will ",
    "i'm going to ",
    "we'll ",
    "we will ",
    "you'll ",
    "you will ",
    "let me ",
    "someone will ",
    "within ",
    "a colleague will ",
    "will call you",
    "will be ",
];

impl Commitment {
    fn of(said: &str) -> Option<Self> {
        let folded = crate::plain::fold(said);
        let question =
            folded.trim_end().ends_with(['?']) || folded.trim_end().ends_with(['吗', '呢']);
        let any = |list: &[&str]| list.iter().any(|phrase| folded.contains(phrase));
        if question || any(&IDLE) {
            return None;
        }
        match (any(&DONE), any(&NEXT)) {
            (true, _) => Some(Self::Done),
            (false, true) => Some(Self::Next),
            (false, false) => None,
        }
    }
}

/// What the record itself says: the ticket, and a call that ended before anybody answered.
fn record(view: &CallView, issue: Option<&ViewTurn>, lang: Lang) -> Vec<SummarySentence> {
    let turns: Vec<_> = issue.and_then(|turn| turn.utterance).into_iter().collect();
    let mut out = Vec::new();
    if let Some(ticket) = view
        .ticket
        .as_ref()
        .filter(|ticket| !ticket.number.is_empty())
    {
        let number = &ticket.number;
        let text = match lang {
            Lang::Zh => format!("已登记工单 {number}。"),
            Lang::En => format!("The ticket {number} was created."),
        };
        out.push(sentence(SummaryPart::Done, text, turns.clone()));
    }
    let abandoned = view
        .ended
        .as_ref()
        .is_some_and(|end| end.reason == EndReason::Abandoned);
    if abandoned {
        let text = match lang {
            Lang::Zh => "客户排队时挂断，没有接通人工。",
            Lang::En => "The caller hung up in the queue and reached nobody.",
        };
        out.push(sentence(SummaryPart::Next, text.to_owned(), turns));
    }
    out
}

/// The words themselves, without the sounds in front of them, cut at a clause when too long.
pub(crate) fn quote(text: &str) -> String {
    const FILLERS: [&str; 18] = [
        "呃", "嗯", "啊", "那个", "就是", "喂", "你好", "您好", "uh", "um", "er", "well", "so",
        "okay", "ok", "hello", "hi", "please",
    ];
    let gap = |c: char| c.is_whitespace() || "，。！？、,.!?…~".contains(c);
    let mut text = text.trim_matches(gap);
    loop {
        let folded = text.to_lowercase();
        let filler = FILLERS.iter().find(|filler| {
            let after = folded.strip_prefix(**filler);
            after.is_some_and(|after| {
                let latin = filler.is_ascii();
                let ends = after.starts_with(gap) || !latin && filler.chars().count() == 1;
                ends && after.chars().filter(|c| c.is_alphanumeric()).count() > 2
            })
        });
        let Some(filler) = filler else { break };
        text = text[filler.len()..].trim_start_matches(gap);
    }
    let width = |c: char| if is_han(c) { 5 } else { 2 };
    let (mut used, mut cut, mut clause) = (0, text.len(), None);
    for (at, c) in text.char_indices() {
        used += width(c);
        if used > QUOTE_MAX * 5 {
            cut = clause.unwrap_or(at);
            break;
        }
        if gap(c) {
            clause = Some(at);
        }
    }
    let kept = text[..cut].trim_end_matches(gap);
    let cleaned = kept.replace(['“', '”'], "'");
    if cut < text.len() {
        cleaned + "…"
    } else {
        cleaned
    }
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|c| c.to_lowercase().to_string());
    first.unwrap_or_default() + chars.as_str()
}
