//! Whole flows on a virtual clock.

mod answers;
mod app;
mod browser;
mod claims;
mod consents;
mod contacts;
mod decoupled;
mod elements;
mod fallback;
pub(super) mod harness;
mod html;
mod information;
mod native;
mod oob;
mod properties;
mod quiet;
mod readings;
mod sdk;
mod spc;
mod statuses;
mod three_ri;
