//! The whole way in a real browser: `journeys/journey.mjs` in a headless Chromium against the two
//! real binaries.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use e2e::{Acs, binaries};

struct Served(Child);

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn chromium() -> PathBuf {
    std::env::var_os("E2E_CHROMIUM").map_or_else(|| "/usr/bin/chromium".into(), PathBuf::from)
}

/// playwright-core as locked, in a folder of its own so that the source tree stays clean.
fn prepared() -> PathBuf {
    let hint = "missing for browser journeys: apt-get install -y chromium nodejs npm";
    assert!(chromium().is_file(), "{hint}");
    for tool in ["node", "npm"] {
        assert!(Command::new(tool).arg("--version").output().is_ok(), "{tool} is {hint}");
    }
    let folder = binaries::target().join("e2e-journeys");
    fs::create_dir_all(&folder).unwrap();
    // One test at a time installs; the lock ends with its file.
    let lock_file = fs::File::create(folder.join(".lock")).unwrap();
    lock_file.lock().unwrap();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("journeys");
    let lock = fs::read(source.join("package-lock.json")).unwrap();
    let installed = folder.join("node_modules/playwright-core/package.json").is_file()
        && fs::read(folder.join("package-lock.json")).is_ok_and(|known| known == lock);
    for name in ["package.json", "package-lock.json", "journey.mjs"] {
        fs::copy(source.join(name), folder.join(name)).unwrap();
    }
    if !installed {
        let done = Command::new("npm")
            .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"])
            .current_dir(&folder)
            .status();
        assert!(done.unwrap().success(), "npm ci failed");
    }
    folder
}

/// All window sizes without sideways scrolling [T-BC-09], sandboxed frames, no scripts, nothing
/// external [P-BRW-03, P-BRW-05, P-BRW-06]; a page that waits for the issuer's app moves on by itself
/// [P-BRW-25, T-OB-08]; a wordless processing screen for a second [P-TMO-13, Req 178,
/// Req 179, Req 181, Req 182].
#[tokio::test(flavor = "multi_thread")]
async fn shoppers_pay_in_a_real_browser() {
    let pictures = journeys("journey", None).await;
    assert!(pictures >= 15, "{pictures} screenshots");
}

/// The frame has the size that the CReq asks for, the page takes its layout from it and fits
/// [P-BRW-03, Req 177, Note 152].
#[tokio::test(flavor = "multi_thread")]
async fn t_bc_09_window_sizes() {
    journeys("journey-window-sizes", Some("t-bc-09-window-sizes")).await;
}

/// Runs one journey, or all that have no test of their own; how many screenshots there are.
#[expect(clippy::print_stdout, reason = "a person wants to know where the pictures are")]
async fn journeys(record: &'static str, only: Option<&str>) -> usize {
    let folder = prepared();
    let acs = Acs::install(binaries::acs()).unwrap();
    acs.start().await.unwrap();
    let endpoints = acs.dir().join("endpoints.json");
    let log = fs::File::create(acs.dir().join("sim/sim.log")).unwrap();
    let _served = Served(
        Command::new(binaries::ds_sim())
            .args(["serve", "--base-port", &acs.base_port().to_string(), "--dir"])
            .arg(acs.dir())
            .arg("--write-endpoints")
            .arg(&endpoints)
            .arg("--record")
            .arg(e2e::stage::traffic_file(record).unwrap())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap(),
    );
    let start = Instant::now();
    while !endpoints.is_file() {
        assert!(start.elapsed() < Duration::from_secs(30), "no endpoints.json within 30 s");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let screenshots = binaries::target().join("e2e-screenshots");
    let done = Command::new("node")
        .arg(folder.join("journey.mjs"))
        .arg(&endpoints)
        .arg(&screenshots)
        .env("E2E_CHROMIUM", chromium())
        .envs(only.map(|name| ("E2E_JOURNEY", name)))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    let complained = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success(), "{said}{complained}");
    let pictures = fs::read_dir(&screenshots).unwrap().count();
    println!("{said}screenshots in {}", screenshots.display());
    pictures
}
