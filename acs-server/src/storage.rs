//! Storage behind a trait that SQLite fulfils today and PostgreSQL can fulfil tomorrow.
//!
//! One [`Unit`] is all or nothing; many units share one durable commit. A call to
//! [`Store::commit`] returns only after its unit is on disk (invariant 4).

mod notices;
mod reply;
pub mod sqlite;
mod state;

use std::sync::Arc;

use acs_core::UtcMillis;
use acs_core::crypto::ContentKey;
use acs_core::element::{Pan, TransId};
use acs_core::flow::consent::Consent;
use acs_core::profile::{Card, Contacts};
use futures_util::future::BoxFuture;

pub use notices::{NoticeDetail, NoticeRow};
pub use reply::StoredReply;
pub use state::{BadState, StoredState};

/// Number of a transaction's row. acsTransIDs are the encryption of it (see `trans_id`), so no
/// index over random ids exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransactionNumber(pub u64);

/// One all-or-nothing change.
#[derive(Debug, Default)]
pub struct Unit {
    pub transaction: Option<TransactionWrite>,
    /// Audit events, in order.
    pub events: Vec<EventRow>,
    pub outgoing: Vec<OutgoingWrite>,
    pub consents: Vec<ConsentRow>,
    /// An earlier transaction that this one ends, or uses up.
    pub closes: Option<Closing>,
}

/// The state of a transaction after another one that was to follow it. Written like
/// [`TransactionWrite::Replace`], with the unit it stands in or not at all.
#[derive(Debug)]
pub struct Closing {
    pub row: TransactionRow,
    pub expected: u32,
}

/// A cardholder's consent with the transaction it was given in.
#[derive(Debug, Clone)]
pub struct ConsentRow {
    pub issuer_id: String,
    /// Card token.
    pub card: String,
    pub transaction: TransactionNumber,
    pub consent: Consent,
}

/// Change of a transaction's row.
#[derive(Debug)]
pub enum TransactionWrite {
    Insert(TransactionRow),
    /// Written only while the stored revision is `expected`; otherwise the whole unit is dropped
    /// and [`Committed::Conflict`] comes back.
    Replace {
        row: TransactionRow,
        expected: u32,
        deadline: Deadline,
    },
}

/// What a change does to a transaction's place among all deadlines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deadline {
    /// It is written as the row says.
    Moves,
    /// It is stored as the row says already, and left alone; [`Committed::Conflict`] where it is not.
    Stays,
}

/// How a unit ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Committed {
    Durable,
    /// Nothing of the unit was written. For a replace: somebody else moved the transaction on; load
    /// it again and decide anew. For an insert: the replay window already holds this dsTransID;
    /// [`Store::replay`] names the transaction that does.
    Conflict,
}

/// A transaction as stored.
#[derive(Clone)]
pub struct TransactionRow {
    pub number: TransactionNumber,
    pub issuer_id: String,
    pub ds_id: String,
    pub created: UtcMillis,
    pub revision: u32,
    /// When it is due to be looked at: when the state says, or earlier.
    pub deadline: Option<UtcMillis>,
    pub state: StoredState,
    /// Account data an open challenge still needs (PAN, contacts); sealed at rest, `None` once over. A
    /// row is found with one that cannot be read as well: its challenge has to end.
    pub secret: Option<Secret>,
    /// Keyed digest of (ds_id, dsTransID) and of the AReq's bytes, for P-AREQ-20. Set at insert,
    /// kept by Replace.
    pub replay: Option<ReplayKey>,
    /// The ARes, kept sealed for the repeat window of 60 s and unreadable soon after. Set at insert,
    /// kept by Replace.
    pub reply: Option<StoredReply>,
}

/// Without the reply, which may hold an authentication value, and the state, which names merchant
/// and card.
impl std::fmt::Debug for TransactionRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TransactionRow")
            .field("number", &self.number)
            .field("revision", &self.revision)
            .finish_non_exhaustive()
    }
}

/// Account data of an open challenge, the same from its beginning to its end.
#[derive(Clone)]
pub struct Secret {
    /// `None` where it cannot be read.
    pan: Option<Pan>,
    contacts: Contacts,
    content_key: Option<ContentKey>,
    /// As it was read: nobody need seal it again.
    sealed: Option<Arc<[u8]>>,
}

