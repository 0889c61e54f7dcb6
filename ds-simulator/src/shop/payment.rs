//! A payment under way: the 3DS Method in a hidden frame, the AReq, the challenge in its frame,
//! and the two addresses the ACS lets the browser come back to.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::Form;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::checkout::{NoticePage, WINDOWS, language_tag};
use super::respond::{self, Frame, Policy};
use super::texts::Language;
use super::{LanguageQuery, Shop, accepted};
use crate::merchant::{Payment, ThreeDsServer};
use crate::message::{BrowserFacts, from_base64url, to_base64url};
use crate::trace::text;

/// Where a payment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// No answer to the AReq yet.
    Checking,
    /// The cardholder has something to do.
    Challenge,
    /// Nothing more comes from the browser.
    Over,
}

impl Phase {
    fn of(payment: &Payment) -> Self {
        if payment.ares.is_none() && payment.failed.is_none() {
            Self::Checking
        } else if payment.challenged() && payment.rreq.is_none() && payment.cres.is_none() {
            Self::Challenge
        } else {
            Self::Over
        }
    }
}

#[derive(Debug, Template)]
#[template(path = "method.html")]
struct MethodPage {
    frame: Frame,
    id: String,
    /// URL and `threeDSMethodData`, while the 3DS Method is still to be run.
    method: Option<(String, String)>,
    limit_ms: u64,
}

impl MethodPage {
    fn t(&self, key: &'static str) -> &'static str {
        self.frame.t(key)
    }
}

#[derive(Debug, Template)]
#[template(path = "challenge.html")]
struct ChallengePage {
    frame: Frame,
    id: String,
    acs_url: String,
    creq: String,
    session_data: Option<String>,
    window: &'static str,
    measure: &'static str,
    width: &'static str,
    height: &'static str,
    /// 2.3.1 frames are sandboxed [P-BRW-05].
    sandboxed: bool,
}

impl ChallengePage {
    fn t(&self, key: &'static str) -> &'static str {
        self.frame.t(key)
    }
}

#[derive(Debug, Template)]
#[template(path = "returned.html")]
struct ReturnedPage {
    frame: Frame,
    id: String,
    /// `method` or `challenge`.
    step: &'static str,
}

impl ReturnedPage {
    fn t(&self, key: &'static str) -> &'static str {
        self.frame.t(key)
    }
}

/// `GET /pay/{id}`: the page for where the payment stands, so that a reload goes on.
pub(crate) async fn show(
    State(shop): State<Arc<Shop>>,
    Path(id): Path<String>,
    Query(query): Query<LanguageQuery>,
    headers: HeaderMap,
) -> Response {
    let Some((merchant, payment)) = shop.find(&id) else { return unknown(&query, &headers) };
    let language = shop.language_of(&payment.id, &query, &headers);
    match Phase::of(&payment) {
        Phase::Checking => shop.method_page(language, merchant, &payment),
        Phase::Challenge => shop.challenge_page(language, merchant, &payment),
        Phase::Over => Redirect::to(&format!("/receipt/{}", payment.id)).into_response(),
    }
}

impl Shop {
    fn method_page(
        &self,
        language: Language,
        merchant: &ThreeDsServer,
        payment: &Payment,
    ) -> Response {
        let asked = self.sessions().get_mut(&payment.id).is_none_or(|session| session.asked);
        let url = payment.method_url.as_ref().filter(|_| !asked && !payment.method_done);
        if let Some(url) = url {
            let note = format!("POST {url} in a hidden frame");
            self.shared.trace.note(&payment.id, "BRW-ACS", "method", 0, note);
        }
        let title = format!("{} - {}", language.text("flow.title"), language.text("shop.name"));
        let page = MethodPage {
            frame: Frame::new(language, title),
            id: payment.id.clone(),
            method: url.map(|url| (url.clone(), merchant.method_data(&payment.id))),
            limit_ms: method_limit_ms(&payment.version),
        };
        let policy = Policy { partner: payment.method_url.as_deref(), framed: false };
        respond::page(StatusCode::OK, &page, &policy)
    }

