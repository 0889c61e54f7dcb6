//! The cookie of a bound device, the only one there is: set by the last page of a challenge in which
//! the cardholder bound the device, read in the 3DS Method and the challenge [P-BRW-04].

use acs_core::crypto::ChallengeKeys;
use acs_core::flow::consent::{DeviceId, device_of};
use http::{HeaderMap, HeaderValue, header};

/// The device that a request's cookies name.
pub(super) fn read(headers: &HeaderMap, keys: &ChallengeKeys) -> Option<DeviceId> {
    let cookies = headers.get_all(header::COOKIE).iter().take(MAX_HEADERS);
    cookies
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(';'))
        .filter_map(|pair| pair.trim().strip_prefix(NAME)?.strip_prefix('='))
        .take(MAX_CANDIDATES)
        .find_map(|value| device_of(value, keys))
}

/// The header that sets the cookie. Pages live in frames of other sites, hence `SameSite=None`; the
/// name's prefix binds it to this host and to TLS.
pub(super) fn set(value: &str) -> Option<HeaderValue> {
    let text =
        format!("{NAME}={value}; Path=/; Secure; HttpOnly; SameSite=None; Max-Age={MAX_AGE}");
    HeaderValue::try_from(text).ok()
}

const NAME: &str = "__Host-acs-device";
/// 400 days, the most that browsers keep.
const MAX_AGE: u32 = 400 * 24 * 60 * 60;
const MAX_HEADERS: usize = 8;
const MAX_CANDIDATES: usize = 4;

#[cfg(test)]
mod tests {
    use acs_core::element::TransId;
    use acs_core::flow::consent::device_cookie;
    use zeroize::Zeroizing;

    use super::*;

    #[test]
    fn what_was_set_is_read_among_other_cookies() {
        let keys = ChallengeKeys { otp: Zeroizing::new([1; 32]), token: Zeroizing::new([2; 32]) };
        let value = device_cookie(TransId(uuid::Uuid::from_u128(5)), &keys);
        let set = set(&value).unwrap();
        let pair = set.to_str().unwrap().split(';').next().unwrap();
        let mut headers = HeaderMap::new();
        assert_eq!(read(&headers, &keys), None);
        let line = format!("a=b; __Host-acs-device=nonsense; {pair}; c=d");
        headers.append(header::COOKIE, line.parse().unwrap());
        assert_eq!(read(&headers, &keys), device_of(&value, &keys));
        assert!(read(&headers, &keys).is_some());
    }
}
