//! `transStatusReason`: only codes that the transaction's version defines [P-STAT-11].

use std::borrow::Cow;

use crate::element::MessageVersion;
use crate::profile::IssuerProfile;

/// A reason that is legal in the version it was made for [Note 103].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reason(Cow<'static, str>);

impl Reason {
    pub(super) const EXPIRED: Self = Self::everywhere("05");
    pub(super) const UNKNOWN_CARD: Self = Self::everywhere("08");
    pub(super) const STOLEN: Self = Self::everywhere("10");
    pub(super) const FRAUD: Self = Self::everywhere("11");
    pub(super) const NOT_PERMITTED: Self = Self::everywhere("12");
    pub(super) const NOT_ENROLLED: Self = Self::everywhere("13");
    pub(super) const TIMED_OUT: Self = Self::everywhere("14");
    pub(super) const TOO_MANY_CHALLENGES: Self = Self::everywhere("19");
    pub(super) const NOT_AUTHENTICATED: Self = Self::everywhere("01");
    pub(super) const DEVICE: Self = Self::everywhere("03");
    pub(super) const NO_NPA: Self = Self::everywhere("20");
    pub(super) const NO_3RI: Self = Self::everywhere("21");
    /// From 2.2.0 on, like everything about decoupled authentication.
    pub(super) const DECOUPLED_NEEDED: Self = Self::everywhere("23");
    pub(super) const TIME_OVER: Self = Self::everywhere("24");
    pub(super) const TOO_SHORT: Self = Self::everywhere("25");
    /// From 2.3.1 on: a challenge that was not completed goes over to decoupled.
    pub(super) const FALLS_BACK: Self = Self::everywhere("29");

    /// For codes 01 to 21, which every version knows.
    const fn everywhere(code: &'static str) -> Self {
        Self(Cow::Borrowed(code))
    }

    /// A technical failure: 22, or the issuer's choice in 2.1.0, which does not know 22.
    pub(super) fn technical(version: MessageVersion, issuer: &IssuerProfile) -> Self {
        if version == MessageVersion::V210 {
            Self::configured(&issuer.technical_reason_210, version, &Self::everywhere("07"))
        } else {
            Self::everywhere("22")
        }
    }

    /// A configured code, or `instead` where the version does not define it. Codes 80-99 belong to
    /// the payment system and are taken as agreed [P-STAT-11, P-231-10].
    pub(super) fn configured(code: &str, version: MessageVersion, instead: &Self) -> Self {
        let last = match version {
            MessageVersion::V210 => 21,
            MessageVersion::V220 => 26,
            MessageVersion::V231 => 30,
        };
        let two_digits = code.len() == 2 && code.bytes().all(|b| b.is_ascii_digit());
        let number = if two_digits { code.parse().unwrap_or(0) } else { 0_u8 };
        if (1..=last).contains(&number) || (80..=99).contains(&number) {
            Self(Cow::Owned(code.to_owned()))
        } else {
            instead.clone()
        }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}
