//! The one program of the box. Its first argument says which part it plays.

use std::process::ExitCode;

fn main() -> ExitCode {
    firmware::cli::run()
}
