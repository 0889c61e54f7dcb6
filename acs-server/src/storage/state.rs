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
        // An app's also holds the answer to its newest message.
        let usual = if transaction.app.is_some() { 4 * USUAL_BYTES } else { USUAL_BYTES };
        let mut json = Vec::with_capacity(usual);
        serde_json::to_writer(&mut json, &*transaction)?;
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
            None => Ok(Arc::new(serde_json::from_slice(&self.json)?)),
        }
    }

    /// For keeping in memory: not twice what one form says.
    pub(super) fn compact(&mut self) {
        if self.transaction.is_some() {
            self.json = Vec::new();
        }
    }

    /// Roughly the bytes of memory that it takes once [compact](Self::compact).
    pub(super) fn compact_bytes(&self) -> usize {
        let fixed = self.transaction.as_ref().map_or(0, |_| size_of::<Transaction>());
        fixed + self.json.len()
    }
}

/// Whoever goes on with the state in memory must find the same as after a restart.
fn is_read_alike(json: &[u8], transaction: &Transaction) -> bool {
    let read: Result<Transaction, _> = serde_json::from_slice(json);
    read.is_ok_and(|read| format!("{read:?}") == format!("{transaction:?}"))
}

/// States name merchant and card.
impl fmt::Debug for StoredState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoredState(..)")
    }
}

/// Most states are shorter.
const USUAL_BYTES: usize = 1024;
