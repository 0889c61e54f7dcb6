//! Starts the simulator's roles on loopback ports: directory servers, 3DS Servers, shop, control.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};

use tokio::task::AbortHandle;

use crate::bank_app::BankApp;
use crate::browser::Browser;
use crate::control;
use crate::directory::{DirectoryServer, DirectorySetup};
use crate::endpoints::{Endpoints, PkiFiles};
use crate::fault::Faults;
use crate::issuer::IssuerSystems;
use crate::link::Link;
use crate::listener::{self, Listening};
use crate::merchant::{MerchantSetup, ThreeDsServer};
use crate::pki::{self, Identity};
use crate::recorder::Recorder;
use crate::sdk::Sdk;
use crate::shop;
use crate::trace::{Observer, Trace};

/// One directory server with its 3DS Server; port 0 means a free one.
#[derive(Debug, Clone)]
pub struct NetworkConfig {
    pub name: String,
    /// Where the ACS takes AReqs of this directory server.
    pub acs_areq: String,
    pub ds_port: u16,
    pub three_ds_server_port: u16,
    pub pki: PkiFiles,
}

/// What to start.
#[derive(Clone)]
pub struct SimConfig {
    pub networks: Vec<NetworkConfig>,
    /// `threeDSMethodURL` to publish in PRes.
    pub acs_method: Option<String>,
    pub shop_port: u16,
    /// No control API without a port.
    pub control_port: Option<u16>,
    /// All roots a browser may meet.
    pub ca: PathBuf,
    /// Certificate of the shop, under the web root.
    pub shop_identity: Identity,
    /// Test cards to offer in the shop.
    pub cards: Option<PathBuf>,
    /// Where the ACS writes what it sends to cardholders.
    pub outbox: Option<PathBuf>,
    /// Append every message here, card numbers in clear.
    pub record: Option<PathBuf>,
    /// Told of every event as it happens.
    pub observer: Option<Observer>,
    pub faults: Faults,
    /// The issuers' systems: their app then answers by itself.
    pub issuer: Option<IssuerSystems>,
}

impl std::fmt::Debug for SimConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SimConfig").field("networks", &self.networks).finish_non_exhaustive()
    }
}

impl SimConfig {
    /// One network against the ACS of `endpoints`, on free ports.
    #[must_use]
    pub fn for_endpoints(endpoints: &Endpoints) -> Self {
        let network = endpoints.pki.ds_ca.parent().and_then(Path::file_name);
        Self {
            networks: vec![NetworkConfig {
                name: network.map_or_else(|| "ds-a".to_owned(), |n| n.to_string_lossy().into()),
                acs_areq: endpoints.acs.areq.clone(),
                ds_port: 0,
                three_ds_server_port: 0,
                pki: endpoints.pki.clone(),
            }],
            acs_method: endpoints.acs.method.clone(),
            shop_port: 0,
            control_port: None,
            ca: endpoints.pki.ca.clone(),
            shop_identity: Identity::in_dir(&endpoints.pki_dir().join("web"), "shop-ec"),
            cards: endpoints.cards.clone(),
            outbox: endpoints.outbox.clone(),
            record: None,
            observer: None,
            faults: Faults::default(),
            issuer: None,
        }
    }
}

/// A running simulator; dropping it closes every socket.
#[derive(Debug)]
pub struct Simulator {
    shared: Arc<Shared>,
    listeners: Vec<Listening>,
    control_port: Option<u16>,
    bank_app: Option<AbortHandle>,
}

impl Drop for Simulator {
    fn drop(&mut self) {
        if let Some(task) = &self.bank_app {
            task.abort();
        }
    }
}

/// A directory server and the 3DS Server under it.
#[derive(Debug, Clone)]
pub struct Network {
    pub name: String,
    pub directory: Arc<DirectoryServer>,
    pub merchant: Arc<ThreeDsServer>,
}

/// What pages and control API work on.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) networks: Vec<Network>,
    pub(crate) trace: Arc<Trace>,
    pub(crate) faults: Arc<Mutex<Faults>>,
    pub(crate) shop_url: String,
    pub(crate) control_url: Option<String>,
    pub(crate) cards: Option<PathBuf>,
    pub(crate) outbox: Option<PathBuf>,
    pub(crate) ca: PathBuf,
    pub(crate) bank_app: Option<Arc<BankApp>>,
}

