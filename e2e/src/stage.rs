//! A service with cards in it and the simulator's parties around it.

use std::path::PathBuf;
use std::sync::PoisonError;
use std::time::Duration;

use anyhow::{Context as _, Result};
use ds_simulator::browser::{codes_in, sent_in};
use ds_simulator::endpoints::PkiFiles;
use ds_simulator::merchant::Payment;
use ds_simulator::message::BrowserFacts;
use ds_simulator::pki::Identity;
use ds_simulator::trace::Event;
use ds_simulator::{
    CodeSource, Faults, IssuerSystems, NetworkConfig, PayOptions, Receipt, SimConfig, Simulator,
    pay,
};
use serde_json::Value;

use crate::acs::Acs;
use crate::cards::Issuer;
use crate::raw_ds::{self, RawDs};
use crate::tab::Tab;
use crate::{binaries, cards};

/// Everybody on one machine.
#[derive(Debug)]
pub struct Stage {
    pub acs: Acs,
    pub sim: Simulator,
}

/// A change to the configuration.
pub type ConfigEdit = Box<dyn FnOnce(&mut toml::Table)>;

/// How to set a stage.
#[derive(Default)]
pub struct Setup {
    /// Name of the traffic file; nothing is recorded without one.
    pub record: Option<&'static str>,
    /// Another binary than the one under test.
    pub binary: Option<PathBuf>,
    /// Changes to the configuration.
    pub config: Option<ConfigEdit>,
    pub faults: Faults,
    /// Told of every event in the simulator.
    pub observer: Option<ds_simulator::trace::Observer>,
}

impl std::fmt::Debug for Setup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Setup").field("record", &self.record).finish_non_exhaustive()
    }
}

impl Stage {
    /// A stage with the development configuration; its traffic is recorded as `name`.
    ///
    /// # Panics
    /// When it cannot be set: then no test means anything.
    pub async fn set(name: &'static str) -> Self {
        Self::set_with(Setup { record: Some(name), ..Setup::default() }).await
    }

    /// A stage whose configuration is changed first.
    ///
    /// # Panics
    /// As [`Self::set`].
    pub async fn set_configured(
        name: &'static str,
        config: impl FnOnce(&mut toml::Table) + 'static,
    ) -> Self {
        let config: ConfigEdit = Box::new(config);
        Self::set_with(Setup { record: Some(name), config: Some(config), ..Setup::default() }).await
    }

    /// A stage as `setup` wants it.
    ///
    /// # Panics
    /// As [`Self::set`].
    pub async fn set_with(setup: Setup) -> Self {
        Self::try_set(setup).await.expect("the stage can be set")
    }

    async fn try_set(setup: Setup) -> Result<Self> {
        let acs = Acs::install_with_cards(setup.binary.clone().unwrap_or_else(binaries::acs))?;
        if let Some(edit) = setup.config {
            acs.edit_config(edit)?;
        }
        acs.start().await?;
        let record = setup.record.map(traffic_file).transpose()?;
        let sim = Simulator::start(SimConfig {
            networks: ["ds-a", "ds-b"].map(|ds| network(&acs, ds)).into(),
            acs_method: Some(acs.cardholder_url("/3ds/method")),
            shop_port: acs.ports().shop,
            control_port: None,
            ca: raw_ds::roots(&acs),
            shop_identity: Identity::in_dir(&acs.pki().join("web"), "shop-ec"),
            cards: None,
            outbox: Some(acs.outbox()),
            record,
            observer: setup.observer,
            faults: setup.faults,
            issuer: None,
        })
        .await?;
        Ok(Self { acs, sim })
    }

    /// A payment of 20,000 yen, which is challenged unless the card says otherwise.
    #[must_use]
    pub fn options(&self, pan: &str) -> PayOptions {
        let mut options = PayOptions::new(pan, "20000", CodeSource::Outbox(self.acs.outbox()));
        options.order = ds_simulator::message::Order { pan: pan.to_owned(), ..raw_ds::order() };
        options
    }

