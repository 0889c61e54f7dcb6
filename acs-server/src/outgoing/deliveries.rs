//! What this process is delivering, so that none is sent twice at a time, and room for it: apart for
//! every party, so that one that hangs holds up nobody else.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use acs_core::UtcMillis;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Key;
use crate::driver::unpoisoned;
use crate::storage::{OutgoingKind, OutgoingPlace, OutgoingRow};

/// The rows under way, and bounded room for them.
#[derive(Debug, Default)]
pub struct Deliveries {
    rows: Mutex<Rows>,
    /// Room by kind and party: as many as the configuration names.
    lanes: Mutex<HashMap<Lane, Arc<Semaphore>>>,
}

/// What a directory server or an issuer's gateway takes. Codes have a lane apart from requests, which
/// live for days.
type Lane = (OutgoingKind, String);

#[derive(Debug, Default)]
struct Rows {
    active: HashMap<Key, Active>,
    /// How many of them each party has.
    by_lane: HashMap<Lane, usize>,
    /// Where the next look into the store begins.
    after: Option<OutgoingPlace>,
    /// When deliveries ended: a row read from the store before that moment is out of date.
    finished: HashMap<Key, Instant>,
    /// Rows that the store could not be told about: none is looked at again before its time.
    held: HashMap<Key, Instant>,
    /// Rows handed over which the store still has as open: they are closed, never sent again.
    handed_over: HashMap<Key, HandedOver>,
}

/// A row under way.
#[derive(Debug)]
struct Active {
    lane: Lane,
    /// The newer row that waits for its end.
    newer: Option<OutgoingRow>,
    /// It is no longer wanted.
    cancelled: bool,
}

/// How a row ended; with its expiry, which a newer row of the same key does not share.
#[derive(Debug)]
struct HandedOver {
    expires: UtcMillis,
    how: &'static str,
}

/// Gives a row back that is under way, should its task be lost.
#[derive(Debug)]
pub(super) struct UnderWay<'a> {
    deliveries: &'a Deliveries,
    /// Until it has ended in order: somebody else may deliver the row since.
    key: Option<Key>,
}

impl UnderWay<'_> {
    pub(super) fn ended(mut self) {
        self.key = None;
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            unpoisoned(&self.deliveries.rows).end(key);
        }
    }
}

/// The moment a look into the store began.
#[derive(Debug)]
pub(super) struct Reading {
    since: Instant,
    pub(super) after: Option<OutgoingPlace>,
}

impl Deliveries {
    /// Takes a just committed row: gives it back to be delivered now, or keeps it until the
    /// delivery of the row it replaced has ended. Where its party has no room it is dropped: the store
    /// has it.
    pub(super) fn start_or_queue(&self, row: OutgoingRow) -> Option<OutgoingRow> {
        let mut rows = unpoisoned(&self.rows);
        if let Some(active) = rows.active.get_mut(&key(&row)) {
            active.newer = Some(row);
            return None;
        }
        rows.start(&row, MOST_FRESH).then_some(row)
    }

