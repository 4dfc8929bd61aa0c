use crate::script::{Script, late_parcel, late_refund};
use expect_test::expect_file;
use sidetone_assist::compliance::Rules;
use sidetone_assist::row::Outcome;
use sidetone_assist::stats::{Abandons, Numbers, definitions, local_day, report, today};
use sidetone_assist::{CallRow, CallView};
use sidetone_types::*;

fn row(call: &Script) -> CallRow {
    CallRow::of(&call.view()).expect("the call has begun")
}

/// A queued call that waits, and is answered for a minute with 10 s of wrap-up, or not.
fn queued(wait_s: u64, end: EndReason) -> CallRow {
    let mut call = Script::new("q", Lang::Zh);
    call.queue("general").wait(wait_s * 1000);
    if end == EndReason::CallerHungUp {
        let (agent, leg) = ("ann".into(), LegId::FIRST_AGENT);
        call.event(EventKind::Answered { agent, leg });
        call.wait(60_000).end(end).wrap_up("ann", 10_000);
    } else {
        call.wait(0).end(end);
    }
    row(&call)
}

#[test]
fn outcomes_are_told_apart() {
    let mut helped = Script::new("h", Lang::Zh);
    helped.caller("查账单");
    helped
        .answer("您本月的账单是三百元。")
        .end(EndReason::CallerHungUp);
    let mut silent = Script::new("s", Lang::Zh);
    silent.end(EndReason::NoInput);
    let mut lost = Script::new("l", Lang::Zh);
    lost.end(EndReason::Lost);
    let mut gone = Script::new("g", Lang::Zh);
    gone.caller("喂");
    gone.end(EndReason::CallerHungUp);
    let mut refused = Script::new("u", Lang::Zh);
    refused.queue("general").wait(3000);
    refused.event(EventKind::Degraded {
        what: "queue: nobody_on_duty".into(),
        then: "a message is offered".into(),
    });
    refused.wait(9000).end(EndReason::CallerHungUp);
    assert_eq!(row(&refused).outcome, Outcome::Unserved);
    assert_eq!(row(&refused).facts.waited_ms, Some(3000));
    assert_eq!(row(&helped).outcome, Outcome::AssistantFinished);
    assert_eq!(row(&silent).outcome, Outcome::LeftEarly);
    assert_eq!(row(&gone).outcome, Outcome::LeftEarly);
    assert_eq!(row(&lost).outcome, Outcome::Failed);
    assert_eq!(row(&Script::new("r", Lang::En)).outcome, Outcome::Running);
    assert_eq!(row(&late_parcel()).outcome, Outcome::Answered);
    assert_eq!(queued(5, EndReason::Abandoned).outcome, Outcome::Abandoned);
    assert_eq!(
        queued(5, EndReason::AssistantFinished).outcome,
        Outcome::Unserved
    );
}

#[test]
fn the_days_figures_follow_their_definitions() {
    let mut helped = Script::new("h", Lang::Zh);
    helped.caller("查账单");
    helped
        .answer("您本月的账单是三百元。")
        .end(EndReason::CallerHungUp);
    let rows = [
        queued(10, EndReason::CallerHungUp),
        queued(40, EndReason::CallerHungUp),
        queued(5, EndReason::Abandoned),
        queued(90, EndReason::Abandoned),
        row(&helped),
        row(&Script::new("r", Lang::En)),
    ];
    let figures = today(&rows, 20);
    assert_eq!(
        (figures.offered, figures.answered, figures.abandoned),
        (6, 2, 2)
    );
    assert_eq!((figures.assistant_finished, figures.running), (1, 1));
    // 2 answered and 1 finished by the assistant, of 5 that have ended.
    assert_eq!(figures.answer_rate, Some(0.6));
    // 1 answered within 20 s, of 2 answered and 2 abandoned.
    assert_eq!(figures.service_level, Some(0.25));
    assert_eq!(figures.asa_s, Some(25.0));
    assert_eq!(figures.aht_s, Some(70.0));
    let mut numbers = Numbers::default();
    rows.iter().for_each(|row| numbers.add(row, 20));
    assert_eq!(numbers.service_level(Abandons::Removed), Some(0.333));
    assert_eq!(numbers.service_level(Abandons::Positive), Some(0.5));
    assert_eq!(
        today(&[], 20).service_level,
        None,
        "nothing divided by nothing is unknown"
    );
}

