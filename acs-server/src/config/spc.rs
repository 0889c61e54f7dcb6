//! `[issuer.spc]`: Secure Payment Confirmation.

use acs_core::profile::{SpcFailure, SpcSettings};
use serde::Deserialize;

/// Confirmation by a passkey at the requestor, for cards that have passkeys [P-SPC-01..06].
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spc {
    /// Picture of the card: an https URL, or a data URL of an image.
    pub icon: String,
    /// How long the browser waits for the cardholder.
    #[serde(default = "five_minutes")]
    pub timeout_ms: u32,
    /// Letters of the currency shown with the amount 0 where nothing is paid.
    #[serde(default = "yen")]
    pub currency: String,
    /// Answer to an assertion that is not right: `challenge`, `deny` or `unavailable`.
    #[serde(default = "deny")]
    pub on_failure: SpcFailure,
    /// Answer when the cardholder did not sign.
    #[serde(default = "challenge")]
    pub on_incomplete: SpcFailure,
    /// Challenge pages of browsers begin with the passkey; a code is what follows without one
    /// [P-SPC-06].
    #[serde(default)]
    pub in_challenge: bool,
}

impl Spc {
    /// What the core needs to know of it.
    pub(super) fn settings(&self, wait_seconds: u32) -> SpcSettings {
        SpcSettings {
            icon: self.icon.clone(),
            timeout_ms: self.timeout_ms,
            wait_seconds,
            currency: self.currency.clone(),
            on_failure: self.on_failure,
            on_incomplete: self.on_incomplete,
            in_challenge: self.in_challenge,
        }
    }

    /// What is wrong with it.
    pub(super) fn findings(&self, name: &str) -> Vec<String> {
        let mut findings = Vec::new();
        let longest = if self.icon.starts_with("data:image/") { 4096 } else { 2048 };
        let kind = self.icon.starts_with("https://") || self.icon.starts_with("data:image/");
        if !kind || self.icon.len() > longest {
            findings.push(format!(
                "{name} spc.icon must be an https URL of at most 2048 or a data:image/ URL of at \
                 most 4096 characters"
            ));
        }
        if !(60_000..=500_000).contains(&self.timeout_ms) {
            findings.push(format!(
                "{name} spc.timeout_ms = {} must be 60000 to 500000",
                self.timeout_ms
            ));
        }
        if self.currency.len() != 3 || !self.currency.bytes().all(|b| b.is_ascii_uppercase()) {
            findings.push(format!(
                "{name} spc.currency = \"{}\" must be the letters of a currency, such as \"JPY\"",
                self.currency
            ));
        }
        findings
    }
}

const fn five_minutes() -> u32 {
    300_000
}

fn yen() -> String {
    "JPY".to_owned()
}

const fn deny() -> SpcFailure {
    SpcFailure::Deny
}

const fn challenge() -> SpcFailure {
    SpcFailure::Challenge
}
