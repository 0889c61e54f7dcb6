//! The configuration file `acs.toml`: strict TOML, one struct per concern, unknown keys refused,
//! defaults beside the field. What concerns more than one field is checked in [`cross_check`].

pub mod consent;
pub mod cross_check;
pub mod ds;
pub mod issuer;
pub mod keys;
pub mod limits;
pub mod listen;
pub mod log;
pub mod protocol;
pub mod rreq_targets;
pub mod spc;
pub mod storage;
pub mod tls;

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

pub use consent::Consent;
pub use ds::Ds;
pub use issuer::{CardRange, Gateway, Issuer};
pub use keys::Keys;
pub use limits::Limits;
pub use listen::{Listen, Public};
pub use log::{Log, LogFormat};
pub use protocol::{Base64Url, Protocol, SameServerTransId};
pub use rreq_targets::RReqTargets;
pub use spc::Spc;
pub use storage::Storage;
pub use tls::{KeyPair, Tls};

/// All of `acs.toml`. Paths are absolute or relative to the working directory once loaded; in the
/// file they are relative to the file's folder.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub profile: Profile,
    #[serde(default)]
    pub listen: Listen,
    pub public: Public,
    pub tls: Tls,
    pub storage: Storage,
    pub keys: Keys,
    #[serde(default)]
    pub clock: Clock,
    #[serde(default)]
    pub limits: Limits,
    #[serde(default)]
    pub log: Log,
    #[serde(default)]
    pub protocol: Protocol,
    pub ds: Vec<Ds>,
    pub issuer: Vec<Issuer>,
}

/// What this installation is for. Production refuses everything that only tests need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    Development,
    Production,
}

/// Where time comes from.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Clock {
    /// The clock can be moved forward through `/dev/clock`. Default: in development only.
    pub movable: Option<bool>,
}

/// Why a configuration was not accepted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    #[error("cannot read {0}: {1}")]
    Read(PathBuf, std::io::Error),
    #[error("{0} is not a valid configuration:\n{1}")]
    Syntax(PathBuf, String),
    #[error("{file} is not accepted:\n{}", list(.findings))]
    Refused { file: PathBuf, findings: Vec<String> },
}

impl Config {
    /// Reads, parses and checks a configuration file.
    ///
    /// # Errors
    /// [`ConfigError`]: unreadable, not the expected TOML, or refused by a cross-check; the last
    /// lists every finding.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text =
            fs::read_to_string(path).map_err(|error| ConfigError::Read(path.to_owned(), error))?;
        let folder = path.parent().unwrap_or_else(|| Path::new(""));
        Self::parse(&text, folder, path)
    }

    /// Parses and checks `text`; `folder` is what its paths are relative to, `name` is for messages.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn parse(text: &str, folder: &Path, name: &Path) -> Result<Self, ConfigError> {
        let mut config: Self = toml::from_str(text)
            .map_err(|error| ConfigError::Syntax(name.to_owned(), error.to_string()))?;
        config.resolve(folder);
        let findings = cross_check::findings(&config);
        if findings.is_empty() {
            Ok(config)
        } else {
            Err(ConfigError::Refused { file: name.to_owned(), findings })
        }
    }

    #[must_use]
    pub fn is_production(&self) -> bool {
        self.profile == Profile::Production
    }

    /// Whether `/dev/clock` may move the clock.
    #[must_use]
    pub fn clock_is_movable(&self) -> bool {
        self.clock.movable.unwrap_or_else(|| !self.is_production())
    }

    fn resolve(&mut self, folder: &Path) {
        self.tls.resolve(folder);
        self.storage.resolve(folder);
        self.keys.resolve(folder);
        self.log.resolve(folder);
        self.ds.iter_mut().for_each(|ds| ds.resolve(folder));
        self.issuer.iter_mut().for_each(|issuer| issuer.resolve(folder));
    }
}

/// Makes a path of the file relative to `folder`, unless it is absolute.
fn join(folder: &Path, path: &mut PathBuf) {
    *path = folder.join(&*path);
}

fn url<'de, D: serde::Deserializer<'de>>(input: D) -> Result<url::Url, D::Error> {
    let text = String::deserialize(input)?;
    let bad = |error| serde::de::Error::custom(format!("\"{text}\" is not a URL: {error}"));
    url::Url::parse(&text).map_err(bad)
}

fn list(findings: &[String]) -> String {
    findings.iter().map(|finding| format!("  - {finding}")).collect::<Vec<_>>().join("\n")
}
