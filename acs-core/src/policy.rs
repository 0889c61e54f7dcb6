//! The decision step: ordered rules over card state, amount, currency, merchant, country and
//! indicators. First rule that fires wins; each outcome carries its *why* (invariant 9).

use serde::{Deserialize, Serialize};

/// One policy rule of an issuer's configuration (`[[issuer.rule]]`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Rule {
    /// Name shown in *why* records.
    pub name: String,
    /// All given conditions must hold; none given = always.
    #[serde(default)]
    pub when: Condition,
    pub then: RuleOutcome,
}

/// Conditions of a rule. Lists match when any entry matches.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Condition {
    /// `purchaseCurrency`, numeric or alphabetic is decided by configuration loading: numeric here.
    pub currency: Vec<String>,
    /// Amount in minor units at or above; needs `currency` to be meaningful.
    pub amount_at_least: Option<u64>,
    /// Amount in minor units below.
    pub amount_below: Option<u64>,
    pub merchant_country: Vec<String>,
    pub merchant_id: Vec<String>,
    pub mcc: Vec<String>,
    /// Any of the AReq's challenge indicators.
    pub challenge_ind: Vec<String>,
    /// `threeDSRequestorAuthenticationInd`.
    pub authentication_ind: Vec<String>,
    /// `01` PA, `02` NPA.
    pub message_category: Vec<String>,
}

/// What a rule decides (TOML: `then = { challenge = { mandated = true } }`, `then = "accept"` ...).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum RuleOutcome {
    /// Frictionless Y.
    Accept,
    /// A, by explicit attempts policy.
    Attempt,
    /// C, or N where a challenge is impossible.
    Challenge {
        #[serde(default)]
        mandated: bool,
    },
    /// N with a reason.
    Deny { reason: String },
    /// R with a reason.
    Reject { reason: String },
    /// U with a reason.
    Unavailable { reason: String },
}
