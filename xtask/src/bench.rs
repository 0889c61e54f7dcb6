//! `cargo xtask bench`: AReq load on the ACS and on a bare TLS echo, turn by turn in one run, on the
//! same cores, from the same load generator.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::args::Args;
use crate::build::{self, Programs};
use crate::children::{self, Started, StopAtEnd};
use crate::demo::quietly;
use crate::{process_facts, say, shell, waiting};

const USAGE: &str = "\
Sends AReqs over mutual TLS, each a transaction of its own, to the ACS and to a
bare hyper + rustls echo of the same message sizes, turn by turn, and prints a
Markdown table: requests/s, latencies, server CPU per request, peak memory.
Then it measures reading and checking an AReq beside serde_json's plain parse.

Usage: cargo xtask bench [OPTIONS]

Options:
  --seconds N       Length of each measurement (default: 10)
  --connections N   Connections of the load (default: 64)
  --rounds N        Measurements of each server; the table has medians (default: 3)
  --cards N         Cards imported beforehand (default: 10000)
  --only-reading    Only the reading of an AReq, without servers
  --write           Put the tables into docs/performance.md
  -h, --help        This text

Example:
  cargo xtask bench --seconds 5 --connections 16
";

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
    let only_reading = args.flag("--only-reading");
    args.end()?;
    if plan.seconds == 0 || plan.connections == 0 || plan.rounds == 0 {
        bail!("--seconds, --connections and --rounds are at least 1");
    }
    let mut tables = Vec::new();
    if !only_reading {
        let programs = build::programs(true)?;
        children::stop_on_signal(|| 130)?;
        let _stop = StopAtEnd;
        tables.push((LOAD_MARKS, plan.measure(&programs)?));
    }
    tables.push((READING_MARKS, reading()?));
    for (_, table) in &tables {
        say::line(&format!("\n{table}"));
    }
    if write {
        for (marks, table) in &tables {
            put_into(&shell::root().join("docs/performance.md"), *marks, table)?;
        }
        say::line("written to docs/performance.md");
    }
    Ok(ExitCode::SUCCESS)
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
    Ok(format!(
        "{}\n\n`cargo xtask bench --only-reading`, {}, {}, commit {}.",
        table.trim_end(),
        today(),
        processor(),
        commit()
    ))
}

/// What to measure.
#[derive(Debug)]
struct Plan {
    seconds: u64,
    connections: u32,
    rounds: u32,
    cards: u32,
}

/// One measurement of one server.
#[derive(Debug, Clone, Copy)]
struct Measured {
    per_second: f64,
    p50_ms: f64,
    p99_ms: f64,
    cpu_micros: f64,
}

/// A server under load.
struct Candidate {
    server: Started,
    url: String,
    measured: Vec<Measured>,
}

impl Plan {
    fn measure(&self, programs: &Programs) -> Result<String> {
        let dir = shell::target_dir().join("bench");
        let base = waiting::free_base()?;
        self.prepare(programs, &dir, base)?;
        let load = Load { programs, ends: dir.join("endpoints.json"), plan: self };
        let mut acs = start_acs(programs, &dir, base)?;
        let mut echo = start_echo(programs, &dir)?;
        for candidate in [&acs, &echo] {
            load.run(&candidate.url, 2)?;
        }
        let mut sizes = Value::Null;
        for round in 1..=self.rounds {
            for candidate in [&mut echo, &mut acs] {
                let (measured, report) = load.measure(candidate)?;
                say::line(&format!(
                    "{:<5} {round}/{}: {:.0} requests/s, p50 {:.2} ms, p99 {:.2} ms, {:.0} us",
                    candidate.server.name,
                    self.rounds,
                    measured.per_second,
                    measured.p50_ms,
                    measured.p99_ms,
                    measured.cpu_micros
                ));
                candidate.measured.push(measured);
                sizes = report;
            }
        }
        self.table(&acs, &echo, &sizes)
    }

    fn prepare(&self, programs: &Programs, dir: &Path, base: u16) -> Result<()> {
        if dir.exists() {
            fs::remove_dir_all(dir).with_context(|| format!("removing {}", dir.display()))?;
        }
        fs::create_dir_all(dir.join("sim"))?;
        let mut init = Command::new(&programs.acs);
        init.arg("init").arg("--dir").arg(dir.join("acs")).arg("--dev");
        init.arg("--pki").arg(dir.join("pki")).arg("--cards").arg(dir.join("sim/cards.json"));
        init.arg("--outbox").arg(dir.join("sim/outbox.jsonl"));
        quietly(init.args(["--base-port", &base.to_string()]))?;
        let cards = dir.join("sim/more-cards.jsonl");
        fs::write(&cards, self.cards())?;
        let mut import = Command::new(&programs.acs);
        import.args(["card", "import", "--issuer", "alpha", "--config"]);
        quietly(import.arg(dir.join("acs/acs.toml")).arg(&cards))?;
        let mut ends = Command::new(&programs.ds_sim);
        ends.arg("endpoints").arg("--dir").arg(dir).args(["--base-port", &base.to_string()]);
        quietly(ends.arg("--write").arg(dir.join("endpoints.json")))
    }

