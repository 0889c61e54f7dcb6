//! `POST /3ds/oreq`: parts of operational notices (or an Erro about our ORes) from a directory
//! server [P-OPR-01, P-OPR-02]. A part is stored before it is answered; operators read it in the log
//! and with `acs notice list`. It changes nothing about authentication.

use std::sync::Arc;

use acs_core::element::TransId;
use acs_core::erro::{ErroContext, Fault, Rejection};
use acs_core::message::{AtOreqEndpoint, OReq, read_oreq};
use acs_core::notice::{self, BrokenAnswer, OpStatus, SequenceRules, TakenPart};
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use crate::app::{App, DsPeer, DsRuntime};
use crate::http::areq::{empty, refuse, sender, take_erro};
use crate::http::{ids, respond};
use crate::storage::{Committed, NoticeDetail, NoticeRow, StoreError};
use crate::{crash, driver, trans_id};

/// Answers one message of a directory server.
pub async fn handle(
    State(app): State<Arc<App>>,
    Extension(peer): Extension<DsPeer>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let ds = match sender(&app, &peer, &headers) {
        Ok(ds) => ds,
        Err(response) => return *response,
    };
    let oreq = match read_oreq(&body, &ds.read_rules) {
        Ok(AtOreqEndpoint::OReq(oreq)) => oreq,
        Ok(AtOreqEndpoint::Erro(received)) => return take_erro(ds, &received),
        Ok(_) => return empty(StatusCode::OK),
        Err(rejection) => return refuse(ds, &rejection),
    };
    ids::note_request(&headers, oreq.ds_trans_id, &ds.profile.id);
    let ds_trans_id = oreq.ds_trans_id;
    let context = ErroContext {
        version: Some(oreq.version),
        message_type: Some("OReq"),
        ds_trans_id: Some(ds_trans_id),
        ..ErroContext::default()
    };
    // A directory server that hangs up does not stop what has begun.
    let taken = driver::to_the_end(take(Arc::clone(&app), peer.ds, oreq, body)).await;
    crash::pass("before-reply");
    match taken {
        Some(Ok(None)) => respond::empty(),
        Some(Ok(Some(reply))) => {
            ids::stamp(respond::message(reply.ores), ds_trans_id, reply.acs_trans_id)
        }
        Some(Err(fault)) => refuse(ds, &Rejection::new(fault, context)),
        None => refuse(ds, &Rejection::new(Fault::TransientFailure, context)),
    }
}

/// An ORes and the id in it.
struct Reply {
    ores: Vec<u8>,
    acs_trans_id: TransId,
}

/// Places a part in its sequence and stores it. A repeat of a stored part gets what that got.
async fn take(
    app: Arc<App>,
    ds: usize,
    oreq: Box<OReq>,
    body: Bytes,
) -> Result<Option<Reply>, Fault> {
    let ds = &app.ds[ds];
    let ds_id = &ds.profile.id;
    let digest = app.vault.notice_digest(&body);
    for _ in 0..MAX_DECISIONS {
        let earlier =
            app.store.notice_parts(ds_id, oreq.sequence.id).await.map_err(|e| unstored(ds, &e))?;
        if let Some(same) = earlier.iter().find(|row| row.digest == digest) {
            count(ds_id, &oreq, "repeated");
            return same.reply.clone().map(stored_reply).transpose();
        }
        let taken: Vec<TakenPart> = earlier.iter().map(NoticeRow::taken).collect();
        let now = app.clock.now();
        let placed = notice::place(oreq.sequence, &taken, &rules(&app), now);
        let reply = placed.answer.map(|status| build(&app, ds, &oreq, status)).transpose()?;
        if earlier.len() >= MOST_PARTS {
            count(ds_id, &oreq, "broken");
            return Ok(reply);
        }
        let row = NoticeRow {
            ds_id: ds_id.clone(),
            part: oreq.sequence,
            place: u32::try_from(earlier.len()).unwrap_or(u32::MAX),
            received: now,
            broken: placed.broken,
            digest,
            answered: placed.answer,
            reply: reply.as_ref().map(|reply| reply.ores.clone()),
            detail: detail(&oreq),
        };
        let keep = app.config.limits.notice_parts;
        match app.store.put_notice(row, keep).await.map_err(|e| unstored(ds, &e))? {
            Committed::Durable => {
                crash::pass("after-commit");
                report(ds_id, &oreq, placed.broken, placed.answer);
                return Ok(reply);
            }
            Committed::Conflict => {}
        }
    }
    Err(Fault::TransientFailure)
}

