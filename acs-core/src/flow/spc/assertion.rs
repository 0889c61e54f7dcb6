//! Verifies a payment assertion of a passkey: what it signs is what was asked [P-SPC-04].

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use serde::Deserialize;
use serde_json::Value;
use subtle::ConstantTimeEq as _;
use url::Url;

use super::ExpectSpc;
use crate::message::decode_base64url;
use crate::profile::Passkey;

/// Proof that a passkey of the card signed this payment.
#[derive(Debug)]
pub struct Asserted {
    credential_id: String,
}

impl Asserted {
    /// Which passkey.
    #[must_use]
    pub fn credential_id(&self) -> &str {
        &self.credential_id
    }
}

/// Holds an assertion against what was asked, and where `page` is known, made on a page of its
/// origin. Every failure has its word for the *why*.
pub(super) fn verify(
    said: &Value,
    expected: &ExpectSpc,
    passkeys: &[Passkey],
    icon: &str,
    page: Option<&str>,
) -> Result<Asserted, &'static str> {
    let response = said.get("response").unwrap_or(said);
    let bytes = |object: &Value, name: &str| object.get(name)?.as_str().and_then(decode_base64url);
    let id = bytes(said, "rawId").or_else(|| bytes(said, "id")).ok_or("no-credential-id")?;
    let passkey = passkeys
        .iter()
        .find(|key| decode_base64url(&key.credential_id).is_some_and(|own| own == id))
        .ok_or("passkey-of-another")?;
    let client_data = bytes(response, "clientDataJSON").ok_or("no-client-data")?;
    let authenticator = bytes(response, "authenticatorData").ok_or("no-authenticator-data")?;
    let signature = bytes(response, "signature").ok_or("no-signature")?;
    signed(passkey, &client_data, &authenticator, &signature)?;
    present(passkey, &authenticator)?;
    let client: ClientData =
        serde_json::from_slice(&client_data).map_err(|_| "client-data-unreadable")?;
    let made_at = origin(&client.origin).ok_or("origin-implausible")?;
    if page.is_some_and(|page| origin(page).is_none_or(|page| page != made_at)) {
        return Err("origin-differs");
    }
    about(&client, expected, passkey, icon)?;
    Ok(Asserted { credential_id: passkey.credential_id.clone() })
}

fn signed(
    passkey: &Passkey,
    client_data: &[u8],
    authenticator: &[u8],
    signature: &[u8],
) -> Result<(), &'static str> {
    let point = point(passkey).ok_or("passkey-unusable")?;
    let message = [authenticator, digest(&SHA256, client_data).as_ref()].concat();
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point)
        .verify(&message, signature)
        .map_err(|_| "signature-wrong")
}

/// Relying party, user presence and user verification.
fn present(passkey: &Passkey, authenticator: &[u8]) -> Result<(), &'static str> {
    let Some((rp, rest)) = authenticator.split_first_chunk::<32>() else {
        return Err("authenticator-data-short");
    };
    let [flags, _, _, _, _, ..] = rest else { return Err("authenticator-data-short") };
    if digest(&SHA256, passkey.rp_id.as_bytes()).as_ref() != rp {
        return Err("relying-party-differs");
    }
    if flags & (USER_PRESENT | USER_VERIFIED) != USER_PRESENT | USER_VERIFIED {
        return Err("user-not-verified");
    }
    Ok(())
}

/// The signed words: type, challenge, place and payment.
fn about(
    client: &ClientData,
    expected: &ExpectSpc,
    passkey: &Passkey,
    icon: &str,
) -> Result<(), &'static str> {
    if client.kind != "payment.get" {
        return Err("type-differs");
    }
    let challenge = decode_base64url(&client.challenge).unwrap_or_default();
    let asked = decode_base64url(&expected.challenge).unwrap_or_default();
    if asked.is_empty() || !bool::from(challenge.ct_eq(&asked)) {
        return Err("challenge-differs");
    }
    let payment = &client.payment;
    let rp = payment.rp_id.as_ref().or(payment.rp.as_ref());
    if rp.is_some_and(|rp| *rp != passkey.rp_id) {
        return Err("relying-party-differs");
    }
    if !same_payee(payment, expected) {
        return Err("payee-differs");
    }
    if payment.total.value != expected.value || payment.total.currency != expected.currency {
        return Err("amount-differs");
    }
    let instrument = &payment.instrument;
    if instrument.display_name != expected.display_name || instrument.icon != icon {
        return Err("instrument-differs");
    }
    Ok(())
}

/// The payee's origin must have been shown; where there is none, its name.
fn same_payee(payment: &Payment, expected: &ExpectSpc) -> bool {
    let same_name = payment.payee_name == expected.payee_name;
    if expected.payee_origin.is_empty() {
        return payment.payee_origin.is_none() && payment.payee_name.is_some() && same_name;
    }
    let payee = payment.payee_origin.as_deref().and_then(origin);
    payee.is_some()
        && payee == origin(&expected.payee_origin)
        && (payment.payee_name.is_none() || same_name)
}

/// Scheme, host and port of an https URL.
fn origin(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    (url.scheme() == "https").then(|| url.origin().ascii_serialization())
}

/// Whether a passkey's public key can be used: P-256 in SubjectPublicKeyInfo, base64url.
#[must_use]
pub fn is_usable(passkey: &Passkey) -> bool {
    let id = decode_base64url(&passkey.credential_id);
    let key = point(passkey).is_some_and(|point| p256::PublicKey::from_sec1_bytes(&point).is_ok());
    key && !passkey.rp_id.is_empty() && id.is_some_and(|id| !id.is_empty())
}

fn point(passkey: &Passkey) -> Option<Vec<u8>> {
    let spki = decode_base64url(&passkey.public_key)?;
    let point = spki.strip_prefix(P256_SPKI.as_slice())?;
    (point.len() == 65 && point[0] == 4).then(|| point.to_vec())
}

#[derive(Deserialize)]
struct ClientData {
    #[serde(rename = "type")]
    kind: String,
    challenge: String,
    origin: String,
    payment: Payment,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payment {
    rp_id: Option<String>,
    /// Older name.
    rp: Option<String>,
    payee_name: Option<String>,
    payee_origin: Option<String>,
    total: Total,
    instrument: Instrument,
}

#[derive(Deserialize)]
struct Total {
    value: String,
    currency: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Instrument {
    icon: String,
    display_name: String,
}

const USER_PRESENT: u8 = 1;
const USER_VERIFIED: u8 = 4;
/// `SubjectPublicKeyInfo` of a P-256 key up to its point.
const P256_SPKI: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
