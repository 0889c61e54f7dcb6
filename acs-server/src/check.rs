//! What can be found out about an installation without running it: keys, certificates, database,
//! folders. [`crate::config`] has already checked the file itself.

mod certificates;
mod files;

use std::fmt;
use std::path::Path;

use crate::config::{Config, ConfigError};

/// Findings, in the order they were made.
#[derive(Debug, Clone, Default)]
pub struct Report {
    findings: Vec<Finding>,
}

/// One line of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub level: Level,
    pub text: String,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Ok,
    Warn,
    /// `acs serve` starts, but answers U where it should do better.
    Partial,
    /// `acs serve` does not start.
    Fail,
}

/// Checks everything that `config` names. Changes nothing.
#[must_use]
pub fn run(config: &Config) -> Report {
    let mut report = Report::default();
    files::check(config, &mut report);
    certificates::check(config, &mut report);
    if !config.is_production() {
        report.warn("this is a development installation: never give it real cards");
    }
    report
}

impl Report {
    /// [`run`], with a word on the file itself.
    #[must_use]
    pub fn of_config(file: &Path, config: &Config) -> Self {
        let mut report = Self::default();
        report.ok(format!("{} is understood", file.display()));
        report.findings.extend(run(config).findings);
        report
    }

    /// Why a configuration was not accepted, one finding each.
    #[must_use]
    pub fn of_refusal(error: &ConfigError) -> Self {
        let mut report = Self::default();
        match error {
            ConfigError::Refused { findings, .. } => findings.iter().for_each(|f| report.fail(f)),
            other => report.fail(other.to_string()),
        }
        report
    }

    /// Whether `acs check` says no.
    #[must_use]
    pub fn failed(&self) -> bool {
        self.at_least(Level::Partial).next().is_some()
    }

    /// Whether `acs serve` does not start.
    #[must_use]
    pub fn prevents_start(&self) -> bool {
        self.at_least(Level::Fail).next().is_some()
    }

    /// The findings of this level and above.
    pub fn at_least(&self, level: Level) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(move |finding| finding.level >= level)
    }

    fn ok(&mut self, text: impl Into<String>) {
        self.add(Level::Ok, text.into());
    }

    fn warn(&mut self, text: impl Into<String>) {
        self.add(Level::Warn, text.into());
    }

    fn fail(&mut self, text: impl Into<String>) {
        self.add(Level::Fail, text.into());
    }

    /// A part of the service cannot work.
    fn fail_in_part(&mut self, text: impl Into<String>) {
        self.add(Level::Partial, text.into());
    }

    fn add(&mut self, level: Level, text: String) {
        self.findings.push(Finding { level, text });
    }

    /// Notes success or failure; gives the value on.
    fn take<T>(&mut self, subject: &str, result: Result<T, impl fmt::Display>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                self.fail(format!("{subject}: {error}"));
                None
            }
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.findings.iter().try_for_each(|finding| writeln!(f, "{finding}"))
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Ok => "OK",
            Level::Warn => "WARN",
            Level::Partial | Level::Fail => "FAIL",
        };
        write!(f, "{level:<5} {}", self.text)
    }
}
