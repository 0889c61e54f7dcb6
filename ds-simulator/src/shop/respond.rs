//! Responses of the shop and the control pages, with the headers each needs.

use askama::Template;
use axum::extract::Path;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use url::Url;

use super::texts::Language;

/// What every page has.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    pub(crate) language: Language,
    pub(crate) title: String,
    /// Page-wide class, for layouts of their own.
    pub(crate) class: &'static str,
}

impl Frame {
    pub(crate) fn new(language: Language, title: impl Into<String>) -> Self {
        Self { language, title: title.into(), class: "" }
    }

    pub(crate) fn t(&self, key: &'static str) -> &'static str {
        self.language.text(key)
    }

    pub(crate) fn others(&self) -> impl Iterator<Item = Language> {
        let own = self.language;
        Language::ALL.into_iter().filter(move |other| *other != own)
    }
}

/// Who may be met from a page: forms and frames of other origins, and who may frame it.
#[derive(Debug, Default)]
pub(crate) struct Policy<'a> {
    /// URLs of the one other party.
    pub(crate) partner: Option<&'a str>,
    /// The shop itself shows the page in a frame.
    pub(crate) framed: bool,
}

impl Policy<'_> {
    fn header(&self) -> HeaderValue {
        let partner = self.partner.and_then(origin).map_or_else(String::new, |o| format!(" {o}"));
        let ancestors = if self.framed { "'self'" } else { "'none'" };
        let text = format!(
            "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; \
             connect-src 'self'; frame-src 'self'{partner}; form-action 'self'{partner}; \
             base-uri 'none'; frame-ancestors {ancestors}"
        );
        HeaderValue::try_from(text)
            .unwrap_or_else(|_| HeaderValue::from_static("default-src 'none'"))
    }
}

/// A page under `status`.
pub(crate) fn page(status: StatusCode, page: &impl Template, policy: &Policy<'_>) -> Response {
    let html = match page.render() {
        Ok(html) => html,
        Err(error) => {
            tracing::error!(%error, "page not rendered");
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
    };
    let mut response = (status, html).into_response();
    let headers = response.headers_mut();
    for (name, value) in FIXED_HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert(header::CONTENT_SECURITY_POLICY, policy.header());
    response
}

/// JSON for scripts and for people who save it.
pub(crate) fn json<T: Serialize>(value: &T) -> Response {
    let body = serde_json::to_string_pretty(value).unwrap_or_default();
    let headers = [
        (header::CONTENT_TYPE, "application/json; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, body).into_response()
}

/// Style sheet and scripts.
pub(crate) async fn asset(Path(name): Path<String>) -> Response {
    let (kind, body) = match name.as_str() {
        "shop.css" => ("text/css; charset=utf-8", STYLE),
        "shop.js" => ("text/javascript; charset=utf-8", SCRIPT),
        "frame.js" => ("text/javascript; charset=utf-8", FRAME_SCRIPT),
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "no-cache"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, body).into_response()
}

/// `scheme://host:port` of an http or https URL, as a content security policy names it.
pub(crate) fn origin(url: &str) -> Option<String> {
    let url = Url::parse(url).ok().filter(|url| matches!(url.scheme(), "https" | "http"))?;
    Some(url.origin().ascii_serialization())
}

const STYLE: &str = include_str!("../../assets/shop.css");
const SCRIPT: &str = include_str!("../../assets/shop.js");
const FRAME_SCRIPT: &str = include_str!("../../assets/frame.js");

const FIXED_HEADERS: [(HeaderName, &str); 4] = [
    (header::CONTENT_TYPE, "text/html; charset=utf-8"),
    (header::CACHE_CONTROL, "no-store"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "same-origin"),
];
