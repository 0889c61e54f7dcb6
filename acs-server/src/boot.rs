//! Builds the service from its configuration: keys, store, directory servers, issuers.

use std::sync::Arc;
use std::time::Duration;

use acs_core::crypto::{AuthenticationValueGenerator, HmacSha256Generator};
use acs_core::profile::DsProfile;
use acs_core::security_code::SecurityCodeKey;
use anyhow::{Context as _, Error, anyhow, bail};
use aws_lc_rs::hmac;
use rustls_pki_types::UnixTime;
use zeroize::Zeroizing;

use crate::app::{App, DsRuntime, IssuerRuntime, Latch, MetricsHandle, Readiness};
use crate::clock::{Clock, MovableClock, SystemClock};
use crate::config::ds::SystemLogo;
use crate::config::{self, Config};
use crate::driver::Desk;
use crate::gateway;
use crate::key_file;
use crate::shutdown::Shutdown;
use crate::signing::Signing;
use crate::storage::sqlite::{SqliteOptions, SqliteStore};
use crate::tls;
use crate::vault::Vault;

/// Opens everything that `config` names. Blocks for files and for the database.
///
/// # Errors
/// The first thing that cannot be opened, with its file.
pub fn app(config: Config, metrics: Option<MetricsHandle>) -> anyhow::Result<App> {
    tls::install_provider();
    let vault = Arc::new(Vault::load(&config.keys.file)?);
    let path = &config.storage.path;
    let options = SqliteOptions {
        reply_window: Duration::from_secs(config.protocol.areq_repeat_seconds.into()),
        ..SqliteOptions::default()
    };
    let store = SqliteStore::open(path, Arc::clone(&vault), options)
        .with_context(|| format!("opening the database {}", path.display()))?;
    let readiness = Readiness::default();
    readiness.release(Latch::StoreOpen);
    Ok(App {
        ds: config.ds.iter().map(directory_server).collect::<Result<_, _>>()?,
        issuers: issuers(&config)?,
        store: Arc::new(store),
        vault,
        clock: clock(&config),
        readiness,
        shutdown: Shutdown::default(),
        desk: Desk::new(&config.limits),
        metrics,
        config,
    })
}

fn directory_server(ds: &config::Ds) -> anyhow::Result<DsRuntime> {
    let of = || format!("ds \"{}\"", ds.id);
    let logo = ds.logo.as_ref().map(SystemLogo::load).transpose();
    let logo = logo.map_err(Error::msg).with_context(of)?;
    Ok(DsRuntime {
        profile: DsProfile { logo, ..ds.profile() },
        read_rules: ds.read_rules(),
        generator: generator(&ds.authentication_value).with_context(of)?,
        rreq_client: Arc::new(tls::rreq_client(ds).with_context(of)?),
        rreq_targets: ds.rreq_targets.clone(),
        known_ds_url: Arc::default(),
        signing: ds
            .signing
            .as_ref()
            .map(|signing| Arc::new(Signing::open(signing, &ds.client_ca, UnixTime::now()))),
    })
}

fn issuers(config: &Config) -> anyhow::Result<Vec<IssuerRuntime>> {
    let mut keys: Vec<Zeroizing<[u8; 32]>> = Vec::new();
    let mut open = |issuer: &config::Issuer| {
        let gateway = gateway::open(&issuer.otp.gateway)
            .map_err(|error| anyhow!("issuer \"{}\": {error}", issuer.id))?;
        let mut profile = issuer.profile(&config.protocol, &config.public);
        let codes = issuer.security_code.as_ref();
        let codes_key = codes.map(|codes| key_file::load(&codes.key_file)).transpose()?;
        profile.security_code_key = codes_key.map(|key| SecurityCodeKey::new(&key));
        let api_key = issuer.api.as_ref().map(|api| key_file::load(&api.key_file)).transpose()?;
        // The configuration compares the names of the files; a copy of one is no key of one's own.
        if let Some(key) = &api_key {
            if keys.contains(key) {
                bail!("issuer \"{}\" has the api key of another issuer: make it one", issuer.id);
            }
            keys.push(key.clone());
        }
        let api_key = api_key.map(|key| hmac::Key::new(hmac::HMAC_SHA256, key.as_slice()));
        profile.logo =
            issuer.load_logo().map_err(|error| anyhow!("issuer \"{}\": {error}", issuer.id))?;
        Ok(IssuerRuntime { profile, config: issuer.clone(), gateway, api_key })
    };
    config.issuer.iter().map(&mut open).collect()
}

fn clock(config: &Config) -> Arc<dyn Clock> {
    if config.clock_is_movable() {
        Arc::new(MovableClock::default())
    } else {
        Arc::new(SystemClock)
    }
}

/// What makes the authentication values of a DS.
fn generator(
    value: &config::ds::AuthenticationValue,
) -> anyhow::Result<Arc<dyn AuthenticationValueGenerator>> {
    let config::ds::AuthenticationValue::HmacSha256 { key_file, key_id } = value;
    let key = key_file::load(key_file)?;
    Ok(Arc::new(HmacSha256Generator::new(*key, *key_id)))
}
