//! ARes: built from an [`Answer`], which can only hold what its status allows [P-ARES-01..19].

use serde::Serialize;

use super::consent::{Standing, Statuses};
use super::decide::{Answer, Refusal, three_ri};
use super::spc::{SpcTransData, WebAuthnCred};
use super::transaction::{Interface, Rendering, Template, Via, Way};
use super::words::{self, Language};
use super::{AuthenticateInput, app_channel};
use crate::crypto::{AuthenticationValue, AuthenticationValueGenerator, ValueFacts};
use crate::dictionary::Message;
use crate::element::{DeviceChannel, MessageCategory, MessageVersion, TransId, TransStatus};
use crate::message::{AReq, NEWEST_DEVICE_DATA};
use crate::outgoing;
use crate::policy::Exemption;
use crate::profile::DsProfile;

/// Builds and checks the ARes for `answer`
/// [P-ARES-03, P-ARES-05, P-ARES-06, P-ARES-07, Note 105, Note 112, P-ARES-09, Note 106, P-ARES-13].
///
/// # Errors
/// The defective elements: the message does not leave.
pub(super) fn build(
    input: &AuthenticateInput<'_>,
    answer: &Answer,
    value: Option<&AuthenticationValue>,
    language: Language,
    signed_content: Option<&str>,
) -> Result<Checked, String> {
    let ds = input.ds;
    let mut wire = Wire::base(input, answer.status());
    wire.statuses = Standing::of(input).statuses(input);
    if answers_security_code(input) {
        wire.card_security_code_status = Some(input.security_code().code());
        wire.card_security_code_status_source = Some(SECURITY_CODE_BY_ACS);
    }
    wire.acs_operator_id = ds.acs_operator_id.as_deref();
    wire.eci = ds.eci_of(input.areq.category, answer.status());
    wire.authentication_value = value.map(AuthenticationValue::expose);
    let exemption = answer.exemption().filter(|_| input.areq.version >= MessageVersion::V231);
    wire.trans_challenge_exemption = exemption.map(Exemption::code);
    let told;
    match answer {
        Answer::Proven(_) | Answer::Informational(_) => {}
        Answer::NotAuthenticated(refusal)
        | Answer::Unavailable(refusal)
        | Answer::Rejected(refusal) => {
            let told_why = ds.tells_reasons(input.areq.category);
            wire.trans_status_reason = told_why.then_some(refusal.reason.as_str());
            if refusal.tell_cardholder && tells_cardholders(input) {
                told = words::not_approved(input.issuer, language);
                wire.cardholder_info = Some(CardholderInfo::of(&told, input.areq.version));
            }
        }
        Answer::Spc(offer) => {
            wire.web_authn_cred_list = offer.credentials();
            wire.spc_trans_data = Some(offer.trans_data());
        }
        Answer::Challenge(offer) => {
            match offer.rendering {
                Some(rendering) => {
                    wire.acs_rendering_type =
                        Some(RenderingType::of(rendering, input.areq.version));
                    wire.acs_signed_content = signed_content.map(|_| STAND_IN);
                }
                None => wire.acs_url = Some(&input.issuer.challenge_url),
            }
            wire.acs_challenge_mandated = Some(if offer.mandated { "Y" } else { "N" });
            if input.areq.version >= MessageVersion::V231 {
                let first = offer.via.method(input.issuer, input.areq.version);
                let second = app_channel::second_method(input).filter(|_| offer.via != Via::App);
                let methods = [Some(first), second];
                wire.authentication_method = Some(methods.into_iter().flatten().collect());
            } else {
                wire.authentication_type = Some(kind(offer.via.into()));
            }
        }
        Answer::Decoupled(promise) => {
            told = words::will_ask(input.issuer, language);
            wire.cardholder_info = Some(CardholderInfo::of(&told, input.areq.version));
            wire.acs_dec_con_ind = Some("Y");
            wire.acs_challenge_mandated = Some(if promise.mandated { "Y" } else { "N" });
            if input.areq.version >= MessageVersion::V231 {
                wire.authentication_method =
                    Some(vec![Way::Decoupled.method(input.issuer, input.areq.version)]);
            } else {
                wire.authentication_type = Some(kind(Way::Decoupled));
            }
        }
    }
    wire.checked(input, signed_content)
}

