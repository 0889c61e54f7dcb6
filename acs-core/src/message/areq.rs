//! From a JSON object to a typed [`AReq`] [P-AREQ-06..12, P-AREQ-16..19].

mod claims;

use super::{
    AReq, AppData, BrowserData, DeviceData, Merchant, P256PublicJwk, Purchase, ReadRules,
    RenderOptions, SpcData,
};
use crate::crypto::key_agreement::PeerKey;
use crate::dictionary::{Cell, Message, Table, table};
use crate::element::{DeviceChannel, MessageCategory, MessageVersion, Pan, TransId};
use crate::erro::Fault;
use crate::json::{Document, Node, Object, Value};
use crate::security_code::SecurityCode;
use crate::validate::{Findings, Walk, explain};

/// [P-AREQ-07, P-AREQ-16, P-AREQ-17, Req 25, Req 102, Req 287]
pub(super) fn read(
    message: &Document<'_>,
    version: MessageVersion,
    rules: &ReadRules,
) -> Result<AReq, (Fault, Option<String>)> {
    let cell = cell(message, rules);
    let walk = Walk { version, cell, rules, outgoing: false };
    let table = table(Message::AReq, version);
    let mut findings = walk.message(table, message);
    let of_app = cell.is_some_and(|cell| cell.channel == DeviceChannel::App);
    let sdk_key = if of_app { sdk_key(message, &mut findings) } else { None };
    contradictions(table, message, &mut findings);
    if let Some(fault) = findings.first_fault() {
        let explanation = explain(&fault, table, message, &walk);
        return Err((fault, explanation));
    }
    // The walk found everything in place; were it not so, a refusal is the safe answer.
    cell.and_then(|cell| typed(message, version, cell, sdk_key))
        .ok_or((Fault::PermanentFailure, None))
}

/// Channel and category as far as their values are known. An agreed category of a DS range has the
/// presence rules of non-payment, which ask for less [P-AREQ-18, P-AREQ-17].
fn cell(message: &Document<'_>, rules: &ReadRules) -> Option<Cell> {
    let channel = match message.text("deviceChannel")? {
        "01" => DeviceChannel::App,
        "02" => DeviceChannel::Browser,
        "03" => DeviceChannel::ThreeRi,
        _ => return None,
    };
    let category = match message.text("messageCategory")? {
        "01" => MessageCategory::Payment,
        "02" => MessageCategory::NonPayment,
        other => {
            let agreed =
                |(name, value): &(String, String)| name == "messageCategory" && value == other;
            rules.agreed_values.iter().any(agreed).then_some(MessageCategory::NonPayment)?
        }
    };
    Some(Cell { channel, category })
}

/// The SDK's key: a public point of P-256 and nothing private [P-AREQ-19]. Members that are wrong
/// by themselves were found by the walk [Note 73].
fn sdk_key(message: &Document<'_>, findings: &mut Findings) -> Option<PeerKey> {
    let jwk = message.get("sdkEphemPubKey").and_then(Node::as_object)?;
    let (x, y) = jwk.text("x").zip(jwk.text("y"))?;
    if findings.has_below("sdkEphemPubKey") {
        return None;
    }
    let public = P256PublicJwk { x: x.to_owned(), y: y.to_owned() };
    let key = PeerKey::parse(public).filter(|_| jwk.get("d").is_none());
    if key.is_none() {
        findings.invalid("sdkEphemPubKey");
    }
    key
}

/// Cross-field rules [P-AREQ-12]. A status without its source is found by the dictionary's own
/// conditions [Note 115, Note 117].
fn contradictions(table: &Table, message: &Document<'_>, findings: &mut Findings) {
    let known = |name: &&str| table.position(name).is_some();
    for status in ["whiteListStatus", "trustListStatus"].into_iter().filter(known) {
        if message.text(status).is_some_and(|value| !matches!(value, "Y" | "N")) {
            findings.contradictory(status);
        }
    }
    for (status, source) in SOURCES.into_iter().filter(|(_, source)| known(source)) {
        let present = |name| message.get(name).is_some_and(|node| !node.is_empty());
        if present(source) && !present(status) {
            findings.contradictory(source);
        }
    }
    if known(&"multiTransaction") && names_unknown_seller(message) {
        findings.contradictory("multiTransaction.merchantList.sellerId");
    }
}

