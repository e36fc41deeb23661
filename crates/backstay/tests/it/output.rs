//! What jobs printed, as the database keeps it: the wish to see it, who may, and for how long.

use backstay::inspect::{Stream, follow, output};
use backstay::{Ctx, Database, Fail, JobState, Level, Options, Request, cancel, enqueue, show};
use serde_json::json;

use crate::act::{Act, add, queue, shown, until};
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

#[tokio::test]
async fn what_an_inline_handler_logs_is_kept_where_it_fails_without_secrets() {
    let handler = async |job: Act, ctx: Ctx| {
        ctx.log(Level::Warn, "half-way\nto http://ana:s3cret@host/x");
        match job.n {
            1 => Err(Fail::dead("no answer from http://ana:s3cret@host/x")),
            _ => Ok(()),
        }
    };
    let Some(t) = queue(1, handler).await else { return };
    let (dead, done) = (add(&t, 1, Options::new()).await, add(&t, 2, Options::new()).await);
    t.drain().await;
    let lines = async |id| -> Vec<String> {
        let parts = output(t.database(), id, (0, 0), None).await.unwrap();
        parts.into_iter().flat_map(|part| part.lines).map(|line| line.text).collect()
    };
    until("its output is stored", async || !lines(dead).await.is_empty()).await;
    assert_eq!(lines(dead).await, ["warn: half-way", "warn: to http://ana:***@host/x"]);
    assert_eq!(lines(done).await, [""; 0]);
    let message = shown(&t, dead).await.error.unwrap().message.unwrap();
    assert_eq!(message, "no answer from http://ana:***@host/x");
}
