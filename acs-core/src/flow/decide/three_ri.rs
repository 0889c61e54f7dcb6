//! 3RI: nobody is at a device, so only Y, A, N, U, R, I or D can be answered [P-3RI-01].

use crate::element::{DeviceChannel, MessageCategory, MessageVersion};
use crate::flow::AuthenticateInput;
use crate::flow::reason::Reason;
use crate::message::AReq;
use crate::policy::RuleOutcome;
use crate::profile::PolicyProfile;

/// Why a 3RI AReq is not served at all; `None` when it is.
pub(super) fn not_offered(input: &AuthenticateInput<'_>) -> Option<(Reason, &'static str)> {
    let AuthenticateInput { areq, issuer, .. } = input;
    if !issuer.three_ri.offered {
        return Some((Reason::NO_3RI, "3ri-not-offered"));
    }
    let payment = areq.category == MessageCategory::Payment;
    let oldest = areq.version == MessageVersion::V210;
    (payment && oldest).then_some((Reason::NO_3RI, "3ri-payment-in-2.1.0"))
}

/// What the issuer does with a 3RI AReq that no rule speaks about: the step's name and its outcome
/// [P-3RI-01, Req 290, Req 291].
pub(super) fn outcome<'a>(input: &AuthenticateInput<'a>) -> (&'static str, &'a RuleOutcome) {
    if asks_for_status(input.areq) {
        return ("3ri-status-check", &ACCEPT);
    }
    if input.areq.three_ri_ind.as_deref() == Some(FALLBACK) {
        return ("3ri-fallback", &CHALLENGE);
    }
    if is_proven(input) {
        return ("3ri-prior", &ACCEPT);
    }
    ("3ri-unproven", &input.issuer.three_ri.unproven)
}

/// What an AReq is answered that says it follows a challenge that went over to decoupled
/// authentication, and does not: another card's or merchant's, another result, too late, or not
/// the first. `None` for every other [P-DEC-07, Req 467].
pub(super) fn foreign_fallback<'a>(input: &AuthenticateInput<'a>) -> Option<&'a RuleOutcome> {
    let issuer = input.issuer;
    let says = input.areq.channel == DeviceChannel::ThreeRi
        && input.areq.three_ri_ind.as_deref() == Some(FALLBACK)
        && issuer.policy_profile == PolicyProfile::Issuer;
    (says && !follows_fallback(input)).then_some(&issuer.decoupled.fallback_unproven)
}

/// Whether a 3RI AReq is the one that follows a challenge which went over to decoupled
/// authentication: named by it, of its card and merchant, in time, and by its own word after a
/// challenge of ours. It is so once: the reference is worth nothing to a second one
/// ([`Transaction::after_following_areq`](crate::flow::Transaction::after_following_areq))
/// [P-DEC-07, Req 467, Note 114].
pub(in crate::flow) fn follows_fallback(input: &AuthenticateInput<'_>) -> bool {
    let areq = input.areq;
    let says = areq.channel == DeviceChannel::ThreeRi
        && areq.three_ri_ind.as_deref() == Some(FALLBACK)
        && areq.claims.prior_methods.iter().all(|method| method == PRIOR_CHALLENGE);
    says && input.prior.found().is_some_and(|prior| {
        let seconds = input.issuer.decoupled.fallback_seconds;
        let until = prior.fell_back.map(|at| at.plus_seconds(seconds));
        prior.card_token == input.account.card_token
            && prior.same_merchant(areq)
            && until.is_some_and(|until| input.now < until)
    })
}

/// Whether it is a question about the account, which is answered without an authentication value
/// [P-3RI-04].
pub(in crate::flow) fn asks_for_status(areq: &AReq) -> bool {
    let asks = |indicator| STATUS_CHECKS.contains(&indicator);
    areq.category == MessageCategory::NonPayment && areq.three_ri_ind.as_deref().is_some_and(asks)
}

/// Whether an earlier authentication of this card at this merchant carries this one [P-3RI-03].
fn is_proven(input: &AuthenticateInput<'_>) -> bool {
    input.prior.found().is_some_and(|prior| {
        prior.authenticated()
            && prior.card_token == input.account.card_token
            && prior.same_merchant(input.areq)
            && prior.age_days(input.now) < input.issuer.three_ri.prior_days
            && prior.reaches(input.areq, input.issuer.three_ri.prior_frictionless)
    })
}

/// Trust list status, device binding status, card security code status.
const STATUS_CHECKS: [&str; 3] = ["10", "13", "14"];
/// The decoupled authentication that a challenge went over to [P-DEC-07].
const FALLBACK: &str = "19";
/// threeDSReqPriorAuthMethod: a challenge at the ACS.
const PRIOR_CHALLENGE: &str = "02";
/// The step that answers where there was none.
pub(super) const UNPROVEN_FALLBACK: &str = "3ri-fallback-unproven";
static ACCEPT: RuleOutcome = RuleOutcome::Accept;
static CHALLENGE: RuleOutcome = RuleOutcome::Challenge { mandated: false };
