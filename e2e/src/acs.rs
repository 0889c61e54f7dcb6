//! A real `acs` process in a folder of its own.

use std::fs::{self, File, OpenOptions};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use ds_simulator::endpoints::{Endpoints, Ports};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::ports::PortBlock;
use crate::template;

/// An installed service: `acs/` (configuration, database, log), `pki/` and `sim/` below one
/// temporary folder. The process is killed and the folder removed at the end; after a failed test
/// the folder stays.
#[derive(Debug)]
pub struct Acs {
    dir: Option<TempDir>,
    ports: PortBlock,
    binary: PathBuf,
    child: Arc<Mutex<Option<Child>>>,
    http: reqwest::Client,
}

/// Kills the process from any thread, at once.
#[derive(Debug, Clone)]
pub struct Killer(Arc<Mutex<Option<Child>>>);

impl Killer {
    /// SIGKILL; does nothing when there is no process.
    pub fn kill(&self) {
        if let Some(child) = lock(&self.0).as_mut() {
            let _ = child.kill();
        }
    }
}

impl Acs {
    /// An installation as `acs init --dev` of `binary` makes it; nothing serves yet.
    ///
    /// # Errors
    /// When that fails.
    pub fn install(binary: PathBuf) -> Result<Self> {
        Self::copied(binary, false)
    }

    /// [`Self::install`], with the cards of both issuers.
    ///
    /// # Errors
    /// When that fails.
    pub fn install_with_cards(binary: PathBuf) -> Result<Self> {
        Self::copied(binary, true)
    }

    fn copied(binary: PathBuf, carded: bool) -> Result<Self> {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let dir = tempfile::Builder::new().prefix("acs-e2e-").tempdir()?;
        let http = reqwest::Client::builder().no_proxy().build()?;
        let acs =
            Self { dir: Some(dir), ports: PortBlock::find(), binary, child: Arc::default(), http };
        template::copy_to(acs.dir(), &acs.binary, acs.ports.base(), carded)?;
        Ok(acs)
    }

