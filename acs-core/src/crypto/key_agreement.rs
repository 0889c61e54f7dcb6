//! Key agreement of the app challenge: ECDH on P-256 and the Concat KDF of EMV 3DS [P-CRY-01,
//! P-CRY-02, P-APP-04].

use aws_lc_rs::agreement::{self, ECDH_P256, ParsedPublicKey, PrivateKey, UnparsedPublicKey};
use aws_lc_rs::digest::{Context, SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use crate::Random;
use crate::message::P256PublicJwk;

/// A fresh key pair of one transaction. It lives while the ARes is built and is never stored.
pub struct EphemeralKey(PrivateKey);

/// The 32 bytes both sides derive; all that is kept of a key agreement. Wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct ContentKey(Zeroizing<[u8; 32]>);

/// The other side's public key: as it was sent, and the point of P-256 that it was found to be.
#[derive(Clone)]
pub struct PeerKey {
    jwk: P256PublicJwk,
    point: ParsedPublicKey,
}

/// No key was agreed: the other side's key is not a point of P-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the other side's key is not a point of P-256")]
pub struct AgreementFailed;

impl PeerKey {
    /// The key of a JWK; `None` when it is not on the curve [P-AREQ-19, Note 73].
    #[must_use]
    pub fn parse(jwk: P256PublicJwk) -> Option<Self> {
        let encoded = uncompressed(&jwk)?;
        let point = UnparsedPublicKey::new(&ECDH_P256, &encoded).try_into().ok()?;
        Some(Self { jwk, point })
    }

    /// As it was sent.
    #[must_use]
    pub const fn jwk(&self) -> &P256PublicJwk {
        &self.jwk
    }
}

impl EphemeralKey {
    /// A key pair from the caller's randomness.
    #[must_use]
    pub fn generate(random: &mut dyn Random) -> Self {
        if let Some(pair) = random.key_pair() {
            return pair;
        }
        let mut scalar = Zeroizing::new([0; 32]);
        loop {
            random.fill(&mut scalar[..]);
            // Zero and numbers beyond the group's order are no keys: once in 2^32 tries.
            if let Ok(key) = PrivateKey::from_private_key(&ECDH_P256, &scalar[..]) {
                return Self(key);
            }
        }
    }

    /// The public half.
    #[must_use]
    pub fn public_jwk(&self) -> P256PublicJwk {
        // A key made here always has its public half, 65 bytes uncompressed.
        let public = self.0.compute_public_key().expect("a valid key has a public half");
        let point = public.as_ref();
        P256PublicJwk {
            x: URL_SAFE_NO_PAD.encode(&point[1..33]),
            y: URL_SAFE_NO_PAD.encode(&point[33..65]),
        }
    }

    /// Agrees on the content key. `party_v_info` is sdkReferenceNumber, or the directory server's
    /// id for device data.
    ///
    /// # Errors
    /// [`AgreementFailed`] when the library refuses the point all the same.
    pub fn agree(
        &self,
        other: &PeerKey,
        party_v_info: &str,
    ) -> Result<ContentKey, AgreementFailed> {
        let point = other.point.clone();
        agreement::agree(&self.0, point, AgreementFailed, |z| Ok(derive(z, party_v_info)))
    }
}

impl TryFrom<PrivateKey> for EphemeralKey {
    type Error = AgreementFailed;

    /// A pair that the library made by itself; of P-256 only.
    fn try_from(key: PrivateKey) -> Result<Self, AgreementFailed> {
        if key.algorithm() == &ECDH_P256 { Ok(Self(key)) } else { Err(AgreementFailed) }
    }
}

impl ContentKey {
    /// A key out of the sealed store.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// For the sealed store and the ciphers only.
    #[must_use]
    pub fn expose_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// What was sent: the point is the same.
impl std::fmt::Debug for PeerKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.jwk.fmt(f)
    }
}

impl std::fmt::Debug for EphemeralKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EphemeralKey(..)")
    }
}

impl std::fmt::Debug for ContentKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ContentKey(..)")
    }
}

fn uncompressed(jwk: &P256PublicJwk) -> Option<[u8; 65]> {
    let mut point = [4; 65];
    for (text, at) in [(&jwk.x, 1), (&jwk.y, 33)] {
        let coordinate = URL_SAFE_NO_PAD.decode(text).ok().filter(|bytes| bytes.len() == 32)?;
        point[at..at + 32].copy_from_slice(&coordinate);
    }
    Some(point)
}

