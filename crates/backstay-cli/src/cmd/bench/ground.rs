//! Where the bench works: rows of its own in the database, known by their queue and kinds, and removed whatever happens.

use std::time::Duration;

use backstay::{Caller, Database};
use serde::Deserialize;
use tokio_postgres::Client;

use super::load::{self, KINDS, QUEUE};
use crate::cmd::connect;
use crate::failure::{Exit, Failure};

/// What is so on the server and in the installation; $1 queue, $2 kinds. A worker whose presence lock is free is dead.
const LOOK: &str = "
select jsonb_build_object(
  'version', current_setting('server_version'), 'fsync', current_setting('fsync'),
  'synchronous_commit', current_setting('synchronous_commit'),
  'environment', (select i.environment from backstay.installation i),
  'workers', (select coalesce(jsonb_agg(format('process %s on %s', w.pid, w.host)), '[]') from backstay.worker w
               where w.lease_until > statement_timestamp() and w.goodbye_at is null and w.lost_at is null and $1 = any(w.queues)
                 and (w.presence is null or not pg_try_advisory_xact_lock_shared(1112757337, w.presence))),
  'closed', (select coalesce(jsonb_agg(t), '[]')
               from unnest(array['ready', 'scheduled', 'parked', 'running', 'job', 'history', 'history_body', 'attempt',
                 'dead_letter', 'alert', 'peak', 'figure', 'depth', 'worker', 'queue', 'kind', 'pause']) t
              where not has_table_privilege('backstay.' || t, 'delete')))::text";
/// One bench at a time.
const LOCK: &str = "select pg_try_advisory_lock(hashtext('backstay bench'))::text";
/// Sessions of a bench that was killed, whose last statement may still be on its way to its end; how many there are.
const END_OTHERS: &str = "
select (count(*) filter (where pg_terminate_backend(a.pid) or true))::text from pg_stat_activity a
 where a.datname = current_database() and a.application_name = 'backstay bench' and a.pid <> pg_backend_pid()";
const DECLARE: &str = "
with queues as (
  insert into backstay.queue (name, settings, hash, set_at) values ($1, '{}', md5('{}'), statement_timestamp())
  on conflict (name) do nothing),
kinds as (
  insert into backstay.kind (name, contract, hash, set_at)
  select k, '{}', md5('{}'), statement_timestamp() from unnest($2::text[]) k on conflict (name) do nothing)
select 'declared'";
/// Takes jobs of the queue $1 out of one place, so many at a time that nobody waits for it; how many.
macro_rules! taken_from {
    ($place:literal) => {
        concat!(
            "with gone as (delete from backstay.",
            $place,
            " where ctid = any(array(
               select ctid from backstay.",
            $place,
            " where queue = $1 limit 20000)) returning job_id),
             bodies as (delete from backstay.job where id = any(array(select job_id from gone)))
             select count(*)::text from gone"
        )
    };
}
const LIVE: [&str; 4] =
    [taken_from!("ready"), taken_from!("running"), taken_from!("scheduled"), taken_from!("parked")];
/// When the oldest of its jobs in the history ended: older days are not looked at.
const SINCE: &str = "select coalesce(min(finished_at), 'infinity')::text from backstay.history where kind = any($1::text[])";
/// What is kept of ended jobs; $1 kinds, $2 since when.
const ENDED: &str = "
with gone as (
  delete from backstay.history h where h.kind = any($1::text[]) and h.finished_at >= $2::timestamptz returning h.job_id),
bodies as (
  delete from backstay.history_body b using gone g where b.job_id = g.job_id and b.finished_at >= $2::timestamptz)
select count(*)::text from gone";
/// What else knows the queue or the kinds; $1 queue, $2 kinds.
const REST: &str = "
with attempts as (delete from backstay.attempt where kind = any($2::text[]) returning 1),
letters as (delete from backstay.dead_letter where queue = $1 returning 1),
alerts as (delete from backstay.alert where queue = $1 returning 1),
peaks as (delete from backstay.peak where kind = any($2::text[]) returning 1),
figures as (delete from backstay.figure where queue = $1 returning 1),
depths as (delete from backstay.depth where queue = $1 returning 1),
workers as (delete from backstay.worker where queues = array[$1] returning 1),
queues as (delete from backstay.queue where name = $1 returning 1),
kinds as (delete from backstay.kind where name = any($2::text[]) returning 1),
pauses as (
  delete from backstay.pause where scope = 'queue' and name = $1 or scope = 'kind' and name = any($2::text[]) returning 1)
select (select count(*) from attempts) + (select count(*) from letters) + (select count(*) from alerts)
     + (select count(*) from peaks) + (select count(*) from workers) + (select count(*) from queues)
     + (select count(*) from figures) + (select count(*) from depths) + (select count(*) from kinds) + (select count(*) from pauses) || ''";
const ANY_LEFT: &str = "
select (exists (select from backstay.ready where queue = $1) or exists (select from backstay.running where queue = $1)
        or exists (select from backstay.parked where queue = $1))::text";
/// How many ended, and how long that took from the first claim on.
const SPAN: &str = "
select jsonb_build_array(count(*), extract(epoch from max(finished_at) - min(claimed_at)))::text
  from backstay.history where kind = any($1::text[])";
const WAL: &str = "select pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::text";
/// What a steady measure begins with; a table that this login does not own is passed over.
const VACUUM: &str = "vacuum (analyze) backstay.ready, backstay.running, backstay.job";

/// The bench's own rows in a database, and the lock that keeps a second bench away.
pub(crate) struct Ground {
    looks: Client,
    server: Server,
}

/// Which server it is, and whether what was committed there survives a crash.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Server {
    pub(crate) version: String,
    pub(crate) fsync: String,
    pub(crate) synchronous_commit: String,
}

