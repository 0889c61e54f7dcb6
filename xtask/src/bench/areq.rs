//! AReqs of browsers, beside a bare TLS echo of the same sizes.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::Result;
use serde_json::Value;

use super::Plan;
use super::report::{median, origin};
use super::site::{Candidate, Site, number};
use crate::build::Programs;
use crate::{children, process_facts, say};

/// One measurement of one server.
#[derive(Debug, Clone, Copy)]
struct Measured {
    per_second: f64,
    p50_ms: f64,
    p99_ms: f64,
    cpu_micros: f64,
}

/// A server and its measurements.
struct Runner {
    candidate: Candidate,
    measured: Vec<Measured>,
}

/// The table of the ACS beside the echo.
pub(super) fn table(plan: &Plan, programs: &Programs) -> Result<String> {
    let site = Site::prepare(programs, "bench", plan.cards)?;
    let runner = |candidate| Runner { candidate, measured: Vec::new() };
    let mut acs = runner(site.start_acs()?);
    let mut echo = runner(site.start_echo("echo", &[])?);
    for runner in [&acs, &echo] {
        run(plan, &site, &runner.candidate.url, 2)?;
    }
    let mut sizes = Value::Null;
    for round in 1..=plan.rounds {
        for runner in [&mut echo, &mut acs] {
            let (measured, report) = measure(plan, &site, &runner.candidate)?;
            say::line(&format!(
                "{:<5} {round}/{}: {:.0} requests/s, p50 {:.2} ms, p99 {:.2} ms, {:.0} us",
                runner.candidate.server.name,
                plan.rounds,
                measured.per_second,
                measured.p50_ms,
                measured.p99_ms,
                measured.cpu_micros
            ));
            runner.measured.push(measured);
            sizes = report;
        }
    }
    let table = written(plan, &acs, &echo, &sizes)?;
    children::stop_all();
    Ok(table)
}

fn measure(plan: &Plan, site: &Site<'_>, candidate: &Candidate) -> Result<(Measured, Value)> {
    let pid = candidate.server.pid;
    let before = process_facts::cpu_micros(pid)?;
    let report = run(plan, site, &candidate.url, plan.seconds)?;
    let spent = process_facts::cpu_micros(pid)? - before;
    let requests = number(&report, "requests")?;
    let measured = Measured {
        per_second: number(&report, "requests_per_second")?,
        p50_ms: number(&report, "p50_ms")?,
        p99_ms: number(&report, "p99_ms")?,
        cpu_micros: Duration::from_micros(spent).as_secs_f64() * 1e6 / requests,
    };
    Ok((measured, report))
}

/// Below the sample rule's amount: each is accepted and gets an authentication value.
fn run(plan: &Plan, site: &Site<'_>, url: &str, seconds: u64) -> Result<Value> {
    let connections = plan.connections.to_string();
    let words = ["--to", url, "--amount", "500", "--seconds", &seconds.to_string()];
    let words = words.into_iter().chain(["--connections", &connections]);
    site.load(&words.map(str::to_owned).collect::<Vec<_>>(), "Y")
}

fn written(plan: &Plan, acs: &Runner, echo: &Runner, sizes: &Value) -> Result<String> {
    let of =
        |runner: &Runner, field: fn(&Measured) -> f64| median(runner.measured.iter().map(field));
    let memory = |runner: &Runner| {
        process_facts::peak_memory_kib(runner.candidate.server.pid)
            .map(|kib| f64::from(u32::try_from(kib).unwrap_or(u32::MAX)) / 1024.0)
    };
    let mut text = String::new();
    let row = |text: &mut String, name: &str, a: f64, e: f64, digits: usize| {
        let ratio = a / e;
        let _ = writeln!(text, "| {name} | {a:.digits$} | {e:.digits$} | {ratio:.2} |");
    };
    let _ = writeln!(text, "| | ACS | bare TLS echo | ratio |\n|---|---:|---:|---:|");
    let mut figure = |name: &str, field: fn(&Measured) -> f64, digits: usize| {
        row(&mut text, name, of(acs, field), of(echo, field), digits);
    };
    figure("requests/s", |m| m.per_second, 0);
    figure("p50, ms", |m| m.p50_ms, 2);
    figure("p99, ms", |m| m.p99_ms, 2);
    figure("server CPU per request, us", |m| m.cpu_micros, 0);
    row(&mut text, "peak memory, MiB", memory(acs)?, memory(echo)?, 1);
    let _ = write!(
        text,
        "\n`cargo xtask bench --seconds {} --connections {} --rounds {} --cards {}`, {}; medians of \
         {} turns; AReq {} bytes, ARes {} bytes.",
        plan.seconds,
        plan.connections,
        plan.rounds,
        plan.cards,
        origin(),
        plan.rounds,
        sizes["request_bytes"],
        sizes["answer_bytes"],
    );
    Ok(text)
}
