//! Lines of card files and encrypted messages of apps.

use std::sync::LazyLock;

use acs_core::crypto::ContentKey;
use acs_core::crypto::jwe::{self, Way};
use acs_server::cards::read_line;
use acs_server::config::{Issuer, Profile};

use crate::invariants::digits_in_a_row;
use crate::random::hash;
use crate::seeds;

static ISSUER: LazyLock<Issuer> = LazyLock::new(|| {
    let text = r#"
        id = "alpha"
        ds = ["ds-a"]
        ranges = [{ start = "4", end = "5" }]
        name = { ja = "A", en = "A" }
        [otp.gateway]
        kind = "outbox"
        file = "outbox.jsonl"
    "#;
    toml::from_str(text).expect("the issuer is one")
});

/// A line of a card file, in both profiles: what is said about a bad one tells no number.
#[must_use]
pub fn card_line(data: &[u8]) -> u64 {
    [Profile::Development, Profile::Production]
        .into_iter()
        .map(|profile| match read_line(data, profile, &ISSUER) {
            Ok(None) => 1,
            Ok(Some(card)) => {
                let shown = format!("{card:?}");
                assert!(!shown.contains(card.pan.expose_digits()), "a number can be printed");
                hash(format!("{:?} {}", card.card.state, card.luhn).as_bytes())
            }
            Err(reason) => {
                let shown = format!("{reason} {reason:?}");
                assert!(digits_in_a_row(shown.as_bytes()) < 8, "a reason may show a number");
                hash(shown.as_bytes())
            }
        })
        .fold(0, |seen, profile| seen.rotate_left(1) ^ profile)
}

/// An encrypted message: only what was really encrypted can be decrypted.
#[must_use]
pub fn jwe(data: &[u8]) -> u64 {
    static KEY: LazyLock<ContentKey> = LazyLock::new(|| ContentKey::from_bytes(seeds::KEY));
    static SEALED: LazyLock<Vec<Vec<u8>>> = LazyLock::new(seeds::jwes);
    let Ok(text) = std::str::from_utf8(data) else { return 0 };
    let kid = jwe::kid(text).is_some();
    let opened = [Way::SdkToAcs, Way::AcsToSdk].map(|way| jwe::open(text, way, &KEY).is_ok());
    let genuine = || SEALED.iter().any(|sealed| sealed == data);
    assert!(opened == [false, false] || genuine(), "a forged message is decrypted");
    hash(format!("{kid} {opened:?} {}", text.matches('.').count().min(6)).as_bytes())
}
