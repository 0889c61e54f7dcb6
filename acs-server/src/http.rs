//! HTTP: which paths each listener has, and what answers them.

pub mod areq;
pub mod creq_app;
pub mod creq_browser;
mod device_cookie;
pub mod forms;
pub mod health;
pub(crate) mod ids;
pub mod issuer_oob;
pub mod issuer_result;
pub mod method_url;
pub mod oreq;
mod refused;
pub mod respond;
pub mod router;
mod shortcut;
mod signed;

pub(crate) use refused::report as report_refused;
pub use shortcut::Shortcut;
use url::Url;

use crate::app::App;
use crate::config::Base64Url;
use crate::config::rreq_targets::is_loopback;

/// Whether the browser may be made to post to this URL: https, or loopback http in development.
pub(crate) fn may_post_back(url: &str, development: bool) -> bool {
    Url::parse(url).is_ok_and(|url| match url.scheme() {
        "https" => url.host().is_some(),
        "http" => development && is_loopback(&url),
        _ => false,
    })
}

/// Whether base64url that is not written as RFC 7515 wants it is accepted all the same, by
/// `protocol.base64url` [P-TRN-08]. Counts it either way; `what` names the field.
pub(crate) fn tolerates(app: &App, what: &'static str) -> bool {
    let tolerant = app.config.protocol.base64url == Base64Url::Tolerant;
    let answer = if tolerant { "accepted" } else { "refused" };
    metrics::counter!("acs_tolerance_total", "what" => what, "answer" => answer).increment(1);
    tolerant
}
