//! Consents: written in the unit that decided them, read whole per card, withdrawn by operators.

use std::path::Path;

use acs_core::UtcMillis;
use acs_core::flow::consent::{Consent, ConsentKind};
use rusqlite::{Connection, TransactionBehavior, params};
use serde_json::json;

use super::rows::column;
use super::writer::Failure;
use super::{OpenError, schema};
use crate::storage::{ConsentRow, StoreError};

/// All consents of a card; their number is bounded by [`KEPT`].
pub(super) fn read(
    conn: &Connection,
    issuer_id: &str,
    card: &str,
) -> Result<Vec<Consent>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT kind, party, name, given, at FROM consents WHERE issuer_id = ?1 AND card = ?2",
    )?;
    let mut found = statement.query(params![issuer_id, card])?;
    let mut consents = Vec::new();
    while let Some(row) = found.next()? {
        consents.push(Consent::new(
            kind(row.get(0)?)?,
            row.get(1)?,
            row.get(2)?,
            row.get(3)?,
            UtcMillis(row.get(4)?),
        ));
    }
    Ok(consents)
}

/// Keeps a consent. A box that was left empty takes nothing away that was given before. Beyond
/// [`KEPT`] the oldest of the card and kind go.
pub(super) fn write(conn: &Connection, row: &ConsentRow) -> Result<(), Failure> {
    let consent = &row.consent;
    let kind = kind_column(consent.kind)?;
    conn.prepare_cached(
        "INSERT INTO consents (issuer_id, card, kind, party, name, given, at, transaction_number)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT DO UPDATE SET name = ?5, given = ?6, at = ?7, transaction_number = ?8
         WHERE ?6 OR NOT given",
    )?
    .execute(params![
        row.issuer_id,
        row.card,
        kind,
        consent.party,
        consent.name,
        consent.given,
        consent.at.0,
        column(row.transaction)?,
    ])?;
    conn.prepare_cached(
        "DELETE FROM consents WHERE issuer_id = ?1 AND card = ?2 AND kind = ?3 AND party IN (
             SELECT party FROM consents WHERE issuer_id = ?1 AND card = ?2 AND kind = ?3
             ORDER BY given DESC, at DESC LIMIT -1 OFFSET ?4)",
    )?
    .execute(params![row.issuer_id, row.card, kind, KEPT])?;
    Ok(())
}

/// The consents of a database, beside a running server.
#[derive(Debug)]
pub struct Consents {
    conn: Connection,
}

impl Consents {
    /// Opens an existing database.
    ///
    /// # Errors
    /// [`OpenError`], among them a missing file and another schema version.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        schema::require_current(path)?;
        Ok(Self { conn: schema::open_writer(path)? })
    }

    /// All consents of a card, by card token.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn of(&self, issuer_id: &str, card: &str) -> Result<Vec<Consent>, StoreError> {
        read(&self.conn, issuer_id, card)
    }

    /// Takes back those consents of a card that are `meant`, with an audit event for each in the
    /// same commit. From then on the card counts as never asked. Gives what was taken back.
    ///
    /// # Errors
    /// [`StoreError`], when nothing was taken back.
    pub fn withdraw(
        &mut self,
        issuer_id: &str,
        card: &str,
        now: UtcMillis,
        meant: impl Fn(&Consent) -> bool,
    ) -> Result<Vec<Consent>, StoreError> {
        let unit = self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut withdrawn = read(&unit, issuer_id, card)?;
        withdrawn.retain(meant);
        for consent in &withdrawn {
            unit.prepare_cached(
                "DELETE FROM consents
                 WHERE issuer_id = ?1 AND card = ?2 AND kind = ?3 AND party = ?4",
            )?
            .execute(params![
                issuer_id,
                card,
                kind_column(consent.kind)?,
                consent.party
            ])?;
            let detail = json!({ "card": card, "kind": consent.kind, "party": consent.party,
                "given": consent.given });
            unit.prepare_cached(
                "INSERT INTO events (issuer_id, at, kind, detail) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![
                issuer_id,
                now.0,
                "consent-withdrawn",
                detail.to_string().into_bytes()
            ])?;
        }
        unit.commit()?;
        Ok(withdrawn)
    }
}

fn kind_column(kind: ConsentKind) -> Result<i64, StoreError> {
    match kind {
        ConsentKind::TrustList => Ok(1),
        ConsentKind::DeviceBinding => Ok(2),
        _ => Err(StoreError::Refused("a consent of a new kind".to_owned())),
    }
}

fn kind(column: i64) -> Result<ConsentKind, StoreError> {
    match column {
        1 => Ok(ConsentKind::TrustList),
        2 => Ok(ConsentKind::DeviceBinding),
        _ => Err(StoreError::Corrupt("consent kind cannot be read".to_owned())),
    }
}

/// Consents of one kind that a card keeps.
const KEPT: i64 = 100;
