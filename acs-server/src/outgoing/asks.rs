//! Requests to the issuer's systems to ask a cardholder by themselves.

use std::sync::Arc;

use acs_core::UtcMillis;
use acs_core::flow::confirmation::ConfirmationRequest;

use super::{OTP_RETRY_SECONDS, attempted, close};
use crate::app::App;
use crate::gateway::{Ask, AskText};
use crate::storage::{OutgoingKind, OutgoingRow, TransactionRow};

/// The row of a request. It lives as long as an answer may come.
pub(crate) fn row(
    row: &TransactionRow,
    request: &ConfirmationRequest,
    now: UtcMillis,
) -> OutgoingRow {
    let acs_trans_id = row.state.transaction().map(|state| state.acs_trans_id.to_string());
    let text = AskText {
        acs_trans_id: acs_trans_id.unwrap_or_default(),
        contacts: request.contacts.clone(),
        card_last4: request.card_last4.clone(),
        text: request.text.clone(),
        language: request.language.clone(),
        number: request.prompt.as_ref().map(|prompt| prompt.number.clone()),
        back: request.prompt.as_ref().and_then(|prompt| prompt.back.clone()),
    };
    OutgoingRow {
        issuer_id: row.issuer_id.clone(),
        ds_id: row.ds_id.clone(),
        transaction: row.number,
        kind: OutgoingKind::Ask,
        destination: text.channel().to_owned(),
        payload: text.to_json(),
        attempts: 0,
        next_attempt: now.plus_seconds(OTP_RETRY_SECONDS),
        maybe_sent: false,
        expires: request.expires,
    }
}

pub(super) async fn send(app: &Arc<App>, row: OutgoingRow) {
    if row.expires <= app.clock.now() {
        metrics::counter!("acs_ask_total", "result" => "expired").increment(1);
        close(app, &row, "expired").await;
        return;
    }
    let delivered = match (app.issuer(&row.issuer_id), AskText::from_json(&row.payload)) {
        (Some(issuer), Some(text)) => {
            let at = app.clock.now();
            let ask = Ask { issuer_id: &row.issuer_id, text, at, expires: row.expires };
            issuer.gateway.ask(&ask).await.map_err(|e| e.to_string())
        }
        _ => Err("its issuer or its text cannot be read".to_owned()),
    };
    match delivered {
        Ok(()) => {
            metrics::counter!("acs_ask_total", "result" => "delivered").increment(1);
            close(app, &row, "delivered").await;
        }
        Err(error) => {
            metrics::counter!("acs_ask_total", "result" => "failed").increment(1);
            tracing::warn!(issuer = row.issuer_id, transaction = row.transaction.0, %error, "the issuer is not asked to ask a cardholder");
            attempted(app, &row, row.attempts + 1, true).await;
        }
    }
}
