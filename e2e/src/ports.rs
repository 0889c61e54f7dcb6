//! Blocks of free loopback ports, each held by one test process at a time.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};

use crate::rng::Rng;

/// Twenty ports from `base`; others of these tests keep off until it is dropped.
#[derive(Debug)]
pub struct PortBlock {
    base: u16,
    _held: File,
}

impl PortBlock {
    /// Finds a block whose first ports are free.
    ///
    /// # Panics
    /// When a hundred blocks in a row are in use.
    #[must_use]
    pub fn find() -> Self {
        let folder = std::env::temp_dir().join("e2e-ports");
        fs::create_dir_all(&folder).expect("the temporary folder is writable");
        let mut rng = Rng::from_clock();
        for _ in 0..100 {
            // Below the ports that the kernel gives to outgoing connections.
            let slot = u16::try_from(rng.below(BLOCKS)).expect("few blocks");
            let base = FIRST + slot * WIDTH;
            let Ok(held) = File::create(folder.join(format!("{base}.lock"))) else { continue };
            if held.try_lock().is_ok() && (base..base + WIDTH).all(is_free) {
                return Self { base, _held: held };
            }
        }
        panic!("no free block of {WIDTH} ports between {FIRST} and 32000");
    }

    /// The first port.
    #[must_use]
    pub const fn base(&self) -> u16 {
        self.base
    }
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

const FIRST: u16 = 12_000;
const WIDTH: u16 = 20;
const BLOCKS: u64 = 1_000;
