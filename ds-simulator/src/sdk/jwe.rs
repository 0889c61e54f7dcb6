//! JWE compact in its five parts, so that each can be made wrong. josekit does the encryption;
//! the ACS's own code has no part in it.

use anyhow::{Context, Result, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use josekit::jwe::JweContentEncryption;
use josekit::jwe::enc::{A128CBC_HS256, A128GCM};
use serde_json::{Map, Value};

use super::keys::Encryption;

/// The parts of a JWE; the header as it stands in the text, for it is what the tag covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jwe {
    pub header: String,
    pub encrypted_key: Vec<u8>,
    pub iv: Vec<u8>,
    pub text: Vec<u8>,
    pub tag: Vec<u8>,
}

/// Most characters of a JWE that is read: acsHTML of 300 000 characters, twice encoded.
const LIMIT: usize = 800_000;

impl Encryption {
    fn cipher(self) -> &'static dyn JweContentEncryption {
        match self {
            Self::A128CbcHs256 => &A128CBC_HS256,
            Self::A128Gcm => &A128GCM,
        }
    }

    /// Bytes of an IV.
    #[must_use]
    pub const fn iv_length(self) -> usize {
        match self {
            Self::A128CbcHs256 => 16,
            Self::A128Gcm => 12,
        }
    }

    /// A random IV.
    ///
    /// # Panics
    /// When the system has no randomness.
    #[must_use]
    pub fn random_iv(self) -> Vec<u8> {
        let mut iv = vec![0; self.iv_length()];
        openssl::rand::rand_bytes(&mut iv).expect("the system has randomness");
        iv
    }
}

impl Jwe {
    /// Encrypts `plain` under `header`, which is taken as it is.
    ///
    /// # Errors
    /// When key or IV do not have the length that `enc` wants.
    pub fn seal(
        header: &Value,
        encrypted_key: Vec<u8>,
        enc: Encryption,
        key: &[u8],
        iv: Vec<u8>,
        plain: &[u8],
    ) -> Result<Self> {
        let header = URL_SAFE_NO_PAD.encode(header.to_string());
        let sealed = enc.cipher().encrypt(key, Some(&iv), plain, header.as_bytes());
        // josekit's own words may quote what they are about.
        let Ok((text, Some(tag))) = sealed else { bail!("this key and IV cannot encrypt") };
        Ok(Self { header, encrypted_key, iv, text, tag })
    }

    /// Reads the compact form: five parts, each base64url without padding.
    ///
    /// # Errors
    /// Which part is wrong.
    pub fn parse(jwe: &str) -> Result<Self> {
        ensure!(jwe.len() <= LIMIT, "the JWE has more than {LIMIT} characters");
        let parts: Vec<&str> = jwe.split('.').collect();
        let [header, encrypted_key, iv, text, tag] = parts.as_slice() else {
            bail!("a JWE has five parts, this one {}", parts.len());
        };
        let decode = |name: &str, part: &str| {
            URL_SAFE_NO_PAD
                .decode(part)
                .with_context(|| format!("the {name} is not base64url without padding"))
        };
        decode("header", header)?;
        Ok(Self {
            header: (*header).to_owned(),
            encrypted_key: decode("encrypted key", encrypted_key)?,
            iv: decode("IV", iv)?,
            text: decode("ciphertext", text)?,
            tag: decode("tag", tag)?,
        })
    }

    /// The header's members.
    ///
    /// # Errors
    /// When it is not a JSON object.
    pub fn members(&self) -> Result<Map<String, Value>> {
        let bytes = URL_SAFE_NO_PAD.decode(&self.header).context("header")?;
        serde_json::from_slice(&bytes).context("the header is not a JSON object")
    }

    /// Decrypts with `key`.
    ///
    /// # Errors
    /// When the tag does not fit.
    pub fn open(&self, enc: Encryption, key: &[u8]) -> Result<Vec<u8>> {
        ensure!(self.tag.len() == 16, "the tag is not 16 bytes");
        ensure!(self.iv.len() == enc.iv_length(), "the IV is not {} bytes", enc.iv_length());
        let aad = self.header.as_bytes();
        enc.cipher()
            .decrypt(key, Some(&self.iv), &self.text, aad, Some(&self.tag))
            .map_err(|_| anyhow::anyhow!("the JWE cannot be decrypted with the agreed key"))
    }
}

impl std::fmt::Display for Jwe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let (key, iv) = (encode(&self.encrypted_key), encode(&self.iv));
        write!(f, "{}.{key}.{iv}.{}.{}", self.header, encode(&self.text), encode(&self.tag))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sdk::keys::{ContentKey, Way};
    use serde_json::json;

    #[test]
    fn what_is_sealed_opens_and_nothing_else_does() {
        let key = ContentKey::from_bytes([7; 32]);
        for enc in Encryption::ALL {
            let part = key.part(Way::SdkToAcs, enc);
            let header = json!({"alg": "dir", "enc": enc.name()});
            let jwe = Jwe::seal(&header, Vec::new(), enc, part, enc.random_iv(), b"{}").unwrap();
            let read = Jwe::parse(&jwe.to_string()).unwrap();
            assert_eq!(read, jwe);
            assert_eq!(read.open(enc, part).unwrap(), b"{}");
            let mut bent = read.clone();
            bent.tag[0] ^= 1;
            assert!(bent.open(enc, part).is_err());
            let mut bent = read.clone();
            bent.header.push('A');
            assert!(bent.open(enc, part).is_err());
            assert!(Jwe::parse(&format!("{read}=")).is_err());
            assert!(Jwe::parse(&format!("{read}.")).is_err());
        }
    }

    /// RFC 7520, 5.6: direct encryption with A128GCM.
    #[test]
    fn rfc_7520_5_6() {
        let key = URL_SAFE_NO_PAD.decode("XctOhJAkA-pD9Lh7ZgW_2A").unwrap();
        let iv = URL_SAFE_NO_PAD.decode("refa467QzzKx6QAB").unwrap();
        let header = "eyJhbGciOiJkaXIiLCJraWQiOiI3N2M3ZTJiOC02ZTEzLTQ1Y2YtODY3Mi02MTdiNWI0NT\
                      I0M2EiLCJlbmMiOiJBMTI4R0NNIn0";
        let (text, tag) = Encryption::A128Gcm
            .cipher()
            .encrypt(&key, Some(&iv), RFC_7520_PLAINTEXT.as_bytes(), header.as_bytes())
            .unwrap();
        assert_eq!(
            &URL_SAFE_NO_PAD.encode(&text)[..43],
            "JW_i_f52hww_ELQPGaYyeAB6HYGcR559l9TYnSovc23"
        );
        let tag = tag.unwrap();
        assert_eq!(URL_SAFE_NO_PAD.encode(&tag), "vbb32Xvllea2OtmHAdccRQ");
        let jwe = Jwe { header: header.to_owned(), encrypted_key: Vec::new(), iv, text, tag };
        assert_eq!(jwe.open(Encryption::A128Gcm, &key).unwrap(), RFC_7520_PLAINTEXT.as_bytes());
    }

    const RFC_7520_PLAINTEXT: &str = "You can trust us to stick with you through thick and \
        thin\u{2013}to the bitter end. And you can trust us to keep any secret of \
        yours\u{2013}closer than you keep it yourself. But you cannot trust us to let you face \
        trouble alone, and go off without a word. We are your friends, Frodo.";
}
