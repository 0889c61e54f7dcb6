//! Keyed primitives behind provider seams: authentication values, one-time-password hashes, form
//! token MACs, and the app channel's signed content, key agreement and encryption.

pub mod authentication_value;
pub mod jwe;
pub mod key_agreement;
pub mod signed_content;

pub use authentication_value::{
    AuthenticationValue, AuthenticationValueGenerator, HmacSha256Generator, ValueFacts,
};
pub use key_agreement::ContentKey;
pub use signed_content::ContentSigner;

use aws_lc_rs::hmac;
use zeroize::Zeroizing;

/// Keys of the challenge: hashing one-time passwords, sealing form tokens. Never printed.
pub struct ChallengeKeys {
    /// HMAC-SHA-256 key for one-time passwords.
    pub otp: Zeroizing<[u8; 32]>,
    /// HMAC-SHA-256 key for form tokens.
    pub token: Zeroizing<[u8; 32]>,
}

impl std::fmt::Debug for ChallengeKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ChallengeKeys(..)")
    }
}

/// HMAC-SHA-256 over `parts`, each preceded by its length so that no two lists of parts share a
/// MAC.
pub(crate) fn mac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    mac_with(&hmac::Key::new(hmac::HMAC_SHA256, key), parts)
}

/// [`mac`] with a key that is kept ready.
pub(crate) fn mac_with(key: &hmac::Key, parts: &[&[u8]]) -> [u8; 32] {
    let mut context = hmac::Context::with_key(key);
    for part in parts {
        // Parts are ids, codes and protocol elements of bounded size.
        let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
        context.update(&length.to_be_bytes());
        context.update(part);
    }
    let mut out = [0; 32];
    out.copy_from_slice(context.sign().as_ref());
    out
}