impl Simulator {
    /// Binds every socket and starts serving.
    ///
    /// # Errors
    /// When a port is taken or a PKI file is missing.
    pub async fn start(config: SimConfig) -> Result<Self> {
        let recorder = config.record.as_deref().map(Recorder::open).transpose()?;
        let trace = Arc::new(Trace::new(recorder, config.observer));
        let faults = Arc::new(Mutex::new(config.faults));
        let (shop_socket, shop_port) = listener::bind(config.shop_port).await?;
        let shop_url = format!("https://localhost:{shop_port}");
        let mut listeners = Vec::new();
        let mut networks = Vec::new();
        for network in config.networks {
            let (ds_socket, ds_port) = listener::bind(network.ds_port).await?;
            let (own_socket, own_port) = listener::bind(network.three_ds_server_port).await?;
            let files = network.pki;
            let three_ds_server =
                Identity { cert: files.threeds_server_cert, key: files.threeds_server_key };
            let directory = DirectoryServer::new(
                DirectorySetup {
                    name: network.name.clone(),
                    acs_areq: network.acs_areq,
                    method_url: config.acs_method.clone(),
                    port: ds_port,
                    three_ds_server_oreq: format!("https://localhost:{own_port}/3dss/oreq"),
                    ca: files.ds_ca.clone(),
                    client: Identity { cert: files.ds_client_cert, key: files.ds_client_key },
                    server: Identity { cert: files.ds_server_cert, key: files.ds_server_key },
                },
                Arc::clone(&trace),
                Arc::clone(&faults),
            )?;
            let merchant = ThreeDsServer::new(
                MerchantSetup {
                    network: network.name.clone(),
                    ds_url: directory.url().to_owned(),
                    own_url: format!("https://localhost:{own_port}"),
                    shop_url: shop_url.clone(),
                    to_ds: Link::new(&files.ds_ca, Some(&three_ds_server))?,
                },
                Arc::clone(&trace),
                Arc::clone(&faults),
            );
            let own_tls = pki::server_config(&three_ds_server, Some(&files.ds_ca))?;
            listeners.push(listener::serve(
                ds_socket,
                Some(directory.tls()?),
                Arc::clone(&directory).router(),
            ));
            listeners.push(listener::serve(
                own_socket,
                Some(own_tls),
                Arc::clone(&merchant).router(),
            ));
            networks.push(Network { name: network.name, directory, merchant });
        }
        let control = match config.control_port {
            Some(port) => Some(listener::bind(port).await?),
            None => None,
        };
        let control_port = control.as_ref().map(|(_, port)| *port);
        let cards = config.cards.clone();
        let shared = Arc::new(Shared {
            networks,
            trace,
            faults,
            shop_url,
            control_url: control_port.map(|port| format!("http://127.0.0.1:{port}")),
            cards: config.cards.clone(),
            outbox: config.outbox,
            ca: config.ca,
            bank_app: config.issuer.map(|systems| BankApp::new(systems, cards)),
        });
        let bank_app = shared.bank_app.clone().map(|app| tokio::spawn(app.run()).abort_handle());
        let shop_tls = pki::server_config(&config.shop_identity, None)?;
        let shop = shop::router(Arc::clone(&shared));
        listeners.push(listener::serve(shop_socket, Some(shop_tls), shop));
        if let Some((socket, _)) = control {
            listeners.push(listener::serve(socket, None, control::router(Arc::clone(&shared))));
        }
        Ok(Self { shared, listeners, control_port, bank_app })
    }

    /// The first network.
    ///
    /// # Panics
    /// When the simulator was started without one.
    #[must_use]
    pub fn network(&self) -> &Network {
        &self.shared.networks[0]
    }

    /// The network called `name`.
    ///
    /// # Errors
    /// When there is none.
    pub fn network_named(&self, name: &str) -> Result<&Network> {
        self.shared
            .networks
            .iter()
            .find(|network| network.name == name)
            .with_context(|| format!("no network {name}"))
    }

    /// Every message so far.
    #[must_use]
    pub fn trace(&self) -> &Trace {
        &self.shared.trace
    }

    /// A browser that trusts this PKI and writes to this trace.
    ///
    /// # Errors
    /// When the roots cannot be read.
    pub fn browser(&self) -> Result<Browser> {
        Browser::new(&self.shared.ca, Arc::clone(&self.shared.trace))
    }

    /// An SDK under the directory server called `network`.
    ///
    /// # Errors
    /// When there is no such network, or the roots cannot be read.
    pub fn sdk(&self, network: &str) -> Result<Sdk> {
        let directory = Arc::clone(&self.network_named(network)?.directory);
        Sdk::new(&self.shared.ca, directory, Arc::clone(&self.shared.trace))
    }

    /// Changes what goes wrong on purpose, for all networks.
    pub fn set_faults(&self, faults: Faults) {
        *self.shared.faults.lock().unwrap_or_else(PoisonError::into_inner) = faults;
    }

    /// Base URL of the shop.
    #[must_use]
    pub fn shop_url(&self) -> &str {
        &self.shared.shop_url
    }

    /// Base URL of the control API, when it was asked for.
    #[must_use]
    pub fn control_url(&self) -> Option<&str> {
        self.control_port.and(self.shared.control_url.as_deref())
    }

    /// The outbox the ACS writes to, as far as it is known here.
    #[must_use]
    pub fn outbox(&self) -> Option<&Path> {
        self.shared.outbox.as_deref()
    }

    /// Number of open listeners.
    #[must_use]
    pub fn listener_count(&self) -> usize {
        self.listeners.len()
    }
}
