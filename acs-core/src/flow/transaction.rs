//! The stored state of a transaction, and what a step asks the caller to do.

mod app;
mod compact;
mod stored;

use serde::{Deserialize, Serialize};

use crate::UtcMillis;
use crate::element::{DeviceChannel, MessageCategory, MessageVersion, TransId, TransStatus};
use crate::message::{AReq, Merchant, Purchase};
use crate::profile::IssuerProfile;

use super::confirmation::{ConfirmationRequest, Verdict};
use super::consent::{Consent, Offer};
use super::oob::Oob;
use super::spc::ExpectSpc;
use super::spc::in_page::InPage;
use super::words;

pub use app::{AppState, Interface, Rendering, Template};
pub(super) use app::{Before, Exchange, Reply};
use stored::Opening;

/// A transaction from its ARes to its end: what it was opened with, which never changes, and where it
/// stands. Holds no PAN, code, key or authentication value.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Transaction {
    opening: Opening,
    /// Optimistic version: every transition adds one; the store writes only over the version read.
    pub revision: u32,
    /// Language of pages and messages, `ja` or `en`.
    pub language: String,
    /// What the app channel needs; `None` in the others.
    pub app: Option<Box<AppState>>,
    pub phase: Phase,
}

/// What a transaction was opened with. Names are short because every AReq writes one.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Opened {
    /// Format of this serialisation; unknown formats are refused when loaded.
    #[serde(rename = "f", deserialize_with = "compact::known_format")]
    pub format: u16,
    #[serde(rename = "a")]
    pub acs_trans_id: TransId,
    #[serde(rename = "d")]
    pub ds_trans_id: TransId,
    #[serde(rename = "s")]
    pub three_ds_server_trans_id: TransId,
    #[serde(rename = "i")]
    pub issuer_id: String,
    #[serde(rename = "ds")]
    pub ds_id: String,
    #[serde(rename = "v")]
    pub version: MessageVersion,
    #[serde(rename = "ch")]
    pub channel: DeviceChannel,
    #[serde(rename = "ca")]
    pub category: MessageCategory,
    /// `messageCategory` of the AReq where it is a value agreed with this DS.
    #[serde(rename = "cx", default, skip_serializing_if = "Option::is_none")]
    pub agreed_category: Option<String>,
    #[serde(rename = "t")]
    pub card_token: String,
    #[serde(rename = "l4")]
    pub card_last4: String,
    #[serde(rename = "du", default, skip_serializing_if = "Option::is_none")]
    pub ds_url: Option<String>,
    /// Only when it is allowed: nothing may be posted elsewhere.
    #[serde(rename = "nu", default, skip_serializing_if = "Option::is_none")]
    pub notification_url: Option<String>,
    #[serde(
        rename = "p",
        default,
        skip_serializing_if = "Option::is_none",
        with = "compact::purchase"
    )]
    pub purchase: Option<Purchase>,
    #[serde(
        rename = "m",
        default,
        skip_serializing_if = "compact::nothing",
        with = "compact::merchant"
    )]
    pub merchant: Merchant,
    /// The other merchants of a challenge for several [P-231-05].
    #[serde(rename = "om", default, skip_serializing_if = "OtherMerchants::is_empty")]
    pub other_merchants: OtherMerchants,
    /// `threeDSRequestorID`; empty in states of earlier programs.
    #[serde(rename = "rq", default, skip_serializing_if = "String::is_empty")]
    pub requestor_id: String,
    #[serde(rename = "c")]
    pub created: UtcMillis,
    /// Whether its challenge may go over to decoupled authentication [P-DEC-07].
    #[serde(rename = "fb", default, skip_serializing_if = "std::ops::Not::not")]
    pub falls_back: bool,
}

/// Merchants beside the one that is named first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtherMerchants {
    /// The first of them, each on one line.
    #[serde(rename = "n", default)]
    pub names: Vec<String>,
    /// How many there are.
    #[serde(rename = "c", default)]
    pub count: u16,
}

impl OtherMerchants {
    /// The merchants of a multi-transaction, or the sellers behind a marketplace [P-231-05].
    pub(super) fn of(areq: &AReq) -> Self {
        let claims = &areq.claims;
        let listed = claims.multi_transaction.as_ref().map(|multi| &multi.merchants);
        let main = areq.merchant.name.as_deref().map(words::one_line).unwrap_or_default();
        let mut all: Vec<String> = Vec::new();
        for name in listed.unwrap_or(&claims.sellers) {
            let name = words::one_line(name);
            if !name.is_empty() && name != main && !all.contains(&name) {
                all.push(name);
            }
        }
        let count = u16::try_from(all.len()).unwrap_or(u16::MAX);
        all.truncate(MOST_NAMED);
        Self { names: all, count }
    }

