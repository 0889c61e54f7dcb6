//! Cookies of a simulated browser, by origin. No more than an ACS may set on its pages is known:
//! host-only, for every path, without an end.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};
use axum::http::{HeaderMap, header};
use url::Url;

/// Cookies that clones of a browser share.
#[derive(Debug, Clone, Default)]
pub struct Jar(Arc<Mutex<Cookies>>);

/// Origin to name to value.
type Cookies = BTreeMap<String, BTreeMap<String, String>>;

impl Jar {
    /// The cookies of a file that [`Self::save`] wrote; none when there is no such file.
    ///
    /// # Errors
    /// When the file is something else.
    pub fn load(path: &Path) -> Result<Self> {
        if !path.exists() {
            return Ok(Self::default());
        }
        let text = std::fs::read_to_string(path)?;
        let cookies = serde_json::from_str(&text).with_context(|| path.display().to_string())?;
        Ok(Self(Arc::new(Mutex::new(cookies))))
    }

    /// Writes all cookies to a file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(&*self.lock())?;
        std::fs::write(path, text).with_context(|| path.display().to_string())
    }

    /// The `Cookie` header of a request.
    #[must_use]
    pub fn header(&self, url: &str) -> Option<String> {
        let cookies = self.lock();
        let pairs =
            cookies.get(&origin(url)?)?.iter().map(|(name, value)| format!("{name}={value}"));
        Some(pairs.collect::<Vec<_>>().join("; ")).filter(|line| !line.is_empty())
    }

    /// Keeps what an answer sets.
    pub fn keep(&self, url: &str, headers: &HeaderMap) {
        let Some(origin) = origin(url) else { return };
        for line in headers.get_all(header::SET_COOKIE) {
            let pair = line.to_str().ok().and_then(|line| line.split(';').next());
            if let Some((name, value)) = pair.and_then(|pair| pair.split_once('=')) {
                let of_origin = &mut *self.lock();
                of_origin
                    .entry(origin.clone())
                    .or_default()
                    .insert(name.trim().to_owned(), value.trim().to_owned());
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Cookies> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn origin(url: &str) -> Option<String> {
    Url::parse(url).ok().map(|url| url.origin().ascii_serialization())
}
