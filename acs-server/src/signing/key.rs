//! Signing keys from files: P-256 for ES256, RSA for PS256.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use acs_core::crypto::ContentSigner;
use acs_core::crypto::signed_content::{SignatureAlgorithm, SigningFailed, protected_header};
use aws_lc_rs::digest::{Context, Digest, SHA256, digest};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PSS_SHA256, RsaKeyPair,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::SigningError;
use crate::tls::identity;

/// A key in memory with its encoded header. `Debug` is silent.
pub struct KeySigner {
    key: Key,
    header: Arc<str>,
    /// Of the header and its dot: most of what is signed, and the same each time.
    begun: Context,
}

enum Key {
    P256(EcdsaKeyPair),
    Rsa(RsaKeyPair),
}

impl KeySigner {
    /// Reads the key of `chain`'s first certificate.
    ///
    /// # Errors
    /// [`SigningError`] for files, algorithms and chains that cannot be used.
    pub(super) fn load(
        path: &Path,
        chain: &[CertificateDer<'static>],
    ) -> Result<Self, SigningError> {
        let key = Key::of(&identity::private_key(path)?).ok_or(SigningError::Algorithm)?;
        let algorithm = match key {
            Key::P256(_) => SignatureAlgorithm::Es256,
            Key::Rsa(_) => SignatureAlgorithm::Ps256,
        };
        let header = protected_header(algorithm, chain);
        if header.len() > LONGEST_HEADER {
            return Err(SigningError::TooLong);
        }
        let mut begun = Context::new(&SHA256);
        begun.update(header.as_bytes());
        begun.update(b".");
        Ok(Self { key, header: header.into(), begun })
    }

    /// [`ContentSigner::protected_header`], for whoever keeps it.
    pub(crate) fn shared_header(&self) -> Arc<str> {
        Arc::clone(&self.header)
    }

    /// The digest of a signing input.
    fn digest(&self, input: &[u8]) -> Digest {
        let payload = input.strip_prefix(self.header.as_bytes());
        let Some(payload) = payload.and_then(|rest| rest.strip_prefix(b".")) else {
            return digest(&SHA256, input);
        };
        let mut context = self.begun.clone();
        context.update(payload);
        context.finish()
    }
}

impl Key {
    fn of(der: &PrivateKeyDer<'_>) -> Option<Self> {
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        if let Ok(key) = EcdsaKeyPair::from_private_key_der(algorithm, der.secret_der()) {
            return Some(Self::P256(key));
        }
        let rsa = match der {
            PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()),
            PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
            _ => return None,
        };
        rsa.ok().filter(|key| key.public_modulus_len() >= KeySize::Rsa2048.len()).map(Self::Rsa)
    }
}

impl ContentSigner for KeySigner {
    fn protected_header(&self) -> &str {
        &self.header
    }

    fn sign(&self, input: &[u8]) -> Result<Vec<u8>, SigningFailed> {
        let digest = self.digest(input);
        match &self.key {
            Key::P256(key) => {
                let signature = key.sign_digest(&digest).map_err(|_| SigningFailed)?;
                Ok(signature.as_ref().to_vec())
            }
            Key::Rsa(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign_digest(&RSA_PSS_SHA256, &digest, &mut signature)
                    .map_err(|_| SigningFailed)?;
                Ok(signature)
            }
        }
    }
}

impl fmt::Debug for KeySigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeySigner(..)")
    }
}

/// Leaves room for a payload and the longest signature.
const LONGEST_HEADER: usize = 14_000;
