//! Rows of challenges that moved a moment ago, as they were written: who answers one message of an
//! app is asked for the next one soon. Bounded, and nothing in clear that is sealed on disk.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::rows::{self, SealedTransaction, SealedUnit};
use crate::storage::{Committed, StoreError, TransactionNumber, TransactionRow};
use crate::vault::Vault;

/// The newest rows; the oldest go. Whoever relies on one is still held to its revision by the
/// commit. Empty after a start.
pub(super) struct Hot {
    rows: Mutex<Rows>,
    /// Most bytes of all rows together.
    bound: usize,
}

#[derive(Default)]
struct Rows {
    by_number: HashMap<TransactionNumber, (u64, HotRow)>,
    /// Numbers by when their rows were written.
    by_age: BTreeMap<u64, TransactionNumber>,
    written: u64,
    bytes: usize,
}

/// A row with its secret as it is on disk.
#[derive(Clone)]
pub(super) struct HotRow {
    row: TransactionRow,
    secret: Arc<[u8]>,
    bytes: usize,
}

impl HotRow {
    /// `row` without its secret, which is `sealed`.
    pub(super) fn new(mut row: TransactionRow, sealed: Arc<[u8]>) -> Self {
        let bytes = size_of::<(u64, Self)>() + row.state.compact_bytes() + sealed.len();
        row.state.compact();
        Self { row, secret: sealed, bytes }
    }

    pub(super) const fn number(&self) -> TransactionNumber {
        self.row.number
    }
}

impl Hot {
    /// At most `bound` bytes.
    pub(super) fn new(bound: usize) -> Self {
        Self { rows: Mutex::default(), bound }
    }

    /// Follows a unit whose outcome is certain and nobody has been told of yet. Only the writer
    /// calls this, in the order of its commits, so that a row here is never older than what anybody
    /// was told of; after a refusal or a failure nothing is kept that the file should be asked for.
    pub(super) fn note(&self, unit: &mut SealedUnit, outcome: &Result<Committed, StoreError>) {
        let closed = unit.closes.as_ref().map(|(closing, _)| closing.row.number);
        let replaced = match unit.transaction.take() {
            Some(SealedTransaction::Replace { row, secret, open_to_app, .. }) => {
                Some((row, secret.filter(|_| open_to_app)))
            }
            _ => None,
        };
        if closed.is_none() && replaced.is_none() {
            return;
        }
        let mut rows = self.rows();
        if let Some(number) = closed {
            rows.remove(number);
        }
        match replaced {
            Some((row, Some(secret))) if matches!(outcome, Ok(Committed::Durable)) => {
                rows.put(HotRow::new(row, secret), self.bound);
            }
            Some((row, _)) => rows.remove(row.number),
            None => {}
        }
    }

    /// The row of a transaction, if it is kept.
    pub(super) fn find(&self, vault: &Vault, number: TransactionNumber) -> Option<TransactionRow> {
        let (_, HotRow { mut row, secret, .. }) = self.rows().by_number.get(&number)?.clone();
        row.secret = Some(rows::open_secret(vault, number, &row.issuer_id, secret));
        Some(row)
    }

    fn rows(&self) -> MutexGuard<'_, Rows> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rows {
    fn put(&mut self, row: HotRow, bound: usize) {
        self.remove(row.number());
        self.written += 1;
        self.bytes += row.bytes;
        self.by_age.insert(self.written, row.number());
        self.by_number.insert(row.number(), (self.written, row));
        while self.bytes > bound
            && let Some((_, oldest)) = self.by_age.first_key_value()
        {
            self.remove(*oldest);
        }
    }

    fn remove(&mut self, number: TransactionNumber) {
        if let Some((age, row)) = self.by_number.remove(&number) {
            self.by_age.remove(&age);
            self.bytes -= row.bytes;
        }
    }
}

impl fmt::Debug for Hot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hot(..)")
    }
}

#[cfg(test)]
mod tests {
    use acs_core::UtcMillis;
    use acs_core::element::Pan;
    use acs_core::profile::Contacts;

