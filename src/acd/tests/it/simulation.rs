//! Random days with people who click late, close pages and hang up. A failure prints its seed; run it
//! alone with `ACD_SEED=<seed> cargo test -p sidetone-acd random_days`.

use crate::random::Random;
use sidetone_acd::*;
use sidetone_types::*;
use std::collections::BTreeMap;

const DAYS: u64 = 1500;
const AGENTS: [&str; 6] = ["ann", "bo", "cai", "dee", "eve", "fu"];
const QUEUES: [&str; 3] = ["general", "refunds", "vip"];

fn policy(random: &mut Random) -> AcdPolicy {
    let worth = if random.chance(50) {
        "point_is_worth_s = 3\n"
    } else {
        ""
    };
    let text = format!(
        r#"
wrap_up_s_max = {wrap_up}
agent_grace_s = 5
decline_rest_s = {rest}
nobody_grace_s = 10
tiers = {{ vip = 50 }}
[weights]
angry_points = 5
{worth}
[[queue]]
id = "general"
name_zh = "综合"
name_en = "General"
offer_s = 8
waiting_max = 12
wait_s_max = 300
[[queue]]
id = "refunds"
name_zh = "退款"
name_en = "Refunds"
skills = ["refunds"]
overflow = {{ to = "general", after_s = 20 }}
[[queue]]
id = "vip"
name_zh = "贵宾"
name_en = "VIP"
skills = ["vip", "refunds"]
level_min = 2
priority = 20
offer_s = 5
overflow = {{ to = "refunds", after_s = 10 }}
[[agent]]
id = "ann"
languages = ["en", "zh"]
skills = {{ refunds = 4, vip = 9 }}
[[agent]]
id = "bo"
languages = ["zh"]
skills = {{ refunds = 9 }}
[[agent]]
id = "cai"
languages = ["zh", "en"]
[[agent]]
id = "dee"
languages = ["en"]
skills = {{ refunds = 2, vip = 2 }}
[[agent]]
id = "eve"
languages = ["zh"]
skills = {{ vip = 3, refunds = 2 }}
[[agent]]
id = "fu"
languages = ["zh", "en"]
skills = {{ refunds = 1 }}
"#,
        wrap_up = random.below(3) * 10,
        rest = 1 + random.below(30),
    );
    AcdPolicy::parse(&text, "simulated.toml").expect("the policy is right")
}

/// What an outsider knows of a call, from inputs that took effect and outputs.
#[derive(Clone, Debug, PartialEq)]
enum Stage {
    Waiting,
    Offered(AgentId),
    Assigned(AgentId),
    Ended,
}

struct Day {
    acd: Acd,
    random: Random,
    now: AcdTime,
    deadline: Option<AcdTime>,
    plans: BTreeMap<(AcdTime, u64), AcdInput>,
    planned: u64,
    calls: BTreeMap<CallId, Stage>,
    agents: BTreeMap<AgentId, AgentState>,
    ends: u64,
    assigned: u64,
    closing: bool,
}

