//! Server side: cardholders without, directory servers with a certificate of their own.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use rustls::server::danger::ClientCertVerifier;
use rustls::server::{
    ClientHello, NoServerSessionStorage, ResolvesServerCert, WebPkiClientVerifier,
};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, SignatureAlgorithm};

use super::{TlsError, identity, provider};
use crate::config::{Ds, KeyPair};

/// Towards cardholders: our certificate only [P-TRN-04, Req 85, Note 61, Note 62].
///
/// # Errors
/// [`TlsError`] about the files named.
pub fn cardholder_server(pairs: &[KeyPair]) -> Result<ServerConfig, TlsError> {
    let resolver = Arc::new(BySignatureScheme::load(pairs)?);
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| broken(&error))?
        .with_no_client_auth()
        .with_cert_resolver(resolver);
    config.alpn_protocols = alpn();
    config.ticketer = rustls::crypto::aws_lc_rs::Ticketer::new().map_err(|error| broken(&error))?;
    Ok(config)
}

/// Towards a directory server: a client certificate under that DS's own roots is a must, checked
/// in every connection [P-TRN-02, Note 57].
///
/// # Errors
/// [`TlsError`] about the files named.
pub fn ds_server(ds: &Ds) -> Result<ServerConfig, TlsError> {
    let resolver = Arc::new(BySignatureScheme::load(&ds.certificates)?);
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| broken(&error))?
        .with_client_cert_verifier(ds_client_verifier(&ds.client_ca)?)
        .with_cert_resolver(resolver);
    config.alpn_protocols = alpn();
    // A resumed session would skip the certificate check.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config)
}

/// Checks a client's chain, validity and usage (client authentication) against `roots` alone
/// [P-TRN-02].
///
/// # Errors
/// [`TlsError`] about the file.
pub fn ds_client_verifier(roots: &Path) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    WebPkiClientVerifier::builder_with_provider(Arc::new(identity::roots(roots)?), provider())
        .build()
        .map_err(|error| TlsError::unusable(roots, &error))
}

/// Chooses the certificate whose key the client can verify; ECDSA before RSA, for speed.
struct BySignatureScheme {
    keys: Vec<Arc<CertifiedKey>>,
}

impl BySignatureScheme {
    fn load(pairs: &[KeyPair]) -> Result<Self, TlsError> {
        let load = |pair| identity::load(pair).map(Arc::new);
        let mut keys = pairs.iter().map(load).collect::<Result<Vec<_>, _>>()?;
        keys.sort_by_key(|key| key.key.algorithm() == SignatureAlgorithm::RSA);
        Ok(Self { keys })
    }
}

impl ResolvesServerCert for BySignatureScheme {
    /// For TLS 1.2, the schemes given here are already those that fit the client's suites.
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let fits =
            |key: &&Arc<CertifiedKey>| key.key.choose_scheme(hello.signature_schemes()).is_some();
        self.keys.iter().find(fits).cloned()
    }
}

impl fmt::Debug for BySignatureScheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BySignatureScheme").field("keys", &self.keys.len()).finish()
    }
}

fn alpn() -> Vec<Vec<u8>> {
    vec![b"h2".to_vec(), b"http/1.1".to_vec()]
}

/// A failure that no file is the cause of.
fn broken(error: &rustls::Error) -> TlsError {
    TlsError::unusable(Path::new("the TLS library"), error)
}
