//! `cargo xtask test`: everything CI checks, step by step.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::args::Args;
use crate::build;
use crate::say;
use crate::shell::{self, Logged};
use crate::tools::{self, Tool};

const USAGE: &str = "\
Everything CI checks. As root on Debian it first installs what the machine lacks;
otherwise it names it in one line.

Usage: cargo xtask test [OPTIONS]

Options:
  --only STEP   Only this step; may be repeated
  --list        Name the steps
  -h, --help    This text

Examples:
  cargo xtask test
  cargo xtask test --only format --only clippy
";

/// A step: its name, what it is, and how it is done.
#[derive(Debug)]
struct Step {
    name: &'static str,
    about: &'static str,
    run: fn(&Logged) -> Result<Outcome>,
}

/// How a step that did not fail ended.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Passed,
    NotRun(String),
}

const STEPS: [Step; 12] = [
    Step { name: "tools", about: "what a bare machine lacks", run: install },
    Step { name: "format", about: "rustfmt", run: format },
    Step { name: "clippy", about: "lints of all targets, warnings denied", run: clippy },
    Step { name: "unit", about: "unit and integration tests, doc tests", run: unit },
    Step { name: "spec", about: "docs/spec-coverage.md is what the code says", run: spec },
    Step { name: "docs", about: "rustdoc, warnings denied", run: docs },
    Step { name: "deny", about: "licences, bans and sources of dependencies", run: deny },
    Step { name: "fuzz", about: "a short run over everything that strangers send", run: fuzz },
    Step { name: "checker", about: "self-test of the independent checker", run: checker },
    Step { name: "e2e", about: "journeys and crashes through the real binaries", run: e2e },
    Step { name: "browser", about: "a payment in headless Chromium", run: browser },
    Step {
        name: "traffic",
        about: "the independent checker over all recorded traffic",
        run: traffic,
    },
];

