//! A directory server's view of what its peers send: code and elements of the Erro where it is wrong.
//! The tables are those of the dictionary; what goes with what is decided here, apart from the ACS.

use acs_core::dictionary::Message;
use acs_core::element::{DeviceChannel, MessageCategory, MessageVersion};
use acs_core::erro::{self, ErroContext, Fault, Rejection};
use acs_core::message::{ReadRules, read_areq};
use acs_core::outgoing;
use serde_json::Value;
use time::{OffsetDateTime, PrimitiveDateTime, macros::format_description};

use crate::trace::text;

/// Code and elements.
pub(super) type Defect = (String, String);

/// What an AReq decides about the messages after it.
#[derive(Debug, Clone, Default)]
pub(super) struct Asked {
    pub(super) version: String,
    channel: String,
    category: String,
    decoupled: String,
}

impl Asked {
    pub(super) fn of(areq: &Value) -> Self {
        let word = |name: &str| text(areq, name).unwrap_or_default().to_owned();
        Self {
            version: word("messageVersion"),
            channel: word("deviceChannel"),
            category: word("messageCategory"),
            decoupled: word("threeDSRequestorDecReqInd"),
        }
    }

    fn is_payment(&self) -> bool {
        self.category == "01"
    }

    /// The first fault of a message of this transaction by the tables.
    fn inspect(&self, message: &Value, kind: Message) -> Result<(), Defect> {
        let Some(version) = MessageVersion::parse(&self.version) else { return Ok(()) };
        let channel = match self.channel.as_str() {
            "01" => Some(DeviceChannel::App),
            "02" => Some(DeviceChannel::Browser),
            "03" => Some(DeviceChannel::ThreeRi),
            _ => None,
        };
        let category = match self.category.as_str() {
            "01" => Some(MessageCategory::Payment),
            "02" => Some(MessageCategory::NonPayment),
            _ => None,
        };
        let json = message.to_string();
        outgoing::inspect(json.as_bytes(), kind, version, channel, category)
            .map_err(|fault| by_tables(fault, &[version]))
    }
}

/// An AReq of a 3DS Server, with what the directory server added to it. In 2.3.1 its purchase is of
/// this half hour [P-GEN-11].
pub(super) fn areq(areq: &Value) -> Result<(), Defect> {
    let rules = ReadRules {
        versions: MessageVersion::ALL.to_vec(),
        agreed_values: Vec::new(),
        known_extensions: Vec::new(),
        accepted_iso_codes: Vec::new(),
    };
    read_areq(areq.to_string().as_bytes(), &rules)
        .map_err(|rejection| by_tables(rejection.fault, &MessageVersion::ALL))?;
    let date = text(areq, "purchaseDate").filter(|_| areq["messageVersion"] == "2.3.1");
    match date {
        Some(date) if is_off(date, OffsetDateTime::now_utc()) => defect("203", "purchaseDate"),
        _ => Ok(()),
    }
}

/// More than 30 minutes before or after `now`.
fn is_off(date: &str, now: OffsetDateTime) -> bool {
    let format = format_description!("[year][month][day][hour][minute][second]");
    PrimitiveDateTime::parse(date, format)
        .is_ok_and(|date| (now - date.assume_utc()).abs() > time::Duration::minutes(30))
}

/// Whether an ARes may go on to the 3DS Server: type, version, tables, ids, status and what goes with
/// it.
pub(super) fn ares(areq: &Value, ares: &Value) -> Result<(), Defect> {
    if text(ares, "messageType") != Some("ARes") {
        return defect("101", "messageType");
    }
    if ares["messageVersion"] != areq["messageVersion"] {
        return defect("203", "messageVersion");
    }
    let asked = Asked::of(areq);
    let status = text(ares, "transStatus").unwrap_or_default();
    if !status.is_empty() && !status_allowed(&asked, areq, status) {
        return defect("203", "transStatus");
    }
    asked.inspect(ares, Message::ARes)?;
    let foreign: Vec<_> = ["threeDSServerTransID", "dsTransID"]
        .into_iter()
        .filter(|name| !same_id(text(ares, name), text(areq, name)))
        .collect();
    if !foreign.is_empty() {
        return defect("301", &foreign.join(","));
    }
    if ares["dsReferenceNumber"] != areq["dsReferenceNumber"] {
        return defect("203", "dsReferenceNumber");
    }
    accompaniment(&asked, ares, status)?;
    rendering(&asked, areq, ares)
}

/// Statuses of an ARes by version, channel and what the requestor asked for [P-STAT-01..09].
fn status_allowed(asked: &Asked, areq: &Value, status: &str) -> bool {
    let wishes = match &areq["threeDSRequestorChallengeInd"] {
        Value::Array(list) => list.iter().filter_map(Value::as_str).collect(),
        Value::String(one) => vec![one.as_str()],
        _ => Vec::new(),
    };
    let wished = |codes: &[&str]| wishes.iter().any(|wish| codes.contains(wish));
    let (first, newest) = (asked.version == "2.1.0", asked.version == "2.3.1");
    match status {
        "Y" | "N" | "U" | "A" | "R" => true,
        "C" => asked.channel != "03" && !wished(&["06"]),
        "D" => !first && (asked.decoupled == "Y" || newest && asked.decoupled == "B"),
        "I" => !first && (wished(&["05", "06", "07"]) || !asked.is_payment()),
        "S" => {
            newest && asked.channel == "02" && text(areq, "threeDSRequestorSpcSupport") == Some("Y")
        }
        _ => false,
    }
}

