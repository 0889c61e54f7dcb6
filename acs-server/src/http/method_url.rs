//! `POST /3ds/method`: the 3DS Method [P-MTH-01..08]. Unauthenticated writes: small, few per
//! address, first write wins, kept for an hour in memory of their own, and never in anybody's way.

mod runs;

use std::sync::{Arc, LazyLock};

use askama::Template;
use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};

use super::forms::{self, MethodForm};
use crate::app::{App, PeerAddress};
use crate::pages::{FIXED_HEADERS, hash};

pub use runs::MethodRuns;

/// Takes a run's start (field `threeDSMethodData`) and what its script found (`browserData`)
/// [P-MTH-02, P-MTH-05, Req 262, Req 264].
pub async fn handle(
    State(app): State<Arc<App>>,
    Extension(PeerAddress(peer)): Extension<PeerAddress>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let form = forms::method(&body)
        .filter(|form| !form.tolerated || super::tolerates(&app, "threeDSMethodData"));
    let Some(MethodForm { run, notification_url, start, found, .. }) = form else {
        tracing::warn!(rule = "P-MTH-05", "3DS Method data cannot be read");
        metrics::counter!("acs_refused_total", "listener" => "cardholder", "cause" => "method-data")
            .increment(1);
        return respond(String::new());
    };
    let now = app.clock.now();
    if let Some(found) = found {
        app.desk.methods.put_script_data(run, &found, now);
        return respond(String::new());
    }
    let device = super::device_cookie::read(&headers, app.vault.challenge_keys());
    app.desk.methods.put_headers(run, peer.ip(), &seen(&headers), device, now);
    let allowed =
        notification_url.filter(|url| super::may_post_back(url, !app.config.is_production()));
    let Some(notification_url) = allowed else {
        tracing::warn!(rule = "P-MTH-05", "a 3DS Method run names no URL to post back to");
        return respond(String::new());
    };
    let page = MethodPage {
        style: STYLE,
        script: SCRIPT,
        start: &start,
        notification_url: &notification_url,
        message: &URL_SAFE_NO_PAD.encode(format!(r#"{{"threeDSServerTransID":"{run}"}}"#)),
    };
    respond(page.render().unwrap_or_default())
}

/// What can be seen without any script.
fn seen(headers: &HeaderMap) -> String {
    let text = |name| headers.get(name).and_then(|v: &HeaderValue| v.to_str().ok());
    serde_json::json!({
        "userAgent": text(header::USER_AGENT),
        "accept": text(header::ACCEPT),
        "acceptLanguage": text(header::ACCEPT_LANGUAGE),
        "acceptEncoding": text(header::ACCEPT_ENCODING),
    })
    .to_string()
}

/// The hidden page: tells what it finds, then posts back, whatever happens in between [P-MTH-04].
#[derive(Template)]
#[template(path = "method.html")]
struct MethodPage<'a> {
    style: &'static str,
    script: &'static str,
    start: &'a str,
    notification_url: &'a str,
    message: &'a str,
}

fn respond(html: String) -> Response {
    let mut response = Response::new(Body::from(html));
    let headers = response.headers_mut();
    for (name, value) in FIXED_HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert(header::CONTENT_SECURITY_POLICY, POLICY.clone());
    response
}

/// No form-action: the post-back goes to the requestor and may be redirected there.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let text = format!(
        "default-src 'none'; style-src '{}'; script-src '{}'; connect-src 'self'; base-uri 'none'",
        hash(STYLE),
        hash(SCRIPT)
    );
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static("default-src 'none'"))
});

const STYLE: &str = include_str!("../../templates/method.css");
const SCRIPT: &str = include_str!("../../templates/method.js");
