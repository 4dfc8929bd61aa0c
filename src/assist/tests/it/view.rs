use crate::script::{Script, late_parcel};
use expect_test::{expect, expect_file};
use sidetone_assist::view::CallState;
use sidetone_assist::{CallView, Speaker};
use sidetone_types::*;

#[test]
fn the_page_gets_this() {
    let mut call = Script::new("c1", Lang::Zh);
    call.prompt("您好，请讲。");
    let asked = call.caller("查账单");
    call.intent(asked, "bill-query", 910).mood(asked, 10, "查");
    call.event(EventKind::FlowEntered {
        flow: "bill".into(),
        step: "month".into(),
    });
    call.slot("bill", "month", "2026-10");
    call.queue("general");
    let wait = Some(WaitRange {
        low_s: 10,
        high_s: 60,
    });
    call.event(EventKind::WaitAnnounced { position: 2, wait });
    let json = serde_json::to_string_pretty(&call.view()).expect("a view is JSON");
    expect_file!["snapshots/view.json"].assert_eq(&json);
}

#[test]
fn states_follow_the_call() {
    let call = late_parcel();
    let mut view = CallView::default();
    let mut states = Vec::new();
    for event in &call.events {
        view.apply(event);
        if states.last() != Some(&view.state) {
            states.push(view.state);
        }
    }
    use CallState::*;
    assert_eq!(
        states,
        [Assistant, Waiting, Ringing, Talking, Ended, WrapUp, Ended]
    );
    assert_eq!(view.agent, Some("ann".into()));
    assert_eq!(view.disposition.as_deref(), Some("done"));
    let labels: Vec<_> = view
        .events
        .iter()
        .map(|event| event.label.as_str())
        .collect();
    expect![[r#"
        通话开始
        进入队列 general
        ann 振铃
        ann 接听
        客户挂断
        开始话后处理
        话后处理完成"#]]
    .assert_eq(&labels.join("\n"));
}

#[test]
fn history_holds_what_was_played_and_heard() {
    let mut call = Script::new("c", Lang::En);
    let (prompt, lang) = (PromptId(9), Lang::En);
    call.event(EventKind::PromptStarted {
        prompt,
        key: "hours".into(),
        text: Masked::authored("We are open from nine to six on weekdays."),
        lang,
    });
    call.wait(800);
    let (leg, utterance) = (LegId::CALLER, UtteranceId(40));
    call.event(EventKind::SpeechStarted { leg, utterance });
    call.event(EventKind::Partial {
        leg,
        utterance,
        text: Masked::authored("no I"),
    });
    call.event(EventKind::PromptEnded {
        prompt,
        played: Masked::authored("We are open from"),
        interrupted: true,
    });
    let view = call.view();
    let turns: Vec<_> = view
        .turns
        .iter()
        .map(|t| (t.speaker, t.text.as_str(), t.is_final))
        .collect();
    assert_eq!(
        turns,
        [
            (Speaker::Assistant, "We are open from", true),
            (Speaker::Caller, "no I", false)
        ]
    );
    assert!(view.turns[0].interrupted);
    // What turned out to be nothing leaves no turn.
    call.event(EventKind::Heard {
        leg,
        transcript: Transcript {
            utterance,
            text: Masked::default(),
            words: Vec::new(),
            stage: Stage::Final,
            lang: Lang::En,
            confidence: 0,
            rejected: false,
        },
    });
    assert_eq!(call.view().turns.len(), 1);
}

#[test]
fn two_who_talk_at_once_stand_in_the_order_in_which_they_began() {
    let mut call = Script::new("c", Lang::En);
    let said = |call: &mut Script, leg, id: u32, text: &str| {
        let transcript = Transcript {
            utterance: UtteranceId(id),
            text: Masked::authored(text),
            words: Vec::new(),
            stage: Stage::Final,
            lang: Lang::En,
            confidence: 900,
            rejected: false,
        };
        call.event(EventKind::Heard { leg, transcript });
    };
    for (id, leg) in [(1, LegId::CALLER), (2, LegId::FIRST_AGENT)] {
        let utterance = UtteranceId(id);
        call.event(EventKind::SpeechStarted { leg, utterance })
            .wait(300);
    }
    said(&mut call, LegId::FIRST_AGENT, 2, "second");
    said(&mut call, LegId::CALLER, 1, "first");
    let view = call.view();
    let texts: Vec<_> = view.turns.iter().map(|turn| turn.text.as_str()).collect();
    assert_eq!(texts, ["first", "second"]);
    assert_eq!(view.turns[1].speaker, Speaker::Agent);
}
