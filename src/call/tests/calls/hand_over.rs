//! The way to a person, the talk, and every way it can end.

use crate::check;
use expect_test::expect;

#[test]
fn a_number_may_lead_straight_into_a_flow() {
    check(
        "
        0.0 start zh wang parcel-line
        12.0 end
        ",
        expect![[r#"
            0.00 call started zh c-wang
            0.00 flow parcel at which
            0.00 flow pick-order at said
            0.05 say welcome-notice: 您好，这里是青禾商城。为了保证服务质量，本次通话会被录音。
            0.12 connector ok
            5.32 say order-is-newest: 您最近的一笔订单是女士羽绒服，是问这一单吗？
        "#]],
    );
}

#[test]
fn two_people_who_talk_elsewhere_are_heard_and_nothing_is_said() {
    check(
        "
        0.0 start zh wang assist
        0.1 accepted
        2.0 caller: 我的快递到哪了
        5.0 agent: 您好，我帮您查一下
        9.0 caller-leaves
        12.0 end
        ",
        expect![[r#"
            0.00 call started zh c-wang
            0.00 → music on
            0.10 → music off
            0.10 answered by mei
            0.10 agent sits Main
            0.10 → mix c←a a←c
            3.60 caller said "我的快递到哪了"
            3.62 intent parcel-track 910
            6.92 agent said "您好，我帮您查一下"
            9.00 caller left: hung_up
            9.00 call ended: CallerHungUp
            9.00 → hang up agent
            9.00 wrap-up of mei
            9.00 → mix nobody
        "#]],
    );
}

#[test]
fn from_the_queue_to_the_end_of_wrap_up() {
    check(
        "
        0.0 start zh wang
        11.0 caller: 我要转人工
        14.0 waiting 3 60 60
        48.0 waiting 1 60 120
        50.0 offered
        52.0 accepted
        54.0 agent: 您好，请问有什么可以帮您
        59.0 caller: 我的快递没到
        63.0 hold
        70.0 unhold
        72.0 mute
        75.0 agent-hangs-up
        80.0 wrap-up solved
        90.0 end
        ",
        expect![[r#"
            0.00 call started zh c-wang
            0.05 say welcome-notice: 您好，这里是青禾商城。为了保证服务质量，本次通话会被录音。
            5.32 say welcome-open: 王芳，您好。请问有什么可以帮您？
            12.28 caller said "我要转人工"
            12.28 intent agent-request 1000
            12.28 queue service priority 2 because asked
            12.28 → enqueue service tier "vip" zh intent -
            12.33 say to-person: 好的，正在为您转接人工客服。
            14.00 wait announced: 3, Some((60, 60))
            14.90 say wait-position: 您前面还有两位，预计等待约1分钟。
            17.96 → music on
            44.00 wait announced: 3, Some((60, 60))
            44.00 → music off
            44.05 say wait-position: 您前面还有两位，预计等待约1分钟。
            47.11 → music on
            50.00 offered to mei
            52.00 offer Accepted
            52.00 → music off
            52.00 answered by mei
            52.00 agent sits Main
            52.00 → mix c←a a←c
            56.40 agent said "您好，请问有什么可以帮您"
            61.16 caller said "我的快递没到"
            61.18 intent parcel-track 910
            63.00 hold
            63.00 → mix nobody
            63.00 → music on
            70.00 hold ended
            70.00 → mix c←a a←c
            70.00 → music off
            72.00 muted true
            72.00 → mix a←c
            75.00 call ended: AgentHungUp
            75.00 → hang up caller
            75.00 → hang up agent
            75.00 wrap-up of mei
            75.00 → mix nobody
            80.00 wrap-up ended: solved
            80.00 → finish
        "#]],
    );
}

#[test]
fn the_caller_gives_up() {
    check(
        "
        0.0 start en
        8.0 caller: representative
        12.0 waiting 2
        15.0 offered
        18.0 caller-leaves
        25.0 end
        ",
        expect![[r#"
            0.00 call started en
            0.05 say welcome-notice: Hello, this is Greenfield Shop. This call is recorded so that we can serve you well.
            5.14 say welcome-open: How can I help you today?
            8.76 caller said "representative"
            8.76 intent agent-request 1000
            8.76 queue service priority 0 because asked
            8.76 → enqueue service tier "" en intent -
            8.81 say to-person: Of course. I'll put you through to a person.
            11.45 → music on
            12.00 wait announced: 2, None
            12.00 → music off
            12.05 say wait-position: There is one caller ahead of you. I can't say yet how long it will take. Please hold the line.
            15.00 offered to mei
            17.69 → music on
            18.00 caller left: hung_up
            18.00 → music off
            18.00 → leave queue
            18.00 offer Revoked
            18.00 call ended: Abandoned
            19.50 → finish
        "#]],
    );
}

#[test]
fn the_caller_hangs_up_on_the_agent() {
    check(
        "
        0.0 start en
        8.0 caller: agent please
        12.0 accepted
        15.0 caller-leaves
        16.0 agent-leaves
        20.0 wrap-up gone
        25.0 end
        ",
        expect![[r#"
            0.00 call started en
            0.05 say welcome-notice: Hello, this is Greenfield Shop. This call is recorded so that we can serve you well.
            5.14 say welcome-open: How can I help you today?
            9.04 caller said "agent please"
            9.04 intent agent-request 1000
            9.04 queue service priority 0 because asked
            9.04 → enqueue service tier "" en intent -
            9.09 say to-person: Of course. I'll put you through to a person.
            11.73 → music on
            12.00 → music off
            12.00 answered by mei
            12.00 agent sits Main
            12.00 → mix c←a a←c
            15.00 caller left: hung_up
            15.00 call ended: CallerHungUp
            15.00 → hang up agent
            15.00 wrap-up of mei
            15.00 → mix nobody
            16.00 agent left: hung_up
            20.00 wrap-up ended: gone
            20.00 → finish
        "#]],
    );
}

#[test]
fn nobody_declares_the_wrap_up_over() {
    check(
        "
        0.0 start en
        8.0 caller: agent
        12.0 accepted
        15.0 agent-hangs-up
        300.0 end
        ",
        expect![[r#"
            0.00 call started en
            0.05 say welcome-notice: Hello, this is Greenfield Shop. This call is recorded so that we can serve you well.
            5.14 say welcome-open: How can I help you today?
            8.76 caller said "agent"
            8.76 intent agent-request 1000
            8.76 queue service priority 0 because asked
            8.76 → enqueue service tier "" en intent -
            8.81 say to-person: Of course. I'll put you through to a person.
            11.45 → music on
            12.00 → music off
            12.00 answered by mei
            12.00 agent sits Main
            12.00 → mix c←a a←c
            15.00 call ended: AgentHungUp
            15.00 → hang up caller
            15.00 → hang up agent
            15.00 wrap-up of mei
            15.00 → mix nobody
            195.00 wrap-up ended: not_given
            195.00 → finish
        "#]],
    );
}

#[test]
fn an_offer_is_declined() {
    check(
        "
        0.0 start zh
        9.5 caller: 人工
        12.0 offered
        13.0 declined
        14.0 offered
        15.0 accepted
        16.0 end
        ",
        expect![[r#"
            0.00 call started zh
            0.05 say welcome-notice: 您好，这里是青禾商城。为了保证服务质量，本次通话会被录音。
            5.32 say welcome-open: 请问有什么可以帮您？
            10.30 caller said "人工"
            10.30 intent agent-request 1000
            10.30 queue service priority 0 because asked
            10.30 → enqueue service tier "" zh intent -
            10.35 say to-person: 好的，正在为您转接人工客服。
            12.00 offered to mei
            12.87 → music on
            13.00 offer Declined
            14.00 offered to mei
            15.00 offer Accepted
            15.00 → music off
            15.00 answered by mei
            15.00 agent sits Main
            15.00 → mix c←a a←c
        "#]],
    );
}

#[test]
fn an_acceptance_that_comes_too_late() {
    check(
        "
        0.0 start zh
        9.5 caller: 人工
        12.0 offered
        13.0 caller-leaves
        13.1 accepted
        20.0 end
        ",
        expect![[r#"
            0.00 call started zh
            0.05 say welcome-notice: 您好，这里是青禾商城。为了保证服务质量，本次通话会被录音。
            5.32 say welcome-open: 请问有什么可以帮您？
            10.30 caller said "人工"
            10.30 intent agent-request 1000
            10.30 queue service priority 0 because asked
            10.30 → enqueue service tier "" zh intent -
            10.35 say to-person: 好的，正在为您转接人工客服。
            12.00 offered to mei
            12.87 → music on
            13.00 caller left: hung_up
            13.00 → music off
            13.00 → leave queue
            13.00 offer Revoked
            13.00 call ended: Abandoned
            13.10 → hang up agent
            13.10 → release mei
            14.50 → finish
        "#]],
    );
}

#[test]
fn the_agents_line_breaks() {
    check(
        "
        0.0 start zh
        9.5 caller: 人工
        12.0 accepted
        20.0 agent-fails
        26.0 accepted
        30.0 caller-leaves
        40.0 end
        ",
        expect![[r#"
            0.00 call started zh
            0.05 say welcome-notice: 您好，这里是青禾商城。为了保证服务质量，本次通话会被录音。
            5.32 say welcome-open: 请问有什么可以帮您？
            10.30 caller said "人工"
            10.30 intent agent-request 1000
            10.30 queue service priority 0 because asked
            10.30 → enqueue service tier "" zh intent -
            10.35 say to-person: 好的，正在为您转接人工客服。
            12.00 answered by mei
            12.00 agent sits Main
            12.00 → mix c←a a←c
            12.02 stopped after "好的，正在为您转接人"
            20.00 agent left: ice_timeout
            20.00 mei is away, 20000 ms
            20.00 agent sits Away
            20.00 → mix nobody
            20.05 say agent-away: 请您稍等，客服的线路断了一下，正在重新接通。
            24.01 → music on
            30.00 caller left: hung_up
            30.00 → music off
            30.00 call ended: CallerHungUp
            30.00 wrap-up of mei
        "#]],
    );
}

#[test]
fn the_queue_refuses() {
    check(
        "
        0.0 start en
        8.0 caller: agent
        10.0 refused
        28.0 caller: no thank you
        36.0 caller: no
        45.0 end
        ",
        expect![[r#"
            0.00 call started en
            0.05 say welcome-notice: Hello, this is Greenfield Shop. This call is recorded so that we can serve you well.
            5.14 say welcome-open: How can I help you today?
            8.76 caller said "agent"
            8.76 intent agent-request 1000
            8.76 queue service priority 0 because asked
            8.76 → enqueue service tier "" en intent -
            8.81 say to-person: Of course. I'll put you through to a person.
            10.00 degraded: queue: nobody logged in → a message is offered
            10.02 stopped after "Of course. I'll put"
            10.05 say nobody-free: I'm very sorry, there's nobody to take your call right now. Our people are here every day from nine to nine.
            16.58 say offer-message: Shall I take a message so that a colleague calls you back?
            26.06 no input 1
            26.11 say no-input: Sorry, I didn't hear anything.
            27.96 say offer-message: Shall I take a message so that a colleague calls you back?
            28.43 barge-in
            28.45 stopped after "Shall I"
            29.26 caller said "no thank you"
            29.31 say anything-else: Is there anything else I can help you with?
            36.76 caller said "no"
            36.81 say goodbye: Thank you for calling. Goodbye.
            38.67 call ended: AssistantFinished
            38.67 → hang up caller
            40.17 → finish
        "#]],
    );
}

#[test]
fn hanging_up_in_mid_sentence() {
    check(
        "
        0.0 start zh
        9.5 caller: 我想查一下我的账单还有
        10.6 caller-leaves
        20.0 end
        ",
        expect![[r#"
            0.00 call started zh
            0.05 say welcome-notice: 您好，这里是青禾商城。为了保证服务质量，本次通话会被录音。
            5.32 say welcome-open: 请问有什么可以帮您？
            10.60 utterance ended: Cut
            10.60 caller left: hung_up
            10.60 call ended: CallerHungUp
            10.80 caller said "我想查一下我的"
            12.10 → finish
        "#]],
    );
}

#[test]
fn a_broken_wire_is_no_hang_up() {
    check(
        "
        0.0 start zh
        9.5 caller-fails
        20.0 end
        ",
        expect![[r#"
            0.00 call started zh
            0.05 say welcome-notice: 您好，这里是青禾商城。为了保证服务质量，本次通话会被录音。
            5.32 say welcome-open: 请问有什么可以帮您？
            9.50 caller left: ice_timeout
            9.50 call ended: LegFailed
            11.00 → finish
        "#]],
    );
}

#[test]
fn hanging_up_while_a_connector_is_asked() {
    check(
        "
        0.0 start zh wang
        11.0 caller: 查账单
        12.15 caller-leaves
        20.0 end
        ",
        expect![[r#"
            0.00 call started zh c-wang
            0.05 say welcome-notice: 您好，这里是青禾商城。为了保证服务质量，本次通话会被录音。
            5.32 say welcome-open: 王芳，您好。请问有什么可以帮您？
            11.96 caller said "查账单"
            11.98 intent bill-query 930
            11.98 flow bill at who
            12.10 connector ok
            12.15 caller left: hung_up
            12.15 flow bill ended
            12.15 call ended: CallerHungUp
            12.17 stopped after ""
            13.65 → finish
        "#]],
    );
}

#[test]
fn the_engine_goes_down() {
    check(
        "
        0.0 start zh
        9.5 caller: 人工
        15.0 accepted
        20.0 shutdown
        20.1 agent-leaves
        30.0 end
        ",
        expect![[r#"
            0.00 call started zh
            0.05 say welcome-notice: 您好，这里是青禾商城。为了保证服务质量，本次通话会被录音。
            5.32 say welcome-open: 请问有什么可以帮您？
            10.30 caller said "人工"
            10.30 intent agent-request 1000
            10.30 queue service priority 0 because asked
            10.30 → enqueue service tier "" zh intent -
            10.35 say to-person: 好的，正在为您转接人工客服。
            12.87 → music on
            15.00 → music off
            15.00 answered by mei
            15.00 agent sits Main
            15.00 → mix c←a a←c
            20.00 call ended: Shutdown
            20.00 → hang up caller
            20.00 → hang up agent
            20.00 wrap-up of mei
            20.00 wrap-up ended: shutdown
            20.00 → finish
        "#]],
    );
}
