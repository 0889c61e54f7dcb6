//! The embedded store: SQLite with a write-ahead log, one writer thread with grouped, synced
//! commits, reading threads beside it, checkpoints on a thread of their own.

pub mod cards;
mod checkpoint;
pub mod consents;
mod error;
mod hot;
pub mod notices;
mod outgoing;
mod queue;
mod reader;
mod reply_keys;
mod reply_texts;
mod rows;
mod schema;
mod window;
mod writer;

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use acs_core::UtcMillis;
use acs_core::element::{Pan, TransId};
use acs_core::flow::consent::Consent;
use acs_core::profile::Card;
use futures_util::future::BoxFuture;
use rusqlite::{Connection, params};
use tokio::sync::oneshot;

use super::{
    Committed, Due, EventRow, NoticeRow, OutgoingPlace, OutgoingRow, ReplayKey, SealedMessage,
    Store, StoreError, TransactionNumber, TransactionRow, Unit,
};
use crate::vault::{KEY_NAME_BYTES, Vault, unhex};
use hot::Hot;
use queue::{Job, Queue, Told};
use reply_keys::ReplyKeys;
use reply_texts::ReplyTexts;
use rows::SealedUnit;
use window::Window;

pub use error::OpenError;
pub use schema::{SCHEMA_VERSION, schema_version};

/// Bounds and times of a [`SqliteStore`].
#[derive(Debug, Clone)]
pub struct SqliteOptions {
    /// Commits, and queries, that may wait; more are [`StoreError::Busy`] at once.
    pub queue: usize,
    /// Units in one commit at most.
    pub group: usize,
    /// Pause between groups under load, so that fewer and larger groups share the syncs.
    pub gathering: Duration,
    /// How long a commit waits for another process's write lock.
    pub lock_patience: Duration,
    /// Reading threads.
    pub readers: usize,
    /// Entries of the replay window.
    pub replay_entries: usize,
    /// Life of a replay entry.
    pub replay_life: Duration,
    /// How long a stored reply can be read.
    pub reply_window: Duration,
    /// Bytes of rows kept in memory, those of app challenges that moved last.
    pub hot_bytes: usize,
    /// The write-ahead log may grow to about this before the writer is held for it.
    pub wal_limit: u64,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self {
            queue: 8192,
            group: 256,
            gathering: Duration::from_millis(1),
            lock_patience: Duration::from_millis(1500),
            readers: 2,
            replay_entries: 1_000_000,
            replay_life: Duration::from_secs(24 * 60 * 60),
            reply_window: Duration::from_secs(60),
            hot_bytes: 32 * 1024 * 1024,
            wal_limit: 64 * 1024 * 1024,
        }
    }
}

/// A store in one SQLite file. Its companion `<file>.lock` is held while it is open, so that one
/// process at a time hands out transaction numbers; `acs card import` does not need it.
#[derive(Debug)]
pub struct SqliteStore {
    shared: Arc<Shared>,
    next_number: AtomicU64,
    threads: Mutex<Threads>,
}

/// What callers and the store's threads have in common.
#[derive(Debug)]
struct Shared {
    vault: Arc<Vault>,
    options: SqliteOptions,
    queue: Queue,
    queries: reader::Queries,
    /// For look-ups that cost less than handing them to a reading thread.
    at_hand: reader::AtHand,
    checkpoint: checkpoint::Signal,
    /// Rows that will soon be asked for again.
    hot: Hot,
    reply_keys: ReplyKeys,
    reply_texts: ReplyTexts,
    window: Window,
    /// threeDSServerTransIDs, each with the digest of its dsTransID, where that is asked for.
    server_ids: Window,
    page_bytes: u64,
    /// The latest time any caller has named: the store has no clock of its own.
    latest: AtomicI64,
    /// Open outgoing rows that the last look could not read.
    unreadable: AtomicUsize,
}

#[derive(Debug, Default)]
struct Threads {
    writer: Option<JoinHandle<()>>,
    others: Vec<JoinHandle<()>>,
    lock: Option<File>,
}

