//! What an issuer, a DS profile and a card look like to the core: plain data, filled from
//! configuration and store by the caller.

mod images;
mod logo;
mod oob;

use serde::{Deserialize, Serialize};

use crate::element::{MessageCategory, MessageVersion, Pan, TransStatus};
use crate::flow::screen::AppTexts;
use crate::flow::transaction::Interface;
use crate::security_code::{SecurityCodeKey, SecurityCodeRecord};

pub(crate) use images::ImageSet;
pub use images::Images;
pub use logo::Logo;
pub use oob::{OobFallback, OobSettings};

/// A DS profile: one payment system's directory server [P-TRN-11].
#[derive(Debug, Clone)]
pub struct DsProfile {
    /// Configuration name (`ds_id` of stored rows).
    pub id: String,
    /// Versions accepted from this DS, oldest first.
    pub versions: Vec<MessageVersion>,
    /// `acsReferenceNumber` to send.
    pub acs_reference_number: String,
    /// `acsOperatorID` to send, if this DS wants one.
    pub acs_operator_id: Option<String>,
    /// eci per status; `None` leaves the element out [P-AV-02].
    pub eci: EciTable,
    /// Whether Y and A in NPA carry an authentication value [P-STAT-10].
    pub npa_authentication_value: bool,
    /// Whether N, U and R in NPA carry a transStatusReason.
    pub npa_status_reason: bool,
    /// eci of NPA; `None`: as in PA.
    pub npa_eci: Option<EciTable>,
    /// Whether ARes say how the card security code compared [P-231-04].
    pub security_code_status: bool,
    /// The payment system's logo on native screens.
    pub images: Images,
    /// The payment system's logo on pages.
    pub logo: Option<Logo>,
}

/// eci by result.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct EciTable {
    pub authenticated: Option<String>,
    pub attempted: Option<String>,
    pub not_authenticated: Option<String>,
    /// With I.
    pub informational: Option<String>,
}

impl DsProfile {
    /// eci of a result, by category [P-AV-02, P-ARES-02, Req 108, P-STAT-10]; C, D
    /// and S have none.
    pub(crate) fn eci_of(&self, category: MessageCategory, status: TransStatus) -> Option<&str> {
        let own = self.npa_eci.as_ref().filter(|_| category == MessageCategory::NonPayment);
        let table = own.unwrap_or(&self.eci);
        match status {
            TransStatus::Authenticated => table.authenticated.as_deref(),
            TransStatus::Attempted => table.attempted.as_deref(),
            TransStatus::NotAuthenticated | TransStatus::Unavailable | TransStatus::Rejected => {
                table.not_authenticated.as_deref()
            }
            TransStatus::Informational => table.informational.as_deref(),
            TransStatus::ChallengeRequired | TransStatus::Decoupled | TransStatus::SpcRequired => {
                None
            }
        }
    }

    /// Whether negative results of a category say why [P-STAT-11].
    pub(crate) fn tells_reasons(&self, category: MessageCategory) -> bool {
        category == MessageCategory::Payment || self.npa_status_reason
    }
}

