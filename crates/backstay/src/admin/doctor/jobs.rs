//! What is held up: work that nobody serves, kinds that nobody knows, late workers, parked jobs, dead letters unread, duties undone.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde::Deserialize;

use super::{Finding, blind, count, facts};
use crate::model::instant::Instant;
use crate::model::status::{Admission, QueueStatus};
use crate::model::unit::about;
use crate::store::database::Database;
use crate::store::doctor::Facts;
use crate::store::inspect;

/// What waits longer in a queue that is served, waits too long; the alert `queue_late` says so then, too.
const LATE: Duration = Duration::from_secs(15 * 60);
/// So many in line slow down everything that looks at it.
const CROWD: i64 = 1_000_000;
/// More lines of one sort say nothing new.
const LINES: usize = 10;

#[derive(Debug, Clone, Deserialize)]
struct Jobs {
    parked: Vec<Parked>,
    overdue: u64,
    late: Vec<Late>,
    #[serde(default)]
    held_back: Vec<HeldBack>,
    living: u64,
    #[serde(default)]
    levels: Vec<Level>,
    unread: u64,
    #[serde(default)]
    releases: Vec<Release>,
    #[serde(default)]
    undone: Vec<Undone>,
    #[serde(default)]
    stopped: Vec<Stopped>,
    #[serde(default)]
    in_line: i64,
}

/// Live workers of one release of the application.
#[derive(Debug, Clone, Deserialize)]
struct Release {
    release: String,
    workers: u64,
    /// One of them has lived for an hour.
    long: bool,
}

/// A duty that has not succeeded for long.
#[derive(Debug, Clone, Deserialize)]
struct Undone {
    name: String,
    last_ok_at: Instant,
}

/// A replay that nobody has gone on with.
#[derive(Debug, Clone, Deserialize)]
struct Stopped {
    id: String,
    left: u64,
}

/// How strictly the limits of jobs are held, and by how many live workers.
#[derive(Debug, Clone, Deserialize)]
struct Level {
    level: String,
    holders: Option<BTreeMap<String, String>>,
    workers: u64,
}

#[derive(Debug, Clone, Deserialize)]
struct Parked {
    reason: String,
    subject: String,
    jobs: u64,
    since: Instant,
    long: bool,
}

#[derive(Debug, Clone, Deserialize)]
struct Late {
    id: String,
    host: String,
    running: u64,
    beat_at: Instant,
}

#[derive(Debug, Clone, Deserialize)]
struct HeldBack {
    host: String,
    admission: Admission,
}

pub(super) async fn check(database: &Database) -> Vec<Finding> {
    let now = SystemTime::now();
    let mut found = Vec::new();
    match inspect::list_queues(database).await {
        Ok(queues) => found.extend(unserved(&queues, now)),
        Err(error) => found.push(blind("queues", &error)),
    }
    match facts::<Jobs>(database, Facts::Jobs).await {
        Ok(jobs) => found.extend(judge(&jobs, now)),
        Err(error) => found.push(blind("jobs", &error)),
    }
    found
}

fn unserved(queues: &[QueueStatus], now: SystemTime) -> Vec<Finding> {
    let waits = |queue: &&QueueStatus| queue.ready.count > 0;
    let mut found: Vec<Finding> = queues
        .iter()
        .filter(waits)
        .filter_map(|queue| match &queue.paused {
            Some(pause) => {
                let since = about(pause.since.age(now));
                let (jobs, name) = (&queue.ready, &queue.name);
                let finding =
                    format!("`{name}` is paused for {since} by {}, {jobs} wait", pause.by);
                Some(Finding::warn("queue", finding, format!("backstay queues resume {name}")))
            }
            None if queue.workers > 0 => late(queue, now),
            None => Some(nobody(queue, now)),
        })
        .take(LINES)
        .collect();
    if found.is_empty() {
        let serving = queues.iter().filter(|queue| queue.workers > 0).count();
        let finding =
            format!("no work waits for a worker ({} served)", count(serving as u64, "queue"));
        found.push(Finding::ok("queue", finding));
    }
    found
}