impl SqliteStore {
    /// Opens or creates the database, migrates it, and starts the threads. Open outgoing messages
    /// count as possibly sent from here on.
    ///
    /// # Errors
    /// [`OpenError`], among them another process serving the same file and a schema from a newer
    /// program.
    pub fn open(path: &Path, vault: Arc<Vault>, options: SqliteOptions) -> Result<Self, OpenError> {
        let lock = lock(path)?;
        let mut conn = schema::open_writer(path)?;
        schema::migrate(&mut conn)?;
        conn.execute("UPDATE outgoing SET maybe_sent = 1 WHERE closed IS NULL", [])?;
        conn.busy_timeout(Duration::ZERO)?;
        let keys = load_reply_keys(&conn)?;
        let texts = load_reply_texts(&conn)?;
        let stored = writer::Stored::new(
            keys.iter().map(|(id, _, _)| *id).collect(),
            texts.iter().map(|(id, _)| *id).collect(),
        );
        let newest: Option<i64> =
            conn.query_row("SELECT max(number) FROM transactions", [], |row| row.get(0))?;
        let shared = Arc::new(Shared {
            queue: Queue::new(options.queue),
            queries: reader::Queries::new(options.queue),
            at_hand: reader::AtHand::open(path)?,
            checkpoint: checkpoint::Signal::default(),
            hot: Hot::new(options.hot_bytes),
            reply_keys: ReplyKeys::new(&vault, keys, millis(options.reply_window)),
            reply_texts: ReplyTexts::new(texts),
            window: Window::new(options.replay_entries, millis(options.replay_life)),
            server_ids: Window::new(options.replay_entries, millis(options.replay_life)),
            page_bytes: conn
                .pragma_query_value(None, "page_size", |row| row.get::<_, u32>(0))?
                .into(),
            latest: AtomicI64::new(0),
            unreadable: AtomicUsize::new(0),
            vault,
            options,
        });
        load_window(&conn, &shared, newest.unwrap_or(0))?;
        for (key, rows) in missing_keys(&conn, &shared.vault)? {
            tracing::error!(
                key,
                rows,
                alert = true,
                "open rows are sealed under a key that the key file does not hold"
            );
        }
        let store = Self {
            next_number: AtomicU64::new(newest.map_or(1, |n| n.unsigned_abs() + 1)),
            threads: Mutex::new(Threads { lock: Some(lock), ..Threads::default() }),
            shared,
        };
        store.start(path, conn, stored)?;
        Ok(store)
    }

    /// Journal mode, `synchronous` and page size of the connection that writes, for checks of the
    /// durability promise: `wal`, 2 (full), 4096.
    ///
    /// # Errors
    /// [`StoreError`] when the writer has stopped.
    pub async fn pragmas(&self) -> Result<(String, i64, i64), StoreError> {
        self.on_writer(|conn| {
            Ok((
                conn.pragma_query_value(None, "journal_mode", |row| row.get(0))?,
                conn.pragma_query_value(None, "synchronous", |row| row.get(0))?,
                conn.pragma_query_value(None, "page_size", |row| row.get(0))?,
            ))
        })
        .await
    }

    /// Lets the database grow by `pages` from now on, to see what a full disk does; `None` takes
    /// the limit away.
    ///
    /// # Errors
    /// [`StoreError`] when the writer has stopped.
    #[doc(hidden)]
    pub async fn limit_growth(&self, pages: Option<u32>) -> Result<(), StoreError> {
        self.on_writer(move |conn| {
            let now: u32 = conn.pragma_query_value(None, "page_count", |row| row.get(0))?;
            let limit = pages.map_or(u32::MAX - 1, |more| now + more);
            conn.pragma_update_and_check(None, "max_page_count", limit, |_| Ok(()))
        })
        .await
    }

    fn start(
        &self,
        path: &Path,
        conn: Connection,
        stored: writer::Stored,
    ) -> Result<(), OpenError> {
        let mut threads = self.threads();
        let shared = Arc::clone(&self.shared);
        threads.writer = Some(spawn("store-writer", move || {
            writer::run(shared, conn, stored);
        })?);
        for _ in 0..self.shared.options.readers.max(1) {
            let shared = Arc::clone(&self.shared);
            let conn = schema::open_reader(path)?;
            threads.others.push(spawn("store-reader", move || shared.queries.run(&conn))?);
        }
        let shared = Arc::clone(&self.shared);
        let conn = schema::open_writer(path)?;
        threads.others.push(spawn("store-checkpoint", move || checkpoint::run(&shared, &conn))?);
        Ok(())
    }

