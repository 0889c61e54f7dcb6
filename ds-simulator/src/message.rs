//! Builds the messages of the 3DS Server, the directory server and the browser as raw JSON, so
//! that a fault in the core's own types cannot hide itself, and so that they can be made wrong.

pub mod app;
mod wishes;

use base64::Engine;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::macros::format_description;

use crate::trace::text;

/// Versions the simulator speaks, oldest first.
pub const VERSIONS: [&str; 3] = ["2.1.0", "2.2.0", "2.3.1"];

/// `threeDSServerRefNumber` of the simulated 3DS Server.
pub const THREE_DS_SERVER_REF_NUMBER: &str = "3DS_SIM_THREEDSS_00001";

/// What a merchant wants authenticated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Order {
    pub pan: String,
    /// `cardExpiryDate`, YYMM.
    pub expiry: Option<String>,
    /// Minor units.
    pub amount: String,
    /// ISO 4217 numeric.
    pub currency: String,
    /// `messageCategory`: `01` payment, `02` non-payment.
    pub category: String,
    /// `deviceChannel`: `01` app, `02` browser, `03` 3RI.
    pub channel: String,
    /// `threeRIInd`, in 3RI only; `01` when absent.
    pub three_ri_ind: Option<String>,
    /// `threeDSReqPriorRef`: acsTransID of an earlier authentication.
    pub prior_ref: Option<String>,
    /// `threeDSRequestorAuthenticationInd`; by category when absent.
    pub authentication_ind: Option<String>,
    /// `threeDSRequestorDecReqInd`.
    pub decoupled: Option<String>,
    /// `threeDSRequestorDecMaxTime`.
    pub decoupled_minutes: Option<u32>,
    /// `threeDSRequestorChallengeInd`, one or (2.3.1) two codes.
    pub challenge_ind: Vec<String>,
    /// `challengeWindowSize`.
    pub window_size: String,
    /// `threeDSSessionData` as it travels (already base64url).
    pub session_data: Option<String>,
    pub merchant_name: String,
    pub merchant_country: String,
    pub mcc: String,
    /// Elements to set (or, with null, to take away) in the AReq of the 3DS Server.
    pub overrides: Map<String, Value>,
}

impl Default for Order {
    fn default() -> Self {
        Self {
            pan: String::new(),
            expiry: None,
            amount: "1200".to_owned(),
            currency: "392".to_owned(),
            category: "01".to_owned(),
            channel: "02".to_owned(),
            three_ri_ind: None,
            prior_ref: None,
            authentication_ind: None,
            decoupled: None,
            decoupled_minutes: None,
            challenge_ind: Vec::new(),
            window_size: "02".to_owned(),
            session_data: None,
            merchant_name: "Hakone Tea House".to_owned(),
            merchant_country: "392".to_owned(),
            mcc: "5499".to_owned(),
            overrides: Map::new(),
        }
    }
}

/// What a browser tells the merchant's page about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BrowserFacts {
    pub accept_header: String,
    pub ip: Option<String>,
    pub javascript_enabled: bool,
    pub java_enabled: bool,
    pub language: String,
    pub color_depth: String,
    pub screen_height: String,
    pub screen_width: String,
    /// Minutes between UTC and local time.
    pub tz: String,
    pub user_agent: String,
}

impl Default for BrowserFacts {
    fn default() -> Self {
        Self {
            accept_header: "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
                .to_owned(),
            ip: Some("127.0.0.1".to_owned()),
            javascript_enabled: true,
            java_enabled: false,
            language: "ja-JP".to_owned(),
            color_depth: "24".to_owned(),
            screen_height: "900".to_owned(),
            screen_width: "1440".to_owned(),
            tz: "-540".to_owned(),
            user_agent: concat!("ds-sim/", env!("CARGO_PKG_VERSION"), " (simulated browser)")
                .to_owned(),
        }
    }
}

/// The 3DS Server's own URLs and the id of one transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestorUrls {
    /// `threeDSServerURL`.
    pub three_ds_server: String,
    /// `threeDSRequestorURL`.
    pub requestor: String,
    /// `notificationURL`.
    pub notification: String,
}

/// The AReq as it leaves the 3DS Server (leg `3DSS-DS`).
#[must_use]
pub fn areq(
    order: &Order,
    version: &str,
    three_ds_server_trans_id: &str,
    comp_ind: &str,
    urls: &RequestorUrls,
    browser: &BrowserFacts,
) -> Value {
    let mut areq = common(order, version, three_ds_server_trans_id, urls);
    if order.channel == "03" {
        wishes::by_requestor(&mut areq, order, version);
        apply_overrides(&mut areq, &order.overrides);
        return areq;
    }
    merge(
        &mut areq,
        json!({
            "deviceChannel": "02",
            "threeDSCompInd": comp_ind,
            "notificationURL": urls.notification,
            "browserAcceptHeader": browser.accept_header,
            "browserUserAgent": browser.user_agent,
        }),
    );
    add_browser(&mut areq, version, browser);
    apply_overrides(&mut areq, &order.overrides);
    areq
}