/// An issuer's protocol-relevant settings.
#[derive(Debug, Clone)]
pub struct IssuerProfile {
    /// Configuration name (`issuer_id` of stored rows).
    pub id: String,
    pub rules: Vec<crate::policy::Rule>,
    /// What happens when no rule fires.
    pub default_outcome: crate::policy::RuleOutcome,
    /// Whether decisions of our own stand beside the rules.
    pub policy_profile: PolicyProfile,
    pub three_ri: ThreeRiSettings,
    pub decoupled: DecoupledSettings,
    pub oob: OobSettings,
    /// Otherwise non-payment requests get U with reason 20.
    pub npa_offered: bool,
    pub otp: OtpSettings,
    /// Languages it speaks with its name in each; the first is used for all others.
    pub locales: Vec<Locale>,
    /// Phone number for cardholders' questions; may be empty.
    pub phone: String,
    /// The logo on pages.
    pub logo: Option<Logo>,
    pub app: AppSettings,
    /// Where the first CReq goes (`acsURL`), e.g. `https://acs.example/3ds/challenge/browser`.
    pub challenge_url: String,
    /// `transStatusReason` for technical failures in 2.1.0, which does not know 22 (default 07).
    pub technical_reason_210: String,
    /// `protocol.brw_cancel_reason_210` and `_220`; 2.3.1 is fixed to 19.
    pub cancel_reason_210: String,
    pub cancel_reason_220: String,
    /// `protocol.challenge_empty_counts`, default true [P-APP-41].
    pub empty_counts: bool,
    /// `protocol.challenge_resend_counts`, default false [P-BRW-21].
    pub resend_counts: bool,
    /// `protocol.oob_early_continue_counts`, default true [P-APP-42].
    pub early_continue_counts: bool,
    /// `protocol.brw_repeat_creq`: false = show the page again (default), true = refuse with
    /// 314/305.
    pub refuse_repeated_creq: bool,
    /// `protocol.brw_erro_field`: form field of an Erro posted to notificationURL, `cres` (default)
    /// or `erro`.
    pub erro_field: String,
    /// `protocol.rreq_late_status`: true = U after two failed connections (default), false = as
    /// decided.
    pub late_status_u: bool,
    /// Scripted card outcomes are honoured (development profile only).
    pub scripted_outcomes: bool,
    /// Wait for the first CReq after an ARes C, seconds (30) [P-TMO-03].
    pub first_creq_seconds: u32,
    /// Wait on a shown page, seconds (600) [P-TMO-05].
    pub idle_seconds: u32,
    /// What a browser is given when a challenge is over.
    pub browser: BrowserReadings,
    /// Trust lists and device binding.
    pub consents: ConsentSettings,
    /// Secure Payment Confirmation; `None` where it is not offered.
    pub spc: Option<SpcSettings>,
    /// For the records of card security codes; `None`: they are not compared.
    pub security_code_key: Option<SecurityCodeKey>,
}

/// Secure Payment Confirmation [P-SPC-01..06].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpcSettings {
    /// `icon` of the card: a URL of at most 2048 or a data URL of at most 4096 characters.
    pub icon: String,
    /// How long the browser waits for the cardholder, 60,000 to 500,000 ms.
    pub timeout_ms: u32,
    /// Wait for the second AReq, seconds (600) [P-TMO-14].
    pub wait_seconds: u32,
    /// Letters of the currency shown with an amount of 0.
    pub currency: String,
    /// Answer to an assertion that is not right.
    pub on_failure: SpcFailure,
    /// Answer when the cardholder did not sign.
    pub on_incomplete: SpcFailure,
    /// Challenge pages begin with the passkey; a code is what follows without one [P-SPC-06].
    pub in_challenge: bool,
}

/// What a confirmation that came to nothing is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum SpcFailure {
    /// C, or N where no challenge is possible.
    Challenge,
    /// N.
    Deny,
    /// U.
    Unavailable,
}

/// A passkey of a card's holder that can confirm payments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Passkey {
    /// base64url.
    pub credential_id: String,
    /// P-256 key as `SubjectPublicKeyInfo`, base64url.
    pub public_key: String,
    /// Relying party it was made for.
    pub rp_id: String,
}

/// What cardholders may agree to on the challenge page [P-231-02, P-231-03].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsentSettings {
    /// Trust lists are kept and offered.
    pub trust_list: bool,
    /// Devices can be bound.
    pub device_binding: bool,
    /// What one entry of a trust list covers.
    pub merchant_key: MerchantKey,
    /// Trust-list status of an unticked box is `R` (refused) instead of `N`.
    pub declined_is_refused: bool,
    /// `deviceBindingStatus` of a bound device, 11 to 15.
    pub bound_status: String,
}

