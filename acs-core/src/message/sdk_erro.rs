//! An Erro that an SDK posted in clear [P-APP-51].

use serde_json::{Map, Value};

use super::{Envelope, parse};
use crate::dictionary::{Cell, Message, table};
use crate::element::{DeviceChannel, MessageCategory, MessageVersion, TransId};
use crate::message::ReadRules;
use crate::validate::Walk;

/// What an SDK says about a CRes. Any code is accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SdkErro {
    /// `errorCode` as received, cut to 3 characters.
    pub code: String,
    /// Each only where well-formed.
    pub three_ds_server_trans_id: Option<TransId>,
    pub sdk_trans_id: Option<TransId>,
    /// The Erro for `challengeErrorReporting`, its known elements only; `None` where one of them is
    /// wrong or missing.
    pub copy: Option<Value>,
}

/// Whether a message calls itself an Erro, however defective it is: that is never answered with one
/// [P-ERRO-04].
#[must_use]
pub fn is_erro(body: &[u8]) -> bool {
    parse(body).is_ok_and(|message| Envelope::of(&message).message_type() == Some("Erro"))
}

/// Reads an Erro; `None` for any other message.
#[must_use]
pub fn read_sdk_erro(body: &[u8], rules: &ReadRules) -> Option<SdkErro> {
    let message = parse(body).ok()?;
    let envelope = Envelope::of(&message);
    if envelope.message_type() != Some("Erro") {
        return None;
    }
    let code = message.text("errorCode").unwrap_or_default();
    Some(SdkErro {
        code: code.chars().take(3).collect(),
        three_ds_server_trans_id: envelope.ids.three_ds_server_trans_id,
        sdk_trans_id: envelope.ids.sdk_trans_id,
        copy: copy(&message, rules),
    })
}

fn copy(message: &crate::json::Document<'_>, rules: &ReadRules) -> Option<Value> {
    let version = MessageVersion::parse(message.text("messageVersion")?)?;
    let table = table(Message::Erro, version);
    let cell = Cell { channel: DeviceChannel::App, category: MessageCategory::Payment };
    let walk = Walk { version, cell: Some(cell), rules, outgoing: false };
    if walk.message(table, message).first_fault().is_some() {
        return None;
    }
    let known = table.elements.iter().filter_map(|element| {
        let text = message.text(element.name)?;
        Some((element.name.to_owned(), Value::String(text.to_owned())))
    });
    Some(Value::Object(known.collect::<Map<_, _>>()))
}
