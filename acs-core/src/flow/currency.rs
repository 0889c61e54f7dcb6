//! Minor units and letters of currencies, for amount rules and for people.

use iso_currency::Currency;

use crate::message::Purchase;

/// Letters of a numeric code; `None` when ISO 4217 has none.
pub(crate) fn letters(numeric: &str) -> Option<&'static str> {
    currency(numeric).map(|currency| currency.code())
}

/// The amount in the currency's own minor units, whatever exponent the message used; a fraction of
/// a minor unit counts as a whole one. `None` when the amount is no number; too large ones saturate.
pub(crate) fn minor_units(purchase: &Purchase) -> Option<u128> {
    if purchase.amount.is_empty() || !purchase.amount.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let amount = purchase.amount.parse().unwrap_or(u128::MAX);
    let sent = u16::from(purchase.exponent);
    let places = currency(&purchase.currency).and_then(Currency::exponent).unwrap_or(sent);
    let factor = 10_u128.saturating_pow(u32::from(places.abs_diff(sent)));
    Some(if places >= sent { amount.saturating_mul(factor) } else { amount.div_ceil(factor) })
}

fn currency(numeric: &str) -> Option<Currency> {
    numeric.parse().ok().and_then(Currency::from_numeric)
}
