//! Files that hold one 32-byte key in base64, readable by their owner only.

use std::path::Path;

use anyhow::{Context as _, bail};
use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::new_file::{self, Mode};
use crate::tls::identity;

/// Reads a key [P-AV-08].
///
/// # Errors
/// Unreadable, readable by others, or not 32 bytes in base64.
pub fn load(path: &Path) -> anyhow::Result<Zeroizing<[u8; 32]>> {
    identity::private_mode(path)?;
    let text = std::fs::read_to_string(path).map(Zeroizing::new);
    let text = text.with_context(|| format!("reading the key file {}", path.display()))?;
    let bytes = STANDARD.decode(text.trim()).map(Zeroizing::new);
    match bytes.as_deref().map(|bytes| <[u8; 32]>::try_from(bytes.as_slice())) {
        Ok(Ok(key)) => Ok(Zeroizing::new(key)),
        _ => bail!("{} does not hold 32 bytes in base64", path.display()),
    }
}

/// Makes a file with a fresh key.
///
/// # Errors
/// When it exists or cannot be written.
pub fn create(path: &Path) -> anyhow::Result<()> {
    let mut key = Zeroizing::new([0; 32]);
    rand::fill(&mut *key).map_err(|_| anyhow::anyhow!("the random source failed"))?;
    let mut text = Zeroizing::new(STANDARD.encode(*key));
    text.push('\n');
    new_file::write(path, text.as_bytes(), Mode::Private)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_key_comes_back_and_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("av.key");
        create(&path).unwrap();
        assert_ne!(*load(&path).unwrap(), [0; 32]);
        assert!(create(&path).unwrap_err().to_string().contains("exists"));
    }

    #[test]
    fn keys_that_others_read_or_that_are_short_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("av.key");
        std::fs::write(&path, "AAAA\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(load(&path).unwrap_err().to_string().contains("chmod 600"));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert!(load(&path).unwrap_err().to_string().contains("32 bytes"));
    }
}
