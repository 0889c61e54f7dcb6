//! `[protocol]`: readings of the specification that may be chosen, with the default that
//! docs/spec-decisions.md gives reasons for.

use acs_core::message::AReqReadings;
use acs_core::profile::BrowserReadings;
use serde::Deserialize;

/// Named settings of the protocol.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Protocol {
    /// Form field of an Erro that goes through the browser [P-BRW-19].
    pub brw_erro_field: ErroField,
    /// What a repeated CReq gets [P-BRW-17].
    pub brw_repeat_creq: RepeatedCReq,
    /// Status of the final CRes when no RRes came [P-BRW-33].
    pub brw_cres_without_rres: CResWithoutRRes,
    /// An idle page asks for its end by itself and posts a CRes N: a deviation [P-BRW-34].
    pub brw_cres_on_idle: bool,
    /// A CReq after the end gets the final page again: a deviation [P-BRW-18].
    pub brw_reoffer_final_cres: bool,
    /// `purchaseDate` more than 30 minutes off is refused in 2.3.1 [P-GEN-11].
    pub areq_clock_check: bool,
    /// An account number with a wrong check digit is refused [P-AREQ-14].
    pub areq_luhn: bool,
    /// What a threeDSServerTransID gets that came before under another dsTransID [P-AREQ-20].
    pub areq_same_3dss_trans_id: SameServerTransId,
    /// What base64url of browsers may look like [P-TRN-08].
    pub base64url: Base64Url,
    /// `transStatusReason` of a cancelled challenge in 2.1.0 and 2.2.0 [P-BRW-23].
    pub brw_cancel_reason_210: String,
    pub brw_cancel_reason_220: String,
    /// `transStatusReason` of technical failures in 2.1.0, which does not know 22.
    pub technical_reason_210: String,
    /// An empty entry costs an attempt [P-APP-41].
    pub challenge_empty_counts: bool,
    /// A re-sent code costs an attempt [P-BRW-21].
    pub challenge_resend_counts: bool,
    /// An acknowledgement before the issuer's word costs an interaction [P-APP-42].
    pub oob_early_continue_counts: bool,
    /// Status of an RReq that could not be delivered in time [P-RREQ-05].
    pub rreq_late_status: LateStatus,
    /// `transStatusReason` of a challenge that the SDK cancelled [P-APP-19].
    pub app_cancel_reason_210: String,
    pub app_cancel_reason_220: String,
    pub app_cancel_reason_231: String,
    /// Erro for a CReq that is not encrypted: 302 or 101 [P-CRY-09].
    pub app_plain_creq_error: PlainCReqError,
    /// Erro for a `kid` of no transaction: 302 or 301 [P-CRY-09].
    pub app_unknown_kid_error: UnknownKidError,
    /// Erro to the SDK when the RRes did not come: 402 or 403 [P-APP-52].
    pub app_sdk_erro_without_rres: WithoutRRes,
    /// Wait for the first CReq after the ARes [P-TMO-03].
    pub first_creq_seconds: u32,
    /// Challenge without any sign of the cardholder [P-TMO-04, P-TMO-05].
    pub idle_seconds: u32,
    /// Wait for the second AReq after an ARes S [P-TMO-14].
    pub spc_seconds: u32,
    /// Wait for the RRes after the RReq was sent [P-TMO-08].
    pub rres_seconds: u32,
    /// Wait for a connection, each of the first two tries of an RReq.
    pub rreq_connect_seconds: u32,
    /// Time between further tries [P-TMO-09].
    pub rreq_retry_seconds: u32,
    /// After this time an RReq is given up with the next try that fails [P-RREQ-05].
    pub rreq_life_seconds: u32,
    /// An identical AReq within this time gets the identical ARes [P-AREQ-20].
    pub areq_repeat_seconds: u32,
    /// Oldest 3DS Method run that a `threeDSMethodId` may name [P-TMO-10].
    pub method_reuse_seconds: u32,
    /// A broken sequence of OReqs is answered with the first part that is out of place; otherwise
    /// with its last part, like a whole one [P-OPR-02].
    pub oreq_broken_at_once: bool,
    /// Longest wait between two parts of an operational notice.
    pub oreq_part_seconds: u32,
}

/// `cres` or `erro`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ErroField {
    CRes,
    Erro,
}