/// One round of the Concat KDF with SHA-256: empty AlgorithmID and PartyUInfo, each with its length
/// [P-CRY-02].
fn derive(z: &[u8], party_v_info: &str) -> ContentKey {
    let length = u32::try_from(party_v_info.len()).unwrap_or(u32::MAX);
    let mut hash = Context::new(&SHA256);
    hash.update(&1_u32.to_be_bytes());
    hash.update(z);
    hash.update(&0_u32.to_be_bytes());
    hash.update(&0_u32.to_be_bytes());
    hash.update(&length.to_be_bytes());
    hash.update(party_v_info.as_bytes());
    hash.update(&256_u32.to_be_bytes());
    let mut key = Zeroizing::new([0; 32]);
    key.copy_from_slice(hash.finish().as_ref());
    ContentKey(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(Vec<u8>);

    impl Random for Fixed {
        fn fill(&mut self, buffer: &mut [u8]) {
            buffer.copy_from_slice(&self.0[..buffer.len()]);
        }
    }

    fn key(d: &str) -> EphemeralKey {
        EphemeralKey::generate(&mut Fixed(URL_SAFE_NO_PAD.decode(d).unwrap()))
    }

    fn jwk(x: &str, y: &str) -> P256PublicJwk {
        P256PublicJwk { x: x.to_owned(), y: y.to_owned() }
    }

    const D: &str = "iyn--IbkBeNoPu8cN245L6pOQWt2lTH8V0Ds92jQmWA";

    fn published_jwk() -> P256PublicJwk {
        jwk(
            "2_v-MuNZccqwM7PXlakW9oHLP5XyrjMG1UVS8OxYrgA",
            "rm1ktLmFIsP2R0YyJGXtsCbaTUesUK31Xc04tHJRolc",
        )
    }

    fn published_peer() -> PeerKey {
        PeerKey::parse(published_jwk()).unwrap()
    }

    /// EMVCo's published app-based cryptography example (August 2018).
    #[test]
    fn published_ecdh_example() {
        let own = key(D);
        let public = own.public_jwk();
        assert_eq!(public.x, "C1PL42i6kmNkM61aupEAgLJ4gF1ZRzcV7lqo1TG0mL4");
        assert_eq!(public.y, "cNToWLSdcFQKG--PGVEUQrIHP8w6TcRyj0pyFx4-ZMc");
        let peer = published_peer().point;
        let z = agreement::agree(&own.0, peer, AgreementFailed, |z| Ok(z.to_vec())).unwrap();
        let expected = "5c32bc13f8eceb148abaf2a6b9dd1f6891bb2a80ab09347c64068231a59e8ca2";
        assert_eq!(z.iter().map(|b| format!("{b:02x}")).collect::<String>(), expected);
    }

    /// RFC 7518 appendix C has another AlgorithmID, so the derivation is checked by its definition.
    #[test]
    fn the_derivation_depends_on_party_v_info_only() {
        let own = key(D);
        let a = own.agree(&published_peer(), "3DS_LOA_SDK_1").unwrap();
        let b = own.agree(&published_peer(), "3DS_LOA_SDK_1").unwrap();
        let c = own.agree(&published_peer(), "3DS_LOA_SDK_2").unwrap();
        assert!(a == b && a != c);
    }

    #[test]
    fn both_sides_derive_the_same_key() {
        let (a, b) = (key(D), key("r_kHyZ-a06rmxM3yESK84r1otSg-aQcVStkRhA-iCM8"));
        let [to_a, to_b] = [&a, &b].map(|key| PeerKey::parse(key.public_jwk()).unwrap());
        assert!(a.agree(&to_b, "ref").unwrap() == b.agree(&to_a, "ref").unwrap());
    }

    #[test]
    fn points_off_the_curve_are_refused() {
        let mut off = published_jwk();
        off.y = off.x.clone();
        let zero = URL_SAFE_NO_PAD.encode([0; 32]);
        for bad in [off, jwk(&zero, &zero), jwk("AA", "AA")] {
            assert!(PeerKey::parse(bad).is_none());
        }
        assert!(PeerKey::parse(published_jwk()).is_some());
    }
}
