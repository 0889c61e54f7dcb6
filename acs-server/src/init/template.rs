//! The text of a new acs.toml.

use std::path::Path;

use anyhow::Context as _;
use askama::Template;

use super::Plan;
use crate::pki;

#[derive(Template)]
#[template(path = "config/development.toml", escape = "none")]
struct Development<'a> {
    ports: Ports,
    pki: &'a Folder,
    servers: Vec<Server>,
    /// As a TOML string.
    outbox: String,
    json_log: bool,
}

#[derive(Template)]
#[template(path = "config/production.toml", escape = "none")]
struct Production {
    json_log: bool,
}

struct Ports {
    ds: [u16; 2],
    cardholder: u16,
    issuer: u16,
    ops: u16,
    /// The directory server's own, of the second one.
    rreq_b: u16,
}

/// A folder as acs.toml names it.
struct Folder(String);

/// One `[[ds]]`.
struct Server {
    id: &'static str,
    name: &'static str,
    port: u16,
    folder: Folder,
    /// As a TOML string.
    target: String,
    reference: &'static str,
    operator: &'static str,
    eci: [&'static str; 3],
}

/// The acs.toml of a development installation.
pub(super) fn development(plan: &Plan) -> anyhow::Result<String> {
    let ports = Ports::choose(plan.base_port);
    let pki = Folder(seen_from(&plan.dir, &plan.pki)?);
    let outbox = quoted(&seen_from(&plan.dir, &plan.outbox)?);
    let servers = servers(&ports, &pki);
    let text = Development { ports, pki: &pki, servers, outbox, json_log: false }.render();
    text.context("filling in acs.toml")
}

/// The acs.toml of a production installation, to be filled in.
pub(super) fn production() -> anyhow::Result<String> {
    Production { json_log: true }.render().context("filling in acs.toml")
}

fn servers(ports: &Ports, pki: &Folder) -> Vec<Server> {
    let [a, b] = pki::DS_NAMES;
    let strict = format!("\"https://localhost:{}/ds\"", ports.rreq_b);
    vec![
        Server {
            id: a.0,
            name: a.1,
            port: ports.ds[0],
            folder: pki.below(a.0),
            target: "\"https://loopback\"".to_owned(),
            reference: "DEV_ACS_000001",
            operator: "dev-operator-a",
            eci: ["05", "06", "07"],
        },
        Server {
            id: b.0,
            name: b.1,
            port: ports.ds[1],
            folder: pki.below(b.0),
            target: strict,
            reference: "DEV_ACS_000002",
            operator: "dev-operator-b",
            eci: ["02", "01", "00"],
        },
    ]
}

impl Ports {
    fn choose(base: Option<u16>) -> Self {
        match base {
            None => {
                Self { ds: [8443, 8448], cardholder: 8444, issuer: 8445, ops: 8446, rreq_b: 7447 }
            }
            Some(base) => Self {
                ds: [base, base + 3],
                cardholder: base + 1,
                issuer: base + 4,
                ops: base + 2,
                rreq_b: base + 14,
            },
        }
    }
}

impl Folder {
    /// A file of this folder, as a TOML string.
    fn file(&self, name: &str) -> String {
        quoted(&format!("{}/{name}", self.0))
    }

    fn below(&self, name: &str) -> Self {
        Self(format!("{}/{name}", self.0))
    }
}

/// `path` as acs.toml in `dir` names it: relative where it lies below, absolute otherwise.
fn seen_from(dir: &Path, path: &Path) -> anyhow::Result<String> {
    let dir = std::path::absolute(dir)?;
    let path = std::path::absolute(path)?;
    let seen = path.strip_prefix(&dir).unwrap_or(&path);
    let text = seen.to_str().with_context(|| format!("{} is not UTF-8", path.display()))?;
    Ok(text.to_owned())
}

/// A TOML string.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
