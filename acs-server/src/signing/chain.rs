//! The certificates of a signer: up to the directory server's root, without it.

use std::path::Path;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PSS_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm,
};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::server::ParsedCertificate;
use rustls_pki_types::{CertificateDer, UnixTime};
use x509_parser::prelude::{FromDer as _, X509Certificate};
use x509_parser::public_key::PublicKey;

use super::SigningError;
use crate::tls::{self, identity};

/// Signer and intermediates: a root in the file stays behind.
pub(super) fn load(
    path: &Path,
    roots: &Path,
) -> Result<Vec<CertificateDer<'static>>, SigningError> {
    let roots = identity::certificates(roots)?;
    let mut chain = identity::certificates(path)?;
    chain.retain(|certificate| !roots.contains(certificate));
    if chain.is_empty() {
        return Err(SigningError::Chain("the file holds the root alone".to_owned()));
    }
    Ok(chain)
}

/// Checks the chain at a moment; gives the end of its first certificate to end, in seconds since
/// 1970. A certificate with extended usages must hold that of a server.
pub(super) fn verify(
    chain: &[CertificateDer<'_>],
    roots: &Path,
    now: UnixTime,
) -> Result<u64, SigningError> {
    let refused = |error: rustls::Error| SigningError::Chain(error.to_string());
    let roots = identity::roots(roots)?;
    let algorithms = tls::provider().signature_verification_algorithms.all;
    ParsedCertificate::try_from(&chain[0])
        .and_then(|own| {
            verify_server_cert_signed_by_trust_anchor(&own, &roots, &chain[1..], now, algorithms)
        })
        .map_err(refused)?;
    let ends = chain.iter().map(|certificate| {
        let end = parsed(certificate)?.validity().not_after.timestamp();
        Ok(u64::try_from(end).unwrap_or_default())
    });
    ends.collect::<Result<Vec<_>, SigningError>>()
        .map(|ends| ends.into_iter().min().unwrap_or_default())
}

/// Whether a signature in JWS form is that of this certificate's key.
pub(super) fn verify_signature(
    certificate: &CertificateDer<'_>,
    message: &[u8],
    signature: &[u8],
) -> Result<(), SigningError> {
    let parsed = parsed(certificate)?;
    let key = parsed.public_key();
    let algorithm: &dyn VerificationAlgorithm = match key.parsed() {
        Ok(PublicKey::EC(_)) => &ECDSA_P256_SHA256_FIXED,
        Ok(PublicKey::RSA(_)) => &RSA_PSS_2048_8192_SHA256,
        _ => return Err(SigningError::Algorithm),
    };
    UnparsedPublicKey::new(algorithm, &*key.subject_public_key.data)
        .verify(message, signature)
        .map_err(|_| SigningError::NotItsKey)
}

fn parsed<'a>(certificate: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, SigningError> {
    X509Certificate::from_der(certificate)
        .map(|(_, parsed)| parsed)
        .map_err(|error| SigningError::Certificate(error.to_string()))
}
