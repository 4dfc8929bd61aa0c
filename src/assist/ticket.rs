//! The help-desk ticket, filled in before the agent opens it.

use crate::summary::{self, issue_turn, quote};
use crate::view::{CallView, Speaker};
use sidetone_types::*;

/// A prefilled ticket; the number is empty until the help desk gives one. `tier` is the customer's,
/// from the CRM. Priorities: `urgent`, `high`, `normal`, `low`.
pub fn draft(view: &CallView, tier: Option<&str>) -> Ticket {
    draft_titled(view, tier, &summary::Titles::new())
}

/// The same with the intents' titles in the call's language.
pub fn draft_titled(view: &CallView, tier: Option<&str>, titles: &summary::Titles) -> Ticket {
    Ticket {
        number: String::new(),
        subject: Masked::authored(subject(view, titles)),
        body: Masked::authored(body(view, titles)),
        priority: priority(view, tier).to_owned(),
    }
}

fn subject(view: &CallView, titles: &summary::Titles) -> String {
    let title = view.intent().and_then(|found| titles.get(&found.intent));
    let words = issue_turn(view).map(|turn| quote(turn.text.as_str()));
    match (title, words, view.lang) {
        (Some(title), Some(words), Lang::Zh) => format!("{title}：{words}"),
        (Some(title), Some(words), Lang::En) => format!("{title}: {words}"),
        (Some(title), None, _) => title.clone(),
        (None, Some(words), _) => words,
        (None, None, Lang::Zh) => "客户来电".to_owned(),
        (None, None, Lang::En) => "Customer call".to_owned(),
    }
}

/// The summary by parts, then the caller's words that it rests on, then where to find the call.
fn body(view: &CallView, titles: &summary::Titles) -> String {
    let zh = view.lang == Lang::Zh;
    let drafted;
    let sentences = if view.summary.is_empty() {
        drafted = summary::draft_titled(view, view.lang, titles);
        &drafted
    } else {
        &view.summary
    };
    let mut lines = Vec::new();
    for part in [
        SummaryPart::Issue,
        SummaryPart::Fact,
        SummaryPart::Done,
        SummaryPart::Next,
    ] {
        let of_part = sentences.iter().filter(|sentence| sentence.part == part);
        let texts: Vec<_> = of_part
            .map(|sentence| format!("- {}", sentence.text))
            .collect();
        if !texts.is_empty() {
            lines.push(heading(part, zh).to_owned());
            lines.extend(texts);
        }
    }
    let cited = |id: &UtteranceId| sentences.iter().any(|sentence| sentence.turns.contains(id));
    let caller = view.said_by(Speaker::Caller);
    let quoted: Vec<String> = caller
        .filter_map(|turn| turn.utterance.filter(cited).map(|id| (id, &turn.text)))
        .map(|(id, text)| format!("- [{id}] {text}"))
        .collect();
    if !quoted.is_empty() {
        lines.push(
            if zh {
                "客户原话："
            } else {
                "In the caller's words:"
            }
            .to_owned(),
        );
        lines.extend(quoted);
    }
    if let Some(call) = &view.call {
        lines.push(if zh {
            format!("通话编号：{call}")
        } else {
            format!("Call: {call}")
        });
    }
    lines.join("\n")
}

fn heading(part: SummaryPart, zh: bool) -> &'static str {
    match (part, zh) {
        (SummaryPart::Issue, true) => "来电原因：",
        (SummaryPart::Fact, true) => "已知情况：",
        (SummaryPart::Done, true) => "已办理：",
        (SummaryPart::Next, true) => "后续：",
        (SummaryPart::Issue, false) => "Issue:",
        (SummaryPart::Fact, false) => "Facts:",
        (SummaryPart::Done, false) => "Done:",
        (SummaryPart::Next, false) => "Next:",
    }
}

/// One step up for each of: a complaint or a loss, an angry caller, a VIP. Praise goes down.
fn priority(view: &CallView, tier: Option<&str>) -> &'static str {
    const GRAVE: [&str; 8] = [
        "complaint",
        "damaged",
        "not-received",
        "missing-item",
        "scam",
        "dispute",
        "wrong-item",
        "freeze",
    ];
    let found = |part: &&str| {
        view.intents
            .iter()
            .any(|i| i.intent.as_str().contains(*part))
    };
    let grave = GRAVE.iter().any(&found);
    let lowest = view
        .mood
        .points
        .iter()
        .filter(|p| p.speaker == Speaker::Caller);
    let angry = lowest
        .map(|point| point.score)
        .min()
        .is_some_and(|score| score <= -60);
    let vip = tier.is_some_and(|tier| tier.eq_ignore_ascii_case("vip"));
    match u8::from(grave) + u8::from(angry) + u8::from(vip) {
        0 if found(&"compliment") => "low",
        0 => "normal",
        1 => "high",
        _ => "urgent",
    }
}
