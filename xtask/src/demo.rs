//! `cargo xtask demo`: the ACS and the simulator on this machine, two payments, then the shop.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::args::Args;
use crate::build::{self, Programs};
use crate::children::{self, StopAtEnd};
use crate::{say, shell, waiting};

const USAGE: &str = "\
Builds `acs` and `ds-sim`, makes a development PKI and test cards, starts both,
makes one payment without friction and one with a one-time password, prints
every message of both, and serves the shop until Ctrl-C.

Usage: cargo xtask demo [OPTIONS]

Options:
  --once          End after the two payments: 0 when both went as they should
  --dir DIR       Keep everything below DIR (default: target/demo); DIR/acs is
                  the ACS, DIR/sim the simulator, DIR/pki the keys of both, and
                  DIR/endpoints.json tells any client where everything is
  --base-port N   Use the ports N to N+19 instead of 8443.. and 7443..
  --fresh         Make DIR/acs, DIR/sim and DIR/pki anew, even when they are there
  --release       Build with optimisations
  -h, --help      This text

Examples:
  cargo xtask demo --once
  cargo xtask demo --dir /tmp/emv --base-port 9000
";

/// The payments: what they show, their card, and the final status there must be.
const PAYMENTS: [(&str, &str, &str); 2] = [
    ("without friction: the issuer accepts at once", "4000000000001000", "Y"),
    ("with a challenge: a one-time password in the issuer's page", "4000000000001091", "Y"),
];

pub(crate) fn command(mut args: Args) -> Result<ExitCode> {
    if args.wants_help() {
        return crate::usage(USAGE);
    }
    let once = args.flag("--once");
    let release = args.flag("--release");
    let fresh = args.flag("--fresh");
    let base = args.value("--base-port")?;
    let dir: Option<PathBuf> = args.value("--dir")?;
    args.end()?;
    let dir = std::path::absolute(dir.unwrap_or_else(|| shell::target_dir().join("demo")))?;
    let demo = Demo { dir, base };
    let ports = waiting::ports(base)?;

    let start = Instant::now();
    let programs = demo.step("building acs and ds-sim", || build::programs(release))?;
    waiting::all_free(&ports)?;
    let code = Arc::new(AtomicU8::new(130));
    let on_signal = Arc::clone(&code);
    children::stop_on_signal(move || on_signal.load(Ordering::Relaxed))?;
    let _stop = StopAtEnd;
    demo.prepare(&programs, fresh)?;
    demo.start(&programs)?;
    let good = demo.pay(&programs)?;
    let seconds = start.elapsed().as_secs_f64();
    if once {
        say::line(&format!("\n{} in {seconds:.1} s", verdict(good)));
        return Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    say::line(&format!("\n{}\n\n{}", verdict(good), demo.invitation(&programs)?));
    code.store(u8::from(!good), Ordering::Relaxed);
    demo.watch()
}

const fn verdict(good: bool) -> &'static str {
    if good {
        "both payments ended as they should"
    } else {
        "NOT as it should be: see the lines with PROBLEM or `expected` above"
    }
}

/// Where a demo lives.
#[derive(Debug)]
struct Demo {
    dir: PathBuf,
    base: Option<u16>,
}

impl Demo {
    fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Runs a step and tells what it is and how long it took.
    fn step<T>(&self, what: &str, run: impl FnOnce() -> Result<T>) -> Result<T> {
        say::line(&format!("== {what}"));
        let start = Instant::now();
        let done = run().with_context(|| format!("{what} (demo in {})", self.dir.display()))?;
        say::line(&format!("   {:.1} s", start.elapsed().as_secs_f64()));
        Ok(done)
    }

    /// Makes configuration, keys and cards, unless they are there for the same ports.
    fn prepare(&self, programs: &Programs, fresh: bool) -> Result<()> {
        let _ = fs::remove_file(self.path("endpoints.json"));
        match self.found()? {
            Found::Same if !fresh => {
                say::line(&format!("== using what is in {}", self.dir.display()));
                return Ok(());
            }
            Found::Nothing => {}
            Found::Same | Found::OtherPorts => self.clear()?,
        }
        self.step("making a development PKI, keys and test cards (acs init --dev)", || {
            fs::create_dir_all(self.path("sim"))
                .with_context(|| format!("making {}", self.path("sim").display()))?;
            let mut command = Command::new(&programs.acs);
            command.arg("init").arg("--dir").arg(self.path("acs")).arg("--dev");
            command.arg("--pki").arg(self.path("pki"));
            command.arg("--cards").arg(self.path("sim/cards.json"));
            command.arg("--outbox").arg(self.path("sim/outbox.jsonl"));
            self.add_base_port(&mut command);
            quietly(&mut command)?;
            let stamp = json!({ "base_port": self.base }).to_string();
            fs::write(self.path(STAMP), stamp).context("writing the folder's stamp")
        })
    }

    fn found(&self) -> Result<Found> {
        if let Ok(text) = fs::read(self.path(STAMP)) {
            let stamp: Value = serde_json::from_slice(&text).unwrap_or_default();
            let same = stamp.get("base_port") == Some(&json!(self.base));
            return Ok(if same { Found::Same } else { Found::OtherPorts });
        }
        for ours in PARTS {
            if self.path(ours).exists() {
                bail!(
                    "{} exists and was not finished by this command: give another --dir, or \
                     remove it",
                    self.path(ours).display()
                );
            }
        }
        Ok(Found::Nothing)
    }

