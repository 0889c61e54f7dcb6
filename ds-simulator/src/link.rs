//! Outgoing HTTPS: one client per role, with that role's certificate and trust.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use axum::http::HeaderMap;
use bytes::Bytes;

use crate::pki::{self, Identity};

/// Content type of messages in clear [P-TRN-06].
pub const JSON: &str = "application/json; charset=utf-8";

/// An HTTPS client of one role.
#[derive(Debug, Clone)]
pub struct Link {
    client: reqwest::Client,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// Why nothing came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failed {
    /// No connection, so nothing was sent.
    Connect(String),
    /// No answer in time.
    Timeout,
    /// The connection ended before the answer was whole.
    Lost(String),
}

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Connect(cause) => write!(f, "no connection: {cause}"),
            Self::Timeout => f.write_str("no answer in time"),
            Self::Lost(cause) => write!(f, "connection lost: {cause}"),
        }
    }
}

impl std::error::Error for Failed {}

impl Link {
    /// A client that trusts `roots` and presents `identity`.
    ///
    /// # Errors
    /// When the files are not usable.
    pub fn new(roots: &Path, identity: Option<&Identity>) -> Result<Self> {
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(pki::client_config(roots, identity)?)
            .http1_only()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(Duration::from_secs(5))
            .build()?;
        Ok(Self { client })
    }

    /// Posts a protocol message; `request_id` becomes `X-Request-ID` [P-TRN-12].
    ///
    /// # Errors
    /// [`Failed`] when no whole answer came within `timeout`.
    pub async fn post_json(
        &self,
        url: &str,
        body: Bytes,
        request_id: Option<&str>,
        timeout: Duration,
    ) -> Result<Answer, Failed> {
        self.post_bytes(url, body, JSON, request_id, timeout).await
    }

    /// Posts bytes as `content_type`.
    ///
    /// # Errors
    /// [`Failed`] when no whole answer came within `timeout`.
    pub async fn post_bytes(
        &self,
        url: &str,
        body: Bytes,
        content_type: &str,
        request_id: Option<&str>,
        timeout: Duration,
    ) -> Result<Answer, Failed> {
        let mut request =
            self.client.post(url).timeout(timeout).header("content-type", content_type);
        if let Some(id) = request_id {
            request = request.header("x-request-id", id);
        }
        receive(request.body(body)).await
    }

    /// Posts a form as a browser does.
    ///
    /// # Errors
    /// [`Failed`] when no whole answer came within `timeout`.
    pub async fn post_form(
        &self,
        url: &str,
        pairs: &[(String, String)],
        language: &str,
        timeout: Duration,
    ) -> Result<Answer, Failed> {
        self.post_form_with(url, pairs, language, None, timeout).await
    }

    /// [`Self::post_form`] with a `Cookie` header.
    ///
    /// # Errors
    /// As [`Self::post_form`].
    pub async fn post_form_with(
        &self,
        url: &str,
        pairs: &[(String, String)],
        language: &str,
        cookies: Option<&str>,
        timeout: Duration,
    ) -> Result<Answer, Failed> {
        let mut request = self.client.post(url).timeout(timeout).form(pairs);
        if let Some(cookies) = cookies {
            request = request.header("cookie", cookies);
        }
        receive(as_browser(request, language)).await
    }

    /// Gets a page as a browser does.
    ///
    /// # Errors
    /// [`Failed`] when no whole answer came within `timeout`.
    pub async fn get(
        &self,
        url: &str,
        language: &str,
        timeout: Duration,
    ) -> Result<Answer, Failed> {
        receive(as_browser(self.client.get(url).timeout(timeout), language)).await
    }
}

fn as_browser(request: reqwest::RequestBuilder, language: &str) -> reqwest::RequestBuilder {
    request
        .header("accept", "text/html,application/xhtml+xml,*/*;q=0.8")
        .header("accept-language", language)
        .header("user-agent", concat!("ds-sim/", env!("CARGO_PKG_VERSION"), " (simulated browser)"))
}

/// Calls `attempt` again, every 200 ms, while the connection fails and `patience` lasts; the
/// first retry comes at once.
pub(crate) async fn patiently<F, Fut>(patience: Duration, attempt: F) -> Result<Answer, Failed>
where
    F: Fn() -> Fut,
    Fut: Future<Output = Result<Answer, Failed>>,
{
    let start = Instant::now();
    let mut tries = 0_u32;
    loop {
        let failed = match attempt().await {
            Ok(answer) => return Ok(answer),
            Err(failed) => failed,
        };
        tries += 1;
        if start.elapsed() >= patience {
            return Err(failed);
        }
        if tries > 1 {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

async fn receive(request: reqwest::RequestBuilder) -> Result<Answer, Failed> {
    let response = request.send().await.map_err(failed)?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let body = response.bytes().await.map_err(failed)?;
    Ok(Answer { status, headers, body })
}

fn failed(error: reqwest::Error) -> Failed {
    let mut cause: &dyn std::error::Error = &error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    if error.is_connect() {
        Failed::Connect(cause.to_string())
    } else if error.is_timeout() {
        Failed::Timeout
    } else {
        Failed::Lost(cause.to_string())
    }
}
