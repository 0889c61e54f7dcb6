//! The decision step: ordered rules over card state, amount, currency, merchant, country and
//! indicators. First rule that fires wins; each outcome carries its *why* (invariant 9).

mod claims;
mod device;
mod exemption;

use serde::{Deserialize, Serialize};

use crate::UtcMillis;
use crate::element::{DeviceChannel, MessageCategory, TransStatus};
use crate::flow::consent::Standing;
use crate::flow::{AuthenticateInput, Prior, PriorTransaction, currency};
use crate::message::AReq;
use crate::security_code::SecurityCodeCheck;

pub use exemption::Exemption;

/// One policy rule of an issuer's configuration (`[[issuer.rule]]`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Rule {
    /// Name shown in *why* records.
    pub name: String,
    /// All given conditions must hold; none given = always.
    #[serde(default)]
    pub when: Condition,
    pub then: RuleOutcome,
    /// The exemption that its acceptance makes use of, for the ARes; none is named by itself.
    #[serde(default)]
    pub exemption: Option<Exemption>,
}

/// Conditions of a rule. Lists match when any entry matches.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Condition {
    /// `purchaseCurrency`, ISO 4217 numeric.
    pub currency: Vec<String>,
    /// Amount in minor units at or above; needs `currency` to be meaningful.
    pub amount_at_least: Option<u64>,
    /// Amount in minor units below.
    pub amount_below: Option<u64>,
    pub merchant_country: Vec<String>,
    pub merchant_id: Vec<String>,
    pub mcc: Vec<String>,
    /// Any of the AReq's challenge indicators.
    pub challenge_ind: Vec<String>,
    /// The one it prefers: the first of a pair.
    pub first_challenge_ind: Vec<String>,
    /// `threeDSRequestorAuthenticationInd`.
    pub authentication_ind: Vec<String>,
    /// `01` PA, `02` NPA.
    pub message_category: Vec<String>,
    /// `deviceChannel`: `01` app, `02` browser, `03` 3RI.
    pub device_channel: Vec<String>,
    /// `threeRIInd`.
    pub three_ri_ind: Vec<String>,
    /// `threeDSRequestorDecReqInd`; absent counts as `N`.
    pub decoupled_req: Vec<String>,
    /// Whether the earlier authentication that the AReq names is in our store.
    pub prior_found: Option<bool>,
    /// Whether it was one of the same card.
    pub prior_same_card: Option<bool>,
    /// Whether it was one of the same merchant.
    pub prior_same_merchant: Option<bool>,
    /// Its result, `C` or `D` while it has none.
    pub prior_status: Vec<String>,
    /// Whole days since then below.
    pub prior_days_below: Option<u32>,
    /// Whether the merchant is on the cardholder's trust list here.
    pub trusted_merchant: Option<bool>,
    /// Whether the cardholder has bound the device here.
    pub bound_device: Option<bool>,
    /// `threeDSRequestorID`: whom a rule believes.
    pub requestor_id: Vec<String>,
    /// Trust-list status that the AReq claims.
    pub claimed_trust: Vec<String>,
    /// Who claims it: `01` 3DS Server, `02` DS.
    pub claimed_trust_source: Vec<String>,
    /// Device binding status that the AReq claims.
    pub claimed_binding: Vec<String>,
    /// How the card security code compared with the issuer's record: `Y`, `N`, or `U` when it was
    /// not compared.
    pub security_code: Vec<String>,
    /// Status of the card security code that the AReq brings along.
    pub claimed_security_code: Vec<String>,
    /// Whether an app's device data could be read.
    pub device_data: Option<bool>,
    /// `android`, `ios` or `other`, of an app's device data.
    pub device_platform: Vec<String>,
    /// Security warnings in them: `SW01` to `SW05`.
    pub device_warning: Vec<String>,
    /// `threeDSReqAuthMethod` of an authentication by the requestor.
    pub requestor_auth_method: Vec<String>,
    /// What the DS made of its data: `01` verified, `02` failed, `03` not checked.
    pub requestor_auth_result: Vec<String>,
    /// Whether it came with data, such as a FIDO assertion.
    pub requestor_auth_data: Option<bool>,
    /// Whether the DS verified its data.
    pub requestor_auth_verified: Option<bool>,
    /// Its age in minutes below.
    pub requestor_auth_minutes_below: Option<u32>,
    /// `threeDSReqPriorAuthMethod`.
    pub prior_auth_method: Vec<String>,
    /// Whether it is a recurring or instalment payment.
    pub recurring: Option<bool>,
    /// Whether all recurring payments have one amount (2.3.1).
    pub recurring_amount_fixed: Option<bool>,
    /// `recurringCurrency`, ISO 4217 numeric (2.3.1).
    pub recurring_currency: Vec<String>,
    /// Recurring amount in minor units below; needs `recurring_currency` to be meaningful.
    pub recurring_amount_below: Option<u64>,
    /// `purchaseInstalData` at or above.
    pub instalments_at_least: Option<u32>,
    /// Whether one authentication is for several merchants (2.3.1).
    pub multi_transaction: Option<bool>,
    /// How many at or above.
    pub merchants_at_least: Option<u32>,
}

