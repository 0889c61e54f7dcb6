//! Flows as state machines without I/O. [`authenticate`] answers an AReq; [`challenge`] is the one
//! challenge machine; [`present`] turns its views into what a channel shows; [`proof`] holds the
//! values without which no authentication value can be made.

pub mod challenge;
pub mod present;
pub mod proof;
pub mod transaction;

use crate::Random;
use crate::UtcMillis;
use crate::crypto::AuthenticationValueGenerator;
use crate::element::TransId;
use crate::erro::Rejection;
use crate::message::AReq;
use crate::profile::{Account, CardLookup, DsProfile, IssuerProfile};

pub use transaction::{AuditEvent, Output, Transaction};

/// Everything the decision reads.
#[derive(Debug)]
pub struct AuthenticateInput<'a> {
    pub areq: &'a AReq,
    pub account: &'a Account,
    pub card: &'a CardLookup,
    pub issuer: &'a IssuerProfile,
    pub ds: &'a DsProfile,
    /// The id made for this transaction.
    pub acs_trans_id: TransId,
    /// `false` when the AReq's dsURL is outside the DS profile's allowed origins: then no C, but U
    /// and an alarm event.
    pub ds_url_allowed: bool,
    /// `false` when notificationURL is not https (or loopback http in development): then no C.
    pub notification_url_allowed: bool,
    /// Whether 3DS Method data was stored for this run (facts for rules; absence is no error).
    pub method_data_found: bool,
    pub now: UtcMillis,
}

/// The answer to an AReq: store `transaction` and `outputs` in one commit, then send `ares`.
#[derive(Debug)]
#[non_exhaustive]
#[must_use]
pub struct Authenticated {
    pub transaction: Transaction,
    /// The ARes, already checked against the dictionary.
    pub ares: Vec<u8>,
    pub outputs: Vec<Output>,
}

/// Decides an AReq and builds its ARes.
///
/// # Errors
/// None for a legal AReq: negative results are ARes values. A [`Rejection`] only for P-AREQ-14/15
/// findings the caller has not made.
pub fn authenticate(
    input: &AuthenticateInput<'_>,
    random: &mut dyn Random,
    generator: &dyn AuthenticationValueGenerator,
) -> Result<Authenticated, Box<Rejection>> {
    let _ = (input, random, generator);
    unimplemented!("contract")
}
