//! Card files: JSON Lines, one card a line, imported all or nothing beside a running server.
//!
//! The format is in `docs/card-file.md`. [`import`] streams any reader into the configured
//! database: bad lines are listed and leave everything as it was; good files become visible at
//! once, at the end. [`import_lines`] does the same for text in memory, which is how
//! `acs init --dev` puts its test cards in place:
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use acs_server::config::Config;
//!
//! let config = Config::load("acs.toml".as_ref())?;
//! let lines = r#"{"pan":"4000000000001000","expiry":"3012","outcome":{"status":"Y"}}"#;
//! let imported = acs_server::cards::import_lines(&config, "alpha", lines)?;
//! assert_eq!(imported.cards, 1);
//! # Ok(())
//! # }
//! ```
//!
//! The calls block and may take seconds: from asynchronous code use a blocking task.

mod json;
mod line;
mod lines;

use std::io::BufRead;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use acs_core::profile::CardState;

use crate::config::{Config, Issuer, Profile};
use crate::storage::sqlite::cards::{CardBatch, CardsError};
use crate::vault::{Vault, VaultError};
use lines::{Line, Lines};

pub use line::{Accepted, Reason, read_line};

/// Where an import stands.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Progress {
    /// Lines read so far.
    pub lines: u64,
    /// Bad ones among them.
    pub bad: u64,
    /// Since the start.
    pub elapsed: Duration,
    /// True once all lines are read and what remains is to write the rest and make it visible.
    pub finishing: bool,
}

/// What an import did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Imported {
    /// Lines read, blank ones included.
    pub lines: u64,
    /// Cards now visible; a number named twice counts once.
    pub cards: u64,
    /// Cards among them that were on record before.
    pub replaced: u64,
    /// Numbers whose check digit is wrong; production refuses them.
    pub luhn_failures: u64,
    pub elapsed: Duration,
}

/// A line that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadLine {
    /// Counted from 1.
    pub number: u64,
    pub reason: Reason,
}

/// Why nothing was imported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    #[error("issuer \"{wanted}\" is not configured; there is {}", .known.join(", "))]
    UnknownIssuer { wanted: String, known: Vec<String> },
    #[error("{} bad lines, nothing was imported", .0.count)]
    BadLines(BadLines),
    #[error("the card file cannot be read: {0}")]
    Read(std::io::Error),
    #[error(transparent)]
    Vault(#[from] VaultError),
    #[error(transparent)]
    Cards(#[from] CardsError),
}

/// The bad lines of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BadLines {
    /// The first [`LISTED`] of them.
    pub listed: Vec<BadLine>,
    /// All of them.
    pub count: u64,
}

/// Bad lines listed at most.
pub const LISTED: usize = 1000;

/// Imports a card file for `issuer_id` into the configured database. `progress` is called now and
/// then.
///
/// # Errors
/// [`ImportError`]; then no card was changed, unless deleting replaced rows failed after the new
/// ones became visible, see [`CardBatch::publish`].
pub fn import(
    config: &Config,
    issuer_id: &str,
    input: impl BufRead,
    progress: &mut dyn FnMut(Progress),
) -> Result<Imported, ImportError> {
    let issuer = issuer(config, issuer_id)?;
    let vault = Arc::new(Vault::load(&config.keys.file)?);
    import_into(&config.storage.path, vault, config.profile, issuer, input, progress)
}

/// [`import`] for text in memory.
///
/// # Errors
/// As [`import`].
pub fn import_lines(
    config: &Config,
    issuer_id: &str,
    lines: &str,
) -> Result<Imported, ImportError> {
    import(config, issuer_id, lines.as_bytes(), &mut |_| {})
}

/// [`import`] with its parts given one by one.
///
/// # Errors
/// As [`import`].
pub fn import_into(
    database: &Path,
    vault: Arc<Vault>,
    profile: Profile,
    issuer: &Issuer,
    input: impl BufRead,
    progress: &mut dyn FnMut(Progress),
) -> Result<Imported, ImportError> {
    let batch = CardBatch::open(database, vault, &issuer.id)?;
    let mut import = Import {
        profile,
        issuer,
        batch,
        bad: BadLines::default(),
        luhn_failures: 0,
        started: Instant::now(),
        progress,
    };
    let lines = import.read(input);
    import.finish(lines)
}