    /// Runs a query on a reading thread.
    async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Shared, &Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (done, answer) = oneshot::channel();
        let shared = Arc::clone(&self.shared);
        self.shared.queries.push(Box::new(move |conn| {
            // A caller that went away needs no answer.
            let _ = done.send(query(&shared, conn));
        }))?;
        answer.await.unwrap_or(Err(StoreError::Closed))
    }

    async fn on_writer<T: Send + 'static>(
        &self,
        call: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (done, answer) = oneshot::channel();
        let shared = Arc::clone(&self.shared);
        self.shared.queue.push(Job::Call(Box::new(move |conn| {
            let result = call(conn).map_err(StoreError::from);
            shared.at_hand.note_commit();
            let _ = done.send(result);
        })))?;
        answer.await.unwrap_or(Err(StoreError::Closed))
    }

    /// Seals a unit and leaves it to the writer.
    fn ask(&self, unit: Unit) -> Result<Told, StoreError> {
        if let Some(created) = insert_time(&unit) {
            self.shared.note_time(created);
        }
        let unit = Box::new(SealedUnit::new(&self.shared, unit)?);
        let (done, told) = oneshot::channel();
        self.shared.queue.push(Job::Unit { unit, done })?;
        Ok(told)
    }

    /// Ends the threads in the order of their work; blocks for the last commits.
    fn stop(&self) {
        let mut threads = self.threads();
        self.shared.queue.drain();
        if let Some(writer) = threads.writer.take() {
            join(writer);
        }
        self.shared.queries.close();
        self.shared.checkpoint.close();
        threads.others.drain(..).for_each(join);
        threads.lock = None;
    }

    fn threads(&self) -> std::sync::MutexGuard<'_, Threads> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for SqliteStore {
    fn next_number(&self) -> TransactionNumber {
        TransactionNumber(self.next_number.fetch_add(1, Ordering::Relaxed))
    }

    fn commit(&self, unit: Unit) -> BoxFuture<'_, Result<Committed, StoreError>> {
        // Here and not in the future, which would carry the unit about.
        let told = self.ask(unit);
        Box::pin(async { told?.await.map_or(Err(StoreError::Closed), |(outcome, _)| outcome) })
    }

    fn transaction(
        &self,
        number: TransactionNumber,
    ) -> BoxFuture<'_, Result<Option<TransactionRow>, StoreError>> {
        Box::pin(self.read(move |shared, conn| {
            let mut statement = conn.prepare_cached(rows::TRANSACTION)?;
            let mut found = statement.query([rows::column(number)?])?;
            found.next()?.map(|row| rows::read_transaction(shared, number, row)).transpose()
        }))
    }

    fn state(
        &self,
        number: TransactionNumber,
    ) -> BoxFuture<'_, Result<Option<TransactionRow>, StoreError>> {
        Box::pin(async move {
            let shared = &self.shared;
            if let Some(row) = shared.hot.find(&shared.vault, number) {
                return Ok(Some(row));
            }
            if let Some(found) = shared.at_hand.look_up(|conn| state(shared, conn, number)) {
                return found;
            }
            self.read(move |shared, conn| state(shared, conn, number)).await
        })
    }

    fn card<'a>(
        &'a self,
        issuer_id: &'a str,
        token: &'a str,
    ) -> BoxFuture<'a, Result<Option<Card>, StoreError>> {
        Box::pin(async move {
            let shared = &self.shared;
            let Some(token) = unhex(token) else { return Ok(None) };
            if let Some(found) =
                shared.at_hand.look_up(|conn| card(shared, conn, issuer_id, &token))
            {
                return found;
            }
            let issuer_id = issuer_id.to_owned();
            self.read(move |shared, conn| card(shared, conn, &issuer_id, &token)).await
        })
    }

    fn consents<'a>(
        &'a self,
        issuer_id: &'a str,
        card: &'a str,
    ) -> BoxFuture<'a, Result<Vec<Consent>, StoreError>> {
        Box::pin(async move {
            let read = |conn: &Connection| consents::read(conn, issuer_id, card);
            if let Some(found) = self.shared.at_hand.look_up(read) {
                return found;
            }
            let (issuer_id, card) = (issuer_id.to_owned(), card.to_owned());
            self.read(move |_, conn| consents::read(conn, &issuer_id, &card)).await
        })
    }

    fn card_token(&self, pan: &Pan) -> String {
        self.shared.vault.card_token(pan)
    }

    fn due(
        &self,
        now: UtcMillis,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<TransactionNumber>, StoreError>> {
        // Whoever asks reads the clock. It may have been set back: a time that is still to come would
        // end every reply key as soon as it is made.
        self.shared.latest.store(now.0, Ordering::Relaxed);
        Box::pin(self.read(move |_, conn| {
            let mut statement = conn.prepare_cached(
                "SELECT number FROM transactions WHERE deadline <= ?1
                 ORDER BY deadline, number LIMIT ?2",
            )?;
            let mut found = statement.query(params![now.0, sql_limit(limit)])?;
            let mut numbers = Vec::new();
            while let Some(row) = found.next()? {
                numbers.push(rows::read_number(row.get(0)?)?);
            }
            Ok(numbers)
        }))
    }

    fn outgoing_due(
        &self,
        now: UtcMillis,
        after: Option<OutgoingPlace>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Due, StoreError>> {
        Box::pin(self.read(move |shared, conn| outgoing::due(shared, conn, now, after, limit)))
    }

    fn open_message(&self, message: &SealedMessage) -> Result<OutgoingRow, StoreError> {
        rows::open_outgoing(&self.shared.vault, message)
    }

    fn outgoing_anew(&self, now: UtcMillis) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.on_writer(move |conn| {
            let later =
                "UPDATE outgoing SET next_attempt = ?1 WHERE closed IS NULL AND next_attempt > ?1";
            conn.execute(later, [now.0]).map(drop)
        }))
    }

    fn replay(&self, key: &ReplayKey) -> Option<(TransactionNumber, [u8; 16])> {
        self.shared.window.find(&key.ds_trans)
    }

    fn server_id_is_taken(&self, key: &ReplayKey) -> bool {
        self.shared.server_id_is_taken(key)
    }

    fn events(
        &self,
        number: TransactionNumber,
    ) -> BoxFuture<'_, Result<Vec<EventRow>, StoreError>> {
        Box::pin(self.read(move |_, conn| {
            let column = rows::column(number)?;
            let mut own = conn.prepare_cached(rows::OWN_EVENTS)?;
            let mut found = own.query([column])?;
            let mut events = Vec::new();
            if let Some(row) = found.next()? {
                let issuer_id: String = row.get(0)?;
                for lines in [row.get::<_, Option<Vec<u8>>>(1)?, row.get(2)?].into_iter().flatten()
                {
                    events.extend(rows::read_events(number, &issuer_id, &lines)?);
                }
            }
            let mut statement = conn.prepare_cached(
                "SELECT issuer_id, at, kind, detail FROM events WHERE transaction_number = ?1
                 ORDER BY id",
            )?;
            let mut found = statement.query([column])?;
            while let Some(row) = found.next()? {
                events.push(EventRow {
                    issuer_id: row.get(0)?,
                    transaction: Some(number),
                    at: UtcMillis(row.get(1)?),
                    kind: row.get(2)?,
                    detail: row.get(3)?,
                });
            }
            // Earlier programs wrote those of later steps into the table only.
            events.sort_by_key(|event| event.at);
            Ok(events)
        }))
    }

    fn notice_parts(
        &self,
        ds_id: &str,
        sequence: TransId,
    ) -> BoxFuture<'_, Result<Vec<NoticeRow>, StoreError>> {
        let ds_id = ds_id.to_owned();
        Box::pin(self.read(move |_, conn| notices::parts(conn, &ds_id, sequence)))
    }

    fn put_notice(
        &self,
        row: NoticeRow,
        keep: u32,
    ) -> BoxFuture<'_, Result<Committed, StoreError>> {
        let row = Arc::new(row);
        let until = Instant::now() + self.shared.options.lock_patience;
        Box::pin(async move {
            loop {
                let row = Arc::clone(&row);
                match self.on_writer(move |conn| notices::put(conn, &row, keep)).await {
                    // Another process writes for a moment: nobody else need wait for that.
                    Err(StoreError::Busy(_)) if Instant::now() < until => {
                        tokio::time::sleep(NOTICE_RETRY).await;
                    }
                    done => return done,
                }
            }
        })
    }

    fn close(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async {
            // Answered by the writer after everything queued before it; a closed store is fine.
            let _ = self.on_writer(|_| Ok(())).await;
            self.stop();
            Ok(())
        })
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    /// Times of rows that are written: the newest counts until the clock is read again.
    fn note_time(&self, now: UtcMillis) {
        if self.latest.load(Ordering::Relaxed) < now.0 {
            self.latest.fetch_max(now.0, Ordering::Relaxed);
        }
    }

    fn now(&self) -> UtcMillis {
        UtcMillis(self.latest.load(Ordering::Relaxed))
    }

    /// Adds a transaction to the replay window.
    fn remember(&self, key: &ReplayKey, number: TransactionNumber, at: UtcMillis) {
        self.window.insert(&key.ds_trans, key.body, number, at);
        if let Some(server) = &key.server {
            self.server_ids.insert(server, key.ds_trans, number, at);
        }
    }

    /// Takes back what [`Self::remember`] added, when its commit failed.
    fn forget(&self, key: &ReplayKey, number: TransactionNumber) {
        self.window.remove(&key.ds_trans, number);
        if let Some(server) = &key.server {
            self.server_ids.remove(server, number);
        }
    }

    fn server_id_is_taken(&self, key: &ReplayKey) -> bool {
        let first = key.server.as_ref().and_then(|server| self.server_ids.find(server));
        first.is_some_and(|(_, ds_trans)| ds_trans != key.ds_trans)
    }

    /// Roughly what a group adds to the log: whole pages, the last ones again in each group.
    fn note_written(&self, units: usize) {
        self.checkpoint.note_written(3 * self.page_bytes + units as u64 * UNIT_BYTES);
    }
}