/// A code, or a question about it, is answered where this DS wants that: U when it was not compared
/// [P-231-04, P-ARES-12, P-3RI-04].
fn answers_security_code(input: &AuthenticateInput<'_>) -> bool {
    let areq = input.areq;
    let asks = areq.three_ri_ind.as_deref() == Some(CHECK_SECURITY_CODE);
    areq.version >= MessageVersion::V231
        && input.ds.security_code_status
        && (asks || areq.security_code.is_some())
}

/// 2.1.0 has no `cardholderInfo` in 3RI [P-ARES-17].
fn tells_cardholders(input: &AuthenticateInput<'_>) -> bool {
    input.areq.version > MessageVersion::V210 || input.areq.channel != DeviceChannel::ThreeRi
}

/// The least ARes there is: a U with nothing optional.
///
/// # Errors
/// As [`build`].
pub(super) fn minimal(input: &AuthenticateInput<'_>, refusal: &Refusal) -> Result<Checked, String> {
    let mut wire = Wire::base(input, TransStatus::Unavailable);
    wire.trans_status_reason = Some(refusal.reason.as_str());
    wire.checked(input, None)
}

/// The value of a positive answer, where its category carries one [P-ARES-01, P-STAT-10]
/// [Req 108, Note 104, Req 31, Req 292].
pub(super) fn value(
    input: &AuthenticateInput<'_>,
    answer: &Answer,
    generator: &dyn AuthenticationValueGenerator,
) -> Option<AuthenticationValue> {
    let Answer::Proven(proof) = answer else { return None };
    if !carries_value(input.areq.category, input.ds) || three_ri::asks_for_status(input.areq) {
        return None;
    }
    let facts = ValueFacts {
        pan: &input.account.pan,
        acs_trans_id: input.acs_trans_id,
        ds_trans_id: input.areq.ds_trans_id,
        three_ds_server_trans_id: input.areq.three_ds_server_trans_id,
        purchase: input.areq.purchase.as_ref(),
        merchant: &input.areq.merchant,
        created: input.now,
    };
    Some(generator.generate(proof, &facts))
}

/// Whether positive results of a category carry an authentication value.
pub(super) fn carries_value(category: MessageCategory, ds: &DsProfile) -> bool {
    category == MessageCategory::Payment || ds.npa_authentication_value
}

