//! Reading cards for operators. Card numbers leave only masked.

use std::path::Path;
use std::sync::Arc;

use acs_core::element::Pan;
use acs_core::profile::Card;
use rusqlite::{Connection, Row, params};

use super::CardsError;
use crate::storage::StoreError;
use crate::storage::sqlite::{OpenError, SCHEMA_VERSION, rows, schema, schema_version};
use crate::vault::{Purpose, Vault, hex};

/// The cards of a database, read only.
#[derive(Debug)]
pub struct Cards {
    conn: Connection,
    vault: Arc<Vault>,
}

/// A card on record.
#[derive(Debug)]
pub struct StoredCard {
    pub issuer_id: String,
    /// Hex keyed hash of the card number, as in states and events.
    pub token: String,
    /// First six and last four digits.
    pub masked_pan: String,
    pub card: Card,
}

/// Some cards and where to go on.
#[derive(Debug)]
pub struct Page {
    pub cards: Vec<StoredCard>,
    /// `None` at the end.
    pub next: Option<Cursor>,
}

/// A place in the list of cards. Cards come by issuer, and in no telling order within one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cursor {
    issuer_id: String,
    token: Vec<u8>,
}

impl Cards {
    /// Opens an existing database.
    ///
    /// # Errors
    /// [`CardsError`], among them a missing file and another schema version.
    pub fn open(path: &Path, vault: Arc<Vault>) -> Result<Self, CardsError> {
        match schema_version(path)? {
            None | Some(0) => Err(CardsError::NoDatabase(path.to_owned())),
            Some(SCHEMA_VERSION) => Ok(Self { conn: schema::open_reader(path)?, vault }),
            Some(found) if found > SCHEMA_VERSION => {
                Err(OpenError::NewerSchema { found, newest: SCHEMA_VERSION }.into())
            }
            Some(found) => {
                let text = format!("schema version {found} is old; `acs serve` migrates it");
                Err(OpenError::Unsupported(text).into())
            }
        }
    }

    /// At most `limit` cards behind `after`, of one issuer or of all.
    ///
    /// # Errors
    /// [`CardsError::Store`].
    pub fn list(
        &self,
        issuer_id: Option<&str>,
        after: &Cursor,
        limit: usize,
    ) -> Result<Page, CardsError> {
        // One more than asked for tells whether there is a next page.
        let mut cards = Vec::new();
        self.walk(issuer_id, after.clone(), limit.saturating_add(1), |card, _, cursor| {
            cards.push((card, cursor));
        })?;
        let more = cards.len() > limit;
        cards.truncate(limit);
        let next = cards.last().filter(|_| more).map(|(_, cursor)| cursor.clone());
        Ok(Page { cards: cards.into_iter().map(|(card, _)| card).collect(), next })
    }

    /// The card of an issuer with this number.
    ///
    /// # Errors
    /// [`CardsError::Store`].
    pub fn find(&self, issuer_id: &str, pan: &Pan) -> Result<Option<StoredCard>, CardsError> {
        let token = self.vault.card_index(pan);
        let mut statement = self.conn.prepare_cached(rows::CARD)?;
        let mut found = statement.query(params![issuer_id, token])?;
        let Some(row) = found.next()? else { return Ok(None) };
        Ok(Some(StoredCard {
            card: rows::read_card(&self.vault, issuer_id, &token, row)?,
            issuer_id: issuer_id.to_owned(),
            token: hex(&token),
            masked_pan: pan.masked(),
        }))
    }

    /// Cards whose numbers end in these four digits, at most `limit`. Looks at every card.
    ///
    /// # Errors
    /// [`CardsError::Store`].
    pub fn find_last4(&self, last4: &str, limit: usize) -> Result<Vec<StoredCard>, CardsError> {
        let mut hits = Vec::new();
        let mut after = Some(Cursor::default());
        while let Some(from) = after.take() {
            let mut seen = 0;
            self.walk(None, from, SCAN, |card, pan, cursor| {
                seen += 1;
                if pan.last4() == last4 && hits.len() < limit {
                    hits.push(card);
                }
                after = Some(cursor);
            })?;
            if seen < SCAN || hits.len() >= limit {
                break;
            }
        }
        Ok(hits)
    }

