//! Inputs in any order: no panic, numbered events, an end, and the same again on replay.

use crate::world::{World, book, replay};
use sidetone_call::{Call, CallPolicy, Output, Request};
use sidetone_types::*;
use std::collections::BTreeMap;

/// xorshift64*: a seed makes a run, a failure prints the seed.
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % sides.max(1)
    }

    pub fn of<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.roll(list.len() as u64) as usize]
    }
}

const TEXTS: &[&str] = &[
    "查一下账单",
    "转人工",
    "agent",
    "嗯",
    "mm-hm",
    "对",
    "不对，是七",
    "yes",
    "no, sorry, seven",
    "",
    "二零六一一零一八",
    "two zero six one one zero one eight",
    "English please",
    "请讲中文",
    "再见",
    "第二个",
    "the second one",
    "谢谢",
    "我要退款，顺便查快递",
    "再说一遍",
    "\u{0}😀 ﷽",
    "零",
    "一",
    "百千万亿点月号年",
];

fn random_input(dice: &mut Dice, asked: &[RequestId]) -> CallInput {
    let leg = LegId(dice.roll(4) as u16);
    let utterance = UtteranceId(dice.roll(8) as u32);
    let prompt = PromptId(dice.roll(12) as u32);
    let request = if asked.is_empty() || dice.roll(4) == 0 {
        RequestId(dice.roll(9))
    } else {
        *dice.of(asked)
    };
    let text = Masked::authored(*dice.of(TEXTS));
    let agent = AgentId::from(*dice.of(&["mei", "jack"]));
    match dice.roll(26) {
        0..=3 => CallInput::Voice {
            leg: LegId(dice.roll(3) as u16),
            level: dice.roll(4) as u8,
        },
        4 => CallInput::Partial {
            leg,
            utterance,
            text,
        },
        5 | 6 => CallInput::Final {
            leg: LegId::CALLER,
            transcript: Transcript {
                utterance,
                text,
                words: Vec::new(),
                stage: Stage::Final,
                lang: *dice.of(&Lang::ALL),
                confidence: dice.roll(1100) as u16,
                rejected: false,
            },
            slots: Vec::new(),
        },
        7 => CallInput::Unheard {
            leg,
            utterance,
            reason: "x".into(),
        },
        8 | 9 => CallInput::Understood {
            request,
            scores: scores(dice),
        },
        10 => CallInput::Found {
            request,
            passages: Vec::new(),
        },
        11 | 12 => CallInput::Connector {
            request,
            answer: answer(dice),
        },
        13 | 14 => CallInput::Key {
            leg: LegId::CALLER,
            key: *dice.of(&['0', '1', '2', '3', '7', '*', '#', 'A', 'x']),
        },
        _ => random_rest(dice, leg, prompt, agent),
    }
}

/// Prompts, legs, the ACD and clicks.
fn random_rest(dice: &mut Dice, leg: LegId, prompt: PromptId, agent: AgentId) -> CallInput {
    match 15 + dice.roll(12) {
        15 => CallInput::PromptStarted { prompt },
        16 | 17 => CallInput::PromptEnded {
            prompt,
            played_ms: dice.roll(3000) as u32,
            total_ms: dice.roll(3000) as u32,
        },
        18 => CallInput::LegJoined {
            leg,
            party: Party::Agent { agent },
            wire: Wire::WebRtc,
        },
        19 => CallInput::Waiting {
            position: dice.roll(5) as u32,
            wait: None,
        },
        20 => CallInput::Offered { agent },
        21 => CallInput::Accepted { agent, leg },
        22 => CallInput::QueueRefused { reason: "x".into() },
        23 => CallInput::Click {
            by: agent,
            action: click(dice),
        },
        26 => match dice.roll(3) {
            0 => CallInput::Returned { agent, leg },
            1 => CallInput::Supervises {
                agent,
                leg,
                mode: SuperviseMode::Barge,
            },
            _ => CallInput::Dialled {
                request: RequestId(dice.roll(9)),
                outcome: DialOutcome::Answered { leg },
            },
        },
        24 => CallInput::Speech {
            available: dice.roll(2) == 0,
        },
        _ => match dice.roll(30) {
            0 => CallInput::Shutdown,
            1 => CallInput::LegLeft {
                leg: LegId::CALLER,
                reason: "hung_up".into(),
            },
            2 => CallInput::LegLeft {
                leg,
                reason: "ice".into(),
            },
            3 => CallInput::OfferEnded {
                agent,
                outcome: OfferOutcome::TimedOut,
            },
            _ => CallInput::Deadline,
        },
    }
}

fn scores(dice: &mut Dice) -> Vec<IntentScore> {
    const INTENTS: &[&str] = &[
        "bill-query",
        "refund-request",
        "none",
        "appointment-book",
        "opening-hours",
        "no-such",
    ];
    (0..dice.roll(3))
        .map(|_| IntentScore {
            intent: (*dice.of(INTENTS)).into(),
            score: dice.roll(1200) as u16,
        })
        .collect()
}

