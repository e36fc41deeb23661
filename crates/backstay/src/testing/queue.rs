//! A database of its own with a worker on it that runs what is due when the test says so.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use backstay_isolate::Entry;
use backstay_postgres::template::TestDatabase;
use sqlx_0_9::PgPool;
use sqlx_0_9::postgres::PgPoolOptions;
use tokio_postgres::{Client, NoTls};

use super::{clock, place};
use crate::model::config::{History, Isolation, Settings};
use crate::runtime::duty::{prune, sort};
use crate::runtime::worker::build::{BuildError, Worker};
use crate::runtime::worker::{Allowance, Running, StartError};
use crate::store::database::Database;
use crate::store::statement::{Link, Sql, sql};
use crate::store::{StoreError, duty};

static DUE: Sql = sql!("testing/due", [UUID, TEXT_ARRAY, TEXT_ARRAY]);
static TALLY: Sql = sql!("testing/tally", []);

/// A handler that takes longer than this hangs, as far as a test is concerned.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at what is still to do.
const LOOK: Duration = Duration::from_millis(3);
/// Connections of the test's own pool.
const CONNECTIONS: u32 = 8;
/// Rows of one statement of a duty.
const ROWS: i32 = 1000;

/// Why there is no test queue.
///
/// ```
/// use backstay::testing::{TestError, TestQueue};
/// use backstay::{Queue, Worker};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let wrong = Worker::without_state().queue(Queue::new("mail").slots(0)).build();
/// let error = TestQueue::start(wrong).await.map(drop).unwrap_err();
/// assert!(matches!(error, TestError::Build(_)));
/// assert_eq!(error.code(), "BS402");
/// # }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TestError {
    /// The worker is put together wrongly.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The worker does not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The test's own connections failed.
    #[error("the test cannot connect to its database")]
    Connect(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl TestError {
    /// The stable code.
    pub fn code(&self) -> &str {
        match self {
            TestError::Build(error) => error.code(),
            TestError::Start(error) => error.code(),
            TestError::Store(error) => error.code(),
            TestError::Connect(_) => "BS501",
        }
    }
}

/// What attempts came to, counted.
///
/// ```
/// use backstay::testing::Drained;
/// let three = Drained { completed: 2, dead: 1, ..Drained::default() };
/// assert_eq!(three.completed + three.dead, 3);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Drained {
    /// Jobs that are done.
    pub completed: u64,
    /// Jobs that were stopped on purpose, or whose time was over.
    pub cancelled: u64,
    /// Jobs that became dead letters.
    pub dead: u64,
    /// Attempts that failed and are tried again.
    pub retried: u64,
    /// Attempts whose handlers asked for a later start.
    pub snoozed: u64,
    /// Attempts that gave their job back, which costs nothing.
    pub released: u64,
}

/// A private database with a worker that claims only when told; see [the module](crate::testing).
///
/// Handlers run in this process, whatever their queues say; programs in other languages run where the test
/// binary began with [`crate::enter`], and else their jobs stay in line. When the test fails, the database is
/// kept for an hour and its URL is printed.
pub struct TestQueue {
    running: Running,
    queues: Vec<String>,
    kinds: Vec<String>,
    database: Database,
    pool: PgPool,
    client: Client,
    /// What was counted when somebody looked last: housekeeping goes on between two looks.
    counted: Mutex<Drained>,
    // The last field: the database goes when everybody has left it.
    place: TestDatabase,
}

/// What is still to do.
struct Due {
    ready: i64,
    running: i64,
    scheduled: i64,
    /// In line though their kind is paused.
    misplaced: i64,
    parked: i64,
    expired: i64,
    /// The queue of the job that is next.
    queue: Option<String>,
    /// The jobs that run, for the message when they do not end.
    names: Option<String>,
}

impl Due {
    /// Nothing runs, and nothing would start.
    fn is_nothing(&self) -> bool {
        self.running == 0 && !self.can_start()
    }

    fn can_start(&self) -> bool {
        self.ready + self.needs_duty() > 0
    }