    fn walk(
        &self,
        issuer_id: Option<&str>,
        after: Cursor,
        limit: usize,
        mut each: impl FnMut(StoredCard, &Pan, Cursor),
    ) -> Result<(), CardsError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let Cursor { issuer_id: after_issuer, token } = after;
        let mut statement;
        let mut found = if let Some(issuer_id) = issuer_id {
            // A cursor into another issuer's cards starts this one from its first card.
            let token = if after_issuer == issuer_id { token } else { Vec::new() };
            statement = self.conn.prepare_cached(&select("c.issuer_id = ?1 AND c.token > ?2"))?;
            statement.query(params![issuer_id, token, limit])?
        } else {
            statement = self.conn.prepare_cached(&select("(c.issuer_id, c.token) > (?1, ?2)"))?;
            statement.query(params![after_issuer, token, limit])?
        };
        while let Some(row) = found.next()? {
            let (card, pan, cursor) = self.read(row)?;
            each(card, &pan, cursor);
        }
        Ok(())
    }

    fn read(&self, row: &Row<'_>) -> Result<(StoredCard, Pan, Cursor), CardsError> {
        let issuer_id: String = row.get(7)?;
        let token: [u8; 16] = row.get(8)?;
        let corrupt = || StoreError::Corrupt("a card number cannot be read".to_owned());
        let sealed = row.get_ref(6)?.as_blob().map_err(|_| corrupt())?;
        let identity = rows::card_identity(&issuer_id, &token);
        let digits = self.vault.open(Purpose::CardPan, &identity, sealed)?;
        let pan = std::str::from_utf8(&digits).ok().and_then(Pan::parse).ok_or_else(corrupt)?;
        let cursor = Cursor { issuer_id: issuer_id.clone(), token: token.to_vec() };
        let card = StoredCard {
            card: rows::read_card(&self.vault, &issuer_id, &token, row)?,
            issuer_id,
            token: hex(&token),
            masked_pan: pan.masked(),
        };
        Ok((card, pan, cursor))
    }
}

impl Cursor {
    /// Reads what [`std::fmt::Display`] writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (issuer_id, digits) = text.rsplit_once('/')?;
        let hex = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
        let good = digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let token = digits.as_bytes().chunks(2).map(hex).collect::<Option<_>>();
        good.then_some(Self { issuer_id: issuer_id.to_owned(), token: token? })
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.issuer_id, hex(&self.token))
    }
}

/// The newest visible row of each card; the first columns as [`rows::read_card`] wants them.
fn select(which: &str) -> String {
    format!(
        "SELECT c.expiry, c.state, c.contacts, c.outcome, c.passkeys, c.security_code,
         c.pan, c.issuer_id, c.token
         FROM cards AS c CROSS JOIN card_batches AS b ON b.id = c.batch
         WHERE {which} AND b.visible = 1 AND NOT EXISTS (
             SELECT 1 FROM cards AS n CROSS JOIN card_batches AS nb ON nb.id = n.batch
             WHERE n.issuer_id = c.issuer_id AND n.token = c.token AND n.batch > c.batch
             AND nb.visible = 1)
         ORDER BY c.issuer_id, c.token LIMIT ?3"
    )
}

/// Cards read in one statement by a search.
const SCAN: usize = 2000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back() {
        let cursor = Cursor { issuer_id: "bank/a".to_owned(), token: vec![0xa5; 16] };
        assert_eq!(Cursor::parse(&cursor.to_string()), Some(cursor));
        for bad in ["", "/", "bank/12", "bank/+123456789012345678901234567890+", "bank"] {
            assert_eq!(Cursor::parse(bad), None, "{bad}");
        }
    }
}
