//! RReq and RRes: what the directory server does with a challenge's result [P-RREQ-01, P-RREQ-07].

use std::sync::{Arc, PoisonError};

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Response, StatusCode};
use bytes::Bytes;
use serde_json::Value;

use super::{DirectoryServer, DsTransaction, answer, is_json, judge, or_default, pause, read};
use crate::fault::{Faults, RreqFault};
use crate::link::Failed;
use crate::listener::Peer;
use crate::message::{VERSIONS, apply_overrides, erro};
use crate::trace::text;

const RREQS_KEPT: usize = 20_000;

/// What became of a transaction's RReq.
#[derive(Debug, Default)]
pub(super) struct Delivery {
    /// The RReq that may have reached the 3DS Server.
    rreq: Option<Value>,
    /// What it answered; an identical RReq gets it again.
    reply: Option<Value>,
}

/// `POST /ds/rreq`, from the ACS.
pub(super) async fn rreq(
    State(ds): State<Arc<DirectoryServer>>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    if !is_json(&headers) {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        return response;
    }
    let message = match read(&body, "RReq") {
        Ok(message) => message,
        Err(erro) => return answer(&erro, None, None),
    };
    ds.trace.message("ACS-DS", "request", &message, body.len());
    ds.compare_ids("ACS-DS", &message, &headers);
    let is_erro = text(&message, "messageType") == Some("Erro");
    if !is_erro {
        ds.keep_rreq(&message, &body);
    }
    if !peer.has_role("acs") {
        return ds.answer_acs(&erro('D', "303", "access denied", "client certificate", &message));
    }
    if is_erro {
        return Response::new(Body::empty());
    }
    let faults = ds.faults_for_rreq();
    pause(faults.rreq_delay_ms).await;
    if faults.rreq == RreqFault::CloseUnread {
        peer.hang_up().await;
    }
    let known = match ds.admit_rreq(&message) {
        Ok(known) => known,
        Err((code, detail)) => {
            return ds.answer_acs(&erro('D', &code, "RReq refused", &detail, &message));
        }
    };
    match faults.rreq {
        RreqFault::Erro(code) => {
            return ds.answer_acs(&erro('D', &code, "made on purpose", "fault", &message));
        }
        RreqFault::Http(status) => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
            return response;
        }
        RreqFault::Text(body) => return Response::new(Body::from(body)),
        _ => {}
    }
    let mut rres = ds.deliver_rreq(&message, &known).await;
    match faults.rreq {
        RreqFault::NeverAnswer => std::future::pending().await,
        RreqFault::CloseAfterForward => peer.hang_up().await,
        _ => {}
    }
    if text(&rres, "messageType") == Some("RRes") {
        apply_overrides(&mut rres, &faults.rres_overrides);
    }
    pause(faults.rres_delay_ms).await;
    ds.answer_acs(&rres)
}

impl DirectoryServer {
    /// Every RReq that came for `acs_trans_id`, byte for byte, refused ones too.
    #[must_use]
    pub fn rreqs_received(&self, acs_trans_id: &str) -> Vec<Bytes> {
        let rreqs = self.rreqs.lock().unwrap_or_else(PoisonError::into_inner);
        let of_it = rreqs.iter().filter(|(id, _)| id.eq_ignore_ascii_case(acs_trans_id));
        of_it.map(|(_, bytes)| bytes.clone()).collect()
    }

    /// Keeps an RReq as it came; the oldest go when there are too many.
    fn keep_rreq(&self, rreq: &Value, bytes: &Bytes) {
        let mut rreqs = self.rreqs.lock().unwrap_or_else(PoisonError::into_inner);
        if rreqs.len() == RREQS_KEPT {
            rreqs.drain(..RREQS_KEPT / 2);
        }
        rreqs.push((text(rreq, "acsTransID").unwrap_or_default().to_owned(), bytes.clone()));
    }

    /// The faults for one RReq, which is counted.
    fn faults_for_rreq(&self) -> Faults {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        let now = faults.clone();
        if faults.rreq_times > 0 {
            faults.rreq_times -= 1;
            if faults.rreq_times == 0 {
                faults.rreq = RreqFault::None;
            }
        }
        now
    }

    /// Checks an RReq against what this directory server knows [P-RREQ-01].
    fn admit_rreq(&self, rreq: &Value) -> Result<DsTransaction, judge::Defect> {
        let known = self.find_rreq(rreq).map_err(|(code, detail)| (code.to_owned(), detail))?;
        judge::result(rreq, &known.asked)?;
        Ok(known)
    }

