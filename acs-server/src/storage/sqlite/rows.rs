//! Units as the writer gets them (sealed by the caller's thread) and rows as readers find them.

use std::sync::Arc;

use acs_core::UtcMillis;
use acs_core::crypto::ContentKey;
use acs_core::element::Pan;
use acs_core::profile::{Card, CardState, Contacts};
use acs_core::security_code::SecurityCodeRecord;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use rusqlite::Row;
use serde::de::IntoDeserializer as _;
use serde::de::value::{Error as ValueError, StrDeserializer};
use zeroize::Zeroizing;

use super::Shared;
use super::reply_keys::SealedReply;
use crate::storage::{
    Closing, ConsentRow, Deadline, EventRow, OutgoingKind, OutgoingPlace, OutgoingRow,
    OutgoingWrite, ReplayKey, SealedMessage, Secret, StoreError, StoredState, TransactionNumber,
    TransactionRow, TransactionWrite, Unit,
};
use crate::vault::{Purpose, Vault};

/// A [`Unit`] without anything clear that must not be on disk.
#[derive(Debug)]
pub(super) struct SealedUnit {
    pub(super) transaction: Option<SealedTransaction>,
    pub(super) events: Vec<EventRow>,
    pub(super) outgoing: Vec<SealedOutgoing>,
    pub(super) consents: Vec<ConsentRow>,
    /// An earlier transaction that this one ends or uses up, with its secret.
    pub(super) closes: Option<(Closing, Option<Arc<[u8]>>)>,
}

#[derive(Debug)]
pub(super) enum SealedTransaction {
    Insert {
        row: TransactionRow,
        reply: Option<SealedReply>,
        secret: Option<Arc<[u8]>>,
        /// The events of this unit that fit the row's own column.
        opening: Vec<u8>,
    },
    Replace {
        row: TransactionRow,
        secret: Option<Arc<[u8]>>,
        expected: u32,
        deadline: Deadline,
        /// The events of this unit that join those in the row.
        trail: Vec<u8>,
        /// It leaves a challenge that an app will go on with soon.
        open_to_app: bool,
    },
}

#[derive(Debug)]
pub(super) enum SealedOutgoing {
    Put { row: OutgoingRow, sealed: Vec<u8> },
    Other(OutgoingWrite),
}

impl SealedUnit {
    pub(super) fn new(shared: &Shared, unit: Unit) -> Result<Self, StoreError> {
        let Unit { transaction, mut events, outgoing, consents, closes } = unit;
        let transaction = match transaction {
            Some(TransactionWrite::Insert(row)) => Some(seal_insert(shared, row, &mut events)?),
            Some(TransactionWrite::Replace { mut row, expected, deadline }) => Some({
                if row.state.json().is_empty() {
                    return Err(StoreError::Refused("a state that was not written out".to_owned()));
                }
                let open_to_app =
                    row.secret.as_ref().is_some_and(|secret| secret.content_key().is_some());
                let secret = seal_secret(&shared.vault, &mut row)?;
                // No statement writes it over, and nobody keeps it in clear.
                row.reply = None;
                let trail = own_events(&row, &mut events);
                SealedTransaction::Replace { row, secret, expected, deadline, trail, open_to_app }
            }),
            None => None,
        };
        let closes = match closes {
            Some(mut closing) => {
                let secret = seal_secret(&shared.vault, &mut closing.row)?;
                Some((closing, secret))
            }
            None => None,
        };
        let outgoing = outgoing.into_iter().map(|write| seal_outgoing(&shared.vault, write));
        Ok(Self {
            transaction,
            events,
            outgoing: outgoing.collect::<Result<_, _>>()?,
            consents,
            closes,
        })
    }

    /// Whether a late refusal must undo earlier statements. Events are not refused by any rule of
    /// the tables, so that a state with its events needs none: a savepoint copies every page that
    /// is changed under it.
    pub(super) fn needs_savepoint(&self) -> bool {
        let rows = self.outgoing.len() + self.consents.len() + usize::from(self.closes.is_some());
        let others = usize::from(self.transaction.is_some()) + usize::from(!self.events.is_empty());
        rows > 0 && rows + others > 1
    }
}