    /// A guard of the row under way.
    pub(super) const fn under_way(&self, key: Key) -> UnderWay<'_> {
        UnderWay { deliveries: self, key: Some(key) }
    }

    /// Begins a look into the store.
    pub(super) fn reading(&self) -> Reading {
        let now = Instant::now();
        let mut rows = unpoisoned(&self.rows);
        rows.finished.retain(|_, ended| now - *ended < MEMORY);
        rows.held.retain(|_, until| *until > now);
        Reading { since: now, after: rows.after }
    }

    /// Where the next look begins: behind the last one, or at the first row.
    pub(super) fn goes_on(&self, after: Option<OutgoingPlace>) {
        unpoisoned(&self.rows).after = after;
    }

    /// Whether a row found by a look is to be delivered now: unless it is held, under way, or was
    /// since, and while its party has room.
    pub(super) fn start_read(&self, row: &OutgoingRow, read: &Reading) -> bool {
        let key = key(row);
        let mut rows = unpoisoned(&self.rows);
        let out_of_date = rows.finished.get(&key).is_some_and(|ended| *ended >= read.since);
        if out_of_date || rows.held.contains_key(&key) || rows.active.contains_key(&key) {
            return false;
        }
        rows.start(row, MOST_READ)
    }

    /// Whether it is being delivered, or waits for room.
    #[cfg(test)]
    pub(super) fn is_under_way(&self, key: Key) -> bool {
        unpoisoned(&self.rows).active.contains_key(&key)
    }

    /// Whether a newer row has taken the place of the one under way.
    pub(super) fn is_replaced(&self, key: Key) -> bool {
        unpoisoned(&self.rows).active.get(&key).is_some_and(|active| active.newer.is_some())
    }

    /// Whether nobody wants the row under way any more.
    pub(super) fn is_unwanted(&self, key: Key) -> bool {
        let rows = unpoisoned(&self.rows);
        rows.active.get(&key).is_some_and(|active| active.cancelled || active.newer.is_some())
    }

    /// The row was closed by somebody else: if it waits for room it does not leave.
    pub(crate) fn cancel(&self, key: Key) {
        let mut rows = unpoisoned(&self.rows);
        if let Some(active) = rows.active.get_mut(&key) {
            active.cancelled = true;
        }
        rows.finished.insert(key, Instant::now());
        rows.handed_over.remove(&key);
    }

    /// The store could not be told about a row: it is left alone for a while.
    pub(super) fn hold(&self, key: Key) {
        unpoisoned(&self.rows).held.insert(key, Instant::now() + HOLD);
    }

    /// A row was handed over and the store could not be told.
    pub(super) fn note_handed_over(&self, row: &OutgoingRow, how: &'static str) {
        let done = HandedOver { expires: row.expires, how };
        unpoisoned(&self.rows).handed_over.insert(key(row), done);
    }

    /// How a row of which the store knows nothing ended.
    pub(super) fn handed_over(&self, row: &OutgoingRow) -> Option<&'static str> {
        let rows = unpoisoned(&self.rows);
        let done = rows.handed_over.get(&key(row))?;
        (done.expires == row.expires).then_some(done.how)
    }

    /// The store knows how a row ended.
    pub(super) fn forget_handed_over(&self, key: Key) {
        unpoisoned(&self.rows).handed_over.remove(&key);
    }

    /// Ends a delivery; gives the row that replaced it.
    pub(super) fn finish(&self, key: Key) -> Option<OutgoingRow> {
        let mut rows = unpoisoned(&self.rows);
        rows.finished.insert(key, Instant::now());
        if let Some(active) = rows.active.get_mut(&key)
            && let Some(next) = active.newer.take()
        {
            active.cancelled = false;
            return Some(next);
        }
        rows.end(key);
        None
    }

    /// Room for one more delivery to the party of this row.
    pub(super) async fn permit(&self, row: &OutgoingRow) -> Option<OwnedSemaphorePermit> {
        let room = {
            let mut lanes = unpoisoned(&self.lanes);
            let new = || Arc::new(Semaphore::new(CONCURRENT));
            Arc::clone(lanes.entry(lane(row)).or_insert_with(new))
        };
        room.acquire_owned().await.ok()
    }
}

impl Rows {
    /// Whether the row's party has less than `most` under way; then it has one more.
    fn start(&mut self, row: &OutgoingRow, most: usize) -> bool {
        let lane = lane(row);
        let under_way = self.by_lane.entry(lane.clone()).or_default();
        if *under_way >= most {
            return false;
        }
        *under_way += 1;
        self.active.insert(key(row), Active { lane, newer: None, cancelled: false });
        true
    }

    fn end(&mut self, key: Key) {
        if let Some(active) = self.active.remove(&key)
            && let Some(under_way) = self.by_lane.get_mut(&active.lane)
        {
            *under_way = under_way.saturating_sub(1);
        }
    }
}

fn lane(row: &OutgoingRow) -> Lane {
    match row.kind {
        OutgoingKind::RReq | OutgoingKind::Erro => (OutgoingKind::RReq, row.ds_id.clone()),
        OutgoingKind::Otp | OutgoingKind::SecondOtp => (OutgoingKind::Otp, row.issuer_id.clone()),
        kind @ OutgoingKind::Ask => (kind, row.issuer_id.clone()),
    }
}

fn key(row: &OutgoingRow) -> Key {
    (row.transaction, row.kind)
}