/// What the AReqs of browser and app have in common.
fn common(
    order: &Order,
    version: &str,
    three_ds_server_trans_id: &str,
    urls: &RequestorUrls,
) -> Value {
    let now = OffsetDateTime::now_utc();
    let payment = order.category == "01";
    let mut areq = json!({
        "messageType": "AReq",
        "messageVersion": version,
        "messageCategory": order.category,
        "threeDSServerTransID": three_ds_server_trans_id,
        "threeDSServerRefNumber": THREE_DS_SERVER_REF_NUMBER,
        "threeDSServerOperatorID": "ds-sim-operator",
        "threeDSServerURL": urls.three_ds_server,
        "threeDSRequestorID": "ds-sim-requestor-01",
        "threeDSRequestorName": order.merchant_name,
        "threeDSRequestorURL": urls.requestor,
        "threeDSRequestorAuthenticationInd": if payment { "01" } else { "04" },
        "acctNumber": order.pan,
        "acctType": "02",
        "acctID": "shop-account-4711",
        "cardholderName": "HANAKO YAMADA",
        "email": "hanako.yamada@example.com",
        "mobilePhone": {"cc": "81", "subscriber": "9012345678"},
        "addrMatch": "N",
        "billAddrLine1": "1-2-3 Marunouchi",
        "billAddrCity": "Chiyoda-ku",
        "billAddrState": "13",
        "billAddrPostCode": "100-0005",
        "billAddrCountry": "392",
        "shipAddrLine1": "4-5-6 Umeda",
        "shipAddrCity": "Osaka",
        "shipAddrState": "27",
        "shipAddrPostCode": "530-0001",
        "shipAddrCountry": "392",
        "acctInfo": {
            "chAccAgeInd": "05", "chAccDate": "20210401", "nbPurchaseAccount": "12",
            "shipNameIndicator": "01", "suspiciousAccActivity": "01",
        },
    });
    if let Some(expiry) = &order.expiry {
        areq["cardExpiryDate"] = json!(expiry);
    }
    if payment || wishes::name_a_purchase(order, version) {
        merge(
            &mut areq,
            json!({
                "purchaseAmount": order.amount,
                "purchaseCurrency": order.currency,
                "purchaseExponent": exponent(&order.currency),
                "purchaseDate": date_time(now),
            }),
        );
    }
    if payment {
        merge(
            &mut areq,
            json!({
                "transType": "01",
                "merchantRiskIndicator": {"deliveryTimeframe": "02", "shipIndicator": "03"},
            }),
        );
    }
    merge(
        &mut areq,
        json!({
            "mcc": order.mcc,
            "merchantName": order.merchant_name,
            "merchantCountryCode": order.merchant_country,
            "acquirerBIN": "400551",
            "acquirerMerchantID": "ds-sim-merchant-0001",
        }),
    );
    let authentication_info = json!({"threeDSReqAuthMethod": "02",
        "threeDSReqAuthTimestamp": &date_time(now)[..12]});
    if version == "2.3.1" {
        merge(
            &mut areq,
            json!({"acquirerCountryCode": order.merchant_country,
                "acquirerCountryCodeSource": "01"}),
        );
        areq["threeDSRequestorAuthenticationInfo"] = json!([authentication_info]);
    } else {
        areq["threeDSRequestorAuthenticationInfo"] = authentication_info;
    }
    match (order.challenge_ind.as_slice(), version) {
        ([], _) => {}
        (wishes, "2.3.1") => areq["threeDSRequestorChallengeInd"] = json!(wishes),
        ([first, ..], _) => areq["threeDSRequestorChallengeInd"] = json!(first),
    }
    wishes::add(&mut areq, order, version, &date_time(now)[..12]);
    areq
}

fn add_browser(areq: &mut Value, version: &str, browser: &BrowserFacts) {
    if let Some(ip) = &browser.ip {
        areq["browserIP"] = json!(ip);
    }
    let scripted = version == "2.1.0" || browser.javascript_enabled;
    if version != "2.1.0" {
        areq["browserJavascriptEnabled"] = json!(browser.javascript_enabled);
    }
    if version == "2.3.1" {
        areq["acceptLanguage"] = json!([browser.language]);
    }
    if scripted || version == "2.2.0" {
        let length = if version == "2.3.1" { 35 } else { 8 };
        areq["browserLanguage"] = json!(browser.language.chars().take(length).collect::<String>());
    }
    if scripted {
        merge(
            areq,
            json!({
                "browserJavaEnabled": browser.java_enabled,
                "browserColorDepth": browser.color_depth,
                "browserScreenHeight": browser.screen_height,
                "browserScreenWidth": browser.screen_width,
                "browserTZ": browser.tz,
            }),
        );
    }
}

/// The PReq of the 3DS Server.
#[must_use]
pub fn preq(version: &str, three_ds_server_trans_id: &str, serial: Option<&str>) -> Value {
    let mut preq = json!({
        "messageType": "PReq",
        "messageVersion": version,
        "threeDSServerTransID": three_ds_server_trans_id,
        "threeDSServerRefNumber": THREE_DS_SERVER_REF_NUMBER,
        "threeDSServerOperatorID": "ds-sim-operator",
    });
    if let Some(serial) = serial {
        preq["serialNum"] = json!(serial);
    }
    preq
}

