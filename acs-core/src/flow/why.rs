//! The *why* record of an answer: what was decided, by which rule, on what (invariant 9).

use serde::Serialize;

use super::consent::Standing;
use super::decide::{Answer, Decision};
use super::transaction::Way;
use super::{AuditEvent, AuthenticateInput, Output, category};
use crate::element::DeviceChannel;
use crate::message::{AuthenticationClaim, Claims, DeviceData, Platform};
use crate::profile::{CardLookup, CardState};

/// The `areq-answered` event. What is not known is left out.
pub(super) fn event(input: &AuthenticateInput<'_>, decision: &Decision) -> Output {
    let areq = input.areq;
    let mut notes = Notes::new();
    notes.put("outcome", decision.outcome);
    notes.put("status", decision.answer.status().code());
    notes.known("reason", decision.answer.refusal().map(|refusal| refusal.reason.as_str()));
    notes.put("rule", &decision.rule);
    notes.known("obstacle", decision.obstacle);
    notes.put("acs_trans_id", input.acs_trans_id);
    notes.put("card", &input.account.card_token);
    notes.put("card_state", CardNote::of(input.card));
    notes.put("version", areq.version);
    notes.put("channel", channel(areq.channel));
    notes.put("category", category(areq.category));
    if let Some(purchase) = &areq.purchase {
        notes.put("amount", &purchase.amount);
        notes.put("exponent", purchase.exponent);
        notes.put("currency", &purchase.currency);
    }
    notes.known("merchant", areq.merchant.name.as_deref());
    notes.known("merchant_id", areq.merchant.acquirer_merchant_id.as_deref());
    notes.known("merchant_country", areq.merchant.country.as_deref());
    notes.known("mcc", areq.merchant.mcc.as_deref());
    if !areq.challenge_ind.is_empty() {
        notes.put("challenge_ind", areq.challenge_ind.join(","));
    }
    notes.known("authentication_ind", areq.authentication_ind.as_deref());
    notes.known("three_ri_ind", areq.three_ri_ind.as_deref());
    notes.known("prior", input.prior.as_str());
    if let Some(prior) = input.prior.found() {
        notes.put("prior_id", prior.acs_trans_id);
        notes.put("prior_status", prior.status.code());
        notes.put("prior_days", prior.age_days(input.now));
        notes.put("prior_same_card", prior.card_token == input.account.card_token);
        notes.put("prior_same_merchant", prior.same_merchant(areq));
        if prior.at_once {
            notes.put("prior_at_once", true);
        }
    }
    if input.method_data_found {
        notes.put("method_data", true);
    }
    let standing = Standing::of(input);
    if standing.is_trusted() {
        notes.put("trusted_merchant", true);
    }
    if standing.is_bound() {
        notes.put("bound_device", true);
    }
    if let Some(app) = &areq.app {
        notes.put("device", app.device.as_ref().map(DeviceNote::of));
    }
    claims(&mut notes, &areq.claims);
    if areq.security_code.is_some() {
        notes.put("security_code", input.security_code().code());
    }
    notes.known("exemption", decision.answer.exemption());
    if let Answer::Challenge(offer) = &decision.answer {
        notes.put("via", offer.via.as_str());
        notes.put("mandated", offer.mandated);
        notes.known("rendering", offer.rendering);
    }
    notes.known("decoupled_req", areq.decoupled_req_ind.as_deref());
    if let Answer::Decoupled(promise) = &decision.answer {
        notes.put("via", Way::Decoupled.as_str());
        notes.put("minutes", promise.minutes);
        notes.put("mandated", promise.mandated);
    }
    if input.attempts_range {
        notes.put("attempts_range", true);
    }
    AuditEvent::of("areq-answered", notes.end())
}

/// What others say; rules may have believed it.
fn claims(notes: &mut Notes, claims: &Claims) {
    notes.known("claimed_trust", claims.trust_list.as_ref().map(|trust| &trust.status));
    notes.known("claimed_binding", claims.device_binding.as_ref().map(|binding| &binding.status));
    let code = claims.security_code.as_ref();
    notes.known("claimed_security_code", code.map(|code| &code.status));
    if !claims.authentication.is_empty() {
        let method = |claim: &AuthenticationClaim| {
            let mark = match claim.ds_result.as_deref() {
                Some("01") => "+",
                Some("02") => "-",
                _ => "",
            };
            format!("{}{mark}", claim.method)
        };
        let methods: Vec<_> = claims.authentication.iter().map(method).collect();
        notes.put("requestor_auth", methods.join(","));
    }
    if claims.recurring.is_some() {
        notes.put("recurring", true);
    }
    notes.known("instalments", claims.instalments);
    notes.known("merchants", claims.multi_transaction.as_ref().map(|multi| multi.merchants.len()));
}

/// What an SDK says of its device: nothing that names a person, a place or the device itself.
#[derive(Serialize)]
struct DeviceNote<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    platform: Option<Platform>,
    #[serde(skip_serializing_if = "Option::is_none")]
    os_version: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    locale: Option<&'a str>,
    collected: usize,
    unavailable: usize,
    not_permitted: usize,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<&'static str>,
}

impl<'a> DeviceNote<'a> {
    fn of(device: &'a DeviceData) -> Self {
        Self {
            version: device.version.as_deref(),
            platform: device.platform,
            os_version: device.os_version.as_deref(),
            locale: device.locale.as_deref(),
            collected: device.collected,
            unavailable: device.unavailable,
            not_permitted: device.not_permitted,
            warnings: device.warnings.codes().collect(),
        }
    }
}

/// Writes a JSON object member by member: every AReq makes one, so no tree is built first.
struct Notes(Vec<u8>);

impl Notes {
    fn new() -> Self {
        let mut json = Vec::with_capacity(TYPICAL_LENGTH);
        json.push(b'{');
        Self(json)
    }

    /// `name` is one of ours and needs no escaping.
    fn put(&mut self, name: &'static str, value: impl Serialize) {
        if self.0.len() > 1 {
            self.0.push(b',');
        }
        self.0.push(b'"');
        self.0.extend_from_slice(name.as_bytes());
        self.0.extend_from_slice(b"\":");
        let begun = self.0.len();
        if serde_json::to_writer(&mut self.0, &value).is_err() {
            // Texts, numbers and plain structures always have a JSON form.
            self.0.truncate(begun);
            self.0.extend_from_slice(b"null");
        }
    }

    fn known(&mut self, name: &'static str, value: Option<impl Serialize>) {
        if let Some(value) = value {
            self.put(name, value);
        }
    }

    fn end(mut self) -> Vec<u8> {
        self.0.push(b'}');
        self.0
    }
}

/// State of the card, or why there is none.
#[derive(Serialize)]
#[serde(untagged)]
enum CardNote {
    State(CardState),
    None(&'static str),
}

impl CardNote {
    const fn of(card: &CardLookup) -> Self {
        match card {
            CardLookup::Found(card) => Self::State(card.state),
            CardLookup::Unknown => Self::None("unknown"),
            CardLookup::Failed => Self::None("lookup-failed"),
        }
    }
}

const fn channel(channel: DeviceChannel) -> &'static str {
    match channel {
        DeviceChannel::App => "01",
        DeviceChannel::Browser => "02",
        DeviceChannel::ThreeRi => "03",
    }
}

const TYPICAL_LENGTH: usize = 640;
