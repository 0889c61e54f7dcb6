//! Reads a CRes as the strictest SDKs do [P-APP-20..27, P-APP-44, P-APP-55]: an Erro's code, the
//! element, and in words what is wrong.

use serde_json::{Map, Value};

use super::elements;
use super::screen::Screen;
use super::strict_json::{self, Fault};

/// Why an SDK does not take a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// `errorCode`.
    pub code: &'static str,
    /// `errorDetail`: the element, or what has none.
    pub element: String,
    pub why: String,
}

impl Refusal {
    pub(super) fn new(code: &'static str, element: &str, why: impl Into<String>) -> Self {
        Self { code, element: element.to_owned(), why: why.into() }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}: {}", self.code, self.element, self.why)
    }
}

impl std::error::Error for Refusal {}

/// What an SDK knows of its transaction when a CRes comes.
#[derive(Debug, Clone)]
pub struct Expected<'a> {
    pub version: &'a str,
    pub three_ds_server_trans_id: &'a str,
    pub acs_trans_id: &'a str,
    pub sdk_trans_id: &'a str,
    /// The ACS's counter as it has to be.
    pub counter: u8,
    /// Whether the challenge is shown as HTML, once a screen told.
    pub html: Option<bool>,
    /// The last `oobAppURLInd` sent.
    pub oob_app_url_ind: &'a str,
    /// `sdkUiType` of the AReq.
    pub ui_types: &'a [String],
}

/// A CRes that passed.
#[derive(Debug, Clone)]
pub enum CRes {
    /// The challenge goes on.
    Screen(Screen),
    /// It is over.
    Final(Value),
}

/// Elements of a final CRes: these and no others.
const FINAL: [&str; 9] = [
    "threeDSServerTransID",
    "acsTransID",
    "sdkTransID",
    "acsCounterAtoS",
    "challengeCompletionInd",
    "messageType",
    "messageVersion",
    "messageExtension",
    "transStatus",
];

/// Reads a decrypted CRes.
///
/// # Errors
/// The first thing that is wrong.
pub fn read(plain: &[u8], expected: &Expected<'_>) -> Result<CRes, Refusal> {
    let message = strict_json::object(plain).map_err(|fault| match fault {
        Fault::NotJson => Refusal::new("101", "CRes", "what was encrypted is not a JSON object"),
        Fault::Twice(name) => Refusal::new("204", &name, "it is there twice"),
    })?;
    if message.get("messageType") != Some(&Value::from("CRes")) {
        return Err(Refusal::new("101", "messageType", "it is not CRes"));
    }
    if present(&message, "messageVersion")? != expected.version {
        return Err(Refusal::new("203", "messageVersion", "it is not the one of the AReq"));
    }
    for (name, own) in [
        ("threeDSServerTransID", expected.three_ds_server_trans_id),
        ("acsTransID", expected.acs_trans_id),
        ("sdkTransID", expected.sdk_trans_id),
    ] {
        if !present(&message, name)?.eq_ignore_ascii_case(own) {
            return Err(Refusal::new("301", name, "it is not the one of this transaction"));
        }
    }
    counter(&message, expected.counter)?;
    extensions(&message)?;
    match present(&message, "challengeCompletionInd")? {
        "Y" => last(message, expected.version),
        "N" => screen(message, expected),
        _ => Err(Refusal::new("203", "challengeCompletionInd", "it is neither Y nor N")),
    }
}

/// A required text that is not empty.
fn present<'a>(message: &'a Map<String, Value>, name: &str) -> Result<&'a str, Refusal> {
    match message.get(name) {
        None | Some(Value::Null) => Err(Refusal::new("201", name, "it is missing")),
        Some(Value::String(text)) if text.is_empty() => {
            Err(Refusal::new("201", name, "it is empty"))
        }
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(Refusal::new("203", name, "it is not a text")),
    }
}

fn counter(message: &Map<String, Value>, own: u8) -> Result<(), Refusal> {
    let text = present(message, "acsCounterAtoS")?;
    if text.len() != 3 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Refusal::new("203", "acsCounterAtoS", "it is not three digits"));
    }
    if text != format!("{own:03}") {
        let why = format!("it is {text}, not {own:03}");
        return Err(Refusal::new("302", "acsCounterAtoS", why));
    }
    Ok(())
}

