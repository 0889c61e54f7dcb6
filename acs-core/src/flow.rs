//! Flows as state machines without I/O. [`authenticate`] answers an AReq; [`challenge`] is the one
//! challenge machine; [`present`] turns its views into what a channel shows; [`proof`] holds the
//! values without which no authentication value can be made.

mod app_channel;
mod ares;
mod attempts;
pub mod challenge;
pub mod confirmation;
pub mod consent;
mod cres;
pub(crate) mod currency;
mod decide;
pub mod oob;
pub mod present;
mod prior;
pub mod proof;
mod reason;
mod rreq;
pub mod screen;
pub mod spc;
pub mod transaction;
mod why;
mod words;

#[cfg(test)]
mod tests;

use serde_json::json;

use crate::Random;
use crate::UtcMillis;
use crate::crypto::{AuthenticationValueGenerator, ContentKey, ContentSigner};
use crate::element::{MessageCategory, TransId, TransStatus};
use crate::erro::{ErroContext, Fault, Rejection};
use crate::message::AReq;
use crate::profile::{Account, CardLookup, Contacts, DsProfile, IssuerProfile};
use crate::security_code::SecurityCodeCheck;

use confirmation::ConfirmationRequest;
use consent::{ConsentLookup, DeviceId, Standing};
use decide::{Answer, Decision, Refusal};
use reason::Reason;
use transaction::{Answered, AppState, ExpectCReq, FORMAT, OtherMerchants, Phase};

pub use prior::{Prior, PriorTransaction, SpcWait};
pub use transaction::{AuditEvent, Opened, Output, Transaction};

/// Everything the decision reads.
#[derive(Debug)]
pub struct AuthenticateInput<'a> {
    pub areq: &'a AReq,
    pub account: &'a Account,
    pub card: &'a CardLookup,
    pub issuer: &'a IssuerProfile,
    pub ds: &'a DsProfile,
    /// The id made for this transaction.
    pub acs_trans_id: TransId,
    /// `false` when the AReq's dsURL is outside the DS profile's allowed origins: then U and an
    /// alarm event, whatever the card.
    pub ds_url_allowed: bool,
    /// `false` when notificationURL is not https (or loopback http in development): then no C.
    pub notification_url_allowed: bool,
    /// Signs `acsSignedContent` under this DS's root; `None` where no key is configured or its chain
    /// is broken: then no C in the app channel.
    pub signer: Option<&'a dyn ContentSigner>,
    /// Whether 3DS Method data was stored for this run (facts for rules; absence is no error).
    pub method_data_found: bool,
    /// The card's range is in attempts mode.
    pub attempts_range: bool,
    /// The earlier transaction that the AReq names, as far as the store knows it.
    pub prior: &'a Prior,
    /// Consents of this card.
    pub consents: &'a ConsentLookup,
    /// The device whose cookie was seen in the 3DS Method, or whose app asks.
    pub device: Option<&'a DeviceId>,
    pub now: UtcMillis,
}

impl AuthenticateInput<'_> {
    /// How the card security code of the AReq compares with the issuer's record
    /// [P-231-04, P-ARES-12].
    pub(crate) fn security_code(&self) -> SecurityCodeCheck {
        let record = match self.card {
            CardLookup::Found(card) => card.security_code.as_ref(),
            CardLookup::Unknown | CardLookup::Failed => None,
        };
        let code = self.areq.security_code.as_ref();
        let key = self.issuer.security_code_key.as_ref();
        SecurityCodeCheck::of(key, record, &self.account.pan, code)
    }
}

/// The answer to an AReq: store `transaction` and `outputs` in one commit, then send `ares`.
#[non_exhaustive]
#[must_use]
pub struct Authenticated {
    pub transaction: Transaction,
    /// The ARes, already checked against the dictionary.
    pub ares: Vec<u8>,
    /// Where `acsSignedContent` begins in the ARes, and with it the signer's protected header
    /// ([`ContentSigner::protected_header`]), the same in all of its messages.
    pub signed_content_at: Option<usize>,
    pub outputs: Vec<Output>,
    /// Key of the encrypted channel when the ARes is a C in the app channel: to be kept sealed
    /// beside the state, apart from it [P-APP-04].
    pub content_key: Option<ContentKey>,
    /// The earlier transaction that the AReq names is used up by this one
    /// ([`Transaction::after_following_areq`]): in the same commit, or not at all.
    pub closes_prior: bool,
}

