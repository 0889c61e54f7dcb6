//! `acs init`.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::init::{self, Plan};

/// Writes a new installation: acs.toml, keys and folders; with --dev also a development PKI and
/// test cards, ready to serve.
///
/// Nothing that exists is overwritten.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  acs init --dir demo/acs --dev
  acs init --dir demo/acs --dev --pki demo/pki --cards demo/sim/cards.json \\
           --outbox demo/sim/outbox.jsonl --base-port 18000
  acs init --dir /etc/acs")]
pub(super) struct InitArgs {
    /// Where acs.toml, keys and the database go.
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// A development installation: own PKI, two directory servers, two issuers, test cards.
    #[arg(long)]
    dev: bool,
    /// Folder of the development PKI [default: DIR/pki].
    #[arg(long, value_name = "DIR", requires = "dev")]
    pki: Option<PathBuf>,
    /// Test cards file to write [default: DIR/cards.json].
    #[arg(long, value_name = "FILE", requires = "dev")]
    cards: Option<PathBuf>,
    /// Where messages to cardholders can be read [default: DIR/outbox.jsonl].
    #[arg(long, value_name = "FILE", requires = "dev")]
    outbox: Option<PathBuf>,
    /// Use ports N to N+19 instead of the documented ones.
    #[arg(long, value_name = "N", requires = "dev", value_parser = clap::value_parser!(u16).range(1..=65_516))]
    base_port: Option<u16>,
}

pub(super) fn run(args: &InitArgs) -> anyhow::Result<ExitCode> {
    let or = |given: &Option<PathBuf>, name| given.clone().unwrap_or_else(|| args.dir.join(name));
    let config = if args.dev {
        init::development(&Plan {
            dir: args.dir.clone(),
            pki: or(&args.pki, "pki"),
            cards: or(&args.cards, "cards.json"),
            outbox: or(&args.outbox, "outbox.jsonl"),
            base_port: args.base_port,
        })?
    } else {
        init::production(&args.dir)?
    };
    let mut out = std::io::stdout().lock();
    writeln!(out, "wrote {}", config.display())?;
    if args.dev {
        writeln!(out, "next: acs serve --config {}", config.display())?;
    } else {
        writeln!(
            out,
            "next: fill in what it asks for, then acs check --config {}",
            config.display()
        )?;
    }
    Ok(ExitCode::SUCCESS)
}
