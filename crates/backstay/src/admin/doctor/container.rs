//! Whether the jobs of a worker may use more than the container in which it runs.

use super::{Finding, blind};
use crate::model::account::size;
use crate::model::status::WorkerStatus;
use crate::model::unit::format_size;
use crate::store::database::Database;
use crate::store::inspect;

/// More lines of one sort say nothing new.
const LINES: usize = 5;
/// Threads and shims of the worker itself, beside what its jobs start.
const OWN: u64 = 64;
/// What of a container its jobs may have, in hundredths: what the worker takes where nothing is said.
const SHARE: u64 = 90;

pub(super) async fn check(database: &Database) -> Vec<Finding> {
    match inspect::list_workers(database, false).await {
        Ok(workers) => judge(&workers),
        Err(error) => vec![blind("container", &error)],
    }
}

/// Says nothing of workers that start no processes.
fn judge(workers: &[WorkerStatus]) -> Vec<Finding> {
    let starts = |worker: &&WorkerStatus| {
        worker.state == "live" && worker.admission.processes_most.is_some()
    };
    let workers: Vec<&WorkerStatus> = workers.iter().filter(starts).collect();
    let mut found: Vec<Finding> = workers.iter().filter_map(|worker| memory(worker)).collect();
    found.extend(workers.iter().filter_map(|worker| processes(worker)));
    found.truncate(LINES);
    found.extend(workers.iter().find_map(|worker| no_limit(worker)));
    if found.is_empty() && !workers.is_empty() {
        let finding = "what jobs may use together fits into the containers of their workers";
        found.push(Finding::ok("container", finding));
    }
    found
}

fn memory(worker: &WorkerStatus) -> Option<Finding> {
    let admission = &worker.admission;
    let (budget, allowed) = (admission.memory_budget?, admission.container_memory?);
    if budget <= allowed {
        return None;
    }
    let finding = format!(
        "all jobs of the worker on {} may use {} of memory, its container {}: the kernel may end all of them at once",
        worker.host,
        size(budget),
        size(allowed)
    );
    // Whole mebibytes, as people write them.
    let fits = (allowed / 100 * SHARE) >> 20 << 20;
    let remedy =
        format!("write memory_budget = \"{}\" under [worker], or give it more", format_size(fits));
    Some(Finding::warn("container", finding, remedy))
}

fn processes(worker: &WorkerStatus) -> Option<Finding> {
    let admission = &worker.admission;
    let (most, allowed) = (admission.processes_most?, admission.container_processes?);
    if most + OWN <= allowed {
        return None;
    }
    let finding = format!(
        "all jobs of the worker on {} may start {most} processes and threads, its container {allowed}: one job can keep the others from starting any",
        worker.host
    );
    let remedy = "write less for slots or processes under [queues.NAME], or allow it more (--pids-limit, TasksMax=)";
    Some(Finding::warn("container", finding, remedy))
}

/// A group of its own for each child limits what that starts; the watch comes too late for a job that only starts processes.
fn no_limit(worker: &WorkerStatus) -> Option<Finding> {
    let is_held = worker.level == "cgroup" || worker.admission.container_processes.is_some();
    let finding =
        || format!("nothing but the watch limits how many processes jobs start on {}", worker.host);
    let remedy =
        "limit the tasks of the worker's container or unit (docker run --pids-limit, TasksMax=)";
    (!is_held).then(|| Finding::warn("container", finding(), remedy))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::Health;
    use super::*;

    fn worker(level: &str, admission: Value) -> WorkerStatus {
        let at = "2026-11-24T11:58:00Z";
        serde_json::from_value(json!({
            "id": "018f6f1e", "state": "live", "host": "app-1", "pid": 7, "release": "1", "level": level, "slots": 4,
            "running": 0, "queues": ["mail"], "kinds": [], "direct": true, "started_at": at, "beat_at": at,
            "lease_until": at, "drain_at": null, "goodbye_at": null, "lost_at": null, "admission": admission,
        }))
        .unwrap()
    }

    #[test]
    fn jobs_that_may_use_more_than_their_container_are_told_with_what_fits() {
        let loose = json!({
            "memory_budget": 4_u64 << 30, "container_memory": 2_u64 << 30,
            "processes_most": 1_024, "container_processes": 512,
        });
        let found = judge(&[worker("rlimit", loose)]);
        let [memory, processes] = &found[..] else { panic!("{found:?}") };
        let told = "all jobs of the worker on app-1 may use 4 GiB of memory, its container 2 GiB: the kernel may end all of them at once";
        assert_eq!((memory.health, memory.finding.as_str()), (Health::Warn, told));
        let remedy = "write memory_budget = \"1843MiB\" under [worker], or give it more";
        assert_eq!(memory.remedy.as_deref(), Some(remedy));
        assert!(
            processes.finding.contains("may start 1024 processes and threads, its container 512")
        );
    }

    #[test]
    fn what_fits_is_well_and_what_starts_no_processes_is_no_matter() {
        let fits = json!({
            "memory_budget": 1_u64 << 30, "container_memory": 2_u64 << 30,
            "processes_most": 1_024, "container_processes": 4_096,
        });
        assert_eq!(judge(&[worker("rlimit", fits)])[0].health, Health::Ok);
        assert_eq!(judge(&[worker("inline", json!({ "memory_budget": 1 }))]), []);
    }

    #[test]
    fn a_host_without_any_limit_of_processes_is_told_unless_each_child_has_one() {
        let open = json!({ "processes_most": 1_024 });
        assert_eq!(judge(&[worker("rlimit", open.clone())])[0].health, Health::Warn);
        assert_eq!(judge(&[worker("cgroup", open)])[0].health, Health::Ok);
    }
}
