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
    for id in ["settings", "notify", "bloat", "release", "duty", "replay", "line", "container"] {
        assert_eq!(health(&report, id), None, "nothing to say: {report:#?}");
    }
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
    let told = |dead_man| Wishes { channels: Some(1), dead_man, ..Wishes::default() };
    assert_eq!(health(&examine(&database, told(false)).await, "dead_man"), Some(Health::Warn));
    assert_eq!(health(&examine(&database, told(true)).await, "dead_man"), None);
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
async fn a_fleet_that_is_half_replaced_late_or_idle_is_told() {
    let Some(db) = fresh() else { return };
    let database = Database::connect(&db.url).await.unwrap();
    enqueue(&database, Request::new("report", json!({}))).await.unwrap();
    let fleet = "insert into backstay.worker (id, beat_at, lease_until, started_at, pid, slots, host, release, level, queues, kinds)
                 select gen_random_uuid(), now(), now() + interval '1 min', now() - interval '2 hours', 1, 4, 'app-1', r, 'inline', '{default}', '{\"*\": 1}'
                   from unnest(array['1.3', '1.4']) r;
                 update backstay.ready set ready_at = now() - interval '47 min';
                 insert into backstay.duty (name, last_ok_at, last_worker, last_ms)
                 select 'prune', now() - interval '2 hours', id, 1 from backstay.worker limit 1;
                 insert into backstay.duty (name, last_ok_at, last_worker, last_ms) select 'of old', '-infinity', last_worker, 1 from backstay.duty;
                 insert into backstay.replay (started_at, next_at, total, first, next, stop_at, state, by, filter)
                 values (now(), now(), 40, 10, 10, 0.2, 'stopped', 'ana', '{}');
                 update backstay.worker set admission = '{\"processes_most\": 1024, \"container_processes\": 512}' where release = '1.4';
                 update pg_class set reltuples = 2e6 where oid = 'backstay.ready'::regclass";
    connect(&db.url).await.batch_execute(fleet).await.unwrap();
    let report = examine(&database, Wishes::default()).await;
    let said = |id: &str| -> Vec<&str> {
        let of = report.findings.iter().filter(|finding| finding.id == id);
        of.map(|finding| finding.finding.as_str()).collect()
    };
    assert!(report.ready, "all of it is only worth a word: {report:#?}");
    assert_eq!(
        said("release"),
        ["workers of 2 releases for an hour: 1.3 (1 worker), 1.4 (1 worker)"]
    );
    assert_eq!(said("queue"), ["the first of 1 in `default` waits for 47 min"]);
    assert_eq!(said("duty"), ["`prune` has not succeeded for 2 h"]);
    assert_eq!(said("replay"), ["replay 1 has stopped, 30 dead letters to go"]);
    assert!(said("container")[0].contains("may start 1024 processes and threads"), "{report:#?}");
    assert_eq!(said("line"), ["about 2 million jobs in line"]);
}

#[tokio::test]
async fn what_is_set_for_a_login_and_a_database_is_told_where_it_harms_us() {
    let Some(db) = fresh() else { return };
    let (path, name) = db.url.rsplit_once('/').unwrap();
    let (_, server) = path.split_once('@').unwrap();
    let login = format!("doctor_few_{}", std::process::id());
    let client = connect(&db.url).await;
    let few = format!(
        "create role {login} login password 'few' connection limit 4;
         alter database {name} set default_transaction_isolation = 'serializable';
         alter database {name} set default_transaction_read_only = on"
    );
    client.batch_execute(&few).await.unwrap();
    let database =
        Database::connect(&format!("postgres://{login}:few@{server}/{name}")).await.unwrap();
    let report = examine(&database, Wishes::default()).await;
    client
        .batch_execute(&format!("set default_transaction_read_only = off; drop role {login}"))
        .await
        .unwrap();
    assert_eq!(health(&report, "settings"), Some(Health::Fail), "{report:#?}");
    let said = |part: &str| report.findings.iter().any(|finding| finding.finding.contains(part));
    assert!(said("are serializable by default") && said("may not write"), "{report:#?}");
    assert!(said(&format!("`{login}` has 1 of the 4 connections")), "{report:#?}");
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
