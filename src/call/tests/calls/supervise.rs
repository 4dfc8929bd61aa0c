//! Call control: pages that are loaded again, people who come late or are lost, supervisors.

use crate::check;
use crate::world::World;
use expect_test::expect;
use sidetone_types::*;

#[test]
fn a_page_is_loaded_again() {
    check(
        "
        0.0 start en
        8.0 caller: agent
        20.0 joined mei 2
        20.0 accepted mei 2
        25.0 left 2 far_end
        31.0 returned mei 3
        36.0 agent-hangs-up
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
            25.00 agent left: far_end
            25.00 mei is away, 20000 ms
            25.00 agent sits Away
            25.00 → mix nobody
            25.05 say agent-away: One moment please. Our colleague's line dropped and is being reconnected.
            29.43 → music on
            31.00 mei is back
            31.00 second sits Main
            31.00 → mix c←s s←c
            31.00 → music off
            36.00 call ended: AgentHungUp
            36.00 → hang up caller
            36.00 → hang up second
            36.00 wrap-up of mei
            36.00 → mix nobody
        "#]],
    );
}

#[test]
fn a_page_does_not_come_back() {
    check(
        "
        0.0 start en
        8.0 caller: agent
        20.0 joined mei 2
        20.0 accepted mei 2
        25.0 left 2 lost
        46.0 returned mei 3
        55.0 accepted jack 4
        60.0 end
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
            25.00 agent left: lost
            25.00 mei is away, 20000 ms
            25.00 agent sits Away
            25.00 → mix nobody
            25.05 say agent-away: One moment please. Our colleague's line dropped and is being reconnected.
            29.43 → music on
            45.00 wrap-up of mei
            45.00 queue service priority 10 because agent_lost
            45.00 → enqueue service tier "" en intent -
            45.00 → music off
            45.05 say agent-lost: I'm sorry, we lost our colleague's line. You'll be put through to the next one first.
            46.00 → hang up second
            50.15 → music on
            55.00 → music off
            55.00 answered by jack
            55.00 third sits Main
            55.00 → mix c←t t←c
        "#]],
    );
}

#[test]
fn the_sound_moves_to_another_device() {
    check(
        "
        0.0 start en
        8.0 caller: agent
        20.0 accepted mei 2
        25.0 returned mei 3
        26.0 left 2 closed_here
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
            25.00 → hang up agent
            25.00 mei is back
            25.00 second sits Main
            25.00 → mix c←s s←c
            26.00 agent left: closed_here
        "#]],
    );
}

#[test]
fn the_agent_who_consults_is_lost() {
    check(
        "
        0.0 start en
        8.0 caller: agent
        20.0 joined mei 2
        20.0 accepted mei 2
        25.0 click mei consult agent jack
        28.0 accepted jack 3
        30.0 left 2 lost
        60.0 end
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
            30.00 agent left: lost
            30.00 mei is away, 20000 ms
            30.00 agent sits Away
            30.00 → mix nobody
            30.00 → music off
            30.05 say agent-away: One moment please. Our colleague's line dropped and is being reconnected.
            34.43 → music on
            50.00 hold ended
            50.00 transfer Completed
            50.00 second sits Main
            50.00 wrap-up of mei
            50.00 answered by jack
            50.00 → mix c←s s←c
            50.00 → music off
        "#]],
    );
}

#[test]
fn a_supervisor_listens_whispers_and_barges_in() {
    check(
        "
        0.0 start en
        8.0 caller: agent
        20.0 accepted mei 2
        25.0 supervises sue 4 monitor
        30.0 click sue supervise whisper
        35.0 click sue supervise barge
        40.0 click sue hang-up
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
            25.00 third sits Monitor
            25.00 → mix c←a a←c t←c t←a
            30.00 third sits Whisper
            30.00 → mix c←a a←c a←t t←c t←a
            35.00 third sits Barge
            35.00 → mix c←a c←t a←c a←t t←c t←a
            40.00 → release sue
            40.00 → hang up third
            40.00 → mix c←a a←c
        "#]],
    );
}

