//! Protocol faults and the one function that turns them into `Erro` messages [P-ERRO-01..05].

use std::fmt::Write as _;

use serde::Serialize;

use crate::element::{MessageVersion, TransId};

/// `errorCode` values this ACS sends (dictionary: codes.errorCode) [Req 217, Note 41, Note 42].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorCode {
    /// 101
    MessageInvalid,
    /// 102
    VersionUnsupported,
    /// 201
    ElementMissing,
    /// 202
    CriticalExtensionUnknown,
    /// 203
    ElementInvalid,
    /// 204
    ElementDuplicated,
    /// 207 (2.3.1)
    ReservedValue,
    /// 301
    TransactionIdUnknown,
    /// 302
    DecryptionFailed,
    /// 303
    AccessDenied,
    /// 304
    IsoCodeInvalid,
    /// 305
    TransactionDataInvalid,
    /// 306
    MccInvalid,
    /// 310 (2.3.1)
    EncryptionNotAllowed,
    /// 312 (2.3.1)
    DuplicateMessage,
    /// 314 (2.3.1)
    RepeatedCReqRefused,
    /// 315 (2.3.1)
    CReqAfterRReq,
    /// 402
    TimedOut,
    /// 403
    TransientFailure,
    /// 404
    PermanentFailure,
    /// 405
    ConnectionFailed,
}

impl ErrorCode {
    /// The three digits.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MessageInvalid => "101",
            Self::VersionUnsupported => "102",
            Self::ElementMissing => "201",
            Self::CriticalExtensionUnknown => "202",
            Self::ElementInvalid => "203",
            Self::ElementDuplicated => "204",
            Self::ReservedValue => "207",
            Self::TransactionIdUnknown => "301",
            Self::DecryptionFailed => "302",
            Self::AccessDenied => "303",
            Self::IsoCodeInvalid => "304",
            Self::TransactionDataInvalid => "305",
            Self::MccInvalid => "306",
            Self::EncryptionNotAllowed => "310",
            Self::DuplicateMessage => "312",
            Self::RepeatedCReqRefused => "314",
            Self::CReqAfterRReq => "315",
            Self::TimedOut => "402",
            Self::TransientFailure => "403",
            Self::PermanentFailure => "404",
            Self::ConnectionFailed => "405",
        }
    }
}

/// Why a message was refused, with all that its `Erro` needs. Never holds a value of card data.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rejection {
    pub fault: Fault,
    pub context: ErroContext,
    /// What was expected and what came, where more can be said than by the fault alone.
    pub explanation: Option<String>,
    /// The rule for the log, where the place of the refusal tells it better than the fault.
    pub rule: Option<&'static str>,
}

impl Rejection {
    /// A refusal of the message that `context` describes.
    #[must_use]
    pub const fn new(fault: Fault, context: ErroContext) -> Self {
        Self { fault, context, explanation: None, rule: None }
    }

    /// The same with more words about it; never a value of card data.
    #[must_use]
    pub fn explained(mut self, explanation: Option<String>) -> Self {
        self.explanation = explanation;
        self
    }

    /// The same, refused under `rule`.
    #[must_use]
    pub const fn under(mut self, rule: &'static str) -> Self {
        self.rule = Some(rule);
        self
    }
}

/// What is known of the refused message: goes into the Erro where well-formed [P-ERRO-01..03].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ErroContext {
    /// Version of the refused message when readable and supported.
    pub version: Option<MessageVersion>,
    /// `errorMessageType`, when recognisable.
    pub message_type: Option<&'static str>,
    pub three_ds_server_trans_id: Option<TransId>,
    pub ds_trans_id: Option<TransId>,
    pub acs_trans_id: Option<TransId>,
    pub sdk_trans_id: Option<TransId>,
}

