use crate::script::{Script, late_parcel, late_refund};
use expect_test::{Expect, expect};
use sidetone_assist::summary::{check_supported, draft, draft_titled};
use sidetone_assist::{CallView, ticket};
use sidetone_types::*;
use std::collections::BTreeMap;

fn shown(sentences: &[SummarySentence]) -> String {
    let line = |sentence: &SummarySentence| {
        let turns: Vec<_> = sentence.turns.iter().map(ToString::to_string).collect();
        format!(
            "{:?} [{}] {}",
            sentence.part,
            turns.join(" "),
            sentence.text
        )
    };
    sentences.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn check(view: &CallView, expected: Expect) {
    let sentences = draft(view, view.lang);
    for sentence in &sentences {
        assert_eq!(check_supported(sentence, view), Ok(()), "{}", sentence.text);
    }
    expected.assert_eq(&shown(&sentences));
}

#[test]
fn a_late_parcel_in_chinese() {
    check(
        &late_parcel().view(),
        expect![[r#"
            Issue [1] 客户来电：“我的快递三天没动了，到底什么时候能到”。
            Issue [3] 客户情绪不满：“你们每次都这么说，我要投诉，转人工”。
            Fact [2] 订单号：20611018，已与客户核对。
            Fact [2] 智能助理答复：“您的包裹11月18日到达上海分拨中心，预计11月23日送达”。
            Done [6] 坐席已办理：“已经帮您登记了催件”。
            Next [6] 坐席承诺：“快递站明天上午会给您打电话”。"#]],
    );
}

#[test]
fn a_late_refund_in_english() {
    check(
        &late_refund().view(),
        expect![[r#"
        Issue [1] Caller: “I sent back a kettle two weeks ago and there's no refund yet”.
        Fact [2] The order number is 20611018, confirmed with the caller.
        Fact [2] The amount is 129.50, confirmed with the caller.
        Fact [2] The assistant answered: “Your refund of 129.50 yuan was approved on November 19”.
        Done [5] The agent said: “I've asked the bank to hurry it up”.
        Next [5] The agent promised: “You'll get the 129.50 yuan by Friday”."#]],
    );
}

#[test]
fn titles_are_used_where_the_call_supports_them() {
    let titles = |title: &str| BTreeMap::from([("parcel-track".into(), title.to_owned())]);
    let mut call = Script::new("c", Lang::Zh);
    let asked = call.caller("查一下我的快递");
    call.intent(asked, "parcel-track", 900);
    let first = |title| shown(&draft_titled(&call.view(), Lang::Zh, &titles(title)));
    expect!["Issue [1] 客户来电办理“查快递”：“查一下我的快递”。"].assert_eq(&first("查快递"));
    // Nobody said seven days.
    expect!["Issue [1] 客户来电：“查一下我的快递”。"].assert_eq(&first("7天无理由退货"));
}

#[test]
fn a_call_without_words_gives_only_what_the_record_holds() {
    check(&Script::new("silent", Lang::Zh).view(), expect![[""]]);
    let mut call = Script::new("left", Lang::En);
    call.caller("I want to talk to somebody about my invoice");
    call.queue("general").wait(30_000).end(EndReason::Abandoned);
    check(
        &call.view(),
        expect![[r#"
        Issue [1] Caller: “I want to talk to somebody about my invoice”.
        Next [1] The caller hung up in the queue and reached nobody."#]],
    );
}

#[test]
fn a_ticket_is_named_once_it_has_a_number() {
    let mut call = late_refund();
    let mut draft_ticket = ticket::draft(&call.view(), None);
    draft_ticket.number = "T-1042".into();
    call.event(EventKind::TicketCreated {
        ticket: draft_ticket,
        by: "bo".into(),
    });
    let sentences = draft(&call.view(), Lang::En);
    let about: Vec<_> = sentences
        .iter()
        .filter(|s| s.text.as_str().contains("T-1042"))
        .collect();
    assert_eq!(about.len(), 1, "{}", shown(&sentences));
}

#[test]
fn a_ticket_is_prefilled() {
    let ticket = ticket::draft(&late_parcel().view(), Some("vip"));
    assert_eq!(ticket.number, "");
    expect![[r#"
        urgent
        我的快递三天没动了，到底什么时候能到
        来电原因：
        - 客户来电：“我的快递三天没动了，到底什么时候能到”。
        - 客户情绪不满：“你们每次都这么说，我要投诉，转人工”。
        已知情况：
        - 订单号：20611018，已与客户核对。
        - 智能助理答复：“您的包裹11月18日到达上海分拨中心，预计11月23日送达”。
        已办理：
        - 坐席已办理：“已经帮您登记了催件”。
        后续：
        - 坐席承诺：“快递站明天上午会给您打电话”。
        客户原话：
        - [1] 呃，我的快递三天没动了，到底什么时候能到？
        - [2] 二零六一一零一八
        - [3] 你们每次都这么说，我要投诉，转人工！
        通话编号：late-parcel"#]]
    .assert_eq(&format!(
        "{}\n{}\n{}",
        ticket.priority, ticket.subject, ticket.body
    ));
    assert_eq!(
        ticket::draft(&late_parcel().view(), None).priority,
        "urgent"
    );
    assert_eq!(
        ticket::draft(&late_refund().view(), Some("vip")).priority,
        "high"
    );
    assert_eq!(
        ticket::draft(&late_refund().view(), Some("gold")).priority,
        "normal"
    );
}
