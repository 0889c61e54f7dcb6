//! `[log]`: how and where the log is written; field names stand in docs/logging.md.

use std::path::{Path, PathBuf};

use serde::Deserialize;

/// The log.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    pub format: LogFormat,
    /// Least level written: `error`, `warn`, `info`, `debug`, or a filter such as
    /// `info,acs_server::outgoing=debug`. The environment variable `ACS_LOG` overrides it.
    pub level: String,
    /// Appended to; standard error when absent.
    pub file: Option<PathBuf>,
}

/// Shape of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    #[default]
    Text,
    Json,
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Text, level: "info".to_owned(), file: None }
    }
}

impl Log {
    pub(super) fn resolve(&mut self, folder: &Path) {
        if let Some(file) = &mut self.file {
            super::join(folder, file);
        }
    }
}
