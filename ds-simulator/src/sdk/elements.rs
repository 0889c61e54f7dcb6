//! Which element a screen may, must or must not have, by version and UI type, and what it holds.
//! Written by hand from the rules, apart from the tables the ACS checks itself with.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::cres::Refusal;

/// What an element holds.
#[derive(Debug, Clone, Copy)]
enum Kind {
    /// A text of up to so many characters.
    Text(usize),
    /// One of these.
    Code(&'static [&'static str]),
    /// A page in base64url.
    Page,
    EntryBox,
    Choices,
    Images,
}

/// An element with its rows for 2.1.0, 2.2.0 and 2.3.1: one letter per UI type from 01 on. `R`
/// required, `O` optional, `N` not there; an empty row where the version does not know it.
struct Element {
    name: &'static str,
    rows: [&'static str; 3],
    kind: Kind,
}

const fn element(name: &'static str, rows: [&'static str; 3], kind: Kind) -> Element {
    Element { name, rows, kind }
}

const NATIVE: [&str; 3] = ["OOOON", "OOOON", "OOOONNO"];
const LABEL: Kind = Kind::Text(45);
const LONG: Kind = Kind::Text(256);

const ELEMENTS: [Element; 28] = [
    element("acsHTML", ["NNNNR", "NNNNR", "NNNNRRN"], Kind::Page),
    element("acsHTMLRefresh", ["NNNNO", "NNNNO", ""], Kind::Page),
    element("challengeAddInfo", ["NNNON", "NNNON", ""], LONG),
    element("challengeAddLabel", ["", "", "OOOONNO"], LABEL),
    element("challengeEntryBox", ["", "", "RNNNNNN"], Kind::EntryBox),
    element("challengeEntryBoxTwo", ["", "", "ONNNNNN"], Kind::EntryBox),
    element("challengeInfoHeader", ["OOOON", "OOOON", "RRRRNNR"], LABEL),
    element("challengeInfoLabel", ["OOOON", "OOOON", "NRRONNO"], LABEL),
    element("challengeInfoText", ["OOOON", "OOOON", "RRRRNNR"], Kind::Text(350)),
    element("challengeInfoTextIndicator", NATIVE, Kind::Code(&["Y", "N"])),
    element("challengeSelectInfo", ["NRRNN", "NRRNN", "NRRNNNN"], Kind::Choices),
    element("deviceBindingInfoText", ["", "", "OOOONNO"], Kind::Text(64)),
    element("expandInfoLabel", NATIVE, LABEL),
    element("expandInfoText", NATIVE, LONG),
    element("infoContinueLabel", ["", "", "NNNNNNR"], LABEL),
    element("issuerImage", NATIVE, Kind::Images),
    element("psImage", NATIVE, Kind::Images),
    element("oobAppLabel", ["NNNON", "NNNON", "NNNONNN"], LABEL),
    element("oobAppURL", ["NNNON", "NNNON", "NNNONON"], Kind::Text(2048)),
    element("oobContinueLabel", ["NNNRN", "NNNRN", "NNNONNN"], LABEL),
    element("resendInformationLabel", ["ONNNN", "ONNNN", "ONNNNNN"], LABEL),
    element("submitAuthenticationLabel", ["RRRNN", "RRRNN", "RRRNNNN"], LABEL),
    element("togglePositionInd", ["", "", "OOOONNO"], Kind::Code(&["01"])),
    element("whitelistingInfoText", ["", "OOOON", ""], Kind::Text(64)),
    element("trustListInfoText", ["", "", "OOOONNO"], Kind::Text(64)),
    element("whyInfoLabel", NATIVE, LABEL),
    element("whyInfoText", NATIVE, LONG),
    element("transStatus", ["NNNNN", "NNNNN", "NNNNNNN"], Kind::Text(1)),
];

/// Elements that every CRes has; they were looked at before.
const COMMON: [&str; 9] = [
    "threeDSServerTransID",
    "acsTransID",
    "sdkTransID",
    "acsCounterAtoS",
    "challengeCompletionInd",
    "messageType",
    "messageVersion",
    "messageExtension",
    "acsUiType",
];

/// The place of a UI type in the rows, when the version has it.
pub(super) fn column(ui: &str, version: &str) -> Option<usize> {
    let known = if version == "2.3.1" { 7 } else { 5 };
    let number: usize = ui.strip_prefix('0')?.parse().ok()?;
    (1..=known).contains(&number).then(|| number - 1)
}

/// Checks every element of a screen.
pub(super) fn check(
    message: &Map<String, Value>,
    version: &str,
    column: usize,
) -> Result<(), Refusal> {
    let row = |element: &Element| match version {
        "2.1.0" => element.rows[0],
        "2.2.0" => element.rows[1],
        _ => element.rows[2],
    };
    for element in &ELEMENTS {
        let name = element.name;
        let letter = row(element).as_bytes().get(column).copied();
        match (letter, message.get(name)) {
            (Some(b'R'), None | Some(Value::Null)) => {
                return Err(Refusal::new("201", name, "it is missing"));
            }
            (Some(b'R'), Some(value)) if is_empty(value) => {
                return Err(Refusal::new("201", name, "it is empty"));
            }
            (Some(b'R' | b'O'), Some(value)) if is_empty(value) => {
                return Err(Refusal::new("203", name, "it is there but empty"));
            }
            (Some(b'N'), Some(_)) => {
                return Err(Refusal::new("203", name, "this screen must not have it"));
            }
            (None, Some(_)) => {
                return Err(Refusal::new("203", name, format!("{version} does not know it")));
            }
            (_, None) => {}
            (Some(_), Some(value)) => holds(name, value, element.kind, version)?,
        }
    }
    let known = |name: &str| COMMON.contains(&name) || ELEMENTS.iter().any(|e| e.name == name);
    match message.keys().find(|name| !known(name)) {
        Some(name) => Err(Refusal::new("203", name, "no CRes has such an element")),
        None => Ok(()),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    }
}

