//! Delivery of one-time passwords and of requests to ask a cardholder: the development outbox file
//! and the signed webhook.

use std::fmt;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use acs_core::UtcMillis;
use acs_core::profile::Contacts;
use aws_lc_rs::hmac;
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use zeroize::Zeroize;

use crate::{config, key_file};

/// A way to reach cardholders.
pub trait OtpGateway: Send + Sync + fmt::Debug {
    /// Hands the message over once; the caller repeats failures until the code expires.
    fn deliver<'a>(&'a self, delivery: &'a Delivery<'a>)
    -> BoxFuture<'a, Result<(), GatewayError>>;

    /// Hands a request over once; the caller repeats failures until it expires. The issuer's word
    /// comes over the `issuer` listener.
    fn ask<'a>(&'a self, ask: &'a Ask<'a>) -> BoxFuture<'a, Result<(), GatewayError>>;
}

/// The gateway an issuer is configured with.
///
/// # Errors
/// When the webhook's key cannot be read or its client cannot be made.
pub fn open(gateway: &config::Gateway) -> Result<Arc<dyn OtpGateway>, String> {
    match gateway {
        config::Gateway::Outbox { file } => Ok(Arc::new(Outbox::new(file.clone()))),
        config::Gateway::Webhook { url, key_file } => {
            let key = key_file::load(key_file).map_err(|e| format!("{e:#}"))?;
            let client = reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .https_only(url.scheme() == "https")
                .build()
                .map_err(|e| format!("no client for the webhook: {e}"))?;
            Ok(Arc::new(Webhook::new(url.to_string(), key.as_slice(), client)))
        }
    }
}

/// A message to a cardholder, wiped when dropped. Serialised into the sealed payload only.
#[derive(Serialize, Deserialize)]
pub struct OtpText {
    /// Correlation id.
    pub acs_trans_id: String,
    /// `sms` or `email`.
    pub channel: String,
    pub to: String,
    /// Complete text, code included.
    pub text: String,
    pub code: String,
}

impl OtpText {
    /// The payload of an outgoing row.
    pub(crate) fn to_json(&self) -> Vec<u8> {
        // Five strings always serialise.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads a payload.
    pub(crate) fn from_json(payload: &[u8]) -> Option<Self> {
        serde_json::from_slice(payload).ok()
    }
}

impl fmt::Debug for OtpText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OtpText").field("acs_trans_id", &self.acs_trans_id).finish_non_exhaustive()
    }
}

impl Drop for OtpText {
    fn drop(&mut self) {
        self.to.zeroize();
        self.text.zeroize();
        self.code.zeroize();
    }
}

/// One delivery.
#[derive(Debug)]
pub struct Delivery<'a> {
    pub issuer_id: &'a str,
    pub text: OtpText,
    pub at: UtcMillis,
    /// When the code dies; with acsTransID the identity of this code.
    pub expires: UtcMillis,
}

/// What the issuer's systems are asked, wiped when dropped. Serialised into the sealed payload only.
#[derive(Serialize, Deserialize)]
pub struct AskText {
    /// Names the authentication in the answer.
    pub acs_trans_id: String,
    pub contacts: Contacts,
    pub card_last4: String,
    /// The question, in `language`.
    pub text: String,
    pub language: String,
    /// Out-of-band: the number on the cardholder's screen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// Out-of-band: where the issuer's app goes back to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub back: Option<String>,
}

impl AskText {
    /// The payload of an outgoing row.
    pub(crate) fn to_json(&self) -> Vec<u8> {
        // Plain texts always serialise.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads a payload.
    pub(crate) fn from_json(payload: &[u8]) -> Option<Self> {
        serde_json::from_slice(payload).ok()
    }

    /// Tells what kind of answer is wanted: `oob` at once, `decoupled` in the requestor's time.
    #[must_use]
    pub const fn channel(&self) -> &'static str {
        if self.number.is_some() { OUT_OF_BAND } else { DECOUPLED }
    }
}

impl fmt::Debug for AskText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AskText").field("acs_trans_id", &self.acs_trans_id).finish_non_exhaustive()
    }
}

impl Drop for AskText {
    fn drop(&mut self) {
        self.contacts.sms.zeroize();
        self.contacts.email.zeroize();
        self.contacts.app.zeroize();
    }
}

/// One request.
#[derive(Debug)]
pub struct Ask<'a> {
    pub issuer_id: &'a str,
    pub text: AskText,
    pub at: UtcMillis,
    /// When an answer comes too late.
    pub expires: UtcMillis,
}

/// Why a message was not handed over. Never holds a contact or a code.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GatewayError {
    #[error("the outbox cannot be written: {0}")]
    Outbox(std::io::Error),
    #[error("the webhook cannot be reached: {0}")]
    Unreachable(String),
    #[error("the webhook answered {0}")]
    Refused(u16),
}

/// Development: a JSON Lines file in which messages can be read.
#[derive(Debug)]
pub struct Outbox {
    file: PathBuf,
}

