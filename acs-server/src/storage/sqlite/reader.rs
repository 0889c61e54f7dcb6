//! Reading threads beside the writer. Each takes all waiting queries and answers them from one
//! snapshot, so that under load the hand-over and SQLite's locking are shared among many.

use std::fmt;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::error::OpenError;
use super::schema;
use crate::storage::StoreError;

/// A query sends its answer by itself.
pub(super) type Query = Box<dyn FnOnce(&Connection) + Send>;

/// The bounded list between callers and readers.
pub(super) struct Queries {
    state: Mutex<State>,
    arrived: Condvar,
    bound: usize,
}

struct State {
    waiting: Vec<Query>,
    open: bool,
}

impl Queries {
    pub(super) const fn new(bound: usize) -> Self {
        let state = State { waiting: Vec::new(), open: true };
        Self { state: Mutex::new(state), arrived: Condvar::new(), bound }
    }

    pub(super) fn push(&self, query: Query) -> Result<(), StoreError> {
        let mut state = self.state();
        if !state.open {
            return Err(StoreError::Closed);
        }
        if state.waiting.len() >= self.bound {
            return Err(StoreError::Busy("too many queries are waiting".to_owned()));
        }
        state.waiting.push(query);
        if state.waiting.len() == 1 {
            self.arrived.notify_one();
        }
        Ok(())
    }

    pub(super) fn close(&self) {
        let mut state = self.state();
        state.open = false;
        state.waiting.clear();
        self.arrived.notify_all();
    }

    /// Answers queries until closed.
    pub(super) fn run(&self, conn: &Connection) {
        let mut batch = Vec::new();
        while self.take(&mut batch) {
            // A snapshot that does not come about is no harm: each query then takes its own.
            let begun = batch.len() > 1 && execute(conn, "BEGIN").is_ok();
            for query in batch.drain(..) {
                // A defect costs its own query: its caller hears nothing and gives up, and the
                // thread goes on for all others.
                let _ = catch_unwind(AssertUnwindSafe(|| query(conn)));
            }
            if begun && let Err(error) = execute(conn, "COMMIT") {
                tracing::warn!(%error, "a reading snapshot did not end");
            }
        }
    }

    fn take(&self, batch: &mut Vec<Query>) -> bool {
        let mut state = self.state();
        while state.open && state.waiting.is_empty() {
            state = self.arrived.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.waiting.len() > BATCH {
            batch.extend(state.waiting.drain(..BATCH));
            self.arrived.notify_one();
        } else {
            std::mem::swap(batch, &mut state.waiting);
        }
        state.open
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Connections that callers use themselves, one less than processors: an indexed look-up takes a few
/// microseconds, less than waking another thread. None of them ever waits for a lock.
///
/// A snapshot is kept for as long as nothing was committed here since it was taken: to take one costs
/// more than the look-up itself, and empties the page cache. What other processes commit is seen
/// [`KEPT`] later at most.
pub(super) struct AtHand {
    connections: Vec<Mutex<Snapshot>>,
    /// Groups that this process has committed.
    commits: AtomicU64,
    /// No snapshot may be kept: somebody waits for all to end.
    released: AtomicBool,
}

struct Snapshot {
    conn: Connection,
    /// Commits it has seen at least, and when it began; `None` while there is none.
    taken: Option<(u64, Instant)>,
}

impl AtHand {
    pub(super) fn open(path: &Path) -> Result<Self, OpenError> {
        let count = std::thread::available_parallelism().map_or(1, NonZero::get);
        // A page that must come from the disk holds up its caller: never all of the runtime.
        let count = (count - 1).max(1);
        let connection = || {
            let conn = schema::open_reader(path)?;
            conn.busy_timeout(Duration::ZERO)?;
            Ok(Mutex::new(Snapshot { conn, taken: None }))
        };
        let connections = (0..count).map(|_| connection()).collect::<Result<_, OpenError>>()?;
        Ok(Self { connections, commits: AtomicU64::new(0), released: AtomicBool::new(false) })
    }

    /// Runs a look-up here and now; `None` when every connection is in use or the file is locked:
    /// then it is one for the reading threads.
    pub(super) fn look_up<T>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Option<Result<T, StoreError>> {
        let mut snapshot = self.free()?;
        let found = match snapshot.take(self.commits.load(Ordering::Acquire)) {
            Ok(()) => query(&snapshot.conn),
            Err(error) => Err(error.into()),
        };
        if found.is_err() || self.released.load(Ordering::Acquire) {
            snapshot.end();
        }
        match found {
            Err(StoreError::Busy(_)) => None,
            found => Some(found),
        }
    }

    /// Follows a commit of this process, before anybody is told of it.
    pub(super) fn note_commit(&self) {
        self.commits.fetch_add(1, Ordering::Release);
    }

    /// Ends the snapshots that are kept: they hold the log back.
    pub(super) fn release(&self) {
        for snapshot in &self.connections {
            lock(snapshot).end();
        }
    }

    /// Runs `work` while no snapshot outlives its look-up.
    pub(super) fn released(&self, work: impl FnOnce()) {
        self.released.store(true, Ordering::Release);
        self.release();
        work();
        self.released.store(false, Ordering::Release);
    }

    /// A connection that nobody uses, now or in a moment.
    fn free(&self) -> Option<MutexGuard<'_, Snapshot>> {
        for _ in 0..LOOKS {
            for snapshot in &self.connections {
                match snapshot.try_lock() {
                    Ok(free) => return Some(free),
                    Err(TryLockError::Poisoned(free)) => return Some(free.into_inner()),
                    Err(TryLockError::WouldBlock) => {}
                }
            }
            std::hint::spin_loop();
        }
        None
    }
}

impl Snapshot {
    /// Goes on with the snapshot there is, or begins one that has seen so many commits.
    fn take(&mut self, commits: u64) -> rusqlite::Result<()> {
        let now = Instant::now();
        let is_current =
            |(seen, since): (u64, Instant)| seen == commits && now.duration_since(since) < KEPT;
        if self.taken.is_some_and(is_current) {
            return Ok(());
        }
        self.end();
        if !self.conn.is_autocommit() {
            // One that could not be ended.
            self.conn.execute_batch("ROLLBACK")?;
        }
        // What it shows is settled by the first look-up in it, which comes after the count was read.
        execute(&self.conn, "BEGIN")?;
        self.taken = Some((commits, now));
        Ok(())
    }

    fn end(&mut self) {
        if self.taken.take().is_some()
            && !self.conn.is_autocommit()
            && let Err(error) = execute(&self.conn, "COMMIT")
        {
            tracing::warn!(%error, "a reading snapshot did not end");
        }
    }
}

fn lock(snapshot: &Mutex<Snapshot>) -> MutexGuard<'_, Snapshot> {
    snapshot.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for AtHand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AtHand(..)")
    }
}

