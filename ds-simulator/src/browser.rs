//! A browser without scripts: runs the 3DS Method form, posts the CReq, reads the pages, types
//! codes, follows the final form. It can repeat lost posts as people do.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;
use url::Url;

use crate::html::{self, Form};
use crate::jar::Jar;
use crate::link::{Answer, Failed, Link, patiently};
use crate::message::{from_base64url, to_base64url};
use crate::trace::Trace;

/// A simulated browser; one may be used for many payments.
#[derive(Debug, Clone)]
pub struct Browser {
    link: Link,
    trace: Arc<Trace>,
    /// `Accept-Language` of every request.
    pub language: String,
    /// Posts whose answer was lost are sent again for this long; zero means not at all.
    pub retry_for: Duration,
    /// How long one page may take.
    pub timeout: Duration,
    /// Its cookies.
    pub jar: Jar,
}

/// Where codes come from.
#[derive(Debug, Clone)]
pub enum CodeSource {
    /// The ACS's development outbox: JSON Lines with `acsTransID` and `code`.
    Outbox(PathBuf),
    Fixed(String),
    Nowhere,
}

/// What the cardholder does on a challenge page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Types the code from the [`CodeSource`].
    Code,
    /// Types this.
    Type(String),
    /// Asks for another code.
    Resend,
    /// Presses cancel.
    Cancel,
    /// Asks to confirm later, in another way.
    Later,
    /// Lets a waiting page move on by itself, as its script does.
    Wait,
    /// Says that the issuer's app is done.
    Confirm,
    /// Asks for a code in place of the issuer's app.
    UseCode,
    /// Posts the CReq once more, as a reload does.
    Reload,
    /// Closes the window.
    Leave,
}

/// How a challenge ended, seen from the browser.
#[derive(Debug, Clone)]
pub enum ChallengeEnd {
    /// A final CRes (or an Erro) was posted to the notificationURL.
    Finished(Value),
    /// The cardholder closed the window.
    Left,
    /// A page without a way on: HTTP status and what it says.
    Stuck { status: u16, text: String },
}

/// Everything about one challenge that the browser needs.
#[derive(Debug, Clone)]
pub struct Challenge {
    /// `threeDSServerTransID`, for the trace.
    pub txn: String,
    pub acs_trans_id: String,
    pub acs_url: String,
    pub creq: Value,
    pub session_data: Option<String>,
    pub codes: CodeSource,
    /// When these run out, the code is typed again.
    pub steps: Vec<Step>,
    /// Boxes ticked on each page, by name.
    pub ticks: Vec<String>,
}

const MAX_PAGES: usize = 40;
/// Between two questions of a waiting page; the ACS puts off who asks more than once a second.
const POLL: Duration = Duration::from_millis(1_100);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

impl Browser {
    /// A browser that trusts the roots in `ca`.
    ///
    /// # Errors
    /// When the file cannot be used.
    pub fn new(ca: &Path, trace: Arc<Trace>) -> Result<Self> {
        Ok(Self {
            link: Link::new(ca, None)?,
            trace,
            language: "ja,en;q=0.5".to_owned(),
            retry_for: Duration::ZERO,
            timeout: Duration::from_secs(30),
            jar: Jar::default(),
        })
    }

    /// Runs the 3DS Method as the hidden iframe does; true when its notification was posted.
    pub async fn run_method(&self, txn: &str, url: &str, method_data: &str) -> bool {
        let pairs = vec![("threeDSMethodData".to_owned(), method_data.to_owned())];
        self.note(txn, "BRW-ACS", "method", method_data.len(), format!("POST {url}"));
        let mut page = match self.post(url, &pairs).await {
            Ok(answer) => answer,
            Err(failed) => {
                self.note(txn, "ACS-BRW", "method", 0, failed.to_string());
                return false;
            }
        };
        let mut address = url.to_owned();
        for _ in 0..4 {
            let text = String::from_utf8_lossy(&page.body).into_owned();
            self.note(txn, "ACS-BRW", "page", page.body.len(), format!("HTTP {}", page.status));
            let Some(form) = html::forms(&text).into_iter().next() else { return false };
            let Some(target) = resolve(&address, &form.action) else { return false };
            let leaves = origin(&target) != origin(url);
            let to = if leaves { "BRW-3DSS" } else { "BRW-ACS" };
            self.note(txn, to, "method", 0, format!("POST {target}"));
            let Ok(answer) = self.post(&target, &form.filled(&[], None)).await else {
                return false;
            };
            if leaves {
                return answer.status < 300;
            }
            (page, address) = (answer, target);
        }
        false
    }

