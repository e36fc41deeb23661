//! What `top` shows, as the database told it at one moment; and the order and the figures of its rows. Pure.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use backstay::inspect::{QueueStatus, RunningJob, WorkerStatus};
use backstay::model::instant::Instant;
use clap::ValueEnum;

/// By what the rows are sorted, the largest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Sort {
    /// Memory.
    #[default]
    Mem,
    /// Processor.
    Cpu,
    /// How long it runs.
    Age,
}

impl Sort {
    pub(super) fn next(self) -> Sort {
        match self {
            Sort::Mem => Sort::Cpu,
            Sort::Cpu => Sort::Age,
            Sort::Age => Sort::Mem,
        }
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Sort::Mem => "memory",
            Sort::Cpu => "cpu",
            Sort::Age => "age",
        }
    }
}

/// One moment.
#[derive(Debug, Clone)]
pub(super) struct Picture {
    pub(super) at: Instant,
    pub(super) jobs: Vec<RunningJob>,
    pub(super) queues: Vec<QueueStatus>,
    pub(super) workers: Vec<WorkerStatus>,
    /// Per cent of one processor, of jobs whose use is known; since the picture before where there was one.
    cpu: HashMap<(String, i32), f64>,
}

impl Picture {
    pub(super) fn new(
        jobs: Vec<RunningJob>,
        queues: Vec<QueueStatus>,
        workers: Vec<WorkerStatus>,
    ) -> Picture {
        let now = SystemTime::now();
        let at = Instant::try_from(now).expect("a clock shows a time between the year 1 and 9999");
        let cpu = jobs.iter().filter_map(|job| Some((key(job), since_start(job)?))).collect();
        Picture { at, jobs, queues, workers, cpu }
    }

    /// Takes over what only two pictures tell: how much of a processor each job used between them.
    pub(super) fn after(mut self, before: &Picture) -> Picture {
        let older: HashMap<_, _> = before.jobs.iter().map(|job| (key(job), job)).collect();
        for job in &self.jobs {
            let Some(old) = older.get(&key(job)) else { continue };
            let percent = if old.sampled_at == job.sampled_at {
                // The worker has not beaten since: what was known is still the newest.
                before.cpu.get(&key(job)).copied()
            } else {
                between(old, job)
            };
            if let Some(percent) = percent {
                self.cpu.insert(key(job), percent);
            }
        }
        self
    }

    /// Per cent of one processor.
    pub(super) fn cpu(&self, job: &RunningJob) -> Option<f64> {
        self.cpu.get(&key(job)).copied()
    }

    /// The jobs in their order.
    pub(super) fn sorted(&self, sort: Sort) -> Vec<&RunningJob> {
        let mut jobs: Vec<&RunningJob> = self.jobs.iter().collect();
        match sort {
            Sort::Mem => jobs.sort_by_key(|job| Reverse(job.memory_bytes)),
            // Hundredths: a fraction has no order of its own.
            Sort::Cpu => {
                jobs.sort_by_key(|job| Reverse(self.cpu(job).map(|cpu| (cpu * 100.0) as i64)));
            }
            Sort::Age => jobs.sort_by_key(|job| job.started_at),
        }
        jobs
    }

    /// Memory of all jobs whose use is known.
    pub(super) fn memory(&self) -> u64 {
        self.jobs.iter().filter_map(|job| job.memory_bytes).sum()
    }

    /// Slots that hold a job, and all slots, of workers that live.
    pub(super) fn slots(&self) -> (i64, i64) {
        let live = self.workers.iter().filter(|worker| worker.state != "lost");
        live.fold((0, 0), |(busy, all), worker| {
            (busy + worker.running, all + i64::from(worker.slots))
        })
    }
}

fn key(job: &RunningJob) -> (String, i32) {
    (job.id.clone(), job.attempt)
}

fn since_start(job: &RunningJob) -> Option<f64> {
    let seen = SystemTime::from(job.sampled_at?);
    let ran = seen.duration_since(SystemTime::from(job.started_at)).ok()?;
    percent(job.cpu_ms?, ran)
}

fn between(old: &RunningJob, new: &RunningJob) -> Option<f64> {
    let used = new.cpu_ms?.checked_sub(old.cpu_ms?)?;
    let (from, to) = (SystemTime::from(old.sampled_at?), SystemTime::from(new.sampled_at?));
    percent(used, to.duration_since(from).ok()?)
}

fn percent(used_ms: u64, within: Duration) -> Option<f64> {
    let millis = within.as_millis();
    (millis > 0).then(|| used_ms as f64 * 100.0 / millis as f64)
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// A job of a test: what is not given is as in most.
    pub(in crate::cmd::top) fn job(id: i64, given: Value) -> RunningJob {
        let mut job = json!({
            "id": id.to_string(), "kind": "report", "queue": "reports", "priority": 5, "attempt": 1,
            "started_at": "2026-11-23T09:00:00Z", "worker": "018f6f1e-0000-7000-8000-000000000000",
            "host": "app-2", "level": "rlimit", "cancelling": false,
        });
        for (name, value) in given.as_object().unwrap() {
            job[name] = value.clone();
        }
        serde_json::from_value(job).unwrap()
    }

    #[test]
    fn cpu_is_of_the_time_between_two_samples_where_there_are_two() {
        let first = json!({ "cpu_ms": 30_000, "sampled_at": "2026-11-23T09:01:00Z" });
        let second = json!({ "cpu_ms": 34_000, "sampled_at": "2026-11-23T09:01:05Z" });
        let before = Picture::new(vec![job(1, first.clone())], vec![], vec![]);
        assert_eq!(before.cpu(&before.jobs[0]), Some(50.0));
        let after = Picture::new(vec![job(1, second)], vec![], vec![]).after(&before);
        assert_eq!(after.cpu(&after.jobs[0]), Some(80.0));
        let again = Picture::new(vec![job(1, first)], vec![], vec![]).after(&before);
        assert_eq!(again.cpu(&again.jobs[0]), Some(50.0));
    }

    #[test]
    fn rows_are_sorted_by_what_was_asked_and_the_unknown_come_last() {
        let jobs = vec![
            job(1, json!({})),
            job(2, json!({ "memory_bytes": 5, "started_at": "2026-11-23T08:00:00Z" })),
            job(3, json!({ "memory_bytes": 9, "cpu_ms": 1, "sampled_at": "2026-11-23T09:01:00Z" })),
        ];
        let picture = Picture::new(jobs, vec![], vec![]);
        let ids = |sort| picture.sorted(sort).iter().map(|job| job.id.clone()).collect::<Vec<_>>();
        assert_eq!(ids(Sort::Mem), ["3", "2", "1"]);
        assert_eq!(ids(Sort::Cpu)[0], "3");
        assert_eq!(ids(Sort::Age)[0], "2");
    }
}
