//! What the kernel counts for a process: CPU time and peak memory.

use std::fs;

use anyhow::{Context, Result};

/// CPU time of a process so far, user and system, in microseconds.
pub(crate) fn cpu_micros(pid: u32) -> Result<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).context("reading /proc")?;
    let ticks = ticks(&stat).context("/proc/PID/stat has another shape")?;
    Ok(ticks * 1_000_000 / rustix::param::clock_ticks_per_second())
}

/// utime + stime: fields 14 and 15; the name in field 2 may hold anything.
fn ticks(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let (user, system): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(user + system)
}

/// Peak resident memory of a process, in KiB.
pub(crate) fn peak_memory_kib(pid: u32) -> Result<u64> {
    status_kib(pid, "VmHWM:")
}

/// Resident memory of a process now.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Memory {
    pub(crate) resident_kib: u64,
    /// Its part that is no page of a file.
    pub(crate) anonymous_kib: u64,
}

/// Resident memory of a process.
pub(crate) fn memory(pid: u32) -> Result<Memory> {
    Ok(Memory {
        resident_kib: status_kib(pid, "VmRSS:")?,
        anonymous_kib: status_kib(pid, "RssAnon:")?,
    })
}

fn status_kib(pid: u32, name: &str) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).context("reading /proc")?;
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.split_whitespace().next());
    let number = number.and_then(|number| number.parse().ok());
    number.with_context(|| format!("/proc/PID/status without {name}"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn ticks_are_found_behind_any_name() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194304 9 0 0 0 30 12 0 0 20 0 1 0 5 6 7";
        assert_eq!(super::ticks(stat), Some(42));
    }

    #[test]
    fn our_own_facts_can_be_read() {
        let pid = std::process::id();
        super::cpu_micros(pid).unwrap();
        assert!(super::peak_memory_kib(pid).unwrap() > 100);
        let memory = super::memory(pid).unwrap();
        assert!(memory.anonymous_kib <= memory.resident_kib);
    }
}
