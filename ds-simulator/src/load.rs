//! Load on an ACS over TLS with kept connections: AReqs, each a transaction of its own, and the
//! CReqs of apps.

mod app;
mod run;
mod watched;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use bytes::Bytes;
use serde::Serialize;
use serde_json::{Value, json};

use crate::endpoints::Endpoints;
use crate::link::JSON;
use crate::message::app::SdkFacts;
use crate::message::{self, BrowserFacts, Order, RequestorUrls, new_id};
use crate::pki::{self, Identity};
use crate::sdk::device;
use crate::sdk::keys::KeyPair;
use run::{Request, Run, Target};

pub use app::{AppRounds, app_rounds};

/// What to send.
#[derive(Debug, Clone)]
pub struct LoadOptions {
    /// Where to send it; the ACS of the endpoints when absent.
    pub url: Option<String>,
    pub connections: usize,
    /// Ends after this many requests or this time, whichever comes first.
    pub requests: Option<u64>,
    pub time: Option<Duration>,
    pub version: String,
    /// Its channel decides what is sent: a browser's AReqs, or with `01` those of apps.
    pub order: Order,
    /// `dsURL` of the AReqs; nobody is asked there unless a challenge is answered.
    pub ds_url: String,
    /// A process whose CPU time the report tells.
    pub watch: Option<u32>,
}

/// How it went; latencies are those of answered requests.
#[derive(Debug, Clone, Serialize)]
pub struct LoadReport {
    pub connections: usize,
    pub requests: u64,
    pub errors: u64,
    pub seconds: f64,
    pub requests_per_second: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub max_ms: f64,
    pub request_bytes: usize,
    pub answer_bytes: usize,
    /// CPU time of the watched process, per request, without the making of connections.
    pub cpu_micros: Option<f64>,
    /// Answers by `transStatus`, `CRes`, `Erro` or HTTP status.
    pub answers: BTreeMap<String, u64>,
    /// The first thing that went wrong.
    pub first_error: Option<String>,
}

/// About the size of an AReq that a large merchant sends.
const AREQ_BYTES: usize = 3_300;

/// Sends AReqs.
///
/// # Errors
/// When the PKI is not usable or the first connection fails.
pub async fn load(ends: &Endpoints, options: &LoadOptions) -> Result<LoadReport> {
    let target = Arc::new(directory_server(ends, options)?);
    let template = Arc::new(template(options, &KeyPair::generate())?);
    let source = |_| {
        let template = Arc::clone(&template);
        move || Some(template.fresh().0)
    };
    Run::of(options).go(&target, source).await
}

/// As the directory server, to where AReqs go.
fn directory_server(ends: &Endpoints, options: &LoadOptions) -> Result<Target> {
    let files = ends.pki.clone();
    let identity = Identity { cert: files.ds_client_cert, key: files.ds_client_key };
    let tls = pki::client_config(&files.ca, Some(&identity))?;
    Target::new(options.url.as_deref().unwrap_or(&ends.acs.areq), tls, JSON)
}

/// An AReq with the places of its ids.
struct Template {
    text: String,
    /// Those of [`Ids`], in its order; a browser's AReq has no third.
    places: Vec<usize>,
    request_id: bool,
}

/// The ids of one transaction: `threeDSServerTransID`, `dsTransID`, `sdkTransID`.
type Ids = [String; 3];

const PLACEHOLDERS: [&str; 3] = [
    "11111111-1111-4111-8111-111111111111",
    "22222222-2222-4222-8222-222222222222",
    "33333333-3333-4333-8333-333333333333",
];

