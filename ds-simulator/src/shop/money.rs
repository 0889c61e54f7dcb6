//! Amounts as people write and read them.

use super::texts::Language;
use crate::message::exponent;

/// Currencies on offer: ISO 4217 numeric code and letters.
pub(crate) const CURRENCIES: [(&str, &str); 6] = [
    ("392", "JPY"),
    ("840", "USD"),
    ("978", "EUR"),
    ("826", "GBP"),
    ("410", "KRW"),
    ("414", "KWD"),
];

const MAX_DIGITS: usize = 12;

/// Minor units of what was typed, when it fits the currency: `120.50` USD is `12050`.
pub(crate) fn to_minor(typed: &str, currency: &str) -> Option<String> {
    let exponent: usize = exponent(currency).parse().ok()?;
    let plain: String =
        typed.trim().chars().map(ascii).filter(|c| !matches!(c, ',' | ' ' | '¥' | '円')).collect();
    let (whole, fraction) = plain.split_once('.').unwrap_or((&plain, ""));
    let digits = |part: &str| part.chars().all(|c| c.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) || fraction.len() > exponent {
        return None;
    }
    let minor = format!("{whole}{fraction:0<exponent$}");
    let minor = minor.trim_start_matches('0');
    (1..=MAX_DIGITS).contains(&minor.len()).then(|| minor.to_owned())
}

/// An amount for people: `12,800円`, `¥12,800`, `USD 120.50`.
pub(crate) fn shown(minor: &str, currency: &str, language: Language) -> String {
    let number = decimal(minor, exponent(currency).parse().unwrap_or(2), true);
    let letters = CURRENCIES.iter().find(|(code, _)| *code == currency);
    match (letters.map_or(currency, |(_, letters)| letters), language) {
        ("JPY", Language::Japanese) => format!("{number}円"),
        ("JPY", Language::English) => format!("¥{number}"),
        (letters, _) => format!("{letters} {number}"),
    }
}

/// A full-width digit, point or comma as the plain one.
pub(crate) fn ascii(c: char) -> char {
    match c {
        '０'..='９' | '．' | '，' | '／' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        '\u{3000}' => ' ',
        '￥' => '¥',
        other => other,
    }
}

fn decimal(minor: &str, exponent: usize, grouped: bool) -> String {
    let padded = format!("{minor:0>width$}", width = exponent + 1);
    let (whole, fraction) = padded.split_at(padded.len() - exponent);
    let mut number = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if grouped && at > 0 && (whole.len() - at).is_multiple_of(3) {
            number.push(',');
        }
        number.push(digit);
    }
    if exponent > 0 {
        number.push('.');
        number.push_str(fraction);
    }
    number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_follow_the_currency() {
        assert_eq!(to_minor("12,800", "392").as_deref(), Some("12800"));
        assert_eq!(to_minor("１２８００円", "392").as_deref(), Some("12800"));
        assert_eq!(to_minor("120.5", "840").as_deref(), Some("12050"));
        assert_eq!(to_minor("0.5", "840").as_deref(), Some("50"));
        for bad in ["", "0", "1.5", "-3", "1e3", "1234567890123"] {
            assert_eq!(to_minor(bad, "392"), None, "{bad}");
        }
    }

    #[test]
    fn amounts_are_shown_in_the_readers_way() {
        assert_eq!(shown("12800", "392", Language::Japanese), "12,800円");
        assert_eq!(shown("12800", "392", Language::English), "¥12,800");
        assert_eq!(shown("123456789", "840", Language::Japanese), "USD 1,234,567.89");
        assert_eq!(shown("5", "414", Language::English), "KWD 0.005");
    }
}