impl Outbox {
    /// Appends to `file`, which is created when the first message goes out.
    #[must_use]
    pub const fn new(file: PathBuf) -> Self {
        Self { file }
    }
}

#[derive(Serialize)]
struct OutboxLine<'a> {
    at: String,
    #[serde(rename = "acsTransID")]
    acs_trans_id: &'a str,
    channel: &'a str,
    text: &'a str,
    code: &'a str,
}

/// A request in the outbox: what a tester answers at the `issuer` listener.
#[derive(Serialize)]
struct OutboxAsk<'a> {
    at: String,
    #[serde(rename = "acsTransID")]
    acs_trans_id: &'a str,
    channel: &'static str,
    issuer: &'a str,
    card: &'a str,
    text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<&'a str>,
    #[serde(rename = "requestorAppURL", skip_serializing_if = "Option::is_none")]
    back: Option<&'a str>,
    expires: String,
}

impl Outbox {
    fn write<'a>(
        &self,
        line: Result<Vec<u8>, serde_json::Error>,
    ) -> BoxFuture<'a, Result<(), GatewayError>> {
        let file = self.file.clone();
        Box::pin(async move {
            let mut line = line.map_err(|e| GatewayError::Outbox(e.into()))?;
            line.push(b'\n');
            tokio::task::spawn_blocking(move || append(&file, &line))
                .await
                .unwrap_or_else(|_| Err(std::io::Error::other("the write broke off")))
                .map_err(GatewayError::Outbox)
        })
    }
}

impl OtpGateway for Outbox {
    fn deliver<'a>(
        &'a self,
        delivery: &'a Delivery<'a>,
    ) -> BoxFuture<'a, Result<(), GatewayError>> {
        let text = &delivery.text;
        self.write(serde_json::to_vec(&OutboxLine {
            at: rfc3339(delivery.at),
            acs_trans_id: &text.acs_trans_id,
            channel: &text.channel,
            text: &text.text,
            code: &text.code,
        }))
    }

    fn ask<'a>(&'a self, ask: &'a Ask<'a>) -> BoxFuture<'a, Result<(), GatewayError>> {
        self.write(serde_json::to_vec(&OutboxAsk {
            at: rfc3339(ask.at),
            acs_trans_id: &ask.text.acs_trans_id,
            channel: ask.text.channel(),
            issuer: ask.issuer_id,
            card: &ask.text.card_last4,
            text: &ask.text.text,
            number: ask.text.number.as_deref(),
            back: ask.text.back.as_deref(),
            expires: rfc3339(ask.expires),
        }))
    }
}

/// One write per line, so that readers and other writers see whole lines.
fn append(file: &std::path::Path, line: &[u8]) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file)?.write_all(line)
}

/// A moment as operators and issuers read it.
pub(crate) fn rfc3339(at: UtcMillis) -> String {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(at.0) * 1_000_000)
        .ok()
        .and_then(|moment| moment.format(&Rfc3339).ok())
        .unwrap_or_default()
}

/// Real use: an HTTPS POST to the issuer's sender. The body is signed with HMAC-SHA-256 over
/// `timestamp "." body`; the same code always carries the same idempotency key, and no other code does.
pub struct Webhook {
    url: String,
    key: hmac::Key,
    client: reqwest::Client,
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook").field("url", &self.url).finish_non_exhaustive()
    }
}

#[derive(Serialize)]
struct WebhookBody<'a> {
    #[serde(rename = "acsTransID")]
    acs_trans_id: &'a str,
    issuer: &'a str,
    channel: &'a str,
    to: &'a str,
    text: &'a str,
    code: &'a str,
    expires: String,
}

/// A request to ask a cardholder; `channel` tells it from a code.
#[derive(Serialize)]
struct WebhookAsk<'a> {
    #[serde(rename = "acsTransID")]
    acs_trans_id: &'a str,
    issuer: &'a str,
    channel: &'static str,
    contacts: &'a Contacts,
    card: &'a str,
    text: &'a str,
    language: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<&'a str>,
    #[serde(rename = "requestorAppURL", skip_serializing_if = "Option::is_none")]
    back: Option<&'a str>,
    expires: String,
}

impl Webhook {
    /// Posts to `url` through `client`, which must not follow redirects.
    #[must_use]
    pub fn new(url: String, key: &[u8], client: reqwest::Client) -> Self {
        Self { url, key: hmac::Key::new(hmac::HMAC_SHA256, key), client }
    }

    async fn post(
        &self,
        body: Result<Vec<u8>, serde_json::Error>,
        at: UtcMillis,
        once: String,
    ) -> Result<(), GatewayError> {
        let body = body.map_err(|e| GatewayError::Unreachable(e.to_string()))?;
        let timestamp = at.to_string();
        let response = self
            .client
            .post(&self.url)
            .timeout(WEBHOOK_TIMER)
            .header("content-type", "application/json")
            .header("x-acs-timestamp", &timestamp)
            .header("x-acs-signature", signature(&self.key, &timestamp, &body))
            .header("idempotency-key", once)
            .body(body)
            .send()
            .await
            .map_err(|e| GatewayError::Unreachable(e.without_url().to_string()))?;
        let status = response.status();
        if status.is_success() { Ok(()) } else { Err(GatewayError::Refused(status.as_u16())) }
    }
}