fn seal_insert(
    shared: &Shared,
    mut row: TransactionRow,
    events: &mut Vec<EventRow>,
) -> Result<SealedTransaction, StoreError> {
    let secret = seal_secret(&shared.vault, &mut row)?;
    let Shared { vault, reply_texts, .. } = shared;
    let seal = |reply| shared.reply_keys.seal(vault, reply_texts, row.number, row.created, reply);
    let reply = row.reply.take().map(seal);
    let opening = own_events(&row, events);
    Ok(SealedTransaction::Insert { reply: reply.transpose()?, secret, opening, row })
}

/// Moves events that belong to the row itself into its `opening` column: an insert and a move in an
/// index less each, for a row that is written anyway.
fn own_events(row: &TransactionRow, events: &mut Vec<EventRow>) -> Vec<u8> {
    let fits = |event: &EventRow| {
        event.transaction == Some(row.number)
            && event.issuer_id == row.issuer_id
            && !event.kind.contains([' ', '\n'])
            && !event.detail.contains(&b'\n')
    };
    let count = events.iter().take_while(|event| fits(event)).count();
    let mut lines = Vec::with_capacity(events[..count].iter().map(|e| e.detail.len() + 64).sum());
    for event in events.drain(..count) {
        lines.extend_from_slice(event.at.to_string().as_bytes());
        lines.push(b' ');
        lines.extend_from_slice(event.kind.as_bytes());
        lines.push(b' ');
        lines.extend_from_slice(&event.detail);
        lines.push(b'\n');
    }
    lines
}

/// Undoes [`own_events`].
pub(super) fn read_events(
    number: TransactionNumber,
    issuer_id: &str,
    lines: &[u8],
) -> Result<Vec<EventRow>, StoreError> {
    let read = |line: &[u8]| {
        let mut parts = line.splitn(3, |byte| *byte == b' ');
        let at = std::str::from_utf8(parts.next()?).ok()?.parse().ok()?;
        let kind = std::str::from_utf8(parts.next()?).ok()?.to_owned();
        Some(EventRow {
            issuer_id: issuer_id.to_owned(),
            transaction: Some(number),
            at: UtcMillis(at),
            kind,
            detail: parts.next()?.to_vec(),
        })
    };
    lines
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| read(line).ok_or_else(|| corrupt("events of a row")))
        .collect()
}

pub(super) fn seal_secret(
    vault: &Vault,
    row: &mut TransactionRow,
) -> Result<Option<Arc<[u8]>>, StoreError> {
    let Some(secret) = row.secret.take() else {
        return Ok(None);
    };
    if let Some(sealed) = secret.sealed {
        return Ok(Some(sealed));
    }
    let digits = secret.pan.as_ref().ok_or_else(|| corrupt("secret"))?.expose_digits();
    // "digits json" or "digits key json", with room for all: a vector that grew would leave a copy
    // behind.
    let contacts = Zeroizing::new(contacts_json(&secret.contacts)?);
    let room = digits.len() + 2 + KEY_LENGTH + contacts.len();
    let mut plain = Zeroizing::new(Vec::with_capacity(room));
    plain.extend_from_slice(digits.as_bytes());
    plain.push(b' ');
    if let Some(key) = &secret.content_key {
        let key = Zeroizing::new(STANDARD_NO_PAD.encode(key.expose_bytes()));
        plain.extend_from_slice(key.as_bytes());
        plain.push(b' ');
    }
    plain.extend_from_slice(&contacts);
    let identity = transaction_identity(row.number, &row.issuer_id);
    Ok(Some(vault.seal(Purpose::TransactionSecret, &identity, &plain)?.into()))
}

/// One that cannot be opened does not take its row with it, or its challenge would never end.
pub(super) fn open_secret(
    vault: &Vault,
    number: TransactionNumber,
    issuer_id: &str,
    sealed: Arc<[u8]>,
) -> Secret {
    try_open_secret(vault, number, issuer_id, Arc::clone(&sealed)).unwrap_or_else(|error| {
        tracing::error!(transaction = number.0, %error, alert = true, "account data cannot be read");
        Secret::unreadable(sealed)
    })
}

