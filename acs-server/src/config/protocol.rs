//! `[protocol]`: readings of the specification that may be chosen, with the default that
//! docs/spec-decisions.md gives reasons for.

use serde::Deserialize;

/// Named settings of the protocol.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Protocol {
    /// Form field of an Erro that goes through the browser [P-BRW-19].
    pub brw_erro_field: ErroField,
    /// What a repeated CReq gets [P-BRW-17].
    pub brw_repeat_creq: RepeatedCReq,
    /// `transStatusReason` of a cancelled challenge in 2.1.0 and 2.2.0 [P-BRW-23].
    pub brw_cancel_reason_210: String,
    pub brw_cancel_reason_220: String,
    /// `transStatusReason` of technical failures in 2.1.0, which does not know 22.
    pub technical_reason_210: String,
    /// An empty entry costs an attempt [P-APP-41].
    pub challenge_empty_counts: bool,
    /// A re-sent code costs an attempt [P-BRW-21].
    pub challenge_resend_counts: bool,
    /// Status of an RReq that could not be delivered in time [P-RREQ-05].
    pub rreq_late_status: LateStatus,
    /// Wait for the first CReq after the ARes.
    pub first_creq_seconds: u32,
    /// Challenge without any sign of the cardholder.
    pub idle_seconds: u32,
    /// Wait for the RRes after the RReq was sent.
    pub rres_seconds: u32,
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

impl Default for Protocol {
    fn default() -> Self {
        Self {
            brw_erro_field: ErroField::CRes,
            brw_repeat_creq: RepeatedCReq::Reshow,
            brw_cancel_reason_210: "01".to_owned(),
            brw_cancel_reason_220: "26".to_owned(),
            technical_reason_210: "07".to_owned(),
            challenge_empty_counts: true,
            challenge_resend_counts: false,
            rreq_late_status: LateStatus::U,
            first_creq_seconds: 30,
            idle_seconds: 600,
            rres_seconds: 5,
        }
    }
}
