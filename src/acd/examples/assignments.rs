//! How many calls a second one core routes: `cargo run --release -p sidetone-acd --example assignments`.
//! 200 agents on four queues with skills and two languages, 100 calls always in line.
// A measuring program needs the clock that the crate itself must not read.
#![allow(clippy::disallowed_methods)]

use sidetone_acd::*;
use sidetone_types::*;
use std::collections::VecDeque;
use std::time::Instant;

const AGENTS: usize = 200;
const IN_LINE: u64 = 100;
const ROUND: u64 = 200_000;
const ROUNDS: usize = 5;

fn policy() -> AcdPolicy {
    let mut text = String::from("wrap_up_s_max = 0\ntiers = { vip = 100 }\n");
    for queue in ["general", "refunds", "tax", "vip"] {
        text +=
            &format!("[[queue]]\nid = \"{queue}\"\nname_zh = \"{queue}\"\nname_en = \"{queue}\"\n");
        text += &format!("skills = [\"{queue}\"]\nwaiting_max = 100000\nwait_s_max = 100000\n");
    }
    for n in 0..AGENTS {
        let (level, other) = (n % 10 + 1, ["refunds", "tax", "vip"][n % 3]);
        text += &format!("[[agent]]\nid = \"agent-{n}\"\nlanguages = [\"zh\", \"en\"]\n");
        text += &format!("skills = {{ general = {level}, {other} = 5 }}\n");
    }
    AcdPolicy::parse(&text, "assignments.toml").expect("the policy is right")
}

struct House {
    acd: Acd,
    now: AcdTime,
    arrived: u64,
    assigned: u64,
    talking: VecDeque<(AgentId, CallId)>,
}

impl House {
    fn handle(&mut self, input: AcdInput) {
        self.now = AcdTime(self.now.0 + 5);
        let mut todo = vec![input];
        while let Some(input) = todo.pop() {
            self.acd.handle(self.now, input);
            while let Some(output) = self.acd.poll() {
                match output {
                    AcdOutput::Offer { agent, call, .. } => {
                        todo.push(AcdInput::Accept { agent, call })
                    }
                    AcdOutput::Assigned { agent, call } => {
                        self.assigned += 1;
                        self.talking.push_back((agent, call));
                    }
                    AcdOutput::Refused { call, reason } => panic!("{call} refused: {reason:?}"),
                    _ => {}
                }
            }
        }
    }

    fn call(&mut self) {
        let n = self.arrived;
        self.arrived += 1;
        let queue = ["general", "refunds", "tax", "vip"][n as usize % 4];
        let lang = if n.is_multiple_of(3) {
            Lang::En
        } else {
            Lang::Zh
        };
        let call = CallId::new(format!("call-{n}"));
        let mut arrival = Arrival::new(call, queue.into(), lang, MinuteOfWeek(0));
        arrival.tier = n.is_multiple_of(7).then(|| "vip".to_owned());
        self.handle(AcdInput::CallArrived(arrival));
    }
}

fn main() {
    let mut house = House {
        acd: Acd::new(policy()),
        now: AcdTime::default(),
        arrived: 0,
        assigned: 0,
        talking: VecDeque::new(),
    };
    for n in 0..AGENTS {
        let agent = AgentId::new(format!("agent-{n}"));
        let state = AgentState::Available;
        house.handle(AcdInput::AgentState { agent, state });
    }
    while house.arrived < house.assigned + IN_LINE {
        house.call();
    }
    let mut rates = Vec::new();
    for _ in 0..ROUNDS {
        let (from, began) = (house.assigned, Instant::now());
        while house.assigned < from + ROUND {
            let (agent, call) = house.talking.pop_front().expect("somebody talks");
            house.handle(AcdInput::CallFinished { agent, call });
            house.call();
        }
        rates.push((house.assigned - from) as f64 / began.elapsed().as_secs_f64());
    }
    rates.sort_by(f64::total_cmp);
    println!("assignments a second on one core, {ROUNDS} rounds of {ROUND}:");
    println!(
        "  lowest {:.0}, median {:.0}, highest {:.0}",
        rates[0],
        rates[ROUNDS / 2],
        rates[ROUNDS - 1]
    );
}
