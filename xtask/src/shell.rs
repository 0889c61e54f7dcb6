//! Runs commands: with their output in a log file, a sign of life every minute, and the end of the
//! log where they fail.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::say;

/// The folder of the workspace.
pub(crate) fn root() -> PathBuf {
    let own = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    own.parent().map(Path::to_owned).unwrap_or(own)
}

/// Where artefacts go.
pub(crate) fn target_dir() -> PathBuf {
    let dir = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
    root().join(dir)
}

/// The cargo that runs us, in the workspace. Its environment does not say that it is inside a
/// `cargo run`: build scripts would be built again for that.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_")) {
            command.env_remove(name);
        }
    }
    command.env_remove("CARGO_MANIFEST_DIR").env_remove("CARGO_MANIFEST_PATH").current_dir(root());
    command
}

/// Where the path has a program of this name.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|path| path.is_file())
}

/// Whether the path has a program of this name.
pub(crate) fn on_path(program: &str) -> bool {
    find(program).is_some()
}

/// Commands of one step and their common log.
#[derive(Debug)]
pub(crate) struct Logged {
    log: PathBuf,
    start: Instant,
}

impl Logged {
    /// Starts the log `target/xtask/<name>.log` anew.
    pub(crate) fn new(name: &str) -> Result<Self> {
        let folder = target_dir().join("xtask");
        fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        let log = folder.join(format!("{name}.log"));
        File::create(&log).with_context(|| format!("writing {}", log.display()))?;
        Ok(Self { log, start: Instant::now() })
    }

    /// Runs one command; its failure is an error with the end of its output and the command.
    pub(crate) fn run(&self, command: &mut Command) -> Result<()> {
        let shown = shown(command);
        let from = fs::metadata(&self.log).map(|log| log.len()).unwrap_or_default();
        let status = self.wait(command).with_context(|| format!("starting {shown}"))?;
        if status.success() {
            return Ok(());
        }
        let end = tail(&self.log, from, LINES_SHOWN);
        bail!("{end}\n\n{shown}\n  ended with {status}; all of its output: {}", self.log.display())
    }

    /// The last lines of the log.
    pub(crate) fn last_lines(&self, lines: usize) -> String {
        tail(&self.log, 0, lines)
    }

    fn wait(&self, command: &mut Command) -> Result<ExitStatus> {
        let log = File::options().append(true).open(&self.log)?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let mut child = command.spawn()?;
        let mut next_sign = Duration::from_secs(60);
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(status);
            }
            std::thread::sleep(Duration::from_millis(50));
            if self.start.elapsed() >= next_sign {
                let last = tail(&self.log, 0, 1);
                say::line(&format!(
                    "        {:4} s  {}",
                    self.start.elapsed().as_secs(),
                    last.trim()
                ));
                next_sign = self.start.elapsed() + Duration::from_secs(60);
            }
        }
    }
}

/// A command as it could be typed.
pub(crate) fn shown(command: &Command) -> String {
    let mut words = Vec::new();
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            words.push(format!("{}={}", name.display(), quoted(&value.to_string_lossy())));
        }
    }
    let program = command.get_program().to_string_lossy();
    let program = if program.ends_with("/cargo") { "cargo".into() } else { program };
    words.push(quoted(&program));
    words.extend(command.get_args().map(|word| quoted(&word.to_string_lossy())));
    words.join(" ")
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// The last lines of a file from an offset on.
pub(crate) fn tail(file: &Path, from: u64, lines: usize) -> String {
    let bytes = fs::read(file).unwrap_or_default();
    let from = usize::try_from(from).unwrap_or_default().min(bytes.len());
    let text = String::from_utf8_lossy(&bytes[from..]);
    let all: Vec<_> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

const LINES_SHOWN: usize = 60;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_shown_as_typed() {
        let mut command = Command::new("/usr/bin/cargo");
        command.args(["test", "-E", "test(a b)"]).env("A", "1").env_remove("B");
        assert_eq!(shown(&command), "A=1 cargo test -E 'test(a b)'");
    }
}
