//! Proof values (invariant 2): each is made in one module only, and an authentication value takes
//! one as an argument. Their fields are private to the module that earns them:
//!
//! - [`Asserted`] by `spc::assertion`, where a passkey's signature over the payment was verified,
//! - [`Verified`] by `challenge::otp`, where a code was compared and was right,
//! - [`RiskAccepted`] by `decide`, where a rule accepted the risk,
//! - [`Confirmed`] by `confirmation`, where the issuer's own systems said so,
//! - [`Attempt`] by `attempts`, where the issuer's rules say so beforehand.
//!
//! ```compile_fail,E0451
//! use acs_core::flow::{proof::Verified, transaction::Via};
//!
//! // Nobody else can make one.
//! let proof = Verified { method: Via::Sms };
//! ```

use crate::element::TransStatus;

pub use super::attempts::Attempt;
pub use super::challenge::otp::Verified;
pub use super::confirmation::Confirmed;
pub use super::decide::RiskAccepted;
pub use super::spc::assertion::Asserted;

/// Why an authentication value may be made.
#[derive(Debug)]
#[non_exhaustive]
pub enum Proof {
    /// The cardholder was verified in a challenge.
    Verified(Verified),
    /// The decision step accepted the risk.
    RiskAccepted(RiskAccepted),
    /// The issuer's rules give proof of an attempt.
    Attempt(Attempt),
    /// The issuer's own systems verified the cardholder.
    Confirmed(Confirmed),
    /// The cardholder confirmed the payment with a passkey.
    Asserted(Asserted),
}

impl Proof {
    /// A number per kind of proof: results of different kinds get different values [P-AV-07].
    #[must_use]
    pub const fn kind(&self) -> u8 {
        match self {
            Self::Verified(_) => 1,
            Self::RiskAccepted(_) => 2,
            Self::Attempt(_) => 3,
            Self::Confirmed(_) => 4,
            Self::Asserted(_) => 5,
        }
    }

    /// The status it proves.
    #[must_use]
    pub const fn status(&self) -> TransStatus {
        match self {
            Self::Verified(_) | Self::RiskAccepted(_) | Self::Confirmed(_) | Self::Asserted(_) => {
                TransStatus::Authenticated
            }
            Self::Attempt(_) => TransStatus::Attempted,
        }
    }
}
