//! Requests of issuers' systems, signed as our webhooks are: HMAC-SHA-256 under the issuer's key
//! over `timestamp "." path "." body`.
//!
//! | Header | Value |
//! |---|---|
//! | `x-acs-issuer` | id of the issuer |
//! | `x-acs-timestamp` | UTC milliseconds of the real clock, at most 5 minutes off |
//! | `x-acs-signature` | `sha256=` and the MAC in hex |

use aws_lc_rs::hmac;
use http::HeaderMap;
use time::OffsetDateTime;

use crate::app::App;

/// The issuer who signed a request; `None` for everybody else.
pub(crate) fn issuer(app: &App, headers: &HeaderMap, path: &str, body: &[u8]) -> Option<String> {
    let text = |name: &str| headers.get(name)?.to_str().ok();
    let issuer = app.issuer(text("x-acs-issuer")?)?;
    let timestamp = text("x-acs-timestamp")?;
    let signature = hex(text("x-acs-signature")?.strip_prefix("sha256=")?)?;
    let message = [timestamp.as_bytes(), b".", path.as_bytes(), b".", body].concat();
    hmac::verify(issuer.api_key.as_ref()?, &message, &signature).ok()?;
    is_fresh(timestamp.parse().ok()?).then(|| issuer.profile.id.clone())
}

/// On the real clock: the signer knows nothing of a moved one.
fn is_fresh(at_ms: i64) -> bool {
    let now_ms = OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000_000;
    (now_ms - i128::from(at_ms)).abs() <= MOST_OFF_MS
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.len() == 64 && text.bytes().all(|digit| digit.is_ascii_hexdigit());
    let byte = |at: usize| u8::from_str_radix(text.get(at..at + 2)?, 16).ok();
    digits.then(|| (0..64).step_by(2).map(byte).collect())?
}

const MOST_OFF_MS: i128 = 300_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_64_hex_digits() {
        assert_eq!(hex(&"0f".repeat(32)).unwrap(), [15; 32]);
        for bad in ["", "0f", &"0g".repeat(32), &"é".repeat(32), &"+f".repeat(32)] {
            assert_eq!(hex(bad), None);
        }
    }

    #[test]
    fn old_and_future_requests_are_stale() {
        let now =
            i64::try_from(OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000_000).unwrap();
        assert!(is_fresh(now) && is_fresh(now - 290_000) && is_fresh(now + 290_000));
        assert!(!is_fresh(now - 310_000) && !is_fresh(now + 310_000) && !is_fresh(i64::MIN));
    }
}