    /// The transaction of an RReq that may come now.
    fn find_rreq(&self, rreq: &Value) -> Result<DsTransaction, (&'static str, String)> {
        let version = text(rreq, "messageVersion").unwrap_or_default();
        if !VERSIONS.contains(&version) {
            return Err(("102", VERSIONS.join(",")));
        }
        let missing: Vec<_> =
            ["threeDSServerTransID", "dsTransID", "acsTransID", "messageCategory"]
                .into_iter()
                .filter(|name| text(rreq, name).is_none_or(str::is_empty))
                .collect();
        if !missing.is_empty() {
            return Err(("201", missing.join(",")));
        }
        let id = text(rreq, "dsTransID").unwrap_or_default().to_lowercase();
        let transactions = self.transactions.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(known) = transactions.by_id.get(&id) else {
            return Err(("301", "dsTransID".to_owned()));
        };
        if !judge::same_id(
            text(rreq, "threeDSServerTransID"),
            Some(&known.three_ds_server_trans_id),
        ) {
            return Err(("301", "threeDSServerTransID".to_owned()));
        }
        if known.acs_trans_id.is_some()
            && !judge::same_id(text(rreq, "acsTransID"), known.acs_trans_id.as_deref())
        {
            return Err(("301", "acsTransID".to_owned()));
        }
        if known.asked.version != version {
            return Err(("203", "messageVersion".to_owned()));
        }
        let newest = version == "2.3.1";
        // After a lost ARes the answer is not known here; the RReq tells that there was a C.
        if known.acs_trans_id.is_some() && !known.challenged {
            return Err((if newest { "313" } else { "305" }, "acsTransID".to_owned()));
        }
        Ok(known.clone())
    }

    /// The answer to an admitted RReq. The 3DS Server sees each result once: an identical repeat
    /// gets the first answer again, another RReq is refused.
    async fn deliver_rreq(&self, rreq: &Value, known: &DsTransaction) -> Value {
        let mut delivery = known.result.lock().await;
        match (&delivery.rreq, &delivery.reply) {
            (Some(first), _) if first != rreq => {
                let code = if known.asked.version == "2.3.1" { "312" } else { "301" };
                return erro('D', code, "there was another RReq before", "dsTransID", rreq);
            }
            (Some(_), Some(reply)) => return reply.clone(),
            _ => {}
        }
        let reply = self.forward_rreq(rreq, known).await;
        let from_us = text(&reply, "errorComponent") == Some("D");
        if !(from_us && text(&reply, "errorCode") == Some("405")) {
            delivery.rreq = Some(rreq.clone());
        }
        if !from_us {
            delivery.reply = Some(reply.clone());
        }
        reply
    }

    /// Forwards an RReq: one retry on a failed connection, then Erro 405; Erro 402 when the 3DS
    /// Server does not answer in time [P-RREQ-07].
    async fn forward_rreq(&self, rreq: &Value, known: &DsTransaction) -> Value {
        let Some(url) = known.three_ds_server_url.as_deref() else {
            return erro('D', "405", "connection to system failed", "threeDSServerURL", rreq);
        };
        let mut forwarded = rreq.clone();
        if known.asked.version != "2.3.1"
            && let Some(members) = forwarded.as_object_mut()
        {
            members.remove("authenticationMethod");
        }
        let bytes = Bytes::from(forwarded.to_string());
        self.trace.message("DS-3DSS", "request", &forwarded, bytes.len());
        let id = (known.asked.version == "2.3.1").then(|| text(rreq, "dsTransID")).flatten();
        let timeout = or_default(self.faults().rres_timeout_ms, 3_000);
        let attempt = || self.to_three_ds_server.post_json(url, bytes.clone(), id, timeout);
        let answer = match attempt().await {
            Err(Failed::Connect(_)) => attempt().await,
            other => other,
        };
        match answer {
            Ok(answer) => match serde_json::from_slice::<Value>(&answer.body) {
                Ok(rres) => {
                    self.trace.message("3DSS-DS", "response", &rres, answer.body.len());
                    self.compare_ids("3DSS-DS", &rres, &answer.headers);
                    match text(&rres, "messageType") {
                        Some("RRes" | "Erro") => rres,
                        _ => erro('D', "101", "message invalid", "messageType of the RRes", rreq),
                    }
                }
                Err(_) => erro('D', "101", "message invalid", "RRes is not JSON", rreq),
            },
            Err(Failed::Timeout) => erro('D', "402", "transaction timed out", "RRes", rreq),
            Err(failed) => {
                erro('D', "405", "connection to system failed", &failed.to_string(), rreq)
            }
        }
    }

    fn answer_acs(&self, reply: &Value) -> Response<Body> {
        self.trace.message("DS-ACS", "response", reply, reply.to_string().len());
        let newest = text(reply, "messageVersion") == Some("2.3.1");
        let request_id = newest.then(|| text(reply, "acsTransID")).flatten();
        answer(reply, request_id, newest.then(|| text(reply, "dsTransID")).flatten())
    }
}
