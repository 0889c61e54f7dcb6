//! Checks of strings: length, pattern, number, code, format [P-AREQ-09].

use std::net::IpAddr;

use url::Url;

use super::Walk;
use crate::dictionary::{Codes, Format, Pattern, Text};
use crate::element::MessageVersion;

/// What a string's value is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Good,
    Bad,
    /// In a range reserved for EMVCo, or for a DS that did not agree on it [P-GEN-08].
    Reserved,
}

/// [P-GEN-06, Req 206]
pub(super) fn check(bounds: &Text, value: &str, name: &str, walk: &Walk<'_>) -> Verdict {
    if !has_length(bounds, value)
        || !matches_pattern(bounds.pattern, value)
        || !in_number_range(bounds.number, value)
    {
        return if is_unpadded_time(bounds, value, name, walk) {
            Verdict::Good
        } else {
            Verdict::Bad
        };
    }
    if let Some(codes) = bounds.codes {
        return coded(codes, value, name, walk);
    }
    if has_format(bounds.format, value) { Verdict::Good } else { Verdict::Bad }
}

/// Lengths are in characters; these are never more than bytes [P-GEN-06, Note 45].
fn has_length(bounds: &Text, value: &str) -> bool {
    let (min, max) = (bounds.min as usize, bounds.max as usize);
    let characters = || value.chars().count();
    let long_enough = if min > 1 { characters() >= min } else { value.len() >= min };
    long_enough && (max == 0 || value.len() <= max || characters() <= max)
}

/// Unpadded minutes are seen in 2.2.0 [P-AREQ-12, P-DEC-01].
fn is_unpadded_time(bounds: &Text, value: &str, name: &str, walk: &Walk<'_>) -> bool {
    name == "threeDSRequestorDecMaxTime"
        && walk.version == MessageVersion::V220
        && matches_pattern(Pattern::Digits { min: 1, max: 5 }, value)
        && in_number_range(bounds.number, value)
}

/// [P-GEN-08, P-AREQ-09, P-3RI-02, Req 434, Note 93]
fn coded(codes: &Codes, value: &str, name: &str, walk: &Walk<'_>) -> Verdict {
    let bit = Codes::bit(value);
    if codes.numbers & bit != 0 || (bit == 0 && codes.words.contains(&value)) {
        return Verdict::Good;
    }
    if codes.ds & bit != 0 {
        let agreed = &walk.rules.agreed_values;
        let known = agreed.iter().any(|(element, code)| element == name && code == value);
        return if known { Verdict::Good } else { Verdict::Reserved };
    }
    if codes.emvco & bit != 0 { Verdict::Reserved } else { Verdict::Bad }
}

fn in_number_range(range: Option<(u32, u32)>, value: &str) -> bool {
    range.is_none_or(|(low, high)| {
        value.parse::<u32>().is_ok_and(|number| (low..=high).contains(&number))
    })
}

fn matches_pattern(pattern: Pattern, value: &str) -> bool {
    let bytes = value.as_bytes();
    match pattern {
        Pattern::Any => true,
        Pattern::Digits { min, max } => {
            (usize::from(min)..=usize::from(max)).contains(&bytes.len()) && digits(bytes)
        }
        Pattern::SignedDigits => {
            let rest = bytes.strip_prefix(b"+").or_else(|| bytes.strip_prefix(b"-"));
            let rest = rest.unwrap_or(bytes);
            (1..=4).contains(&rest.len()) && digits(rest)
        }
        Pattern::OneToNinetyNine => {
            (1..=2).contains(&bytes.len()) && digits(bytes) && bytes[0] != b'0'
        }
        Pattern::YearMonth => bytes.len() == 4 && digits(bytes) && month(&bytes[2..4]),
        Pattern::Date => bytes.len() == 8 && digits(bytes) && date(bytes),
        Pattern::Minute => bytes.len() == 12 && digits(bytes) && date(bytes) && minute(&bytes[8..]),
        Pattern::Second => {
            bytes.len() == 14
                && digits(bytes)
                && date(bytes)
                && minute(&bytes[8..12])
                && bytes[12] <= b'5'
        }
        Pattern::Uuid => uuid(bytes),
        Pattern::Version => {
            let mut parts = value.split('.');
            let number =
                |part: Option<&str>| part.is_some_and(|p| !p.is_empty() && digits(p.as_bytes()));
            number(parts.next())
                && number(parts.next())
                && number(parts.next())
                && parts.next().is_none()
        }
        Pattern::ThreeCapitals => bytes.len() == 3 && bytes.iter().all(u8::is_ascii_uppercase),
        Pattern::AuthenticationValue => authentication_value(bytes),
        Pattern::Base64Url => !bytes.is_empty() && base64url_only(bytes),
        Pattern::Jwe => segments(value, 5, Some(1)),
        Pattern::Jws => segments(value, 3, None),
    }
}

