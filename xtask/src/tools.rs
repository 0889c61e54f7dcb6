//! What a bare Debian machine lacks: installed when we may, named in one line otherwise.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use crate::shell::{self, Logged};

/// A program or file the tests use, and the package that brings it.
#[derive(Debug)]
pub(crate) struct Tool {
    is_here: fn() -> bool,
    pub(crate) package: &'static str,
    needed_for: &'static str,
}

pub(crate) const CHROMIUM: Tool =
    Tool { is_here: || chromium().is_some(), package: "chromium", needed_for: "browser journeys" };
pub(crate) const NODE: Tool =
    Tool { is_here: || shell::on_path("node"), package: "nodejs", needed_for: "browser journeys" };
pub(crate) const NPM: Tool =
    Tool { is_here: || shell::on_path("npm"), package: "npm", needed_for: "browser journeys" };
pub(crate) const PYTHON: Tool = Tool {
    is_here: || shell::on_path("python3"),
    package: "python3",
    needed_for: "the independent traffic checker",
};
pub(crate) const STRACE: Tool = Tool {
    is_here: || shell::on_path("strace"),
    package: "strace",
    needed_for: "the check that the store syncs before a reply",
};
pub(crate) const JAPANESE_FONT: Tool = Tool {
    is_here: || has_file(Path::new("/usr/share/fonts"), "CJK", 5),
    package: "fonts-noto-cjk",
    needed_for: "screenshots of Japanese pages",
};
const OPENSSL: Tool = Tool {
    is_here: || {
        std::env::var_os("OPENSSL_DIR").is_some()
            || Path::new("/usr/include/openssl/opensslv.h").exists()
    },
    package: "libssl-dev",
    needed_for: BUILDING,
};
const MAKE: Tool = Tool {
    is_here: || shell::on_path("make"),
    package: "make",
    needed_for: "building acs, whose allocator comes as C",
};
const PKG_CONFIG: Tool = Tool {
    is_here: || std::env::var_os("OPENSSL_DIR").is_some() || shell::on_path("pkg-config"),
    package: "pkg-config",
    needed_for: BUILDING,
};
const BUILDING: &str = "building ds-sim, whose SDK uses OpenSSL";
/// What compiling needs beyond Rust and a C compiler.
const FOR_BUILDING: [&Tool; 3] = [&MAKE, &OPENSSL, &PKG_CONFIG];
const ALL: [&Tool; 9] =
    [&MAKE, &OPENSSL, &PKG_CONFIG, &CHROMIUM, &NODE, &NPM, &PYTHON, &STRACE, &JAPANESE_FONT];

impl Tool {
    pub(crate) fn is_here(&self) -> bool {
        (self.is_here)()
    }

    /// One line for a step that cannot run.
    pub(crate) fn missing(&self) -> String {
        format!("{} is not installed (apt-get install {0})", self.package)
    }
}

/// The browser of the journeys.
pub(crate) fn chromium() -> Option<PathBuf> {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    names.into_iter().find_map(shell::find)
}

/// Installs what is missing when we are root on a machine with apt-get. Answers what is still
/// missing, in one line.
pub(crate) fn install(logged: &Logged) -> Result<Option<String>> {
    install_of(&ALL, logged)
}

/// Installs what compiling lacks.
///
/// # Errors
/// Naming it, when we may not install it.
pub(crate) fn ready_to_build() -> Result<()> {
    if missing(&FOR_BUILDING).is_empty() {
        return Ok(());
    }
    match install_of(&FOR_BUILDING, &Logged::new("packages")?)? {
        None => Ok(()),
        Some(line) => bail!(line),
    }
}

fn install_of(tools: &[&'static Tool], logged: &Logged) -> Result<Option<String>> {
    let missing = missing(tools);
    if missing.is_empty() {
        return Ok(None);
    }
    if !is_root() || !shell::on_path("apt-get") {
        return Ok(Some(line(&missing)));
    }
    let mut update = Command::new("apt-get");
    logged.run(update.args(["update", "-q"]))?;
    let mut install = Command::new("apt-get");
    install.env("DEBIAN_FRONTEND", "noninteractive");
    install.args(["install", "-q", "-y", "--no-install-recommends"]);
    logged.run(install.args(missing.iter().map(|tool| tool.package)))?;
    let still = self::missing(tools);
    Ok((!still.is_empty()).then(|| line(&still)))
}

fn missing(tools: &[&'static Tool]) -> Vec<&'static Tool> {
    tools.iter().copied().filter(|tool| !tool.is_here()).collect()
}

fn line(tools: &[&Tool]) -> String {
    let packages: Vec<_> = tools.iter().map(|tool| tool.package).collect();
    let mut uses: Vec<_> = tools.iter().map(|tool| tool.needed_for).collect();
    uses.dedup();
    format!("missing for {}: as root, apt-get install {}", uses.join(", "), packages.join(" "))
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn has_file(folder: &Path, part: &str, depth: usize) -> bool {
    let Ok(entries) = fs::read_dir(folder) else { return false };
    entries.flatten().any(|entry| {
        let name = entry.file_name();
        if name.to_string_lossy().contains(part) {
            return true;
        }
        depth > 0 && entry.path().is_dir() && has_file(&entry.path(), part, depth - 1)
    })
}
