//! One thread of the driver.

use std::cell::RefCell;
use std::collections::HashSet;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::{Finding, MOST_FINDINGS, Plan, Report};
use crate::mutate::mutate;
use crate::random::Random;
use crate::targets::Target;

/// A thread's inputs and answers.
pub(super) struct Worker {
    random: Random,
    share: u64,
    targets: Vec<Known>,
    /// Indices into `targets`, as often as their weights say.
    turns: Vec<usize>,
    findings: Vec<Finding>,
}

/// What a thread knows of a target.
struct Known {
    target: &'static Target,
    inputs: Vec<Vec<u8>>,
    seeds: usize,
    answers: HashSet<u64>,
    executions: u64,
}

impl Worker {
    pub(super) fn new(plan: &Plan, number: usize) -> Self {
        let (threads, number) = (plan.threads as u64, number as u64);
        let known = |target: &&'static Target| {
            let inputs = (target.seeds)();
            let seeds = inputs.len();
            Known { target, inputs, seeds, answers: HashSet::new(), executions: 0 }
        };
        let turns = plan.targets.iter().enumerate();
        Self {
            random: Random::new(plan.seed.wrapping_add(number << 32)),
            share: plan.executions / threads + u64::from(number < plan.executions % threads),
            targets: plan.targets.iter().map(known).collect(),
            turns: turns.flat_map(|(at, target)| std::iter::repeat_n(at, target.weight)).collect(),
            findings: Vec::new(),
        }
    }

    pub(super) fn run(mut self, done: &AtomicU64) -> Self {
        let mut left = self.share;
        for at in 0..self.targets.len() {
            for seed in 0..self.targets[at].seeds {
                if left == 0 || self.findings.len() >= MOST_FINDINGS {
                    return self;
                }
                let data = self.targets[at].inputs[seed].clone();
                self.execute(at, data, done);
                left -= 1;
            }
        }
        while left > 0 && self.findings.len() < MOST_FINDINGS {
            let at = self.random.one_of(&self.turns).copied().unwrap_or_default();
            let known = &self.targets[at];
            let pick = |random: &mut Random| match random.below(2) {
                // What was kept lately is as likely as all the seeds.
                0 => known.inputs.len() - 1 - random.mostly_small(known.inputs.len()),
                _ => random.below(known.inputs.len()),
            };
            let (one, two) = (pick(&mut self.random), pick(&mut self.random));
            let shape = known.target.shape;
            let data = mutate(shape, &known.inputs[one], &known.inputs[two], &mut self.random);
            self.execute(at, data, done);
            left -= 1;
        }
        self
    }

    fn execute(&mut self, at: usize, data: Vec<u8>, done: &AtomicU64) {
        let known = &mut self.targets[at];
        known.executions += 1;
        done.fetch_add(1, Ordering::Relaxed);
        match judge(known.target, &data) {
            Ok(answer) => {
                let is_new = known.answers.len() < MOST_ANSWERS && known.answers.insert(answer);
                let room = known.inputs.len() < known.seeds + MOST_KEPT;
                if is_new && room && data.len() <= LONGEST_KEPT {
                    known.inputs.push(data);
                }
            }
            Err(what) => {
                self.findings.push(Finding { target: known.target.name, what, input: data });
            }
        }
    }

    /// Adds what this thread found.
    pub(super) fn add_to(self, report: &mut Report) {
        for (known, total) in self.targets.into_iter().zip(&mut report.targets) {
            total.executions += known.executions;
            total.answers = total.answers.max(known.answers.len());
            total.kept.extend(known.inputs.into_iter().skip(known.seeds));
        }
        report.findings.extend(self.findings);
    }
}

/// The answer to an input, or what is wrong with it.
pub(super) fn judge(target: &Target, data: &[u8]) -> Result<u64, String> {
    let run = || {
        let start = Instant::now();
        let answer = panic::catch_unwind(AssertUnwindSafe(|| (target.run)(data)));
        (answer, start.elapsed())
    };
    let (answer, took) = run();
    let answer = answer.map_err(|_| LAST_PANIC.take())?;
    // A thread may have to wait for its processor, but not three times in a row.
    if took > SLOW && run().1 > SLOW && run().1 > SLOW {
        return Err(format!("it takes {took:?}"));
    }
    Ok(answer)
}

thread_local! {
    static LAST_PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Panics are remembered instead of printed.
pub(super) fn hush_panics() {
    panic::set_hook(Box::new(|info| LAST_PANIC.set(info.to_string())));
}

const SLOW: Duration = Duration::from_millis(200);
/// Bounds of what a thread remembers of a target.
const MOST_ANSWERS: usize = 20_000;
const MOST_KEPT: usize = 400;
const LONGEST_KEPT: usize = 8 * 1024;
