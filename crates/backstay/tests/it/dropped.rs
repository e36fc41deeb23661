//! Calls that are given up at any of their awaits: what they asked for is done whole or not at all, and whoever comes
//! next on the same handle, pool or transaction is served.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use backstay::operate::{self, Pause, Revive, Scope};
use backstay::{Caller, Database, Fail, Fence, Request, complete, enqueue, show};
use backstay_postgres::template::TestDatabase;
use serde_json::json;
use tokio_postgres::Client;

use crate::act::{self, Live, until};
use crate::database::{claim, connect, fresh};
use crate::machine::{CLOCK, FREEZE, NAMES, STATE};
use crate::weave::CLEAR;

/// Far above the awaits of any call.
const POLLS: usize = 200;

/// Polls so often, drops it where it would be polled once more, and gives its answer if it came to one by then.
async fn polled<T>(future: impl Future<Output = T>, mut times: usize) -> Option<T> {
    let mut future = pin!(future);
    poll_fn(|cx| {
        if times == 0 {
            return Poll::Ready(None);
        }
        times -= 1;
        future.as_mut().poll(cx).map(Some)
    })
    .await
}

/// Where a job stands before a call.
#[derive(Debug, Clone, Copy)]
enum Scene {
    Empty,
    Ready,
    Running,
    Dead,
}

impl Scene {
    fn sql(self) -> &'static str {
        match self {
            Scene::Empty => "",
            Scene::Ready | Scene::Running => "select backstay.enqueue('a', '{\"v\": 0}', '{}')",
            Scene::Dead => {
                "select backstay.enqueue('a', '{\"v\": 0}', '{}'); select backstay.bury(1)"
            }
        }
    }
}

/// A database whose clock stands, and somebody who looks on.
struct Stage {
    client: Client,
    place: TestDatabase,
}

impl Stage {
    async fn new() -> Option<Stage> {
        let place = fresh()?;
        let client = connect(&place.url).await;
        for sql in [CLOCK, FREEZE, NAMES, CLEAR, "create table public.ledger (n int)"] {
            client.batch_execute(sql).await.unwrap();
        }
        Some(Stage { client, place })
    }

    /// Makes the scene anew; the fence of the job that runs in it.
    async fn set(&self, scene: Scene) -> Fence {
        let sql = format!("select pg_temp.clear(); truncate public.ledger; {}", scene.sql());
        self.client.batch_execute(&sql).await.unwrap();
        match scene {
            Scene::Running => {
                let fence = claim(&self.client, "default", "a").await;
                // The same each time, so that states can be compared.
                let take =
                    "update backstay.running set worker = '00000000-0000-0000-0000-000000000001'";
                self.client.batch_execute(take).await.unwrap();
                Fence { worker: uuid::Uuid::from_u128(1), ..fence }
            }
            _ => Fence { job: 1, attempt: 1, worker: uuid::Uuid::nil() },
        }
    }

    /// All that calls change, once everybody else has left: a session that was given up first does what it was sent.
    async fn state(&self) -> Vec<String> {
        let others = "select count(*) from pg_stat_activity where datname = current_database() \
                      and pid <> pg_backend_pid() and backend_type = 'client backend'";
        until("everybody else has left", async || self.number(others).await == 0).await;
        self.client.query_one(STATE, &[]).await.unwrap().get("lines")
    }

    async fn number(&self, sql: &str) -> i64 {
        self.client.query_one(sql, &[]).await.unwrap().get(0)
    }

    /// Gives a call up at each of its awaits, each time in a new scene and on a new handle, which then serves another.
    async fn give_up<H>(
        &self,
        (name, scene): (&str, Scene),
        open: impl AsyncFn() -> H,
        call: impl AsyncFn(&H, Fence),
        next: impl AsyncFn(&H),
    ) {
        let fence = self.set(scene).await;
        let before = self.state().await;
        call(&open().await, fence).await;
        let after = self.state().await;
        assert_ne!(before, after, "{name} does something");
        for times in 0..POLLS {
            let fence = self.set(scene).await;
            let handle = open().await;
            let answer = polled(call(&handle, fence), times).await;
            next(&handle).await;
            drop(handle);
            let found = self.state().await;
            assert!(found == after || found == before, "{name} after {times} polls: {found:#?}");
            if answer.is_some() {
                assert_eq!(found, after, "{name} has answered");
                assert!(times > 1, "{name} waits for a server");
                return;
            }
        }
        panic!("{name} does not come to an end");
    }
}

/// What applications call, over whatever carries it.
#[derive(Debug, Clone, Copy)]
enum Verb {
    Enqueue,
    Complete,
}

impl Verb {
    const ALL: [(Verb, Scene); 2] =
        [(Verb::Enqueue, Scene::Empty), (Verb::Complete, Scene::Running)];

    async fn call(self, db: impl Caller, fence: Fence) {
        match self {
            Verb::Enqueue => drop(enqueue(db, Request::new("a", json!({ "v": 0 }))).await.unwrap()),
            Verb::Complete => complete(db, &fence, &7).await.unwrap(),
        }
    }
}

/// The next call on the same handle, which must be answered.
async fn look(db: impl Caller) {
    assert!(show(db, 999).await.unwrap().is_none());
}

/// One connection: if it were lost or stuck, nobody would be served.
async fn older(url: &str) -> sqlx_0_8::PgPool {
    sqlx_0_8::postgres::PgPoolOptions::new().max_connections(1).connect(url).await.unwrap()
}

async fn newer(url: &str) -> sqlx_0_9::PgPool {
    sqlx_0_9::postgres::PgPoolOptions::new().max_connections(1).connect(url).await.unwrap()
}

