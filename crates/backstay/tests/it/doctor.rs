//! The doctor on a real server: what is well, what is not, and what to do first.

use backstay::config::Secret;
use backstay::doctor::{Health, Report, Wishes, examine};
use backstay::migrate::{self, LoginSort};
use backstay::{Database, Request, enqueue};
use serde_json::json;

use crate::database::{connect, fresh};

fn health(report: &Report, id: &str) -> Option<Health> {
    report.findings.iter().filter(|finding| finding.id == id).map(|finding| finding.health).max()
}

#[tokio::test]
async fn a_database_without_work_is_ready() {
    let Some(db) = fresh() else { return };
    let database = Database::connect(&db.url).await.unwrap();
    let report = examine(&database, Wishes::default()).await;
    assert!(report.ready, "{report:#?}");
    assert_eq!(report.verdict(), "ready");
    for id in ["server", "schema", "roles", "pooler", "listen", "horizon", "tables", "dead"] {
        assert_eq!(health(&report, id), Some(Health::Ok), "{id}: {report:#?}");
    }
    assert_eq!(health(&report, "worker"), Some(Health::Warn));
}

#[tokio::test]
async fn work_that_nobody_serves_is_the_first_thing_to_do() {
    let Some(db) = fresh() else { return };
    let database = Database::connect(&db.url).await.unwrap();
    enqueue(&database, Request::new("report", json!({}))).await.unwrap();
    let report = examine(&database, Wishes { channels: Some(0), ..Wishes::default() }).await;
    assert!(!report.ready);
    assert_eq!(report.verdict(), "not ready: start a worker with --queues default");
    assert_eq!(health(&report, "channels"), Some(Health::Warn));
}

#[tokio::test]
async fn what_people_should_have_seen_long_ago_is_told() {
    let Some(db) = fresh() else { return };
    let database = Database::connect(&db.url).await.unwrap();
    let client = connect(&db.url).await;
    let id = enqueue(&database, Request::new("report", json!({}))).await.unwrap().id;
    client.query("select backstay.bury($1)", &[&id]).await.unwrap();
    client
        .batch_execute(
            "update backstay.dead_letter set died_at = now() - interval '2 days';
             insert into backstay.parked (job_id, seq, ready_at, since, priority, queue, kind, reason, subject)
             values (77, 77, now(), now() - interval '2 days', 5, 'q', 'reprot', 'unknown_kind', 'reprot'),
                    (78, 78, now(), now() - interval '2 days', 5, 'q', 'k', 'paused', 'kind k');
             create index broken on backstay.progress (at);
             update pg_index set indisvalid = false where indexrelid = 'backstay.broken'::regclass",
        )
        .await
        .unwrap();
    let report = examine(&database, Wishes::default()).await;
    for id in ["dead", "kind", "parked"] {
        assert_eq!(health(&report, id), Some(Health::Warn), "{id}: {report:#?}");
    }
    assert_eq!(report.verdict(), "not ready: reindex index concurrently backstay.broken");
}

#[tokio::test]
async fn a_database_without_backstay_is_told_how_to_install_it() {
    let Some(db) = fresh() else { return };
    connect(&db.url).await.batch_execute("drop schema backstay cascade").await.unwrap();
    let database = Database::connect(&db.url).await.unwrap();
    let report = examine(&database, Wishes::default()).await;
    assert_eq!(report.verdict(), "not ready: backstay migrate up");
    assert_eq!(health(&report, "server"), Some(Health::Ok));
    assert_eq!(health(&report, "queue"), None);
}

#[tokio::test]
async fn ceilings_hold_on_the_login_of_handlers_and_do_nothing_on_its_group() {
    let Some(db) = fresh() else { return };
    let database = Database::connect(&db.url).await.unwrap();
    let client = connect(&db.url).await;
    let name = format!("doctor_jobs_{}", std::process::id());
    let made = migrate::login(&database, LoginSort::Handler, &name).await.unwrap().unwrap();
    let (_, server) = db.url.split_once('@').unwrap();
    let handlers = Some(Secret::new(format!("postgres://{name}:{made}@{server}")));
    let wishes = Wishes { handlers, ..Wishes::default() };
    let report = examine(&database, wishes.clone()).await;
    assert_eq!(health(&report, "handlers"), Some(Health::Ok), "{report:#?}");

    let on_the_group = format!(
        "create role {name}_group nologin; grant {name}_group to {name}; alter role {name} reset all;
         alter role {name}_group set statement_timeout = '15min'"
    );
    client.batch_execute(&on_the_group).await.unwrap();
    let report = examine(&database, wishes.clone()).await;
    let found = report.findings.iter().find(|finding| finding.id == "handlers").unwrap();
    assert_eq!(found.health, Health::Fail, "{found:?}");
    assert!(found.finding.contains("no client_connection_check_interval"), "{found:?}");
    assert!(found.finding.contains(&format!("group `{name}_group` does nothing")), "{found:?}");

    migrate::login(&database, LoginSort::Handler, &name).await.unwrap();
    let report = examine(&database, wishes).await;
    assert_eq!(health(&report, "handlers"), Some(Health::Ok), "{report:#?}");
    let gone = format!("drop owned by {name}; drop role {name}; drop role {name}_group");
    client.batch_execute(&gone).await.unwrap();
}
