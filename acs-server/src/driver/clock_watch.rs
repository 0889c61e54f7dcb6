//! Sees when the system's clock is set while the service runs. Deadlines and lives of codes follow that
//! clock: set forward it ends challenges early, set back it keeps them open longer.

use std::time::Instant;

use acs_core::UtcMillis;

/// The last look at the clock.
#[derive(Debug)]
pub(super) struct ClockWatch {
    time: UtcMillis,
    at: Instant,
}

impl ClockWatch {
    pub(super) const fn new(time: UtcMillis, at: Instant) -> Self {
        Self { time, at }
    }

    /// By how many milliseconds the clock was set since the last look; `None` when it only ran.
    pub(super) fn look(&mut self, time: UtcMillis, at: Instant) -> Option<i64> {
        let ran = at.saturating_duration_since(self.at).as_millis();
        let ran = i64::try_from(ran).unwrap_or(i64::MAX);
        let jump = time.0.saturating_sub(self.time.0).saturating_sub(ran);
        *self = Self { time, at };
        (jump.abs() > TOLERATED_MS).then_some(jump)
    }
}

/// A clock that is disciplined runs a little faster or slower; a second at once is a jump.
const TOLERATED_MS: i64 = 1_000;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_jump_is_seen_once_and_in_both_directions() {
        let start = Instant::now();
        let mut watch = ClockWatch::new(UtcMillis(0), start);
        let after = |ms| start + Duration::from_millis(ms);
        assert_eq!(watch.look(UtcMillis(250), after(250)), None);
        assert_eq!(watch.look(UtcMillis(1_400), after(500)), None, "less than a second off");
        assert_eq!(watch.look(UtcMillis(-3_598_350), after(750)), Some(-3_600_000));
        assert_eq!(watch.look(UtcMillis(-3_598_100), after(1_000)), None);
        assert_eq!(watch.look(UtcMillis(2_150), after(1_250)), Some(3_600_000));
    }
}
