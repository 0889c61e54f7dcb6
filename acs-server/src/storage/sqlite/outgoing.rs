//! Messages that are due: looked for four times a second, however many of their rows are damaged.

use std::sync::atomic::{AtomicUsize, Ordering};

use acs_core::UtcMillis;
use rusqlite::{Connection, params};

use super::{Shared, rows, sql_limit};
use crate::storage::{Due, OutgoingPlace, StoreError};

/// Open rows whose next attempt is at or before `now`, those behind the place `after`.
pub(super) fn due(
    shared: &Shared,
    conn: &Connection,
    now: UtcMillis,
    after: Option<OutgoingPlace>,
    limit: usize,
) -> Result<Due, StoreError> {
    let OutgoingPlace { next_attempt, transaction, kind } = after.unwrap_or(FIRST);
    let mut statement = conn.prepare_cached(rows::OUTGOING_DUE)?;
    let place = params![now.0, next_attempt, transaction, kind, sql_limit(limit)];
    let mut found = statement.query(place)?;
    let (mut due, mut last, mut seen) = (Due::default(), None, 0);
    let mut unreadable = Unreadable::default();
    while let Some(row) = found.next()? {
        seen += 1;
        last = Some(rows::read_place(row)?);
        match rows::read_outgoing(row) {
            Ok(row) => due.rows.push(row),
            Err(error) => unreadable.note(error),
        }
    }
    due.rest = last.filter(|_| seen >= limit);
    unreadable.tell(&shared.unreadable);
    Ok(due)
}

/// Outgoing rows of one look that could not be read.
#[derive(Debug, Default)]
struct Unreadable {
    count: usize,
    first: Option<StoreError>,
}

impl Unreadable {
    fn note(&mut self, error: StoreError) {
        self.count += 1;
        self.first.get_or_insert(error);
    }

    /// Tells the log when there are more than the last look found: it looks four times a second.
    fn tell(self, known: &AtomicUsize) {
        let Self { count, first } = self;
        if count > known.swap(count, Ordering::Relaxed)
            && let Some(error) = first
        {
            tracing::error!(count, %error, alert = true, "outgoing rows cannot be read and stay");
        }
    }
}

/// Before every outgoing row.
const FIRST: OutgoingPlace = OutgoingPlace { next_attempt: i64::MIN, transaction: 0, kind: 0 };
