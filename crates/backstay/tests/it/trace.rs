//! What whoever traces attempts is told: each as it begins, and its end as it was written down.

use std::sync::{Arc, OnceLock};

use backstay::testing::{Drained, TestQueue, is_skipped};
use backstay::{AttemptEnd, Backoff, Ctx, Fail, Options, Queue, Traced, Worker};
use sqlx_0_9::PgPool;

use crate::act::{Act, Notes, add, until};

const CALLER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// A test queue with what was said of its attempts.
struct Seen {
    queue: TestQueue,
    /// What jobs brought along.
    began: Notes<Option<String>>,
    ended: Notes<AttemptEnd>,
    /// What handlers had.
    handled: Notes<Option<String>>,
}

/// A worker of which every attempt is traced, except of the job with number 0.
async fn seen() -> Option<Seen> {
    if is_skipped() {
        return None;
    }
    let (began, ended, handled) = (Notes::new(), Notes::new(), Notes::new());
    let pool = Arc::<OnceLock<PgPool>>::default();
    let worker = Worker::without_state()
        .queue(Queue::new("default").slots(1))
        .handle(handler(handled.clone(), pool.clone()));
    let (begins, ends) = (began.clone(), ended.clone());
    let worker = worker.trace(move |job, _| {
        begins.add(job.trace.clone());
        let ends = ends.clone();
        let end = Box::new(move |end: &AttemptEnd| ends.add(end.clone()));
        let is_traced = serde_json::from_str::<Act>(job.args.get()).unwrap().n != 0;
        is_traced.then(|| Traced { trace: format!("own-{}", job.attempt), end })
    });
    let queue = TestQueue::start(worker.build()).await.unwrap();
    pool.set(queue.sqlx().clone()).unwrap();
    Some(Seen { queue, began, ended, handled })
}

impl Seen {
    /// The one end that was told. That is done a moment after it was written down.
    async fn end(&self) -> AttemptEnd {
        until("the end is told", async || !self.ended.all().is_empty()).await;
        let [end] = &self.ended.all()[..] else { panic!("more than one: {:?}", self.ended.all()) };
        end.clone()
    }
}

type Handling = std::pin::Pin<Box<dyn Future<Output = Result<(), Fail>> + Send>>;

/// Number 2 fails; 3 says that it completed its job in a transaction of its own, which nobody commits.
fn handler(
    handled: Notes<Option<String>>,
    pool: Arc<OnceLock<PgPool>>,
) -> impl Fn(Act, Ctx) -> Handling + Clone + Send + Sync + 'static {
    move |job: Act, ctx: Ctx| {
        handled.add(ctx.info().trace.clone());
        let pool = pool.clone();
        Box::pin(async move {
            match job.n {
                2 => Err(Fail::dead("no such month").class("month")),
                3 => {
                    let mut tx = pool.get().unwrap().begin().await?;
                    Ok(ctx.complete(&mut tx, "booked").await?)
                }
                _ => Ok(()),
            }
        })
    }
}

#[tokio::test]
async fn a_handler_gets_the_trace_of_its_attempt_in_place_of_the_callers() {
    let Some(t) = seen().await else { return };
    add(&t.queue, 1, Options::new().trace(CALLER)).await;
    assert_eq!(t.queue.drain().await, Drained { completed: 1, ..Drained::default() });
    assert_eq!(t.began.all(), [Some(CALLER.to_owned())]);
    assert_eq!(t.handled.all(), [Some("own-1".to_owned())]);
    let end = t.end().await;
    assert_eq!((end.outcome, end.is_error, end.message), ("completed", false, None));
}

#[tokio::test]
async fn an_attempt_that_is_not_traced_has_the_trace_of_its_caller() {
    let Some(t) = seen().await else { return };
    add(&t.queue, 0, Options::new().trace(CALLER)).await;
    assert_eq!(t.queue.drain().await.completed, 1);
    assert_eq!((t.began.all().len(), t.ended.all().len()), (1, 0));
    assert_eq!(t.handled.all(), [Some(CALLER.to_owned())]);
}

#[tokio::test]
async fn a_failed_attempt_is_told_with_its_class_and_its_error() {
    let Some(t) = seen().await else { return };
    add(&t.queue, 2, Options::new()).await;
    assert_eq!(t.queue.drain().await.dead, 1);
    let end = t.end().await;
    assert_eq!((end.outcome, end.is_error), ("rejected", true));
    assert_eq!(end.error_class.as_deref(), Some("month"));
    assert_eq!(end.message.as_deref(), Some("no such month"));
}

#[tokio::test]
async fn a_completion_that_was_never_committed_is_told_as_the_failure_that_it_is() {
    let Some(t) = seen().await else { return };
    let later = Options::new().backoff(Backoff::Fixed(backstay::unit::mins(1)));
    add(&t.queue, 3, later).await;
    assert_eq!(t.queue.drain().await.retried, 1);
    let end = t.end().await;
    assert_eq!((end.outcome, end.error_class.as_deref()), ("failed", Some("not_committed")));
    assert!(end.message.as_deref().unwrap().starts_with("BS203"), "{end:?}");
}
