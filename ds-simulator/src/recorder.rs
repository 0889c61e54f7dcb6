//! Writes every message of every leg as JSON Lines, for checkers that read the traffic by
//! themselves. Account numbers stand in clear there: use it with test cards only.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;

use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::Value;

/// One message as it went over a leg.
#[derive(Debug, Serialize)]
pub struct Record<'a> {
    /// UTC milliseconds.
    pub at: i64,
    /// Sender and receiver: `3DSS-DS`, `DS-ACS`, `ACS-DS`, `DS-3DSS`, `BRW-ACS`, `ACS-BRW`;
    /// `BRW-3DSS` where a real browser brings the shop what the ACS gave it.
    pub leg: &'a str,
    /// `request` or `response`.
    pub direction: &'a str,
    /// Version, channel and category of the transaction's AReq.
    pub version: Option<&'a str>,
    pub channel: Option<&'a str>,
    pub category: Option<&'a str>,
    pub message: &'a Value,
    /// `threeDSServerTransID` of the transaction.
    pub txn: &'a str,
}

/// An append-only file of [`Record`]s; several processes may append to one file.
#[derive(Debug)]
pub struct Recorder {
    file: Mutex<File>,
}

impl Recorder {
    /// Opens `path` for appending.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn open(path: &Path) -> Result<Self> {
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .with_context(|| format!("opening the record file {}", path.display()))?;
        Ok(Self { file: Mutex::new(file) })
    }

    pub(crate) fn write(&self, record: &Record<'_>) {
        let Ok(mut line) = serde_json::to_vec(record) else { return };
        line.push(b'\n');
        let mut file = self.file.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Err(error) = file.write_all(&line) {
            tracing::error!(%error, "record file not written");
        }
    }
}
