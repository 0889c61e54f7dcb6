//! Key agreement as an SDK does it: P-256, ECDH, Concat KDF [P-CRY-01..05], with other libraries
//! than the ACS uses.

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::elliptic_curve::sec1::{FromEncodedPoint as _, ToEncodedPoint as _};
use p256::{EncodedPoint, PublicKey, SecretKey};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// A P-256 key pair.
#[derive(Clone)]
pub struct KeyPair(SecretKey);

/// The 32 bytes both sides derive.
#[derive(Clone, PartialEq, Eq)]
pub struct ContentKey([u8; 32]);

/// `enc` of a JWE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    A128CbcHs256,
    A128Gcm,
}

/// Which way a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    SdkToAcs,
    AcsToSdk,
}

impl Encryption {
    /// Both, for tests that go through all.
    pub const ALL: [Self; 2] = [Self::A128CbcHs256, Self::A128Gcm];

    /// The name in a header.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::A128CbcHs256 => "A128CBC-HS256",
            Self::A128Gcm => "A128GCM",
        }
    }

    /// The encryption a header names.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|enc| enc.name() == name)
    }
}

impl KeyPair {
    /// A fresh pair.
    ///
    /// # Panics
    /// When the system has no randomness.
    #[must_use]
    pub fn generate() -> Self {
        loop {
            let mut scalar = [0; 32];
            openssl::rand::rand_bytes(&mut scalar).expect("the system has randomness");
            if let Ok(key) = Self::from_scalar(&scalar) {
                return key;
            }
        }
    }

    /// The pair of a known private key.
    ///
    /// # Errors
    /// When the number is no private key of P-256.
    pub fn from_scalar(scalar: &[u8; 32]) -> Result<Self> {
        Ok(Self(SecretKey::from_bytes(&(*scalar).into()).context("no private key of P-256")?))
    }

    /// The public half.
    #[must_use]
    pub fn public_jwk(&self) -> Value {
        let point = self.0.public_key().to_encoded_point(false);
        // 04, x, y.
        let (x, y) = point.as_bytes()[1..].split_at(32);
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        json!({"kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y)})
    }

    /// The x coordinate of the shared point.
    ///
    /// # Errors
    /// When `other` is no public key of P-256.
    pub fn shared_secret(&self, other: &Value) -> Result<[u8; 32]> {
        let public = public_key(other)?;
        let shared = p256::ecdh::diffie_hellman(self.0.to_nonzero_scalar(), public.as_affine());
        Ok((*shared.raw_secret_bytes()).into())
    }

    /// The content key; `party_v` is sdkReferenceNumber, or the directory server's id for device
    /// data.
    ///
    /// # Errors
    /// As [`Self::shared_secret`].
    pub fn agree(&self, other: &Value, party_v: &str) -> Result<ContentKey> {
        let z = self.shared_secret(other)?;
        let key = concat_kdf(&z, b"", b"", party_v.as_bytes(), 256);
        Ok(ContentKey(key))
    }
}

impl std::fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyPair(..)")
    }
}

impl ContentKey {
    /// A key that is known, for tests.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The key as it is.
    #[must_use]
    pub const fn expose_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The part that encrypts messages of one way: all of it, or a half under A128GCM [P-CRY-04].
    #[must_use]
    pub fn part(&self, way: Way, enc: Encryption) -> &[u8] {
        match (enc, way) {
            (Encryption::A128CbcHs256, _) => &self.0,
            (Encryption::A128Gcm, Way::SdkToAcs) => &self.0[..16],
            (Encryption::A128Gcm, Way::AcsToSdk) => &self.0[16..],
        }
    }

    /// The part that encrypts device data: under A128GCM the first half [P-DEV-03].
    #[must_use]
    pub fn device_part(&self, enc: Encryption) -> &[u8] {
        self.part(Way::SdkToAcs, enc)
    }
}

impl std::fmt::Debug for ContentKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ContentKey(..)")
    }
}

/// The IV that a counter makes under A128GCM [P-CRY-05].
#[must_use]
pub fn counter_iv(way: Way, counter: u8) -> [u8; 12] {
    let mut iv = match way {
        Way::SdkToAcs => [0x00; 12],
        Way::AcsToSdk => [0xff; 12],
    };
    iv[11] = counter;
    iv
}

/// A public key of P-256 from a JWK that holds what it must and nothing private.
///
/// # Errors
/// What is wrong with it.
pub fn public_key(jwk: &Value) -> Result<PublicKey> {
    let text = |name| jwk.get(name).and_then(Value::as_str);
    ensure!(text("kty") == Some("EC"), "kty of the key is not EC");
    ensure!(text("crv") == Some("P-256"), "crv of the key is not P-256");
    ensure!(jwk.get("d").is_none(), "the key holds a private member");
    let coordinate = |name: &'static str| -> Result<[u8; 32]> {
        let bytes = text(name)
            .and_then(|text| URL_SAFE_NO_PAD.decode(text).ok())
            .with_context(|| format!("{name} of the key is not base64url without padding"))?;
        <[u8; 32]>::try_from(bytes).ok().with_context(|| format!("{name} is not 32 bytes"))
    };
    let (x, y) = (coordinate("x")?, coordinate("y")?);
    let point = EncodedPoint::from_affine_coordinates(&x.into(), &y.into(), false);
    let key: Option<PublicKey> = PublicKey::from_encoded_point(&point).into();
    key.context("the key is not a point of P-256")
}

/// One round of the Concat KDF with SHA-256 for up to 256 bits; unused bytes are zero.
#[must_use]
pub fn concat_kdf(
    z: &[u8],
    algorithm_id: &[u8],
    party_u: &[u8],
    party_v: &[u8],
    bits: u32,
) -> [u8; 32] {
    let mut hash = Sha256::new_with_prefix(1_u32.to_be_bytes());
    hash.update(z);
    for part in [algorithm_id, party_u, party_v] {
        hash.update(u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
        hash.update(part);
    }
    hash.update(bits.to_be_bytes());
    let mut key: [u8; 32] = hash.finalize().into();
    let used = usize::try_from(bits / 8).unwrap_or(32).min(32);
    key[used..].fill(0);
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(d: &str) -> KeyPair {
        let scalar: [u8; 32] = URL_SAFE_NO_PAD.decode(d).unwrap().try_into().unwrap();
        KeyPair::from_scalar(&scalar).unwrap()
    }

    /// RFC 7518, appendix C.
    #[test]
    fn rfc_7518_c() {
        let alice = key("0_NxaRPUMQoAJt50Gz8YiTr8gRTwyEaCumd-MToTmIo");
        let bob = json!({"kty": "EC", "crv": "P-256",
            "x": "weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ",
            "y": "e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck"});
        let z = alice.shared_secret(&bob).unwrap();
        assert_eq!(z[..4], [158, 86, 217, 29]);
        let key = concat_kdf(&z, b"A128GCM", b"Alice", b"Bob", 128);
        assert_eq!(URL_SAFE_NO_PAD.encode(&key[..16]), "VqqN6vgjbSBcIijNcacQGg");
        assert_eq!(key[16..], [0; 16]);
    }

    #[test]
    fn keys_with_private_members_or_off_the_curve_are_refused() {
        let own = KeyPair::generate();
        let mut jwk = own.public_jwk();
        jwk["d"] = json!("AA");
        assert!(public_key(&jwk).unwrap_err().to_string().contains("private"));
        let mut jwk = own.public_jwk();
        jwk["y"] = jwk["x"].clone();
        assert!(public_key(&jwk).is_err());
        assert!(public_key(&json!({"kty": "RSA"})).is_err());
    }
}
