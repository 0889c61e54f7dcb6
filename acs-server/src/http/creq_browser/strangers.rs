//! Counts unknown ids per address, in bounded memory.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::driver::unpoisoned;
use crate::listener::network;

/// Unknown ids per address in the current window.
#[derive(Debug)]
pub struct Strangers(Mutex<Window>);

#[derive(Debug)]
struct Window {
    since: Instant,
    counts: HashMap<IpAddr, u32>,
}

impl Default for Strangers {
    fn default() -> Self {
        Self(Mutex::new(Window { since: Instant::now(), counts: HashMap::new() }))
    }
}

impl Strangers {
    /// Counts one more; true when the address showed too many in this window. A full table counts
    /// no further addresses until the window ends.
    pub(crate) fn is_too_many(&self, address: IpAddr) -> bool {
        let address = network::of(address);
        let mut window = unpoisoned(&self.0);
        if window.since.elapsed() >= WINDOW {
            *window = Window { since: Instant::now(), counts: HashMap::new() };
        }
        if window.counts.len() >= MAX_ADDRESSES && !window.counts.contains_key(&address) {
            return false;
        }
        let count = window.counts.entry(address).or_default();
        *count = count.saturating_add(1);
        *count > MAX_PER_WINDOW
    }
}

const WINDOW: Duration = Duration::from_secs(60);
const MAX_ADDRESSES: usize = 10_000;
const MAX_PER_WINDOW: u32 = 60;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_is_slowed_down_and_another_is_not() {
        let strangers = Strangers::default();
        let address = |n| IpAddr::from([192, 0, 2, n]);
        for _ in 0..MAX_PER_WINDOW {
            assert!(!strangers.is_too_many(address(1)));
        }
        assert!(strangers.is_too_many(address(1)));
        assert!(!strangers.is_too_many(address(2)));
    }
}
