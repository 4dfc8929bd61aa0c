//! Call control: transfers, consultations, conferences.

use crate::check;
use expect_test::expect;

#[test]
fn a_blind_transfer_to_an_agent() {
    check(
        "
        0.0 start en
        8.0 caller: agent
        20.0 joined mei 2
        20.0 accepted mei 2
        25.0 click mei transfer agent jack
        26.0 left 2 closed_here
        29.0 accepted jack 3
        32.0 click mei wrap-up
        40.0 click jack hang-up
        41.0 click jack wrap-up
        50.0 end
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
            20.00 → music off
            20.00 answered by mei
            20.00 agent sits Main
            20.00 → mix c←a a←c
            25.00 transfer by mei to agent jack, blind
            25.00 wrap-up of mei
            25.00 → hang up agent
            25.00 → enqueue service tier "" en intent - only jack
            25.00 → mix nobody
            25.05 say transferring: I'm putting you through to a colleague. Please stay on the line.
            26.00 agent left: closed_here
            28.89 → music on
            29.00 → music off
            29.00 transfer Completed
            29.00 answered by jack
            29.00 second sits Main
            29.00 → mix c←s s←c
            32.00 wrap-up ended: done
            40.00 call ended: AgentHungUp
            40.00 → hang up caller
            40.00 → hang up second
            40.00 wrap-up of jack
            40.00 → mix nobody
            41.00 wrap-up ended: done
            41.00 → finish
        "#]],
    );
}

#[test]
fn a_blind_transfer_that_nobody_takes_comes_back() {
    check(
        "
        0.0 start en
        8.0 caller: agent
        20.0 accepted mei 2
        25.0 click mei transfer agent jack
        26.0 refused
        36.0 accepted lin 3
        40.0 caller-leaves
        50.0 end
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
            20.00 → music off
            20.00 answered by mei
            20.00 agent sits Main
            20.00 → mix c←a a←c
            25.00 transfer by mei to agent jack, blind
            25.00 wrap-up of mei
            25.00 → hang up agent
            25.00 → enqueue service tier "" en intent - only jack
            25.00 → mix nobody
            25.05 say transferring: I'm putting you through to a colleague. Please stay on the line.
            26.00 transfer Failed nobody logged in
            26.00 queue service priority 10 because transfer_failed
            26.00 → enqueue service tier "" en intent -
            26.02 stopped after "I'm putting you"
            26.05 say transfer-failed: I'm sorry, that colleague can't take your call right now. You'll be put through to somebody else first.
            32.23 → music on
            36.00 → music off
            36.00 answered by lin
            36.00 second sits Main
            36.00 → mix c←s s←c
            40.00 caller left: hung_up
            40.00 call ended: CallerHungUp
            40.00 → hang up agent
            40.00 → hang up second
            40.00 wrap-up of lin
            40.00 → mix nobody
        "#]],
    );
}

#[test]
fn a_transfer_to_a_queue_waits_there() {
    check(
        "
        0.0 start en
        8.0 caller: agent
        20.0 accepted mei 2
        25.0 click mei transfer queue aftersales
        26.0 waiting 2
        40.0 accepted jack 3
        50.0 end
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
            20.00 → music off
            20.00 answered by mei
            20.00 agent sits Main
            20.00 → mix c←a a←c
            25.00 transfer by mei to queue aftersales, blind
            25.00 wrap-up of mei
            25.00 → hang up agent
            25.00 queue aftersales priority 10 because transfer
            25.00 → enqueue aftersales tier "" en intent -
            25.00 → mix nobody
            25.05 say transferring: I'm putting you through to a colleague. Please stay on the line.
            26.00 wait announced: 2, None
            28.94 say wait-position: There is one caller ahead of you. I can't say yet how long it will take. Please hold the line.
            34.58 → music on
            40.00 → music off
            40.00 transfer Completed
            40.00 answered by jack
            40.00 second sits Main
            40.00 → mix c←s s←c
        "#]],
    );
}

#[test]
fn a_transfer_rings_too_long() {
    check(
        "
        0.0 start en
        8.0 caller: agent
        20.0 accepted mei 2
        25.0 click mei transfer agent jack
        75.0 end
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
            20.00 → music off
            20.00 answered by mei
            20.00 agent sits Main
            20.00 → mix c←a a←c
            25.00 transfer by mei to agent jack, blind
            25.00 wrap-up of mei
            25.00 → hang up agent
            25.00 → enqueue service tier "" en intent - only jack
            25.00 → mix nobody
            25.05 say transferring: I'm putting you through to a colleague. Please stay on the line.
            28.89 → music on
            65.00 → leave queue
            65.00 transfer Failed no_answer
            65.00 queue service priority 10 because transfer_failed
            65.00 → enqueue service tier "" en intent -
            65.00 → music off
            65.05 say transfer-failed: I'm sorry, that colleague can't take your call right now. You'll be put through to somebody else first.
            71.23 → music on
        "#]],
    );
}

