//! The directory server: forwards AReq to the ACS and RReq to the 3DS Server, adds what a
//! directory server adds, checks its peers, and answers PReq (protocol sections 1, 9 and 10).

mod device_data;
mod judge;
mod notices;
pub mod ranges;
mod results;
mod split_sdk;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, Response};
use axum::routing::post;
use axum::{Extension, Router};
use bytes::Bytes;
use serde_json::{Value, json};

use crate::fault::Faults;
use crate::ids;
use crate::link::{Answer, Failed, Link, patiently};
use crate::listener::{self, Listening, Peer};
use crate::message::{apply_overrides, erro, new_id};
use crate::pki::{self, Identity};
use crate::sdk::device::{DsKeyKind, DsPublicKey};
use crate::trace::{Trace, text};

/// A payment system's directory server.
#[derive(Debug)]
pub struct DirectoryServer {
    name: String,
    acs_areq: String,
    method_url: Option<String>,
    own_url: String,
    to_acs: Link,
    to_three_ds_server: Link,
    three_ds_server_oreq: String,
    trace: Arc<Trace>,
    faults: Arc<Mutex<Faults>>,
    transactions: Mutex<Transactions>,
    rreqs: Mutex<Vec<(String, Bytes)>>,
    ranges: Mutex<ranges::Ranges>,
    gate: tokio::sync::Mutex<Gate>,
    server: Identity,
    ca: std::path::PathBuf,
    device_keys: device_data::DeviceKeys,
    split_sdk: split_sdk::SplitSdkServer,
}

/// A socket of its own for RReqs, so that they can find nobody there.
#[derive(Debug, Default)]
struct Gate {
    port: Option<u16>,
    open: Option<Listening>,
}

#[derive(Debug, Clone)]
struct DsTransaction {
    asked: judge::Asked,
    three_ds_server_trans_id: String,
    three_ds_server_url: Option<String>,
    challenged: bool,
    acs_trans_id: Option<String>,
    /// Whoever holds the lock is talking to the 3DS Server about this transaction's RReq.
    result: Arc<tokio::sync::Mutex<results::Delivery>>,
}

/// Transactions by `dsTransID`; the oldest go when there are many.
#[derive(Debug, Default)]
struct Transactions {
    by_id: HashMap<String, DsTransaction>,
    order: VecDeque<String>,
}

impl Transactions {
    fn insert(&mut self, ds_trans_id: &str, transaction: DsTransaction) {
        if self.order.len() >= TRANSACTIONS_KEPT
            && let Some(oldest) = self.order.pop_front()
        {
            self.by_id.remove(&oldest);
        }
        self.order.push_back(ds_trans_id.to_owned());
        self.by_id.insert(ds_trans_id.to_owned(), transaction);
    }
}

/// What a directory server is made of.
#[derive(Debug)]
pub(crate) struct DirectorySetup {
    pub(crate) name: String,
    pub(crate) acs_areq: String,
    pub(crate) method_url: Option<String>,
    pub(crate) port: u16,
    /// Where the 3DS Server takes operational notices.
    pub(crate) three_ds_server_oreq: String,
    pub(crate) ca: std::path::PathBuf,
    pub(crate) client: Identity,
    pub(crate) server: Identity,
}

const BODY_LIMIT: usize = 1024 * 1024;
const TRANSACTIONS_KEPT: usize = 20_000;

impl DirectoryServer {
    pub(crate) fn new(
        setup: DirectorySetup,
        trace: Arc<Trace>,
        faults: Arc<Mutex<Faults>>,
    ) -> Result<Arc<Self>> {
        let link = Link::new(&setup.ca, Some(&setup.client))?;
        Ok(Arc::new(Self {
            own_url: format!("https://localhost:{}/ds", setup.port),
            device_keys: device_data::DeviceKeys::new(&setup.name),
            split_sdk: split_sdk::SplitSdkServer::default(),
            name: setup.name,
            acs_areq: setup.acs_areq,
            method_url: setup.method_url,
            to_acs: link.clone(),
            to_three_ds_server: link,
            three_ds_server_oreq: setup.three_ds_server_oreq,
            trace,
            faults,
            transactions: Mutex::default(),
            rreqs: Mutex::default(),
            ranges: Mutex::default(),
            gate: tokio::sync::Mutex::default(),
            server: setup.server,
            ca: setup.ca,
        }))
    }

