//! Random clicks, answers and broken lines over a call with people on it, and what must hold all the
//! while: nobody is left alone for good, nobody is on the call twice, the caller hears no whisper and
//! no consultation, and the call ends once.

use crate::property::Dice;
use crate::world::{book, replay};
use sidetone_call::{Call, CallPolicy, Mix, Output, Request};
use sidetone_types::*;
use std::collections::{BTreeMap, BTreeSet};

const AGENTS: [&str; 3] = ["mei", "jack", "lin"];
const SUPERVISORS: [&str; 2] = ["sue", "tom"];

/// The house around the machine: what is open, who is where, and what everybody hears.
struct House {
    call: Call,
    now: CallTime,
    deadline: Option<CallTime>,
    inputs: Vec<(CallTime, CallInput)>,
    events: Vec<CallEvent>,
    open: BTreeSet<LegId>,
    seats: BTreeMap<LegId, (Party, Seat)>,
    /// Who must be told that they are free, and has not been.
    busy: BTreeSet<AgentId>,
    mix: Mix,
    music: bool,
    saying: Option<PromptId>,
    queued: bool,
    dialling: Option<RequestId>,
    next_leg: LegId,
    hang_ups: Vec<LegId>,
    finished: bool,
}

impl House {
    fn new(lang: Lang) -> Self {
        let mut house = Self {
            call: Call::new(book(), CallPolicy::default()),
            now: CallTime::ZERO,
            deadline: None,
            inputs: Vec::new(),
            events: Vec::new(),
            open: BTreeSet::from([LegId::CALLER]),
            seats: BTreeMap::new(),
            busy: BTreeSet::new(),
            mix: Mix::of(&[], false),
            music: false,
            saying: None,
            queued: false,
            dialling: None,
            next_leg: LegId::FIRST_AGENT,
            hang_ups: Vec::new(),
            finished: false,
        };
        house.give(CallInput::Start(CallStart {
            call: "c".into(),
            wall_ms: 0,
            wire: Wire::Sip,
            lang,
            ani: None,
            dnis: None,
            customer: None,
            content: String::new(),
            speech: true,
            open: true,
            entry: None,
            assist_only: false,
        }));
        house.key('0');
        house
    }

    fn key(&mut self, key: char) {
        // Past the notice, which no key stops.
        for _ in 0..4 {
            self.end_prompt();
        }
        self.give(CallInput::Key {
            leg: LegId::CALLER,
            key,
        });
    }

    fn end_prompt(&mut self) {
        if let Some(prompt) = self.saying.take() {
            self.give(CallInput::PromptStarted { prompt });
            self.give(CallInput::PromptEnded {
                prompt,
                played_ms: 500,
                total_ms: 500,
            });
        }
    }

    fn give(&mut self, input: CallInput) {
        if self.finished {
            return;
        }
        self.inputs.push((self.now, input.clone()));
        self.call.handle(self.now, input);
        self.deadline = None;
        while let Some(output) = self.call.poll() {
            match output {
                Output::Event(event) => self.event(event),
                Output::Request(request) => self.request(request),
                Output::Deadline(at) => self.deadline = Some(at),
            }
        }
        self.check();
        while let Some(leg) = self.hang_ups.pop() {
            if self.open.remove(&leg) {
                let reason = "closed_here".into();
                self.give(CallInput::LegLeft { leg, reason });
            }
        }
    }

    fn event(&mut self, event: CallEvent) {
        match &event.kind {
            EventKind::Seated { leg, party, seat } => {
                self.seats.insert(*leg, (party.clone(), *seat));
            }
            EventKind::LegLeft { leg, .. }
                if !matches!(self.seats.get(leg), Some((_, Seat::Away))) =>
            {
                self.seats.remove(leg);
            }
            EventKind::AgentBack { agent, .. } => {
                let own = AgentId::clone(agent);
                self.seats.retain(|_, (party, _)| name(party) != Some(&own));
            }
            EventKind::WrapUpStarted { agent } => {
                assert!(
                    self.busy.remove(agent),
                    "{agent} wraps up twice or was never here"
                );
                let own = agent.clone();
                self.seats.retain(|_, (party, _)| name(party) != Some(&own));
            }
            _ => {}
        }
        self.events.push(event);
    }

    fn request(&mut self, request: Request) {
        match request {
            Request::Mix(mix) => self.mix = mix,
            Request::Music { on } => self.music = on,
            Request::Say { prompt, .. } => self.saying = Some(prompt),
            Request::StopSaying { .. } => self.saying = None,
            Request::Enqueue(_) => {
                assert!(!self.queued, "in the router twice");
                self.queued = true;
            }
            Request::LeaveQueue => self.queued = false,
            Request::Dial { request, .. } => self.dialling = Some(request),
            Request::CancelDial { request } => {
                assert_eq!(self.dialling.take(), Some(request));
            }
            Request::HangUp { leg } => {
                self.seats.remove(&leg);
                self.hang_ups.push(leg);
            }
            Request::Release { agent } => {
                assert!(self.busy.remove(&agent), "{agent} is freed twice");
            }
            Request::Finish => self.finished = true,
            _ => {}
        }
    }