/// Served, and yet its first in line waits longer than anybody should.
fn late(queue: &QueueStatus, now: SystemTime) -> Option<Finding> {
    let waits = queue.oldest_ready_at?.age(now);
    if waits < LATE {
        return None;
    }
    let name = &queue.name;
    let finding = format!("the first of {} in `{name}` waits for {}", queue.ready, about(waits));
    let remedy =
        "more slots or workers for it; what runs: backstay top, why one waits: backstay why JOB";
    Some(Finding::warn("queue", finding, remedy))
}

fn nobody(queue: &QueueStatus, now: SystemTime) -> Finding {
    let name = &queue.name;
    let jobs = if queue.ready.more {
        format!("{} jobs", queue.ready)
    } else {
        count(queue.ready.count, "job")
    };
    let seen = match (&queue.served_at, &queue.served_by) {
        (Some(at), Some(host)) => format!(" (last seen {} ago on {host})", about(at.age(now))),
        _ => String::new(),
    };
    let finding = format!("{jobs} in `{name}`, no worker serves it{seen}");
    Finding::fail("queue", finding, format!("start a worker with --queues {name}"))
}

fn judge(jobs: &Jobs, now: SystemTime) -> Vec<Finding> {
    let mut found = vec![workers(jobs, now)];
    let lines = jobs
        .held_back
        .iter()
        .flat_map(|one| one.admission.lines().into_iter().map(|line| (&one.host, line)));
    found.extend(lines.take(LINES).map(|(host, line)| {
        Finding::warn("brake", format!("worker on {host}: {line}"), "backstay workers list")
    }));
    found.extend(jobs.levels.iter().map(isolation));
    found.extend(releases(&jobs.releases));
    found.extend(undone(jobs, now));
    if jobs.in_line >= CROWD {
        let finding = format!("about {} million jobs in line", jobs.in_line / CROWD);
        found.push(Finding::warn(
            "line",
            finding,
            "which of them nobody needs: backstay queues list",
        ));
    }
    for Stopped { id, left } in jobs.stopped.iter().take(LINES) {
        let finding = format!("replay {id} has stopped, {} to go", count(*left, "dead letter"));
        let remedy = format!("backstay replays list, then: backstay replays resume {id}");
        found.push(Finding::warn("replay", finding, remedy));
    }
    let (unknown, held): (Vec<&Parked>, Vec<&Parked>) =
        jobs.parked.iter().partition(|parked| parked.reason == "unknown_kind");
    for parked in unknown.into_iter().take(LINES) {
        let (jobs, kind) = (count(parked.jobs, "job"), &parked.subject);
        let since = about(parked.since.age(now));
        let finding = format!("{jobs} of kind `{kind}` held for {since}: no worker knows it");
        let remedy =
            format!("start a worker that handles `{kind}`, or: backstay jobs cancel --kind {kind}");
        found.push(Finding::warn("kind", finding, remedy));
    }
    for parked in held.into_iter().filter(|parked| parked.long).take(LINES) {
        let (jobs, since) = (count(parked.jobs, "job"), about(parked.since.age(now)));
        let finding = format!("{jobs} held for {since}: {} {}", parked.reason, parked.subject);
        found.push(Finding::warn("parked", finding, "backstay jobs list --state parked"));
    }
    if jobs.overdue > 0 {
        let finding = format!("{} past their last deadline", count(jobs.overdue, "running job"));
        let remedy = "backstay jobs list --state running; is their worker frozen?";
        found.push(Finding::warn("deadline", finding, remedy));
    }
    if jobs.unread > 0 {
        let more = if jobs.unread > 1_000 { "+" } else { "" };
        let finding = format!(
            "{}{more} open for more than a day",
            count(jobs.unread.min(1_000), "dead letter")
        );
        found.push(Finding::warn("dead", finding, "backstay dead list"));
    } else {
        found.push(Finding::ok("dead", "no dead letter has been open for a day"));
    }
    found
}

