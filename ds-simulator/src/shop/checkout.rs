//! The first page: what is bought, with which test card, and how it is to be tested.

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::money::{self, CURRENCIES};
use super::respond::{self, Frame, Policy};
use super::sessions::Session;
use super::texts::Language;
use super::{LanguageQuery, Shop, accepted};
use crate::cards::{self, TestCard};
use crate::message::{BrowserFacts, Order, VERSIONS, new_id, to_base64url};

/// The form as it was sent; everything may be missing or nonsense.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub(crate) struct CheckoutForm {
    lang: String,
    /// Index into the cards file, or `own`.
    card: String,
    number: String,
    expiry: String,
    amount: String,
    currency: String,
    version: String,
    window: String,
    indicator: String,
    category: String,
    network: String,
}

impl Default for CheckoutForm {
    fn default() -> Self {
        Self {
            lang: String::new(),
            card: "0".to_owned(),
            number: String::new(),
            expiry: String::new(),
            amount: "12,800".to_owned(),
            currency: "392".to_owned(),
            version: String::new(),
            window: "02".to_owned(),
            indicator: String::new(),
            category: "01".to_owned(),
            network: String::new(),
        }
    }
}

/// A choice of a `<select>`.
#[derive(Debug)]
struct Choice {
    value: String,
    label: String,
    chosen: bool,
}

/// A test card as the picker shows it.
#[derive(Debug)]
struct Pick {
    value: String,
    chosen: bool,
    pan: String,
    grouped: String,
    expiry: String,
    scenario: String,
    expect: String,
}

/// What is wrong with one field.
#[derive(Debug)]
struct FieldError {
    field: &'static str,
    text: &'static str,
}

#[derive(Debug, Template)]
#[template(path = "checkout.html")]
struct CheckoutPage {
    frame: Frame,
    form: CheckoutForm,
    picks: Vec<Pick>,
    errors: Vec<FieldError>,
    currencies: Vec<Choice>,
    versions: Vec<Choice>,
    windows: Vec<Choice>,
    indicators: Vec<Choice>,
    categories: Vec<Choice>,
    networks: Vec<Choice>,
    settings_open: bool,
}

impl CheckoutPage {
    fn t(&self, key: &'static str) -> &'static str {
        self.frame.t(key)
    }

    fn error(&self, field: &str) -> Option<&'static str> {
        self.errors.iter().find(|error| error.field == field).map(|error| error.text)
    }
}

#[derive(Debug, Template)]
#[template(path = "notice.html")]
pub(crate) struct NoticePage {
    pub(crate) frame: Frame,
    pub(crate) text: &'static str,
}

impl NoticePage {
    fn t(&self, key: &'static str) -> &'static str {
        self.frame.t(key)
    }
}

/// `GET /`.
pub(crate) async fn show(
    State(shop): State<Arc<Shop>>,
    Query(query): Query<LanguageQuery>,
    headers: HeaderMap,
) -> Response {
    let language = Language::choose(query.lang.as_deref(), accepted(&headers));
    let page = shop.checkout_page(language, CheckoutForm::default(), Vec::new());
    respond::page(StatusCode::OK, &page, &Policy::default())
}

/// `GET /checkout`: a reload of what [`submit`] refused.
pub(crate) async fn again(Query(query): Query<LanguageQuery>) -> Redirect {
    match query.lang.as_deref().and_then(Language::from_tag) {
        Some(language) => Redirect::to(&format!("/?lang={}", language.tag())),
        None => Redirect::to("/"),
    }
}

/// `POST /checkout`: opens the payment and leads to its page.
pub(crate) async fn submit(
    State(shop): State<Arc<Shop>>,
    headers: HeaderMap,
    Form(form): Form<CheckoutForm>,
) -> Response {
    let language = Language::choose(Some(&form.lang), accepted(&headers));
    let order = match order(&form, &shop.cards()) {
        Ok(order) => order,
        Err(errors) => {
            let errors = errors
                .into_iter()
                .map(|(field, key)| FieldError { field, text: language.text(key) })
                .collect();
            let page = shop.checkout_page(language, form, errors);
            return respond::page(StatusCode::UNPROCESSABLE_ENTITY, &page, &Policy::default());
        }
    };
    let networks = &shop.shared.networks;
    let network = networks.iter().find(|n| n.name == form.network).or_else(|| networks.first());
    let Some(network) = network else { return down(language) };
    let version = Some(form.version.as_str()).filter(|version| VERSIONS.contains(version));
    match network.merchant.start(order, version).await {
        Ok(payment) => {
            let browser = browser_of(&headers);
            let session = Session { language, browser, asked: false, challenged: false };
            shop.sessions().insert(&payment.id, session);
            Redirect::to(&format!("/pay/{}", payment.id)).into_response()
        }
        Err(error) => {
            tracing::warn!("payment not started: {error:#}");
            down(language)
        }
    }
}

fn down(language: Language) -> Response {
    let frame = Frame::new(language, language.text("down.title"));
    let page = NoticePage { frame, text: language.text("down.text") };
    respond::page(StatusCode::BAD_GATEWAY, &page, &Policy::default())
}

impl Shop {
    fn cards(&self) -> Vec<TestCard> {
        self.shared.cards.as_deref().map(cards::read).unwrap_or_default()
    }

