//! Devices: browsers by a cookie of ours, apps by the id that their SDK made at their installation.
//! The cookie holds the device's id and a MAC over it; only the id is
//! stored, so that a copy of the database recognises no device and makes no cookie.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

use crate::crypto::{ChallengeKeys, mac};
use crate::element::TransId;

/// A browser that once got a cookie of ours, or an installed app.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DeviceId(String);

impl DeviceId {
    /// The text that consents are stored under.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The device that a transaction's new cookie names: always the same one, so that a last page that
/// is shown again sets the same cookie.
pub(in crate::flow) fn new_device(acs_trans_id: TransId, keys: &ChallengeKeys) -> DeviceId {
    DeviceId(URL_SAFE_NO_PAD.encode(new_id(acs_trans_id, keys)))
}

/// The value of the cookie that the last page of a binding transaction sets.
#[must_use]
pub fn device_cookie(acs_trans_id: TransId, keys: &ChallengeKeys) -> String {
    let id = new_id(acs_trans_id, keys);
    let mut bytes = [0; ID + TAG];
    bytes[..ID].copy_from_slice(&id);
    bytes[ID..].copy_from_slice(&tag(&id, keys));
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The device of a cookie's value; `None` for one that this ACS did not make.
#[must_use]
pub fn device_of(cookie: &str, keys: &ChallengeKeys) -> Option<DeviceId> {
    if cookie.len() > MAX_COOKIE {
        return None;
    }
    let bytes: [u8; ID + TAG] = URL_SAFE_NO_PAD.decode(cookie).ok()?.try_into().ok()?;
    let genuine = tag(&bytes[..ID], keys).ct_eq(&bytes[ID..]);
    bool::from(genuine).then(|| DeviceId(URL_SAFE_NO_PAD.encode(&bytes[..ID])))
}

/// The device of an app: `sdkAppID` is made anew with each installation and update of the app. `None`
/// for an SDK that names none.
#[must_use]
pub fn device_of_app(sdk_app_id: &str, keys: &ChallengeKeys) -> Option<DeviceId> {
    let id = sdk_app_id.to_ascii_lowercase();
    let device = || mac(&keys.token, &[b"app device 1", id.as_bytes()]);
    (!id.is_empty()).then(|| DeviceId(URL_SAFE_NO_PAD.encode(first::<ID>(&device()))))
}

fn new_id(acs_trans_id: TransId, keys: &ChallengeKeys) -> [u8; ID] {
    first(&mac(&keys.token, &[b"device id 1", acs_trans_id.0.as_bytes()]))
}

fn tag(id: &[u8], keys: &ChallengeKeys) -> [u8; TAG] {
    first(&mac(&keys.token, &[b"device cookie 1", id]))
}

fn first<const N: usize>(bytes: &[u8; 32]) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[..N]);
    out
}

const ID: usize = 16;
const TAG: usize = 16;
const MAX_COOKIE: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;
    use zeroize::Zeroizing;

    fn keys(byte: u8) -> ChallengeKeys {
        ChallengeKeys { otp: Zeroizing::new([1; 32]), token: Zeroizing::new([byte; 32]) }
    }

    #[test]
    fn a_cookie_names_its_device_to_its_maker_only() {
        let id = TransId(Uuid::from_u128(7));
        let cookie = device_cookie(id, &keys(2));
        assert_eq!(device_of(&cookie, &keys(2)), Some(new_device(id, &keys(2))));
        assert_eq!(device_of(&cookie, &keys(3)), None);
        let stored = new_device(id, &keys(2)).to_string();
        assert_eq!(device_of(&stored, &keys(2)), None, "what is stored is no cookie");
        assert_eq!(device_of("", &keys(2)), None);
        assert_eq!(device_of(&"A".repeat(10_000), &keys(2)), None);
    }

    #[test]
    fn an_app_is_one_device_however_its_id_is_written() {
        let of = |id: &str, key: u8| device_of_app(id, &keys(key));
        let device = of("5b1f1f6c-3a0a-4a53-9c5e-0d3f7f4f5a10", 2);
        assert!(device.is_some());
        assert_eq!(of("5B1F1F6C-3A0A-4A53-9C5E-0D3F7F4F5A10", 2), device);
        assert_ne!(of("5b1f1f6c-3a0a-4a53-9c5e-0d3f7f4f5a11", 2), device);
        assert_ne!(of("5b1f1f6c-3a0a-4a53-9c5e-0d3f7f4f5a10", 3), device);
        assert_eq!(of("", 2), None);
    }
}
