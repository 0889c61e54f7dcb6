//! The decision: what an AReq is answered, and why. First match wins: what cannot be served, the
//! card's state, a test card's script, the issuer's rules, its default.

mod decoupled;
pub(super) mod three_ri;
mod wishes;

use super::AuthenticateInput;
use super::app_channel::{self, AppOffer, NoOffer};
use super::attempts::Attempt;
use super::proof::Proof;
use super::reason::Reason;
use super::spc::{self, SpcOffer};
use super::transaction::{Rendering, Via};
use crate::element::{DeviceChannel, MessageCategory, TransStatus};
use crate::message::AppData;
use crate::policy::{Exemption, Facts, Rule, RuleOutcome};
use crate::profile::{Card, CardLookup, CardState, OobFallback, PolicyProfile, ScriptedOutcome};
pub(super) use decoupled::{Promise, may_fall_back};

/// Proof that the decision step accepted the risk of a transaction without a challenge.
#[derive(Debug)]
pub struct RiskAccepted {
    rule: String,
    exemption: Option<Exemption>,
}

impl RiskAccepted {
    /// Name of the rule that accepted it.
    #[must_use]
    pub fn rule(&self) -> &str {
        &self.rule
    }
}

/// An answer that can only hold what its status allows [Req 107, Note 98, Req 30].
#[derive(Debug)]
pub(super) enum Answer {
    /// Y or A, by the kind of proof.
    Proven(Proof),
    NotAuthenticated(Refusal),
    Unavailable(Refusal),
    Rejected(Refusal),
    Challenge(Offer),
    Decoupled(Promise),
    /// I, with the exemption that the issuer makes use of.
    Informational(Option<Exemption>),
    /// S [P-STAT-09].
    Spc(Box<SpcOffer>),
}

/// A negative answer.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) reason: Reason,
    /// Whether `cardholderInfo` tells the cardholder whom to ask.
    pub(super) tell_cardholder: bool,
}

/// A challenge that can be done [P-STAT-15].
#[derive(Debug)]
pub(super) struct Offer {
    pub(super) via: Via,
    /// `acsChallengeMandated`.
    pub(super) mandated: bool,
    /// How a code goes out should the issuer's app be of no use.
    pub(super) fallback: Option<Via>,
    /// `acsRenderingType`, in the app channel.
    pub(super) rendering: Option<Rendering>,
}

impl Answer {
    pub(super) const fn status(&self) -> TransStatus {
        match self {
            Self::Proven(proof) => proof.status(),
            Self::NotAuthenticated(_) => TransStatus::NotAuthenticated,
            Self::Unavailable(_) => TransStatus::Unavailable,
            Self::Rejected(_) => TransStatus::Rejected,
            Self::Challenge(_) => TransStatus::ChallengeRequired,
            Self::Decoupled(_) => TransStatus::Decoupled,
            Self::Informational(_) => TransStatus::Informational,
            Self::Spc(_) => TransStatus::SpcRequired,
        }
    }

    pub(super) const fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::NotAuthenticated(refusal)
            | Self::Unavailable(refusal)
            | Self::Rejected(refusal) => Some(refusal),
            Self::Proven(_)
            | Self::Challenge(_)
            | Self::Decoupled(_)
            | Self::Informational(_)
            | Self::Spc(_) => None,
        }
    }

    /// The exemption that stands for a challenge; what is challenged or refused has none
    /// [P-ARES-19].
    pub(super) const fn exemption(&self) -> Option<Exemption> {
        match self {
            Self::Proven(Proof::RiskAccepted(accepted)) => accepted.exemption,
            Self::Informational(exemption) => *exemption,
            _ => None,
        }
    }

    fn exempt(&mut self, exemption: Option<Exemption>) {
        match self {
            Self::Proven(Proof::RiskAccepted(accepted)) => accepted.exemption = exemption,
            Self::Informational(used) => *used = exemption,
            _ => {}
        }
    }
}