    fn needs_duty(&self) -> i64 {
        self.scheduled + self.misplaced + self.parked + self.expired
    }
}

impl TestQueue {
    /// Makes a database and starts the worker on it; nothing is claimed before [`drain`](TestQueue::drain).
    ///
    /// # Errors
    /// BS4xx for a worker that is put together wrongly, BS5xx for the database.
    ///
    /// # Panics
    /// When there is no PostgreSQL and none can be had; the reason is printed.
    pub async fn start<S: Clone + Send + Sync + 'static>(
        worker: Result<Worker<S>, BuildError>,
    ) -> Result<TestQueue, TestError> {
        let mut worker = worker?;
        if backstay_isolate::entry() != Entry::First {
            worker = worker.without_commands();
        }
        let settings = settings(&worker)?;
        let queues = settings.queues.iter().map(|queue| queue.name.clone()).collect();
        let kinds = worker.kinds();
        let place = place::make().await;
        let database = Database::connect(&place.url).await?;
        place::mark(&database).await?;
        let running = worker.start_allowed(&database, settings, Allowance::Nothing).await?;
        let pool = PgPoolOptions::new().max_connections(CONNECTIONS).connect_lazy(&place.url);
        let pool = pool.map_err(|error| TestError::Connect(error.into()))?;
        let client = connect(&place.url).await?;
        let counted = Mutex::default();
        Ok(TestQueue { running, queues, kinds, database, pool, client, counted, place })
    }

    /// A pool of sqlx 0.9 on the test's database.
    pub fn sqlx(&self) -> &PgPool {
        &self.pool
    }

    /// A connection of tokio-postgres to the test's database.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Opens one more connection of tokio-postgres, for a transaction of its own.
    ///
    /// # Errors
    /// BS501 when the database is gone.
    pub async fn connect(&self) -> Result<Client, TestError> {
        connect(&self.place.url).await
    }

    /// The handle on the test's database.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// The address of the test's database.
    pub fn url(&self) -> &str {
        &self.place.url
    }

    /// Moves the clock forward: what was to start within `by` is due, what was to expire has expired.
    ///
    /// Nothing runs by that: [`drain`](TestQueue::drain) does. How long handlers may take is measured in real time.
    ///
    /// # Panics
    /// When the database fails.
    pub async fn advance(&self, by: Duration) {
        let moved = clock::advance(&self.database, by).await;
        moved.unwrap_or_else(|error| panic!("the clock cannot be moved: {error}"));
    }

    /// Runs until nothing is due, and counts what jobs came to since the last look. What is due later is left alone.
    ///
    /// # Panics
    /// When a handler has not ended after a minute, or the database fails.
    pub async fn drain(&self) -> Drained {
        self.until("bring jobs into line", |due| due.needs_duty() == 0).await;
        self.running.allow(Allowance::All).await;
        self.until("run what is due", Due::is_nothing).await;
        self.running.allow(Allowance::Nothing).await;
        self.count().await
    }

    /// Counts since the last look, and remembers this one.
    async fn count(&self) -> Drained {
        let now = self.tally().await;
        let mut counted = self.counted.lock().expect("nobody panics while holding it");
        now.since(&std::mem::replace(&mut counted, now))
    }

    /// Runs the one job that is next, if one is due, and counts what that came to.
    ///
    /// # Panics
    /// As [`drain`](TestQueue::drain).
    pub async fn run_one(&self) -> Drained {
        let before = self.tally().await;
        let due = self.until("bring a job into line", |due| due.needs_duty() == 0).await;
        let Some(queue) = due.queue else { return self.count().await };
        self.running.allow(Allowance::One { queue }).await;
        let end = Instant::now() + PATIENCE;
        loop {
            let now = self.tally().await;
            if now != before && self.due().await.running == 0 {
                break;
            }
            assert!(Instant::now() < end, "the next job has not ended after {PATIENCE:?}");
            tokio::time::sleep(LOOK).await;
        }
        self.running.allow(Allowance::Nothing).await;
        self.count().await
    }

    /// Does what the duties do, at once and again, until it is so.
    async fn until(&self, what: &str, is_so: impl Fn(&Due) -> bool) -> Due {
        let end = Instant::now() + PATIENCE;
        loop {
            let due = self.due().await;
            if is_so(&due) {
                return due;
            }
            if Instant::now() > end {
                let names = due.names.as_deref().unwrap_or("none");
                panic!(
                    "could not {what} within {PATIENCE:?}; running: {names}, in line: {}",
                    due.ready
                );
            }
            if due.needs_duty() > 0 {
                let brought = self.database.call(async |link| bring(link, &due).await).await;
                brought.unwrap_or_else(|error| {
                    panic!("what is due cannot be brought into line: {error}")
                });
            } else {
                tokio::time::sleep(LOOK).await;
            }
        }
    }

    async fn due(&self) -> Due {
        let worker = self.running.id();
        let row = self
            .database
            .call(async |link| link.query_one(&DUE, &[&worker, &self.queues, &self.kinds]).await);
        let row =
            row.await.unwrap_or_else(|error| panic!("what is due cannot be counted: {error}"));
        Due {
            ready: row.get("ready"),
            running: row.get("running"),
            scheduled: row.get("scheduled"),
            misplaced: row.get("misplaced"),
            parked: row.get("parked"),
            expired: row.get("expired"),
            queue: row.get("queue"),
            names: row.get("names"),
        }
    }

    async fn tally(&self) -> Drained {
        let row = self.database.call(async |link| link.query_one(&TALLY, &[]).await).await;
        let row = row.unwrap_or_else(|error| panic!("the ends cannot be counted: {error}"));
        let count = |name: &str| row.get::<_, i64>(name).unsigned_abs();
        Drained {
            completed: count("completed"),
            cancelled: count("cancelled"),
            dead: count("dead"),
            retried: count("retried"),
            snoozed: count("snoozed"),
            released: count("released"),
        }
    }
}