    /// [`Self::options`], approved wherever the issuer's systems are asked.
    ///
    /// # Panics
    /// When the endpoints do not tell where the issuer's systems are heard.
    #[must_use]
    pub fn options_approved(&self, pan: &str) -> PayOptions {
        let mut options = self.options(pan);
        let systems = IssuerSystems::for_endpoints(&self.acs.endpoints()).expect("their endpoints");
        options.word = Some((systems, "approved".to_owned()));
        options
    }

    /// Makes a payment through `ds`.
    ///
    /// # Panics
    /// When a party cannot be reached.
    pub async fn pay(&self, ds: &str, options: &PayOptions) -> Receipt {
        self.try_pay(ds, options).await.expect("every party answers")
    }

    /// Makes a payment through `ds`.
    ///
    /// # Errors
    /// When a party cannot be reached.
    pub async fn try_pay(&self, ds: &str, options: &PayOptions) -> Result<Receipt> {
        let network = self.sim.network_named(ds)?;
        pay(&network.merchant, &self.sim.browser()?, options).await
    }

    /// Sends the AReq of a payment through DS A, without the 3DS Method, and stops there.
    ///
    /// # Panics
    /// When a party cannot be reached.
    pub async fn begin(&self, options: &PayOptions) -> Payment {
        let merchant = &self.sim.network().merchant;
        let version = options.version.as_deref();
        let opened = merchant.start(options.order.clone(), version).await.expect("PRes");
        let facts = BrowserFacts::default();
        merchant.authenticate(&opened.id, "N", &facts).await.expect("the payment is known")
    }

    /// [`Self::begin`] of a card that must be challenged, in `version`: the payment and its CReq.
    ///
    /// # Panics
    /// When it is not challenged.
    pub async fn challenged(&self, pan: &str, version: &str) -> (Payment, Value) {
        let mut options = self.options(pan);
        options.version = Some(version.to_owned());
        let payment = self.begin(&options).await;
        assert!(payment.challenged(), "no challenge: {:?}", payment.ares);
        let creq = self.sim.network().merchant.creq(&payment).expect("a CReq");
        (payment, creq)
    }

    /// The payment once its RReq has come.
    ///
    /// # Panics
    /// When none comes within 20 seconds.
    pub async fn result(&self, payment: &Payment) -> Value {
        let merchant = &self.sim.network().merchant;
        let patience = Duration::from_secs(20);
        let ready = merchant.wait_until(&payment.id, patience, |p| p.rreq.is_some()).await;
        ready.and_then(|payment| payment.rreq).expect("an RReq within 20 s")
    }

    /// A tab on the challenge pages.
    ///
    /// # Panics
    /// When the roots cannot be read.
    #[must_use]
    pub fn tab(&self) -> Tab {
        let url = self.acs.cardholder_url("/3ds/challenge/browser");
        Tab::new(&raw_ds::roots(&self.acs), url).expect("roots")
    }

    /// A hostile stand-in for `ds`; RReqs would go to the honest one.
    ///
    /// # Panics
    /// When the PKI cannot be read.
    #[must_use]
    pub fn raw_ds(&self, ds: &str) -> RawDs {
        RawDs::new(&self.acs, ds, &self.ds_url(ds)).expect("the PKI")
    }

    /// `dsURL` of the honest `ds`.
    ///
    /// # Panics
    /// When there is none of that name.
    #[must_use]
    pub fn ds_url(&self, ds: &str) -> String {
        format!("{}/rreq", self.sim.network_named(ds).expect("two networks").directory.url())
    }

    /// The codes sent for a transaction so far.
    #[must_use]
    pub fn codes(&self, acs_trans_id: &str) -> Vec<String> {
        codes_in(&self.acs.outbox(), acs_trans_id)
    }

