//! `cargo xtask deep`: the crash test with thousands of kills, and millions of fuzzed inputs.

use std::process::ExitCode;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Result, bail};

use crate::args::Args;
use crate::shell::Logged;
use crate::{say, test};

const USAGE: &str = "\
Kills the ACS at named points and at random moments, thousands of times, while
payments run, and checks that each ends in exactly one result. Then it fuzzes
everything that strangers send (docs/fuzzing.md).

Usage: cargo xtask deep [OPTIONS]

Options:
  --rounds N       Kills (default: 3000)
  --executions N   Fuzzed inputs (default: 10000000)
  --only PART      `crash` or `fuzz`
  --seed N         Repeat the run that printed this seed
  -h, --help       This text

Examples:
  cargo xtask deep --rounds 500
  cargo xtask deep --only fuzz
";

pub(crate) fn command(mut args: Args) -> Result<ExitCode> {
    if args.wants_help() {
        return crate::usage(USAGE);
    }
    let rounds: u32 = args.value("--rounds")?.unwrap_or(3000);
    let executions: u64 = args.value("--executions")?.unwrap_or(10_000_000);
    let only: Option<String> = args.value("--only")?;
    let seed: Option<u64> = args.value("--seed")?;
    args.end()?;
    let seed = seed.unwrap_or_else(any_seed);
    let (crash, fuzz) = match only.as_deref() {
        None => (true, true),
        Some("crash") => (true, false),
        Some("fuzz") => (false, true),
        Some(other) => bail!("--only {other}: `crash` or `fuzz`"),
    };
    if crash {
        say::line(&format!("{rounds} kills, seed {seed}"));
        test::crash(rounds, seed)?;
    }
    if fuzz {
        say::line(&format!("{executions} fuzzed inputs, seed {seed}"));
        let start = Instant::now();
        let logged = Logged::new("fuzz")?;
        test::fuzz_run(&logged, true, executions, Some(seed))?;
        say::line(&logged.last_lines(FUZZ_LINES));
        say::line(&format!("passed, {} s", start.elapsed().as_secs()));
    }
    Ok(ExitCode::SUCCESS)
}

/// Lines of the fuzzer's report: three for each target, at most.
const FUZZ_LINES: usize = 30;

fn any_seed() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_secs() ^ u64::from(since.subsec_nanos())
}