    fn challenge_page(
        &self,
        language: Language,
        merchant: &ThreeDsServer,
        payment: &Payment,
    ) -> Response {
        let acs_url = payment.ares.as_ref().and_then(|ares| text(ares, "acsURL"));
        let (Some(creq), Some(acs_url)) = (merchant.creq(payment), acs_url) else {
            return Redirect::to(&format!("/receipt/{}", payment.id)).into_response();
        };
        if self.sessions().first(&payment.id, |session| &mut session.challenged) {
            let size = creq.to_string().len();
            self.shared.trace.message_of(&payment.id, "BRW-ACS", "request", &creq, size);
        }
        let window = payment.order.window_size.as_str();
        let (window, measure) =
            WINDOWS.into_iter().find(|(code, _)| *code == window).unwrap_or(WINDOWS[4]);
        let (width, height) = measure.split_once(" × ").unwrap_or(("100%", "100%"));
        let title =
            format!("{} - {}", language.text("challenge.title"), language.text("shop.name"));
        let mut frame = Frame::new(language, title);
        frame.class = if window == "05" { "challenge whole" } else { "challenge" };
        let page = ChallengePage {
            frame,
            id: payment.id.clone(),
            acs_url: acs_url.to_owned(),
            creq: to_base64url(&creq),
            session_data: payment.order.session_data.clone(),
            window,
            measure,
            width,
            height,
            sandboxed: payment.version == "2.3.1",
        };
        let policy = Policy { partner: Some(acs_url), framed: false };
        respond::page(StatusCode::OK, &page, &policy)
    }

