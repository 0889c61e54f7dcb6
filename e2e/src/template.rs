//! Installations made once and copied for each test: `acs init` and two card imports take longer
//! than most tests.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result, bail};

use crate::binaries;
use crate::cards::Issuer;

/// Fills `dir` with an installation whose ports begin at `base`: as `acs init --dev` makes it, and
/// with the cards of both issuers if `carded`.
///
/// # Errors
/// When `binary` cannot make one, or it cannot be copied.
pub fn copy_to(dir: &Path, binary: &Path, base: u16, carded: bool) -> Result<()> {
    let template = made_by(binary)?.join(if carded { CARDED } else { BARE });
    copy_folder(&template, dir)?;
    let config = dir.join("acs/acs.toml");
    let mut text = fs::read_to_string(&config)?.replace(shown(&template)?, shown(dir)?);
    for offset in 0..PORTS {
        text = text.replace(&(BASE + offset).to_string(), &(base + offset).to_string());
    }
    fs::write(&config, text).context("acs.toml of the copy")
}

/// The folder with the templates of this very build of `binary`.
fn made_by(binary: &Path) -> Result<PathBuf> {
    let folder = binaries::target().join("e2e-installed");
    fs::create_dir_all(&folder)?;
    let lock = File::create(folder.join(".lock"))?;
    lock.lock()?;
    let made = folder.join(name_of(binary)?);
    if !made.join(CARDED).is_dir() {
        remove_old(&folder)?;
        let _ = fs::remove_dir_all(&made);
        let bare = made.join(BARE);
        init(binary, &bare)?;
        // Under another name until it is whole.
        let part = made.join("part");
        init(binary, &part)?;
        for issuer in Issuer::ALL {
            let file = part.join(format!("sim/{}.jsonl", issuer.id()));
            fs::write(&file, issuer.card_file())?;
            let config = part.join("acs/acs.toml");
            let import = |command: &mut Command| {
                command.args(["card", "import", "--issuer", issuer.id(), "--config"]);
                command.arg(config).arg(&file);
            };
            run(binary, import)?;
        }
        let config = part.join("acs/acs.toml");
        let whole = made.join(CARDED);
        let text = fs::read_to_string(&config)?.replace(shown(&part)?, shown(&whole)?);
        fs::write(&config, text)?;
        fs::rename(&part, &whole)?;
    }
    Ok(made)
}

fn init(binary: &Path, dir: &Path) -> Result<()> {
    fs::create_dir_all(dir.join("sim"))?;
    run(binary, |command| {
        command.args(["init", "--dev", "--dir"]).arg(dir.join("acs"));
        command.arg("--pki").arg(dir.join("pki")).arg("--cards").arg(dir.join("sim/cards.json"));
        command.arg("--outbox").arg(dir.join("sim/outbox.jsonl"));
        command.args(["--base-port", &BASE.to_string()]);
    })
}

fn run(binary: &Path, arguments: impl FnOnce(&mut Command)) -> Result<()> {
    let mut command = Command::new(binary);
    arguments(&mut command);
    let output = command.output().with_context(|| binary.display().to_string())?;
    if !output.status.success() {
        bail!("{command:?} ended with {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

/// Changes with the binary and with the cards.
fn name_of(binary: &Path) -> Result<String> {
    let about = fs::metadata(binary).with_context(|| binary.display().to_string())?;
    let mut hasher = DefaultHasher::new();
    (binary, about.len(), about.modified()?).hash(&mut hasher);
    Issuer::ALL.map(Issuer::card_file).hash(&mut hasher);
    Ok(format!("{:016x}", hasher.finish()))
}

/// Templates of former builds go.
fn remove_old(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let age = SystemTime::now().duration_since(entry.metadata()?.modified()?);
        if entry.path().is_dir() && age.is_ok_and(|age| age > KEPT) {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| from.display().to_string())? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}

fn shown(path: &Path) -> Result<&str> {
    path.to_str().with_context(|| format!("{} is not UTF-8", path.display()))
}

/// Ports of the templates: no other number in acs.toml looks like them, and no copy gets them.
const BASE: u16 = 64_980;
const PORTS: u16 = 20;
const BARE: &str = "bare";
const CARDED: &str = "carded";
const KEPT: Duration = Duration::from_secs(6 * 3600);
