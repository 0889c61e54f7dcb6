//! New installations: a commented acs.toml, keys, and for development a PKI and test cards.

mod cards;
mod template;

use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::config::Config;
use crate::new_file::{self, Mode};
use crate::vault::Vault;
use crate::{key_file, pki};

/// Where a development installation puts its parts.
#[derive(Debug, Clone)]
pub struct Plan {
    pub dir: PathBuf,
    pub pki: PathBuf,
    /// Test cards, for whoever wants to pay with one.
    pub cards: PathBuf,
    /// Where messages to cardholders can be read.
    pub outbox: PathBuf,
    pub base_port: Option<u16>,
}

/// Makes a development installation that can serve at once; gives the path of its acs.toml.
///
/// # Errors
/// When anything it would write exists, or cannot be written.
pub fn development(plan: &Plan) -> anyhow::Result<PathBuf> {
    let config = plan.dir.join("acs.toml");
    let keys = plan.dir.join("keys");
    for path in [&config, &keys, &plan.pki, &plan.cards, &plan.dir.join(DATABASE)] {
        new_file::must_be_absent(path)?;
    }
    new_file::folder_of(&keys)?;
    if let Some(folder) = plan.outbox.parent() {
        new_file::folder_of(folder)?;
    }
    pki::create(&plan.pki)?;
    Vault::create(&keys.join("vault.json"))?;
    for ds in pki::DS_NAMES.map(|(id, _)| id) {
        key_file::create(&keys.join(format!("{ds}-av.key")))?;
    }
    for issuer in ["alpha", "beta"] {
        key_file::create(&keys.join(format!("{issuer}-api.key")))?;
    }
    let text = template::development(plan)?;
    new_file::write(&config, text.as_bytes(), Mode::Public)?;
    let loaded = load(&config)?;
    cards::write(&plan.cards)?;
    cards::import(&loaded)?;
    Ok(config)
}

/// Makes the beginning of a production installation: an acs.toml to be filled in and a fresh key
/// file; gives the path of the former.
///
/// # Errors
/// When anything it would write exists, or cannot be written.
pub fn production(dir: &Path) -> anyhow::Result<PathBuf> {
    let config = dir.join("acs.toml");
    let keys = dir.join("keys");
    for path in [&config, &keys] {
        new_file::must_be_absent(path)?;
    }
    new_file::folder_of(&keys)?;
    Vault::create(&keys.join("vault.json"))?;
    key_file::create(&keys.join("ds-av.key"))?;
    key_file::create(&keys.join("otp-webhook.key"))?;
    new_file::write(&config, template::production()?.as_bytes(), Mode::Public)?;
    load(&config)?;
    Ok(config)
}

/// What was written must be accepted.
fn load(config: &Path) -> anyhow::Result<Config> {
    Config::load(config).context("the new configuration is not accepted, which is a defect")
}

const DATABASE: &str = "acs.sqlite";
