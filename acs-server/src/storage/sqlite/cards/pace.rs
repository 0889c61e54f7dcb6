//! Short transactions with pauses between them, so that the server's writer is never held up.

use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode};

use crate::storage::StoreError;

/// How many rows go into one transaction, measured by how long the last ones held the lock.
#[derive(Debug)]
pub(super) struct Pace {
    rows: usize,
    since_checkpoint: u32,
}

impl Pace {
    pub(super) const fn new() -> Self {
        Self { rows: FIRST_ROWS, since_checkpoint: 0 }
    }

    /// Rows for the next transaction.
    pub(super) const fn rows(&self) -> usize {
        self.rows
    }

    /// Runs `work` in a transaction of its own, then leaves the file to others for at least as long
    /// as it took, and now and then moves the log into the database.
    pub(super) fn transaction<T>(
        &mut self,
        conn: &Connection,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        begin(conn)?;
        let locked = Instant::now();
        let result = work(conn).and_then(|value| {
            conn.prepare_cached("COMMIT")?.execute([])?;
            Ok(value)
        });
        if result.is_err() && !conn.is_autocommit() {
            conn.execute_batch("ROLLBACK")?;
        }
        let held = locked.elapsed();
        self.adapt(held);
        std::thread::sleep(held.clamp(SHORTEST_PAUSE, LONGEST_PAUSE));
        self.checkpoint(conn);
        Ok(result?)
    }

    fn adapt(&mut self, held: Duration) {
        if held > TOO_LONG {
            self.rows = (self.rows / 2).max(FEWEST_ROWS);
        } else if held < SHORT {
            self.rows = (self.rows * 2).min(MOST_ROWS);
        }
    }

    /// Holds up nobody: what others still need stays in the log for the next time.
    fn checkpoint(&mut self, conn: &Connection) {
        self.since_checkpoint += 1;
        if self.since_checkpoint < CHECKPOINT_EVERY {
            return;
        }
        self.since_checkpoint = 0;
        if let Err(error) = conn.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())) {
            tracing::debug!(%error, "checkpoint put off");
        }
    }
}

/// Takes the write lock. A busy server frees it for moments only, so look again soon instead of
/// backing off.
fn begin(conn: &Connection) -> Result<(), StoreError> {
    let until = Instant::now() + LOCK_PATIENCE;
    loop {
        match conn.prepare_cached("BEGIN IMMEDIATE")?.execute([]) {
            Ok(_) => return Ok(()),
            Err(error) if is_lock(&error) && Instant::now() < until => {
                std::thread::sleep(LOCK_RETRY);
            }
            Err(error) => return Err(error.into()),
        }
    }
}

fn is_lock(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

const FIRST_ROWS: usize = 250;
const FEWEST_ROWS: usize = 50;
const MOST_ROWS: usize = 1000;
/// A transaction that held the lock for less lets the next one be larger.
const SHORT: Duration = Duration::from_millis(10);
/// One that held it for longer makes the next one smaller.
const TOO_LONG: Duration = Duration::from_millis(30);
const SHORTEST_PAUSE: Duration = Duration::from_millis(2);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);
const LOCK_PATIENCE: Duration = Duration::from_secs(30);
const LOCK_RETRY: Duration = Duration::from_micros(200);
/// Transactions between two checkpoints.
const CHECKPOINT_EVERY: u32 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_follow_the_time_the_lock_was_held() {
        let mut pace = Pace::new();
        pace.adapt(Duration::from_millis(1));
        assert_eq!(pace.rows(), 500);
        (0..9).for_each(|_| pace.adapt(Duration::from_millis(1)));
        assert_eq!(pace.rows(), MOST_ROWS);
        pace.adapt(Duration::from_millis(20));
        assert_eq!(pace.rows(), MOST_ROWS);
        pace.adapt(Duration::from_millis(31));
        assert_eq!(pace.rows(), MOST_ROWS / 2);
        (0..9).for_each(|_| pace.adapt(Duration::from_secs(1)));
        assert_eq!(pace.rows(), FEWEST_ROWS);
    }

    #[test]
    fn a_failed_transaction_leaves_nothing_and_no_lock() {
        let conn = Connection::open_in_memory().unwrap();
        conn.execute_batch("CREATE TABLE t (x INTEGER PRIMARY KEY)").unwrap();
        let mut pace = Pace::new();
        let failed = pace.transaction(&conn, |conn| {
            conn.execute("INSERT INTO t VALUES (1)", [])?;
            conn.execute("INSERT INTO t VALUES (1)", [])
        });
        assert!(matches!(failed, Err(StoreError::Refused(_))));
        let left: i64 = conn.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).unwrap();
        assert_eq!(left, 0);
        pace.transaction(&conn, |conn| conn.execute("INSERT INTO t VALUES (1)", [])).unwrap();
    }
}
