//! What a handler holds of its attempt: who it is, how long it may take, and the line to its supervisor.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use tokio::sync::{Notify, mpsc, oneshot, watch};

use crate::call::caller::{Caller, Refusal};
use crate::call::complete::{self, AttemptError};
use crate::call::enqueue::EnqueueError;
use crate::model::bounds;
use crate::model::claim::JobInfo;
use crate::model::job::Fence;
use crate::model::request::{Request, RequestError};

/// Progress is passed on at most once per this long, except the end.
const PROGRESS_EVERY: Duration = Duration::from_secs(2);
/// Lines to the supervisor that may wait; a handler that writes faster waits too.
const LINES: usize = 64;

/// What a handler says while it runs.
#[derive(Debug)]
pub(crate) enum Say {
    Progress { percent: f32, note: Option<String> },
    Log { level: &'static str, message: String },
    Checkpoint { value: Box<RawValue>, answer: oneshot::Sender<Result<(), Denied>> },
    Enqueue { jobs: Box<RawValue>, answer: oneshot::Sender<Result<(), Denied>> },
}

/// The supervisor's no, with its code.
///
/// ```
/// use backstay::{Ctx, Denied, Fail};
///
/// async fn keep(ctx: &Ctx, page: u32) -> Result<(), Fail> {
///     match ctx.checkpoint(&page).await {
///         Ok(()) => Ok(()),
///         Err(denied) if Denied::code(&denied) == "BS202" => Ok(()), // too large: go on without
///         Err(denied) => Err(denied.into()),
///     }
/// }
/// # let _ = keep;
/// ```
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct Denied {
    code: String,
    message: String,
}

impl Denied {
    /// A stable code, such as `BS201`.
    pub fn code(&self) -> &str {
        &self.code
    }

    pub(crate) fn new(code: &str, message: impl Into<String>) -> Denied {
        Denied { code: code.to_owned(), message: message.into() }
    }

    fn unheard() -> Denied {
        Denied::new("BS201", "the supervisor no longer listens to this attempt; stop")
    }
}

/// How loud a line of a job's log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// For the one who writes the handler.
    Debug,
    /// For everybody.
    Info,
    /// Somebody should look.
    Warn,
    /// Something failed.
    Error,
}

impl Level {
    fn as_str(self) -> &'static str {
        match self {
            Level::Debug => "debug",
            Level::Info => "info",
            Level::Warn => "warn",
            Level::Error => "error",
        }
    }
}

/// What a handler holds of its attempt. Cheap to clone.
///
/// ```no_run
/// # use backstay::{Ctx, Fail};
/// # use serde::{Serialize, Deserialize};
/// # #[derive(Serialize, Deserialize)] struct Report;
/// # #[derive(Default, Serialize, Deserialize)] struct Cursor { page: u32 }
/// async fn report(job: Report, ctx: Ctx) -> Result<u32, Fail> {
///     let mut cursor: Cursor = ctx.restored().unwrap_or_default();
///     while cursor.page < 30 {
///         if ctx.is_draining() {
///             return Err(Fail::interrupted());
///         }
///         cursor.page += 1;
///         ctx.checkpoint(&cursor).await?;
///         ctx.progress(cursor.page as f32 / 0.3, "pages");
///     }
///     Ok(cursor.page)
/// }
/// ```
///
/// All that it can do, in the testing kit:
///
/// ```
/// use backstay::testing::TestQueue;
/// use backstay::{Ctx, Fail, Job, Level, Queue, State, Worker, enqueue};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize, Job)]
/// #[job(kind = "import")]
/// struct Import { rows: u32 }
///
/// #[derive(Serialize, Deserialize, Job)]
/// #[job(kind = "digest")]
/// struct Digest { rows: u32 }
///
/// async fn import(job: Import, ctx: Ctx) -> Result<u32, Fail> {
///     let began_at: u32 = ctx.restored().unwrap_or(0);
///     std::fs::write(ctx.scratch().join("part"), "removed with the attempt")?;
///     ctx.log(Level::Info, format!("attempt {} of job {}", ctx.info().attempt, ctx.fence().job));
///     ctx.checkpoint(&job.rows).await?;
///     ctx.progress(100.0, "all rows");
///     assert!(!ctx.is_cancelled() && !ctx.is_draining());
///     assert!(ctx.deadline() > std::time::Instant::now());
///     tokio::select! {
///         () = ctx.cancelled() => return Err(Fail::cancel("told to stop")),
///         () = std::future::ready(()) => {}
///     }
///     ctx.enqueue(Digest { rows: job.rows }).await?;
///     Ok(job.rows - began_at)
/// }
///
/// # type Pool = sqlx_0_9::PgPool;
/// # use sqlx_0_9 as sqlx;
/// // The row and the completion commit together, or neither.
/// async fn digest(job: Digest, ctx: Ctx, State(url): State<String>) -> Result<(), Fail> {
///     let pool = Pool::connect(&url).await?;
///     let mut tx = pool.begin().await?;
///     ctx.assert_lease(&mut tx).await?;
///     sqlx::query("select 1").execute(&mut *tx).await?;
///     ctx.complete(&mut tx, job.rows).await?;
///     Ok(tx.commit().await?)
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # if backstay::testing::is_skipped() { return Ok(()) }
/// # let connect = || async { Ok::<_, std::io::Error>(String::new()) };
/// let worker = Worker::new(connect).queue(Queue::new("default")).handle(import).build();
/// let t = TestQueue::start(worker).await?;
/// enqueue(t.sqlx(), Import { rows: 3 }).await?;
/// assert_eq!(t.run_one().await.completed, 1);
/// t.expect_enqueued::<Digest>(|digest| digest.rows == 3).await;
/// # let _ = Worker::new(connect).handle(digest);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Ctx {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    info: Arc<JobInfo>,
    began: Instant,
    scratch: Arc<Path>,
    line: mpsc::Sender<Box<Say>>,
    is_told: AtomicBool,
    told: Notify,
    draining: watch::Receiver<bool>,
    told_at: Mutex<Option<Instant>>,
    completed: AtomicBool,
    enqueued: AtomicBool,
}

