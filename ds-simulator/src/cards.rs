//! The test cards file: a JSON array of card numbers and what each will do.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::bank_app::Does;

/// A test card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestCard {
    pub pan: String,
    /// YYMM.
    #[serde(default)]
    pub expiry: Option<String>,
    #[serde(default)]
    pub scenario: String,
    /// The `transStatus` to expect, or words.
    #[serde(default)]
    pub expect: serde_json::Value,
    /// What its holder does in the issuer's app.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<Does>,
}

/// The cards in `path`; none when it cannot be read.
#[must_use]
pub fn read(path: &Path) -> Vec<TestCard> {
    match std::fs::read(path).map(|text| serde_json::from_slice(&text)) {
        Ok(Ok(cards)) => cards,
        Ok(Err(error)) => {
            tracing::warn!(%error, "cards file {} not understood", path.display());
            Vec::new()
        }
        Err(_) => Vec::new(),
    }
}
