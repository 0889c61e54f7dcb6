//! Builds our binaries and says where cargo put them. Always with the features of the whole
//! workspace, as the tests are built: nothing is compiled twice.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::{shell, tools};

/// The two programs.
#[derive(Debug, Clone)]
pub(crate) struct Programs {
    pub(crate) acs: PathBuf,
    pub(crate) ds_sim: PathBuf,
}

/// Builds `acs` and `ds-sim` with cargo's own progress on stderr.
pub(crate) fn programs(release: bool) -> Result<Programs> {
    tools::ready_to_build()?;
    let mut command = command(&["acs", "ds-sim"]);
    if release {
        command.arg("--release");
    }
    let built = built(command)?;
    Ok(Programs { acs: built.executable("acs")?, ds_sim: built.executable("ds-sim")? })
}

/// The command that builds binaries of the workspace.
pub(crate) fn command(names: &[&str]) -> Command {
    let mut command = shell::cargo();
    command.args(["build", "--locked", "--workspace"]);
    command.args(names.iter().flat_map(|name| ["--bin", name]));
    command
}

/// What such a command has built already.
pub(crate) fn found(mut command: Command) -> Result<Built> {
    command.arg("--quiet");
    built(command)
}

/// Runs such a command and reads what it says about artefacts.
fn built(mut command: Command) -> Result<Built> {
    command.arg("--message-format=json-render-diagnostics").stdout(Stdio::piped());
    let output = command.stderr(Stdio::inherit()).output().context("starting cargo")?;
    if !output.status.success() {
        bail!("{} ended with {}", shell::shown(&command), output.status);
    }
    let lines = output.stdout.split(|byte| *byte == b'\n');
    let messages = lines.filter_map(|line| serde_json::from_slice(line).ok());
    Ok(Built { messages: messages.collect() })
}

/// What cargo said, message by message.
#[derive(Debug)]
pub(crate) struct Built {
    messages: Vec<Value>,
}

impl Built {
    /// Where the binary of this name is.
    pub(crate) fn executable(&self, name: &str) -> Result<PathBuf> {
        let ours = |message: &&Value| {
            message["reason"] == "compiler-artifact"
                && message["target"]["name"] == name
                && message["executable"].is_string()
        };
        let path = self.messages.iter().find(ours).and_then(|m| m["executable"].as_str());
        path.map(PathBuf::from).with_context(|| format!("cargo built no binary {name}"))
    }
}
