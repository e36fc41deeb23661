//! Private clusters on this machine's PostgreSQL: start, share, restart, survive, clean up.

// What fails in the helpers of a test fails the test.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use backstay_postgres::template::{is_skipped, test_database};
use backstay_postgres::{Cluster, ObtainError, Options, Released, Where};

/// Runs statements on a connection of its own; what the last one returned comes back as text.
fn query(url: &str, sql: &str) -> Result<Option<String>, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let connected = tokio_postgres::connect(url, tokio_postgres::NoTls).await;
        let (client, connection) = connected.map_err(|error| format!("{error:?}"))?;
        let driver = tokio::spawn(connection);
        let rows = client.simple_query(sql).await.map_err(|error| format!("{error:?}"));
        drop(client);
        driver.await.unwrap().map_err(|error| format!("{error:?}"))?;
        Ok(rows?.iter().rev().find_map(|message| match message {
            tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        }))
    })
}

fn run_sql(url: &str, sql: &str) -> Result<(), String> {
    query(url, sql).map(drop)
}

fn ask(url: &str, sql: &str) -> String {
    query(url, sql).unwrap().unwrap()
}

fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(15);
    while !condition() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A folder for a lasting cluster of one test.
fn place(name: &str) -> (PathBuf, Options) {
    let dir = std::env::temp_dir().join(format!("backstay-test-{}-{name}", std::process::id()));
    let major = std::env::var("BACKSTAY_TEST_PG").ok().and_then(|major| major.parse().ok());
    (dir.clone(), Options { data: Where::At(dir), major, ..Options::shared() })
}

fn is_running(home: &Path) -> bool {
    home.join("data/postmaster.pid").exists()
}

