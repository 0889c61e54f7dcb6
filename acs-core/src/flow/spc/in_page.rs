//! A confirmation that the ACS's own challenge page asks for: the browser lets the cardholder sign
//! with a passkey, and the page posts the assertion [P-SPC-06, Note 165].

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::assertion::{self, Asserted};
use super::{
    CHALLENGE_BYTES, ExpectSpc, MAX_CREDENTIALS, amount, display_name, is_second, payee_name,
};
use crate::Random;
use crate::element::{DeviceChannel, MessageVersion};
use crate::flow::AuthenticateInput;
use crate::flow::transaction::Via;
use crate::profile::{CardLookup, IssuerProfile, Passkey, SpcSettings};

/// What the page lets the cardholder sign, and by which passkeys; kept in the state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InPage {
    #[serde(rename = "x")]
    expected: ExpectSpc,
    /// All of one relying party.
    #[serde(rename = "k")]
    passkeys: Vec<Passkey>,
}

/// Where the issuer wants it, the card has a passkey and the browser runs scripts. Not where the
/// issuer's app asks, nor after a confirmation at the requestor that came to nothing.
pub(in crate::flow) fn offer(
    input: &AuthenticateInput<'_>,
    via: Via,
    random: &mut dyn Random,
) -> Option<Box<InPage>> {
    let areq = input.areq;
    let settings = input.issuer.spc.as_ref().filter(|settings| settings.in_challenge)?;
    let CardLookup::Found(card) = input.card else { return None };
    let scripts = areq.browser.as_ref().is_some_and(|browser| browser.javascript_enabled);
    let able =
        scripts && areq.channel == DeviceChannel::Browser && areq.version >= MessageVersion::V231;
    if !able || via == Via::App || is_second(input) {
        return None;
    }
    let first = card.passkeys.first()?;
    let of_one = card.passkeys.iter().filter(|passkey| passkey.rp_id == first.rp_id);
    let (currency, value) = amount(areq.purchase.as_ref(), settings)?;
    let payee_origin = areq.spc.payee_origin.clone().unwrap_or_default();
    let payee_name = payee_name(&areq.merchant);
    if payee_origin.is_empty() && payee_name.is_none() {
        return None;
    }
    let mut bytes = [0; CHALLENGE_BYTES];
    random.fill(&mut bytes);
    Some(Box::new(InPage {
        expected: ExpectSpc {
            // The page's own deadline ends it.
            until: input.now,
            challenge: URL_SAFE_NO_PAD.encode(bytes),
            currency,
            value,
            payee_origin,
            payee_name,
            display_name: display_name(input),
        },
        passkeys: of_one.take(MAX_CREDENTIALS).cloned().collect(),
    }))
}

impl InPage {
    /// What the page's script hands to the browser: JSON.
    pub(in crate::flow) fn options(&self, settings: &SpcSettings) -> String {
        let expected = &self.expected;
        let ids: Vec<_> = self.passkeys.iter().map(|key| &key.credential_id).collect();
        let mut options = json!({
            "credentialIds": ids,
            "rpId": self.passkeys.first().map(|key| &key.rp_id),
            "challenge": expected.challenge,
            "instrument": { "displayName": expected.display_name, "icon": settings.icon },
            "timeout": settings.timeout_ms,
            "total": { "currency": expected.currency, "value": expected.value },
        });
        if !expected.payee_origin.is_empty() {
            options["payeeOrigin"] = expected.payee_origin.as_str().into();
        }
        if let Some(name) = &expected.payee_name {
            options["payeeName"] = name.as_str().into();
        }
        options.to_string()
    }

    /// Holds what the page posted against what was asked: signed in our own page.
    pub(in crate::flow) fn judge(
        &self,
        said: &str,
        issuer: &IssuerProfile,
    ) -> Result<Asserted, &'static str> {
        let settings = issuer.spc.as_ref().ok_or("not-offered")?;
        let said = serde_json::from_str(said).map_err(|_| "assertion-unreadable")?;
        let page = Some(issuer.challenge_url.as_str());
        assertion::verify(&said, &self.expected, &self.passkeys, &settings.icon, page)
    }
}
