//! What has changed between two looks, under the names of the events.

use std::collections::BTreeMap;

use backstay::inspect::{self, JobDocument, JobFilter, MessageStatus, QueueStatus, WorkerStatus};
use backstay::{Database, StoreError};
use serde::Serialize;

use super::Told;

/// Dead letters and messages that one look reads; more at once are told by the counters of their queues.
const ROWS: u16 = 50;

/// What one look saw.
pub(super) struct Picture {
    queues: Vec<QueueStatus>,
    workers: Vec<WorkerStatus>,
    dead: Vec<JobDocument>,
    messages: Vec<MessageStatus>,
}

impl Picture {
    pub(super) async fn now(database: &Database) -> Result<Picture, StoreError> {
        let all = JobFilter::default();
        Ok(Picture {
            queues: inspect::queues(database).await?,
            workers: inspect::workers(database, true).await?,
            dead: inspect::dead_letters(database, &all, false, None, ROWS).await?.items,
            messages: inspect::alerts(database, None, ROWS).await?.items,
        })
    }

    /// What is new in this picture.
    pub(super) fn since(&self, old: &Picture) -> Vec<Told> {
        let mut told = Vec::new();
        self.tell_dead(old, &mut told);
        self.tell_queues(old, &mut told);
        self.tell_workers(old, &mut told);
        self.tell_messages(old, &mut told);
        told
    }

    fn tell_dead(&self, old: &Picture, told: &mut Vec<Told>) {
        let known = |job: &JobDocument| {
            old.dead.iter().any(|known| known.id == job.id && known.finished_at == job.finished_at)
        };
        // Below the oldest that was seen lies what was there before, and has come up because another left.
        let floor = old.dead.last().and_then(|job| job.finished_at);
        let is_new = |job: &&JobDocument| {
            !known(job) && (old.dead.len() < usize::from(ROWS) || job.finished_at > floor)
        };
        for job in self.dead.iter().filter(is_new).rev() {
            let of = (Some(job.queue.clone()), Some(job.kind.clone()));
            told.extend(one("dead", "job.buried", of, job));
        }
    }

    fn tell_queues(&self, old: &Picture, told: &mut Vec<Told>) {
        let old: BTreeMap<&str, &QueueStatus> =
            old.queues.iter().map(|queue| (queue.name.as_str(), queue)).collect();
        for queue in &self.queues {
            let of = || (Some(queue.name.clone()), None);
            let before = old.get(queue.name.as_str());
            let was_paused = before.is_some_and(|before| before.paused.is_some());
            match (was_paused, queue.paused.is_some()) {
                (false, true) => told.extend(one("queues", "queue.paused", of(), queue)),
                (true, false) => told.extend(one("queues", "queue.resumed", of(), queue)),
                _ if before.is_none_or(|before| counters(before) != counters(queue)) => {
                    told.extend(one("queues", "queue.counters", of(), queue));
                }
                _ => {}
            }
        }
    }

    fn tell_workers(&self, old: &Picture, told: &mut Vec<Told>) {
        let old: BTreeMap<&str, &str> =
            old.workers.iter().map(|worker| (worker.id.as_str(), worker.state.as_str())).collect();
        for worker in &self.workers {
            let before = old.get(worker.id.as_str()).copied();
            let name = match worker.state.as_str() {
                now if before == Some(now) => continue,
                "live" if before.is_none() => "worker.started",
                "draining" => "worker.draining",
                "gone" => "worker.stopped",
                "lost" => "worker.lost",
                _ => continue,
            };
            told.extend(one("workers", name, (None, None), worker));
        }
    }

    fn tell_messages(&self, old: &Picture, told: &mut Vec<Told>) {
        let old: BTreeMap<&str, (&str, i32)> =
            old.messages.iter().map(|m| (m.id.as_str(), (m.state.as_str(), m.tries))).collect();
        for message in self.messages.iter().rev() {
            if old.get(message.id.as_str()) == Some(&(message.state.as_str(), message.tries)) {
                continue;
            }
            let name = match message.state.as_str() {
                "sent" => "alert.sent",
                "failing" => "alert.failed",
                "undeliverable" => "alert.undeliverable",
                _ => continue,
            };
            told.extend(one("alerts", name, (None, None), message));
        }
    }
}

/// What of a queue is worth an event of its own.
fn counters(queue: &QueueStatus) -> [u64; 5] {
    [queue.ready, queue.scheduled, queue.parked, queue.running, queue.dead].map(|n| n.count)
}

fn one(
    topic: &'static str,
    name: &'static str,
    (queue, kind): (Option<String>, Option<String>),
    document: &impl Serialize,
) -> Option<Told> {
    // A line feed would end the event. In texts it is escaped; between them it may stand in JSON that somebody else wrote.
    let data = serde_json::to_string(document).ok()?.replace(['\n', '\r'], " ");
    Some(Told { id: 0, topic, name, queue, kind, data })
}
