//! Authentication values: pluggable per DS profile [P-AV-06]; made only from a proof (invariant 2).

use std::fmt;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use subtle::ConstantTimeEq as _;
use zeroize::{Zeroize, Zeroizing};

use crate::UtcMillis;
use crate::crypto::mac_with;
use crate::element::{Pan, TransId};
use crate::flow::proof::Proof;
use crate::message::{Merchant, Purchase};

/// Makes authentication values. Implementations see a proof, so a value without one cannot exist.
pub trait AuthenticationValueGenerator: Send + Sync + fmt::Debug {
    /// The value for one result of one transaction; 28 characters for versions before 2.3.1
    /// [P-AV-01].
    fn generate(&self, proof: &Proof, facts: &ValueFacts<'_>) -> AuthenticationValue;
}

/// What a value is bound to: one account, one transaction, its amount and its merchant.
#[derive(Clone, Copy)]
pub struct ValueFacts<'a> {
    pub pan: &'a Pan,
    pub acs_trans_id: TransId,
    pub ds_trans_id: TransId,
    pub three_ds_server_trans_id: TransId,
    pub purchase: Option<&'a Purchase>,
    pub merchant: &'a Merchant,
    /// When the transaction began: the time a verifier can look up.
    pub created: UtcMillis,
}

impl fmt::Debug for ValueFacts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ValueFacts")
            .field("acs_trans_id", &self.acs_trans_id)
            .finish_non_exhaustive()
    }
}

/// An authentication value as text. It is never printed and is wiped when dropped.
pub struct AuthenticationValue(String);

impl AuthenticationValue {
    /// Takes the text of a value a generator made.
    #[must_use]
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// The text, for the message that carries it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for AuthenticationValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuthenticationValue(..)")
    }
}

impl Drop for AuthenticationValue {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// A simulation profile, not a scheme's algorithm: 20 bytes as 28 characters of base64. Byte 1 is
/// the kind of proof, byte 2 the key's number, the rest an HMAC-SHA-256, cut to 18 bytes, over
/// these two and all of [`ValueFacts`] [P-AV-06, P-AV-07].
pub struct HmacSha256Generator {
    key: hmac::Key,
    key_id: u8,
}

impl HmacSha256Generator {
    /// A generator with a key and the number under which verifiers know it.
    #[must_use]
    pub fn new(key: [u8; 32], key_id: u8) -> Self {
        let key = Zeroizing::new(key);
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, key.as_slice()), key_id }
    }

    /// Whether `value` was made by this key from these facts, whatever the proof: for tests and
    /// verifying services.
    #[must_use]
    pub fn is_value_of(&self, value: &str, facts: &ValueFacts<'_>) -> bool {
        let Ok(bytes) = STANDARD.decode(value).map(Zeroizing::new) else { return false };
        let &[kind, ..] = bytes.as_slice() else { return false };
        bool::from(self.bytes(kind, facts).as_slice().ct_eq(bytes.as_slice()))
    }

    fn bytes(&self, kind: u8, facts: &ValueFacts<'_>) -> Zeroizing<[u8; VALUE_BYTES]> {
        let purchase = facts.purchase;
        let merchant = facts.merchant;
        let mac = Zeroizing::new(mac_with(
            &self.key,
            &[
                DOMAIN,
                &[kind, self.key_id],
                facts.pan.expose_digits().as_bytes(),
                facts.acs_trans_id.0.as_bytes(),
                facts.ds_trans_id.0.as_bytes(),
                facts.three_ds_server_trans_id.0.as_bytes(),
                bytes_of(purchase.map(|p| p.amount.as_str())),
                bytes_of(purchase.map(|p| p.currency.as_str())),
                &[purchase.map_or(u8::MAX, |p| p.exponent)],
                bytes_of(merchant.name.as_deref()),
                bytes_of(merchant.acquirer_bin.as_deref()),
                bytes_of(merchant.acquirer_merchant_id.as_deref()),
                &facts.created.0.to_be_bytes(),
            ],
        ));
        let mut value = Zeroizing::new([0; VALUE_BYTES]);
        value[..2].copy_from_slice(&[kind, self.key_id]);
        value[2..].copy_from_slice(&mac[..VALUE_BYTES - 2]);
        value
    }
}

impl fmt::Debug for HmacSha256Generator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HmacSha256Generator").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

impl AuthenticationValueGenerator for HmacSha256Generator {
    fn generate(&self, proof: &Proof, facts: &ValueFacts<'_>) -> AuthenticationValue {
        AuthenticationValue::new(STANDARD.encode(self.bytes(proof.kind(), facts).as_slice()))
    }
}

/// An absent element counts as an empty one: no element of these may be empty.
fn bytes_of(part: Option<&str>) -> &[u8] {
    part.unwrap_or_default().as_bytes()
}

const VALUE_BYTES: usize = 20;
const DOMAIN: &[u8] = b"authentication value, simulation profile 1";
