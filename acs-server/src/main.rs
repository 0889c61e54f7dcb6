//! The `acs` program.

use std::process::ExitCode;

/// Many small, short-lived strings per message: it gives out first what was given back last, which is
/// still in the processor's cache.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    acs_server::cli::run()
}
