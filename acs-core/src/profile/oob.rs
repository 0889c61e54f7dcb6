//! Out-of-band authentication: the issuer's own app asks the cardholder.

use serde::{Deserialize, Serialize};

use crate::element::MessageVersion;

/// Out-of-band authentication of an issuer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OobSettings {
    /// Cards whose holder has the issuer's app are challenged in it, before any code.
    pub offered: bool,
    /// `authenticationMethod`: `07` biometrics, `08` login, `09` other, `11` push confirmation.
    pub method: String,
    /// Seconds for an answer in the app.
    pub life_seconds: u32,
    /// How often a cardholder may say that they are done before the issuer has said so
    /// [P-APP-42]: a limit of its own.
    pub max_continues: u8,
    /// When a code takes the app's place.
    pub fallback: OobFallback,
    /// Link that opens the app from a merchant's app (`oobAppURL`), as registered when the app is
    /// installed [Req 401]; empty: none.
    pub app_url: String,
    /// The app can go back to the merchant's app by `threeDSRequestorAppURL` [P-APP-43].
    pub returns_to_app: bool,
}

impl Default for OobSettings {
    fn default() -> Self {
        Self {
            offered: false,
            method: OTHER_OOB.to_owned(),
            life_seconds: 300,
            max_continues: 10,
            fallback: OobFallback::default(),
            app_url: String::new(),
            returns_to_app: false,
        }
    }
}

impl OobSettings {
    /// `authenticationMethod` of a version: 2.1.0 does not know push confirmation.
    #[must_use]
    pub fn method_in(&self, version: MessageVersion) -> &'static str {
        match (self.method.as_str(), version) {
            ("07", _) => "07",
            ("08", _) => "08",
            (PUSH, MessageVersion::V220 | MessageVersion::V231) => PUSH,
            _ => OTHER_OOB,
        }
    }

    /// Whether the method is one of out-of-band authentication.
    #[must_use]
    pub fn method_is_known(&self) -> bool {
        matches!(self.method.as_str(), "07" | "08" | OTHER_OOB | PUSH)
    }
}

/// When a code takes the place of the issuer's app. What the cardholder refused there stays refused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum OobFallback {
    #[default]
    Never,
    /// The app's time is over, or the issuer cannot ask.
    Lapsed,
    /// Also when the cardholder prefers a code.
    Choice,
}

const OTHER_OOB: &str = "09";
const PUSH: &str = "11";
