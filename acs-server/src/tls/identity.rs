//! Certificates and keys from PEM files.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rustls::RootCertStore;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::{TlsError, provider};
use crate::config::KeyPair;

/// Reads a certificate chain and its key, and checks that they belong together.
///
/// # Errors
/// [`TlsError`] for unreadable files, a key that others can read, and a key of another certificate.
pub fn load(pair: &KeyPair) -> Result<CertifiedKey, TlsError> {
    let chain = certificates(&pair.cert)?;
    let key = private_key(&pair.key)?;
    let mismatch = || TlsError::NotItsKey { cert: pair.cert.clone(), key: pair.key.clone() };
    CertifiedKey::from_der(chain, key, &provider()).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => mismatch(),
        other => TlsError::unusable(&pair.key, &other),
    })
}

/// Reads the certificates of a PEM file; at least one.
///
/// # Errors
/// [`TlsError`] when the file cannot be read or holds none.
pub fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let chain: Vec<_> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|error| TlsError::unreadable(path, &pem_error(&error)))?;
    if chain.is_empty() {
        return Err(TlsError::NoCertificate(path.to_owned()));
    }
    Ok(chain)
}

/// Reads a root store.
///
/// # Errors
/// [`TlsError`] when the file cannot be read, is empty, or holds what cannot be a root.
pub fn roots(path: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|error| TlsError::unusable(path, &error))?;
    }
    Ok(roots)
}

/// Reads a private key that only its owner can read.
///
/// # Errors
/// [`TlsError`] for an unreadable file and one that others can read.
pub fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    private_mode(path)?;
    PrivateKeyDer::from_pem_file(path)
        .map_err(|error| TlsError::unreadable(path, &pem_error(&error)))
}

/// Checks that nobody but its owner can read a file.
///
/// # Errors
/// [`TlsError::Exposed`], or unreadable.
pub fn private_mode(path: &Path) -> Result<(), TlsError> {
    let meta = fs::metadata(path).map_err(|error| TlsError::unreadable(path, &error))?;
    let mode = meta.permissions().mode() & 0o777;
    if mode & 0o077 == 0 { Ok(()) } else { Err(TlsError::Exposed(path.to_owned(), mode)) }
}

/// What is wrong with a PEM file, without any of its content.
fn pem_error(error: &rustls_pki_types::pem::Error) -> String {
    use rustls_pki_types::pem::Error;
    match error {
        Error::Io(error) => error.to_string(),
        Error::NoItemsFound => "holds no PEM section of the expected kind".to_owned(),
        _ => "is not valid PEM".to_owned(),
    }
}
