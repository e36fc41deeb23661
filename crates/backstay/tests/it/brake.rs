//! A database in trouble, and memory that is short: a worker claims less, finishes what it has, and goes on as ever when that is over.

use std::sync::Arc;
use std::time::Duration;

use backstay::inspect::{self, BrakeStatus};
use backstay::model::brake::BrakeMarks;
use backstay::{Fail, JobState, Options};
use tokio::sync::Notify;

use crate::act::{Act, Live, until};
use crate::database::connect;

#[tokio::test]
async fn a_worker_that_waits_for_locks_claims_less_and_still_writes_its_verdicts() {
    let gate = Arc::new(Notify::new());
    let behind = gate.clone();
    let handler = move |_: Act| {
        let behind = behind.clone();
        async move {
            behind.notified().await;
            Ok::<_, Fail>(())
        }
    };
    let brake_marks = BrakeMarks {
        claim: Duration::from_secs(5),
        timeouts: 1,
        window: Duration::from_millis(500),
        calm: Duration::from_millis(100),
        slowest: Duration::from_millis(400),
        told_after: Duration::ZERO,
        ..BrakeMarks::normal()
    };
    let live = Live::start(2, handler, |settings| {
        settings.worker.poll = Duration::from_millis(100);
        settings.worker.brake_marks = brake_marks;
    });
    let Some(live) = live.await else { return };
    let running = live.add(1, Options::new()).await;
    until("it runs", async || live.shown(running).await.state == JobState::Running).await;

    // Whoever wants the line waits, and gives up after half a second.
    let other = connect(&live.place.url).await;
    other.batch_execute("begin; lock table backstay.ready").await.unwrap();
    until("the brake is on", async || !brakes(&live).await.is_empty()).await;
    let brake = brakes(&live).await.remove(0);
    assert_eq!(brake.what, "database");
    assert!(brake.reason.contains("ran out of time"), "{}", brake.reason);
    gate.notify_one();
    let done = "select count(*) from backstay.history where state = 'completed'";
    let is_done = async || other.query_one(done, &[]).await.unwrap().get::<_, i64>(0) == 1;
    until("the verdict is written, though the line is still locked", is_done).await;
    other.batch_execute("rollback").await.unwrap();
    until("the brake is off", async || brakes(&live).await.is_empty()).await;
    let next = live.add(2, Options::new()).await;
    gate.notify_one();
    until("it goes on", async || live.shown(next).await.state == JobState::Completed).await;
    let told = "select count(*), count(*) filter (where detail ? 'resolved')
                  from backstay.alert where rule = 'brake' and subject = 'database'";
    let told = other.query_one(told, &[]).await.unwrap();
    // Between two looks that fail it may have gone off and on again: so short are the times here.
    let (told, over): (i64, i64) = (told.get(0), told.get(1));
    assert!(over >= 1 && told == 2 * over, "told {told}, over {over}");
    live.stop().await;
}

#[tokio::test]
async fn a_worker_whose_memory_is_nearly_used_up_claims_nothing_until_there_is_room() {
    let root = std::env::temp_dir().join(format!("backstay-brake-{}", std::process::id()));
    let group = root.join("sys/fs/cgroup/app");
    std::fs::create_dir_all(root.join("proc/self")).unwrap();
    std::fs::create_dir_all(&group).unwrap();
    let write = |file: &str, text: &str| std::fs::write(group.join(file), text).unwrap();
    std::fs::write(root.join("proc/self/cgroup"), "0::/app\n").unwrap();
    write("memory.max", "1000\n");
    write("memory.current", "940\n");
    write("memory.stat", "inactive_file 20\n");
    let live = Live::start(
        2,
        async |_: Act| Ok::<_, Fail>(()),
        |settings| {
            settings.worker.poll = Duration::from_millis(100);
            settings.worker.memory_look.root.clone_from(&root);
            settings.worker.memory_look.every = Duration::from_millis(20);
        },
    );
    let Some(live) = live.await else { return };
    until("the brake is on", async || !brakes(&live).await.is_empty()).await;
    let brake = brakes(&live).await.remove(0);
    assert_eq!(
        (brake.what.as_str(), brake.reason.as_str()),
        ("memory", "92 % of the limit is in use")
    );
    let id = live.add(1, Options::new()).await;
    // Room for three looks and a beat, in which it would have been claimed.
    let beat =
        async || inspect::workers(&live.database, false).await.unwrap().pop().unwrap().beat_at;
    let before = beat().await;
    until("it beats", async || beat().await > before).await;
    assert_eq!(live.shown(id).await.state, JobState::Ready);
    write("memory.stat", "inactive_file 500\n");
    until("it is done", async || live.shown(id).await.state == JobState::Completed).await;
    until("the brake is off", async || brakes(&live).await.is_empty()).await;
    live.stop().await;
    std::fs::remove_dir_all(&root).unwrap();
}

async fn brakes(live: &Live) -> Vec<BrakeStatus> {
    let mut workers = inspect::workers(&live.database, false).await.unwrap();
    workers.pop().map(|worker| worker.admission.brakes).unwrap_or_default()
}
