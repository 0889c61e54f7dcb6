//! The hash behind a table's slots; shared with `build.rs`, which fills them.

/// FNV-1a of an element's name.
pub(crate) fn of(name: &str) -> u32 {
    name.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}
