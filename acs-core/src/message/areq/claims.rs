//! What the 3DS Requestor and the DS say of the cardholder.

use crate::element::MessageVersion;
use crate::json::Document;
use crate::message::{ClaimedStatus, Claims};

/// Names of other versions are strangers here, and unread like all of them [P-GEN-05].
pub(super) fn read(message: &Document<'_>, version: MessageVersion) -> Claims {
    let status = |name, source| {
        Some(ClaimedStatus {
            status: message.text(name)?.to_owned(),
            source: message.text(source)?.to_owned(),
        })
    };
    match version {
        MessageVersion::V210 => Claims::default(),
        MessageVersion::V220 => Claims {
            trust_list: status("whiteListStatus", "whiteListStatusSource"),
            ..Claims::default()
        },
        MessageVersion::V231 => Claims {
            trust_list: status("trustListStatus", "trustListStatusSource"),
            device_binding: status("deviceBindingStatus", "deviceBindingStatusSource"),
        },
    }
}
