//! Writing a batch of cards.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use acs_core::element::Pan;
use acs_core::profile::{Card, Contacts};
use rusqlite::{Connection, params};
use zeroize::Zeroizing;

use super::CardsError;
use super::pace::Pace;
use crate::cards::state_name;
use crate::storage::StoreError;
use crate::storage::sqlite::{rows, schema};
use crate::vault::{Purpose, Vault};

/// A batch being written. Nothing of it is seen before [`CardBatch::publish`]; dropped before, it
/// is left behind unseen and the next batch's [`CardBatch::open`] deletes it, as after a crash.
#[derive(Debug)]
pub struct CardBatch {
    conn: Connection,
    vault: Arc<Vault>,
    issuer_id: String,
    /// Its row, once something was written.
    id: Option<i64>,
    waiting: Vec<SealedCard>,
    pace: Pace,
    /// Held as long as this batch lives: batches of one database come one after the other.
    _lock: File,
}

/// What became visible.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Published {
    /// Cards in the batch; a card named twice counts once.
    pub cards: u64,
    /// Cards among them that were there before.
    pub replaced: u64,
}

/// A card as its row holds it.
#[derive(Debug)]
struct SealedCard {
    token: [u8; 16],
    pan: Vec<u8>,
    expiry: Option<String>,
    state: &'static str,
    contacts: Option<Vec<u8>>,
    outcome: Option<String>,
    passkeys: Option<String>,
    security_code: Option<Vec<u8>>,
}

impl CardBatch {
    /// Opens or creates the database and deletes what crashed imports left behind.
    ///
    /// # Errors
    /// [`CardsError`], among them another import at work on the same database.
    pub fn open(path: &Path, vault: Arc<Vault>, issuer_id: &str) -> Result<Self, CardsError> {
        let lock = lock(path)?;
        let mut conn = schema::open_writer(path)?;
        schema::migrate(&mut conn)?;
        // The lock is taken by looking again and again, see `Pace`.
        conn.busy_timeout(Duration::ZERO).map_err(StoreError::from)?;
        let mut batch = Self {
            conn,
            vault,
            issuer_id: issuer_id.to_owned(),
            id: None,
            waiting: Vec::new(),
            pace: Pace::new(),
            _lock: lock,
        };
        batch.recover()?;
        Ok(batch)
    }

    /// Adds a card; a card added before is replaced.
    ///
    /// # Errors
    /// [`CardsError::Store`] when the database cannot be written.
    pub fn add(&mut self, pan: &Pan, card: &Card) -> Result<(), CardsError> {
        let sealed = self.seal(pan, card)?;
        self.waiting.push(sealed);
        if self.waiting.len() >= CHUNK { self.flush() } else { Ok(()) }
    }

    /// Makes all of the batch visible at once, then deletes the rows it replaces.
    ///
    /// # Errors
    /// [`CardsError::Store`]. Should it come after the batch became visible, only the deletion is
    /// left to do, and the next import does it.
    pub fn publish(mut self) -> Result<Published, CardsError> {
        self.flush()?;
        let Some(id) = self.id else {
            return Ok(Published { cards: 0, replaced: 0 });
        };
        let cards = self.count(id)?;
        self.synced(true)?;
        self.pace.transaction(&self.conn, |conn| {
            conn.execute(
                "UPDATE card_batches SET visible = 1, cards = ?2 WHERE id = ?1",
                params![id, cards],
            )
        })?;
        let issuer_id = self.issuer_id.clone();
        let replaced = self.purge(id, &issuer_id)?;
        Ok(Published { cards: cards.unsigned_abs(), replaced })
    }

    /// Deletes what was written.
    ///
    /// # Errors
    /// [`CardsError::Store`]; the next import deletes the rest.
    pub fn discard(mut self) -> Result<(), CardsError> {
        self.waiting.clear();
        self.id.take().map_or(Ok(()), |id| self.delete(id))
    }

