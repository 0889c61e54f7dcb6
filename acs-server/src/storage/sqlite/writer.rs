//! The one thread that writes: takes all waiting units, commits them as a group, wakes their
//! callers. One unit's conflict or refusal leaves the others of its group alone.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use acs_core::UtcMillis;
use rusqlite::{Connection, ErrorCode, params};

use super::error::is_environment;
use super::queue::{Done, Job, Outcome};
use super::reply_keys::SealedReply;
use super::reply_texts::ReplyText;
use super::rows::{
    SealedOutgoing, SealedTransaction, SealedUnit, column, kind_column, replay_column,
};
use super::{Shared, consents};
use crate::storage::{
    Committed, Deadline, EventRow, OutgoingKind, OutgoingRow, OutgoingWrite, ReplayKey, StoreError,
    TransactionNumber, TransactionRow,
};

/// Runs until the queue is drained.
pub(super) fn run(shared: Arc<Shared>, conn: Connection, stored: Stored) {
    // Whatever ends this thread, nobody waits for it afterwards.
    let closing = CloseOnDrop(Arc::clone(&shared));
    let mut writer = Writer { shared, conn, stored, last_lock_failed: false };
    let mut group = Vec::new();
    let limit = writer.shared.options.group;
    let mut busy = false;
    loop {
        if busy {
            std::thread::sleep(writer.shared.options.gathering);
        }
        if !writer.shared.queue.take(&mut group, limit) {
            break;
        }
        busy = group.len() >= BUSY_GROUP;
        writer.group(&mut group);
        writer.housekeeping();
    }
    drop(closing);
}

struct CloseOnDrop(Arc<Shared>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.queue.close();
    }
}

struct Writer {
    shared: Arc<Shared>,
    conn: Connection,
    stored: Stored,
    /// The last group could not get the lock: until one does, the next waits only briefly.
    last_lock_failed: bool,
}

/// What replies refer to and need be written only once.
pub(super) struct Stored {
    keys: Ids,
    texts: Ids,
}

/// Those known to be on disk, and those of the group at hand.
struct Ids {
    stored: HashSet<i64>,
    pending: Vec<i64>,
}

/// A unit with its caller.
type Waiting = (Box<SealedUnit>, Done);

impl Writer {
    fn group(&mut self, jobs: &mut Vec<Job>) {
        let mut units: Vec<Waiting> = Vec::with_capacity(jobs.len());
        for job in jobs.drain(..) {
            match job {
                Job::Unit { unit, done } => units.push((unit, done)),
                Job::Call(call) => call(&self.conn),
            }
        }
        if units.is_empty() {
            return;
        }
        let started = Instant::now();
        match self.commit(&units) {
            Ok(outcomes) => {
                self.shared.at_hand.note_commit();
                metrics::histogram!("acs_store_commit_seconds").record(started.elapsed());
                self.shared.note_written(units.len());
                for ((mut unit, done), outcome) in units.into_iter().zip(outcomes) {
                    self.shared.hot.note(&mut unit, &outcome);
                    // A caller that went away loses only the news.
                    let _ = done.send((outcome, Some(unit)));
                }
            }
            Err(error) => self.fail(units, &error),
        }
    }

    /// Tells everybody of a failed group, and those behind it when the file is locked: they would
    /// wait just as long for nothing.
    fn fail(&mut self, units: Vec<Waiting>, error: &rusqlite::Error) {
        tracing::error!(units = units.len(), %error, "a group of commits failed");
        let told = StoreError::from(error);
        for (mut unit, done) in units {
            let outcome = Err(told.clone());
            self.shared.hot.note(&mut unit, &outcome);
            let _ = done.send((outcome, None));
        }
        if self.last_lock_failed {
            for job in self.shared.queue.take_waiting() {
                match job {
                    Job::Unit { done, .. } => drop(done.send((Err(told.clone()), None))),
                    Job::Call(call) => call(&self.conn),
                }
            }
        }
    }

    fn commit(&mut self, units: &[Waiting]) -> rusqlite::Result<Vec<Outcome>> {
        self.begin()?;
        let mut seen = Vec::new();
        let result = self.apply_all(units, &mut seen).and_then(|outcomes| {
            self.conn.prepare_cached("COMMIT")?.execute([])?;
            Ok(outcomes)
        });
        match &result {
            Ok(_) => self.stored.settle(true),
            Err(_) => {
                self.stored.settle(false);
                for (key, number) in seen {
                    self.shared.forget(&key, number);
                }
                // Some failures have rolled back by themselves.
                if !self.conn.is_autocommit()
                    && let Err(error) = self.conn.execute_batch("ROLLBACK")
                {
                    tracing::error!(%error, "rollback failed");
                }
            }
        }
        result
    }