#[test]
fn a_lasting_cluster_is_durable_is_shared_and_keeps_its_data() {
    if is_skipped() {
        return;
    }
    let (dir, options) = place("lasting");
    let first = Cluster::obtain(options.clone()).unwrap();
    for setting in ["fsync", "full_page_writes", "synchronous_commit"] {
        assert_eq!(ask(&first.admin_url(), &format!("show {setting}")), "on");
    }
    assert_eq!(ask(&first.admin_url(), "show data_checksums"), "on");
    run_sql(&first.admin_url(), "create table kept (n int); insert into kept values (7)").unwrap();

    let second = Cluster::obtain(options.clone()).unwrap();
    assert_eq!(second.url("x"), first.url("x"));
    assert!(second.how().contains("already running"), "{}", second.how());
    assert!(Cluster::running(&options.data).is_some());
    assert_eq!(first.release().unwrap(), Released::StillUsed);
    assert_eq!(ask(&second.socket_url("postgres"), "select n from kept"), "7");
    let (home, port) = (second.home().to_path_buf(), second.port());
    let socket_dir = second.socket_dir().to_path_buf();
    assert_eq!(second.release().unwrap(), Released::Stopped);
    assert!(!is_running(&home) && !socket_dir.exists());
    assert!(Cluster::running(&options.data).is_none());

    let again = Cluster::obtain(options).unwrap();
    assert_eq!(again.port(), port);
    assert_eq!(ask(&again.admin_url(), "select n from kept"), "7");
    again.release().unwrap();
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn many_that_come_at_once_get_one_server() {
    if is_skipped() {
        return;
    }
    let (dir, options) = place("at-once");
    let clusters: Vec<Cluster> = std::thread::scope(|scope| {
        let users: Vec<_> =
            (0..4).map(|_| scope.spawn(|| Cluster::obtain(options.clone()).unwrap())).collect();
        users.into_iter().map(|user| user.join().unwrap()).collect()
    });
    assert!(clusters.iter().all(|cluster| cluster.server_pid() == clusters[0].server_pid()));
    let started = clusters.iter().filter(|cluster| cluster.how().ends_with("started now"));
    assert_eq!(started.count(), 1);
    let released: Vec<Released> =
        clusters.into_iter().map(|cluster| cluster.release().unwrap()).collect();
    assert_eq!(released[3], Released::Stopped);
    assert!(released[..3].iter().all(|it| *it == Released::StillUsed));
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn programs_that_are_not_there_are_an_error_with_a_way_out() {
    let (_, options) = place("no-programs");
    let pg_bin = Some(PathBuf::from("/backstay/no/such/folder"));
    let error = Cluster::obtain(Options { pg_bin, ..options }).unwrap_err();
    assert_eq!((error.code(), error.to_string().as_str()), ("BS901", "no PostgreSQL to work with"));
    let help = error.help("backstay dev");
    assert!(help.contains("no server in /backstay/no/such/folder"), "{help}");
    assert!(help.contains("`postgres`") || help.contains("not found"), "{help}");
    assert!(help.contains("backstay dev --database-url postgres://"), "{help}");
}

#[test]
fn data_of_a_major_that_is_not_here_is_left_alone() {
    if is_skipped() {
        return;
    }
    let (dir, options) = place("other-major");
    let data = dir.join("pg-99/data");
    std::fs::create_dir_all(&data).unwrap();
    std::fs::write(data.join("PG_VERSION"), "99\n").unwrap();
    let options = Options { fetch: false, major: None, ..options };
    let error = Cluster::obtain(options.clone()).unwrap_err();
    assert!(matches!(error, ObtainError::OtherMajor { data: 99, .. }), "{error:?}");
    assert_eq!(std::fs::read_dir(&data).unwrap().count(), 1);

    let aside = backstay_postgres::set_aside(&options.data).unwrap().unwrap();
    assert!(aside.join("data/PG_VERSION").exists() && !data.exists());
    std::fs::remove_dir_all(dir).unwrap();
}

/// The process that the next test kills: it holds a cluster and waits for its end.
#[test]
#[ignore = "run by the test of the keeper, in a process of its own"]
fn holder() {
    let Some(dir) = std::env::var_os("BACKSTAY_HOLD") else { return };
    let options = Options { data: Where::At(PathBuf::from(dir)), ..Options::shared() };
    let cluster = Cluster::obtain(options).unwrap();
    std::fs::write(cluster.home().join("held"), "").unwrap();
    std::thread::sleep(Duration::from_secs(60));
}

#[test]
fn the_keeper_stops_the_server_when_its_only_user_is_killed() {
    if is_skipped() {
        return;
    }
    let (dir, options) = place("killed");
    let mut user = Command::new(std::env::current_exe().unwrap())
        .args(["holder", "--exact", "--ignored"])
        .env("BACKSTAY_HOLD", &dir)
        .spawn()
        .unwrap();
    let home = || {
        let entry = std::fs::read_dir(&dir).ok()?.next()?.ok()?;
        Some(entry.path()).filter(|home| home.join("held").exists())
    };
    until("the cluster is held", || home().is_some());
    let home = home().unwrap();
    assert!(is_running(&home));
    user.kill().unwrap();
    user.wait().unwrap();
    until("the keeper stops the server", || !is_running(&home));
    assert!(Cluster::running(&options.data).is_none());
    let log = std::fs::read_to_string(home.join("server.log")).unwrap();
    assert!(log.contains("database system is shut down"), "{log}");
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_cluster_of_ones_own_survives_kills_and_leaves_nothing_behind() {
    if is_skipped() {
        return;
    }
    let settings = vec![("work_mem".to_owned(), "5MB".to_owned())];
    let cluster = Cluster::obtain(Options { settings, ..Options::own() }).unwrap();
    let url = cluster.admin_url();
    assert_eq!(ask(&url, "show work_mem"), "5MB");
    run_sql(&url, "create table kept (n int); insert into kept values (1)").unwrap();
    cluster.restart().unwrap();
    run_sql(&url, "insert into kept values (2)").unwrap();
    cluster.kill9();
    assert_eq!(cluster.server_pid(), None);
    assert!(query(&url, "select 1").is_err());
    cluster.start_with(&[("work_mem".to_owned(), "6MB".to_owned())]).unwrap();
    assert_eq!(ask(&url, "show work_mem"), "6MB");
    assert_eq!(ask(&url, "select sum(n) from kept"), "3");
    let (home, socket_dir) = (cluster.home().to_path_buf(), cluster.socket_dir().to_path_buf());
    drop(cluster);
    assert!(!home.exists() && !socket_dir.exists());
}

#[test]
fn a_standby_follows_refuses_writes_and_takes_over() {
    if is_skipped() {
        return;
    }
    let first = Cluster::obtain(Options::own()).unwrap();
    run_sql(&first.url("postgres"), "create table seen (n int)").unwrap();
    let second = first.standby(first.port(), &[]).unwrap();
    run_sql(&first.url("postgres"), "insert into seen values (1)").unwrap();
    let url = second.url("postgres");
    until("the row arrives", || ask(&url, "select count(*) from seen") == "1");
    assert!(run_sql(&url, "insert into seen values (2)").unwrap_err().contains("read-only"));
    first.kill9();
    assert_eq!(ask(&url, "select pg_promote()"), "t");
    run_sql(&url, "insert into seen values (2)").unwrap();
    let home = second.home().to_path_buf();
    drop(second);
    assert!(!home.exists());
}

#[test]
fn each_test_has_its_own_copy_of_a_template_that_is_built_once() {
    if is_skipped() {
        return;
    }
    use std::sync::atomic::{AtomicU32, Ordering};
    let built = AtomicU32::new(0);
    let key = format!("test of templates {}", std::process::id());
    let make = || {
        test_database(&key, run_sql, |url| {
            built.fetch_add(1, Ordering::Relaxed);
            run_sql(url, "create table t (n int); insert into t values (1)")
        })
    };
    let (one, two) = std::thread::scope(|scope| {
        let (one, two) = (scope.spawn(make), scope.spawn(make));
        (one.join().unwrap(), two.join().unwrap())
    });
    assert_eq!(built.load(Ordering::Relaxed), 1);
    run_sql(&one.url, "insert into t values (2)").unwrap();
    assert_eq!(ask(&one.url, "select count(*) from t"), "2");
    assert_eq!(ask(&two.url, "select count(*) from t"), "1");
    let gone = one.url.clone();
    drop(one);
    assert!(query(&gone, "select 1").is_err());
}

#[test]
fn the_database_of_a_failing_test_is_kept() {
    if is_skipped() {
        return;
    }
    let (sender, receiver) = std::sync::mpsc::channel();
    let failing = std::thread::spawn(move || {
        let database = test_database("a failing test", run_sql, |_| Ok(()));
        sender.send(database.url.clone()).unwrap();
        panic!("this test fails on purpose");
    });
    assert!(failing.join().is_err());
    assert_eq!(ask(&receiver.recv().unwrap(), "select 1"), "1");
}