/// What conditions look at.
#[derive(Debug)]
pub(crate) struct Facts<'a> {
    areq: &'a AReq,
    /// In the currency's own minor units, whatever exponent was sent.
    amount: Option<u128>,
    prior: &'a Prior,
    card_token: &'a str,
    now: UtcMillis,
    /// The cardholder trusts the merchant.
    trusted_merchant: bool,
    /// The cardholder has bound the device.
    bound_device: bool,
    security_code: SecurityCodeCheck,
}

impl<'a> Facts<'a> {
    pub(crate) fn of(input: &AuthenticateInput<'a>) -> Self {
        let standing = Standing::of(input);
        Self {
            areq: input.areq,
            amount: input.areq.purchase.as_ref().and_then(currency::minor_units),
            prior: input.prior,
            card_token: &input.account.card_token,
            now: input.now,
            trusted_merchant: standing.is_trusted(),
            bound_device: standing.is_bound(),
            security_code: input.security_code(),
        }
    }
}

impl Condition {
    /// Whether every given condition holds. One about an element that is absent does not.
    pub(crate) fn holds(&self, facts: &Facts<'_>) -> bool {
        let areq = facts.areq;
        let category = match areq.category {
            MessageCategory::Payment => "01",
            MessageCategory::NonPayment => "02",
        };
        let channel = match areq.channel {
            DeviceChannel::App => "01",
            DeviceChannel::Browser => "02",
            DeviceChannel::ThreeRi => "03",
        };
        let currency = areq.purchase.as_ref().map(|purchase| purchase.currency.as_str());
        let merchant = &areq.merchant;
        one_of(&self.currency, currency)
            && self.amount_holds(facts.amount)
            && one_of(&self.merchant_country, merchant.country.as_deref())
            && one_of(&self.merchant_id, merchant.acquirer_merchant_id.as_deref())
            && one_of(&self.mcc, merchant.mcc.as_deref())
            && one_of(&self.challenge_ind, areq.challenge_ind.iter().map(String::as_str))
            && one_of(&self.first_challenge_ind, areq.challenge_ind.first().map(String::as_str))
            && one_of(&self.authentication_ind, areq.authentication_ind.as_deref())
            && one_of(&self.message_category, Some(category))
            && one_of(&self.device_channel, Some(channel))
            && one_of(&self.three_ri_ind, areq.three_ri_ind.as_deref())
            && one_of(&self.decoupled_req, Some(areq.decoupled_req_ind.as_deref().unwrap_or("N")))
            && self.prior_holds(facts)
            && one_of(&self.security_code, Some(facts.security_code.code()))
            && self.device_holds(areq)
            && self.claims_hold(facts)
            && self.trusted_merchant.is_none_or(|wanted| wanted == facts.trusted_merchant)
            && self.bound_device.is_none_or(|wanted| wanted == facts.bound_device)
    }

    fn prior_holds(&self, facts: &Facts<'_>) -> bool {
        let prior = facts.prior.found();
        let prior_status = prior.and_then(PriorTransaction::proven_status);
        let about = |wanted: Option<bool>, is: &dyn Fn(&PriorTransaction) -> bool| {
            wanted.is_none_or(|wanted| prior.is_some_and(|prior| is(prior) == wanted))
        };
        self.prior_found.is_none_or(|wanted| prior.is_some() == wanted)
            && about(self.prior_same_card, &|prior| prior.card_token == facts.card_token)
            && about(self.prior_same_merchant, &|prior| prior.same_merchant(facts.areq))
            && one_of(&self.prior_status, prior_status.map(TransStatus::code))
            && self
                .prior_days_below
                .is_none_or(|limit| prior.is_some_and(|prior| prior.age_days(facts.now) < limit))
    }

    fn amount_holds(&self, amount: Option<u128>) -> bool {
        self.amount_at_least.is_none_or(|limit| amount.is_some_and(|a| a >= u128::from(limit)))
            && self.amount_below.is_none_or(|limit| amount.is_some_and(|a| a < u128::from(limit)))
    }
}

/// Whether a list is not given, or holds one of the values.
fn one_of<'a>(list: &[String], values: impl IntoIterator<Item = &'a str>) -> bool {
    list.is_empty() || values.into_iter().any(|value| list.iter().any(|entry| entry == value))
}

/// What a rule decides (TOML: `then = { challenge = { mandated = true } }`, `then = "accept"` ...).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum RuleOutcome {
    /// Frictionless Y.
    Accept,
    /// A, by explicit attempts policy.
    Attempt,
    /// I. A rule fires only where I may be answered; as a default, a challenge elsewhere.
    Inform,
    /// D where the requestor asks for it, else N 23; a challenge in 2.1.0 or when not offered.
    Decoupled {
        #[serde(default)]
        mandated: bool,
    },
    /// C, or D where the requestor prefers that; N where neither can be.
    Challenge {
        #[serde(default)]
        mandated: bool,
    },
    /// N with a reason.
    Deny { reason: String },
    /// R with a reason.
    Reject { reason: String },
    /// U with a reason.
    Unavailable { reason: String },
}