    fn is_empty(&self) -> bool {
        self.count == 0
    }
}

/// Names of other merchants that are kept: a page has room for no more.
const MOST_NAMED: usize = 10;

/// The format [`Transaction`] is written in.
pub(super) const FORMAT: u16 = 1;

/// What the transaction waits for.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Phase {
    /// The ARes was the end: Y, N, U, R, A or I.
    #[serde(rename = "answered")]
    Answered(Answered),
    /// The ARes was C; the requestor has not come yet.
    #[serde(rename = "creq")]
    ExpectCReq(ExpectCReq),
    /// A page is shown.
    #[serde(rename = "entry")]
    ExpectEntry(Box<ExpectEntry>),
    /// The ARes was D; the issuer's systems ask the cardholder.
    #[serde(rename = "dec")]
    Decoupled(Decoupled),
    /// The ARes was S; the second AReq has not come yet.
    #[serde(rename = "spc")]
    ExpectSpc(Box<ExpectSpc>),
    /// Decided; the RReq is on its way.
    #[serde(rename = "rres")]
    ExpectRRes(ExpectRRes),
    /// Nothing is waited for any more.
    #[serde(rename = "ended")]
    Ended(Decided),
}

/// A transaction that ended with its ARes.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Answered {
    /// `transStatus` sent.
    #[serde(rename = "s")]
    pub status: TransStatus,
    /// `transStatusReason` sent.
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A decoupled authentication.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Decoupled {
    /// End of the requestor's time, without the hour of grace
    /// [P-DEC-04, P-TMO-11, Req 322, Req 326, Req 330].
    #[serde(rename = "u")]
    pub until: UtcMillis,
}

/// How the cardholder is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Via {
    Sms,
    Email,
    /// No code: the issuer's own app asks.
    App,
}

impl Via {
    /// `sms`, `email` or `app`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sms => "sms",
            Self::Email => "email",
            Self::App => "app",
        }
    }

    /// `authenticationMethod`: SMS code, other one-time code, or out-of-band.
    pub(super) fn method(self, issuer: &IssuerProfile, version: MessageVersion) -> &'static str {
        match self {
            Self::Sms => "02",
            Self::Email => "05",
            Self::App => issuer.oob.method_in(version),
        }
    }
}

/// How a cardholder was to be authenticated: by a code, or by the issuer itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Way {
    /// A code by text message.
    Sms,
    /// A code by mail.
    Email,
    /// In the issuer's app, during the challenge.
    App,
    /// Decoupled: in the issuer's own way and time.
    Decoupled,
    /// No code: the cardholder confirms with a passkey at the requestor.
    Spc,
}

impl Way {
    /// `sms`, `email`, `app`, `decoupled` or `spc`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sms => Via::Sms.as_str(),
            Self::Email => Via::Email.as_str(),
            Self::App => Via::App.as_str(),
            Self::Decoupled => "decoupled",
            Self::Spc => "spc",
        }
    }

    /// `authenticationMethod`; that of decoupled is of 2.3.1 only.
    pub(super) fn method(self, issuer: &IssuerProfile, version: MessageVersion) -> &'static str {
        match self {
            Self::Sms => Via::Sms.method(issuer, version),
            Self::Email => Via::Email.method(issuer, version),
            Self::App => Via::App.method(issuer, version),
            Self::Decoupled => "12",
            Self::Spc => "14",
        }
    }
}

impl From<Via> for Way {
    fn from(via: Via) -> Self {
        match via {
            Via::Sms => Self::Sms,
            Via::Email => Self::Email,
            Via::App => Self::App,
        }
    }
}

/// A challenge before its first CReq.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ExpectCReq {
    #[serde(rename = "u")]
    pub until: UtcMillis,
    #[serde(rename = "w")]
    pub via: Via,
    /// What its pages ask consent for.
    #[serde(rename = "co", default, skip_serializing_if = "Offer::is_empty")]
    pub consents: Offer,
    /// How a code goes out should the issuer's app be of no use.
    #[serde(rename = "fb", default, skip_serializing_if = "Option::is_none")]
    pub fallback: Option<Via>,
    /// What its first page lets the cardholder sign with a passkey [P-SPC-06].
    #[serde(rename = "sp", default, skip_serializing_if = "Option::is_none")]
    pub spc: Option<Box<InPage>>,
}