fn digits(bytes: &[u8]) -> bool {
    bytes.iter().all(u8::is_ascii_digit)
}

fn two(bytes: &[u8]) -> u8 {
    (bytes[0] - b'0') * 10 + (bytes[1] - b'0')
}

fn month(digits: &[u8]) -> bool {
    (1..=12).contains(&two(digits))
}

/// YYYYMMDD, a day that the calendar has.
fn date(digits: &[u8]) -> bool {
    let year = u16::from(two(&digits[..2])) * 100 + u16::from(two(&digits[2..4]));
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let days = match two(&digits[4..6]) {
        2 => 28 + u8::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return false,
    };
    (1..=days).contains(&two(&digits[6..8]))
}

/// HHMM
fn minute(digits: &[u8]) -> bool {
    two(digits) <= 23 && digits[2] <= b'5'
}

/// [P-GEN-09, Note 48]
fn uuid(bytes: &[u8]) -> bool {
    const DASHES: [bool; 36] = {
        let mut dashes = [false; 36];
        (dashes[8], dashes[13], dashes[18], dashes[23]) = (true, true, true, true);
        dashes
    };
    let Ok(bytes) = <&[u8; 36]>::try_from(bytes) else { return false };
    // Looks at every byte, so that many can be looked at together.
    bytes.iter().zip(DASHES).fold(true, |good, (byte, dash)| {
        good & ((*byte == b'-') == dash) & (byte.is_ascii_hexdigit() != dash)
    })
}

/// 28 characters of base64: 20 bytes with one sign of padding, 21 without, 19 with two.
fn authentication_value(bytes: &[u8]) -> bool {
    let base64 = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/');
    bytes.len() == 28
        && bytes[..26].iter().all(base64)
        && match (bytes[26], bytes[27]) {
            (b'=', last) => last == b'=',
            (_, b'=') => base64(&bytes[26]),
            _ => bytes[26..].iter().all(base64),
        }
}

const fn base64url(b: &u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(*b, b'-' | b'_')
}

/// Looks at every byte, so that many can be looked at together.
fn base64url_only(bytes: &[u8]) -> bool {
    bytes.iter().fold(true, |good, byte| good & base64url(byte))
}

/// Dotted base64url; the part at `may_be_empty` may be empty.
fn segments(value: &str, count: usize, may_be_empty: Option<usize>) -> bool {
    let mut seen = 0;
    let good = value.split('.').enumerate().all(|(at, part)| {
        seen += 1;
        (!part.is_empty() || may_be_empty == Some(at)) && base64url_only(part.as_bytes())
    });
    good && seen == count
}

fn has_format(format: Format, value: &str) -> bool {
    match format {
        // ISO lists are a stage of their own.
        Format::Plain | Format::Currency | Format::Country => true,
        Format::Url => is_url(value),
        Format::Ip => value.parse::<IpAddr>().is_ok(),
        Format::Email => value.split_once('@').is_some_and(|(local, domain)| {
            !local.is_empty() && !domain.is_empty() && !value.contains(char::is_whitespace)
        }),
    }
}

/// Whether this is an address of the web that is protected.
pub(crate) fn is_https(value: &str) -> bool {
    is_url(value) && value.get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://"))
}

/// Whether this is an address of the web, written out. [`Url::parse`] mends what browsers mend (blanks
/// around, tabs inside, a missing or turned slash); here nobody may have to guess [P-AREQ-09].
fn is_url(value: &str) -> bool {
    let written_out = || {
        let (scheme, rest) = value.split_once("://")?;
        let web = scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http");
        (web && !rest.starts_with('/')).then_some(())
    };
    let odd =
        |c: char| c.is_whitespace() || c.is_ascii_control() || matches!(c, '<' | '>' | '"' | '\\');
    is_plain_url(value)
        || (!value.contains(odd)
            && written_out().is_some()
            && Url::parse(value).is_ok_and(|url| url.has_host()))
}