fn workers(jobs: &Jobs, now: SystemTime) -> Finding {
    let Some(late) = jobs.late.first() else {
        return match jobs.living {
            0 => Finding::warn("worker", "no worker lives", "backstay work"),
            n => Finding::ok("worker", format!("{} alive, no lease past due", count(n, "worker"))),
        };
    };
    let holds: u64 = jobs.late.iter().map(|late| late.running).sum();
    let finding = format!(
        "{} silent, {} at {} (the first: {} on {}, for {})",
        count(jobs.late.len() as u64, "worker"),
        count(holds, "job"),
        if jobs.late.len() == 1 { "it" } else { "them" },
        &late.id[..late.id.len().min(8)],
        late.host,
        about(late.beat_at.age(now)),
    );
    match jobs.living {
        0 => Finding::fail("worker", finding, "start a worker: it takes over what they had"),
        _ => Finding::warn("worker", finding, "others take over within seconds: look again"),
    }
}

/// Several releases side by side are a rollout, and after an hour one that was not finished.
fn releases(live: &[Release]) -> Option<Finding> {
    if live.len() < 2 || !live.iter().all(|release| release.long) {
        return None;
    }
    let each: Vec<String> = live
        .iter()
        .map(|one| format!("{} ({})", one.release, count(one.workers, "worker")))
        .collect();
    let finding = format!("workers of {} releases for an hour: {}", live.len(), each.join(", "));
    Some(Finding::warn("release", finding, "replace those of the older one"))
}

/// Duties that nobody does though a worker lives; without one that is said already.
fn undone(jobs: &Jobs, now: SystemTime) -> Vec<Finding> {
    let told = |duty: &Undone| {
        let Undone { name, last_ok_at } = duty;
        let finding = format!("`{name}` has not succeeded for {}", about(last_ok_at.age(now)));
        Finding::warn("duty", finding, "the log of the workers says why: the duty failed")
    };
    let lives = jobs.living > 0;
    jobs.undone.iter().filter(|_| lives).take(LINES).map(told).collect()
}

/// Who holds which limit; what nobody holds is named.
fn isolation(level: &Level) -> Finding {
    let mut finding = format!("{} at level {}", count(level.workers, "worker"), level.level);
    let Some(holders) = &level.holders else {
        return Finding::ok("isolation", format!("{finding}: only time is limited there"));
    };
    let (held, open): (Vec<_>, Vec<_>) = holders.iter().partition(|(_, by)| *by != "none");
    let held: Vec<String> = held.iter().map(|(limit, by)| format!("{limit} by {by}")).collect();
    finding += &format!(": {}", held.join(", "));
    if open.is_empty() {
        return Finding::ok("isolation", finding);
    }
    let open: Vec<&str> = open.iter().map(|(limit, _)| limit.as_str()).collect();
    finding += &format!("; not held: {}", open.join(", "));
    let remedy =
        Some("what its host could grant is said there by: backstay doctor --limits".into());
    Finding { remedy, ..Finding::ok("isolation", finding) }
}

#[cfg(test)]
mod tests {
    use super::super::Health;
    use super::*;

    fn at(text: &str) -> Instant {
        text.parse().unwrap()
    }

    fn noon() -> SystemTime {
        at("2026-11-24T12:00:00Z").into()
    }

    fn queue(json: &str) -> QueueStatus {
        let mut queue = serde_json::json!({
            "name": "exports", "declared": true, "ready": {"count": 4, "more": false}, "by_priority": {},
            "oldest_ready_at": null, "scheduled": {"count": 0, "more": false}, "next_run_at": null,
            "parked": {"count": 0, "more": false}, "running": {"count": 0, "more": false},
            "dead": {"count": 0, "more": false}, "workers": 0, "slots": 0,
            "served_at": "2026-11-24T09:00:00Z", "served_by": "app-3", "paused": null,
        });
        let changes: serde_json::Value = serde_json::from_str(json).unwrap();
        for (name, value) in changes.as_object().unwrap() {
            queue[name] = value.clone();
        }
        serde_json::from_value(queue).unwrap()
    }

