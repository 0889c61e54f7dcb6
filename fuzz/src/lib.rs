//! Fuzzing of everything that strangers send to an ACS: [`targets`] are plain functions that any
//! fuzzer may call; [`drive`] is a mutational fuzzer of our own for stable Rust, [`cost`] looks for
//! inputs that cost more than they should. `docs/fuzzing.md` tells how to run them.

pub mod cost;
pub mod drive;
pub mod invariants;
pub mod mutate;
pub mod random;
pub mod seeds;
pub mod targets;
