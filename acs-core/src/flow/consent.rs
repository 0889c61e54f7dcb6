//! What cardholders have agreed to: merchants on their trust list ("white list" in 2.2.0) and
//! devices bound to their card [P-231-02, P-231-03, P-BRW-26]. Consents are asked for on the
//! challenge page, count only together with a verified cardholder, are reported in the RReq and
//! looked up when the card comes again.

mod device;

use serde::{Deserialize, Serialize};

use super::AuthenticateInput;
use crate::UtcMillis;
use crate::element::{DeviceChannel, MessageVersion};
use crate::message::AReq;
use crate::profile::{ConsentSettings, MerchantKey};

pub(super) use device::new_device;
pub use device::{DeviceId, device_cookie, device_of, device_of_app};

/// What a consent is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ConsentKind {
    /// The merchant is trusted.
    TrustList,
    /// The device belongs to the cardholder.
    DeviceBinding,
}

/// A cardholder's answer about one party, the newest per card, kind and party.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Consent {
    pub kind: ConsentKind,
    /// [`merchant_key`] or a [`DeviceId`].
    pub party: String,
    /// Name of the merchant as it was shown; empty for devices.
    pub name: String,
    /// Whether it was given; a refusal is kept too.
    pub given: bool,
    pub at: UtcMillis,
}

impl Consent {
    /// A consent as a store has it.
    #[must_use]
    pub const fn new(
        kind: ConsentKind,
        party: String,
        name: String,
        given: bool,
        at: UtcMillis,
    ) -> Self {
        Self { kind, party, name, given, at }
    }
}

/// What the store said about the consents of a card. "Could not look" is not "there are none".
#[derive(Debug, Clone)]
pub enum ConsentLookup {
    Known(Vec<Consent>),
    /// The store did not answer, or was not asked because the issuer keeps no consents.
    Unread,
}

/// Name of a merchant on trust lists; `None` when the AReq does not say enough. The parts cannot
/// run into each other.
#[must_use]
pub fn merchant_key(areq: &AReq, ds_id: &str, key: MerchantKey) -> Option<String> {
    let requestor = Some(areq.three_ds_requestor_id.as_str()).filter(|id| !id.is_empty())?;
    let parts = match key {
        MerchantKey::Requestor => vec![ds_id, requestor],
        MerchantKey::Merchant => {
            let merchant = &areq.merchant;
            let number = merchant.acquirer_merchant_id.as_deref()?;
            vec![ds_id, requestor, merchant.acquirer_bin.as_deref()?, number]
        }
    };
    serde_json::to_string(&parts).ok()
}

/// How a card stands towards the merchant and the device of an AReq.
#[derive(Debug, Clone, Default)]
pub(crate) struct Standing {
    trust: Trust,
    binding: Binding,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
enum Trust {
    /// The issuer keeps no trust lists.
    #[default]
    Off,
    /// No merchant that could be named, or the store did not answer.
    Unknown,
    Listed,
    NotListed {
        party: String,
    },
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
enum Binding {
    #[default]
    Off,
    /// No device was recognised.
    Unknown,
    Bound,
    NotBound,
}

impl Standing {
    pub(crate) fn of(input: &AuthenticateInput<'_>) -> Self {
        let settings = &input.issuer.consents;
        let known = match input.consents {
            ConsentLookup::Known(consents) => Some(consents.as_slice()),
            ConsentLookup::Unread => None,
        };
        Self { trust: trust(input, settings, known), binding: binding(input, settings, known) }
    }

    /// Whether the merchant is on the cardholder's trust list.
    pub(crate) fn is_trusted(&self) -> bool {
        self.trust == Trust::Listed
    }

    /// Whether the cardholder has bound the device of this AReq.
    pub(crate) fn is_bound(&self) -> bool {
        self.binding == Binding::Bound
    }

    /// The statuses of the ARes: what holds, and an answer to what was asked [P-3RI-04, P-ARES-11,
    /// P-ARES-12].
    pub(super) fn statuses(&self, input: &AuthenticateInput<'_>) -> Statuses {
        let claims = &input.areq.claims;
        let asked = |code| input.areq.three_ri_ind.as_deref() == Some(code);
        let trust_asked = asked(CHECK_TRUST) || claims.trust_list.is_some();
        let binding_asked = asked(CHECK_BINDING) || claims.device_binding.is_some();
        let trust = match &self.trust {
            Trust::Listed => Some("Y"),
            Trust::NotListed { .. } if trust_asked => Some("N"),
            Trust::Off if trust_asked => Some("E"),
            Trust::Unknown if trust_asked => Some("U"),
            _ => None,
        };
        let binding = match &self.binding {
            Binding::Bound => Some(input.issuer.consents.bound_status.as_str()),
            Binding::NotBound if binding_asked => Some("01"),
            Binding::Off if binding_asked => Some("02"),
            Binding::Unknown if binding_asked => Some("05"),
            _ => None,
        };
        Statuses::of(input.areq.version, trust, binding)
    }

