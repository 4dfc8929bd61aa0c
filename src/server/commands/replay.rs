//! `sidetone replay`: a journal's inputs, fed to a fresh state machine, must give its events.

use crate::config::Config;
use crate::content::load_flows;
use anyhow::{anyhow, bail};
use sidetone_call::{Call, CallPolicy, FlowBook, Output};
use sidetone_records::journal;
use sidetone_types::*;
use std::sync::Arc;

pub fn run(config: &Config, call: Option<&str>, all: bool) -> anyhow::Result<()> {
    let root = config.paths.data.join("journal");
    let calls = match call {
        Some(call) => vec![CallId::new(call)],
        None if all => journal::all_calls(&root)?,
        None => bail!("name a call, or say --all"),
    };
    let flows = load_flows(&config.paths.prompts, &config.paths.knowledge).map_err(|errors| {
        anyhow!(
            "{}",
            errors
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join("\n")
        )
    })?;
    let mut differing = 0;
    for call in calls {
        let lines = journal::read(&root, &call)?;
        match replay(&lines, &flows) {
            Replayed::Same { events } => println!("{call}: {events} events, the same again"),
            Replayed::OtherContent => {
                println!("{call}: ran on other flows than those in the folder now; not compared");
            }
            Replayed::Differs { seq, was, is } => {
                println!("{call}: event {seq} differs\n  was {was}\n  is  {is}");
                differing += 1;
            }
        }
    }
    if differing > 0 {
        bail!("{differing} calls came out differently");
    }
    Ok(())
}

/// How a replay came out.
#[derive(Debug, PartialEq, Eq)]
pub enum Replayed {
    Same {
        events: usize,
    },
    /// The flows were edited since; the events can't be expected to be the same.
    OtherContent,
    Differs {
        seq: u64,
        was: String,
        is: String,
    },
}

/// Feeds the inputs of a journal to a fresh machine and compares the events one by one.
pub fn replay(lines: &[JournalLine], flows: &Arc<FlowBook>) -> Replayed {
    let mut machine = Call::new(flows.clone(), CallPolicy::default());
    let mut given = Vec::new();
    let mut written = Vec::new();
    for line in lines {
        match line {
            JournalLine::Input { at, input } => {
                if let CallInput::Start(start) = input
                    && start.content != flows.digest()
                {
                    return Replayed::OtherContent;
                }
                machine.handle(*at, input.clone());
                while let Some(output) = machine.poll() {
                    if let Output::Event(event) = output {
                        given.push(event);
                    }
                }
            }
            // Written at a restart, not by the machine.
            JournalLine::Event { event } if is_lost(event) => {}
            JournalLine::Event { event } => written.push(event.clone()),
        }
    }
    // A call that was cut off may have inputs whose events did not reach the disk.
    for (was, is) in written.iter().zip(&given) {
        if was != is {
            return Replayed::Differs {
                seq: was.seq,
                was: shown(was),
                is: shown(is),
            };
        }
    }
    if written.len() > given.len() {
        let was = &written[given.len()];
        return Replayed::Differs {
            seq: was.seq,
            was: shown(was),
            is: "nothing".into(),
        };
    }
    Replayed::Same {
        events: written.len(),
    }
}

fn is_lost(event: &CallEvent) -> bool {
    matches!(
        event.kind,
        EventKind::CallEnded {
            reason: EndReason::Lost
        }
    )
}

fn shown(event: &CallEvent) -> String {
    serde_json::to_string(event).unwrap_or_default()
}
