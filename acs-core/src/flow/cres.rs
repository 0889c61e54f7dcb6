//! The final CRes of a browser challenge [P-BRW-31].

use serde::Serialize;

use super::{Transaction, shown_status};
use crate::dictionary::Message;
use crate::element::{MessageVersion, TransId, TransStatus};
use crate::outgoing;

/// Builds and checks the final CRes for a result [P-BRW-32, Req 138, Req 139, Note 133].
///
/// # Errors
/// The defective elements: the message does not leave.
pub(super) fn last(transaction: &Transaction, status: TransStatus) -> Result<Vec<u8>, String> {
    let wire = Wire {
        message_type: "CRes",
        message_version: transaction.version,
        three_ds_server_trans_id: transaction.three_ds_server_trans_id,
        acs_trans_id: transaction.acs_trans_id,
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
    #[serde(rename = "transStatus")]
    trans_status: TransStatus,
}
