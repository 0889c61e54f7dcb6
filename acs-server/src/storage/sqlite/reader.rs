//! Reading threads beside the writer. Each takes all waiting queries and answers them from one
//! snapshot, so that under load the hand-over and SQLite's locking are shared among many.

use std::fmt;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

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

/// Connections that callers use themselves, one less than processors: an indexed look-up takes a few microseconds, less than waking another thread. None of them ever waits for a
/// lock.
pub(super) struct AtHand(Vec<Mutex<Connection>>);

impl AtHand {
    pub(super) fn open(path: &Path) -> Result<Self, OpenError> {
        let count = std::thread::available_parallelism().map_or(1, NonZero::get);
        // A page that must come from the disk holds up its caller: never all of the runtime.
        let count = (count - 1).max(1);
        let connection = || {
            let conn = schema::open_reader(path)?;
            conn.busy_timeout(Duration::ZERO)?;
            Ok(Mutex::new(conn))
        };
        Ok(Self((0..count).map(|_| connection()).collect::<Result<_, OpenError>>()?))
    }

    /// Runs a look-up here and now; `None` when every connection is in use or the file is locked:
    /// then it is one for the reading threads.
    pub(super) fn look_up<T>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Option<Result<T, StoreError>> {
        let conn = self.0.iter().find_map(|conn| conn.try_lock().ok())?;
        match query(&conn) {
            Err(StoreError::Busy(_)) => None,
            found => Some(found),
        }
    }
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::mpsc;

    use super::*;

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
