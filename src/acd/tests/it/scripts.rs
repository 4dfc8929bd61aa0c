use crate::script::{HOUSE, check, run};
use expect_test::expect;

#[test]
fn one_call_from_arrival_to_the_next() {
    check(
        "0s ann available
         5s call c1 general en
         7s ann accepts c1
         40s ann finishes c1
         50s ann wrapped",
        expect![[r#"
            0s ann is Available
            5s ann is Ringing
            5s offer c1 to ann until 20s
            7s offer of c1 to ann over: Accepted
            7s ann has c1
            7s ann is Busy
            40s ann is WrapUp
            50s ann is Available
        "#]],
    );
}

#[test]
fn wrap_up_ends_by_itself() {
    check(
        "0s bo available
         0s call c1 general zh
         1s bo accepts c1
         2s bo finishes c1
         60s tick",
        expect![[r#"
            0s bo is Available
            0s bo is Ringing
            0s offer c1 to bo until 15s
            1s offer of c1 to bo over: Accepted
            1s bo has c1
            1s bo is Busy
            2s bo is WrapUp
            32s bo is Available
        "#]],
    );
}

#[test]
fn ring_no_answer_sends_the_agent_on_a_break_and_the_call_keeps_its_place() {
    check(
        "0s ann available
         0s call c1 general zh
         1s call c2 general zh
         20s bo available
         21s bo accepts c1
         30s ann available",
        expect![[r#"
            0s ann is Available
            0s ann is Ringing
            0s offer c1 to ann until 15s
            1s c2 is number 2
            15s offer of c1 to ann over: TimedOut
            15s ann is Break
            20s bo is Available
            20s bo is Ringing
            20s offer c1 to bo until 35s
            21s offer of c1 to bo over: Accepted
            21s bo has c1
            21s bo is Busy
            22s c2 is number 1
            30s ann is Available
            30s ann is Ringing
            30s offer c2 to ann until 45s
        "#]],
    );
}

#[test]
fn a_declined_call_goes_to_another_and_comes_back_only_later() {
    check(
        "0s ann available
         0s call c1 general zh
         2s ann declines c1
         3s call c2 general zh
         4s ann accepts c2
         9s ann finishes c2
         12s ann wrapped
         40s tick",
        expect![[r#"
            0s ann is Available
            0s ann is Ringing
            0s offer c1 to ann until 15s
            2s offer of c1 to ann over: Declined
            2s ann is Available
            3s ann is Ringing
            3s offer c2 to ann until 18s
            4s c1 is number 1
            4s offer of c2 to ann over: Accepted
            4s ann has c2
            4s ann is Busy
            9s ann is WrapUp
            12s ann is Available
            32s ann is Ringing
            32s offer c1 to ann until 47s
        "#]],
    );
}

#[test]
fn vip_first_then_who_waited_longest() {
    check(
        "0s bo break
         0s call c1 general zh
         2s call c3 general zh tier=vip
         3s call c4 general zh tier=vip
         5s bo available
         6s bo accepts c3
         7s bo finishes c3
         8s bo wrapped",
        expect![[r#"
            0s bo is Break
            0s c1 is number 1
            2s c3 is number 1
            3s c1 is number 2
            3s c4 is number 2
            4s c1 is number 3
            5s bo is Available
            5s bo is Ringing
            5s offer c3 to bo until 20s
            6s offer of c3 to bo over: Accepted
            6s bo has c3
            6s bo is Busy
            7s c4 is number 1
            7s c1 is number 2
            7s bo is WrapUp
            8s bo is Available
            8s bo is Ringing
            8s offer c4 to bo until 23s
        "#]],
    );
}

#[test]
fn the_most_skilled_who_speaks_the_language_then_the_longest_idle() {
    check(
        "0s cai available
         1s ann available
         2s bo available
         3s call c1 refunds zh
         4s call c2 refunds en
         5s call c3 general zh
         6s call c4 refunds en",
        expect![[r#"
            0s cai is Available
            1s ann is Available
            2s bo is Available
            3s bo is Ringing
            3s offer c1 to bo until 18s
            4s ann is Ringing
            4s offer c2 to ann until 19s
            5s cai is Ringing
            5s offer c3 to cai until 20s
            6s c4 is number 3
        "#]],
    );
}

#[test]
fn after_a_minute_a_refund_call_may_go_to_general_agents() {
    check(
        "0s ann break
         0s cai available
         1s call c1 refunds zh
         70s cai accepts c1",
        expect![[r#"
            0s ann is Break
            0s cai is Available
            1s c1 is number 1
            61s cai is Ringing
            61s offer c1 to cai until 76s
            70s offer of c1 to cai over: Accepted
            70s cai has c1
            70s cai is Busy
        "#]],
    );
}

#[test]
fn who_serves_two_queues_takes_the_longest_waiting_of_both() {
    let said = |first: &str, second: &str| {
        let script =
            format!("0s bo break\n0s call c1 {first} zh\n1s call c2 {second}\n5s bo available");
        let said = run(HOUSE, &script);
        said.lines().last().unwrap_or_default().to_owned()
    };
    expect!["5s offer c1 to bo until 20s"].assert_eq(&said("refunds", "general zh"));
    expect!["5s offer c1 to bo until 20s"].assert_eq(&said("general", "refunds zh"));
    expect!["5s offer c2 to bo until 20s"].assert_eq(&said("general", "refunds zh tier=vip"));
}

#[test]
fn a_wish_during_a_call_waits_for_its_end() {
    check(
        "0s bo available
         0s call c1 general zh
         1s bo accepts c1
         2s bo break
         9s bo finishes c1
         10s call c2 general zh
         12s bo wrapped",
        expect![[r#"
            0s bo is Available
            0s bo is Ringing
            0s offer c1 to bo until 15s
            1s offer of c1 to bo over: Accepted
            1s bo has c1
            1s bo is Busy
            9s bo is WrapUp
            10s c2 is number 1
            12s bo is Break
        "#]],
    );
}

#[test]
fn a_wish_while_it_rings_declines() {
    check(
        "0s bo available
         0s call c1 general zh
         1s bo offline
         2s bo available",
        expect![[r#"
            0s bo is Available
            0s bo is Ringing
            0s offer c1 to bo until 15s
            1s offer of c1 to bo over: Declined
            1s bo is Offline
            2s bo is Available
        "#]],
    );
}

#[test]
fn a_closed_page_rings_nobody_and_is_offline_after_the_grace() {
    check(
        "0s ann available
         0s bo available
         1s call c1 general zh
         2s ann lost
         3s bo lost
         5s ann seen
         6s ann accepts c1
         30s tick",
        expect![[r#"
            0s ann is Available
            0s bo is Available
            1s bo is Ringing
            1s offer c1 to bo until 16s
            3s offer of c1 to bo over: TimedOut
            3s bo is Available
            5s ann is Ringing
            5s offer c1 to ann until 20s
            6s offer of c1 to ann over: Accepted
            6s ann has c1
            6s ann is Busy
            18s bo is Offline
        "#]],
    );
}

#[test]
fn an_agent_who_vanished_in_a_call_is_offline_after_wrap_up() {
    check(
        "0s bo available
         0s call c1 general zh
         1s bo accepts c1
         2s bo lost
         40s bo finishes c1
         100s tick",
        expect![[r#"
            0s bo is Available
            0s bo is Ringing
            0s offer c1 to bo until 15s
            1s offer of c1 to bo over: Accepted
            1s bo has c1
            1s bo is Busy
            40s bo is WrapUp
            70s bo is Offline
        "#]],
    );
}

#[test]
fn closed_full_unknown_and_nobody_there_are_told_at_once() {
    check(
        "0s call c0 general zh
         0s bo break
         0s call c1 general zh minute=539
         0s call c2 nowhere zh
         0s call c3 general en
         1s call c4 general zh
         1s call c5 general zh
         1s call c6 general zh
         1s call c7 general zh
         2s call c4 general zh",
        expect![[r#"
            0s c0 refused: nobody_on_duty
            0s bo is Break
            0s c1 refused: closed
            0s c2 refused: unknown_queue
            0s c3 refused: nobody_on_duty
            1s c4 is number 1
            1s c5 is number 2
            1s c6 is number 3
            1s c7 refused: full
            2s ignored: CallTwice
        "#]],
    );
}

#[test]
fn when_the_last_agent_logs_off_those_in_line_are_told_so() {
    check(
        "0s bo available
         0s call c1 general zh
         1s bo accepts c1
         2s call c2 general zh
         3s bo offline
         4s bo finishes c1
         5s bo wrapped
         60s tick",
        expect![[r#"
            0s bo is Available
            0s bo is Ringing
            0s offer c1 to bo until 15s
            1s offer of c1 to bo over: Accepted
            1s bo has c1
            1s bo is Busy
            2s c2 is number 1
            4s bo is WrapUp
            5s bo is Offline
            35s c2 refused: nobody_on_duty
        "#]],
    );
}

#[test]
fn nobody_waits_longer_than_the_queue_allows() {
    check(
        "0s bo break
         0s call c1 general zh
         601s tick",
        expect![[r#"
            0s bo is Break
            0s c1 is number 1
            600s c1 refused: waited_too_long
        "#]],
    );
}

#[test]
fn late_and_wrong_clicks_have_no_effect() {
    check(
        "0s bo available
         0s call c1 general zh
         1s ann accepts c1
         2s left c1
         3s bo accepts c1
         4s bo finishes c1
         5s bo wrapped
         6s zed available
         7s bo busy
         8s left c9",
        expect![[r#"
            0s bo is Available
            0s bo is Ringing
            0s offer c1 to bo until 15s
            1s ignored: OfferOver
            2s offer of c1 to bo over: Revoked
            2s bo is Available
            3s ignored: OfferOver
            4s ignored: NotOnCall
            5s ignored: NotInWrapUp
            6s ignored: UnknownAgent
            7s ignored: NotAWish
            8s ignored: UnknownCall
        "#]],
    );
}

#[test]
fn a_caller_who_leaves_frees_the_agent_in_every_stage() {
    check(
        "0s bo available
         0s call c1 general zh
         1s call c2 general zh
         2s left c1
         3s bo accepts c2
         4s left c2
         5s call c3 general zh
         6s left c3
         7s bo wrapped",
        expect![[r#"
            0s bo is Available
            0s bo is Ringing
            0s offer c1 to bo until 15s
            1s c2 is number 2
            2s offer of c1 to bo over: Revoked
            2s bo is Available
            2s bo is Ringing
            2s offer c2 to bo until 17s
            3s offer of c2 to bo over: Accepted
            3s bo has c2
            3s bo is Busy
            4s bo is WrapUp
            5s c3 is number 1
            7s bo is Available
        "#]],
    );
}

#[test]
fn a_wait_is_announced_once_ten_calls_have_been_handled() {
    let mut script = String::from("0s bo available\n");
    for n in 0..10 {
        let at = n * 100;
        script += &format!("{at}s call c{n} general zh\n{at}s bo accepts c{n}\n");
        script += &format!("{}s bo finishes c{n}\n{}s bo wrapped\n", at + 50, at + 60);
    }
    script += "1000s call a general zh\n1000s bo accepts a\n1001s call b general zh\n1002s call c general zh";
    let said = run(HOUSE, &script);
    let tail: Vec<&str> = said.lines().rev().take(2).collect();
    expect![[r#"
        1002s c is number 2, 30 to 240 s
        1001s b is number 1, 0 to 150 s"#]]
    .assert_eq(&tail.join("\n"));
}

#[test]
fn with_a_worth_in_seconds_priority_is_a_head_start() {
    let policy = format!("{HOUSE}\n[weights]\npoint_is_worth_s = 1\nangry_points = 5\n");
    let said = run(
        &policy,
        "0s bo break
         0s call c1 general zh
         9s call c2 general zh tier=gold
         14s call c3 general zh mood=-80
         20s bo available",
    );
    let offers: Vec<&str> = said.lines().filter(|line| line.contains("offer")).collect();
    expect!["20s offer c2 to bo until 35s"].assert_eq(&offers.join("\n"));
}

#[test]
fn a_call_for_one_agent_rings_there_or_nowhere() {
    check(
        "0s ann available
         0s bo available
         1s call c1 general zh only=bo
         2s call c2 general zh only=bo
         3s bo declines c1
         4s call c3 general zh only=bo
         20s call c4 general zh only=bo
         30s bo available
         31s call c5 general zh only=bo
         32s left c5
         33s call c6 general zh only=nobody
         34s call c7 general zh only=bo
         35s bo accepts c7
         36s bo finishes c7",
        expect![[r#"
            0s ann is Available
            0s bo is Available
            1s bo is Ringing
            1s offer c1 to bo until 16s
            2s c2 refused: agent_not_free
            3s offer of c1 to bo over: Declined
            3s bo is Available
            3s c1 refused: agent_not_free
            4s bo is Ringing
            4s offer c3 to bo until 19s
            19s offer of c3 to bo over: TimedOut
            19s bo is Break
            19s c3 refused: agent_not_free
            20s c4 refused: agent_not_free
            30s bo is Available
            31s bo is Ringing
            31s offer c5 to bo until 46s
            32s offer of c5 to bo over: Revoked
            32s bo is Available
            33s c6 refused: agent_not_free
            34s bo is Ringing
            34s offer c7 to bo until 49s
            35s offer of c7 to bo over: Accepted
            35s bo has c7
            35s bo is Busy
            36s bo is WrapUp
        "#]],
    );
}

#[test]
fn a_supervisor_steps_onto_a_call_and_back() {
    check(
        "0s ann break
         1s ann seizes c1
         2s ann seizes c2
         3s ann finishes c1
         3s ann wrapped
         4s bo available
         5s bo seizes c3
         6s call c4 general zh
         7s bo finishes c3
         7s bo wrapped
         8s bo accepts c4
         9s bo seizes c5
         10s nobody seizes c6",
        expect![[r#"
            0s ann is Break
            1s ann has c1
            1s ann is Busy
            2s ignored: NotFree
            3s ann is WrapUp
            3s ann is Break
            4s bo is Available
            5s bo has c3
            5s bo is Busy
            6s c4 is number 1
            7s bo is WrapUp
            7s bo is Available
            7s bo is Ringing
            7s offer c4 to bo until 22s
            8s offer of c4 to bo over: Accepted
            8s bo has c4
            8s bo is Busy
            9s ignored: NotFree
            10s ignored: UnknownAgent
        "#]],
    );
}