impl Ctx {
    /// Makes that of one attempt, and the supervisor's end of its line.
    pub(crate) fn new(
        info: Arc<JobInfo>,
        scratch: impl Into<Arc<Path>>,
        draining: watch::Receiver<bool>,
    ) -> (Ctx, mpsc::Receiver<Box<Say>>) {
        // Boxes, since the channel sets aside room for 32 of what it carries, and most attempts say nothing.
        let (line, says) = mpsc::channel(LINES);
        let inner = Inner {
            info,
            began: Instant::now(),
            scratch: scratch.into(),
            line,
            is_told: AtomicBool::new(false),
            told: Notify::new(),
            draining,
            told_at: Mutex::default(),
            completed: AtomicBool::new(false),
            enqueued: AtomicBool::new(false),
        };
        (Ctx { inner: Arc::new(inner) }, says)
    }

    /// Which job this is: id, kind, queue, attempt, counters, tags, meta, trace.
    ///
    /// ```
    /// use backstay::{Ctx, JobInfo};
    /// fn headers(ctx: &Ctx) -> Vec<(&'static str, String)> {
    ///     let JobInfo { id, kind, .. } = ctx.info();
    ///     vec![("idempotency-key", format!("{kind}-{id}"))]
    /// }
    /// # let _ = headers;
    /// ```
    pub fn info(&self) -> &JobInfo {
        &self.inner.info
    }

    /// The proof that this attempt holds the job; hand it to whatever must not be done twice.
    pub fn fence(&self) -> Fence {
        self.inner.info.fence()
    }

    /// When this attempt will be told to stop.
    pub fn deadline(&self) -> Instant {
        self.inner.began + Duration::from_millis(self.inner.info.timeout_ms)
    }

    /// Waits until this attempt is told to stop: cancelled, timed out, or the worker ends.
    ///
    /// # Cancellation
    ///
    /// The future may be dropped at any time.
    pub async fn cancelled(&self) {
        // Made first: it hears what is told between the look and the wait.
        let told = self.inner.told.notified();
        if !self.is_cancelled() {
            told.await;
        }
    }

    /// Tells this attempt to stop.
    pub(crate) fn stop(&self) {
        self.inner.is_told.store(true, Ordering::Release);
        self.inner.told.notify_waiters();
    }

    /// Whether this attempt was told to stop.
    pub fn is_cancelled(&self) -> bool {
        self.inner.is_told.load(Ordering::Acquire)
    }

    /// Whether the worker drains: save a checkpoint and return [`crate::Fail::interrupted`], or finish soon.
    pub fn is_draining(&self) -> bool {
        *self.inner.draining.borrow()
    }

    /// A folder of this attempt alone, removed after it.
    pub fn scratch(&self) -> &Path {
        &self.inner.scratch
    }