/// What one entry of a trust list covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum MerchantKey {
    /// One merchant number of one acquirer at one 3DS Requestor.
    Merchant,
    /// Everything that a 3DS Requestor asks for.
    Requestor,
}

impl ConsentSettings {
    /// Nothing is kept and nothing is asked.
    #[must_use]
    pub fn off() -> Self {
        Self {
            trust_list: false,
            device_binding: false,
            merchant_key: MerchantKey::Merchant,
            declined_is_refused: false,
            bound_status: "14".to_owned(),
        }
    }

    /// Whether the consents of a card have to be looked up.
    #[must_use]
    pub const fn are_kept(&self) -> bool {
        self.trust_list || self.device_binding
    }

    pub(crate) const fn declined_status(&self) -> &'static str {
        if self.declined_is_refused { "R" } else { "N" }
    }
}

/// Readings of the end of a browser challenge that may be chosen; the default is none of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BrowserReadings {
    /// `protocol.brw_cres_without_rres`: a final CRes says N when no RRes came, not what was
    /// decided [P-BRW-33].
    pub no_rres_is_n: bool,
    /// `protocol.brw_cres_on_idle`: an idle page asks again by itself and gets a CRes N
    /// [P-BRW-34].
    pub cres_on_idle: bool,
    /// `protocol.brw_reoffer_final_cres`: an identical CReq after the end gets the final page
    /// again, not an Erro [P-BRW-18].
    pub reoffer_final_cres: bool,
}

/// The app channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppSettings {
    /// `acsURL` inside acsSignedContent, e.g. `https://acs.example/3ds/challenge/app`.
    pub challenge_url: String,
    /// Preferred where the SDK shows both.
    pub interface: Interface,
    /// A cardholder with a phone and an address on record chooses where the code goes.
    pub choose_contact: bool,
    /// They may choose several contacts at once, which get the same code.
    pub choose_several: bool,
    /// Phone and address get a code each, and both are asked for.
    pub two_codes: bool,
    /// A button has a new code sent to the other contact: beside the entry of native screens (2.3.1)
    /// and of pages.
    pub other_contact: bool,
    /// An information screen comes first, and the code after it (2.3.1).
    pub notice: bool,
    /// Questions for consent stand above the buttons (2.3.1) [Note 119].
    pub prompts_above: bool,
    /// `protocol.app_cancel_reason_210`, `_220` and `_231` [P-APP-19].
    pub cancel_reason_210: String,
    pub cancel_reason_220: String,
    pub cancel_reason_231: String,
    /// `protocol.app_plain_creq_error`: 101 instead of 302 for a CReq that is not encrypted
    /// [P-CRY-09].
    pub plain_creq_is_101: bool,
    /// `protocol.app_sdk_erro_without_rres`: 403 instead of 402 to an SDK whose result got no
    /// RRes [P-APP-52].
    pub without_rres_is_403: bool,
    /// The issuer's logo on native screens.
    pub images: Images,
    /// The issuer's own words on native and HTML screens.
    pub texts: AppTexts,
}

/// Whose policies decide where no rule of the issuer does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum PolicyProfile {
    /// What issuers do: e.g. 3RI needs an earlier authentication.
    #[default]
    Issuer,
    /// None but the rules and the default: for test laboratories, whose cases expect that.
    Conformance,
}

/// 3RI rules of an issuer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ThreeRiSettings {
    /// Otherwise U with reason 21.
    pub offered: bool,
    /// Days for which an authentication carries later 3RI transactions of its card and merchant.
    pub prior_days: u32,
    /// What one carries that was accepted without a challenge.
    pub prior_frictionless: PriorFrictionless,
    /// What happens without one, when no rule fires.
    pub unproven: crate::policy::RuleOutcome,
}

impl Default for ThreeRiSettings {
    fn default() -> Self {
        let unproven = crate::policy::RuleOutcome::Challenge { mandated: false };
        let prior_frictionless = PriorFrictionless::Amount;
        Self { offered: false, prior_days: 400, prior_frictionless, unproven }
    }
}