/// `key` is the SDK's, for all transactions of an app.
fn template(options: &LoadOptions, key: &KeyPair) -> Result<Template> {
    let urls = RequestorUrls {
        three_ds_server: "https://localhost:7446/3dss/rreq".to_owned(),
        requestor: "https://localhost:7444".to_owned(),
        notification: "https://localhost:7444/3ds/notify/load".to_owned(),
    };
    let [own, ds, sdk] = PLACEHOLDERS;
    let LoadOptions { order, version, .. } = options;
    let mut areq = if order.channel == "01" {
        app_areq(order, version, &urls, &facts(sdk, key))
    } else {
        message::areq(order, version, own, "U", &urls, &BrowserFacts::default())
    };
    areq["dsTransID"] = json!(ds);
    areq["dsReferenceNumber"] = json!("DS-A-REF-0001");
    areq["dsURL"] = json!(options.ds_url);
    let padding = AREQ_BYTES.saturating_sub(areq.to_string().len() + 130);
    areq["messageExtension"] = json!([{
        "name": "ds-sim load", "id": "A000000802-900", "criticalityIndicator": false,
        "data": {"filler": "x".repeat(padding)},
    }]);
    let text = areq.to_string();
    let places: Vec<_> = PLACEHOLDERS.iter().map_while(|id| text.find(id)).collect();
    if places.len() < 2 {
        bail!("the AReq lost its ids");
    }
    Ok(Template { places, request_id: version == "2.3.1", text })
}

/// An app's AReq as the directory server passes it on: with device data in clear.
fn app_areq(order: &Order, version: &str, urls: &RequestorUrls, facts: &SdkFacts) -> Value {
    let mut areq = message::app::areq(order, version, PLACEHOLDERS[0], urls, facts);
    if let Some(members) = areq.as_object_mut() {
        members.remove("sdkEncData");
    }
    areq["deviceInfo"] = json!(device::device_info(device::device_data().to_string().as_bytes()));
    areq
}

fn facts(sdk_trans_id: &str, key: &KeyPair) -> SdkFacts {
    SdkFacts {
        app_id: "5b1f1f6c-3a0a-4a53-9c5e-0d3f7f4f5a10".to_owned(),
        enc_data: String::new(),
        ephem_pub_key: key.public_jwk(),
        max_timeout: 5,
        reference_number: SDK_REFERENCE_NUMBER.to_owned(),
        trans_id: sdk_trans_id.to_owned(),
        interface: "03".to_owned(),
        ui_types: ["01", "02", "03", "04", "05"].map(str::to_owned).to_vec(),
        split: None,
    }
}

const SDK_REFERENCE_NUMBER: &str = "3DS_SIM_SDK_00001";

impl Template {
    /// A new transaction: what to send, and its ids.
    fn fresh(&self) -> (Request, Ids) {
        let mut bytes = self.text.clone().into_bytes();
        let ids = [new_id(), new_id(), new_id()];
        for (at, id) in self.places.iter().zip(&ids) {
            bytes[*at..*at + id.len()].copy_from_slice(id.as_bytes());
        }
        let id = self.request_id.then(|| ids[1].clone());
        (Request { body: Bytes::from(bytes), id }, ids)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(channel: &str) -> LoadOptions {
        let order = Order {
            pan: "4000000000001000".to_owned(),
            channel: channel.to_owned(),
            ..Order::default()
        };
        LoadOptions {
            url: None,
            connections: 1,
            requests: Some(1),
            time: None,
            version: "2.2.0".to_owned(),
            order,
            ds_url: "https://localhost:7443/ds/rreq".to_owned(),
            watch: None,
        }
    }

    #[test]
    fn transactions_differ_in_their_ids_only() {
        for channel in ["01", "02"] {
            let template = template(&options(channel), &KeyPair::generate()).unwrap();
            let ((one, first), (two, second)) = (template.fresh(), template.fresh());
            assert!(first.iter().zip(&second).all(|(one, two)| one != two));
            assert_eq!(one.body.len(), two.body.len());
            assert!((3_200..3_400).contains(&one.body.len()), "{} bytes", one.body.len());
            let one: Value = serde_json::from_slice(&one.body).unwrap();
            assert_eq!(one["dsTransID"], first[1].as_str());
            let sdk = one["sdkTransID"].as_str();
            assert_eq!(sdk, (channel == "01").then_some(first[2].as_str()));
        }
    }
}
