//! Enqueue in the caller's transaction, through every driver.

use backstay::{EnqueueError, Options, Request, Unique, enqueue, enqueue_many, show};
use serde_json::json;

use crate::database::{connect, count_jobs, fresh};

fn request(n: i64) -> Request {
    Request::new("report", json!({ "n": n }))
}

async fn sqlx_0_8(url: &str) -> sqlx_0_8::PgConnection {
    <sqlx_0_8::PgConnection as sqlx_0_8::Connection>::connect(url).await.unwrap()
}

async fn sqlx_0_9(url: &str) -> sqlx_0_9::PgConnection {
    <sqlx_0_9::PgConnection as sqlx_0_9::Connection>::connect(url).await.unwrap()
}

/// The same behaviours for one driver: how it opens, begins, and is handed to a verb.
macro_rules! behaviours {
    ($driver:ident, $connect:path, $begin:path, $($by:tt)+) => {
        // One driver takes a connection by `&mut`, another by `&`.
        #[allow(unused_mut)]
        mod $driver {
            use super::*;

            #[tokio::test]
            async fn a_rollback_leaves_no_job() {
                let Some(db) = fresh() else { return };
                let mut conn = $connect(&db.url).await;
                let mut tx = $begin(&mut conn).await.unwrap();
                let job = enqueue($($by)+ tx, request(1)).await.unwrap();
                assert!(job.created);
                assert!(show($($by)+ tx, job.id).await.unwrap().is_some(), "seen by its own transaction");
                tx.rollback().await.unwrap();
                assert!(show($($by)+ conn, job.id).await.unwrap().is_none());
                assert_eq!(count_jobs(&db.url).await, 0);
            }

            #[tokio::test]
            async fn a_commit_leaves_exactly_one() {
                let Some(db) = fresh() else { return };
                let mut conn = $connect(&db.url).await;
                let mut tx = $begin(&mut conn).await.unwrap();
                let job = enqueue($($by)+ tx, request(1)).await.unwrap();
                assert_eq!(count_jobs(&db.url).await, 0, "before the commit nobody else sees it");
                tx.commit().await.unwrap();
                assert_eq!(count_jobs(&db.url).await, 1);
                let shown = show($($by)+ conn, job.id).await.unwrap().unwrap();
                assert_eq!((shown.id, shown.kind.as_str()), (job.id, "report"));
            }

            #[tokio::test]
            async fn without_a_transaction_it_is_there_at_once() {
                let Some(db) = fresh() else { return };
                let mut conn = $connect(&db.url).await;
                enqueue($($by)+ conn, request(1)).await.unwrap();
                assert_eq!(count_jobs(&db.url).await, 1);
            }

            #[tokio::test]
            async fn a_savepoint_takes_back_what_came_after_it() {
                let Some(db) = fresh() else { return };
                let mut conn = $connect(&db.url).await;
                let mut tx = $begin(&mut conn).await.unwrap();
                let kept = enqueue($($by)+ tx, request(1)).await.unwrap();
                let mut inner = $begin(&mut tx).await.unwrap();
                let gone = enqueue($($by)+ inner, request(2)).await.unwrap();
                inner.rollback().await.unwrap();
                tx.commit().await.unwrap();
                assert!(show($($by)+ conn, kept.id).await.unwrap().is_some());
                assert!(show($($by)+ conn, gone.id).await.unwrap().is_none());
            }

            #[tokio::test]
            async fn ten_thousand_go_in_one_call_and_keep_their_order() {
                let Some(db) = fresh() else { return };
                let mut conn = $connect(&db.url).await;
                let mut tx = $begin(&mut conn).await.unwrap();
                let jobs = enqueue_many($($by)+ tx, (0..10_000).map(request)).await.unwrap();
                tx.commit().await.unwrap();
                assert_eq!(jobs.len(), 10_000);
                assert!(jobs.iter().all(|job| job.created));
                assert!(jobs.windows(2).all(|pair| pair[0].id < pair[1].id));
                assert_eq!(count_jobs(&db.url).await, 10_000);
            }

            #[tokio::test]
            async fn a_held_key_answers_its_holder_and_the_transaction_goes_on() {
                let Some(db) = fresh() else { return };
                let mut conn = $connect(&db.url).await;
                let unique = || request(1).with(Options::new().unique(Unique::key("order:7")));
                let mut tx = $begin(&mut conn).await.unwrap();
                let first = enqueue($($by)+ tx, unique()).await.unwrap();
                let again = enqueue($($by)+ tx, unique()).await.unwrap();
                let other = enqueue($($by)+ tx, request(2)).await.unwrap();
                tx.commit().await.unwrap();
                assert_eq!((again.id, again.created), (first.id, false));
                assert!(other.created);
                assert_eq!(count_jobs(&db.url).await, 2);
            }

            #[tokio::test]
            async fn a_held_key_in_a_list_leaves_the_other_jobs_alone() {
                let Some(db) = fresh() else { return };
                let mut conn = $connect(&db.url).await;
                let keyed = |n: i64| request(n).with(Options::new().unique(format!("order:{n}")));
                let held = enqueue($($by)+ conn, keyed(2)).await.unwrap();
                let jobs = enqueue_many($($by)+ conn, [keyed(1), keyed(2), keyed(3)]).await.unwrap();
                assert_eq!(jobs.iter().map(|job| job.created).collect::<Vec<_>>(), [true, false, true]);
                assert_eq!(jobs[1].id, held.id);
                assert_eq!(count_jobs(&db.url).await, 3);
            }

            #[tokio::test]
            async fn a_refusal_within_a_savepoint_costs_only_that() {
                let Some(db) = fresh() else { return };
                let mut conn = $connect(&db.url).await;
                let unique = || request(1).with(Options::new().unique(Unique::key("a").reject()));
                let mut tx = $begin(&mut conn).await.unwrap();
                let held = enqueue($($by)+ tx, unique()).await.unwrap();
                let mut inner = $begin(&mut tx).await.unwrap();
                let error = enqueue($($by)+ inner, unique()).await.unwrap_err();
                assert_eq!(error.code(), "BS110");
                let holder = error.refusal().unwrap().detail.clone().unwrap();
                assert!(holder.contains(&held.id.to_string()), "{holder}");
                inner.rollback().await.unwrap();
                enqueue($($by)+ tx, request(2)).await.unwrap();
                tx.commit().await.unwrap();
                assert_eq!(count_jobs(&db.url).await, 2);
            }

            #[tokio::test]
            async fn one_bad_job_refuses_the_call_and_is_named() {
                let Some(db) = fresh() else { return };
                let mut conn = $connect(&db.url).await;
                let bad = request(2).with(Options::new().max_retries(101));
                let error = enqueue_many($($by)+ conn, [request(1), bad, request(3)]).await.unwrap_err();
                assert_eq!(error.code(), "BS102");
                assert!(error.to_string().starts_with("job 2: "), "{error}");
                assert_eq!(count_jobs(&db.url).await, 0);
            }

            #[tokio::test]
            async fn a_misspelt_option_is_answered_with_the_nearest() {
                let Some(db) = fresh() else { return };
                let mut conn = $connect(&db.url).await;
                let wrong = request(1).with(Options::new().set("priorty", 1));
                let error = enqueue($($by)+ conn, wrong).await.unwrap_err();
                assert!(matches!(error, EnqueueError::UnknownOption(_)), "{error:?}");
                assert_eq!(error.code(), "BS101");
                let hint = error.refusal().unwrap().hint.clone().unwrap();
                assert!(hint.contains("\"priority\""), "{hint}");
            }
        }
    };
}

