//! EMV 3-D Secure protocol core of an Access Control Server: messages, validation, decisions and
//! flows as values in, values out.
//!
//! This crate never waits, opens a socket, reads a clock, a file or the environment, or draws
//! randomness by itself: the caller passes `now` and a [`Random`] source and performs the
//! [`flow::Output`]s that come back, after it has stored the new state.
//!
//! ```text
//!  bytes ── message::read_areq ──► AReq ── flow::authenticate ──► Transaction + ARes
//!  bytes ── flow::challenge::handle(Transaction, Input) ──► Transaction + outputs + page
//! ```

pub mod crypto;
pub mod dictionary;
pub mod element;
pub mod erro;
pub mod flow;
mod json;
pub mod message;
pub mod notice;
pub mod outgoing;
pub mod policy;
pub mod profile;
pub mod security_code;
mod validate;

use std::fmt;

/// A source of cryptographically secure random bytes, passed in by the caller.
pub trait Random {
    /// Fills `buffer` entirely with random bytes.
    fn fill(&mut self, buffer: &mut [u8]);

    /// A fresh key pair, from a source that makes one for less than the check of 32 bytes from
    /// [`Self::fill`] costs.
    fn key_pair(&mut self) -> Option<crypto::key_agreement::EphemeralKey> {
        None
    }
}

/// A moment in UTC, in milliseconds since 1970-01-01T00:00:00Z.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct UtcMillis(pub i64);

impl UtcMillis {
    /// The moment `seconds` after this one.
    #[must_use]
    pub const fn plus_seconds(self, seconds: u32) -> Self {
        Self(self.0 + seconds as i64 * 1000)
    }
}

impl fmt::Display for UtcMillis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}