    /// Plays the cardholder from the CReq to the end.
    ///
    /// # Errors
    /// When the ACS or the merchant cannot be reached, or no code arrives.
    pub async fn run_challenge(&self, challenge: &Challenge) -> Result<ChallengeEnd> {
        let mut steps = challenge.steps.iter();
        let mut seen_codes = 0;
        let (mut page, mut address) = (self.post_creq(challenge).await?, challenge.acs_url.clone());
        for _ in 0..MAX_PAGES {
            let html = String::from_utf8_lossy(&page.body).into_owned();
            let forms = html::forms(&html);
            let says = html::visible_text(&html);
            self.note(
                &challenge.txn,
                "ACS-BRW",
                "page",
                page.body.len(),
                format!("HTTP {}: {}", page.status, shortened(&says)),
            );
            if let Some(form) = forms.iter().find(|f| result_field(f).is_some()) {
                return self.finish(challenge, &address, form).await;
            }
            let Some(form) = forms.iter().find(|form| form.field("token").is_some()) else {
                match forms.first().filter(|form| !form.fields.is_empty()) {
                    Some(waiting) => {
                        tokio::time::sleep(Duration::from_millis(300)).await;
                        let button = waiting.buttons.first().map(|(n, v)| (n.as_str(), v.as_str()));
                        let pairs = waiting.filled(&[], button);
                        address = resolve(&address, &waiting.action).context("form target")?;
                        page = self.post(&address, &pairs).await?;
                        continue;
                    }
                    None => return Ok(ChallengeEnd::Stuck { status: page.status, text: says }),
                }
            };
            // Pages before the code, and instead of it: this browser has no scripts for a passkey.
            let before = if html.contains(" data-spc=") { "code" } else { "continue" };
            let onward = Some(before).filter(|button| form.has_button("action", button));
            if let Some(action) = onward {
                self.note(&challenge.txn, "BRW-ACS", "form", 0, format!("action {action}"));
                address = resolve(&address, &form.action).context("form target")?;
                page = self.post(&address, &form.filled(&[], Some(("action", action)))).await?;
                continue;
            }
            let usual = if form.wait.is_some() { Step::Wait } else { Step::Code };
            let step = steps.next().cloned().unwrap_or(usual);
            let (entry, action) = match &step {
                Step::Leave => return Ok(ChallengeEnd::Left),
                Step::Reload => {
                    page = self.post_creq(challenge).await?;
                    address.clone_from(&challenge.acs_url);
                    continue;
                }
                Step::Code => (
                    code(&challenge.codes, &challenge.acs_trans_id, &mut seen_codes).await?,
                    "submit",
                ),
                Step::Type(text) => (text.clone(), "submit"),
                Step::Resend => (String::new(), "resend"),
                Step::Cancel => (String::new(), "cancel"),
                Step::Later => (String::new(), "later"),
                Step::Wait => {
                    self.wait(challenge, &address, form).await?;
                    (String::new(), "arrived")
                }
                Step::Confirm => (String::new(), "submit"),
                Step::UseCode => (String::new(), "code"),
            };
            if action == "resend"
                && let CodeSource::Outbox(path) = &challenge.codes
            {
                seen_codes = codes_in(path, &challenge.acs_trans_id).len();
            }
            let form = form.clone().ticked(&challenge.ticks);
            let pairs = form.filled(&[("challengeDataEntry", &entry)], Some(("action", action)));
            address = resolve(&address, &form.action).context("form target")?;
            let size = pairs.iter().map(|(name, value)| name.len() + value.len() + 2).sum();
            let said = format!("action {action}, {} characters entered", entry.chars().count());
            self.note(&challenge.txn, "BRW-ACS", "form", size, said);
            page = self.post(&address, &pairs).await?;
        }
        bail!("no end after {MAX_PAGES} pages")
    }

    /// Posts the CReq form and gives the page back.
    ///
    /// # Errors
    /// When the ACS does not answer.
    pub async fn post_creq(&self, challenge: &Challenge) -> Result<Answer> {
        let mut pairs = vec![("creq".to_owned(), to_base64url(&challenge.creq))];
        if let Some(data) = &challenge.session_data {
            pairs.push(("threeDSSessionData".to_owned(), data.clone()));
        }
        let size = challenge.creq.to_string().len();
        self.trace.message_of(&challenge.txn, "BRW-ACS", "request", &challenge.creq, size);
        self.post(&challenge.acs_url, &pairs).await.context("posting the CReq")
    }

