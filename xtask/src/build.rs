//! Builds our binaries and says where cargo put them.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::shell;

/// What to build, and how.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Build {
    pub(crate) release: bool,
    pub(crate) features: Option<&'static str>,
}

/// The two programs.
#[derive(Debug, Clone)]
pub(crate) struct Programs {
    pub(crate) acs: PathBuf,
    pub(crate) ds_sim: PathBuf,
}

/// Builds `acs` and `ds-sim` with cargo's own progress on stderr.
pub(crate) fn programs(release: bool) -> Result<Programs> {
    let how = Build { release, features: None };
    Ok(Programs {
        acs: executable("acs-server", "acs", how)?,
        ds_sim: executable("ds-simulator", "ds-sim", how)?,
    })
}

/// Builds one binary.
pub(crate) fn executable(package: &str, name: &str, how: Build) -> Result<PathBuf> {
    let mut command = command(package, name, how);
    command.arg("--message-format=json-render-diagnostics").stdout(Stdio::piped());
    let output = command.stderr(Stdio::inherit()).output().context("starting cargo")?;
    if !output.status.success() {
        bail!("{} ended with {}", shell::shown(&command), output.status);
    }
    let found = output.stdout.split(|byte| *byte == b'\n').find_map(|line| path(line, name));
    found.with_context(|| format!("cargo built no binary {name}"))
}

/// The command, for whoever runs it another way first.
pub(crate) fn command(package: &str, name: &str, how: Build) -> Command {
    let mut command = shell::cargo();
    command.args(["build", "--locked", "--package", package, "--bin", name]);
    if how.release {
        command.arg("--release");
    }
    if let Some(features) = how.features {
        command.args(["--features", features]);
    }
    command
}

fn path(line: &[u8], name: &str) -> Option<PathBuf> {
    let message: Value = serde_json::from_slice(line).ok()?;
    let ours = message["reason"] == "compiler-artifact" && message["target"]["name"] == name;
    ours.then(|| message["executable"].as_str().map(PathBuf::from))?
}
