//! The storage contract, mounted once per engine.

mod contract;
mod sqlite;

use std::sync::Arc;

use acs_core::UtcMillis;
use acs_core::element::{Pan, TransId};
use acs_core::message::SequencePart;
use acs_server::storage::{
    Deadline, EventRow, NoticeRow, OutgoingKind, OutgoingRow, OutgoingWrite, ReplayKey, Secret,
    Store, StoredState, TransactionNumber, TransactionRow, TransactionWrite, Unit,
};

/// An engine under test: one database that can be opened again and again.
pub(crate) trait Engine: Send + Sync {
    fn new() -> Self;
    fn open(&self) -> Arc<dyn Store>;
    /// Puts cards where [`Store::card`] finds them.
    fn import_cards(&self, issuer_id: &str, lines: &str);
}

pub(crate) const START: UtcMillis = UtcMillis(1_790_000_000_000);

pub(crate) fn row(number: TransactionNumber) -> TransactionRow {
    TransactionRow {
        number,
        issuer_id: "bank-a".to_owned(),
        ds_id: "ds-a".to_owned(),
        created: START,
        revision: 0,
        deadline: None,
        state: StoredState::stored(br#"{"format":1}"#.to_vec()),
        secret: None,
        replay: None,
        reply: None,
    }
}

pub(crate) fn secret(pan: &str) -> Secret {
    let sms = Some("+819012345678".to_owned());
    let contacts = acs_core::profile::Contacts { sms, ..Default::default() };
    Secret::new(Pan::parse(pan).unwrap(), contacts, None)
}

pub(crate) fn event(number: TransactionNumber, kind: &str) -> EventRow {
    EventRow {
        issuer_id: "bank-a".to_owned(),
        transaction: Some(number),
        at: START,
        kind: kind.to_owned(),
        detail: br#"{"why":["rule small"]}"#.to_vec(),
    }
}

pub(crate) fn replay_key(n: u64) -> ReplayKey {
    let mut ds_trans = [0xa5; 16];
    ds_trans[..8].copy_from_slice(&n.to_be_bytes());
    ReplayKey { ds_trans, body: [n.to_be_bytes()[7]; 16], server: None }
}

pub(crate) fn outgoing(number: TransactionNumber, kind: OutgoingKind) -> OutgoingRow {
    OutgoingRow {
        issuer_id: "bank-a".to_owned(),
        ds_id: "ds-a".to_owned(),
        transaction: number,
        kind,
        destination: "https://ds.example/rreq".to_owned(),
        payload: b"payload".to_vec(),
        attempts: 0,
        next_attempt: START,
        maybe_sent: false,
        expires: START.plus_seconds(300),
    }
}

pub(crate) fn insert(row: TransactionRow) -> Unit {
    Unit { transaction: Some(TransactionWrite::Insert(row)), ..Unit::default() }
}

pub(crate) fn replace(row: TransactionRow, expected: u32) -> Unit {
    let replace = TransactionWrite::Replace { row, expected, deadline: Deadline::Moves };
    Unit { transaction: Some(replace), ..Unit::default() }
}

pub(crate) fn put(row: OutgoingRow) -> Unit {
    Unit { outgoing: vec![OutgoingWrite::Put(row)], ..Unit::default() }
}

/// All messages that are due, opened.
pub(crate) async fn due(store: &dyn Store, now: UtcMillis) -> Vec<OutgoingRow> {
    let due = store.outgoing_due(now, None, 1_000).await.unwrap();
    due.rows.iter().map(|found| store.open_message(found).unwrap()).collect()
}

/// Part `place` (from 0) of the `sequence`th notice.
pub(crate) fn notice(sequence: u8, place: u32) -> NoticeRow {
    let text = format!("00000000-0000-4000-8000-0000000000{sequence:02}");
    NoticeRow {
        ds_id: "ds-a".to_owned(),
        part: SequencePart { id: TransId::parse(&text).unwrap(), number: 1, total: 2 },
        place,
        received: START,
        broken: false,
        digest: [sequence; 16],
        answered: None,
        reply: None,
        detail: b"{}".to_vec(),
    }
}