fn try_open_secret(
    vault: &Vault,
    number: TransactionNumber,
    issuer_id: &str,
    sealed: Arc<[u8]>,
) -> Result<Secret, StoreError> {
    let identity = transaction_identity(number, issuer_id);
    let plain = vault.open(Purpose::TransactionSecret, &identity, &sealed)?;
    let split = plain.iter().position(|byte| *byte == b' ');
    let (digits, rest) = plain.split_at(split.ok_or_else(|| corrupt("secret"))?);
    let pan = std::str::from_utf8(digits).ok().and_then(Pan::parse);
    let (content_key, contacts) = match rest.get(1) {
        Some(b'{') => (None, rest),
        _ => {
            let (key, contacts) =
                rest[1..].split_at_checked(KEY_LENGTH).ok_or_else(|| corrupt("secret"))?;
            (Some(content_key(key).ok_or_else(|| corrupt("secret"))?), contacts)
        }
    };
    Ok(Secret {
        pan: Some(pan.ok_or_else(|| corrupt("secret"))?),
        contacts: serde_json::from_slice(contacts).map_err(|_| corrupt("contacts"))?,
        content_key,
        sealed: Some(sealed),
    })
}

fn content_key(text: &[u8]) -> Option<ContentKey> {
    let mut key = Zeroizing::new([0; 32]);
    let length = STANDARD_NO_PAD.decode_slice(text, key.as_mut_slice()).ok()?;
    (length == key.len()).then(|| ContentKey::from_bytes(*key))
}

fn seal_outgoing(vault: &Vault, write: OutgoingWrite) -> Result<SealedOutgoing, StoreError> {
    let OutgoingWrite::Put(mut row) = write else {
        return Ok(SealedOutgoing::Other(write));
    };
    let destination = Zeroizing::new(std::mem::take(&mut row.destination));
    let payload = Zeroizing::new(std::mem::take(&mut row.payload));
    let length = u32::try_from(destination.len())
        .map_err(|_| StoreError::Refused("destination too long".to_owned()))?;
    let mut plain = Zeroizing::new(Vec::with_capacity(4 + destination.len() + payload.len()));
    plain.extend_from_slice(&length.to_be_bytes());
    plain.extend_from_slice(destination.as_bytes());
    plain.extend_from_slice(&payload);
    let identity = outgoing_identity(row.transaction, row.kind, &row.issuer_id);
    let sealed = vault.seal(Purpose::Outgoing, &identity, &plain)?;
    Ok(SealedOutgoing::Put { row, sealed })
}

/// Columns of [`read_transaction`]. A transaction that went on after its ARes has that in `openings`.
pub(super) const TRANSACTION: &str = "SELECT issuer_id, ds_id, created, revision, deadline, replay,
     coalesce(t.reply_key, o.reply_key), coalesce(t.reply, o.reply), secret, state, o.text, o.text_at
     FROM transactions t LEFT JOIN openings o ON o.number = t.number WHERE t.number = ?1";

/// The same without the reply.
pub(super) const STATE: &str = "SELECT issuer_id, ds_id, created, revision, deadline, replay,
     NULL, NULL, secret, state, NULL, NULL FROM transactions WHERE number = ?1";

/// Issuer, and events in lines: the first, and those of later steps.
pub(super) const OWN_EVENTS: &str = "SELECT issuer_id, o.opening, t.opening
     FROM transactions t LEFT JOIN openings o ON o.number = t.number WHERE t.number = ?1";

pub(super) fn read_transaction(
    shared: &Shared,
    number: TransactionNumber,
    row: &Row<'_>,
) -> Result<TransactionRow, StoreError> {
    let issuer_id: String = row.get(0)?;
    let reply = match (row.get::<_, Option<i64>>(6)?, row.get_ref(7)?.as_blob_or_null()) {
        (Some(key), Ok(Some(sealed))) => {
            let text = row.get::<_, Option<i64>>(10)?.zip(row.get::<_, Option<u32>>(11)?);
            shared.reply_keys.open(&shared.reply_texts, number, key, sealed, text)?
        }
        _ => None,
    };
    let secret = match row.get_ref(8)?.as_blob_or_null() {
        Ok(Some(sealed)) => Some(open_secret(&shared.vault, number, &issuer_id, sealed.into())),
        _ => None,
    };
    Ok(TransactionRow {
        number,
        ds_id: row.get(1)?,
        created: UtcMillis(row.get(2)?),
        revision: row.get(3)?,
        deadline: row.get::<_, Option<i64>>(4)?.map(UtcMillis),
        replay: row
            .get::<_, Option<Vec<u8>>>(5)?
            .map(|digests| read_replay(&digests))
            .transpose()?,
        reply,
        secret,
        state: StoredState::stored(row.get(9)?),
        issuer_id,
    })
}

