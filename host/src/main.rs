//! The `gloveport` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    gloveport::cli::main()
}
