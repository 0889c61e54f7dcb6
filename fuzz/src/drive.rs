//! The driver: threads that change known inputs, run a target on each, and keep those whose answer
//! was new. The same seed and number of threads give the same inputs.

mod worker;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::random::hash;
use crate::targets::Target;
use worker::Worker;

/// What to run.
#[derive(Debug)]
pub struct Plan {
    pub executions: u64,
    pub seed: u64,
    pub threads: usize,
    pub targets: Vec<&'static Target>,
    /// Folder for inputs that break something.
    pub findings: PathBuf,
}

/// What came of it.
#[derive(Debug)]
pub struct Report {
    pub executions: u64,
    pub elapsed: Duration,
    /// In the order of the plan.
    pub targets: Vec<TargetReport>,
    pub findings: Vec<Finding>,
    /// `None` where the system does not tell.
    pub memory: Option<Memory>,
}

/// What came of one target.
#[derive(Debug, Default)]
pub struct TargetReport {
    pub executions: u64,
    /// Answers that differ.
    pub answers: usize,
    /// Inputs that were kept for their answers.
    pub kept: Vec<Vec<u8>>,
}

/// An input that breaks something.
#[derive(Debug)]
pub struct Finding {
    pub target: &'static str,
    pub what: String,
    pub input: Vec<u8>,
}

/// Resident memory, in KiB.
#[derive(Debug, Clone, Copy, Default)]
pub struct Memory {
    /// After a quarter of the executions.
    pub quarter: u64,
    pub end: u64,
}

impl Memory {
    /// Whether no more was added than an allocator's pages and the inputs that are kept.
    #[must_use]
    pub const fn is_flat(&self) -> bool {
        self.end < self.quarter + FLAT_KIB
    }
}

/// Runs the plan to its end, or until there are [`MOST_FINDINGS`].
///
/// # Errors
/// When a finding cannot be written.
pub fn run(plan: &Plan) -> Result<Report> {
    worker::hush_panics();
    let (start, done) = (Instant::now(), AtomicU64::new(0));
    let (workers, memory) = std::thread::scope(|scope| {
        let start = |number: usize| {
            let done = &done;
            scope.spawn(move || Worker::new(plan, number).run(done))
        };
        let threads: Vec<_> = (0..plan.threads).map(start).collect();
        let mut memory = None;
        while threads.iter().any(|thread| !thread.is_finished()) {
            std::thread::sleep(Duration::from_millis(20));
            if memory.is_none() && done.load(Ordering::Relaxed) >= plan.executions / 4 {
                memory = resident_kib();
            }
        }
        let end = resident_kib();
        let workers: Vec<_> =
            threads.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
        (workers, memory.zip(end).map(|(quarter, end)| Memory { quarter, end }))
    });
    let mut report = Report {
        executions: done.load(Ordering::Relaxed),
        elapsed: start.elapsed(),
        targets: plan.targets.iter().map(|_| TargetReport::default()).collect(),
        findings: Vec::new(),
        memory,
    };
    for worker in workers {
        let worker =
            worker.map_err(|_| anyhow::anyhow!("a thread of the driver itself panicked"))?;
        worker.add_to(&mut report);
    }
    for finding in &report.findings {
        write(&plan.findings, finding)?;
    }
    Ok(report)
}

/// Where a finding is written.
#[must_use]
pub fn path_of(folder: &Path, finding: &Finding) -> PathBuf {
    folder.join(format!("{}-{:016x}", finding.target, hash(&finding.input)))
}

fn write(folder: &Path, finding: &Finding) -> Result<()> {
    let path = path_of(folder, finding);
    fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    fs::write(&path, &finding.input).with_context(|| format!("writing {}", path.display()))
}

/// Resident memory of this process.
fn resident_kib() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// A thread stops after so many.
pub const MOST_FINDINGS: usize = 5;
const FLAT_KIB: u64 = 16 * 1024;