/// Without the ARes, which may hold an authentication value.
impl std::fmt::Debug for Authenticated {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authenticated")
            .field("acs_trans_id", &self.transaction.acs_trans_id)
            .finish_non_exhaustive()
    }
}

/// Decides an AReq and builds its ARes [P-AREQ-30, Req 318, Req 319].
///
/// # Errors
/// None for a legal AReq: negative results are ARes values. A [`Rejection`] only where no ARes can
/// be built at all.
pub fn authenticate(
    input: &AuthenticateInput<'_>,
    random: &mut dyn Random,
    generator: &dyn AuthenticationValueGenerator,
) -> Result<Authenticated, Box<Rejection>> {
    let areq = input.areq;
    let language = words::language(wanted_language(areq), input.issuer);
    let mut decision = decide::decide(input);
    if decision.wants_challenge()
        && let Some(offer) = spc::offer(input, random)
    {
        decision.confirm(offer);
    }
    let mut outputs = Vec::with_capacity(2);
    let mut channel = None;
    if app_channel::is_needed(&decision.answer) {
        match app_channel::open(input, random) {
            Ok(opened) => channel = Some(opened),
            Err(cause) => {
                outputs.push(AuditEvent::output("app-channel-failed", &json!({ "cause": cause })));
                decision = decide::failure(input, "app-channel-failed");
            }
        }
    }
    let value = ares::value(input, &decision.answer, generator);
    let signed = channel.as_ref().map(|channel| channel.signed_content.as_str());
    let built = match ares::build(input, &decision.answer, value.as_ref(), language, signed) {
        Ok(built) => built,
        Err(defects) => {
            outputs.push(AuditEvent::output("ares-unbuildable", &json!({ "elements": defects })));
            let (instead, built) = fall_back(input)?;
            decision = instead;
            built
        }
    };
    if !input.ds_url_allowed {
        outputs.push(AuditEvent::output(
            "foreign-ds-url",
            &json!({ "ds": input.ds.id, "three_ds_server": areq.three_ds_server_ref_number }),
        ));
    }
    outputs.push(why::event(input, &decision));
    let phase = match &decision.answer {
        Answer::Challenge(offer) => Phase::ExpectCReq(ExpectCReq {
            until: input.now.plus_seconds(input.issuer.first_creq_seconds),
            via: offer.via,
            consents: Standing::of(input).offer(input),
            fallback: offer.fallback,
            spc: spc::in_page::offer(input, offer.via, random),
        }),
        Answer::Decoupled(promise) => {
            let until = input.now.plus_seconds(u32::from(promise.minutes) * 60);
            outputs.push(Output::AskIssuer(ask(input, language, until)));
            Phase::Decoupled(transaction::Decoupled { until })
        }
        Answer::Spc(offer) => Phase::ExpectSpc(Box::new(offer.expected.clone())),
        answer => Phase::Answered(Answered {
            status: answer.status(),
            reason: answer.refusal().map(|refusal| refusal.reason.as_str().to_owned()),
        }),
    };
    let content_key = channel.filter(|_| app_channel::is_needed(&decision.answer)).map(|c| c.key);
    let app = app_channel::state(input, &decision.answer);
    let transaction = open(input, language.tag(), phase, app);
    let closes_prior = spc::closes_prior(input) || decide::three_ri::follows_fallback(input);
    let ares::Checked { json: ares, signed_content_at } = built;
    Ok(Authenticated { transaction, ares, signed_content_at, outputs, content_key, closes_prior })
}

