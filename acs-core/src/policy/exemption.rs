//! `transChallengeExemption`: why the issuer did not challenge [P-ARES-19, Note 113].

use serde::{Deserialize, Serialize};

use super::{Rule, RuleOutcome};

/// An exemption from strong customer authentication that an issuer's rule makes use of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Exemption {
    /// The issuer's own transaction risk analysis.
    RiskAnalysis,
    /// The merchant is on the cardholder's trust list.
    TrustList,
    LowValue,
    /// A payment by a company's own secure process.
    SecureCorporate,
    /// Says that no exemption was used.
    None,
}

impl Exemption {
    /// The wire code [P-ARES-19, Note 113].
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::RiskAnalysis => "05",
            Self::TrustList => "08",
            Self::LowValue => "10",
            Self::SecureCorporate => "11",
            Self::None => "79",
        }
    }
}

impl Rule {
    /// What is wrong with the exemption it names, and what to do; `None` when nothing is.
    #[must_use]
    pub fn exemption_finding(&self) -> Option<&'static str> {
        let exemption = self.exemption?;
        if !matches!(self.then, RuleOutcome::Accept | RuleOutcome::Inform) {
            return Some(
                "names an exemption, but does not accept or inform: remove one of the two",
            );
        }
        let when = &self.when;
        match exemption {
            Exemption::TrustList if when.trusted_merchant != Some(true) => {
                Some("uses the trust list without looking: add when.trusted_merchant = true")
            }
            Exemption::LowValue if when.amount_below.is_none() => {
                Some("calls any amount low: add when.amount_below and when.currency")
            }
            _ => None,
        }
    }
}
