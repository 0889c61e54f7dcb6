//! Journeys through the real binaries; one module per subject.

#![allow(clippy::unwrap_used, reason = "a failed unwrap in a test or its helpers is a failed test")]

mod agreed;
mod app;
mod app_bad_input;
mod app_crypto;
mod app_html;
mod app_keys;
mod app_native;
mod app_other;
mod app_round;
mod app_screens;
mod app_sdk;
mod app_signing;
mod app_timers;
mod app_timing;
mod at_rest;
mod bad_areq;
mod bad_browser;
mod challenge;
mod commands;
mod consent;
mod crash;
mod decoupled;
mod directory;
mod durability;
mod elements;
mod fallback;
mod faults;
mod harness;
mod http_ids;
mod import;
mod journey;
mod oob;
mod oreq;
mod payments;
mod scenarios;
mod settings;
mod spc;
mod statuses;
mod three_ri;
mod tls;
