//! Looks into the memory of a running process for private keys: without knowing them, by their
//! public halves.

use std::collections::HashSet;
use std::fs::File;
use std::os::unix::fs::FileExt as _;

use anyhow::{Context as _, Result};
use aws_lc_rs::agreement::{ECDH_P256, PrivateKey};

/// A public key of P-256: 04, x, y.
pub type PublicKey = [u8; 65];

/// What a search looked at.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Search {
    /// Bytes of writable memory.
    pub bytes: usize,
    /// Places random enough to be a private key, each tried as one.
    pub tried: usize,
    /// Public keys whose private half stands in memory.
    pub found: HashSet<PublicKey>,
    /// What was tried already: copies of one thing cost nothing.
    seen: HashSet<[u8; KEY]>,
}

/// Searches all writable memory of a process, stacks included, for the private keys of `wanted`: 32
/// bytes in either order, at every address that eight divides, where allocations and the numbers of
/// the library begin. A key anywhere else, or in another form, is not found.
///
/// # Errors
/// When the memory cannot be read: it takes the same user, and to be its parent.
pub fn private_keys(pid: u32, wanted: &HashSet<PublicKey>) -> Result<Search> {
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).context("reading its maps")?;
    let memory = File::open(format!("/proc/{pid}/mem")).context("opening its memory")?;
    let zeros = vec![0_u8; usize::try_from(PIECE)?];
    let mut search = Search::default();
    for line in maps.lines() {
        let Some((from, to)) = writable(line) else { continue };
        let mut at = from;
        while at < to {
            let length = usize::try_from((to - at).min(PIECE)).unwrap_or_default();
            let mut piece = vec![0; length];
            // A region may be gone by now, or be none of memory.
            let read = memory.read_exact_at(&mut piece, at).is_ok();
            // Reserved, never used: most of it.
            if read && piece != zeros[..length] {
                search.look_at(&piece, wanted);
            }
            at += PIECE - OVERLAP;
        }
    }
    Ok(search)
}

/// Begin and end of a region that can be written.
fn writable(line: &str) -> Option<(u64, u64)> {
    let mut words = line.split_whitespace();
    let (from, to) = words.next()?.split_once('-')?;
    let hex = |text| u64::from_str_radix(text, 16).ok();
    words.next()?.starts_with("rw").then_some(())?;
    Some((hex(from)?, hex(to)?))
}

impl Search {
    /// `memory` begins where eight divides its address.
    fn look_at(&mut self, memory: &[u8], wanted: &HashSet<PublicKey>) {
        self.bytes += memory.len();
        for window in memory.windows(KEY).step_by(8) {
            let mut key = [0; KEY];
            key.copy_from_slice(window);
            if !may_be_random(&key) || !self.seen.insert(key) {
                continue;
            }
            self.tried += 1;
            self.look_up(&key, wanted);
            key.reverse();
            self.look_up(&key, wanted);
        }
    }

    fn look_up(&mut self, key: &[u8; KEY], wanted: &HashSet<PublicKey>) {
        self.found.extend(public_half(key).filter(|public| wanted.contains(public)));
    }
}

/// The public half of a private key, if it is one.
#[must_use]
pub fn public_half(private: &[u8; 32]) -> Option<PublicKey> {
    let key = PrivateKey::from_private_key(&ECDH_P256, private).ok()?;
    key.compute_public_key().ok()?.as_ref().try_into().ok()
}

/// Whether bytes look like chance: neither zeros and small numbers, nor text, nor the same again
/// and again. Of random keys, one in many thousands does not.
fn may_be_random(window: &[u8; KEY]) -> bool {
    // Pointers and small numbers, most of all memory, end here: each word of theirs has such bytes.
    if window[..8].iter().filter(|byte| **byte == 0).count() > 2
        || window.iter().filter(|byte| **byte >= 0x80).count() < 4
    {
        return false;
    }
    let mut seen = [0_u64; 4];
    for byte in window {
        seen[usize::from(byte >> 6)] |= 1 << (byte & 63);
    }
    seen.iter().map(|bits| bits.count_ones()).sum::<u32>() >= 24
}

const KEY: usize = 32;
const PIECE: u64 = 1 << 20;
const OVERLAP: u64 = 64;
