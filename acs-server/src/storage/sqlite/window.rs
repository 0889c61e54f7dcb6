//! The replay window [P-AREQ-20]: which ids were seen lately, bounded in number and age.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};

use acs_core::UtcMillis;

use crate::storage::TransactionNumber;

/// Split into shards, so that growing one never holds up the writer for long.
#[derive(Debug)]
pub(super) struct Window {
    shards: Vec<Mutex<Shard>>,
    shard_entries: usize,
    life_ms: i64,
}

impl Window {
    pub(super) fn new(entries: usize, life_ms: i64) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            shard_entries: (entries / SHARDS).max(1),
            life_ms,
        }
    }

    /// Who holds an id, and what was noted with it.
    pub(super) fn find(&self, id: &[u8; 16]) -> Option<(TransactionNumber, [u8; 16])> {
        self.shard(id).map.get(id).copied()
    }

    /// Adds an entry made at `at`. The oldest give way when the shard is full, and those past their
    /// life always.
    pub(super) fn insert(
        &self,
        id: &[u8; 16],
        note: [u8; 16],
        number: TransactionNumber,
        at: UtcMillis,
    ) {
        let oldest = at.0.saturating_sub(self.life_ms);
        let mut shard = self.shard(id);
        while let Some(&(seen, digest, holder)) = shard.order.front() {
            if seen >= oldest && shard.order.len() < self.shard_entries {
                break;
            }
            shard.order.pop_front();
            shard.forget(&digest, holder);
        }
        shard.order.push_back((at.0, *id, number));
        shard.map.insert(*id, (number, note));
    }

    /// Takes back an entry whose commit failed.
    pub(super) fn remove(&self, id: &[u8; 16], number: TransactionNumber) {
        self.shard(id).forget(id, number);
    }

    fn shard(&self, id: &[u8; 16]) -> MutexGuard<'_, Shard> {
        let shard = &self.shards[usize::from(id[15]) % SHARDS];
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug, Default)]
struct Shard {
    map: HashMap<[u8; 16], (TransactionNumber, [u8; 16]), BuildHasherDefault<DigestHasher>>,
    order: VecDeque<(i64, [u8; 16], TransactionNumber)>,
}

impl Shard {
    fn forget(&mut self, id: &[u8; 16], number: TransactionNumber) {
        if self.map.get(id).is_some_and(|(holder, _)| *holder == number) {
            self.map.remove(id);
        }
    }
}

/// The keys are keyed digests already: their first bytes are as good as any hash of them.
#[derive(Debug, Default)]
struct DigestHasher(u64);

impl Hasher for DigestHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for (place, byte) in bytes.iter().take(8).enumerate() {
            self.0 ^= u64::from(*byte) << (8 * place);
        }
    }
}

const SHARDS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u32) -> [u8; 16] {
        // All in one shard.
        let mut id = [0; 16];
        id[..4].copy_from_slice(&n.to_be_bytes());
        id
    }

    #[test]
    fn holds_a_bounded_number_and_forgets_the_oldest() {
        let window = Window::new(SHARDS * 10, 1000);
        for n in 0..25 {
            window.insert(
                &key(n),
                [7; 16],
                TransactionNumber(u64::from(n)),
                UtcMillis(i64::from(n)),
            );
        }
        let held: Vec<_> = (0..25).filter(|n| window.find(&key(*n)).is_some()).collect();
        assert_eq!(held, (15..25).collect::<Vec<_>>());
    }

    #[test]
    fn forgets_what_is_past_its_life() {
        let window = Window::new(SHARDS * 10, 1000);
        window.insert(&key(1), [7; 16], TransactionNumber(1), UtcMillis(0));
        window.insert(&key(2), [7; 16], TransactionNumber(2), UtcMillis(1000));
        assert!(window.find(&key(1)).is_some());
        window.insert(&key(3), [7; 16], TransactionNumber(3), UtcMillis(1001));
        assert!(window.find(&key(1)).is_none());
        assert_eq!(window.find(&key(2)), Some((TransactionNumber(2), [7; 16])));
    }

    #[test]
    fn a_removed_entry_may_come_again() {
        let window = Window::new(SHARDS * 2, 1000);
        window.insert(&key(1), [7; 16], TransactionNumber(1), UtcMillis(0));
        window.remove(&key(1), TransactionNumber(1));
        assert!(window.find(&key(1)).is_none());
        window.insert(&key(1), [7; 16], TransactionNumber(2), UtcMillis(1));
        // The stale place of the first entry in the order must not take the second one along.
        window.insert(&key(2), [7; 16], TransactionNumber(3), UtcMillis(2));
        window.remove(&key(1), TransactionNumber(1));
        assert_eq!(window.find(&key(1)).unwrap().0, TransactionNumber(2));
    }
}