#[tokio::test]
async fn a_call_that_is_given_up_is_done_whole_or_not_at_all_over_every_driver() {
    let Some(stage) = Stage::new().await else { return };
    let url = &stage.place.url;
    for (verb, scene) in Verb::ALL {
        let name = format!("{verb:?} over our own handle");
        let open = async || Database::connect(url).await.unwrap();
        let call = async |db: &Database, fence| verb.call(db, fence).await;
        stage.give_up((&name, scene), open, call, async |db| look(db).await).await;
    }
    let (verb, scene) = (Verb::Enqueue, Scene::Empty);
    let (open, call) =
        (async || connect(url).await, async |db: &Client, it| verb.call(db, it).await);
    stage.give_up(("over a client", scene), open, call, async |db| look(db).await).await;
    let (open, call) =
        (async || older(url).await, async |db: &sqlx_0_8::PgPool, it| verb.call(db, it).await);
    stage.give_up(("over sqlx 0.8", scene), open, call, async |db| look(db).await).await;
    let (open, call) =
        (async || newer(url).await, async |db: &sqlx_0_9::PgPool, it| verb.call(db, it).await);
    stage.give_up(("over sqlx 0.9", scene), open, call, async |db| look(db).await).await;
}

/// What operators call.
#[derive(Debug, Clone, Copy)]
enum Act {
    Bury,
    Revive,
    Pause,
}

impl Act {
    const ALL: [(Act, Scene); 3] =
        [(Act::Bury, Scene::Ready), (Act::Revive, Scene::Dead), (Act::Pause, Scene::Ready)];

    async fn call(self, db: &Database) {
        let (why, kind) = ("a reason", Scope::Kind);
        let done = match self {
            Act::Bury => operate::bury(db, &[1], why).await,
            Act::Revive => operate::revive(db, &[1], &Revive::default(), why).await,
            Act::Pause => operate::pause(db, kind, "a", Pause::default(), why).await,
        };
        done.unwrap();
    }
}

#[tokio::test]
async fn an_operators_call_that_is_given_up_is_done_whole_or_not_at_all() {
    let Some(stage) = Stage::new().await else { return };
    let open = async || Database::connect(&stage.place.url).await.unwrap();
    for (act, scene) in Act::ALL {
        let call = async |db: &Database, _| act.call(db).await;
        stage.give_up((&format!("{act:?}"), scene), open, call, async |db| look(db).await).await;
    }
}

const LEDGER: &str = "insert into public.ledger values (1)";

impl Stage {
    /// Gives up an enqueue at each of its awaits, between a row of the caller's own and the commit. `work` does that with so
    /// many polls, and tells whether the enqueue has answered and whether the commit has.
    async fn give_up_inside(&self, name: &str, work: impl AsyncFn(usize) -> (bool, bool)) {
        self.set(Scene::Empty).await;
        let before = self.state().await;
        assert_eq!(work(POLLS).await, (true, true), "{name}");
        let after = self.state().await;
        for times in 0..POLLS {
            self.set(Scene::Empty).await;
            let (has_answered, is_committed) = work(times).await;
            let found = self.state().await;
            let rows = self.number("select count(*) from public.ledger").await;
            let what = format!("{name} after {times} polls: {rows} rows, {found:#?}");
            assert_eq!(rows == 1, is_committed, "{what}");
            assert!(found == before || found == after && is_committed, "{what}");
            if has_answered {
                assert!(is_committed && found == after, "{what}");
                return;
            }
        }
        panic!("{name} does not come to an end");
    }
}

#[tokio::test]
async fn an_enqueue_that_is_given_up_inside_a_transaction_breaks_nothing_of_it() {
    let Some(stage) = Stage::new().await else { return };
    let url = &stage.place.url;
    let nobody = Fence { job: 0, attempt: 0, worker: uuid::Uuid::nil() };
    let over_client = async |times| {
        let mut client = connect(url).await;
        let tx = client.transaction().await.unwrap();
        tx.batch_execute(LEDGER).await.unwrap();
        let answer = polled(Verb::Enqueue.call(&tx, nobody), times).await;
        (answer.is_some(), tx.commit().await.is_ok())
    };
    stage.give_up_inside("a client", over_client).await;
    let over_older = async |times| {
        let mut tx = older(url).await.begin().await.unwrap();
        sqlx_0_8::query(LEDGER).execute(&mut *tx).await.unwrap();
        let answer = polled(Verb::Enqueue.call(&mut tx, nobody), times).await;
        (answer.is_some(), tx.commit().await.is_ok())
    };
    stage.give_up_inside("sqlx 0.8", over_older).await;
    let over_newer = async |times| {
        let mut tx = newer(url).await.begin().await.unwrap();
        sqlx_0_9::query(LEDGER).execute(&mut *tx).await.unwrap();
        let answer = polled(Verb::Enqueue.call(&mut tx, nobody), times).await;
        (answer.is_some(), tx.commit().await.is_ok())
    };
    stage.give_up_inside("sqlx 0.9", over_newer).await;
}

#[tokio::test]
async fn a_wait_for_the_end_of_a_worker_may_be_given_up_taken_up_and_repeated() {
    let handler = async |_: act::Act| Ok::<_, Fail>(());
    let Some(Live { mut running, place, .. }) = Live::start(1, handler, |_| ()).await else {
        return;
    };
    let gave_up = tokio::time::timeout(Duration::from_millis(1), running.join()).await;
    assert!(gave_up.is_err(), "it runs");
    running.quit().await;
    running.join().await;
    running.join().await;
    drop(place);
}
