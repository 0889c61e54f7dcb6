//! Messages: bytes to typed values ([`read_areq`], [`read_creq`], [`read_rres`],
//! [`read_oreq`]) and typed values
//! to checked bytes ([`crate::outgoing`]). Versions are data in [`crate::dictionary`], not copies of code.

mod areq;
mod creq_app;
mod device;
mod envelope;
mod objection;
mod oreq;
mod sdk_erro;

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::UtcMillis;
use crate::crypto::key_agreement::PeerKey;
use crate::dictionary::{Cell, Message, table};
use crate::element::{DeviceChannel, MessageCategory, MessageVersion, Pan, TransId};
use crate::erro::{Fault, Rejection};
use crate::json;
use crate::security_code::SecurityCode;
use crate::validate::{Walk, explain};
use envelope::Envelope;

pub use creq_app::{AppCReq, read_app_creq};
pub(crate) use device::NEWEST_DEVICE_DATA;
pub use device::{DeviceData, Platform, Warnings};
pub use objection::{AReqReadings, objection};
pub use oreq::{AtOreqEndpoint, OReq, PriorReference, SequencePart, read_oreq};
pub use sdk_erro::{SdkErro, is_erro, read_sdk_erro};

/// What a reader of incoming messages has to know about the peer and this installation [Req 311].
#[derive(Debug, Clone)]
pub struct ReadRules {
    /// Versions accepted for this DS, oldest first.
    pub versions: Vec<MessageVersion>,
    /// DS-range code values (80-99) agreed with this DS: element name and value [P-GEN-08].
    pub agreed_values: Vec<(String, String)>,
    /// Ids of critical message extensions this installation understands [P-GEN-13].
    pub known_extensions: Vec<String>,
    /// Withdrawn ISO codes to accept all the same (currencies and countries, numeric).
    pub accepted_iso_codes: Vec<String>,
}

/// What may arrive at the AReq endpoint [P-GEN-02, P-ERRO-04].
#[derive(Debug)]
#[non_exhaustive]
pub enum AtAreqEndpoint {
    /// An authentication request that passed P-AREQ-02..12.
    AReq(Box<AReq>),
    /// An Erro from the DS about one of our messages: answered with an empty 200.
    Erro(Box<ReceivedErro>),
}

/// An Erro received from a peer. Any errorCode is accepted [Req 216].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReceivedErro {
    /// `errorCode` as received, cut to 3 characters.
    pub error_code: String,
    /// `errorComponent` as received, cut to 1 character.
    pub error_component: String,
    /// `acsTransID`, when present and well-formed.
    pub acs_trans_id: Option<TransId>,
    /// `dsTransID`, when present and well-formed.
    pub ds_trans_id: Option<TransId>,
    /// The whole message when it is well-formed, for `challengeErrorReporting`; never logged.
    pub json: Option<serde_json::Value>,
}

/// A validated authentication request: the elements that the ACS acts on. Others were checked and
/// dropped. Text lengths are those of the dictionary [P-AREQ-16, Note 89].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct AReq {
    pub version: MessageVersion,
    pub channel: DeviceChannel,
    pub category: MessageCategory,
    /// `messageCategory` where it is a value agreed with this DS, treated as `category`.
    pub agreed_category: Option<String>,
    pub three_ds_server_trans_id: TransId,
    pub ds_trans_id: TransId,
    pub ds_reference_number: String,
    /// Absent only in 2.1.0 3RI.
    pub ds_url: Option<String>,
    pub three_ds_server_ref_number: String,
    pub three_ds_requestor_id: String,
    pub three_ds_requestor_name: String,
    pub three_ds_requestor_url: String,
    pub pan: Pan,
    /// `cardExpiryDate`, YYMM.
    pub card_expiry_date: Option<String>,
    /// `cardSecurityCode` (2.3.1): compared at once, kept nowhere [P-231-04].
    pub security_code: Option<SecurityCode>,
    pub purchase: Option<Purchase>,
    pub merchant: Merchant,
    /// `threeDSRequestorChallengeInd`, one or two codes in order of preference; empty when absent.
    pub challenge_ind: Vec<String>,
    /// `threeDSRequestorAuthenticationInd`.
    pub authentication_ind: Option<String>,
    /// `threeRIInd` (3RI only).
    pub three_ri_ind: Option<String>,
    /// `threeDSRequestorDecReqInd`.
    pub decoupled_req_ind: Option<String>,
    /// `threeDSRequestorDecMaxTime`, minutes: 1 to 10080.
    pub decoupled_max_minutes: Option<u16>,
    /// `threeDSReqPriorRef` of each earlier authentication it names (acsTransIDs), in its order.
    pub prior_refs: Vec<TransId>,
    /// Present when `channel` is [`DeviceChannel::Browser`].
    pub browser: Option<BrowserData>,
    /// Present when `channel` is [`DeviceChannel::App`].
    pub app: Option<AppData>,
    /// What others say of the cardholder.
    pub claims: Claims,
    /// Secure Payment Confirmation (2.3.1, browser).
    pub spc: SpcData,
}

