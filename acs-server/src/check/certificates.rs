//! Certificates: readable, with their keys, under their roots, for their purpose, and not about to
//! end.

use std::path::Path;

use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::server::ParsedCertificate;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use x509_parser::prelude::{FromDer as _, X509Certificate};
use x509_parser::public_key::PublicKey;

use super::Report;
use crate::config::{Config, Ds, KeyPair};
use crate::signing::Signing;
use crate::tls::{self, identity};

pub(super) fn check(config: &Config, report: &mut Report) {
    for pair in config.tls.issuer.iter().flat_map(|issuer| &issuer.certificates) {
        let subject = format!("tls.issuer {}", pair.cert.display());
        if usable(&subject, pair, report).is_some() {
            report.ok(format!("{subject}: fits its key"));
        }
    }
    for pair in &config.tls.cardholder.certificates {
        cardholder(config, pair, report);
    }
    for ds in &config.ds {
        roots(ds, report);
        for pair in &ds.certificates {
            own_server(ds, pair, report);
        }
        own_client(ds, report);
        own_signer(ds, report);
    }
}

/// Its root is in the browsers, so the chain cannot be checked here; the name can.
fn cardholder(config: &Config, pair: &KeyPair, report: &mut Report) {
    let subject = format!("tls.cardholder {}", pair.cert.display());
    let Some(chain) = usable(&subject, pair, report) else { return };
    let host = config.public.cardholder_url.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let covers = ServerName::try_from(bare).is_ok_and(|name| {
        ParsedCertificate::try_from(&chain[0])
            .is_ok_and(|own| rustls::client::verify_server_name(&own, &name).is_ok())
    });
    if covers {
        report.ok(format!("{subject}: fits its key and {host}"));
    } else {
        report
            .fail(format!("{subject}: is not valid for {host}, the host of public.cardholder_url"));
    }
}

fn roots(ds: &Ds, report: &mut Report) {
    let subject = format!("ds \"{}\" client_ca {}", ds.id, ds.client_ca.display());
    let Some(certificates) = report.take(&subject, identity::certificates(&ds.client_ca)) else {
        return;
    };
    if report.take(&subject, identity::roots(&ds.client_ca)).is_none() {
        return;
    }
    let good = certificates.iter().all(|root| valid_now(&subject, root, report));
    if good {
        report.ok(format!("{subject}: {} root(s)", certificates.len()));
    }
}

fn own_server(ds: &Ds, pair: &KeyPair, report: &mut Report) {
    let subject = format!("ds \"{}\" {}", ds.id, pair.cert.display());
    let Some(chain) = usable(&subject, pair, report) else { return };
    let Ok(roots) = identity::roots(&ds.client_ca) else { return };
    let checked = ParsedCertificate::try_from(&chain[0]).and_then(|own| {
        let algorithms = tls::provider().signature_verification_algorithms.all;
        let now = UnixTime::now();
        verify_server_cert_signed_by_trust_anchor(&own, &roots, &chain[1..], now, algorithms)
    });
    chained(&subject, "server", checked, report);
}

fn own_client(ds: &Ds, report: &mut Report) {
    let pair = KeyPair { cert: ds.client_cert.clone(), key: ds.client_key.clone() };
    let subject = format!("ds \"{}\" client_cert {}", ds.id, pair.cert.display());
    let Some(chain) = usable(&subject, &pair, report) else { return };
    let Ok(verifier) = tls::ds_client_verifier(&ds.client_ca) else { return };
    let checked = verifier.verify_client_cert(&chain[0], &chain[1..], UnixTime::now());
    chained(&subject, "client", checked.map(drop), report);
}

/// A broken signer stops app challenges of its directory server, not the service.
fn own_signer(ds: &Ds, report: &mut Report) {
    let Some(signing) = &ds.signing else {
        report.ok(format!(
            "ds \"{}\" has no signing identity: its app transactions get no challenge",
            ds.id
        ));
        return;
    };
    let subject = format!("ds \"{}\" signing {}", ds.id, signing.cert.display());
    let checked = Signing::open(signing, &ds.client_ca, UnixTime::now());
    match checked.days_left(UnixTime::now()) {
        Ok(days) if days < WARN_DAYS.unsigned_abs() => {
            report.warn(format!("{subject}: its chain ends in {days} days"));
        }
        Ok(_) => report.ok(format!(
            "{subject}: fits its key, under the root that SDKs hold for this directory server"
        )),
        Err(cause) => report.fail_in_part(format!(
            "{subject}: {cause}; app challenges of this directory server are answered U"
        )),
    }
}

fn chained(subject: &str, role: &str, checked: Result<(), rustls::Error>, report: &mut Report) {
    match checked {
        Ok(()) => {
            report.ok(format!(
                "{subject}: fits its key, a {role} under this directory server's roots"
            ));
        }
        Err(error) => report.fail(format!(
            "{subject}: is no {role} certificate under this directory server's roots ({error}): \
             add missing intermediates, or use the one issued for this purpose"
        )),
    }
}

/// The chain of a pair whose key fits, whose strength is enough and which is valid today.
fn usable(
    subject: &str,
    pair: &KeyPair,
    report: &mut Report,
) -> Option<Vec<CertificateDer<'static>>> {
    let loaded = report.take(subject, identity::load(pair))?;
    let strong = strong(subject, &pair.cert, &loaded.cert[0], report);
    (valid_now(subject, &loaded.cert[0], report) && strong).then_some(loaded.cert)
}

