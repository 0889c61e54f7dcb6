//! What SQLite's failures mean to a caller.

use rusqlite::ErrorCode;

use crate::storage::StoreError;
use crate::vault::VaultError;

/// Why a database file could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    #[error("another process serves this database ({0} is locked)")]
    AlreadyOpen(std::path::PathBuf),
    #[error("the database has schema version {found}, this program knows up to {newest}")]
    NewerSchema { found: u32, newest: u32 },
    #[error("the database cannot be used: {0}")]
    Unsupported(String),
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    #[error(transparent)]
    Vault(#[from] VaultError),
}

/// A failure of the file or its locks: it ends the whole group, and goes away by itself or by an
/// operator's hand.
pub(super) fn is_environment(error: &rusqlite::Error) -> bool {
    !matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::ConstraintViolation
                | ErrorCode::TypeMismatch
                | ErrorCode::TooBig
                | ErrorCode::ParameterOutOfRange
        )
    )
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::from(&error)
    }
}

impl From<&rusqlite::Error> for StoreError {
    fn from(error: &rusqlite::Error) -> Self {
        let text = error.to_string();
        match error.sqlite_error_code() {
            Some(
                ErrorCode::DiskFull
                | ErrorCode::SystemIoFailure
                | ErrorCode::ReadOnly
                | ErrorCode::CannotOpen
                | ErrorCode::PermissionDenied,
            ) => Self::Unwritable(text),
            Some(
                ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::OutOfMemory
                | ErrorCode::FileLockingProtocolFailed,
            ) => Self::Busy(text),
            Some(
                ErrorCode::ConstraintViolation | ErrorCode::TooBig | ErrorCode::ParameterOutOfRange,
            ) => Self::Refused(text),
            _ => Self::Corrupt(text),
        }
    }
}

impl From<VaultError> for StoreError {
    fn from(error: VaultError) -> Self {
        Self::Corrupt(error.to_string())
    }
}
