//! Jobs that are held for the next free slot, where jobs have been short: what a long one holds up goes back.

use backstay::{Ctx, Fail, Job, JobDocument, JobState, Options, cancel, enqueue_many};
use tokio::sync::watch;

use crate::act::{Act, Live, Notes, until};

/// The job that lasts until it is let go; all others are short.
const LONG: i64 = 0;
/// Where a busy machine makes short jobs long, nothing is held; so it is tried again.
const TRIES: usize = 20;

/// A worker of one slot with a long job in it, and what it holds beyond.
struct Scene {
    live: Live,
    ran: Notes<i64>,
    gate: watch::Sender<bool>,
    long: i64,
    short: Vec<i64>,
}

impl Scene {
    /// Runs short jobs until the worker is seen to hold some behind the long one: how soon depends on the machine.
    async fn set() -> Option<Scene> {
        let (ran, gate) = (Notes::new(), watch::Sender::new(false));
        let (wrote, opened) = (ran.clone(), gate.subscribe());
        let handler = move |job: Act, ctx: Ctx| {
            let (wrote, mut opened) = (wrote.clone(), opened.clone());
            async move {
                wrote.add(job.n);
                if job.n == LONG {
                    tokio::select! {
                        _ = opened.wait_for(|is_open| *is_open) => {}
                        () = ctx.cancelled() => {}
                    }
                }
                Ok::<_, Fail>(())
            }
        };
        let live = Live::start(1, handler, |_| ()).await?;
        let mut scene = Scene { live, ran, gate, long: 0, short: Vec::new() };
        for _ in 0..TRIES {
            let taught = scene.add(1..101).await;
            until("they are done", async || scene.is_in(&taught, JobState::Completed).await).await;
            let ids = scene.add(LONG..12).await;
            (scene.long, scene.short) = (ids[0], ids[1..].to_vec());
            let long = [scene.long];
            until("it runs", async || scene.is_in(&long, JobState::Running).await).await;
            let jobs = scene.jobs().await;
            if jobs.iter().any(|job| job.attempt == 1) {
                return Some(scene);
            }
            scene.gate.send_replace(true);
            until("all are done", async || scene.is_in(&ids, JobState::Completed).await).await;
            scene.gate.send_replace(false);
        }
        panic!("after {TRIES} hundred short jobs it still holds none beyond its slot")
    }

    /// Enqueues them in one transaction, so that they are claimed together.
    async fn add(&self, numbers: std::ops::Range<i64>) -> Vec<i64> {
        let jobs = numbers.map(|n| Act { n }.with(Options::new()));
        let enqueued = enqueue_many(&self.live.database, jobs).await.unwrap();
        enqueued.into_iter().map(|one| one.id).collect()
    }

    /// The short ones as they stand.
    async fn jobs(&self) -> Vec<JobDocument> {
        let mut jobs = Vec::new();
        for id in &self.short {
            jobs.push(self.live.shown(*id).await);
        }
        jobs
    }

    async fn is_in(&self, ids: &[i64], state: JobState) -> bool {
        for id in ids {
            if self.live.shown(*id).await.state != state {
                return false;
            }
        }
        true
    }

    /// Whether nothing of the short ones is held any more.
    async fn is_let_go(&self) -> bool {
        self.jobs().await.iter().all(|job| job.state != JobState::Running)
    }
}

#[tokio::test]
async fn what_is_held_behind_a_long_job_goes_back_at_nobodys_cost_and_runs_elsewhere() {
    let Some(scene) = Scene::set().await else { return };
    until("they went back", async || scene.is_let_go().await).await;
    for job in scene.jobs().await {
        assert_eq!(job.state, JobState::Ready);
        assert_eq!((job.retry_count, job.lost_count, job.interrupt_count), (0, 0, 0));
    }
    let started = scene.ran.all().iter().filter(|n| **n == LONG).count();
    assert_eq!(scene.ran.all().last(), Some(&LONG), "one slot, one job at a time");
    scene.gate.send_replace(true);
    let all = scene.short.clone();
    until("all are done", async || scene.is_in(&all, JobState::Completed).await).await;
    let again = scene.ran.all().iter().filter(|n| **n == LONG).count();
    assert_eq!(started, again, "what went back had not begun");
    scene.live.stop().await;
}

#[tokio::test]
async fn a_job_that_is_cancelled_while_it_is_held_never_begins() {
    let Some(scene) = Scene::set().await else { return };
    let last = *scene.short.last().unwrap();
    let before = scene.ran.all().len();
    cancel(&scene.live.database, last, "not wanted").await.unwrap();
    until("it is over", async || scene.is_in(&[last], JobState::Cancelled).await).await;
    scene.gate.send_replace(true);
    let others = scene.short[..scene.short.len() - 1].to_vec();
    until("the others are done", async || scene.is_in(&others, JobState::Completed).await).await;
    assert_eq!(scene.ran.all().len(), before + others.len());
    scene.live.stop().await;
}

#[tokio::test]
async fn a_worker_that_drains_gives_back_what_it_holds_before_its_slots_are_free() {
    let Some(mut scene) = Scene::set().await else { return };
    scene.live.running.drain().await;
    until("they went back", async || scene.is_let_go().await).await;
    assert_eq!(scene.live.shown(scene.long).await.state, JobState::Running);
    assert!(scene.is_in(&scene.short, JobState::Ready).await);
    scene.gate.send_replace(true);
    scene.live.running.join().await;
    assert_eq!(scene.live.shown(scene.long).await.state, JobState::Completed);
    assert!(scene.is_in(&scene.short, JobState::Ready).await);
}
