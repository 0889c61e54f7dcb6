//! Newtypes for data elements that decide something: ids, account number, coded values.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use zeroize::Zeroize;

/// Protocol versions this ACS speaks. A version is data to the rest of the crate (invariant 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum MessageVersion {
    /// 2.1.0
    #[serde(rename = "2.1.0")]
    V210,
    /// 2.2.0
    #[serde(rename = "2.2.0")]
    V220,
    /// 2.3.1
    #[serde(rename = "2.3.1")]
    V231,
}

impl MessageVersion {
    /// Every version, oldest first.
    pub const ALL: [Self; 3] = [Self::V210, Self::V220, Self::V231];

    /// The text used in `messageVersion`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V210 => "2.1.0",
            Self::V220 => "2.2.0",
            Self::V231 => "2.3.1",
        }
    }

    /// The version named by `text`, or `None` when it is not one of [`Self::ALL`].
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|v| v.as_str() == text)
    }
}

impl fmt::Display for MessageVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// `deviceChannel`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum DeviceChannel {
    /// `01`: app-based.
    App,
    /// `02`: browser-based.
    Browser,
    /// `03`: 3DS Requestor initiated.
    ThreeRi,
}

/// `messageCategory`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum MessageCategory {
    /// `01`: payment authentication (PA). A DS-range value (80-99) agreed in the DS profile is
    /// treated as the category the profile maps it to.
    Payment,
    /// `02`: non-payment authentication (NPA).
    NonPayment,
}

/// `transStatus` [P-STAT-01..06].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum TransStatus {
    /// `Y`: authenticated.
    #[serde(rename = "Y")]
    Authenticated,
    /// `N`: not authenticated, denied.
    #[serde(rename = "N")]
    NotAuthenticated,
    /// `U`: could not be performed.
    #[serde(rename = "U")]
    Unavailable,
    /// `A`: attempt, proof given.
    #[serde(rename = "A")]
    Attempted,
    /// `C`: challenge required.
    #[serde(rename = "C")]
    ChallengeRequired,
    /// `R`: rejected, do not authorise.
    #[serde(rename = "R")]
    Rejected,
    /// `D`: decoupled authentication confirmed (from 2.2.0).
    #[serde(rename = "D")]
    Decoupled,
    /// `I`: informational, the wish for no challenge is acknowledged (from 2.2.0).
    #[serde(rename = "I")]
    Informational,
    /// `S`: Secure Payment Confirmation by the requestor (from 2.3.1).
    #[serde(rename = "S")]
    SpcRequired,
}

impl TransStatus {
    /// The wire code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Authenticated => "Y",
            Self::NotAuthenticated => "N",
            Self::Unavailable => "U",
            Self::Attempted => "A",
            Self::ChallengeRequired => "C",
            Self::Rejected => "R",
            Self::Decoupled => "D",
            Self::Informational => "I",
            Self::SpcRequired => "S",
        }
    }
}

/// A transaction id (`acsTransID`, `dsTransID`, ...): RFC 4122 text, compared case-insensitively,
/// written lower case [P-GEN-09].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TransId(pub Uuid);

impl TransId {
    /// Reads the canonical 36-character form; anything else is `None`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        (text.len() == 36).then(|| Uuid::try_parse(text).ok().map(Self))?
    }
}

impl fmt::Display for TransId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(f)
    }
}

/// A primary account number of 13 to 19 digits. It cannot be printed or serialised; it is wiped
/// when dropped (invariant 7).
#[derive(Clone, PartialEq, Eq)]
pub struct Pan(String);

impl Pan {
    /// Takes 13 to 19 ASCII digits; anything else is `None`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        ((13..=19).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit()))
            .then(|| Self(text.to_owned()))
    }

    /// The digits, for the vault, the keyed hash and authentication values only.
    #[must_use]
    pub fn expose_digits(&self) -> &str {
        &self.0
    }

    /// Whether the last digit is that of ISO/IEC 7812-1, annex B.
    #[must_use]
    pub fn check_digit_is_right(&self) -> bool {
        let doubled = |place: usize, digit: u32| {
            let value = if place % 2 == 1 { digit * 2 } else { digit };
            value / 10 + value % 10
        };
        let digits = self.expose_digits().bytes().rev().map(|byte| u32::from(byte - b'0'));
        let sum: u32 = digits.enumerate().map(|(place, digit)| doubled(place, digit)).sum();
        sum.is_multiple_of(10)
    }

    /// The last four digits, which may be shown.
    #[must_use]
    pub fn last4(&self) -> &str {
        &self.0[self.0.len() - 4..]
    }

    /// First six and last four digits with the rest masked, for operators.
    #[must_use]
    pub fn masked(&self) -> String {
        let hidden = self.0.len() - 10;
        format!("{}{}{}", &self.0[..6], "*".repeat(hidden), self.last4())
    }
}

impl fmt::Debug for Pan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pan(..)")
    }
}

impl Drop for Pan {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}
