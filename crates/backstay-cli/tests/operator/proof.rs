//! `doctor --limits`: the limits of jobs, proven on the machine that runs the tests, with a database and without.

use std::time::{Duration, Instant};

use crate::{bare, desk};

const CHECKS: [&str; 8] =
    ["level", "memory", "processes", "cpu_time", "timeout", "output", "escape", "orphan"];

#[test]
fn seven_runaways_are_held_on_this_machine_without_a_database() {
    let start = Instant::now();
    let json = bare(&["doctor", "--limits", "--json"]).exits(0).json();
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    let items = json["items"].as_array().unwrap();
    let ids: Vec<&str> = items.iter().map(|it| it["id"].as_str().unwrap()).collect();
    assert_eq!(ids, CHECKS, "{json}");
    assert!(items.iter().all(|it| it["health"] == "ok" && it["measured"].is_object()), "{json}");
    assert!(["cgroup", "rlimit"].contains(&json["level"]["name"].as_str().unwrap()), "{json}");
    assert!(json["level"]["holders"]["memory"].is_string(), "{json}");
    assert_eq!(json["verdict"], "ready");
}

#[test]
fn limits_are_proven_beside_the_database_and_also_where_it_cannot_be_reached() {
    let unreachable = ["--database-url", "postgres://127.0.0.1:9/none", "doctor", "--limits"];
    let said = bare(&unreachable).exits(1);
    assert!(said.out.starts_with("fail  server"), "{}", said.out);
    assert!(said.out.contains("\nok    memory     limit 64 MiB: "), "{}", said.out);
    assert!(said.out.lines().last().unwrap().starts_with("not ready: "), "{}", said.out);
    let Some(desk) = desk() else { return };
    let said = desk.run(&["doctor", "--limits"]).exits(0);
    assert!(said.out.starts_with("ok    server"), "{}", said.out);
    assert_eq!(said.out.lines().last(), Some("ready"));
    assert!(CHECKS.iter().all(|id| said.out.contains(&format!("\nok    {id} "))), "{}", said.out);
}
