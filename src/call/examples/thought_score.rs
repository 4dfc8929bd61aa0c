//! How well the end of a thought is read from its text alone.
//!
//! `cargo run --release -p sidetone-call --example thought_score -- FILE` with one whole utterance a
//! line. A whole utterance that is taken for an unfinished one costs the caller a longer wait; a
//! beginning (cut after every word or character but the last) that is taken for a finished thought
//! is cut off if the caller pauses there for as long as the table says.

use sidetone_call::{CallPolicy, Expect, Thought, thought};
use std::collections::BTreeMap;

fn main() {
    let Some(path) = std::env::args().nth(1) else {
        eprintln!("usage: thought_score FILE");
        std::process::exit(2);
    };
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) => {
            eprintln!("{path}: {error}");
            std::process::exit(1);
        }
    };
    let policy = CallPolicy::default().pause;
    let mut whole: BTreeMap<Thought, u32> = BTreeMap::new();
    let mut begun: BTreeMap<Thought, u32> = BTreeMap::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        *whole.entry(thought(line, &Expect::Open)).or_default() += 1;
        let has_blanks = line.contains(' ');
        let cuts = line
            .char_indices()
            .filter(|(at, c)| *at > 0 && (!has_blanks || *c == ' '));
        for (at, _) in cuts {
            *begun
                .entry(thought(&line[..at], &Expect::Open))
                .or_default() += 1;
        }
    }
    for (title, counts) in [("whole", whole), ("begun", begun)] {
        let all: u32 = counts.values().sum();
        for (state, count) in counts {
            let share = f64::from(count) * 100.0 / f64::from(all.max(1));
            let pause_ms = policy.row(state).pause_ms;
            println!("{title} {state:?}: {count} of {all} ({share:.1}%), waits {pause_ms} ms");
        }
    }
}