/// The faults themselves. Lists hold element names as `errorDetail` shows them (`parent.child`),
/// in the order of the dictionary.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Body is not one JSON object in UTF-8, or nested too deeply [P-AREQ-02].
    NotJson,
    /// [P-AREQ-03]
    MessageTypeMissing,
    /// [P-AREQ-04]
    MessageTypeUnknown,
    /// A message of another party or endpoint [P-AREQ-04].
    MessageTypeMisplaced,
    /// [P-AREQ-05]
    VersionMissing,
    /// [P-AREQ-05]
    VersionMalformed,
    /// [P-AREQ-05]
    VersionUnsupported,
    /// Not the version of the transaction's AReq [P-GEN-01].
    VersionChanged,
    /// [P-AREQ-06]
    Duplicated(Vec<String>),
    /// Required elements absent, null or empty [P-AREQ-07].
    Missing(Vec<String>),
    /// The same of elements that others in the message demand [P-AREQ-08].
    MissingByCondition(Vec<String>),
    /// Type, length, pattern or value [P-AREQ-09].
    Invalid(Vec<String>),
    /// Values of ranges reserved for EMVCo, or of DS ranges not agreed on [P-GEN-08].
    Reserved(Vec<String>),
    /// [P-AREQ-10]
    IsoCode(Vec<String>),
    /// A message extension of a wrong shape [P-AREQ-11].
    ExtensionInvalid(Vec<String>),
    /// A message extension without one of its members [P-AREQ-11].
    ExtensionMissing(Vec<String>),
    /// Ids of critical extensions that are not understood [P-AREQ-11].
    CriticalExtension(Vec<String>),
    /// Elements that contradict each other [P-AREQ-12].
    Contradictory(Vec<String>),
    /// Transaction ids that are not those of the transaction, or of none [P-GEN-10].
    TransactionIdUnknown(Vec<&'static str>),
    /// A peer that may not use this endpoint [P-AREQ-01].
    AccessDenied,
    /// An element names something this ACS does not serve [P-AREQ-14].
    NotServed(&'static str),
    /// [P-AREQ-15]
    MccInvalid,
    /// The dsTransID was seen before [P-AREQ-20].
    DuplicateMessage,
    /// The threeDSServerTransID came before under another dsTransID, where that is refused
    /// [P-AREQ-20].
    ServerTransIdRepeated,
    /// A date too far from UTC, where that is checked [P-GEN-11].
    ClockApart(&'static str),
    /// A repeated CReq, where they are refused [P-BRW-17].
    RepeatedCReqRefused,
    /// A second CReq that differs from the first [P-BRW-17].
    CReqDiffers,
    /// A message of an app challenge that cannot be decrypted, or whose counter is not the next:
    /// one fault for every cause [P-CRY-07..11].
    Undecipherable,
    /// A Split-SDK's CReq under anything but A128GCM [P-CRY-08].
    EncryptionNotAllowed,
    /// A CReq for a transaction without a challenge of its kind [P-BRW-15].
    CReqNotExpected,
    /// [P-BRW-18]
    CReqAfterRReq,
    /// The answer, or the message answered to, came too late [P-BRW-16, P-RREQ-06].
    TimedOut,
    /// [P-TRN-13]
    TransientFailure,
    /// [P-TRN-13]
    PermanentFailure,
}

/// An `Erro` ready to send, and what the log and the metrics may say of it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ErroMessage {
    pub code: ErrorCode,
    /// `errorDetail`: element names, never values.
    pub detail: String,
    /// `errorDescription`: what was expected and what came, without card data.
    pub description: String,
    /// The rule that fired, for the log line (`P-AREQ-07`).
    pub rule: &'static str,
    /// Ids of the transaction, as far as they are known.
    pub acs_trans_id: Option<TransId>,
    pub ds_trans_id: Option<TransId>,
    pub body: Vec<u8>,
}

/// What a fault says, apart from its details.
struct Verdict {
    code: ErrorCode,
    rule: &'static str,
    description: &'static str,
    detail: String,
}

/// Builds the `Erro` for a refused message: the only place that writes an error code.
/// `supported` are the versions to name for 102, oldest first [P-ERRO-01, P-ERRO-02, Note 31].
#[must_use]
pub fn erro(rejection: &Rejection, supported: &[MessageVersion]) -> ErroMessage {
    let context = &rejection.context;
    let highest = supported.last().copied().unwrap_or(MessageVersion::V231);
    // [P-ERRO-02]
    let version = context.version.unwrap_or(highest);
    let Verdict { code, rule, description, detail } = verdict(&rejection.fault, version, supported);
    let usual = || rule_for(rule, &rejection.fault, context.message_type);
    let rule = rejection.rule.unwrap_or_else(usual);
    let description = match &rejection.explanation {
        Some(explanation) => shortened(format!("{description}: {explanation}")),
        None => description.to_owned(),
    };
    let wire = Wire {
        message_type: "Erro",
        message_version: version,
        error_code: code.as_str(),
        error_component: "A",
        error_description: &description,
        error_detail: &detail,
        error_message_type: context.message_type.filter(|kind| is_known(kind, version)),
        three_ds_server_trans_id: context.three_ds_server_trans_id,
        ds_trans_id: context.ds_trans_id,
        acs_trans_id: context.acs_trans_id,
        sdk_trans_id: context.sdk_trans_id,
    };
    // Strings and ids always serialise.
    let body = serde_json::to_vec(&wire).unwrap_or_default();
    ErroMessage {
        code,
        detail,
        description,
        rule,
        acs_trans_id: context.acs_trans_id,
        ds_trans_id: context.ds_trans_id,
        body,
    }
}

/// The rule of the message in question, where that has rules of its own for the same faults.
fn rule_for(rule: &'static str, fault: &Fault, message_type: Option<&'static str>) -> &'static str {
    match (message_type, fault) {
        // The type says what came, not what was asked for.
        (_, Fault::MessageTypeMisplaced) => rule,
        (Some("CReq"), Fault::MessageTypeMissing | Fault::VersionMissing) => "P-BRW-13",
        (
            Some("CReq"),
            Fault::VersionMalformed | Fault::VersionUnsupported | Fault::VersionChanged,
        ) => "P-BRW-12",
        (Some("CReq"), Fault::TransactionIdUnknown(_)) => "P-BRW-14",
        (Some("CReq"), _) if rule.starts_with("P-AREQ") => "P-BRW-13",
        (Some("RRes"), _) if rule.starts_with("P-AREQ") || rule.starts_with("P-GEN") => "P-RREQ-09",
        (None, Fault::TimedOut) => "P-RREQ-06",
        _ => rule,
    }
}