    /// Takes the file's write lock. Another process (a card import) holds it for moments only; we
    /// look again soon instead of backing off as SQLite's own handler would.
    fn begin(&mut self) -> rusqlite::Result<()> {
        let patience = if self.last_lock_failed {
            self.shared.options.lock_patience / 10
        } else {
            self.shared.options.lock_patience
        };
        let until = Instant::now() + patience;
        loop {
            let begun = self.conn.prepare_cached("BEGIN IMMEDIATE")?.execute([]);
            let busy = matches!(&begun, Err(error) if is_lock(error));
            if !busy || Instant::now() >= until {
                self.last_lock_failed = busy;
                return begun.map(|_| ());
            }
            std::thread::sleep(LOCK_RETRY);
        }
    }

    fn apply_all(
        &mut self,
        units: &[Waiting],
        seen: &mut Vec<(ReplayKey, TransactionNumber)>,
    ) -> rusqlite::Result<Vec<Outcome>> {
        let mut outcomes = Vec::with_capacity(units.len());
        for (unit, _) in units {
            let window_before = seen.len();
            let outcome = self.apply(unit, seen)?;
            if !matches!(outcome, Ok(Committed::Durable)) {
                for (key, number) in seen.drain(window_before..) {
                    self.shared.forget(&key, number);
                }
            }
            outcomes.push(outcome);
        }
        Ok(outcomes)
    }

    fn apply(
        &mut self,
        unit: &SealedUnit,
        seen: &mut Vec<(ReplayKey, TransactionNumber)>,
    ) -> rusqlite::Result<Outcome> {
        if let Some(SealedTransaction::Insert { reply: Some(reply), .. }) = &unit.transaction {
            self.stored.store(&self.conn, reply)?;
        }
        let savepoint = unit.needs_savepoint();
        if savepoint {
            self.conn.prepare_cached("SAVEPOINT unit")?.execute([])?;
        }
        let outcome = match self.apply_statements(unit, savepoint, seen) {
            Ok(committed) => Ok(committed),
            Err(Failure::Environment(error)) => return Err(error),
            Err(Failure::Unit(error)) => Err(error),
        };
        if savepoint {
            if !matches!(outcome, Ok(Committed::Durable)) {
                self.conn.prepare_cached("ROLLBACK TO unit")?.execute([])?;
            }
            self.conn.prepare_cached("RELEASE unit")?.execute([])?;
        }
        Ok(outcome)
    }

    fn apply_statements(
        &self,
        unit: &SealedUnit,
        savepoint: bool,
        seen: &mut Vec<(ReplayKey, TransactionNumber)>,
    ) -> Result<Committed, Failure> {
        let conn = &self.conn;
        if let Some((closing, secret)) = &unit.closes
            && !replace(
                conn,
                &closing.row,
                secret.as_deref(),
                closing.expected,
                Deadline::Moves,
                &[],
            )?
        {
            return Ok(Committed::Conflict);
        }
        match &unit.transaction {
            Some(SealedTransaction::Insert { row, reply, secret, opening }) => {
                let known = |key: &ReplayKey| {
                    self.shared.window.find(&key.ds_trans).is_some()
                        || self.shared.server_id_is_taken(key)
                };
                if row.replay.as_ref().is_some_and(known) {
                    return Ok(Committed::Conflict);
                }
                let opening = (!opening.is_empty()).then_some(opening.as_slice());
                let kept = Kept { reply: reply.as_ref(), opening };
                // SQLite writes whole rows: what goes on has what never changes in a row beside.
                let (within, beside) = match row.deadline {
                    None if kept.text().is_none() => (kept, None),
                    _ => (Kept::default(), Some(kept)),
                };
                insert(conn, row, secret.as_deref(), &within)?;
                if let Some(kept) = beside {
                    insert_opening(conn, row.number, &kept)
                        .map_err(|failure| failure.whole_unless(savepoint))?;
                }
                if let Some(key) = &row.replay {
                    self.shared.remember(key, row.number, row.created);
                    seen.push((*key, row.number));
                }
            }
            Some(SealedTransaction::Replace { row, secret, expected, deadline, trail, .. }) => {
                let secret = secret.as_deref();
                let replaced = replace(conn, row, secret, *expected, *deadline, trail)?;
                if !replaced {
                    return Ok(Committed::Conflict);
                }
            }
            None => {}
        }
        for event in &unit.events {
            insert_event(conn, event).map_err(|failure| failure.whole_unless(savepoint))?;
        }
        for write in &unit.outgoing {
            match write {
                SealedOutgoing::Put { row, sealed } => put_outgoing(conn, row, sealed)?,
                SealedOutgoing::Other(write) => change_outgoing(conn, write)?,
            }
        }
        for row in &unit.consents {
            consents::write(conn, row)?;
        }
        Ok(Committed::Durable)
    }

