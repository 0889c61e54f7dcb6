//! `[[ds]]`: one payment system's directory server, with a socket and a trust of its own
//! [P-TRN-11].

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use acs_core::element::MessageVersion;
use acs_core::message::ReadRules;
use acs_core::profile::{DsProfile, EciTable, Images, Logo};
use serde::Deserialize;

use super::{KeyPair, RReqTargets};
use crate::pages::logo;

/// A directory server.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ds {
    /// Name in stored rows, logs and issuers' `ds` lists; never changes.
    pub id: String,
    /// Where this DS sends its AReqs.
    pub listen: SocketAddr,
    /// Roots that the DS's certificates chain to; no other root is accepted on its socket.
    pub client_ca: PathBuf,
    /// Names of the DS: one must be a DNS name of its certificates (or their common name when they
    /// hold no DNS name), for its AReqs and for our RReqs. 3DS Servers have certificates under the
    /// same roots, so a chain alone proves nothing.
    pub peer_names: Vec<String>,
    /// Our server identity under this DS's roots: P-256, RSA or one of each.
    pub certificates: Vec<KeyPair>,
    /// Our client identity for RReqs.
    pub client_cert: PathBuf,
    pub client_key: PathBuf,
    /// Signs acsSignedContent; without it this DS's app transactions get no challenge.
    pub signing: Option<Signing>,
    /// Versions accepted.
    pub versions: Vec<MessageVersion>,
    /// Where RReqs may go: origin and path prefix.
    pub rreq_targets: RReqTargets,
    /// Given by the payment system at approval.
    pub acs_reference_number: String,
    pub acs_operator_id: Option<String>,
    #[serde(default)]
    pub eci: EciTable,
    pub authentication_value: AuthenticationValue,
    /// Y and A of non-payment authentications carry an authentication value [P-STAT-10].
    #[serde(default = "yes")]
    pub npa_authentication_value: bool,
    /// N, U and R of non-payment authentications carry a transStatusReason [P-STAT-10].
    #[serde(default = "yes")]
    pub npa_status_reason: bool,
    /// eci of non-payment authentications; `None`: as of payments.
    pub npa_eci: Option<EciTable>,
    /// ARes of 2.3.1 say how a card security code compared with the issuer's record [P-231-04].
    #[serde(default = "yes")]
    pub security_code_status: bool,
    /// The payment system's logo on native screens of apps, as `issuer.app.images`.
    #[serde(default)]
    pub images: Images,
    /// The payment system's logo on pages of browsers and apps [Req 180, Req 162].
    pub logo: Option<SystemLogo>,
    /// Values from DS ranges (80-99) agreed with this DS [P-GEN-08].
    #[serde(default)]
    pub agreed_values: Vec<AgreedValue>,
    /// Critical message extensions that are understood [P-GEN-13].
    #[serde(default)]
    pub critical_extensions: Vec<String>,
    /// Withdrawn ISO currencies and countries to accept all the same, numeric.
    #[serde(default)]
    pub accepted_iso_codes: Vec<String>,
}

/// The identity that signs acsSignedContent [P-APP-01].
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signing {
    /// Signer and intermediates, PEM; not the certificate of a TLS server.
    pub cert: PathBuf,
    /// P-256 (ES256) or RSA (PS256), PEM, readable by its owner only.
    pub key: PathBuf,
    /// Roots that SDKs hold for this DS, where they are not those of `client_ca`.
    pub ca: Option<PathBuf>,
}

/// A payment system's logo.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SystemLogo {
    /// PNG or JPEG of at most 16 KB.
    pub file: PathBuf,
    /// The payment system's name: what a screen reader says in place of the logo.
    pub name: String,
}

impl SystemLogo {
    /// The logo as pages carry it.
    ///
    /// # Errors
    /// A sentence about the file, or that the name is empty.
    pub fn load(&self) -> Result<Logo, String> {
        if self.name.trim().is_empty() {
            return Err("logo.name is empty: screen readers say it in place of the logo".to_owned());
        }
        logo::load(&self.file, &self.name)
    }
}

/// How authentication values are made.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "kind", deny_unknown_fields)]
#[non_exhaustive]
pub enum AuthenticationValue {
    /// HMAC-SHA-256 over the transaction [P-AV-06].
    #[serde(rename = "hmac-sha256")]
    HmacSha256 {
        /// 32 bytes, base64; readable by its owner only.
        key_file: PathBuf,
        /// Names the key inside the value.
        key_id: u8,
    },
}

/// One agreed value of a coded element.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgreedValue {
    pub element: String,
    pub value: String,
}

impl Ds {
    /// What the core needs to know of this DS.
    #[must_use]
    pub fn profile(&self) -> DsProfile {
        DsProfile {
            id: self.id.clone(),
            versions: self.sorted_versions(),
            acs_reference_number: self.acs_reference_number.clone(),
            acs_operator_id: self.acs_operator_id.clone(),
            eci: self.eci.clone(),
            npa_authentication_value: self.npa_authentication_value,
            npa_status_reason: self.npa_status_reason,
            npa_eci: self.npa_eci.clone(),
            security_code_status: self.security_code_status,
            images: self.images.clone(),
            // A file: read at the start, see `boot`.
            logo: None,
        }
    }

    /// What readers of this DS's messages need to know.
    #[must_use]
    pub fn read_rules(&self) -> ReadRules {
        let agreed = |value: &AgreedValue| (value.element.clone(), value.value.clone());
        ReadRules {
            versions: self.sorted_versions(),
            agreed_values: self.agreed_values.iter().map(agreed).collect(),
            known_extensions: self.critical_extensions.clone(),
            accepted_iso_codes: self.accepted_iso_codes.clone(),
        }
    }

    fn sorted_versions(&self) -> Vec<MessageVersion> {
        let mut versions = self.versions.clone();
        versions.sort_unstable();
        versions.dedup();
        versions
    }

    pub(super) fn resolve(&mut self, folder: &Path) {
        super::join(folder, &mut self.client_ca);
        super::join(folder, &mut self.client_cert);
        super::join(folder, &mut self.client_key);
        if let Some(logo) = &mut self.logo {
            super::join(folder, &mut logo.file);
        }
        if let Some(signing) = &mut self.signing {
            super::join(folder, &mut signing.cert);
            super::join(folder, &mut signing.key);
            signing.ca.iter_mut().for_each(|ca| super::join(folder, ca));
        }
        self.certificates.iter_mut().for_each(|pair| pair.resolve(folder));
        let AuthenticationValue::HmacSha256 { key_file, .. } = &mut self.authentication_value;
        super::join(folder, key_file);
    }
}

const fn yes() -> bool {
    true
}
