//! Which job is next: by priority, by age, by the order in which they came.

use backstay::unit::secs;
use backstay::{Fail, Job, Options, Priority};

use crate::act::{Act, Notes, add, queue};

fn urgent() -> Options {
    Options::new().priority(Priority::URGENT)
}

fn low() -> Options {
    Options::new().priority(Priority::LOW)
}

#[tokio::test]
async fn urgent_jobs_go_before_low_ones_and_each_level_in_its_order() {
    let notes = Notes::new();
    let wrote = notes.clone();
    let handler = move |job: Act| {
        wrote.add(job.n);
        async move { Ok::<_, Fail>(()) }
    };
    let Some(t) = queue(1, handler).await else { return };
    for n in 100..130 {
        add(&t, n, low()).await;
    }
    for n in 0..30 {
        add(&t, n, urgent()).await;
    }
    assert_eq!(t.drain().await.completed, 60);
    assert_eq!(notes.all(), (0..30).chain(100..130).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_urgent_job_that_comes_under_load_takes_the_next_free_slot() {
    let notes = Notes::new();
    let wrote = notes.clone();
    let handler = move |job: Act, ctx: backstay::Ctx| {
        let wrote = wrote.clone();
        async move {
            wrote.add(job.n);
            if job.n == 3 {
                ctx.enqueue(Act { n: 0 }.with(urgent())).await?;
            }
            Ok::<_, Fail>(())
        }
    };
    let Some(t) = queue(1, handler).await else { return };
    for n in 1..40 {
        add(&t, n, low()).await;
    }
    assert_eq!(t.drain().await.completed, 40);
    let at = notes.all().iter().position(|n| *n == 0).unwrap();
    assert!(at <= 4, "it was started at place {at}");
}

#[tokio::test]
async fn low_jobs_that_have_waited_get_their_tenth_under_urgent_load() {
    let notes = Notes::new();
    let wrote = notes.clone();
    let handler = move |job: Act| {
        wrote.add(job.n);
        async move { Ok::<_, Fail>(()) }
    };
    let Some(t) = queue(1, handler).await else { return };
    for n in 1000..1010 {
        add(&t, n, low()).await;
    }
    t.advance(secs(61)).await;
    for n in 0..150 {
        add(&t, n, urgent()).await;
    }
    assert_eq!(t.drain().await.completed, 160);
    let places: Vec<usize> =
        notes.all().iter().enumerate().filter(|(_, n)| **n >= 1000).map(|(at, _)| at).collect();
    assert!(places[0] <= 10 && places[9] <= 100, "low ones ran at {places:?}");
    assert!(places[9] >= 80, "age took more than its share: {places:?}");
}
