//! The dictionary check of messages we send: a defect is ours, and the message does not leave.

use std::sync::LazyLock;

use crate::dictionary::{Cell, Message, table};
use crate::element::{DeviceChannel, MessageCategory, MessageVersion};
use crate::erro::Fault;
use crate::json;
use crate::message::ReadRules;
use crate::validate::Walk;

/// Checks a message about to be sent: presence for its channel and category, conditions that the
/// message itself can decide, types, lengths, patterns, codes; and that it holds nothing else
/// [P-231-10, Note 46].
///
/// # Errors
/// The names of the defective elements, comma separated; never a value.
pub fn check(
    json: &[u8],
    message: Message,
    version: MessageVersion,
    channel: Option<DeviceChannel>,
    category: Option<MessageCategory>,
) -> Result<(), String> {
    let Some(object) = json::parse(json) else { return Err("not a JSON object".to_owned()) };
    let cell = channel.zip(category).map(|(channel, category)| Cell { channel, category });
    let walk = Walk { version, cell, rules: &CONFIGURED, outgoing: true };
    let mut defects = walk.message(table(message, version), &object).all();
    if object.text("messageType") != Some(message.message_type()) {
        defects.push("messageType".to_owned());
    }
    if object.text("messageVersion") != Some(version.as_str()) {
        defects.push("messageVersion".to_owned());
    }
    if defects.is_empty() { Ok(()) } else { Err(defects.join(",")) }
}

/// What a strict receiver of such a message finds first: the stages of P-AREQ-06..12, then elements
/// that have no place in it. Type and version are the receiver's own to compare.
///
/// # Errors
/// The fault to answer with.
pub fn inspect(
    json: &[u8],
    message: Message,
    version: MessageVersion,
    channel: Option<DeviceChannel>,
    category: Option<MessageCategory>,
) -> Result<(), Fault> {
    let object = json::parse(json).ok_or(Fault::NotJson)?;
    let cell = channel.zip(category).map(|(channel, category)| Cell { channel, category });
    let walk = Walk { version, cell, rules: &OWN, outgoing: true };
    walk.message(table(message, version), &object).strict_fault().map_or(Ok(()), Err)
}

/// Values of DS ranges stand in our messages only where somebody configured them: reasons by the
/// issuer's rules, a category by the DS profile [P-GEN-08, P-STAT-11].
static CONFIGURED: LazyLock<ReadRules> = LazyLock::new(|| {
    let range = |name: &'static str| (80..=99).map(move |code| (name.to_owned(), code.to_string()));
    let agreed_values = range("transStatusReason").chain(range("messageCategory")).collect();
    ReadRules { agreed_values, ..OWN.clone() }
});

/// Nothing is agreed with ourselves.
static OWN: ReadRules = ReadRules {
    versions: Vec::new(),
    agreed_values: Vec::new(),
    known_extensions: Vec::new(),
    accepted_iso_codes: Vec::new(),
};
