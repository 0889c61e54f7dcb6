//! Protocol faults and the one function that turns them into `Erro` messages [P-ERRO-01..05].

use crate::element::{MessageVersion, TransId};

/// `errorCode` values this ACS sends (dictionary: codes.errorCode).
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

/// Why a message was refused, with all that its `Erro` needs. Never holds a value of card data.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rejection {
    pub fault: Fault,
    pub context: ErroContext,
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

/// The faults themselves; see the dictionary helper for the full list.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Body is not one JSON object in UTF-8 [P-AREQ-02].
    NotJson,
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
    pub body: Vec<u8>,
}

/// Builds the `Erro` for a refused message: the only place that writes an error code.
/// `supported` are the versions to name for 102, oldest first.
#[must_use]
pub fn erro(rejection: &Rejection, supported: &[MessageVersion]) -> ErroMessage {
    let _ = (rejection, supported);
    unimplemented!("contract")
}