fn answer(dice: &mut Dice) -> ConnectorAnswer {
    match dice.roll(3) {
        0 => ConnectorAnswer::NotFound,
        1 => ConnectorAnswer::Failed { reason: "x".into() },
        _ => {
            let mut fields = BTreeMap::new();
            fields.insert("customer".into(), serde_json::json!("c-wang"));
            fields.insert(
                "slots".into(),
                serde_json::json!([{"id": "s-1"}, 7, {"day": null}]),
            );
            fields.insert("status".into(), serde_json::json!(["odd"]));
            ConnectorAnswer::Ok { fields }
        }
    }
}

fn click(dice: &mut Dice) -> AgentAction {
    match dice.roll(9) {
        5 => AgentAction::Transfer {
            to: Target::Agent {
                agent: "lin".into(),
            },
            consult: dice.roll(2) == 0,
        },
        6 => AgentAction::TakeOver,
        7 => AgentAction::Conference,
        8 => AgentAction::Drop { leg: LegId(2) },
        0 => AgentAction::Hold {
            on: dice.roll(2) == 0,
        },
        1 => AgentAction::Mute { on: true },
        2 => AgentAction::Key { key: '5' },
        3 => AgentAction::HangUp,
        _ => AgentAction::WrapUp {
            disposition: "done".into(),
        },
    }
}

struct Outcome {
    inputs: Vec<(CallTime, CallInput)>,
    events: Vec<CallEvent>,
    finished: bool,
}

/// Drains the machine, and checks what every drain must keep to.
fn drain(call: &mut Call, outcome: &mut Outcome, asked: &mut Vec<RequestId>) -> Option<CallTime> {
    let mut deadline = None;
    while let Some(output) = call.poll() {
        assert!(deadline.is_none(), "the deadline is the last output");
        assert!(!outcome.finished, "nothing comes after Finish");
        match output {
            Output::Event(event) => {
                assert_eq!(event.seq, outcome.events.len() as u64);
                outcome.events.push(event);
            }
            Output::Request(
                Request::Understand { request, .. }
                | Request::Ask { request, .. }
                | Request::Connect { request, .. },
            ) => asked.push(request),
            Output::Request(Request::Finish) => outcome.finished = true,
            Output::Request(_) => {}
            Output::Deadline(time) => deadline = Some(time),
        }
    }
    deadline
}

/// Whether the call came to a person or to an end.
fn served(events: &[CallEvent]) -> bool {
    events.iter().any(|event| {
        matches!(
            event.kind,
            EventKind::QueueEntered { .. }
                | EventKind::Answered { .. }
                | EventKind::CallEnded { .. }
        )
    })
}

fn random_call(seed: u64) -> Outcome {
    let mut dice = Dice(seed * 2 + 1);
    let mut call = Call::new(book(), CallPolicy::default());
    let mut outcome = Outcome {
        inputs: Vec::new(),
        events: Vec::new(),
        finished: false,
    };
    let mut asked = Vec::new();
    let mut now = CallTime::ZERO;
    let start = CallStart {
        call: "c".into(),
        wall_ms: 1_795_312_800_000,
        wire: Wire::WebRtc,
        lang: *dice.of(&Lang::ALL),
        ani: None,
        dnis: None,
        customer: None,
        content: String::new(),
        speech: dice.roll(4) > 0,
        open: dice.roll(4) > 0,
        entry: None,
        assist_only: false,
    };
    let mut give = |call: &mut Call, outcome: &mut Outcome, now: CallTime, input: CallInput| {
        outcome.inputs.push((now, input.clone()));
        call.handle(now, input);
        let recent = asked.len().saturating_sub(3);
        let deadline = drain(call, outcome, &mut asked);
        (deadline, asked[recent.min(asked.len())..].to_vec())
    };
    let mut recent = give(&mut call, &mut outcome, now, CallInput::Start(start)).1;
    for _ in 0..dice.roll(250) {
        now = CallTime(now.0 + dice.roll(1_500_000));
        let input = random_input(&mut dice, &recent);
        recent = give(&mut call, &mut outcome, now, input).1;
    }
    // However it stands, a caller who falls silent comes to a person or to an end.
    if seed.is_multiple_of(2) {
        let quiet = CallInput::Voice {
            leg: LegId::CALLER,
            level: 0,
        };
        let mut deadline = give(&mut call, &mut outcome, now, quiet).0;
        let mut rounds = 0;
        while let Some(time) = deadline.filter(|_| rounds < 300 && !served(&outcome.events)) {
            rounds += 1;
            now = now.max(time);
            deadline = give(&mut call, &mut outcome, time, CallInput::Deadline).0;
        }
        assert!(served(&outcome.events), "a silent caller is left alone");
    }
    // A caller who leaves ends it, in bounded time.
    if outcome.finished {
        return outcome;
    }
    let gone = CallInput::LegLeft {
        leg: LegId::CALLER,
        reason: "hung_up".into(),
    };
    let mut deadline = give(&mut call, &mut outcome, now, gone).0;
    for _ in 0..20 {
        let Some(time) = deadline else { break };
        deadline = give(&mut call, &mut outcome, time, CallInput::Deadline).0;
    }
    assert!(
        outcome.finished && call.is_over(),
        "the call is never closed"
    );
    outcome
}