    /// What the server of a Split-SDK signs for its SDK, as it is registered here.
    pub(crate) fn split_sdk_signs(&self, content: Value) -> Result<String> {
        self.split_sdk.sign(content)
    }

    /// Base of this server's URLs, e.g. `https://localhost:7443/ds`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.own_url
    }

    /// The key that SDKs encrypt device data with.
    #[must_use]
    pub fn device_key(&self, kind: DsKeyKind) -> DsPublicKey {
        self.device_keys.public(kind)
    }

    /// The root of everybody under this directory server, PEM.
    #[must_use]
    pub fn root(&self) -> &std::path::Path {
        &self.ca
    }

    /// From now on AReqs name a `dsURL` of its own port, where nobody listens until
    /// [`Self::accept_rreq_connections`].
    ///
    /// # Errors
    /// When no free port is found.
    pub async fn refuse_rreq_connections(&self) -> Result<()> {
        let mut gate = self.gate.lock().await;
        gate.open = None;
        if gate.port.is_none() {
            gate.port = Some(listener::bind(0).await?.1);
        }
        Ok(())
    }

    /// Listens where RReqs were refused.
    ///
    /// # Errors
    /// When the port was taken by somebody else meanwhile.
    pub async fn accept_rreq_connections(self: &Arc<Self>) -> Result<()> {
        let mut gate = self.gate.lock().await;
        if let (Some(port), None) = (gate.port, &gate.open) {
            let (socket, _) = listener::bind(port).await?;
            gate.open = Some(listener::serve(socket, Some(self.tls()?), Arc::clone(self).router()));
        }
        Ok(())
    }

    pub(crate) fn tls(&self) -> Result<rustls::ServerConfig> {
        pki::server_config(&self.server, Some(&self.ca))
    }

    pub(crate) fn router(self: Arc<Self>) -> Router {
        Router::new()
            .route("/ds/areq", post(areq))
            .route("/ds/rreq", post(results::rreq))
            .route("/ds/preq", post(ranges::preq))
            .layer(DefaultBodyLimit::max(BODY_LIMIT))
            .with_state(self)
    }

    fn faults(&self) -> Faults {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn rreq_url(&self) -> String {
        match self.gate.lock().await.port {
            Some(port) => format!("https://localhost:{port}/ds/rreq"),
            None => format!("{}/rreq", self.own_url),
        }
    }

    /// `dsReferenceNumber`.
    fn reference_number(&self) -> String {
        format!("{}-REF-0001", self.name.to_uppercase())
    }

    /// What the directory server adds to an AReq for the ACS [P-AREQ-16].
    async fn enrich(&self, areq: &mut Value, ds_trans_id: &str) {
        areq["dsReferenceNumber"] = json!(self.reference_number());
        areq["dsTransID"] = json!(ds_trans_id);
        // 3RI of 2.1.0 never has an RReq.
        if text(areq, "deviceChannel") != Some("03")
            || text(areq, "messageVersion") != Some("2.1.0")
        {
            areq["dsURL"] = json!(self.rreq_url().await);
        }
        if let Some(members) = areq.as_object_mut() {
            members.remove("sdkEncData");
        }
        if text(areq, "deviceChannel") == Some("01") && areq.get("deviceInfo").is_none() {
            areq["deviceInfo"] = device_data::stand_in();
        }
    }

    /// Sends the AReq as often as a directory server may: the bytes stay the same.
    async fn ask_acs(&self, bytes: &Bytes, request_id: Option<&str>) -> Result<Answer, Failed> {
        let faults = self.faults();
        let timeout = or_default(faults.ares_timeout_ms, 10_000);
        let attempt = || self.to_acs.post_json(&self.acs_areq, bytes.clone(), request_id, timeout);
        if faults.areq_retry_ms > 0 {
            return patiently(Duration::from_millis(faults.areq_retry_ms), attempt).await;
        }
        match attempt().await {
            Err(Failed::Connect(_)) => attempt().await,
            other => other,
        }
    }

    /// Looks at the HTTP ids of a message of a payment.
    fn compare_ids(&self, leg: &str, message: &Value, headers: &HeaderMap) {
        let txn = text(message, "threeDSServerTransID").unwrap_or("unknown").to_lowercase();
        ids::compare(&self.trace, &txn, leg, message, headers);
    }

    /// An Erro about a response is a new POST to whoever sent it [P-ERRO-04].
    async fn complain_to_acs(&self, erro: &Value) {
        self.trace.message("DS-ACS", "request", erro, erro.to_string().len());
        let bytes = Bytes::from(erro.to_string());
        let sent = self.to_acs.post_json(&self.acs_areq, bytes, None, Duration::from_secs(5)).await;
        if let Err(error) = sent {
            tracing::warn!(%error, "Erro to the ACS not delivered");
        }
    }
}

