//! What a worker does while the limits of its jobs cannot be held: all behind the channel over which a launcher tells it.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio_postgres::NoTls;

use super::*;
use crate::admin::inspect;
use crate::call::cancel::show;
use crate::call::enqueue::enqueue;
use crate::model::config::Settings;
use crate::model::lease::Times;
use crate::model::request::Job;
use crate::model::state::State;
use crate::model::status::WorkerStatus;
use crate::model::why::Reason;
use crate::runtime::fail::Fail;
use crate::runtime::worker::build::Worker;
use crate::runtime::worker::queue::Queue;
use crate::store::database::Database;
use crate::testing::{is_skipped, place};

const WHY: &str = "no control group can be made: No such file or directory";

#[derive(Serialize, Deserialize)]
struct Small {}

impl Job for Small {
    const KIND: &'static str = "small";
}

async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let waited = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(10), waited).await;
    assert!(waited.is_ok(), "waited in vain: {what}");
}

async fn only_worker(database: &Database) -> WorkerStatus {
    inspect::workers(database, false).await.unwrap().pop().unwrap()
}

#[tokio::test]
async fn a_worker_whose_level_is_lost_claims_nothing_and_tells_people_until_it_is_back() {
    if is_skipped() {
        return;
    }
    let place = place::make().await;
    let database = Database::connect(&place.url).await.unwrap();
    let queue = Queue::new("default").inline();
    let worker = Worker::without_state().queue(queue).handle(async |_: Small| Ok::<_, Fail>(()));
    let mut settings = Settings::from_value(&worker.tree()).unwrap();
    settings.worker.times = Times::fast();
    let mut running = worker.start_with(&database, settings).await.unwrap();
    let (launcher, lost) = watch::channel(None);
    let watching = watch_all(Vec::new(), Some(lost), &running.signals);
    let tell = |why: Option<&str>| launcher.send_replace(why.map(str::to_owned));

    tell(Some(WHY));
    let is_told = async || only_worker(&database).await.admission.level_lost.is_some();
    until("the beat tells it", is_told).await;
    let id = enqueue(&database, Small {}).await.unwrap().id;
    let state = async || show(&database, id).await.unwrap().unwrap().state;
    // Room for a beat and the looks before it, in which it would have been claimed.
    let before = only_worker(&database).await.beat_at;
    until("it beats", async || only_worker(&database).await.beat_at > before).await;
    assert_eq!(state().await, State::Ready);
    let told = inspect::why(&database, id).await.unwrap();
    assert_eq!(told.reason, Reason::LevelLost);
    assert!(told.text.ends_with(WHY), "{}", told.text);

    tell(None);
    until("it is done", async || state().await == State::Completed).await;
    until("the beat tells that, too", async || !is_told().await).await;
    let (client, connection) = tokio_postgres::connect(&place.url, NoTls).await.unwrap();
    tokio::spawn(connection);
    let text = "select count(*), count(*) filter (where detail ? 'resolved')
                  from backstay.alert where rule = 'isolation' and subject = 'level'";
    let raised = client.query_one(text, &[]).await.unwrap();
    assert_eq!((raised.get::<_, i64>(0), raised.get::<_, i64>(1)), (2, 1), "raised and resolved");
    drop(watching);
    running.quit().await;
    running.join().await;
}
