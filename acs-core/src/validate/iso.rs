//! ISO 4217 and ISO 3166-1 lists, without what EMV 3DS excludes [P-GEN-12].

use std::sync::LazyLock;

use iso_currency::Currency;
use isocountry::CountryCode;

use crate::message::ReadRules;

/// Whether `code` is a currency in use, or one that this installation accepts all the same
/// [P-AREQ-10, Note 39].
pub(super) fn is_currency(code: &str, rules: &ReadRules) -> bool {
    number(code).is_some_and(|number| CODES[number].currency.is_some()) || is_accepted(code, rules)
}

/// Whether `code` is a country, or one that this installation accepts all the same
/// [P-AREQ-10, Note 39].
pub(super) fn is_country(code: &str, rules: &ReadRules) -> bool {
    number(code).is_some_and(|number| CODES[number].is_country) || is_accepted(code, rules)
}

/// Whether `exponent` is that of the currency; what is wrong by itself is found elsewhere
/// [P-AREQ-10].
pub(super) fn exponent_fits(code: &str, exponent: &str, rules: &ReadRules) -> bool {
    let currency = number(code).and_then(|number| CODES[number].currency);
    match (currency, exponent.as_bytes()) {
        (Some(Exponent(Some(minor))), [digit @ b'0'..=b'9']) => {
            minor == digit - b'0' || is_accepted(code, rules)
        }
        _ => true,
    }
}

/// What a number of three digits stands for.
#[derive(Clone, Copy, Default)]
struct Code {
    currency: Option<Exponent>,
    is_country: bool,
}

/// Digits behind the point, where the list knows them.
#[derive(Clone, Copy)]
struct Exponent(Option<u8>);

/// Both lists by number.
static CODES: LazyLock<Vec<Code>> = LazyLock::new(|| (0..1000).map(code).collect());

fn code(number: u16) -> Code {
    let in_use = !((955..=964).contains(&number) || number == 999);
    let currency = Currency::from_numeric(number).filter(|_| in_use);
    let currency = currency.filter(|currency| !WITHDRAWN.contains(&currency.code()));
    let digits = |currency: Currency| currency.exponent().and_then(|digits| digits.try_into().ok());
    Code {
        currency: currency.map(|currency| Exponent(digits(currency))),
        is_country: !(901..=999).contains(&number) && CountryCode::for_id(number.into()).is_ok(),
    }
}

fn number(code: &str) -> Option<usize> {
    let digit = |byte: &u8| usize::from(byte - b'0');
    match code.as_bytes() {
        [a @ b'0'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9'] => {
            Some(digit(a) * 100 + digit(b) * 10 + digit(c))
        }
        _ => None,
    }
}

fn is_accepted(code: &str, rules: &ReadRules) -> bool {
    rules.accepted_iso_codes.iter().any(|accepted| accepted == code)
}

/// In the library's list, but no longer in the standard's.
const WITHDRAWN: [&str; 4] = ["HRK", "SLL", "CUC", "ZWL"];
