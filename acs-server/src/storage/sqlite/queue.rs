//! The list between callers and the writer: what waits, and pauses for a checkpoint.

use std::fmt;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::rows::SealedUnit;
use crate::storage::{Committed, StoreError};

pub(super) type Outcome = Result<Committed, StoreError>;

/// How a caller hears of its unit, and gets it back where it is of use to let go of it there: memory
/// is given back best by the thread that took it.
pub(super) type Done = oneshot::Sender<(Outcome, Option<Box<SealedUnit>>)>;
/// The other end of [`Done`].
pub(super) type Told = oneshot::Receiver<(Outcome, Option<Box<SealedUnit>>)>;

/// What waits for the writer.
pub(super) enum Job {
    Unit {
        unit: Box<SealedUnit>,
        done: Done,
    },
    /// Runs between groups, outside any transaction.
    Call(Box<dyn FnOnce(&Connection) + Send>),
}

/// The bounded list between callers and the writer.
#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<QueueState>,
    arrived: Condvar,
    /// Signals changes of `pause`.
    paused: Condvar,
    bound: usize,
}

#[derive(Debug)]
struct QueueState {
    jobs: Vec<Job>,
    phase: Phase,
    pause: Pause,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    Draining,
    Closed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pause {
    None,
    Asked,
    Granted,
}

impl Queue {
    pub(super) const fn new(bound: usize) -> Self {
        let state = QueueState { jobs: Vec::new(), phase: Phase::Open, pause: Pause::None };
        Self { state: Mutex::new(state), arrived: Condvar::new(), paused: Condvar::new(), bound }
    }

    pub(super) fn push(&self, job: Job) -> Result<(), StoreError> {
        let mut state = self.state();
        if state.phase != Phase::Open {
            return Err(StoreError::Closed);
        }
        if state.jobs.len() >= self.bound {
            return Err(StoreError::Busy("too many commits are waiting".to_owned()));
        }
        state.jobs.push(job);
        if state.jobs.len() == 1 {
            self.arrived.notify_one();
        }
        Ok(())
    }

    /// Lets the writer finish what waits and stop.
    pub(super) fn drain(&self) {
        let mut state = self.state();
        if state.phase == Phase::Open {
            state.phase = Phase::Draining;
        }
        self.arrived.notify_one();
    }

    /// Holds the writer between two groups while `work` runs, but not for longer than `patience`
    /// until the hold begins: then `work` does not run.
    pub(super) fn hold_writer(&self, patience: Duration, work: impl FnOnce()) {
        let mut state = self.state();
        if state.phase != Phase::Open {
            return;
        }
        state.pause = Pause::Asked;
        self.arrived.notify_one();
        let until = Instant::now() + patience;
        while state.pause == Pause::Asked && state.phase != Phase::Closed {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state = wait(&self.paused, state, left);
        }
        let granted = state.pause == Pause::Granted;
        drop(state);
        if granted {
            work();
        }
        self.state().pause = Pause::None;
        self.paused.notify_all();
    }

    /// The next group, at most `limit` jobs; `None` when all is done. Returns an empty group now
    /// and then, for housekeeping.
    pub(super) fn take(&self, group: &mut Vec<Job>, limit: usize) -> bool {
        let mut state = self.state();
        loop {
            if state.pause == Pause::Asked {
                state.pause = Pause::Granted;
                self.paused.notify_all();
            }
            if state.pause == Pause::Granted {
                state = wait(&self.paused, state, IDLE);
            } else if !state.jobs.is_empty() {
                break;
            } else if state.phase != Phase::Open {
                return false;
            } else {
                let waited = Instant::now();
                state = wait(&self.arrived, state, IDLE);
                if state.jobs.is_empty() && waited.elapsed() >= IDLE {
                    return true;
                }
            }
        }
        if state.jobs.len() <= limit {
            std::mem::swap(&mut state.jobs, group);
        } else {
            group.extend(state.jobs.drain(..limit));
        }
        true
    }

    /// Everything still waiting, when there is no use in letting it wait on.
    pub(super) fn take_waiting(&self) -> Vec<Job> {
        std::mem::take(&mut self.state().jobs)
    }

    pub(super) fn close(&self) {
        let mut state = self.state();
        state.phase = Phase::Closed;
        state.jobs.clear();
        self.paused.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wait<'a>(
    signal: &Condvar,
    state: MutexGuard<'a, QueueState>,
    at_most: Duration,
) -> MutexGuard<'a, QueueState> {
    signal.wait_timeout(state, at_most).unwrap_or_else(PoisonError::into_inner).0
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unit { .. } => f.write_str("Unit(..)"),
            Self::Call(_) => f.write_str("Call(..)"),
        }
    }
}

/// An empty group comes this often.
const IDLE: Duration = Duration::from_secs(1);
