//! What the server says about the bench, and how runs become one figure.

use std::time::{Duration, Instant};

use tokio_postgres::{Client, NoTls};

use super::load::QUEUE;
use crate::failure::Failure;

/// One measure of one run, or of several.
#[derive(Debug, Clone)]
pub(crate) struct Figure {
    pub(crate) name: String,
    pub(crate) unit: &'static str,
    pub(crate) value: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Figure {
    pub(crate) fn new(name: &str, unit: &'static str, value: f64) -> Figure {
        Figure { name: name.to_owned(), unit, value, low: value, high: value }
    }
}

/// Several runs as one.
pub(crate) struct Measured;

impl Measured {
    /// The median of each measure, with its range.
    pub(crate) fn median(runs: &[Vec<Figure>]) -> Vec<Figure> {
        let Some(first) = runs.first() else { return Vec::new() };
        let of = |at: usize| {
            let mut values: Vec<f64> =
                runs.iter().filter_map(|run| run.get(at)).map(|figure| figure.value).collect();
            values.sort_by(f64::total_cmp);
            Figure {
                value: values[values.len() / 2],
                low: values[0],
                high: values[values.len() - 1],
                ..first[at].clone()
            }
        };
        (0..first.len()).map(of).collect()
    }
}

/// A connection that looks on.
pub(crate) struct Server(Client);

impl Server {
    /// Connects; a database of the private PostgreSQL is made where it is not there.
    pub(crate) async fn open(url: &str, own: &str) -> Result<Server, Failure> {
        if let Ok(client) = dial(url).await {
            return Ok(Server(client));
        }
        let admin = dial(&url.replace(&format!("/{own}"), "/postgres")).await?;
        admin
            .batch_execute(&format!("create database {own}"))
            .await
            .map_err(|error| failed(&error))?;
        dial(url).await.map(Server)
    }

    /// Whether what was committed survives a crash: figures without that say nothing.
    pub(crate) async fn durability(&self) -> Result<String, Failure> {
        let row = self
            .row(
                "select version(), current_setting('fsync'), current_setting('synchronous_commit')",
            )
            .await?;
        let version: String = row.get(0);
        let version = version.split(' ').take(2).collect::<Vec<_>>().join(" ");
        let (fsync, commit): (String, String) = (row.get(1), row.get(2));
        Ok(format!("{version}, fsync {fsync}, synchronous_commit {commit}"))
    }

    /// Bytes of WAL written since the server was made.
    pub(crate) async fn wal(&self) -> Result<f64, Failure> {
        Ok(self.row("select pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8").await?.get(0))
    }

    /// Takes the bench's rows away, wherever they stand.
    pub(crate) async fn clean(&self) -> Result<(), Failure> {
        let tables = ["ready", "scheduled", "parked", "running"];
        for table in tables {
            let text = format!(
                "with gone as (delete from backstay.{table} where queue = '{QUEUE}' returning job_id) \
                 delete from backstay.job j using gone g where j.id = g.job_id"
            );
            self.0.batch_execute(&text).await.map_err(|error| failed(&error))?;
        }
        self.forget_history().await?;
        self.0
            .batch_execute("vacuum analyze backstay.ready, backstay.running, backstay.job")
            .await
            .map_err(|error| failed(&error))
    }

    pub(crate) async fn forget_history(&self) -> Result<(), Failure> {
        let text = format!(
            "delete from backstay.history_body b using backstay.history h where h.queue = '{QUEUE}' and b.job_id = h.job_id; \
             delete from backstay.history where queue = '{QUEUE}'"
        );
        self.0.batch_execute(&text).await.map_err(|error| failed(&error))
    }

    /// Waits until so many jobs have ended; a look costs little and comes rarely.
    pub(crate) async fn wait_until_done(&self, jobs: u64) -> Result<(), Failure> {
        let deadline = Instant::now() + Duration::from_secs(600);
        while Instant::now() < deadline {
            let text = format!(
                "select (select count(*) from backstay.ready where queue = '{QUEUE}') \
                 + (select count(*) from backstay.running where queue = '{QUEUE}')"
            );
            if self.row(&text).await?.get::<_, i64>(0) == 0 {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Err(Failure::new(
            "BS507",
            format!("{jobs} jobs of the bench were not done within 10 minutes"),
        ))
    }

    /// Jobs per second from the first claim to the last settle.
    pub(crate) async fn rate(&self, jobs: u64) -> Result<f64, Failure> {
        let text = format!(
            "select count(*), extract(epoch from max(finished_at) - min(claimed_at))::float8 from backstay.history where queue = '{QUEUE}'"
        );
        let row = self.row(&text).await?;
        let (done, seconds): (i64, Option<f64>) = (row.get(0), row.get(1));
        if u64::try_from(done).unwrap_or(0) != jobs {
            return Err(Failure::new(
                "BS999",
                format!("{done} of {jobs} jobs of the bench are in the history"),
            ));
        }
        Ok(jobs as f64 / seconds.unwrap_or(f64::INFINITY).max(1e-6))
    }

    async fn row(&self, text: &str) -> Result<tokio_postgres::Row, Failure> {
        self.0.query_one(text, &[]).await.map_err(|error| failed(&error))
    }
}

async fn dial(url: &str) -> Result<Client, Failure> {
    let (client, connection) =
        tokio_postgres::connect(url, NoTls).await.map_err(|error| failed(&error))?;
    tokio::spawn(async move {
        // Whoever asks next hears that the connection is gone.
        drop(connection.await);
    });
    Ok(client)
}

fn failed(error: &tokio_postgres::Error) -> Failure {
    Failure::new("BS501", "the bench cannot ask the database").because(error)
}
