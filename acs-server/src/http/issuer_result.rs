//! `POST /v1/authentications/{acsTransID}/result`: word from an issuer's own systems about a
//! cardholder they were asked to ask. The same word again gets the same answer; another one, or
//! one that comes too late, gets 409 with what was decided.

use std::sync::Arc;

use acs_core::element::TransId;
use acs_core::flow::Transaction;
use acs_core::flow::confirmation::Verdict;
use acs_core::flow::transaction::{Ending, Way};
use axum::extract::{Path, State};
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, StatusCode, Uri};
use serde::Deserialize;
use serde_json::json;

use super::{respond, signed};
use crate::app::App;
use crate::driver::{self, Arrived, StepError};
use crate::storage::TransactionNumber;
use crate::trans_id;

/// What the issuer's systems post.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Posted {
    /// `approved`, `declined`, `rejected` or `unavailable`.
    result: String,
}

/// Takes the word of an issuer.
pub async fn handle(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some(issuer_id) = signed::issuer(&app, &headers, uri.path(), &body) else {
        return refuse_unsigned();
    };
    let posted = serde_json::from_slice::<Posted>(&body).ok();
    let Some(verdict) = posted.and_then(|posted| Verdict::parse(&posted.result)) else {
        return refuse(StatusCode::BAD_REQUEST, "body");
    };
    let task = take(Arc::clone(&app), issuer_id, id.clone(), verdict);
    // A client that hangs up does not stop what has begun.
    match driver::to_the_end(task).await {
        Some(Ok(transaction)) => answer(&transaction, verdict),
        Some(Err(StepError::Unknown)) => refuse(StatusCode::NOT_FOUND, "unknown"),
        Some(Err(error)) => {
            tracing::error!(acs_trans_id = id, %error, "an issuer's word cannot be taken");
            refuse(StatusCode::SERVICE_UNAVAILABLE, "unavailable")
        }
        None => refuse(StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
    }
}

/// The transaction of this id. Another issuer's transactions do not exist for this one.
pub(super) async fn owned(
    app: &App,
    issuer_id: &str,
    id: &str,
) -> Result<(TransId, TransactionNumber, Arc<Transaction>), StepError> {
    let id = TransId::parse(id).ok_or(StepError::Unknown)?;
    let number = trans_id::decode(id, app.vault.trans_id_key()).ok_or(StepError::Unknown)?;
    let row = app.store.state(number).await?.filter(|row| row.issuer_id == issuer_id);
    let state = row.ok_or(StepError::Unknown)?.state.transaction()?;
    if state.acs_trans_id == id { Ok((id, number, state)) } else { Err(StepError::Unknown) }
}

async fn take(
    app: Arc<App>,
    issuer_id: String,
    id: String,
    verdict: Verdict,
) -> Result<Arc<Transaction>, StepError> {
    let (id, number, _) = owned(&app, &issuer_id, &id).await?;
    let arrived = Arrived::Confirmation(verdict);
    Ok(driver::step(&app, number, Some(id), &arrived, None).await?.transaction)
}

fn answer(transaction: &Transaction, verdict: Verdict) -> Response {
    let decided = transaction.decided().filter(|decided| decided.via == Way::Decoupled);
    let Some(decided) = decided else { return refuse(StatusCode::CONFLICT, "not-asked") };
    let status = decided.status.code();
    if decided.ending == Ending::Confirmed && decided.status == verdict.status() {
        let taken = json!({
            "acsTransID": transaction.acs_trans_id,
            "result": verdict.as_str(),
            "transStatus": status,
        });
        return respond::json(StatusCode::OK, &taken);
    }
    let other = json!({ "error": "decided", "transStatus": status });
    respond::json(StatusCode::CONFLICT, &other)
}

/// A request that no issuer signed.
pub(super) fn refuse_unsigned() -> Response {
    metrics::counter!("acs_refused_total", "listener" => "issuer", "cause" => "signature")
        .increment(1);
    tracing::warn!(listener = "issuer", "a request is not signed by an issuer, or too old");
    refuse(StatusCode::UNAUTHORIZED, "signature")
}

pub(super) fn refuse(status: StatusCode, error: &'static str) -> Response {
    respond::json(status, &json!({ "error": error }))
}