/// A transaction without its reply.
fn state(
    shared: &Shared,
    conn: &Connection,
    number: TransactionNumber,
) -> Result<Option<TransactionRow>, StoreError> {
    let mut statement = conn.prepare_cached(rows::STATE)?;
    let mut found = statement.query([rows::column(number)?])?;
    found.next()?.map(|row| rows::read_transaction(shared, number, row)).transpose()
}

fn card(
    shared: &Shared,
    conn: &Connection,
    issuer_id: &str,
    token: &[u8; 16],
) -> Result<Option<Card>, StoreError> {
    let mut statement = conn.prepare_cached(rows::CARD)?;
    let mut found = statement.query(params![issuer_id, token])?;
    let row = found.next()?;
    row.map(|row| rows::read_card(&shared.vault, issuer_id, token, row)).transpose()
}

fn insert_time(unit: &Unit) -> Option<UtcMillis> {
    match &unit.transaction {
        Some(super::TransactionWrite::Insert(row)) => Some(row.created),
        _ => None,
    }
}

/// The lock stands beside the file itself, by whatever name the file is opened.
fn lock(path: &Path) -> Result<File, OpenError> {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let mut name = path.into_os_string();
    name.push(".lock");
    let name = PathBuf::from(name);
    let file = OpenOptions::new().create(true).append(true).open(&name)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(OpenError::AlreadyOpen(name)),
        Err(std::fs::TryLockError::Error(error)) => Err(error.into()),
    }
}

