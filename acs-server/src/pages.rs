//! The cardholder's pages: views of the core rendered as self-contained documents that work in the
//! strictest iframe, without JavaScript, cookies, storage or a second request.

pub mod logo;
pub mod passkey;

use std::fmt::Write as _;
use std::sync::LazyLock;

use acs_core::flow::present::{CodeView, FinalView, InformationView, OobView};
use acs_core::profile::Logo;
use askama::Template;
use aws_lc_rs::digest;
use axum::body::Body;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderName, HeaderValue, StatusCode, header};

use crate::app::{DsRuntime, IssuerRuntime};
use crate::texts::{Language, raw, text};

/// Where the waiting page asks whether there is something new.
pub const WAIT_PATH: &str = "/3ds/challenge/browser/wait";
/// Where the pages' own forms go.
pub const PAGE_PATH: &str = "/3ds/challenge/browser/page";

/// How an issuer presents itself: `name` and `phone` in the language of the page, and the logos of
/// the issuer and of the payment system [Req 180].
#[derive(Debug, Clone, Copy, Default)]
pub struct Face<'a> {
    pub name: &'a str,
    pub phone: &'a str,
    pub logo: Option<&'a Logo>,
    pub system: Option<&'a Logo>,
}

impl<'a> Face<'a> {
    /// The issuer's name in the language of `tag`, or in its first one; the logo of the payment
    /// system whose directory server asked.
    #[must_use]
    pub fn of(runtime: &'a IssuerRuntime, ds: Option<&'a DsRuntime>, tag: &str) -> Self {
        let issuer = &runtime.config;
        let tag = Language::from_tag(tag).tag();
        let first = issuer.locales.first().and_then(|locale| issuer.name.get(locale));
        let name = issuer.name.get(tag).or(first).map_or("", String::as_str);
        let logo = runtime.profile.logo.as_ref();
        let system = ds.and_then(|ds| ds.profile.logo.as_ref());
        Self { name, phone: &issuer.phone, logo, system }
    }
}

/// A rendered page with the security headers it needs.
#[derive(Debug)]
pub struct Page {
    status: StatusCode,
    html: String,
    policy: HeaderValue,
    cookie: Option<HeaderValue>,
}

impl Page {
    /// The same page under another status.
    #[must_use]
    pub fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// The same page with a `Set-Cookie` header.
    #[must_use]
    pub fn with_cookie(mut self, cookie: Option<HeaderValue>) -> Self {
        self.cookie = cookie;
        self
    }

    /// The document.
    #[must_use]
    pub fn html(&self) -> &str {
        &self.html
    }

    /// The HTTP response with the headers of every cardholder page.
    #[must_use]
    pub fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.html));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        for (name, value) in FIXED_HEADERS {
            headers.insert(name, HeaderValue::from_static(value));
        }
        headers.insert(header::CONTENT_SECURITY_POLICY, self.policy);
        if let Some(cookie) = self.cookie {
            headers.insert(header::SET_COOKIE, cookie);
        }
        response
    }
}

/// The one-time-password page
/// [P-BRW-03, P-BRW-06, Req 120, Req 269, Req 359, Req 380..384, Note 155].
#[must_use]
pub fn code(view: &CodeView, face: Face<'_>, alphanumeric: bool) -> Page {
    let language = Language::from_tag(&view.language);
    let length = view.code_length.to_string();
    let minutes = view.life_minutes.to_string();
    let attempts = view.attempts_left.to_string();
    let seconds = view.resend_wait_seconds.to_string();
    let values = [
        ("len", length.as_str()),
        ("min", &minutes),
        ("n", &attempts),
        ("s", &seconds),
        ("to", &view.sent_to),
        ("card", &view.card_last4),
        ("issuer", face.name),
        ("tel", face.phone),
    ];
    let say = |key| text(language, key, &values);
    // A stale form is no mistake of the cardholder: it is told as a status.
    let (error, notice) = match view.error {
        Some("stale") => (None, Some("stale")),
        error => (error, view.status),
    };
    let error_key = error.map(|key| match key {
        "err.form" if alphanumeric => "err.form.alphanumeric",
        key => key,
    });
    let heading = raw(language, "h.otp");
    let prefix = if error.is_some() { raw(language, "title.error") } else { "" };
    render(
        &CodePage {
            frame: Frame {
                language,
                window: window(&view.window_size),
                title: format!("{prefix}{heading} - {}", face.name),
                script: Some(PAGE_SCRIPT),
            },
            issuer: face,
            error: error_key.map(say),
            invalid: error.is_some_and(|key| key.starts_with("err.")),
            status: notice.map(say),
            merchant: view.merchant.as_deref().map(one_line).filter(|name| !name.is_empty()),
            amount: view.amount.as_deref(),
            card: say("sum.ending"),
            instruction: say(if view.sent_via == "email" { "otp.email" } else { "otp.sms" }),
            label: say(if alphanumeric { "otp.label.alphanumeric" } else { "otp.label" }),
            input_mode: if alphanumeric { "text" } else { "numeric" },
            help: say("help.text"),
            why: say("why.text"),
            contact: say("contact"),
            other_languages: Language::ALL.into_iter().filter(|other| *other != language).collect(),
            token: &view.token,
            idle_seconds: view.idle_seconds,
            action: PAGE_PATH,
            resend_offered: view.resend_offered,
            trust: view.trust,
            bind: view.bind,
            later: view.later,
            others: (!view.other_merchants.is_empty()).then(|| raw(language, "others.label")),
            other_merchants: view.other_merchants.iter().map(|name| one_line(name)).collect(),
            unnamed: (view.unnamed_merchants > 0).then(|| {
                let count = view.unnamed_merchants.to_string();
                text(language, "others.more", &[("n", count.as_str())])
            }),
        },
        &POLICIES.page,
    )
}