/// The browser CReq that a 3DS Requestor's page posts.
#[must_use]
pub fn creq(
    version: &str,
    three_ds_server_trans_id: &str,
    acs_trans_id: &str,
    window_size: &str,
) -> Value {
    json!({
        "messageType": "CReq",
        "messageVersion": version,
        "threeDSServerTransID": three_ds_server_trans_id,
        "acsTransID": acs_trans_id,
        "challengeWindowSize": window_size,
    })
}

/// The answer to an RReq, with the ids of `rreq`.
#[must_use]
pub fn rres(rreq: &Value, results_status: &str) -> Value {
    let mut rres = json!({
        "messageType": "RRes",
        "messageVersion": rreq["messageVersion"],
        "threeDSServerTransID": rreq["threeDSServerTransID"],
        "dsTransID": rreq["dsTransID"],
        "acsTransID": rreq["acsTransID"],
        "resultsStatus": results_status,
    });
    if let Some(sdk) = rreq.get("sdkTransID") {
        rres["sdkTransID"] = sdk.clone();
    }
    rres
}

/// An Erro of `component` (`D` or `S`) about `about`, with the ids that are well-formed there.
#[must_use]
pub fn erro(component: char, code: &str, description: &str, detail: &str, about: &Value) -> Value {
    let version =
        text(about, "messageVersion").filter(|v| VERSIONS.contains(v)).unwrap_or(VERSIONS[2]);
    let mut erro = json!({
        "messageType": "Erro",
        "messageVersion": version,
        "errorCode": code,
        "errorComponent": component.to_string(),
        "errorDescription": description,
        "errorDetail": detail,
    });
    if let Some(kind) = text(about, "messageType").filter(|kind| kind.len() == 4) {
        erro["errorMessageType"] = json!(kind);
    }
    for id in ["threeDSServerTransID", "dsTransID", "acsTransID", "sdkTransID"] {
        if let Some(value) = text(about, id).filter(|v| uuid::Uuid::try_parse(v).is_ok()) {
            erro[id] = json!(value);
        }
    }
    erro
}

/// A new transaction id.
#[must_use]
pub fn new_id() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// `purchaseExponent` of a currency.
#[must_use]
pub fn exponent(currency: &str) -> &'static str {
    match currency {
        "108" | "152" | "174" | "262" | "324" | "352" | "392" | "410" | "548" | "600" | "646"
        | "704" | "800" | "940" | "950" | "952" | "953" => "0",
        "048" | "368" | "400" | "414" | "434" | "512" | "788" => "3",
        _ => "2",
    }
}

/// JSON as the browser forms carry it: base64url without padding.
#[must_use]
pub fn to_base64url(message: &Value) -> String {
    URL_SAFE_NO_PAD.encode(message.to_string())
}

/// The JSON in a form field; padding is tolerated.
#[must_use]
pub fn from_base64url(field: &str) -> Option<Value> {
    let field = field.trim().trim_end_matches('=');
    let bytes = URL_SAFE_NO_PAD.decode(field).or_else(|_| URL_SAFE.decode(field)).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// Sets each member in `message`; a null takes the element away.
pub fn apply_overrides(message: &mut Value, overrides: &Map<String, Value>) {
    let Some(members) = message.as_object_mut() else { return };
    for (name, value) in overrides {
        if value.is_null() {
            members.remove(name);
        } else {
            members.insert(name.clone(), value.clone());
        }
    }
}

fn merge(message: &mut Value, more: Value) {
    if let (Some(members), Value::Object(more)) = (message.as_object_mut(), more) {
        members.extend(more);
    }
}

pub(crate) fn date_time(at: OffsetDateTime) -> String {
    at.format(format_description!("[year][month][day][hour][minute][second]")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_survive_base64url_with_and_without_padding() {
        let creq = creq("2.2.0", &new_id(), &new_id(), "01");
        let field = to_base64url(&creq);
        assert_eq!(from_base64url(&field).unwrap(), creq);
        assert_eq!(from_base64url(&format!("{field}==")).unwrap(), creq);
        assert_eq!(from_base64url("*"), None);
    }

    #[test]
    fn the_challenge_wish_has_the_shape_of_its_version() {
        let order = Order {
            pan: "4000000000001000".to_owned(),
            challenge_ind: vec!["03".to_owned()],
            ..Order::default()
        };
        let urls = RequestorUrls {
            three_ds_server: String::new(),
            requestor: String::new(),
            notification: String::new(),
        };
        let areq = |version| areq(&order, version, "id", "Y", &urls, &BrowserFacts::default());
        assert_eq!(areq("2.2.0")["threeDSRequestorChallengeInd"], json!("03"));
        assert_eq!(areq("2.3.1")["threeDSRequestorChallengeInd"], json!(["03"]));
        assert!(areq("2.1.0").get("browserJavascriptEnabled").is_none());
    }
}
