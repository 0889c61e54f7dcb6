//! `acsSignedContent`: what an SDK must be sure of before it opens the channel, as a JWS under the
//! directory server's root [P-APP-01, P-APP-02].

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::Serialize;

use crate::message::P256PublicJwk;

/// `alg` of the JWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum SignatureAlgorithm {
    /// RSASSA-PSS with SHA-256, for RSA keys.
    #[serde(rename = "PS256")]
    Ps256,
    /// ECDSA with SHA-256, for P-256 keys.
    #[serde(rename = "ES256")]
    Es256,
}

/// Signs with the key that one directory server's root vouches for; the key stays with the
/// implementation.
pub trait ContentSigner: Send + Sync + fmt::Debug {
    /// The protected header as [`protected_header`] encodes it, prepared once.
    fn protected_header(&self) -> &str;

    /// The signature over a JWS signing input, in the form JWS wants: `r` and `s` in 64 bytes for
    /// ES256.
    ///
    /// # Errors
    /// [`SigningFailed`]: no content can be signed now.
    fn sign(&self, input: &[u8]) -> Result<Vec<u8>, SigningFailed>;
}

/// Nothing was signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signing key did not sign")]
pub struct SigningFailed;

/// The encoded protected header: `alg`, and `x5c` with the signer first and without the directory
/// server's root.
#[must_use]
pub fn protected_header<T: AsRef<[u8]>>(algorithm: SignatureAlgorithm, chain: &[T]) -> String {
    #[derive(Serialize)]
    struct Header {
        alg: SignatureAlgorithm,
        x5c: Vec<String>,
    }
    let x5c = chain.iter().map(|certificate| STANDARD.encode(certificate)).collect();
    // Strings always serialise.
    let json = serde_json::to_vec(&Header { alg: algorithm, x5c }).unwrap_or_default();
    URL_SAFE_NO_PAD.encode(json)
}

/// Signs the three members for one transaction.
///
/// # Errors
/// [`SigningFailed`], and for a JWS longer than the 16,000 characters an SDK takes.
pub fn signed_content(
    signer: &dyn ContentSigner,
    acs_url: &str,
    acs_key: &P256PublicJwk,
    sdk_key: &P256PublicJwk,
) -> Result<String, SigningFailed> {
    let payload = Payload {
        acs_ephem_pub_key: Jwk::of(acs_key),
        acs_url,
        sdk_ephem_pub_key: Jwk::of(sdk_key),
    };
    let payload = serde_json::to_vec(&payload).map_err(|_| SigningFailed)?;
    let header = signer.protected_header();
    let room = header.len() + payload.len().div_ceil(3) * 4 + USUAL_SIGNATURE;
    let mut jws = String::with_capacity(room);
    jws.push_str(header);
    jws.push('.');
    URL_SAFE_NO_PAD.encode_string(payload, &mut jws);
    let signature = signer.sign(jws.as_bytes())?;
    jws.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut jws);
    if jws.len() > MAX_LENGTH { Err(SigningFailed) } else { Ok(jws) }
}

#[derive(Serialize)]
struct Payload<'a> {
    #[serde(rename = "acsEphemPubKey")]
    acs_ephem_pub_key: Jwk<'a>,
    #[serde(rename = "acsURL")]
    acs_url: &'a str,
    #[serde(rename = "sdkEphemPubKey")]
    sdk_ephem_pub_key: Jwk<'a>,
}

#[derive(Serialize)]
struct Jwk<'a> {
    kty: &'static str,
    crv: &'static str,
    x: &'a str,
    y: &'a str,
}

impl<'a> Jwk<'a> {
    fn of(key: &'a P256PublicJwk) -> Self {
        Self { kty: "EC", crv: "P-256", x: &key.x, y: &key.y }
    }
}

const MAX_LENGTH: usize = 16_000;
/// Characters of an RSA signature of 2048 bits and the dots.
const USUAL_SIGNATURE: usize = 344;

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Echo(String);

    impl ContentSigner for Echo {
        fn protected_header(&self) -> &str {
            &self.0
        }

        fn sign(&self, input: &[u8]) -> Result<Vec<u8>, SigningFailed> {
            Ok(input[..4].to_vec())
        }
    }

    fn decoded(part: &str) -> serde_json::Value {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    }

    #[test]
    fn header_and_payload_hold_what_they_must_and_nothing_else() {
        let header = protected_header(SignatureAlgorithm::Es256, &[vec![0xfb, 0xff], vec![1]]);
        let jwk = |c: &str| P256PublicJwk { x: c.repeat(43), y: c.repeat(43) };
        let signer = Echo(header);
        let jws = signed_content(&signer, "https://acs.example/x", &jwk("a"), &jwk("b")).unwrap();
        let parts: Vec<_> = jws.split('.').collect();
        assert_eq!(parts.len(), 3);
        assert_eq!(
            decoded(parts[0]),
            serde_json::json!({ "alg": "ES256", "x5c": ["+/8=", "AQ=="] })
        );
        let payload = decoded(parts[1]);
        assert_eq!(payload.as_object().unwrap().len(), 3);
        assert_eq!(payload["acsURL"], "https://acs.example/x");
        assert_eq!(
            payload["acsEphemPubKey"],
            serde_json::json!({"kty": "EC", "crv": "P-256", "x": "a".repeat(43), "y": "a".repeat(43)})
        );
        assert_eq!(payload["sdkEphemPubKey"]["x"], "b".repeat(43));
    }

    #[test]
    fn what_no_sdk_would_take_is_not_made() {
        let jwk = P256PublicJwk { x: "a".repeat(43), y: "a".repeat(43) };
        let signer = Echo("a".repeat(MAX_LENGTH));
        assert_eq!(signed_content(&signer, "https://a", &jwk, &jwk), Err(SigningFailed));
    }
}