/// The page that waits for the issuer's app: a number to find there, and a button for who has no
/// scripts [P-BRW-25].
#[must_use]
pub fn out_of_band(view: &OobView, face: Face<'_>) -> Page {
    let language = Language::from_tag(&view.language);
    let left = view.continues_left.to_string();
    let digits: Vec<String> = view.number.chars().map(String::from).collect();
    let digits = digits.join(" ");
    let values = [
        ("n", left.as_str()),
        ("digits", &digits),
        ("card", &view.card_last4),
        ("issuer", face.name),
        ("tel", face.phone),
    ];
    let say = |key| text(language, key, &values);
    let (error, notice) = match (view.answered, view.error) {
        (true, _) => (None, Some("oob.answered")),
        (false, Some("stale")) => (None, Some("stale")),
        (false, error) => (error, view.status),
    };
    let heading = raw(language, "h.oob");
    let prefix = if error.is_some() { raw(language, "title.error") } else { "" };
    render(
        &OobPage {
            frame: Frame {
                language,
                window: window(&view.window_size),
                title: format!("{prefix}{heading} - {}", face.name),
                script: Some(OOB_SCRIPT),
            },
            issuer: face,
            error: error.map(say),
            status: notice.map(say),
            merchant: view.merchant.as_deref().map(one_line).filter(|name| !name.is_empty()),
            amount: view.amount.as_deref(),
            card: say("sum.ending"),
            instruction: say("oob.text"),
            answered: view.answered,
            number: &view.number,
            spoken: say("oob.number"),
            help: say("oob.help.text"),
            why: say("why.text"),
            contact: say("contact"),
            other_languages: Language::ALL.into_iter().filter(|other| *other != language).collect(),
            token: &view.token,
            idle_seconds: view.idle_seconds,
            action: PAGE_PATH,
            wait: WAIT_PATH,
            code_offered: view.code_offered,
            trust: view.trust,
            bind: view.bind,
            later: view.later,
        },
        &POLICIES.waiting,
    )
}

/// The information page before a decoupled authentication: what will happen, and one button
/// [P-DEC-07, Req 464].
#[must_use]
pub fn information(view: &InformationView, face: Face<'_>) -> Page {
    let language = Language::from_tag(&view.language);
    let values = [("issuer", face.name), ("tel", face.phone), ("card", &view.card_last4)];
    render(
        &InformationPage {
            frame: Frame {
                language,
                window: window(&view.window_size),
                title: format!("{} - {}", raw(language, "h.info"), face.name),
                script: Some(PAGE_SCRIPT),
            },
            issuer: face,
            merchant: view.merchant.as_deref().map(one_line).filter(|name| !name.is_empty()),
            amount: view.amount.as_deref(),
            card: text(language, "sum.ending", &values),
            text: text(language, "info.text", &values),
            contact: text(language, "contact", &values),
            token: &view.token,
            idle_seconds: view.idle_seconds,
            action: PAGE_PATH,
        },
        &POLICIES.page,
    )
}

