//! Hosts `acs-core` over TLS: listeners, storage, keys, delivery gateways and the driver that
//! performs the core's outputs.

pub mod pages;
pub mod storage;
pub mod texts;
pub mod trans_id;
pub mod vault;