#[test]
fn a_consultation_is_completed() {
    check(
        "
        0.0 start en
        8.0 caller: agent
        20.0 accepted mei 2
        25.0 click mei consult agent jack
        28.0 accepted jack 3
        35.0 click mei complete
        40.0 left 3 far_end_rang_off
        50.0 end
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
            20.00 → music off
            20.00 answered by mei
            20.00 agent sits Main
            20.00 → mix c←a a←c
            25.00 transfer by mei to agent jack, consult
            25.00 hold
            25.00 → enqueue service tier "" en intent - only jack
            25.00 → mix nobody
            25.00 → music on
            28.00 second sits Consult
            28.00 → mix a←s s←a
            35.00 hold ended
            35.00 transfer Completed
            35.00 second sits Main
            35.00 wrap-up of mei
            35.00 → hang up agent
            35.00 answered by jack
            35.00 → mix c←s s←c
            35.00 → music off
            40.00 second left: far_end_rang_off
            40.00 call ended: AgentHungUp
            40.00 → hang up caller
            40.00 → hang up agent
            40.00 wrap-up of jack
            40.00 → mix nobody
        "#]],
    );
}

#[test]
fn a_consultation_is_taken_back() {
    check(
        "
        0.0 start en
        8.0 caller: agent
        20.0 accepted mei 2
        25.0 click mei consult queue aftersales
        26.0 offered
        27.0 click mei cancel
        30.0 click mei consult agent jack
        32.0 accepted jack 3
        34.0 click mei cancel
        50.0 end
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
            20.00 → music off
            20.00 answered by mei
            20.00 agent sits Main
            20.00 → mix c←a a←c
            25.00 transfer by mei to queue aftersales, consult
            25.00 hold
            25.00 → enqueue aftersales tier "" en intent -
            25.00 → mix nobody
            25.00 → music on
            26.00 offered to mei
            27.00 → leave queue
            27.00 offer Revoked
            27.00 transfer Cancelled taken_back
            27.00 hold ended
            27.00 → mix c←a a←c
            27.00 → music off
            30.00 transfer by mei to agent jack, consult
            30.00 hold
            30.00 → enqueue service tier "" en intent - only jack
            30.00 → mix nobody
            30.00 → music on
            32.00 second sits Consult
            32.00 → mix a←s s←a
            34.00 transfer Cancelled taken_back
            34.00 → release jack
            34.00 → hang up second
            34.00 hold ended
            34.00 → mix c←a a←c
            34.00 → music off
        "#]],
    );
}

#[test]
fn hanging_up_on_a_consultation_completes_it() {
    check(
        "
        0.0 start en
        8.0 caller: agent
        20.0 accepted mei 2
        25.0 click mei consult agent jack
        28.0 accepted jack 3
        30.0 left 2 hung_up
        50.0 end
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
            20.00 → music off
            20.00 answered by mei
            20.00 agent sits Main
            20.00 → mix c←a a←c
            25.00 transfer by mei to agent jack, consult
            25.00 hold
            25.00 → enqueue service tier "" en intent - only jack
            25.00 → mix nobody
            25.00 → music on
            28.00 second sits Consult
            28.00 → mix a←s s←a
            30.00 agent left: hung_up
            30.00 hold ended
            30.00 transfer Completed
            30.00 second sits Main
            30.00 wrap-up of mei
            30.00 answered by jack
            30.00 → mix c←s s←c
            30.00 → music off
        "#]],
    );
}