impl Day {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let acd = Acd::new(policy(&mut random));
        let agents = AGENTS.map(|agent| (AgentId::from(agent), AgentState::Offline));
        Self {
            acd,
            random,
            now: AcdTime::default(),
            deadline: None,
            plans: BTreeMap::new(),
            planned: 0,
            calls: BTreeMap::new(),
            agents: agents.into_iter().collect(),
            ends: 0,
            assigned: 0,
            closing: false,
        }
    }

    fn plan(&mut self, in_ms: u64, input: AcdInput) {
        self.planned += 1;
        let at = AcdTime(self.now.0 + in_ms * 1000);
        self.plans.insert((at, self.planned), input);
    }

    fn agent(&mut self) -> AgentId {
        AGENTS[self.random.below(6) as usize].into()
    }

    fn open(&mut self) {
        for agent in AGENTS {
            let state = AgentState::Available;
            let agent = agent.into();
            let at = self.random.below(60_000);
            self.plan(at, AcdInput::AgentState { agent, state });
        }
        for n in 0..20 + self.random.below(60) {
            let queue = QUEUES[self.random.below(3) as usize];
            let lang = if self.random.chance(70) {
                Lang::Zh
            } else {
                Lang::En
            };
            let call = CallId::new(format!("c{n}"));
            let mut arrival = Arrival::new(call.clone(), queue.into(), lang, MinuteOfWeek(600));
            arrival.tier = self.random.chance(20).then(|| "vip".to_owned());
            arrival.mood = self.random.chance(20).then_some(-80);
            if self.random.chance(10) {
                arrival
                    .skills
                    .push(if self.random.chance(80) { "vip" } else { "tax" }.into());
            }
            // Transfers by name, and supervisors who step onto a call.
            arrival.agent = self.random.chance(8).then(|| self.agent());
            let at = self.random.below(1_500_000);
            if self.random.chance(5) {
                let agent = self.agent();
                let call = CallId::new(format!("s{n}"));
                self.plan(at, AcdInput::Seize { agent, call });
            }
            self.plan(at, AcdInput::CallArrived(arrival));
            if self.random.chance(25) {
                let patience = self.random.below(120_000);
                self.plan(at + patience, AcdInput::CallLeft { call });
            }
        }
        for _ in 0..self.random.below(10) {
            let agent = self.agent();
            let state = match self.random.below(4) {
                0 => AgentState::Break,
                1 => AgentState::Offline,
                _ => AgentState::Available,
            };
            let input = match self.random.below(4) {
                0 => AcdInput::AgentLost { agent },
                1 => AcdInput::AgentSeen { agent },
                _ => AcdInput::AgentState { agent, state },
            };
            let at = self.random.below(1_500_000);
            self.plan(at, input);
        }
    }

    /// The host of the real machine is sometimes late, so this one is too.
    fn run(&mut self) {
        while let Some((&(at, n), _)) = self.plans.first_key_value() {
            let late = if self.random.chance(10) {
                self.random.below(3_000_000)
            } else {
                0
            };
            if let Some(due) = self
                .deadline
                .filter(|due| due.0.saturating_add(late) <= at.0)
            {
                let at = AcdTime((due.0 + late).max(self.now.0));
                self.step(at, AcdInput::Deadline);
                continue;
            }
            let input = self.plans.remove(&(at, n)).expect("it was just there");
            self.step(at.max(self.now), input);
        }
    }

    fn close(&mut self) {
        self.closing = true;
        // Nothing but time: nobody may be left in a state that only a click could end.
        self.rest();
        let moving = |state: &AgentState| {
            matches!(
                state,
                AgentState::Ringing | AgentState::Busy | AgentState::WrapUp
            )
        };
        assert!(
            !self.agents.values().any(moving),
            "stuck: {:?}",
            self.agents
        );
        for agent in AGENTS {
            let (agent, state) = (agent.into(), AgentState::Offline);
            self.plan(0, AcdInput::AgentState { agent, state });
        }
        self.run();
        self.rest();
    }

    fn rest(&mut self) {
        while let Some(due) = self.deadline {
            self.step(due.max(self.now), AcdInput::Deadline);
            self.run();
        }
    }

    fn step(&mut self, at: AcdTime, input: AcdInput) {
        self.now = at;
        self.deadline = None;
        self.foresee(&input);
        self.acd.handle(at, input);
        while let Some(output) = self.acd.poll() {
            assert!(self.deadline.is_none(), "something came after the deadline");
            self.take(output);
        }
        self.acd.audit().unwrap_or_else(|broken| panic!("{broken}"));
        let talking: Vec<_> = self
            .calls
            .values()
            .filter_map(|stage| match stage {
                Stage::Offered(agent) | Stage::Assigned(agent) => Some(agent),
                _ => None,
            })
            .collect();
        let mut once = talking.clone();
        once.sort();
        once.dedup();
        assert_eq!(talking.len(), once.len(), "an agent with two calls");
    }

    fn end(&mut self, call: &CallId) {
        self.ends += 1;
        self.calls.insert(call.clone(), Stage::Ended);
    }

    /// Inputs that end a call by themselves.
    fn foresee(&mut self, input: &AcdInput) {
        if let AcdInput::Seize { call, .. } = input {
            self.calls.insert(call.clone(), Stage::Waiting);
        }
        if let AcdInput::CallArrived(arrival) = input {
            self.calls.insert(arrival.call.clone(), Stage::Waiting);
        }
        if let AcdInput::CallLeft { call } = input {
            // Time first, so that a refusal that is due is counted as one.
            self.acd.handle(self.now, AcdInput::Deadline);
            while let Some(output) = self.acd.poll() {
                if !matches!(output, AcdOutput::Deadline { .. }) {
                    self.take(output);
                }
            }
            self.deadline = None;
            if self
                .calls
                .get(call)
                .is_some_and(|stage| *stage != Stage::Ended)
            {
                self.end(call);
            }
        }
        if let AcdInput::CallFinished { agent, call } = input
            && self.calls.get(call) == Some(&Stage::Assigned(agent.clone()))
        {
            self.end(call);
        }
    }

    fn take(&mut self, output: AcdOutput) {
        match output {
            AcdOutput::Offer {
                agent,
                call,
                expires,
            } => {
                assert!(expires > self.now || expires.0 + 30_000_000 > self.now.0);
                assert_eq!(self.calls[&call], Stage::Waiting, "{call} offered twice");
                self.calls
                    .insert(call.clone(), Stage::Offered(agent.clone()));
                self.react(agent, call);
            }
            AcdOutput::OfferEnded {
                agent,
                call,
                outcome,
            } => {
                if self.calls[&call] == Stage::Ended {
                    assert_eq!(outcome, OfferOutcome::Revoked);
                } else {
                    assert_eq!(self.calls[&call], Stage::Offered(agent), "{call}");
                    self.calls.insert(call, Stage::Waiting);
                }
            }
            AcdOutput::Assigned { agent, call } => {
                assert_eq!(self.calls[&call], Stage::Waiting, "{call} assigned twice");
                self.assigned += 1;
                self.calls
                    .insert(call.clone(), Stage::Assigned(agent.clone()));
                let talk = 1_000 + self.random.below(200_000);
                self.plan(
                    talk,
                    AcdInput::CallFinished {
                        agent: agent.clone(),
                        call,
                    },
                );
                if self.random.chance(60) {
                    let wrap = talk + self.random.below(20_000);
                    self.plan(wrap, AcdInput::WrapUpDone { agent });
                }
            }
            AcdOutput::Position { call, position, .. } => {
                assert_eq!(
                    self.calls[&call],
                    Stage::Waiting,
                    "{call} has a place in line"
                );
                assert!((1..=60).contains(&position), "{call} is number {position}");
            }
            AcdOutput::Refused { call, .. } => {
                assert_eq!(self.calls[&call], Stage::Waiting, "{call} refused");
                self.end(&call);
            }
            AcdOutput::AgentStateChanged { agent, state, .. } => {
                self.agents.insert(agent.clone(), state);
                let away = matches!(state, AgentState::Break | AgentState::Offline);
                if away && !self.closing {
                    let state = AgentState::Available;
                    let pause = self.random.below(60_000);
                    self.plan(pause, AcdInput::AgentState { agent, state });
                }
            }
            AcdOutput::Ignored {
                call: Some(call),
                why: Ignored::NotFree,
                ..
            } => self.end(&call),
            AcdOutput::Ignored { .. } => {}
            AcdOutput::Deadline { at } => self.deadline = Some(at),
        }
    }

    fn react(&mut self, agent: AgentId, call: CallId) {
        let after = self.random.below(10_000);
        let input = match self.random.below(10) {
            0 => return,
            1 => AcdInput::Decline { agent, call },
            2 => {
                // Two devices click, the second too late.
                let (agent2, call2) = (agent.clone(), call.clone());
                self.plan(
                    after + 1,
                    AcdInput::Accept {
                        agent: agent2,
                        call: call2,
                    },
                );
                AcdInput::Accept { agent, call }
            }
            _ => AcdInput::Accept { agent, call },
        };
        self.plan(after, input);
    }
}

