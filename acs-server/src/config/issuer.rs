//! `[[issuer]]`: one issuer with its card ranges, rules and one-time passwords.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use acs_core::element::Pan;
use acs_core::flow::screen::AppTexts;
use acs_core::flow::transaction::Interface;
use acs_core::policy::{Rule, RuleOutcome};
use acs_core::profile::{
    AppSettings, DecoupledSettings, Images, IssuerProfile, Locale, Logo, OobSettings, OtpSettings,
    PolicyProfile, ThreeRiSettings,
};
use serde::Deserialize;
use url::Url;

use super::protocol::{LateStatus, PlainCReqError, RepeatedCReq, WithoutRRes};
use super::{Consent, Protocol, Public, Spc};
use crate::pages::logo;

/// An issuer.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Issuer {
    /// Name in stored rows and logs; never changes.
    pub id: String,
    /// The `[[ds]]` that may ask for this issuer's cards.
    pub ds: Vec<String>,
    pub ranges: Vec<CardRange>,
    /// Languages of its pages, `ja` or `en`; the first is used when the browser asks for neither.
    #[serde(default = "both_locales")]
    pub locales: Vec<String>,
    /// Name shown to cardholders, per language.
    pub name: BTreeMap<String, String>,
    /// Phone number shown for help.
    #[serde(default)]
    pub phone: String,
    /// The issuer's logo on pages of browsers and apps: PNG or JPEG of at most 16 KB [Req 180].
    pub logo: Option<PathBuf>,
    /// What happens when no rule fires.
    #[serde(default = "challenge")]
    pub default: RuleOutcome,
    /// Tried in order, the first that fires decides.
    #[serde(default)]
    pub rule: Vec<Rule>,
    /// "issuer": what issuers do where no rule speaks. "conformance": rules and default only.
    #[serde(default)]
    pub policy_profile: PolicyProfile,
    /// 3RI: authentications without the cardholder.
    #[serde(default)]
    pub three_ri: ThreeRiSettings,
    /// Decoupled authentication: the issuer's systems ask the cardholder in their own time.
    #[serde(default)]
    pub decoupled: DecoupledSettings,
    /// Out-of-band authentication: the issuer's own app asks during the challenge.
    #[serde(default)]
    pub oob: OobSettings,
    /// Non-payment requests are served.
    #[serde(default = "yes")]
    pub npa_offered: bool,
    /// How this issuer's systems sign their requests; `None`: they have no access.
    pub api: Option<Api>,
    /// Compares card security codes with the records of the card file.
    pub security_code: Option<SecurityCodes>,
    /// Results written beside test cards are honoured (development only).
    #[serde(default)]
    pub scripted_outcomes: bool,
    pub otp: Otp,
    /// What cardholders are asked to agree to.
    #[serde(default)]
    pub consent: Consent,
    /// Confirmation by a passkey at the requestor; left out, it is not offered.
    pub spc: Option<Spc>,
    #[serde(default)]
    pub app: AppChannel,
}

/// `[issuer.app]`: challenges inside apps.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AppChannel {
    /// Used where the SDK shows both.
    pub interface: AppInterface,
    /// Cardholders with a phone and an address on record choose where the code goes.
    pub choose_contact: bool,
    /// They may choose several contacts at once, which get the same code.
    pub choose_several: bool,
    /// Phone and address get a code each, and both are asked for.
    pub two_codes: bool,
    /// A button has a new code sent to the other contact (native screens of 2.3.1, pages).
    pub other_contact: bool,
    /// An information screen comes first; the code is sent when its button was pressed (2.3.1).
    pub notice: bool,
    /// Questions for consent stand above the buttons of native screens (2.3.1).
    pub prompts_above: bool,
    /// The issuer's logo on native screens, `images = { medium, high, extra_high, default, dark,
    /// monochrome }`: https URLs of png or jpeg files.
    pub images: Images,
    /// The issuer's own words: language to key to text. `acs check` names unknown keys, unknown
    /// placeholders and texts that could grow too long.
    pub texts: BTreeMap<String, BTreeMap<String, String>>,
}

/// Who draws the screens of an app challenge.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AppInterface {
    /// The SDK.
    #[default]
    Native,
    /// This ACS, as pages inside the SDK.
    Html,
}

/// A range of card numbers, both ends inside. `start` is filled up with 0 and `end` with 9 to 19
/// digits, and a card number with 0.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "RangeText")]
pub struct CardRange {
    start: u64,
    end: u64,
    /// Its cards are not authenticated yet: A, proof of an attempt.
    attempts: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RangeText {
    start: String,
    end: String,
    #[serde(default)]
    attempts: bool,
}

/// Access of the issuer's systems to the `issuer` listener.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Api {
    /// 32 bytes, base64; readable by its owner only.
    pub key_file: PathBuf,
}

