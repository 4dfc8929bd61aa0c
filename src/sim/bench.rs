//! Many recorded callers at a time against an engine of this machine, and what they waited for.

use crate::SimError;
use crate::call::{self, CallReport};
use crate::client::Engine;
use crate::process;
use crate::recorded::Voice;
use crate::script::Patience;
use sidetone_edge::{WebRtcCaller, WebRtcConfig};
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// More callers at a time than this need more than one machine to be played.
pub const CALLS_MAX: usize = 64;
/// Longest that new calls are begun at one level.
pub const SECONDS_MAX: u64 = 600;
/// Callers do not ring at the same moment.
const APART: Duration = Duration::from_millis(400);
/// No call of a bench is longer.
const PATIENCE: Patience = Patience {
    answered_ms: 2_000,
    person_ms: 6_000,
    call_ms: 120_000,
};

/// What to run.
#[derive(Clone)]
pub struct Plan {
    pub engine: Engine,
    /// The engine's process, for its use of the processor.
    pub pid: Option<u32>,
    pub voices: Arc<[Voice]>,
    /// New calls are begun for so long; the last ones then run to their end.
    pub seconds: u64,
}

/// What came out with so many callers at a time.
#[derive(Clone, Debug, Default)]
pub struct Level {
    pub calls: usize,
    pub completed: usize,
    /// Why calls failed, each reason once.
    pub failures: Vec<String>,
    pub failed: usize,
    pub turns: usize,
    /// Turns that no final text came of.
    pub unheard: usize,
    /// Milliseconds from the end of speech, sorted.
    pub text_ms: Vec<u64>,
    pub intent_ms: Vec<u64>,
    pub reply_ms: Vec<u64>,
    pub lost_frames: u64,
    pub took: Duration,
    /// Call time of all calls together.
    pub talked: Duration,
    pub cpu: Option<Duration>,
}

/// Refuses a bench without an end; to be asked before an engine is started for it.
pub fn check_bounds(levels: &[usize], seconds: u64) -> Result<(), SimError> {
    let no = |why: String| Err(SimError::Bench { why });
    if levels.is_empty() || levels.iter().any(|n| !(1..=CALLS_MAX).contains(n)) {
        return no(format!("calls at a time must be 1 to {CALLS_MAX}"));
    }
    if !(1..=SECONDS_MAX).contains(&seconds) {
        return no(format!("seconds must be 1 to {SECONDS_MAX}"));
    }
    Ok(())
}

/// A call that is over, for whoever shows progress.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    pub completed: usize,
    pub failed: usize,
}

impl Plan {
    /// Refuses what a bench must not do.
    pub fn check(&self) -> Result<(), SimError> {
        let no = |why: String| Err(SimError::Bench { why });
        if !self.engine.is_here() {
            return no("a bench calls engines on this machine only: name one on localhost".into());
        }
        if self.voices.is_empty() {
            return no("there is no recorded caller to play: see paths.recorded_callers".into());
        }
        Ok(())
    }

    /// `calls` callers at a time, each calling again when done.
    pub async fn run(
        &self,
        calls: usize,
        progress: impl Fn(Progress) + Send + Sync + 'static,
    ) -> Result<Level, SimError> {
        let shared = Arc::new(Shared {
            plan: self.clone(),
            line: WebRtcCaller::new(WebRtcConfig::default()),
            until: Instant::now() + Duration::from_secs(self.seconds),
            next: AtomicUsize::new(0),
            completed: AtomicUsize::new(0),
            failed: AtomicUsize::new(0),
            progress: Box::new(progress),
        });
        let began = Instant::now();
        let cpu = self.pid.and_then(process::cpu_time);
        let mut callers = JoinSet::new();
        for number in 0..calls {
            callers.spawn(shared.clone().keep_calling(number));
        }
        let mut level = Level {
            calls,
            ..Level::default()
        };
        let mut reports = Vec::new();
        while let Some(done) = callers.join_next().await {
            let (made, failures) = done.map_err(|e| SimError::Bench { why: e.to_string() })?;
            reports.extend(made);
            level.failed += failures.len();
            level.failures.extend(failures);
        }
        level.took = began.elapsed();
        let cpu_now = self.pid.and_then(process::cpu_time);
        level.cpu = cpu_now.zip(cpu).map(|(now, then)| now.saturating_sub(then));
        level.failures.sort();
        level.failures.dedup();
        level.count(&reports);
        level.intent_ms = self.intents(&reports).await?;
        Ok(level)
    }