/// An answer with its *why*.
#[derive(Debug)]
pub(super) struct Decision {
    pub(super) answer: Answer,
    /// Code of the outcome, for reports.
    pub(super) outcome: &'static str,
    /// The rule, or the step that decided.
    pub(super) rule: String,
    /// What stood in the way of what the rule wanted.
    pub(super) obstacle: Option<&'static str>,
}

impl Decision {
    fn new(answer: Answer, outcome: &'static str, rule: &str) -> Self {
        Self { answer, outcome, rule: rule.to_owned(), obstacle: None }
    }

    /// Whether a challenge was wanted, even one that nothing but a passkey can be used for.
    pub(super) fn wants_challenge(&self) -> bool {
        matches!(self.answer, Answer::Challenge(_)) || self.obstacle == Some(NO_CONTACT)
    }

    /// S in place of the challenge.
    pub(super) fn confirm(&mut self, offer: SpcOffer) {
        self.answer = Answer::Spc(Box::new(offer));
        self.outcome = "OUT-CH";
        self.obstacle = None;
    }

    const fn because(mut self, obstacle: &'static str) -> Self {
        self.obstacle = Some(obstacle);
        self
    }
}

/// Decides an AReq.
pub(super) fn decide(input: &AuthenticateInput<'_>) -> Decision {
    let first = not_served(input).or_else(|| attempts_range(input)).or_else(|| card_state(input));
    first.unwrap_or_else(|| match input.card {
        CardLookup::Found(card) => active_card(input, card),
        CardLookup::Unknown | CardLookup::Failed => failure(input, "card-unread"),
    })
}

/// A failure of ours or of the environment: U, never Y (invariant 3) [P-AREQ-31].
pub(super) fn failure(input: &AuthenticateInput<'_>, step: &str) -> Decision {
    let reason = Reason::technical(input.areq.version, input.issuer);
    Decision::new(Answer::Unavailable(plain(reason)), "OUT-TECH", step)
}

/// What is not offered, whatever the card [P-AREQ-32].
fn not_served(input: &AuthenticateInput<'_>) -> Option<Decision> {
    if !input.ds_url_allowed {
        return Some(failure(input, "foreign-ds-url"));
    }
    let unavailable = |reason, rule| {
        Some(Decision::new(Answer::Unavailable(plain(reason)), "OUT-NOT-OFFERED", rule))
    };
    if input.areq.category == MessageCategory::NonPayment && !input.issuer.npa_offered {
        return unavailable(Reason::NO_NPA, "npa-not-offered");
    }
    match input.areq.channel {
        DeviceChannel::Browser | DeviceChannel::App => None,
        DeviceChannel::ThreeRi => {
            three_ri::not_offered(input).and_then(|(reason, step)| unavailable(reason, step))
        }
    }
}

/// Proof of an attempt for a card of a range that the issuer does not authenticate yet, on record or
/// not: unless the card is closed or a rule refuses.
fn attempts_range(input: &AuthenticateInput<'_>) -> Option<Decision> {
    let attempt = Attempt::by_range(input)?;
    let refused = match input.card {
        CardLookup::Failed => true,
        CardLookup::Unknown => false,
        CardLookup::Found(card) => match card.state {
            CardState::Active => {
                scripted_for(input, card).is_some() || expiry_mismatch(input, card).is_some()
            }
            CardState::NotActivated | CardState::NotEnrolled => false,
            _ => true,
        },
    };
    let refuses = |rule: &Rule| {
        matches!(
            rule.then,
            RuleOutcome::Deny { .. } | RuleOutcome::Reject { .. } | RuleOutcome::Unavailable { .. }
        )
    };
    if refused || firing_rule(input).is_some_and(refuses) {
        return None;
    }
    Some(Decision::new(Answer::Proven(Proof::Attempt(attempt)), "OUT-ATTEMPT", RANGE))
}

