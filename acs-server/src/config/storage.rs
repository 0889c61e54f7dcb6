//! `[storage]`: where state is kept.

use std::path::{Path, PathBuf};

use serde::Deserialize;

/// The store.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Storage {
    #[serde(default)]
    pub engine: Engine,
    /// The SQLite file; its folder must exist.
    pub path: PathBuf,
}

/// Storage engines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Engine {
    #[default]
    Sqlite,
}

impl Storage {
    pub(super) fn resolve(&mut self, folder: &Path) {
        super::join(folder, &mut self.path);
    }
}
