//! The parties around an Access Control Server, for tests and demonstrations: directory server,
//! 3DS Server, merchant shop, browser, each hostile on request.
//!
//! [`Simulator::start`] runs the servers on loopback ports; [`pay()`] makes one payment through them.

pub mod bank_app;
pub mod browser;
pub mod cards;
mod control;
pub mod directory;
pub mod echo;
pub mod endpoints;
pub mod fault;
pub mod html;
pub mod ids;
pub mod issuer;
pub mod jar;
pub mod link;
mod listener;
pub mod load;
pub mod merchant;
pub mod message;
pub mod notice;
pub mod pay;
pub mod pki;
pub mod recorder;
pub mod sdk;
pub mod send;
mod shop;
mod simulator;
pub mod spc;
pub mod trace;
pub mod words;

pub use browser::{Browser, CodeSource, Step};
pub use endpoints::{Endpoints, Ports};
pub use fault::{Faults, RreqFault};
pub use issuer::IssuerSystems;
pub use pay::{PayOptions, Receipt, pay};
pub use simulator::{Network, NetworkConfig, SimConfig, Simulator};

#[cfg(test)]
mod tests;