    /// Deletes reply keys past their time.
    fn housekeeping(&mut self) {
        let now = self.shared.now();
        if !self.shared.reply_keys.expire(now) {
            return;
        }
        match expire_keys(&self.conn, now) {
            Ok(()) => self.stored.keys.stored.retain(|id| self.shared.reply_keys.knows(*id)),
            // The rows stay until a later run; the keys in memory are gone already.
            Err(error) => tracing::warn!(%error, "expired reply keys could not be deleted"),
        }
    }
}

impl Stored {
    pub(super) fn new(keys: HashSet<i64>, texts: HashSet<i64>) -> Self {
        let ids = |stored| Ids { stored, pending: Vec::new() };
        Self { keys: ids(keys), texts: ids(texts) }
    }

    fn store(&mut self, conn: &Connection, reply: &SealedReply) -> rusqlite::Result<()> {
        let key = &reply.key;
        if self.keys.lacks(key.id) {
            conn.execute(
                "INSERT OR IGNORE INTO replay_keys (id, expires, sealed) VALUES (?1, ?2, ?3)",
                params![key.id, key.expires.0, key.sealed],
            )?;
            self.keys.pending.push(key.id);
        }
        let text = reply.text.as_ref().map(|(text, _)| text);
        if let Some(text) = text.filter(|text| self.texts.lacks(text.id)) {
            conn.execute(
                "INSERT INTO reply_texts (id, text) VALUES (?1, ?2)",
                params![text.id, text.text],
            )?;
            self.texts.pending.push(text.id);
        }
        Ok(())
    }

    /// Follows the end of a group.
    fn settle(&mut self, committed: bool) {
        for Ids { stored, pending } in [&mut self.keys, &mut self.texts] {
            stored.extend(pending.drain(..).filter(|_| committed));
        }
    }
}

impl Ids {
    fn lacks(&self, id: i64) -> bool {
        !self.stored.contains(&id) && !self.pending.contains(&id)
    }
}

/// Why a unit's statements stopped.
pub(super) enum Failure {
    /// The unit's own fault.
    Unit(StoreError),
    /// The file's: ends the group.
    Environment(rusqlite::Error),
}

impl Failure {
    /// Without a savepoint nothing takes back what the unit wrote before: then its group ends.
    fn whole_unless(self, savepoint: bool) -> Self {
        match self {
            Self::Unit(error) if !savepoint => {
                let cause = error.to_string().into();
                Self::Environment(rusqlite::Error::ToSqlConversionFailure(cause))
            }
            other => other,
        }
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        if is_environment(&error) { Self::Environment(error) } else { Self::Unit(error.into()) }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Unit(error)
    }
}

/// What never changes of a transaction: its ARes under a reply key, and its first events.
#[derive(Default)]
struct Kept<'a> {
    reply: Option<&'a SealedReply>,
    opening: Option<&'a [u8]>,
}

impl<'a> Kept<'a> {
    fn key(&self) -> Option<i64> {
        self.reply.map(|reply| reply.key.id)
    }

    fn reply(&self) -> Option<&'a [u8]> {
        self.reply.map(|reply| reply.bytes.as_slice())
    }

    fn text(&self) -> Option<&'a (ReplyText, u32)> {
        self.reply.and_then(|reply| reply.text.as_ref())
    }
}

fn insert(
    conn: &Connection,
    row: &TransactionRow,
    secret: Option<&[u8]>,
    within: &Kept<'_>,
) -> Result<(), Failure> {
    conn.prepare_cached(
        "INSERT INTO transactions (number, issuer_id, ds_id, created, revision, deadline, replay,
         reply_key, reply, secret, state, opening)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?
    .execute(params![
        column(row.number)?,
        row.issuer_id,
        row.ds_id,
        row.created.0,
        row.revision,
        row.deadline.map(|at| at.0),
        row.replay.as_ref().map(replay_column),
        within.key(),
        within.reply(),
        secret,
        row.state.json(),
        within.opening,
    ])?;
    Ok(())
}

