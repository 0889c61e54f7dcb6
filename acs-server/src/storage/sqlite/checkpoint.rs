//! Moves the write-ahead log into the database beside the writer, and bounds the log: only when it
//! has grown past its limit is the writer held, for the little that is left.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::Connection;

use super::Shared;

/// What the writer tells and what makes the thread go.
#[derive(Debug, Default)]
pub(super) struct Signal {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// About what the log has grown by since the last checkpoint.
    written_bytes: u64,
    closing: bool,
}

impl Signal {
    pub(super) fn note_written(&self, bytes: u64) {
        let mut state = self.state();
        let before = state.written_bytes;
        state.written_bytes += bytes;
        if before < CHECKPOINT_AFTER && state.written_bytes >= CHECKPOINT_AFTER {
            self.changed.notify_one();
        }
    }

    pub(super) fn close(&self) {
        self.state().closing = true;
        self.changed.notify_one();
    }

    /// Waits for enough to do, or for a while, and says what was written; `None` when closing.
    fn wait(&self) -> Option<u64> {
        let mut state = self.state();
        let mut waited = false;
        while !state.closing && !waited && state.written_bytes < CHECKPOINT_AFTER {
            let (next, timeout) =
                self.changed.wait_timeout(state, IDLE).unwrap_or_else(PoisonError::into_inner);
            (state, waited) = (next, timeout.timed_out());
        }
        (!state.closing).then(|| std::mem::take(&mut state.written_bytes))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs until closed; the log is emptied at the end if nobody else reads it.
pub(super) fn run(shared: &Arc<Shared>, conn: &Connection) {
    while let Some(written) = shared.checkpoint.wait() {
        shared.at_hand.release();
        if written == 0 {
            continue;
        }
        match checkpoint(conn, "PASSIVE") {
            Ok(frames) if frames * shared.page_bytes > shared.options.wal_limit => {
                let restart = || shared.at_hand.released(|| restart(conn));
                shared.queue.hold_writer(HOLD_PATIENCE, restart);
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "checkpoint failed"),
        }
    }
    shared.at_hand.released(|| {
        if let Err(error) = checkpoint(conn, "TRUNCATE") {
            tracing::debug!(%error, "the log was not emptied at the end");
        }
    });
}

fn restart(conn: &Connection) {
    if let Err(error) = checkpoint(conn, "RESTART") {
        tracing::warn!(%error, "the log was not restarted");
    }
}

/// Frames in the log, copied or not.
fn checkpoint(conn: &Connection, mode: &str) -> rusqlite::Result<u64> {
    let frames: i64 =
        conn.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| row.get(1))?;
    Ok(u64::try_from(frames).unwrap_or(0))
}

const CHECKPOINT_AFTER: u64 = 16 * 1024 * 1024;
const IDLE: Duration = Duration::from_secs(2);
const HOLD_PATIENCE: Duration = Duration::from_millis(500);