/// `POST /ds/areq`, from the 3DS Server.
async fn areq(
    State(ds): State<Arc<DirectoryServer>>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let mut message = match read(&body, "AReq") {
        Ok(message) => message,
        Err(erro) => return answer(&erro, None, None),
    };
    ds.trace.message("3DSS-DS", "request", &message, body.len());
    ds.compare_ids("3DSS-DS", &message, &headers);
    if !peer.has_role("3dss") {
        let erro = erro('D', "303", "access denied", "client certificate", &message);
        return ds.answer_3dss(&erro, None);
    }
    if text(&message, "messageType") == Some("Erro") {
        return Response::new(Body::empty());
    }
    let looked = ds.split_sdk.check(&message).and_then(|()| ds.device_keys.unwrap(&mut message));
    if let Err((code, detail)) = looked {
        let erro = erro('D', code, "device data refused", detail, &message);
        return ds.answer_3dss(&erro, None);
    }
    let ds_trans_id = new_id();
    ds.enrich(&mut message, &ds_trans_id).await;
    let faults = ds.faults();
    if !faults.areq_unchecked
        && let Err((code, detail)) = judge::areq(&message)
    {
        let erro = erro('D', &code, "AReq refused", &detail, &message);
        return ds.answer_3dss(&erro, None);
    }
    apply_overrides(&mut message, &faults.areq_overrides);
    ds.remember(&message, &ds_trans_id);
    let bytes = Bytes::from(message.to_string());
    ds.trace.message("DS-ACS", "request", &message, bytes.len());
    let newest = text(&message, "messageVersion") == Some("2.3.1");
    let result = ds.ask_acs(&bytes, newest.then_some(ds_trans_id.as_str())).await;
    let reply = ds.after_areq(&message, result).await;
    if take_one(&ds.faults) {
        let id = text(&message, "threeDSServerTransID").unwrap_or("unknown");
        ds.trace.note(id, "DS-3DSS", "remark", 0, "answer dropped on purpose".to_owned());
        peer.hang_up().await;
    }
    ds.answer_3dss(&reply, newest.then_some(ds_trans_id.as_str()))
}

impl DirectoryServer {
    fn answer_3dss(&self, reply: &Value, ds_trans_id: Option<&str>) -> Response<Body> {
        self.trace.message("DS-3DSS", "response", reply, reply.to_string().len());
        let request_id = ds_trans_id.and_then(|_| text(reply, "threeDSServerTransID"));
        answer(reply, request_id, ds_trans_id)
    }

    fn remember(&self, areq: &Value, ds_trans_id: &str) {
        let known = DsTransaction {
            asked: judge::Asked::of(areq),
            three_ds_server_trans_id: text(areq, "threeDSServerTransID")
                .unwrap_or_default()
                .to_owned(),
            three_ds_server_url: text(areq, "threeDSServerURL").map(str::to_owned),
            challenged: false,
            acs_trans_id: None,
            result: Arc::default(),
        };
        let mut transactions = self.transactions.lock().unwrap_or_else(PoisonError::into_inner);
        transactions.insert(ds_trans_id, known);
    }

