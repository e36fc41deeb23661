//! All of `main` for a program that is a worker and nothing else.

use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};

use super::host;
use super::worker::build::{BuildError, Worker};
use crate::store::database::Database;

/// Runs a worker with the settings of the code, on the database of `BACKSTAY_DATABASE_URL` or `DATABASE_URL`, until TERM or INT.
///
/// It must be the first statement of `main`. With a `backstay.toml` and every command beside it, use `backstay_cli::main`.
pub fn main<S: Clone + Send + Sync + 'static>(
    worker: fn() -> Result<Worker<S>, BuildError>,
) -> ExitCode {
    host::enter();
    let Ok(runtime) =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()
    else {
        return fail("the runtime cannot be started", 70);
    };
    runtime.block_on(run(worker))
}

async fn run<S: Clone + Send + Sync + 'static>(
    worker: fn() -> Result<Worker<S>, BuildError>,
) -> ExitCode {
    let worker = match worker() {
        Ok(worker) => worker,
        Err(error) => return fail(&format!("{}: {error}", error.code()), 78),
    };
    worker.serve().await;
    let Some(url) =
        ["BACKSTAY_DATABASE_URL", "DATABASE_URL"].iter().find_map(|name| std::env::var(name).ok())
    else {
        return fail("BS403: no database is named: set DATABASE_URL", 78);
    };
    let database = match Database::connect(&url).await {
        Ok(database) => database,
        Err(error) => return fail(&format!("{}: {error}", error.code()), 69),
    };
    let mut running = match worker.start(&database).await {
        Ok(running) => running,
        Err(error) => return fail(&format!("{}: {error}", error.code()), 78),
    };
    let (Ok(mut term), Ok(mut int)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return fail("signals cannot be heard", 70);
    };
    loop {
        tokio::select! {
            () = running.join() => return ExitCode::SUCCESS,
            _ = term.recv() => running.hurry().await,
            _ = int.recv() => running.hurry().await,
        }
    }
}

fn fail(message: &str, exit: u8) -> ExitCode {
    tracing::error!(target: "backstay", "{message}");
    eprintln!("{message}");
    ExitCode::from(exit)
}
