//! Why a job does not start, as far as the workers that could run it say so with their beats.

use serde::Serialize;

use super::document::JobDocument;
use super::state::State;
use super::status::WorkerStatus;
use super::unit::format_size;

/// Why a job waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Why {
    /// `no_worker level_lost brake pool_broken kind_braked needs_memory in_hand`.
    pub reason: &'static str,
    /// One sentence.
    pub text: String,
    /// A command that shows or does more about it.
    pub remedy: String,
}

/// Tells why a job in line is not taken, or one that is taken has not begun; nothing where no worker stands in its way, and
/// it is only a matter of its turn.
///
/// ```
/// use backstay::inspect::{Why, WorkerStatus, why};
///
/// let job = serde_json::from_str(r#"{"id": "7", "kind": "export", "queue": "exports", "state": "ready"}"#)?;
/// let Why { reason, text, .. } = why(&job, &Vec::<WorkerStatus>::new()).expect("nobody is there to take it");
/// assert_eq!((reason, text.as_str()), ("no_worker", "no live worker serves queue exports"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[must_use]
pub fn why(job: &JobDocument, workers: &[WorkerStatus]) -> Option<Why> {
    match job.state {
        State::Ready => {
            let serves = |worker: &&WorkerStatus| {
                worker.state == "live" && worker.queues.contains(&job.queue)
            };
            let serving: Vec<&WorkerStatus> = workers.iter().filter(serves).collect();
            if serving.is_empty() {
                return Some(Why {
                    reason: "no_worker",
                    text: format!("no live worker serves queue {}", job.queue),
                    remedy: format!("backstay work --queues {}", job.queue),
                });
            }
            let in_the_way: Option<Vec<Why>> =
                serving.iter().map(|worker| obstacle(job, worker)).collect();
            in_the_way?.into_iter().next()
        }
        State::Running => workers.iter().find_map(|worker| in_hand(job, worker)),
        _ => None,
    }
}

/// What keeps this worker from taking the job: the first that applies.
fn obstacle(job: &JobDocument, worker: &WorkerStatus) -> Option<Why> {
    let admission = &worker.admission;
    let why = |reason, text, remedy: &str| Some(Why { reason, text, remedy: remedy.to_owned() });
    if let Some(lost) = &admission.level_lost {
        let text =
            format!("its worker on {} claims nothing: limits cannot be held, {lost}", worker.host);
        return why("level_lost", text, "backstay alerts list");
    }
    if let Some(brake) = admission.brakes.first() {
        let text = format!("its worker on {} {}", worker.host, brake.line());
        return why("brake", text, "backstay workers list");
    }
    let of_queue = admission.pool_broken.get(&job.queue);
    if of_queue.is_some_and(|kinds| kinds.contains(&job.kind)) {
        let text = format!("the program of {} does not boot on {}", job.kind, worker.host);
        return why("pool_broken", text, "backstay alerts list");
    }
    if admission.kind_braked.contains(&job.kind) {
        let text =
            format!("attempts of {} crash again and again, so they start one at a time", job.kind);
        return why("kind_braked", text, &format!("backstay jobs list --kind {}", job.kind));
    }
    let needs =
        job.memory_bytes.filter(|needs| admission.memory_budget.is_some_and(|all| *needs > all))?;
    let text = format!(
        "it needs {} of memory, and all jobs together may use {} on {}",
        format_size(needs),
        format_size(admission.memory_budget.unwrap_or(0)),
        worker.host
    );
    why("needs_memory", text, "start a worker with more memory_budget, or give the job less")
}

fn in_hand(job: &JobDocument, worker: &WorkerStatus) -> Option<Why> {
    let needs = worker.admission.in_hand.get(&job.id.to_string())?;
    Some(Why {
        reason: "in_hand",
        text: format!(
            "waiting for memory: needs {}, free {}",
            format_size(*needs),
            format_size(worker.admission.memory_free)
        ),
        remedy: "backstay top".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn worker(admission: Value) -> WorkerStatus {
        serde_json::from_value(json!({
            "id": "018f6f1e", "state": "live", "host": "app-1", "pid": 1, "release": "1", "level": "rlimit", "slots": 4,
            "running": 0, "queues": ["default"], "kinds": ["export"], "direct": true, "admission": admission,
            "started_at": "2026-11-24T11:58:00Z", "beat_at": "2026-11-24T11:58:00Z", "lease_until": "2026-11-24T11:58:30Z",
            "drain_at": null, "goodbye_at": null, "lost_at": null,
        }))
        .unwrap()
    }

    #[track_caller]
    fn check(state: &str, admissions: &[Value], expected: Option<(&str, &str)>) {
        let job: JobDocument = serde_json::from_value(json!({
            "id": "7", "kind": "export", "queue": "default", "state": state, "memory_bytes": 2_u64 << 30,
        }))
        .unwrap();
        let workers: Vec<WorkerStatus> = admissions.iter().cloned().map(worker).collect();
        let why = why(&job, &workers);
        assert_eq!(why.as_ref().map(|why| (why.reason, why.text.as_str())), expected);
    }

    #[test]
    fn the_first_obstacle_is_told_and_none_where_one_worker_can_take_it() {
        let brake = json!({ "brakes": [{ "what": "memory", "reason": "92 % of the limit is in use", "since": "2026-11-24T11:58:00Z" }] });
        let told = "its worker on app-1 claims less, the memory is in trouble: 92 % of the limit is in use";
        check("ready", std::slice::from_ref(&brake), Some(("brake", told)));
        check("ready", &[brake.clone(), json!({})], None);
        let lost = json!({ "level_lost": "no control group can be made: No such file", "brakes": brake["brakes"] });
        let told = "its worker on app-1 claims nothing: limits cannot be held, no control group can be made: No such file";
        check("ready", std::slice::from_ref(&lost), Some(("level_lost", told)));
        check("ready", &[lost, json!({})], None);
        check("ready", &[json!({})], None);
        let broken = json!({ "pool_broken": { "default": ["export"] }, "kind_braked": ["export"] });
        check(
            "ready",
            &[broken],
            Some(("pool_broken", "the program of export does not boot on app-1")),
        );
        let braked = json!({ "kind_braked": ["export"] });
        let told = "attempts of export crash again and again, so they start one at a time";
        check("ready", &[braked], Some(("kind_braked", told)));
        let told = "it needs 2GiB of memory, and all jobs together may use 1GiB on app-1";
        check("ready", &[json!({ "memory_budget": 1 << 30 })], Some(("needs_memory", told)));
        check("ready", &[json!({ "memory_budget": 2_u64 << 30 })], None);
        check("ready", &[], Some(("no_worker", "no live worker serves queue default")));
        check("scheduled", &[], None);
    }

    #[test]
    fn a_job_that_is_taken_and_waits_for_memory_says_how_much() {
        let holds = json!({ "in_hand": { "7": 2_u64 << 30 }, "memory_free": 1_u64 << 30 });
        check(
            "running",
            &[json!({}), holds],
            Some(("in_hand", "waiting for memory: needs 2GiB, free 1GiB")),
        );
        check("running", &[json!({})], None);
    }
}
