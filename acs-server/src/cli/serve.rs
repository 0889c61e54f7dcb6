//! `acs serve`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;

use crate::check::{self, Level};
use crate::config::Config;
use crate::{serve, telemetry};

/// Runs the service until SIGTERM or Ctrl-C.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  acs serve --config demo/acs/acs.toml
  ACS_LOG=debug acs serve --config demo/acs/acs.toml")]
pub(super) struct ServeArgs {
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

pub(super) fn run(args: &ServeArgs) -> anyhow::Result<ExitCode> {
    let config = Config::load(&args.config)?;
    telemetry::start_log(&config.log)?;
    let report = check::run(&config);
    for finding in report.at_least(Level::Warn) {
        match finding.level {
            Level::Partial | Level::Fail => {
                tracing::error!("{}", finding.text);
                super::say(&format!("FAIL  {}", finding.text));
            }
            _ => tracing::warn!("{}", finding.text),
        }
    }
    if report.prevents_start() {
        anyhow::bail!("not started: {} does not pass its checks", args.config.display());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the runtime cannot be started")?;
    let done = runtime.block_on(serve::run(config));
    if let Err(error) = &done {
        tracing::error!("{error:#}");
    }
    done.map(|()| ExitCode::SUCCESS)
}
