//! Reads a trace of system calls: was everything that a reply rests on synced before it left?

use std::collections::{HashMap, HashSet};

/// What matters in a trace, in order of completion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Bytes were written to the database or its log.
    Written,
    /// The database or its log was synced.
    Synced,
    /// Bytes left through a socket of the watched port.
    Sent,
}

/// The system calls to trace, for `strace -f -yy -e trace=…`.
pub const CALLS: &str =
    "write,writev,pwrite64,pwritev,pwritev2,sendto,sendmsg,fsync,fdatasync,msync,sync_file_range";

/// Reads `strace -f -yy` output: steps on `database` (and its `-wal`) and on sockets of the local
/// TCP `port`.
#[must_use]
pub fn steps(trace: &str, database: &str, port: u16) -> Vec<Step> {
    let mut pending: HashMap<&str, Step> = HashMap::new();
    let mut steps = Vec::new();
    for line in trace.lines() {
        let Some((pid, call)) = line.trim_start().split_once(' ') else { continue };
        let call = call.trim_start();
        if call.starts_with("<... ") {
            steps.extend(pending.remove(pid));
            continue;
        }
        let Some(step) = step_of(call, database, port) else { continue };
        // A write is seen when it begins and a sync when it ended: the strict reading.
        if call.ends_with("<unfinished ...>") && step == Step::Synced {
            pending.insert(pid, step);
        } else {
            steps.push(step);
        }
    }
    steps
}

/// How many connections to the local TCP `port` there were.
#[must_use]
pub fn peers(trace: &str, port: u16) -> usize {
    let mark = format!("TCP:[127.0.0.1:{port}->");
    let peer = |part: &str| part.split(']').next().map(str::to_owned);
    trace.split(&mark).skip(1).filter_map(peer).collect::<HashSet<_>>().len()
}

fn step_of(call: &str, database: &str, port: u16) -> Option<Step> {
    let (name, rest) = call.split_once('(')?;
    let target = rest.split_once('<').and_then(|(_, target)| target.split_once('>'));
    match name {
        "fsync" | "fdatasync" if target?.0.starts_with(database) => Some(Step::Synced),
        "pwrite64" | "pwritev" | "pwritev2" | "write" | "writev"
            if target?.0.starts_with(database) =>
        {
            Some(Step::Written)
        }
        "write" | "writev" | "sendto" | "sendmsg"
            if rest.split_once('<')?.1.starts_with(&format!("TCP:[127.0.0.1:{port}-")) =>
        {
            Some(Step::Sent)
        }
        _ => None,
    }
}

/// Whether, after the first `skip` bytes sent, each send came after a write that was synced: no
/// write is unsynced when bytes leave, and between two sends there was a sync.
///
/// # Errors
/// The first send of which that is not true.
pub fn check(steps: &[Step], skip: usize) -> Result<usize, String> {
    let (mut sends, mut unsynced, mut synced_writes) = (0, 0, 0);
    for step in steps {
        match step {
            Step::Written => unsynced += 1,
            Step::Synced => {
                synced_writes += unsynced;
                unsynced = 0;
            }
            Step::Sent => {
                sends += 1;
                if sends > skip && unsynced > 0 {
                    return Err(format!("send {sends} left while {unsynced} writes were unsynced"));
                }
                if sends > skip && synced_writes == 0 {
                    return Err(format!("send {sends} left without any synced write before it"));
                }
                synced_writes = 0;
            }
        }
    }
    Ok(sends)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_is_read_and_judged() {
        let trace = r#"
77 pwrite64(9</t/acs.sqlite-wal>, "..."..., 24, 0) = 24
78 fdatasync(9</t/acs.sqlite-wal> <unfinished ...>
77 sendto(12<TCP:[127.0.0.1:12000->127.0.0.1:50000]>, "x", 1, 0, NULL, 0) = 1
78 <... fdatasync resumed>) = 0
77 write(2</t/acs.log>, "line", 4) = 4
77 writev(12<TCP:[127.0.0.1:12000->127.0.0.1:50000]>, [], 1) = 1
"#;
        let steps = steps(trace, "/t/acs.sqlite", 12000);
        assert_eq!(steps, [Step::Written, Step::Sent, Step::Synced, Step::Sent]);
        assert_eq!((peers(trace, 12000), peers(trace, 13000)), (1, 0));
        assert!(check(&steps, 0).is_err());
        assert_eq!(check(&[Step::Written, Step::Synced, Step::Sent], 0), Ok(1));
        assert_eq!(check(&[Step::Sent, Step::Written, Step::Synced, Step::Sent], 1), Ok(2));
        assert!(check(&[Step::Sent, Step::Sent], 1).is_err());
    }
}
