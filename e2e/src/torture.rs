//! Payments while the service is killed and started again: what must hold whatever the moment.

mod in_app;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use ds_simulator::issuer::IssuerSystems;
use ds_simulator::sdk::Interface;
use ds_simulator::sdk::keys::Encryption;
use ds_simulator::{Browser, Faults, PayOptions, Receipt, Step, pay};
use serde_json::Value;
use tokio::task::JoinSet;

use crate::VERSIONS;
use crate::acs::{Acs, Killer};
use crate::cards::{Card, Issuer};
use crate::raw_ds::RawDs;
use crate::rng::Rng;
use crate::stage::{Stage, member};
use crate::tab::Tab;

/// What was found wrong; empty is right.
pub type Violations = Vec<String>;

/// How a directory server behaves while the service comes and goes: it repeats a lost AReq, byte
/// for byte.
#[must_use]
pub fn patient_faults() -> Faults {
    Faults { areq_retry_ms: 25_000, ..Faults::default() }
}

/// How long a service stays down at most before a round counts as failed.
const DOWN_PATIENCE: Duration = Duration::from_secs(30);

/// What a cardholder does, and the status that must come of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    Frictionless,
    RightCode,
    WrongThenRight,
    ThreeWrong,
    Cancel,
    /// Approves in the issuer's app.
    AppApproved,
    /// Declines there.
    AppDeclined,
}

impl Deed {
    /// Every deed.
    pub const ALL: [Self; 7] = [
        Self::Frictionless,
        Self::RightCode,
        Self::WrongThenRight,
        Self::ThreeWrong,
        Self::Cancel,
        Self::AppApproved,
        Self::AppDeclined,
    ];

    fn card(self) -> Card {
        match self {
            Self::Frictionless => Card::Frictionless,
            Self::AppApproved | Self::AppDeclined => Card::App,
            _ => Card::Sms,
        }
    }

    fn steps(self) -> Vec<Step> {
        let wrong = || Step::Type("000000".to_owned());
        match self {
            Self::Frictionless | Self::RightCode | Self::AppApproved | Self::AppDeclined => {
                Vec::new()
            }
            Self::WrongThenRight => vec![wrong(), Step::Code],
            Self::ThreeWrong => vec![wrong(), wrong(), wrong()],
            Self::Cancel => vec![Step::Cancel],
        }
    }

    /// What the issuer says when it is asked.
    const fn word(self) -> Option<&'static str> {
        match self {
            Self::AppApproved => Some("approved"),
            Self::AppDeclined => Some("declined"),
            _ => None,
        }
    }

    const fn status(self) -> &'static str {
        match self {
            Self::Frictionless | Self::RightCode | Self::WrongThenRight | Self::AppApproved => "Y",
            Self::ThreeWrong | Self::Cancel | Self::AppDeclined => "N",
        }
    }
}

/// Where a deed is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Browser,
    App(Interface, Encryption),
}

impl Place {
    /// Every place.
    pub const ALL: [Self; 5] = [
        Self::Browser,
        Self::App(Interface::Native, Encryption::A128CbcHs256),
        Self::App(Interface::Native, Encryption::A128Gcm),
        Self::App(Interface::Html, Encryption::A128CbcHs256),
        Self::App(Interface::Html, Encryption::A128Gcm),
    ];
}

/// Makes `deeds` at the same time in random versions and places while `disturb` runs; then judges
/// them.
///
/// # Errors
/// When the simulator itself does not work.
pub async fn payments_under(
    stage: &Stage,
    rng: &mut Rng,
    deeds: &[Deed],
    disturb: impl Future<Output = Result<()>>,
) -> Result<Violations> {
    let mut browser = stage.sim.browser()?;
    browser.retry_for = DOWN_PATIENCE;
    let mut running = JoinSet::new();
    for deed in deeds.iter().copied() {
        let place = if rng.below(2) == 0 { Place::Browser } else { *rng.choose(&Place::ALL) };
        let ds = *rng.choose(&["ds-a", "ds-b"]);
        let mut options = stage.options(&rng.choose(&Issuer::ALL).pan(deed.card()));
        options.version = Some((*rng.choose(&VERSIONS)).to_owned());
        let issuer = IssuerSystems::for_endpoints(&stage.acs.endpoints())?;
        options.word = deed.word().map(|word| (issuer, word.to_owned()));
        options.skip_method = rng.below(2) == 0;
        options.rreq_patience = DOWN_PATIENCE;
        let network = stage.sim.network_named(ds)?.clone();
        match place {
            Place::Browser => {
                options.steps = deed.steps();
                options.order.session_data = Some("c2Vzc2lvbg".to_owned());
                let browser = browser.clone();
                running.spawn(async move {
                    let paid = make(&network.merchant, &browser, &options).await;
                    (deed, place, network, paid)
                });
            }
            Place::App(interface, encryption) => {
                let mut sdk = stage.sim.sdk(ds)?;
                (sdk.interface, sdk.encryption) = (interface, encryption);
                sdk.retry_for = DOWN_PATIENCE;
                running.spawn(async move {
                    let paid = in_app::make(&network.merchant, &sdk, &options, deed).await;
                    (deed, place, network, paid)
                });
            }
        }
    }
    disturb.await?;
    let mut violations = Vec::new();
    while let Some(ended) = running.join_next().await {
        let (deed, place, network, paid) = ended?;
        let named = |what: String| format!("{place:?}: {what}");
        match paid {
            Ok(receipt) => {
                let found = judge(deed, &receipt, &network.directory);
                violations.extend(found.into_iter().map(named));
            }
            Err(error) => {
                violations.push(named(format!("{deed:?} did not come to an end: {error:#}")));
            }
        }
    }
    Ok(violations)
}

