//! PReq and PRes: the card ranges of the ACS.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Response};
use bytes::Bytes;
use serde_json::{Value, json};

use super::{DirectoryServer, answer, read};
use crate::listener::Peer;
use crate::message::{VERSIONS, erro, new_id};
use crate::trace::text;

/// `cardRangeData` bounds: every card whose number begins with 2 to 6.
const RANGE: (&str, &str) = ("2000000000000000", "6999999999999999");
const SERIAL: &str = "1";

/// `POST /ds/preq`, from the 3DS Server.
pub(super) async fn preq(
    State(ds): State<Arc<DirectoryServer>>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let message = match read(&body, "PReq") {
        Ok(message) => message,
        Err(erro) => return answer(&erro, None, None),
    };
    ds.trace.message("3DSS-DS", "request", &message, body.len());
    ds.compare_ids("3DSS-DS", &message, &headers);
    if !peer.has_role("3dss") {
        let erro = erro('D', "303", "access denied", "client certificate", &message);
        return ds.answer_3dss(&erro, None);
    }
    if text(&message, "messageType") == Some("Erro") {
        return Response::new(Body::empty());
    }
    let version = text(&message, "messageVersion").unwrap_or_default();
    let reply = match text(&message, "serialNum") {
        _ if !VERSIONS.contains(&version) => {
            erro('D', "102", "version not supported", &VERSIONS.join(","), &message)
        }
        Some(serial) if serial != SERIAL => {
            erro('D', "307", "serial number invalid", "serialNum", &message)
        }
        serial => ds.pres(&message, serial.is_some()),
    };
    let id = text(&reply, "dsTransID").map(str::to_owned);
    ds.answer_3dss(&reply, id.as_deref().filter(|_| message["messageVersion"] == "2.3.1"))
}

impl DirectoryServer {
    /// The card ranges of the ACS; without them when the asker has them already [P-PREQ-04].
    fn pres(&self, preq: &Value, unchanged: bool) -> Value {
        let mut pres = json!({
            "messageType": "PRes",
            "messageVersion": preq["messageVersion"],
            "threeDSServerTransID": preq["threeDSServerTransID"],
            "dsTransID": new_id(),
            "serialNum": SERIAL,
        });
        let newest = preq["messageVersion"] == "2.3.1";
        if newest {
            pres["dsProtocolVersions"] = json!(VERSIONS);
            pres["readOrder"] = json!("01");
        } else {
            pres["dsStartProtocolVersion"] = json!(VERSIONS[0]);
            pres["dsEndProtocolVersion"] = json!(VERSIONS[2]);
        }
        if !unchanged {
            pres["cardRangeData"] =
                json!([if newest { self.range_231() } else { self.range(preq) }]);
        }
        pres
    }

    fn range(&self, preq: &Value) -> Value {
        let mut range = json!({
            "startRange": RANGE.0, "endRange": RANGE.1, "actionInd": "A",
            "acsStartProtocolVersion": VERSIONS[0], "acsEndProtocolVersion": VERSIONS[2],
        });
        if let Some(url) = &self.method_url {
            range["threeDSMethodURL"] = json!(url);
        }
        if preq["messageVersion"] == "2.2.0" {
            range["acsInfoInd"] = json!(["01", "02"]);
        }
        range
    }

    fn range_231(&self) -> Value {
        let versions: Vec<_> = VERSIONS
            .iter()
            .map(|version| {
                let mut entry = json!({"version": version, "acsInfoInd": ["01", "02"]});
                if let Some(url) = &self.method_url {
                    entry["threeDSMethodURL"] = json!(url);
                }
                entry
            })
            .collect();
        json!({
            "ranges": [{"start": RANGE.0, "end": RANGE.1}], "actionInd": "A",
            "acsProtocolVersions": versions,
        })
    }
}
