//! What the database says of its own health: the statements of `sql/doctor/`.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::StoreError;
use super::database::Database;
use super::inspect::{documents, look};
use super::listen;
use super::statement::{Sql, sql};
use crate::model::lease::Times;

static SERVER: Sql = sql!("doctor/server", []);
static CLOCK: Sql = sql!("doctor/clock", []);
static HORIZON: Sql = sql!("doctor/horizon", []);
static TABLES: Sql = sql!("doctor/tables", []);
static ROLES: Sql = sql!("doctor/roles", []);
static JOBS: Sql = sql!("doctor/jobs", []);
static ALERTS: Sql = sql!("doctor/alerts", []);
static HANDLERS: Sql = sql!("doctor/handlers", []);

/// Which facts are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Facts {
    /// The server's own settings and connections.
    Server,
    /// Who keeps it from cleaning up; null where nobody does.
    Horizon,
    /// Tables, indexes and sequences.
    Tables,
    /// Group roles and this login's share of them.
    Roles,
    /// What is held up.
    Jobs,
    /// Whether alerts arrive.
    Alerts,
    /// What holds for a session of this login, which handlers use.
    Handlers,
}

/// Reads one set of facts, as a JSON document.
pub(crate) async fn facts(database: &Database, which: Facts) -> Result<Value, StoreError> {
    let sql = match which {
        Facts::Server => &SERVER,
        Facts::Horizon => &HORIZON,
        Facts::Tables => &TABLES,
        Facts::Roles => &ROLES,
        Facts::Jobs => &JOBS,
        Facts::Alerts => &ALERTS,
        Facts::Handlers => &HANDLERS,
    };
    let found = look(database, async |link| documents(&link.query(sql, &[]).await?)).await?;
    Ok(found.into_iter().next().unwrap_or(Value::Null))
}

/// How far our clock is ahead of the server's, in milliseconds, and how long the question took.
pub(crate) async fn clock(database: &Database) -> Result<(i64, Duration), StoreError> {
    database
        .call(async |link| {
            let (asked, here) = (Instant::now(), std::time::SystemTime::now());
            let theirs: i64 = link.query_one(&CLOCK, &[]).await?.get(0);
            let took = asked.elapsed();
            let ours = (here + took / 2).duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
            Ok((i64::try_from(ours.as_millis()).unwrap_or(i64::MAX) - theirs, took))
        })
        .await
}

/// Sends a notification to ourselves; how long it took, none if it did not come back.
pub(crate) async fn ears(database: &Database) -> Result<Option<Duration>, StoreError> {
    let (link, notices) = database.open_listening("doctor").await?;
    let Some(notices) = notices else { return Ok(None) };
    listen::listen(&link).await?;
    let asked = Instant::now();
    let ping = format!("doctor {}", uuid::Uuid::now_v7());
    let heard = listen::hears(&link, &notices, &ping, Times::normal().deaf_after()).await?;
    Ok(heard.then(|| asked.elapsed()))
}