async fn make(
    merchant: &ds_simulator::merchant::ThreeDsServer,
    browser: &Browser,
    options: &PayOptions,
) -> Result<Receipt> {
    tokio::time::timeout(Duration::from_secs(90), pay(merchant, browser, options)).await?
}

/// One result, the same everywhere.
fn judge(
    deed: Deed,
    receipt: &Receipt,
    directory: &ds_simulator::directory::DirectoryServer,
) -> Violations {
    let named = |what: &str| format!("{deed:?} in {} ({}): {what}", receipt.version, receipt.id);
    let mut found: Violations = receipt.problems.iter().map(|problem| named(problem)).collect();
    if receipt.status.as_deref() != Some(deed.status()) {
        found.push(named(&format!("ended as {:?}, expected {}", receipt.status, deed.status())));
    }
    let rreqs =
        receipt.acs_trans_id.as_deref().map(|id| directory.rreqs_received(id)).unwrap_or_default();
    if rreqs.windows(2).any(|pair| pair[0] != pair[1]) {
        found.push(named(&format!("{} RReqs that differ", rreqs.len())));
    }
    match (deed, rreqs.is_empty()) {
        (Deed::Frictionless, false) => found.push(named("an RReq without a challenge")),
        (Deed::Frictionless, true) | (_, false) => {}
        (_, true) => found.push(named("a challenge without an RReq")),
    }
    if deed != Deed::Frictionless && receipt.cres_status.as_deref() != Some(deed.status()) {
        found.push(named(&format!("the CRes says {:?}", receipt.cres_status)));
    }
    found
}

/// Starts the service again whenever it has ended, until told to stop.
#[derive(Debug)]
pub struct Keeper {
    stop: Arc<AtomicBool>,
    restarts: Arc<AtomicUsize>,
}

impl Keeper {
    /// A keeper not yet at work.
    #[must_use]
    pub fn new() -> Self {
        Self { stop: Arc::default(), restarts: Arc::default() }
    }

    /// Times the service was started again.
    #[must_use]
    pub fn restarts(&self) -> usize {
        self.restarts.load(Ordering::SeqCst)
    }

    /// No further restarts.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::SeqCst);
    }

    /// Restarts `acs` each time it is gone.
    ///
    /// # Errors
    /// When a restart fails.
    pub async fn watch(&self, acs: &Acs) -> Result<()> {
        while !self.stop.load(Ordering::SeqCst) {
            if acs.has_exited() {
                acs.kill_9();
                acs.start().await?;
                self.restarts.fetch_add(1, Ordering::SeqCst);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }
}

impl Default for Keeper {
    fn default() -> Self {
        Self::new()
    }
}

/// Sends `count` AReqs at once, kills the service as the answer number `kill_at` arrives, starts it
/// again, and holds it to every answer that arrived: the same AReq gets the same ARes, and a C can
/// be challenged.
///
/// # Errors
/// When the service does not start again.
pub async fn burst(stage: &Stage, rng: &mut Rng, count: usize) -> Result<Violations> {
    let ds = stage.raw_ds("ds-a");
    let kill_at = 1 + usize::try_from(rng.below(count as u64 / 2))?;
    let answered = Arc::new(AtomicUsize::new(0));
    let mut running = JoinSet::new();
    for _ in 0..count {
        let version = *rng.choose(&VERSIONS);
        let card = *rng.choose(&[Card::Sms, Card::App, Card::Frictionless]);
        let areq = Bytes::from(ds.areq(version, &Issuer::Alpha.pan(card)).to_string());
        let (ds, answered, killer) = (ds.clone(), Arc::clone(&answered), stage.acs.killer());
        running.spawn(async move {
            let answer = send(&ds, &areq, &answered, &killer, kill_at).await;
            (areq, answer)
        });
    }
    let mut acknowledged = Vec::new();
    while let Some(ended) = running.join_next().await {
        let (areq, answer) = ended?;
        if let Some(ares) = answer {
            acknowledged.push((areq, ares));
        }
    }
    stage.acs.kill_9();
    stage.acs.start().await?;
    held_to(&ds, &stage.tab(), &acknowledged).await
}

async fn send(
    ds: &RawDs,
    areq: &Bytes,
    answered: &AtomicUsize,
    killer: &Killer,
    kill_at: usize,
) -> Option<Bytes> {
    let answer = ds.exchange(areq.clone()).await.ok()?;
    if answered.fetch_add(1, Ordering::SeqCst) + 1 == kill_at {
        killer.kill();
    }
    (answer.status == 200).then_some(answer.body)
}

async fn held_to(ds: &RawDs, tab: &Tab, acknowledged: &[(Bytes, Bytes)]) -> Result<Violations> {
    let mut violations = Vec::new();
    for (areq, ares) in acknowledged {
        let ares_json: Value = serde_json::from_slice(ares)?;
        let id = member(&ares_json, "acsTransID").to_owned();
        let again = ds.exchange(areq.clone()).await?;
        if again.body != *ares {
            let text = String::from_utf8_lossy(&again.body).into_owned();
            let text: String = text.chars().take(200).collect();
            violations.push(format!("{id}: the ARes was forgotten: HTTP {} {text}", again.status));
            continue;
        }
        if ares_json["transStatus"] != "C" {
            continue;
        }
        let creq = ds_simulator::message::creq(
            member(&ares_json, "messageVersion"),
            member(&ares_json, "threeDSServerTransID"),
            &id,
            "02",
        );
        let page = tab.creq(&creq, None).await?;
        if page.code_form().is_none() {
            violations.push(format!("{id}: acknowledged as C, but now: {}", page.text()));
        }
    }
    Ok(violations)
}