/// Answers to a repeated CReq.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RepeatedCReq {
    /// Show the page again.
    Reshow,
    /// Erro 314 (2.3.1) or 305.
    Refuse,
}

/// Status of a final CRes without an RRes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum CResWithoutRRes {
    /// As the challenge decided.
    #[serde(rename = "decided")]
    Decided,
    /// Not authenticated, whatever was decided.
    N,
}

/// Answers to a threeDSServerTransID that came before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SameServerTransId {
    /// A retry of the 3DS Server through its DS.
    Accept,
    /// Erro 312 (2.3.1) or 301.
    Refuse,
}

/// Reading of base64url.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Base64Url {
    /// Padding, white space at the end and stray bits are accepted and counted.
    Tolerant,
    /// Refused.
    Strict,
}

/// What an unencrypted CReq is taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum PlainCReqError {
    /// It cannot be decrypted.
    #[serde(rename = "302")]
    Undecipherable,
    /// It is not a message of this endpoint.
    #[serde(rename = "101")]
    Unrecognised,
}

/// What a foreign `kid` is taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum UnknownKidError {
    /// It cannot be decrypted.
    #[serde(rename = "302")]
    Undecipherable,
    /// An unknown transaction id.
    #[serde(rename = "301")]
    UnknownId,
}

/// What an SDK is told when the directory server does not answer the RReq.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum WithoutRRes {
    /// The code that the directory server gets.
    #[serde(rename = "402")]
    TimedOut,
    /// A transient failure.
    #[serde(rename = "403")]
    TransientFailure,
}

/// Status after two failed connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum LateStatus {
    /// Unavailable.
    U,
    /// As the challenge decided.
    #[serde(rename = "decided")]
    Decided,
}

impl ErroField {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CRes => "cres",
            Self::Erro => "erro",
        }
    }
}

impl Protocol {
    /// What the core needs for browsers.
    #[must_use]
    pub fn browser_readings(&self) -> BrowserReadings {
        BrowserReadings {
            no_rres_is_n: self.brw_cres_without_rres == CResWithoutRRes::N,
            cres_on_idle: self.brw_cres_on_idle,
            reoffer_final_cres: self.brw_reoffer_final_cres,
        }
    }

    /// Checks of AReqs that the tables do not print.
    #[must_use]
    pub const fn areq_readings(&self) -> AReqReadings {
        AReqReadings { clock_check: self.areq_clock_check, luhn: self.areq_luhn }
    }

    /// Whether a foreign `kid` gets 301.
    #[must_use]
    pub fn unknown_kid_is_301(&self) -> bool {
        self.app_unknown_kid_error == UnknownKidError::UnknownId
    }
}

impl Default for Protocol {
    fn default() -> Self {
        Self {
            brw_erro_field: ErroField::CRes,
            brw_repeat_creq: RepeatedCReq::Reshow,
            brw_cres_without_rres: CResWithoutRRes::Decided,
            brw_cres_on_idle: false,
            brw_reoffer_final_cres: false,
            areq_clock_check: false,
            areq_luhn: false,
            areq_same_3dss_trans_id: SameServerTransId::Accept,
            base64url: Base64Url::Tolerant,
            brw_cancel_reason_210: "01".to_owned(),
            brw_cancel_reason_220: "26".to_owned(),
            technical_reason_210: "07".to_owned(),
            challenge_empty_counts: true,
            challenge_resend_counts: false,
            oob_early_continue_counts: true,
            rreq_late_status: LateStatus::U,
            app_cancel_reason_210: "01".to_owned(),
            app_cancel_reason_220: "26".to_owned(),
            app_cancel_reason_231: "26".to_owned(),
            app_plain_creq_error: PlainCReqError::Undecipherable,
            app_unknown_kid_error: UnknownKidError::Undecipherable,
            app_sdk_erro_without_rres: WithoutRRes::TimedOut,
            first_creq_seconds: 30,
            idle_seconds: 600,
            spc_seconds: 600,
            rres_seconds: 5,
            rreq_connect_seconds: 5,
            rreq_retry_seconds: 10,
            rreq_life_seconds: 24 * 3600,
            areq_repeat_seconds: 60,
            method_reuse_seconds: 600,
            oreq_broken_at_once: false,
            oreq_part_seconds: 3_600,
        }
    }
}
