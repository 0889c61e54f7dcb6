//! Servers that run beside us. All of them stop when we do: at the end, on an error, on a signal,
//! and (where `setpriv` exists) even when we are killed.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::{say, shell};

/// A running server.
#[derive(Debug)]
struct Server {
    name: &'static str,
    child: Child,
}

static SERVERS: Mutex<Vec<Server>> = Mutex::new(Vec::new());

/// What is known of a started server.
#[derive(Debug, Clone)]
pub(crate) struct Started {
    pub(crate) name: &'static str,
    pub(crate) pid: u32,
    pub(crate) log: PathBuf,
}

/// Starts a server with its output in `log`.
pub(crate) fn start(name: &'static str, command: &Command, log: &Path) -> Result<Started> {
    let file = fresh_log(log).with_context(|| format!("writing {}", log.display()))?;
    let mut command = tied(command);
    // A group of its own: a Ctrl-C reaches us alone, and we stop the servers in order.
    command.process_group(0).stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
    let mut servers = servers();
    let child = command.spawn().with_context(|| format!("starting {}", shell::shown(&command)))?;
    let pid = child.id();
    servers.push(Server { name, child });
    Ok(Started { name, pid, log: log.to_owned() })
}

/// Emptied, then appended to: the server may open the same file.
fn fresh_log(path: &Path) -> std::io::Result<File> {
    File::create(path)?;
    File::options().append(true).open(path)
}

impl Started {
    /// An error with the end of its log once the server has ended.
    pub(crate) fn check(&self) -> Result<()> {
        let mut servers = servers();
        let server = servers.iter_mut().find(|server| server.child.id() == self.pid);
        let ended = match server {
            Some(server) => server.child.try_wait()?,
            None => bail!("{} was stopped", self.name),
        };
        match ended {
            Some(status) => bail!("{} ended with {status}:\n{}", self.name, self.last_words()),
            None => Ok(()),
        }
    }

    pub(crate) fn last_words(&self) -> String {
        format!("{}\n(all of it: {})", shell::tail(&self.log, 0, 30), self.log.display())
    }
}

/// An error when a server has ended by itself.
pub(crate) fn check_all() -> Result<()> {
    for server in servers().iter_mut() {
        if let Some(status) = server.child.try_wait()? {
            bail!("{} ended with {status}", server.name);
        }
    }
    Ok(())
}

/// Stops every server, the last one first, and waits for it.
pub(crate) fn stop_all() {
    let mut servers = servers();
    while let Some(mut server) = servers.pop() {
        stop(&mut server);
    }
}

fn stop(server: &mut Server) {
    let pid = i32::try_from(server.child.id()).ok().and_then(Pid::from_raw);
    if let (Ok(None), Some(pid)) = (server.child.try_wait(), pid) {
        let _ = kill_process(pid, Signal::TERM);
    }
    let end = Instant::now() + GRACE;
    while matches!(server.child.try_wait(), Ok(None)) {
        if Instant::now() > end {
            say::error(&format!("{} did not stop in {} s: killed", server.name, GRACE.as_secs()));
            let _ = server.child.kill();
            let _ = server.child.wait();
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Stops every server on Ctrl-C and its relatives, and ends this process with `code()`.
pub(crate) fn stop_on_signal(code: impl Fn() -> u8 + Send + 'static) -> Result<()> {
    let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM]).context("installing handlers")?;
    std::thread::spawn(move || {
        if signals.forever().next().is_some() {
            say::line("\nstopping");
            stop_all();
            std::process::exit(i32::from(code()));
        }
    });
    Ok(())
}

/// Stops the servers when the work in between ends early, by an error or a panic.
#[derive(Debug)]
pub(crate) struct StopAtEnd;

impl Drop for StopAtEnd {
    fn drop(&mut self) {
        stop_all();
    }
}

/// The same command, told by the kernel when we die.
fn tied(command: &Command) -> Command {
    let mut tied = if shell::on_path("setpriv") {
        let mut tied = Command::new("setpriv");
        tied.args(["--pdeathsig", "TERM"]).arg(command.get_program());
        tied
    } else {
        Command::new(command.get_program())
    };
    tied.args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => tied.env(name, value),
            None => tied.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        tied.current_dir(folder);
    }
    tied
}

fn servers() -> MutexGuard<'static, Vec<Server>> {
    SERVERS.lock().unwrap_or_else(PoisonError::into_inner)
}

const GRACE: Duration = Duration::from_secs(15);
