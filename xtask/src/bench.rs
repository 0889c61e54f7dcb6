//! `cargo xtask bench`: load on the ACS and on bare servers, turn by turn in one run, on the same
//! cores, from the same load generator.

mod app;
mod areq;
mod report;
mod site;

use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::args::Args;
use crate::build;
use crate::children::{self, StopAtEnd};
use crate::{say, shell};
use report::{Marks, origin};

const USAGE: &str = "\
Sends AReqs over mutual TLS, each a transaction of its own, to the ACS and to a
bare hyper + rustls echo of the same message sizes, turn by turn, and prints a
Markdown table: requests/s, latencies, server CPU per request, peak memory. Then
AReqs and CReqs of apps, beside bare servers that do the same cryptography and
make a row durable; what open challenges of apps hold in memory; and reading and
checking an AReq beside serde_json's plain parse.

Usage: cargo xtask bench [OPTIONS]

Options:
  --seconds N       Length of each measurement (default: 10)
  --connections N   Connections of the load (default: 64)
  --rounds N        Measurements of each server; the tables have medians (default: 3)
  --cards N         Cards imported beforehand (default: 10000)
  --only PART       `areq`, `app`, `open-app` or `reading`; may be repeated
  --write           Put the tables into docs/performance.md
  -h, --help        This text

Example:
  cargo xtask bench --seconds 5 --connections 16 --only areq
";

/// What can be measured by itself.
const PARTS: [&str; 4] = ["areq", "app", "open-app", "reading"];

pub(crate) fn command(mut args: Args) -> Result<ExitCode> {
    if args.wants_help() {
        return crate::usage(USAGE);
    }
    let plan = Plan {
        seconds: args.value("--seconds")?.unwrap_or(10),
        connections: args.value("--connections")?.unwrap_or(64),
        rounds: args.value("--rounds")?.unwrap_or(3),
        cards: args.value("--cards")?.unwrap_or(10_000),
    };
    let write = args.flag("--write");
    let only = args.values("--only")?;
    args.end()?;
    if plan.seconds == 0 || plan.connections == 0 || plan.rounds == 0 || plan.cards == 0 {
        bail!("--seconds, --connections, --rounds and --cards are at least 1");
    }
    if let Some(other) = only.iter().find(|part| !PARTS.contains(&part.as_str())) {
        bail!("--only {other}: one of {}", PARTS.join(", "));
    }
    let wanted = |part: &str| only.is_empty() || only.iter().any(|only| only == part);
    let tables = measure(&plan, wanted)?;
    for (_, table) in &tables {
        say::line(&format!("\n{table}"));
    }
    if write {
        for (marks, table) in &tables {
            report::put_into(&shell::root().join("docs/performance.md"), *marks, table)?;
        }
        say::line("written to docs/performance.md");
    }
    Ok(ExitCode::SUCCESS)
}

/// What to measure.
#[derive(Debug)]
struct Plan {
    seconds: u64,
    connections: u32,
    rounds: u32,
    cards: u32,
}

fn measure(plan: &Plan, wanted: impl Fn(&str) -> bool) -> Result<Vec<(Marks, String)>> {
    let mut tables = Vec::new();
    if ["areq", "app", "open-app"].into_iter().any(&wanted) {
        let programs = build::programs(true)?;
        children::stop_on_signal(|| 130)?;
        let _stop = StopAtEnd;
        if wanted("areq") {
            tables.push((AREQ_MARKS, areq::table(plan, &programs)?));
        }
        if wanted("app") {
            tables.push((APP_MARKS, app::table(plan, &programs)?));
        }
        if wanted("open-app") {
            tables.push((OPEN_APP_MARKS, app::open_table(plan, &programs)?));
        }
    }
    if wanted("reading") {
        tables.push((READING_MARKS, reading()?));
    }
    Ok(tables)
}

/// Reading and checking an AReq, beside serde_json's plain parse: the table of acs-core's benchmark.
fn reading() -> Result<String> {
    let mut command = shell::cargo();
    command.args(["bench", "--locked", "-p", "acs-core", "--bench", "read_areq"]);
    let output = command.output().context("starting cargo bench")?;
    if !output.status.success() {
        bail!("cargo bench: {}", String::from_utf8_lossy(&output.stderr).trim_end());
    }
    let table = String::from_utf8(output.stdout).context("the benchmark writes UTF-8")?;
    Ok(format!("{}\n\n`cargo xtask bench --only reading`, {}.", table.trim_end(), origin()))
}

const AREQ_MARKS: Marks = ("<!-- bench:begin -->", "<!-- bench:end -->");
const APP_MARKS: Marks = ("<!-- app:begin -->", "<!-- app:end -->");
const OPEN_APP_MARKS: Marks = ("<!-- open-app:begin -->", "<!-- open-app:end -->");
const READING_MARKS: Marks = ("<!-- reading:begin -->", "<!-- reading:end -->");
