//! What the requestor wishes and the issuer's own policies make of a rule's outcome [P-STAT-13,
//! P-STAT-14].

use super::{Answer, Decision, plain};
use crate::element::{DeviceChannel, MessageCategory, MessageVersion};
use crate::flow::AuthenticateInput;
use crate::flow::reason::Reason;
use crate::message::AReq;
use crate::policy::{Rule, RuleOutcome};
use crate::profile::PolicyProfile;

/// Indicator 06 anywhere in the list: no challenge, data share only.
pub(super) fn forbids_challenge(areq: &AReq) -> bool {
    wishes(areq, &[DATA_SHARE])
}

/// Indicator 04: a challenge is mandated, which is honoured where one can be done. A pair is in order
/// of preference: behind a wish for no challenge, 04 is for the case that this cannot be met
/// [P-STAT-13, Note 91].
pub(super) fn mandates_challenge(areq: &AReq) -> bool {
    let mut by_preference = areq.challenge_ind.iter().map(String::as_str);
    let first = by_preference.find(|wish| *wish == MANDATED || NO_CHALLENGE.contains(wish));
    first == Some(MANDATED) && !forbids_challenge(areq)
}

/// Whether I may be answered: from 2.2.0 on, to one of the indicators 05, 06 and 07 [P-STAT-08].
pub(super) fn allow_information(areq: &AReq) -> bool {
    areq.version >= MessageVersion::V220 && wishes(areq, &INFORMATION)
}

/// The answer where the requestor allows no challenge: I, unless the issuer's own rule mandates
/// one.
pub(super) fn instead_of_challenge(areq: &AReq, rule: &str, mandated: bool) -> Decision {
    let decision = if mandated || !allow_information(areq) {
        let answer = Answer::NotAuthenticated(plain(Reason::NOT_AUTHENTICATED));
        Decision::new(answer, "OUT-CH", rule)
    } else {
        informational(rule)
    };
    decision.because("challenge-indicator-06")
}

/// The wish is acknowledged; nothing is proven by it.
pub(super) fn informational(rule: &str) -> Decision {
    Decision::new(Answer::Informational(None), "OUT-INFO", rule)
}

/// Whether the issuer's policies challenge what a rule (or, with `None`, the default) lets pass:
/// linking a card or a token to an account. A rule that names the indicator is the issuer's own
/// word on it.
pub(super) fn is_credential_linked(
    input: &AuthenticateInput<'_>,
    rule: Option<&Rule>,
    outcome: &RuleOutcome,
) -> bool {
    let areq = input.areq;
    let passes =
        matches!(outcome, RuleOutcome::Accept | RuleOutcome::Attempt | RuleOutcome::Inform);
    let links = |indicator: &str| LINKING.contains(&indicator);
    passes
        && input.issuer.policy_profile == PolicyProfile::Issuer
        && areq.category == MessageCategory::NonPayment
        && areq.channel != DeviceChannel::ThreeRi
        && areq.authentication_ind.as_deref().is_some_and(links)
        && rule.is_none_or(|rule| rule.when.authentication_ind.is_empty())
}

fn wishes(areq: &AReq, codes: &[&str]) -> bool {
    areq.challenge_ind.iter().any(|wish| codes.contains(&wish.as_str()))
}

const DATA_SHARE: &str = "06";
const MANDATED: &str = "04";
/// Wishes for no challenge, beside 06.
const NO_CHALLENGE: [&str; 6] = ["02", "05", "07", "08", "10", "11"];
const INFORMATION: [&str; 3] = ["05", DATA_SHARE, "07"];
/// `threeDSRequestorAuthenticationInd`: adding a card, maintaining one, identifying the holder for
/// a token.
const LINKING: [&str; 3] = ["04", "05", "06"];
