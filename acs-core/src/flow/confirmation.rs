//! Word from the issuer's own systems, which ask the cardholder by themselves: decoupled
//! authentication [P-DEC-03] and out-of-band [Note 127]. Approval is the only way to [`Confirmed`].

use serde::{Deserialize, Serialize};

use super::reason::Reason;
use super::rreq::Outcome;
use super::transaction::Transaction;
use crate::UtcMillis;
use crate::element::TransStatus;
use crate::profile::IssuerProfile;

/// Proof that the issuer's systems authenticated the cardholder.
#[derive(Debug)]
pub struct Confirmed(());

/// What the issuer's systems say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Verdict {
    /// The cardholder was authenticated and agreed: Y.
    Approved,
    /// The cardholder refused, or failed the authentication: N.
    Declined,
    /// The issuer suspects fraud: R.
    Rejected,
    /// The cardholder could not be asked: U.
    Unavailable,
}

impl Verdict {
    /// The verdict of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Approved, Self::Declined, Self::Rejected, Self::Unavailable]
            .into_iter()
            .find(|verdict| verdict.as_str() == name)
    }

    /// `approved`, `declined`, `rejected` or `unavailable`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Declined => "declined",
            Self::Rejected => "rejected",
            Self::Unavailable => "unavailable",
        }
    }

    /// The status it leads to.
    #[must_use]
    pub const fn status(self) -> TransStatus {
        match self {
            Self::Approved => TransStatus::Authenticated,
            Self::Declined => TransStatus::NotAuthenticated,
            Self::Rejected => TransStatus::Rejected,
            Self::Unavailable => TransStatus::Unavailable,
        }
    }

    pub(super) fn outcome(self, transaction: &Transaction, issuer: &IssuerProfile) -> Outcome {
        match self {
            Self::Approved => Outcome::Proven(super::proof::Proof::Confirmed(Confirmed(()))),
            Self::Declined => Outcome::Denied { reason: Reason::NOT_AUTHENTICATED, cancel: None },
            Self::Rejected => Outcome::Rejected { reason: Reason::FRAUD },
            Self::Unavailable => {
                let reason = Reason::technical(transaction.version, issuer);
                Outcome::Unavailable { reason, cancel: None, erro: None }
            }
        }
    }
}

/// What the issuer's systems are asked to find out. Holds contacts, which are never printed.
#[non_exhaustive]
pub struct ConfirmationRequest {
    /// Who is asked, as the card record names it.
    pub contacts: crate::profile::Contacts,
    pub card_last4: String,
    /// Shop and amount for people, in the cardholder's language.
    pub text: String,
    /// `ja` or `en`.
    pub language: String,
    /// An answer after this moment comes too late.
    pub expires: UtcMillis,
    /// Only of an out-of-band authentication: the cardholder is in front of a screen of ours.
    pub prompt: Option<Prompt>,
}

/// What the issuer's app needs to bring screen and app together.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Prompt {
    /// Two digits, shown on the screen too.
    pub number: String,
    /// `threeDSRequestorAppURL`: where the app goes back to [P-APP-43].
    pub back: Option<String>,
}

impl std::fmt::Debug for ConfirmationRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConfirmationRequest")
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}
