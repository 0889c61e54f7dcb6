//! `X-Request-ID` and `X-Response-ID` of 2.3.1: ids of the sender of a request and of whoever answers
//! it [P-TRN-12]. They carry nothing that the messages do not, so a wrong or missing one is only
//! noted.

use acs_core::element::TransId;
use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue};

pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
pub(crate) const X_RESPONSE_ID: HeaderName = HeaderName::from_static("x-response-id");

/// Marks our answer with the id of the request's sender and our own.
pub(crate) fn stamp(mut response: Response, request: TransId, own: TransId) -> Response {
    for (name, id) in [(X_REQUEST_ID, request), (X_RESPONSE_ID, own)] {
        if let Ok(value) = HeaderValue::try_from(id.to_string()) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// Notes that a directory server's request does not carry its `dsTransID`.
pub(crate) fn note_request(headers: &HeaderMap, expected: TransId, ds_id: &str) {
    note(headers, &X_REQUEST_ID, expected, ds_id);
}

/// Notes that an answer to our request does not carry both ids.
pub(crate) fn note_response(headers: &HeaderMap, own: TransId, responder: TransId, ds_id: &str) {
    note(headers, &X_REQUEST_ID, own, ds_id);
    note(headers, &X_RESPONSE_ID, responder, ds_id);
}

fn note(headers: &HeaderMap, name: &HeaderName, expected: TransId, ds_id: &str) {
    let given = headers.get(name).and_then(|value| value.to_str().ok());
    let fault = match given {
        Some(text) if TransId::parse(text) == Some(expected) => return,
        Some(_) => "other",
        None => "absent",
    };
    tracing::debug!(ds = ds_id, header = %name, fault, rule = "P-TRN-12", "an HTTP id is not right");
    metrics::counter!("acs_http_id_total", "ds" => ds_id.to_owned(), "header" => name.to_string(),
        "fault" => fault)
    .increment(1);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_carry_both_ids() {
        let id = |text: &str| TransId::parse(text).unwrap();
        let request = id("f25084f0-5b16-4c0a-ae5d-b24808a95e4b");
        let own = id("8c9f3b1e-4b6e-4c0a-9f0e-0d7c2a4f5b61");
        let response = stamp(Response::default(), request, own);
        let header =
            |name: HeaderName| response.headers().get(name).unwrap().to_str().unwrap().to_owned();
        assert_eq!(header(X_REQUEST_ID), request.to_string());
        assert_eq!(header(X_RESPONSE_ID), own.to_string());
    }
}
