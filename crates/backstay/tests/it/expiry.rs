//! Jobs that are of no use after a certain time.

use backstay::testing::Drained;
use backstay::unit::mins;
use backstay::{Backoff, Fail, JobState, Options};

use crate::act::{Act, Notes, add, queue, shown};

#[tokio::test]
async fn a_job_whose_time_is_over_is_cancelled_and_never_starts() {
    let notes = Notes::new();
    let wrote = notes.clone();
    let handler = move |job: Act| {
        wrote.add(job.n);
        async { Ok::<_, Fail>(()) }
    };
    let Some(t) = queue(1, handler).await else { return };
    let soon = || Options::new().expires_in(mins(1));
    let ids = [add(&t, 1, soon()).await, add(&t, 2, soon().run_in(mins(5))).await];
    add(&t, 3, Options::new().expires_in(mins(10))).await;
    t.advance(mins(6)).await;
    assert_eq!(t.drain().await, Drained { completed: 1, cancelled: 2, ..Drained::default() });
    assert_eq!(notes.all(), [3]);
    for id in ids {
        let job = shown(&t, id).await;
        assert_eq!((job.state, job.reason.as_deref()), (JobState::Cancelled, Some("expired")));
    }
}

#[tokio::test]
async fn retries_end_with_the_jobs_time() {
    let Some(t) = queue(1, async |_: Act| Err::<(), _>(Fail::from("no"))).await else { return };
    let options = Options::new().expires_in(mins(3)).backoff(Backoff::Fixed(mins(2)));
    let id = add(&t, 1, options).await;
    assert_eq!(t.drain().await.retried, 1);
    t.advance(mins(2)).await;
    assert_eq!(t.drain().await.retried, 1);
    t.advance(mins(2)).await;
    assert_eq!(t.drain().await, Drained { cancelled: 1, ..Drained::default() });
    assert_eq!(shown(&t, id).await.attempt, 2);
}