fn holds(name: &str, value: &Value, kind: Kind, version: &str) -> Result<(), Refusal> {
    let newest = version == "2.3.1";
    match kind {
        Kind::Text(max) => text(name, value, max),
        Kind::Code(codes) => code(name, value, codes),
        Kind::Page => {
            text(name, value, if newest { 300_000 } else { 100_000 })?;
            let page = value.as_str().and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
            match page.and_then(|bytes| String::from_utf8(bytes).ok()) {
                Some(_) => Ok(()),
                None => Err(Refusal::new("203", name, "it is not a page in base64url")),
            }
        }
        Kind::EntryBox => entry_box(name, value),
        Kind::Choices => choices(name, value, newest),
        Kind::Images => images(name, value, newest),
    }
}

fn text(name: &str, value: &Value, max: usize) -> Result<(), Refusal> {
    match value.as_str().map(|text| text.chars().count()) {
        None => Err(Refusal::new("203", name, "it is not a text")),
        Some(0) => Err(Refusal::new("203", name, "it is empty")),
        Some(length) if length > max => {
            Err(Refusal::new("203", name, format!("it has {length} characters, {max} may be")))
        }
        Some(_) => Ok(()),
    }
}

fn code(name: &str, value: &Value, codes: &[&str]) -> Result<(), Refusal> {
    match value.as_str() {
        Some(text) if codes.contains(&text) => Ok(()),
        _ => Err(Refusal::new("203", name, format!("it is none of {}", codes.join(", ")))),
    }
}

fn entry_box(name: &str, value: &Value) -> Result<(), Refusal> {
    let members = value.as_object().ok_or_else(|| Refusal::new("203", name, "no object"))?;
    let path = |member: &str| format!("{name}.{member}");
    if !members.contains_key("challengeDataEntryLabel") {
        return Err(Refusal::new("201", &path("challengeDataEntryLabel"), "it is missing"));
    }
    for (member, value) in members {
        let path = path(member);
        match member.as_str() {
            "challengeDataEntryLabel" => text(&path, value, 45)?,
            "challengeDataEntryKeyboardType" | "challengeDataEntryAutofillType" => {
                code(&path, value, &["01", "02"])?;
            }
            "challengeDataEntryAutofill" => code(&path, value, &["Y"])?,
            "challengeDataEntryMasking" | "challengeDataEntryToggle" => {
                code(&path, value, &["Y", "N"])?;
            }
            "challengeDataEntryLengthMax" => {
                let number = value.as_str().filter(|text| text.len() == 2);
                let number = number.and_then(|text| text.parse::<u8>().ok());
                if !number.is_some_and(|number| (1..=45).contains(&number)) {
                    return Err(Refusal::new("203", &path, "it is not 01 to 45"));
                }
            }
            _ => return Err(Refusal::new("203", &path, "an entry box has no such member")),
        }
    }
    for (when, then) in [
        ("challengeDataEntryAutofill", "challengeDataEntryAutofillType"),
        ("challengeDataEntryMasking", "challengeDataEntryToggle"),
    ] {
        let is_on = members.get(when).and_then(Value::as_str) == Some("Y");
        if is_on && !members.contains_key(then) {
            return Err(Refusal::new("201", &path(then), format!("{when} is on")));
        }
    }
    Ok(())
}

fn choices(name: &str, value: &Value, newest: bool) -> Result<(), Refusal> {
    let items = value.as_array().ok_or_else(|| Refusal::new("203", name, "it is not a list"))?;
    if items.len() > 8 {
        return Err(Refusal::new("203", name, "it has more than eight choices"));
    }
    let mut keys = Vec::new();
    for item in items {
        let pair = item.as_object().filter(|pair| pair.len() == 1);
        let Some((key, label)) = pair.and_then(|pair| pair.iter().next()) else {
            return Err(Refusal::new("203", name, "a choice is not one key with its text"));
        };
        if key.is_empty() || (newest && key.chars().count() > 4) || keys.contains(&key) {
            return Err(Refusal::new("203", name, "keys are 1 to 4 characters, each once"));
        }
        text(name, label, 45)?;
        keys.push(key);
    }
    Ok(())
}

fn images(name: &str, value: &Value, newest: bool) -> Result<(), Refusal> {
    let known: &[&str] =
        if newest { &["default", "dark", "monochrome"] } else { &["medium", "high", "extraHigh"] };
    let members = value.as_object().ok_or_else(|| Refusal::new("203", name, "no object"))?;
    if newest && !members.contains_key("default") {
        return Err(Refusal::new("201", &format!("{name}.default"), "it is missing"));
    }
    for (member, image) in members {
        let path = format!("{name}.{member}");
        if !known.contains(&member.as_str()) {
            return Err(Refusal::new("203", &path, "there is no such kind of image"));
        }
        text(&path, image, 2048)?;
        let url = image.as_str().and_then(|text| url::Url::parse(text).ok());
        if !url.is_some_and(|url| matches!(url.scheme(), "https" | "http")) {
            return Err(Refusal::new("203", &path, "it is not a URL"));
        }
    }
    Ok(())
}
