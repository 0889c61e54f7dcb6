//! Out-of-band authentications for the issuer's systems: `GET /v1/oob/{acsTransID}` says what its app
//! has to show, `POST /v1/oob/{acsTransID}/result` takes the cardholder's answer. Both are signed. The
//! same answer again gets the same reply; another one, or one that comes too late, gets 409.

use std::sync::Arc;

use acs_core::flow::Transaction;
use acs_core::flow::confirmation::Verdict;
use acs_core::flow::oob::{self, Standing};
use axum::extract::{Path, State};
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, StatusCode, Uri};
use serde::Deserialize;
use serde_json::{Value, json};

use super::issuer_result::{owned, refuse, refuse_unsigned};
use super::{respond, signed};
use crate::app::App;
use crate::driver::{self, Arrived, StepError};
use crate::gateway::rfc3339;

/// What the issuer's systems post.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Posted {
    /// `approved`, `declined`, `rejected` or `unavailable`.
    result: String,
    /// The number that the cardholder chose or typed in the app, where the app asks for it.
    number: Option<String>,
}

/// What the issuer's app shows, and how the question stands.
pub async fn question(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let Some(issuer_id) = signed::issuer(&app, &headers, uri.path(), b"") else {
        return refuse_unsigned();
    };
    match owned(&app, &issuer_id, &id).await {
        Ok((.., transaction)) => respond::json(StatusCode::OK, &shown(&app, &transaction)),
        Err(error) => refuse_for(&id, &error),
    }
}

/// Takes the cardholder's answer.
pub async fn result(
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
    let read = posted.and_then(|posted| Some((Verdict::parse(&posted.result)?, posted.number)));
    let Some((verdict, number)) = read else { return refuse(StatusCode::BAD_REQUEST, "body") };
    let work = take(Arc::clone(&app), issuer_id, id.clone(), verdict, number);
    // A client that hangs up does not stop what has begun.
    match driver::to_the_end(work).await {
        Some(Ok(Taken::Stands(standing))) => answer(&id, standing, verdict),
        Some(Ok(Taken::OtherNumber)) => refuse(StatusCode::CONFLICT, "number"),
        Some(Err(error)) => refuse_for(&id, &error),
        None => refuse(StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
    }
}

enum Taken {
    Stands(Standing),
    /// The cardholder looked at another screen.
    OtherNumber,
}

async fn take(
    app: Arc<App>,
    issuer_id: String,
    id: String,
    verdict: Verdict,
    number: Option<String>,
) -> Result<Taken, StepError> {
    let (id, row, transaction) = owned(&app, &issuer_id, &id).await?;
    let shown = oob::question(&transaction).map(|question| format!("{:02}", question.number));
    if verdict == Verdict::Approved && number.is_some() && shown.is_some() && number != shown {
        return Ok(Taken::OtherNumber);
    }
    let arrived = Arrived::OobResult(verdict);
    let stepped = driver::step(&app, row, Some(id), &arrived, None).await?;
    Ok(Taken::Stands(oob::standing(&stepped.transaction, app.clock.now())))
}

fn answer(id: &str, standing: Standing, verdict: Verdict) -> Response {
    match standing {
        Standing::Given(given) if given == verdict => {
            let taken =
                json!({ "acsTransID": id.to_ascii_lowercase(), "result": verdict.as_str() });
            respond::json(StatusCode::OK, &taken)
        }
        Standing::Given(given) => {
            let other = json!({ "error": "decided", "result": given.as_str() });
            respond::json(StatusCode::CONFLICT, &other)
        }
        Standing::NotAsked => refuse(StatusCode::CONFLICT, "not-asked"),
        _ => refuse(StatusCode::CONFLICT, "over"),
    }
}

fn refuse_for(id: &str, error: &StepError) -> Response {
    if matches!(error, StepError::Unknown) {
        return refuse(StatusCode::NOT_FOUND, "unknown");
    }
    tracing::error!(acs_trans_id = id, %error, "an out-of-band authentication cannot be served");
    refuse(StatusCode::SERVICE_UNAVAILABLE, "unavailable")
}

/// What there is to see while it waits; afterwards only how it stands.
fn shown(app: &App, transaction: &Transaction) -> Value {
    let standing = oob::standing(transaction, app.clock.now());
    let mut shown = json!({
        "acsTransID": transaction.acs_trans_id,
        "status": status(standing),
    });
    if let (Standing::Waiting, Some(question)) = (standing, oob::question(transaction)) {
        shown["number"] = format!("{:02}", question.number).into();
        shown["card"] = question.card_last4.into();
        shown["language"] = question.language.into();
        shown["expires"] = rfc3339(question.expires).into();
        if let Some(name) = &question.merchant.name {
            shown["merchant"] = name.as_str().into();
        }
        if let Some(purchase) = question.purchase {
            shown["amount"] = json!({
                "value": purchase.amount,
                "currency": purchase.currency,
                "exponent": purchase.exponent,
            });
        }
        if let Some(url) = question.requestor_app_url {
            shown["requestorAppURL"] = url.into();
        }
    }
    shown
}

const fn status(standing: Standing) -> &'static str {
    match standing {
        Standing::Waiting => "waiting",
        Standing::Given(verdict) => verdict.as_str(),
        Standing::NotAsked => "not-asked",
        _ => "over",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_answer_is_the_same_and_another_is_refused() {
        let status = |standing, verdict| answer("A", standing, verdict).status().as_u16();
        assert_eq!(status(Standing::Given(Verdict::Approved), Verdict::Approved), 200);
        assert_eq!(status(Standing::Given(Verdict::Declined), Verdict::Approved), 409);
        assert_eq!(status(Standing::Over, Verdict::Approved), 409);
        assert_eq!(status(Standing::NotAsked, Verdict::Declined), 409);
    }
}