/// A challenge whose page is shown.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ExpectEntry {
    /// End of the wait on the shown page.
    #[serde(rename = "u")]
    pub until: UtcMillis,
    #[serde(rename = "w")]
    pub via: Via,
    /// What the requestor sent, for the page and to know a repeat.
    #[serde(rename = "q")]
    pub creq: AcceptedCReq,
    /// Keyed hash of the code in force.
    #[serde(rename = "h")]
    pub(super) code: String,
    /// Number of that code; part of the hash.
    #[serde(rename = "g")]
    pub(super) generation: u8,
    /// Hashes of codes replaced by a re-send, newest last.
    #[serde(rename = "o", default, skip_serializing_if = "Vec::is_empty")]
    pub(super) old_codes: Vec<String>,
    #[serde(rename = "e")]
    pub(super) code_expires: UtcMillis,
    #[serde(rename = "t")]
    pub(super) sent: UtcMillis,
    /// `interactionCounter` [P-BRW-21].
    #[serde(rename = "n")]
    pub counter: u8,
    #[serde(rename = "rs")]
    pub resends: u8,
    #[serde(rename = "qs")]
    pub(super) creqs: u8,
    #[serde(rename = "co", default, skip_serializing_if = "Offer::is_empty")]
    pub(super) consents: Offer,
    /// What went out beside the code to `via`.
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    pub(super) also: Option<Also>,
    /// What the entry is.
    #[serde(rename = "st", default, skip_serializing_if = "Asked::is_code")]
    pub(super) asked: Asked,
    /// The information page is shown: nothing is entered any more [P-DEC-07].
    #[serde(rename = "in", default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) informed: bool,
    /// What the issuer's app asks, or asked before a code took its place.
    #[serde(rename = "ob", default, skip_serializing_if = "Option::is_none")]
    pub(super) oob: Option<Box<Oob>>,
    /// The page for the passkey is shown, and no code was sent yet [P-SPC-06].
    #[serde(rename = "sp", default, skip_serializing_if = "Option::is_none")]
    pub(super) spc: Option<Box<InPage>>,
}

impl ExpectEntry {
    /// How the cardholder is being authenticated.
    pub(super) fn way(&self) -> Way {
        if self.spc.is_some() { Way::Spc } else { self.via.into() }
    }

    /// Whether an app's screen asks for the trust list: with the code, in versions that know it.
    pub(super) fn trust_text_shown(&self, version: MessageVersion) -> bool {
        self.asks_code() && self.consents.trust.is_some() && version >= MessageVersion::V220
    }

    /// Whether an app's screen asks for the binding of the device.
    pub(super) fn bind_text_shown(&self, version: MessageVersion) -> bool {
        self.asks_code() && self.consents.bind && version >= MessageVersion::V231
    }

    /// What an app's screen asks consent for: a waiting screen asks nothing, whatever is on offer
    /// [P-231-02, P-231-03].
    pub(super) fn consents_shown(&self, version: MessageVersion) -> Offer {
        Offer {
            trust: self.consents.trust.clone().filter(|_| self.trust_text_shown(version)),
            bind: self.bind_text_shown(version),
        }
    }

    /// Whether there is nothing to enter: an information screen.
    pub(super) fn is_information(&self) -> bool {
        self.informed || self.asked == Asked::Notice
    }

    pub(super) fn asks_code(&self) -> bool {
        self.asked == Asked::Code && !self.informed
    }

    /// The way of a second code that is asked for too.
    pub(super) const fn second(&self) -> Option<Via> {
        match &self.also {
            Some(Also::Own { via, .. }) => Some(*via),
            _ => None,
        }
    }

    /// Where codes went.
    pub(super) const fn route(&self) -> Route {
        match &self.also {
            None => Route::One(self.via),
            Some(Also::Same) => Route::Both,
            Some(Also::Own { .. }) => Route::Two,
        }
    }
}

/// What went out beside the code to one contact.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Also {
    /// The same code to another contact.
    #[serde(rename = "s")]
    Same,
    /// A code of its own, asked for too.
    #[serde(rename = "o")]
    Own {
        #[serde(rename = "w")]
        via: Via,
        /// Its keyed hash.
        #[serde(rename = "h")]
        code: String,
    },
}

/// Where codes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route {
    One(Via),
    /// One code to phone and address: it proves no more than that one of them was read.
    Both,
    /// A code to the phone, another one to the address.
    Two,
}