    async fn after_areq(&self, areq: &Value, result: Result<Answer, Failed>) -> Value {
        let answer = match result {
            Ok(answer) => answer,
            Err(failed) => {
                let code = if failed == Failed::Timeout { "402" } else { "405" };
                let words = "the ACS did not answer";
                return erro('D', code, words, &failed.to_string(), areq);
            }
        };
        let id = text(areq, "threeDSServerTransID").unwrap_or("unknown").to_lowercase();
        let ares = is_json(&answer.headers).then(|| serde_json::from_slice::<Value>(&answer.body));
        let Some(Ok(ares)) = ares else {
            let detail = format!("HTTP {} with {} bytes", answer.status, answer.body.len());
            self.trace.note(&id, "ACS-DS", "remark", answer.body.len(), detail.clone());
            let code = if answer.status == 200 { "101" } else { "405" };
            return erro('D', code, "the ACS gave no protocol answer", &detail, areq);
        };
        self.trace.message_of(&id, "ACS-DS", "response", &ares, answer.body.len());
        ids::compare(&self.trace, &id, "ACS-DS", &ares, &answer.headers);
        if text(&ares, "messageType") == Some("Erro") {
            return ares;
        }
        let told = self.faults().ares_erro;
        let judged = if told.is_empty() {
            judge::ares(areq, &ares)
        } else {
            Err((told, "refused on purpose".to_owned()))
        };
        if let Err((code, detail)) = judged {
            let erro = erro('D', &code, "ARes refused", &detail, &ares);
            self.complain_to_acs(&erro).await;
            return erro;
        }
        let ds_trans_id = text(areq, "dsTransID").unwrap_or_default();
        let mut transactions = self.transactions.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = transactions.by_id.get_mut(ds_trans_id) {
            known.acs_trans_id = text(&ares, "acsTransID").map(str::to_owned);
            known.challenged = matches!(text(&ares, "transStatus"), Some("C" | "D" | "S"));
        }
        ares
    }
}

/// Whether a message has the media type that servers owe each other.
fn is_json(headers: &HeaderMap) -> bool {
    let found = headers.get("content-type").and_then(|value| value.to_str().ok());
    found.is_some_and(|found| {
        found.replace(' ', "").eq_ignore_ascii_case("application/json;charset=utf-8")
    })
}

/// A JSON object of the expected type (or an Erro), or the Erro to answer.
fn read(body: &[u8], expected: &str) -> Result<Value, Value> {
    let Ok(message) = serde_json::from_slice::<Value>(body) else {
        return Err(erro('D', "101", "message invalid", "not JSON", &Value::Null));
    };
    match text(&message, "messageType") {
        Some(kind) if kind == expected || kind == "Erro" => Ok(message),
        _ => Err(erro('D', "101", "message type invalid here", "messageType", &message)),
    }
}

pub(crate) fn answer(
    reply: &Value,
    request_id: Option<&str>,
    response_id: Option<&str>,
) -> Response<Body> {
    let mut response =
        Response::builder().header("content-type", "application/json; charset=utf-8");
    for (name, value) in [("x-request-id", request_id), ("x-response-id", response_id)] {
        if let Some(value) = value {
            response = response.header(name, value);
        }
    }
    response
        .body(Body::from(reply.to_string()))
        .unwrap_or_else(|_| Response::new(Body::from(reply.to_string())))
}

async fn pause(millis: u64) {
    if millis > 0 {
        tokio::time::sleep(Duration::from_millis(millis)).await;
    }
}

fn or_default(millis: u64, default: u64) -> Duration {
    Duration::from_millis(if millis == 0 { default } else { millis })
}

/// Whether this answer is one of those to drop.
fn take_one(faults: &Mutex<Faults>) -> bool {
    let mut faults = faults.lock().unwrap_or_else(PoisonError::into_inner);
    let drop = faults.drop_areq_answers > 0;
    faults.drop_areq_answers = faults.drop_areq_answers.saturating_sub(1);
    drop
}