fn one_day(seed: u64) -> (u64, u64) {
    let mut day = Day::new(seed);
    day.open();
    day.run();
    day.close();
    let open: Vec<_> = day
        .calls
        .iter()
        .filter(|(_, s)| **s != Stage::Ended)
        .collect();
    assert!(open.is_empty(), "never ended: {open:?}");
    assert_eq!(day.ends, day.calls.len() as u64, "every call ends once");
    let offline = |state: &AgentState| *state == AgentState::Offline;
    assert!(day.agents.values().all(offline), "stuck: {:?}", day.agents);
    (day.ends, day.assigned)
}

#[test]
fn random_days_lose_nobody_and_ring_nobody_twice() {
    if let Ok(seed) = std::env::var("ACD_SEED") {
        one_day(seed.parse().expect("a seed is a number"));
        return;
    }
    let (mut ends, mut assigned) = (0, 0);
    for seed in 0..DAYS {
        let day = std::panic::catch_unwind(|| one_day(seed));
        let day = day.unwrap_or_else(|_| panic!("failed with ACD_SEED={seed}"));
        ends += day.0;
        assigned += day.1;
    }
    // The days must be such that most callers are served and many are not.
    let share = assigned as f64 / ends as f64;
    assert!(
        (0.3..0.95).contains(&share),
        "{assigned} of {ends} were assigned"
    );
}

#[test]
fn the_same_inputs_give_the_same_outputs() {
    let outputs = |seed| {
        let mut day = Day::new(seed);
        day.open();
        let mut all = Vec::new();
        while let Some(((at, _), input)) = day.plans.pop_first() {
            day.acd.handle(at, input);
            all.extend(std::iter::from_fn(|| day.acd.poll()));
        }
        serde_json::to_string(&all).expect("outputs are JSON")
    };
    assert_eq!(outputs(7), outputs(7));
    assert_ne!(outputs(7), outputs(8));
}
