//! Whole flows on a virtual clock.

mod answers;
mod browser;
mod harness;
mod properties;
