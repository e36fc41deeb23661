//! The other side of a run: runaways as jobs, one after another, and small honest jobs in the same queue.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use backstay::enqueue;
use serde_json::{Value as Json, json};
use tokio::time::MissedTickBehavior;
use tokio_postgres::Client;
use uuid::Uuid;

use super::harm::BOMB_FILE;
use super::jobs::{BEAT, GRACE, Pace, Sibling, request};
use super::runaway::Runaway;
use super::stage::{HANDLERS, Stage};
use crate::demo::database::failed;
use crate::failure::Failure;
use crate::latency::{Latency, ms};

/// Between two siblings: 50 a second.
const EVERY: Duration = Duration::from_millis(20);
/// How long the last siblings may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two looks whether a runaway has ended.
const LOOK: Duration = Duration::from_millis(25);

/// How one attempt of a runaway ended.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct End {
    pub(crate) outcome: String,
    pub(crate) wall: Duration,
    pub(crate) peak_bytes: Option<u64>,
    /// What of it was still there after its end: processes, or sessions of the database.
    pub(crate) left: u64,
}

/// What became of the siblings.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Siblings {
    pub(crate) sent: usize,
    pub(crate) done: usize,
    /// Attempts that cost a sibling something: a retry, a crash, a lost worker.
    pub(crate) billed: i64,
    /// Siblings that were started more than once.
    pub(crate) again: i64,
    /// From due to done.
    pub(crate) latency: Latency,
}

/// What was seen in the worker while the API was asked.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Side {
    pub(crate) ends: Vec<End>,
    pub(crate) siblings: Siblings,
    /// How late its beats were.
    pub(crate) beats: Latency,
    /// Share of one core that the supervisor itself used.
    pub(crate) supervisor_cpu: f64,
}

impl Side {
    pub(crate) fn to_json(&self) -> Json {
        let ends: Vec<Json> = self
            .ends
            .iter()
            .map(|end| {
                json!({ "outcome": end.outcome, "wall_ms": ms(end.wall), "peak_bytes": end.peak_bytes, "left": end.left })
            })
            .collect();
        let siblings = json!({
            "sent": self.siblings.sent, "done": self.siblings.done, "billed": self.siblings.billed,
            "again": self.siblings.again, "p50_ms": ms(self.siblings.latency.p50),
            "p99_ms": ms(self.siblings.latency.p99), "max_ms": ms(self.siblings.latency.longest),
        });
        json!({
            "ends": ends, "siblings": siblings, "beat_late_p99_ms": ms(self.beats.p99),
            "beat_late_max_ms": ms(self.beats.longest), "supervisor_cpu": (self.supervisor_cpu * 1000.0).round() / 1000.0,
        })
    }
}

/// One worker, looked at for the time of one run.
pub(crate) struct Watch<'a> {
    pub(crate) stage: &'a Stage,
    pub(crate) worker: Uuid,
    pub(crate) pid: i32,
}

impl Watch<'_> {
    /// Sends siblings and starts runaways for so long, waits for what is under way, and asks what became of it.
    pub(crate) async fn drive(
        &self,
        runaway: Option<(Runaway, Pace)>,
        span: Duration,
    ) -> Result<Side, Failure> {
        let client = Arc::new(self.stage.dial().await?);
        let (began, cpu, at) = (now(), cpu_of(self.pid), Instant::now());
        let (sent, ends) = tokio::join!(trickle(&client, span), self.runaways(runaway, span));
        let supervisor_cpu = (cpu_of(self.pid) - cpu) / at.elapsed().as_secs_f64();
        let until = now();
        let siblings = settled(&client, sent).await?;
        let beats = self.beats(began, until).await?;
        Ok(Side { ends: ends?, siblings, beats, supervisor_cpu })
    }

    async fn runaways(
        &self,
        runaway: Option<(Runaway, Pace)>,
        span: Duration,
    ) -> Result<Vec<End>, Failure> {
        let Some((runaway, pace)) = runaway else { return Ok(Vec::new()) };
        let (began, mut ends) = (Instant::now(), Vec::new());
        let rounds = rounds(runaway);
        for round in 0..rounds {
            let due = began + span * round / rounds;
            tokio::time::sleep_until(due.into()).await;
            if round > 0 && began.elapsed() + least(runaway, pace) > span {
                break;
            }
            ends.push(self.one(runaway, pace).await?);
        }
        Ok(ends)
    }

    /// One runaway, from its enqueue to what is left of it after its end.
    async fn one(&self, runaway: Runaway, pace: Pace) -> Result<End, Failure> {
        let db = &self.stage.db;
        let refused = |error: backstay::EnqueueError| {
            Failure::new("BS999", "the bench cannot enqueue").because(&error)
        };
        let job = enqueue(db, request(runaway, self.stage.folder.clone(), pace));
        let job = job.await.map_err(refused)?.id;
        let deadline = Instant::now() + pace.timeout + GRACE + PATIENCE;
        let text = "select to_jsonb(a), extract(epoch from a.ended_at)::float8 from backstay.attempts a where job_id = $1";
        let (attempt, ended_at) = loop {
            let rows = db.query(text, &[&job]).await.map_err(|error| failed(&error))?;
            if let Some(row) = rows.first() {
                break (row.get::<_, Json>(0), row.get::<_, f64>(1));
            }
            if Instant::now() > deadline {
                break (json!({ "outcome": "none" }), now());
            }
            tokio::time::sleep(LOOK).await;
        };
        // One that would be tried again has shown what it can.
        drop(backstay::cancel(db, job, "the bench has seen its end").await);
        let bytes = attempt["peak_bytes"].as_u64();
        let kib = attempt["peak_kib"].as_u64().map(|kib| kib * 1024);
        Ok(End {
            outcome: attempt["outcome"].as_str().unwrap_or("none").to_owned(),
            wall: Duration::from_millis(attempt["wall_ms"].as_u64().unwrap_or(0)),
            peak_bytes: bytes.or(kib),
            left: self.left(runaway, ended_at).await?,
        })
    }

    async fn left(&self, runaway: Runaway, ended_at: f64) -> Result<u64, Failure> {
        match runaway {
            Runaway::Bomb => {
                tokio::time::sleep(Duration::from_millis(100)).await;
                let script = self.stage.folder.join(BOMB_FILE);
                Ok(processes_with(&script.display().to_string()))
            }
            Runaway::Sql => {
                tokio::time::sleep(Duration::from_secs(2)).await;
                let text = format!(
                    "select count(*) from pg_stat_activity where usename = '{HANDLERS}' \
                     and extract(epoch from backend_start)::float8 < $1"
                );
                let row = self.stage.db.query_one(&text, &[&ended_at]).await;
                let n: i64 = row.map_err(|error| failed(&error))?.get(0);
                Ok(n.unsigned_abs())
            }
            _ => Ok(0),
        }
    }

    /// How late the worker's beats were between two instants.
    async fn beats(&self, from: f64, until: f64) -> Result<Latency, Failure> {
        let text = "select extract(epoch from at)::float8 from bulkhead.beat where worker = $1 order by at";
        let rows = self.stage.db.query(text, &[&self.worker]).await;
        let rows = rows.map_err(|error| failed(&error))?;
        let at: Vec<f64> = rows.iter().map(|row| row.get(0)).collect();
        let within: Vec<f64> = at.into_iter().filter(|at| (from..=until).contains(at)).collect();
        let late = within
            .windows(2)
            .map(|two| Duration::from_secs_f64((two[1] - two[0] - BEAT.as_secs_f64()).max(0.0)));
        Ok(Latency::of(late.collect(), 0))
    }
}

