//! The app challenge: `POST /3ds/challenge/app` takes CReqs of SDKs as JWE, and their Erros in clear
//! [P-TRN-07, P-APP-10..55]. What is wrong with a message is told in clear and in one text for all
//! cryptographic causes.

use std::net::IpAddr;
use std::sync::Arc;

use acs_core::element::{MessageVersion, TransId};
use acs_core::erro::{ErroContext, Fault, Rejection, erro};
use acs_core::flow::Transaction;
use acs_core::flow::challenge;
use acs_core::flow::present::{SdkReply, View};
use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use super::respond;
use crate::app::{App, PeerAddress};
use crate::driver::{self, Arrived, StepError, Stepped};
use crate::storage::TransactionNumber;
use crate::{crash, trans_id};

/// Answers one message of an SDK [P-TRN-07, Req 53]; an Erro never with an Erro, even where it belongs
/// to nothing or cannot be stored [P-ERRO-04].
pub async fn handle(
    State(app): State<Arc<App>>,
    Extension(PeerAddress(peer)): Extension<PeerAddress>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let known = ["application/jose", "application/json"];
    if !known.into_iter().any(|media_type| respond::is_media_type(&headers, media_type)) {
        return respond::refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
    let is_erro = challenge::is_sdk_erro(&body);
    match take(&app, body).await {
        Ok(stepped) => reply(&stepped),
        Err(_) if is_erro => respond::empty(),
        Err(NotTaken::Stranger(id)) => stranger(&app, peer.ip(), id),
        Err(NotTaken::Busy(id)) => unavailable(None, id),
        Err(NotTaken::Failed(id, number)) => {
            unavailable(still_found(&app, id, number).await.as_deref(), id)
        }
    }
}

/// The transaction of a step that failed, as far as the store still gives it.
async fn still_found(
    app: &App,
    id: TransId,
    number: TransactionNumber,
) -> Option<Arc<Transaction>> {
    let state = app.store.state(number).await.ok()??.state.transaction().ok()?;
    (state.acs_trans_id == id).then_some(state)
}

/// Why a message led to no step.
enum NotTaken {
    /// It belongs to no transaction we know.
    Stranger(Option<TransId>),
    /// Too many wait for it already.
    Busy(TransId),
    Failed(TransId, TransactionNumber),
}

/// Runs the step of a message.
async fn take(app: &Arc<App>, body: Bytes) -> Result<Stepped, NotTaken> {
    let id = challenge::sdk_transaction(&body);
    let number = id.and_then(|id| trans_id::decode(id, app.vault.trans_id_key()));
    let (Some(id), Some(number)) = (id, number) else {
        return Err(NotTaken::Stranger(id));
    };
    let place = driver::enter(app, number).ok_or(NotTaken::Busy(id))?;
    let arrived = Arrived::SdkMessage(body.to_vec());
    let work = Arc::clone(app);
    // An SDK that goes away does not stop what it began.
    let stepped = driver::to_the_end(async move {
        let _place = place;
        let stepped = driver::step(&work, number, Some(id), &arrived, None).await?;
        driver::settled(&work, number, stepped).await
    })
    .await;
    match stepped {
        Some(Ok(stepped)) => Ok(stepped),
        Some(Err(StepError::Unknown)) => Err(NotTaken::Stranger(Some(id))),
        Some(Err(error)) => {
            tracing::error!(acs_trans_id = %id, %error, "a challenge step failed");
            Err(NotTaken::Failed(id, number))
        }
        None => {
            tracing::error!(acs_trans_id = %id, "a challenge step broke off");
            Err(NotTaken::Failed(id, number))
        }
    }
}

fn reply(stepped: &Stepped) -> Response {
    let transaction = &stepped.transaction;
    let response = match &stepped.view {
        Some(View::Sdk(SdkReply::CRes(jwe))) => {
            crash::pass("before-final-page");
            jose(jwe.clone())
        }
        Some(View::Sdk(SdkReply::Erro(erro))) => respond::message(erro.clone().into_bytes()),
        Some(View::Sdk(SdkReply::Nothing)) => respond::empty(),
        _ => unavailable(Some(transaction), transaction.acs_trans_id),
    };
    with_ids(response, transaction)
}

/// An encrypted CRes [P-TRN-07, Req 191, Note 60].
fn jose(jwe: String) -> Response {
    let mut response = Response::new(Body::from(jwe));
    let jose = HeaderValue::from_static("application/jose; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, jose);
    response
}

/// The id of the sender of the request, and ours [P-TRN-12].
fn with_ids(mut response: Response, transaction: &Transaction) -> Response {
    if transaction.version != MessageVersion::V231 {
        return response;
    }
    let Some(sdk) = transaction.app.as_deref() else { return response };
    for (name, id) in [(X_REQUEST_ID, sdk.sdk_trans_id), (X_RESPONSE_ID, transaction.acs_trans_id)]
    {
        if let Ok(value) = HeaderValue::try_from(id.to_string()) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// The answer to a message of no transaction we know: only a `kid` that is there can be unknown
/// [P-CRY-09]. Who sends many of them is slowed down.
fn stranger(app: &App, address: IpAddr, id: Option<TransId>) -> Response {
    let fault = match id {
        Some(_) if app.config.protocol.unknown_kid_is_301() => {
            Fault::TransactionIdUnknown(vec!["acsTransID"])
        }
        _ => Fault::Undecipherable,
    };
    let mut response = refused(fault, id);
    if app.desk.strangers.is_too_many(address) {
        *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
    }
    response
}

/// Nothing can be said about the challenge now; the same message may be sent again. All that is known of
/// the transaction goes with it [P-ERRO-01, Note 31].
fn unavailable(transaction: Option<&Transaction>, id: TransId) -> Response {
    let known = transaction.map(|transaction| ErroContext {
        version: Some(transaction.version),
        three_ds_server_trans_id: Some(transaction.three_ds_server_trans_id),
        ds_trans_id: Some(transaction.ds_trans_id),
        sdk_trans_id: transaction.app.as_deref().map(|app| app.sdk_trans_id),
        ..ErroContext::default()
    });
    let context = ErroContext { acs_trans_id: Some(id), ..known.unwrap_or_default() };
    let rejection = Rejection::new(Fault::TransientFailure, context);
    respond::message(erro(&rejection, &MessageVersion::ALL).body)
}

fn refused(fault: Fault, id: Option<TransId>) -> Response {
    let context =
        ErroContext { message_type: Some("CReq"), acs_trans_id: id, ..ErroContext::default() };
    let erro = erro(&Rejection::new(fault, context), &MessageVersion::ALL);
    super::report_refused("cardholder", "", &erro);
    respond::message(erro.body)
}

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const X_RESPONSE_ID: HeaderName = HeaderName::from_static("x-response-id");

#[cfg(test)]
mod tests;