/// What the issuer's systems are told of a decoupled authentication.
fn ask(
    input: &AuthenticateInput<'_>,
    language: words::Language,
    expires: UtcMillis,
) -> ConfirmationRequest {
    let occasion = words::Occasion {
        issuer: input.issuer,
        language,
        merchant: &input.areq.merchant,
        purchase: input.areq.purchase.as_ref(),
        card_last4: input.account.pan.last4(),
        life_minutes: 0,
    };
    ConfirmationRequest {
        contacts: match input.card {
            CardLookup::Found(card) => card.contacts.clone(),
            _ => Contacts::default(),
        },
        card_last4: input.account.pan.last4().to_owned(),
        text: occasion.question(),
        language: language.tag().to_owned(),
        expires,
        prompt: None,
    }
}

/// The language of the browser or of the device.
fn wanted_language(areq: &AReq) -> Option<&str> {
    match (&areq.browser, &areq.app) {
        (Some(browser), _) => browser.language.as_deref(),
        (None, Some(app)) => app.device.as_ref().and_then(|device| device.locale.as_deref()),
        (None, None) => None,
    }
}

/// The answer when the decided one would break the dictionary: a plain U, or no ARes at all.
fn fall_back(input: &AuthenticateInput<'_>) -> Result<(Decision, ares::Checked), Box<Rejection>> {
    let refusal = || Refusal {
        reason: Reason::technical(input.areq.version, input.issuer),
        tell_cardholder: false,
    };
    let ares = ares::minimal(input, &refusal()).map_err(|_| {
        let context = ErroContext {
            version: Some(input.areq.version),
            message_type: Some("AReq"),
            three_ds_server_trans_id: Some(input.areq.three_ds_server_trans_id),
            ds_trans_id: Some(input.areq.ds_trans_id),
            acs_trans_id: Some(input.acs_trans_id),
            sdk_trans_id: input.areq.app.as_ref().map(|app| app.sdk_trans_id),
        };
        Box::new(Rejection::new(Fault::PermanentFailure, context))
    })?;
    let decision = Decision {
        answer: Answer::Unavailable(refusal()),
        outcome: "OUT-TECH",
        rule: "ares-unbuildable".to_owned(),
        obstacle: None,
    };
    Ok((decision, ares))
}

/// [P-AREQ-22, Req 109, Req 219, Req 322, Req 326, Req 330]
fn open(
    input: &AuthenticateInput<'_>,
    language: &str,
    phase: Phase,
    app: Option<AppState>,
) -> Transaction {
    let areq = input.areq;
    let notification_url = areq
        .browser
        .as_ref()
        .filter(|_| input.notification_url_allowed)
        .map(|browser| browser.notification_url.clone());
    let opened = Opened {
        format: FORMAT,
        acs_trans_id: input.acs_trans_id,
        ds_trans_id: areq.ds_trans_id,
        three_ds_server_trans_id: areq.three_ds_server_trans_id,
        issuer_id: input.issuer.id.clone(),
        ds_id: input.ds.id.clone(),
        version: areq.version,
        channel: areq.channel,
        category: areq.category,
        agreed_category: areq.agreed_category.clone(),
        card_token: input.account.card_token.clone(),
        card_last4: input.account.pan.last4().to_owned(),
        ds_url: areq.ds_url.clone(),
        notification_url,
        purchase: areq.purchase.clone(),
        merchant: areq.merchant.clone(),
        other_merchants: match phase {
            Phase::Answered(_) => OtherMerchants::default(),
            _ => OtherMerchants::of(areq),
        },
        requestor_id: areq.three_ds_requestor_id.clone(),
        created: input.now,
        falls_back: matches!(phase, Phase::ExpectCReq(_)) && decide::may_fall_back(input),
    };
    Transaction::new(opened, language.to_owned(), app.map(Box::new), phase)
}

/// `messageCategory`.
const fn category(category: MessageCategory) -> &'static str {
    match category {
        MessageCategory::Payment => "01",
        MessageCategory::NonPayment => "02",
    }
}

/// A final CRes says Y, N, or D before a decoupled authentication; a result of U, A or R is shown as
/// N [P-BRW-32, Note 98, Req 471].
const fn shown_status(status: TransStatus) -> TransStatus {
    match status {
        TransStatus::Authenticated | TransStatus::Decoupled => status,
        _ => TransStatus::NotAuthenticated,
    }
}
