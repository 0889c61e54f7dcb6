//! Files that are made once and never overwritten.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::{Context as _, bail};

/// Who may read a new file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Its owner only.
    Private,
    Public,
}

/// Writes a file that must not exist yet, making its folder where needed.
///
/// # Errors
/// When it exists or cannot be written.
pub fn write(path: &Path, content: &[u8], mode: Mode) -> anyhow::Result<()> {
    if let Some(folder) = path.parent() {
        folder_of(folder)?;
    }
    let bits = match mode {
        Mode::Private => 0o600,
        Mode::Public => 0o644,
    };
    let made = OpenOptions::new().write(true).create_new(true).mode(bits).open(path);
    let mut file = match made {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => refuse(path)?,
        Err(error) => return Err(error).with_context(|| format!("making {}", path.display())),
    };
    file.write_all(content)
        .and_then(|()| file.sync_all())
        .with_context(|| format!("writing {}", path.display()))
}

/// Refuses a path that is taken.
///
/// # Errors
/// When it exists.
pub fn must_be_absent(path: &Path) -> anyhow::Result<()> {
    if path.symlink_metadata().is_ok() { refuse(path) } else { Ok(()) }
}

/// Makes a folder and those above it.
///
/// # Errors
/// When that is impossible.
pub fn folder_of(folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("making the folder {}", folder.display()))
}

fn refuse<T>(path: &Path) -> anyhow::Result<T> {
    bail!("{} exists and is not overwritten: choose another place or move it away", path.display())
}
