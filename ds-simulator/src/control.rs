//! The control API (health, traces, faults) and its pages for people.

use std::fmt::Display;
use std::sync::{Arc, PoisonError};

use askama::Template;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::bank_app::{Answer, BankApp, Does};
use crate::directory::ranges::RangeChange;
use crate::fault::Faults;
use crate::notice::Notice;
use crate::shop::respond::{self, Policy};
use crate::shop::texts::Language;
use crate::shop::timeline::{Timeline, seconds, utc};
use crate::simulator::{Network, Shared};
use crate::trace::{TransactionTrace, text};

pub(crate) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/", get(overview))
        .route("/payment/{id}", get(payment))
        .route("/assets/{name}", get(respond::asset))
        .route("/health", get(|| async { as_json(&json!({"status": "ok"})) }))
        .route("/trace", get(list))
        .route("/trace/{id}", get(one))
        .route("/faults", get(faults).put(set_faults))
        .route("/app", get(app).put(set_app))
        .route("/app/{acs_trans_id}", post(answer_in_app))
        .route("/ds/{name}/rreq-connections", put(rreq_connections))
        .route("/ds/{name}/notices", post(send_notice))
        .route("/ds/{name}/ranges", post(change_range).delete(forget_range_history))
        .route("/ds/{name}/rreqs/{acs_trans_id}", get(rreqs))
        .with_state(shared)
}

async fn list(State(shared): State<Arc<Shared>>) -> Response {
    let all: Vec<_> = shared
        .trace
        .list()
        .into_iter()
        .map(|t| {
            json!({"id": t.id, "started": t.started, "version": t.version,
            "events": t.events.len()})
        })
        .collect();
    as_json(&all)
}

async fn one(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Response {
    match shared.trace.get(&id) {
        Some(trace) => as_json(&trace),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn faults(State(shared): State<Arc<Shared>>) -> Response {
    as_json(&*shared.faults.lock().unwrap_or_else(PoisonError::into_inner))
}

async fn set_faults(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    match serde_json::from_slice::<Faults>(&body) {
        Ok(new) => {
            *shared.faults.lock().unwrap_or_else(PoisonError::into_inner) = new.clone();
            as_json(&new)
        }
        Err(error) => (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
    }
}

/// Why a wish is not done: a status and a sentence.
type Refusal = (StatusCode, String);

fn bad_request(error: impl Display) -> Refusal {
    (StatusCode::BAD_REQUEST, error.to_string())
}

fn conflict(error: anyhow::Error) -> Refusal {
    (StatusCode::CONFLICT, format!("{error:#}"))
}

/// The body of a wish, as JSON.
fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(bad_request)
}

/// The issuer's app.
fn bank_app(shared: &Shared) -> Result<&BankApp, Refusal> {
    let why = || (StatusCode::NOT_FOUND, "the issuers' systems are not known here".to_owned());
    shared.bank_app.as_deref().ok_or_else(why)
}

async fn app(State(shared): State<Arc<Shared>>) -> Result<Response, Refusal> {
    let app = bank_app(&shared)?;
    Ok(as_json(&json!({"does": app.usual(), "questions": app.questions()})))
}

/// Body of `PUT /app`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Usual {
    does: Does,
}

/// What cardholders do whose card says nothing.
async fn set_app(State(shared): State<Arc<Shared>>, body: Bytes) -> Result<Response, Refusal> {
    let app = bank_app(&shared)?;
    let wish: Usual = read(&body)?;
    app.set_usual(wish.does);
    Ok(as_json(&json!({"does": wish.does})))
}

/// Answers a question by hand.
async fn answer_in_app(
    State(shared): State<Arc<Shared>>,
    Path(acs_trans_id): Path<String>,
    body: Bytes,
) -> Result<Response, Refusal> {
    let app = bank_app(&shared)?;
    let wish: Answer = read(&body)?;
    let (status, reply) = app.answer(&acs_trans_id, &wish).await.map_err(conflict)?;
    Ok(as_json(&json!({"status": status, "reply": reply})))
}

/// The directory server of a path's `{name}`.
fn network<'a>(shared: &'a Shared, name: &str) -> Result<&'a Network, Refusal> {
    let found = shared.networks.iter().find(|network| network.name == name);
    found.ok_or_else(|| {
        let names: Vec<_> = shared.networks.iter().map(|network| network.name.as_str()).collect();
        (
            StatusCode::NOT_FOUND,
            format!("no directory server {name}; there are {}", names.join(", ")),
        )
    })
}

/// Body of `PUT /ds/{name}/rreq-connections`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Connections {
    /// `false`: AReqs from now on name a `dsURL` where nobody listens; `true`: somebody does.
    accept: bool,
}

async fn rreq_connections(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
    body: Bytes,
) -> Result<Response, Refusal> {
    let network = network(&shared, &name)?;
    let wish: Connections = read(&body)?;
    let done = if wish.accept {
        network.directory.accept_rreq_connections().await
    } else {
        network.directory.refuse_rreq_connections().await
    };
    done.map_err(conflict)?;
    Ok(as_json(&json!({"accept": wish.accept})))
}

