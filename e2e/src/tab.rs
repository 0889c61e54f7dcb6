//! A browser tab moved page by page, for journeys that the honest browser of the simulator does
//! not make.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use ds_simulator::html::{self, Form};
use ds_simulator::link::{Answer, Link};
use ds_simulator::message::{from_base64url, to_base64url};
use serde_json::Value;
use url::Url;

/// A tab on the challenge pages of one service.
#[derive(Debug, Clone)]
pub struct Tab {
    link: Link,
    challenge_url: String,
    language: String,
}

/// A page as it came.
#[derive(Debug, Clone)]
pub struct Page {
    pub url: String,
    pub status: u16,
    pub html: String,
    pub answer: Answer,
}

/// What the last page posts to the notificationURL.
#[derive(Debug, Clone, PartialEq)]
pub struct Returned {
    pub notification_url: String,
    pub field: String,
    pub message: Value,
    pub session_data: Option<String>,
}

impl Tab {
    /// A tab that trusts the roots in `ca`.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn new(ca: &Path, challenge_url: String) -> Result<Self> {
        let language = "en,ja;q=0.5".to_owned();
        Ok(Self { link: Link::new(ca, None)?, challenge_url, language })
    }

    /// Posts a CReq as the requestor's page does.
    ///
    /// # Errors
    /// When no whole answer comes.
    pub async fn creq(&self, creq: &Value, session_data: Option<&str>) -> Result<Page> {
        self.creq_field(&to_base64url(creq), session_data).await
    }

    /// Posts any text in the `creq` field.
    ///
    /// # Errors
    /// When no whole answer comes.
    pub async fn creq_field(&self, field: &str, session_data: Option<&str>) -> Result<Page> {
        let mut pairs = vec![("creq".to_owned(), field.to_owned())];
        pairs.extend(session_data.map(|data| ("threeDSSessionData".to_owned(), data.to_owned())));
        self.post(&self.challenge_url.clone(), &pairs).await
    }

    /// Fills the entry of a code page and presses a button.
    ///
    /// # Errors
    /// When the page has no code form or no whole answer comes.
    pub async fn press(&self, page: &Page, entry: &str, action: &str) -> Result<Page> {
        let form = page.code_form().with_context(|| format!("no code form: {}", page.text()))?;
        let pairs = form.filled(&[("challengeDataEntry", entry)], Some(("action", action)));
        self.post(&page.resolve(&form.action)?, &pairs).await
    }

    /// Posts a form.
    ///
    /// # Errors
    /// When no whole answer comes.
    pub async fn post(&self, url: &str, pairs: &[(String, String)]) -> Result<Page> {
        let patience = Duration::from_secs(40);
        let answer = self.link.post_form(url, pairs, &self.language, patience).await?;
        let html = String::from_utf8_lossy(&answer.body).into_owned();
        Ok(Page { url: url.to_owned(), status: answer.status, html, answer })
    }
}

impl Page {
    /// The form with the entry field, or of a page that waits for the issuer's app.
    #[must_use]
    pub fn code_form(&self) -> Option<Form> {
        let asks = |form: &Form| form.field("challengeDataEntry").is_some() || form.wait.is_some();
        html::forms(&self.html).into_iter().find(asks)
    }

    /// The token of its code form.
    #[must_use]
    pub fn token(&self) -> Option<String> {
        self.code_form()?.field("token").map(str::to_owned)
    }

    /// What a person reads.
    #[must_use]
    pub fn text(&self) -> String {
        html::visible_text(&self.html)
    }

    /// A response header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.answer.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// What this page, when it is the last one, carries to the requestor.
    #[must_use]
    pub fn returned(&self) -> Option<Returned> {
        html::forms(&self.html).into_iter().find_map(|form| {
            let field = ["cres", "erro"].into_iter().find(|name| form.field(name).is_some())?;
            Some(Returned {
                notification_url: form.action.clone(),
                field: field.to_owned(),
                message: from_base64url(form.field(field)?)?,
                session_data: form.field("threeDSSessionData").map(str::to_owned),
            })
        })
    }

    /// Where a form of this page goes.
    ///
    /// # Errors
    /// When `action` is no URL.
    pub fn resolve(&self, action: &str) -> Result<String> {
        Ok(Url::parse(&self.url)?.join(action)?.into())
    }
}
