//! Whether the memory that kinds may use fits what their attempts had.

use std::collections::BTreeMap;

use super::{Finding, blind, count};
use crate::model::account::size;
use crate::model::peak::PeakStatus;
use crate::model::status::{KindStatus, WorkerStatus};
use crate::model::unit::format_size;
use crate::store::database::Database;
use crate::store::inspect;

/// More lines of one sort say nothing new.
const LINES: usize = 5;

pub(super) async fn check(database: &Database) -> Vec<Finding> {
    let mut found = match inspect::list_kinds(database).await {
        Ok(kinds) => judge(&kinds),
        Err(error) => vec![blind("memory", &error)],
    };
    match inspect::list_workers(database, false).await {
        Ok(workers) => found.extend(uneven(&workers)),
        Err(error) => found.push(blind("memory", &error)),
    }
    found
}

/// A job that fits at one worker of its queue should fit at every other.
fn uneven(workers: &[WorkerStatus]) -> Vec<Finding> {
    let mut queues: BTreeMap<&str, BTreeMap<u64, &WorkerStatus>> = BTreeMap::new();
    for worker in workers.iter().filter(|worker| worker.state == "live") {
        for (queue, bytes) in &worker.admission.memory_of_one {
            queues.entry(queue).or_default().entry(*bytes).or_insert(worker);
        }
    }
    let differ = queues.iter().filter_map(|(queue, sizes)| {
        let (least, most) = (sizes.first_key_value()?, sizes.last_key_value()?);
        (least.0 < most.0).then(|| differs(queue, least, most))
    });
    differ.take(LINES).collect()
}

fn differs(queue: &str, least: (&u64, &&WorkerStatus), most: (&u64, &&WorkerStatus)) -> Finding {
    let at = |(bytes, worker): (&u64, &&WorkerStatus)| {
        format!("{} at the worker on {} (pid {})", size(*bytes), worker.host, worker.pid)
    };
    let finding = format!("a job of `{queue}` may use {} and {}", at(least), at(most));
    let remedy = format!(
        "write memory = \"{}\" under [queues.{queue}] for all of them",
        format_size(*most.0)
    );
    Finding::warn("memory", finding, remedy)
}

/// Nothing is said before there are attempts enough.
fn judge(kinds: &[KindStatus]) -> Vec<Finding> {
    let known = kinds.iter().filter_map(|kind| Some((kind.name.as_str(), kind.memory.as_ref()?)));
    let known: Vec<(&str, &PeakStatus)> =
        known.filter(|(_, memory)| memory.suggested_bytes.is_some()).collect();
    if known.is_empty() {
        return Vec::new();
    }
    let tight = known.iter().filter(|(_, memory)| memory.is_tight()).take(LINES);
    let mut found: Vec<Finding> = tight.map(|(name, memory)| too_little(name, memory)).collect();
    if found.is_empty() {
        found.push(Finding::ok("memory", fits(&known)));
    }
    found
}

fn too_little(name: &str, memory: &PeakStatus) -> Finding {
    let (attempts, limit) = (count(memory.attempts, "attempt"), memory.limit_bytes.unwrap_or(0));
    let finding =
        format!("1 in 100 of {attempts} of kind `{name}` came close to its {}", size(limit));
    let fits = format_size(memory.suggested_bytes.unwrap_or(0));
    Finding::warn("memory", finding, format!("write memory = \"{fits}\" under [kinds.{name}]"))
}

fn fits(known: &[(&str, &PeakStatus)]) -> String {
    let kinds = count(known.len() as u64, "kind");
    let mut text = format!("the memory limits of {kinds} fit what was used");
    let ample = known.iter().filter(|(_, memory)| memory.is_ample());
    let most = ample.max_by_key(|(_, memory)| memory.limit_bytes);
    if let Some((name, memory)) = most {
        let (fits, limit) = (memory.suggested_bytes.unwrap_or(0), memory.limit_bytes.unwrap_or(0));
        text += &format!(
            "; for `{name}` {} would do in place of {} (backstay kinds list)",
            size(fits),
            size(limit)
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::Health;
    use super::*;

    fn kind(name: &str, p99: u64, limit: u64, fits: Option<u64>) -> KindStatus {
        let mib = |n: u64| n << 20;
        let bounded = serde_json::json!({ "count": 0, "more": false });
        serde_json::from_value(serde_json::json!({
            "name": name, "declared": true, "declared_at": null, "contract": {}, "workers": 1,
            "parked": bounded, "running": bounded, "dead": bounded, "paused": null,
            "memory": { "attempts": 1204, "p99_bytes": mib(p99), "limit_bytes": mib(limit), "suggested_bytes": fits.map(mib) },
        }))
        .unwrap()
    }

    #[test]
    fn a_kind_that_comes_close_to_its_limit_is_told_with_one_that_fits() {
        let found = judge(&[kind("render", 576, 512, Some(864)), kind("mail", 20, 512, Some(32))]);
        let [finding] = &found[..] else { panic!("{found:?}") };
        assert_eq!(finding.health, Health::Warn);
        assert_eq!(
            finding.finding,
            "1 in 100 of 1204 attempts of kind `render` came close to its 512 MiB"
        );
        let remedy = "write memory = \"864MiB\" under [kinds.render]";
        assert_eq!(finding.remedy.as_deref(), Some(remedy));
    }

    #[test]
    fn workers_of_one_queue_that_give_a_job_different_memory_are_told_with_both() {
        let worker = |host: &str, state: &str, memory: serde_json::Value| -> WorkerStatus {
            let at = "2026-11-24T11:58:00Z";
            serde_json::from_value(serde_json::json!({
                "id": "018f6f1e", "state": state, "host": host, "pid": 7, "release": "1", "level": "rlimit", "slots": 4,
                "running": 0, "queues": ["mail", "export"], "kinds": [], "direct": true, "started_at": at, "beat_at": at,
                "lease_until": at, "drain_at": null, "goodbye_at": null, "lost_at": null,
                "admission": { "memory_of_one": memory },
            }))
            .unwrap()
        };
        let (small, large) = (128 << 20, 512 << 20);
        let alike = serde_json::json!({ "mail": large, "export": large });
        let less = serde_json::json!({ "mail": large, "export": small });
        let first = worker("app-1", "live", alike);
        assert_eq!(uneven(&[first.clone(), worker("app-2", "live", serde_json::json!({}))]), []);
        assert_eq!(uneven(&[first.clone(), worker("app-2", "gone", less.clone())]), []);
        let found = uneven(&[first, worker("app-2", "live", less)]);
        assert_eq!(
            found,
            [Finding::warn(
                "memory",
                "a job of `export` may use 128 MiB at the worker on app-2 (pid 7) and 512 MiB at the worker on app-1 (pid 7)",
                "write memory = \"512MiB\" under [queues.export] for all of them"
            )]
        );
    }

    #[test]
    fn what_is_far_too_much_is_said_where_all_is_well_and_nothing_before_much_has_run() {
        assert_eq!(judge(&[kind("mail", 20, 512, None)]), []);
        let found = judge(&[kind("mail", 20, 512, Some(32)), kind("render", 300, 512, Some(450))]);
        assert_eq!(
            found,
            [Finding::ok(
                "memory",
                "the memory limits of 2 kinds fit what was used; for `mail` 32 MiB would do in place of 512 MiB \
                 (backstay kinds list)"
            )]
        );
    }
}