#[derive(Deserialize)]
struct Look {
    #[serde(flatten)]
    server: Server,
    environment: Option<String>,
    workers: Vec<String>,
    closed: Vec<String>,
}

impl Ground {
    /// Finds out whether the bench may work here, takes away what a killed one left, and declares queue and kinds.
    /// With how many rows were left.
    pub(crate) async fn take(
        database: &Database,
        in_production: bool,
    ) -> Result<(Ground, u64), Failure> {
        if database.is_pooled().await.map_err(|error| connect::of_store(&error))? {
            return Err(refused("a transaction pooler stands between the bench and the server")
                .hint("name the server itself with --database-url"));
        }
        let looks = load::open(database).await?;
        let kinds = kinds();
        let look = ask(&looks, LOOK, &[QUEUE, &kinds]).await?;
        let look: Look = serde_json::from_str(&look).map_err(|error| garbled(&error))?;
        may_work(&look, in_production)?;
        if ask(&looks, LOCK, &[]).await? != "true" {
            return Err(refused("another bench runs in this database")
                .hint("wait for its end, or stop it")
                .exit(Exit::TryAgain));
        }
        let ground = Ground { looks, server: look.server };
        while ask(&ground.looks, END_OTHERS, &[]).await? != "0" {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let left = ground.clear().await? + ground.forget_rest().await?;
        ask(&ground.looks, DECLARE, &[QUEUE, &kinds]).await?;
        Ok((ground, left))
    }

    pub(crate) fn server(&self) -> &Server {
        &self.server
    }

    /// The connection on which the bench enqueues in bulk and one by one, and measures a commit.
    pub(crate) fn client(&self) -> &Client {
        &self.looks
    }

    /// Takes the jobs away, wherever they stand; how many.
    pub(crate) async fn clear(&self) -> Result<u64, Failure> {
        let mut all = 0;
        for text in LIVE {
            loop {
                let gone = number(&ask(&self.looks, text, &[QUEUE]).await?)?;
                all += gone;
                if gone == 0 {
                    break;
                }
            }
        }
        let kinds = kinds();
        let since = ask(&self.looks, SINCE, &[&kinds]).await?;
        Ok(all + number(&ask(&self.looks, ENDED, &[&kinds, &since]).await?)?)
    }

    async fn forget_rest(&self) -> Result<u64, Failure> {
        number(&ask(&self.looks, REST, &[QUEUE, &kinds()]).await?)
    }

    /// Begins each measure alike, whatever the one before has left of dead rows.
    pub(crate) async fn smooth(&self) -> Result<(), Failure> {
        self.looks
            .batch_execute(VACUUM)
            .await
            .map_err(|error| Failure::new("BS501", "the tables cannot be vacuumed").because(&error))
    }

    /// Removes everything that the bench made.
    pub(crate) async fn leave(self) -> Result<(), Failure> {
        self.clear().await?;
        self.forget_rest().await?;
        self.smooth().await
    }

    /// Whether a job of the bench has not ended.
    pub(crate) async fn any_left(&self) -> Result<bool, Failure> {
        Ok(ask(&self.looks, ANY_LEFT, &[QUEUE]).await? == "true")
    }

    /// How many jobs the history has, and how many seconds passed from the first claim to the last end.
    pub(crate) async fn span(&self) -> Result<(u64, f64), Failure> {
        let span = ask(&self.looks, SPAN, &[&kinds()]).await?;
        let (jobs, seconds): (u64, Option<f64>) =
            serde_json::from_str(&span).map_err(|error| garbled(&error))?;
        Ok((jobs, seconds.unwrap_or(f64::NAN)))
    }

    /// Bytes of WAL that the whole server has written since it was made.
    pub(crate) async fn wal(&self) -> Result<f64, Failure> {
        ask(&self.looks, WAL, &[]).await?.parse().map_err(|error| garbled(&error))
    }
}

impl Server {
    pub(crate) fn is_durable(&self) -> bool {
        self.fsync == "on" && self.synchronous_commit != "off"
    }
}

fn may_work(look: &Look, in_production: bool) -> Result<(), Failure> {
    if look.environment.as_deref() == Some("production") && !in_production {
        return Err(production());
    }
    if let Some(worker) = look.workers.first() {
        return Err(refused(format!("a worker serves the queue `{QUEUE}`: {worker}"))
            .hint("it would take the bench's jobs: stop it; a bench that was killed counts as alive for up to a minute"));
    }
    if !look.closed.is_empty() {
        let tables = look.closed.join(", ");
        return Err(Failure::new("BS504", format!("this login may not delete from {tables}"))
            .hint("the bench removes what it made: name a login that may, such as the owner, with --database-url"));
    }
    Ok(())
}

/// Why not in production: other work is slower meanwhile.
pub(crate) fn production() -> Failure {
    refused("this is a production database (environment = \"production\")")
        .hint("a bench is load: give --in-production, or run it on another database")
        .exit(Exit::Usage)
}

fn refused(why: impl Into<String>) -> Failure {
    Failure::new("BS307", why)
}

/// As PostgreSQL writes an array.
fn kinds() -> String {
    format!("{{{}}}", KINDS.join(","))
}

async fn ask(client: &Client, text: &'static str, params: &[&str]) -> Result<String, Failure> {
    client.call(text, params).await.map_err(|error| connect::of_call(&error))
}

fn number(answer: &str) -> Result<u64, Failure> {
    answer.parse().map_err(|error| garbled(&error))
}

fn garbled(error: &(dyn std::error::Error + 'static)) -> Failure {
    Failure::new("BS999", "the database's answer cannot be read").because(error)
}
