//! CPU time of another process, as the kernel counts it.

use std::time::Duration;

use anyhow::{Context, Result};

/// User and system time so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Watched(Duration);

impl Watched {
    pub(super) fn look(pid: u32) -> Result<Self> {
        let path = format!("/proc/{pid}/stat");
        let stat = std::fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
        let ticks = ticks(&stat).with_context(|| format!("{path} has another shape"))?;
        Ok(Self(Duration::from_millis(ticks * TICK_MILLIS)))
    }

    /// What it spent after `before`.
    pub(super) const fn since(self, before: Self) -> Duration {
        self.0.saturating_sub(before.0)
    }
}

/// utime + stime: fields 14 and 15; the name in field 2 may hold anything.
fn ticks(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let mut field = || fields.next()?.parse::<u64>().ok();
    Some(field()? + field()?)
}

/// Programs see a hundred ticks per second, whatever the kernel itself counts in.
const TICK_MILLIS: u64 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_time_only_grows() {
        let before = Watched::look(std::process::id()).unwrap();
        let after = Watched::look(std::process::id()).unwrap();
        assert!(after >= before);
        let stat = "7 (a) b) S 1 7 7 0 -1 4194304 9 0 0 0 30 12 0 0 20 0 1 0 5 6 7";
        assert_eq!(ticks(stat), Some(42));
    }
}