/// What an authentication without a challenge carries later [P-3RI-03]: it showed no cardholder, only
/// that the risk of its own amount was taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum PriorFrictionless {
    /// Requests in its own currency that are not above its own amount.
    #[default]
    Amount,
    /// Whatever one with a challenge carries.
    Any,
    /// Nothing.
    Never,
}

/// Decoupled authentication of an issuer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DecoupledSettings {
    pub offered: bool,
    /// Requests with less time get N with reason 25.
    pub min_minutes: u16,
    /// When a challenge goes over to it [P-DEC-07].
    pub fallback: Fallback,
    /// Seconds from the end of such a challenge within which the requestor's new AReq is taken: the
    /// 60 that it has, and some for the messages between.
    pub fallback_seconds: u32,
    /// What an AReq with threeRIInd 19 is answered that follows no such challenge.
    pub fallback_unproven: crate::policy::RuleOutcome,
}

/// When a browser challenge goes over to decoupled authentication, where the requestor allows it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Fallback {
    Never,
    /// The cardholder asks for it, or nothing can be sent to enter.
    #[default]
    Choice,
    /// Also when the attempts are used up.
    Exhausted,
}

impl Default for DecoupledSettings {
    fn default() -> Self {
        Self {
            offered: false,
            min_minutes: 1,
            fallback: Fallback::default(),
            fallback_seconds: 120,
            fallback_unproven: crate::policy::RuleOutcome::Deny { reason: "01".to_owned() },
        }
    }
}

/// A language an issuer speaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Locale {
    /// `ja` or `en`.
    pub tag: String,
    /// The issuer's name in that language.
    pub name: String,
}

/// One-time-password rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtpSettings {
    /// Number of characters, 6 by default.
    pub length: u8,
    /// Alphanumeric instead of digits.
    pub alphanumeric: bool,
    /// Life of a code, seconds (300).
    pub life_seconds: u32,
    /// Evaluated submissions per challenge (3).
    pub max_attempts: u8,
    /// Re-sends per challenge (2).
    pub max_resends: u8,
    /// Shortest time between two sends, seconds (30).
    pub resend_interval_seconds: u32,
}

/// State of a card in the issuer's books.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CardState {
    Active,
    NotActivated,
    NotEnrolled,
    Suspended,
    Lost,
    Stolen,
    Expired,
}

/// Where one-time passwords and questions go.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Contacts {
    /// E.164, with the plus sign.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sms: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// How the issuer's systems know the cardholder's copy of its app; never shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
}

impl std::fmt::Debug for Contacts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Contacts(..)")
    }
}

/// A scripted result of a test card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScriptedOutcome {
    /// Y, A, N, U, R, C, D or I.
    pub status: TransStatus,
    /// Two-digit `transStatusReason`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A card as found by the caller.
#[derive(Debug, Clone)]
pub struct Card {
    /// YYMM as in AReq, when on record.
    pub expiry: Option<String>,
    pub state: CardState,
    pub contacts: Contacts,
    pub outcome: Option<ScriptedOutcome>,
    /// For Secure Payment Confirmation.
    pub passkeys: Vec<Passkey>,
    /// What the issuer recorded of the card security code.
    pub security_code: Option<SecurityCodeRecord>,
}

/// What a card lookup gave. "Could not look" is not "not there": it answers U (invariant 3).
#[derive(Debug, Clone)]
pub enum CardLookup {
    Found(Card),
    /// Inside a served range, but not on record (OUT-UNK).
    Unknown,
    /// The store did not answer.
    Failed,
}

/// The account of a transaction: the number itself and its keyed hash, the card token.
#[derive(Debug, Clone)]
pub struct Account {
    pub pan: Pan,
    /// Hex of the keyed hash; the only form in which a card appears in states and events.
    pub card_token: String,
}