    /// Says how far the work is: 0 to 100, and a note of at most 200 characters. Never waits; written at most once in 2 s.
    pub fn progress(&self, percent: f32, note: impl Into<String>) {
        let mut told_at = self.inner.told_at.lock().expect("nobody panics while holding it");
        let is_soon = told_at.is_some_and(|at| at.elapsed() < PROGRESS_EVERY);
        if is_soon && percent < 100.0 {
            return;
        }
        let note = bounds::clip_chars(&note.into(), bounds::NOTE_CHARS);
        // A line that is full of other things is no reason to wait: the next progress says more.
        if self.inner.line.try_send(Box::new(Say::Progress { percent, note: Some(note) })).is_ok() {
            *told_at = Some(Instant::now());
        }
    }

    /// Writes a line into the job's log. Never waits.
    pub fn log(&self, level: Level, text: impl Into<String>) {
        let line = Say::Log { level: level.as_str(), message: text.into() };
        if self.inner.line.try_send(Box::new(line)).is_err() {
            tracing::debug!(target: "backstay", "a log line of a job was dropped: its supervisor is behind");
        }
    }

    /// Keeps what the next attempt begins with (at most 64 KiB of JSON), and waits until it is stored.
    ///
    /// # Errors
    ///
    /// BS202 when it is too large, BS201 when this attempt no longer holds the job.
    pub async fn checkpoint<T: Serialize>(&self, value: &T) -> Result<(), Denied> {
        let value = serde_json::value::to_raw_value(value)
            .map_err(|error| Denied::new("BS202", error.to_string()))?;
        if value.get().len() > bounds::CHECKPOINT_BYTES {
            let message =
                format!("a checkpoint of {} bytes is too large: at most 64 KiB", value.get().len());
            return Err(Denied::new("BS202", message));
        }
        let (answer, answered) = oneshot::channel();
        self.inner
            .line
            .send(Box::new(Say::Checkpoint { value, answer }))
            .await
            .map_err(|_| Denied::unheard())?;
        answered.await.map_err(|_| Denied::unheard())?
    }

    /// What an earlier attempt kept, where it can be read as a `T`.
    pub fn restored<T: DeserializeOwned>(&self) -> Option<T> {
        self.inner.info.checkpoint.as_ref().and_then(|raw| serde_json::from_str(raw.get()).ok())
    }

    /// Asks for a job that comes into being with the completion of this one, or not at all.
    ///
    /// # Errors
    ///
    /// BS1xx when the job is refused, BS201 when this attempt no longer holds its own.
    pub async fn enqueue(&self, job: impl Into<Request>) -> Result<(), Denied> {
        if self.has_completed() {
            let message = "the job is completed; enqueue in the transaction that completes it";
            return Err(Denied::new("BS102", message));
        }
        self.inner.enqueued.store(true, Ordering::Relaxed);
        let job: Request = job.into();
        let no = |error: RequestError| {
            let error = EnqueueError::from(error);
            Denied::new(error.code(), error.to_string())
        };
        let line = serde_json::json!([{ "kind": job.kind(), "args": job.raw_args().map_err(no)?, "options": job.options().map_err(no)? }]);
        let jobs = RawValue::from_string(line.to_string()).expect("made of JSON a line ago");
        let (answer, answered) = oneshot::channel();
        self.inner
            .line
            .send(Box::new(Say::Enqueue { jobs, answer }))
            .await
            .map_err(|_| Denied::unheard())?;
        answered.await.map_err(|_| Denied::unheard())?
    }

    /// Makes sure, in your own transaction, that this attempt holds the job until that transaction ends.
    ///
    /// # Errors
    ///
    /// BS201 when another attempt may be running: roll back.
    pub async fn assert_lease(&self, db: impl Caller) -> Result<(), AttemptError> {
        complete::assert_lease(db, &self.fence()).await
    }

    /// Completes the job in your own transaction, so that its effects and its completion commit together.
    ///
    /// # Errors
    ///
    /// BS201 when this attempt no longer holds the job: roll back. BS102 after [`Ctx::enqueue`], whose jobs would be
    /// lost: call [`crate::enqueue`] in the same transaction.
    pub async fn complete<T: Serialize>(
        &self,
        db: impl Caller,
        output: T,
    ) -> Result<(), AttemptError> {
        if self.inner.enqueued.load(Ordering::Relaxed) {
            let message = "jobs of `ctx.enqueue` come with the worker's own completion";
            let refusal = Refusal::new("BS102", message)
                .hint(Some("call `enqueue` in the transaction that completes the job"));
            return Err(AttemptError::BadOption(refusal));
        }
        complete::complete(db, &self.fence(), &output).await?;
        self.inner.completed.store(true, Ordering::Relaxed);
        Ok(())
    }

    pub(crate) fn has_completed(&self) -> bool {
        self.inner.completed.load(Ordering::Relaxed)
    }
}