fn load_reply_keys(conn: &Connection) -> rusqlite::Result<Vec<(i64, UtcMillis, Vec<u8>)>> {
    conn.prepare("SELECT id, expires, sealed FROM replay_keys")?
        .query_map([], |row| Ok((row.get(0)?, UtcMillis(row.get(1)?), row.get(2)?)))?
        .collect()
}

/// A text that cannot be read is worth some repeats, no service that does not start.
fn load_reply_texts(conn: &Connection) -> rusqlite::Result<Vec<(i64, Option<Arc<str>>)>> {
    conn.prepare("SELECT id, text FROM reply_texts")?
        .query_map([], |row| {
            let (id, text) = (row.get(0)?, row.get_ref(1)?.as_str().ok().map(Arc::from));
            if text.is_none() {
                tracing::warn!(id, "a text of replies cannot be read");
            }
            Ok((id, text))
        })?
        .collect()
}

/// Fills the replay window from the newest rows, oldest of them first.
fn load_window(conn: &Connection, shared: &Shared, newest: i64) -> Result<(), OpenError> {
    let entries = i64::try_from(shared.options.replay_entries).unwrap_or(i64::MAX);
    let mut statement = conn.prepare(
        "SELECT number, created, replay FROM transactions
         WHERE number > ?1 AND replay IS NOT NULL ORDER BY number",
    )?;
    let mut found = statement.query([newest.saturating_sub(entries)])?;
    while let Some(row) = found.next()? {
        let number = TransactionNumber(row.get::<_, i64>(0)?.unsigned_abs());
        let digests: Vec<u8> = row.get(2)?;
        let created = UtcMillis(row.get(1)?);
        let key = rows::read_replay(&digests)
            .map_err(|error| OpenError::Unsupported(error.to_string()))?;
        shared.remember(&key, number, created);
        shared.note_time(created);
    }
    Ok(())
}

