//! Whole flows on a virtual clock.

mod answers;
mod app;
mod browser;
mod claims;
mod consents;
pub(super) mod harness;
mod properties;
mod quiet;
mod readings;
mod three_ri;