/// What ends soon is started more often.
fn rounds(runaway: Runaway) -> u32 {
    match runaway {
        Runaway::Hog | Runaway::Bomb => 4,
        Runaway::Sql => 1,
        _ => 2,
    }
}

/// What a further round needs.
fn least(runaway: Runaway, pace: Pace) -> Duration {
    match runaway {
        Runaway::Hog | Runaway::Bomb => Duration::from_secs(1),
        _ => pace.timeout + GRACE,
    }
}

/// Seconds since 1970, as the database tells them.
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// Enqueues siblings when they are due, whatever became of those before; id and due time of each.
async fn trickle(client: &Arc<Client>, span: Duration) -> Vec<Option<(i64, f64)>> {
    let sent = Arc::new(Mutex::new(Vec::new()));
    let mut due = tokio::time::interval(EVERY);
    due.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let began = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    while began.elapsed() < span {
        let at = due.tick().await.into_std();
        let due_at = now() - at.elapsed().as_secs_f64();
        let (client, sent) = (client.clone(), sent.clone());
        tasks.spawn(async move {
            let job = enqueue(&*client, Sibling {}).await;
            let job = job.ok().map(|job| (job.id, due_at));
            sent.lock().unwrap_or_else(PoisonError::into_inner).push(job);
        });
    }
    // A request that failed is a sibling that was never done.
    while tasks.join_next().await.is_some() {}
    std::mem::take(&mut *sent.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Waits until all siblings are done, and sums up.
async fn settled(client: &Client, sent: Vec<Option<(i64, f64)>>) -> Result<Siblings, Failure> {
    let known: Vec<(i64, f64)> = sent.iter().flatten().copied().collect();
    let ids: Vec<i64> = known.iter().map(|(id, _)| *id).collect();
    let deadline = Instant::now() + PATIENCE;
    let text = "
select job_id, extract(epoch from finished_at)::float8, attempt, (retry_count + crash_count + lost_count)::bigint
  from backstay.history where job_id = any($1) and state = 'completed'";
    let rows = loop {
        let rows = client.query(text, &[&ids]).await.map_err(|error| failed(&error))?;
        if rows.len() == ids.len() || Instant::now() > deadline {
            break rows;
        }
        tokio::time::sleep(LOOK * 4).await;
    };
    let bad =
        "select count(*) from backstay.attempts where job_id = any($1) and billed <> 'nothing'";
    let bad: i64 = client.query_one(bad, &[&ids]).await.map_err(|error| failed(&error))?.get(0);
    let due: std::collections::HashMap<i64, f64> = known.into_iter().collect();
    let took = rows.iter().filter_map(|row| {
        let done: f64 = row.get(1);
        Some(Duration::from_secs_f64((done - due.get(&row.get(0))?).max(0.0)))
    });
    let of = |column: usize| rows.iter().map(move |row| row.get::<_, i64>(column)).sum::<i64>();
    Ok(Siblings {
        sent: sent.len(),
        done: rows.len(),
        billed: bad.max(of(3)),
        again: rows.iter().filter(|row| row.get::<_, i32>(2) > 1).count() as i64,
        latency: Latency::of(took.collect(), 0),
    })
}

/// CPU seconds that a process itself has used, without its children.
fn cpu_of(pid: i32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let behind_name = stat.rsplit(')').next().unwrap_or_default();
    let fields: Vec<f64> =
        behind_name.split_ascii_whitespace().skip(11).take(2).flat_map(str::parse).collect();
    // In ticks of 10 ms.
    fields.iter().sum::<f64>() / 100.0
}

/// Living processes whose command line holds a text.
fn processes_with(text: &str) -> u64 {
    let Ok(entries) = std::fs::read_dir("/proc") else { return 0 };
    let lines =
        entries.flatten().filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    lines.filter(|line| String::from_utf8_lossy(line).contains(text)).count() as u64
}
