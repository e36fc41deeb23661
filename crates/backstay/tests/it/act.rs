//! One kind of job for all behaviours, its handler written in the test; and workers to run it.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use backstay::config::{Isolation, Settings};
use backstay::model::lease::Times;
use backstay::testing::{TestQueue, is_skipped};
use backstay::{
    Database, Handler, Job, JobDocument, Options, Queue, Request, Running, Worker, enqueue, show,
};
use backstay_postgres::template::TestDatabase;
use serde::{Deserialize, Serialize};

use crate::database::fresh;

/// A job with a number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Job)]
#[job(kind = "act")]
pub(crate) struct Act {
    pub(crate) n: i64,
}

/// What handlers write down for the test to read.
#[derive(Clone, Default)]
pub(crate) struct Notes<T>(Arc<Mutex<Vec<T>>>);

impl<T: Clone> Notes<T> {
    pub(crate) fn new() -> Notes<T> {
        Notes(Arc::default())
    }

    pub(crate) fn add(&self, note: T) {
        self.0.lock().unwrap().push(note);
    }

    pub(crate) fn all(&self) -> Vec<T> {
        self.0.lock().unwrap().clone()
    }
}

/// A worker that runs `act` by this handler.
pub(crate) fn worker<M, H: Handler<(), M>>(slots: u16, handler: H) -> Worker<()> {
    Worker::without_state()
        .queue(Queue::new("default").slots(slots).inline().grace(Duration::from_millis(500)))
        .handle(handler)
        .build()
        .unwrap()
}

/// A test queue with that worker; none where tests with a database are switched off.
pub(crate) async fn queue<M, H: Handler<(), M>>(slots: u16, handler: H) -> Option<TestQueue> {
    if is_skipped() {
        return None;
    }
    Some(TestQueue::start(Ok(worker(slots, handler))).await.unwrap())
}

/// Enqueues one `act`; its id.
pub(crate) async fn add(t: &TestQueue, n: i64, options: Options) -> i64 {
    enqueue(t.database(), Act { n }.with(options)).await.unwrap().id
}

/// Enqueues `act` with args of any shape; its id.
pub(crate) async fn add_raw(t: &TestQueue, kind: &str, args: serde_json::Value) -> i64 {
    enqueue(t.database(), Request::new(kind, args)).await.unwrap().id
}

/// The job as it stands.
pub(crate) async fn shown(t: &TestQueue, id: i64) -> JobDocument {
    show(t.database(), id).await.unwrap().unwrap_or_else(|| panic!("there is no job {id}"))
}

/// One number from the database.
pub(crate) async fn number(t: &TestQueue, sql: &str) -> i64 {
    t.client().query_one(sql, &[]).await.unwrap().get(0)
}

/// Waits until it is so; ten seconds at most.
pub(crate) async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let end = Instant::now() + Duration::from_secs(10);
    while !is_so().await {
        assert!(Instant::now() < end, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A worker in its own right, with everything ten times faster than in production.
pub(crate) struct Live {
    pub(crate) running: Running,
    pub(crate) database: Database,
    pub(crate) place: TestDatabase,
}

impl Live {
    /// Starts it on a database of its own, as the settings are changed.
    pub(crate) async fn start<M, H: Handler<(), M>>(
        slots: u16,
        handler: H,
        change: impl FnOnce(&mut Settings),
    ) -> Option<Live> {
        Some(Live::on(fresh()?, slots, handler, change).await)
    }

    /// The same on a database in which something stands already.
    pub(crate) async fn on<M, H: Handler<(), M>>(
        place: TestDatabase,
        slots: u16,
        handler: H,
        change: impl FnOnce(&mut Settings),
    ) -> Live {
        let database = Database::connect(&place.url).await.unwrap();
        let worker = worker(slots, handler);
        let mut settings = Settings::from_value(&worker.tree()).unwrap();
        settings.worker.times = Times::fast();
        assert!(settings.queues.iter().all(|queue| queue.isolation == Isolation::Inline));
        change(&mut settings);
        let running = worker.start_with(&database, settings).await.unwrap();
        Live { running, database, place }
    }

    pub(crate) async fn add(&self, n: i64, options: Options) -> i64 {
        enqueue(&self.database, Act { n }.with(options)).await.unwrap().id
    }

    pub(crate) async fn shown(&self, id: i64) -> JobDocument {
        show(&self.database, id).await.unwrap().unwrap()
    }

    /// Drains it, and gives the database back for the test to look at.
    pub(crate) async fn stop(mut self) {
        self.running.quit().await;
        self.running.join().await;
    }
}
