//! Secure Payment Confirmation: the ARes S with what the requestor's page has to let the cardholder
//! sign, and the second AReq that brings the assertion back [P-SPC-01..05]; or the same in the
//! ACS's own challenge page.

pub mod assertion;
pub(super) mod in_page;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::AuthenticateInput;
use super::currency;
use super::decide::{self, Answer, Decision, Refusal};
use super::prior::SpcWait;
use super::proof::Proof;
use super::reason::Reason;
use super::words;
use crate::Random;
use crate::UtcMillis;
use crate::element::{DeviceChannel, MessageVersion};
use crate::message::{Merchant, Purchase};
use crate::profile::{Card, CardLookup, Passkey, SpcFailure, SpcSettings};

/// What an assertion has to be about; kept in the state of the first transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ExpectSpc {
    /// End of the wait for the second AReq [P-TMO-14].
    #[serde(rename = "u")]
    pub until: UtcMillis,
    /// base64url, random, good for one assertion.
    #[serde(rename = "ch")]
    pub(super) challenge: String,
    /// Letters.
    #[serde(rename = "cu")]
    pub(super) currency: String,
    /// Decimal text.
    #[serde(rename = "v")]
    pub(super) value: String,
    /// Empty where the requestor names none, in our own page.
    #[serde(rename = "po")]
    pub(super) payee_origin: String,
    #[serde(rename = "pn", default, skip_serializing_if = "Option::is_none")]
    pub(super) payee_name: Option<String>,
    #[serde(rename = "dn")]
    pub(super) display_name: String,
}

/// An ARes S.
#[derive(Debug)]
pub(super) struct SpcOffer {
    pub(super) expected: ExpectSpc,
    credentials: Vec<WebAuthnCred>,
    icon: String,
    timeout_ms: u32,
}

/// `webAuthnCredList` item.
#[derive(Debug, Clone, Serialize)]
pub(super) struct WebAuthnCred {
    #[serde(rename = "rpID")]
    rp_id: String,
    #[serde(rename = "credentialIds")]
    credential_ids: String,
}

/// `spcTransData` [P-SPC-02].
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SpcTransData<'a> {
    challenge: &'a str,
    currency: &'a str,
    value: &'a str,
    display_name: &'a str,
    icon: &'a str,
    timeout: String,
    payee_origin: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    payee_name: Option<&'a str>,
}

impl SpcOffer {
    pub(super) fn credentials(&self) -> &[WebAuthnCred] {
        &self.credentials
    }

    pub(super) fn trans_data(&self) -> SpcTransData<'_> {
        let expected = &self.expected;
        SpcTransData {
            challenge: &expected.challenge,
            currency: &expected.currency,
            value: &expected.value,
            display_name: &expected.display_name,
            icon: &self.icon,
            timeout: self.timeout_ms.to_string(),
            payee_origin: &expected.payee_origin,
            payee_name: expected.payee_name.as_deref(),
        }
    }
}

/// S in place of a challenge, where the requestor can do it and the card has a passkey
/// [P-SPC-01]. Never twice for one payment [P-SPC-04].
pub(super) fn offer(input: &AuthenticateInput<'_>, random: &mut dyn Random) -> Option<SpcOffer> {
    let areq = input.areq;
    let settings = input.issuer.spc.as_ref()?;
    let CardLookup::Found(card) = input.card else { return None };
    let asked = areq.channel == DeviceChannel::Browser
        && areq.version >= MessageVersion::V231
        && areq.spc.supported
        && areq.ds_url.is_some();
    if !asked || card.passkeys.is_empty() || is_second(input) {
        return None;
    }
    let (currency, value) = amount(areq.purchase.as_ref(), settings)?;
    let mut bytes = [0; CHALLENGE_BYTES];
    random.fill(&mut bytes);
    let credential = |key: &Passkey| WebAuthnCred {
        rp_id: key.rp_id.clone(),
        credential_ids: key.credential_id.clone(),
    };
    Some(SpcOffer {
        expected: ExpectSpc {
            until: input.now.plus_seconds(settings.wait_seconds),
            challenge: URL_SAFE_NO_PAD.encode(bytes),
            currency,
            value,
            payee_origin: areq.spc.payee_origin.clone()?,
            payee_name: payee_name(&areq.merchant),
            display_name: display_name(input),
        },
        credentials: card.passkeys.iter().take(MAX_CREDENTIALS).map(credential).collect(),
        icon: settings.icon.clone(),
        timeout_ms: settings.timeout_ms,
    })
}

fn payee_name(merchant: &Merchant) -> Option<String> {
    merchant.name.as_deref().map(words::one_line).filter(|name| !name.is_empty())
}

/// Currency and amount as the browser shows them; 0 where nothing is paid [Note 161].
fn amount(purchase: Option<&Purchase>, settings: &SpcSettings) -> Option<(String, String)> {
    let Some(purchase) = purchase else {
        return Some((settings.currency.clone(), "0".to_owned()));
    };
    let letters = currency::letters(&purchase.currency)?.to_owned();
    let places = usize::from(purchase.exponent);
    let digits = purchase.amount.trim_start_matches('0');
    let padded = format!("{digits:0>width$}", width = places + 1);
    let (whole, fraction) = padded.split_at(padded.len() - places);
    let value = if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") };
    (value.len() <= MAX_VALUE).then_some((letters, value))
}

