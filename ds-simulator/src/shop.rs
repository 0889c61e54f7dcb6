//! The merchant's pages.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Form, Router};
use serde::Deserialize;

use crate::merchant::ThreeDsServer;
use crate::simulator::Shared;

pub(crate) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/health", get(|| async { "ok" }))
        .route("/3ds/method-done/{id}", post(method_done))
        .route("/3ds/notify/{id}", post(notify))
        .with_state(shared)
}

/// The 3DS Server that knows payment `id`.
fn merchant_of<'a>(shared: &'a Shared, id: &str) -> Option<&'a Arc<ThreeDsServer>> {
    shared.networks.iter().map(|n| &n.merchant).find(|merchant| merchant.payment(id).is_some())
}

async fn method_done(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Response {
    match merchant_of(&shared, &id) {
        Some(merchant) if merchant.method_done(&id) => Html("").into_response(),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

/// What comes through the browser at the end of a challenge; receivers know both field names.
#[derive(Debug, Deserialize)]
struct Notification {
    cres: Option<String>,
    erro: Option<String>,
    #[serde(rename = "threeDSSessionData")]
    session_data: Option<String>,
}

async fn notify(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    Form(form): Form<Notification>,
) -> Response {
    let field = form.cres.or(form.erro).unwrap_or_default();
    match merchant_of(&shared, &id) {
        Some(merchant) if merchant.notified(&id, &field, form.session_data) => {
            Html("").into_response()
        }
        Some(_) => StatusCode::BAD_REQUEST.into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