    fn seal(&self, pan: &Pan, card: &Card) -> Result<SealedCard, CardsError> {
        let token = self.vault.card_index(pan);
        let identity = rows::card_identity(&self.issuer_id, &token);
        let seal = |purpose, plain: &[u8]| self.vault.seal(purpose, &identity, plain);
        let contacts = if card.contacts == Contacts::default() {
            None
        } else {
            let plain = Zeroizing::new(rows::contacts_json(&card.contacts)?);
            Some(seal(Purpose::CardContacts, &plain)?)
        };
        let outcome = card.outcome.as_ref().map(serde_json::to_string).transpose();
        let outcome = outcome.map_err(|_| StoreError::Refused("scripted outcome".to_owned()))?;
        let passkeys = Some(&card.passkeys).filter(|passkeys| !passkeys.is_empty());
        let passkeys = passkeys.map(serde_json::to_string).transpose();
        let passkeys = passkeys.map_err(|_| StoreError::Refused("passkeys".to_owned()))?;
        let security_code = card.security_code.as_ref();
        let security_code = security_code
            .map(|record| seal(Purpose::CardSecurityCode, record.expose_bytes()))
            .transpose()?;
        Ok(SealedCard {
            pan: seal(Purpose::CardPan, pan.expose_digits().as_bytes())?,
            expiry: card.expiry.clone(),
            state: state_name(card.state)
                .ok_or_else(|| StoreError::Refused("card state".to_owned()))?,
            contacts,
            outcome,
            passkeys,
            security_code,
            token,
        })
    }

    /// Writes what waits. Tokens are random: sorted, the rows of one transaction lie on few pages.
    fn flush(&mut self) -> Result<(), CardsError> {
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.sort_by_key(|card| card.token);
        let mut rest = waiting.as_slice();
        while !rest.is_empty() {
            let id = self.id()?;
            let (now, later) = rest.split_at(self.pace.rows().min(rest.len()));
            let issuer_id = &self.issuer_id;
            self.pace.transaction(&self.conn, |conn| insert(conn, id, issuer_id, now))?;
            rest = later;
        }
        waiting.clear();
        self.waiting = waiting;
        Ok(())
    }

    /// Number of the batch; its row is made by the first call.
    fn id(&mut self) -> Result<i64, CardsError> {
        if let Some(id) = self.id {
            return Ok(id);
        }
        self.synced(false)?;
        let issuer_id = &self.issuer_id;
        let id = self.pace.transaction(&self.conn, |conn| {
            conn.execute(
                "INSERT INTO card_batches (issuer_id, visible, cards) VALUES (?1, 0, 0)",
                [issuer_id],
            )?;
            Ok(conn.last_insert_rowid())
        })?;
        self.id = Some(id);
        Ok(id)
    }

    /// Whether commits wait for the disk. Rows nobody sees yet need not: the commit that shows them
    /// stands behind them in the log and is synced with them.
    fn synced(&self, yes: bool) -> Result<(), CardsError> {
        let level = if yes { "full" } else { "normal" };
        Ok(self.conn.pragma_update(None, "synchronous", level)?)
    }

    fn count(&self, id: i64) -> Result<i64, CardsError> {
        let sql = "SELECT count(*) FROM cards INDEXED BY cards_batch WHERE batch = ?1";
        Ok(self.conn.query_row(sql, [id], |row| row.get(0))?)
    }

    /// Does what crashed imports left undone.
    fn recover(&mut self) -> Result<(), CardsError> {
        for (id, _) in self.batches("visible = 0")? {
            self.delete(id)?;
        }
        for (id, issuer_id) in self.batches("visible = 1 AND purged = 0")? {
            self.purge(id, &issuer_id)?;
        }
        Ok(())
    }

    fn batches(&self, which: &str) -> Result<Vec<(i64, String)>, CardsError> {
        let sql = format!("SELECT id, issuer_id FROM card_batches WHERE {which} ORDER BY id");
        let mut statement = self.conn.prepare(&sql)?;
        let found = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    fn delete(&mut self, id: i64) -> Result<(), CardsError> {
        loop {
            let limit = i64::try_from(self.pace.rows()).unwrap_or(i64::MAX);
            let deleted = self.pace.transaction(&self.conn, |conn| {
                conn.prepare_cached(
                    "DELETE FROM cards WHERE (issuer_id, token, batch) IN (
                         SELECT issuer_id, token, batch FROM cards INDEXED BY cards_batch
                         WHERE batch = ?1 LIMIT ?2)",
                )?
                .execute(params![id, limit])
            })?;
            if deleted == 0 {
                break;
            }
        }
        self.pace.transaction(&self.conn, |conn| {
            conn.execute("DELETE FROM card_batches WHERE id = ?1", [id])
        })?;
        Ok(())
    }