/// What a cardholder is asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Asked {
    /// The code that was sent.
    #[default]
    #[serde(rename = "c")]
    Code,
    /// Where the code is to go; none was sent yet.
    #[serde(rename = "w")]
    Way,
    /// Nothing: what is going to happen is told first.
    #[serde(rename = "n")]
    Notice,
    /// To answer in the issuer's app.
    #[serde(rename = "a")]
    App,
}

impl Asked {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants a reference")]
    fn is_code(&self) -> bool {
        *self == Self::Code
    }
}

/// The first CReq and its form.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AcceptedCReq {
    /// `challengeWindowSize`.
    #[serde(rename = "w")]
    pub window: String,
    /// Digest of the message without its layout.
    #[serde(rename = "d")]
    pub(super) digest: String,
    /// `threeDSSessionData`, returned unchanged [P-BRW-07].
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    pub session_data: Option<String>,
}

/// A result whose RReq is on its way.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ExpectRRes {
    #[serde(rename = "d")]
    pub decided: Decided,
    /// The browser waits no longer: two connections failed, the sender goes on alone.
    #[serde(rename = "b", default, skip_serializing_if = "std::ops::Not::not")]
    pub released: bool,
}

/// The result of a challenge, as its RReq says it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Decided {
    #[serde(rename = "s")]
    pub status: TransStatus,
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(rename = "cc", default, skip_serializing_if = "Option::is_none")]
    pub cancel: Option<String>,
    #[serde(rename = "n")]
    pub counter: u8,
    #[serde(rename = "w")]
    pub via: Way,
    #[serde(rename = "e")]
    pub ending: Ending,
    #[serde(rename = "q", default)]
    pub creq: AcceptedCReq,
    /// The last page sets the cookie of a newly bound device, for the bearer of the form token with
    /// this mark: others who know the CReq can have the page too.
    #[serde(rename = "cf", default, skip_serializing_if = "Option::is_none")]
    pub(super) cookie_for: Option<String>,
    /// When it gave way to a decoupled authentication [P-DEC-07].
    #[serde(rename = "fb", default, skip_serializing_if = "Option::is_none")]
    pub fell_back: Option<UtcMillis>,
    /// What the issuer's systems said of an out-of-band authentication.
    #[serde(rename = "iw", default, skip_serializing_if = "Option::is_none")]
    pub(super) word: Option<Verdict>,
    /// The issuer's app was asked, whatever took its place.
    #[serde(rename = "ia", default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) asked_app: bool,
    /// No RRes came in time, or the browser waited for it no longer [P-BRW-33].
    #[serde(rename = "x", default, skip_serializing_if = "std::ops::Not::not")]
    pub unanswered: bool,
}

impl Decided {
    /// Whether the ARes was D: no CReq was called for.
    pub(super) fn is_of_decoupled(&self) -> bool {
        self.via == Way::Decoupled
    }
}

/// How a challenge ended, for what the browser is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Ending {
    /// Right code.
    Verified,
    /// Too many wrong codes, a failure of ours, or a result that became U on its way.
    Failed,
    Cancelled,
    /// A decoupled authentication follows [P-DEC-07].
    FellBack,
    /// The issuer's systems gave their word.
    Confirmed,
    /// They did not, in the requestor's time.
    TimeOver,
    /// Nothing came for 10 minutes: no CRes [P-BRW-34].
    Idle,
    /// The first CReq did not come in time: no CRes [P-BRW-35].
    NeverBegun,
    /// A CReq was refused: its Erro was the last word to the browser [P-BRW-19].
    Refused,
}

impl Transaction {
    /// When this transaction must be looked at again even if nothing arrives; `None` when it waits
    /// for nothing, or only for an RReq that the sender repeats.
    #[must_use]
    pub fn deadline(&self) -> Option<UtcMillis> {
        match &self.phase {
            Phase::ExpectCReq(wait) => Some(wait.until),
            Phase::ExpectEntry(entry) => Some(entry.until),
            Phase::Decoupled(wait) => Some(wait.until),
            Phase::ExpectSpc(wait) => Some(wait.until),
            Phase::Answered(_) | Phase::ExpectRRes(_) | Phase::Ended(_) => None,
        }
    }

    /// The screen of an app on which it is chosen where codes go.
    pub(super) fn choice_screen(&self) -> Template {
        let before = self.app.as_deref().map(|app| app.before);
        before.and_then(|before| before.choice).unwrap_or(Template::SingleSelect)
    }

    /// Whether account data and content key are still needed: while something can be entered, and
    /// in the app channel until the last CRes is made.
    #[must_use]
    pub fn needs_secret(&self) -> bool {
        self.deadline().is_some() || self.owes_last_cres()
    }