/// Records of card security codes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecurityCodes {
    /// 32 bytes, base64; readable by its owner only.
    pub key_file: PathBuf,
    /// Wrong codes of a card in a day after which none is right.
    #[serde(default = "five")]
    pub max_wrong: u32,
}

/// One-time passwords.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Otp {
    #[serde(default = "six")]
    pub length: u8,
    #[serde(default)]
    pub alphanumeric: bool,
    #[serde(default = "five_minutes")]
    pub life_seconds: u32,
    #[serde(default = "three")]
    pub max_attempts: u8,
    #[serde(default = "two")]
    pub max_resends: u8,
    #[serde(default = "half_a_minute")]
    pub resend_interval_seconds: u32,
    pub gateway: Gateway,
}

/// How messages reach cardholders.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
#[non_exhaustive]
pub enum Gateway {
    /// Appended in clear to a JSON Lines file (development only).
    Outbox { file: PathBuf },
    /// Posted to the issuer's messaging service, signed with HMAC-SHA-256.
    Webhook {
        #[serde(deserialize_with = "crate::config::url")]
        url: Url,
        /// 32 bytes, base64; readable by its owner only.
        key_file: PathBuf,
    },
}

impl Issuer {
    /// What the core needs to know of this issuer.
    #[must_use]
    pub fn profile(&self, protocol: &Protocol, public: &Public) -> IssuerProfile {
        IssuerProfile {
            id: self.id.clone(),
            rules: self.rule.clone(),
            default_outcome: self.default.clone(),
            policy_profile: self.policy_profile,
            three_ri: self.three_ri.clone(),
            decoupled: self.decoupled.clone(),
            oob: self.oob.clone(),
            npa_offered: self.npa_offered,
            otp: self.otp.settings(),
            app: self.app.settings(protocol, public),
            challenge_url: public.challenge_browser_url(),
            technical_reason_210: protocol.technical_reason_210.clone(),
            cancel_reason_210: protocol.brw_cancel_reason_210.clone(),
            cancel_reason_220: protocol.brw_cancel_reason_220.clone(),
            empty_counts: protocol.challenge_empty_counts,
            resend_counts: protocol.challenge_resend_counts,
            early_continue_counts: protocol.oob_early_continue_counts,
            refuse_repeated_creq: protocol.brw_repeat_creq == RepeatedCReq::Refuse,
            erro_field: protocol.brw_erro_field.as_str().to_owned(),
            late_status_u: protocol.rreq_late_status == LateStatus::U,
            scripted_outcomes: self.scripted_outcomes,
            locales: self.locales.iter().map(|tag| self.locale(tag)).collect(),
            phone: self.phone.clone(),
            first_creq_seconds: protocol.first_creq_seconds,
            idle_seconds: protocol.idle_seconds,
            consents: self.consent.settings(),
            spc: self.spc.as_ref().map(|spc| spc.settings(protocol.spc_seconds)),
            browser: protocol.browser_readings(),
            // Files: read at the start, see `boot`.
            logo: None,
            security_code_key: None,
        }
    }

    fn locale(&self, tag: &str) -> Locale {
        Locale { tag: tag.to_owned(), name: self.name.get(tag).cloned().unwrap_or_default() }
    }

    /// Whether this issuer issued `pan`, as far as ranges tell.
    #[must_use]
    pub fn issues(&self, pan: &Pan) -> bool {
        self.ranges.iter().any(|range| range.contains(pan))
    }

    /// Whether `pan` is in a range in attempts mode.
    #[must_use]
    pub fn attempts(&self, pan: &Pan) -> bool {
        self.ranges.iter().any(|range| range.attempts && range.contains(pan))
    }

    /// The logo as pages carry it; its text alternative is the name in the first language.
    ///
    /// # Errors
    /// A sentence about the file.
    pub fn load_logo(&self) -> Result<Option<Logo>, String> {
        let name = self.locales.first().and_then(|locale| self.name.get(locale));
        let words = name.map_or("", String::as_str);
        self.logo.as_ref().map(|file| logo::load(file, words)).transpose()
    }

