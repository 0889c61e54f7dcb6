//! `X-Request-ID` and `X-Response-ID` of 2.3.1: id of the sender of a request, and of whoever answers
//! it [P-TRN-12]. Each party compares them with the message and writes what is not right into the
//! trace, as a remark of its own kind.

use axum::http::HeaderMap;
use serde_json::Value;

use crate::trace::{Trace, text};

/// What remarks about HTTP ids are called in a trace.
pub const REMARK: &str = "http-id";

/// The elements whose ids a message has to carry over a leg: of the request's sender, and in an
/// answer of whoever gives it.
fn elements(kind: &str, leg: &str) -> Option<(&'static str, Option<&'static str>)> {
    const REQUESTOR: &str = "threeDSServerTransID";
    Some(match (kind, leg) {
        ("AReq" | "PReq", "3DSS-DS") => (REQUESTOR, None),
        ("ARes" | "PRes", "DS-3DSS") => (REQUESTOR, Some("dsTransID")),
        ("ARes" | "ORes", "ACS-DS") => ("dsTransID", Some("acsTransID")),
        ("CRes", "ACS-SDK") => ("sdkTransID", Some("acsTransID")),
        ("RReq", "ACS-DS") => ("acsTransID", None),
        ("RReq", "DS-3DSS") => ("dsTransID", None),
        ("OReq", "DS-3DSS") => ("dsTransID", None),
        ("RRes" | "ORes", "3DSS-DS") => ("dsTransID", Some(REQUESTOR)),
        _ => return None,
    })
}

/// Compares the headers that came with a message; `txn` is where a remark goes.
pub(crate) fn compare(trace: &Trace, txn: &str, leg: &str, message: &Value, headers: &HeaderMap) {
    let kind = text(message, "messageType").unwrap_or_default();
    let Some((request, response)) = elements(kind, leg) else { return };
    let newest = text(message, "messageVersion") == Some("2.3.1");
    for (header, element) in [("x-request-id", Some(request)), ("x-response-id", response)] {
        let given = headers.get(header).and_then(|value| value.to_str().ok());
        let expected = element.filter(|_| newest).and_then(|name| text(message, name));
        let same = match (given, expected) {
            (Some(given), Some(expected)) => given.eq_ignore_ascii_case(expected),
            (None, None) => true,
            _ => false,
        };
        if !same {
            let words = match (given, element.filter(|_| newest)) {
                (None, Some(element)) => format!("{kind} without {header}, expected {element}"),
                (Some(_), Some(element)) => format!("{kind}: {header} is not its {element}"),
                _ => format!("{kind}: {header} has no place there"),
            };
            trace.note(txn, leg, REMARK, 0, words);
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderName;
    use serde_json::json;

    use super::*;

    fn remarks(version: &str, headers: &[(&'static str, &str)]) -> usize {
        let trace = Trace::new(None, None);
        let ares = json!({"messageType": "ARes", "messageVersion": version, "dsTransID": "D",
            "acsTransID": "A"});
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
        compare(&trace, "t", "ACS-DS", &ares, &headers.collect());
        trace.get("t").map_or(0, |trace| trace.events.len())
    }

    #[test]
    fn ids_are_compared_in_2_3_1_and_have_no_place_before() {
        assert_eq!(remarks("2.3.1", &[("x-request-id", "d"), ("x-response-id", "A")]), 0);
        assert_eq!(remarks("2.3.1", &[("x-request-id", "A"), ("x-response-id", "A")]), 1);
        assert_eq!(remarks("2.3.1", &[]), 2);
        assert_eq!(remarks("2.2.0", &[]), 0);
        assert_eq!(remarks("2.2.0", &[("x-request-id", "D")]), 1);
    }
}
