//! Events and requests in one line each.

use sidetone_call::Request;
use sidetone_types::*;

fn name(leg: LegId) -> &'static str {
    match leg {
        LegId::CALLER => "caller",
        LegId(3) => "second",
        LegId(4) => "third",
        _ => "agent",
    }
}

/// A leg in one letter: caller, agent, second, third.
fn short(leg: LegId) -> &'static str {
    &name(leg)[..1]
}

/// An event in a line; `None` for what would only be noise in a script's result.
pub fn describe(kind: &EventKind) -> Option<String> {
    Some(match kind {
        EventKind::Heard { leg, transcript } => {
            format!("{} said {:?}", name(*leg), transcript.text.as_str())
        }
        EventKind::SpeechStarted { .. }
        | EventKind::SpeechEnded {
            ended_by: EndedBy::Pause,
            ..
        }
        | EventKind::Partial { .. }
        | EventKind::LegJoined { .. }
        | EventKind::ConnectorAsked { .. }
        | EventKind::PromptEnded {
            interrupted: false, ..
        } => return None,
        EventKind::SpeechEnded { ended_by, .. } => format!("utterance ended: {ended_by:?}"),
        EventKind::CallStarted { lang, customer, .. } => match customer {
            Some(customer) => format!("call started {lang} {customer}"),
            None => format!("call started {lang}"),
        },
        EventKind::PromptStarted { key, text, .. } => format!("say {key}: {text}"),
        EventKind::PromptEnded { played, .. } => format!("stopped after {:?}", played.as_str()),
        EventKind::BargeIn { .. } => "barge-in".into(),
        EventKind::Backchannel { .. } => "backchannel".into(),
        EventKind::KeyPressed { key, .. } => format!("key {key}"),
        EventKind::IntentFound { best, others, .. } => {
            let others: Vec<String> = others
                .iter()
                .filter(|other| other.score >= 400)
                .map(|other| format!(" also {} {}", other.intent, other.score))
                .collect();
            format!("intent {} {}{}", best.intent, best.score, others.concat())
        }
        EventKind::FlowEntered { flow, step } => format!("flow {flow} at {step}"),
        EventKind::FlowLeft { flow, outcome } => format!("flow {flow} {outcome}"),
        EventKind::SlotFilled {
            slot,
            value,
            by_key,
            ..
        } => {
            format!(
                "slot {slot} = {}{}",
                value.shown,
                if *by_key { " by keys" } else { "" }
            )
        }
        EventKind::SlotConfirmed { slot, .. } => format!("slot {slot} confirmed"),
        EventKind::SlotRejected { slot, reason, .. } => format!("slot {slot} rejected: {reason}"),
        EventKind::NoInput { count } => format!("no input {count}"),
        EventKind::NoMatch { count } => format!("no match {count}"),
        EventKind::ConnectorAnswered { ok, reason, .. } => match ok {
            true => "connector ok".into(),
            false => format!("connector: {reason}"),
        },
        EventKind::PassagesFound { passages, .. } => {
            format!("passages, best {}", passages[0].score)
        }
        EventKind::Degraded { what, then } => format!("degraded: {what} → {then}"),
        other => return describe_line(other),
    })
}

/// Queue, agent, end.
fn describe_line(kind: &EventKind) -> Option<String> {
    Some(match kind {
        EventKind::QueueEntered {
            queue,
            reason,
            priority,
            ..
        } => {
            format!("queue {queue} priority {priority} because {reason}")
        }
        EventKind::WaitAnnounced { position, wait } => {
            format!(
                "wait announced: {position}, {:?}",
                wait.map(|wait| (wait.low_s, wait.high_s))
            )
        }
        EventKind::Offered { agent } => format!("offered to {agent}"),
        EventKind::OfferEnded { outcome, .. } => format!("offer {outcome:?}"),
        EventKind::Answered { agent, .. } => format!("answered by {agent}"),
        EventKind::HoldStarted { .. } => "hold".into(),
        EventKind::HoldEnded { .. } => "hold ended".into(),
        EventKind::Muted { on, .. } => format!("muted {on}"),
        EventKind::LanguageChanged { lang } => format!("language {lang}"),
        EventKind::LegLeft { leg, reason } => format!("{} left: {reason}", name(*leg)),
        EventKind::Seated { leg, seat, .. } => format!("{} sits {seat:?}", name(*leg)),
        EventKind::TransferStarted { by, to, consult } => {
            let to = match to {
                Target::Agent { agent } => format!("agent {agent}"),
                Target::Queue { queue } => format!("queue {queue}"),
                Target::Number { number } => format!("number {}", number.shown),
            };
            let how = if *consult { "consult" } else { "blind" };
            format!("transfer by {by} to {to}, {how}")
        }
        EventKind::TransferEnded {
            outcome, reason, ..
        } => format!("transfer {outcome:?} {reason}")
            .trim_end()
            .to_owned(),
        EventKind::AgentAway { agent, grace_ms } => format!("{agent} is away, {grace_ms} ms"),
        EventKind::AgentBack { agent, .. } => format!("{agent} is back"),
        EventKind::TakenOver { by, .. } => format!("taken over by {by}"),
        EventKind::WrapUpStarted { agent } => format!("wrap-up of {agent}"),
        EventKind::WrapUpEnded { disposition, .. } => format!("wrap-up ended: {disposition}"),
        EventKind::CallEnded { reason } => format!("call ended: {reason:?}"),
        other => format!("{other:?}"),
    })
}

pub fn describe_request(request: &Request) -> Option<String> {
    Some(match request {
        Request::Enqueue(enqueue) => {
            let intent = enqueue
                .intent
                .as_ref()
                .map_or("-", |intent| intent.as_str());
            let only = enqueue
                .agent
                .as_ref()
                .map_or(String::new(), |agent| format!(" only {agent}"));
            format!(
                "→ enqueue {} tier {:?} {} intent {intent}{only}",
                enqueue.queue, enqueue.tier, enqueue.lang
            )
        }
        Request::LeaveQueue => "→ leave queue".into(),
        Request::Mix(mix) => {
            let pairs: Vec<String> = mix
                .hears
                .iter()
                .map(|(listener, speaker)| format!("{}←{}", short(*listener), short(*speaker)))
                .collect();
            format!(
                "→ mix {}",
                if pairs.is_empty() {
                    "nobody".into()
                } else {
                    pairs.join(" ")
                }
            )
        }
        Request::Dial { number, .. } => format!("→ dial {}", number.shown),
        Request::CancelDial { .. } => "→ cancel the call out".into(),
        Request::Release { agent } => format!("→ release {agent}"),
        Request::Music { on } => format!("→ music {}", if *on { "on" } else { "off" }),
        Request::HangUp { leg } => format!("→ hang up {}", name(*leg)),
        Request::Finish => "→ finish".into(),
        Request::Keep { secret, .. } => format!("→ keep secret {secret:#x}"),
        _ => return None,
    })
}