fn execute(conn: &Connection, sql: &str) -> rusqlite::Result<usize> {
    conn.prepare_cached(sql)?.execute([])
}

impl fmt::Debug for Queries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Queries(..)")
    }
}

/// Queries answered from one snapshot, so that none waits long for its batch.
const BATCH: usize = 64;
/// How late what other processes commit may be seen. A command that does so takes longer to end.
const KEPT: Duration = Duration::from_millis(5);
/// Looks for a free connection, some microseconds together: as long as a look-up takes.
const LOOKS: usize = 300;

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::mpsc;

    use super::*;

    struct Database {
        _folder: tempfile::TempDir,
        writer: Connection,
        at_hand: AtHand,
    }

    impl Database {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("acs.db");
            let writer = schema::open_writer(&path).unwrap();
            writer.execute_batch("CREATE TABLE rows (x)").unwrap();
            writer.busy_timeout(Duration::ZERO).unwrap();
            Self { _folder: folder, writer, at_hand: AtHand::open(&path).unwrap() }
        }

        fn write(&self) {
            self.writer.execute("INSERT INTO rows VALUES (1)", []).unwrap();
        }

        fn rows(&self) -> i64 {
            let count = |conn: &Connection| {
                Ok(conn.query_row("SELECT count(*) FROM rows", [], |row| row.get(0))?)
            };
            self.at_hand.look_up(count).unwrap().unwrap()
        }

        /// Whether the log could be emptied.
        fn empties_log(&self) -> bool {
            let sql = "PRAGMA wal_checkpoint(TRUNCATE)";
            self.writer.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap() == 0
        }
    }

    #[test]
    fn a_commit_that_was_told_of_is_seen_at_once() {
        let database = Database::new();
        for expected in 1..50 {
            database.write();
            database.at_hand.note_commit();
            assert_eq!(database.rows(), expected);
        }
    }

    #[test]
    fn commits_of_other_processes_are_seen_a_little_later() {
        let database = Database::new();
        assert_eq!(database.rows(), 0);
        database.write();
        std::thread::sleep(2 * KEPT);
        assert_eq!(database.rows(), 1);
    }

    #[test]
    fn a_snapshot_that_is_kept_holds_no_log_back() {
        let database = Database::new();
        database.write();
        database.rows();
        database.write();
        assert!(!database.empties_log(), "no snapshot was kept");
        database.at_hand.released(|| {
            assert!(database.empties_log());
            assert_eq!(database.rows(), 2);
            database.write();
            assert!(database.empties_log());
        });
        assert_eq!(database.rows(), 3);
        database.at_hand.release();
        database.write();
        assert!(database.empties_log());
    }

    #[test]
    fn a_look_up_that_panics_leaves_its_connection_usable() {
        let database = Database::new();
        let panics =
            || database.at_hand.look_up(|_| -> Result<(), StoreError> { panic!("defect") });
        assert!(catch_unwind(AssertUnwindSafe(panics)).is_err());
        database.write();
        database.at_hand.note_commit();
        assert_eq!(database.rows(), 1);
    }

    #[test]
    fn a_query_that_panics_takes_no_other_with_it() {
        let queries = Arc::new(Queries::new(8));
        let running = Arc::clone(&queries);
        let thread = std::thread::spawn(move || {
            running.run(&Connection::open_in_memory().unwrap());
        });
        let (done, answered) = mpsc::channel();
        queries.push(Box::new(|_| panic!("a defect"))).unwrap();
        queries.push(Box::new(move |_| done.send(()).unwrap())).unwrap();
        answered.recv_timeout(Duration::from_secs(10)).unwrap();
        queries.close();
        thread.join().unwrap();
    }
}
