//! The key that signs `acsSignedContent` for one directory server, watched: at start and every hour
//! of the service's clock, every minute while it cannot sign, its chain is checked against that directory server's root and a signature
//! of its own is verified. While that fails, app challenges of this directory server are answered U, nothing else changes
//! [P-APP-01].

mod chain;
mod key;

use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use acs_core::crypto::ContentSigner;
use arc_swap::ArcSwap;
use rustls_pki_types::UnixTime;
use tokio::task::JoinHandle;

use crate::app::App;
use crate::clock::Clock;
use crate::config::ds;
use crate::driver::unpoisoned;
use crate::tls::TlsError;

pub use key::KeySigner;

/// What a check found.
#[derive(Debug, Clone)]
pub enum Health {
    /// Usable until then, in seconds since 1970.
    Good { signer: Arc<KeySigner>, ends: u64 },
    /// Not usable, and why.
    Broken(String),
}

/// The signing identity of one directory server.
pub struct Signing {
    config: ds::Signing,
    roots: std::path::PathBuf,
    health: ArcSwap<Health>,
    /// When it was checked last, seconds since 1970.
    checked: AtomicU64,
    /// The threshold that was told last.
    told: Mutex<Option<u64>>,
}

impl Signing {
    /// Loads and checks; never fails, for a broken chain concerns app challenges only.
    #[must_use]
    pub fn open(config: &ds::Signing, client_ca: &Path, now: UnixTime) -> Self {
        let roots = config.ca.as_deref().unwrap_or(client_ca).to_owned();
        let health = look(config, &roots, now);
        Self {
            config: config.clone(),
            roots,
            health: ArcSwap::from_pointee(health),
            checked: AtomicU64::new(now.as_secs()),
            told: Mutex::default(),
        }
    }

    /// Looks again, at the files too: a renewed certificate needs no restart. A file that cannot be
    /// used does not end what still works.
    pub fn check(&self, now: UnixTime) {
        self.checked.store(now.as_secs(), Ordering::Release);
        let found = look(&self.config, &self.roots, now);
        if let (Health::Broken(cause), Some(_)) = (&found, self.usable(now)) {
            tracing::error!(cause, alert = true, "new signing files cannot be used, the old go on");
            return;
        }
        self.health.store(Arc::new(found));
    }

    /// A clock that was set back must not put the next check off until it is where it was.
    fn is_due(&self, now: UnixTime) -> bool {
        let interval = if self.usable(now).is_some() { INTERVAL } else { LOOK };
        let (now, checked) = (now.as_secs(), self.checked.load(Ordering::Acquire));
        now < checked || now >= checked.saturating_add(interval.as_secs())
    }

    /// The signer, while its chain is good.
    #[must_use]
    pub fn usable(&self, now: UnixTime) -> Option<Arc<KeySigner>> {
        match &**self.health.load() {
            Health::Good { signer, ends } if now.as_secs() <= *ends => Some(Arc::clone(signer)),
            _ => None,
        }
    }

    /// Whole days until the chain ends, or why it cannot be used.
    ///
    /// # Errors
    /// The cause.
    pub fn days_left(&self, now: UnixTime) -> Result<u64, String> {
        match &**self.health.load() {
            Health::Good { ends, .. } if now.as_secs() <= *ends => {
                Ok((ends - now.as_secs()) / DAY_SECONDS)
            }
            Health::Good { .. } => Err("its chain has expired".to_owned()),
            Health::Broken(cause) => Err(cause.clone()),
        }
    }
}

impl fmt::Debug for Signing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signing").field("config", &self.config).finish_non_exhaustive()
    }
}

/// The same check that `acs check` makes: chain, validity, and a signature that verifies.
#[must_use]
pub fn look(config: &ds::Signing, roots: &Path, now: UnixTime) -> Health {
    match try_look(config, roots, now) {
        Ok((signer, ends)) => Health::Good { signer: Arc::new(signer), ends },
        Err(error) => Health::Broken(error.to_string()),
    }
}

