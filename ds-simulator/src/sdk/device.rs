//! Device data of an SDK and its encryption for the directory server [P-DEV-01..03].

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use josekit::jwe::{self, JweHeader, RSA_OAEP_256};
use josekit::jwk::Jwk;
use serde_json::{Value, json};

use super::jwe::Jwe;
use super::keys::{Encryption, KeyPair};

/// A directory server's key for device data, as an SDK carries it with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DsPublicKey {
    /// The RID that names the directory server in the key agreement.
    pub directory_server_id: String,
    /// `kid` in the header; `None` leaves it out, which 2.3.1 refuses.
    pub kid: Option<String>,
    /// An EC P-256 or RSA public key.
    pub jwk: Value,
}

/// Which of its keys a directory server is asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DsKeyKind {
    /// ECDH-ES with P-256.
    #[default]
    Ec,
    /// RSA-OAEP-256.
    Rsa,
}

/// What the simulated phone says about itself.
#[must_use]
pub fn device_data() -> Value {
    json!({
        "DV": "1.4",
        "DD": {
            "C001": "Android", "C002": "ds-sim", "C003": "Simulated OS", "C004": "14",
            "C005": "ja-JP", "C006": "-540", "C008": "1080x2340", "C009": "phone",
            "C010": "192.0.2.7",
        },
        "DPNA": {"C011": "RE03", "C012": "RE03", "A001": "RE02"},
        "SW": ["SW04"],
    })
}

/// `sdkEncData`: `data` encrypted for `key`.
///
/// # Errors
/// When the key is of no kind that is foreseen.
pub fn encrypt(data: &Value, key: &DsPublicKey, enc: Encryption) -> Result<String> {
    match key.jwk["kty"].as_str() {
        Some("EC") => encrypt_ec(data, key, enc),
        Some("RSA") => encrypt_rsa(data, key, enc),
        _ => anyhow::bail!("the directory server's key is neither EC nor RSA"),
    }
}

fn encrypt_ec(data: &Value, key: &DsPublicKey, enc: Encryption) -> Result<String> {
    let own = KeyPair::generate();
    let agreed = own.agree(&key.jwk, &key.directory_server_id)?;
    let mut header = json!({"alg": "ECDH-ES", "enc": enc.name(), "epk": own.public_jwk()});
    if let Some(kid) = &key.kid {
        header["kid"] = json!(kid);
    }
    let part = agreed.device_part(enc);
    let plain = data.to_string();
    let jwe = Jwe::seal(&header, Vec::new(), enc, part, enc.random_iv(), plain.as_bytes())?;
    Ok(jwe.to_string())
}

fn encrypt_rsa(data: &Value, key: &DsPublicKey, enc: Encryption) -> Result<String> {
    let jwk = Jwk::from_bytes(key.jwk.to_string()).ok().context("RSA key of the DS")?;
    let mut encrypter = RSA_OAEP_256.encrypter_from_jwk(&jwk).ok().context("RSA key of the DS")?;
    // The header says what the caller wants, not what the key knows.
    encrypter.remove_key_id();
    let mut header = JweHeader::new();
    header.set_content_encryption(enc.name());
    if let Some(kid) = &key.kid {
        header.set_key_id(kid);
    }
    let plain = data.to_string();
    jwe::serialize_compact(plain.as_bytes(), &header, &encrypter).ok().context("RSA-OAEP-256")
}

/// `deviceInfo`: the decrypted text as it was, in base64url.
#[must_use]
pub fn device_info(plain: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(plain)
}
