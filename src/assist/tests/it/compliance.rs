use crate::script::{Script, late_parcel};
use expect_test::{Expect, expect};
use sidetone_assist::compliance::Rules;
use sidetone_types::*;
use std::sync::Arc;

const RULES: &str = r#"
[[rule]]
id = "greeting"
kind = "required"
who = "agent"
within_turns = 1
lang = "zh"
phrases = ["您好", "你好"]
hint_zh = "第一句请先问好：“您好”。"
hint_en = "Greet the caller in your first sentence."

[[rule]]
id = "absolute-promise"
kind = "forbidden"
who = "agent"
phrases = ["保证明天到", "/(一定|肯定).{0,4}(到账|送到)/", "I guarantee"]
hint_zh = "不要承诺具体到达时间。"
hint_en = "Do not promise a time of arrival."
severity = "critical"

[[rule]]
id = "anything-else"
kind = "required"
who = "agent"
phrases = ["还有其他", "anything else"]
hint_zh = "结束前请问客户还有没有其他问题。"
hint_en = "Ask whether there is anything else before you close."
severity = "info"

[[rule]]
id = "legal-threat"
kind = "forbidden"
who = "caller"
lang = "any"
phrases = ["起诉", "律师", "lawyer"]
hint_zh = "客户提到法律途径，请升级处理。"
hint_en = "The caller mentions legal action; escalate."
"#;

fn check(call: &Script, expected: Expect) {
    let rules = Arc::new(Rules::parse(RULES, "compliance.toml").expect("the rules are right"));
    let lines = rules
        .check_all(&call.events)
        .into_iter()
        .map(|kind| match kind {
            EventKind::ComplianceHit {
                rule,
                severity,
                utterance,
                phrase,
                hint,
                broken,
            } => {
                let at = utterance.map_or("end".to_owned(), |id| id.to_string());
                let how = if broken { "broken" } else { "kept" };
                format!("{at} {rule} {how} ({severity:?}) “{phrase}” {hint}")
            }
            other => panic!("not a hit: {other:?}"),
        });
    expected.assert_eq(&lines.collect::<Vec<_>>().join("\n"));
}

#[test]
fn a_greeting_kept_and_a_question_missed() {
    check(
        &late_parcel(),
        expect![[r#"
        4 greeting kept (Info) “您好” 第一句请先问好：“您好”。
        end anything-else broken (Info) “还有其他” 结束前请问客户还有没有其他问题。"#]],
    );
}

#[test]
fn a_promise_and_a_missed_greeting_are_shown_while_the_call_runs() {
    let mut call = Script::new("c", Lang::Zh);
    call.caller("再不到我就找律师！");
    call.queue("general").answered("ann");
    call.agent("什么事？");
    call.agent("这个您放心，肯定明天送到。");
    call.agent("您好，还有其他问题吗");
    call.agent("我，保证，明天到！");
    call.end(EndReason::AgentHungUp);
    check(
        &call,
        expect![[r#"
        1 legal-threat broken (Warn) “律师” 客户提到法律途径，请升级处理。
        2 greeting broken (Warn) “您好” 第一句请先问好：“您好”。
        3 absolute-promise broken (Critical) “肯定明天送到” 不要承诺具体到达时间。
        4 anything-else kept (Info) “还有其他” 结束前请问客户还有没有其他问题。
        5 absolute-promise broken (Critical) “保证明天到” 不要承诺具体到达时间。"#]],
    );
}

#[test]
fn english_phrases_are_whole_words() {
    let mut call = Script::new("c", Lang::En);
    call.queue("general").answered("bo");
    call.agent(
        "We have no guaranteed slots, but I guarantee, Sir, it is on its way. ANYTHING ELSE?",
    );
    call.caller("I am a lawyers' clerk.");
    call.end(EndReason::CallerHungUp);
    check(
        &call,
        expect![[r#"
        1 absolute-promise broken (Critical) “I guarantee” Do not promise a time of arrival.
        1 anything-else kept (Info) “anything else” Ask whether there is anything else before you close."#]],
    );
}

#[test]
fn nothing_is_required_of_an_agent_who_never_came() {
    let mut call = Script::new("c", Lang::Zh);
    call.caller("查快递");
    call.end(EndReason::AssistantFinished);
    check(&call, expect![[""]]);
}

#[test]
fn bad_rules_name_their_line() {
    let errors = |text: &str| {
        let found = Rules::parse(text, "compliance.toml").expect_err("bad rules were taken");
        found
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("\n")
    };
    let rule = |id: &str, kind: &str, extra: &str, phrases: &str| {
        format!(
            "[[rule]]\nid = \"{id}\"\nkind = \"{kind}\"\nwho = \"agent\"\n{extra}phrases = {phrases}\nhint_zh = \"\"\nhint_en = \"\"\n"
        )
    };
    let text = [
        rule("a", "required", "", "[\"您好\"]"),
        rule("a", "forbidden", "", "[\"/(/\"]"),
        rule("b", "forbidden", "within_turns = 1\n", "[\"x\"]"),
        rule("c", "required", "", "[]"),
        rule("d", "required", "", "[\"？！\"]"),
    ];
    expect![[r#"
        compliance.toml:8: the rule `a` is there twice (rename one of them)
        compliance.toml:8: the rule `a`: `/(/` is no pattern: unclosed group (correct the regular expression between the slashes)
        compliance.toml:15: the rule `b`: within_turns counts the turns of a required phrase, from 1 (leave within_turns out, or make the rule required)
        compliance.toml:23: the rule `c` has no id or no phrases (write an id and at least one phrase)
        compliance.toml:30: the rule `d`: `？！` has no letter or digit (write the words that are to be said)"#]].assert_eq(&errors(&text.concat()));
    expect!["compliance.toml:3: unknown variant `wanted`, expected `required` or `forbidden` (every [[rule]] needs id, kind, who, phrases, hint_zh and hint_en)"].assert_eq(&errors(&rule("a", "wanted", "", "[\"x\"]")));
    expect!["compliance.toml:1: unknown field `rules`, expected `rule` (every [[rule]] needs id, kind, who, phrases, hint_zh and hint_en)"].assert_eq(&errors("[[rules]]\n"));
}

/// The shop's own rules, as they ship.
#[test]
fn the_shipped_rules_are_right() {
    let text = include_str!("../../../../knowledge/compliance.toml");
    let rules = Rules::parse(text, "knowledge/compliance.toml").expect("the shipped rules parse");
    assert!(rules.list().count() >= 5);
}
