//! The app side of the stand-in ACS: signs, agrees on keys and decrypts with josekit.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use josekit::jwe::{self, Dir};
use josekit::jws::{self, ES256, JwsHeader};
use openssl::x509::X509;
use serde_json::{Value, json};

use super::stub::{Acs, rreq};
use crate::sdk::jwe::Jwe;
use crate::sdk::keys::{ContentKey, Encryption, KeyPair, Way, counter_iv};

/// What the stand-in knows of one app challenge, and what it is told to show or to spoil.
pub(super) struct AppSide {
    signer_key: Vec<u8>,
    chain: Vec<String>,
    key: Option<ContentKey>,
    enc: Encryption,
    counter: u8,
    /// CReqs as they were, decrypted.
    pub(super) creqs: Vec<Value>,
    /// Erros of the SDK.
    pub(super) erros: Vec<Value>,
    /// Screens in order; after the last one comes the end.
    pub(super) screens: Vec<Value>,
    /// Members to put into (null: take out of) every CRes.
    pub(super) spoil: Value,
    pub(super) content_type: String,
    /// How long to think about a CReq.
    pub(super) delay: Duration,
    /// Members to put into the signed content.
    pub(super) spoil_signed: Value,
}

impl AppSide {
    pub(super) fn new(ds: &Path) -> Self {
        let pem = std::fs::read(ds.join("acs-signing.pem")).unwrap();
        let chain = X509::stack_from_pem(&pem).unwrap();
        Self {
            signer_key: std::fs::read(ds.join("acs-signing.key")).unwrap(),
            chain: chain.iter().map(|one| STANDARD.encode(one.to_der().unwrap())).collect(),
            key: None,
            enc: Encryption::A128Gcm,
            counter: 0,
            creqs: Vec::new(),
            erros: Vec::new(),
            screens: Vec::new(),
            spoil: json!({}),
            content_type: "application/jose;charset=UTF-8".to_owned(),
            delay: Duration::ZERO,
            spoil_signed: json!({}),
        }
    }

    /// Makes an ARes C for an app.
    pub(super) fn begin(&mut self, areq: &Value, ares: &mut Value, url: &str) {
        let pair = KeyPair::generate();
        let reference = areq["sdkReferenceNumber"].as_str().unwrap();
        self.key = Some(pair.agree(&areq["sdkEphemPubKey"], reference).unwrap());
        (self.counter, self.creqs, self.erros) = (0, Vec::new(), Vec::new());
        let mut content = json!({"acsURL": url, "acsEphemPubKey": pair.public_jwk(),
            "sdkEphemPubKey": areq["sdkEphemPubKey"]});
        put(&mut content, &self.spoil_signed);
        let mut header = JwsHeader::new();
        header.set_claim("x5c", Some(json!(self.chain))).unwrap();
        let signer = ES256.signer_from_pem(&self.signer_key).unwrap();
        let signed = jws::serialize_compact(content.to_string().as_bytes(), &header, &signer);
        ares["acsSignedContent"] = json!(signed.unwrap());
        ares["sdkTransID"] = areq["sdkTransID"].clone();
        let html = self.screens.first().is_some_and(|screen| screen.get("acsHTML").is_some());
        ares["acsRenderingType"] = if html {
            json!({"acsInterface": "02", "acsUiTemplate": "05"})
        } else {
            json!({"acsInterface": "01", "acsUiTemplate": "01"})
        };
        if areq["messageVersion"] == "2.3.1" {
            ares["acsRenderingType"]["deviceUserInterfaceMode"] = json!("01");
            ares["deviceInfoRecognisedVersion"] = json!("1.4");
            ares["threeDSRequestorAppURLInd"] = json!("N");
        }
    }

    fn open(&mut self, body: &str) -> Value {
        let header = Jwe::parse(body).unwrap().members().unwrap();
        self.enc = Encryption::named(header["enc"].as_str().unwrap()).unwrap();
        let key = self.key.as_ref().unwrap().part(Way::SdkToAcs, self.enc).to_vec();
        let decrypter = Dir.decrypter_from_bytes(key).unwrap();
        let (plain, _) = jwe::deserialize_compact(body, &decrypter).unwrap();
        serde_json::from_slice(&plain).unwrap()
    }

    fn seal(&mut self, cres: &Value, kid: &str) -> String {
        let header = json!({"alg": "dir", "enc": self.enc.name(), "kid": kid});
        let iv = match self.enc {
            Encryption::A128Gcm => counter_iv(Way::AcsToSdk, self.counter).to_vec(),
            Encryption::A128CbcHs256 => self.enc.random_iv(),
        };
        self.counter += 1;
        let key = self.key.as_ref().unwrap().part(Way::AcsToSdk, self.enc);
        let plain = cres.to_string();
        Jwe::seal(&header, Vec::new(), self.enc, key, iv, plain.as_bytes()).unwrap().to_string()
    }
}

pub(super) async fn creq(
    State(acs): State<Arc<Acs>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let ares = acs.ares.lock().unwrap().clone();
    if headers["content-type"] == "application/json; charset=utf-8" {
        let erro = serde_json::from_slice(&body).unwrap();
        acs.app.lock().unwrap().erros.push(erro);
        return Response::new(Body::empty());
    }
    assert_eq!(headers["content-type"], "application/jose; charset=utf-8");
    let (screen, url) = {
        let mut app = acs.app.lock().unwrap();
        let creq = app.open(str::from_utf8(&body).unwrap());
        assert_eq!(creq["sdkCounterStoA"], format!("{:03}", app.creqs.len()));
        app.creqs.push(creq);
        let url = acs.ds_url();
        (app.screens.get(app.creqs.len() - 1).cloned(), url)
    };
    let delay = acs.app.lock().unwrap().delay;
    tokio::time::sleep(delay).await;
    let mut cres = json!({
        "messageType": "CRes", "messageVersion": ares["messageVersion"],
        "threeDSServerTransID": ares["threeDSServerTransID"], "acsTransID": ares["acsTransID"],
        "sdkTransID": ares["sdkTransID"],
    });
    if let Some(screen) = screen {
        cres["challengeCompletionInd"] = json!("N");
        put(&mut cres, &screen);
    } else {
        let rreq = rreq(&acs.areq(), &ares);
        let sent = acs.to_ds.post_json(&url, rreq.to_string().into(), None, PATIENCE).await;
        sent.unwrap();
        cres["challengeCompletionInd"] = json!("Y");
        cres["transStatus"] = json!("Y");
    }
    let mut app = acs.app.lock().unwrap();
    cres["acsCounterAtoS"] = json!(format!("{:03}", app.counter));
    put(&mut cres, &app.spoil.clone());
    let jwe = app.seal(&cres, ares["acsTransID"].as_str().unwrap());
    let answer = Response::builder().header("content-type", app.content_type.as_str());
    answer.body(Body::from(jwe)).unwrap()
}

fn put(message: &mut Value, members: &Value) {
    crate::message::apply_overrides(message, members.as_object().unwrap());
}

const PATIENCE: Duration = Duration::from_secs(5);