/// What an AReq says of Secure Payment Confirmation [P-SPC-01, P-SPC-03].
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct SpcData {
    /// `threeDSRequestorSpcSupport` is Y.
    pub supported: bool,
    pub payee_origin: Option<String>,
    /// `spcIncompInd`.
    pub incomplete: Option<String>,
    /// The assertion: data of an authentication by method 09.
    pub assertion: Option<serde_json::Value>,
}

/// What the 3DS Requestor or the DS says of cardholder and card: facts for rules, nothing that
/// proves anything by itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Claims {
    /// `whiteListStatus` or `trustListStatus`.
    pub trust_list: Option<ClaimedStatus>,
    /// `deviceBindingStatus`.
    pub device_binding: Option<ClaimedStatus>,
    /// `threeDSRequestorAuthenticationInfo`: how the requestor authenticated the cardholder.
    pub authentication: Vec<AuthenticationClaim>,
    /// `threeDSReqPriorAuthMethod` of each earlier authentication.
    pub prior_methods: Vec<String>,
    /// A recurring or instalment payment.
    pub recurring: Option<Recurring>,
    /// `cardSecurityCodeStatus`.
    pub security_code: Option<ClaimedStatus>,
    /// `purchaseInstalData`.
    pub instalments: Option<u32>,
    /// `multiTransaction` (2.3.1).
    pub multi_transaction: Option<MultiTransaction>,
    /// `sellerInfo.sellerName` of each seller (2.3.1).
    pub sellers: Vec<String>,
}

/// An authentication by the requestor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthenticationClaim {
    /// `threeDSReqAuthMethod`; empty when it is not told.
    pub method: String,
    /// `threeDSReqAuthTimestamp`.
    pub at: Option<UtcMillis>,
    /// It came with data (`threeDSReqAuthData`), such as a FIDO assertion; they are not kept.
    pub has_data: bool,
    /// What the DS made of them: `dsAuthInfVerifInd` (2.3.1) or `threeDSReqAuthMethodInd` (2.2.0).
    pub ds_result: Option<String>,
}

impl AuthenticationClaim {
    /// The DS verified its data.
    #[must_use]
    pub fn verified_by_ds(&self) -> bool {
        self.ds_result.as_deref() == Some("01")
    }
}

/// What is said of payments to come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recurring {
    /// `recurringInd.amountInd` (2.3.1).
    pub amount_fixed: Option<bool>,
    /// `recurringInd.frequencyInd` (2.3.1).
    pub frequency_fixed: Option<bool>,
    /// `recurringAmount` with currency and exponent (2.3.1).
    pub amount: Option<Purchase>,
    /// `recurringFrequency`, days.
    pub every_days: Option<u32>,
}

/// One authentication for several merchants.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MultiTransaction {
    /// `merchantNameListed` of each.
    pub merchants: Vec<String>,
    /// `avValidityTime`, days.
    pub valid_days: Option<u32>,
    /// `avNumberUse`.
    pub uses: Option<u32>,
}

/// A status and who set it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimedStatus {
    pub status: String,
    /// 01 3DS Server, 02 DS, 03 ACS.
    pub source: String,
}

/// Purchase data; amounts are in minor units as sent.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Purchase {
    /// `purchaseAmount`, 1 to 48 digits, minor units.
    pub amount: String,
    /// `purchaseCurrency`, ISO 4217 numeric.
    pub currency: String,
    /// `purchaseExponent`.
    pub exponent: u8,
    /// `purchaseDate`, YYYYMMDDHHMMSS UTC.
    pub date: Option<String>,
}

/// Merchant and acquirer elements; all optional in NPA.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Merchant {
    /// `merchantName`: a stranger's text, at most 40 characters.
    pub name: Option<String>,
    /// `merchantCountryCode`, ISO 3166-1 numeric.
    pub country: Option<String>,
    /// `mcc`.
    pub mcc: Option<String>,
    /// `acquirerBIN`.
    pub acquirer_bin: Option<String>,
    /// `acquirerMerchantID`.
    pub acquirer_merchant_id: Option<String>,
}