    use super::*;
    use crate::storage::{Deadline, Secret, StoredState};

    fn unit(vault: &Vault, number: u64, revision: u32) -> SealedUnit {
        let pan = Pan::parse("4000000000001000").unwrap();
        let secret = Secret::new(pan, Contacts::default(), None);
        let mut row = TransactionRow {
            number: TransactionNumber(number),
            issuer_id: "alpha".to_owned(),
            ds_id: "ds-a".to_owned(),
            created: UtcMillis(0),
            revision,
            deadline: None,
            state: StoredState::stored(vec![b'x'; 1000]),
            secret: Some(secret),
            replay: None,
            reply: None,
        };
        let secret = rows::seal_secret(vault, &mut row).unwrap();
        let expected = revision - 1;
        SealedUnit {
            transaction: Some(SealedTransaction::Replace {
                row,
                secret,
                expected,
                deadline: Deadline::Moves,
                trail: Vec::new(),
                open_to_app: true,
            }),
            events: Vec::new(),
            outgoing: Vec::new(),
            consents: Vec::new(),
            closes: None,
        }
    }

    fn bytes(unit: SealedUnit) -> usize {
        let Some(SealedTransaction::Replace { row, secret: Some(secret), .. }) = unit.transaction
        else {
            panic!("not what was made")
        };
        HotRow::new(row, secret).bytes
    }

    fn revision(hot: &Hot, vault: &Vault, number: u64) -> Option<u32> {
        Some(hot.find(vault, TransactionNumber(number))?.revision)
    }

    const DURABLE: Result<Committed, StoreError> = Ok(Committed::Durable);

    #[test]
    fn the_newest_rows_are_kept_within_the_bound() {
        let vault = Vault::ephemeral().unwrap();
        let hot = Hot::new(4 * bytes(unit(&vault, 1, 1)));
        for number in 1..=4 {
            hot.note(&mut unit(&vault, number, 1), &DURABLE);
        }
        hot.note(&mut unit(&vault, 1, 2), &DURABLE);
        hot.note(&mut unit(&vault, 5, 1), &DURABLE);
        let kept = [1, 2, 3, 4, 5].map(|number| revision(&hot, &vault, number));
        assert_eq!(kept, [Some(2), None, Some(1), Some(1), Some(1)]);
        let found = hot.find(&vault, TransactionNumber(1)).unwrap();
        assert_eq!(found.secret.unwrap().pan(), Pan::parse("4000000000001000").as_ref());
        let other = hot.find(&Vault::ephemeral().unwrap(), TransactionNumber(1)).unwrap();
        assert!(!other.secret.unwrap().is_readable(), "found without its key");
        for number in 1..=5 {
            hot.note(&mut unit(&vault, number, 3), &Ok(Committed::Conflict));
        }
        let rows = hot.rows();
        assert_eq!((rows.bytes, rows.by_age.len(), rows.by_number.len()), (0, 0, 0));
    }

    #[test]
    fn a_row_goes_with_any_write_that_leaves_no_open_challenge() {
        let vault = Vault::ephemeral().unwrap();
        let hot = Hot::new(1 << 20);
        let failed = Err(StoreError::Closed);
        // Whether the secret stays, whether an app goes on, what came of the write.
        let cases = [
            (false, true, &DURABLE),
            (true, false, &DURABLE),
            (true, true, &Ok(Committed::Conflict)),
            (true, true, &failed),
        ];
        for (secret_stays, app_goes_on, outcome) in cases {
            hot.note(&mut unit(&vault, 7, 1), &DURABLE);
            assert_eq!(revision(&hot, &vault, 7), Some(1));
            let mut next = unit(&vault, 7, 2);
            if let Some(SealedTransaction::Replace { secret, open_to_app, .. }) =
                &mut next.transaction
            {
                *secret = secret.take().filter(|_| secret_stays);
                *open_to_app = app_goes_on;
            }
            hot.note(&mut next, outcome);
            assert_eq!(revision(&hot, &vault, 7), None);
        }
    }
}