/// Whether a merchant of several names a seller that `sellerInfo` does not know
/// [P-231-05, Note 176].
fn names_unknown_seller(message: &Document<'_>) -> bool {
    let ids = |list: Option<Node<'_>>| -> Vec<String> {
        let items = list.into_iter().flat_map(Node::items).filter_map(Node::as_object);
        items.filter_map(|item| item.text("sellerId")).map(str::to_owned).collect()
    };
    let several = message.get("multiTransaction").and_then(Node::as_object);
    let named = ids(several.and_then(|several| several.get("merchantList")));
    let known = if named.is_empty() { named.clone() } else { ids(message.get("sellerInfo")) };
    named.iter().any(|id| !known.contains(id))
}

/// [P-231-08, P-231-04]
fn typed(
    message: &Document<'_>,
    version: MessageVersion,
    cell: Cell,
    sdk_key: Option<PeerKey>,
) -> Option<AReq> {
    let text = |name: &str| message.text(name).filter(|t| !t.is_empty()).map(str::to_owned);
    let id = |name: &str| message.text(name).and_then(TransId::parse);
    Some(AReq {
        version,
        channel: cell.channel,
        category: cell.category,
        agreed_category: text("messageCategory")
            .filter(|code| !["01", "02"].contains(&code.as_str())),
        three_ds_server_trans_id: id("threeDSServerTransID")?,
        ds_trans_id: id("dsTransID")?,
        ds_reference_number: text("dsReferenceNumber")?,
        ds_url: text("dsURL"),
        three_ds_server_ref_number: text("threeDSServerRefNumber")?,
        three_ds_requestor_id: text("threeDSRequestorID").unwrap_or_default(),
        three_ds_requestor_name: text("threeDSRequestorName").unwrap_or_default(),
        three_ds_requestor_url: text("threeDSRequestorURL").unwrap_or_default(),
        pan: Pan::parse(message.text("acctNumber")?)?,
        card_expiry_date: text("cardExpiryDate"),
        security_code: message
            .text("cardSecurityCode")
            .filter(|_| version >= MessageVersion::V231)
            .and_then(SecurityCode::parse),
        purchase: purchase(message),
        merchant: Merchant {
            name: text("merchantName"),
            country: text("merchantCountryCode"),
            mcc: text("mcc"),
            acquirer_bin: text("acquirerBIN"),
            acquirer_merchant_id: text("acquirerMerchantID"),
        },
        challenge_ind: one_or_more(message.get("threeDSRequestorChallengeInd")),
        authentication_ind: text("threeDSRequestorAuthenticationInd"),
        three_ri_ind: text("threeRIInd").filter(|_| cell.channel == DeviceChannel::ThreeRi),
        decoupled_req_ind: text("threeDSRequestorDecReqInd")
            .filter(|_| version >= MessageVersion::V220),
        decoupled_max_minutes: message
            .text("threeDSRequestorDecMaxTime")
            .and_then(|minutes| minutes.parse().ok()),
        prior_refs: prior_refs(message.get("threeDSRequestorPriorAuthenticationInfo")),
        browser: match cell.channel {
            DeviceChannel::Browser => Some(browser(message, version)?),
            _ => None,
        },
        app: match cell.channel {
            DeviceChannel::App => Some(app(message, version, sdk_key?)?),
            _ => None,
        },
        claims: claims::read(message, version),
        spc: match cell.channel {
            DeviceChannel::Browser if version >= MessageVersion::V231 => claims::spc(message),
            _ => SpcData::default(),
        },
    })
}

