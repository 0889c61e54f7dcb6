//! `endpoints.json`: where every part of a running demo is, for any client that wants to join.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// URLs and absolute paths of a running ACS and simulator; `None` for what does not exist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoints {
    pub acs: AcsEndpoints,
    pub ds: DsEndpoints,
    pub shop: Option<String>,
    pub control: Option<String>,
    pub pki: PkiFiles,
    pub outbox: Option<PathBuf>,
    pub cards: Option<PathBuf>,
    pub config: Option<PathBuf>,
}

/// The ACS's URLs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcsEndpoints {
    pub areq: String,
    pub oreq: Option<String>,
    pub method: Option<String>,
    pub challenge_browser: Option<String>,
    pub challenge_app: Option<String>,
    pub issuer: Option<String>,
    pub console: Option<String>,
    pub ops: Option<String>,
    pub clock: Option<String>,
}

/// The directory server's URLs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DsEndpoints {
    pub areq: Option<String>,
    pub preq: Option<String>,
    pub rreq: Option<String>,
}

/// PEM files: certificates, and PKCS#8 keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PkiFiles {
    /// All roots a client may meet.
    pub ca: PathBuf,
    pub ds_ca: PathBuf,
    pub ds_client_cert: PathBuf,
    pub ds_client_key: PathBuf,
    pub ds_server_cert: PathBuf,
    pub ds_server_key: PathBuf,
    pub threeds_server_cert: PathBuf,
    pub threeds_server_key: PathBuf,
}

impl PkiFiles {
    /// The files of directory server `ds` in a development PKI folder.
    #[must_use]
    pub fn in_dir(pki: &Path, ds: &str) -> Self {
        let own = pki.join(ds);
        Self {
            ca: pki.join("ca-bundle.pem"),
            ds_ca: own.join("ca.pem"),
            ds_client_cert: own.join("ds-client.pem"),
            ds_client_key: own.join("ds-client.key"),
            ds_server_cert: own.join("ds-server.pem"),
            ds_server_key: own.join("ds-server.key"),
            threeds_server_cert: own.join("threeds-server.pem"),
            threeds_server_key: own.join("threeds-server.key"),
        }
    }
}

/// Ports of the parts: defaults, or those counted from a base port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ports {
    pub acs_ds_a: u16,
    pub acs_cardholder: u16,
    pub acs_issuer: u16,
    pub acs_ops: u16,
    pub acs_ds_b: u16,
    pub ds_a: u16,
    pub shop: u16,
    pub control: u16,
    pub threeds_server_a: u16,
    pub ds_b: u16,
    pub threeds_server_b: u16,
}

impl Ports {
    /// The documented default ports.
    pub const DEFAULT: Self = Self {
        acs_ds_a: 8443,
        acs_cardholder: 8444,
        acs_issuer: 8445,
        acs_ops: 8446,
        acs_ds_b: 8448,
        ds_a: 7443,
        shop: 7444,
        control: 7445,
        threeds_server_a: 7446,
        ds_b: 7447,
        threeds_server_b: 7448,
    };

    /// Ports `base` to `base + 19`.
    #[must_use]
    pub const fn from_base(base: u16) -> Self {
        Self {
            acs_ds_a: base,
            acs_cardholder: base + 1,
            acs_issuer: base + 4,
            acs_ops: base + 2,
            acs_ds_b: base + 3,
            ds_a: base + 10,
            shop: base + 11,
            control: base + 12,
            threeds_server_a: base + 13,
            ds_b: base + 14,
            threeds_server_b: base + 15,
        }
    }

    /// [`Self::from_base`] where a base port is given.
    #[must_use]
    pub fn choose(base: Option<u16>) -> Self {
        base.map_or(Self::DEFAULT, Self::from_base)
    }
}

impl Endpoints {
    /// The layout of `cargo xtask demo --dir DIR [--base-port N]`.
    #[must_use]
    pub fn for_demo(dir: &Path, ports: &Ports) -> Self {
        let dir = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
        let cardholder = format!("https://localhost:{}", ports.acs_cardholder);
        let ops = format!("http://127.0.0.1:{}", ports.acs_ops);
        let ds = format!("https://localhost:{}/ds", ports.ds_a);
        Self {
            acs: AcsEndpoints {
                areq: format!("https://localhost:{}/3ds/areq", ports.acs_ds_a),
                oreq: Some(format!("https://localhost:{}/3ds/oreq", ports.acs_ds_a)),
                method: Some(format!("{cardholder}/3ds/method")),
                challenge_browser: Some(format!("{cardholder}/3ds/challenge/browser")),
                challenge_app: Some(format!("{cardholder}/3ds/challenge/app")),
                issuer: Some(format!("https://localhost:{}", ports.acs_issuer)),
                console: None,
                clock: Some(format!("{ops}/dev/clock")),
                ops: Some(ops),
            },
            ds: DsEndpoints {
                areq: Some(format!("{ds}/areq")),
                preq: Some(format!("{ds}/preq")),
                rreq: Some(format!("{ds}/rreq")),
            },
            shop: Some(format!("https://localhost:{}", ports.shop)),
            control: Some(format!("http://127.0.0.1:{}", ports.control)),
            pki: PkiFiles::in_dir(&dir.join("pki"), "ds-a"),
            outbox: Some(dir.join("sim/outbox.jsonl")),
            cards: Some(dir.join("sim/cards.json")),
            config: Some(dir.join("acs/acs.toml")),
        }
    }

    /// Reads an `endpoints.json`.
    ///
    /// # Errors
    /// When the file cannot be read or has another shape.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read(path).with_context(|| format!("reading {}", path.display()))?;
        serde_json::from_slice(&text).with_context(|| format!("reading {}", path.display()))
    }

    /// Writes the file whole, by rename, so that whoever waits for it never reads half of it.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let part = path.with_extension("json.part");
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(&part, serde_json::to_vec_pretty(self)?)?;
        std::fs::rename(&part, path).with_context(|| format!("writing {}", path.display()))
    }

    /// The development PKI folder these files stand in.
    #[must_use]
    pub fn pki_dir(&self) -> &Path {
        self.pki.ca.parent().unwrap_or_else(|| Path::new("."))
    }
}
