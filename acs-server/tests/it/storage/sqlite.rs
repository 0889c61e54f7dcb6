//! The contract on SQLite, and what only SQLite promises.

use std::path::PathBuf;
use std::sync::Arc;

use acs_server::storage::Store;
use acs_server::storage::sqlite::{SqliteOptions, SqliteStore};
use acs_server::vault::Vault;
use tempfile::TempDir;

use super::Engine;
use super::contract::contract;

contract!(Sqlite);

struct Sqlite {
    dir: TempDir,
    vault: Arc<Vault>,
}

impl Sqlite {
    fn path(&self) -> PathBuf {
        self.dir.path().join("acs.db")
    }

    fn open_with(&self, options: SqliteOptions) -> SqliteStore {
        SqliteStore::open(&self.path(), Arc::clone(&self.vault), options).unwrap()
    }
}

impl Engine for Sqlite {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        Self { dir, vault: Arc::new(Vault::ephemeral().unwrap()) }
    }

    fn open(&self) -> Arc<dyn Store> {
        Arc::new(self.open_with(SqliteOptions::default()))
    }

    fn import_cards(&self, issuer_id: &str, lines: &str) {
        crate::cards::import(&self.path(), &self.vault, issuer_id, lines).unwrap();
    }
}