    /// Removes what an earlier demo made here.
    fn clear(&self) -> Result<()> {
        fs::remove_file(self.path(STAMP))?;
        for ours in PARTS.map(|part| self.path(part)).iter().filter(|path| path.exists()) {
            fs::remove_dir_all(ours).with_context(|| format!("removing {}", ours.display()))?;
        }
        Ok(())
    }

    fn start(&self, programs: &Programs) -> Result<()> {
        self.step("starting the ACS (acs serve)", || {
            let mut command = Command::new(&programs.acs);
            command.arg("serve").arg("--config").arg(self.path("acs/acs.toml"));
            let acs = children::start("acs", &command, &self.path("acs/acs.log"))?;
            waiting::until_ok(waiting::ops_port(self.base), "/readyz", &acs, PATIENCE)
        })?;
        self.step("starting directory servers, 3DS Server and shop (ds-sim serve)", || {
            let mut command = Command::new(&programs.ds_sim);
            command.arg("serve").arg("--dir").arg(&self.dir);
            command.arg("--write-endpoints").arg(self.path("endpoints.json"));
            self.add_base_port(&mut command);
            let sim = children::start("ds-sim", &command, &self.path("sim/sim.log"))?;
            let end = Instant::now() + PATIENCE;
            while !self.path("endpoints.json").exists() {
                sim.check()?;
                if Instant::now() > end {
                    bail!("no endpoints.json after {PATIENCE:?}:\n{}", sim.last_words());
                }
                std::thread::sleep(Duration::from_millis(50));
            }
            Ok(())
        })
    }

    /// Makes both payments, even when the first fails.
    fn pay(&self, programs: &Programs) -> Result<bool> {
        let mut good = true;
        for (number, (what, pan, expect)) in (1..).zip(PAYMENTS) {
            say::line(&format!("\n== payment {number}, {what}"));
            let mut command = Command::new(&programs.ds_sim);
            command.args(["pay", "--pan", pan, "--amount", "1200", "--expect", expect]);
            command.arg("--endpoints").arg(self.path("endpoints.json"));
            let status = command.status().context("starting ds-sim pay")?;
            good &= status.success();
        }
        Ok(good)
    }

    fn invitation(&self, programs: &Programs) -> Result<String> {
        let ends = self.path("endpoints.json");
        let ends: Value = serde_json::from_slice(&fs::read(&ends)?).context("endpoints.json")?;
        let at = |pointer| ends.pointer(pointer).and_then(Value::as_str).unwrap_or("-");
        let mut text = String::new();
        let _ = writeln!(text, "shop               {}", at("/shop"));
        let _ = writeln!(text, "control and trace  {}", at("/control"));
        let _ = writeln!(text, "readiness          {}/readyz, {0}/metrics", at("/acs/ops"));
        let _ = writeln!(text, "one-time passwords {}", at("/outbox"));
        let _ = writeln!(text, "roots to trust     {}", at("/pki/ca"));
        let _ = writeln!(text, "everything else    {}\n", self.path("endpoints.json").display());
        text.push_str(&cards(Path::new(at("/cards"))));
        let _ = writeln!(
            text,
            "\nanother payment:\n  {} pay --pan {} --amount 1200 --version 2.1.0 --endpoints {}",
            programs.ds_sim.display(),
            PAYMENTS[1].1,
            self.path("endpoints.json").display()
        );
        text.push_str("\nCtrl-C stops everything");
        Ok(text)
    }

    /// Waits for a signal; a server that ends by itself ends the demo.
    fn watch(&self) -> Result<ExitCode> {
        loop {
            std::thread::sleep(Duration::from_millis(500));
            children::check_all()?;
        }
    }

    fn add_base_port(&self, command: &mut Command) {
        if let Some(base) = self.base {
            command.args(["--base-port", &base.to_string()]);
        }
    }
}

/// What an earlier demo left.
enum Found {
    Nothing,
    Same,
    OtherPorts,
}

/// The test cards as a table.
fn cards(file: &Path) -> String {
    let cards: Vec<Value> =
        fs::read(file).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
    let mut table = format!("{:<20} {:<6} {:<8} {}\n", "test card", "YYMM", "result", "scenario");
    for card in &cards {
        let word = |name: &str| card[name].as_str().unwrap_or("-").to_owned();
        let _ = writeln!(
            table,
            "{:<20} {:<6} {:<8} {}",
            word("pan"),
            word("expiry"),
            word("expect"),
            word("scenario")
        );
    }
    table
}

/// Runs a command whose output matters only when it fails.
pub(crate) fn quietly(command: &mut Command) -> Result<()> {
    let shown = shell::shown(command);
    let output = command.output().with_context(|| format!("starting {shown}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{}\n{shown}\n  ended with {}", said.trim_end(), output.status);
    }
    Ok(())
}

/// Says whose the folder is.
const STAMP: &str = "demo.json";
/// What we may remove.
const PARTS: [&str; 3] = ["acs", "sim", "pki"];
const PATIENCE: Duration = Duration::from_secs(60);
