//! CPU time of another process, as the kernel counts it.

use std::time::Duration;

use anyhow::{Context, Result};
use nix::time::clock_getcpuclockid;
use nix::unistd::Pid;

/// User and system time of all threads so far, to the nanosecond: `/proc` counts in hundredths of a
/// second, too coarse for short measurements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Watched(Duration);

impl Watched {
    pub(super) fn look(pid: u32) -> Result<Self> {
        let process = Pid::from_raw(i32::try_from(pid)?);
        let time = clock_getcpuclockid(process).and_then(|clock| clock.now());
        Ok(Self(time.with_context(|| format!("reading the CPU clock of process {pid}"))?.into()))
    }

    /// What it spent after `before`.
    pub(super) const fn since(self, before: Self) -> Duration {
        self.0.saturating_sub(before.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_time_grows_with_work() {
        let look = || Watched::look(std::process::id()).unwrap();
        let before = look();
        let mut after = look();
        while after.since(before) < Duration::from_micros(100) {
            after = look();
        }
        assert!(after > before);
    }

    #[test]
    fn who_is_not_there_has_no_time() {
        // More than Linux ever gives.
        let error = Watched::look(4_194_999).unwrap_err();
        assert!(error.to_string().contains("4194999"), "{error}");
    }
}