/// As much as [P-ERRO-01] allows.
fn shortened(text: String) -> String {
    if text.chars().count() <= MAX_DETAIL { text } else { text.chars().take(MAX_DETAIL).collect() }
}

/// Whether a message type exists in a version: notices do from 2.3.1 on.
fn is_known(message_type: &str, version: MessageVersion) -> bool {
    version >= MessageVersion::V231 || !matches!(message_type, "OReq" | "ORes")
}

/// [Req 213, Req 218, Note 32, Note 35, Note 37]
fn verdict(fault: &Fault, version: MessageVersion, supported: &[MessageVersion]) -> Verdict {
    use ErrorCode as E;
    let newest = version >= MessageVersion::V231;
    let (code, rule, description, detail) = match fault {
        Fault::NotJson => (
            E::MessageInvalid,
            "P-AREQ-02",
            "Expected one JSON object in UTF-8; the body is not one, or is nested too deeply",
            "invalid formatted message".to_owned(),
        ),
        Fault::MessageTypeMissing => (
            E::ElementMissing,
            "P-AREQ-03",
            "Expected messageType; it is absent or empty",
            "messageType".to_owned(),
        ),
        Fault::MessageTypeUnknown => (
            E::MessageInvalid,
            "P-AREQ-04",
            "Expected a messageType of the protocol; the one received is unknown",
            "invalid message type".to_owned(),
        ),
        Fault::MessageTypeMisplaced => (
            E::MessageInvalid,
            "P-AREQ-04",
            "The messageType received is not one that this component takes here",
            "invalid message type for the receiving component".to_owned(),
        ),
        Fault::VersionMissing => (
            E::ElementMissing,
            "P-AREQ-05",
            "Expected messageVersion; it is absent or empty",
            "messageVersion".to_owned(),
        ),
        Fault::VersionMalformed => (
            E::ElementInvalid,
            "P-AREQ-05",
            "Expected messageVersion as major.minor.patch, 5 to 8 characters",
            "messageVersion".to_owned(),
        ),
        Fault::VersionUnsupported => (
            E::VersionUnsupported,
            "P-AREQ-05",
            "The messageVersion received is not supported; errorDetail lists those that are",
            list(supported.iter().map(|v| v.as_str())),
        ),
        Fault::VersionChanged => (
            E::ElementInvalid,
            "P-GEN-01",
            "Expected the messageVersion of the transaction's AReq",
            "messageVersion".to_owned(),
        ),
        Fault::Duplicated(names) => (
            E::ElementDuplicated,
            "P-AREQ-06",
            "Each element may occur once; those in errorDetail occur more often",
            list(names),
        ),
        Fault::Missing(names) => (
            E::ElementMissing,
            "P-AREQ-07",
            "The elements in errorDetail are required here; they are absent, null or empty",
            list(names),
        ),
        Fault::MissingByCondition(names) => (
            E::ElementMissing,
            "P-AREQ-08",
            "The elements in errorDetail are required because of others in this message",
            list(names),
        ),
        Fault::Invalid(names) => (
            E::ElementInvalid,
            "P-AREQ-09",
            "The elements in errorDetail have a wrong type, length, format or value",
            list(names),
        ),
        Fault::Reserved(names) => (
            if newest { E::ReservedValue } else { E::ElementInvalid },
            "P-GEN-08",
            "The elements in errorDetail hold values of a reserved range",
            list(names),
        ),
        Fault::IsoCode(names) => (
            E::IsoCodeInvalid,
            "P-AREQ-10",
            "The elements in errorDetail are no valid ISO codes, or do not fit together",
            list(names),
        ),
        Fault::ExtensionInvalid(names) => (
            E::ElementInvalid,
            "P-AREQ-11",
            "Expected at most 10 extensions (15 in 2.3.1), 81920 characters in all, each an object \
             of name and id (64 characters each), criticalityIndicator (a Boolean) and data (an \
             object of at most 8059 characters)",
            list(names),
        ),
        Fault::ExtensionMissing(names) => (
            E::ElementMissing,
            "P-AREQ-11",
            "Each message extension has name, id, criticalityIndicator and data; those in \
             errorDetail are absent, null or empty",
            list(names),
        ),
        Fault::CriticalExtension(ids) => (
            E::CriticalExtensionUnknown,
            "P-AREQ-11",
            "The message extensions in errorDetail are critical and not recognised",
            list(ids),
        ),
        Fault::Contradictory(names) => (
            E::ElementInvalid,
            "P-AREQ-12",
            "The elements in errorDetail contradict each other or hold a value not foreseen here",
            list(names),
        ),
        Fault::TransactionIdUnknown(names) => (
            E::TransactionIdUnknown,
            "P-GEN-10",
            "Expected the transaction ids of one known transaction; those in errorDetail are others",
            list(names),
        ),
        Fault::AccessDenied => (
            E::AccessDenied,
            "P-AREQ-01",
            "The certificate shown may not use this endpoint",
            "client certificate".to_owned(),
        ),
        Fault::NotServed(name) => (
            E::TransactionDataInvalid,
            "P-AREQ-14",
            "The element in errorDetail names nothing that this ACS serves",
            (*name).to_owned(),
        ),
        Fault::MccInvalid => (
            E::MccInvalid,
            "P-AREQ-15",
            "The merchant category code is not valid for this payment system",
            "mcc".to_owned(),
        ),
        Fault::DuplicateMessage => (
            if newest { E::DuplicateMessage } else { E::TransactionIdUnknown },
            "P-AREQ-20",
            "A message with this transaction id was processed before",
            "dsTransID".to_owned(),
        ),
        Fault::ServerTransIdRepeated => (
            if newest { E::DuplicateMessage } else { E::TransactionIdUnknown },
            "P-AREQ-20",
            "Another message with this threeDSServerTransID was processed before",
            "threeDSServerTransID".to_owned(),
        ),
        Fault::ClockApart(name) => (
            E::ElementInvalid,
            "P-GEN-11",
            "Expected a date in UTC that is at most 30 minutes from now",
            (*name).to_owned(),
        ),
        Fault::RepeatedCReqRefused => (
            if newest { E::RepeatedCReqRefused } else { E::TransactionDataInvalid },
            "P-BRW-17",
            "The challenge is open already and takes no second CReq",
            "acsTransID".to_owned(),
        ),
        Fault::CReqDiffers => (
            E::TransactionDataInvalid,
            "P-BRW-17",
            "A second CReq of a transaction must be identical to the first",
            "acsTransID".to_owned(),
        ),
        Fault::Undecipherable => (
            E::DecryptionFailed,
            "P-CRY-09",
            "The message cannot be decrypted and verified",
            "CReq".to_owned(),
        ),
        Fault::EncryptionNotAllowed => (
            if newest { E::EncryptionNotAllowed } else { E::DecryptionFailed },
            "P-CRY-08",
            "This SDK may use A128GCM only",
            "enc".to_owned(),
        ),
        Fault::CReqNotExpected => (
            E::TransactionDataInvalid,
            "P-BRW-15",
            "This transaction has no challenge of this kind",
            "acsTransID".to_owned(),
        ),
        Fault::CReqAfterRReq => (
            if newest { E::CReqAfterRReq } else { E::TransactionDataInvalid },
            "P-BRW-18",
            "The result of this transaction was reported before the CReq came",
            "acsTransID".to_owned(),
        ),
        Fault::TimedOut => (
            E::TimedOut,
            "P-BRW-16",
            "The time for this message is over",
            "timeout expired".to_owned(),
        ),
        Fault::TransientFailure => (
            E::TransientFailure,
            "P-TRN-13",
            "The system cannot process the message now",
            "temporary system failure".to_owned(),
        ),
        Fault::PermanentFailure => (
            E::PermanentFailure,
            "P-TRN-13",
            "The system cannot process the message",
            "permanent system failure".to_owned(),
        ),
    };
    Verdict { code, rule, description, detail }
}

