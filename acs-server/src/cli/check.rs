//! `acs check`.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::check;
use crate::config::Config;

/// Validates configuration, keys, certificate chains and database version without running.
///
/// Every finding is one line beginning with OK, WARN or FAIL; the exit code is 1 with any FAIL.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  acs check --config demo/acs/acs.toml")]
pub(super) struct CheckArgs {
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

pub(super) fn run(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    let config = Config::load(&args.config)?;
    let report = check::run(&config);
    let mut out = std::io::stdout().lock();
    writeln!(out, "OK    {} is understood", args.config.display())?;
    write!(out, "{report}")?;
    Ok(if report.failed() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