/// Whether this is `https://host`, `:port` or not, and a path or none, of plain characters and with so
/// plain a host that [`Url::parse`] is known to take it.
fn is_plain_url(value: &str) -> bool {
    let Some(rest) = value.strip_prefix("https://") else { return false };
    let plain = |b: u8| b.is_ascii_graphic() & !matches!(b, b'<' | b'>' | b'"' | b'\\');
    // Looks at every byte, so that many can be looked at together.
    if !value.bytes().fold(true, |all, b| all & plain(b)) {
        return false;
    }
    let authority = rest.split_once('/').map_or(rest, |(authority, _)| authority);
    let (host, port) = authority.split_once(':').unwrap_or((authority, "443"));
    let label = |label: &str| {
        let bytes = label.as_bytes();
        bytes.first().is_some_and(u8::is_ascii_lowercase)
            && bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-')
            && !label.contains("--")
    };
    let is_port = (1..=5).contains(&port.len()) && digits(port.as_bytes());
    is_port && port.parse::<u16>().is_ok() && host.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn plain_urls_are_known_without_parsing() {
        for plain in [
            "https://shop.example",
            "https://a.b1-c.example:8443/x?y={}",
            "https://x/",
            "https://localhost:65535",
        ] {
            assert!(is_plain_url(plain), "{plain}");
        }
        for other in [
            "http://shop.example",
            "https://",
            "https:///x",
            "https://u@host/",
            "https://1/",
            "https://x:65536/",
            "https://x:/",
            "https://x/a b",
            "https://x/a\\b",
            "https://x/<",
            "https://x/\u{e9}",
            "https://x/\t",
        ] {
            assert!(!is_plain_url(other), "{other}");
        }
    }

    #[test]
    fn a_uuid_has_its_dashes_and_digits_in_their_places() {
        let good = "8a880dc0-d2d2-4067-bcb1-b08d1690B26E";
        assert!(uuid(good.as_bytes()));
        for at in 0..good.len() {
            for other in [b'-', b'0', b'g', b'/', b':', b'@', b'G', b'`', 0xc3] {
                let mut changed = good.as_bytes().to_vec();
                changed[at] = other;
                let is_dash = matches!(at, 8 | 13 | 18 | 23);
                assert_eq!(uuid(&changed), other == if is_dash { b'-' } else { b'0' });
            }
        }
        assert!(!uuid(&good.as_bytes()[1..]) && !uuid(format!("{good}0").as_bytes()));
    }

    #[test]
    fn urls_are_written_out_and_of_the_web() {
        for good in [
            "https://shop.example",
            "HTTPS://Shop.Example:8443/a?b=c#d",
            "http://[::1]/x",
            "https://例え.jp/é",
        ] {
            assert!(is_url(good), "{good}");
        }
        for bad in [
            "https://shop.example/x ",
            " https://shop.example/",
            "https://shop.example/a b",
            "https://shop.example/\n",
            "https://shop.example/\tx",
            "https://shop.example/<x>",
            "https:/shop.example",
            "https:shop.example",
            "https:///shop.example",
            "https:\\\\shop.example",
            "https://shop.example\\@other.example",
            "https://shop.example:99999/",
            "ftp://shop.example/",
            "//shop.example/",
            "shop.example",
        ] {
            assert!(!is_url(bad), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_is_a_plain_url_is_a_url(text in "https://[a-z0-9.:-]{0,12}(/.{0,8})?") {
            let has_host = |url: Url| url.has_host();
            prop_assert!(!is_plain_url(&text) || Url::parse(&text).is_ok_and(has_host), "{}", text);
        }
    }

    #[test]
    fn patterns() {
        let good = [
            (Pattern::Digits { min: 1, max: 3 }, "12"),
            (Pattern::SignedDigits, "-540"),
            (Pattern::SignedDigits, "0"),
            (Pattern::OneToNinetyNine, "24"),
            (Pattern::YearMonth, "3012"),
            (Pattern::Date, "20261231"),
            (Pattern::Date, "20280229"),
            (Pattern::Minute, "202612312359"),
            (Pattern::Second, "20261231235959"),
            (Pattern::Uuid, "8a880dc0-d2d2-4067-bcb1-b08d1690b26E"),
            (Pattern::Version, "2.10.0"),
            (Pattern::AuthenticationValue, "AAAAAAAAAAAAAAAAAAAAAAAAAAA="),
            (Pattern::AuthenticationValue, "AAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
            (Pattern::Jwe, "a..b.c.d"),
            (Pattern::Jws, "a.b.c"),
        ];
        for (pattern, value) in good {
            assert!(matches_pattern(pattern, value), "{pattern:?} {value}");
        }
        let bad = [
            (Pattern::Digits { min: 1, max: 3 }, "1234"),
            (Pattern::Digits { min: 1, max: 3 }, "1a"),
            (Pattern::SignedDigits, "+"),
            (Pattern::OneToNinetyNine, "0"),
            (Pattern::YearMonth, "3013"),
            (Pattern::Date, "20261232"),
            (Pattern::Date, "20261301"),
            (Pattern::Date, "20260229"),
            (Pattern::Date, "21000229"),
            (Pattern::Minute, "202612312400"),
            (Pattern::Second, "20261231235960"),
            (Pattern::Uuid, "8a880dc0d2d24067bcb1b08d1690b26e"),
            (Pattern::Version, "2.1"),
            (Pattern::Version, "2.1.0.0"),
            (Pattern::AuthenticationValue, "AAAAAAAAAAAAAAAAAAAAAAAAAA=A"),
            (Pattern::Jwe, "a.b.c"),
            (Pattern::Jws, "a.b."),
        ];
        for (pattern, value) in bad {
            assert!(!matches_pattern(pattern, value), "{pattern:?} {value}");
        }
    }
}
