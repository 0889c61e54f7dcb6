//! A screen of the challenge as the cardholder sees it, native or HTML, and as text on a terminal.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::cres::Refusal;
use crate::html::{self, Form};

/// A non-final CRes that passed every check.
#[derive(Debug, Clone, PartialEq)]
pub struct Screen {
    /// `acsUiType`.
    pub ui: String,
    pub version: String,
    /// The CRes.
    pub message: Map<String, Value>,
    page: Option<Page>,
}

#[derive(Debug, Clone, PartialEq)]
struct Page {
    html: String,
    form: Option<Form>,
}

/// How the form of an HTML screen is filled in.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filling<'a> {
    /// Typed into the field for it.
    pub entry: Option<&'a str>,
    /// Typed into the field for a second code.
    pub second: Option<&'a str>,
    /// Value or name of the button pressed; the first one when `None`.
    pub press: Option<&'a str>,
    /// Values of the choices taken.
    pub choose: &'a [String],
    /// Ticks boxes that stand alone: consents.
    pub agree: bool,
}

/// The field of a second code.
const SECOND: &str = "challengeDataEntryTwo";

/// Where forms of an HTML screen go; the SDK takes the data out on the way [P-APP-28].
pub const PSEUDO_ADDRESS: &str = "https://emv3ds/challenge";

impl Screen {
    pub(super) fn new(
        ui: String,
        version: String,
        message: Map<String, Value>,
    ) -> Result<Self, Refusal> {
        let page = match message.get("acsHTML").and_then(Value::as_str) {
            Some(encoded) => Some(page(encoded, &ui)?),
            None => None,
        };
        Ok(Self { ui, version, message, page })
    }

    /// Whether it is shown as HTML.
    #[must_use]
    pub fn is_html(&self) -> bool {
        self.page.is_some()
    }

    /// A text of the CRes, or nothing.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.message.get(name).and_then(Value::as_str)
    }

    /// Keys and texts of a selection; on an HTML screen the values of its boxes.
    #[must_use]
    pub fn choices(&self) -> Vec<(String, String)> {
        if let Some(form) = self.form() {
            let choices = form.boxes.iter().filter(|(name, _)| is_choice(form, name));
            return choices.map(|(_, value)| (value.clone(), value.clone())).collect();
        }
        let items = self.message.get("challengeSelectInfo").and_then(Value::as_array);
        let pairs = items.into_iter().flatten().filter_map(|item| item.as_object()?.iter().next());
        pairs.map(|(key, text)| (key.clone(), text.as_str().unwrap_or_default().into())).collect()
    }

    /// The page of an HTML screen.
    #[must_use]
    pub fn html(&self) -> Option<&str> {
        self.page.as_ref().map(|page| page.html.as_str())
    }

    /// The form of an HTML screen.
    #[must_use]
    pub fn form(&self) -> Option<&Form> {
        self.page.as_ref().and_then(|page| page.form.as_ref())
    }

    /// Whether two codes are asked for, each in a box of its own.
    #[must_use]
    pub fn asks_two(&self) -> bool {
        self.message.contains_key("challengeEntryBoxTwo")
            || self.form().is_some_and(|form| form.field(SECOND).is_some())
    }

    /// The query string that the form sends, filled in like this.
    #[must_use]
    pub fn form_data(&self, filling: &Filling<'_>) -> Option<String> {
        let form = self.form()?;
        let field = form
            .field("challengeDataEntry")
            .map(|_| "challengeDataEntry")
            .or_else(|| form.fields.iter().find(|(_, v)| v.is_empty()).map(|(n, _)| n.as_str()));
        let button = match filling.press {
            Some(press) => form.buttons.iter().find(|(name, value)| {
                value.eq_ignore_ascii_case(press) || name.eq_ignore_ascii_case(press)
            }),
            None => form.buttons.first(),
        };
        let entries = [(field, filling.entry), (Some(SECOND), filling.second)];
        let entries: Vec<_> = entries.into_iter().filter_map(|(f, text)| f.zip(text)).collect();
        let mut pairs = form.filled(&entries, None);
        pairs.extend(form.boxes.iter().filter_map(|pair| {
            let chosen = if is_choice(form, &pair.0) {
                filling.choose.contains(&pair.1)
            } else {
                filling.agree
            };
            chosen.then(|| pair.clone())
        }));
        pairs.extend(button.cloned());
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(pairs);
        Some(query.finish())
    }

    /// The screen as lines for a terminal.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(page) = &self.page {
            lines.push(format!("[page] {}", html::visible_text(&page.html)));
            if let Some(form) = &page.form {
                lines.extend(form.boxes.iter().map(|(name, value)| format!("[ ] {name} {value}")));
                lines.extend(form.fields.iter().map(|(name, _)| format!("[{name}: ____]")));
                lines.extend(form.buttons.iter().map(|(name, value)| {
                    format!("( {} )", if value.is_empty() { name } else { value })
                }));
            }
            return lines;
        }
        let mut say = |prefix: &str, text: Option<&str>, suffix: &str| {
            if let Some(text) = text {
                let parts = text.split('\n').map(|part| part.replace("**", ""));
                lines.extend(parts.map(|part| format!("{prefix}{part}{suffix}")));
            }
        };
        for (image, name) in [("issuerImage", "issuer's logo"), ("psImage", "scheme's logo")] {
            say("", self.message.get(image).map(|_| name), "");
        }
        say("== ", self.text("challengeInfoHeader"), " ==");
        let warning = self.text("challengeInfoTextIndicator") == Some("Y");
        say(if warning { "(!) " } else { "" }, self.text("challengeInfoText"), "");
        say("", self.text("challengeInfoLabel"), "");
        for (key, text) in self.choices() {
            say(if self.ui == "03" { "[ ] " } else { "( ) " }, Some(&text), &format!("  ({key})"));
        }
        let boxes = ["challengeEntryBox", "challengeEntryBoxTwo"];
        for entry in boxes.iter().filter_map(|name| self.message.get(*name)) {
            say("[", entry["challengeDataEntryLabel"].as_str(), ": ____]");
        }
        if self.ui == "01" && self.version != "2.3.1" {
            say("", Some("[ ____ ]"), "");
        }
        for consent in ["whitelistingInfoText", "trustListInfoText", "deviceBindingInfoText"] {
            say("[ ] ", self.text(consent), "");
        }
        for button in [
            "submitAuthenticationLabel",
            "oobAppLabel",
            "oobContinueLabel",
            "infoContinueLabel",
            "challengeAddLabel",
            "resendInformationLabel",
        ] {
            say("( ", self.text(button), " )");
        }
        for more in ["whyInfo", "expandInfo"] {
            say("> ", self.text(&format!("{more}Label")), "");
            say("    ", self.text(&format!("{more}Text")), "");
        }
        say("", self.text("challengeAddInfo"), "");
        lines
    }
}

