//! What jobs printed, as the database keeps it: the wish to see it, who may, and for how long.

use backstay::inspect::{Stream, follow, output};
use backstay::{Database, JobState, Request, cancel, enqueue, show};
use serde_json::json;

use crate::database::{connect, fresh};

#[tokio::test]
async fn a_wish_holds_for_a_job_that_has_not_ended_and_for_half_a_minute() {
    let Some(db) = fresh() else { return };
    let database = Database::connect(&db.url).await.unwrap();
    let client = connect(&db.url).await;
    let id = enqueue(&database, Request::new("report", json!({}))).await.unwrap().id;
    assert!(follow(&database, id).await.unwrap());
    assert!(follow(&database, id).await.unwrap(), "two people look, or one goes on looking");
    let left = "select extract(epoch from until - clock_timestamp())::float8 from backstay.wish";
    let left: f64 = client.query_one(left, &[]).await.unwrap().get(0);
    assert!((25.0..=30.0).contains(&left), "{left}");

    cancel(&database, id, "").await.unwrap();
    assert_eq!(show(&database, id).await.unwrap().unwrap().state, JobState::Cancelled);
    assert!(!follow(&database, id).await.unwrap(), "it has ended");
    assert!(!follow(&database, 999).await.unwrap(), "there never was one");

    let other = enqueue(&database, Request::new("report", json!({}))).await.unwrap().id;
    client.batch_execute("update backstay.wish set until = now() - interval '1 s'").await.unwrap();
    follow(&database, other).await.unwrap();
    let wishes = client.query("select job_id from backstay.wish", &[]).await.unwrap();
    let wishes: Vec<i64> = wishes.iter().map(|row| row.get(0)).collect();
    assert_eq!(wishes, [other], "what has lapsed is swept by whoever looks next");
}

#[tokio::test]
async fn output_is_read_from_a_place_on_and_dropped_by_the_day() {
    let Some(db) = fresh() else { return };
    let database = Database::connect(&db.url).await.unwrap();
    let client = connect(&db.url).await;
    let part = "select backstay.make_partitions();
        insert into backstay.output_log values
          (7, now(), 1, 1, false, E'2026-11-24T10:00:00Z out one\\n2026-11-24T10:00:01Z err two\\n'),
          (7, now(), 1, 2, true, ''), (7, now(), 2, 1, true, E'2026-11-24T10:00:02.5Z log info: three\\n'),
          (8, now(), 1, 1, true, E'2026-11-24T10:00:00Z out other\\n')";
    client.batch_execute(part).await.unwrap();
    let all = output(&database, 7, (0, 0), None).await.unwrap();
    let places: Vec<_> = all.iter().map(|part| (part.attempt, part.part, part.last)).collect();
    assert_eq!(places, [(1, 1, false), (1, 2, true), (2, 1, true)]);
    assert_eq!((all[0].lines[1].stream, all[0].lines[1].text.as_str()), (Stream::Err, "two"));
    assert_eq!(output(&database, 7, (1, 2), None).await.unwrap(), all[2..]);
    assert_eq!(output(&database, 7, (0, 0), Some(1)).await.unwrap(), all[..2]);

    // Eight days later.
    let past = "with old as (delete from backstay.output_log returning *)
        insert into backstay.output_log select job_id, at - interval '8 d', attempt, part, last, text from old";
    client.batch_execute(past).await.unwrap();
    let drop = "select backstay.drop_partitions('output_log', interval '7 d')";
    client.batch_execute(drop).await.unwrap();
    assert_eq!(output(&database, 7, (0, 0), None).await.unwrap(), []);
}