#[test]
fn announced_waits_are_compared_with_what_happened() {
    let told = |low_s, high_s| {
        let mut call = Script::new("w", Lang::Zh);
        let wait = Some(WaitRange { low_s, high_s });
        call.queue("general");
        call.event(EventKind::WaitAnnounced { position: 1, wait });
        call.wait(40_000)
            .answered("ann")
            .end(EndReason::CallerHungUp);
        row(&call)
    };
    assert_eq!(today(&[told(10, 60), told(0, 30)], 20).wait_kept, Some(0.5));
}

#[test]
fn every_figure_has_a_definition_in_both_languages() {
    let known = definitions();
    let figures = serde_json::to_value(today(&[], 20)).expect("figures are JSON");
    let fields = figures.as_object().expect("an object").keys();
    let undefined: Vec<_> = fields
        .filter(|field| !known.contains_key(field.as_str()))
        .collect();
    assert!(undefined.is_empty(), "{undefined:?}");
    for (field, definition) in known {
        assert!(
            definition.zh.ends_with('。') && definition.en.ends_with('.'),
            "{field}"
        );
    }
}

#[test]
fn a_row_and_a_report_of_two_calls() {
    let hit = |broken| EventKind::ComplianceHit {
        rule: "greeting".into(),
        severity: Severity::Warn,
        utterance: None,
        phrase: Masked::authored("您好"),
        hint: String::new(),
        broken,
    };
    let mut parcel = late_parcel();
    parcel.event(hit(false)).event(hit(true));
    let mut refund = late_refund();
    refund.event(hit(false));
    let rows = [row(&parcel), row(&refund)];
    let json = |value: &dyn erased::Json| value.pretty();
    expect_file!["snapshots/row.json"].assert_eq(&json(&rows[0]));
    let rules = "[[rule]]\nid = \"greeting\"\nkind = \"required\"\nwho = \"agent\"\nphrases = [\"您好\"]\nhint_zh = \"问好\"\nhint_en = \"Greet\"\n";
    let rules = Rules::parse(rules, "compliance.toml").expect("the rules are right");
    expect_file!["snapshots/report.json"].assert_eq(&json(&report(&rows, &rules, 20, 480)));
}

#[test]
fn a_day_is_the_companys_day() {
    assert_eq!(local_day(0, 0), "1970-01-01");
    assert_eq!(local_day(1_795_176_000_000, 0), "2026-11-20");
    assert_eq!(local_day(1_795_176_000_000, 12 * 60), "2026-11-21");
    assert_eq!(local_day(951_782_400_000, 0), "2000-02-29");
    assert_eq!(local_day(-1, 0), "1969-12-31");
}

#[test]
fn a_row_is_the_same_however_often_it_is_folded() {
    let call = late_parcel();
    for cut in 0..call.events.len() {
        let view = CallView::from_events(&call.events[..cut]);
        let row = CallRow::of(&view);
        assert_eq!(row.is_none(), cut == 0);
        if let Some(row) = row {
            let text = serde_json::to_string(&row).expect("a row is JSON");
            assert_eq!(
                serde_json::from_str::<CallRow>(&text).expect("and back"),
                row
            );
        }
    }
}

mod erased {
    pub trait Json {
        fn pretty(&self) -> String;
    }
    impl<T: serde::Serialize> Json for T {
        fn pretty(&self) -> String {
            serde_json::to_string_pretty(self).expect("it is JSON")
        }
    }
}