    /// Whether an SDK waits for the last CRes, which the end of the RReq round brings.
    pub(super) fn owes_last_cres(&self) -> bool {
        let open = self.app.as_ref().and_then(|app| app.last.as_ref());
        let shown = |ending| {
            matches!(
                ending,
                Ending::Verified | Ending::Failed | Ending::Cancelled | Ending::FellBack
            )
        };
        open.is_some_and(|last| last.reply.is_none())
            && self.decided().is_some_and(|decided| shown(decided.ending))
    }

    /// The state after the AReq came that was to follow: of a confirmation its ARes S was the end,
    /// and no RReq follows [P-SPC-05]; a challenge that gave way to a decoupled authentication is
    /// followed by one only [P-DEC-07]. `None` when nothing is waited for any more.
    #[must_use]
    pub fn after_following_areq(mut self) -> Option<Self> {
        match &mut self.phase {
            Phase::ExpectSpc(_) => {
                let status = TransStatus::SpcRequired;
                self.phase = Phase::Answered(Answered { status, reason: None });
            }
            Phase::ExpectRRes(ExpectRRes { decided, .. }) | Phase::Ended(decided) => {
                decided.fell_back.take()?;
            }
            _ => return None,
        }
        self.revision += 1;
        Some(self)
    }

    /// The result of the challenge, once there is one.
    #[must_use]
    pub const fn decided(&self) -> Option<&Decided> {
        match &self.phase {
            Phase::ExpectRRes(wait) => Some(&wait.decided),
            Phase::Ended(decided) => Some(decided),
            _ => None,
        }
    }
}

/// An audit event, stored in the same commit as the state it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuditEvent {
    /// Kebab-case kind: `areq-answered`, `otp-wrong`, `challenge-ended` ...
    pub kind: &'static str,
    /// JSON object in one line: the *why* record and other facts; never card data, codes or values.
    pub detail: Vec<u8>,
}

impl AuditEvent {
    pub(super) fn output(kind: &'static str, detail: &serde_json::Value) -> Output {
        Self::of(kind, detail.to_string().into_bytes())
    }

    /// `detail` is a JSON object in one line.
    pub(super) const fn of(kind: &'static str, detail: Vec<u8>) -> Output {
        Output::Audit(Self { kind, detail })
    }
}

/// What the caller performs after (audit: in) the commit of the new state.
#[derive(Debug)]
#[non_exhaustive]
pub enum Output {
    Audit(AuditEvent),
    /// Deliver a one-time password through the issuer's gateway: stored sealed until delivered or
    /// `expires`. Two at most at a time, the first and a second.
    DeliverOtp(OtpMessage),
    /// Send the RReq: stored sealed, identical bytes until delivered [P-RREQ-05]. At most one row
    /// per transaction; a later `SendRReq` of the same transaction (late status U) replaces bytes
    /// of which none was ever sent.
    SendRReq(SendRReq),
    /// Post an Erro about a defective or missing RRes to dsURL, once, without retry.
    SendErro {
        ds_url: String,
        body: Vec<u8>,
    },
    /// Stop and wipe undelivered one-time passwords (challenge over, or replaced by new ones).
    CancelOtp,
    /// Keep a cardholder's consent in the same commit.
    Consent(Consent),
    /// Let the issuer's systems ask the cardholder: stored sealed until delivered or `expires`.
    AskIssuer(ConfirmationRequest),
    /// Stop and wipe an undelivered request: there is a result.
    CancelAsk,
}

/// A message to a cardholder.
#[non_exhaustive]
pub struct OtpMessage {
    /// `sms` or `email`.
    pub channel: String,
    /// Phone number or address.
    pub to: String,
    /// Complete text, code included.
    pub text: String,
    pub code: String,
    pub expires: UtcMillis,
    /// It goes out beside another one.
    pub second: bool,
}

impl std::fmt::Debug for OtpMessage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OtpMessage").field("channel", &self.channel).finish_non_exhaustive()
    }
}

impl Drop for OtpMessage {
    fn drop(&mut self) {
        use zeroize::Zeroize as _;
        self.to.zeroize();
        self.text.zeroize();
        self.code.zeroize();
    }
}

/// A result to report.
#[non_exhaustive]
pub struct SendRReq {
    pub ds_url: String,
    pub body: Vec<u8>,
}

impl std::fmt::Debug for SendRReq {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SendRReq").field("ds_url", &self.ds_url).finish_non_exhaustive()
    }
}