    /// What holds after every input.
    fn check(&self) {
        let mut known = BTreeSet::new();
        for (leg, (party, seat)) in &self.seats {
            if let Some(agent) = name(party) {
                assert!(known.insert(agent.clone()), "{agent} sits twice");
            }
            let hidden = matches!(
                seat,
                Seat::Whisper | Seat::Monitor | Seat::Consult | Seat::Away
            );
            assert!(
                !(hidden && self.mix.hears(LegId::CALLER, *leg)),
                "the caller hears {seat:?}"
            );
            if !matches!(seat, Seat::Monitor | Seat::Whisper | Seat::Barge) {
                assert!(
                    !matches!(party, Party::Supervisor { .. }),
                    "a supervisor sits {seat:?}"
                );
            }
        }
        for (listener, speaker) in &self.mix.hears {
            assert_ne!(listener, speaker);
        }
        if self.ended() || self.finished {
            return;
        }
        // The caller hears somebody, a prompt, or music; or the assistant is at work with a deadline.
        let heard = self.mix.hears.iter().any(|(to, _)| *to == LegId::CALLER);
        let muted_talk = self.seats.values().any(|(_, seat)| *seat == Seat::Main);
        assert!(
            heard || muted_talk || self.music || self.saying.is_some() || self.deadline.is_some(),
            "the caller is in silence for good"
        );
        // Whoever is consulted hears somebody or music.
        // An agent who has muted themselves is there all the same.
        for (leg, (_, seat)) in self.seats.iter().filter(|_| !muted_talk) {
            if *seat == Seat::Consult {
                let hears = self.mix.hears.iter().any(|(to, _)| to == leg);
                assert!(hears || self.mix.music.contains(leg), "{leg} hears nothing");
            }
        }
    }

    fn ended(&self) -> bool {
        self.events
            .iter()
            .any(|event| matches!(event.kind, EventKind::CallEnded { .. }))
    }

    fn new_leg(&mut self) -> LegId {
        let leg = self.next_leg;
        self.next_leg = leg.next();
        self.open.insert(leg);
        leg
    }

    /// An agent answers, if the router would let them.
    fn accept(&mut self, dice: &mut Dice) {
        let agent = AgentId::from(*dice.of(&AGENTS));
        if !self.queued || self.busy.contains(&agent) {
            return;
        }
        let leg = self.new_leg();
        self.queued = false;
        self.busy.insert(agent.clone());
        self.give(CallInput::LegJoined {
            leg,
            party: Party::Agent {
                agent: agent.clone(),
            },
            wire: *dice.of(&[Wire::WebRtc, Wire::Sip]),
        });
        self.give(CallInput::Accepted { agent, leg });
    }

    fn supervise(&mut self, dice: &mut Dice) {
        let agent = AgentId::from(*dice.of(&SUPERVISORS));
        if self.busy.contains(&agent) {
            return;
        }
        let mode = mode(dice);
        let leg = self.new_leg();
        self.busy.insert(agent.clone());
        self.give(CallInput::Supervises { agent, leg, mode });
    }

    fn dialled(&mut self, dice: &mut Dice) {
        let Some(request) = self.dialling else { return };
        let outcome = match dice.roll(3) {
            0 => DialOutcome::Ringing,
            1 => {
                self.dialling = None;
                DialOutcome::Answered {
                    leg: self.new_leg(),
                }
            }
            _ => {
                self.dialling = None;
                DialOutcome::Refused {
                    reason: "busy".into(),
                }
            }
        };
        self.give(CallInput::Dialled { request, outcome });
    }

    fn line_goes(&mut self, dice: &mut Dice) {
        let legs: Vec<LegId> = self.open.iter().copied().filter(|l| l.0 > 1).collect();
        if legs.is_empty() {
            return;
        }
        let leg = *dice.of(&legs);
        self.open.remove(&leg);
        let reason = (*dice.of(&["lost", "far_end", "hung_up"])).to_owned();
        self.give(CallInput::LegLeft { leg, reason });
    }

    fn comes_back(&mut self, dice: &mut Dice) {
        let agent = AgentId::from(*dice.of(&AGENTS));
        let leg = self.new_leg();
        self.give(CallInput::Returned { agent, leg });
    }

