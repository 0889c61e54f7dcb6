//! Paths of each listener. Default-deny: what is not listed here is 404, another method 405.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::response::Response;
use axum::routing::{MethodRouter, get, post};
use http::StatusCode;

use super::{
    areq, creq_app, creq_browser, health, issuer_oob, issuer_result, method_url, oreq, respond,
    shortcut,
};
use crate::app::App;

/// A `ds` listener: server messages under mutual TLS. Requests carry [`crate::app::DsPeer`]
/// [P-TRN-01, P-TRN-06, Req 184].
pub fn ds(app: Arc<App>) -> Router {
    let limits = &app.config.limits;
    Router::new()
        .route(shortcut::AREQ, bounded(post(areq::handle), limits.areq_bytes))
        .route("/3ds/oreq", bounded(post(oreq::handle), limits.oreq_bytes))
        .fallback(unknown)
        .with_state(app)
}

/// The `cardholder` listener: browsers and SDKs [P-TRN-01, P-TRN-08].
pub fn cardholder(app: Arc<App>) -> Router {
    let limits = &app.config.limits;
    Router::new()
        .route("/3ds/method", bounded(post(method_url::handle), limits.method_bytes))
        .route("/3ds/challenge/browser", bounded(post(creq_browser::creq), limits.creq_bytes))
        .route(shortcut::APP_CREQ, bounded(post(creq_app::handle), limits.creq_bytes))
        .route("/3ds/challenge/browser/page", bounded(post(creq_browser::page), limits.page_bytes))
        .route("/3ds/challenge/browser/wait", bounded(post(creq_browser::wait), limits.page_bytes))
        .fallback(unknown)
        .with_state(app)
}

/// The `issuer` listener: signed requests of issuers' systems.
pub fn issuer(app: Arc<App>) -> Router {
    let result = bounded(post(issuer_result::handle), ISSUER_BODY_BYTES);
    let oob_result = bounded(post(issuer_oob::result), ISSUER_BODY_BYTES);
    Router::new()
        .route("/v1/authentications/{id}/result", result)
        .route("/v1/oob/{id}", bounded(get(issuer_oob::question), ISSUER_BODY_BYTES))
        .route("/v1/oob/{id}/result", oob_result)
        .fallback(unknown)
        .with_state(app)
}

/// The `ops` listener: probes, metrics and, in development, the clock.
pub fn ops(app: Arc<App>) -> Router {
    let mut router = Router::new()
        .route("/livez", get(health::live))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics));
    if app.config.clock_is_movable() {
        let clock = get(health::clock).post(health::advance_clock);
        router = router.route("/dev/clock", bounded(clock, OPS_BODY_BYTES));
    }
    router.fallback(unknown).with_state(app)
}

/// A body above `bytes` is 413, before any of it is parsed [P-TRN-10].
fn bounded(route: MethodRouter<Arc<App>>, bytes: usize) -> MethodRouter<Arc<App>> {
    route.layer::<_, Infallible>(DefaultBodyLimit::max(bytes))
}

async fn unknown() -> Response {
    respond::refuse(StatusCode::NOT_FOUND)
}

const ISSUER_BODY_BYTES: usize = 16_384;
const OPS_BODY_BYTES: usize = 1_024;
