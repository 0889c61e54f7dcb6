//! A directory server's view of what an ACS sends: code and elements of the Erro where it is wrong.

use serde_json::Value;

use crate::trace::text;

/// Whether an ARes may go on to the 3DS Server: type, version, required elements, ids, status.
pub(super) fn ares(areq: &Value, ares: &Value) -> Result<(), (&'static str, String)> {
    if text(ares, "messageType") != Some("ARes") {
        return Err(("101", "messageType".to_owned()));
    }
    if ares["messageVersion"] != areq["messageVersion"] {
        return Err(("203", "messageVersion".to_owned()));
    }
    let missing: Vec<_> = [
        "acsTransID",
        "acsReferenceNumber",
        "dsTransID",
        "dsReferenceNumber",
        "threeDSServerTransID",
        "transStatus",
    ]
    .into_iter()
    .filter(|name| text(ares, name).is_none_or(str::is_empty))
    .collect();
    if !missing.is_empty() {
        return Err(("201", missing.join(",")));
    }
    let foreign: Vec<_> = ["threeDSServerTransID", "dsTransID"]
        .into_iter()
        .filter(|name| !same_id(text(ares, name), text(areq, name)))
        .collect();
    if !foreign.is_empty() {
        return Err(("301", foreign.join(",")));
    }
    let status = text(ares, "transStatus").unwrap_or_default();
    let allowed = match text(areq, "messageVersion") {
        Some("2.1.0") => "YNUACR",
        Some("2.2.0") => "YNUACRDI",
        _ => "YNUACRDIS",
    };
    if !is_one_of(status, allowed) {
        return Err(("203", "transStatus".to_owned()));
    }
    if status == "C" && text(ares, "acsURL").is_none() && areq["deviceChannel"] == "02" {
        return Err(("201", "acsURL".to_owned()));
    }
    Ok(())
}

/// A directory server's view of an RReq's content.
pub(super) fn result(
    rreq: &Value,
    version: &str,
    payment: bool,
) -> Result<(), (&'static str, String)> {
    let status = text(rreq, "transStatus").unwrap_or_default();
    if payment && status.is_empty() {
        return Err(("201", "transStatus".to_owned()));
    }
    let allowed = if version == "2.3.1" { "YNUARD" } else { "YNUAR" };
    if !status.is_empty() && !is_one_of(status, allowed) {
        return Err(("203", "transStatus".to_owned()));
    }
    let mut missing = Vec::new();
    if payment && matches!(status, "N" | "U" | "R") && rreq.get("transStatusReason").is_none() {
        missing.push("transStatusReason");
    }
    if payment && matches!(status, "Y" | "A") && rreq.get("authenticationValue").is_none() {
        missing.push("authenticationValue");
    }
    if rreq["transStatusReason"] == "14" && rreq.get("challengeCancel").is_none() {
        missing.push("challengeCancel");
    }
    if missing.is_empty() { Ok(()) } else { Err(("201", missing.join(","))) }
}

/// Whether `status` is one of the letters.
fn is_one_of(status: &str, letters: &str) -> bool {
    status.chars().count() == 1 && letters.contains(status)
}

pub(super) fn same_id(left: Option<&str>, right: Option<&str>) -> bool {
    matches!((left, right), (Some(left), Some(right)) if left.eq_ignore_ascii_case(right))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_status_is_one_letter() {
        let rreq = |status: &str| json!({"transStatus": status, "transStatusReason": "01"});
        assert_eq!(result(&rreq("N"), "2.2.0", true), Ok(()));
        for status in ["NU", "D", "C", "n", "YN"] {
            let wrong = Err(("203", "transStatus".to_owned()));
            assert_eq!(result(&rreq(status), "2.2.0", true), wrong, "{status}");
        }
    }
}
