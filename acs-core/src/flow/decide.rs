//! The decision: what an AReq is answered, and why. First match wins: what cannot be served, the
//! card's state, a test card's script, the issuer's rules, its default.

pub(super) mod three_ri;

use super::AuthenticateInput;
use super::app_channel::{self, NoOffer};
use super::attempts::Attempt;
use super::proof::Proof;
use super::reason::Reason;
use super::transaction::{Rendering, Via};
use crate::element::{DeviceChannel, TransStatus};
use crate::message::AppData;
use crate::policy::{Facts, RuleOutcome};
use crate::profile::{Card, CardLookup, CardState, PolicyProfile, ScriptedOutcome};

/// Proof that the decision step accepted the risk of a transaction without a challenge.
#[derive(Debug)]
pub struct RiskAccepted {
    rule: String,
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
        }
    }

    pub(super) const fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::NotAuthenticated(refusal)
            | Self::Unavailable(refusal)
            | Self::Rejected(refusal) => Some(refusal),
            Self::Proven(_) | Self::Challenge(_) => None,
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

    const fn because(mut self, obstacle: &'static str) -> Self {
        self.obstacle = Some(obstacle);
        self
    }
}

/// Decides an AReq.
pub(super) fn decide(input: &AuthenticateInput<'_>) -> Decision {
    not_served(input).or_else(|| card_state(input)).unwrap_or_else(|| match input.card {
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
    match input.areq.channel {
        DeviceChannel::Browser | DeviceChannel::App => None,
        DeviceChannel::ThreeRi => {
            three_ri::not_offered(input).and_then(|(reason, step)| unavailable(reason, step))
        }
    }
}

/// Answers that follow from the issuer's books alone (controls 0.4)
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
    if let Some(script) = card.outcome.as_ref().filter(|_| input.issuer.scripted_outcomes) {
        return scripted(input, card, script);
    }
    let facts = Facts::of(input);
    match input.issuer.rules.iter().find(|rule| rule.when.holds(&facts)) {
        Some(rule) => by_outcome(input, card, &rule.name, &rule.then, || Attempt::by_rule(rule)),
        None => {
            let (step, outcome) = default_outcome(input);
            by_outcome(input, card, step, outcome, || Attempt::by_outcome(step, outcome))
        }
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
    attempt: impl FnOnce() -> Option<Attempt>,
) -> Decision {
    let legal = |code: &str, instead| Reason::configured(code, input.areq.version, &instead);
    match outcome {
        RuleOutcome::Accept => {
            let proof = RiskAccepted { rule: rule.to_owned() };
            Decision::new(Answer::Proven(Proof::RiskAccepted(proof)), "OUT-OK", rule)
        }
        RuleOutcome::Attempt => attempt().map_or_else(
            || failure(input, rule),
            |proof| Decision::new(Answer::Proven(Proof::Attempt(proof)), "OUT-ATTEMPT", rule),
        ),
        RuleOutcome::Challenge { mandated } => challenge(input, card, rule, *mandated),
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
            Answer::Proven(Proof::RiskAccepted(RiskAccepted { rule: SCRIPTED.to_owned() }))
        }
        TransStatus::NotAuthenticated => {
            Answer::NotAuthenticated(reason(Reason::NOT_AUTHENTICATED))
        }
        TransStatus::Rejected => Answer::Rejected(reason(Reason::FRAUD)),
        TransStatus::Unavailable => {
            Answer::Unavailable(reason(Reason::technical(input.areq.version, input.issuer)))
        }
        TransStatus::ChallengeRequired | TransStatus::Decoupled => {
            return challenge(input, card, SCRIPTED, false);
        }
        TransStatus::Informational => return failure(input, SCRIPTED),
        TransStatus::Attempted => match Attempt::by_script(script) {
            Some(proof) => Answer::Proven(Proof::Attempt(proof)),
            None => return failure(input, SCRIPTED),
        },
    };
    Decision::new(answer, "OUT-SCRIPTED", SCRIPTED)
}

/// C where it can be done; else what comes closest to "not authenticated"
/// [P-STAT-05, P-STAT-13, Note 99, Note 91].
fn challenge(input: &AuthenticateInput<'_>, card: &Card, rule: &str, mandated: bool) -> Decision {
    let denied = |reason| Answer::NotAuthenticated(plain(reason));
    if input.areq.challenge_ind.iter().any(|code| code == NO_CHALLENGE) {
        return Decision::new(denied(Reason::NOT_AUTHENTICATED), "OUT-CH", rule)
            .because("challenge-indicator-06");
    }
    if input.areq.channel == DeviceChannel::ThreeRi {
        return Decision::new(denied(Reason::NOT_AUTHENTICATED), "OUT-CH", rule)
            .because("nobody-there");
    }
    let browser = input.areq.channel == DeviceChannel::Browser;
    if (browser && !input.notification_url_allowed) || input.areq.ds_url.is_none() {
        return failure(input, rule).because("nowhere-to-report");
    }
    if let Some(app) = &input.areq.app {
        return app_challenge(input, card, app, rule, mandated);
    }
    match app_channel::ways(&card.contacts).first().copied() {
        Some(via) => {
            let offer = Offer { via, mandated, rendering: None };
            Decision::new(Answer::Challenge(offer), "OUT-CH", rule)
        }
        None => {
            Decision::new(denied(Reason::NOT_ENROLLED), "OUT-NOTENR", rule).because("no-contact")
        }
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
    match app_channel::offer(app, &card.contacts, input.issuer) {
        Ok((via, rendering)) => {
            let offer = Offer { via, mandated, rendering: Some(rendering) };
            Decision::new(Answer::Challenge(offer), "OUT-CH", rule)
        }
        Err(NoOffer::NoContact) => {
            let answer = Answer::NotAuthenticated(plain(Reason::NOT_ENROLLED));
            Decision::new(answer, "OUT-NOTENR", rule).because("no-contact")
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

/// Names of the decision steps that are no rules.
const DEFAULT: &str = "default";
const SCRIPTED: &str = "scripted";
/// Challenge indicator: no challenge requested, data share only [P-STAT-13].
const NO_CHALLENGE: &str = "06";
