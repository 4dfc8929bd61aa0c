//! What the binary can do, one file a command.

mod ask;
mod bench;
mod bench_asr;
mod bench_network;
mod call;
mod check;
mod eval;
mod models;
mod replay;
mod transcribe;
mod user;

use crate::config::Config;
use crate::startup;
use clap::{Subcommand, ValueEnum};
use sidetone_types::Lang;
use std::path::{Path, PathBuf};

#[derive(Subcommand)]
pub enum Command {
    /// Answer calls and serve the pages
    Serve,
    /// Call a running engine as a recorded caller, and print the conversation as it happens
    ///
    /// Example: sidetone call --caller zh-bill  (--list names the callers)
    Call(call::CallArgs),
    /// Measure the engine under load
    Bench {
        #[command(subcommand)]
        what: BenchWhat,
    },
    /// Evaluate the models on data of the known formats, with intervals; results go to eval/results
    ///
    /// Example: sidetone eval asr --data recordings/
    Eval {
        #[command(subcommand)]
        what: eval::Evaluation,
    },
    /// Transcribe WAV files with the configured recognizer
    ///
    /// Example: sidetone transcribe --lang zh call.wav
    Transcribe {
        /// Language that is spoken
        #[arg(long, value_enum, default_value = "zh")]
        lang: Tongue,
        /// WAV files of any rate, mono or stereo (each channel by itself)
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Ask the knowledge base, and see what would be shown and why
    ///
    /// Example: sidetone ask "退款多久到账"
    Ask {
        question: String,
        /// Without it the script of the question decides
        #[arg(long, value_enum)]
        lang: Option<Tongue>,
        /// How many results
        #[arg(short, default_value_t = 5)]
        n: usize,
    },
    /// Lint configuration, flows, knowledge, prompts and models
    Check,
    /// Models: list them, fetch one, verify what is there
    Models {
        #[command(subcommand)]
        action: ModelsAction,
    },
    /// Feed a call's journal to a fresh state machine and compare the events
    ///
    /// Example: sidetone replay 0198b0c2-…  (or --all)
    Replay {
        /// The call's number; its journal is under data/journal
        call: Option<String>,
        /// Every call there is
        #[arg(long, conflicts_with = "call")]
        all: bool,
    },
    /// People: add one, set a password, list them
    User {
        #[command(subcommand)]
        action: UserAction,
    },
}

#[derive(Subcommand)]
pub enum BenchWhat {
    /// Recorded callers at the same time: what each waited for, and the processor's share of a call
    ///
    /// Example: sidetone bench call --calls 1,2,4 --seconds 60
    Call(bench::BenchArgs),
    /// The recognizer alone: how many callers it hears in time, beside a whisper.cpp server
    ///
    /// Example: sidetone bench asr --server http://127.0.0.1:8178
    Asr(bench_asr::AsrArgs),
    /// SIP signalling under sipp: calls a second, answer times, and what happens at too many
    ///
    /// Example: sidetone bench sip --rate 500 --seconds 180
    Sip(bench::SipArgs),
    /// A call that goes on while INVITE, REGISTER and OPTIONS come in masses
    ///
    /// Example: sidetone bench flood --rate 2000 --seconds 60
    Flood(bench::FloodArgs),
    /// Recorded callers over lossy, late and broken networks: words and keys that arrive
    ///
    /// Example: sidetone bench network
    Network(bench_network::NetworkArgs),
}

#[derive(Subcommand)]
pub enum ModelsAction {
    /// List the models of the manifest and whether they are here
    List,
    /// Fetch a model, with progress; goes on where it was cut off, checks size and sha256
    Get {
        /// A name of `sidetone models list`
        name: String,
    },
    /// Check the sha256 of every model that is here
    Verify,
}

#[derive(Subcommand)]
pub enum UserAction {
    /// Add a person; the password is asked for
    Add {
        name: String,
        #[arg(long, value_parser = parse_role)]
        role: sidetone_records::store::Role,
        /// Name as shown in Chinese
        #[arg(long)]
        zh: Option<String>,
        /// Name as shown in English
        #[arg(long)]
        en: Option<String>,
    },
    /// Set a password; it is asked for, and the person's log-ins end
    Password { name: String },
    /// List the people
    List,
}

fn parse_role(text: &str) -> Result<sidetone_records::store::Role, String> {
    sidetone_records::store::Role::parse(text)
        .ok_or_else(|| "a role is agent, supervisor, qa, content or admin".to_owned())
}

#[derive(Clone, Copy, ValueEnum)]
pub enum Tongue {
    Zh,
    En,
}

impl From<Tongue> for Lang {
    fn from(tongue: Tongue) -> Self {
        match tongue {
            Tongue::Zh => Self::Zh,
            Tongue::En => Self::En,
        }
    }
}

/// Runs one command to its end.
pub fn run(file: Option<&Path>, command: Command) -> anyhow::Result<()> {
    let config = Config::load(file)?;
    log(matches!(command, Command::Serve));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        match command {
            Command::Serve => startup::serve(startup::open(config).await?).await,
            Command::Call(args) => call::run(&config, args).await,
            Command::Bench {
                what: BenchWhat::Call(args),
            } => bench::run(&config, file, args).await,
            Command::Bench {
                what: BenchWhat::Asr(args),
            } => bench_asr::run(&config, args).await,
            Command::Bench {
                what: BenchWhat::Sip(args),
            } => bench::sip(args).await,
            Command::Bench {
                what: BenchWhat::Flood(args),
            } => bench::flood(args).await,
            Command::Bench {
                what: BenchWhat::Network(args),
            } => bench_network::run(&config, args).await,
            Command::Transcribe { lang, files } => {
                transcribe::run(&config, lang.into(), &files).await
            }
            Command::Ask { question, lang, n } => {
                ask::run(&config, &question, lang.map(Into::into), n).await
            }
            Command::Check => check::run(&config),
            Command::Eval { what } => eval::run(&config, file, what).await,
            Command::Models { action } => models::run(&config, action).await,
            Command::Replay { call, all } => replay::run(&config, call.as_deref(), all),
            Command::User { action } => user::run(&config, action).await,
        }
    })
}

/// Structured lines on standard error. `SIDETONE_LOG` sets the level, as `RUST_LOG` would.
fn log(serving: bool) {
    use tracing_subscriber::EnvFilter;
    let default = if serving {
        "info,sqlx=warn,webrtc=error,rtc=error"
    } else {
        "error"
    };
    let filter =
        EnvFilter::try_from_env("SIDETONE_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let set = if std::env::var_os("SIDETONE_LOG_JSON").is_some() {
        lines.json().try_init()
    } else {
        lines.compact().try_init()
    };
    drop(set);
}
