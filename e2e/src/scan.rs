//! Looks for secrets in every file of a folder, in clear and in the forms a careless writer leaves.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

/// Where a secret was found, and in which form. Names the secret by its label only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub file: PathBuf,
    pub label: String,
    pub form: &'static str,
}

/// The forms of one secret.
#[derive(Debug, Clone)]
pub struct Needle {
    label: String,
    forms: Vec<(&'static str, Vec<u8>)>,
}

impl Needle {
    /// `secret` as text, hexadecimal, base64 at each of three places, and UTF-16; numbers also as
    /// packed digits.
    #[must_use]
    pub fn new(label: &str, secret: &str) -> Self {
        let mut forms = vec![("text", secret.as_bytes().to_vec())];
        let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
        forms.push(("upper-case hex", hex.to_uppercase().into_bytes()));
        forms.push(("hex", hex.into_bytes()));
        forms.push(("UTF-16", secret.encode_utf16().flat_map(u16::to_le_bytes).collect()));
        for shift in 0..3 {
            forms.push(("base64", base64_core(&STANDARD, secret.as_bytes(), shift)));
            forms.push(("base64url", base64_core(&URL_SAFE, secret.as_bytes(), shift)));
        }
        if secret.bytes().all(|byte| byte.is_ascii_digit()) && secret.len() >= 13 {
            let padded = if secret.len().is_multiple_of(2) {
                secret.to_owned()
            } else {
                format!("{secret}F")
            };
            let packed: Vec<u8> = (0..padded.len())
                .step_by(2)
                .filter_map(|at| u8::from_str_radix(&padded[at..at + 2], 16).ok())
                .collect();
            forms.push(("packed digits", packed));
            if let Ok(number) = secret.parse::<u64>() {
                forms.push(("big-endian number", number.to_be_bytes().to_vec()));
                forms.push(("little-endian number", number.to_le_bytes().to_vec()));
            }
        }
        Self { label: label.to_owned(), forms }
    }
}

impl Needle {
    /// Secret bytes: as they are, hexadecimal, and base64 at each of three places.
    #[must_use]
    pub fn of_bytes(label: &str, secret: &[u8]) -> Self {
        let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut forms = vec![("bytes", secret.to_vec())];
        forms.push(("upper-case hex", hex.to_uppercase().into_bytes()));
        forms.push(("hex", hex.into_bytes()));
        for shift in 0..3 {
            forms.push(("base64", base64_core(&STANDARD, secret, shift)));
            forms.push(("base64url", base64_core(&URL_SAFE, secret, shift)));
        }
        Self { label: label.to_owned(), forms }
    }
}

/// The part of `secret`'s base64 that does not depend on its neighbours, when `shift` bytes stand
/// before it in its group of three.
fn base64_core(engine: &impl base64::Engine, secret: &[u8], shift: usize) -> Vec<u8> {
    let mut bytes = vec![0; shift];
    bytes.extend_from_slice(secret);
    let whole = bytes.len() / 3 * 4;
    let start = shift.div_ceil(3) * 4;
    engine.encode(&bytes).into_bytes()[start.min(whole)..whole].to_vec()
}

/// Every finding in the files below `folder`.
///
/// # Errors
/// When a file cannot be read.
pub fn scan(folder: &Path, needles: &[Needle]) -> Result<Vec<Finding>> {
    let index = Index::new(needles);
    let mut findings = Vec::new();
    for file in files(folder)? {
        let content = fs::read(&file).with_context(|| file.display().to_string())?;
        for (label, form) in index.found_in(&content) {
            findings.push(Finding { file: file.clone(), label, form });
        }
    }
    Ok(findings)
}

/// All forms by their first two bytes, so that one pass over a file finds them all.
struct Index<'a>(Vec<Vec<(&'a str, &'static str, &'a [u8])>>);

impl<'a> Index<'a> {
    fn new(needles: &'a [Needle]) -> Self {
        let mut table = vec![Vec::new(); 1 << 16];
        for needle in needles {
            for (form, bytes) in needle.forms.iter().filter(|(_, form)| form.len() >= SHORTEST) {
                table[place(bytes[0], bytes[1])].push((&*needle.label, *form, &**bytes));
            }
        }
        Self(table)
    }

    fn found_in(&self, content: &[u8]) -> BTreeSet<(String, &'static str)> {
        let mut found = BTreeSet::new();
        for at in 1..content.len() {
            for (label, form, bytes) in &self.0[place(content[at - 1], content[at])] {
                if content[at - 1..].starts_with(bytes) {
                    found.insert(((*label).to_owned(), *form));
                }
            }
        }
        found
    }
}

fn place(first: u8, second: u8) -> usize {
    usize::from(first) << 8 | usize::from(second)
}

/// Every file below `folder`.
///
/// # Errors
/// When a folder cannot be read.
pub fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(self::files(&path)?);
        } else {
            files.push(path);
        }
    }
    Ok(files)
}

/// Shorter forms would be found by chance.
const SHORTEST: usize = 7;

#[cfg(test)]
mod tests {
    use base64::Engine as _;

    use super::*;

    #[test]
    fn every_form_is_found_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let pan = "4000000000001000";
        let needles = [Needle::new("pan", pan)];
        let write = |name: &str, content: &[u8]| {
            fs::create_dir_all(folder.path().join("below")).unwrap();
            fs::write(folder.path().join("below").join(name), content).unwrap();
        };
        write("harmless", b"400000******1000 40000000000010");
        assert_eq!(scan(folder.path(), &needles).unwrap(), []);
        let hex: String = pan.bytes().map(|b| format!("{b:02x}")).collect();
        let forms: Vec<(&str, Vec<u8>)> = vec![
            ("text", format!("x{pan}y").into_bytes()),
            ("hex", hex.into_bytes()),
            ("base64-0", STANDARD.encode(pan).into_bytes()),
            ("base64-1", STANDARD.encode(format!("a{pan}bc")).into_bytes()),
            ("base64-2", STANDARD.encode(format!("ab{pan}c")).into_bytes()),
            ("number", 4_000_000_000_001_000_u64.to_be_bytes().to_vec()),
            ("packed", vec![0x40, 0, 0, 0, 0, 0, 0x10, 0]),
        ];
        for (name, content) in forms {
            write(name, &content);
            let found = scan(folder.path(), &needles).unwrap();
            assert!(found.iter().any(|finding| finding.file.ends_with(name)), "{name}");
            fs::remove_file(folder.path().join("below").join(name)).unwrap();
        }
    }
}
