//! What the demo asks the database while it looks on: through the views that everybody has.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio_postgres::Client;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::database::failed;
use crate::failure::Failure;

/// How many jobs of each kind are where.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counts(BTreeMap<(String, String), i64>);

impl Counts {
    pub(crate) fn of(&self, kind: &str, state: &str) -> i64 {
        self.0.get(&(kind.to_owned(), state.to_owned())).copied().unwrap_or_default()
    }

    /// Jobs that have not ended.
    pub(crate) fn open(&self) -> i64 {
        self.0
            .iter()
            .filter(|((_, state), _)| !["completed", "dead"].contains(&state.as_str()))
            .map(|(_, n)| n)
            .sum()
    }
}

/// One attempt that ended.
#[derive(Debug, Clone)]
pub(crate) struct Attempt {
    pub(crate) outcome: String,
    /// In seconds, by the database's clock.
    pub(crate) claimed: f64,
    pub(crate) ended: f64,
    pub(crate) is_urgent: bool,
}

async fn rows(
    client: &Client,
    text: &str,
    params: &[&(dyn ToSql + Sync)],
) -> Result<Vec<tokio_postgres::Row>, Failure> {
    client.query(text, params).await.map_err(|error| failed(&error))
}

/// One value of one row.
pub(crate) async fn one<T>(
    client: &Client,
    text: &str,
    params: &[&(dyn ToSql + Sync)],
) -> Result<T, Failure>
where
    T: for<'a> tokio_postgres::types::FromSql<'a>,
{
    let row = client.query_one(text, params).await.map_err(|error| failed(&error))?;
    row.try_get(0).map_err(|error| failed(&error))
}

pub(crate) async fn counts(client: &Client) -> Result<Counts, Failure> {
    let text = "
select kind, state, count(*) from (
  select kind, state::text from backstay.jobs
  union all select kind, 'completed' from backstay.attempts where outcome = 'completed'
  union all select kind, 'dead' from backstay.dead_letters) j group by 1, 2";
    let rows = rows(client, text, &[]).await?;
    Ok(Counts(rows.iter().map(|row| ((row.get(0), row.get(1)), row.get(2))).collect()))
}

/// Attempts of some jobs, in the order of their starts.
pub(crate) async fn attempts(client: &Client, jobs: &[i64]) -> Result<Vec<Attempt>, Failure> {
    let text = "
select a.outcome, extract(epoch from a.claimed_at)::float8, extract(epoch from a.ended_at)::float8,
       coalesce((backstay.show(a.job_id) ->> 'priority')::int, 5) = 0
  from backstay.attempts a where a.job_id = any($1) order by a.claimed_at, a.attempt";
    let rows = rows(client, text, &[&jobs]).await?;
    let read = |row: &tokio_postgres::Row| Attempt {
        outcome: row.get(0),
        claimed: row.get(1),
        ended: row.get(2),
        is_urgent: row.get(3),
    };
    Ok(rows.iter().map(read).collect())
}

/// The outputs of some jobs, in the order of the jobs.
pub(crate) async fn outputs(
    client: &Client,
    jobs: &[i64],
) -> Result<Vec<serde_json::Value>, Failure> {
    let text = "select coalesce(backstay.show(id) -> 'output', 'null') from unnest($1::bigint[]) with ordinality j(id, n) order by n";
    Ok(rows(client, text, &[&jobs]).await?.iter().map(|row| row.get(0)).collect())
}

/// Whether there is or was a job of this id.
pub(crate) async fn exists(client: &Client, job: i64) -> Result<bool, Failure> {
    one(client, "select backstay.show($1) is not null", &[&job]).await
}

/// The live worker that this process is.
pub(crate) async fn worker_of(client: &Client, pid: i32) -> Result<Option<Uuid>, Failure> {
    let text = "select id from backstay.workers where pid = $1 and state = 'live'";
    Ok(rows(client, text, &[&pid]).await?.first().map(|row| row.get(0)))
}

/// Who runs a job, and how far it is in percent by its checkpoint.
pub(crate) async fn export_at(
    client: &Client,
    job: i64,
    until: i64,
) -> Result<(Option<Uuid>, f64), Failure> {
    let text = "
select j.worker, coalesce((select (c.value ->> 'last')::float8 from backstay.checkpoint c where c.job_id = j.id), 0)
  from backstay.jobs j where j.id = $1 and j.state = 'running'";
    let rows = rows(client, text, &[&job]).await?;
    Ok(rows.first().map_or((None, 0.0), |row| {
        (row.get(0), row.get::<_, f64>(1) * 100.0 / (until.max(1) as f64))
    }))
}

/// The jobs that a worker runs now, with their kinds.
pub(crate) async fn held_by(client: &Client, worker: Uuid) -> Result<Vec<(i64, String)>, Failure> {
    let text = "select id, kind from backstay.jobs where state = 'running' and worker = $1";
    Ok(rows(client, text, &[&worker]).await?.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// How long the server has been up.
pub(crate) async fn server_up(client: &Client) -> Result<Duration, Failure> {
    let text = "select extract(epoch from clock_timestamp() - pg_postmaster_start_time())::float8";
    Ok(Duration::from_secs_f64(one::<f64>(client, text, &[]).await?.max(0.0)))
}
