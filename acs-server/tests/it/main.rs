//! Integration tests of the server crate, in one binary.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod cards;
mod installation;
mod listener;
mod pages;
mod program;
mod rreq_client;
mod service;
mod storage;
mod support;
