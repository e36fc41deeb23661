//! How long completed and cancelled jobs are kept.

use backstay::Fail;
use backstay::config::{Origin, Settings, Value};
use serde_json::json;

use crate::act::{Act, Live};
use crate::database::connect;

/// The statement of the duty that prunes, and the one that drops whole days.
const PRUNE: &str = include_str!("../../sql/duty/prune_history.sql");
const PARTITIONS: &str = include_str!("../../sql/duty/partitions.sql");

const DAY: i64 = 86_400_000;

/// Ended jobs by kind, state and age in days.
const ENDED: [(&str, &str, i32); 8] = [
    ("long", "completed", 29),
    ("long", "completed", 31),
    ("long", "cancelled", 3),
    ("long", "cancelled", 5),
    ("short", "completed", 0),
    ("short", "completed", 1),
    ("other", "completed", 6),
    ("other", "completed", 8),
];

#[tokio::test]
async fn a_kind_keeps_its_completed_jobs_for_longer_or_shorter_than_the_rest() {
    let kinds = json!({ "kinds": { "long": { "keep": "30d" }, "short": { "keep": "12h" } } });
    let declared = Settings::from_value(&Value::from_json(&kinds, &Origin::Contract)).unwrap();
    let handler = async |_: Act| Ok::<_, Fail>(());
    let live = Live::start(1, handler, |settings| settings.kinds = declared.kinds).await;
    let Some(mut live) = live else { return };
    // What it declared stays; its own duty would take a part of what is counted here.
    live.running.quit().await;
    live.running.join().await;
    let client = connect(&live.place.url).await;
    for (kind, state, days) in ENDED {
        let add = "insert into backstay.history (job_id, enqueued_at, finished_at, attempt, retry_count, crash_count,
                lost_count, snooze_count, interrupt_count, revived_count, max_retries, priority, state, queue, kind, enqueued_by)
            values (nextval('backstay.entry_seq'), now(), now() - $1::int4 * interval '1 d', 1, 0, 0, 0, 0, 0, 0, 10, 5, $2, 'q', $3, 'me')";
        client.execute(add, &[&days, &state, &kind]).await.unwrap();
    }

    let (completed, cancelled) = (7 * DAY, 4 * DAY);
    let gone = client.query_one(PRUNE, &[&1000_i32, &completed, &cancelled]).await.unwrap();
    assert_eq!(gone.get::<_, i64>(0), 4);
    let left = "select kind || ' ' || state || ' ' || round(extract(epoch from now() - finished_at) / 86400)
        from backstay.history order by kind, state, finished_at desc";
    let left = async || {
        let rows = client.query(left, &[]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect::<Vec<String>>()
    };
    let kept = ["long cancelled 3", "long completed 29", "other completed 6", "short completed 0"];
    assert_eq!(left().await, kept);

    // Whole days go by the longest keep, so that the month-old one stays.
    client.query_one(PARTITIONS, &[&completed, &DAY, &DAY, &DAY]).await.unwrap();
    assert_eq!(left().await, kept);
}
