//! Certificates one by one.

use std::path::Path;

use anyhow::Context as _;
use aws_lc_rs::rand;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
    PKCS_RSA_SHA256, RsaKeySize, SerialNumber,
};
use time::{Duration, OffsetDateTime};
use zeroize::Zeroizing;

use crate::new_file::{self, Mode};

/// Somebody who signs certificates.
pub(super) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    /// Certificates between this one and the root, this one included; empty for a root.
    chain: String,
}

/// What a certificate is to say.
pub(super) struct Leaf<'a> {
    pub(super) common_name: &'a str,
    /// DNS names and IP addresses.
    pub(super) names: &'a [&'a str],
    pub(super) usage: Usage,
}

/// What a certificate is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Usage {
    Server,
    Client,
    Both,
    /// Signatures over messages; no TLS.
    Signing,
}

/// Kind of key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    P256,
    Rsa2048,
}

/// A certificate, the chain it needs, and its key.
pub(super) struct Issued {
    chain: String,
    key: KeyPair,
}

impl Authority {
    /// A self-signed root.
    pub(super) fn root(common_name: &str) -> anyhow::Result<Self> {
        let params = authority_params(common_name, BasicConstraints::Unconstrained)?;
        let issuer = CertifiedIssuer::self_signed(params, Kind::P256.generate()?)?;
        Ok(Self { issuer, chain: String::new() })
    }

    /// An authority below this one, which signs end certificates only.
    pub(super) fn intermediate(&self, common_name: &str) -> anyhow::Result<Self> {
        let params = authority_params(common_name, BasicConstraints::Constrained(0))?;
        let issuer = CertifiedIssuer::signed_by(params, Kind::P256.generate()?, &self.issuer)?;
        let chain = format!("{}{}", issuer.pem(), self.chain);
        Ok(Self { issuer, chain })
    }

    pub(super) fn issue(&self, leaf: &Leaf<'_>, kind: Kind) -> anyhow::Result<Issued> {
        let names: Vec<String> = leaf.names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names)?;
        stamp(&mut params, leaf.common_name)?;
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = leaf.usage.extended();
        let key = kind.generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(Issued { chain: format!("{}{}", certificate.pem(), self.chain), key })
    }

    pub(super) fn certificate_pem(&self) -> String {
        self.issuer.pem()
    }

    /// Writes the certificate as `ca.pem`; the key is not kept.
    pub(super) fn write(&self, dir: &Path) -> anyhow::Result<()> {
        let pem = self.certificate_pem();
        new_file::write(&dir.join("ca.pem"), pem.as_bytes(), Mode::Public)
    }

    /// Writes certificate and key.
    pub(super) fn write_pair(&self, dir: &Path, name: &str) -> anyhow::Result<()> {
        write_pair(dir, name, &self.certificate_pem(), self.issuer.key())
    }
}

impl Issued {
    /// Writes `<name>.pem` (this certificate, then intermediates) and `<name>.key`.
    pub(super) fn write(&self, dir: &Path, name: &str) -> anyhow::Result<()> {
        write_pair(dir, name, &self.chain, &self.key)
    }
}

impl Usage {
    fn extended(self) -> Vec<ExtendedKeyUsagePurpose> {
        use ExtendedKeyUsagePurpose::{ClientAuth, ServerAuth};
        match self {
            Self::Server => vec![ServerAuth],
            Self::Client => vec![ClientAuth],
            Self::Both => vec![ClientAuth, ServerAuth],
            Self::Signing => Vec::new(),
        }
    }
}

impl Kind {
    fn generate(self) -> anyhow::Result<KeyPair> {
        match self {
            Self::P256 => KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256),
            Self::Rsa2048 => KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048),
        }
        .context("making a key")
    }
}

fn write_pair(dir: &Path, name: &str, certificate: &str, key: &KeyPair) -> anyhow::Result<()> {
    let path = dir.join(format!("{name}.pem"));
    new_file::write(&path, certificate.as_bytes(), Mode::Public)?;
    let key = Zeroizing::new(key.serialize_pem());
    new_file::write(&dir.join(format!("{name}.key")), key.as_bytes(), Mode::Private)
}

fn authority_params(
    common_name: &str,
    constraints: BasicConstraints,
) -> anyhow::Result<CertificateParams> {
    let mut params = CertificateParams::default();
    stamp(&mut params, common_name)?;
    params.is_ca = IsCa::Ca(constraints);
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

/// Subject, serial number and validity.
fn stamp(params: &mut CertificateParams, common_name: &str) -> anyhow::Result<()> {
    let mut subject = DistinguishedName::new();
    subject.push(DnType::OrganizationName, ORGANIZATION);
    subject.push(DnType::CommonName, common_name);
    params.distinguished_name = subject;
    params.serial_number = Some(serial()?);
    let now = OffsetDateTime::now_utc();
    // An hour of tolerance for clocks that differ.
    params.not_before = now - Duration::HOUR;
    params.not_after = params.not_before + Duration::days(VALID_DAYS);
    Ok(())
}

/// 127 random bits, positive.
fn serial() -> anyhow::Result<SerialNumber> {
    let mut bytes = [0_u8; 16];
    rand::fill(&mut bytes).map_err(|_| anyhow::anyhow!("the random source failed"))?;
    bytes[0] = bytes[0] & 0x7f | 0x40;
    Ok(SerialNumber::from_slice(&bytes))
}

const VALID_DAYS: i64 = 397;
const ORGANIZATION: &str = "3-D Secure development";
