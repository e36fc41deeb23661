//! The command `backstay`: the library's command line with no Rust handlers of its own.

use std::process::ExitCode;

use backstay::{BuildError, Worker};

fn main() -> ExitCode {
    backstay_cli::main(worker)
}

fn worker() -> Result<Worker<()>, BuildError> {
    Worker::without_state().build()
}
