//! `[tls.cardholder]`, `[tls.issuer]` and the certificate pairs used there and by `[[ds]]`.

use std::path::{Path, PathBuf};

use serde::Deserialize;

/// TLS towards cardholders and issuers' systems.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    pub cardholder: Certificates,
    pub issuer: Option<Certificates>,
}

/// The certificates of a listener.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificates {
    /// One or two pairs: P-256, RSA, or one of each; the client's signature schemes choose
    /// [P-TRN-05].
    pub certificates: Vec<KeyPair>,
}

/// A certificate chain and its key, both PEM.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyPair {
    /// Own certificate first, then intermediates; the root may be left out.
    pub cert: PathBuf,
    /// PKCS#8, readable by its owner only.
    pub key: PathBuf,
}

impl Tls {
    pub(super) fn resolve(&mut self, folder: &Path) {
        let issuer = self.issuer.iter_mut().flat_map(|issuer| &mut issuer.certificates);
        self.cardholder.certificates.iter_mut().chain(issuer).for_each(|pair| pair.resolve(folder));
    }
}

impl KeyPair {
    pub(super) fn resolve(&mut self, folder: &Path) {
        super::join(folder, &mut self.cert);
        super::join(folder, &mut self.key);
    }
}
