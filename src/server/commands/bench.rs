//! `sidetone bench call`: recorded callers at the same time, and what each waited for.
//! `sidetone bench sip`: signalling under sipp. `sidetone bench flood`: a call in a flood.

use super::eval::Report;
use crate::config::{Config, EXAMPLE};
use crate::recorded;
use anyhow::{Context as _, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use sidetone_sim::bench::{self, Plan};
use sidetone_sim::bench_flood::{self, Flood, Kind};
use sidetone_sim::bench_sip::{self, Offer};
use sidetone_sim::client::Engine;
use sidetone_sim::recorded::Voice;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

/// An engine that has not opened and learnt its intents by then has failed.
const OPENING_MAX: Duration = Duration::from_secs(240);

#[derive(Args)]
pub struct BenchArgs {
    /// Callers at the same time, one row of the table each
    #[arg(long, value_delimiter = ',', default_value = "1,2,4,8")]
    calls: Vec<usize>,
    /// Seconds during which new calls are begun, for each row
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Which recorded callers, instead of all who speak and want no person
    #[arg(long, value_delimiter = ',')]
    callers: Vec<String>,
    /// A running engine of this machine; without it one is started on a free port
    #[arg(long)]
    url: Option<String>,
    /// Process number of the running engine, for its use of the processor
    #[arg(long, requires = "url")]
    pid: Option<u32>,
}

#[derive(Args)]
pub struct SipArgs {
    /// New calls a second; a second run offers twice as many
    #[arg(long, default_value_t = 500)]
    rate: u32,
    /// Seconds of each run
    #[arg(long, default_value_t = 180)]
    seconds: u64,
    /// Calls that are taken at once; the next is refused with 503
    #[arg(long, default_value_t = 300)]
    calls_max: usize,
    /// Only the first run
    #[arg(long)]
    once: bool,
}

#[derive(Args)]
pub struct FloodArgs {
    /// Requests a second
    #[arg(long, default_value_t = 2000)]
    rate: u32,
    /// Seconds of each flood
    #[arg(long, default_value_t = 60)]
    seconds: u64,
}

pub async fn flood(args: FloodArgs) -> anyhow::Result<()> {
    let mut runs = Vec::new();
    for kind in Kind::ALL {
        let flood = Flood {
            kind,
            rate: args.rate,
            seconds: args.seconds,
        };
        let bar = ProgressBar::new_spinner().with_message(format!(
            "{} {} a second for {} s",
            flood.rate,
            kind.name(),
            flood.seconds
        ));
        bar.enable_steady_tick(Duration::from_millis(200));
        runs.push((flood, flood.run().await?));
        bar.finish_and_clear();
    }
    print!("{}", bench_flood::table(&runs));
    println!("Both ends of the call and the flood are in this process, and so is their memory.");
    Ok(())
}

pub async fn sip(args: SipArgs) -> anyhow::Result<()> {
    let factors: &[u32] = if args.once { &[1] } else { &[1, 2] };
    let mut runs = Vec::new();
    for factor in factors {
        let offer = Offer {
            rate: args.rate * factor,
            seconds: args.seconds,
            calls_max: args.calls_max,
        };
        let bar = ProgressBar::new_spinner()
            .with_message(format!("{} calls/s for {} s", offer.rate, offer.seconds));
        bar.enable_steady_tick(Duration::from_millis(200));
        let folder = tempfile::tempdir().context("no folder for sipp's figures")?;
        let outcome = offer.run(folder.path()).await?;
        bar.finish_and_clear();
        runs.push((offer, outcome));
    }
    print!("{}", bench_sip::table(&runs));
    println!("Times: INVITE to 200, by sipp. CPU and memory: the endpoint without sipp.");
    Ok(())
}

pub async fn run(config: &Config, file: Option<&Path>, args: BenchArgs) -> anyhow::Result<()> {
    bench::check_bounds(&args.calls, args.seconds)?;
    let voices = voices(config, &args.callers)?;
    let (own, url, pid) = match &args.url {
        Some(url) => (None, url.clone(), args.pid),
        None => {
            let own = OwnEngine::start(file).await?;
            let (url, pid) = (own.url.clone(), own.child.id());
            (Some(own), url, pid)
        }
    };
    let plan = Plan {
        engine: Engine::at(&url)?,
        pid,
        voices: voices.into(),
        seconds: args.seconds,
    };
    plan.check()?;
    let mut levels = Vec::new();
    for calls in args.calls {
        let bar = progress_bar(calls, args.seconds);
        let shown = bar.clone();
        let level = plan
            .run(calls, move |done| {
                shown.set_message(match done.failed {
                    0 => format!("{} calls made", done.completed),
                    failed => format!("{} calls made, {failed} failed", done.completed),
                });
            })
            .await?;
        bar.finish_and_clear();
        levels.push(level);
    }
    println!("{}", bench::table(&levels));
    println!(
        "text, intent: by the engine's events; reply: from the caller's last voiced 10 ms to the \
         first voiced 10 ms of what was heard, on the sound of both sides."
    );
    keep(&levels)?;
    if levels.iter().any(|level| level.completed == 0) {
        if let Some(own) = own {
            bail!("no call could be made; the engine said:\n{}", own.log());
        }
        bail!("no call could be made");
    }
    Ok(())
}

/// Those who speak and are not put through to a person, unless some are named.
pub(super) fn voices(config: &Config, named: &[String]) -> anyhow::Result<Vec<Voice>> {
    let folder = &config.paths.recorded_callers;
    let callers = recorded::load(folder)?;
    if let Some(unknown) = named.iter().find(|id| callers.iter().all(|c| c.id != **id)) {
        bail!("there is no recorded caller “{unknown}”; `sidetone call --list` names them");
    }
    callers
        .into_iter()
        .filter(|caller| match named.is_empty() {
            // One cue and no more is a caller who waits for a person.
            true => caller.cues.len() > 1,
            false => named.contains(&caller.id),
        })
        .map(|caller| recorded::voice(folder, caller).map_err(Into::into))
        .collect()
}

/// Writes the table to `eval/results/call.json`, for the plot of it.
fn keep(levels: &[bench::Level]) -> anyhow::Result<()> {
    let mut report = Report::silent("call");
    for level in levels {
        let part = format!("{} callers", level.calls);
        let rows = [
            ("text", &level.text_ms),
            ("intent", &level.intent_ms),
            ("reply", &level.reply_ms),
        ];
        for (what, sorted) in rows {
            for percent in [50, 95] {
                if let Some(ms) = bench::percentile(sorted, percent) {
                    report.keep("bench", &part, &format!("{what} p{percent} ms"), ms as f64);
                }
            }
        }
    }
    report.finish()
}

/// Moves by the clock: how long a level takes is known, how many calls it makes is not.
fn progress_bar(calls: usize, seconds: u64) -> ProgressBar {
    let bar = ProgressBar::new(seconds);
    if let Ok(style) = ProgressStyle::with_template("{prefix} {wide_bar} {elapsed} {msg}") {
        bar.set_style(style);
    }
    bar.set_prefix(format!("{calls} at a time"));
    let clock = bar.clone();
    tokio::spawn(async move {
        let mut every = tokio::time::interval(Duration::from_secs(1));
        while !clock.is_finished() {
            every.tick().await;
            clock.set_position(clock.elapsed().as_secs().min(seconds));
        }
    });
    bar
}

/// An engine with the given configuration on a free port and with a data folder of its own. It ends,
/// and its folder goes, with this value.
pub(super) struct OwnEngine {
    child: tokio::process::Child,
    pub url: String,
    folder: PathBuf,
}

impl OwnEngine {
    pub async fn start(config: Option<&Path>) -> anyhow::Result<Self> {
        let text = match config {
            Some(path) => std::fs::read_to_string(path)?,
            None => EXAMPLE.to_owned(),
        };
        let folder = std::env::temp_dir().join(format!("sidetone-bench-{}", std::process::id()));
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("{} can't be made", folder.display()))?;
        // The port is free now; that another program takes it before the engine does is reported
        // by the engine.
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let file = folder.join("sidetone.toml");
        std::fs::write(&file, elsewhere(&text, port, &folder)?)?;
        let log = std::fs::File::create(folder.join("log"))?;
        let child = tokio::process::Command::new(std::env::current_exe()?)
            .arg("serve")
            .arg("--config")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .context("the engine can't be started")?;
        let mut own = Self {
            child,
            url: format!("http://127.0.0.1:{port}"),
            folder,
        };
        own.open().await?;
        Ok(own)
    }

    async fn open(&mut self) -> anyhow::Result<()> {
        let engine = Engine::at(&self.url)?;
        let until = Instant::now() + OPENING_MAX;
        while !engine.is_ready().await {
            if let Some(status) = self.child.try_wait()? {
                bail!("the engine ended at once ({status}):\n{}", self.log());
            }
            if Instant::now() > until {
                bail!(
                    "the engine did not open within {} s:\n{}",
                    OPENING_MAX.as_secs(),
                    self.log()
                );
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }
}

impl Drop for OwnEngine {
    fn drop(&mut self) {
        let _ = self.child.start_kill();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The same configuration on another port and with another data folder.
fn elsewhere(text: &str, port: u16, folder: &Path) -> anyhow::Result<String> {
    let mut config: toml::Table = text.parse().context("the configuration")?;
    set(&mut config, "http", "bind", format!("127.0.0.1:{port}"));
    set(&mut config, "media", "bind", "127.0.0.1".into());
    let data = folder.join("data").display().to_string();
    set(&mut config, "paths", "data", data);
    Ok(toml::to_string(&config)?)
}

fn set(config: &mut toml::Table, table: &str, field: &str, value: String) {
    let table = config
        .entry(table)
        .or_insert_with(|| toml::Table::new().into());
    if let Some(table) = table.as_table_mut() {
        table.insert(field.into(), value.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_of_its_own_differs_in_three_fields() {
        let text = elsewhere(EXAMPLE, 8123, Path::new("/tmp/x")).unwrap();
        let ours = Config::parse(&text, "own").unwrap();
        let given = Config::parse(EXAMPLE, "example").unwrap();
        assert_eq!(ours.http.bind.port(), 8123);
        assert_eq!(ours.paths.data, Path::new("/tmp/x/data"));
        assert_eq!(ours.paths.models, given.paths.models);
        assert_eq!(ours.recognizer.places, given.recognizer.places);
    }
}