    fn random(&mut self, dice: &mut Dice) {
        self.now = CallTime(self.now.0 + dice.roll(9_000_000));
        while let Some(at) = self.deadline.filter(|at| *at <= self.now) {
            let now = std::mem::replace(&mut self.now, at);
            self.give(CallInput::Deadline);
            self.now = now;
        }
        if self.finished {
            return;
        }
        match dice.roll(16) {
            0..=3 => self.accept(dice),
            4 => self.supervise(dice),
            5 => self.dialled(dice),
            6 => self.line_goes(dice),
            7 => self.comes_back(dice),
            8 => self.end_prompt(),
            9 if self.queued => {
                self.queued = false;
                let reason = "agent_not_free".to_owned();
                self.give(CallInput::QueueRefused { reason });
                if !self.ended() && !self.queued {
                    // The assistant offers a message; the caller asks for a person again.
                    self.key('0');
                }
            }
            _ => {
                let everybody = [&AGENTS[..], &SUPERVISORS[..]].concat();
                let by = AgentId::from(*dice.of(&everybody));
                let action = click(dice);
                self.give(CallInput::Click { by, action });
            }
        }
    }
}

fn name(party: &Party) -> Option<&AgentId> {
    match party {
        Party::Agent { agent } | Party::Supervisor { agent } => Some(agent),
        _ => None,
    }
}

fn mode(dice: &mut Dice) -> SuperviseMode {
    *dice.of(&[
        SuperviseMode::Monitor,
        SuperviseMode::Whisper,
        SuperviseMode::Barge,
    ])
}

fn click(dice: &mut Dice) -> AgentAction {
    match dice.roll(18) {
        14..=17 => AgentAction::Conference,
        0..=3 => AgentAction::Transfer {
            to: match dice.roll(3) {
                0 => Target::Agent {
                    agent: AgentId::from(*dice.of(&AGENTS)),
                },
                1 => Target::Queue {
                    queue: "aftersales".into(),
                },
                _ => Target::Number {
                    number: SlotValue {
                        shown: Masked::authored("••1"),
                        secret: Some(1),
                    },
                },
            },
            consult: dice.roll(3) > 0,
        },
        4 => AgentAction::Complete,
        5 => AgentAction::Cancel,
        6 => AgentAction::Conference,
        7 => AgentAction::Drop {
            leg: LegId(dice.roll(9) as u16),
        },
        8 => AgentAction::Supervise { mode: mode(dice) },
        9 => AgentAction::TakeOver,
        10 => AgentAction::HangUp,
        11 => AgentAction::Hold {
            on: dice.roll(2) == 0,
        },
        12 => AgentAction::Mute {
            on: dice.roll(2) == 0,
        },
        _ => AgentAction::WrapUp {
            disposition: "done".into(),
        },
    }
}

fn random_call(seed: u64) -> House {
    let mut dice = Dice(seed * 2 + 1);
    let mut house = House::new(*dice.of(&Lang::ALL));
    for _ in 0..dice.roll(120) {
        house.random(&mut dice);
    }
    house.now = CallTime(house.now.0 + 1);
    if house.open.remove(&LegId::CALLER) {
        let reason = "hung_up".into();
        house.give(CallInput::LegLeft {
            leg: LegId::CALLER,
            reason,
        });
    }
    for _ in 0..20 {
        let Some(at) = house.deadline else { break };
        house.now = house.now.max(at);
        house.give(CallInput::Deadline);
    }
    house
}

#[test]
fn any_order_of_control_keeps_everybody_heard() {
    let (mut answered, mut consulted, mut conferences, mut overs) = (0, 0, 0, 0);
    for seed in 0..4000 {
        let run = std::panic::catch_unwind(|| random_call(seed));
        let Ok(house) = run else {
            panic!("seed {seed}");
        };
        let count = |is: fn(&EventKind) -> bool| {
            house.events.iter().filter(|event| is(&event.kind)).count()
        };
        let ends = count(|kind| matches!(kind, EventKind::CallEnded { .. }));
        assert_eq!(ends, 1, "seed {seed}: a call ends once");
        assert!(house.finished, "seed {seed}: the journal is never closed");
        assert!(
            house.busy.is_empty(),
            "seed {seed}: {:?} are never free",
            house.busy
        );
        assert!(
            !house.queued && house.dialling.is_none(),
            "seed {seed}: still fetching"
        );
        assert!(
            house.open.is_empty(),
            "seed {seed}: {:?} stay open",
            house.open
        );
        assert_eq!(
            replay(&house.inputs),
            house.events,
            "seed {seed}: the replay differs"
        );
        let moved = |outcome: TransferOutcome| {
            let is = |event: &&CallEvent| matches!(&event.kind, EventKind::TransferEnded { outcome: o, .. } if *o == outcome);
            house.events.iter().filter(is).count()
        };
        answered += count(|kind| matches!(kind, EventKind::Answered { .. }));
        consulted += moved(TransferOutcome::Completed);
        conferences += moved(TransferOutcome::Conference);
        overs += count(|kind| matches!(kind, EventKind::TakenOver { .. }));
    }
    // The dice reach every corner, or the test would prove nothing.
    assert!(
        answered > 4000 && consulted > 300 && conferences > 60 && overs > 200,
        "{answered} {consulted} {conferences} {overs}"
    );
}