    /// What the challenge page asks: nothing that is granted already.
    pub(super) fn offer(self, input: &AuthenticateInput<'_>) -> Offer {
        let asks_here = input.areq.channel != DeviceChannel::ThreeRi;
        let version = input.areq.version;
        let trust = match self.trust {
            Trust::NotListed { party } if asks_here && version >= MessageVersion::V220 => {
                Some(party)
            }
            _ => None,
        };
        let bind = asks_here
            && version >= MessageVersion::V231
            && matches!(self.binding, Binding::NotBound | Binding::Unknown);
        Offer { trust, bind }
    }
}

fn trust(
    input: &AuthenticateInput<'_>,
    settings: &ConsentSettings,
    known: Option<&[Consent]>,
) -> Trust {
    if !settings.trust_list {
        return Trust::Off;
    }
    let party = merchant_key(input.areq, &input.ds.id, settings.merchant_key);
    match party.zip(known) {
        Some((party, known)) if holds(known, ConsentKind::TrustList, &party) => Trust::Listed,
        Some((party, _)) => Trust::NotListed { party },
        None => Trust::Unknown,
    }
}

fn binding(
    input: &AuthenticateInput<'_>,
    settings: &ConsentSettings,
    known: Option<&[Consent]>,
) -> Binding {
    if !settings.device_binding {
        return Binding::Off;
    }
    match input.device.zip(known) {
        Some((device, known)) if holds(known, ConsentKind::DeviceBinding, device.as_str()) => {
            Binding::Bound
        }
        Some(_) => Binding::NotBound,
        None => Binding::Unknown,
    }
}

fn holds(known: &[Consent], kind: ConsentKind, party: &str) -> bool {
    known.iter().any(|consent| consent.kind == kind && consent.party == party && consent.given)
}

/// What the pages of one challenge ask for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// The merchant in question, when it is asked for.
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    pub(super) trust: Option<String>,
    /// Whether binding the device is asked for.
    #[serde(rename = "b", default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) bind: bool,
}

impl Offer {
    /// Whether nothing is asked.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What a cardholder ticked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choice {
    /// The merchant is to be trusted.
    pub trust: bool,
    /// The device is to be bound.
    pub bind: bool,
    /// The device, when its browser showed a cookie of ours, or it is an app's.
    pub device: Option<DeviceId>,
}

/// Status elements of an ARes or RReq, under the names of its version.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(super) struct Statuses {
    #[serde(rename = "whiteListStatus", skip_serializing_if = "Option::is_none")]
    white_list: Option<&'static str>,
    #[serde(rename = "whiteListStatusSource", skip_serializing_if = "Option::is_none")]
    white_list_source: Option<&'static str>,
    #[serde(rename = "trustListStatus", skip_serializing_if = "Option::is_none")]
    trust_list: Option<&'static str>,
    #[serde(rename = "trustListStatusSource", skip_serializing_if = "Option::is_none")]
    trust_list_source: Option<&'static str>,
    #[serde(rename = "deviceBindingStatus", skip_serializing_if = "Option::is_none")]
    device_binding: Option<String>,
    #[serde(rename = "deviceBindingStatusSource", skip_serializing_if = "Option::is_none")]
    device_binding_source: Option<&'static str>,
}

impl Statuses {
    /// 2.1.0 knows neither, 2.2.0 not the second [P-231-10].
    fn of(version: MessageVersion, trust: Option<&'static str>, binding: Option<&str>) -> Self {
        let mut statuses = Self::default();
        let source = trust.map(|_| ACS);
        match version {
            MessageVersion::V210 => {}
            MessageVersion::V220 => {
                (statuses.white_list, statuses.white_list_source) = (trust, source);
            }
            MessageVersion::V231 => {
                (statuses.trust_list, statuses.trust_list_source) = (trust, source);
                statuses.device_binding = binding.map(str::to_owned);
                statuses.device_binding_source = binding.map(|_| ACS);
            }
        }
        statuses
    }
}

/// What a verified cardholder's choice comes to.
#[derive(Debug, Default)]
pub(super) struct Decision {
    /// For the RReq.
    pub(super) statuses: Statuses,
    /// For the store.
    pub(super) consents: Vec<Consent>,
    /// The device was bound by a new cookie, which the last page sets.
    pub(super) new_cookie: bool,
}

impl Decision {
    /// `fresh` is the device that a new cookie would name.
    pub(super) fn of(offer: &Offer, choice: &Choice, fresh: DeviceId, about: &About<'_>) -> Self {
        let mut decision = Self::default();
        let mut trust = None;
        if let Some(party) = &offer.trust {
            trust = Some(if choice.trust { "Y" } else { about.settings.declined_status() });
            let (kind, name) = (ConsentKind::TrustList, about.merchant.unwrap_or_default());
            decision.note(kind, party, name, choice.trust, about.now);
        }
        let mut binding = None;
        if offer.bind {
            binding =
                Some(if choice.bind { about.settings.bound_status.as_str() } else { REFUSED });
            decision.new_cookie = choice.bind && choice.device.is_none();
            let device = choice.device.as_ref().unwrap_or(&fresh);
            // A refusal about a device that nobody can recognise says nothing.
            if choice.bind || choice.device.is_some() {
                let kind = ConsentKind::DeviceBinding;
                decision.note(kind, device.as_str(), "", choice.bind, about.now);
            }
        }
        decision.statuses = Statuses::of(about.version, trust, binding);
        decision
    }

    fn note(&mut self, kind: ConsentKind, party: &str, name: &str, given: bool, at: UtcMillis) {
        let (party, name) = (party.to_owned(), name.to_owned());
        self.consents.push(Consent::new(kind, party, name, given, at));
    }
}

/// The transaction a choice belongs to.
#[derive(Debug)]
pub(super) struct About<'a> {
    pub(super) settings: &'a ConsentSettings,
    pub(super) version: MessageVersion,
    pub(super) merchant: Option<&'a str>,
    pub(super) now: UtcMillis,
}

/// Source: the ACS.
const ACS: &str = "03";
/// `threeRIInd` of the two status checks.
const CHECK_TRUST: &str = "10";
const CHECK_BINDING: &str = "13";
/// `deviceBindingStatus`: the cardholder refused.
const REFUSED: &str = "04";
