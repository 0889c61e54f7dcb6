//! The `ops` listener: alive, ready, metrics, and in development the clock.

use std::sync::Arc;
use std::time::Instant;

use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde::Deserialize;
use serde_json::json;

use super::respond;
use crate::app::{App, DsRuntime, Latch};
use crate::storage::{StoreError, Unit};
use crate::{driver, outgoing, signing};

/// `GET /livez`: the process serves.
pub async fn live() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: traffic may come. 503 names what is still waited for.
pub async fn ready(State(app): State<Arc<App>>) -> Response {
    let held: Vec<_> = app.readiness.held().into_iter().map(Latch::name).collect();
    if app.shutdown.has_begun() {
        return (StatusCode::SERVICE_UNAVAILABLE, "shutting down\n").into_response();
    }
    // A writer that has ended does not come back: every answer would be U until a restart.
    if matches!(app.store.commit(Unit::default()).await, Err(StoreError::Closed)) {
        return (StatusCode::SERVICE_UNAVAILABLE, "the store has stopped\n").into_response();
    }
    if app.readiness.stands_still(Instant::now()) {
        return (StatusCode::SERVICE_UNAVAILABLE, "deadlines do not fire\n").into_response();
    }
    if held.is_empty() {
        return format!("ready\n{}", signing_notes(&app)).into_response();
    }
    (StatusCode::SERVICE_UNAVAILABLE, format!("waiting for {}\n", held.join(", "))).into_response()
}

/// What an operator should know although traffic may come: one line per directory server whose
/// signing chain is broken or ends soon.
fn signing_notes(app: &App) -> String {
    let now = signing::now(app.clock.as_ref());
    let note = |ds: &DsRuntime| {
        let id = &ds.profile.id;
        match ds.signing.as_ref()?.days_left(now) {
            Ok(days) if days < SOON_DAYS => {
                Some(format!("ds {id}: the signing chain ends in {days} days\n"))
            }
            Ok(_) => None,
            Err(cause) => Some(format!("ds {id}: app challenges are answered U: {cause}\n")),
        }
    };
    app.ds.iter().filter_map(note).collect()
}

/// `GET /metrics`, in the Prometheus text format.
pub async fn metrics(State(app): State<Arc<App>>) -> Response {
    let Some(metrics) = &app.metrics else { return respond::refuse(StatusCode::NOT_FOUND) };
    metrics.0.run_upkeep();
    let text = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (text, metrics.0.render()).into_response()
}

/// `GET /dev/clock`.
pub async fn clock(State(app): State<Arc<App>>) -> Response {
    respond::json(StatusCode::OK, &json!({ "now": app.clock.now() }))
}

/// Body of `POST /dev/clock`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    advance_ms: u64,
}

/// `POST /dev/clock`: moves the clock forward; answers once what became due has fired and is
/// stored.
pub async fn advance_clock(State(app): State<Arc<App>>, body: Bytes) -> Response {
    let advance: Advance = match serde_json::from_slice(&body) {
        Ok(advance) => advance,
        Err(error) => {
            let text = format!("expected {{\"advance_ms\":n}} with n at least 0: {error}");
            return respond::json(StatusCode::BAD_REQUEST, &json!({ "error": text }));
        }
    };
    if let Err(error) = app.clock.advance(advance.advance_ms) {
        return respond::json(StatusCode::BAD_REQUEST, &json!({ "error": error.to_string() }));
    }
    driver::fire_due(&app).await;
    outgoing::send_due(&app).await;
    signing::look_again(&app).await;
    respond::json(StatusCode::OK, &json!({ "now": app.clock.now() }))
}

const SOON_DAYS: u64 = 60;
