//! The stored state of a transaction, and what a step asks the caller to do.

use serde::{Deserialize, Serialize};

use crate::UtcMillis;
use crate::element::{DeviceChannel, MessageCategory, MessageVersion, TransId};
use crate::message::{Merchant, Purchase};

/// A transaction from its ARes to its end. Serialised as JSON with a format number (invariant 11);
/// holds no PAN, code, key or authentication value.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Transaction {
    /// Format of this serialisation; unknown formats are refused when loaded.
    pub format: u16,
    /// Optimistic version: every transition adds one; the store writes only over the version read.
    pub revision: u32,
    pub acs_trans_id: TransId,
    pub ds_trans_id: TransId,
    pub three_ds_server_trans_id: TransId,
    pub issuer_id: String,
    pub ds_id: String,
    pub version: MessageVersion,
    pub channel: DeviceChannel,
    pub category: MessageCategory,
    pub card_token: String,
    pub card_last4: String,
    pub ds_url: Option<String>,
    pub notification_url: Option<String>,
    pub purchase: Option<Purchase>,
    pub merchant: Merchant,
    pub created: UtcMillis,
    pub phase: Phase,
    // further members as the flows need them (locale, why, eci, ...)
}

/// What the transaction waits for.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Phase {
    /// The ARes was the end: Y, N, U, R or A.
    Answered(Answered),
    // ExpectCReq(..), ExpectEntry(..), ExpectRRes(..), Ended(..)
}

/// A transaction that ended with its ARes.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Answered {
    /// `transStatus` sent.
    pub status: crate::element::TransStatus,
    /// `transStatusReason` sent.
    pub reason: Option<String>,
}

impl Transaction {
    /// When this transaction must be looked at again even if nothing arrives; `None` when it waits
    /// for nothing.
    #[must_use]
    pub fn deadline(&self) -> Option<UtcMillis> {
        None
    }
}

/// An audit event, stored in the same commit as the state it belongs to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AuditEvent {
    /// Kebab-case kind: `areq-answered`, `otp-wrong`, `challenge-ended` ...
    pub kind: String,
    /// The *why* record and other facts; never card data, codes or values.
    pub detail: serde_json::Value,
}

/// What the caller performs after (audit: in) the commit of the new state.
#[derive(Debug)]
#[non_exhaustive]
pub enum Output {
    Audit(AuditEvent),
    /// Deliver a one-time password through the issuer's gateway: stored sealed until delivered or
    /// `expires`.
    DeliverOtp(OtpMessage),
    /// Send the RReq: stored sealed, identical bytes until delivered [P-RREQ-05]. At most one row
    /// per transaction; a later `SendRReq` of the same transaction (late status U) replaces bytes
    /// of which none was ever sent.
    SendRReq(SendRReq),
    /// Post an Erro about a defective or missing RRes to dsURL, once, without retry.
    SendErro {
        ds_url: String,
        body: Vec<u8>,
    },
    /// Stop and wipe an undelivered one-time password (challenge over, or replaced by a new one).
    CancelOtp,
}

/// A message to a cardholder.
#[non_exhaustive]
pub struct OtpMessage {
    /// `sms` or `email`.
    pub channel: String,
    /// Phone number or address.
    pub to: String,
    /// Complete text, code included.
    pub text: String,
    pub code: String,
    pub expires: UtcMillis,
}

impl std::fmt::Debug for OtpMessage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OtpMessage").field("channel", &self.channel).finish_non_exhaustive()
    }
}

/// A result to report.
#[non_exhaustive]
pub struct SendRReq {
    pub ds_url: String,
    pub body: Vec<u8>,
}

impl std::fmt::Debug for SendRReq {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SendRReq").field("ds_url", &self.ds_url).finish_non_exhaustive()
    }
}