/// RSA from 2048 bits, elliptic curves from 256 [P-TRN-05, Note 53].
fn strong(subject: &str, path: &Path, own: &CertificateDer<'_>, report: &mut Report) -> bool {
    let bits = X509Certificate::from_der(own).ok().and_then(|(_, parsed)| {
        let key = parsed.public_key().parsed().ok()?;
        match key {
            PublicKey::RSA(key) => Some((key.key_size(), 2048)),
            PublicKey::EC(point) => Some((point.key_size(), 256)),
            _ => None,
        }
    });
    match bits {
        Some((has, least)) if has < least => {
            report.fail(format!("{subject}: a key of {has} bits is too short, {least} are needed"));
            false
        }
        Some(_) => true,
        None => {
            report.fail(format!(
                "{subject}: {} holds neither an RSA nor an elliptic-curve key",
                path.display()
            ));
            false
        }
    }
}

fn valid_now(subject: &str, certificate: &CertificateDer<'_>, report: &mut Report) -> bool {
    let Ok((_, parsed)) = X509Certificate::from_der(certificate) else {
        report.fail(format!("{subject}: cannot be read as a certificate"));
        return false;
    };
    let now = i64::try_from(UnixTime::now().as_secs()).unwrap_or(i64::MAX);
    let validity = parsed.validity();
    if now < validity.not_before.timestamp() {
        report.fail(format!("{subject}: is valid from {} on", validity.not_before));
        return false;
    }
    let days = (validity.not_after.timestamp() - now).div_euclid(24 * 3600);
    if days < 0 {
        report.fail(format!("{subject}: expired on {}", validity.not_after));
    } else if days < WARN_DAYS {
        report.warn(format!("{subject}: expires in {days} days, on {}", validity.not_after));
    }
    days >= 0
}

const WARN_DAYS: i64 = 60;

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    /// [Note 53]
    #[test]
    fn short_keys_are_found() {
        for (certificate, told) in [(RSA_1024, "1024 bits"), (EC_224, "224 bits")] {
            let own = CertificateDer::from(STANDARD.decode(certificate).unwrap());
            let mut report = Report::default();
            assert!(!strong("test", Path::new("weak.pem"), &own, &mut report));
            assert!(report.to_string().contains(told), "{report}");
        }
    }

    /// Made with `openssl req -x509`; their keys were thrown away.
    const RSA_1024: &str = "MIIB+jCCAWOgAwIBAgIUJbT25Zu0Y50e0GhfB4yxd1YDlP8wDQYJKoZIhvcNAQELBQAwDzENMAsGA1UEAwwEd2\
        VhazAeFw0yNjExMjUxMTExNDZaFw0zNjExMjIxMTExNDZaMA8xDTALBgNVBAMMBHdlYWswgZ8wDQYJKoZIhvcN\
        AQEBBQADgY0AMIGJAoGBALuscRMKDVR/WdBcf4FcUPukDl4AyMLDnR5pTqiWssbWjQtKfTj+5qxlPy9/8ulQsb\
        /d1KHWfsseKP0bXx0HamNGzHsyWGhkKKze/0PNwE5oz1c+nL0KCNCpucM9+5bFntjek1z70qElZkZOYDvYBQmJ\
        WrhOuc1SjEKNQX6k7d3RAgMBAAGjUzBRMB0GA1UdDgQWBBSchZAaPuVfOMNxg1G19bmYvJWgzjAfBgNVHSMEGD\
        AWgBSchZAaPuVfOMNxg1G19bmYvJWgzjAPBgNVHRMBAf8EBTADAQH/MA0GCSqGSIb3DQEBCwUAA4GBAKaSmuat\
        1zi20e9cCqtUL4k6XOzQ3HvnX6Ql+hnM+7xck5J0YCqv727XtLV+hAPE6XWZyCiYGsdIaSNZZAf1bD5r7qyelk\
        wi6aqll1tKewgrKxIkK0TC8I/SONOzlUKEOZRavh9sQLH7ha8X4PlJNbW9LrxGkm99MBz35kncYdpO";
    const EC_224: &str = "MIIBYDCCAQ6gAwIBAgIUUjDomQ3+5LNR4s25DcA2GGmr6ucwCgYIKoZIzj0EAwIwDzENMAsGA1UEAwwEd2Vhaz\
        AeFw0yNjExMjUxMTExNDZaFw0zNjExMjIxMTExNDZaMA8xDTALBgNVBAMMBHdlYWswTjAQBgcqhkjOPQIBBgUr\
        gQQAIQM6AAQO8X6w4Y+qkQ7P7h9rQL6feB5f+oQ9mH1aVe/RtEo3mUvdS8LNngcAXB1VkD7FztGVhI59wuE4ma\
        NTMFEwHQYDVR0OBBYEFDUHzSEUwXCUxQRVjdmcyz81VZwXMB8GA1UdIwQYMBaAFDUHzSEUwXCUxQRVjdmcyz81\
        VZwXMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDQAAwPQIdAJQidS+nEXYa3wWv6sOkShoXjKDJQiqAt3\
        aE27ICHCqyScqjISDBdxhDE9l+4W4Bt6iFBNWx8icLB98=";
}
