//! Queues and kinds that are held back on purpose.

use backstay::testing::Drained;
use backstay::unit::mins;
use backstay::{Fail, JobState, Options};

use crate::act::{Act, add, queue, shown};

const ONE: Drained =
    Drained { completed: 1, cancelled: 0, dead: 0, retried: 0, snoozed: 0, released: 0 };

#[tokio::test]
async fn nothing_of_a_paused_queue_starts_until_it_is_resumed() {
    let Some(t) = queue(1, async |_: Act| Ok::<_, Fail>(())).await else { return };
    t.client().batch_execute("select backstay.pause('queue', 'default')").await.unwrap();
    let id = add(&t, 1, Options::new()).await;
    assert_eq!(t.drain().await, Drained::default());
    assert_eq!(shown(&t, id).await.state, JobState::Ready, "it keeps its place in line");
    t.client().batch_execute("select backstay.resume('queue', 'default')").await.unwrap();
    assert_eq!(t.drain().await, ONE);
}

#[tokio::test]
async fn jobs_of_a_paused_kind_stand_aside_and_come_back() {
    let Some(t) = queue(1, async |_: Act| Ok::<_, Fail>(())).await else { return };
    let before = add(&t, 1, Options::new()).await;
    let later = add(&t, 3, Options::new().run_in(mins(1))).await;
    t.client().batch_execute("select backstay.pause('kind', 'act')").await.unwrap();
    let after = add(&t, 2, Options::new()).await;
    t.advance(mins(2)).await;
    assert_eq!(t.drain().await, Drained::default());
    assert_eq!(shown(&t, after).await.state, JobState::Parked);
    assert_eq!(shown(&t, later).await.state, JobState::Parked, "though its time has come");
    assert_ne!(shown(&t, before).await.state, JobState::Completed);
    t.client().batch_execute("select backstay.resume('kind', 'act')").await.unwrap();
    assert_eq!(t.drain().await.completed, 3);
}

#[tokio::test]
async fn a_pause_with_an_end_ends() {
    let Some(t) = queue(1, async |_: Act| Ok::<_, Fail>(())).await else { return };
    let pause = "select backstay.pause('queue', 'default', '{\"for_in\": \"10m\"}')";
    t.client().batch_execute(pause).await.unwrap();
    add(&t, 1, Options::new()).await;
    assert_eq!(t.drain().await, Drained::default());
    t.advance(mins(11)).await;
    assert_eq!(t.drain().await, ONE);
}
