//! How busy a connection is.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Requests under way, and since when there is none.
#[derive(Debug)]
pub(super) struct Activity(Mutex<State>);

#[derive(Debug)]
struct State {
    running: usize,
    since: Instant,
}

/// A request under way.
#[derive(Debug)]
pub(super) struct Running<'a>(&'a Activity);

impl Activity {
    pub(super) fn new() -> Self {
        Self(Mutex::new(State { running: 0, since: Instant::now() }))
    }

    pub(super) fn start(&self) -> Running<'_> {
        self.change(|state| state.running += 1);
        Running(self)
    }

    /// How long no request has been under way.
    pub(super) fn idle(&self) -> Duration {
        self.change(|state| match state.running {
            0 => state.since.elapsed(),
            _ => Duration::ZERO,
        })
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.change(|state| {
            state.running = state.running.saturating_sub(1);
            state.since = Instant::now();
        });
    }
}
