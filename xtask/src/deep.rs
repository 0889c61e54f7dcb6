//! `cargo xtask deep`: the crash test with thousands of kills.

use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;

use crate::args::Args;
use crate::{say, test};

const USAGE: &str = "\
Kills the ACS at named points and at random moments, thousands of times, while
payments run, and checks that each ends in exactly one result.

Usage: cargo xtask deep [OPTIONS]

Options:
  --rounds N   Kills (default: 3000)
  --seed N     Repeat the run that printed this seed
  -h, --help   This text

Example:
  cargo xtask deep --rounds 500
";

pub(crate) fn command(mut args: Args) -> Result<ExitCode> {
    if args.wants_help() {
        return crate::usage(USAGE);
    }
    let rounds: u32 = args.value("--rounds")?.unwrap_or(3000);
    let seed: Option<u64> = args.value("--seed")?;
    args.end()?;
    let seed = seed.unwrap_or_else(any_seed);
    say::line(&format!("{rounds} kills, seed {seed}"));
    test::crash(rounds, seed)
}

fn any_seed() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_secs() ^ u64::from(since.subsec_nanos())
}