#[test]
fn a_supervisor_takes_over() {
    check(
        "
        0.0 start en
        8.0 caller: agent
        20.0 accepted mei 2
        22.0 click mei consult agent jack
        25.0 supervises sue 4 monitor
        30.0 click sue take-over
        40.0 click mei wrap-up
        41.0 click sue hang-up
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
            22.00 transfer by mei to agent jack, consult
            22.00 hold
            22.00 → enqueue service tier "" en intent - only jack
            22.00 → mix nobody
            22.00 → music on
            25.00 third sits Monitor
            25.00 → mix t←c t←a
            30.00 → leave queue
            30.00 transfer Cancelled taken_over
            30.00 → music off
            30.00 hold ended
            30.00 taken over by sue
            30.00 third sits Main
            30.00 wrap-up of mei
            30.00 → hang up agent
            30.00 answered by sue
            30.00 → mix c←t t←c
            40.00 wrap-up ended: done
            41.00 call ended: AgentHungUp
            41.00 → hang up caller
            41.00 → hang up agent
            41.00 → hang up third
            41.00 wrap-up of sue
            41.00 → mix nobody
        "#]],
    );
}

#[test]
fn a_barged_supervisor_stays_when_the_agent_goes() {
    check(
        "
        0.0 start en
        8.0 caller: agent
        20.0 accepted mei 2
        25.0 supervises sue 4 barge
        30.0 click mei hang-up
        35.0 caller-leaves
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
            25.00 third sits Barge
            25.00 → mix c←a c←t a←c a←t t←c t←a
            30.00 wrap-up of mei
            30.00 → hang up agent
            30.00 taken over by sue
            30.00 third sits Main
            30.00 answered by sue
            30.00 → mix c←t t←c
            35.00 caller left: hung_up
            35.00 call ended: CallerHungUp
            35.00 → hang up agent
            35.00 → hang up third
            35.00 wrap-up of sue
            35.00 → mix nobody
        "#]],
    );
}

#[test]
fn a_supervisor_takes_the_call_from_the_queue() {
    check(
        "
        0.0 start en
        8.0 caller: agent
        20.0 supervises sue 4 whisper
        25.0 click sue take-over
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
            20.00 third sits Monitor
            20.00 → mix t←c
            25.00 → leave queue
            25.00 → music off
            25.00 taken over by sue
            25.00 third sits Main
            25.00 answered by sue
            25.00 → mix c←t t←c
        "#]],
    );
}

#[test]
fn only_a_supervisor_may_take_over() {
    check(
        "
        0.0 start en
        8.0 caller: agent
        20.0 accepted mei 2
        25.0 click jack take-over
        26.0 click mei take-over
        27.0 click jack drop 0
        28.0 click jack hang-up
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
        "#]],
    );
}

/// What is whispered or said in a consultation is in no transcript.
#[test]
fn only_what_the_caller_hears_is_written_down() {
    let mut world = World::new();
    world.run(
        "
        0.0 start en
        8.0 caller: agent
        20.0 accepted mei 2
        22.0 agent: hello how are you
        25.0 click mei consult agent jack
        28.0 accepted jack 3
        30.0 agent: this one is difficult
        35.0 click mei conference
        40.0 agent: now we are three
        50.0 end
        ",
    );
    let said: Vec<&str> = world
        .events
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::Heard { leg, transcript } if *leg != LegId::CALLER => {
                Some(transcript.text.as_str())
            }
            _ => None,
        })
        .collect();
    assert_eq!(said, ["hello how are you", "now we are three"]);
}

#[test]
fn an_answer_that_comes_too_late_is_hung_up() {
    check(
        "
        0.0 start en
        8.0 caller: agent
        20.0 accepted mei 2
        25.0 click mei consult number
        27.0 click mei cancel
        27.5 dialled answered 3
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
            27.00 → cancel the call out
            27.00 transfer Cancelled taken_back
            27.00 hold ended
            27.00 → mix c←a a←c
            27.00 → music off
            27.50 → hang up second
        "#]],
    );
}