    /// Read after the calls, so that reading is no load on them.
    async fn intents(&self, reports: &[CallReport]) -> Result<Vec<u64>, SimError> {
        let reader = match self.engine.reader().await {
            Ok(reader) => reader,
            // An engine without demo log-ins: the column stays empty.
            Err(SimError::Bench { .. }) => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut found = Vec::new();
        for report in reports {
            let events = reader.events(&report.call).await?;
            found.extend(report.intent_ms(&events));
        }
        found.sort_unstable();
        Ok(found)
    }
}

struct Shared {
    plan: Plan,
    line: WebRtcCaller,
    until: Instant,
    next: AtomicUsize,
    completed: AtomicUsize,
    failed: AtomicUsize,
    progress: Box<dyn Fn(Progress) + Send + Sync>,
}

impl Shared {
    /// One line of callers, one call after the other.
    async fn keep_calling(self: Arc<Self>, number: usize) -> (Vec<CallReport>, Vec<String>) {
        let (mut reports, mut failures) = (Vec::new(), Vec::new());
        tokio::time::sleep(APART * number as u32).await;
        while Instant::now() < self.until {
            let turn = self.next.fetch_add(1, Ordering::Relaxed);
            let voice = &self.plan.voices[turn % self.plan.voices.len()];
            let engine = &self.plan.engine;
            match call::place(engine, &self.line, voice, PATIENCE, &mut |_, _| {}).await {
                Ok(report) => {
                    self.completed.fetch_add(1, Ordering::Relaxed);
                    reports.push(report);
                }
                Err(error) => {
                    self.failed.fetch_add(1, Ordering::Relaxed);
                    failures.push(format!("{}: {error}", voice.caller.id));
                    // An engine that refuses at once is not asked at once again.
                    tokio::time::sleep(APART).await;
                }
            }
            (self.progress)(Progress {
                completed: self.completed.load(Ordering::Relaxed),
                failed: self.failed.load(Ordering::Relaxed),
            });
        }
        (reports, failures)
    }
}

impl Level {
    fn count(&mut self, reports: &[CallReport]) {
        self.completed = reports.len();
        for report in reports {
            self.lost_frames += report.lost_frames;
            self.talked += Duration::from_millis(report.track.now_ms());
            self.reply_ms.extend(report.reply_ms());
            for turn in &report.turns {
                self.turns += 1;
                self.unheard += usize::from(turn.heard.is_empty());
                self.text_ms.extend(turn.text_ms);
            }
        }
        self.text_ms.sort_unstable();
        self.reply_ms.sort_unstable();
    }

    /// Processor time for a call of a minute, in milliseconds.
    fn cpu_ms_per_call_minute(&self) -> Option<u64> {
        let minutes = self.talked.as_secs_f64() / 60.0;
        let cpu = self.cpu?;
        (minutes > 0.0).then(|| (cpu.as_millis() as f64 / minutes) as u64)
    }
}

/// The value that so many per cent of the sorted values do not exceed (nearest rank).
pub fn percentile(sorted: &[u64], percent: usize) -> Option<u64> {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}

/// The table of a bench, as text.
pub fn table(levels: &[Level]) -> String {
    let mut out = String::from(
        "calls at | calls | turns | text ms     | intent ms   | reply ms    | cpu s  | cpu %  | lost\n\
         a time   | made  |       | p50    p95  | p50    p95  | p50    p95  | a call | a call | frames\n\
         ---------|-------|-------|-------------|-------------|-------------|--------|--------|-------\n",
    );
    for level in levels {
        let both = |sorted: &[u64]| match (percentile(sorted, 50), percentile(sorted, 95)) {
            (Some(half), Some(most)) => format!("{half:>5}  {most:>5}"),
            _ => format!("{:>5}  {:>5}", "-", "-"),
        };
        let cpu_s = level
            .cpu
            .filter(|_| level.completed > 0)
            .map_or("-".into(), |cpu| {
                format!("{:.2}", cpu.as_secs_f64() / level.completed as f64)
            });
        // A minute of one processor is 60,000 ms; per cent of it is a hundredth.
        let cpu_share = level
            .cpu_ms_per_call_minute()
            .map_or("-".into(), |ms| format!("{:.1}", ms as f64 / 600.0));
        let _ = writeln!(
            out,
            "{:>8} | {:>5} | {:>5} | {} | {} | {} | {:>6} | {:>6} | {:>6}",
            level.calls,
            level.completed,
            level.turns,
            both(&level.text_ms),
            both(&level.intent_ms),
            both(&level.reply_ms),
            cpu_s,
            cpu_share,
            level.lost_frames,
        );
    }
    for level in levels.iter().filter(|l| l.failed + l.unheard > 0) {
        let _ = writeln!(
            out,
            "{} at a time: {} calls failed, {} turns without a final text",
            level.calls, level.failed, level.unheard
        );
        for failure in &level.failures {
            let _ = writeln!(out, "  {failure}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bench_is_bounded() {
        assert!(check_bounds(&[1, CALLS_MAX], SECONDS_MAX).is_ok());
        for (levels, seconds) in [
            (&[][..], 10),
            (&[0], 10),
            (&[65], 10),
            (&[1], 0),
            (&[1], 601),
        ] {
            assert!(
                check_bounds(levels, seconds).is_err(),
                "{levels:?} {seconds}"
            );
        }
        let far = Plan {
            engine: Engine::at("http://192.168.1.9:8080").unwrap(),
            pid: None,
            voices: Arc::new([]),
            seconds: 1,
        };
        assert!(
            far.check()
                .unwrap_err()
                .to_string()
                .contains("this machine only")
        );
    }

    #[test]
    fn nearest_rank() {
        let values: Vec<u64> = (1..=20).collect();
        assert_eq!(percentile(&values, 50), Some(10));
        assert_eq!(percentile(&values, 95), Some(19));
        assert_eq!(percentile(&[7], 95), Some(7));
        assert_eq!(percentile(&[], 50), None);
    }

    #[test]
    fn a_row_tells_what_was_measured() {
        let level = Level {
            calls: 2,
            completed: 4,
            turns: 9,
            unheard: 1,
            failed: 1,
            failures: vec!["zh-bill: busy".into()],
            text_ms: vec![300, 400],
            reply_ms: vec![900],
            talked: Duration::from_secs(120),
            cpu: Some(Duration::from_secs(6)),
            ..Level::default()
        };
        let text = table(&[level]);
        assert!(
            text.contains("  300    400 |     -      - |   900    900 |   1.50 |    5.0 |"),
            "{text}"
        );
        assert!(text.contains("1 calls failed, 1 turns without a final text\n  zh-bill: busy"));
    }
}