/// Answers that follow from the issuer's books alone
/// [P-AREQ-32, Req 28, Req 105, Req 289].
fn card_state(input: &AuthenticateInput<'_>) -> Option<Decision> {
    let card = match input.card {
        CardLookup::Failed => return Some(failure(input, "card-lookup-failed")),
        CardLookup::Unknown => {
            let answer = Answer::NotAuthenticated(plain(Reason::UNKNOWN_CARD));
            return Some(Decision::new(answer, "OUT-UNK", "card-unknown"));
        }
        CardLookup::Found(card) => card,
    };
    let denied = |reason| Answer::NotAuthenticated(plain(reason));
    let decision = match card.state {
        CardState::Active => return expiry_mismatch(input, card),
        CardState::NotActivated => {
            Decision::new(denied(Reason::NOT_ENROLLED), "OUT-NOTENR", "card-not-activated")
        }
        CardState::NotEnrolled => {
            Decision::new(denied(Reason::NOT_ENROLLED), "OUT-NOTENR", "card-not-enrolled")
        }
        CardState::Expired => Decision::new(denied(Reason::EXPIRED), "OUT-EXP", "card-expired"),
        CardState::Suspended => {
            let refusal = Refusal { reason: Reason::NOT_PERMITTED, tell_cardholder: true };
            Decision::new(Answer::NotAuthenticated(refusal), "OUT-SUSP", "card-suspended")
        }
        CardState::Lost => {
            Decision::new(Answer::Rejected(plain(Reason::STOLEN)), "OUT-STOLEN", "card-lost")
        }
        CardState::Stolen => {
            Decision::new(Answer::Rejected(plain(Reason::STOLEN)), "OUT-STOLEN", "card-stolen")
        }
    };
    Some(decision)
}

fn expiry_mismatch(input: &AuthenticateInput<'_>, card: &Card) -> Option<Decision> {
    let (known, sent) = (card.expiry.as_ref()?, input.areq.card_expiry_date.as_ref()?);
    (known != sent).then(|| {
        let answer = Answer::NotAuthenticated(plain(Reason::EXPIRED));
        Decision::new(answer, "OUT-EXP", "expiry-differs")
    })
}

/// [Req 106, Req 29]
fn active_card(input: &AuthenticateInput<'_>, card: &Card) -> Decision {
    if let Some(script) = scripted_for(input, card) {
        return scripted(input, card, script);
    }
    if let Some(decision) = spc::second(input, card) {
        return decision;
    }
    if let Some(outcome) = three_ri::foreign_fallback(input) {
        return by_outcome(input, card, three_ri::UNPROVEN_FALLBACK, outcome);
    }
    let rule = firing_rule(input);
    let (step, outcome) = match rule {
        Some(rule) => (rule.name.as_str(), &rule.then),
        None => default_outcome(input),
    };
    if wishes::is_credential_linked(input, rule, outcome) {
        return challenge(input, card, LINKING, false);
    }
    let mut decision = by_outcome(input, card, step, outcome);
    decision.answer.exempt(rule.and_then(|rule| rule.exemption));
    if *outcome == RuleOutcome::Accept && wishes::mandates_challenge(input.areq) {
        return mandated_by_requestor(input, card, decision);
    }
    decision
}

fn scripted_for<'a>(input: &AuthenticateInput<'_>, card: &'a Card) -> Option<&'a ScriptedOutcome> {
    card.outcome.as_ref().filter(|_| input.issuer.scripted_outcomes)
}

/// The first rule whose conditions hold; one that informs is passed over where I may not be
/// answered.
fn firing_rule<'a>(input: &AuthenticateInput<'a>) -> Option<&'a Rule> {
    let facts = Facts::of(input);
    let informs = wishes::allow_information(input.areq);
    let fires =
        |rule: &&Rule| rule.when.holds(&facts) && (rule.then != RuleOutcome::Inform || informs);
    input.issuer.rules.iter().find(fires)
}

