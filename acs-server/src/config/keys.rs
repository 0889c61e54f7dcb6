//! `[keys]`: the key file of the vault.

use std::path::{Path, PathBuf};

use serde::Deserialize;

/// Keys that protect stored data.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keys {
    /// Key file, readable by its owner only; `acs init` makes one.
    pub file: PathBuf,
    /// Production runs with keys in files only when this is [`SOFTWARE_KEYS_SENTENCE`].
    pub allow_software_keys: Option<String>,
}

/// What an operator has to write to run production with software keys.
pub const SOFTWARE_KEYS_SENTENCE: &str = "I accept software keys";

impl Keys {
    pub(super) fn resolve(&mut self, folder: &Path) {
        super::join(folder, &mut self.file);
    }
}
