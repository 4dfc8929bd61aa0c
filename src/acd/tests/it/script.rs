//! Scripts a person can read: one input a line, and what the router said, with the time of each.

use expect_test::Expect;
use sidetone_acd::*;
use sidetone_types::*;
use std::fmt::Write;

/// Monday noon, unless the script says otherwise.
const NOON: MinuteOfWeek = MinuteOfWeek(12 * 60);

pub const HOUSE: &str = r#"
wrap_up_s_max = 30
tiers = { vip = 100, gold = 10 }

[[queue]]
id = "general"
name_zh = "综合"
name_en = "General"
offer_s = 15
waiting_max = 3
wait_s_max = 600
hours = [{ days = ["mon", "tue", "wed", "thu", "fri"], from = "09:00", to = "18:00" }]

[[queue]]
id = "refunds"
name_zh = "退款"
name_en = "Refunds"
skills = ["refunds"]
level_min = 3
offer_s = 15
overflow = { to = "general", after_s = 60 }

[[agent]]
id = "ann"
languages = ["en", "zh"]
skills = { refunds = 4 }

[[agent]]
id = "bo"
languages = ["zh"]
skills = { refunds = 9 }

[[agent]]
id = "cai"
languages = ["zh"]
skills = { refunds = 1 }
"#;

/// Runs a script against [`HOUSE`]. Deadlines are kept to the microsecond.
pub fn check(script: &str, expected: Expect) {
    expected.assert_eq(&run(HOUSE, script));
}

pub fn run(policy: &str, script: &str) -> String {
    let mut acd = Acd::new(AcdPolicy::parse(policy, "house.toml").expect("the policy is right"));
    let mut said = String::new();
    let mut deadline = None;
    for line in script
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
    {
        let (at, words) = line
            .split_once("s ")
            .expect("a line begins with its second");
        let at = AcdTime::from_s(at.parse().expect("a second is a number"));
        while let Some(due) = deadline.filter(|due| *due <= at) {
            deadline = step(&mut acd, due, AcdInput::Deadline, &mut said);
        }
        deadline = step(&mut acd, at, input(words), &mut said);
    }
    said
}

fn step(acd: &mut Acd, at: AcdTime, input: AcdInput, said: &mut String) -> Option<AcdTime> {
    acd.handle(at, input);
    let mut deadline = None;
    while let Some(output) = acd.poll() {
        let text = match output {
            AcdOutput::Deadline { at } => {
                deadline = Some(at);
                continue;
            }
            AcdOutput::Offer {
                agent,
                call,
                expires,
            } => {
                format!("offer {call} to {agent} until {}s", seconds(expires))
            }
            AcdOutput::OfferEnded {
                agent,
                call,
                outcome,
            } => {
                format!("offer of {call} to {agent} over: {outcome:?}")
            }
            AcdOutput::Assigned { agent, call } => format!("{agent} has {call}"),
            AcdOutput::Position {
                call,
                position,
                wait,
            } => {
                let wait = wait.map(|w| format!(", {} to {} s", w.low_s, w.high_s));
                format!("{call} is number {position}{}", wait.unwrap_or_default())
            }
            AcdOutput::Refused { call, reason } => format!("{call} refused: {}", reason.as_str()),
            AcdOutput::AgentStateChanged { agent, state, .. } => format!("{agent} is {state:?}"),
            AcdOutput::Ignored { why, .. } => format!("ignored: {why:?}"),
        };
        writeln!(said, "{}s {text}", seconds(at)).expect("a string takes text");
    }
    acd.audit()
        .unwrap_or_else(|broken| panic!("{broken} after\n{said}"));
    deadline
}

fn seconds(at: AcdTime) -> f64 {
    at.0 as f64 / 1e6
}

fn input(words: &str) -> AcdInput {
    let words: Vec<&str> = words.split_whitespace().collect();
    let state = |agent: &str, state| AcdInput::AgentState {
        agent: agent.into(),
        state,
    };
    match words.as_slice() {
        ["tick"] => AcdInput::Deadline,
        ["call", call, queue, lang, rest @ ..] => arrival(call, queue, lang, rest),
        ["left", call] => AcdInput::CallLeft {
            call: (*call).into(),
        },
        [agent, "accepts", call] => AcdInput::Accept {
            agent: (*agent).into(),
            call: (*call).into(),
        },
        [agent, "declines", call] => AcdInput::Decline {
            agent: (*agent).into(),
            call: (*call).into(),
        },
        [agent, "finishes", call] => AcdInput::CallFinished {
            agent: (*agent).into(),
            call: (*call).into(),
        },
        [agent, "available"] => state(agent, AgentState::Available),
        [agent, "break"] => state(agent, AgentState::Break),
        [agent, "offline"] => state(agent, AgentState::Offline),
        [agent, "busy"] => state(agent, AgentState::Busy),
        [agent, "lost"] => AcdInput::AgentLost {
            agent: (*agent).into(),
        },
        [agent, "seen"] => AcdInput::AgentSeen {
            agent: (*agent).into(),
        },
        [agent, "wrapped"] => AcdInput::WrapUpDone {
            agent: (*agent).into(),
        },
        [agent, "seizes", call] => AcdInput::Seize {
            agent: (*agent).into(),
            call: (*call).into(),
        },
        other => panic!("no such line: {other:?}"),
    }
}

fn arrival(call: &str, queue: &str, lang: &str, rest: &[&str]) -> AcdInput {
    let lang = Lang::parse(lang).expect("zh or en");
    let mut arrival = Arrival::new(call.into(), queue.into(), lang, NOON);
    for word in rest {
        match word.split_once('=').expect("key=value") {
            ("tier", tier) => arrival.tier = Some(tier.into()),
            ("mood", mood) => arrival.mood = Some(mood.parse().expect("a mood")),
            ("intent", intent) => arrival.intent = Some(intent.into()),
            ("skill", skill) => arrival.skills.push(skill.into()),
            ("priority", points) => arrival.priority = points.parse().expect("points"),
            ("only", agent) => arrival.agent = Some(agent.into()),
            ("minute", minute) => arrival.local = MinuteOfWeek(minute.parse().expect("a minute")),
            other => panic!("no such field: {other:?}"),
        }
    }
    AcdInput::CallArrived(arrival)
}
