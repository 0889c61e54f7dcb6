//! The attempts policy: `A` only where an issuer's rule (or a scripted test card) says so
//! beforehand (invariant 3).

use super::AuthenticateInput;
use crate::element::TransStatus;
use crate::policy::RuleOutcome;
use crate::profile::ScriptedOutcome;

/// Proof that the issuer's policy gives an attempts result.
#[derive(Debug)]
pub struct Attempt {
    policy: String,
}

impl Attempt {
    /// From the card's range, when the issuer has put that into attempts mode.
    pub(super) fn by_range(input: &AuthenticateInput<'_>) -> Option<Self> {
        input.attempts_range.then(|| Self { policy: "attempts-range".to_owned() })
    }

    /// From a rule that fired or the issuer's default, when its outcome is an attempt.
    pub(super) fn by_outcome(name: &str, outcome: &RuleOutcome) -> Option<Self> {
        (*outcome == RuleOutcome::Attempt).then(|| Self { policy: name.to_owned() })
    }

    /// From a test card's script, when that is an attempt.
    pub(super) fn by_script(script: &ScriptedOutcome) -> Option<Self> {
        (script.status == TransStatus::Attempted).then(|| Self { policy: "scripted".to_owned() })
    }

    /// Name of the rule behind it.
    #[must_use]
    pub fn policy(&self) -> &str {
        &self.policy
    }
}
