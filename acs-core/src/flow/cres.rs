//! The final CRes, of browser and app [P-BRW-31, P-APP-44].

mod html;
mod screen;

use serde::Serialize;

use super::{Transaction, shown_status};
use crate::dictionary::Message;
use crate::element::{MessageVersion, TransId, TransStatus};
use crate::outgoing;

pub(super) use screen::{chosen, screen};

/// Builds and checks the final CRes for a result: the elements of its channel and nothing else
/// [P-BRW-32, P-APP-44, P-APP-45, Req 138, Req 139, Note 133, Req 76].
///
/// # Errors
/// The defective elements: the message does not leave.
pub(super) fn last(transaction: &Transaction, status: TransStatus) -> Result<Vec<u8>, String> {
    let app = transaction.app.as_deref();
    let wire = Wire {
        message_type: "CRes",
        message_version: transaction.version,
        three_ds_server_trans_id: transaction.three_ds_server_trans_id,
        acs_trans_id: transaction.acs_trans_id,
        sdk_trans_id: app.map(|app| app.sdk_trans_id),
        acs_counter_a_to_s: app.map(|app| counter(app.sent)),
        challenge_completion_ind: app.map(|_| "Y"),
        trans_status: shown_status(status),
    };
    let json = serde_json::to_vec(&wire).map_err(|e| e.to_string())?;
    outgoing::check(
        &json,
        Message::CResFinal,
        transaction.version,
        Some(transaction.channel),
        Some(transaction.category),
    )?;
    Ok(json)
}

/// `acsCounterAtoS`: three digits [P-CRY-10].
pub(super) fn counter(number: u16) -> String {
    format!("{number:03}")
}

#[derive(Serialize)]
struct Wire {
    #[serde(rename = "messageType")]
    message_type: &'static str,
    #[serde(rename = "messageVersion")]
    message_version: MessageVersion,
    #[serde(rename = "threeDSServerTransID")]
    three_ds_server_trans_id: TransId,
    #[serde(rename = "acsTransID")]
    acs_trans_id: TransId,
    #[serde(rename = "sdkTransID", skip_serializing_if = "Option::is_none")]
    sdk_trans_id: Option<TransId>,
    #[serde(rename = "acsCounterAtoS", skip_serializing_if = "Option::is_none")]
    acs_counter_a_to_s: Option<String>,
    #[serde(rename = "challengeCompletionInd", skip_serializing_if = "Option::is_none")]
    challenge_completion_ind: Option<&'static str>,
    #[serde(rename = "transStatus")]
    trans_status: TransStatus,
}