/// The last page: posts the final `CRes` or an Erro, and the session data, to notificationURL
/// [P-BRW-30, Req 140, Note 137].
#[must_use]
pub fn last(view: &FinalView, face: Face<'_>) -> Page {
    let language = Language::from_tag(&view.language);
    let (heading, body) = match view.outcome {
        "ok" => ("h.ok", "ok.text"),
        "cancel" => ("h.cancel", "cancel.text"),
        "later" => ("h.later", "later.text"),
        _ => ("h.fail", "fail.text"),
    };
    render(
        &FinalPage {
            frame: Frame {
                language,
                window: window(&view.window_size),
                title: format!("{} - {}", raw(language, heading), face.name),
                script: Some(FINAL_SCRIPT),
            },
            issuer: face.name,
            heading: raw(language, heading),
            text: raw(language, body),
            back: raw(language, "back"),
            notification_url: &view.notification_url,
            field: &view.field,
            message: &view.message,
            session_data: view.session_data.as_deref(),
        },
        &POLICIES.last,
    )
}

/// The challenge timed out: nothing to post [P-BRW-34].
#[must_use]
pub fn timed_out(language: Language) -> Page {
    notice(language, "h.time", "time.text", None)
}

/// A page that is not valid (any more); `reference` are the first characters of the id, if known.
#[must_use]
pub fn invalid(language: Language, reference: Option<&str>) -> Page {
    notice(language, "h.err", "err.page", reference)
}

/// Something of ours is out of order; the shown page can be tried again.
#[must_use]
pub fn busy(language: Language) -> Page {
    notice(language, "h.err", "err.busy", None).with_status(StatusCode::SERVICE_UNAVAILABLE)
}

/// The result is still being reported: only a spinner, and a form that asks again
/// [Req 178, Req 179, Req 181].
#[must_use]
pub fn processing(language: Language, token: &str) -> Page {
    render(
        &ProcessingPage {
            frame: Frame {
                language,
                window: "05",
                title: raw(language, "proc.name").to_owned(),
                script: Some(PROCESSING_SCRIPT),
            },
            name: raw(language, "proc.name"),
            retry: raw(language, "retry"),
            token,
            action: PAGE_PATH,
        },
        &POLICIES.processing,
    )
}

fn notice(
    language: Language,
    heading: &'static str,
    body: &'static str,
    reference: Option<&str>,
) -> Page {
    let heading = raw(language, heading);
    render(
        &NoticePage {
            frame: Frame { language, window: "05", title: heading.to_owned(), script: None },
            heading,
            text: raw(language, body),
            reference: reference.map(|part| text(language, "err.reference", &[("ref", part)])),
        },
        &POLICIES.notice,
    )
}

fn render(page: &impl Template, policy: &HeaderValue) -> Page {
    // Writing into a string cannot fail; an empty page would still be a safe answer.
    let html = page.render().unwrap_or_default();
    Page { status: StatusCode::OK, html, policy: policy.clone(), cookie: None }
}

/// `01` to `05`; anything else is full screen [P-BRW-03, Req 177, Note 152].
fn window(size: &str) -> &'static str {
    match size {
        "01" => "01",
        "02" => "02",
        "03" => "03",
        "04" => "04",
        _ => "05",
    }
}

/// A stranger's text on one line: no control, bidi or zero-width characters, single blanks.
#[must_use]
pub fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()) {
        let start = line.len();
        line.extend(word.chars().filter(|c| !is_invisible(*c)));
        if line.len() > start && start > 0 {
            line.insert(start, ' ');
        }
    }
    line
}

fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
    )
}

/// What every document has.
#[derive(Debug)]
struct Frame {
    language: Language,
    window: &'static str,
    title: String,
    script: Option<&'static str>,
}

impl Frame {
    #[expect(clippy::unused_self, reason = "called from the template")]
    const fn style(&self) -> &'static str {
        STYLE
    }

    const fn script(&self) -> Option<&'static str> {
        self.script
    }
}

#[derive(Debug, Template)]
#[template(path = "code.html")]
struct CodePage<'a> {
    frame: Frame,
    issuer: Face<'a>,
    error: Option<String>,
    invalid: bool,
    status: Option<String>,
    merchant: Option<String>,
    amount: Option<&'a str>,
    card: String,
    instruction: String,
    label: String,
    input_mode: &'static str,
    help: String,
    why: String,
    contact: String,
    other_languages: Vec<Language>,
    token: &'a str,
    idle_seconds: Option<u32>,
    action: &'static str,
    resend_offered: bool,
    trust: Option<bool>,
    bind: Option<bool>,
    later: bool,
    others: Option<&'static str>,
    other_merchants: Vec<String>,
    unnamed: Option<String>,
}

impl CodePage<'_> {
    fn t(&self, key: &'static str) -> &'static str {
        raw(self.frame.language, key)
    }
}