fn purchase(message: &Document<'_>) -> Option<Purchase> {
    Some(Purchase {
        amount: message.text("purchaseAmount")?.to_owned(),
        currency: message.text("purchaseCurrency")?.to_owned(),
        exponent: message.text("purchaseExponent")?.parse().ok()?,
        date: message.text("purchaseDate").map(str::to_owned),
    })
}

/// One object before 2.3.1, a list since.
fn prior_refs(node: Option<Node<'_>>) -> Vec<TransId> {
    let of = |node: Node<'_>| TransId::parse(node.as_object()?.text("threeDSReqPriorRef")?);
    let Some(node) = node else { return Vec::new() };
    match node.value() {
        Value::Array => node.items().filter_map(of).collect(),
        _ => of(node).into_iter().collect(),
    }
}

/// [Note 91]
fn one_or_more(node: Option<Node<'_>>) -> Vec<String> {
    let Some(node) = node else { return Vec::new() };
    match node.value() {
        Value::Text(text) if !text.is_empty() => vec![text.to_owned()],
        Value::Array => node.items().filter_map(Node::as_text).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

/// Names of other versions are strangers here [P-GEN-05].
fn browser(message: &Document<'_>, version: MessageVersion) -> Option<BrowserData> {
    let newest = version >= MessageVersion::V231;
    let text = |name: &str| message.text(name).map(str::to_owned);
    let accepted = || message.get("acceptLanguage").filter(|_| newest);
    Some(BrowserData {
        comp_ind: text("threeDSCompInd")?,
        method_id: message.text("threeDSMethodId").filter(|_| newest).and_then(TransId::parse),
        notification_url: text("notificationURL")?,
        user_agent: text("browserUserAgent")?,
        accept_header: text("browserAcceptHeader")?,
        ip: text("browserIP"),
        language: text("browserLanguage").or_else(|| one_or_more(accepted()).into_iter().next()),
        javascript_enabled: !message
            .get("browserJavascriptEnabled")
            .filter(|_| version >= MessageVersion::V220)
            .is_some_and(|node| node.is_boolean(false)),
    })
}

/// [P-GEN-05]
fn app(message: &Document<'_>, version: MessageVersion, sdk_key: PeerKey) -> Option<AppData> {
    let newest = version >= MessageVersion::V231;
    Some(AppData {
        sdk_trans_id: message.text("sdkTransID").and_then(TransId::parse)?,
        sdk_app_id: message.text("sdkAppID").unwrap_or_default().to_owned(),
        sdk_reference_number: message.text("sdkReferenceNumber")?.to_owned(),
        sdk_max_timeout_minutes: message.text("sdkMaxTimeout")?.parse().ok()?,
        sdk_ephem_pub_key: sdk_key,
        device: message.text("deviceInfo").and_then(DeviceData::read),
        render_options: render_options(message.get("deviceRenderOptions")?.as_object()?, newest),
        split_sdk: newest && message.text("sdkType") == Some("02"),
        limited: newest && is_limited(message),
    })
}

/// A Split-SDK of limited capabilities [P-ARES-16].
fn is_limited(message: &Document<'_>) -> bool {
    let kind = message.get("splitSdkType").and_then(Node::as_object);
    message.text("sdkType") == Some("02")
        && kind.and_then(|kind| kind.text("limitedInd")) == Some("Y")
}

fn render_options(options: Object<'_>, newest: bool) -> RenderOptions {
    let interface = options.text("sdkInterface").unwrap_or_default();
    RenderOptions {
        native: matches!(interface, "01" | "03"),
        html: matches!(interface, "02" | "03"),
        ui_types: one_or_more(options.get("sdkUiType")),
        authentication_types: one_or_more(options.get("sdkAuthenticationType").filter(|_| newest)),
    }
}

/// Statuses and who set them.
const SOURCES: [(&str, &str); 4] = [
    ("whiteListStatus", "whiteListStatusSource"),
    ("trustListStatus", "trustListStatusSource"),
    ("deviceBindingStatus", "deviceBindingStatusSource"),
    ("cardSecurityCodeStatus", "cardSecurityCodeStatusSource"),
];
