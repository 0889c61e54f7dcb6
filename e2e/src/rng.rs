//! A small repeatable random source: a printed seed repeats a run's choices.

use std::time::{SystemTime, UNIX_EPOCH};

/// xorshift64*; good enough to choose moments and cards.
#[derive(Debug, Clone)]
pub struct Rng(u64);

impl Rng {
    /// A source that always gives the same numbers.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// A source that differs from run to run and from process to process.
    #[must_use]
    pub fn from_clock() -> Self {
        let nanos = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let nanos = u64::try_from(nanos % u128::from(u64::MAX)).unwrap_or_default();
        Self::new(nanos ^ (u64::from(std::process::id()) << 32))
    }

    /// The next number.
    pub const fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A number below `end`.
    pub const fn below(&mut self, end: u64) -> u64 {
        (self.next() >> 11) % end
    }

    /// One of `choices`.
    pub fn choose<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        let at = usize::try_from(self.below(choices.len() as u64)).unwrap_or_default();
        &choices[at]
    }
}

/// `E2E_SEED`, or one from the clock; printed so that a failure can be run again.
#[must_use]
#[expect(clippy::print_stderr, reason = "the seed belongs into the test's output")]
pub fn seed(what: &str) -> u64 {
    let given = std::env::var("E2E_SEED").ok().and_then(|text| text.trim().parse().ok());
    let seed = given.unwrap_or_else(|| Rng::from_clock().next() % 1_000_000);
    eprintln!("{what}: E2E_SEED={seed}");
    seed
}
