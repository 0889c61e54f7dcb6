//! Card security codes: compared with the issuer's record where there is one, told by a status, and
//! gone with the AReq that brought them [P-231-04].

use std::fmt;

use aws_lc_rs::hmac;
use zeroize::Zeroize;

use crate::element::Pan;

/// `cardSecurityCode` of an AReq. It cannot be printed or serialised; it is wiped when dropped.
#[derive(Clone)]
pub struct SecurityCode(String);

impl SecurityCode {
    /// Takes 3 or 4 ASCII digits; anything else is `None`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        ((3..=4).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit()))
            .then(|| Self(text.to_owned()))
    }
}

impl fmt::Debug for SecurityCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecurityCode(..)")
    }
}

impl Drop for SecurityCode {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// An issuer's key for the records of its security codes.
#[derive(Clone)]
pub struct SecurityCodeKey(hmac::Key);

impl SecurityCodeKey {
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// The record of a card's code: HMAC-SHA-256 over `PAN:code`.
    #[must_use]
    pub fn record(&self, pan: &Pan, code: &SecurityCode) -> SecurityCodeRecord {
        let mut context = hmac::Context::with_key(&self.0);
        for part in [pan.expose_digits(), ":", &code.0] {
            context.update(part.as_bytes());
        }
        let mut record = [0; 32];
        record.copy_from_slice(context.sign().as_ref());
        SecurityCodeRecord(record)
    }
}

impl fmt::Debug for SecurityCodeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecurityCodeKey(..)")
    }
}

/// What an issuer's record holds of a card's code: a keyed hash.
#[derive(Clone, Copy)]
pub struct SecurityCodeRecord([u8; 32]);

impl SecurityCodeRecord {
    /// Reads 64 hexadecimal digits; anything else is `None`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut record = [0; 32];
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        for (byte, at) in record.iter_mut().zip((0..64).step_by(2)) {
            *byte = u8::from_str_radix(text.get(at..at + 2)?, 16).ok()?;
        }
        Some(Self(record))
    }

    /// As a store keeps it, sealed.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// For the store, to be sealed.
    #[must_use]
    pub const fn expose_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for SecurityCodeRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecurityCodeRecord(..)")
    }
}

/// What comparing gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecurityCodeCheck {
    Right,
    Wrong,
    /// There is no code, no record or no key.
    NotChecked,
}

impl SecurityCodeCheck {
    /// Compares in constant time.
    #[must_use]
    pub fn of(
        key: Option<&SecurityCodeKey>,
        record: Option<&SecurityCodeRecord>,
        pan: &Pan,
        code: Option<&SecurityCode>,
    ) -> Self {
        let (Some(key), Some(record), Some(code)) = (key, record, code) else {
            return Self::NotChecked;
        };
        let said = key.record(pan, code);
        match aws_lc_rs::constant_time::verify_slices_are_equal(&said.0, &record.0) {
            Ok(()) => Self::Right,
            Err(_) => Self::Wrong,
        }
    }

    /// `cardSecurityCodeStatus`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Right => "Y",
            Self::Wrong => "N",
            Self::NotChecked => "U",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pan(text: &str) -> Pan {
        Pan::parse(text).unwrap()
    }

    #[test]
    fn only_the_right_code_of_the_right_card_is_right() {
        let (card, other) = (pan("4000000000001091"), pan("4000000000001109"));
        let code = |text| SecurityCode::parse(text).unwrap();
        let key = SecurityCodeKey::new(&[7; 32]);
        let record = key.record(&card, &code("123"));
        let check = |key: &SecurityCodeKey, pan, text| {
            SecurityCodeCheck::of(Some(key), Some(&record), pan, Some(&code(text)))
        };
        assert_eq!(check(&key, &card, "123"), SecurityCodeCheck::Right);
        assert_eq!(check(&key, &card, "124"), SecurityCodeCheck::Wrong);
        assert_eq!(check(&key, &card, "0123"), SecurityCodeCheck::Wrong);
        assert_eq!(check(&key, &other, "123"), SecurityCodeCheck::Wrong);
        assert_eq!(check(&SecurityCodeKey::new(&[8; 32]), &card, "123"), SecurityCodeCheck::Wrong);
        let none = SecurityCodeCheck::of(Some(&key), None, &card, Some(&code("123")));
        assert_eq!((none, none.code()), (SecurityCodeCheck::NotChecked, "U"));
    }

    #[test]
    fn records_are_those_of_any_hmac() {
        // printf '4000000000001091:123' | openssl dgst -sha256 -mac HMAC -macopt hexkey:0707…07
        let key = SecurityCodeKey::new(&[7; 32]);
        let record = key.record(&pan("4000000000001091"), &SecurityCode::parse("123").unwrap());
        let elsewhere = "ae0fd27d0ff0667a37a212777e6b78213c537058db6d0a68dc837bb8e37e9f95";
        let read = SecurityCodeRecord::parse(elsewhere).unwrap();
        assert_eq!(record.expose_bytes(), read.expose_bytes());
        for bad in ["", "00", &elsewhere[1..], &format!("{}x", &elsewhere[1..])] {
            assert!(SecurityCodeRecord::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn nothing_of_a_code_is_printed() {
        let code = SecurityCode::parse("739").unwrap();
        let key = SecurityCodeKey::new(&[7; 32]);
        let record = key.record(&pan("4000000000001091"), &code);
        let printed = format!("{code:?} {key:?} {record:?}");
        assert_eq!(printed, "SecurityCode(..) SecurityCodeKey(..) SecurityCodeRecord(..)");
        for bad in ["", "12", "12345", "12a", "１２３"] {
            assert!(SecurityCode::parse(bad).is_none());
        }
    }
}