    /// Sends the AReq, or waits for the answer to the one under way.
    async fn ask(&self, id: &str, browser: impl FnOnce(BrowserFacts) -> BrowserFacts) -> bool {
        let Some((merchant, payment)) = self.find(id) else { return false };
        let merchant = Arc::clone(merchant);
        if self.sessions().first(id, |session| &mut session.asked) {
            let known = self.sessions().get_mut(id).map(|session| session.browser.clone());
            let browser = browser(known.unwrap_or_default());
            let comp_ind = match (&payment.method_url, payment.method_done) {
                (None, _) => "U",
                (Some(_), true) => "Y",
                (Some(_), false) => "N",
            };
            // A task of its own: a buyer who leaves does not take the AReq back.
            let (id, asker) = (id.to_owned(), Arc::clone(&merchant));
            tokio::spawn(async move {
                if let Err(error) = asker.authenticate(&id, comp_ind, &browser).await {
                    tracing::warn!("AReq not sent: {error:#}");
                }
            });
        }
        let answered = |payment: &Payment| Phase::of(payment) != Phase::Checking;
        merchant.wait_until(id, Duration::from_secs(80), answered).await.is_some()
    }
}

/// `POST /pay/{id}/authenticate`, from the page's script when the 3DS Method is over: the body
/// tells of the browser, the answer where to go on.
pub(crate) async fn authenticate(
    State(shop): State<Arc<Shop>>,
    Path(id): Path<String>,
    body: Bytes,
) -> Response {
    let id = id.to_lowercase();
    let facts: ScriptFacts = serde_json::from_slice(&body).unwrap_or_default();
    if shop.ask(&id, |browser| facts.add_to(browser)).await {
        respond::json(&json!({"next": format!("/pay/{id}")}))
    } else {
        StatusCode::NOT_FOUND.into_response()
    }
}

/// `POST /pay/{id}/plain`: the same for a browser without scripts.
pub(crate) async fn without_scripts(
    State(shop): State<Arc<Shop>>,
    Path(id): Path<String>,
) -> Response {
    let id = id.to_lowercase();
    let plain = |browser| BrowserFacts { javascript_enabled: false, ..browser };
    if shop.ask(&id, plain).await {
        Redirect::to(&format!("/pay/{id}")).into_response()
    } else {
        StatusCode::NOT_FOUND.into_response()
    }
}

/// `GET /pay/{id}/state`, for the page's script.
pub(crate) async fn state(State(shop): State<Arc<Shop>>, Path(id): Path<String>) -> Response {
    match shop.find(&id) {
        Some((_, payment)) => respond::json(&json!({
            "method_done": payment.method_done,
            "answered": Phase::of(&payment) != Phase::Checking,
            "rreq": payment.rreq.is_some(),
            "cres": payment.cres.is_some(),
        })),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// `POST /3ds/method-done/{id}`: the ACS's page in the hidden frame is done.
pub(crate) async fn method_done(
    State(shop): State<Arc<Shop>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    match shop.find(&id) {
        Some((merchant, payment)) if merchant.method_done(&id) => {
            if shop.sessions().get_mut(&payment.id).is_some() {
                let note = "3DS Method done".to_owned();
                shop.shared.trace.note(&payment.id, "BRW-3DSS", "method", 0, note);
            }
            shop.returned(&payment.id, "method", &headers)
        }
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

/// What comes through the browser at the end of a challenge; receivers know both field names.
#[derive(Debug, Deserialize)]
pub(crate) struct Notification {
    cres: Option<String>,
    erro: Option<String>,
    #[serde(rename = "threeDSSessionData")]
    session_data: Option<String>,
}

/// `POST /3ds/notify/{id}`, the notificationURL.
pub(crate) async fn notify(
    State(shop): State<Arc<Shop>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Form(form): Form<Notification>,
) -> Response {
    let field = form.cres.or(form.erro).unwrap_or_default();
    let Some((merchant, payment)) = shop.find(&id) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    if shop.sessions().get_mut(&payment.id).is_some()
        && let Some(message) = from_base64url(&field)
    {
        let size = field.len();
        shop.shared.trace.message_of(&payment.id, "BRW-3DSS", "request", &message, size);
    }
    if merchant.notified(&id, &field, form.session_data) {
        shop.returned(&payment.id, "challenge", &headers)
    } else {
        StatusCode::BAD_REQUEST.into_response()
    }
}

impl Shop {
    fn returned(&self, id: &str, step: &'static str, headers: &HeaderMap) -> Response {
        let language = self.language_of(id, &LanguageQuery::default(), headers);
        let frame = Frame::new(language, language.text("returned.title"));
        let page = ReturnedPage { frame, id: id.to_owned(), step };
        respond::page(StatusCode::OK, &page, &Policy { partner: None, framed: true })
    }
}

/// Any other address.
pub(crate) async fn missing(Query(query): Query<LanguageQuery>, headers: HeaderMap) -> Response {
    unknown(&query, &headers)
}

pub(crate) fn unknown(query: &LanguageQuery, headers: &HeaderMap) -> Response {
    let language = Language::choose(query.lang.as_deref(), accepted(headers));
    let frame = Frame::new(language, language.text("missing.title"));
    let page = NoticePage { frame, text: language.text("missing.text") };
    respond::page(StatusCode::NOT_FOUND, &page, &Policy::default())
}

/// How long the 3DS Method may take [P-MTH-03].
fn method_limit_ms(version: &str) -> u64 {
    if version == "2.3.1" { 5_000 } else { 10_000 }
}

/// What the page's script found out about the browser; unusable values are left as they were.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ScriptFacts {
    language: Value,
    color_depth: Value,
    screen_height: Value,
    screen_width: Value,
    tz: Value,
    java: Value,
}

/// Values of `browserColorDepth`.
const COLOR_DEPTHS: [i64; 8] = [1, 4, 8, 15, 16, 24, 32, 48];

impl ScriptFacts {
    fn add_to(self, mut browser: BrowserFacts) -> BrowserFacts {
        let number = |value: &Value, range: std::ops::RangeInclusive<i64>| {
            value.as_i64().filter(|number| range.contains(number))
        };
        browser.javascript_enabled = true;
        if let Some(tag) = self.language.as_str().and_then(language_tag) {
            browser.language = tag;
        }
        if let Some(bits) = number(&self.color_depth, 1..=1000) {
            // Screens of 30 bits exist, the element does not know them.
            let depth = COLOR_DEPTHS.into_iter().rev().find(|depth| *depth <= bits);
            browser.color_depth = depth.unwrap_or(24).to_string();
        }
        if let Some(height) = number(&self.screen_height, 1..=999_999) {
            browser.screen_height = height.to_string();
        }
        if let Some(width) = number(&self.screen_width, 1..=999_999) {
            browser.screen_width = width.to_string();
        }
        if let Some(minutes) = number(&self.tz, -900..=900) {
            browser.tz = minutes.to_string();
        }
        browser.java_enabled = self.java.as_bool().unwrap_or(false);
        browser
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_browser_facts_are_made_to_fit() {
        let facts: ScriptFacts = serde_json::from_value(json!({
            "language": "<script>", "color_depth": 30, "screen_width": 390.5, "tz": -540,
        }))
        .unwrap();
        let usual = BrowserFacts::default();
        let browser = facts.add_to(usual.clone());
        assert_eq!(browser.language, usual.language);
        assert_eq!((browser.color_depth.as_str(), browser.tz.as_str()), ("24", "-540"));
        assert_eq!(browser.screen_width, usual.screen_width);
    }

    #[test]
    fn the_method_has_its_time() {
        assert_eq!((method_limit_ms("2.3.1"), method_limit_ms("2.2.0")), (5_000, 10_000));
    }
}
