//! `[issuer.consent]`: what cardholders may agree to on the challenge page.

use acs_core::policy::Rule;
use acs_core::profile::{ConsentSettings, MerchantKey};
use serde::Deserialize;

/// Consents an issuer asks for and honours. Rules read them as `when.trusted_merchant` and
/// `when.bound_device`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Consent {
    /// Offer to put the merchant on the cardholder's trust list (2.2.0, 2.3.1).
    pub trust_list: bool,
    /// What one entry of the list covers: `merchant` (requestor, acquirer and merchant number) or
    /// `requestor`.
    pub merchant_key: MerchantKey,
    /// Trust-list status reported for a box that stayed empty.
    pub declined_status: Declined,
    /// Offer to bind the device, by a cookie (2.3.1).
    pub device_binding: bool,
    /// `deviceBindingStatus` of a bound device, 11 to 15.
    pub bound_status: String,
    /// A bound browser counts only where the 3DS Method saw it at the AReq's `browserIP`. Switch it
    /// off where a proxy hides the browsers' addresses.
    pub same_address: bool,
}

/// Trust-list status of a box that stayed empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Declined {
    /// Not on the list.
    N,
    /// Refused by the cardholder.
    R,
}

impl Default for Consent {
    fn default() -> Self {
        let ConsentSettings { merchant_key, bound_status, .. } = ConsentSettings::off();
        Self {
            trust_list: false,
            merchant_key,
            declined_status: Declined::N,
            device_binding: false,
            bound_status,
            same_address: true,
        }
    }
}

impl Consent {
    /// What the core needs to know of it.
    pub(super) fn settings(&self) -> ConsentSettings {
        ConsentSettings {
            trust_list: self.trust_list,
            device_binding: self.device_binding,
            merchant_key: self.merchant_key,
            declined_is_refused: self.declined_status == Declined::R,
            bound_status: self.bound_status.clone(),
        }
    }

    /// What is wrong with it, or with rules that need it.
    pub(super) fn findings(&self, name: &str, rules: &[Rule]) -> Vec<String> {
        let mut findings = Vec::new();
        if !BOUND.contains(&self.bound_status.as_str()) {
            findings.push(format!(
                "{name} consent.bound_status = \"{}\" must be one of 11 to 15",
                self.bound_status
            ));
        }
        for rule in rules {
            if rule.when.trusted_merchant == Some(true) && !self.trust_list {
                findings.push(format!(
                    "{name} rule \"{}\" waits for trusted merchants: set consent.trust_list = true",
                    rule.name
                ));
            }
            if rule.when.bound_device == Some(true) && !self.device_binding {
                findings.push(format!(
                    "{name} rule \"{}\" waits for bound devices: set consent.device_binding = true",
                    rule.name
                ));
            }
        }
        findings
    }
}

/// `deviceBindingStatus` of bound devices, by kind.
const BOUND: [&str; 5] = ["11", "12", "13", "14", "15"];
