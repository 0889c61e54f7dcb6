//! One durable row per request, as cheap as SQLite makes it: a thread that writes, takes all that
//! waits and commits it with one sync.

use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};
use rusqlite::Connection;
use tokio::sync::oneshot;

type Waiting = (Vec<u8>, oneshot::Sender<bool>);

/// A table of rows that are never read.
#[derive(Debug)]
pub(super) struct Rows(Arc<Queue>);

#[derive(Debug, Default)]
struct Queue {
    waiting: Mutex<Vec<Waiting>>,
    arrived: Condvar,
}

impl Rows {
    /// A fresh database file.
    pub(super) fn create(path: &Path) -> Result<Self> {
        let conn = open(path).with_context(|| format!("making {}", path.display()))?;
        let queue = Arc::new(Queue::default());
        let work = Arc::clone(&queue);
        std::thread::Builder::new().name("rows".to_owned()).spawn(move || work.run(&conn))?;
        Ok(Self(queue))
    }

    /// Returns when the row is on disk.
    pub(super) async fn write(&self, row: Vec<u8>) -> Result<()> {
        let (done, written) = oneshot::channel();
        self.0.push((row, done));
        anyhow::ensure!(written.await?, "the row was not written");
        Ok(())
    }
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    let conn = Connection::open(path)?;
    conn.pragma_update(None, "page_size", 16 * 1024)?;
    conn.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    conn.pragma_update(None, "synchronous", "full")?;
    conn.execute_batch("CREATE TABLE rows (number INTEGER PRIMARY KEY, row BLOB NOT NULL)")?;
    Ok(conn)
}

impl Queue {
    fn push(&self, row: Waiting) {
        let mut waiting = self.waiting();
        waiting.push(row);
        if waiting.len() == 1 {
            self.arrived.notify_one();
        }
    }

    fn run(&self, conn: &Connection) {
        let mut group = Vec::new();
        loop {
            self.take(&mut group);
            let written = commit(conn, &group).is_ok();
            for (_, done) in group.drain(..) {
                // Whoever went away needs no answer.
                let _ = done.send(written);
            }
        }
    }

    fn take(&self, group: &mut Vec<Waiting>) {
        let mut waiting = self.waiting();
        while waiting.is_empty() {
            waiting = self.arrived.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        std::mem::swap(&mut *waiting, group);
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn commit(conn: &Connection, group: &[Waiting]) -> rusqlite::Result<()> {
    conn.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
    for (row, _) in group {
        conn.prepare_cached("INSERT INTO rows (row) VALUES (?1)")?.execute([row])?;
    }
    conn.prepare_cached("COMMIT")?.execute([])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_written_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("rows.sqlite");
        let rows = Rows::create(&path).unwrap();
        rows.write(vec![1; 100]).await.unwrap();
        rows.write(vec![2; 100]).await.unwrap();
        let conn = Connection::open(&path).unwrap();
        let count: i64 = conn.query_row("SELECT count(*) FROM rows", [], |r| r.get(0)).unwrap();
        assert_eq!(count, 2);
    }
}
