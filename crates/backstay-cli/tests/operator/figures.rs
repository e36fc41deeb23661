//! The figures that monitoring reads, and the files for Prometheus and Grafana that are made of them.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;

use backstay_postgres::template;

use super::crew::crew;
use super::web::site;

/// An address that was free a moment ago.
pub(crate) fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

pub(crate) fn get(at: SocketAddr, path: &str) -> String {
    let mut text = String::new();
    if let Ok(mut stream) = TcpStream::connect(at) {
        let ask = format!("GET {path} HTTP/1.1\r\nHost: scraper\r\nConnection: close\r\n\r\n");
        stream.write_all(ask.as_bytes()).unwrap();
        stream.read_to_string(&mut text).unwrap();
    }
    text
}

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy")
}

/// All names of figures in a text, as far as they say of which family they are.
fn names(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let named = words.filter(|word| word.starts_with("backstay_"));
    named.map(|word| word.strip_suffix("_bucket").unwrap_or(word).to_owned()).collect()
}

/// The families of a page.
fn families(page: &str) -> BTreeSet<String> {
    let lines = page.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    lines.map(|line| line.split(' ').next().unwrap().to_owned()).collect()
}

#[test]
fn a_worker_tells_its_own_figures_and_the_files_for_monitoring_use_none_that_is_not_there() {
    let at = free();
    let Some(crew) = crew("figures", |_| {
        format!(
            "[web]\nmetrics = \"{at}\"\n[queues.reports]\nslots = 3\n[kinds.report]\nqueue = \"reports\"\ncommand = [\"true\"]\n\
             [kinds.bad]\nqueue = \"reports\"\nmax_retries = 0\ncommand = [\"false\"]\n"
        )
    }) else {
        return;
    };
    for kind in ["report", "report", "bad"] {
        crew.desk.run(&["enqueue", kind, "{}"]).exits(0);
    }
    let told = [
        "backstay_jobs_claimed_total{queue=\"reports\",kind=\"report\"} 2\n",
        "backstay_attempts_total{queue=\"reports\",kind=\"report\",outcome=\"completed\"} 2\n",
        "backstay_attempts_total{queue=\"reports\",kind=\"bad\",outcome=\"exited\"} 1\n",
        "backstay_jobs_ended_total{queue=\"reports\",kind=\"report\",state=\"completed\"} 2\n",
        "backstay_jobs_ended_total{queue=\"reports\",kind=\"bad\",state=\"dead\"} 1\n",
        "backstay_run_seconds_count{queue=\"reports\",kind=\"report\"} 2\n",
        "backstay_wait_seconds_bucket{queue=\"reports\",priority=\"normal\",le=\"+Inf\"} 3\n",
        "backstay_slots{queue=\"reports\",state=\"free\"} 3\n",
        "backstay_rescues_total{queue=\"reports\"} 0\n",
        "backstay_database_calls_total{result=\"failed\"} ",
        "backstay_leader 1\n",
        "backstay_loop_last_success_timestamp_seconds{loop=\"rescue\"} ",
        "backstay_notify_lag_seconds_count ",
    ];
    crew.wait_until("everything is counted", || {
        let page = get(at, "/metrics");
        told.iter().all(|line| page.contains(line))
    });
    assert!(get(at, "/readyz").contains("ok database"));
    assert!(get(at, "/api/v1/jobs").contains("BS301"), "a worker opens nothing else");

    let site = site(&[]).unwrap();
    let mut known = families(&get(at, "/metrics"));
    known.extend(families(&site.get("/metrics").body));
    for file in ["prometheus/backstay.rules.yml", "grafana/backstay.json"] {
        let text = std::fs::read_to_string(deploy().join(file)).unwrap();
        let named = names(&text);
        assert!(named.len() > 5, "{file}: {named:?}");
        let unknown: Vec<_> = named.difference(&known).collect();
        assert!(unknown.is_empty(), "{file} asks for what nobody tells: {unknown:?}");
    }
}

#[test]
fn the_files_for_monitoring_load() {
    let board = std::fs::read_to_string(deploy().join("grafana/backstay.json")).unwrap();
    let board: serde_json::Value = serde_json::from_str(&board).unwrap();
    let panels = board["panels"].as_array().unwrap();
    let ids: BTreeSet<u64> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len(), "each panel has an id of its own");
    let queries = panels.iter().flat_map(|panel| panel["targets"].as_array().unwrap());
    let queries: Vec<&str> = queries.map(|target| target["expr"].as_str().unwrap()).collect();
    let rules = deploy().join("prometheus/backstay.rules.yml");
    match Command::new("promtool").args(["check", "rules"]).arg(&rules).output() {
        Ok(checked) => assert!(checked.status.success(), "{checked:?}"),
        Err(_) => {
            return template::note_skip("promtool is not here: Debian's package is prometheus");
        }
    }
    // Whether a query can be read is seen when it is a rule.
    let mut text = "groups:\n- name: board\n  rules:\n".to_owned();
    for query in queries {
        let query = query.replace("$__rate_interval", "5m").replace("$queue", ".*");
        text += &format!("  - record: board\n    expr: '{query}'\n");
    }
    let file = std::env::temp_dir().join(format!("backstay-board-{}.yml", std::process::id()));
    std::fs::write(&file, text).unwrap();
    let checked =
        Command::new("promtool").args(["check", "rules", "--lint=none"]).arg(&file).output();
    std::fs::remove_file(&file).unwrap();
    let checked = checked.unwrap();
    assert!(checked.status.success(), "{checked:?}");
}