impl Drained {
    fn since(self, before: &Drained) -> Drained {
        Drained {
            completed: self.completed.saturating_sub(before.completed),
            cancelled: self.cancelled.saturating_sub(before.cancelled),
            dead: self.dead.saturating_sub(before.dead),
            retried: self.retried.saturating_sub(before.retried),
            snoozed: self.snoozed.saturating_sub(before.snoozed),
            released: self.released.saturating_sub(before.released),
        }
    }
}

impl Drop for TestQueue {
    /// Ends the worker before its database goes, or its loops would go on looking for it.
    fn drop(&mut self) {
        self.running.end_now();
    }
}

/// The worker's settings, less what is of no use in a test.
fn settings<S: Clone + Send + Sync + 'static>(worker: &Worker<S>) -> Result<Settings, TestError> {
    let mut settings = Settings::from_value(&worker.tree()).map_err(BuildError::Settings)?;
    settings.worker.drain_timeout = Duration::ZERO;
    for queue in &mut settings.queues {
        queue.isolation = Isolation::Inline;
    }
    for kind in &mut settings.kinds {
        kind.isolation = None;
        // What leaves no trace when it is done could not be counted.
        kind.history = History::Full;
        kind.contract.remove("history");
    }
    Ok(settings)
}

/// Brings into line what is due, as the duties do within seconds.
async fn bring(link: &Link, due: &Due) -> Result<(), StoreError> {
    if due.scheduled > 0 {
        duty::promote(link, ROWS, None).await?;
    }
    if due.misplaced + due.parked > 0 {
        sort::tick(link).await?;
    }
    if due.expired > 0 {
        prune::expired(link).await?;
    }
    duty::wake(link).await
}

async fn connect(url: &str) -> Result<Client, TestError> {
    let opened = tokio_postgres::connect(url, NoTls).await;
    let (client, connection) = opened.map_err(|error| TestError::Connect(error.into()))?;
    // Whoever uses the client hears when the connection is gone.
    tokio::spawn(async move { drop(connection.await) });
    Ok(client)
}
