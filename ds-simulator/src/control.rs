//! The control API: health, traces, faults.

use std::sync::{Arc, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Serialize;
use serde_json::json;

use crate::fault::Faults;
use crate::simulator::Shared;

pub(crate) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/health", get(|| async { as_json(&json!({"status": "ok"})) }))
        .route("/trace", get(list))
        .route("/trace/{id}", get(one))
        .route("/faults", get(faults).put(set_faults))
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

fn as_json<T: Serialize>(value: &T) -> Response {
    let body = serde_json::to_string_pretty(value).unwrap_or_default();
    ([(CONTENT_TYPE, "application/json; charset=utf-8")], body).into_response()
}