impl OtpGateway for Webhook {
    fn deliver<'a>(
        &'a self,
        delivery: &'a Delivery<'a>,
    ) -> BoxFuture<'a, Result<(), GatewayError>> {
        let text = &delivery.text;
        let body = serde_json::to_vec(&WebhookBody {
            acs_trans_id: &text.acs_trans_id,
            issuer: delivery.issuer_id,
            channel: &text.channel,
            to: &text.to,
            text: &text.text,
            code: &text.code,
            expires: rfc3339(delivery.expires),
        });
        let once = once(text, delivery.expires);
        Box::pin(self.post(body, delivery.at, once))
    }

    fn ask<'a>(&'a self, ask: &'a Ask<'a>) -> BoxFuture<'a, Result<(), GatewayError>> {
        let text = &ask.text;
        let body = serde_json::to_vec(&WebhookAsk {
            acs_trans_id: &text.acs_trans_id,
            issuer: ask.issuer_id,
            channel: text.channel(),
            contacts: &text.contacts,
            card: &text.card_last4,
            text: &text.text,
            language: &text.language,
            number: text.number.as_deref(),
            back: text.back.as_deref(),
            expires: rfc3339(ask.expires),
        });
        let once = format!("{}-{}", text.acs_trans_id, text.channel());
        Box::pin(self.post(body, ask.at, once))
    }
}

/// The idempotency key of a code. Two codes that leave together, one to a phone and one to an address,
/// end at one time: a sender that took the second for a repeat of the first would drop it.
fn once(text: &OtpText, expires: UtcMillis) -> String {
    format!("{}-{}-{expires}", text.acs_trans_id, text.channel)
}

/// `sha256=` and the hex MAC over `timestamp "." body`.
fn signature(key: &hmac::Key, timestamp: &str, body: &[u8]) -> String {
    let mut context = hmac::Context::with_key(key);
    context.update(timestamp.as_bytes());
    context.update(b".");
    context.update(body);
    let mut text = "sha256=".to_owned();
    for byte in context.sign().as_ref() {
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

/// `channel` of requests to ask a cardholder.
const DECOUPLED: &str = "decoupled";
const OUT_OF_BAND: &str = "oob";
const WEBHOOK_TIMER: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery() -> Delivery<'static> {
        Delivery {
            issuer_id: "bank-a",
            text: OtpText {
                acs_trans_id: "id".to_owned(),
                channel: "sms".to_owned(),
                to: "+810".to_owned(),
                text: "code 123456".to_owned(),
                code: "123456".to_owned(),
            },
            at: UtcMillis(1_700_000_000_000),
            expires: UtcMillis(1_700_000_300_000),
        }
    }

    #[tokio::test]
    async fn the_outbox_grows_by_whole_lines_without_the_contact() {
        let folder = tempfile::tempdir().unwrap();
        let outbox = Outbox::new(folder.path().join("outbox.jsonl"));
        outbox.deliver(&delivery()).await.unwrap();
        outbox.deliver(&delivery()).await.unwrap();
        let text = std::fs::read_to_string(folder.path().join("outbox.jsonl")).unwrap();
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0]["at"], "2023-11-14T22:13:20Z");
        assert_eq!(lines[0]["code"], "123456");
        assert!(!text.contains("+810"));
    }

    #[test]
    fn a_webhook_without_a_whole_key_of_its_own_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let key_file = folder.path().join("webhook.key");
        key_file::create(&key_file).unwrap();
        let url = url::Url::parse("https://sender.example/").unwrap();
        let gateway = config::Gateway::Webhook { url, key_file: key_file.clone() };
        crate::tls::install_provider();
        assert!(open(&gateway).is_ok());
        std::fs::set_permissions(&key_file, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(open(&gateway).unwrap_err().contains("readable by others"));
        std::fs::set_permissions(&key_file, std::fs::Permissions::from_mode(0o600)).unwrap();
        for short in ["", "a2V5"] {
            std::fs::write(&key_file, short).unwrap();
            assert!(open(&gateway).unwrap_err().contains("32 bytes"));
        }
    }

    #[test]
    fn two_codes_that_leave_together_are_no_repeats_of_each_other() {
        let (one, mut other) = (delivery(), delivery());
        other.text.channel = "email".to_owned();
        let expires = one.expires;
        assert_eq!(once(&one.text, expires), "id-sms-1700000300000");
        assert_ne!(once(&one.text, expires), once(&other.text, expires), "another way");
        let later = UtcMillis(expires.0 + 1);
        assert_ne!(once(&one.text, expires), once(&one.text, later), "a new code");
    }

    #[test]
    fn the_signature_covers_time_and_body() {
        // Value from an independent HMAC implementation (Python's hmac).
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"key");
        assert_eq!(
            signature(&key, "1", b"{}"),
            "sha256=1ba6b8171186efc613e8bcc0cbdab2748f24984d7c5a84faa2637afa0e40d224"
        );
    }
}
