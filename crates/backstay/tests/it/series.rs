//! Figures over time: what workers count, how it is kept, and what is made of it.

use backstay::inspect::{Series, SeriesName, SeriesRange, series};
use backstay::{Database, Fail, Options, Request, enqueue};
use serde_json::json;
use uuid::Uuid;

use crate::act::{Act, Live, until};
use crate::database::{connect, fresh};

const WRITE: &str = include_str!("../../sql/duty/write_figures.sql");
const FOLD: &str = include_str!("../../sql/duty/fold_figures.sql");
const PRUNE: &str = include_str!("../../sql/duty/prune_figures.sql");
const DAY: i64 = 86_400_000;

/// The sum of each line over all points.
fn sums(series: &Series) -> Vec<f64> {
    let lines = 0..series.lines.len();
    let of = |line: usize| series.points.iter().filter_map(|point| point.values[line]).sum();
    lines.map(of).collect()
}

async fn all(database: &Database, name: SeriesName, range: SeriesRange) -> Series {
    series(database, name, range, None, None).await.unwrap()
}

#[tokio::test]
async fn what_a_worker_did_is_shown_when_it_has_ended_its_last_job() {
    let handler = async |act: Act| match act.n {
        0..3 => Ok(()),
        _ => Err(Fail::dead("no such month")),
    };
    let Some(live) = Live::start(2, handler, |_| ()).await else { return };
    for n in 0..4 {
        enqueue(&live.database, Request::new("act", json!({ "n": n }))).await.unwrap();
    }
    let ended = "select count(*) from (select from backstay.history union all select from backstay.dead_letter) e";
    let client = connect(&live.place.url).await;
    until("all have ended", async || {
        client.query_one(ended, &[]).await.unwrap().get::<_, i64>(0) == 4
    })
    .await;
    live.running.drain().await;
    let Live { mut running, database, place: _place } = live;
    running.join().await;

    for range in SeriesRange::ALL {
        let throughput = all(&database, SeriesName::Throughput, range).await;
        assert_eq!(sums(&throughput), [4.0, 3.0, 0.0, 1.0], "{range:?}");
        assert_eq!(throughput.points.len(), usize::try_from(range.points()).unwrap());
    }
    let hour = SeriesRange::Hour;
    assert_eq!(sums(&all(&database, SeriesName::Failures, hour).await), [1.0, 1.0]);
    let rate = series(&database, SeriesName::SuccessRate, hour, Some("default"), Some("act"));
    let rate = rate.await.unwrap();
    let last = rate.points.iter().filter_map(|point| point.values[0]);
    assert!(last.clone().count() > 0 && last.clone().all(|percent| percent <= 100.0));
    let runs = all(&database, SeriesName::Runs, hour).await;
    assert_eq!(runs.spread.iter().map(|step| step.count).sum::<u64>(), 4);
    let waits = all(&database, SeriesName::Waits, hour).await;
    assert_eq!(waits.spread.iter().map(|step| step.count).sum::<u64>(), 4);
    let other = series(&database, SeriesName::Throughput, hour, None, Some("other")).await.unwrap();
    assert_eq!(sums(&other), [0.0; 4]);
}

/// A line of a minute so many minutes ago, as a worker sends it.
fn line(now: i64, ago: i64, started: i64) -> String {
    json!([{ "minute": now / 60 - ago, "queue": "q", "kind": "k", "started": started, "completed": started,
             "cancelled": 0, "dead": 0, "failed": 1, "lost": 0, "snoozed": 0, "wait_ms": 5, "run_ms": 9, "cpu_ms": 1,
             "waits": [0, started], "runs": [started, 0, 1], "peaks": [] }])
    .to_string()
}