/// Elements of an ARes and the statuses with which they may be there [P-ARES-01..13].
const ONLY_WITH: [(&str, &str); 10] = [
    ("authenticationValue", "YAI"),
    ("acsChallengeMandated", "CD"),
    ("authenticationType", "CD"),
    ("authenticationMethod", "CD"),
    ("acsURL", "C"),
    ("acsSignedContent", "C"),
    ("acsRenderingType", "C"),
    ("cardholderInfo", "YANURID"),
    ("spcTransData", "S"),
    ("webAuthnCredList", "S"),
];

fn accompaniment(asked: &Asked, ares: &Value, status: &str) -> Result<(), Defect> {
    let has = |name: &str| ares.get(name).is_some();
    let foreign = ONLY_WITH.iter().filter(|(name, with)| has(name) && !with.contains(status));
    let foreign: Vec<_> = foreign.map(|(name, _)| *name).collect();
    if !foreign.is_empty() {
        return defect("203", &foreign.join(","));
    }
    match (text(ares, "acsDecConInd"), status) {
        (Some("Y"), other) if other != "D" => return defect("203", "acsDecConInd"),
        (Some("N"), "D") => return defect("203", "acsDecConInd"),
        _ => {}
    }
    let how = if asked.version == "2.3.1" { "authenticationMethod" } else { "authenticationType" };
    let mut due: Vec<&str> = Vec::new();
    match status {
        "Y" | "A" if asked.is_payment() => due.push("authenticationValue"),
        "N" | "U" | "R" if asked.is_payment() => due.push("transStatusReason"),
        "C" => {
            due.extend(["acsChallengeMandated", how]);
            due.extend(match asked.channel.as_str() {
                "01" => &["acsSignedContent", "acsRenderingType"][..],
                _ => &["acsURL"],
            });
        }
        "D" => due.extend(["acsDecConInd", how, "cardholderInfo"]),
        "S" => due.extend(["spcTransData", "webAuthnCredList"]),
        _ => {}
    }
    due.retain(|name| !has(name));
    if due.is_empty() { Ok(()) } else { defect("201", &due.join(",")) }
}

/// Interface and template of an app's challenge fit each other and what the app can show
/// [P-ARES-15].
fn rendering(asked: &Asked, areq: &Value, ares: &Value) -> Result<(), Defect> {
    let Some(rendering) = ares.get("acsRenderingType") else { return Ok(()) };
    let word = |name: &str| text(rendering, name).unwrap_or_default();
    let (interface, template) = (word("acsInterface"), word("acsUiTemplate"));
    let newest = asked.version == "2.3.1";
    let fits = match interface {
        "01" => matches!(template, "01" | "02" | "03" | "04") || newest && template == "07",
        "02" => {
            matches!(template, "01" | "02" | "03" | "04" | "05")
                || newest && matches!(template, "06" | "07")
        }
        _ => false,
    };
    let options = &areq["deviceRenderOptions"];
    let shown = match text(options, "sdkInterface") {
        Some("03") => true,
        own => own == Some(interface),
    };
    let listed = options["sdkUiType"].as_array();
    let listed = listed.is_some_and(|list| list.iter().any(|own| own == template));
    if fits && shown && listed { Ok(()) } else { defect("203", "acsRenderingType") }
}

/// A directory server's view of an RReq's content [P-RREQ-02..04].
pub(super) fn result(rreq: &Value, asked: &Asked) -> Result<(), Defect> {
    let status = text(rreq, "transStatus").unwrap_or_default();
    let fallback = asked.version == "2.3.1" && matches!(asked.decoupled.as_str(), "F" | "B");
    let allowed = if fallback { "YNUARD" } else { "YNUAR" };
    if !status.is_empty() && !is_one_of(status, allowed) {
        return defect("203", "transStatus");
    }
    asked.inspect(rreq, Message::RReq)?;
    if asked.is_payment() && status.is_empty() {
        return defect("201", "transStatus");
    }
    if rreq["messageCategory"] != asked.category.as_str() {
        return defect("203", "messageCategory");
    }
    let has = |name: &str| rreq.get(name).is_some();
    if has("authenticationValue") && !matches!(status, "Y" | "A") {
        return defect("203", "authenticationValue");
    }
    let payment = asked.is_payment();
    let mut missing = Vec::new();
    if payment && matches!(status, "N" | "U" | "R") && !has("transStatusReason") {
        missing.push("transStatusReason");
    }
    if payment && matches!(status, "Y" | "A") && !has("authenticationValue") {
        missing.push("authenticationValue");
    }
    if rreq["transStatusReason"] == "14" && !has("challengeCancel") {
        missing.push("challengeCancel");
    }
    if missing.is_empty() { Ok(()) } else { defect("201", &missing.join(",")) }
}

/// Whether `status` is one of the letters.
fn is_one_of(status: &str, letters: &str) -> bool {
    status.chars().count() == 1 && letters.contains(status)
}

pub(super) fn same_id(left: Option<&str>, right: Option<&str>) -> bool {
    matches!((left, right), (Some(left), Some(right)) if left.eq_ignore_ascii_case(right))
}

fn defect<T>(code: &str, detail: &str) -> Result<T, Defect> {
    Err((code.to_owned(), detail.to_owned()))
}

fn by_tables(fault: Fault, versions: &[MessageVersion]) -> Defect {
    let erro = erro::erro(&Rejection::new(fault, ErroContext::default()), versions);
    (erro.code.as_str().to_owned(), erro.detail)
}

#[cfg(test)]
mod tests;
