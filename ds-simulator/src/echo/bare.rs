//! The operations of an answer, bare: what no ACS can do without, with the libraries that the ACS
//! does them with.

use anyhow::{Context, Result};
use aws_lc_rs::agreement::{ECDH_P256, PrivateKey, UnparsedPublicKey, agree};
use aws_lc_rs::digest;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde::Deserialize;
use serde_json::json;

use super::Work;
use super::rows::Rows;
use crate::pki::Identity;

/// A server's work, ready to be done.
#[derive(Debug)]
pub(super) struct Bare {
    answer: Bytes,
    row_bytes: usize,
    rows: Option<Rows>,
    signer: Option<Signer>,
}

impl Bare {
    pub(super) fn new(work: &Work) -> Result<Self> {
        Ok(match work {
            Work::Nothing { answer_bytes } => {
                Self { answer: answer(*answer_bytes), row_bytes: 0, rows: None, signer: None }
            }
            Work::Row { answer_bytes, row_bytes, database } => Self {
                answer: answer(*answer_bytes),
                row_bytes: *row_bytes,
                rows: Some(Rows::create(database)?),
                signer: None,
            },
            Work::AppAReq { row_bytes, database, signing } => Self {
                answer: Bytes::new(),
                row_bytes: *row_bytes,
                rows: Some(Rows::create(database)?),
                signer: Some(Signer::load(signing)?),
            },
        })
    }

    pub(super) async fn answer(&self, body: &Bytes) -> Result<Bytes> {
        let (answer, mut row) = match &self.signer {
            Some(signer) => {
                let (answer, key) = signer.open_channel(body)?;
                (answer.into(), key.to_vec())
            }
            None => (self.answer.clone(), Vec::new()),
        };
        if let Some(rows) = &self.rows {
            row.resize(self.row_bytes, b'r');
            rows.write(row).await?;
        }
        Ok(answer)
    }
}

/// Text of the size, in JSON, which contains what a load looks for.
fn answer(bytes: usize) -> Bytes {
    let frame = r#"{"messageType":"ARes","transStatus":"Y","filler":""}"#;
    let filler = "x".repeat(bytes.saturating_sub(frame.len()));
    format!("{}{filler}\"}}", &frame[..frame.len() - 2]).into()
}

/// A P-256 key with its encoded JWS header.
struct Signer {
    key: EcdsaKeyPair,
    header: String,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signer(..)")
    }
}

impl Signer {
    fn load(identity: &Identity) -> Result<Self> {
        let chain =
            CertificateDer::pem_file_iter(&identity.cert)?.collect::<Result<Vec<_>, _>>()?;
        let x5c: Vec<_> = chain.iter().map(|certificate| STANDARD.encode(certificate)).collect();
        let der = PrivateKeyDer::from_pem_file(&identity.key)?;
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let key = EcdsaKeyPair::from_private_key_der(algorithm, der.secret_der()).ok();
        let header = json!({"alg": "ES256", "x5c": x5c}).to_string();
        Ok(Self { key: key.context("no P-256 key")?, header: URL_SAFE_NO_PAD.encode(header) })
    }