    /// Ordinary cards, as an issuer would import them.
    fn cards(&self) -> String {
        let mut lines = String::new();
        for number in 0..self.cards {
            let card = json!({
                "pan": pan(number), "expiry": EXPIRY, "state": "active",
                "contacts": { "sms": format!("+8190{number:08}") },
            });
            let _ = writeln!(lines, "{card}");
        }
        lines
    }

    fn table(&self, acs: &Candidate, echo: &Candidate, sizes: &Value) -> Result<String> {
        let (a, e) = (median(&acs.measured), median(&echo.measured));
        let memory = |c: &Candidate| {
            process_facts::peak_memory_kib(c.server.pid)
                .map(|kib| f64::from(mib_tenths(kib)) / 10.0)
        };
        let (a_mib, e_mib) = (memory(acs)?, memory(echo)?);
        let mut text = String::new();
        let row = |text: &mut String, name: &str, a: f64, e: f64, digits: usize| {
            let ratio = a / e;
            let _ = writeln!(text, "| {name} | {a:.digits$} | {e:.digits$} | {ratio:.2} |");
        };
        let _ = writeln!(text, "| | ACS | bare TLS echo | ratio |\n|---|---:|---:|---:|");
        row(&mut text, "requests/s", a.per_second, e.per_second, 0);
        row(&mut text, "p50, ms", a.p50_ms, e.p50_ms, 2);
        row(&mut text, "p99, ms", a.p99_ms, e.p99_ms, 2);
        row(&mut text, "server CPU per request, us", a.cpu_micros, e.cpu_micros, 0);
        row(&mut text, "peak memory, MiB", a_mib, e_mib, 1);
        let _ = write!(
            text,
            "\n`cargo xtask bench --seconds {} --connections {} --rounds {} --cards {}`, {}, {} \
             cores ({}), commit {}; medians of {} turns; AReq {} bytes, ARes {} bytes.",
            self.seconds,
            self.connections,
            self.rounds,
            self.cards,
            today(),
            std::thread::available_parallelism().map_or(1, usize::from),
            processor(),
            commit(),
            self.rounds,
            sizes["request_bytes"],
            sizes["answer_bytes"],
        );
        Ok(text)
    }
}

/// The load generator.
struct Load<'a> {
    programs: &'a Programs,
    ends: PathBuf,
    plan: &'a Plan,
}

impl Load<'_> {
    fn measure(&self, candidate: &Candidate) -> Result<(Measured, Value)> {
        let pid = candidate.server.pid;
        let before = process_facts::cpu_micros(pid)?;
        let report = self.run(&candidate.url, self.plan.seconds)?;
        let spent = process_facts::cpu_micros(pid)? - before;
        let number = |name: &str| report[name].as_f64().with_context(|| format!("no {name}"));
        let measured = Measured {
            per_second: number("requests_per_second")?,
            p50_ms: number("p50_ms")?,
            p99_ms: number("p99_ms")?,
            cpu_micros: Duration::from_micros(spent).as_secs_f64() * 1e6 / number("requests")?,
        };
        Ok((measured, report))
    }

    /// Runs the load once; any error or other answer than Y spoils the measurement.
    fn run(&self, url: &str, seconds: u64) -> Result<Value> {
        let mut command = Command::new(&self.programs.ds_sim);
        command.args(["load", "--to", url, "--amount", "500", "--pan", &pan(0)]);
        command.args(["--seconds", &seconds.to_string()]);
        command.args(["--connections", &self.plan.connections.to_string()]);
        command.arg("--endpoints").arg(&self.ends);
        let output = command.output().context("starting ds-sim load")?;
        let report: Value = serde_json::from_slice(&output.stdout).with_context(|| {
            format!("ds-sim load: {}", String::from_utf8_lossy(&output.stderr).trim_end())
        })?;
        let only_y = report["answers"].as_object().is_some_and(|a| a.keys().all(|key| key == "Y"));
        if report["errors"] != 0 || report["requests"] == 0 || !only_y {
            bail!("{url} did not answer every AReq with Y: {report}");
        }
        Ok(report)
    }
}

fn start_acs(programs: &Programs, dir: &Path, base: u16) -> Result<Candidate> {
    let mut command = Command::new(&programs.acs);
    command.arg("serve").arg("--config").arg(dir.join("acs/acs.toml"));
    let server = children::start("acs", &command, &dir.join("acs/acs.log"))?;
    waiting::until_ok(base + 2, "/readyz", &server, Duration::from_secs(60))?;
    let url = format!("https://localhost:{base}/3ds/areq");
    Ok(Candidate { server, url, measured: Vec::new() })
}

