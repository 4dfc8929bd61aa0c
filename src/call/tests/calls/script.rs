//! The words of a scripted call as inputs of the machine.

use crate::world::book;
use sidetone_call::slots;
use sidetone_types::*;

pub(crate) fn length(seconds: &str) -> std::time::Duration {
    std::time::Duration::from_secs_f64(seconds.parse().unwrap())
}

/// What the server does with a parsed value: a phone number goes to the safe, its tail is shown.
pub(crate) fn candidate(slot: slots::ParsedSlot) -> SlotCandidate {
    let personal = slot.kind == SlotKind::PhoneNumber;
    let tail = slot
        .value
        .get(slot.value.len().saturating_sub(4)..)
        .unwrap_or("")
        .to_owned();
    let shown = if personal {
        format!("****{tail}")
    } else {
        slot.value
    };
    SlotCandidate {
        kind: slot.kind,
        value: SlotValue {
            shown: Masked::authored(shown),
            secret: personal.then_some(1),
        },
        valid: slot.valid,
        corrected: slot.corrected,
    }
}

pub(crate) fn start(lang: Lang, options: &[&str]) -> CallStart {
    let customer = options.contains(&"wang").then(|| CustomerBrief {
        id: "c-wang".into(),
        name: Masked::authored("王芳"),
        tier: "vip".into(),
    });
    CallStart {
        call: "c1".into(),
        wall_ms: 1_795_312_800_000,
        wire: Wire::WebRtc,
        lang,
        ani: None,
        dnis: None,
        customer,
        content: book().digest()[..8].into(),
        speech: !options.contains(&"nospeech"),
        open: !options.contains(&"closed"),
        entry: options.contains(&"parcel-line").then(|| "parcel".into()),
        assist_only: options.contains(&"assist"),
    }
}

pub(crate) fn script_input(words: &[&str]) -> CallInput {
    let agent = || AgentId::from("mei");
    let click = |action| CallInput::Click {
        by: "mei".into(),
        action,
    };
    match words {
        ["waiting", position] => CallInput::Waiting {
            position: position.parse().unwrap(),
            wait: None,
        },
        ["waiting", position, low, high] => CallInput::Waiting {
            position: position.parse().unwrap(),
            wait: Some(WaitRange {
                low_s: low.parse().unwrap(),
                high_s: high.parse().unwrap(),
            }),
        },
        ["offered"] => CallInput::Offered { agent: agent() },
        ["declined"] => CallInput::OfferEnded {
            agent: agent(),
            outcome: OfferOutcome::Declined,
        },
        ["accepted"] => CallInput::Accepted {
            agent: agent(),
            leg: LegId::FIRST_AGENT,
        },
        ["refused"] => CallInput::QueueRefused {
            reason: "nobody logged in".into(),
        },
        ["hold"] => click(AgentAction::Hold { on: true }),
        ["unhold"] => click(AgentAction::Hold { on: false }),
        ["mute"] => click(AgentAction::Mute { on: true }),
        ["agent-hangs-up"] => click(AgentAction::HangUp),
        ["wrap-up", disposition] => click(AgentAction::WrapUp {
            disposition: (*disposition).into(),
        }),
        ["caller-leaves"] => CallInput::LegLeft {
            leg: LegId::CALLER,
            reason: "hung_up".into(),
        },
        ["caller-fails"] => CallInput::LegLeft {
            leg: LegId::CALLER,
            reason: "ice_timeout".into(),
        },
        ["agent-leaves"] => CallInput::LegLeft {
            leg: LegId::FIRST_AGENT,
            reason: "hung_up".into(),
        },
        ["agent-fails"] => CallInput::LegLeft {
            leg: LegId::FIRST_AGENT,
            reason: "ice_timeout".into(),
        },
        ["key", key] => CallInput::Key {
            leg: LegId::CALLER,
            key: key.chars().next().unwrap(),
        },
        ["speech", on] => CallInput::Speech {
            available: *on == "on",
        },
        ["shutdown"] => CallInput::Shutdown,
        ["accepted", agent, leg] => CallInput::Accepted {
            agent: (*agent).into(),
            leg: leg_of(leg),
        },
        ["returned", agent, leg] => CallInput::Returned {
            agent: (*agent).into(),
            leg: leg_of(leg),
        },
        ["supervises", agent, leg, mode] => CallInput::Supervises {
            agent: (*agent).into(),
            leg: leg_of(leg),
            mode: mode_of(mode),
        },
        ["joined", agent, leg] => CallInput::LegJoined {
            leg: leg_of(leg),
            party: Party::Agent {
                agent: (*agent).into(),
            },
            wire: Wire::WebRtc,
        },
        ["left", leg, reason] => CallInput::LegLeft {
            leg: leg_of(leg),
            reason: (*reason).into(),
        },
        ["dialled", "answered", leg] => CallInput::Dialled {
            request: LAST_DIALLED,
            outcome: DialOutcome::Answered { leg: leg_of(leg) },
        },
        ["dialled", "refused", reason] => CallInput::Dialled {
            request: LAST_DIALLED,
            outcome: DialOutcome::Refused {
                reason: (*reason).into(),
            },
        },
        ["click", by, words @ ..] => CallInput::Click {
            by: (*by).into(),
            action: click_of(words),
        },
        other => panic!("no such line: {other:?}"),
    }
}

/// Stands in a script for the number of the last call out.
pub(crate) const LAST_DIALLED: RequestId = RequestId(u64::MAX);

fn leg_of(text: &str) -> LegId {
    LegId(text.parse().unwrap())
}

fn mode_of(word: &str) -> SuperviseMode {
    match word {
        "monitor" => SuperviseMode::Monitor,
        "whisper" => SuperviseMode::Whisper,
        "barge" => SuperviseMode::Barge,
        other => panic!("no such mode: {other}"),
    }
}

fn click_of(words: &[&str]) -> AgentAction {
    match words {
        ["transfer", to @ ..] => AgentAction::Transfer {
            to: target_of(to),
            consult: false,
        },
        ["consult", to @ ..] => AgentAction::Transfer {
            to: target_of(to),
            consult: true,
        },
        ["complete"] => AgentAction::Complete,
        ["cancel"] => AgentAction::Cancel,
        ["conference"] => AgentAction::Conference,
        ["drop", leg] => AgentAction::Drop { leg: leg_of(leg) },
        ["supervise", mode] => AgentAction::Supervise {
            mode: mode_of(mode),
        },
        ["take-over"] => AgentAction::TakeOver,
        ["hang-up"] => AgentAction::HangUp,
        ["hold"] => AgentAction::Hold { on: true },
        ["wrap-up"] => AgentAction::WrapUp {
            disposition: "done".into(),
        },
        other => panic!("no such click: {other:?}"),
    }
}

fn target_of(words: &[&str]) -> Target {
    match words {
        ["agent", agent] => Target::Agent {
            agent: (*agent).into(),
        },
        ["queue", queue] => Target::Queue {
            queue: (*queue).into(),
        },
        ["number"] => Target::Number {
            number: SlotValue {
                shown: Masked::authored("••0001"),
                secret: Some(9),
            },
        },
        other => panic!("no such target: {other:?}"),
    }
}