/// `cardholderInfo`: text before 2.3.1, an object since [P-ARES-10, P-231-07, Note 109].
#[derive(Serialize)]
#[serde(untagged)]
enum CardholderInfo<'a> {
    Text(&'a str),
    Object { text: &'a str },
}

impl<'a> CardholderInfo<'a> {
    fn of(text: &'a str, version: MessageVersion) -> Self {
        if version >= MessageVersion::V231 { Self::Object { text } } else { Self::Text(text) }
    }
}

/// `acsRenderingType` of ARes and RReq; an app that turns its screen shows the same
/// [P-ARES-15, Note 110].
#[derive(Serialize)]
pub(super) struct RenderingType {
    #[serde(rename = "acsInterface")]
    interface: Interface,
    #[serde(rename = "acsUiTemplate")]
    template: Template,
    #[serde(rename = "deviceUserInterfaceMode", skip_serializing_if = "Option::is_none")]
    mode: Option<&'static str>,
}

impl RenderingType {
    pub(super) fn of(rendering: Rendering, version: MessageVersion) -> Self {
        let mode = (version >= MessageVersion::V231).then_some(PORTRAIT);
        Self { interface: rendering.interface, template: rendering.template, mode }
    }
}

#[derive(Serialize)]
struct Wire<'a> {
    #[serde(rename = "messageType")]
    message_type: &'static str,
    #[serde(rename = "messageVersion")]
    message_version: MessageVersion,
    #[serde(rename = "threeDSServerTransID")]
    three_ds_server_trans_id: TransId,
    #[serde(rename = "dsTransID")]
    ds_trans_id: TransId,
    #[serde(rename = "acsTransID")]
    acs_trans_id: TransId,
    #[serde(rename = "sdkTransID", skip_serializing_if = "Option::is_none")]
    sdk_trans_id: Option<TransId>,
    #[serde(rename = "acsReferenceNumber")]
    acs_reference_number: &'a str,
    #[serde(rename = "dsReferenceNumber")]
    ds_reference_number: &'a str,
    #[serde(rename = "acsOperatorID", skip_serializing_if = "Option::is_none")]
    acs_operator_id: Option<&'a str>,
    #[serde(rename = "transStatus")]
    trans_status: TransStatus,
    #[serde(rename = "transStatusReason", skip_serializing_if = "Option::is_none")]
    trans_status_reason: Option<&'a str>,
    #[serde(rename = "authenticationValue", skip_serializing_if = "Option::is_none")]
    authentication_value: Option<&'a str>,
    #[serde(rename = "eci", skip_serializing_if = "Option::is_none")]
    eci: Option<&'a str>,
    #[serde(rename = "cardholderInfo", skip_serializing_if = "Option::is_none")]
    cardholder_info: Option<CardholderInfo<'a>>,
    #[serde(rename = "acsURL", skip_serializing_if = "Option::is_none")]
    acs_url: Option<&'a str>,
    #[serde(rename = "acsRenderingType", skip_serializing_if = "Option::is_none")]
    acs_rendering_type: Option<RenderingType>,
    #[serde(rename = "acsDecConInd", skip_serializing_if = "Option::is_none")]
    acs_dec_con_ind: Option<&'static str>,
    #[serde(rename = "acsChallengeMandated", skip_serializing_if = "Option::is_none")]
    acs_challenge_mandated: Option<&'static str>,
    #[serde(rename = "authenticationType", skip_serializing_if = "Option::is_none")]
    authentication_type: Option<&'static str>,
    #[serde(rename = "authenticationMethod", skip_serializing_if = "Option::is_none")]
    authentication_method: Option<Vec<&'static str>>,
    #[serde(rename = "deviceInfoRecognisedVersion", skip_serializing_if = "Option::is_none")]
    device_info_recognised_version: Option<&'static str>,
    #[serde(rename = "threeDSRequestorAppURLInd", skip_serializing_if = "Option::is_none")]
    three_ds_requestor_app_url_ind: Option<&'static str>,
    #[serde(rename = "transChallengeExemption", skip_serializing_if = "Option::is_none")]
    trans_challenge_exemption: Option<&'static str>,
    #[serde(rename = "cardSecurityCodeStatus", skip_serializing_if = "Option::is_none")]
    card_security_code_status: Option<&'static str>,
    #[serde(rename = "cardSecurityCodeStatusSource", skip_serializing_if = "Option::is_none")]
    card_security_code_status_source: Option<&'static str>,
    #[serde(rename = "webAuthnCredList", skip_serializing_if = "<[_]>::is_empty")]
    web_authn_cred_list: &'a [WebAuthnCred],
    #[serde(rename = "spcTransData", skip_serializing_if = "Option::is_none")]
    spc_trans_data: Option<SpcTransData<'a>>,
    #[serde(flatten)]
    statuses: Statuses,
    /// The last, so that its place is known.
    #[serde(rename = "acsSignedContent", skip_serializing_if = "Option::is_none")]
    acs_signed_content: Option<&'static str>,
}

/// A message that may leave.
pub(super) struct Checked {
    pub(super) json: Vec<u8>,
    /// Where its signed content begins.
    pub(super) signed_content_at: Option<usize>,
}