impl Secret {
    /// `content_key` is that of an app challenge's channel [P-APP-04].
    #[must_use]
    pub const fn new(pan: Pan, contacts: Contacts, content_key: Option<ContentKey>) -> Self {
        Self { pan: Some(pan), contacts, content_key, sealed: None }
    }

    /// One that cannot be opened. Its bytes are kept: its key may come back.
    fn unreadable(sealed: Arc<[u8]>) -> Self {
        let contacts = Contacts::default();
        Self { pan: None, contacts, content_key: None, sealed: Some(sealed) }
    }

    /// Whether there is anything in it: its key may be gone, or its bytes damaged.
    #[must_use]
    pub const fn is_readable(&self) -> bool {
        self.pan.is_some()
    }

    #[must_use]
    pub const fn pan(&self) -> Option<&Pan> {
        self.pan.as_ref()
    }

    #[must_use]
    pub const fn contacts(&self) -> &Contacts {
        &self.contacts
    }

    /// Key of an app challenge's channel [P-APP-04].
    #[must_use]
    pub const fn content_key(&self) -> Option<&ContentKey> {
        self.content_key.as_ref()
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Key and content digest of an AReq.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ReplayKey {
    pub ds_trans: [u8; 16],
    pub body: [u8; 16],
    /// Of (ds_id, threeDSServerTransID), where that may come with one dsTransID only.
    pub server: Option<[u8; 16]>,
}

/// One audit event.
#[derive(Debug, Clone)]
pub struct EventRow {
    pub issuer_id: String,
    pub transaction: Option<TransactionNumber>,
    pub at: UtcMillis,
    pub kind: String,
    /// JSON.
    pub detail: Vec<u8>,
}

/// Identity of an outgoing message: at most one row per transaction and kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OutgoingKind {
    RReq,
    Otp,
    /// An Erro about a defective or missing RRes.
    Erro,
    /// A request to the issuer's systems to ask the cardholder.
    Ask,
    /// A one-time password beside [`Self::Otp`].
    SecondOtp,
}

/// Change of the `outgoing` table.
#[derive(Debug)]
pub enum OutgoingWrite {
    /// Insert, or replace the row of this transaction and kind (late status U; a re-sent code). An
    /// RReq of which bytes may have left is never replaced: [`StoreError::Refused`].
    Put(OutgoingRow),
    /// An attempt is about to start or has ended: next try, and whether bytes may have left. No
    /// effect on a closed row.
    Attempted {
        transaction: TransactionNumber,
        kind: OutgoingKind,
        attempts: u32,
        next_attempt: UtcMillis,
        maybe_sent: bool,
    },
    /// Delivered, expired or cancelled: the payload is wiped, the row stays as a record.
    Closed { transaction: TransactionNumber, kind: OutgoingKind, how: &'static str },
}

/// A message waiting to leave. Payload and destination are sealed at rest with the row's identity
/// as associated data.
#[derive(Clone)]
pub struct OutgoingRow {
    pub issuer_id: String,
    pub ds_id: String,
    pub transaction: TransactionNumber,
    pub kind: OutgoingKind,
    /// URL, or the delivery channel.
    pub destination: String,
    pub payload: Vec<u8>,
    pub attempts: u32,
    pub next_attempt: UtcMillis,
    /// True once any byte of it may have left this machine; rows found at start are read as true.
    pub maybe_sent: bool,
    pub expires: UtcMillis,
}

impl std::fmt::Debug for OutgoingRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OutgoingRow")
            .field("transaction", &self.transaction)
            .field("kind", &self.kind)
            .field("attempts", &self.attempts)
            .finish_non_exhaustive()
    }
}

/// An outgoing row as a look finds it: its destination and payload are still sealed, and empty in `row`.
#[derive(Debug, Clone)]
pub struct SealedMessage {
    pub row: OutgoingRow,
    pub(crate) sealed: Vec<u8>,
}

/// Open outgoing rows that are due.
#[derive(Debug, Default)]
pub struct Due {
    /// Oldest next attempt first.
    pub rows: Vec<SealedMessage>,
    /// Where the next look goes on; `None` where this one saw the last.
    pub rest: Option<OutgoingPlace>,
}

