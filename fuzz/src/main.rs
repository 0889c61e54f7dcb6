//! `fuzz`: the driver on the command line.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand};
use fuzz::cost;
use fuzz::drive::{self, Plan, Report};
use fuzz::targets::{self, TARGETS, Target};

/// The allocator of `acs`.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Fuzzes everything that strangers send to the ACS.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Examples:\n  fuzz run --executions 300000\n  \
    fuzz run --target areq --seed 7 --threads 1\n  fuzz replay areq target/fuzz/areq-0123456789abcdef"
)]
struct Cli {
    #[command(subcommand)]
    command: Todo,
}

#[derive(Debug, Subcommand)]
enum Todo {
    /// Change known inputs and run the targets on them; exit code 1 when something was found
    Run(RunArgs),
    /// Run a target on files, each once
    Replay(Files),
    /// The same twice, the second time for callgrind
    #[command(hide = true)]
    Count(Files),
    /// Name the targets
    List,
}

#[derive(Debug, Args)]
struct RunArgs {
    /// Executions of all targets together
    #[arg(long, default_value_t = 1_000_000)]
    executions: u64,
    /// Repeat the run that printed this seed (with as many threads)
    #[arg(long)]
    seed: Option<u64>,
    /// Threads; by default one per processor
    #[arg(long)]
    threads: Option<usize>,
    /// Only this target; may be repeated
    #[arg(long)]
    target: Vec<String>,
    /// Folder for inputs that break something
    #[arg(long, default_value = "target/fuzz")]
    findings: PathBuf,
    /// Do not look for inputs that cost more than others
    #[arg(long)]
    no_cost: bool,
}

#[derive(Debug, Args)]
struct Files {
    target: String,
    files: Vec<PathBuf>,
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Todo::Run(args) => run(&args),
        Todo::Replay(files) => replay(&files),
        Todo::Count(files) => target(&files.target)
            .and_then(|target| cost::run_files(target, &files.files))
            .map(|()| ExitCode::SUCCESS),
        Todo::List => {
            TARGETS.iter().for_each(|target| say(target.name));
            Ok(ExitCode::SUCCESS)
        }
    };
    done.unwrap_or_else(|error| {
        let _ = writeln!(std::io::stderr(), "fuzz: {error:#}");
        ExitCode::FAILURE
    })
}

fn run(args: &RunArgs) -> Result<ExitCode> {
    let names = args.target.iter().map(String::as_str);
    let all = TARGETS.iter().map(|target| target.name).filter(|_| args.target.is_empty());
    let processors = || std::thread::available_parallelism().map_or(1, usize::from);
    let plan = Plan {
        executions: args.executions,
        seed: args.seed.unwrap_or_else(any_seed),
        threads: args.threads.unwrap_or_else(processors).max(1),
        targets: names.chain(all).map(target).collect::<Result<_>>()?,
        findings: args.findings.clone(),
    };
    say(&format!("seed {}, {} threads", plan.seed, plan.threads));
    let report = drive::run(&plan)?;
    show(&plan, &report);
    let mut good = report.findings.is_empty();
    if let Some(memory) = report.memory {
        let flat = memory.is_flat();
        let (quarter, end) = (memory.quarter / 1024, memory.end / 1024);
        let word = if flat { "flat" } else { "NOT FLAT" };
        say(&format!("memory {word}: {quarter} MiB after a quarter, {end} MiB at the end"));
        good &= flat;
    }
    if good && !args.no_cost {
        good = costs(&plan, report)?;
    }
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn show(plan: &Plan, report: &Report) {
    for (target, of) in plan.targets.iter().zip(&report.targets) {
        say(&format!(
            "{:<12} {:>9} executions, {:>5} answers",
            target.name, of.executions, of.answers
        ));
    }
    for finding in &report.findings {
        let path = drive::path_of(&plan.findings, finding);
        say(&format!("{}: {}\n  fuzz replay {0} {}", finding.target, finding.what, path.display()));
    }
    let seconds = report.elapsed.as_secs_f64();
    say(&format!(
        "{} executions in {seconds:.1} s, {} findings",
        report.executions,
        report.findings.len()
    ));
}

/// Whether all targets cost about the same per byte, whatever they get.
fn costs(plan: &Plan, report: Report) -> Result<bool> {
    let mut good = true;
    for (target, of) in plan.targets.iter().zip(report.targets) {
        let costs = cost::of(target, &(target.seeds)(), of.kept, &plan.findings.join("cost"))?;
        let (even, ratio) = (costs.are_even(), costs.worst / costs.median);
        say(&format!(
            "{:<12} {:.1} {} per byte (median), at most {:.1}: {ratio:.1} times, {} inputs{}",
            target.name,
            costs.median,
            costs.unit,
            costs.worst,
            costs.measured,
            if even { "" } else { " TOO DEAR" }
        ));
        if !even {
            write_dearest(&plan.findings, target, &costs.worst_input)?;
            good = false;
        }
    }
    Ok(good)
}

fn write_dearest(folder: &Path, target: &Target, input: &[u8]) -> Result<()> {
    fs::create_dir_all(folder)?;
    let path = folder.join(format!("{}-dearest", target.name));
    fs::write(&path, input).with_context(|| format!("writing {}", path.display()))?;
    say(&format!("  {}", path.display()));
    Ok(())
}

fn replay(files: &Files) -> Result<ExitCode> {
    let target = target(&files.target)?;
    for file in &files.files {
        let data = fs::read(file).with_context(|| format!("reading {}", file.display()))?;
        say(&format!("{}: answer {:016x}", file.display(), (target.run)(&data)));
    }
    Ok(ExitCode::SUCCESS)
}

fn target(name: &str) -> Result<&'static Target> {
    targets::find(name).with_context(|| format!("no target {name}; `fuzz list` names them"))
}

fn any_seed() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_secs() ^ u64::from(since.subsec_nanos())
}

/// A closed pipe is nobody's fault.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