/// The configured issuer of this name.
///
/// # Errors
/// [`ImportError::UnknownIssuer`].
pub fn issuer<'a>(config: &'a Config, issuer_id: &str) -> Result<&'a Issuer, ImportError> {
    config.issuer.iter().find(|issuer| issuer.id == issuer_id).ok_or_else(|| {
        let known = config.issuer.iter().map(|issuer| issuer.id.clone()).collect();
        ImportError::UnknownIssuer { wanted: issuer_id.to_owned(), known }
    })
}

/// Name of a state in card files and rows.
#[must_use]
pub fn state_name(state: CardState) -> Option<&'static str> {
    STATES.iter().find(|(_, known)| *known == state).map(|(name, _)| *name)
}

fn read_state(name: &str) -> Option<CardState> {
    STATES.iter().find(|(known, _)| *known == name).map(|(_, state)| *state)
}

const STATES: [(&str, CardState); 7] = [
    ("active", CardState::Active),
    ("not_activated", CardState::NotActivated),
    ("not_enrolled", CardState::NotEnrolled),
    ("suspended", CardState::Suspended),
    ("lost", CardState::Lost),
    ("stolen", CardState::Stolen),
    ("expired", CardState::Expired),
];

struct Import<'a> {
    profile: Profile,
    issuer: &'a Issuer,
    batch: CardBatch,
    bad: BadLines,
    luhn_failures: u64,
    started: Instant,
    progress: &'a mut dyn FnMut(Progress),
}

impl Import<'_> {
    /// Reads all lines. Once one was bad the others are only checked.
    fn read(&mut self, input: impl BufRead) -> Result<u64, ImportError> {
        let mut lines = Lines::new(input);
        while let Some((number, line)) = lines.next().map_err(ImportError::Read)? {
            match self.accept(line) {
                Ok(Some(accepted)) => self.add(&accepted)?,
                Ok(None) => {}
                Err(reason) => self.bad.push(BadLine { number, reason }),
            }
            if number.is_multiple_of(REPORT_EVERY) {
                self.report(number, false);
            }
        }
        Ok(lines.count())
    }

    fn accept(&self, line: Line<'_>) -> Result<Option<Accepted>, Reason> {
        match line {
            Line::Text(text) => read_line(text, self.profile, self.issuer),
            Line::TooLong => Err(Reason::TooLong),
        }
    }

    fn add(&mut self, accepted: &Accepted) -> Result<(), ImportError> {
        self.luhn_failures += u64::from(!accepted.luhn);
        if self.bad.count == 0 {
            self.batch.add(&accepted.pan, &accepted.card)?;
        }
        Ok(())
    }

    fn finish(mut self, lines: Result<u64, ImportError>) -> Result<Imported, ImportError> {
        let lines = match lines {
            Ok(lines) if self.bad.count == 0 => lines,
            Ok(_) => return self.give_up(None),
            Err(error) => return self.give_up(Some(error)),
        };
        self.report(lines, true);
        let published = self.batch.publish()?;
        Ok(Imported {
            lines,
            cards: published.cards,
            replaced: published.replaced,
            luhn_failures: self.luhn_failures,
            elapsed: self.started.elapsed(),
        })
    }

    fn give_up(self, error: Option<ImportError>) -> Result<Imported, ImportError> {
        if let Err(error) = self.batch.discard() {
            tracing::warn!(%error, "an unseen batch of cards was left to the next import");
        }
        Err(error.unwrap_or(ImportError::BadLines(self.bad)))
    }

    fn report(&mut self, lines: u64, finishing: bool) {
        let elapsed = self.started.elapsed();
        (self.progress)(Progress { lines, bad: self.bad.count, elapsed, finishing });
    }
}

impl BadLines {
    /// How many of them are not listed.
    #[must_use]
    pub fn unlisted(&self) -> u64 {
        self.count - self.listed.len() as u64
    }

    fn push(&mut self, line: BadLine) {
        self.count += 1;
        if self.listed.len() < LISTED {
            self.listed.push(line);
        }
    }
}

impl std::fmt::Display for BadLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}: {}", self.number, self.reason)
    }
}

/// Lines between two calls of `progress`.
const REPORT_EVERY: u64 = 500;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_names_are_those_rows_are_read_by() {
        for (name, state) in STATES {
            assert_eq!(serde_json::to_value(state).unwrap(), name);
            assert_eq!(read_state(name), Some(state));
            assert_eq!(state_name(state), Some(name));
        }
        assert_eq!(read_state("Active"), None);
    }
}