/// A place in the order of outgoing rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutgoingPlace {
    next_attempt: i64,
    transaction: i64,
    kind: i64,
}

/// Why the store did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    #[error("the store is full or cannot be written: {0}")]
    Unwritable(String),
    #[error("the store is busy: {0}")]
    Busy(String),
    #[error("a stored row cannot be read: {0}")]
    Corrupt(String),
    /// A unit that may never be written, alone or with others. A defect of the caller.
    #[error("the store refuses this unit: {0}")]
    Refused(String),
    #[error("the store is shutting down")]
    Closed,
}

/// The store of one ACS node.
pub trait Store: Send + Sync + std::fmt::Debug {
    /// The next unused transaction number (memory only: a crash leaves a gap).
    fn next_number(&self) -> TransactionNumber;

    /// Commits a unit durably, together with other callers' units. Dropping the future does not take
    /// the unit back.
    fn commit(&self, unit: Unit) -> BoxFuture<'_, Result<Committed, StoreError>>;

    fn transaction(
        &self,
        number: TransactionNumber,
    ) -> BoxFuture<'_, Result<Option<TransactionRow>, StoreError>>;

    /// [`Self::transaction`] for whoever goes on with it: without the ARes, which may be left
    /// sealed.
    fn state(
        &self,
        number: TransactionNumber,
    ) -> BoxFuture<'_, Result<Option<TransactionRow>, StoreError>> {
        self.transaction(number)
    }

    /// The visible card with this [token](Self::card_token), in any of the issuer's batches.
    fn card<'a>(
        &'a self,
        issuer_id: &'a str,
        token: &'a str,
    ) -> BoxFuture<'a, Result<Option<Card>, StoreError>>;

    /// Everything the holder of a card agreed to or refused, by card token.
    fn consents<'a>(
        &'a self,
        issuer_id: &'a str,
        card: &'a str,
    ) -> BoxFuture<'a, Result<Vec<Consent>, StoreError>>;

    /// Hex keyed hash of a PAN: the card token of states and events.
    fn card_token(&self, pan: &Pan) -> String;

    /// Transactions whose deadline is at or before `now`, oldest first.
    fn due(
        &self,
        now: UtcMillis,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<TransactionNumber>, StoreError>>;

    /// Open outgoing rows whose next attempt is at or before `now`, those behind the place `after`. One
    /// look sees at most `limit` rows.
    fn outgoing_due(
        &self,
        now: UtcMillis,
        after: Option<OutgoingPlace>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Due, StoreError>>;

    /// Opens a row that a look found.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`]: its key is gone, or its bytes are damaged.
    fn open_message(&self, message: &SealedMessage) -> Result<OutgoingRow, StoreError>;

    /// Makes every open outgoing row due at `now`, however far off its next attempt is.
    fn outgoing_anew(&self, now: UtcMillis) -> BoxFuture<'_, Result<(), StoreError>>;

    /// The transaction that holds this replay key's `ds_trans`, from the bounded window kept in
    /// memory (rebuilt at start), with its stored body digest.
    fn replay(&self, key: &ReplayKey) -> Option<(TransactionNumber, [u8; 16])>;

    /// Whether the window holds this key's `server` with another `ds_trans`. An insert with such a
    /// key is a [`Committed::Conflict`].
    fn server_id_is_taken(&self, key: &ReplayKey) -> bool;

    /// Events of a transaction, oldest first.
    fn events(&self, number: TransactionNumber)
    -> BoxFuture<'_, Result<Vec<EventRow>, StoreError>>;

    /// What came of a directory server's notice, in the order of its coming [P-OPR-02].
    fn notice_parts(
        &self,
        ds_id: &str,
        sequence: TransId,
    ) -> BoxFuture<'_, Result<Vec<NoticeRow>, StoreError>>;

    /// Stores a part of a notice durably; of all parts only the newest `keep` stay.
    /// [`Committed::Conflict`] when its place is taken: read the parts again and place it anew.
    fn put_notice(&self, row: NoticeRow, keep: u32)
    -> BoxFuture<'_, Result<Committed, StoreError>>;

    /// Waits until everything queued is on disk and stops the writer.
    fn close(&self) -> BoxFuture<'_, Result<(), StoreError>>;
}
