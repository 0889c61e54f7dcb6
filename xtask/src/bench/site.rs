//! The installation that is measured, its cards, and the servers.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::build::Programs;
use crate::children::{self, Started};
use crate::demo::quietly;
use crate::{shell, waiting};

/// A development installation with ordinary cards.
#[derive(Debug)]
pub(super) struct Site<'a> {
    programs: &'a Programs,
    dir: PathBuf,
    base: u16,
}

/// A server that runs.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) server: Started,
    pub(super) url: String,
}

impl<'a> Site<'a> {
    /// Makes it anew in the folder `name` of the target directory.
    pub(super) fn prepare(programs: &'a Programs, name: &str, cards: u32) -> Result<Self> {
        let dir = shell::target_dir().join(name);
        let site = Self { programs, dir, base: waiting::free_base()? };
        site.initialise(cards)?;
        Ok(site)
    }

    fn initialise(&self, count: u32) -> Result<()> {
        let Self { programs, dir, base } = self;
        if dir.exists() {
            fs::remove_dir_all(dir).with_context(|| format!("removing {}", dir.display()))?;
        }
        fs::create_dir_all(dir.join("sim"))?;
        let mut init = Command::new(&programs.acs);
        init.arg("init").arg("--dir").arg(dir.join("acs")).arg("--dev");
        init.arg("--pki").arg(dir.join("pki")).arg("--cards").arg(dir.join("sim/cards.json"));
        init.arg("--outbox").arg(dir.join("sim/outbox.jsonl"));
        quietly(init.args(["--base-port", &base.to_string()]))?;
        let more = dir.join("sim/more-cards.jsonl");
        fs::write(&more, cards(count))?;
        let mut import = Command::new(&programs.acs);
        import.args(["card", "import", "--issuer", "alpha", "--config"]);
        quietly(import.arg(self.config()).arg(&more))?;
        let mut ends = Command::new(&programs.ds_sim);
        ends.arg("endpoints").arg("--dir").arg(dir).args(["--base-port", &base.to_string()]);
        quietly(ends.arg("--write").arg(self.ends()))
    }

    fn config(&self) -> PathBuf {
        self.dir.join("acs/acs.toml")
    }

    fn ends(&self) -> PathBuf {
        self.dir.join("endpoints.json")
    }

    /// A file that a server may write.
    pub(super) fn scratch(&self, name: &str) -> PathBuf {
        self.dir.join("sim").join(name)
    }

    /// Changes lines of acs.toml, each from what stands there now.
    pub(super) fn configure(&self, changes: &[(&str, &str)]) -> Result<()> {
        let path = self.config();
        let mut text = fs::read_to_string(&path)?;
        for (old, new) in changes {
            let lines = format!("\n{old}\n");
            if !text.contains(&lines) {
                bail!("{} has no line {old:?}", path.display());
            }
            text = text.replacen(&lines, &format!("\n{new}\n"), 1);
        }
        Ok(fs::write(path, text)?)
    }

    pub(super) fn start_acs(&self) -> Result<Candidate> {
        let mut command = Command::new(&self.programs.acs);
        command.arg("serve").arg("--config").arg(self.config());
        let server = children::start("acs", &command, &self.dir.join("acs/acs.log"))?;
        waiting::until_ok(self.base + 2, "/readyz", &server, Duration::from_secs(60))?;
        Ok(Candidate { server, url: format!("https://localhost:{}/3ds/areq", self.base) })
    }

    /// A server of `ds-sim echo`, which names its address in its first line.
    pub(super) fn start_echo(&self, name: &'static str, options: &[&str]) -> Result<Candidate> {
        let mut command = Command::new(&self.programs.ds_sim);
        command.arg("echo").arg("--endpoints").arg(self.ends()).args(options);
        let log = self.scratch(&format!("{}.log", name.replace(' ', "-")));
        let server = children::start(name, &command, &log)?;
        let end = Instant::now() + Duration::from_secs(10);
        loop {
            server.check()?;
            let text = fs::read_to_string(&log).unwrap_or_default();
            if let Some((url, _)) = text.split_once('\n') {
                return Ok(Candidate { server, url: url.to_owned() });
            }
            if Instant::now() > end {
                bail!("{name} told no address:\n{}", server.last_words());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Runs `ds-sim load` once; an error, or an answer other than `wanted`, spoils the measurement.
    pub(super) fn load(&self, options: &[String], wanted: &str) -> Result<Value> {
        let mut command = Command::new(&self.programs.ds_sim);
        command.args(["load", "--pan", &pan(0)]).args(options);
        let output = command.arg("--endpoints").arg(self.ends()).output();
        let output = output.context("starting ds-sim load")?;
        let report: Value = serde_json::from_slice(&output.stdout).with_context(|| {
            format!("ds-sim load: {}", String::from_utf8_lossy(&output.stderr).trim_end())
        })?;
        let answers = report["answers"].as_object();
        let only_wanted = answers.is_some_and(|all| all.keys().all(|key| key == wanted));
        if report["errors"] != 0 || report["requests"] == 0 || !only_wanted {
            bail!("not every request was answered {wanted}: {report}");
        }
        Ok(report)
    }
}

/// A number of a load's report.
pub(super) fn number(report: &Value, name: &str) -> Result<f64> {
    report[name].as_f64().with_context(|| format!("the load reports no {name}"))
}

/// Ordinary cards, as an issuer would import them.
fn cards(count: u32) -> String {
    let mut lines = String::new();
    for number in 0..count {
        let card = json!({
            "pan": pan(number), "expiry": EXPIRY, "state": "active",
            "contacts": { "sms": format!("+8190{number:08}") },
        });
        let _ = writeln!(lines, "{card}");
    }
    lines
}

/// The n-th test card number of a range of our own, with its Luhn digit.
fn pan(number: u32) -> String {
    let head = format!("49999{number:010}");
    let sum: u32 = head
        .bytes()
        .rev()
        .enumerate()
        .map(|(at, byte)| {
            let digit = u32::from(byte - b'0');
            let doubled = if at % 2 == 0 { digit * 2 } else { digit };
            doubled / 10 + doubled % 10
        })
        .sum();
    format!("{head}{}", (10 - sum % 10) % 10)
}

const EXPIRY: &str = "3012";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn card_numbers_pass_luhn() {
        // 4999900000000005: 8+9+9+9+9 (doubled 4, 9, 9 => 8, 9, 9) and the check digit.
        for number in [0, 1, 9_999] {
            let pan = pan(number);
            let sum: u32 = pan
                .bytes()
                .rev()
                .enumerate()
                .map(|(at, byte)| {
                    let digit = u32::from(byte - b'0') * if at % 2 == 1 { 2 } else { 1 };
                    digit / 10 + digit % 10
                })
                .sum();
            assert_eq!((pan.len(), sum % 10), (16, 0), "{pan}");
        }
    }
}
