//! The issuer's own systems: they read in the outbox what they are asked, and give their word at
//! the ACS's `issuer` listener, signed.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::endpoints::Endpoints;
use crate::pki;

/// The systems of all issuers of a development installation.
#[derive(Debug, Clone)]
pub struct IssuerSystems {
    url: String,
    keys: PathBuf,
    outbox: PathBuf,
    http: reqwest::Client,
}

/// Whether a line of the outbox asks the issuer's systems something.
pub(crate) fn is_question(line: &Value) -> bool {
    matches!(line["channel"].as_str(), Some("decoupled" | "oob"))
}

/// A request, to be made wrong in tests.
#[derive(Debug, Clone)]
pub struct Word {
    /// Id of the issuer.
    pub issuer: String,
    pub acs_trans_id: String,
    pub body: String,
    /// UTC milliseconds of the signature.
    pub at_ms: i128,
    /// Sign with the key of this issuer instead.
    pub signed_by: Option<String>,
    /// Below `/v1`: `authentications` (decoupled) or `oob`.
    pub about: &'static str,
}

impl Word {
    /// `result` for `acs_trans_id`, signed now.
    #[must_use]
    pub fn new(issuer: &str, acs_trans_id: &str, result: &str) -> Self {
        Self {
            issuer: issuer.to_owned(),
            acs_trans_id: acs_trans_id.to_owned(),
            body: json!({ "result": result }).to_string(),
            at_ms: OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000_000,
            signed_by: None,
            about: "authentications",
        }
    }

    /// The same of an out-of-band authentication.
    #[must_use]
    pub fn out_of_band(issuer: &str, acs_trans_id: &str, result: &str) -> Self {
        Self { about: "oob", ..Self::new(issuer, acs_trans_id, result) }
    }
}

impl IssuerSystems {
    /// Speaks to `url`; keys are `ISSUER-api.key` in `keys`.
    ///
    /// # Errors
    /// When the roots cannot be read.
    pub fn new(url: &str, keys: &Path, outbox: &Path, roots: &Path) -> Result<Self> {
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(pki::client_config(roots, None)?)
            .no_proxy()
            .build()?;
        let (url, keys, outbox) = (url.to_owned(), keys.to_owned(), outbox.to_owned());
        Ok(Self { url, keys, outbox, http })
    }

    /// Those of a running demo.
    ///
    /// # Errors
    /// When `ends` does not name what is needed.
    pub fn for_endpoints(ends: &Endpoints) -> Result<Self> {
        let url = ends.acs.issuer.as_deref().context("endpoints.json without acs.issuer")?;
        let config = ends.config.as_deref().context("endpoints.json without config")?;
        let keys = config.parent().unwrap_or_else(|| Path::new(".")).join("keys");
        let outbox = ends.outbox.as_deref().context("endpoints.json without outbox")?;
        Self::new(url, &keys, outbox, &ends.pki.ca)
    }

    /// Everything that was asked so far.
    #[must_use]
    pub fn all_asks(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(&self.outbox).unwrap_or_default();
        text.lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .filter(is_question)
            .collect()
    }

    /// What was asked about `acs_trans_id` so far.
    #[must_use]
    pub fn asks(&self, acs_trans_id: &str) -> Vec<Value> {
        let about = |line: &Value| {
            let id = line["acsTransID"].as_str().unwrap_or_default();
            id.eq_ignore_ascii_case(acs_trans_id)
        };
        self.all_asks().into_iter().filter(about).collect()
    }

    /// Waits for the request about `acs_trans_id`.
    ///
    /// # Errors
    /// When none comes within 20 seconds.
    pub async fn asked(&self, acs_trans_id: &str) -> Result<Value> {
        for _ in 0..400 {
            if let Some(ask) = self.asks(acs_trans_id).into_iter().next() {
                return Ok(ask);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        bail!("the issuer was not asked about {acs_trans_id} within 20 s")
    }

    /// Waits for the request and answers it; `result` is `approved`, `declined`, `rejected` or
    /// `unavailable`.
    ///
    /// # Errors
    /// When no request comes, or the ACS does not take the word.
    pub async fn answer(&self, acs_trans_id: &str, result: &str) -> Result<Value> {
        let ask = self.asked(acs_trans_id).await?;
        let issuer = ask["issuer"].as_str().context("a request without issuer")?;
        let word = if ask["channel"] == "oob" {
            Word::out_of_band(issuer, acs_trans_id, result)
        } else {
            Word::new(issuer, acs_trans_id, result)
        };
        let (status, answer) = self.give(&word).await?;
        if status != 200 {
            bail!("the ACS did not take the issuer's word: HTTP {status} {answer}");
        }
        Ok(answer)
    }

    /// As [`Self::answer`], but a service that goes away is asked again for this long: the same word
    /// gets the same answer.
    ///
    /// # Errors
    /// What went wrong at last.
    pub async fn answer_patiently(
        &self,
        acs_trans_id: &str,
        result: &str,
        patience: Duration,
    ) -> Result<Value> {
        let begun = Instant::now();
        loop {
            match self.answer(acs_trans_id, result).await {
                Err(_) if begun.elapsed() < patience => {
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
                other => return other,
            }
        }
    }

    /// Posts a word: HTTP status and answer.
    ///
    /// # Errors
    /// When a key cannot be read or nobody answers.
    pub async fn give(&self, word: &Word) -> Result<(u16, Value)> {
        let path = format!("/v1/{}/{}/result", word.about, word.acs_trans_id);
        self.send(word, reqwest::Method::POST, &path).await
    }

    /// What the issuer's app is to show of an out-of-band authentication: HTTP status and answer.
    ///
    /// # Errors
    /// As [`Self::give`].
    pub async fn question(&self, issuer: &str, acs_trans_id: &str) -> Result<(u16, Value)> {
        let asking =
            Word { body: String::new(), ..Word::out_of_band(issuer, acs_trans_id, "approved") };
        let path = format!("/v1/oob/{acs_trans_id}");
        self.send(&asking, reqwest::Method::GET, &path).await
    }

    async fn send(&self, word: &Word, method: reqwest::Method, path: &str) -> Result<(u16, Value)> {
        let signer = word.signed_by.as_ref().unwrap_or(&word.issuer);
        let file = self.keys.join(format!("{signer}-api.key"));
        let text = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        let key = hmac::Key::new(hmac::HMAC_SHA256, &STANDARD.decode(text.trim())?);
        let message = format!("{}.{path}.{}", word.at_ms, word.body);
        let mac: String = hmac::sign(&key, message.as_bytes())
            .as_ref()
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        let answer = self
            .http
            .request(method, format!("{}{path}", self.url))
            .header("content-type", "application/json")
            .header("x-acs-issuer", &word.issuer)
            .header("x-acs-timestamp", word.at_ms.to_string())
            .header("x-acs-signature", format!("sha256={mac}"))
            .body(word.body.clone())
            .send()
            .await?;
        Ok((answer.status().as_u16(), answer.json().await.unwrap_or_default()))
    }
}
