//! `[limits]`: everything is bounded (invariant 8).

use std::time::Duration;

use serde::Deserialize;

/// Bounds of the service.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Largest AReq, bytes; at least 307,200 [P-TRN-10].
    pub areq_bytes: usize,
    /// Largest OReq, bytes.
    pub oreq_bytes: usize,
    /// Parts of operational notices kept; the oldest go.
    pub notice_parts: u32,
    /// Largest form or JWE that carries a CReq, bytes; at least 131,072: a messageExtension may have
    /// 81,920 characters, and base64 makes four of three.
    pub creq_bytes: usize,
    /// Largest form of the challenge page, bytes.
    pub page_bytes: usize,
    /// Largest form of the 3DS Method, bytes.
    pub method_bytes: usize,
    /// 3DS Method runs kept in memory, in total and per address (invariant 14).
    pub method_runs: usize,
    pub method_runs_per_address: usize,
    /// How long the data of a 3DS Method run is kept.
    pub method_life_seconds: u32,
    /// Open connections per listener; more wait in the kernel's queue.
    pub connections: usize,
    /// Bytes that the requests of a listener hold together, heads and bodies; more get 503.
    pub request_bytes: usize,
    /// TLS handshake, whole.
    pub handshake_seconds: u32,
    /// Arrival of a request's head; also how long an idle connection stays open.
    pub header_seconds: u32,
    /// Arrival of a request's body.
    pub body_seconds: u32,
    /// Requests still running at shutdown get this long.
    pub drain_seconds: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            areq_bytes: 524_288,
            oreq_bytes: 524_288,
            notice_parts: 10_000,
            creq_bytes: 262_144,
            page_bytes: 16_384,
            method_bytes: 65_536,
            method_runs: 20_000,
            method_runs_per_address: 500,
            method_life_seconds: 3_600,
            connections: 4_096,
            request_bytes: 256 * 1024 * 1024,
            handshake_seconds: 10,
            header_seconds: 60,
            body_seconds: 20,
            drain_seconds: 10,
        }
    }
}

impl Limits {
    #[must_use]
    pub fn handshake(&self) -> Duration {
        Duration::from_secs(self.handshake_seconds.into())
    }

    #[must_use]
    pub fn header(&self) -> Duration {
        Duration::from_secs(self.header_seconds.into())
    }

    #[must_use]
    pub fn body(&self) -> Duration {
        Duration::from_secs(self.body_seconds.into())
    }

    #[must_use]
    pub fn drain(&self) -> Duration {
        Duration::from_secs(self.drain_seconds.into())
    }
}
