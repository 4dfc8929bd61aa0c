//! A virtual day against Erlang C, and announced waits against what happened.

use crate::random::Random;
use sidetone_acd::*;
use sidetone_types::*;
use std::collections::BTreeMap;

const AGENTS: u32 = 10;
const HANDLE_S: f64 = 180.0;
const CALLS: u64 = 150_000;

fn house() -> Acd {
    let mut text = String::from(
        "wrap_up_s_max = 0\n[[queue]]\nid = \"q\"\nname_zh = \"队\"\nname_en = \"Q\"\n\
         waiting_max = 100000\nwait_s_max = 1000000\n",
    );
    for n in 0..AGENTS {
        text += &format!("[[agent]]\nid = \"a{n}\"\nlanguages = [\"zh\"]\n");
    }
    Acd::new(AcdPolicy::parse(&text, "theory.toml").expect("the policy is right"))
}

/// Mean wait in seconds of M/M/c (Erlang 1917), handling times exponential.
fn erlang_c(load_erlang: f64, agents: u32) -> f64 {
    let (mut term, mut sum) = (1.0, 1.0);
    for k in 1..agents {
        term *= load_erlang / f64::from(k);
        sum += term;
    }
    let last = term * load_erlang / f64::from(agents);
    let queued = last * f64::from(agents) / (f64::from(agents) - load_erlang);
    let waits = queued / (sum + queued);
    waits * HANDLE_S / (f64::from(agents) - load_erlang)
}

struct Seen {
    mean_wait_s: f64,
    told: u64,
    kept: u64,
}

/// Poisson arrivals; every offer is accepted at once, every handling time exponential.
fn simulate(load_erlang: f64, seed: u64) -> Seen {
    let (mut acd, mut random) = (house(), Random(seed));
    let us = |s: f64| (s * 1e6) as u64;
    let mut agenda: BTreeMap<(u64, u64), AcdInput> = BTreeMap::new();
    for n in 0..AGENTS {
        let agent = AgentId::new(format!("a{n}"));
        let state = AgentState::Available;
        agenda.insert((0, u64::from(n)), AcdInput::AgentState { agent, state });
    }
    let (mut at, mut number) = (0, 100);
    let mut arrived = BTreeMap::new();
    for n in 0..CALLS {
        at += us(random.exponential(HANDLE_S / load_erlang));
        let call = CallId::new(n.to_string());
        arrived.insert(call.clone(), (at, None::<WaitRange>));
        let arrival = Arrival::new(call, "q".into(), Lang::Zh, MinuteOfWeek(0));
        number += 1;
        agenda.insert((at, number), AcdInput::CallArrived(arrival));
    }
    let (mut waited_us, mut told, mut kept) = (0u64, 0, 0);
    while let Some(((at, _), input)) = agenda.pop_first() {
        acd.handle(AcdTime(at), input);
        while let Some(output) = acd.poll() {
            number += 1;
            match output {
                AcdOutput::Offer { agent, call, .. } => {
                    agenda.insert((at, number), AcdInput::Accept { agent, call });
                }
                AcdOutput::Assigned { agent, call } => {
                    let (from, wait) = arrived.remove(&call).expect("it arrived");
                    waited_us += at - from;
                    if let Some(wait) = wait {
                        let s = (at - from) as f64 / 1e6;
                        told += 1;
                        kept +=
                            u64::from(s >= f64::from(wait.low_s) && s <= f64::from(wait.high_s));
                    }
                    let until = at + us(random.exponential(HANDLE_S));
                    agenda.insert((until, number), AcdInput::CallFinished { agent, call });
                }
                AcdOutput::Position { call, wait, .. } => {
                    if let Some((_, told)) = arrived.get_mut(&call) {
                        *told = told.or(wait);
                    }
                }
                AcdOutput::Refused { call, reason } => panic!("{call} refused: {reason:?}"),
                _ => {}
            }
        }
    }
    assert!(arrived.is_empty(), "{} calls were lost", arrived.len());
    Seen {
        mean_wait_s: waited_us as f64 / 1e6 / CALLS as f64,
        told,
        kept,
    }
}

#[test]
fn the_mean_wait_is_that_of_erlang_c() {
    for (load, seed) in [(7.0, 1), (8.0, 2), (8.5, 3)] {
        let (theory, seen) = (erlang_c(load, AGENTS), simulate(load, seed));
        let ratio = seen.mean_wait_s / theory;
        let kept = seen.kept as f64 / seen.told as f64;
        println!(
            "load {load} of {AGENTS}: Erlang C {theory:.1} s, router {:.1} s; announced waits kept {kept:.3} of {}",
            seen.mean_wait_s, seen.told
        );
        assert!(
            (0.93..1.07).contains(&ratio),
            "load {load}: {theory} against {}",
            seen.mean_wait_s
        );
        // The range is meant to hold eight times in ten; it is rounded outwards.
        assert!(
            (0.75..0.95).contains(&kept),
            "load {load}: {kept} of {} kept",
            seen.told
        );
    }
}
