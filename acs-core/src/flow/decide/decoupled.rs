//! Whether a challenge is made decoupled: the issuer asks the cardholder by itself, in its own time
//! [P-DEC-01, P-DEC-02, P-AREQ-33].

use super::{Answer, Decision, failure, plain, wishes};
use crate::element::{DeviceChannel, MessageVersion};
use crate::flow::reason::Reason;
use crate::flow::{AuthenticateInput, app_channel};
use crate::message::AReq;
use crate::profile::{CardLookup, Fallback};

/// A decoupled authentication that can be done.
#[derive(Debug)]
pub(in crate::flow) struct Promise {
    /// How long the requestor waits.
    pub(in crate::flow) minutes: u16,
    /// `acsChallengeMandated`.
    pub(in crate::flow) mandated: bool,
}

/// D for a challenge that the requestor wants decoupled; N where it could only be decoupled and
/// cannot; `None` where an ordinary challenge comes into question.
pub(super) fn for_challenge(
    input: &AuthenticateInput<'_>,
    rule: &str,
    mandated: bool,
) -> Option<Decision> {
    if input.issuer.decoupled.offered && asks_for(input.areq) {
        return Some(promised(input, rule, mandated));
    }
    if input.areq.channel != DeviceChannel::ThreeRi {
        return None;
    }
    // 2.1.0 does not know decoupled authentication, nor reason 23.
    if input.issuer.decoupled.offered && input.areq.version > MessageVersion::V210 {
        return Some(not_asked_for(rule));
    }
    Some(denied(Reason::NOT_AUTHENTICATED, "OUT-CH", rule).because("nobody-there"))
}

/// D where the requestor asks for it, else N: for rules that want nothing else.
pub(super) fn only(input: &AuthenticateInput<'_>, rule: &str, mandated: bool) -> Decision {
    if asks_for(input.areq) { promised(input, rule, mandated) } else { not_asked_for(rule) }
}

/// Whether this version of the AReq lets a rule want nothing but decoupled.
pub(super) fn is_known(input: &AuthenticateInput<'_>) -> bool {
    input.issuer.decoupled.offered && input.areq.version > MessageVersion::V210
}

/// Whether a challenge may go over to decoupled authentication: the requestor wants that (F, or B),
/// gives enough time for it, and its later 3RI AReq will be served [P-DEC-07, Req 464].
pub(in crate::flow) fn may_fall_back(input: &AuthenticateInput<'_>) -> bool {
    let AuthenticateInput { areq, issuer, .. } = input;
    let settings = &issuer.decoupled;
    let shown = match (areq.channel, &areq.app, input.card) {
        (DeviceChannel::Browser, ..) => true,
        (DeviceChannel::App, Some(app), CardLookup::Found(card)) => {
            app_channel::shows_information(app, &card.contacts, issuer, areq.version)
        }
        _ => false,
    };
    shown
        && areq.version >= MessageVersion::V231
        && matches!(areq.decoupled_req_ind.as_deref(), Some("F" | "B"))
        && areq.decoupled_max_minutes.unwrap_or_default() >= settings.min_minutes.max(1)
        && settings.offered
        && issuer.three_ri.offered
        && settings.fallback != Fallback::Never
}

/// [P-TMO-11, Req 321, Req 325, Req 328]
fn promised(input: &AuthenticateInput<'_>, rule: &str, mandated: bool) -> Decision {
    if input.areq.ds_url.is_none() {
        return failure(input, rule).because("nowhere-to-report");
    }
    let minutes = input.areq.decoupled_max_minutes.unwrap_or_default();
    if minutes < input.issuer.decoupled.min_minutes.max(1) {
        return denied(Reason::TOO_SHORT, "OUT-CH", rule).because("decoupled-time-too-short");
    }
    Decision::new(Answer::Decoupled(Promise { minutes, mandated }), "OUT-CH", rule)
}

fn not_asked_for(rule: &str) -> Decision {
    denied(Reason::DECOUPLED_NEEDED, "OUT-CH", rule).because("decoupled-not-requested")
}

fn denied(reason: Reason, outcome: &'static str, rule: &str) -> Decision {
    Decision::new(Answer::NotAuthenticated(plain(reason)), outcome, rule)
}

/// Y, or from 2.3.1 on B: decoupled as the first choice. F asks for it as a fallback only
/// [P-STAT-07, Note 100, Note 107, P-ARES-14].
fn asks_for(areq: &AReq) -> bool {
    let asks = match areq.decoupled_req_ind.as_deref() {
        Some("Y") => areq.version > MessageVersion::V210,
        Some("B") => areq.version >= MessageVersion::V231,
        _ => false,
    };
    asks && !wishes::forbids_challenge(areq)
}