fn try_look(
    config: &ds::Signing,
    roots: &Path,
    now: UnixTime,
) -> Result<(KeySigner, u64), SigningError> {
    let chain = chain::load(&config.cert, roots)?;
    let ends = chain::verify(&chain, roots, now)?;
    let signer = KeySigner::load(&config.key, &chain)?;
    // As content is: behind the header.
    let probe = format!("{}.{PROBE}", signer.protected_header());
    let signature = signer.sign(probe.as_bytes()).map_err(|_| SigningError::NotItsKey)?;
    chain::verify_signature(&chain[0], probe.as_bytes(), &signature)?;
    Ok((signer, ends))
}

/// Why an identity cannot sign.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SigningError {
    #[error(transparent)]
    Files(#[from] TlsError),
    #[error("its chain does not lead to the directory server's root: {0}")]
    Chain(String),
    #[error("a certificate cannot be read: {0}")]
    Certificate(String),
    #[error("the key is neither P-256 nor RSA of at least 2048 bits")]
    Algorithm,
    #[error("the key is not that of the first certificate")]
    NotItsKey,
    #[error("its chain is too long for the 16,000 characters an SDK takes")]
    TooLong,
}

/// What the service's clock says; a development clock moves the ends of chains nearer, too.
#[must_use]
pub fn now(clock: &dyn Clock) -> UnixTime {
    let millis = u64::try_from(clock.now().0).unwrap_or_default();
    UnixTime::since_unix_epoch(Duration::from_millis(millis))
}

/// Looks at start and every minute whether a check is due; abort the handle to stop it.
pub fn spawn(app: &Arc<App>) -> JoinHandle<()> {
    let app = Arc::clone(app);
    tokio::spawn(async move {
        report_all(&app);
        loop {
            tokio::time::sleep(LOOK).await;
            look_again(&app).await;
        }
    })
}

/// Checks what was not checked for an hour, or cannot sign, and reports.
pub async fn look_again(app: &Arc<App>) {
    let now = now(app.clock.as_ref());
    let due: Vec<_> = app.ds.iter().filter_map(|ds| ds.signing.clone()).collect();
    let due: Vec<_> = due.into_iter().filter(|signing| signing.is_due(now)).collect();
    // Files are read: not on a thread that serves.
    let checked = tokio::task::spawn_blocking(move || due.iter().for_each(|s| s.check(now)));
    if checked.await.is_err() {
        tracing::error!(alert = true, "the check of the signing chains broke off");
    }
    report_all(app);
}

fn report_all(app: &App) {
    for ds in &app.ds {
        if let Some(signing) = &ds.signing {
            report(&ds.profile.id, signing, now(app.clock.as_ref()));
        }
    }
}

/// One line when a threshold is crossed, and a gauge always.
fn report(ds: &str, signing: &Signing, now: UnixTime) {
    let days = signing.days_left(now);
    let gauge = metrics::gauge!("acs_signing_days_left", "ds" => ds.to_owned());
    gauge.set(f64::from(u32::try_from(*days.as_ref().unwrap_or(&0)).unwrap_or(u32::MAX)));
    let threshold = match &days {
        Ok(days) => THRESHOLDS.into_iter().find(|threshold| days < threshold),
        Err(_) => Some(0),
    };
    if std::mem::replace(&mut *unpoisoned(&signing.told), threshold) == threshold {
        return;
    }
    match (days, threshold) {
        (Err(cause), _) => tracing::error!(
            ds,
            cause,
            alert = true,
            "acsSignedContent cannot be signed: app challenges of this DS are answered U"
        ),
        (Ok(days), Some(threshold)) => tracing::warn!(
            ds,
            days,
            threshold,
            alert = true,
            "the chain that signs acsSignedContent ends soon: renew it"
        ),
        (Ok(days), None) => tracing::info!(ds, days, "acsSignedContent can be signed"),
    }
}

/// Days before the end at which an alarm goes off, nearest first.
const THRESHOLDS: [u64; 3] = [7, 30, 60];
const INTERVAL: Duration = Duration::from_secs(3600);
/// Between looks whether a check is due, and between checks of what cannot sign: app challenges are
/// answered U until it can.
const LOOK: Duration = Duration::from_secs(60);
const DAY_SECONDS: u64 = 24 * 3600;
const PROBE: &str = "acsSignedContent self-check";

#[cfg(test)]
mod tests;
