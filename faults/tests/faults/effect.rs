//! A handler whose effect and completion are one transaction on a connection of its own, and that does not give up while nobody
//! answers: what it has done must be there once, whatever happens to either side of it.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use backstay::{AttemptError, Ctx, Fail};
use backstay_faults::history::{Op, Phase};
use tokio_postgres::{Client, Config, NoTls};

use crate::handlers::note;

const TABLE: &str = include_str!("../../sql/effect.sql");

/// How a transaction did not come about.
enum Failed {
    /// The attempt no longer holds its job.
    Stale,
    /// Nothing of it is there.
    Surely,
    /// The answer to its commit was lost.
    Perhaps,
}

/// Makes the table that handlers write into, and tells them in the folder of the run where it is.
pub(crate) fn prepare(run: impl FnOnce(&str), folder: &str, url: &str) {
    run(TABLE);
    tell(folder, url);
}

/// From now on the application's database is there.
pub(crate) fn tell(folder: &str, url: &str) {
    std::fs::write(Path::new(folder).join("application"), url).unwrap();
}

/// From now on attempts of this number may complete.
pub(crate) fn let_complete(folder: &str, attempt: i32) {
    std::fs::write(turn(folder, attempt), "").unwrap();
}

/// Waits for that.
pub(crate) async fn its_turn(attempt: i32) {
    let turn = turn(&folder(), attempt);
    while !turn.exists() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn turn(folder: &str, attempt: i32) -> PathBuf {
    Path::new(folder).join(format!("attempt-{attempt}"))
}

/// Waits so long before its transaction and so long before the commit of it.
pub(crate) async fn take(ctx: &Ctx, before: Duration, within: Duration) -> Result<(), Fail> {
    let fence = ctx.fence();
    let op = || Op::Effect { id: fence.job, attempt: fence.attempt };
    let mut client = client().await;
    tokio::time::sleep(before).await;
    loop {
        note(Phase::Invoke, op());
        let done = match client.take() {
            Some(client) => once(client, ctx, within).await,
            None => Err(Failed::Surely),
        };
        match done {
            Ok(()) => {
                note(Phase::Ok, op());
                return Ok(());
            }
            Err(Failed::Stale) => {
                note(Phase::Fail, op());
                return Err("another attempt holds the job".into());
            }
            Err(Failed::Surely) => note(Phase::Fail, op()),
            Err(Failed::Perhaps) => note(Phase::Info, op()),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        client = self::client().await;
    }
}

async fn once(mut client: Client, ctx: &Ctx, within: Duration) -> Result<(), Failed> {
    let fence = ctx.fence();
    let transaction = client.transaction().await.map_err(|_| Failed::Surely)?;
    let (job, attempt) = (fence.job, fence.attempt);
    let insert = format!("insert into public.effect (job_id, attempt) values ({job}, {attempt})");
    transaction.batch_execute(&insert).await.map_err(|_| Failed::Surely)?;
    ctx.complete(&transaction, "done").await.map_err(|error| match error {
        AttemptError::Stale(_) => Failed::Stale,
        _ => Failed::Surely,
    })?;
    tokio::time::sleep(within).await;
    transaction.commit().await.map_err(|_| Failed::Perhaps)?;
    IDLE.lock().unwrap().push(client);
    Ok(())
}

fn folder() -> String {
    std::env::var("FAULTS_HISTORY").expect("only a run that is judged has such jobs")
}

/// Connections that nobody uses at the moment: most of what a short job takes is making one.
static IDLE: Mutex<Vec<Client>> = Mutex::new(Vec::new());

/// None where nobody answers.
async fn client() -> Option<Client> {
    let idle = IDLE.lock().unwrap().pop();
    if let Some(client) = idle.filter(|client| !client.is_closed()) {
        return Some(client);
    }
    let url = std::fs::read_to_string(Path::new(&folder()).join("application")).ok()?;
    let mut config: Config = url.parse().expect("an address");
    // A child's sessions have its name, by which they are ended together with it.
    if let Ok(name) = std::env::var("PGAPPNAME") {
        config.application_name(name);
    }
    let (client, connection) = config.connect(NoTls).await.ok()?;
    // It ends with its client.
    tokio::spawn(connection);
    Some(client)
}