    #[test]
    fn due_work_that_nobody_serves_is_a_failure_with_its_command() {
        let found = unserved(&[queue("{}")], noon());
        let [finding] = &found[..] else { panic!("{found:?}") };
        assert_eq!(
            finding.finding,
            "4 jobs in `exports`, no worker serves it (last seen 3 h ago on app-3)"
        );
        assert_eq!(finding.remedy.as_deref(), Some("start a worker with --queues exports"));
        assert_eq!(finding.health, Health::Fail);
    }

    #[test]
    fn a_served_and_an_empty_queue_are_well_and_a_paused_one_is_worth_a_word() {
        let health = |json: &str| unserved(&[queue(json)], noon())[0].health;
        assert_eq!(health(r#"{"workers": 1}"#), Health::Ok);
        let late = r#"{"workers": 1, "oldest_ready_at": "2026-11-24T11:13:00Z"}"#;
        assert_eq!(
            unserved(&[queue(late)], noon())[0].finding,
            "the first of 4 in `exports` waits for 47 min"
        );
        assert_eq!(health(r#"{"ready": {"count": 0, "more": false}}"#), Health::Ok);
        let paused = r#"{"paused": {"since": "2026-11-22T12:00:00Z", "until": null, "by": "ana", "reason": null}}"#;
        assert_eq!(health(paused), Health::Warn);
    }

    #[test]
    fn who_holds_which_limit_is_named_and_what_nobody_holds() {
        let of = |json: serde_json::Value| isolation(&serde_json::from_value(json).unwrap());
        let some = of(serde_json::json!({
            "level": "rlimit", "workers": 2,
            "holders": { "memory": "watch", "cpu_priority": "nice", "cpu_cap": "none" },
        }));
        assert_eq!(
            some.finding,
            "2 workers at level rlimit: cpu_priority by nice, memory by watch; not held: cpu_cap"
        );
        assert_eq!(some.health, Health::Ok);
        assert!(some.remedy.is_some());
        let inline = of(serde_json::json!({ "level": "inline", "workers": 1, "holders": null }));
        assert_eq!(inline.finding, "1 worker at level inline: only time is limited there");
    }

    #[test]
    fn silent_workers_are_bad_only_while_nobody_else_lives() {
        let late = Late {
            id: "018f6f1e-0000".into(),
            host: "app-1".into(),
            running: 3,
            beat_at: at("2026-11-24T11:58:00Z"),
        };
        let mut jobs = Jobs {
            parked: vec![],
            overdue: 0,
            late: vec![late],
            held_back: vec![],
            living: 1,
            levels: vec![],
            unread: 0,
            releases: vec![],
            undone: vec![],
            stopped: vec![],
            in_line: 0,
        };
        assert_eq!(
            workers(&jobs, noon()).finding,
            "1 worker silent, 3 jobs at it (the first: 018f6f1e on app-1, for 2 min)"
        );
        assert_eq!(workers(&jobs, noon()).health, Health::Warn);
        jobs.living = 0;
        assert_eq!(workers(&jobs, noon()).health, Health::Fail);
        jobs.late.clear();
        assert_eq!(workers(&jobs, noon()).health, Health::Warn);
    }

    #[test]
    fn what_keeps_a_worker_from_claiming_is_told_in_its_words() {
        let jobs: Jobs = serde_json::from_value(serde_json::json!({
            "parked": [], "overdue": 0, "late": [], "living": 1, "unread": 0,
            "held_back": [{ "host": "app-1", "admission": {
                "brakes": [{ "what": "database", "reason": "a beat took 2s", "since": "2026-11-24T11:58:00Z" }],
                "kind_braked": ["export"],
            }}],
        }))
        .unwrap();
        let found = judge(&jobs, noon());
        let told: Vec<&str> = found.iter().map(|finding| finding.finding.as_str()).collect();
        assert_eq!(
            told[1..3],
            [
                "worker on app-1: claims less, the database is in trouble: a beat took 2s",
                "worker on app-1: export crashes again and again"
            ]
        );
    }
}
