//! Hosts `acs-core` over TLS: listeners, storage, keys, delivery gateways and the driver that
//! performs the core's outputs.

pub mod app;
pub mod boot;
pub mod cards;
pub mod check;
pub mod cli;
pub mod clock;
pub mod config;
pub mod crash;
pub mod driver;
pub mod gateway;
pub mod http;
pub mod init;
pub mod key_file;
pub mod listener;
pub mod new_file;
pub mod outgoing;
pub mod pages;
pub mod pki;
pub mod serve;
pub mod shutdown;
pub mod signing;
pub mod storage;
pub mod telemetry;
#[cfg(test)]
mod testing;
pub mod texts;
pub mod tls;
pub mod trans_id;
pub mod vault;