    /// Everything of this installation.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.dir.as_ref().map_or_else(|| Path::new("."), TempDir::path)
    }

    /// What an operator must guard: configuration, keys, database, log.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        self.dir().join("acs")
    }

    /// The configuration file.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.folder().join("acs.toml")
    }

    /// The development PKI.
    #[must_use]
    pub fn pki(&self) -> PathBuf {
        self.dir().join("pki")
    }

    /// Where messages to cardholders can be read.
    #[must_use]
    pub fn outbox(&self) -> PathBuf {
        self.dir().join("sim/outbox.jsonl")
    }

    /// The log of every process so far.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder().join("acs.log")).unwrap_or_default()
    }

    /// The database file named in the configuration.
    ///
    /// # Panics
    /// When the configuration names none.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        let config = fs::read_to_string(self.config()).expect("the configuration is readable");
        let config: toml::Table = config.parse().expect("the configuration is TOML");
        let path = config["storage"]["path"].as_str().expect("storage.path is text");
        self.folder().join(path)
    }

    /// The first of this installation's twenty ports.
    #[must_use]
    pub const fn base_port(&self) -> u16 {
        self.ports.base()
    }

    /// Its ports as the simulator counts them.
    #[must_use]
    pub const fn ports(&self) -> Ports {
        Ports::from_base(self.ports.base())
    }

    /// Its addresses as `endpoints.json` names them.
    #[must_use]
    pub fn endpoints(&self) -> Endpoints {
        Endpoints::for_demo(self.dir(), &self.ports())
    }

    /// Where directory server `ds` sends its AReqs.
    #[must_use]
    pub fn areq_url(&self, ds: &str) -> String {
        let ports = self.ports();
        let port = if ds == "ds-b" { ports.acs_ds_b } else { ports.acs_ds_a };
        format!("https://localhost:{port}/3ds/areq")
    }

    /// A URL of the cardholder listener.
    #[must_use]
    pub fn cardholder_url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.ports().acs_cardholder)
    }

    /// A URL of the ops listener.
    #[must_use]
    pub fn ops_url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.ports().acs_ops)
    }

    /// Changes the configuration for the next start.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn edit_config(&self, edit: impl FnOnce(&mut toml::Table)) -> Result<()> {
        let mut config: toml::Table = fs::read_to_string(self.config())?.parse()?;
        edit(&mut config);
        fs::write(self.config(), toml::to_string(&config)?)?;
        Ok(())
    }

    /// Runs the binary to its end, e.g. `["card", "import", …]`.
    ///
    /// # Errors
    /// When it exits with anything but 0: what it said.
    pub fn run(&self, arguments: &[&str]) -> Result<String> {
        let output = self.command(arguments, |_| {})?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn command(&self, arguments: &[&str], more: impl FnOnce(&mut Command)) -> Result<Output> {
        let mut command = Command::new(&self.binary);
        command.args(arguments);
        more(&mut command);
        let output = command.output().with_context(|| format!("{}", self.binary.display()))?;
        if !output.status.success() {
            bail!(
                "acs {} ended with {}:\n{}{}",
                arguments.join(" "),
                output.status,
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            );
        }
        Ok(output)
    }

    /// Imports cards for `issuer` from JSON Lines.
    ///
    /// # Errors
    /// When the import is refused.
    pub fn import_cards(&self, issuer: &str, lines: &str) -> Result<()> {
        let file = self.dir().join(format!("sim/import-{issuer}.jsonl"));
        fs::write(&file, lines)?;
        let config = self.config();
        self.command(&["card", "import"], |command| {
            command.arg("--config").arg(&config).args(["--issuer", issuer]).arg(&file);
        })?;
        Ok(())
    }

    /// Starts serving and waits until it is ready.
    ///
    /// # Errors
    /// When the process ends, or is not ready within 30 seconds.
    pub async fn start(&self) -> Result<()> {
        self.start_with(&[], &[]).await
    }

    /// [`Self::start`] with environment variables, below a wrapper command such as a tracer.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn start_with(&self, wrapper: &[&str], variables: &[(&str, &str)]) -> Result<()> {
        self.spawn(wrapper, variables)?;
        self.wait_ready().await
    }

    /// Starts the process without waiting for it.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn spawn(&self, wrapper: &[&str], variables: &[(&str, &str)]) -> Result<()> {
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.folder().join("acs.log"))
            .context("the log")?;
        let mut command = match wrapper.split_first() {
            Some((program, arguments)) => {
                let mut command = Command::new(program);
                command.args(arguments).arg(&self.binary);
                command
            }
            None => Command::new(&self.binary),
        };
        command
            .arg("serve")
            .arg("--config")
            .arg(self.config())
            .envs(variables.iter().copied())
            .env_remove("ACS_LOG")
            .current_dir(self.folder())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        *lock(&self.child) = Some(command.spawn().context("starting acs serve")?);
        Ok(())
    }

    /// Waits until `/readyz` says so.
    ///
    /// # Errors
    /// When the process ended or 30 seconds went by.
    pub async fn wait_ready(&self) -> Result<()> {
        let start = Instant::now();
        while start.elapsed() < START_PATIENCE {
            if self.has_exited() {
                bail!("acs serve ended at once:\n{}", tail(&self.log()));
            }
            let answer = self.http.get(self.ops_url("/readyz")).timeout(PROBE_TIMER).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(15)).await;
        }
        bail!("acs serve is not ready after 30 s:\n{}", tail(&self.log()));
    }

    /// Whether the process ended (or was never started).
    #[must_use]
    pub fn has_exited(&self) -> bool {
        lock(&self.child).as_mut().is_none_or(|child| !matches!(child.try_wait(), Ok(None)))
    }

    /// The process id; below a tracer that of the service itself.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        let started = lock(&self.child).as_ref().map(Child::id)?;
        let children = fs::read_to_string(format!("/proc/{started}/task/{started}/children"));
        let first = children.ok().and_then(|pids| pids.split(' ').next()?.parse().ok());
        Some(first.unwrap_or(started))
    }

    /// A handle that can kill the process from anywhere.
    #[must_use]
    pub fn killer(&self) -> Killer {
        Killer(Arc::clone(&self.child))
    }

    /// SIGKILL, and waits for the end.
    pub fn kill_9(&self) {
        if let Some(mut child) = lock(&self.child).take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// SIGTERM, and waits for an orderly end.
    ///
    /// # Errors
    /// When the process does not end within 20 seconds or ends badly.
    pub async fn stop(&self) -> Result<()> {
        let pid = self.pid().context("no process")?;
        Command::new("kill").arg(pid.to_string()).status().context("kill")?;
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(20) {
            let ended =
                lock(&self.child).as_mut().and_then(|child| child.try_wait().ok().flatten());
            if let Some(status) = ended {
                *lock(&self.child) = None;
                if !status.success() {
                    bail!("acs serve ended with {status}:\n{}", tail(&self.log()));
                }
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        bail!("acs serve did not end within 20 s of SIGTERM")
    }

    /// Moves the service's clock forward; returns once what became due was committed.
    ///
    /// # Errors
    /// When the service does not answer 200.
    pub async fn advance(&self, by: Duration) -> Result<i64> {
        let body = json!({"advance_ms": u64::try_from(by.as_millis())?});
        let answer = self.http.post(self.ops_url("/dev/clock")).json(&body).send().await?;
        let now: Value = answer.error_for_status()?.json().await?;
        now["now"].as_i64().context("no now")
    }

    /// The text of `/metrics`.
    ///
    /// # Errors
    /// When the service does not answer.
    pub async fn metrics(&self) -> Result<String> {
        let answer = self.http.get(self.ops_url("/metrics")).send().await?;
        Ok(answer.error_for_status()?.text().await?)
    }

    /// Sum of the samples of `name` whose labels contain each of `labels` (`key="value"`).
    ///
    /// # Errors
    /// When the service does not answer.
    pub async fn metric(&self, name: &str, labels: &[&str]) -> Result<f64> {
        let text = self.metrics().await?;
        let samples = text.lines().filter(|line| {
            line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']))
                && labels.iter().all(|label| line.contains(label))
        });
        Ok(samples.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum())
    }

    /// Waits until [`Self::metric`] is at least `wanted`.
    ///
    /// # Errors
    /// When it is not within 20 seconds.
    pub async fn wait_metric(&self, name: &str, labels: &[&str], wanted: f64) -> Result<()> {
        let start = Instant::now();
        loop {
            let found = self.metric(name, labels).await?;
            if found >= wanted {
                return Ok(());
            }
            if start.elapsed() > Duration::from_secs(20) {
                bail!("{name} {labels:?} is {found}, not {wanted}, after 20 s");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for Acs {
    #[expect(clippy::print_stderr, reason = "a failed test says where its traces are")]
    fn drop(&mut self) {
        self.kill_9();
        if std::thread::panicking()
            && let Some(dir) = self.dir.take()
        {
            let path = dir.keep();
            eprintln!("kept for inspection: {}\n{}", path.display(), tail(&log_of(&path)));
        }
    }
}

fn log_of(dir: &Path) -> String {
    let mut text = String::new();
    let _ = File::open(dir.join("acs/acs.log")).and_then(|mut file| file.read_to_string(&mut text));
    text
}

fn tail(log: &str) -> String {
    let lines: Vec<_> = log.lines().collect();
    lines[lines.len().saturating_sub(30)..].join("\n")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

const START_PATIENCE: Duration = Duration::from_secs(30);
const PROBE_TIMER: Duration = Duration::from_secs(2);
