//! The verbs of operators on jobs, queues and workers.

use backstay::operate::{Cancelled, Pause, Scope, cancel, drain, pause, preview, promote, resume};
use backstay::{Database, JobState, Options, Request, enqueue, show};
use serde_json::json;
use uuid::Uuid;

use crate::database::{claim, connect, fresh};

async fn job(db: &Database, options: Options) -> i64 {
    enqueue(db, Request::new("report", json!({})).with(options)).await.unwrap().id
}

#[tokio::test]
async fn cancel_says_of_each_job_what_became_of_it() {
    let Some(db) = fresh() else { return };
    let database = Database::connect(&db.url).await.unwrap();
    let client = connect(&db.url).await;
    let running = job(&database, Options::new()).await;
    claim(&client, "default", "report").await;
    let ready = job(&database, Options::new()).await;
    let gone = job(&database, Options::new()).await;
    cancel(&database, &[gone], None, "").await.unwrap();
    let answers =
        cancel(&database, &[999_999, running, ready, gone], None, "wrong month").await.unwrap();
    assert_eq!(
        answers,
        [
            (running, Cancelled::Cancelling),
            (ready, Cancelled::Cancelled),
            (gone, Cancelled::TooLate),
            (999_999, Cancelled::NotFound),
        ]
    );
    let reason = show(&database, ready).await.unwrap().unwrap().reason;
    assert_eq!(reason.as_deref(), Some("wrong month"));
}

#[tokio::test]
async fn promote_moves_what_waits_for_its_time_and_passes_over_the_rest() {
    let Some(db) = fresh() else { return };
    let database = Database::connect(&db.url).await.unwrap();
    let later = job(&database, Options::new().run_in(backstay::unit::hours(1))).await;
    let ready = job(&database, Options::new()).await;
    let done = promote(&database, &[later, ready, 999_999], "").await.unwrap();
    let skipped: Vec<(String, &str)> =
        done.skipped.iter().map(|it| (it.id.clone(), it.code.as_str())).collect();
    assert_eq!(done.count, 1);
    assert_eq!(skipped, [(ready.to_string(), "BS302"), ("999999".into(), "BS301")]);
    assert_eq!(show(&database, later).await.unwrap().unwrap().state, JobState::Ready);
}

#[tokio::test]
async fn a_paused_queue_is_shown_with_who_and_why_until_it_is_resumed() {
    let Some(db) = fresh() else { return };
    let database = Database::connect(&db.url).await.unwrap();
    let client = connect(&db.url).await;
    job(&database, Options::new().queue("reports")).await;
    claim(&client, "reports", "report").await;
    let how = Pause { for_in: Some(backstay::unit::hours(1)), cancel_running: true };
    let done = pause(&database, Scope::Queue, "reports", how, "disk full").await.unwrap();
    assert_eq!((done.count, done.cancelling), (1, Some(1)));
    let queues = backstay::inspect::queues(&database).await.unwrap();
    let paused = queues[0].paused.as_ref().unwrap();
    assert_eq!(paused.reason.as_deref(), Some("disk full"));
    assert!(paused.until.is_some());
    assert_eq!(resume(&database, Scope::Queue, "reports", "").await.unwrap().count, 1);
    let again = resume(&database, Scope::Queue, "reports", "").await.unwrap();
    assert_eq!((again.count, again.skipped[0].code.as_str()), (0, "BS301"));
}

#[tokio::test]
async fn every_verb_leaves_its_reason_in_the_audit() {
    let Some(db) = fresh() else { return };
    let database = Database::connect(&db.url).await.unwrap();
    let client = connect(&db.url).await;
    let id = job(&database, Options::new().run_in(backstay::unit::hours(1))).await;
    promote(&database, &[id], "customer calls").await.unwrap();
    cancel(&database, &[id], None, "customer hung up").await.unwrap();
    let rows = client
        .query("select verb, target, reason from backstay.audit order by id", &[])
        .await
        .unwrap();
    let rows: Vec<(String, String, String)> =
        rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect();
    let row = |verb: &str, reason: &str| (verb.to_owned(), id.to_string(), reason.to_owned());
    assert_eq!(rows, [row("promote", "customer calls"), row("cancel", "customer hung up")]);
}

#[tokio::test]
async fn a_worker_that_is_not_known_cannot_be_drained() {
    let Some(db) = fresh() else { return };
    let database = Database::connect(&db.url).await.unwrap();
    let done = drain(&database, Uuid::now_v7(), "").await.unwrap();
    assert_eq!((done.count, done.skipped[0].code.as_str()), (0, "BS301"));
}

#[tokio::test]
async fn a_preview_shows_what_would_be_made_and_keeps_nothing() {
    let Some(db) = fresh() else { return };
    let database = Database::connect(&db.url).await.unwrap();
    let jobs = r#"[{"kind": "a", "options": {"queue": "q"}}, {"kind": "b"}]"#;
    let made = preview(&database, jobs, "{}").await.unwrap();
    let shown: Vec<(String, String)> = made
        .into_iter()
        .map(|(made, job)| {
            assert!(made.created);
            let job = job.unwrap();
            (job.kind, job.queue)
        })
        .collect();
    assert_eq!(shown, [("a".into(), "q".into()), ("b".into(), "default".into())]);
    assert_eq!(crate::database::count_jobs(&db.url).await, 0);
    let error = preview(&database, r#"[{"kind": "a"}, {"kind": "?"}]"#, "{}").await.unwrap_err();
    assert_eq!(error.code(), "BS103");
    assert!(error.to_string().starts_with("job 2: "), "{error}");
}
