//! `backstay demo` and `backstay dev` as people run them, on a PostgreSQL of their own.

// Helpers of tests may panic like the tests themselves.
#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use backstay_postgres::template::is_skipped;
use backstay_postgres::{Cluster, Options};
use rustix::process::{Pid, Signal, kill_process};

/// The longest that anything here may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(150);

/// A server of one test; nothing where tests with a database are switched off.
fn server() -> Option<Cluster> {
    if is_skipped() {
        return None;
    }
    Some(Cluster::obtain(Options::own()).expect("there is a PostgreSQL for tests"))
}

/// The command, with nothing of the machine's environment but `PATH` and a folder for its files.
fn backstay(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_backstay"));
    command.args(arguments).current_dir(folder).env_clear();
    command.env("PATH", "/usr/bin:/bin").env("TMPDIR", folder);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A folder that goes away with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("backstay-of-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).expect("the folder was made by this test");
    }
}

/// Waits for the end, with a deadline; exit code, stdout, stderr.
fn end(mut child: Child) -> (Option<i32>, String, String) {
    let read = |pipe: Option<Box<dyn Read + Send>>| {
        std::thread::spawn(move || {
            let mut text = String::new();
            if let Some(mut pipe) = pipe {
                pipe.read_to_string(&mut text).unwrap();
            }
            text
        })
    };
    let out = read(child.stdout.take().map(|pipe| Box::new(pipe) as Box<dyn Read + Send>));
    let err = read(child.stderr.take().map(|pipe| Box::new(pipe) as Box<dyn Read + Send>));
    let deadline = Instant::now() + PATIENCE;
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if Instant::now() > deadline {
            child.kill().unwrap();
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    (status.code(), out.join().unwrap(), err.join().unwrap())
}

fn sql(url: &str, text: &str) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (client, connection) =
            tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
        let link = tokio::spawn(connection);
        let messages = client.simple_query(text).await.unwrap();
        drop(client);
        link.await.unwrap().unwrap();
        let values = messages.iter().filter_map(|message| match message {
            tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0),
            _ => None,
        });
        values.collect()
    })
}

/// Processes that were told to work on this server.
fn workers_on(server: &Cluster) -> Vec<String> {
    let mark = format!("127.0.0.1:{}/", server.port());
    let entries = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let folders = entries.map(|entry| entry.path()).filter(|path| {
        std::fs::read(path.join("environ"))
            .is_ok_and(|bytes| String::from_utf8_lossy(&bytes).contains(&mark))
    });
    folders.map(|path| std::fs::read_to_string(path.join("cmdline")).unwrap_or_default()).collect()
}

#[test]
fn a_database_that_the_demo_did_not_make_is_refused_and_left_alone() {
    let Some(server) = server() else { return };
    let folder = Folder::new("mark");
    sql(&server.admin_url(), "create database backstay_demo");
    sql(&server.url("backstay_demo"), "create table precious (id int)");
    let demo = backstay(&folder.0, &["demo", "--database-url", &server.admin_url()]).spawn();
    let (exit, out, err) = end(demo.unwrap());
    assert_eq!((exit, out.as_str()), (Some(1), ""), "{err}");
    assert!(err.contains("`backstay_demo` is there and was not made by the demo"), "{err}");
    assert_eq!(sql(&server.url("backstay_demo"), "select count(*) from precious"), "0");
}

#[test]
fn a_variable_does_not_lead_the_demo_to_another_machine() {
    let folder = Folder::new("far");
    let mut command = backstay(&folder.0, &["demo"]);
    let (exit, _, err) =
        end(command.env("DATABASE_URL", "postgres://u@192.0.2.1/app").spawn().unwrap());
    assert_eq!(exit, Some(2), "{err}");
    assert!(err.contains("DATABASE_URL names a database on another machine"), "{err}");
}

#[test]
fn an_interrupted_demo_leaves_no_process_and_may_be_started_again() {
    let Some(server) = server() else { return };
    let folder = Folder::new("int");
    let mut demo =
        backstay(&folder.0, &["demo", "--database-url", &server.admin_url()]).spawn().unwrap();
    let lines = BufReader::new(demo.stderr.take().unwrap()).lines();
    let mut lines = lines.map(|line| line.unwrap());
    assert!(lines.any(|line| line.contains("100 requests a second")), "the API never answered");
    assert!(!workers_on(&server).is_empty());
    let pid = Pid::from_raw(demo.id().try_into().unwrap()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
    let rest: Vec<String> = lines.collect();
    assert_eq!(demo.wait().unwrap().code(), Some(130), "{rest:?}");
    let deadline = Instant::now() + PATIENCE;
    while !workers_on(&server).is_empty() {
        assert!(Instant::now() < deadline, "still there: {:?}", workers_on(&server));
        std::thread::sleep(Duration::from_millis(20));
    }
    let comment = "select shobj_description(oid, 'pg_database') from pg_database where datname = 'backstay_demo'";
    assert!(sql(&server.admin_url(), comment).starts_with("backstay demo"));
}

#[test]
#[ignore = "takes a minute, most of it waiting; run it with --ignored, or see it with: cargo run -- demo"]
fn every_claim_of_the_demo_holds() {
    let Some(server) = server() else { return };
    let folder = Folder::new("whole");
    let words = ["demo", "--json", "--database-url", &server.admin_url()];
    let (exit, out, err) = end(backstay(&folder.0, &words).spawn().unwrap());
    let summary: serde_json::Value = serde_json::from_str(&out).expect(&err);
    assert_eq!(exit, Some(0), "{summary:#}");
    assert_eq!(summary["held"], true);
    assert!(summary["claims"].as_array().unwrap().len() >= 13, "{summary:#}");
    assert!(summary["api"]["loaded"]["requests"].as_u64().unwrap() > 500, "{summary:#}");
    let files = Path::new(summary["folder"].as_str().unwrap());
    assert!(files.join("report-2025-12.html").is_file());
    assert!(workers_on(&server).is_empty());
}

#[test]
fn dev_follows_the_file_runs_the_jobs_and_ends_with_its_command() {
    let Some(server) = server() else { return };
    let folder = Folder::new("dev");
    let kind = |name: &str| {
        format!(
            "[kinds.{name}]\ncommand = [\"sh\", \"-c\", \"echo $BACKSTAY_KIND > {name}.done\"]\n"
        )
    };
    std::fs::write(folder.0.join("backstay.toml"), format!("[queues.default]\n{}", kind("first")))
        .unwrap();
    std::fs::write(folder.0.join("second"), kind("second")).unwrap();
    // A job of a kind that the file names, then one of a kind that it names only now.
    let script = "\
        set -e; wait_for() { n=0; until [ -s $1 ]; do n=$((n + 1)); [ $n -lt 600 ]; sleep 0.1; done; }
        \"$BIN\" enqueue first > ids; wait_for first.done
        cat second >> backstay.toml
        \"$BIN\" enqueue second >> ids; wait_for second.done; exit 3";
    let url = server.admin_url();
    let words = ["dev", "--database-url", &url, "--", "sh", "-c", script];
    let mut command = backstay(&folder.0, &words);
    let (exit, out, err) = end(command.env("BIN", env!("CARGO_BIN_EXE_backstay")).spawn().unwrap());
    assert!(folder.0.join("second.done").is_file(), "{out}\n{err}");
    assert!(out.contains(&format!("DATABASE_URL={url}")), "{out}");
    assert!(err.contains("backstay.toml changed"), "{err}");
    assert_eq!(exit, Some(3), "dev ends as its command ended: {err}");
    assert!(workers_on(&server).is_empty());
}