/// Indicator 04 turns an acceptance into a challenge, where one can be done [P-STAT-13].
fn mandated_by_requestor(
    input: &AuthenticateInput<'_>,
    card: &Card,
    accepted: Decision,
) -> Decision {
    let challenged = challenge(input, card, &accepted.rule, false);
    match challenged.answer {
        Answer::Challenge(_) | Answer::Decoupled(_) => challenged.because("challenge-indicator-04"),
        _ => accepted,
    }
}

/// What happens when no rule fires: the step's name and its outcome.
fn default_outcome<'a>(input: &AuthenticateInput<'a>) -> (&'static str, &'a RuleOutcome) {
    let policies = input.issuer.policy_profile == PolicyProfile::Issuer;
    if policies && input.areq.channel == DeviceChannel::ThreeRi {
        return three_ri::outcome(input);
    }
    (DEFAULT, &input.issuer.default_outcome)
}

fn by_outcome(
    input: &AuthenticateInput<'_>,
    card: &Card,
    rule: &str,
    outcome: &RuleOutcome,
) -> Decision {
    let legal = |code: &str, instead| Reason::configured(code, input.areq.version, &instead);
    match outcome {
        RuleOutcome::Accept => {
            let proof = RiskAccepted { rule: rule.to_owned(), exemption: None };
            Decision::new(Answer::Proven(Proof::RiskAccepted(proof)), "OUT-OK", rule)
        }
        RuleOutcome::Attempt => Attempt::by_outcome(rule, outcome).map_or_else(
            || failure(input, rule),
            |proof| Decision::new(Answer::Proven(Proof::Attempt(proof)), "OUT-ATTEMPT", rule),
        ),
        RuleOutcome::Challenge { mandated } => challenge(input, card, rule, *mandated),
        RuleOutcome::Decoupled { mandated } if decoupled::is_known(input) => {
            decoupled::only(input, rule, *mandated)
        }
        RuleOutcome::Decoupled { mandated } => challenge(input, card, rule, *mandated),
        RuleOutcome::Inform if wishes::allow_information(input.areq) => wishes::informational(rule),
        RuleOutcome::Inform => challenge(input, card, rule, false),
        RuleOutcome::Deny { reason } => {
            let reason = legal(reason, Reason::NOT_AUTHENTICATED);
            Decision::new(Answer::NotAuthenticated(plain(reason)), "OUT-DENY", rule)
        }
        RuleOutcome::Reject { reason } => {
            let reason = legal(reason, Reason::FRAUD);
            let outcome = if reason == Reason::FRAUD { "OUT-FRAUD" } else { "OUT-REJECT" };
            Decision::new(Answer::Rejected(plain(reason)), outcome, rule)
        }
        RuleOutcome::Unavailable { reason } => {
            let technical = Reason::technical(input.areq.version, input.issuer);
            let reason = legal(reason, technical);
            Decision::new(Answer::Unavailable(plain(reason)), "OUT-TECH", rule)
        }
    }
}

fn scripted(input: &AuthenticateInput<'_>, card: &Card, script: &ScriptedOutcome) -> Decision {
    let reason = |instead: Reason| {
        let code = script.reason.as_deref().unwrap_or_default();
        plain(Reason::configured(code, input.areq.version, &instead))
    };
    let answer = match script.status {
        TransStatus::Authenticated => {
            let proof = RiskAccepted { rule: SCRIPTED.to_owned(), exemption: None };
            Answer::Proven(Proof::RiskAccepted(proof))
        }
        TransStatus::NotAuthenticated => {
            Answer::NotAuthenticated(reason(Reason::NOT_AUTHENTICATED))
        }
        TransStatus::Rejected => Answer::Rejected(reason(Reason::FRAUD)),
        TransStatus::Unavailable => {
            Answer::Unavailable(reason(Reason::technical(input.areq.version, input.issuer)))
        }
        TransStatus::Decoupled if decoupled::is_known(input) => {
            return decoupled::only(input, SCRIPTED, false);
        }
        TransStatus::Informational if wishes::allow_information(input.areq) => {
            return wishes::informational(SCRIPTED);
        }
        TransStatus::ChallengeRequired | TransStatus::Decoupled | TransStatus::Informational => {
            return challenge(input, card, SCRIPTED, false);
        }
        TransStatus::SpcRequired => return failure(input, SCRIPTED),
        TransStatus::Attempted => match Attempt::by_script(script) {
            Some(proof) => Answer::Proven(Proof::Attempt(proof)),
            None => return failure(input, SCRIPTED),
        },
    };
    Decision::new(answer, "OUT-SCRIPTED", SCRIPTED)
}