    /// Asks what a waiting page asks until there is something new.
    async fn wait(&self, challenge: &Challenge, address: &str, form: &Form) -> Result<()> {
        let target = form.wait.as_deref().and_then(|path| resolve(address, path));
        let target = target.context("the page does not say where to ask")?;
        let token = form.field("token").unwrap_or_default().to_owned();
        let pairs = [("token".to_owned(), token)];
        let asked = Instant::now();
        while asked.elapsed() < LONGEST_WAIT {
            let answer = self.post(&target, &pairs).await.context("asking whether to go on")?;
            let waits = serde_json::from_slice::<Value>(&answer.body).ok();
            if waits.is_some_and(|answer| answer["wait"] == false) {
                self.note(&challenge.txn, "ACS-BRW", "page", 0, "there is news".to_owned());
                return Ok(());
            }
            tokio::time::sleep(POLL).await;
        }
        bail!("nothing came from the issuer's app within {LONGEST_WAIT:?}")
    }

    async fn finish(
        &self,
        challenge: &Challenge,
        address: &str,
        form: &Form,
    ) -> Result<ChallengeEnd> {
        let field = result_field(form).unwrap_or_default();
        let message = from_base64url(field).context("final form holds no base64url JSON")?;
        self.trace.message_of(&challenge.txn, "ACS-BRW", "response", &message, field.len());
        let target = resolve(address, &form.action).context("form target")?;
        self.note(&challenge.txn, "BRW-3DSS", "form", field.len(), format!("POST {target}"));
        let answer = self.post(&target, &form.filled(&[], None)).await.context("final form")?;
        if answer.status >= 300 {
            bail!("the notificationURL answered HTTP {}", answer.status);
        }
        Ok(ChallengeEnd::Finished(message))
    }

    async fn post(&self, url: &str, pairs: &[(String, String)]) -> Result<Answer, Failed> {
        let cookies = self.jar.header(url);
        let attempt = || {
            let cookies = cookies.as_deref();
            self.link.post_form_with(url, pairs, &self.language, cookies, self.timeout)
        };
        let answer = patiently(self.retry_for, || async {
            match attempt().await {
                // A server on its way down or up answers so for a moment.
                Ok(answer) if answer.status == 503 && !self.retry_for.is_zero() => {
                    Err(Failed::Lost("HTTP 503".to_owned()))
                }
                other => other,
            }
        })
        .await?;
        self.jar.keep(url, &answer.headers);
        Ok(answer)
    }

    fn note(&self, txn: &str, leg: &str, what: &str, size: usize, summary: String) {
        self.trace.note(txn, leg, what, size, summary);
    }
}

/// Codes sent for a transaction so far, oldest first.
#[must_use]
pub fn codes_in(outbox: &Path, acs_trans_id: &str) -> Vec<String> {
    sent_in(outbox, acs_trans_id).into_iter().map(|(_, code)| code).collect()
}

/// Codes sent for a transaction so far, oldest first, each with its way: `sms` or `email`.
#[must_use]
pub fn sent_in(outbox: &Path, acs_trans_id: &str) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(outbox).unwrap_or_default();
    text.lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|line| {
            line["acsTransID"].as_str().is_some_and(|id| id.eq_ignore_ascii_case(acs_trans_id))
        })
        .filter_map(|line| {
            let code = line["code"].as_str()?.to_owned();
            Some((line["channel"].as_str().unwrap_or_default().to_owned(), code))
        })
        .collect()
}

/// The newest code, waiting for one beyond the `seen` first.
///
/// # Errors
/// When none comes within ten seconds.
pub async fn code(source: &CodeSource, acs_trans_id: &str, seen: &mut usize) -> Result<String> {
    let path = match source {
        CodeSource::Fixed(code) => return Ok(code.clone()),
        CodeSource::Nowhere => bail!("a code is asked for: give --otp-from FILE or --otp CODE"),
        CodeSource::Outbox(path) => path,
    };
    for _ in 0..200 {
        let codes = codes_in(path, acs_trans_id);
        if codes.len() > *seen
            && let Some(newest) = codes.last()
        {
            // The same code may be typed again.
            *seen = codes.len() - 1;
            return Ok(newest.clone());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    bail!("no code for {acs_trans_id} in {} after 10 s", path.display())
}

/// The final form's field: `cres`, or `erro` where an ACS names it so.
fn result_field(form: &Form) -> Option<&str> {
    form.field("cres").or_else(|| form.field("erro"))
}

fn resolve(base: &str, action: &str) -> Option<String> {
    let base = Url::parse(base).ok()?;
    Some(if action.is_empty() { base.into() } else { base.join(action).ok()?.into() })
}

fn origin(url: &str) -> Option<url::Origin> {
    Url::parse(url).ok().map(|url| url.origin())
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(120) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}