/// Browser-channel elements.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct BrowserData {
    /// `threeDSCompInd`: Y, N or U.
    pub comp_ind: String,
    /// `threeDSMethodId` (2.3.1).
    pub method_id: Option<TransId>,
    pub notification_url: String,
    pub user_agent: String,
    pub accept_header: String,
    pub ip: Option<String>,
    /// `browserLanguage`, or the first `acceptLanguage` when that is absent.
    pub language: Option<String>,
    /// `browserJavascriptEnabled`; `true` in 2.1.0, which does not know the element.
    pub javascript_enabled: bool,
}

/// App-channel elements that every app ARes or the later challenge needs.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct AppData {
    pub sdk_trans_id: TransId,
    /// `sdkAppID`: the same for one installation of an app on one device.
    pub sdk_app_id: String,
    pub sdk_reference_number: String,
    /// `sdkMaxTimeout`, minutes.
    pub sdk_max_timeout_minutes: u8,
    /// `sdkEphemPubKey`.
    pub sdk_ephem_pub_key: PeerKey,
    /// `deviceInfo`; `None` when it holds no JSON object.
    pub device: Option<DeviceData>,
    pub render_options: RenderOptions,
    /// `sdkType` 02: only A128GCM is allowed in its challenge [P-CRY-08].
    pub split_sdk: bool,
    /// `splitSdkType.limitedInd` is Y: not every method may be used [P-ARES-16].
    pub limited: bool,
}

impl AppData {
    /// Whether the SDK can be asked for an authentication method: within what it says it can show,
    /// and nothing that is known by heart in a limited Split-SDK [P-ARES-16, Note 111].
    #[must_use]
    pub fn takes_method(&self, method: &str) -> bool {
        let types = &self.render_options.authentication_types;
        let shown = types.is_empty() || types.iter().any(|code| code == method);
        shown && !(self.limited && NOT_IN_LIMITED_SDK.contains(&method))
    }
}

/// `authenticationMethod`: static passcode, knowledge question.
const NOT_IN_LIMITED_SDK: [&str; 2] = ["01", "06"];

/// `deviceRenderOptions`: what the SDK can show.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RenderOptions {
    /// `sdkInterface` 01 or 03.
    pub native: bool,
    /// `sdkInterface` 02 or 03.
    pub html: bool,
    /// `sdkUiType`, codes as sent.
    pub ui_types: Vec<String>,
    /// `sdkAuthenticationType` (2.3.1); empty when the SDK does not say.
    pub authentication_types: Vec<String>,
}

/// The public members of a P-256 JWK, base64url.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct P256PublicJwk {
    pub x: String,
    pub y: String,
}

/// A validated browser CReq.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CReq {
    pub version: MessageVersion,
    pub three_ds_server_trans_id: TransId,
    pub acs_trans_id: TransId,
    /// `challengeWindowSize`, `01` to `05`.
    pub challenge_window_size: String,
}

/// A validated RRes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RRes {
    pub version: MessageVersion,
    pub three_ds_server_trans_id: TransId,
    pub ds_trans_id: TransId,
    pub acs_trans_id: TransId,
    /// In the app channel.
    pub sdk_trans_id: Option<TransId>,
    /// `resultsStatus` [P-RREQ-08].
    pub results_status: String,
}

/// What came back for an RReq [P-RREQ-09].
#[derive(Debug)]
#[non_exhaustive]
pub enum RResOrErro {
    RRes(RRes),
    Erro(Box<ReceivedErro>),
}

/// Transaction ids of a message that may be defective, each only where well-formed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeekedIds {
    pub three_ds_server_trans_id: Option<TransId>,
    pub ds_trans_id: Option<TransId>,
    pub acs_trans_id: Option<TransId>,
    pub sdk_trans_id: Option<TransId>,
}

/// Reads what a DS posted to the AReq endpoint, in the order of P-AREQ-02..12: the first failing
/// stage answers, with every offender of that stage [Req 102, Req 197, Req 203].
///
/// # Errors
/// A [`Rejection`], which [`crate::erro::erro`] turns into the Erro to answer.
pub fn read_areq(body: &[u8], rules: &ReadRules) -> Result<AtAreqEndpoint, Box<Rejection>> {
    let message = parse(body)?;
    let envelope = Envelope::of(&message);
    if envelope.message_type() == Some("Erro") {
        return Ok(AtAreqEndpoint::Erro(Box::new(received_erro(&message))));
    }
    let version = envelope.open(Message::AReq, rules)?;
    areq::read(&message, version, rules)
        .map(|areq| AtAreqEndpoint::AReq(Box::new(areq)))
        .map_err(|(fault, explanation)| Box::new(envelope.reject(fault).explained(explanation)))
}

