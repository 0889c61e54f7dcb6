//! Randomness that a seed repeats.

/// SplitMix64.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// The sequence of `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed(self.0)
    }

    /// A number below `end`; 0 when `end` is 0.
    #[expect(clippy::cast_possible_truncation, reason = "the product's upper half is below `end`")]
    pub fn below(&mut self, end: usize) -> usize {
        ((u128::from(self.word()) * end as u128) >> 64) as usize
    }

    /// True once in `times`.
    pub fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// One of `all`; `None` when there is none.
    pub fn one_of<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        all.get(self.below(all.len()))
    }

    pub fn byte(&mut self) -> u8 {
        self.word().to_le_bytes()[0]
    }

    /// A number below `end`, small ones more often.
    pub fn mostly_small(&mut self, end: usize) -> usize {
        let end = self.below(end) + 1;
        self.below(end)
    }
}

impl acs_core::Random for Random {
    fn fill(&mut self, buffer: &mut [u8]) {
        buffer.fill_with(|| self.byte());
    }
}

const fn mixed(mut word: u64) -> u64 {
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// A hash of bytes: for names of files and for what was seen before, not for secrets.
#[must_use]
pub fn hash(bytes: &[u8]) -> u64 {
    let start = mixed(bytes.len() as u64);
    let (words, rest) = bytes.as_chunks::<8>();
    let hashed = words.iter().fold(start, |hash, word| mixed(hash ^ u64::from_le_bytes(*word)));
    rest.iter().fold(hashed, |hash, byte| mixed(hash ^ u64::from(*byte)))
}
