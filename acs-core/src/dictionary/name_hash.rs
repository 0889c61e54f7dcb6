//! The hash behind the names' slots; shared with `build.rs`, which fills them.

/// Hash of an element's name: of its length and its first and last eight bytes, which tell nearly
/// all names apart.
#[inline]
pub(crate) fn of(name: &str) -> usize {
    let bytes = name.as_bytes();
    let word = |ends: (Option<&[u8; 8]>, Option<&[u8; 8]>)| match ends {
        (Some(head), Some(tail)) => {
            u64::from_le_bytes(*head) ^ u64::from_le_bytes(*tail).rotate_left(29)
        }
        _ => bytes.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    };
    let word = word((bytes.first_chunk(), bytes.last_chunk())) ^ (bytes.len() as u64) << 56;
    (word.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as usize
}