#[tokio::test]
async fn a_minute_that_is_written_twice_counts_once_and_is_added_to_that_of_other_workers() {
    let Some(db) = fresh() else { return };
    let client = connect(&db.url).await;
    let database = Database::connect(&db.url).await.unwrap();
    let now = "select extract(epoch from statement_timestamp())::bigint";
    let now: i64 = client.query_one(now, &[]).await.unwrap().get(0);
    let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
    for (worker, started) in [(one, 3), (one, 5), (one, 5), (other, 2)] {
        client.execute(WRITE, &[&worker, &line(now, 1, started)]).await.unwrap();
    }
    // What may have been folded is not written any more.
    client.execute(WRITE, &[&one, &line(now, 6, 100)]).await.unwrap();
    let seen = async || sums(&all(&database, SeriesName::Throughput, SeriesRange::Day).await);
    assert_eq!(seen().await, [7.0, 7.0, 0.0, 0.0]);

    let fold = async || client.query_one(FOLD, &[&1000_i32]).await.unwrap().get::<_, i64>(0);
    assert_eq!(fold().await, 0, "the minute is not over for long enough");
    let older = "update backstay.figure set at = at - interval '10 minutes' where step = 0";
    client.execute(older, &[]).await.unwrap();
    assert_eq!((fold().await, fold().await), (2, 0));
    assert_eq!(seen().await, [7.0, 7.0, 0.0, 0.0]);
    for range in SeriesRange::ALL {
        assert_eq!(sums(&all(&database, SeriesName::Failures, range).await), [2.0, 0.0]);
        let runs = all(&database, SeriesName::Runs, range).await;
        let counts: Vec<u64> = runs.spread.iter().map(|step| step.count).collect();
        assert_eq!(counts, [7, 0, 2], "{range:?}");
    }
    // A later minute of the same hour is added to its lines.
    client.execute(WRITE, &[&one, &line(now, 1, 1)]).await.unwrap();
    client.execute(older, &[]).await.unwrap();
    assert_eq!(fold().await, 1);
    for range in SeriesRange::ALL {
        let runs = all(&database, SeriesName::Runs, range).await;
        let counts: Vec<u64> = runs.spread.iter().map(|step| step.count).collect();
        assert_eq!(counts, [8, 0, 3], "{range:?}");
    }
}

#[tokio::test]
async fn lines_are_forgotten_after_their_keep_the_finer_ones_first() {
    let Some(db) = fresh() else { return };
    let client = connect(&db.url).await;
    client
        .batch_execute(
            "insert into backstay.figure
             select s, date_bin(s * interval '1 minute', now() - a * interval '1 hour', '2000-01-01'), 'q', 'k', gen_random_uuid(), 1, 1, 0, 0, 0, 0,
                    0, 0, 0, 0, '{}', '{}', '{}'
               from unnest(array[1, 5, 60]) s, unnest(array[2, 24, 100, 1000]) a",
        )
        .await
        .unwrap();
    let keep = 35 * DAY;
    let gone = client.query_one(PRUNE, &[&1000_i32, &keep]).await.unwrap().get::<_, i64>(0);
    assert_eq!(gone, 3 + 2 + 1);
    let gone = client.query_one(PRUNE, &[&1000_i32, &DAY]).await.unwrap().get::<_, i64>(0);
    assert_eq!(gone, 2, "by hour the last two are kept");
}

#[tokio::test]
async fn what_stands_where_is_counted_by_queue() {
    let handler = async |_: Act| Ok::<_, Fail>(());
    let Some(db) = fresh() else { return };
    let database = Database::connect(&db.url).await.unwrap();
    for n in 0..3 {
        let options = Options::new().queue("nobody");
        let options = if n == 0 { options.run_in(backstay::unit::hours(1)) } else { options };
        enqueue(&database, Request::new("other", json!({})).with(options)).await.unwrap();
    }
    let live = Live::on(db, 1, handler, |_| ()).await;
    let depth = async |queue: Option<&'static str>| {
        let series = series(&database, SeriesName::Depth, SeriesRange::Hour, queue, None);
        series.await.unwrap().points.pop().unwrap().values
    };
    let expected = [2.0, 1.0, 0.0, 0.0, 0.0].map(Some);
    until("it is counted", async || depth(Some("nobody")).await == expected).await;
    assert_eq!(depth(Some("no such queue")).await, [None; 5]);
    let late = all(&database, SeriesName::Lateness, SeriesRange::Hour).await;
    let oldest = late.points.last().unwrap().values[0].unwrap();
    assert!((0.0..60.0).contains(&oldest), "{oldest}");
    live.stop().await;
}
