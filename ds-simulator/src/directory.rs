//! The directory server: forwards AReq to the ACS and RReq to the 3DS Server, adds what a
//! directory server adds, checks its peers, and answers PReq (protocol sections 1, 9 and 10).

mod judge;
mod ranges;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{Response, StatusCode};
use axum::routing::post;
use axum::{Extension, Router};
use bytes::Bytes;
use serde_json::{Value, json};

use crate::fault::{Faults, RreqFault};
use crate::link::{Answer, Failed, Link, patiently};
use crate::listener::{self, Listening, Peer};
use crate::message::{self, VERSIONS, apply_overrides, erro, new_id};
use crate::pki::{self, Identity};
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
    trace: Arc<Trace>,
    faults: Arc<Mutex<Faults>>,
    transactions: Mutex<Transactions>,
    rreqs: Mutex<Vec<(String, Bytes)>>,
    gate: tokio::sync::Mutex<Gate>,
    server: Identity,
    ca: std::path::PathBuf,
}

/// A socket of its own for RReqs, so that they can find nobody there.
#[derive(Debug, Default)]
struct Gate {
    port: Option<u16>,
    open: Option<Listening>,
}

#[derive(Debug, Clone)]
struct DsTransaction {
    version: String,
    three_ds_server_trans_id: String,
    three_ds_server_url: Option<String>,
    challenged: bool,
    acs_trans_id: Option<String>,
    payment: bool,
    /// Whoever holds the lock is talking to the 3DS Server about this transaction's RReq.
    result: Arc<tokio::sync::Mutex<Delivery>>,
}

/// What became of a transaction's RReq.
#[derive(Debug, Default)]
struct Delivery {
    /// The RReq that may have reached the 3DS Server.
    rreq: Option<Value>,
    /// What it answered; an identical RReq gets it again.
    reply: Option<Value>,
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
    pub(crate) ca: std::path::PathBuf,
    pub(crate) client: Identity,
    pub(crate) server: Identity,
}

