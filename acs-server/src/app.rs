//! What every handler and the driver share: made once by [`crate::boot`], never changed after.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use acs_core::crypto::AuthenticationValueGenerator;
use acs_core::element::{MessageVersion, Pan};
use acs_core::message::ReadRules;
use acs_core::profile::{DsProfile, IssuerProfile};
use arc_swap::ArcSwapOption;
use aws_lc_rs::hmac;
use metrics_exporter_prometheus::PrometheusHandle;

use crate::clock::Clock;
use crate::config::{self, Config, RReqTargets};
use crate::driver::{Desk, unpoisoned};
use crate::gateway::OtpGateway;
use crate::shutdown::Shutdown;
use crate::signing::Signing;
use crate::storage::Store;
use crate::vault::Vault;

/// The service as handlers see it.
#[derive(Debug)]
pub struct App {
    /// As loaded; see [`Config::is_production`], [`Config::limits`], [`Config::protocol`].
    pub config: Config,
    /// In the order of the configuration; [`DsPeer::ds`] is an index into it.
    pub ds: Vec<DsRuntime>,
    pub issuers: Vec<IssuerRuntime>,
    pub store: Arc<dyn Store>,
    pub vault: Arc<Vault>,
    pub clock: Arc<dyn Clock>,
    pub readiness: Readiness,
    pub shutdown: Shutdown,
    /// What handlers and driver share in memory.
    pub desk: Desk,
    /// Renders what the `metrics` macros counted; `None` where no recorder was installed (tests).
    pub metrics: Option<MetricsHandle>,
}

/// A directory server, ready to use.
#[derive(Clone)]
pub struct DsRuntime {
    pub profile: DsProfile,
    pub read_rules: ReadRules,
    pub generator: Arc<dyn AuthenticationValueGenerator>,
    /// For RReqs: our client identity, this DS's roots, and a check of this DS's name.
    pub rreq_client: Arc<rustls::ClientConfig>,
    pub rreq_targets: RReqTargets,
    /// A dsURL that was found to be within them: the next AReq mostly has the same.
    pub known_ds_url: Arc<ArcSwapOption<String>>,
    /// Signs acsSignedContent, where configured.
    pub signing: Option<Arc<Signing>>,
}

/// An issuer, ready to use.
#[derive(Debug, Clone)]
pub struct IssuerRuntime {
    pub profile: IssuerProfile,
    /// Ranges, locales, names, phone and gateway.
    pub config: config::Issuer,
    /// Where its one-time passwords go.
    pub gateway: Arc<dyn OtpGateway>,
    /// Under which its systems sign their requests.
    pub api_key: Option<hmac::Key>,
}

/// Who sent a request to a `ds` listener: a request extension there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DsPeer {
    /// Index into [`App::ds`]: the socket's DS, whose roots the peer's certificate chains to.
    pub ds: usize,
    /// Whether the certificate carries one of the DS's names; otherwise each message gets Erro 303
    /// [P-AREQ-01].
    pub name_ok: bool,
}

/// A peer's address: a request extension on every listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerAddress(pub std::net::SocketAddr);

impl App {
    /// The issuer of a card as far as `ds` may ask for it; `None` for foreign ranges.
    #[must_use]
    pub fn issuer_of(&self, ds: usize, pan: &Pan) -> Option<&IssuerRuntime> {
        let ds_id = &self.ds.get(ds)?.profile.id;
        self.issuers
            .iter()
            .find(|issuer| issuer.config.ds.contains(ds_id) && issuer.config.issues(pan))
    }

    /// The issuer of a stored row.
    #[must_use]
    pub fn issuer(&self, id: &str) -> Option<&IssuerRuntime> {
        self.issuers.iter().find(|issuer| issuer.profile.id == id)
    }

    /// The DS of a stored row.
    #[must_use]
    pub fn ds(&self, id: &str) -> Option<&DsRuntime> {
        self.ds.iter().find(|ds| ds.profile.id == id)
    }
}

impl DsRuntime {
    /// Versions to name when another one was asked for.
    #[must_use]
    pub fn versions(&self) -> &[MessageVersion] {
        &self.profile.versions
    }
}

impl fmt::Debug for DsRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DsRuntime").field("profile", &self.profile).finish_non_exhaustive()
    }
}

/// The recorder's handle.
#[derive(Clone)]
pub struct MetricsHandle(pub PrometheusHandle);

impl fmt::Debug for MetricsHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MetricsHandle(..)")
    }
}

/// Latches that must all be released before traffic may come, and the loop that must go on for it.
#[derive(Debug, Default)]
pub struct Readiness {
    latches: [AtomicBool; Latch::ALL.len()],
    /// When the loop that fires deadlines made its last whole turn.
    turned: Mutex<Option<Instant>>,
}

/// What readiness waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Latch {
    StoreOpen,
    ListenersBound,
    DeadlinesRecovered,
}

impl Latch {
    pub const ALL: [Self; 3] = [Self::StoreOpen, Self::ListenersBound, Self::DeadlinesRecovered];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::StoreOpen => "store-open",
            Self::ListenersBound => "listeners-bound",
            Self::DeadlinesRecovered => "deadlines-recovered",
        }
    }
}

impl Readiness {
    pub fn release(&self, latch: Latch) {
        self.latches[latch as usize].store(true, Ordering::Release);
    }

    /// The latches still held; empty when ready.
    #[must_use]
    pub fn held(&self) -> Vec<Latch> {
        let open = |latch: &Latch| self.latches[*latch as usize].load(Ordering::Acquire);
        Latch::ALL.into_iter().filter(|latch| !open(latch)).collect()
    }

    /// The loop that fires deadlines made a turn.
    pub fn note_turn(&self, now: Instant) {
        *unpoisoned(&self.turned) = Some(now);
    }

    /// Whether that loop stands still: challenges would begin and not end.
    #[must_use]
    pub fn stands_still(&self, now: Instant) -> bool {
        let turned = *unpoisoned(&self.turned);
        turned.is_some_and(|turned| now.saturating_duration_since(turned) > LONGEST_TURN)
    }
}

/// A turn takes a quarter of a second and what is due; a store that hangs for so long serves nobody.
const LONGEST_TURN: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_that_made_no_turn_for_long_stands_still() {
        let (readiness, start) = (Readiness::default(), Instant::now());
        assert!(!readiness.stands_still(start + LONGEST_TURN * 2), "it waits for its first turn");
        readiness.note_turn(start);
        assert!(!readiness.stands_still(start + LONGEST_TURN));
        assert!(readiness.stands_still(start + LONGEST_TURN + Duration::from_millis(1)));
        readiness.note_turn(start + LONGEST_TURN * 2);
        assert!(!readiness.stands_still(start + LONGEST_TURN * 2));
    }
}
