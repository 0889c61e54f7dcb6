//! Keyed primitives behind provider seams: authentication values, one-time-password hashes, form
//! token MACs.

pub mod authentication_value;

pub use authentication_value::AuthenticationValueGenerator;

/// Keys of the challenge: hashing one-time passwords, sealing form tokens. Never printed.
pub struct ChallengeKeys {
    /// HMAC-SHA-256 key for one-time passwords.
    pub otp: zeroize::Zeroizing<[u8; 32]>,
    /// HMAC-SHA-256 key for form tokens.
    pub token: zeroize::Zeroizing<[u8; 32]>,
}

impl std::fmt::Debug for ChallengeKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ChallengeKeys(..)")
    }
}
