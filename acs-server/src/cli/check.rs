//! `acs check`.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::check::Report;
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
    let report = match Config::load(&args.config) {
        Ok(config) => Report::of_config(&args.config, &config),
        Err(error) => Report::of_refusal(&error),
    };
    write!(std::io::stdout().lock(), "{report}")?;
    Ok(if report.failed() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