#[test]
fn hanging_up_while_it_rings_makes_it_blind() {
    check(
        "
        0.0 start en
        8.0 caller: agent
        20.0 accepted mei 2
        25.0 click mei consult agent jack
        28.0 click mei hang-up
        30.0 refused
        50.0 end
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
            20.00 → music off
            20.00 answered by mei
            20.00 agent sits Main
            20.00 → mix c←a a←c
            25.00 transfer by mei to agent jack, consult
            25.00 hold
            25.00 → enqueue service tier "" en intent - only jack
            25.00 → mix nobody
            25.00 → music on
            28.00 hold ended
            28.00 wrap-up of mei
            28.00 → hang up agent
            28.00 → music off
            28.05 say transferring: I'm putting you through to a colleague. Please stay on the line.
            30.00 transfer Failed nobody logged in
            30.00 queue service priority 10 because transfer_failed
            30.00 → enqueue service tier "" en intent -
            30.02 stopped after "I'm putting you through to a"
            30.05 say transfer-failed: I'm sorry, that colleague can't take your call right now. You'll be put through to somebody else first.
            36.23 → music on
        "#]],
    );
}

#[test]
fn the_one_who_was_consulted_hangs_up() {
    check(
        "
        0.0 start en
        8.0 caller: agent
        20.0 accepted mei 2
        25.0 click mei consult agent jack
        28.0 accepted jack 3
        30.0 click jack hang-up
        50.0 end
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
            20.00 → music off
            20.00 answered by mei
            20.00 agent sits Main
            20.00 → mix c←a a←c
            25.00 transfer by mei to agent jack, consult
            25.00 hold
            25.00 → enqueue service tier "" en intent - only jack
            25.00 → mix nobody
            25.00 → music on
            28.00 second sits Consult
            28.00 → mix a←s s←a
            30.00 transfer Failed hung_up
            30.00 → release jack
            30.00 → hang up second
            30.00 hold ended
            30.00 → mix c←a a←c
            30.00 → music off
        "#]],
    );
}

#[test]
fn a_conference_with_an_outside_party() {
    check(
        "
        0.0 start en
        8.0 caller: agent
        20.0 accepted mei 2
        25.0 click mei consult number
        28.0 dialled answered 3
        31.0 click mei conference
        35.0 click mei hang-up
        40.0 left 3 hung_up
        50.0 end
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
            20.00 → music off
            20.00 answered by mei
            20.00 agent sits Main
            20.00 → mix c←a a←c
            25.00 transfer by mei to number ••0001, consult
            25.00 hold
            25.00 → dial ••0001
            25.00 → mix nobody
            25.00 → music on
            28.00 second sits Consult
            28.00 → mix a←s s←a
            31.00 transfer Conference
            31.00 second sits Main
            31.00 hold ended
            31.00 → mix c←a c←s a←c a←s s←c s←a
            31.00 → music off
            35.00 wrap-up of mei
            35.00 → hang up agent
            35.00 → mix c←s s←c
            40.00 second left: hung_up
            40.00 call ended: AgentHungUp
            40.00 → hang up caller
            40.00 → hang up agent
            40.00 → mix nobody
        "#]],
    );
}

#[test]
fn a_party_is_dropped_from_a_conference() {
    check(
        "
        0.0 start en
        8.0 caller: agent
        20.0 accepted mei 2
        25.0 click mei consult number
        28.0 dialled answered 3
        31.0 click mei conference
        35.0 click mei drop 3
        50.0 end
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
            20.00 → music off
            20.00 answered by mei
            20.00 agent sits Main
            20.00 → mix c←a a←c
            25.00 transfer by mei to number ••0001, consult
            25.00 hold
            25.00 → dial ••0001
            25.00 → mix nobody
            25.00 → music on
            28.00 second sits Consult
            28.00 → mix a←s s←a
            31.00 transfer Conference
            31.00 second sits Main
            31.00 hold ended
            31.00 → mix c←a c←s a←c a←s s←c s←a
            31.00 → music off
            35.00 → hang up second
            35.00 → mix c←a a←c
        "#]],
    );
}

#[test]
fn there_is_no_line_out() {
    check(
        "
        0.0 start en
        8.0 caller: agent
        20.0 accepted mei 2
        25.0 click mei transfer number
        25.1 dialled refused no_line_out
        50.0 end
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
            20.00 → music off
            20.00 answered by mei
            20.00 agent sits Main
            20.00 → mix c←a a←c
            25.00 transfer by mei to number ••0001, blind
            25.00 wrap-up of mei
            25.00 → hang up agent
            25.00 → dial ••0001
            25.00 → mix nobody
            25.05 say transferring: I'm putting you through to a colleague. Please stay on the line.
            25.10 transfer Failed no_line_out
            25.10 queue service priority 10 because transfer_failed
            25.10 → enqueue service tier "" en intent -
            25.12 stopped after "I"
            25.15 say transfer-failed: I'm sorry, that colleague can't take your call right now. You'll be put through to somebody else first.
            31.33 → music on
        "#]],
    );
}