fn extensions(message: &Map<String, Value>) -> Result<(), Refusal> {
    let Some(extensions) = message.get("messageExtension") else { return Ok(()) };
    let wrong = || Refusal::new("203", "messageExtension", "it is not a list of extensions");
    for extension in extensions.as_array().filter(|list| !list.is_empty()).ok_or_else(wrong)? {
        let id = extension["id"].as_str().ok_or_else(wrong)?;
        if extension["criticalityIndicator"].as_bool().ok_or_else(wrong)? {
            return Err(Refusal::new("202", id, "a critical extension that is not known"));
        }
    }
    Ok(())
}

fn last(message: Map<String, Value>, version: &str) -> Result<CRes, Refusal> {
    if let Some(name) = message.keys().find(|name| !FINAL.contains(&name.as_str())) {
        return Err(Refusal::new("101", name, "it has no place in a final CRes"));
    }
    match present(&message, "transStatus")? {
        "Y" | "N" => {}
        "D" if version == "2.3.1" => {}
        other => {
            let why = format!("{other} cannot end a challenge in {version}");
            return Err(Refusal::new("203", "transStatus", why));
        }
    }
    Ok(CRes::Final(Value::Object(message)))
}

fn screen(message: Map<String, Value>, expected: &Expected<'_>) -> Result<CRes, Refusal> {
    let ui = present(&message, "acsUiType")?;
    let column = elements::column(ui, expected.version).ok_or_else(|| {
        Refusal::new("203", "acsUiType", format!("{ui} is no UI of {}", expected.version))
    })?;
    if !expected.ui_types.iter().any(|own| own == ui) {
        return Err(Refusal::new("203", "acsUiType", format!("this SDK does not show UI {ui}")));
    }
    let html = matches!(ui, "05" | "06");
    if expected.html.is_some_and(|before| before != html) {
        let why = "native and HTML screens are mixed in one challenge";
        return Err(Refusal::new("203", "acsUiType", why));
    }
    if message.contains_key("transStatus") {
        return Err(Refusal::new("203", "transStatus", "the challenge is not over"));
    }
    elements::check(&message, expected.version, column)?;
    together(&message, expected, ui)?;
    let screen = Screen::new(ui.to_owned(), expected.version.to_owned(), message)?;
    Ok(CRes::Screen(screen))
}

/// What several elements say together.
fn together(
    message: &Map<String, Value>,
    expected: &Expected<'_>,
    ui: &str,
) -> Result<(), Refusal> {
    let has = |name: &str| message.contains_key(name);
    let newest = expected.version == "2.3.1";
    let heads = ["challengeInfoHeader", "challengeInfoLabel", "challengeInfoText"];
    if !newest && matches!(ui, "01" | "02" | "03") && !heads.into_iter().any(has) {
        let why = "there is neither a header nor a label nor a text";
        return Err(Refusal::new("201", &heads.join(","), why));
    }
    if !newest && (has("oobAppURL") || has("oobAppLabel")) {
        return Err(Refusal::new("203", "oobAppURL", "links to the bank's app came with 2.3.1"));
    }
    if has("oobAppURL") || has("oobAppLabel") {
        if expected.oob_app_url_ind != "01" {
            let why = "the CReq said that links to other apps do not work here";
            return Err(Refusal::new("203", "oobAppURL", why));
        }
        if ui == "04" && has("oobAppURL") != has("oobAppLabel") {
            return Err(Refusal::new("201", "oobAppLabel", "a link needs its label"));
        }
    }
    if ui == "04" && !has("oobContinueLabel") && !has("oobAppLabel") {
        return Err(Refusal::new("201", "oobContinueLabel", "there is no way on"));
    }
    for (label, text) in [("whyInfoLabel", "whyInfoText"), ("expandInfoLabel", "expandInfoText")] {
        if has(label) != has(text) {
            return Err(Refusal::new("201", text, format!("{label} and {text} go together")));
        }
    }
    Ok(())
}