const CONCURRENT: usize = 64;
/// Rows of one party under way or waiting for room. What a look found is there for the next look too.
const MOST_READ: usize = 2 * CONCURRENT;
/// The same for rows that were just committed: somebody waits for most of them, and a burst is over long
/// before the time of a look that finds them.
const MOST_FRESH: usize = 16 * CONCURRENT;
const MEMORY: Duration = Duration::from_secs(60);
/// How long a row is left alone that the store could not be told about.
const HOLD: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::TransactionNumber;

    fn row(number: u64, kind: OutgoingKind, party: &str) -> OutgoingRow {
        OutgoingRow {
            issuer_id: party.to_owned(),
            ds_id: party.to_owned(),
            transaction: TransactionNumber(number),
            kind,
            destination: String::new(),
            payload: Vec::new(),
            attempts: 0,
            next_attempt: UtcMillis(0),
            maybe_sent: false,
            expires: UtcMillis(9),
        }
    }

    #[tokio::test]
    async fn a_party_that_hangs_holds_up_nobody_else() {
        let deliveries = Deliveries::default();
        for (kind, other) in [
            (OutgoingKind::RReq, OutgoingKind::Otp),
            (OutgoingKind::Otp, OutgoingKind::Ask),
            (OutgoingKind::Ask, OutgoingKind::RReq),
        ] {
            let mut taken = Vec::new();
            for number in 0..CONCURRENT as u64 {
                taken.push(deliveries.permit(&row(number, kind, "slow")).await);
            }
            let patience = Duration::from_millis(50);
            let (one_more, fast) = (row(99, kind, "slow"), row(99, kind, "fast"));
            assert!(tokio::time::timeout(patience, deliveries.permit(&one_more)).await.is_err());
            let permit = tokio::time::timeout(patience, deliveries.permit(&fast)).await;
            assert!(permit.unwrap().is_some(), "{kind:?}");
            let elsewhere = row(99, other, "slow");
            assert!(tokio::time::timeout(patience, deliveries.permit(&elsewhere)).await.is_ok());
        }
    }

    #[test]
    fn what_was_handed_over_is_known_until_the_store_knows() {
        let deliveries = Deliveries::default();
        let code = row(1, OutgoingKind::Otp, "bank");
        deliveries.note_handed_over(&code, "delivered");
        assert_eq!(deliveries.handed_over(&code), Some("delivered"));
        let newer = OutgoingRow { expires: UtcMillis(10), ..code.clone() };
        assert_eq!(deliveries.handed_over(&newer), None, "another code");
        deliveries.forget_handed_over(key(&code));
        assert_eq!(deliveries.handed_over(&code), None);
    }

    #[test]
    fn a_held_row_is_not_started() {
        let deliveries = Deliveries::default();
        let code = row(1, OutgoingKind::Otp, "bank");
        deliveries.hold(key(&code));
        let read = deliveries.reading();
        assert!(!deliveries.start_read(&code, &read));
        assert!(deliveries.start_read(&row(2, OutgoingKind::Otp, "bank"), &read));
    }

    #[test]
    fn a_party_that_takes_nothing_has_a_bounded_number_of_rows_in_memory() {
        let deliveries = Deliveries::default();
        let read = deliveries.reading();
        let rreq = |number, party| row(number, OutgoingKind::RReq, party);
        let started =
            (0..5_000).filter(|number| deliveries.start_read(&rreq(*number, "dead"), &read));
        assert_eq!(started.count(), MOST_READ);
        let fresh = (5_000..9_000).filter_map(|n| deliveries.start_or_queue(rreq(n, "dead")));
        assert_eq!(fresh.count(), MOST_FRESH - MOST_READ);
        assert!(deliveries.start_read(&rreq(9_001, "alive"), &read), "another party");
        assert!(deliveries.start_or_queue(row(9_002, OutgoingKind::Otp, "dead")).is_some());
        for number in 0..5_000 {
            deliveries.finish(key(&rreq(number, "dead")));
        }
        assert!(deliveries.start_or_queue(rreq(9_003, "dead")).is_some(), "there is room again");
    }

    #[test]
    fn a_cancelled_row_is_unwanted_and_the_one_after_it_is_not() {
        let deliveries = Deliveries::default();
        let code = row(1, OutgoingKind::Otp, "bank");
        let read = deliveries.reading();
        assert!(deliveries.start_or_queue(code.clone()).is_some());
        assert!(!deliveries.is_unwanted(key(&code)));
        deliveries.cancel(key(&code));
        assert!(deliveries.is_unwanted(key(&code)));
        let newer = OutgoingRow { expires: UtcMillis(10), ..code.clone() };
        assert!(deliveries.start_or_queue(newer).is_none(), "it waits");
        assert!(deliveries.finish(key(&code)).is_some());
        assert!(!deliveries.is_unwanted(key(&code)));
        assert!(deliveries.finish(key(&code)).is_none());
        assert!(!deliveries.start_read(&code, &read), "read before it was cancelled");
    }
}
