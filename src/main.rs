//! Arguments → configuration → run.
#![forbid(unsafe_code)]

use clap::Parser;
use sidetone_server::commands::{Command, run};
use std::path::PathBuf;
use std::process::ExitCode;

/// Conversational IVR and agent assist on your own machines, in Chinese and English.
///
/// `sidetone serve` answers calls on http://localhost:8080. Every other command looks into one part
/// of it; `sidetone <command> --help` teaches each with an example.
#[derive(Parser)]
#[command(name = "sidetone", version, max_term_width = 100)]
struct Arguments {
    /// The configuration file; without one the built-in example is used
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments.config.as_deref(), arguments.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sidetone: {error:#}");
            ExitCode::FAILURE
        }
    }
}
