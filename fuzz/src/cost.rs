//! Looks for inputs whose cost per byte is far from usual. Instructions are counted by callgrind
//! where it is installed; otherwise the shortest of many runs stands for them.

use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::Ordering;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::invariants::ONLY_READING;
use crate::targets::Target;

/// Costs of one target.
#[derive(Debug)]
pub struct Costs {
    /// Instructions, or nanoseconds where they could not be counted.
    pub unit: &'static str,
    pub measured: usize,
    /// Per byte of a usual input.
    pub median: f64,
    /// Per byte.
    pub worst: f64,
    pub worst_input: Vec<u8>,
}

impl Costs {
    /// Whether no input costs more than ten times what a usual one does.
    #[must_use]
    pub fn are_even(&self) -> bool {
        self.worst <= self.median * 10.0
    }
}

/// Counts a sample of `usual` inputs, whose median is what a byte usually costs, and of all inputs
/// those that take longest. A short input counts as 512 bytes, as what comes with it (TLS, HTTP, an
/// answer) is not shorter.
///
/// # Errors
/// When callgrind is installed but fails, or there is no usual input.
pub fn of(
    target: &Target,
    usual: &[Vec<u8>],
    others: Vec<Vec<u8>>,
    folder: &Path,
) -> Result<Costs> {
    ONLY_READING.store(true, Ordering::Relaxed);
    let step = usual.len().div_ceil(SAMPLE).max(1);
    let mut inputs: Vec<_> = usual.iter().step_by(step).cloned().collect();
    let sample = inputs.len();
    let mut all: Vec<_> = others.into_iter().chain(usual.iter().cloned()).collect();
    all.sort();
    all.dedup();
    let mut timed: Vec<_> =
        all.into_iter().map(|input| (per_byte(nanos(target, &input), &input), input)).collect();
    timed.sort_by(|(one, _), (two, _)| two.total_cmp(one));
    inputs.extend(timed.into_iter().take(DEAREST).map(|(_, input)| input));
    let (unit, costs) = match count(target, &inputs, folder)? {
        Some(counts) => ("instructions", counts),
        None => ("ns", inputs.iter().map(|input| nanos(target, input)).collect()),
    };
    let costs: Vec<_> =
        costs.into_iter().zip(&inputs).map(|(cost, input)| per_byte(cost, input)).collect();
    let mut usual = costs[..sample].to_vec();
    usual.sort_by(f64::total_cmp);
    let median = *usual.get(sample / 2).context("there is a usual input")?;
    let dearest = costs.iter().zip(&inputs).max_by(|(one, _), (two, _)| one.total_cmp(two));
    let (worst, worst_input) = dearest.context("there is an input")?;
    let (worst, worst_input) = (*worst, worst_input.clone());
    Ok(Costs { unit, measured: inputs.len(), median, worst, worst_input })
}

/// Runs a target once for each file: what callgrind counts.
///
/// # Errors
/// When a file cannot be read.
pub fn run_files(target: &Target, files: &[PathBuf]) -> Result<()> {
    ONLY_READING.store(true, Ordering::Relaxed);
    for file in files {
        let data = fs::read(file).with_context(|| format!("reading {}", file.display()))?;
        // What is made once only is made before.
        black_box((target.run)(&data));
        counted(target, &data);
    }
    Ok(())
}

/// The function whose calls are counted, known to callgrind by its name.
#[inline(never)]
fn counted(target: &Target, data: &[u8]) {
    black_box((target.run)(black_box(data)));
}

fn bytes(input: &[u8]) -> f64 {
    // Exact: no input is so long.
    f64::from(u32::try_from(input.len().max(LEAST_BYTES)).unwrap_or(u32::MAX))
}

fn per_byte(cost: f64, input: &[u8]) -> f64 {
    cost / bytes(input)
}

/// The shortest of several runs.
fn nanos(target: &Target, input: &[u8]) -> f64 {
    let once = || {
        let start = Instant::now();
        black_box((target.run)(black_box(input)));
        start.elapsed().as_secs_f64() * 1e9
    };
    (0..RUNS).map(|_| once()).fold(f64::INFINITY, f64::min)
}

/// Instructions for each input; `None` without callgrind.
fn count(target: &Target, inputs: &[Vec<u8>], folder: &Path) -> Result<Option<Vec<f64>>> {
    if Command::new("valgrind").arg("--version").output().is_err() {
        return Ok(None);
    }
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("clearing {}", folder.display()))?;
    }
    fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--toggle-collect=fuzz::cost::counted"]);
    command.arg("--dump-after=fuzz::cost::counted");
    command.arg(format!("--callgrind-out-file={}", folder.join("out").display()));
    command.arg(std::env::current_exe()?).args(["count", target.name]);
    for (number, input) in inputs.iter().enumerate() {
        let file = folder.join(format!("input-{number}"));
        fs::write(&file, input).with_context(|| format!("writing {}", file.display()))?;
        command.arg(file);
    }
    let output = command.output().context("starting valgrind")?;
    if !output.status.success() {
        bail!("valgrind: {}", String::from_utf8_lossy(&output.stderr).trim_end());
    }
    let dump = |number: usize| instructions(&folder.join(format!("out.{number}")));
    let counts = (1..=inputs.len()).map(dump).collect::<Result<_>>()?;
    fs::remove_dir_all(folder)?;
    Ok(Some(counts))
}

/// The sum of one dump of callgrind.
fn instructions(dump: &Path) -> Result<f64> {
    let text = fs::read_to_string(dump).with_context(|| format!("reading {}", dump.display()))?;
    let total = text.lines().find_map(|line| line.strip_prefix("totals: "));
    total.and_then(|total| total.trim().parse().ok()).context("callgrind's dump has no totals")
}

/// What a short input counts as.
const LEAST_BYTES: usize = 512;
const SAMPLE: usize = 60;
const DEAREST: usize = 20;
const RUNS: usize = 7;
