//! Why a handshake failed, in a word for the metrics and a sentence for the log.

use std::io;

use rustls::{CertificateError, Error, PeerIncompatible};

/// A failed handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// Label of `acs_refused_total`.
    pub(crate) cause: &'static str,
    pub(crate) detail: String,
}

impl Refusal {
    /// The handshake took too long.
    pub(crate) fn timeout() -> Self {
        Self { cause: "tls-timeout", detail: "no handshake in time".to_owned() }
    }

    /// What rustls or the socket said.
    pub(crate) fn of(error: &io::Error) -> Self {
        let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
        let cause = tls.map_or("tls-closed", cause);
        Self { cause, detail: error.to_string() }
    }

    /// Whether a peer merely went away, as port scans and probes do.
    pub(crate) fn is_noise(&self) -> bool {
        self.cause == "tls-closed"
    }
}

fn cause(error: &Error) -> &'static str {
    match error {
        Error::NoCertificatesPresented => "tls-no-certificate",
        Error::InvalidCertificate(error) => certificate(error),
        Error::PeerIncompatible(error) => incompatible(error),
        Error::AlertReceived(_) => "tls-alert",
        Error::InvalidMessage(_) | Error::InappropriateMessage { .. } => "not-tls",
        // None of our certificates fits what the client can verify or its suites.
        Error::General(text) if text.contains("no server certificate") => "tls-suite",
        _ => "tls-other",
    }
}

fn certificate(error: &CertificateError) -> &'static str {
    match error {
        CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. } => "tls-certificate-expired",
        CertificateError::UnknownIssuer => "tls-certificate-issuer",
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "tls-certificate-purpose"
        }
        _ => "tls-certificate",
    }
}

fn incompatible(error: &PeerIncompatible) -> &'static str {
    match error {
        PeerIncompatible::Tls12NotOffered
        | PeerIncompatible::Tls12NotOfferedOrEnabled
        | PeerIncompatible::SupportedVersionsExtensionRequired
        // Absent from every hello before TLS 1.2.
        | PeerIncompatible::SignatureAlgorithmsExtensionRequired
        | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig => "tls-version",
        PeerIncompatible::NoCipherSuitesInCommon => "tls-suite",
        _ => "tls-incompatible",
    }
}