#[test]
fn any_order_of_inputs_ends_and_replays() {
    for seed in 0..3000 {
        let run = std::panic::catch_unwind(|| random_call(seed));
        let Ok(outcome) = run else {
            panic!("seed {seed}");
        };
        let ends = outcome
            .events
            .iter()
            .filter(|event| matches!(event.kind, EventKind::CallEnded { .. }))
            .count();
        assert_eq!(ends, 1, "seed {seed}: a call ends once");
        assert_eq!(
            replay(&outcome.inputs),
            outcome.events,
            "seed {seed}: the replay differs"
        );
    }
}

/// A caller with whom nothing works is still never left without an answer for good: as long as
/// the assistant has the call there is a deadline, and it leads to a person or to an end.
#[test]
fn a_dead_house_still_ends_the_call() {
    for lang in Lang::ALL {
        for open in [true, false] {
            let mut call = Call::new(book(), CallPolicy::default());
            let start = CallStart {
                call: "c".into(),
                wall_ms: 0,
                wire: Wire::Sip,
                lang,
                ani: None,
                dnis: None,
                customer: None,
                content: String::new(),
                speech: false,
                open,
                entry: None,
                assist_only: false,
            };
            let mut outcome = Outcome {
                inputs: Vec::new(),
                events: Vec::new(),
                finished: false,
            };
            let mut asked = Vec::new();
            call.handle(CallTime::ZERO, CallInput::Start(start));
            let mut deadline = drain(&mut call, &mut outcome, &mut asked);
            for _ in 0..200 {
                let Some(time) = deadline else { break };
                call.handle(time, CallInput::Deadline);
                deadline = drain(&mut call, &mut outcome, &mut asked);
            }
            let queued = outcome
                .events
                .iter()
                .any(|event| matches!(event.kind, EventKind::QueueEntered { .. }));
            let ended = outcome
                .events
                .iter()
                .any(|event| matches!(event.kind, EventKind::CallEnded { .. }));
            assert_eq!((queued, ended), (open, !open), "{lang} open {open}");
        }
    }
}

/// A script of a caller who says and presses anything, in a house whose parts come and go.
fn random_script(dice: &mut Dice) -> String {
    let options = *dice.of(&["", " wang", " closed", " wang nospeech"]);
    let mut script = format!("0.0 start {}{options}\n", *dice.of(&["zh", "en"]));
    let mut tenths = 60 + dice.roll(40);
    for _ in 0..dice.roll(12) {
        let action = match dice.roll(12) {
            0..=6 => format!("caller: {}", SAID[dice.roll(SAID.len() as u64) as usize]),
            7 => format!(
                "keys {}",
                *dice.of(&["1", "3", "20611018", "13800138000#", "2", "0"])
            ),
            8 => format!("noise {}", *dice.of(&["0.1", "0.5", "2", "13"])),
            9 => format!("dead {}", *dice.of(PARTS)),
            10 => format!("alive {}", *dice.of(PARTS)),
            _ => format!("speech {}", *dice.of(&["on", "off"])),
        };
        script.push_str(&format!("{}.{} {action}\n", tenths / 10, tenths % 10));
        tenths += 30 + dice.roll(150);
    }
    script.push_str("600.0 end\n");
    script
}

const PARTS: &[&str] = &[
    "recognizer",
    "classifier",
    "knowledge",
    "connector",
    "synthesizer",
];
const SAID: &[&str] = &[
    "查一下我的账单",
    "我的快递[0.6]到哪了",
    "我要退款",
    "约个师傅",
    "我要投诉",
    "对",
    "不是",
    "嗯",
    "二零六一一零一八",
    "一三八零零一三八零零零",
    "第二个",
    "check my bill",
    "where is my order",
    "yes",
    "no sorry seven",
    "mm-hm",
    "English please",
    "请讲中文",
    "what is the weather like",
    "退款要多久",
    "没有了",
];

#[test]
fn any_conversation_comes_to_a_person_or_an_end() {
    for seed in 0..400u64 {
        let script = random_script(&mut Dice(seed * 2 + 1));
        let run = std::panic::catch_unwind(|| {
            let mut world = World::new();
            world.run(&script);
            world
        });
        let Ok(world) = run else {
            panic!("seed {seed}:\n{script}");
        };
        let log = world.log.join("\n");
        assert!(served(&world.events), "seed {seed}:\n{script}\n{log}");
        assert_eq!(replay(&world.inputs), world.events, "seed {seed}");
    }
}