/// Whether boxes of this name are a selection: there are several.
fn is_choice(form: &Form, name: &str) -> bool {
    form.boxes.iter().filter(|(other, _)| other == name).count() > 1
}

fn page(encoded: &str, ui: &str) -> Result<Page, Refusal> {
    let refuse = |why: &str| Refusal::new("203", "acsHTML", why);
    let bytes = URL_SAFE_NO_PAD.decode(encoded).map_err(|_| refuse("it is not base64url"))?;
    let html = String::from_utf8(bytes).map_err(|_| refuse("it is not UTF-8"))?;
    if let Some(what) = reaches_out(&html) {
        return Err(refuse(&format!("the page reaches out of itself: {what}")));
    }
    let forms = html::forms(&html);
    let form = forms.into_iter().find(|form| form.action.eq_ignore_ascii_case(PSEUDO_ADDRESS));
    // An out-of-band page may have nothing but its way to the bank's app.
    let opens_app = ui == "06" && html.to_ascii_lowercase().contains("https://emv3ds/openoobapp");
    if form.is_none() && !opens_app {
        return Err(refuse("no form goes to HTTPS://EMV3DS/challenge"));
    }
    Ok(Page { html, form })
}

/// Something that would load from elsewhere or lead there.
fn reaches_out(page: &str) -> Option<&'static str> {
    let page: String = page.to_ascii_lowercase().split_whitespace().collect::<Vec<_>>().join(" ");
    let page = page.replace("https://emv3ds/", "");
    const SIGNS: [&str; 18] = [
        "<link",
        "<iframe",
        "<frame",
        "<object",
        "<embed",
        "<base",
        "@import",
        "src=\"http",
        "src='http",
        "src=http",
        "src=\"//",
        "href=\"http",
        "href='http",
        "href=http",
        "url(http",
        "url(\"http",
        "url('http",
        "action=\"http",
    ];
    SIGNS.into_iter().find(|sign| page.contains(sign))
}
