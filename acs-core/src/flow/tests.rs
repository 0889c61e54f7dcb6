//! Whole flows on a virtual clock.

mod answers;
mod app;
mod browser;
pub(super) mod harness;
mod properties;
mod quiet;
mod three_ri;
