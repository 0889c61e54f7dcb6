//! Answers that several handlers give.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};

/// A protocol message: HTTP 200, `application/json; charset=utf-8`, Erro included [P-TRN-06,
/// P-TRN-09, Req 189, Req 190].
#[must_use]
pub fn message(body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    let json = HeaderValue::from_static("application/json; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

/// An empty answer, for an Erro received [P-ERRO-04].
#[must_use]
pub fn empty() -> Response {
    Response::new(Body::empty())
}

/// A refusal with a fixed text and nothing of the request in it.
#[must_use]
pub fn refuse(status: StatusCode) -> Response {
    (status, status.canonical_reason().unwrap_or_default()).into_response()
}

/// JSON for operators.
#[must_use]
pub fn json(status: StatusCode, value: &serde_json::Value) -> Response {
    let json = [(header::CONTENT_TYPE, "application/json")];
    (status, json, value.to_string()).into_response()
}

/// Whether a Content-Type names this media type, whatever its case and parameters
/// [P-TRN-06, Req 190].
#[must_use]
pub fn is_media_type(headers: &http::HeaderMap, expected: &str) -> bool {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = given.and_then(|value| value.split(';').next()).unwrap_or_default();
    essence.trim().eq_ignore_ascii_case(expected)
}
