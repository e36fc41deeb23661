//! The database under a fault: jobs go in, and what became of them is counted.

use std::future::Future;
use std::time::{Duration, Instant};

use backstay::{Backoff, Database, Enqueued, Job, Options, Request, enqueue_many};
use backstay_faults::history::{Op, Phase, Recorder};
use tokio_postgres::{Client, NoTls};

use crate::handlers::{Act, EFFECT};

/// A connection to the database, and a runtime to use it.
pub(crate) struct Place {
    runtime: tokio::runtime::Runtime,
    client: Client,
    database: Database,
    pub(crate) url: String,
    /// Writes down what is enqueued, in a run that is judged.
    producer: Option<Recorder>,
}

impl Place {
    /// Connects.
    pub(crate) fn open(url: &str) -> Place {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.unwrap();
        let (client, database) = runtime.block_on(connect(url));
        Place { runtime, client, database, url: url.to_owned(), producer: None }
    }

    /// From now on what is enqueued is written down.
    pub(crate) fn record(&mut self, producer: Recorder) {
        self.producer = Some(producer);
    }

    /// Connects again after the server was away.
    pub(crate) fn reopen(&mut self) {
        (self.client, self.database) = self.runtime.block_on(connect(&self.url));
    }

    pub(crate) fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// The handle for calls of the library.
    pub(crate) fn database(&self) -> &Database {
        &self.database
    }

    pub(crate) fn run(&self, sql: &str) {
        self.wait(self.client.batch_execute(sql)).unwrap();
    }

    pub(crate) fn number(&self, sql: &str) -> i64 {
        self.wait(self.client.query_one(sql, &[])).unwrap().get(0)
    }

    /// Every row as one text, for messages.
    pub(crate) fn texts(&self, sql: &str) -> Vec<String> {
        let rows = self.wait(self.client.query(sql, &[])).unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// Enqueues `act` with these numbers; in a run that is judged every third completes in a transaction of its own.
    pub(crate) fn add(&self, numbers: std::ops::Range<i64>, ms: u64) {
        let is_judged = self.producer.is_some();
        self.add_each(numbers, ms, |n| if is_judged && n % 3 == 0 { EFFECT } else { "" });
    }

    /// The same, where what they are is of importance.
    pub(crate) fn add_each(
        &self,
        numbers: std::ops::Range<i64>,
        ms: u64,
        what: impl Fn(i64) -> &'static str,
    ) {
        self.add_all(numbers.map(|n| {
            let again = Options::new().backoff(Backoff::Fixed(Duration::from_millis(50)));
            Act { n, what: what(n).to_owned(), ms }.with(again)
        }));
    }

    pub(crate) fn add_one(&self, n: i64, what: &str, options: Options) -> i64 {
        let act = Act { n, what: what.to_owned(), ms: 0 };
        self.add_all([act.with(options)])[0].id
    }

    pub(crate) fn add_all(&self, jobs: impl IntoIterator<Item = Request>) -> Vec<Enqueued> {
        let jobs: Vec<Request> = jobs.into_iter().collect();
        let keys: Vec<String> = jobs.iter().map(key).collect();
        for key in &keys {
            self.note(Phase::Invoke, key, None);
        }
        let all = self.wait(enqueue_many(&self.database, jobs)).unwrap();
        for (key, one) in keys.iter().zip(&all) {
            self.note(Phase::Ok, key, Some(one.id));
        }
        all
    }

    fn note(&self, phase: Phase, key: &str, id: Option<i64>) {
        if let Some(producer) = &self.producer {
            producer.note(phase, Op::Enqueue { key: key.to_owned(), id }).unwrap();
        }
    }

    /// Waits until it is so.
    pub(crate) fn until(&self, what: &str, most: Duration, is_so: impl Fn(&Place) -> bool) {
        let end = Instant::now() + most;
        while !is_so(self) {
            if Instant::now() > end {
                let states = self.texts(
                    "select state || ' ' || count(*) || ' (attempt ' || max(attempt) || ')' from backstay.jobs group by state",
                );
                panic!("waited {most:?} in vain: {what}; {}", states.join(", "));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits whether it becomes so.
    pub(crate) fn comes_true(&self, most: Duration, is_so: impl Fn(&Place) -> bool) -> bool {
        let end = Instant::now() + most;
        while !is_so(self) {
            if Instant::now() > end {
                return false;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        true
    }

    /// Jobs that have not ended.
    pub(crate) fn waiting(&self) -> i64 {
        self.number("select count(*) from backstay.job")
    }

    /// Adds `more` jobs where fewer than `least` are left, so that a fault always meets some; `jobs` counts them.
    pub(crate) fn keep_busy(&self, jobs: &mut i64, least: i64, more: i64, ms: u64) {
        if self.waiting() < least {
            self.add(*jobs..*jobs + more, ms);
            *jobs += more;
        }
    }

    /// Waits until nothing waits or runs any more.
    pub(crate) fn until_done(&self, most: Duration) {
        self.until("all jobs have ended", most, |place| {
            place.hasten_suspects();
            place.waiting() == 0
        });
    }

    /// Lets suspects that were put off come at once: nobody waits half a minute here.
    pub(crate) fn hasten_suspects(&self) {
        self.run("update backstay.scheduled set run_at = now() where why = 'suspect'");
    }

    /// Attempts of suspects that were put off before they began.
    pub(crate) fn put_off(&self) -> i64 {
        self.number(
            "select count(*) from backstay.attempt where outcome = 'interrupted' and suspect and billed = 'nothing'",
        )
    }

    pub(crate) fn completed(&self) -> i64 {
        self.number("select count(distinct job_id) from backstay.history where state = 'completed'")
    }

    /// Ends beyond one per job: there must never be one.
    pub(crate) fn double_ends(&self) -> i64 {
        self.number("select count(*) - count(distinct job_id) from backstay.history")
    }

    pub(crate) fn running(&self) -> i64 {
        self.number("select count(*) from backstay.running")
    }

    /// Workers that beat within the last moments.
    pub(crate) fn workers(&self) -> i64 {
        self.number(
            "select count(*) from backstay.worker where goodbye_at is null and lost_at is null \
             and beat_at > now() - interval '2 seconds'",
        )
    }
}

/// What the test calls a job: its number, or its kind where it has none.
fn key(job: &Request) -> String {
    let args: serde_json::Value = serde_json::from_str(job.args().unwrap()).unwrap();
    args["n"].as_i64().map_or(job.kind().to_owned(), |n| n.to_string())
}

async fn connect(url: &str) -> (Client, Database) {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    // It ends with its client.
    tokio::spawn(connection);
    (client, Database::connect(url).await.unwrap())
}