    /// Waits for the `count`th code of a transaction.
    ///
    /// # Errors
    /// When it does not come within 20 seconds.
    pub async fn code(&self, acs_trans_id: &str, count: usize) -> Result<String> {
        for _ in 0..400 {
            if let Some(code) = self.codes(acs_trans_id).get(count - 1) {
                return Ok(code.clone());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        anyhow::bail!("no code {count} for {acs_trans_id} within 20 s")
    }

    /// Waits for the newest code of a transaction that went by `sms` or `email`.
    ///
    /// # Errors
    /// When none comes within 20 seconds.
    pub async fn code_to(&self, acs_trans_id: &str, channel: &str) -> Result<String> {
        for _ in 0..400 {
            let sent = sent_in(&self.acs.outbox(), acs_trans_id);
            if let Some((_, code)) = sent.into_iter().rev().find(|(way, _)| way == channel) {
                return Ok(code);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        anyhow::bail!("no code by {channel} for {acs_trans_id} within 20 s")
    }

    /// What happened in a payment, oldest first.
    ///
    /// # Panics
    /// When the payment is not known.
    #[must_use]
    pub fn events(&self, payment_id: &str) -> Vec<Event> {
        self.sim.trace().get(payment_id).expect("a trace").events
    }

    /// Waits for an event of a payment that `wanted` accepts.
    ///
    /// # Errors
    /// When none comes within 20 seconds.
    pub async fn wait_event(
        &self,
        payment_id: &str,
        wanted: impl Fn(&Event) -> bool,
    ) -> Result<Event> {
        for _ in 0..400 {
            if let Some(event) = self.events(payment_id).into_iter().find(&wanted) {
                return Ok(event);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        anyhow::bail!("no such event within 20 s")
    }
}

/// A code that is not `code`, of the same shape.
#[must_use]
pub fn wrong(code: &str) -> String {
    let turned = |c: char| match c {
        '0'..='8' => char::from(c as u8 + 1),
        '9' => '0',
        'A' | 'a' => 'B',
        _ => 'A',
    };
    code.chars().enumerate().map(|(at, c)| if at == 0 { turned(c) } else { c }).collect()
}

/// Member `name` of a message, or an empty text.
#[must_use]
pub fn member<'a>(message: &'a Value, name: &str) -> &'a str {
    message[name].as_str().unwrap_or_default()
}

fn network(acs: &Acs, ds: &str) -> NetworkConfig {
    let ports = acs.ports();
    NetworkConfig {
        name: ds.to_owned(),
        acs_areq: acs.areq_url(ds),
        ds_port: if ds == "ds-b" { ports.ds_b } else { ports.ds_a },
        three_ds_server_port: if ds == "ds-b" {
            ports.threeds_server_b
        } else {
            ports.threeds_server_a
        },
        pki: PkiFiles::in_dir(&acs.pki(), ds),
    }
}

/// `$E2E_TRAFFIC_DIR/NAME.jsonl`, by default below `target/e2e-traffic`; emptied once per process.
///
/// # Errors
/// When the folder cannot be written.
pub fn traffic_file(name: &str) -> Result<PathBuf> {
    static EMPTIED: std::sync::Mutex<Vec<String>> = std::sync::Mutex::new(Vec::new());
    let folder = std::env::var_os("E2E_TRAFFIC_DIR")
        .map_or_else(|| binaries::target().join("e2e-traffic"), PathBuf::from);
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let path = folder.join(format!("{name}.jsonl"));
    let mut emptied = EMPTIED.lock().unwrap_or_else(PoisonError::into_inner);
    if !emptied.iter().any(|done| done == name) {
        std::fs::write(&path, b"")?;
        emptied.push(name.to_owned());
    }
    Ok(path)
}

/// The number of an issuer's card.
#[must_use]
pub fn pan(issuer: Issuer, card: cards::Card) -> String {
    issuer.pan(card)
}
