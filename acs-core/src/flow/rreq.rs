//! RReq: the result of a challenge, built from an [`Outcome`] that can only hold what its status
//! allows [P-RREQ-02..04].

use serde::Serialize;
use serde_json::Value;

use super::ares::{self, RenderingType, carries_value};
use super::category;
use super::challenge::ChallengeContext;
use super::consent::Statuses;
use super::proof::Proof;
use super::reason::Reason;
use super::transaction::{Transaction, Via, Way};
use crate::crypto::{AuthenticationValue, ValueFacts};
use crate::dictionary::Message;
use crate::element::{MessageVersion, TransId, TransStatus};
use crate::outgoing;

/// How a challenge comes out [P-STAT-12, Note 4, Note 129, Note 130].
#[derive(Debug)]
pub(super) enum Outcome {
    /// Y, or A by policy.
    Proven(Proof),
    /// N.
    Denied { reason: Reason, cancel: Option<&'static str> },
    /// R: the issuer refuses the cardholder's transaction.
    Rejected { reason: Reason },
    /// D: the challenge ends, a decoupled authentication of its own follows [Req 465].
    FallsBack { reason: Reason },
    /// U; with a copy of the Erro where one caused it.
    Unavailable { reason: Reason, cancel: Option<&'static str>, erro: Option<Value> },
}

impl Outcome {
    pub(super) const fn status(&self) -> TransStatus {
        match self {
            Self::Proven(proof) => proof.status(),
            Self::Denied { .. } => TransStatus::NotAuthenticated,
            Self::Rejected { .. } => TransStatus::Rejected,
            Self::FallsBack { .. } => TransStatus::Decoupled,
            Self::Unavailable { .. } => TransStatus::Unavailable,
        }
    }

    pub(super) const fn reason(&self) -> Option<&Reason> {
        match self {
            Self::Proven(_) => None,
            Self::Denied { reason, .. }
            | Self::Rejected { reason }
            | Self::FallsBack { reason }
            | Self::Unavailable { reason, .. } => Some(reason),
        }
    }

    pub(super) const fn cancel(&self) -> Option<&'static str> {
        match self {
            Self::Proven(_) | Self::Rejected { .. } | Self::FallsBack { .. } => None,
            Self::Denied { cancel, .. } | Self::Unavailable { cancel, .. } => *cancel,
        }
    }
}

/// Builds and checks the RReq. The authentication value exists in the returned bytes only
/// [P-RREQ-02, P-RREQ-04, P-STAT-16, Req 124, Note 131, Req 62, P-DEC-05, Req 349, Note 179].
///
/// # Errors
/// The defective elements: the message does not leave. So without the account number, where a value
/// needs it: over another one it would prove nothing.
pub(super) fn build(
    transaction: &Transaction,
    outcome: &Outcome,
    counter: u8,
    (way, also): (Way, Option<Via>),
    statuses: &Statuses,
    context: &ChallengeContext<'_>,
) -> Result<Vec<u8>, String> {
    let value = value(transaction, outcome, context)?;
    let decoupled = way == Way::Decoupled;
    // Neither 3RI nor decoupled authentication has one [P-DEC-05, Req 349, Note 179].
    let counter = (!decoupled).then(|| format!("{:02}", counter.min(99)));
    let newest = transaction.version >= MessageVersion::V231;
    let completed =
        matches!(outcome.status(), TransStatus::Authenticated | TransStatus::NotAuthenticated);
    let methods = [Some(way), also.map(Way::from)].into_iter().flatten();
    let methods = methods.map(|way| way.method(context.issuer, transaction.version)).collect();
    let method = Method::of(way, methods, newest).filter(|_| completed);
    let kind = ares::kind(way);
    let app = transaction.app.as_deref();
    let wire = Wire {
        message_type: "RReq",
        message_version: transaction.version,
        three_ds_server_trans_id: transaction.three_ds_server_trans_id,
        ds_trans_id: transaction.ds_trans_id,
        acs_trans_id: transaction.acs_trans_id,
        sdk_trans_id: app.map(|app| app.sdk_trans_id),
        message_category: transaction
            .agreed_category
            .as_deref()
            .unwrap_or_else(|| category(transaction.category)),
        trans_status: outcome.status(),
        trans_status_reason: outcome
            .reason()
            .filter(|_| context.ds.tells_reasons(transaction.category))
            .map(Reason::as_str),
        authentication_value: value.as_ref().map(AuthenticationValue::expose),
        eci: context.ds.eci_of(transaction.category, outcome.status()),
        authentication_type: (completed && !newest).then_some(kind),
        authentication_method: method,
        acs_rendering_type: app
            .and_then(|app| app.rendering)
            .map(|rendering| RenderingType::of(rendering, transaction.version)),
        interaction_counter: counter.as_deref(),
        challenge_cancel: outcome.cancel(),
        challenge_error_reporting: match outcome {
            Outcome::Unavailable { erro, .. } if newest => erro.as_ref(),
            _ => None,
        },
        statuses,
    };
    let json = serde_json::to_vec(&wire).map_err(|e| e.to_string())?;
    outgoing::check(
        &json,
        Message::RReq,
        transaction.version,
        Some(transaction.channel),
        Some(transaction.category),
    )?;
    Ok(json)
}

/// [Note 104, P-RREQ-04]
fn value(
    transaction: &Transaction,
    outcome: &Outcome,
    context: &ChallengeContext<'_>,
) -> Result<Option<AuthenticationValue>, String> {
    let Outcome::Proven(proof) = outcome else { return Ok(None) };
    if !carries_value(transaction.category, context.ds) {
        return Ok(None);
    }
    let facts = ValueFacts {
        pan: context.pan.ok_or("acctNumber")?,
        acs_trans_id: transaction.acs_trans_id,
        ds_trans_id: transaction.ds_trans_id,
        three_ds_server_trans_id: transaction.three_ds_server_trans_id,
        purchase: transaction.purchase.as_ref(),
        merchant: &transaction.merchant,
        created: transaction.created,
    };
    Ok(Some(context.generator.generate(proof, &facts)))
}

/// `authenticationMethod`: one code before 2.3.1, an array since [P-RREQ-03].
#[derive(Serialize)]
#[serde(untagged)]
enum Method {
    One(&'static str),
    List(Vec<&'static str>),
}

impl Method {
    /// 2.2.0 has no code for decoupled, only an authenticationType.
    fn of(way: Way, codes: Vec<&'static str>, newest: bool) -> Option<Self> {
        match (way, newest) {
            (_, true) => Some(Self::List(codes)),
            (Way::Decoupled, false) => None,
            (_, false) => codes.first().copied().map(Self::One),
        }
    }
}

#[derive(Serialize)]
struct Wire<'a> {
    #[serde(rename = "messageType")]
    message_type: &'static str,
    #[serde(rename = "messageVersion")]
    message_version: MessageVersion,
    #[serde(rename = "threeDSServerTransID")]
    three_ds_server_trans_id: TransId,
    #[serde(rename = "dsTransID")]
    ds_trans_id: TransId,
    #[serde(rename = "acsTransID")]
    acs_trans_id: TransId,
    #[serde(rename = "sdkTransID", skip_serializing_if = "Option::is_none")]
    sdk_trans_id: Option<TransId>,
    #[serde(rename = "messageCategory")]
    message_category: &'a str,
    #[serde(rename = "transStatus")]
    trans_status: TransStatus,
    #[serde(rename = "transStatusReason", skip_serializing_if = "Option::is_none")]
    trans_status_reason: Option<&'a str>,
    #[serde(rename = "authenticationValue", skip_serializing_if = "Option::is_none")]
    authentication_value: Option<&'a str>,
    #[serde(rename = "eci", skip_serializing_if = "Option::is_none")]
    eci: Option<&'a str>,
    #[serde(rename = "authenticationType", skip_serializing_if = "Option::is_none")]
    authentication_type: Option<&'static str>,
    #[serde(rename = "authenticationMethod", skip_serializing_if = "Option::is_none")]
    authentication_method: Option<Method>,
    #[serde(rename = "acsRenderingType", skip_serializing_if = "Option::is_none")]
    acs_rendering_type: Option<RenderingType>,
    #[serde(rename = "interactionCounter", skip_serializing_if = "Option::is_none")]
    interaction_counter: Option<&'a str>,
    #[serde(rename = "challengeCancel", skip_serializing_if = "Option::is_none")]
    challenge_cancel: Option<&'static str>,
    #[serde(rename = "challengeErrorReporting", skip_serializing_if = "Option::is_none")]
    challenge_error_reporting: Option<&'a Value>,
    #[serde(flatten)]
    statuses: &'a Statuses,
}
