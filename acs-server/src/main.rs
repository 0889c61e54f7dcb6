//! The `acs` program.

use std::process::ExitCode;

/// Many small, short-lived strings per message: the system's allocator costs a tenth of an AReq.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    acs_server::cli::run()
}