    /// Parse, key pair, agreement, signature: the answer and the agreed key.
    fn open_channel(&self, body: &[u8]) -> Result<(String, [u8; 32])> {
        let areq: PlainAppAReq = serde_json::from_slice(body).context("no AReq of an app")?;
        let pair = PrivateKey::generate(&ECDH_P256).ok().context("a key pair")?;
        let public = pair.compute_public_key().ok().context("its public half")?;
        let (x, y) = public.as_ref()[1..].split_at(32);
        let peer = areq.sdk_ephem_pub_key.point()?;
        let peer = UnparsedPublicKey::new(&ECDH_P256, &peer);
        let key = agree(&pair, peer, (), |z| Ok(derive(z, &areq.sdk_reference_number)));
        let key = key.ok().context("no agreement")?;
        let own = [x, y].map(|coordinate| URL_SAFE_NO_PAD.encode(coordinate));
        let sdk = &areq.sdk_ephem_pub_key;
        let content = format!(
            r#"{{"acsEphemPubKey":{{"kty":"EC","crv":"P-256","x":"{}","y":"{}"}},"acsURL":"https://localhost:8444/3ds/challenge/app","sdkEphemPubKey":{{"kty":"EC","crv":"P-256","x":"{}","y":"{}"}}}}"#,
            own[0], own[1], sdk.x, sdk.y
        );
        let input = format!("{}.{}", self.header, URL_SAFE_NO_PAD.encode(content));
        let random = SystemRandom::new();
        let signature = self.key.sign(&random, input.as_bytes()).ok().context("a signature")?;
        let signature = URL_SAFE_NO_PAD.encode(signature);
        let (id, sdk_id) = (&areq.three_ds_server_trans_id, &areq.sdk_trans_id);
        let answer = format!(
            r#"{{"messageType":"ARes","messageVersion":"{}","threeDSServerTransID":"{id}","dsTransID":"{}","acsTransID":"{id}","sdkTransID":"{sdk_id}","acsReferenceNumber":"DEV_ACS_000001","acsOperatorID":"dev-operator-a","acsChallengeMandated":"N","authenticationType":"02","acsRenderingType":{{"acsInterface":"01","acsUiTemplate":"01"}},"transStatus":"C","acsSignedContent":"{input}.{signature}"}}"#,
            areq.message_version, areq.ds_trans_id,
        );
        Ok((answer, key))
    }
}

/// The Concat KDF.
fn derive(z: &[u8], party_v: &str) -> [u8; 32] {
    let length = u32::try_from(party_v.len()).unwrap_or(u32::MAX);
    let mut hash = digest::Context::new(&digest::SHA256);
    hash.update(&1_u32.to_be_bytes());
    hash.update(z);
    hash.update(&[0; 8]);
    hash.update(&length.to_be_bytes());
    hash.update(party_v.as_bytes());
    hash.update(&256_u32.to_be_bytes());
    let mut key = [0; 32];
    key.copy_from_slice(hash.finish().as_ref());
    key
}

