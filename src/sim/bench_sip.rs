//! The SIP endpoint under sipp: calls a second, and how long each waits for its answer.
//!
//! The endpoint runs in this process and answers every call; sipp runs beside it on the same
//! processor, with its built-in scenario `uac` (INVITE, 200, ACK, BYE). No sound is sent: this is what
//! signalling alone costs.

use crate::{SimError, process};
use sidetone_edge::LegSignal;
use sidetone_edge::sip::{SipConfig, SipEdge, SipEvent, SipListen, SipTrunk, Transport};
use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::process::Command;
use tokio::sync::mpsc;

/// More than sipp can send on one socket of this machine.
pub const RATE_MAX: u32 = 5_000;
/// Longest run.
pub const SECONDS_MAX: u64 = 600;
/// What a call may need after the last one was begun.
const LAST_CALLS: Duration = Duration::from_secs(40);

/// One run of sipp.
#[derive(Clone, Copy, Debug)]
pub struct Offer {
    /// New calls a second.
    pub rate: u32,
    pub seconds: u64,
    /// Calls that the endpoint takes at once; the next is answered with 503.
    pub calls_max: usize,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    pub offered: u64,
    pub connected: u64,
    /// Answered with 503 and a time to try again.
    pub refused: u64,
    /// Milliseconds from INVITE to 200, sorted; of every call that connected.
    pub answer_ms: Vec<u32>,
    pub took: Duration,
    /// Processor time of the endpoint, sipp not included.
    pub cpu: Option<Duration>,
    /// Most memory that the endpoint has had, KiB.
    pub memory_kib: Option<u64>,
}

impl Outcome {
    /// Share of the offered calls that connected, 0..=1.
    pub fn connected_share(&self) -> f64 {
        self.connected as f64 / self.offered.max(1) as f64
    }

    pub fn answered_a_second(&self) -> f64 {
        self.connected as f64 / self.took.as_secs_f64().max(f64::EPSILON)
    }

    /// The time that this share of the connected calls did not exceed.
    pub fn answer_ms_at(&self, share: f64) -> Option<u32> {
        let last = self.answer_ms.len().checked_sub(1)?;
        Some(self.answer_ms[(last as f64 * share).ceil() as usize])
    }
}

impl Offer {
    pub fn check(&self) -> Result<(), SimError> {
        let why = if self.rate == 0 || self.rate > RATE_MAX {
            format!("--rate is {}: from 1 to {RATE_MAX}", self.rate)
        } else if self.seconds == 0 || self.seconds > SECONDS_MAX {
            format!("--seconds is {}: from 1 to {SECONDS_MAX}", self.seconds)
        } else if self.calls_max == 0 {
            "--calls-max is 0: at least 1".to_owned()
        } else {
            return Ok(());
        };
        Err(SimError::Bench { why })
    }

    /// Runs sipp in `folder`, which its files go into, against an endpoint made for it.
    pub async fn run(&self, folder: &Path) -> Result<Outcome, SimError> {
        self.check()?;
        let (edge, events) = SipEdge::start(self.endpoint()).await?;
        let house = tokio::spawn(answer_everybody(events));
        let address = edge.addresses().first().map(|(_, address)| *address);
        let before = process::cpu_time(std::process::id());
        let began = Instant::now();
        let outcome = self.sipp(address, folder).await;
        let took = began.elapsed().min(Duration::from_secs(self.seconds));
        let after = process::cpu_time(std::process::id());
        let refused = edge.figures().refused_full;
        edge.stop().await;
        house.abort();
        outcome?;
        let answer_ms = answers(folder)?;
        Ok(Outcome {
            offered: u64::from(self.rate) * self.seconds,
            connected: answer_ms.len() as u64,
            refused,
            answer_ms,
            took,
            cpu: after.zip(before).map(|(after, before)| after - before),
            memory_kib: process::memory_most_kib(std::process::id()),
        })
    }

