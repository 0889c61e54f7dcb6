//! Hosts `acs-core` over TLS: listeners, storage, keys, delivery gateways and the driver that
//! performs the core's outputs.

pub mod app;
pub mod clock;
pub mod config;
pub mod crash;
pub mod driver;
pub mod gateway;
pub mod http;
pub mod outgoing;
pub mod pages;
pub mod shutdown;
pub mod storage;
pub mod texts;
pub mod trans_id;
pub mod vault;
