//! The command line.

mod card;
mod check;
mod consents;
mod init;
mod notice;
mod serve;

use std::io::Write as _;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// EMV 3-D Secure Access Control Server.
#[derive(Debug, Parser)]
#[command(name = "acs", version, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Init(init::InitArgs),
    Check(check::CheckArgs),
    Serve(serve::ServeArgs),
    Card(card::CardArgs),
    Consents(consents::ConsentsArgs),
    Notice(notice::NoticeArgs),
}

const EXAMPLES: &str = "Examples:
  acs init --dir demo/acs --dev      a development installation with keys and test cards
  acs check --config acs.toml        is this configuration good to run?
  acs serve --config acs.toml        run it";

/// Runs the program.
#[must_use]
pub fn run() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Init(args) => init::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Serve(args) => serve::run(&args),
        Command::Card(args) => card::run(args),
        Command::Consents(args) => consents::run(args),
        Command::Notice(args) => notice::run(&args),
    };
    done.unwrap_or_else(|error| {
        say(&format!("acs: {error:#}"));
        ExitCode::FAILURE
    })
}

/// A line on standard error.
fn say(line: &str) {
    // Nobody to tell when even that is closed.
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}