/// The card as the browser names it: issuer and last four digits.
fn display_name(input: &AuthenticateInput<'_>) -> String {
    let name = input.issuer.locales.first().map_or("", |locale| locale.name.as_str());
    let name: String = name.chars().take(MAX_NAME).collect();
    format!("{name} ****{}", input.account.pan.last4())
}

/// Whether an AReq is the second one of a confirmation.
pub(super) fn is_second(input: &AuthenticateInput<'_>) -> bool {
    let spc = &input.areq.spc;
    spc.assertion.is_some() || spc.incomplete.is_some() || waiting(input).is_some()
}

/// The first transaction, while it waits for this AReq's card.
fn waiting<'a>(input: &AuthenticateInput<'a>) -> Option<&'a SpcWait> {
    let prior = input.prior.found()?;
    let same_card = prior.card_token == input.account.card_token;
    prior.spc.as_deref().filter(|wait| same_card && wait.ds_id == input.ds.id)
}

/// Whether this AReq ends the first transaction's wait: from then on its challenge is worth nothing
/// and no RReq follows for it [P-SPC-05].
pub(super) fn closes_prior(input: &AuthenticateInput<'_>) -> bool {
    input.issuer.spc.is_some() && waiting(input).is_some()
}

/// The answer to a second AReq; `None` for all others.
pub(super) fn second(input: &AuthenticateInput<'_>, card: &Card) -> Option<Decision> {
    let settings = input.issuer.spc.as_ref().filter(|_| is_second(input))?;
    let spc = &input.areq.spc;
    if spc.assertion.is_none() || spc.incomplete.is_some() {
        return Some(instead(input, card, "spc-incomplete", settings.on_incomplete));
    }
    Some(match judge(input, card, settings) {
        Ok(proof) => Decision {
            answer: Answer::Proven(Proof::Asserted(proof)),
            outcome: "OUT-OK",
            rule: "spc-assertion".to_owned(),
            obstacle: None,
        },
        Err(why) => {
            let mut decision = instead(input, card, "spc-assertion", settings.on_failure);
            decision.obstacle = decision.obstacle.or(Some(why));
            decision
        }
    })
}

/// Holds the assertion against the first transaction, and this AReq too [Note 164].
fn judge(
    input: &AuthenticateInput<'_>,
    card: &Card,
    settings: &SpcSettings,
) -> Result<assertion::Asserted, &'static str> {
    let prior = input.prior.found().ok_or("no-first-transaction")?;
    let SpcWait { expected, purchase, .. } = waiting(input).ok_or("challenge-not-open")?;
    if expected.until <= input.now {
        return Err("challenge-too-old");
    }
    if !same_payment(purchase.as_ref(), input.areq.purchase.as_ref()) {
        return Err("payment-differs");
    }
    if !same_merchant(&prior.merchant, &input.areq.merchant) {
        return Err("merchant-differs");
    }
    let said = input.areq.spc.assertion.as_ref().ok_or("no-assertion")?;
    assertion::verify(said, expected, &card.passkeys, &settings.icon, None)
}

/// The date may be another: it is the second message's own.
fn same_payment(first: Option<&Purchase>, second: Option<&Purchase>) -> bool {
    let facts = |purchase: &Purchase| {
        (purchase.amount.clone(), purchase.currency.clone(), purchase.exponent)
    };
    first.map(facts) == second.map(facts)
}

fn same_merchant(first: &Merchant, second: &Merchant) -> bool {
    first.acquirer_merchant_id == second.acquirer_merchant_id
        && first.acquirer_bin == second.acquirer_bin
        && first.name == second.name
        && first.mcc == second.mcc
        && first.country == second.country
}

/// What a confirmation that came to nothing is answered; never S again.
fn instead(input: &AuthenticateInput<'_>, card: &Card, rule: &str, how: SpcFailure) -> Decision {
    let plain = |reason| Refusal { reason, tell_cardholder: false };
    let (answer, outcome) = match how {
        SpcFailure::Challenge => return decide::challenge(input, card, rule, false),
        SpcFailure::Deny => (Answer::NotAuthenticated(plain(Reason::NOT_AUTHENTICATED)), "OUT-SPC"),
        SpcFailure::Unavailable => {
            let reason = Reason::technical(input.areq.version, input.issuer);
            (Answer::Unavailable(plain(reason)), "OUT-SPC")
        }
    };
    Decision { answer, outcome, rule: rule.to_owned(), obstacle: None }
}

const CHALLENGE_BYTES: usize = 32;
const MAX_CREDENTIALS: usize = 10;
/// Characters of `value`.
const MAX_VALUE: usize = 40;
/// Characters of the issuer's name in `displayName`, which may have 40.
const MAX_NAME: usize = 30;