#[derive(Serialize)]
struct Wire<'a> {
    #[serde(rename = "messageType")]
    message_type: &'static str,
    #[serde(rename = "messageVersion")]
    message_version: MessageVersion,
    #[serde(rename = "errorCode")]
    error_code: &'static str,
    #[serde(rename = "errorComponent")]
    error_component: &'static str,
    #[serde(rename = "errorDescription")]
    error_description: &'a str,
    #[serde(rename = "errorDetail")]
    error_detail: &'a str,
    #[serde(rename = "errorMessageType", skip_serializing_if = "Option::is_none")]
    error_message_type: Option<&'static str>,
    #[serde(rename = "threeDSServerTransID", skip_serializing_if = "Option::is_none")]
    three_ds_server_trans_id: Option<TransId>,
    #[serde(rename = "dsTransID", skip_serializing_if = "Option::is_none")]
    ds_trans_id: Option<TransId>,
    #[serde(rename = "acsTransID", skip_serializing_if = "Option::is_none")]
    acs_trans_id: Option<TransId>,
    #[serde(rename = "sdkTransID", skip_serializing_if = "Option::is_none")]
    sdk_trans_id: Option<TransId>,
}

/// Names with commas between them, as many as fit [P-ERRO-01].
fn list<T: AsRef<str>>(names: impl IntoIterator<Item = T>) -> String {
    let mut text = String::new();
    for name in names {
        let name = name.as_ref();
        if text.len() + name.len() + 1 > MAX_DETAIL {
            break;
        }
        let comma = if text.is_empty() { "" } else { "," };
        // Writing to a String cannot fail.
        let _ = write!(text, "{comma}{name}");
    }
    text
}