/// Two digests of 16 bytes, or three.
pub(super) fn replay_column(key: &ReplayKey) -> Vec<u8> {
    let mut digests = Vec::with_capacity(48);
    digests.extend_from_slice(&key.ds_trans);
    digests.extend_from_slice(&key.body);
    digests.extend_from_slice(key.server.as_ref().map_or(&[], <[u8; 16]>::as_slice));
    digests
}

pub(super) fn read_replay(digests: &[u8]) -> Result<ReplayKey, StoreError> {
    let (digests, rest) = digests.as_chunks();
    match (digests, rest) {
        ([ds_trans, body, server @ ..], []) if server.len() <= 1 => {
            Ok(ReplayKey { ds_trans: *ds_trans, body: *body, server: server.first().copied() })
        }
        _ => Err(corrupt("replay digests")),
    }
}

/// Columns of [`read_outgoing`] and [`read_place`].
pub(super) const OUTGOING_DUE: &str =
    "SELECT transaction_number, kind, issuer_id, ds_id, sealed, attempts, next_attempt, maybe_sent,
     expires FROM outgoing WHERE closed IS NULL AND next_attempt <= ?1
     AND (next_attempt, transaction_number, kind) > (?2, ?3, ?4)
     ORDER BY next_attempt, transaction_number, kind LIMIT ?5";

pub(super) fn read_place(row: &Row<'_>) -> Result<OutgoingPlace, StoreError> {
    Ok(OutgoingPlace { next_attempt: row.get(6)?, transaction: row.get(0)?, kind: row.get(1)? })
}

pub(super) fn read_outgoing(row: &Row<'_>) -> Result<SealedMessage, StoreError> {
    let head = OutgoingRow {
        issuer_id: row.get(2)?,
        ds_id: row.get(3)?,
        transaction: read_number(row.get(0)?)?,
        kind: read_kind(row.get(1)?)?,
        destination: String::new(),
        payload: Vec::new(),
        attempts: row.get(5)?,
        next_attempt: UtcMillis(row.get(6)?),
        maybe_sent: row.get(7)?,
        expires: UtcMillis(row.get(8)?),
    };
    // An open row without bytes is opened in vain, like one whose bytes are damaged.
    let sealed = row.get_ref(4)?.as_blob().unwrap_or_default().to_vec();
    Ok(SealedMessage { row: head, sealed })
}

pub(super) fn open_outgoing(
    vault: &Vault,
    message: &SealedMessage,
) -> Result<OutgoingRow, StoreError> {
    let head = &message.row;
    let identity = outgoing_identity(head.transaction, head.kind, &head.issuer_id);
    let plain = vault.open(Purpose::Outgoing, &identity, &message.sealed)?;
    let (length, rest) = plain.split_first_chunk().ok_or_else(|| corrupt("outgoing"))?;
    let (destination, payload) = usize::try_from(u32::from_be_bytes(*length))
        .ok()
        .and_then(|length| rest.split_at_checked(length))
        .ok_or_else(|| corrupt("outgoing"))?;
    Ok(OutgoingRow {
        destination: String::from_utf8(destination.to_vec()).map_err(|_| corrupt("outgoing"))?,
        payload: payload.to_vec(),
        ..head.clone()
    })
}

/// Columns of [`read_card`]; the newest visible batch wins.
pub(super) const CARD: &str = "SELECT c.expiry, c.state, c.contacts, c.outcome, c.passkeys,
     c.security_code
     FROM cards c JOIN card_batches b ON b.id = c.batch
     WHERE c.issuer_id = ?1 AND c.token = ?2 AND b.visible = 1
     ORDER BY c.batch DESC LIMIT 1";

