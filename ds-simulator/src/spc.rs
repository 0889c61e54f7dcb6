//! Secure Payment Confirmation on the requestor's side, with a passkey in software: what a browser
//! would let the cardholder sign, signed at once, or wrongly, or not at all.

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use p256::pkcs8::EncodePublicKey as _;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use time::macros::format_description;

use crate::merchant::{Payment, ThreeDsServer};
use crate::message::{BrowserFacts, Order, apply_overrides};
use crate::trace::text;

/// A passkey whose private key follows from a word. For tests only.
#[derive(Clone)]
pub struct Passkey {
    key: SigningKey,
    id: Vec<u8>,
    rp_id: String,
}

impl std::fmt::Debug for Passkey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Passkey").field("rp_id", &self.rp_id).finish_non_exhaustive()
    }
}

/// What the cardholder does when the browser asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// Confirms.
    Sign,
    /// Confirms something else: members of the client data's `payment` to change.
    SignOther(Map<String, Value>),
    /// Does not: `spcIncompInd`.
    Incomplete(String),
    /// Goes away; no second AReq is sent.
    Leave,
}

/// How a payment uses Secure Payment Confirmation.
#[derive(Debug, Clone)]
pub struct SpcOptions {
    pub passkey: Passkey,
    pub deed: Deed,
}

impl Passkey {
    /// The passkey of `word` at `rp_id`.
    ///
    /// # Errors
    /// Never in practice: when the hash of the word is no private key.
    pub fn of(word: &str, rp_id: &str) -> Result<Self> {
        let secret = Sha256::digest(format!("passkey {word}"));
        let id = Sha256::digest(format!("credential {word}"));
        Ok(Self {
            key: SigningKey::from_slice(&secret).context("not a private key")?,
            id: id[..16].to_vec(),
            rp_id: rp_id.to_owned(),
        })
    }

    /// Its public values, as a card file's `passkeys` list wants them.
    ///
    /// # Errors
    /// When the key cannot be encoded.
    pub fn public(&self) -> Result<Value> {
        let spki = self.key.verifying_key().to_public_key_der()?;
        Ok(json!({
            "credential_id": base64url(&self.id),
            "public_key": base64url(spki.as_bytes()),
            "rp_id": self.rp_id,
        }))
    }

    /// Signs any client data.
    #[must_use]
    pub fn sign(&self, client_data: &Value) -> Value {
        const PRESENT_AND_VERIFIED: u8 = 0b101;
        let client_data = client_data.to_string();
        let mut data = Sha256::digest(self.rp_id.as_bytes()).to_vec();
        data.extend([PRESENT_AND_VERIFIED, 0, 0, 0, 0]);
        let message = [data.as_slice(), &Sha256::digest(client_data.as_bytes())].concat();
        let signature: Signature = self.key.sign(&message);
        json!({
            "id": base64url(&self.id),
            "rawId": base64url(&self.id),
            "type": "public-key",
            "response": {
                "clientDataJSON": base64url(client_data),
                "authenticatorData": base64url(&data),
                "signature": base64url(signature.to_der().as_bytes()),
            },
        })
    }
}

/// The client data that a browser makes of an ARes S at `origin`.
#[must_use]
pub fn client_data(ares: &Value, origin: &str) -> Value {
    let data = &ares["spcTransData"];
    let mut payment = json!({
        "rpId": ares["webAuthnCredList"][0]["rpID"],
        "topOrigin": origin,
        "total": {"currency": data["currency"], "value": data["value"]},
        "instrument": {"icon": data["icon"], "displayName": data["displayName"]},
    });
    for name in ["payeeName", "payeeOrigin"] {
        if let Some(value) = data.get(name) {
            payment[name] = value.clone();
        }
    }
    json!({
        "type": "payment.get",
        "challenge": data["challenge"],
        "origin": origin,
        "crossOrigin": false,
        "payment": payment,
    })
}

/// The order with what its AReq says of the requestor's ability [P-SPC-01].
#[must_use]
pub fn able(order: &Order, origin: &str) -> Order {
    let mut order = order.clone();
    order.overrides.insert("threeDSRequestorSpcSupport".to_owned(), json!("Y"));
    order.overrides.insert("payeeOrigin".to_owned(), json!(origin));
    order
}

/// The order of the second AReq: with an assertion, or with the reason why there is none
/// [P-SPC-03].
#[must_use]
pub fn second(first: &Payment, assertion: Option<Value>, incomplete: Option<&str>) -> Order {
    let mut order = first.order.clone();
    let now = minute(OffsetDateTime::now_utc());
    let prior = first.ares.as_ref().and_then(|ares| text(ares, "acsTransID"));
    let mut more = |name: &str, value: Value| order.overrides.insert(name.to_owned(), value);
    more(
        "threeDSRequestorPriorAuthenticationInfo",
        json!([{
            "threeDSReqPriorAuthMethod": "05",
            "threeDSReqPriorAuthTimestamp": now,
            "threeDSReqPriorRef": prior,
        }]),
    );
    let info = assertion.map(|data| {
        json!([{"threeDSReqAuthMethod": "09", "threeDSReqAuthTimestamp": now,
            "threeDSReqAuthData": data}])
    });
    more("threeDSRequestorAuthenticationInfo", info.unwrap_or(Value::Null));
    if let Some(code) = incomplete {
        more("spcIncompInd", json!(code));
    }
    order
}

/// Goes on after an ARes S; `None` when the cardholder went away.
///
/// # Errors
/// When a party cannot be reached.
pub async fn go_on(
    merchant: &ThreeDsServer,
    first: &Payment,
    options: &SpcOptions,
    facts: &BrowserFacts,
) -> Result<Option<Payment>> {
    let ares = first.ares.as_ref().context("no ARes")?;
    let mut client = client_data(ares, merchant.shop_url());
    let order = match &options.deed {
        Deed::Leave => return Ok(None),
        Deed::Incomplete(code) => second(first, None, Some(code)),
        Deed::Sign => second(first, Some(options.passkey.sign(&client)), None),
        Deed::SignOther(changes) => {
            apply_overrides(&mut client["payment"], changes);
            second(first, Some(options.passkey.sign(&client)), None)
        }
    };
    let opened = merchant.start(order, Some(&first.version)).await?;
    merchant.authenticate(&opened.id, "N", facts).await.map(Some)
}

fn minute(at: OffsetDateTime) -> String {
    at.format(format_description!("[year][month][day][hour][minute]")).unwrap_or_default()
}

fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