/// Sends an operational notice to the ACS; the answer says what came back.
async fn send_notice(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
    body: Bytes,
) -> Result<Response, Refusal> {
    let network = network(&shared, &name)?;
    let notice: Notice = read(&body)?;
    let report = network.directory.send_notice(&notice).await.map_err(conflict)?;
    Ok(as_json(&report))
}

/// Changes the card ranges; the answer is the new serial number.
async fn change_range(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
    body: Bytes,
) -> Result<Response, Refusal> {
    let network = network(&shared, &name)?;
    let change: RangeChange = read(&body)?;
    let serial = network.directory.change_range(change).map_err(bad_request)?;
    Ok(as_json(&json!({"serialNum": serial.to_string()})))
}

/// Serial numbers from before are unknown from now on.
async fn forget_range_history(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
) -> Result<Response, Refusal> {
    let network = network(&shared, &name)?;
    network.directory.forget_range_history();
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The RReqs of a transaction as they came, refused ones too.
async fn rreqs(
    State(shared): State<Arc<Shared>>,
    Path((name, acs_trans_id)): Path<(String, String)>,
) -> Result<Response, Refusal> {
    let network = network(&shared, &name)?;
    let came = network.directory.rreqs_received(&acs_trans_id);
    let texts: Vec<_> = came.iter().map(|bytes| String::from_utf8_lossy(bytes)).collect();
    Ok(as_json(&texts))
}

fn as_json<T: Serialize>(value: &T) -> Response {
    let body = serde_json::to_string_pretty(value).unwrap_or_default();
    ([(CONTENT_TYPE, "application/json; charset=utf-8")], body).into_response()
}

/// Both pages: the overview, or `one` payment.
#[derive(Debug, Template)]
#[template(path = "control.html")]
struct ControlPage {
    shop_url: String,
    control_url: String,
    one: Option<One>,
    rows: Vec<Row>,
    total: usize,
    faults: String,
    faulty: bool,
}

#[derive(Debug)]
struct One {
    id: String,
    started: String,
    version: String,
    result: String,
    timeline: Timeline,
}

#[derive(Debug)]
struct Row {
    id: String,
    started: String,
    version: String,
    card: String,
    result: String,
    messages: usize,
    seconds: String,
}

const ROWS_SHOWN: usize = 100;

async fn overview(State(shared): State<Arc<Shared>>) -> Response {
    let traces = shared.trace.list();
    let faults = shared.faults.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let page = ControlPage {
        rows: traces.iter().take(ROWS_SHOWN).map(row).collect(),
        total: traces.len(),
        faulty: faults != Faults::default(),
        faults: serde_json::to_string_pretty(&faults).unwrap_or_default(),
        ..ControlPage::new(&shared)
    };
    respond::page(StatusCode::OK, &page, &Policy::default())
}

async fn payment(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Response {
    let Some(trace) = shared.trace.get(&id) else { return StatusCode::NOT_FOUND.into_response() };
    let one = One {
        started: utc(trace.started),
        version: trace.version.clone().unwrap_or_default(),
        result: result(&trace),
        timeline: Timeline::new(Language::English, Some(&trace)),
        id: trace.id,
    };
    let page = ControlPage { one: Some(one), ..ControlPage::new(&shared) };
    respond::page(StatusCode::OK, &page, &Policy::default())
}

impl ControlPage {
    fn new(shared: &Shared) -> Self {
        Self {
            shop_url: shared.shop_url.clone(),
            control_url: shared.control_url.clone().unwrap_or_default(),
            one: None,
            rows: Vec::new(),
            total: 0,
            faults: String::new(),
            faulty: false,
        }
    }
}

fn row(trace: &TransactionTrace) -> Row {
    let areq = trace.events.iter().filter_map(|event| event.body.as_ref());
    let card = areq.filter_map(|body| text(body, "acctNumber")).next();
    Row {
        id: trace.id.clone(),
        started: utc(trace.started),
        version: trace.version.clone().unwrap_or_default(),
        card: card.unwrap_or_default().to_owned(),
        result: result(trace),
        messages: trace.events.iter().filter(|event| event.direction != "note").count(),
        seconds: trace.events.last().map_or_else(String::new, |event| seconds(event.offset_ms)),
    }
}

/// The last `transStatus` (RReq after ARes), or the last error, with its words.
fn result(trace: &TransactionTrace) -> String {
    let said = trace.events.iter().rev().filter_map(|event| {
        let body = event.body.as_ref()?;
        match event.what.as_str() {
            "RReq" | "ARes" => {
                let status = text(body, "transStatus")?;
                Some(format!("{status} {}", crate::words::status(Some(status))))
            }
            "Erro" => Some(format!("Erro {}", text(body, "errorCode").unwrap_or("?"))),
            _ => None,
        }
    });
    said.into_iter().next().unwrap_or_else(|| "no result".to_owned())
}
