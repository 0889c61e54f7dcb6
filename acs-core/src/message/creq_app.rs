//! The CReq of an SDK, once decrypted [P-APP-10..18].

use std::fmt;

use zeroize::Zeroizing;

use super::envelope::Envelope;
use super::{ReadRules, parse};
use crate::dictionary::{Cell, Message, table};
use crate::element::{DeviceChannel, MessageCategory, MessageVersion, TransId};
use crate::erro::{Fault, Rejection};
use crate::json::Document;
use crate::validate::{Walk, is_https};

/// A validated app CReq. Which of its elements may stand together depends on the screen shown and
/// is the flow's question. Entries are never printed.
#[non_exhaustive]
pub struct AppCReq {
    pub version: MessageVersion,
    pub three_ds_server_trans_id: TransId,
    pub acs_trans_id: TransId,
    pub sdk_trans_id: TransId,
    /// `challengeCancel`, a code of the version.
    pub cancel: Option<String>,
    /// `challengeDataEntry`
    pub entry: Option<Zeroizing<String>>,
    /// `challengeDataEntryTwo` (2.3.1).
    pub entry_two: Option<Zeroizing<String>>,
    /// `challengeHTMLDataEntry`, a query string.
    pub html_entry: Option<Zeroizing<String>>,
    /// `challengeNoEntry` (from 2.2.0).
    pub no_entry: bool,
    /// `resendChallenge` Y.
    pub resend: bool,
    /// `challengeAddCode` (2.3.1).
    pub add_code: bool,
    /// `oobContinue`: true, 01 or 02.
    pub oob_continue: bool,
    /// `oobContinue` 02 (2.3.1): the cardholder pressed nothing.
    pub oob_automatic: bool,
    /// `oobAppStatus` 01 (2.3.1): the link to the bank's app did not open.
    pub oob_app_failed: bool,
    /// `oobAppURLInd` 01 (2.3.1).
    pub oob_app_url_supported: bool,
    /// `infoContinueIndicator` (2.3.1).
    pub info_continue: bool,
    /// `whitelistingDataEntry` (2.2.0), `trustListDataEntry` (2.3.1).
    pub trust: Option<bool>,
    /// `deviceBindingDataEntry` (2.3.1).
    pub bind: Option<bool>,
    /// `threeDSRequestorAppURL` (from 2.2.0).
    pub requestor_app_url: Option<String>,
}

impl AppCReq {
    /// The name of [`Self::bind`].
    pub(crate) const BIND_ELEMENT: &'static str = "deviceBindingDataEntry";

    /// The name of [`Self::trust`] in a version.
    pub(crate) const fn trust_element(version: MessageVersion) -> &'static str {
        match version {
            MessageVersion::V210 | MessageVersion::V220 => "whitelistingDataEntry",
            MessageVersion::V231 => "trustListDataEntry",
        }
    }
}

impl fmt::Debug for AppCReq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AppCReq").field("acs_trans_id", &self.acs_trans_id).finish_non_exhaustive()
    }
}

/// Reads a decrypted app CReq whose `sdkCounterStoA` has to be `counter`: a well-formed one with
/// another value is a failure of the cryptography [P-CRY-11], a missing or malformed one a defect
/// like any other.
///
/// # Errors
/// A [`Rejection`] with what could be read as its context.
pub fn read_app_creq(
    body: &[u8],
    rules: &ReadRules,
    counter: u8,
) -> Result<AppCReq, Box<Rejection>> {
    let message = parse(body)?;
    let envelope = Envelope::of(&message);
    if counter_of(&message).is_some_and(|sent| sent != u16::from(counter)) {
        return Err(envelope.reject(Fault::Undecipherable));
    }
    let version = envelope.open(Message::CReq, rules)?;
    let cell = Cell { channel: DeviceChannel::App, category: MessageCategory::Payment };
    let walk = Walk { version, cell: Some(cell), rules, outgoing: false };
    let mut findings = walk.message(table(Message::CReq, version), &message);
    if version >= MessageVersion::V231 && message.text(APP_URL).is_some_and(|url| !is_https(url)) {
        // Before, an app may have a scheme of its own [Req 475].
        findings.contradictory(APP_URL);
    }
    if let Some(fault) = findings.first_fault() {
        return Err(envelope.reject(fault));
    }
    typed(&message, version).ok_or_else(|| envelope.reject(Fault::PermanentFailure))
}

fn counter_of(message: &Document<'_>) -> Option<u16> {
    let text = message.text("sdkCounterStoA")?;
    let digits = text.len() == 3 && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

fn typed(message: &Document<'_>, version: MessageVersion) -> Option<AppCReq> {
    let id = |name: &str| message.text(name).and_then(TransId::parse);
    let entry = |name: &str| message.text(name).map(|text| Zeroizing::new(text.to_owned()));
    let is = |name: &str, value: &str| message.text(name) == Some(value);
    let is_true = |name: &str| message.get(name).is_some_and(|node| node.is_boolean(true));
    Some(AppCReq {
        version,
        three_ds_server_trans_id: id("threeDSServerTransID")?,
        acs_trans_id: id("acsTransID")?,
        sdk_trans_id: id("sdkTransID")?,
        cancel: message.text("challengeCancel").map(str::to_owned),
        entry: entry("challengeDataEntry"),
        entry_two: entry("challengeDataEntryTwo").filter(|_| version >= MessageVersion::V231),
        html_entry: entry("challengeHTMLDataEntry"),
        no_entry: is("challengeNoEntry", "Y") && version >= MessageVersion::V220,
        resend: is("resendChallenge", "Y"),
        add_code: is("challengeAddCode", "Y") && version >= MessageVersion::V231,
        oob_continue: match version {
            MessageVersion::V231 => matches!(message.text("oobContinue"), Some("01" | "02")),
            _ => is_true("oobContinue"),
        },
        oob_automatic: is("oobContinue", "02") && version >= MessageVersion::V231,
        oob_app_failed: is("oobAppStatus", "01") && version >= MessageVersion::V231,
        oob_app_url_supported: is("oobAppURLInd", "01") && version >= MessageVersion::V231,
        info_continue: is_true("infoContinueIndicator") && version >= MessageVersion::V231,
        trust: match (version, message.text(AppCReq::trust_element(version))) {
            (MessageVersion::V210, _) => None,
            (_, answer) => answer.map(|answer| answer == "Y"),
        },
        bind: message
            .text(AppCReq::BIND_ELEMENT)
            .filter(|_| version >= MessageVersion::V231)
            .map(|answer| answer == "Y"),
        requestor_app_url: message
            .text(APP_URL)
            .filter(|_| version >= MessageVersion::V220)
            .map(str::to_owned),
    })
}

const APP_URL: &str = "threeDSRequestorAppURL";
