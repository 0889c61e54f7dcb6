//! The page that lets the browser ask for a passkey: Secure Payment Confirmation called by a script of
//! our own. Without scripts, or where the browser cannot, a code is what remains [P-SPC-06, Note 165].

use acs_core::flow::present::PasskeyView;
use askama::Template;
use http::HeaderValue;
use url::Url;

use super::{Face, Frame, PAGE_PATH, Page, one_line, policy, render, window};
use crate::texts::{Language, raw, text};

/// Renders it.
#[must_use]
pub fn page(view: &PasskeyView, face: Face<'_>) -> Page {
    let language = Language::from_tag(&view.language);
    let values = [("issuer", face.name), ("tel", face.phone), ("card", view.card_last4.as_str())];
    render(
        &PasskeyPage {
            frame: Frame {
                language,
                window: window(&view.window_size),
                title: format!("{} - {}", raw(language, "h.passkey"), face.name),
                script: Some(SCRIPT),
            },
            issuer: face,
            merchant: view.merchant.as_deref().map(one_line).filter(|name| !name.is_empty()),
            amount: view.amount.as_deref(),
            card: text(language, "sum.ending", &values),
            contact: text(language, "contact", &values),
            other_languages: Language::ALL.into_iter().filter(|other| *other != language).collect(),
            token: &view.token,
            idle_seconds: view.idle_seconds,
            action: PAGE_PATH,
            options: &view.options,
            later: view.later,
        },
        &policy_with(&view.icon),
    )
}

/// The policy of the other pages, and leave to load the card's picture where it is not in the page.
fn policy_with(icon: &str) -> HeaderValue {
    let usual = policy(Some(SCRIPT), true);
    let elsewhere = Url::parse(icon).ok().filter(|url| url.scheme() == "https");
    let widened = elsewhere.zip(usual.to_str().ok()).and_then(|(url, usual)| {
        let images = format!("img-src data: {}", url.origin().ascii_serialization());
        HeaderValue::try_from(usual.replacen("img-src data:", &images, 1)).ok()
    });
    widened.unwrap_or(usual)
}

#[derive(Debug, Template)]
#[template(path = "passkey.html")]
struct PasskeyPage<'a> {
    frame: Frame,
    issuer: Face<'a>,
    merchant: Option<String>,
    amount: Option<&'a str>,
    card: String,
    contact: String,
    other_languages: Vec<Language>,
    token: &'a str,
    idle_seconds: Option<u32>,
    action: &'static str,
    options: &'a str,
    later: bool,
}

impl PasskeyPage<'_> {
    fn t(&self, key: &'static str) -> &'static str {
        raw(self.frame.language, key)
    }
}

/// Hands the options to the browser and posts what comes back; asks for a code where it cannot.
const SCRIPT: &str = include_str!("../../templates/passkey.js");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_elsewhere_is_allowed_and_nothing_more() {
        let text = |icon| policy_with(icon).to_str().unwrap().to_owned();
        assert!(text("data:image/png;base64,aa").contains("img-src data:;"));
        let widened = text("https://bank.example/cards/1.png");
        assert!(widened.contains("img-src data: https://bank.example;"), "{widened}");
        assert!(!widened.contains("unsafe") && widened.contains("default-src 'none'"));
        assert!(text("https://bank.example/; script-src *").contains("script-src 'sha256-"));
        assert!(!text("https://bank.example/; script-src *").contains('*'));
    }
}