/// The elements of the load's AReqs as owned strings, unchecked.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PlainAppAReq {
    message_version: String,
    #[serde(rename = "threeDSServerTransID")]
    three_ds_server_trans_id: String,
    #[serde(rename = "dsTransID")]
    ds_trans_id: String,
    #[serde(rename = "sdkTransID")]
    sdk_trans_id: String,
    sdk_reference_number: String,
    sdk_ephem_pub_key: Point,
    #[serde(rename = "messageType")]
    _message_type: String,
    #[serde(rename = "messageCategory")]
    _message_category: String,
    #[serde(rename = "deviceChannel")]
    _device_channel: String,
    #[serde(rename = "deviceInfo")]
    _device_info: String,
    #[serde(rename = "deviceRenderOptions")]
    _device_render_options: RenderOptions,
    #[serde(rename = "sdkAppID")]
    _sdk_app_id: String,
    #[serde(rename = "sdkMaxTimeout")]
    _sdk_max_timeout: String,
    #[serde(rename = "threeDSServerRefNumber")]
    _server_ref_number: String,
    #[serde(rename = "threeDSServerOperatorID")]
    _server_operator_id: String,
    #[serde(rename = "threeDSServerURL")]
    _server_url: String,
    #[serde(rename = "threeDSRequestorID")]
    _requestor_id: String,
    #[serde(rename = "threeDSRequestorName")]
    _requestor_name: String,
    #[serde(rename = "threeDSRequestorURL")]
    _requestor_url: String,
    #[serde(rename = "threeDSRequestorAuthenticationInd")]
    _authentication_ind: String,
    #[serde(rename = "threeDSRequestorAuthenticationInfo")]
    _authentication_info: serde_json::Value,
    #[serde(rename = "dsReferenceNumber")]
    _ds_reference_number: String,
    #[serde(rename = "dsURL")]
    _ds_url: String,
    #[serde(rename = "acctNumber")]
    _acct_number: String,
    #[serde(rename = "acctType")]
    _acct_type: String,
    #[serde(rename = "acctID")]
    _acct_id: String,
    #[serde(rename = "acctInfo")]
    _acct_info: serde_json::Value,
    #[serde(rename = "cardholderName")]
    _cardholder_name: String,
    #[serde(rename = "email")]
    _email: String,
    #[serde(rename = "mobilePhone")]
    _mobile_phone: Phone,
    #[serde(rename = "addrMatch")]
    _addr_match: String,
    #[serde(rename = "billAddrLine1")]
    _bill_addr_line1: String,
    #[serde(rename = "billAddrCity")]
    _bill_addr_city: String,
    #[serde(rename = "billAddrState")]
    _bill_addr_state: String,
    #[serde(rename = "billAddrPostCode")]
    _bill_addr_post_code: String,
    #[serde(rename = "billAddrCountry")]
    _bill_addr_country: String,
    #[serde(rename = "shipAddrLine1")]
    _ship_addr_line1: String,
    #[serde(rename = "shipAddrCity")]
    _ship_addr_city: String,
    #[serde(rename = "shipAddrState")]
    _ship_addr_state: String,
    #[serde(rename = "shipAddrPostCode")]
    _ship_addr_post_code: String,
    #[serde(rename = "shipAddrCountry")]
    _ship_addr_country: String,
    #[serde(rename = "cardExpiryDate")]
    _card_expiry_date: Option<String>,
    #[serde(rename = "purchaseAmount")]
    _purchase_amount: String,
    #[serde(rename = "purchaseCurrency")]
    _purchase_currency: String,
    #[serde(rename = "purchaseExponent")]
    _purchase_exponent: String,
    #[serde(rename = "purchaseDate")]
    _purchase_date: String,
    #[serde(rename = "transType")]
    _trans_type: String,
    #[serde(rename = "merchantRiskIndicator")]
    _merchant_risk_indicator: serde_json::Value,
    #[serde(rename = "mcc")]
    _mcc: String,
    #[serde(rename = "merchantName")]
    _merchant_name: String,
    #[serde(rename = "merchantCountryCode")]
    _merchant_country_code: String,
    #[serde(rename = "acquirerBIN")]
    _acquirer_bin: String,
    #[serde(rename = "acquirerMerchantID")]
    _acquirer_merchant_id: String,
    #[serde(rename = "messageExtension")]
    _message_extension: serde_json::Value,
}

#[derive(Debug, Deserialize)]
struct Point {
    #[serde(rename = "kty")]
    _kty: String,
    #[serde(rename = "crv")]
    _crv: String,
    x: String,
    y: String,
}

impl Point {
    /// 04, x, y.
    fn point(&self) -> Result<[u8; 65]> {
        let mut point = [4; 65];
        for (text, at) in [(&self.x, 1), (&self.y, 33)] {
            let coordinate = URL_SAFE_NO_PAD.decode(text).context("a coordinate")?;
            anyhow::ensure!(coordinate.len() == 32, "a coordinate has 32 bytes");
            point[at..at + 32].copy_from_slice(&coordinate);
        }
        Ok(point)
    }
}

#[derive(Debug, Deserialize)]
struct RenderOptions {
    #[serde(rename = "sdkInterface")]
    _interface: String,
    #[serde(rename = "sdkUiType")]
    _ui_type: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Phone {
    #[serde(rename = "cc")]
    _cc: String,
    #[serde(rename = "subscriber")]
    _subscriber: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_json_of_the_size() {
        let answer = answer(super::super::ARES_BYTES);
        assert_eq!(answer.len(), super::super::ARES_BYTES);
        serde_json::from_slice::<serde_json::Value>(&answer).unwrap();
    }
}