pub(crate) fn command(mut args: Args) -> Result<ExitCode> {
    if args.wants_help() {
        return crate::usage(USAGE);
    }
    let list = args.flag("--list");
    let only = args.values("--only")?;
    args.end()?;
    if list {
        for step in &STEPS {
            say::line(&format!("{:<10} {}", step.name, step.about));
        }
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(unknown) = only.iter().find(|name| STEPS.iter().all(|step| step.name != **name)) {
        bail!("--only {unknown}: no such step; `cargo xtask test --list` names them");
    }
    let wanted = |step: &&Step| only.is_empty() || only.iter().any(|name| name == step.name);
    run_all(&STEPS.iter().filter(wanted).collect::<Vec<_>>())
}

/// Runs the steps to the end even when one fails, so that one run tells everything.
fn run_all(steps: &[&Step]) -> Result<ExitCode> {
    let start = Instant::now();
    let mut failed = Vec::new();
    let mut not_run = Vec::new();
    for (number, step) in (1..).zip(steps) {
        say::line(&format!("[{number:2}/{}] {}: {}", steps.len(), step.name, step.about));
        match run_one(step)? {
            None => failed.push(step.name),
            Some(Outcome::NotRun(_)) => not_run.push(step.name),
            Some(Outcome::Passed) => {}
        }
    }
    let seconds = start.elapsed().as_secs();
    let passed = steps.len() - failed.len() - not_run.len();
    let (failed, not_run) = (named("failed", &failed), named("not run", &not_run));
    say::line(&format!("{passed} of {} steps passed{failed}{not_run}, {seconds} s", steps.len()));
    Ok(if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// `None` for a step that failed.
fn run_one(step: &Step) -> Result<Option<Outcome>> {
    let start = Instant::now();
    let done = Logged::new(step.name).and_then(|logged| (step.run)(&logged));
    let seconds = start.elapsed().as_secs_f64();
    let (word, outcome) = match done {
        Ok(Outcome::Passed) => ("ok".to_owned(), Some(Outcome::Passed)),
        Ok(Outcome::NotRun(why)) => (format!("not run: {why}"), Some(Outcome::NotRun(why))),
        Err(error) => {
            say::line(&format!("{error:#}"));
            (format!("FAILED; again: cargo xtask test --only {}", step.name), None)
        }
    };
    say::line(&format!("        {seconds:6.1} s  {word}"));
    Ok(outcome)
}

fn named(what: &str, names: &[&str]) -> String {
    if names.is_empty() { String::new() } else { format!(", {what}: {}", names.join(" ")) }
}

fn install(logged: &Logged) -> Result<Outcome> {
    Ok(tools::install(logged)?.map_or(Outcome::Passed, Outcome::NotRun))
}

fn format(logged: &Logged) -> Result<Outcome> {
    cargo(logged, &["fmt", "--all", "--check"])
}

fn clippy(logged: &Logged) -> Result<Outcome> {
    let words = ["clippy", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"];
    cargo(logged, &words)
}

fn unit(logged: &Logged) -> Result<Outcome> {
    if !has_nextest() {
        return cargo(logged, &["test", "--locked", "--workspace", "--exclude", "e2e"]);
    }
    // The whole workspace is built, so that its dependencies are built once.
    let filter = ["-E", "not package(e2e)"];
    cargo(logged, &[["nextest", "run", "--locked", "--workspace"].as_slice(), &filter].concat())?;
    cargo(logged, &["test", "--locked", "--workspace", "--doc"])
}

fn docs(logged: &Logged) -> Result<Outcome> {
    let mut doc = shell::cargo();
    doc.args(["doc", "--locked", "--workspace", "--no-deps"]);
    // `ds-sim` and `acs` have a library beside them; theirs is the documentation.
    logged.run(doc.arg("--lib").env("RUSTDOCFLAGS", "-D warnings"))?;
    Ok(Outcome::Passed)
}

fn spec(_: &Logged) -> Result<Outcome> {
    crate::spec::check()?;
    Ok(Outcome::Passed)
}

fn deny(logged: &Logged) -> Result<Outcome> {
    if !shell::on_path("cargo-deny") {
        let why = "cargo-deny is not installed (cargo install cargo-deny --locked)";
        return Ok(Outcome::NotRun(why.to_owned()));
    }
    cargo(logged, &["deny", "--offline", "check", "bans", "licenses", "sources"])
}

fn fuzz(logged: &Logged) -> Result<Outcome> {
    fuzz_run(logged, false, SMOKE, None)?;
    Ok(Outcome::Passed)
}

/// Executions of the short run; the program is not optimised there.
const SMOKE: u64 = 30_000;

/// Builds the fuzzer and runs all its targets; `docs/fuzzing.md`.
pub(crate) fn fuzz_run(
    logged: &Logged,
    optimised: bool,
    executions: u64,
    seed: Option<u64>,
) -> Result<()> {
    let build = || {
        let mut command = build::command(&["fuzz"]);
        if optimised {
            command.arg("--release");
        }
        command
    };
    logged.run(&mut build())?;
    let mut command = Command::new(build::found(build())?.executable("fuzz")?);
    command.arg("run").args(["--executions", &executions.to_string()]);
    command.arg("--findings").arg(shell::target_dir().join("fuzz"));
    if let Some(seed) = seed {
        command.args(["--seed", &seed.to_string()]);
    }
    if !optimised {
        // What matters there is the cost of what is shipped.
        command.arg("--no-cost");
    }
    logged.run(command.current_dir(shell::root()))
}

/// The checker finds planted defects, and the vectors are what their tool makes.
fn checker(logged: &Logged) -> Result<Outcome> {
    let done = python(logged, "check_traffic.py", |command| {
        command.arg("--self-test");
    })?;
    if done != Outcome::Passed {
        return Ok(done);
    }
    python(logged, "make_vectors.py", |command| {
        command.arg("--check");
    })?;
    python(logged, "check_vectors.py", |_| {})
}

fn e2e(logged: &Logged) -> Result<Outcome> {
    let records = records_dir();
    if records.exists() {
        fs::remove_dir_all(&records).context("removing the records of the last run")?;
    }
    fs::create_dir_all(&records).context("making a folder for records")?;
    journeys(logged, "package(e2e) and not test(/^journey::/)", &["--skip", "journey::"])
}

fn browser(logged: &Logged) -> Result<Outcome> {
    let needed = [&tools::CHROMIUM, &tools::NODE, &tools::NPM];
    if let Some(missing) = needed.into_iter().find(|tool| !tool.is_here()) {
        return Ok(not_run(missing));
    }
    journeys(logged, "package(e2e) and test(/^journey::/)", &["journey::"])
}

/// The checker over each record, told what its journey was about.
fn traffic(logged: &Logged) -> Result<Outcome> {
    let records = records(&records_dir());
    if records.is_empty() {
        return Ok(Outcome::NotRun("no records: run the step e2e first".to_owned()));
    }
    for record in records {
        let name = record.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let is_one_of = |records: &[&str]| records.iter().any(|record| name == *record);
        let done = python(logged, "check_traffic.py", |command| {
            command.arg("--summary").arg(&record);
            if name.starts_with(BAD_ON_PURPOSE) || is_one_of(&ALSO_BAD) {
                command.arg("--expect-errors");
            }
            if is_one_of(&ENDS_OPEN) {
                command.arg("--open-ends");
            }
        })?;
        if done != Outcome::Passed {
            return Ok(done);
        }
    }
    Ok(Outcome::Passed)
}

/// How the names of records begin in which the ACS is sent defective messages: only its own are
/// judged.
const BAD_ON_PURPOSE: &str = "bad-";
/// Such records with other names.
const ALSO_BAD: [&str; 2] = ["t-rr-06", "oreq-3dss"];
/// Records of tests that kill the ACS or leave a challenge open at their end.
const ENDS_OPEN: [&str; 12] = [
    "at-rest",
    "crash-burst",
    "crash-named",
    "crash-random",
    "tokens",
    "several-merchants",
    "creq-white-space",
    "app-images",
    "app-keys",
    "decoupled-promised",
    "spc-in-challenge-not",
    "spc-in-challenge-off",
];

/// The crash test alone, with so many kills; for `cargo xtask deep`.
pub(crate) fn crash(rounds: u32, seed: u64) -> Result<ExitCode> {
    let logged = Logged::new("deep")?;
    let start = Instant::now();
    let mut command = journey_command(&logged, "package(e2e) and test(/^crash::/)", &["crash::"])?;
    command.env("E2E_CRASH_ROUNDS", rounds.to_string()).env("E2E_SEED", seed.to_string());
    logged.run(&mut command)?;
    say::line(&format!("passed, {} s", start.elapsed().as_secs()));
    Ok(ExitCode::SUCCESS)
}

/// Runs the tests of the e2e crate that nextest's filter (or cargo test's words) choose.
fn journeys(logged: &Logged, filter: &str, words: &[&str]) -> Result<Outcome> {
    logged.run(&mut journey_command(logged, filter, words)?)?;
    Ok(Outcome::Passed)
}

fn journey_command(logged: &Logged, filter: &str, words: &[&str]) -> Result<Command> {
    let programs = programs(logged)?;
    let mut command = shell::cargo();
    if has_nextest() {
        command.args(["nextest", "run", "--locked", "--workspace", "--no-fail-fast", "-E", filter]);
    } else {
        command.args(["test", "--locked", "-p", "e2e", "--"]).args(words);
    }
    command.env("E2E_ACS", programs.join("acs"));
    command.env("E2E_ACS_MUTANT", programs.join("acs-mutant"));
    command.env("E2E_DS_SIM", programs.join("ds-sim"));
    command.env("E2E_TRAFFIC_DIR", records_dir());
    if let Some(chromium) = tools::chromium() {
        command.env("E2E_CHROMIUM", chromium);
    }
    Ok(command)
}

/// Builds the programs of the journeys and puts them where no later build replaces them: the
/// mutant, which answers before its commit, has the same name as the real one.
fn programs(logged: &Logged) -> Result<PathBuf> {
    let folder = shell::target_dir().join("xtask/programs");
    fs::create_dir_all(&folder)?;
    let mutant = || {
        let mut command = build::command(&["acs"]);
        command.args(["--features", "acs-server/danger-reply-before-commit"]);
        command
    };
    logged.run(&mut mutant())?;
    replace(&build::found(mutant())?.executable("acs")?, &folder.join("acs-mutant"))?;
    let both = || build::command(&["acs", "ds-sim"]);
    logged.run(&mut both())?;
    let built = build::found(both())?;
    replace(&built.executable("acs")?, &folder.join("acs"))?;
    replace(&built.executable("ds-sim")?, &folder.join("ds-sim"))?;
    Ok(folder)
}

/// Copies by rename, as the old one may still run.
fn replace(from: &Path, to: &Path) -> Result<()> {
    let part = to.with_extension("part");
    fs::copy(from, &part).with_context(|| format!("copying {}", from.display()))?;
    fs::rename(&part, to).with_context(|| format!("writing {}", to.display()))
}

fn cargo(logged: &Logged, words: &[&str]) -> Result<Outcome> {
    logged.run(shell::cargo().args(words))?;
    Ok(Outcome::Passed)
}

fn python(logged: &Logged, script: &str, add: impl FnOnce(&mut Command)) -> Result<Outcome> {
    if !tools::PYTHON.is_here() {
        return Ok(not_run(&tools::PYTHON));
    }
    let mut command = Command::new("python3");
    command.arg(format!("test-vectors/tools/{script}")).current_dir(shell::root());
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    add(&mut command);
    logged.run(&mut command)?;
    Ok(Outcome::Passed)
}

fn not_run(tool: &Tool) -> Outcome {
    Outcome::NotRun(tool.missing())
}

fn has_nextest() -> bool {
    shell::on_path("cargo-nextest")
}

/// What passed between the parties in the journeys, card numbers in clear.
fn records_dir() -> PathBuf {
    shell::target_dir().join("xtask/records")
}

fn records(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.flatten().map(|entry| entry.path());
    let mut records: Vec<_> =
        paths.filter(|p| p.extension().is_some_and(|e| e == "jsonl")).collect();
    records.sort();
    records
}