fn insert_opening(
    conn: &Connection,
    number: TransactionNumber,
    kept: &Kept<'_>,
) -> Result<(), Failure> {
    conn.prepare_cached(
        "INSERT INTO openings (number, reply_key, reply, opening, text, text_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        column(number)?,
        kept.key(),
        kept.reply(),
        kept.opening,
        kept.text().map(|(text, _)| text.id),
        kept.text().map(|(_, at)| at),
    ])?;
    Ok(())
}

/// Writes over the revision the caller has read, and adds `trail` to the row's events; `false` when
/// that revision is no longer there.
fn replace(
    conn: &Connection,
    row: &TransactionRow,
    secret: Option<&[u8]>,
    expected: u32,
    deadline: Deadline,
    trail: &[u8],
) -> Result<bool, Failure> {
    // An indexed column that is set costs a move in its index, whatever it is set to.
    let sql = match deadline {
        Deadline::Moves => {
            "UPDATE transactions SET revision = ?3, deadline = ?4, secret = ?5, state = ?6,
             opening = CAST(coalesce(opening, x'') || ?7 AS BLOB)
             WHERE number = ?1 AND revision = ?2"
        }
        Deadline::Stays => {
            "UPDATE transactions SET revision = ?3, secret = ?5, state = ?6,
             opening = CAST(coalesce(opening, x'') || ?7 AS BLOB)
             WHERE number = ?1 AND revision = ?2 AND deadline IS ?4"
        }
    };
    let changed = conn.prepare_cached(sql)?.execute(params![
        column(row.number)?,
        expected,
        row.revision,
        row.deadline.map(|at| at.0),
        secret,
        row.state.json(),
        trail,
    ])?;
    Ok(changed == 1)
}

fn insert_event(conn: &Connection, event: &EventRow) -> Result<(), Failure> {
    let number = event.transaction.map(column).transpose()?;
    conn.prepare_cached(
        "INSERT INTO events (issuer_id, transaction_number, at, kind, detail)
         VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![event.issuer_id, number, event.at.0, event.kind, event.detail])?;
    Ok(())
}

fn put_outgoing(conn: &Connection, row: &OutgoingRow, sealed: &[u8]) -> Result<(), Failure> {
    let changed = conn
        .prepare_cached(
            "INSERT INTO outgoing (transaction_number, kind, issuer_id, ds_id, sealed, attempts,
             next_attempt, maybe_sent, expires) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
             ON CONFLICT DO UPDATE SET issuer_id = ?3, ds_id = ?4, sealed = ?5, attempts = ?6,
             next_attempt = ?7, maybe_sent = ?8, expires = ?9, closed = NULL
             WHERE NOT (kind = ?10 AND maybe_sent)",
        )?
        .execute(params![
            column(row.transaction)?,
            kind_column(row.kind),
            row.issuer_id,
            row.ds_id,
            sealed,
            row.attempts,
            row.next_attempt.0,
            row.maybe_sent,
            row.expires.0,
            kind_column(OutgoingKind::RReq),
        ])?;
    if changed == 0 {
        let text = "an RReq of which bytes may have left is never replaced";
        return Err(StoreError::Refused(text.to_owned()).into());
    }
    Ok(())
}

fn change_outgoing(conn: &Connection, write: &OutgoingWrite) -> Result<(), Failure> {
    match write {
        OutgoingWrite::Attempted { transaction, kind, attempts, next_attempt, maybe_sent } => {
            conn.prepare_cached(
                "UPDATE outgoing SET attempts = ?3, next_attempt = ?4, maybe_sent = ?5
                 WHERE transaction_number = ?1 AND kind = ?2 AND closed IS NULL",
            )?
            .execute(params![
                column(*transaction)?,
                kind_column(*kind),
                attempts,
                next_attempt.0,
                maybe_sent,
            ])?;
        }
        OutgoingWrite::Closed { transaction, kind, how } => {
            conn.prepare_cached(
                "UPDATE outgoing SET sealed = NULL, closed = ?3
                 WHERE transaction_number = ?1 AND kind = ?2 AND closed IS NULL",
            )?
            .execute(params![column(*transaction)?, kind_column(*kind), how])?;
        }
        OutgoingWrite::Put(_) => {
            return Err(StoreError::Refused("an unsealed message".to_owned()).into());
        }
    }
    Ok(())
}

pub(super) fn expire_keys(conn: &Connection, now: UtcMillis) -> rusqlite::Result<()> {
    conn.prepare_cached("DELETE FROM replay_keys WHERE expires <= ?1")?.execute([now.0])?;
    Ok(())
}

fn is_lock(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// A group of this size shows that more callers will come in a moment.
const BUSY_GROUP: usize = 4;
const LOCK_RETRY: Duration = Duration::from_micros(300);