impl<'a> Wire<'a> {
    /// What every ARes of this version and channel holds
    /// [Req 33, Req 110, Req 293, Req 212, Note 108, P-DEV-05].
    fn base(input: &AuthenticateInput<'a>, status: TransStatus) -> Self {
        let areq = input.areq;
        let app = areq.app.as_ref().filter(|_| areq.channel == DeviceChannel::App);
        let newest_app = app.filter(|_| areq.version >= MessageVersion::V231);
        Self {
            message_type: "ARes",
            message_version: areq.version,
            three_ds_server_trans_id: areq.three_ds_server_trans_id,
            ds_trans_id: areq.ds_trans_id,
            acs_trans_id: input.acs_trans_id,
            sdk_trans_id: app.map(|app| app.sdk_trans_id),
            acs_reference_number: &input.ds.acs_reference_number,
            ds_reference_number: &areq.ds_reference_number,
            acs_operator_id: None,
            trans_status: status,
            trans_status_reason: None,
            authentication_value: None,
            eci: None,
            cardholder_info: None,
            acs_url: None,
            acs_rendering_type: None,
            acs_dec_con_ind: None,
            acs_challenge_mandated: None,
            authentication_type: None,
            authentication_method: None,
            device_info_recognised_version: newest_app.map(|_| NEWEST_DEVICE_DATA),
            three_ds_requestor_app_url_ind: newest_app.map(|_| returns(input)),
            trans_challenge_exemption: None,
            card_security_code_status: None,
            card_security_code_status_source: None,
            web_authn_cred_list: &[],
            spc_trans_data: None,
            statuses: Statuses::default(),
            acs_signed_content: None,
        }
    }

    /// Signed content is most of its message, and in form whatever [`signed_content`] makes: something
    /// stands for it while the message is looked at [Req 110, Note 46].
    ///
    /// [`signed_content`]: crate::crypto::signed_content::signed_content
    fn checked(
        &self,
        input: &AuthenticateInput<'_>,
        signed_content: Option<&str>,
    ) -> Result<Checked, String> {
        let mut json = Vec::with_capacity(TYPICAL_LENGTH + signed_content.map_or(0, str::len));
        serde_json::to_writer(&mut json, self).map_err(|e| e.to_string())?;
        check(&json, input)?;
        let mut signed_content_at = None;
        if let Some(content) = signed_content {
            signed_content_at = Some(put_in(&mut json, content).ok_or("acsSignedContent")?);
            debug_assert_eq!(check(&json, input), Ok(()), "signed content of another form");
        }
        Ok(Checked { json, signed_content_at })
    }
}

fn check(json: &[u8], input: &AuthenticateInput<'_>) -> Result<(), String> {
    let AReq { version, channel, category, .. } = input.areq;
    outgoing::check(json, Message::ARes, *version, Some(*channel), Some(*category))
}

/// Puts signed content where [`STAND_IN`] stands, at the end, and says where it begins.
fn put_in(json: &mut Vec<u8>, content: &str) -> Option<usize> {
    // Looks at every byte, so that many can be looked at together.
    let plain = content.bytes().fold(true, |plain, byte| {
        plain & (byte.is_ascii_alphanumeric() | matches!(byte, b'-' | b'_' | b'.'))
    });
    let last = format!("\"acsSignedContent\":\"{STAND_IN}\"}}");
    let rest = json.strip_suffix(last.as_bytes()).filter(|_| plain)?;
    let at = rest.len() + last.len() - END.len() - STAND_IN.len();
    json.truncate(at);
    json.extend_from_slice(content.as_bytes());
    json.extend_from_slice(END);
    Some(at)
}

/// What stands behind the last member's text.
const END: &[u8] = b"\"}";
/// In form like signed content.
const STAND_IN: &str = "a.a.a";

/// `authenticationType`, before 2.3.1: every one-time password is dynamic.
pub(super) const fn kind(way: Way) -> &'static str {
    match way {
        Way::Sms | Way::Email | Way::Spc => "02",
        Way::App => "03",
        Way::Decoupled => "04",
    }
}

/// Whether the issuer's app can go back to the merchant's [P-APP-43].
const fn returns(input: &AuthenticateInput<'_>) -> &'static str {
    if input.issuer.oob.offered && input.issuer.oob.returns_to_app { "Y" } else { "N" }
}

/// `threeRIInd` of a question about the card security code.
const CHECK_SECURITY_CODE: &str = "14";
/// `cardSecurityCodeStatusSource`, numbered unlike the other sources.
const SECURITY_CODE_BY_ACS: &str = "02";
/// `deviceUserInterfaceMode`.
const PORTRAIT: &str = "01";
const TYPICAL_LENGTH: usize = 640;
