//! ISO 4217 and ISO 3166-1 lists, without what EMV 3DS excludes [P-GEN-12].

use iso_currency::Currency;
use isocountry::CountryCode;

use crate::message::ReadRules;

/// Whether `code` is a currency in use, or one that this installation accepts all the same.
pub(super) fn is_currency(code: &str, rules: &ReadRules) -> bool {
    is_accepted(code, rules) || currency(code).is_some()
}

/// Whether `code` is a country, or one that this installation accepts all the same.
pub(super) fn is_country(code: &str, rules: &ReadRules) -> bool {
    let listed = number(code)
        .filter(|n| !(901..=999).contains(n))
        .is_some_and(|n| CountryCode::for_id(n.into()).is_ok());
    is_accepted(code, rules) || listed
}

/// Whether `exponent` is that of the currency; what is wrong by itself is found elsewhere.
pub(super) fn exponent_fits(code: &str, exponent: &str, rules: &ReadRules) -> bool {
    let (Some(currency), [digit @ b'0'..=b'9']) = (currency(code), exponent.as_bytes()) else {
        return true;
    };
    is_accepted(code, rules)
        || currency.exponent().is_none_or(|minor| minor == u16::from(digit - b'0'))
}

fn currency(code: &str) -> Option<Currency> {
    let number = number(code).filter(|n| !((955..=964).contains(n) || *n == 999))?;
    Currency::from_numeric(number).filter(|currency| !WITHDRAWN.contains(&currency.code()))
}

fn number(code: &str) -> Option<u16> {
    (code.len() == 3 && code.bytes().all(|b| b.is_ascii_digit())).then(|| code.parse().ok())?
}

fn is_accepted(code: &str, rules: &ReadRules) -> bool {
    rules.accepted_iso_codes.iter().any(|accepted| accepted == code)
}

/// In the library's list, but no longer in the standard's.
const WITHDRAWN: [&str; 4] = ["HRK", "SLL", "CUC", "ZWL"];
