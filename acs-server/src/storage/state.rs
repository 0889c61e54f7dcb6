//! The stored form of a transaction's state, with the state itself where somebody has it at hand.

use std::fmt;
use std::sync::Arc;

use acs_core::flow::Transaction;

/// JSON of a [`Transaction`]; nothing secret in it.
#[derive(Clone, Default)]
pub struct StoredState {
    /// Empty where only the transaction is kept in memory.
    json: Vec<u8>,
    transaction: Option<Arc<Transaction>>,
}

/// A state that cannot be written or read.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BadState(#[from] serde_json::Error);

impl StoredState {
    /// What is stored of `transaction`.
    ///
    /// # Errors
    /// [`BadState`], which is a defect.
    pub fn of(transaction: Arc<Transaction>) -> Result<Self, BadState> {
        let json = transaction.to_json()?;
        debug_assert!(is_read_alike(&json, &transaction), "a state is not read as it was written");
        Ok(Self { json, transaction: Some(transaction) })
    }

    /// As it was found in a store.
    #[must_use]
    pub const fn stored(json: Vec<u8>) -> Self {
        Self { json, transaction: None }
    }

    /// What is to be stored.
    #[must_use]
    pub fn json(&self) -> &[u8] {
        &self.json
    }

    /// The state, read if nobody has it at hand.
    ///
    /// # Errors
    /// [`BadState`] for one of a newer program, or a damaged one.
    pub fn transaction(&self) -> Result<Arc<Transaction>, BadState> {
        match &self.transaction {
            Some(transaction) => Ok(Arc::clone(transaction)),
            None => Ok(Arc::new(Transaction::from_json(&self.json)?)),
        }
    }

    /// For keeping in memory: not twice what one form says.
    pub(super) fn compact(&mut self) {
        if self.transaction.is_some() {
            self.json = Vec::new();
        }
    }

    /// Roughly the bytes of memory that it takes once [compact](Self::compact): what it was opened with
    /// is there as values and as JSON.
    pub(super) fn compact_bytes(&self) -> usize {
        let fixed = self.transaction.as_ref().map_or(0, |_| size_of::<Transaction>());
        fixed + self.json.len()
    }
}

/// Whoever goes on with the state in memory must find the same as after a restart.
fn is_read_alike(json: &[u8], transaction: &Transaction) -> bool {
    Transaction::from_json(json).is_ok_and(|read| format!("{read:?}") == format!("{transaction:?}"))
}

/// States name merchant and card.
impl fmt::Debug for StoredState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoredState(..)")
    }
}
