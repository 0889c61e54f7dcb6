//! HTTP: which paths each listener has, and what answers them.

pub mod health;
pub mod respond;
pub mod router;