    fn checkout_page(
        &self,
        language: Language,
        form: CheckoutForm,
        errors: Vec<FieldError>,
    ) -> CheckoutPage {
        let t = |key| language.text(key);
        let prefix = if errors.is_empty() { "" } else { t("title.error") };
        let mut frame =
            Frame::new(language, format!("{prefix}{} - {}", t("checkout.title"), t("shop.name")));
        frame.class = "checkout";
        let names: Vec<_> = self.shared.networks.iter().map(|n| n.name.as_str()).collect();
        let fresh = CheckoutForm::default();
        let settings_open = [
            (&form.version, &fresh.version),
            (&form.window, &fresh.window),
            (&form.indicator, &fresh.indicator),
            (&form.category, &fresh.category),
            (&form.network, &fresh.network),
        ]
        .iter()
        .any(|(now, usual)| now != usual && Some(now.as_str()) != names.first().copied());
        CheckoutPage {
            picks: picks(&self.cards(), &form.card, language),
            currencies: choices(&CURRENCIES, &form.currency, |letters| letters.to_owned()),
            versions: std::iter::once(("", t("version.highest")))
                .chain(VERSIONS.map(|version| (version, version)))
                .map(|(value, label)| choice(value, label, &form.version))
                .collect(),
            windows: choices(&WINDOWS, &form.window, |size| {
                if size.is_empty() { t("window.full").to_owned() } else { size.to_owned() }
            }),
            indicators: choices(&INDICATORS, &form.indicator, |key| t(key).to_owned()),
            categories: choices(&CATEGORIES, &form.category, |key| t(key).to_owned()),
            networks: names.iter().map(|name| choice(name, name, &form.network)).collect(),
            frame,
            form,
            errors,
            settings_open,
        }
    }
}

fn choice(value: &str, label: &str, chosen: &str) -> Choice {
    Choice { value: value.to_owned(), label: label.to_owned(), chosen: value == chosen }
}

/// Coded choices; the code stands before the words.
fn choices<const N: usize>(
    known: &[(&'static str, &'static str); N],
    chosen: &str,
    label: impl Fn(&'static str) -> String,
) -> Vec<Choice> {
    known
        .iter()
        .map(|(value, words)| {
            let words = label(words);
            let label = if value.len() == 2 { format!("{value} {words}") } else { words };
            choice(value, &label, chosen)
        })
        .collect()
}

fn picks(cards: &[TestCard], chosen: &str, language: Language) -> Vec<Pick> {
    cards
        .iter()
        .enumerate()
        .map(|(at, card)| Pick {
            value: at.to_string(),
            chosen: at.to_string() == chosen,
            pan: card.pan.clone(),
            grouped: grouped(&card.pan),
            expiry: card.expiry.as_deref().map_or_else(String::new, month_first),
            scenario: card.scenario.clone(),
            expect: expectation(&card.expect, language),
        })
        .collect()
}

/// A `transStatus` with its words; anything else as it stands in the file.
fn expectation(expect: &serde_json::Value, language: Language) -> String {
    let Some(said) = expect.as_str() else {
        return if expect.is_null() { String::new() } else { expect.to_string() };
    };
    let key = match said {
        "Y" => "expect.Y",
        "C" => "expect.C",
        "A" => "expect.A",
        "N" => "expect.N",
        "U" => "expect.U",
        "R" => "expect.R",
        _ => return said.to_owned(),
    };
    format!("{said} {}", language.text(key))
}

/// `4000 0000 0000 1000`.
fn grouped(pan: &str) -> String {
    let mut text = String::with_capacity(pan.len() + 4);
    for (at, digit) in pan.chars().enumerate() {
        if at > 0 && at % 4 == 0 {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// `YYMM` as `MM/YY`.
fn month_first(expiry: &str) -> String {
    match (expiry.get(..2), expiry.get(2..4)) {
        (Some(year), Some(month)) => format!("{month}/{year}"),
        _ => String::new(),
    }
}

type Wrong = Vec<(&'static str, &'static str)>;

/// The order of a filled form, or every field that is wrong, in the page's order, with the key of
/// its text.
fn order(form: &CheckoutForm, cards: &[TestCard]) -> Result<Order, Wrong> {
    let mut wrong = Vec::new();
    let amount = money::to_minor(&form.amount, &form.currency);
    if amount.is_none() {
        wrong.push(("amount", "err.amount"));
    }
    if !known(&CURRENCIES, &form.currency) {
        wrong.push(("currency", "err.choice"));
    }
    let (pan, expiry) = card(form, cards, &mut wrong);
    if !(form.version.is_empty() || VERSIONS.contains(&form.version.as_str())) {
        wrong.push(("version", "err.choice"));
    }
    if !known(&WINDOWS, &form.window) {
        wrong.push(("window", "err.choice"));
    }
    if !known(&INDICATORS, &form.indicator) {
        wrong.push(("indicator", "err.choice"));
    }
    if !known(&CATEGORIES, &form.category) {
        wrong.push(("category", "err.choice"));
    }
    let Some(amount) = amount.filter(|_| wrong.is_empty()) else { return Err(wrong) };
    Ok(Order {
        pan,
        expiry,
        amount,
        currency: form.currency.clone(),
        category: form.category.clone(),
        challenge_ind: Some(form.indicator.clone())
            .filter(|code| !code.is_empty())
            .into_iter()
            .collect(),
        window_size: form.window.clone(),
        session_data: Some(to_base64url(&serde_json::json!({"cart": new_id()}))),
        ..Order::default()
    })
}

/// What was typed wins over the picked test card.
fn card(form: &CheckoutForm, cards: &[TestCard], wrong: &mut Wrong) -> (String, Option<String>) {
    let digits: String =
        form.number.chars().map(money::ascii).filter(|c| !c.is_whitespace() && *c != '-').collect();
    let picked = form.card.parse::<usize>().ok().and_then(|at| cards.get(at));
    if let (true, Some(card)) = (digits.is_empty(), picked) {
        return (card.pan.clone(), card.expiry.clone());
    }
    if !(13..=19).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        wrong.push(("number", "err.number"));
    }
    let expiry = to_year_first(&form.expiry);
    if expiry.is_none() && !form.expiry.trim().is_empty() {
        wrong.push(("expiry", "err.expiry"));
    }
    let on_file = || cards.iter().find(|card| card.pan == digits)?.expiry.clone();
    let expiry = expiry.or_else(on_file);
    (digits, expiry)
}

/// `12/29`, `12 / 2029` or `1229` as `2912`.
fn to_year_first(typed: &str) -> Option<String> {
    let plain: String =
        typed.chars().map(money::ascii).filter(|c| !c.is_whitespace() && *c != '/').collect();
    if !plain.bytes().all(|b| b.is_ascii_digit()) || !matches!(plain.len(), 4 | 6) {
        return None;
    }
    let (month, year) = plain.split_at(2);
    let valid = matches!(month.parse::<u8>(), Ok(1..=12));
    valid.then(|| format!("{}{month}", &year[year.len() - 2..]))
}

fn known<const N: usize>(list: &[(&str, &str); N], value: &str) -> bool {
    list.iter().any(|(code, _)| *code == value)
}

/// What the request itself tells of the browser.
fn browser_of(headers: &HeaderMap) -> BrowserFacts {
    let usual = BrowserFacts::default();
    let value = |name, limit| {
        let text = headers.get(name)?.to_str().ok()?;
        Some(text.chars().take(limit).collect::<String>())
    };
    BrowserFacts {
        accept_header: value(header::ACCEPT, 2048).unwrap_or_else(|| usual.accept_header.clone()),
        user_agent: value(header::USER_AGENT, 2048).unwrap_or_else(|| usual.user_agent.clone()),
        language: accepted(headers)
            .and_then(|list| list.split([',', ';']).next())
            .and_then(language_tag)
            .unwrap_or_else(|| usual.language.clone()),
        ..usual
    }
}

/// A well-formed language tag that fits every version.
pub(crate) fn language_tag(text: &str) -> Option<String> {
    let text = text.trim();
    let fits = (2..=35).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-');
    fits.then(|| text.to_owned())
}

/// `challengeWindowSize` and its measure; nothing for the whole page.
pub(crate) const WINDOWS: [(&str, &str); 5] = [
    ("01", "250 × 400"),
    ("02", "390 × 400"),
    ("03", "500 × 600"),
    ("04", "600 × 400"),
    ("05", ""),
];

const INDICATORS: [(&str, &str); 8] = [
    ("", "indicator.absent"),
    ("01", "indicator.01"),
    ("02", "indicator.02"),
    ("03", "indicator.03"),
    ("04", "indicator.04"),
    ("05", "indicator.05"),
    ("06", "indicator.06"),
    ("09", "indicator.09"),
];

const CATEGORIES: [(&str, &str); 2] = [("01", "category.01"), ("02", "category.02")];

#[cfg(test)]
mod tests {
    use super::*;

    fn cards() -> Vec<TestCard> {
        vec![TestCard {
            pan: "4000000000001000".to_owned(),
            expiry: Some("2912".to_owned()),
            scenario: "frictionless".to_owned(),
            expect: serde_json::json!("Y"),
            app: None,
        }]
    }

    #[test]
    fn a_picked_card_needs_no_typing() {
        let order = order(&CheckoutForm::default(), &cards()).unwrap();
        assert_eq!(order.pan, "4000000000001000");
        assert_eq!((order.expiry.as_deref(), order.amount.as_str()), (Some("2912"), "12800"));
    }

    #[test]
    fn every_wrong_field_is_told() {
        let form = CheckoutForm {
            number: "4000".to_owned(),
            expiry: "13/29".to_owned(),
            amount: "1.5".to_owned(),
            window: "06".to_owned(),
            ..CheckoutForm::default()
        };
        let fields: Vec<_> =
            order(&form, &cards()).unwrap_err().into_iter().map(|(field, _)| field).collect();
        assert_eq!(fields, ["amount", "number", "expiry", "window"]);
    }

    #[test]
    fn expiries_are_read_as_people_write_them() {
        for typed in ["12/29", "1229", "12 / 2029", "１２／２９"] {
            assert_eq!(to_year_first(typed).as_deref(), Some("2912"), "{typed}");
        }
        assert_eq!(to_year_first("29/12"), None);
        assert_eq!(month_first("2912"), "12/29");
        assert_eq!(grouped("400000000000100"), "4000 0000 0000 100");
    }
}
