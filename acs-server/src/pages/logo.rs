//! Logos on the cardholder's pages, in browsers and in apps [Req 180, Req 162]: small files that stand
//! inside the documents, because the pages load nothing else.

use std::path::Path;

use acs_core::profile::Logo;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Reads a PNG or JPEG of at most [`MAX_BYTES`]; `words` is its text alternative.
///
/// # Errors
/// A sentence about the file: it cannot be read, is no such image, or is too large.
pub fn load(file: &Path, words: &str) -> Result<Logo, String> {
    let name = file.display();
    let bytes = std::fs::read(file).map_err(|error| format!("{name}: {error}"))?;
    let neither = || format!("{name} is neither PNG nor JPEG: save the logo as one of them");
    let kind = kind(&bytes).ok_or_else(neither)?;
    if bytes.len() > MAX_BYTES {
        return Err(format!(
            "{name} has {} bytes, and every page carries it: at most {MAX_BYTES}",
            bytes.len()
        ));
    }
    let image = format!("data:image/{kind};base64,{}", STANDARD.encode(&bytes));
    Logo::new(image, words.to_owned()).ok_or_else(neither)
}

/// By the first bytes, whatever the file is called.
fn kind(bytes: &[u8]) -> Option<&'static str> {
    if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        Some("png")
    } else if bytes.starts_with(&[0xff, 0xd8, 0xff]) {
        Some("jpeg")
    } else {
        None
    }
}

/// Largest file of a logo, in bytes: a page stays below 60 KB with two of them, and one of an app below the
/// 100,000 characters of `acsHTML`.
pub const MAX_BYTES: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn load_bytes(bytes: &[u8]) -> Result<Logo, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("logo");
        std::fs::write(&file, bytes).unwrap();
        load(&file, "Hinata Bank")
    }

    #[test]
    fn only_small_png_and_jpeg_files_are_logos() {
        let png = b"\x89PNG\r\n\x1a\n rest".as_slice();
        let large = [png, &vec![0; MAX_BYTES]].concat();
        assert_eq!(load_bytes(png).unwrap().image(), "data:image/png;base64,iVBORw0KGgogcmVzdA==");
        assert!(
            load_bytes(&[0xff, 0xd8, 0xff, 0xe0]).unwrap().image().starts_with("data:image/jpeg;")
        );
        assert!(load_bytes(b"<svg onload='x'/>").unwrap_err().contains("neither PNG nor JPEG"));
        assert!(load_bytes(b"").is_err());
        assert!(load_bytes(&large).unwrap_err().contains("at most 16384"));
        assert!(load(Path::new("/nowhere/logo.png"), "x").is_err());
    }
}