/// The echo names its address in its first line.
fn start_echo(programs: &Programs, dir: &Path) -> Result<Candidate> {
    let mut command = Command::new(&programs.ds_sim);
    command.arg("echo").arg("--endpoints").arg(dir.join("endpoints.json"));
    let log = dir.join("sim/echo.log");
    let server = children::start("echo", &command, &log)?;
    let end = Instant::now() + Duration::from_secs(10);
    loop {
        server.check()?;
        let text = fs::read_to_string(&log).unwrap_or_default();
        if let Some((url, _)) = text.split_once('\n') {
            return Ok(Candidate { server, url: url.to_owned(), measured: Vec::new() });
        }
        if Instant::now() > end {
            bail!("the echo named no address:\n{}", server.last_words());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn median(all: &[Measured]) -> Measured {
    let of = |field: fn(&Measured) -> f64| {
        let mut values: Vec<_> = all.iter().map(field).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    Measured {
        per_second: of(|m| m.per_second),
        p50_ms: of(|m| m.p50_ms),
        p99_ms: of(|m| m.p99_ms),
        cpu_micros: of(|m| m.cpu_micros),
    }
}

fn mib_tenths(kib: u64) -> u32 {
    u32::try_from(kib * 10 / 1024).unwrap_or(u32::MAX)
}

/// The n-th test card number of a range of our own, with its Luhn digit.
fn pan(number: u32) -> String {
    let head = format!("49999{number:010}");
    let sum: u32 = head
        .bytes()
        .rev()
        .enumerate()
        .map(|(at, byte)| {
            let digit = u32::from(byte - b'0');
            let doubled = if at % 2 == 0 { digit * 2 } else { digit };
            doubled / 10 + doubled % 10
        })
        .sum();
    format!("{head}{}", (10 - sum % 10) % 10)
}

/// Replaces what stands between the markers of the document.
fn put_into(document: &Path, (begin, end): (&str, &str), table: &str) -> Result<()> {
    let text =
        fs::read_to_string(document).with_context(|| format!("reading {}", document.display()))?;
    let (before, rest) = text.split_once(begin).context("no begin marker")?;
    let (_, after) = rest.split_once(end).context("no end marker")?;
    fs::write(document, format!("{before}{begin}\n{table}\n{end}{after}"))?;
    Ok(())
}

fn processor() -> String {
    let facts = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = facts.lines().find_map(|line| line.strip_prefix("model name"));
    let name = name.and_then(|line| line.split_once(':')).map(|(_, name)| name.trim().to_owned());
    name.unwrap_or_else(|| std::env::consts::ARCH.to_owned())
}

fn commit() -> String {
    let mut git = Command::new("git");
    let output = git.args(["rev-parse", "--short", "HEAD"]).current_dir(shell::root()).output();
    let text = output.ok().filter(|output| output.status.success());
    text.map_or_else(
        || "unknown".to_owned(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}

fn today() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let (year, month, day) = date_of(since.as_secs() / 86_400);
    format!("{year:04}-{month:02}-{day:02}")
}

/// The Gregorian date of a day counted from 1970-01-01, reckoned in years that begin in March.
const fn date_of(day: u64) -> (u64, u64, u64) {
    let shifted = day + 719_468;
    let era = shifted / 146_097;
    let of_era = shifted % 146_097;
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let date = of_year - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (year + era * 400 + carry, month, date)
}

const EXPIRY: &str = "3012";
const LOAD_MARKS: (&str, &str) = ("<!-- bench:begin -->", "<!-- bench:end -->");
const READING_MARKS: (&str, &str) = ("<!-- reading:begin -->", "<!-- reading:end -->");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn card_numbers_pass_luhn() {
        // 4999900000000005: 8+9+9+9+9 (doubled 4, 9, 9 => 8, 9, 9) and the check digit.
        for number in [0, 1, 9_999] {
            let pan = pan(number);
            let sum: u32 = pan
                .bytes()
                .rev()
                .enumerate()
                .map(|(at, byte)| {
                    let digit = u32::from(byte - b'0') * if at % 2 == 1 { 2 } else { 1 };
                    digit / 10 + digit % 10
                })
                .sum();
            assert_eq!((pan.len(), sum % 10), (16, 0), "{pan}");
        }
    }

    #[test]
    fn days_become_dates() {
        assert_eq!(date_of(0), (1970, 1, 1));
        assert_eq!(date_of(11_016), (2000, 2, 29));
        assert_eq!(date_of(20_417), (2025, 11, 25));
    }

    #[test]
    fn the_table_goes_between_the_markers() {
        let file = std::env::temp_dir().join(format!("xtask-bench-{}.md", std::process::id()));
        let (begin, end) = READING_MARKS;
        fs::write(&file, format!("a\n{begin}\nold\n{end}\nz\n")).unwrap();
        put_into(&file, READING_MARKS, "new").unwrap();
        let text = fs::read_to_string(&file).unwrap();
        fs::remove_file(&file).unwrap();
        assert_eq!(text, format!("a\n{begin}\nnew\n{end}\nz\n"));
    }
}