/// Reads the decoded CReq of a browser: JSON, type, version, duplicates, required elements, formats.
/// Whether ids and version fit the transaction is the caller's question [P-BRW-02, Note 136].
///
/// # Errors
/// A [`Rejection`] with what could be read as its context.
pub fn read_creq(body: &[u8], rules: &ReadRules) -> Result<CReq, Box<Rejection>> {
    let message = parse(body)?;
    let envelope = Envelope::of(&message);
    let version = envelope.open(Message::CReq, rules)?;
    let cell = Cell { channel: DeviceChannel::Browser, category: MessageCategory::Payment };
    let walk = Walk { version, cell: Some(cell), rules, outgoing: false };
    let table = table(Message::CReq, version);
    if let Some(fault) = walk.message(table, &message).first_fault() {
        let explanation = explain(&fault, table, &message, &walk);
        return Err(Box::new(envelope.reject(fault).explained(explanation)));
    }
    let creq = || {
        Some(CReq {
            version,
            three_ds_server_trans_id: envelope.ids.three_ds_server_trans_id?,
            acs_trans_id: envelope.ids.acs_trans_id?,
            challenge_window_size: message.text("challengeWindowSize")?.to_owned(),
        })
    };
    creq().ok_or_else(|| envelope.reject(Fault::PermanentFailure))
}

/// Reads what came back for the RReq of a transaction in `cell` [P-RREQ-09, Note 132].
///
/// # Errors
/// A [`Rejection`] with what could be read as its context.
pub fn read_rres(body: &[u8], rules: &ReadRules, cell: Cell) -> Result<RResOrErro, Box<Rejection>> {
    let message = parse(body)?;
    let envelope = Envelope::of(&message);
    if envelope.message_type() == Some("Erro") {
        return Ok(RResOrErro::Erro(Box::new(received_erro(&message))));
    }
    let version = envelope.open(Message::RRes, rules)?;
    let walk = Walk { version, cell: Some(cell), rules, outgoing: false };
    let table = table(Message::RRes, version);
    if let Some(fault) = walk.message(table, &message).first_fault() {
        let explanation = explain(&fault, table, &message, &walk);
        return Err(Box::new(envelope.reject(fault).explained(explanation)));
    }
    let rres = || {
        Some(RResOrErro::RRes(RRes {
            version,
            three_ds_server_trans_id: envelope.ids.three_ds_server_trans_id?,
            ds_trans_id: envelope.ids.ds_trans_id?,
            acs_trans_id: envelope.ids.acs_trans_id?,
            sdk_trans_id: envelope.ids.sdk_trans_id,
            results_status: message.text("resultsStatus")?.to_owned(),
        }))
    };
    rres().ok_or_else(|| envelope.reject(Fault::PermanentFailure))
}

/// The ids of a message, however defective the rest of it is.
#[must_use]
pub fn peek_ids(body: &[u8]) -> PeekedIds {
    json::parse(body).map(|message| Envelope::of(&message).ids).unwrap_or_default()
}

/// Decodes base64url as senders write it: padded or not [P-TRN-08].
#[must_use]
pub fn decode_base64url(text: &str) -> Option<Vec<u8>> {
    TOLERANT.decode(text).ok()
}

const TOLERANT: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// [Req 198]
fn parse(body: &[u8]) -> Result<json::Document<'_>, Box<Rejection>> {
    json::parse(body).ok_or_else(|| {
        Box::new(Rejection::new(Fault::NotJson, crate::erro::ErroContext::default()))
    })
}

/// [Req 216]
fn received_erro(message: &json::Document<'_>) -> ReceivedErro {
    let cut = |name: &str, most: usize| {
        message.text(name).unwrap_or_default().chars().take(most).collect::<String>()
    };
    let ids = Envelope::of(message).ids;
    ReceivedErro {
        error_code: cut("errorCode", 3),
        error_component: cut("errorComponent", 1),
        acs_trans_id: ids.acs_trans_id,
        ds_trans_id: ids.ds_trans_id,
        json: message.root().to_value(),
    }
}

#[cfg(test)]
pub(crate) mod tests;