#[derive(Debug, Template)]
#[template(path = "oob.html")]
struct OobPage<'a> {
    frame: Frame,
    issuer: Face<'a>,
    error: Option<String>,
    status: Option<String>,
    merchant: Option<String>,
    amount: Option<&'a str>,
    card: String,
    instruction: String,
    answered: bool,
    number: &'a str,
    spoken: String,
    help: String,
    why: String,
    contact: String,
    other_languages: Vec<Language>,
    token: &'a str,
    idle_seconds: Option<u32>,
    action: &'static str,
    wait: &'static str,
    code_offered: bool,
    trust: Option<bool>,
    bind: Option<bool>,
    later: bool,
}

impl OobPage<'_> {
    fn t(&self, key: &'static str) -> &'static str {
        raw(self.frame.language, key)
    }
}

#[derive(Debug, Template)]
#[template(path = "information.html")]
struct InformationPage<'a> {
    frame: Frame,
    issuer: Face<'a>,
    merchant: Option<String>,
    amount: Option<&'a str>,
    card: String,
    text: String,
    contact: String,
    token: &'a str,
    idle_seconds: Option<u32>,
    action: &'static str,
}

impl InformationPage<'_> {
    fn t(&self, key: &'static str) -> &'static str {
        raw(self.frame.language, key)
    }
}

#[derive(Debug, Template)]
#[template(path = "final.html")]
struct FinalPage<'a> {
    frame: Frame,
    issuer: &'a str,
    heading: &'static str,
    text: &'static str,
    back: &'static str,
    notification_url: &'a str,
    field: &'a str,
    message: &'a str,
    session_data: Option<&'a str>,
}

#[derive(Debug, Template)]
#[template(path = "notice.html")]
struct NoticePage {
    frame: Frame,
    heading: &'static str,
    text: &'static str,
    reference: Option<String>,
}

#[derive(Debug, Template)]
#[template(path = "processing.html")]
struct ProcessingPage<'a> {
    frame: Frame,
    name: &'static str,
    retry: &'static str,
    token: &'a str,
    action: &'static str,
}

/// Content security policies; the final page has no form-action, for its target may redirect.
struct Policies {
    page: HeaderValue,
    waiting: HeaderValue,
    last: HeaderValue,
    processing: HeaderValue,
    notice: HeaderValue,
}

static POLICIES: LazyLock<Policies> = LazyLock::new(|| Policies {
    page: policy(Some(PAGE_SCRIPT), true),
    waiting: connecting(policy(Some(OOB_SCRIPT), true)),
    last: policy(Some(FINAL_SCRIPT), false),
    processing: policy(Some(PROCESSING_SCRIPT), true),
    notice: policy(None, true),
});

/// [P-BRW-05, Req 307]
fn policy(script: Option<&str>, own_forms: bool) -> HeaderValue {
    let mut text =
        format!("default-src 'none'; style-src '{}'; img-src data:; base-uri 'none'", hash(STYLE));
    if let Some(script) = script {
        let _ = write!(text, "; script-src '{}'", hash(script));
    }
    if own_forms {
        text.push_str("; form-action 'self'");
    }
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static("default-src 'none'"))
}

/// A policy under which the page may ask this host.
fn connecting(policy: HeaderValue) -> HeaderValue {
    let text = policy.to_str().map(|text| format!("{text}; connect-src 'self'"));
    text.ok().and_then(|text| HeaderValue::try_from(text).ok()).unwrap_or(policy)
}

/// The CSP source of an inline block.
pub(crate) fn hash(block: &str) -> String {
    format!("sha256-{}", STANDARD.encode(digest::digest(&digest::SHA256, block.as_bytes())))
}

const STYLE: &str = include_str!("../templates/page.css");
/// Submits an entry a second after the processing screen came up: a graphic, no words
/// [P-TMO-13, P-BRW-27, Req 178, Req 179, Req 181, Req 182]. Without scripts there is none.
const PAGE_SCRIPT: &str = include_str!("../templates/page.js");
/// Asks each 3 seconds whether the issuer has answered, and then moves on [P-BRW-25].
const OOB_SCRIPT: &str = include_str!("../templates/oob.js");
const FINAL_SCRIPT: &str = include_str!("../templates/final.js");
const PROCESSING_SCRIPT: &str = include_str!("../templates/processing.js");

/// No `X-Frame-Options` and no `frame-ancestors`: any merchant may frame the pages [P-BRW-04].
pub(crate) const FIXED_HEADERS: [(HeaderName, &str); 5] = [
    (header::CONTENT_TYPE, "text/html; charset=utf-8"),
    (header::CACHE_CONTROL, "no-store"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::STRICT_TRANSPORT_SECURITY, "max-age=31536000"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strangers_text_stays_on_one_line() {
        assert_eq!(one_line("  A\u{202e}b\n\n c\u{200b}d \u{2067} "), "Ab cd");
        assert_eq!(one_line("\u{200b}"), "");
    }
}
