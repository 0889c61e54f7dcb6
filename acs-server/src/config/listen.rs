//! `[listen]` and `[public]`: sockets, and the addresses others know us by. The sockets of
//! directory servers stand in their `[[ds]]` tables.

use std::net::{Ipv4Addr, SocketAddr};

use serde::Deserialize;
use url::Url;

/// Sockets for cardholders, issuers' systems and probes.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Listen {
    /// TLS, for browsers and SDKs.
    pub cardholder: SocketAddr,
    /// TLS, for issuers' systems; none unless given.
    pub issuer: Option<SocketAddr>,
    /// Plain HTTP, for probes and metrics; loopback.
    pub ops: SocketAddr,
}

impl Default for Listen {
    fn default() -> Self {
        Self {
            cardholder: SocketAddr::from((Ipv4Addr::LOCALHOST, 8444)),
            issuer: None,
            ops: SocketAddr::from((Ipv4Addr::LOCALHOST, 8446)),
        }
    }
}

/// How the outside reaches this service.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Public {
    /// Origin of acsURL and 3DS Method URL, such as `https://acs.example`.
    #[serde(deserialize_with = "super::url")]
    pub cardholder_url: Url,
}

impl Public {
    /// acsURL of browser challenges.
    #[must_use]
    pub fn challenge_browser_url(&self) -> String {
        self.below("3ds/challenge/browser")
    }

    /// acsURL of app challenges.
    #[must_use]
    pub fn challenge_app_url(&self) -> String {
        self.below("3ds/challenge/app")
    }

    /// 3DS Method URL.
    #[must_use]
    pub fn method_url(&self) -> String {
        self.below("3ds/method")
    }

    fn below(&self, path: &str) -> String {
        format!("{}/{path}", self.cardholder_url.origin().ascii_serialization())
    }
}
