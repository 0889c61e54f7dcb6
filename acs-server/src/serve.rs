//! Runs the service: listeners, driver, and an orderly end.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::app::{App, Latch};
use crate::config::Config;
use crate::http::{Shortcut, router};
use crate::listener::{DsNames, Listener};
use crate::shutdown::signalled;
use crate::{boot, crash, driver, signing, telemetry, tls};

/// Serves until SIGTERM or SIGINT.
///
/// # Errors
/// When something cannot be opened or a socket is taken; nothing was served then.
pub async fn run(config: Config) -> anyhow::Result<()> {
    let metrics = telemetry::start_metrics()?;
    telemetry::hook_panics();
    arm_crash(&config)?;
    // Signals count from here on: one that comes while the sockets open still ends the service.
    let signal = tokio::spawn(signalled());
    let app = tokio::task::spawn_blocking(move || boot::app(config, Some(metrics))).await??;
    let app = Arc::new(app);
    let service = Service::start(&app).await?;
    let came = signal.await?.context("signals cannot be waited for")?;
    tracing::info!(signal = came, "stopping");
    service.stop().await;
    tracing::info!("stopped");
    Ok(())
}

/// The running service.
#[derive(Debug)]
pub struct Service {
    app: Arc<App>,
    /// Name and bound address of each listener.
    pub addresses: Vec<(String, SocketAddr)>,
    listeners: Vec<JoinHandle<()>>,
    /// Loops that run until the end.
    background: [JoinHandle<()>; 2],
}

impl Service {
    /// Binds every socket, then serves them all.
    ///
    /// # Errors
    /// When a socket cannot be bound or its certificates cannot be loaded.
    pub async fn start(app: &Arc<App>) -> anyhow::Result<Self> {
        let mut addresses = Vec::new();
        let mut bound = Vec::new();
        for listener in listeners(app).await? {
            let address = listener.socket.local_addr()?;
            addresses.push((listener.name.to_owned(), address));
            bound.push(listener);
        }
        for listener in &bound {
            announce(app, listener);
        }
        let spawn = |listener: Listener| listener.spawn(&app.config.limits, &app.shutdown);
        let listeners = bound.into_iter().map(spawn).collect();
        app.readiness.release(Latch::ListenersBound);
        let background = [driver::spawn(app), signing::spawn(app)];
        Ok(Self { app: Arc::clone(app), addresses, listeners, background })
    }

    /// Stops accepting, lets running requests end, and closes the store.
    pub async fn stop(self) {
        self.app.shutdown.begin();
        for listener in self.listeners {
            // A listener that panicked has nothing left to drain.
            let _ = listener.await;
        }
        self.background.iter().for_each(JoinHandle::abort);
        if let Err(error) = self.app.store.close().await {
            tracing::error!(%error, "the store did not close");
        }
    }
}

async fn listeners(app: &Arc<App>) -> anyhow::Result<Vec<Listener>> {
    let config = &app.config;
    let mut listeners = Vec::new();
    for (index, ds) in config.ds.iter().enumerate() {
        let tls = tls::ds_server(ds).with_context(|| format!("ds \"{}\"", ds.id))?;
        listeners.push(Listener {
            name: "ds",
            socket: bind(ds.listen).await?,
            tls: Some(Arc::new(tls)),
            ds: Some(DsNames { ds: index, peer_names: ds.peer_names.clone() }),
            router: router::ds(Arc::clone(app)),
            shortcut: Some(Shortcut::areq(Arc::clone(app))),
        });
    }
    let tls = tls::cardholder_server(&config.tls.cardholder.certificates)?;
    listeners.push(Listener {
        name: "cardholder",
        socket: bind(config.listen.cardholder).await?,
        tls: Some(Arc::new(tls)),
        ds: None,
        router: router::cardholder(Arc::clone(app)),
        shortcut: Some(Shortcut::app_creq(Arc::clone(app))),
    });
    if let (Some(address), Some(tls)) = (config.listen.issuer, &config.tls.issuer) {
        listeners.push(Listener {
            name: "issuer",
            socket: bind(address).await?,
            tls: Some(Arc::new(tls::cardholder_server(&tls.certificates)?)),
            ds: None,
            router: router::issuer(Arc::clone(app)),
            shortcut: None,
        });
    }
    listeners.push(Listener {
        name: "ops",
        socket: bind(config.listen.ops).await?,
        tls: None,
        ds: None,
        router: router::ops(Arc::clone(app)),
        shortcut: None,
    });
    Ok(listeners)
}

async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("{address} cannot be listened on: is another process there?"))
}

fn announce(app: &App, listener: &Listener) {
    let scheme = if listener.tls.is_some() { "https" } else { "http" };
    let Ok(address) = listener.socket.local_addr() else { return };
    let url = format!("{scheme}://{address}");
    match &listener.ds {
        Some(ds) => {
            let ds = &app.ds[ds.ds].profile.id;
            tracing::info!(listener = listener.name, ds, url, "listening");
        }
        None => tracing::info!(listener = listener.name, url, "listening"),
    }
}

fn arm_crash(config: &Config) -> anyhow::Result<()> {
    match std::env::var(crash::VARIABLE) {
        Ok(_) if config.is_production() => {
            tracing::warn!("{} is ignored in production", crash::VARIABLE);
            Ok(())
        }
        Ok(setting) => crash::arm(&setting).map_err(anyhow::Error::msg),
        Err(_) => Ok(()),
    }
}
