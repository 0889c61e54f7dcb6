//! Which rows this process is delivering, so that none is sent twice at a time.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, SemaphorePermit};

use super::Key;
use crate::driver::unpoisoned;
use crate::storage::{OutgoingKind, OutgoingRow};

/// The rows under way, and bounded room for them.
#[derive(Debug)]
pub struct Deliveries {
    rows: Mutex<Rows>,
    rreqs: Semaphore,
    otps: Semaphore,
    /// Apart from codes: a request lives for days, and one issuer's silence must not hold up codes.
    asks: Semaphore,
}

#[derive(Debug, Default)]
struct Rows {
    /// Rows under way, each with the newer row that waits for its end.
    active: HashMap<Key, Option<OutgoingRow>>,
    /// When deliveries ended: a row read from the store before that moment is out of date.
    finished: HashMap<Key, Instant>,
}

impl Default for Deliveries {
    fn default() -> Self {
        Self {
            rows: Mutex::default(),
            rreqs: Semaphore::new(CONCURRENT),
            otps: Semaphore::new(CONCURRENT),
            asks: Semaphore::new(CONCURRENT),
        }
    }
}

/// The moment a look into the store began.
#[derive(Debug)]
pub(super) struct Reading(Instant);

impl Deliveries {
    /// Takes a just committed row: gives it back to be delivered now, or keeps it until the
    /// delivery of the row it replaced has ended.
    pub(super) fn start_or_queue(&self, row: OutgoingRow) -> Option<OutgoingRow> {
        let mut rows = unpoisoned(&self.rows);
        if let Some(waiting) = rows.active.get_mut(&key(&row)) {
            *waiting = Some(row);
            return None;
        }
        rows.active.insert(key(&row), None);
        Some(row)
    }

    /// Begins a look into the store.
    pub(super) fn reading(&self) -> Reading {
        let now = Instant::now();
        unpoisoned(&self.rows).finished.retain(|_, ended| now - *ended < MEMORY);
        Reading(now)
    }

    /// Takes a row found by a look: gives it back unless it is under way or was since.
    pub(super) fn start_read(&self, row: OutgoingRow, read: &Reading) -> Option<OutgoingRow> {
        let mut rows = unpoisoned(&self.rows);
        let out_of_date = rows.finished.get(&key(&row)).is_some_and(|ended| *ended >= read.0);
        if out_of_date || rows.active.contains_key(&key(&row)) {
            return None;
        }
        rows.active.insert(key(&row), None);
        Some(row)
    }

    /// Whether a newer row has taken the place of the one under way.
    pub(super) fn is_replaced(&self, key: Key) -> bool {
        unpoisoned(&self.rows).active.get(&key).is_some_and(Option::is_some)
    }

    /// Ends a delivery; gives the row that replaced it.
    pub(super) fn finish(&self, key: Key) -> Option<OutgoingRow> {
        let mut rows = unpoisoned(&self.rows);
        rows.finished.insert(key, Instant::now());
        if let Some(next) = rows.active.get_mut(&key).and_then(Option::take) {
            return Some(next);
        }
        rows.active.remove(&key);
        None
    }

    /// Room for one more delivery of this kind.
    pub(super) async fn permit(&self, kind: OutgoingKind) -> Option<SemaphorePermit<'_>> {
        match kind {
            OutgoingKind::RReq | OutgoingKind::Erro => self.rreqs.acquire().await.ok(),
            OutgoingKind::Otp => self.otps.acquire().await.ok(),
            OutgoingKind::Ask => self.asks.acquire().await.ok(),
        }
    }
}

fn key(row: &OutgoingRow) -> Key {
    (row.transaction, row.kind)
}

const CONCURRENT: usize = 64;
const MEMORY: Duration = Duration::from_secs(60);