/// Keys that open challenges and messages need and the key file does not hold, each with its number of
/// rows: whoever took one away too early can still bring it back.
fn missing_keys(conn: &Connection, vault: &Vault) -> rusqlite::Result<BTreeMap<String, usize>> {
    let mut statement = conn.prepare(
        "SELECT substr(secret, 1, ?1) FROM transactions
         WHERE deadline IS NOT NULL AND typeof(secret) = 'blob'
         UNION ALL SELECT substr(sealed, 1, ?1) FROM outgoing
         WHERE closed IS NULL AND typeof(sealed) = 'blob'",
    )?;
    let mut missing = BTreeMap::new();
    let mut found = statement.query([KEY_NAME_BYTES])?;
    while let Some(row) = found.next()? {
        if let Some(key) = vault.missing_key(&row.get::<_, Vec<u8>>(0)?) {
            *missing.entry(key).or_default() += 1;
        }
    }
    Ok(missing)
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name.to_owned()).spawn(work)
}

fn join(thread: JoinHandle<()>) {
    if thread.join().is_err() {
        tracing::error!("a store thread panicked");
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// About what a unit adds to the log: a page and a half.
const UNIT_BYTES: u64 = 6 * 1024;
const NOTICE_RETRY: Duration = Duration::from_millis(10);

fn sql_limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_open_rows_need_are_missed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("acs.db");
        let vault = Arc::new(Vault::ephemeral().unwrap());
        let store = SqliteStore::open(&path, Arc::clone(&vault), SqliteOptions::default()).unwrap();
        drop(store);
        let conn = Connection::open(&path).unwrap();
        let sealed = |id: &str| {
            let length = u8::try_from(id.len()).unwrap();
            [&[1, length], id.as_bytes(), &[0; 40]].concat()
        };
        // Number, end of the wait, key.
        for (number, deadline, key) in
            [(1, Some(9), "k0"), (2, Some(9), "k1"), (3, None, "k9"), (4, Some(9), "k0")]
        {
            conn.execute(
                "INSERT INTO transactions (number, issuer_id, ds_id, created, revision, deadline,
                 secret, state) VALUES (?1, 'alpha', 'ds-a', 0, 0, ?2, ?3, x'7b7d')",
                params![number, deadline, sealed(key)],
            )
            .unwrap();
        }
        for (number, closed, key) in [(1, None, "k2"), (2, Some("sent"), "k8")] {
            conn.execute(
                "INSERT INTO outgoing (transaction_number, kind, issuer_id, ds_id, sealed, attempts,
                 next_attempt, maybe_sent, expires, closed)
                 VALUES (?1, 1, 'alpha', 'ds-a', ?3, 0, 0, 0, 0, ?2)",
                params![number, closed, sealed(key)],
            )
            .unwrap();
        }
        let missing = missing_keys(&conn, &vault).unwrap();
        let missing: Vec<_> = missing.iter().map(|(key, rows)| (key.as_str(), *rows)).collect();
        assert_eq!(missing, [("k0", 2), ("k2", 1)]);
    }
}
