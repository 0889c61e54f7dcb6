//! Time as a trait (invariant 12): the system's, or one that the development profile moves
//! forward.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use acs_core::UtcMillis;

/// Where protocol time comes from, and the watch over signing chains. Socket timeouts and the
/// validity of TLS certificates stay on real time.
pub trait Clock: Send + Sync + fmt::Debug {
    fn now(&self) -> UtcMillis;

    /// Moves the clock forward.
    ///
    /// # Errors
    /// [`NotMovable`] for a clock that only runs.
    fn advance(&self, by_ms: u64) -> Result<UtcMillis, NotMovable>;
}

/// This clock cannot be moved, or not that far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this clock cannot be moved so")]
pub struct NotMovable;

/// The system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> UtcMillis {
        system_now()
    }

    fn advance(&self, _by_ms: u64) -> Result<UtcMillis, NotMovable> {
        Err(NotMovable)
    }
}

/// The system's clock plus what it was moved by.
#[derive(Debug, Default)]
pub struct MovableClock {
    offset_ms: AtomicI64,
}

impl Clock for MovableClock {
    fn now(&self) -> UtcMillis {
        UtcMillis(system_now().0 + self.offset_ms.load(Ordering::Acquire))
    }

    fn advance(&self, by_ms: u64) -> Result<UtcMillis, NotMovable> {
        let by = i64::try_from(by_ms).ok().filter(|by| *by <= MAX_STEP_MS).ok_or(NotMovable)?;
        let moved = |offset: i64| offset.checked_add(by).filter(|sum| *sum <= MAX_OFFSET_MS);
        self.offset_ms
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, moved)
            .map_err(|_| NotMovable)?;
        Ok(self.now())
    }
}

/// A clock that stands still until moved, for tests.
#[derive(Debug)]
pub struct ManualClock {
    now_ms: AtomicI64,
}

impl ManualClock {
    #[must_use]
    pub const fn new(now: UtcMillis) -> Self {
        Self { now_ms: AtomicI64::new(now.0) }
    }
}

impl Clock for ManualClock {
    fn now(&self) -> UtcMillis {
        UtcMillis(self.now_ms.load(Ordering::Acquire))
    }

    fn advance(&self, by_ms: u64) -> Result<UtcMillis, NotMovable> {
        let by = i64::try_from(by_ms).map_err(|_| NotMovable)?;
        let moved = |now: i64| now.checked_add(by);
        self.now_ms
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, moved)
            .map_err(|_| NotMovable)?;
        Ok(self.now())
    }
}

fn system_now() -> UtcMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UtcMillis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Ten years: far enough for any test, near enough that dates keep four digits.
const MAX_STEP_MS: i64 = 10 * 366 * 24 * 3_600 * 1_000;
const MAX_OFFSET_MS: i64 = 2 * MAX_STEP_MS;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn movable_clock_goes_forward_by_what_it_was_moved() {
        let clock = MovableClock::default();
        let before = clock.now();
        let after = clock.advance(600_000).unwrap();
        assert!(after.0 >= before.0 + 600_000 && after.0 < before.0 + 660_000);
        assert_eq!(clock.advance(u64::MAX), Err(NotMovable));
        assert!(clock.now() >= after);
    }

    #[test]
    fn system_clock_cannot_be_moved() {
        assert_eq!(SystemClock.advance(1), Err(NotMovable));
    }

    #[test]
    fn manual_clock_stands_still() {
        let clock = ManualClock::new(UtcMillis(5));
        assert_eq!(clock.now(), UtcMillis(5));
        assert_eq!(clock.advance(7), Ok(UtcMillis(12)));
    }
}