fn rules(app: &App) -> SequenceRules {
    let protocol = &app.config.protocol;
    let broken_answer =
        if protocol.oreq_broken_at_once { BrokenAnswer::AtOnce } else { BrokenAnswer::LastPart };
    SequenceRules { broken_answer, part_seconds: protocol.oreq_part_seconds }
}

fn build(app: &App, ds: &DsRuntime, oreq: &OReq, status: OpStatus) -> Result<Reply, Fault> {
    let acs_trans_id = trans_id::encode(app.store.next_number(), app.vault.trans_id_key());
    let reference = &ds.profile.acs_reference_number;
    let ores = notice::ores(oreq, status, reference, acs_trans_id).map_err(|elements| {
        tracing::error!(ds = ds.profile.id, elements, "an ORes would break the dictionary");
        Fault::PermanentFailure
    })?;
    Ok(Reply { ores, acs_trans_id })
}

/// The ORes as it was first given, with the id that is in it.
fn stored_reply(ores: Vec<u8>) -> Result<Reply, Fault> {
    let acs_trans_id = acs_core::message::peek_ids(&ores).acs_trans_id;
    let acs_trans_id = acs_trans_id.ok_or(Fault::TransientFailure)?;
    Ok(Reply { ores, acs_trans_id })
}

fn detail(oreq: &OReq) -> Vec<u8> {
    let detail = NoticeDetail {
        category: oreq.category.clone(),
        severity: oreq.severity.clone(),
        expires: oreq.expires.clone(),
        description: notice::presentable(&oreq.description),
        ds_trans_id: oreq.ds_trans_id,
        ds_reference_number: oreq.ds_reference_number.clone(),
        prior: oreq.prior.as_ref().map(|prior| (prior.id_type.clone(), prior.id)),
    };
    // Strings and ids always serialise.
    serde_json::to_vec(&detail).unwrap_or_default()
}

fn unstored(ds: &DsRuntime, error: &StoreError) -> Fault {
    tracing::error!(ds = ds.profile.id, %error, "a notice cannot be stored");
    Fault::TransientFailure
}

/// The one log line of a part, without its text. Major and critical notices want a human.
fn report(ds_id: &str, oreq: &OReq, broken: bool, answer: Option<OpStatus>) {
    let result = match (broken, answer) {
        (true, _) => "broken",
        (false, Some(_)) => "received",
        (false, None) => "part",
    };
    let (seq_id, part, parts) = (oreq.sequence.id, oreq.sequence.number, oreq.sequence.total);
    let (category, severity, expires) = (&oreq.category, &oreq.severity, &oreq.expires);
    if answer.is_some() && matches!(severity.as_str(), "01" | "02") {
        tracing::warn!(ds = ds_id, %seq_id, part, parts, category, severity, expires, result,
            alert = true, "an operational notice was received");
    } else {
        tracing::info!(ds = ds_id, %seq_id, part, parts, category, severity, expires, result,
            "an operational notice was received");
    }
    count(ds_id, oreq, result);
}

fn count(ds_id: &str, oreq: &OReq, result: &'static str) {
    metrics::counter!("acs_oreq_total", "ds" => ds_id.to_owned(),
        "category" => oreq.category.clone(), "severity" => oreq.severity.clone(),
        "result" => result)
    .increment(1);
}

/// Decisions on ever newer states of a sequence before its part is given up.
const MAX_DECISIONS: usize = 8;
/// Stored parts of one sequence, those out of place included.
const MOST_PARTS: usize = 200;
