//! TLS towards directory servers and cardholders [P-TRN-02..05], and of our own RReqs.
//!
//! One explicit provider: TLS 1.3, and of TLS 1.2 the ECDHE suites with AES-GCM. Directory servers
//! prove who they are in every connection: nothing is resumed there.

pub mod identity;
pub mod names;
mod refusal;
mod rreq_client;
mod server;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use rustls::SupportedCipherSuite;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{self, cipher_suite};

pub(crate) use refusal::Refusal;
pub use rreq_client::rreq_client;
pub use server::{cardholder_server, ds_client_verifier, ds_server};

/// Why TLS cannot be set up; names the file and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    #[error("{0}: {1}")]
    Unreadable(PathBuf, String),
    #[error("{0} holds no certificate")]
    NoCertificate(PathBuf),
    #[error("{0} is readable by others (mode {1:03o}): use chmod 600")]
    Exposed(PathBuf, u32),
    #[error("{key} is not the key of {cert}")]
    NotItsKey { cert: PathBuf, key: PathBuf },
    #[error("{0} cannot be used: {1}")]
    Unusable(PathBuf, String),
}

impl TlsError {
    fn unreadable(path: &Path, cause: &impl fmt::Display) -> Self {
        Self::Unreadable(path.to_owned(), cause.to_string())
    }

    fn unusable(path: &Path, cause: &impl fmt::Display) -> Self {
        Self::Unusable(path.to_owned(), cause.to_string())
    }
}

/// The provider of every connection.
#[must_use]
pub fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| {
        let cipher_suites = SUITES.to_vec();
        Arc::new(CryptoProvider { cipher_suites, ..aws_lc_rs::default_provider() })
    });
    Arc::clone(&PROVIDER)
}

/// Makes [`provider`] the one that libraries without a choice of their own use.
pub fn install_provider() {
    // An error means that one is installed already, which is as good.
    let _ = CryptoProvider::clone(&provider()).install_default();
}

/// The EMV suites of TLS 1.2 with their AES-256 siblings, and TLS 1.3 [P-TRN-05, Note 54, Note 56].
const SUITES: [SupportedCipherSuite; 7] = [
    cipher_suite::TLS13_AES_128_GCM_SHA256,
    cipher_suite::TLS13_AES_256_GCM_SHA384,
    cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
    cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    cipher_suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
];