pub(super) fn read_card(
    vault: &Vault,
    issuer_id: &str,
    token: &[u8; 16],
    row: &Row<'_>,
) -> Result<Card, StoreError> {
    let contacts = match row.get_ref(2)?.as_blob_or_null() {
        Ok(Some(sealed)) => {
            let plain =
                vault.open(Purpose::CardContacts, &card_identity(issuer_id, token), sealed)?;
            serde_json::from_slice(&plain).map_err(|_| corrupt("contacts"))?
        }
        _ => Contacts::default(),
    };
    let outcome = row.get::<_, Option<String>>(3)?;
    Ok(Card {
        expiry: row.get(0)?,
        state: read_card_state(row.get_ref(1)?.as_str().map_err(|_| corrupt("card"))?)?,
        contacts,
        outcome: outcome
            .map(|json| serde_json::from_str(&json).map_err(|_| corrupt("outcome")))
            .transpose()?,
        passkeys: row
            .get::<_, Option<String>>(4)?
            .map_or(Ok(Vec::new()), |json| serde_json::from_str(&json))
            .map_err(|_| corrupt("passkeys"))?,
        security_code: read_security_code(vault, &card_identity(issuer_id, token), row)?,
    })
}

fn read_security_code(
    vault: &Vault,
    identity: &[u8],
    row: &Row<'_>,
) -> Result<Option<SecurityCodeRecord>, StoreError> {
    let Ok(Some(sealed)) = row.get_ref(5)?.as_blob_or_null() else { return Ok(None) };
    let plain = vault.open(Purpose::CardSecurityCode, identity, sealed)?;
    let record = <[u8; 32]>::try_from(plain.as_slice());
    Ok(Some(SecurityCodeRecord::from_bytes(record.map_err(|_| corrupt("security code"))?)))
}

pub(super) fn read_card_state(text: &str) -> Result<CardState, StoreError> {
    let text: StrDeserializer<'_, ValueError> = text.into_deserializer();
    serde::Deserialize::deserialize(text).map_err(|_| corrupt("card state"))
}

/// Identity of a card row's sealed values.
pub(super) fn card_identity(issuer_id: &str, token: &[u8; 16]) -> Vec<u8> {
    [token, issuer_id.as_bytes()].concat()
}

pub(super) fn contacts_json(contacts: &Contacts) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(contacts).map_err(|_| corrupt("contacts"))
}

pub(super) fn column(number: TransactionNumber) -> Result<i64, StoreError> {
    i64::try_from(number.0).map_err(|_| StoreError::Refused("number too large".to_owned()))
}

pub(super) fn read_number(column: i64) -> Result<TransactionNumber, StoreError> {
    u64::try_from(column).map(TransactionNumber).map_err(|_| corrupt("transaction number"))
}

pub(super) const fn kind_column(kind: OutgoingKind) -> i64 {
    match kind {
        OutgoingKind::RReq => 1,
        OutgoingKind::Otp => 2,
        OutgoingKind::Erro => 3,
        OutgoingKind::Ask => 4,
        OutgoingKind::SecondOtp => 6,
    }
}

fn read_kind(column: i64) -> Result<OutgoingKind, StoreError> {
    match column {
        1 => Ok(OutgoingKind::RReq),
        2 => Ok(OutgoingKind::Otp),
        3 => Ok(OutgoingKind::Erro),
        4 => Ok(OutgoingKind::Ask),
        6 => Ok(OutgoingKind::SecondOtp),
        _ => Err(corrupt("outgoing kind")),
    }
}

fn transaction_identity(number: TransactionNumber, issuer_id: &str) -> Vec<u8> {
    [&number.0.to_be_bytes(), issuer_id.as_bytes()].concat()
}

fn outgoing_identity(number: TransactionNumber, kind: OutgoingKind, issuer_id: &str) -> Vec<u8> {
    let kind = kind_column(kind).to_be_bytes();
    [number.0.to_be_bytes().as_slice(), &kind, issuer_id.as_bytes()].concat()
}

fn corrupt(what: &str) -> StoreError {
    StoreError::Corrupt(format!("{what} cannot be read"))
}

/// Characters of a content key.
const KEY_LENGTH: usize = 43;