/// C, or D where the requestor prefers that, where it can be done; else what comes closest to
/// "not authenticated" [P-STAT-05, P-STAT-13, Note 99, Note 91].
pub(super) fn challenge(
    input: &AuthenticateInput<'_>,
    card: &Card,
    rule: &str,
    mandated: bool,
) -> Decision {
    let denied = |reason| Answer::NotAuthenticated(plain(reason));
    if wishes::forbids_challenge(input.areq) {
        return wishes::instead_of_challenge(input.areq, rule, mandated);
    }
    if let Some(decided) = decoupled::for_challenge(input, rule, mandated) {
        return decided;
    }
    let browser = input.areq.channel == DeviceChannel::Browser;
    if (browser && !input.notification_url_allowed) || input.areq.ds_url.is_none() {
        return failure(input, rule).because("nowhere-to-report");
    }
    if let Some(app) = &input.areq.app {
        return app_challenge(input, card, app, rule, mandated);
    }
    let code = app_channel::ways(&card.contacts).first().copied();
    let by_app = app_channel::is_asked_in_app(&card.contacts, input.issuer);
    match by_app.then_some(Via::App).or(code) {
        Some(via) => {
            let fallback =
                code.filter(|_| by_app && input.issuer.oob.fallback != OobFallback::Never);
            let offer = Offer { via, mandated, fallback, rendering: None };
            Decision::new(Answer::Challenge(offer), "OUT-CH", rule)
        }
        None => Decision::new(denied(Reason::NOT_ENROLLED), "OUT-NOTENR", rule).because(NO_CONTACT),
    }
}

/// C where the SDK can show it and the content can be signed [P-ARES-08, Req 26, Req 32, Note 110].
fn app_challenge(
    input: &AuthenticateInput<'_>,
    card: &Card,
    app: &AppData,
    rule: &str,
    mandated: bool,
) -> Decision {
    if input.signer.is_none() {
        return failure(input, rule).because("no-signing-key");
    }
    match app_channel::offer(app, &card.contacts, input.issuer, input.areq.version) {
        Ok(AppOffer { via, fallback, rendering }) => {
            let offer = Offer { via, mandated, fallback, rendering: Some(rendering) };
            Decision::new(Answer::Challenge(offer), "OUT-CH", rule)
        }
        Err(NoOffer::NoContact) => {
            let answer = Answer::NotAuthenticated(plain(Reason::NOT_ENROLLED));
            Decision::new(answer, "OUT-NOTENR", rule).because(NO_CONTACT)
        }
        Err(NoOffer::Device) => {
            let answer = Answer::Unavailable(plain(Reason::DEVICE));
            Decision::new(answer, "OUT-NOT-OFFERED", rule).because("no-common-rendering")
        }
    }
}

const fn plain(reason: Reason) -> Refusal {
    Refusal { reason, tell_cardholder: false }
}

/// There is nowhere to send a code.
const NO_CONTACT: &str = "no-contact";
/// Names of the decision steps that are no rules.
const DEFAULT: &str = "default";
const SCRIPTED: &str = "scripted";
const LINKING: &str = "npa-linking";
const RANGE: &str = "attempts-range";
