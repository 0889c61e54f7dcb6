//! The `acs` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    acs_server::cli::run()
}