    pub(super) fn resolve(&mut self, folder: &Path) {
        if let Some(logo) = &mut self.logo {
            super::join(folder, logo);
        }
        if let Some(api) = &mut self.api {
            super::join(folder, &mut api.key_file);
        }
        if let Some(codes) = &mut self.security_code {
            super::join(folder, &mut codes.key_file);
        }
        match &mut self.otp.gateway {
            Gateway::Outbox { file: path } | Gateway::Webhook { key_file: path, .. } => {
                super::join(folder, path);
            }
        }
    }
}

impl AppChannel {
    /// What contradicts itself.
    pub(super) fn findings(&self, name: &str) -> Vec<String> {
        let choice = self.choose_contact || self.choose_several;
        let idle = self.two_codes && (choice || self.other_contact);
        let finding = || {
            format!(
                "{name} app.two_codes leaves nothing to choose: remove choose_contact, \
                 choose_several and other_contact"
            )
        };
        let images = self.images.findings(&format!("{name} app.images"));
        idle.then(finding).into_iter().chain(images).collect()
    }

    /// By language and key.
    pub(super) fn texts(&self) -> AppTexts {
        let by_key = |(tag, texts): (&String, &BTreeMap<String, String>)| {
            let tag = tag.clone();
            texts
                .iter()
                .map(move |(key, text)| ((tag.clone(), key.clone()), text.clone()))
                .collect::<Vec<_>>()
        };
        self.texts.iter().flat_map(by_key).collect()
    }

    fn settings(&self, protocol: &Protocol, public: &Public) -> AppSettings {
        AppSettings {
            challenge_url: public.challenge_app_url(),
            choose_contact: self.choose_contact,
            choose_several: self.choose_several,
            two_codes: self.two_codes,
            other_contact: self.other_contact,
            notice: self.notice,
            prompts_above: self.prompts_above,
            cancel_reason_210: protocol.app_cancel_reason_210.clone(),
            cancel_reason_220: protocol.app_cancel_reason_220.clone(),
            cancel_reason_231: protocol.app_cancel_reason_231.clone(),
            plain_creq_is_101: protocol.app_plain_creq_error == PlainCReqError::Unrecognised,
            without_rres_is_403: protocol.app_sdk_erro_without_rres
                == WithoutRRes::TransientFailure,
            images: self.images.clone(),
            texts: self.texts(),
            interface: match self.interface {
                AppInterface::Native => Interface::Native,
                AppInterface::Html => Interface::Html,
            },
        }
    }
}

impl Otp {
    const fn settings(&self) -> OtpSettings {
        OtpSettings {
            length: self.length,
            alphanumeric: self.alphanumeric,
            life_seconds: self.life_seconds,
            max_attempts: self.max_attempts,
            max_resends: self.max_resends,
            resend_interval_seconds: self.resend_interval_seconds,
        }
    }
}

impl CardRange {
    #[must_use]
    pub fn contains(&self, pan: &Pan) -> bool {
        padded(pan.expose_digits(), '0')
            .is_some_and(|number| (self.start..=self.end).contains(&number))
    }

    #[must_use]
    pub const fn overlaps(&self, other: &Self) -> bool {
        self.start <= other.end && other.start <= self.end
    }
}

impl TryFrom<RangeText> for CardRange {
    type Error = String;

    fn try_from(text: RangeText) -> Result<Self, String> {
        let number = |name: &str, digits: &str, fill| {
            padded(digits, fill)
                .ok_or_else(|| format!("range {name} \"{digits}\" is not 1 to 19 digits"))
        };
        let range = Self {
            start: number("start", &text.start, '0')?,
            end: number("end", &text.end, '9')?,
            attempts: text.attempts,
        };
        if range.start > range.end {
            return Err(format!("range start {} is above its end {}", text.start, text.end));
        }
        Ok(range)
    }
}

/// `digits` filled up to 19 places, as a number; 19 digits always fit.
fn padded(digits: &str, fill: char) -> Option<u64> {
    let good = (1..=PLACES).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    let text: String = digits.chars().chain(std::iter::repeat(fill)).take(PLACES).collect();
    good.then(|| text.parse().ok())?
}

fn both_locales() -> Vec<String> {
    vec!["ja".to_owned(), "en".to_owned()]
}

const fn challenge() -> RuleOutcome {
    RuleOutcome::Challenge { mandated: false }
}

const fn yes() -> bool {
    true
}

const fn two() -> u8 {
    2
}

const fn three() -> u8 {
    3
}

const fn five() -> u32 {
    5
}

const fn six() -> u8 {
    6
}

const fn half_a_minute() -> u32 {
    30
}

const fn five_minutes() -> u32 {
    300
}

/// Longest card number.
const PLACES: usize = 19;