    fn endpoint(&self) -> SipConfig {
        let addr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0));
        let transport = Transport::Udp;
        SipConfig {
            listen: vec![SipListen { transport, addr }],
            trunks: vec![SipTrunk {
                name: "sipp".into(),
                addresses: "127.0.0.0/8".parse().into_iter().collect(),
                ..SipTrunk::default()
            }],
            calls_max: self.calls_max,
            ..SipConfig::default()
        }
    }

    async fn sipp(&self, address: Option<SocketAddr>, folder: &Path) -> Result<(), SimError> {
        let failed = |why: String| SimError::Bench { why };
        let address = address.ok_or_else(|| failed("the endpoint has no address".into()))?;
        let calls = u64::from(self.rate) * self.seconds;
        let mut sipp = Command::new("sipp");
        sipp.args(["-sn", "uac", "-s", "4001", "-i", "127.0.0.1", "-nostdin"])
            .args(["-r", &self.rate.to_string(), "-m", &calls.to_string()])
            // Everything that is under way at once, so that sipp itself never holds back.
            .args(["-l", "100000", "-recv_timeout", "20000"])
            .args(["-trace_rtt", "-rtt_freq", "200"])
            .arg(address.to_string())
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let limit = Duration::from_secs(self.seconds) + LAST_CALLS;
        match tokio::time::timeout(limit, sipp.output()).await {
            // 1: at least one call did not succeed, which the figures say.
            Ok(Ok(output)) if matches!(output.status.code(), Some(0 | 1)) => Ok(()),
            Ok(Ok(output)) => Err(failed(format!(
                "sipp ended with {}: {}",
                output.status,
                String::from_utf8_lossy(&output.stderr).trim()
            ))),
            Ok(Err(error)) => Err(failed(format!(
                "sipp cannot be started ({error}): install the Debian package sip-tester"
            ))),
            Err(_) => Err(failed(format!("sipp did not end within {limit:?}"))),
        }
    }
}

async fn answer_everybody(mut events: mpsc::Receiver<SipEvent>) {
    while let Some(event) = events.recv().await {
        let SipEvent::Incoming(call) = event else {
            continue;
        };
        tokio::spawn(async move {
            // A caller who has hung up meanwhile is counted on the other side.
            let Ok(mut leg) = call.answer().await else {
                return;
            };
            while let Some(signal) = leg.signals.recv().await {
                if matches!(signal, LegSignal::Closed { .. }) {
                    return;
                }
            }
        });
    }
}

/// The answer times that sipp wrote: `date;milliseconds;name` a line, under a heading.
fn answers(folder: &Path) -> Result<Vec<u32>, SimError> {
    let wrong = |file: &Path, why: String| SimError::File {
        file: file.display().to_string(),
        why,
    };
    let entries = std::fs::read_dir(folder).map_err(|error| wrong(folder, error.to_string()))?;
    let mut found = Vec::new();
    for path in entries.flatten().map(|entry| entry.path()) {
        if !path.to_string_lossy().ends_with("_rtt.csv") {
            continue;
        }
        let text = std::fs::read_to_string(&path).map_err(|e| wrong(&path, e.to_string()))?;
        found.extend(text.lines().filter_map(answer_in));
    }
    found.sort_unstable();
    Ok(found)
}

fn answer_in(line: &str) -> Option<u32> {
    let milliseconds: f64 = line.split(';').nth(1)?.trim().parse().ok()?;
    (milliseconds >= 0.0).then_some(milliseconds.round() as u32)
}

/// The runs as a table.
pub fn table(runs: &[(Offer, Outcome)]) -> String {
    let mut out = String::from(
        "calls/s  seconds  at once  connected     %    503  answered/s  p50 ms  p95  p99  max  CPU ms/call  most MiB\n",
    );
    for (offer, one) in runs {
        let at = |share| {
            one.answer_ms_at(share)
                .map_or("-".into(), |ms| ms.to_string())
        };
        let per_call = one.cpu.map_or("-".into(), |cpu| {
            let handled = (one.connected + one.refused).max(1);
            format!("{:.2}", cpu.as_secs_f64() * 1000.0 / handled as f64)
        });
        let memory = one
            .memory_kib
            .map_or("-".into(), |kib| (kib / 1024).to_string());
        let _ = writeln!(
            out,
            "{:>7}  {:>7}  {:>7}  {:>9}  {:>5.2}  {:>4}  {:>10.1}  {:>6}  {:>3}  {:>3}  {:>3}  {per_call:>11}  {memory:>8}",
            offer.rate,
            offer.seconds,
            offer.calls_max,
            one.connected,
            one.connected_share() * 100.0,
            one.refused,
            one.answered_a_second(),
            at(0.5),
            at(0.95),
            at(0.99),
            at(1.0),
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answer_times_are_read_and_headings_are_not() {
        assert_eq!(answer_in("Date_ms;response_time_ms;rtd_name"), None::<u32>);
        assert_eq!(answer_in("1700000000000.123;3.4;1"), Some(3));
        assert_eq!(answer_in("1700000000000;12;1"), Some(12));
        assert_eq!(answer_in(""), None);
    }

    #[test]
    fn shares_of_few_and_of_none() {
        let mut one = Outcome::default();
        assert_eq!(one.answer_ms_at(0.99), None);
        one.answer_ms = (1..=100).collect();
        assert_eq!(one.answer_ms_at(0.99), Some(100));
        assert_eq!(one.answer_ms_at(0.5), Some(51));
    }
}
