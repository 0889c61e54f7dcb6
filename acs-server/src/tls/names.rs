//! Names that a certificate carries. Under one root stand directory servers and 3DS Servers alike,
//! so the chain says what a peer may be and only the name says who it is [P-TRN-11].

use rustls_pki_types::CertificateDer;
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

/// DNS names of the subject alternative name; the common names when there are none.
#[must_use]
pub fn of(certificate: &CertificateDer<'_>) -> Vec<String> {
    let Ok((_, parsed)) = X509Certificate::from_der(certificate) else { return Vec::new() };
    let alternative = parsed.subject_alternative_name().ok().flatten();
    let dns: Vec<String> = alternative
        .iter()
        .flat_map(|names| &names.value.general_names)
        .filter_map(|name| match name {
            GeneralName::DNSName(dns) => Some((*dns).to_owned()),
            _ => None,
        })
        .collect();
    if !dns.is_empty() {
        return dns;
    }
    let common = parsed.subject().iter_common_name();
    common.filter_map(|name| name.as_str().ok().map(str::to_owned)).collect()
}

/// Whether the certificate carries one of these names.
#[must_use]
pub fn has_one_of(certificate: &CertificateDer<'_>, names: &[String]) -> bool {
    of(certificate).iter().any(|own| names.iter().any(|name| name.eq_ignore_ascii_case(own)))
}