/// Longest `errorDetail` and `errorDescription`.
pub(crate) const MAX_DETAIL: usize = 2048;

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(fault: Fault, version: Option<MessageVersion>) -> serde_json::Value {
        let context = ErroContext { version, message_type: Some("AReq"), ..Default::default() };
        let erro = erro(&Rejection::new(fault, context), &MessageVersion::ALL);
        serde_json::from_slice(&erro.body).unwrap()
    }

    #[test]
    fn unsupported_version_lists_those_supported() {
        let erro = answer(Fault::VersionUnsupported, None);
        assert_eq!(erro["errorCode"], "102");
        assert_eq!(erro["errorDetail"], "2.1.0,2.2.0,2.3.1");
        assert_eq!(erro["messageVersion"], "2.3.1");
        assert!(erro.get("acsTransID").is_none());
    }

    #[test]
    fn codes_follow_the_version() {
        for (version, reserved, duplicate) in [
            (MessageVersion::V210, "203", "301"),
            (MessageVersion::V220, "203", "301"),
            (MessageVersion::V231, "207", "312"),
        ] {
            let names = || vec!["transType".to_owned()];
            assert_eq!(answer(Fault::Reserved(names()), Some(version))["errorCode"], reserved);
            assert_eq!(answer(Fault::DuplicateMessage, Some(version))["errorCode"], duplicate);
        }
    }

    #[test]
    fn detail_never_grows_over_its_limit() {
        let names = vec!["x".repeat(100); 100];
        let erro = answer(Fault::Missing(names), None);
        assert!(erro["errorDetail"].as_str().unwrap().len() <= MAX_DETAIL);
    }
}