    /// Deletes the rows that batch `id` replaces and tells how many there were.
    fn purge(&mut self, id: i64, issuer_id: &str) -> Result<u64, CardsError> {
        let mut replaced = 0;
        if self.has_older(id, issuer_id)? {
            let mut after = Vec::new();
            while let Some(last) = self.page_end(id, issuer_id, &after)? {
                let old = self.replaced(id, issuer_id, &after, &last)?;
                for old in old.chunks(self.pace.rows()) {
                    self.pace.transaction(&self.conn, |conn| delete_rows(conn, issuer_id, old))?;
                }
                replaced += old.len() as u64;
                after = last;
            }
        }
        self.pace.transaction(&self.conn, |conn| {
            conn.execute("UPDATE card_batches SET purged = 1 WHERE id = ?1", [id])
        })?;
        Ok(replaced)
    }

    fn has_older(&self, id: i64, issuer_id: &str) -> Result<bool, CardsError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM card_batches WHERE issuer_id = ?1 AND id < ?2)";
        Ok(self.conn.query_row(sql, params![issuer_id, id], |row| row.get(0))?)
    }

    /// Last token of the next page of batch `id`. Paged, because a long look at the database keeps
    /// its log from being emptied.
    fn page_end(
        &self,
        id: i64,
        issuer_id: &str,
        after: &[u8],
    ) -> Result<Option<Vec<u8>>, CardsError> {
        let mut statement = self.conn.prepare_cached(
            "SELECT max(token) FROM (SELECT token FROM cards INDEXED BY cards_batch
             WHERE batch = ?1 AND issuer_id = ?2 AND token > ?3 ORDER BY token LIMIT ?4)",
        )?;
        Ok(statement.query_row(params![id, issuer_id, after, PAGE], |row| row.get(0))?)
    }

    fn replaced(
        &self,
        id: i64,
        issuer_id: &str,
        after: &[u8],
        last: &[u8],
    ) -> Result<Vec<(Vec<u8>, i64)>, CardsError> {
        let mut statement = self.conn.prepare_cached(
            "SELECT old.token, old.batch
             FROM cards AS new INDEXED BY cards_batch CROSS JOIN cards AS old
             ON old.issuer_id = new.issuer_id AND old.token = new.token AND old.batch < new.batch
             WHERE new.batch = ?1 AND new.issuer_id = ?2 AND new.token > ?3 AND new.token <= ?4",
        )?;
        let found = statement
            .query_map(params![id, issuer_id, after, last], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(found.collect::<Result<_, _>>()?)
    }
}

fn insert(
    conn: &Connection,
    id: i64,
    issuer_id: &str,
    cards: &[SealedCard],
) -> rusqlite::Result<()> {
    let mut statement = conn.prepare_cached(
        "INSERT OR REPLACE INTO cards (issuer_id, token, batch, pan, expiry, state, contacts,
         outcome, passkeys, security_code) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?;
    for card in cards {
        statement.execute(params![
            issuer_id,
            card.token,
            id,
            card.pan,
            card.expiry,
            card.state,
            card.contacts,
            card.outcome,
            card.passkeys,
            card.security_code,
        ])?;
    }
    Ok(())
}

fn delete_rows(
    conn: &Connection,
    issuer_id: &str,
    rows: &[(Vec<u8>, i64)],
) -> rusqlite::Result<()> {
    let mut statement = conn
        .prepare_cached("DELETE FROM cards WHERE issuer_id = ?1 AND token = ?2 AND batch = ?3")?;
    for (token, batch) in rows {
        statement.execute(params![issuer_id, token, batch])?;
    }
    Ok(())
}

fn lock(path: &Path) -> Result<File, CardsError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".import-lock");
    let name = PathBuf::from(name);
    let opened = OpenOptions::new().create(true).append(true).open(&name);
    let file = opened.map_err(super::OpenError::from)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(CardsError::ImportRunning(name)),
        Err(TryLockError::Error(error)) => Err(super::OpenError::from(error).into()),
    }
}

/// Cards kept in memory to be sorted: some 15 MB.
const CHUNK: usize = 32 * 1024;
/// Cards looked at in one statement.
const PAGE: i64 = 2000;
