//! The commands of the README: `cargo xtask demo`, `test`, `bench`, `deep` and `spec`.

mod args;
mod bench;
mod build;
mod children;
mod deep;
mod demo;
mod process_facts;
mod say;
mod shell;
mod spec;
mod test;
mod tools;
mod waiting;

use std::process::ExitCode;

use anyhow::Result;

use args::Args;

const USAGE: &str = "\
The commands of this repository.

Usage: cargo xtask <COMMAND> [OPTIONS]

Commands:
  demo    Build, start the ACS and the simulator, make two payments, serve the shop
  test    Everything CI checks
  bench   Measure the ACS beside a bare TLS echo
  spec    Write docs/spec-coverage.md from the rule citations
  deep    The long crash test and the long fuzzing, for the night

`cargo xtask <COMMAND> --help` tells the options.

Examples:
  cargo xtask demo --once
  cargo xtask test
  cargo xtask test --only clippy
";

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let command = words.next();
    let args = Args::new(words.collect());
    let done = match command.as_deref() {
        Some("demo") => demo::command(args),
        Some("test") => test::command(args),
        Some("bench") => bench::command(args),
        Some("deep") => deep::command(args),
        Some("spec") => spec::command(args),
        Some("help" | "--help" | "-h") => usage(USAGE),
        Some(other) => wrong(&format!("no command {other:?}\n\n{USAGE}")),
        None => wrong(USAGE),
    };
    children::stop_all();
    done.unwrap_or_else(|error| {
        say::error(&format!("xtask: {error:#}"));
        ExitCode::FAILURE
    })
}

/// Prints a help text, because it was asked for.
fn usage(text: &str) -> Result<ExitCode> {
    say::line(text.trim_end());
    Ok(ExitCode::SUCCESS)
}

fn wrong(text: &str) -> Result<ExitCode> {
    say::error(text.trim_end());
    Ok(ExitCode::from(2))
}
