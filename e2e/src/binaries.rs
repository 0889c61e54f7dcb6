//! Where the binaries under test are: named by the environment, or built here once.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The service. `E2E_ACS` names one that is built already.
#[must_use]
pub fn acs() -> PathBuf {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    FOUND
        .get_or_init(|| {
            given("E2E_ACS").unwrap_or_else(|| build(&["acs-server"], &[], "acs", "acs"))
        })
        .clone()
}

/// The simulator. `E2E_DS_SIM` names one that is built already.
#[must_use]
pub fn ds_sim() -> PathBuf {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    FOUND
        .get_or_init(|| {
            given("E2E_DS_SIM").unwrap_or_else(|| build(&["ds-simulator"], &[], "ds-sim", "ds-sim"))
        })
        .clone()
}

/// The service with a fault built in: it answers before its commit. `E2E_ACS_MUTANT` names one
/// that is built already.
#[must_use]
pub fn acs_mutant() -> PathBuf {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    let features = ["--features", "acs-server/danger-reply-before-commit"];
    FOUND
        .get_or_init(|| {
            given("E2E_ACS_MUTANT")
                .unwrap_or_else(|| build(&["acs-server"], &features, "acs", "acs-mutant"))
        })
        .clone()
}

/// Top folder of the workspace.
#[must_use]
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("e2e lies in the workspace").to_owned()
}

/// Cargo's target folder.
#[must_use]
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace().join("target"), PathBuf::from)
}

fn given(variable: &str) -> Option<PathBuf> {
    let path = PathBuf::from(std::env::var_os(variable).filter(|value| !value.is_empty())?);
    assert!(path.is_file(), "{variable} = {} is no file", path.display());
    Some(std::path::absolute(&path).unwrap_or(path))
}

/// Builds a binary and keeps it apart from the next build under the same name.
fn build(packages: &[&str], options: &[&str], binary: &str, kept_as: &str) -> PathBuf {
    let folder = target().join("e2e-bin");
    fs::create_dir_all(&folder).expect("the target folder is writable");
    let lock = File::create(folder.join(".lock")).expect("the target folder is writable");
    lock.lock().expect("files can be locked");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(workspace()).args(["build", "--quiet", "--bin", binary]);
    for package in packages {
        command.args(["--package", package]);
    }
    let status = command.args(options).status().expect("cargo runs");
    assert!(status.success(), "building {kept_as} failed");
    let kept = folder.join(kept_as);
    let fresh = folder.join(format!(".{kept_as}.new"));
    let _ = fs::remove_file(&fresh);
    fs::hard_link(target().join("debug").join(binary), &fresh).expect("the binary was built");
    fs::rename(&fresh, &kept).expect("the target folder is writable");
    kept
}
