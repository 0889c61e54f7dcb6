//! Rows of operational notices, and the list of them for operators.

use std::path::Path;

use acs_core::UtcMillis;
use acs_core::element::TransId;
use acs_core::message::SequencePart;
use acs_core::notice::OpStatus;
use rusqlite::{Connection, Row, Transaction, TransactionBehavior, params};

use super::{OpenError, schema};
use crate::storage::{Committed, NoticeRow, StoreError};

const COLUMNS: &str =
    "ds_id, sequence, part, parts, place, received, broken, digest, answered, reply, detail";

/// What came of a sequence, in the order of its coming.
pub(super) fn parts(
    conn: &Connection,
    ds_id: &str,
    sequence: TransId,
) -> Result<Vec<NoticeRow>, StoreError> {
    let mut statement = conn.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM notices WHERE ds_id = ?1 AND sequence = ?2 ORDER BY place"
    ))?;
    let mut found = statement.query(params![ds_id, sequence.to_string()])?;
    let mut rows = Vec::new();
    while let Some(row) = found.next()? {
        rows.push(read(row)?);
    }
    Ok(rows)
}

/// Writes a row of its own commit and forgets the oldest above `keep`. A place that is taken is a
/// conflict.
pub(super) fn put(conn: &Connection, row: &NoticeRow, keep: u32) -> rusqlite::Result<Committed> {
    let unit = Transaction::new_unchecked(conn, TransactionBehavior::Immediate)?;
    let written = unit
        .prepare_cached(&format!(
            "INSERT OR IGNORE INTO notices ({COLUMNS})
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"
        ))?
        .execute(params![
            row.ds_id,
            row.part.id.to_string(),
            row.part.number,
            row.part.total,
            row.place,
            row.received.0,
            row.broken,
            row.digest,
            row.answered.map(OpStatus::code),
            row.reply,
            row.detail,
        ])?;
    if written == 0 {
        return Ok(Committed::Conflict);
    }
    unit.prepare_cached("DELETE FROM notices WHERE id <= (SELECT max(id) FROM notices) - ?1")?
        .execute([keep])?;
    unit.commit()?;
    Ok(Committed::Durable)
}

fn read(row: &Row<'_>) -> Result<NoticeRow, StoreError> {
    let corrupt = || StoreError::Corrupt("a notice cannot be read".to_owned());
    let sequence: String = row.get(1)?;
    let answered: Option<String> = row.get(8)?;
    Ok(NoticeRow {
        ds_id: row.get(0)?,
        part: SequencePart {
            id: TransId::parse(&sequence).ok_or_else(corrupt)?,
            number: row.get(2)?,
            total: row.get(3)?,
        },
        place: row.get(4)?,
        received: UtcMillis(row.get(5)?),
        broken: row.get(6)?,
        digest: row.get(7)?,
        answered: match answered.as_deref() {
            None => None,
            Some("01") => Some(OpStatus::Received),
            Some("02") => Some(OpStatus::SequenceBroken),
            Some(_) => return Err(corrupt()),
        },
        reply: row.get(9)?,
        detail: row.get(10)?,
    })
}

/// The notices of a database, read only, beside a running server.
#[derive(Debug)]
pub struct Notices {
    conn: Connection,
}

impl Notices {
    /// Opens an existing database.
    ///
    /// # Errors
    /// [`OpenError`], among them a missing file and another schema version.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        schema::require_current(path)?;
        Ok(Self { conn: schema::open_reader(path)? })
    }

    /// The newest sequences, newest first, each with what came of it, at most `limit` of them.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn newest(&self, limit: u32) -> Result<Vec<Vec<NoticeRow>>, StoreError> {
        let mut statement = self.conn.prepare(
            "SELECT ds_id, sequence FROM notices GROUP BY ds_id, sequence
             ORDER BY max(id) DESC LIMIT ?1",
        )?;
        let mut found = statement.query([limit])?;
        let mut sequences = Vec::new();
        while let Some(row) = found.next()? {
            let (ds_id, sequence): (String, String) = (row.get(0)?, row.get(1)?);
            if let Some(sequence) = TransId::parse(&sequence) {
                sequences.push(parts(&self.conn, &ds_id, sequence)?);
            }
        }
        Ok(sequences)
    }
}