behaviours!(through_sqlx_0_8, sqlx_0_8, sqlx_0_8::Acquire::begin, &mut);
behaviours!(through_sqlx_0_9, sqlx_0_9, sqlx_0_9::Acquire::begin, &mut);
behaviours!(through_tokio_postgres_0_7, connect, begin::tokio_postgres, &);

mod begin {
    //! tokio-postgres begins on a client and on a transaction by two methods of one trait.

    use tokio_postgres::{Error, GenericClient, Transaction};

    pub(super) async fn tokio_postgres(
        client: &mut impl GenericClient,
    ) -> Result<Transaction<'_>, Error> {
        client.transaction().await
    }
}

#[tokio::test]
async fn a_pool_is_a_caller_too() {
    let Some(db) = fresh() else { return };
    let old = sqlx_0_8::PgPool::connect(&db.url).await.unwrap();
    let new = sqlx_0_9::PgPool::connect(&db.url).await.unwrap();
    enqueue(&old, request(1)).await.unwrap();
    enqueue(&new, request(2)).await.unwrap();
    let error = enqueue(&new, Request::new("no name", json!({}))).await.unwrap_err();
    assert_eq!(error.code(), "BS103");
    assert_eq!(count_jobs(&db.url).await, 2);
    old.close().await;
    new.close().await;
}

#[tokio::test]
async fn a_lost_connection_is_told_as_such() {
    let Some(db) = fresh() else { return };
    let client = connect(&db.url).await;
    let pid: i32 = client.query_one("select pg_backend_pid()", &[]).await.unwrap().get(0);
    let other = connect(&db.url).await;
    other.execute("select pg_terminate_backend($1, 5000)", &[&pid]).await.unwrap();
    let error = enqueue(&client, request(1)).await.unwrap_err();
    assert_eq!(error.code(), "BS501", "{error:?}");
}

#[tokio::test]
async fn a_database_without_the_schema_is_told_as_such() {
    let Some(db) = fresh() else { return };
    let client = connect(&db.url).await;
    client.batch_execute("drop schema backstay cascade").await.unwrap();
    let error = enqueue(&client, request(1)).await.unwrap_err();
    assert_eq!(error.code(), "BS502");
    assert!(error.to_string().contains("backstay migrate up"), "{error}");
}