const BODY_LIMIT: usize = 1024 * 1024;
const RREQS_KEPT: usize = 20_000;
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
            name: setup.name,
            acs_areq: setup.acs_areq,
            method_url: setup.method_url,
            to_acs: link.clone(),
            to_three_ds_server: link,
            trace,
            faults,
            transactions: Mutex::default(),
            rreqs: Mutex::default(),
            gate: tokio::sync::Mutex::default(),
            server: setup.server,
            ca: setup.ca,
        }))
    }

    /// Base of this server's URLs, e.g. `https://localhost:7443/ds`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.own_url
    }

    /// Every RReq that came for `acs_trans_id`, byte for byte, refused ones too.
    #[must_use]
    pub fn rreqs_received(&self, acs_trans_id: &str) -> Vec<Bytes> {
        let rreqs = self.rreqs.lock().unwrap_or_else(PoisonError::into_inner);
        let of_it = rreqs.iter().filter(|(id, _)| id.eq_ignore_ascii_case(acs_trans_id));
        of_it.map(|(_, bytes)| bytes.clone()).collect()
    }

    /// Keeps an RReq as it came; the oldest go when there are too many.
    fn keep_rreq(&self, rreq: &Value, bytes: &Bytes) {
        let mut rreqs = self.rreqs.lock().unwrap_or_else(PoisonError::into_inner);
        if rreqs.len() == RREQS_KEPT {
            rreqs.drain(..RREQS_KEPT / 2);
        }
        rreqs.push((text(rreq, "acsTransID").unwrap_or_default().to_owned(), bytes.clone()));
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
            .route("/ds/rreq", post(rreq))
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

    /// What the directory server adds to an AReq for the ACS [P-AREQ-16].
    async fn enrich(&self, areq: &mut Value, ds_trans_id: &str) {
        areq["dsReferenceNumber"] = json!(format!("{}-REF-0001", self.name.to_uppercase()));
        areq["dsTransID"] = json!(ds_trans_id);
        areq["dsURL"] = json!(self.rreq_url().await);
        if let Some(members) = areq.as_object_mut() {
            members.remove("sdkEncData");
        }
        if text(areq, "deviceChannel") == Some("01") && areq.get("deviceInfo").is_none() {
            areq["deviceInfo"] = json!(message::to_base64url(&json!({
                "DV": "1.4", "DD": {"C001": "Android", "C004": "simulated"}, "DPNA": {}, "SW": [],
            })));
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

    /// An Erro about a response is a new POST to whoever sent it [P-ERRO-04].
    async fn complain_to_acs(&self, erro: &Value) {
        self.trace.message("DS-ACS", "request", erro, erro.to_string().len());
        let bytes = Bytes::from(erro.to_string());
        let sent = self.to_acs.post_json(&self.acs_areq, bytes, None, Duration::from_secs(5)).await;
        if let Err(error) = sent {
            tracing::warn!(%error, "Erro to the ACS not delivered");
        }
    }

    /// Checks an RReq against what this directory server knows [P-RREQ-01].
    fn admit_rreq(&self, rreq: &Value) -> Result<DsTransaction, (&'static str, String)> {
        let version = text(rreq, "messageVersion").unwrap_or_default();
        if !VERSIONS.contains(&version) {
            return Err(("102", VERSIONS.join(",")));
        }
        let missing: Vec<_> =
            ["threeDSServerTransID", "dsTransID", "acsTransID", "messageCategory"]
                .into_iter()
                .filter(|name| text(rreq, name).is_none_or(str::is_empty))
                .collect();
        if !missing.is_empty() {
            return Err(("201", missing.join(",")));
        }
        let id = text(rreq, "dsTransID").unwrap_or_default().to_lowercase();
        let transactions = self.transactions.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(known) = transactions.by_id.get(&id) else {
            return Err(("301", "dsTransID".to_owned()));
        };
        if !judge::same_id(
            text(rreq, "threeDSServerTransID"),
            Some(&known.three_ds_server_trans_id),
        ) {
            return Err(("301", "threeDSServerTransID".to_owned()));
        }
        if known.acs_trans_id.is_some()
            && !judge::same_id(text(rreq, "acsTransID"), known.acs_trans_id.as_deref())
        {
            return Err(("301", "acsTransID".to_owned()));
        }
        if known.version != version {
            return Err(("203", "messageVersion".to_owned()));
        }
        let newest = version == "2.3.1";
        // After a lost ARes the answer is not known here; the RReq tells that there was a C.
        if known.acs_trans_id.is_some() && !known.challenged {
            return Err((if newest { "313" } else { "305" }, "acsTransID".to_owned()));
        }
        judge::result(rreq, version, known.payment)?;
        Ok(known.clone())
    }

    /// The answer to an admitted RReq. The 3DS Server sees each result once: an identical repeat
    /// gets the first answer again, another RReq is refused.
    async fn deliver_rreq(&self, rreq: &Value, known: &DsTransaction) -> Value {
        let mut delivery = known.result.lock().await;
        match (&delivery.rreq, &delivery.reply) {
            (Some(first), _) if first != rreq => {
                let code = if known.version == "2.3.1" { "312" } else { "301" };
                return erro('D', code, "there was another RReq before", "dsTransID", rreq);
            }
            (Some(_), Some(reply)) => return reply.clone(),
            _ => {}
        }
        let reply = self.forward_rreq(rreq, known).await;
        let from_us = text(&reply, "errorComponent") == Some("D");
        if !(from_us && text(&reply, "errorCode") == Some("405")) {
            delivery.rreq = Some(rreq.clone());
        }
        if !from_us {
            delivery.reply = Some(reply.clone());
        }
        reply
    }

    /// Forwards an RReq: one retry on a failed connection, then Erro 405; Erro 402 when the 3DS
    /// Server does not answer in time [P-RREQ-07].
    async fn forward_rreq(&self, rreq: &Value, known: &DsTransaction) -> Value {
        let Some(url) = known.three_ds_server_url.as_deref() else {
            return erro('D', "405", "connection to system failed", "threeDSServerURL", rreq);
        };
        let mut forwarded = rreq.clone();
        if known.version != "2.3.1"
            && let Some(members) = forwarded.as_object_mut()
        {
            members.remove("authenticationMethod");
        }
        let bytes = Bytes::from(forwarded.to_string());
        self.trace.message("DS-3DSS", "request", &forwarded, bytes.len());
        let id = (known.version == "2.3.1").then(|| text(rreq, "dsTransID")).flatten();
        let timeout = or_default(self.faults().rres_timeout_ms, 3_000);
        let attempt = || self.to_three_ds_server.post_json(url, bytes.clone(), id, timeout);
        let answer = match attempt().await {
            Err(Failed::Connect(_)) => attempt().await,
            other => other,
        };
        match answer {
            Ok(answer) => match serde_json::from_slice::<Value>(&answer.body) {
                Ok(rres) => {
                    self.trace.message("3DSS-DS", "response", &rres, answer.body.len());
                    match text(&rres, "messageType") {
                        Some("RRes" | "Erro") => rres,
                        _ => erro('D', "101", "message invalid", "messageType of the RRes", rreq),
                    }
                }
                Err(_) => erro('D', "101", "message invalid", "RRes is not JSON", rreq),
            },
            Err(Failed::Timeout) => erro('D', "402", "transaction timed out", "RRes", rreq),
            Err(failed) => {
                erro('D', "405", "connection to system failed", &failed.to_string(), rreq)
            }
        }
    }
}

/// `POST /ds/areq`, from the 3DS Server.
async fn areq(
    State(ds): State<Arc<DirectoryServer>>,
    Extension(peer): Extension<Peer>,
    body: Bytes,
) -> Response<Body> {
    let mut message = match read(&body, "AReq") {
        Ok(message) => message,
        Err(erro) => return answer(&erro, None, None),
    };
    ds.trace.message("3DSS-DS", "request", &message, body.len());
    if !peer.has_role("3dss") {
        let erro = erro('D', "303", "access denied", "client certificate", &message);
        return ds.answer_3dss(&erro, None);
    }
    if text(&message, "messageType") == Some("Erro") {
        return Response::new(Body::empty());
    }
    let ds_trans_id = new_id();
    ds.enrich(&mut message, &ds_trans_id).await;
    let faults = ds.faults();
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
            version: text(areq, "messageVersion").unwrap_or_default().to_owned(),
            three_ds_server_trans_id: text(areq, "threeDSServerTransID")
                .unwrap_or_default()
                .to_owned(),
            three_ds_server_url: text(areq, "threeDSServerURL").map(str::to_owned),
            challenged: false,
            acs_trans_id: None,
            payment: text(areq, "messageCategory") == Some("01"),
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
        let Ok(ares) = serde_json::from_slice::<Value>(&answer.body) else {
            let detail = format!("HTTP {} with {} bytes", answer.status, answer.body.len());
            self.trace.note(&id, "ACS-DS", "remark", answer.body.len(), detail.clone());
            let code = if answer.status == 200 { "101" } else { "405" };
            return erro('D', code, "the ACS gave no protocol answer", &detail, areq);
        };
        self.trace.message_of(&id, "ACS-DS", "response", &ares, answer.body.len());
        if text(&ares, "messageType") == Some("Erro") {
            return ares;
        }
        if let Err((code, detail)) = judge::ares(areq, &ares) {
            let erro = erro('D', code, "ARes refused", &detail, &ares);
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

/// `POST /ds/rreq`, from the ACS.
async fn rreq(
    State(ds): State<Arc<DirectoryServer>>,
    Extension(peer): Extension<Peer>,
    body: Bytes,
) -> Response<Body> {
    let message = match read(&body, "RReq") {
        Ok(message) => message,
        Err(erro) => return answer(&erro, None, None),
    };
    ds.trace.message("ACS-DS", "request", &message, body.len());
    let is_erro = text(&message, "messageType") == Some("Erro");
    if !is_erro {
        ds.keep_rreq(&message, &body);
    }
    if !peer.has_role("acs") {
        return ds.answer_acs(&erro('D', "303", "access denied", "client certificate", &message));
    }
    if is_erro {
        return Response::new(Body::empty());
    }
    let faults = ds.faults();
    if faults.rreq_delay_ms > 0 {
        tokio::time::sleep(Duration::from_millis(faults.rreq_delay_ms)).await;
    }
    if faults.rreq == RreqFault::CloseUnread {
        peer.hang_up().await;
    }
    let known = match ds.admit_rreq(&message) {
        Ok(known) => known,
        Err((code, detail)) => {
            return ds.answer_acs(&erro('D', code, "RReq refused", &detail, &message));
        }
    };
    match faults.rreq {
        RreqFault::Erro(code) => {
            return ds.answer_acs(&erro('D', &code, "made on purpose", "fault", &message));
        }
        RreqFault::Http(status) => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
            return response;
        }
        _ => {}
    }
    let mut rres = ds.deliver_rreq(&message, &known).await;
    match faults.rreq {
        RreqFault::NeverAnswer => std::future::pending().await,
        RreqFault::CloseAfterForward => peer.hang_up().await,
        _ => {}
    }
    if text(&rres, "messageType") == Some("RRes") {
        apply_overrides(&mut rres, &faults.rres_overrides);
    }
    ds.answer_acs(&rres)
}

impl DirectoryServer {
    fn answer_acs(&self, reply: &Value) -> Response<Body> {
        self.trace.message("DS-ACS", "response", reply, reply.to_string().len());
        let newest = text(reply, "messageVersion") == Some("2.3.1");
        let request_id = newest.then(|| text(reply, "acsTransID")).flatten();
        answer(reply, request_id, newest.then(|| text(reply, "dsTransID")).flatten())
    }
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
