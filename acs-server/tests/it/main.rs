//! Integration tests of the server crate, in one binary.

mod storage;
