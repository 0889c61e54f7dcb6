//! Cards, through connections of their own beside a running server.
//!
//! An import writes a batch: rows that no lookup sees until one last transaction makes them visible
//! all at once. The newest visible batch that names a card decides; what it replaces is deleted
//! afterwards. A batch that was never published is deleted by the next import.

mod batch;
mod listing;
mod pace;

use std::path::PathBuf;

use super::OpenError;
use crate::storage::StoreError;

pub use batch::{CardBatch, Published};
pub use listing::{Cards, Cursor, Page, StoredCard};

/// Why cards could not be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CardsError {
    #[error("another card import is at work ({0} is locked); wait for it to end")]
    ImportRunning(PathBuf),
    #[error("there is no database at {0}; `acs init` or `acs card import` makes one")]
    NoDatabase(PathBuf),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<rusqlite::Error> for CardsError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<crate::vault::VaultError> for CardsError {
    fn from(error: crate::vault::VaultError) -> Self {
        Self::Store(error.into())
    }
}
