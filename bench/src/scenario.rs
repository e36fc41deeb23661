//! What is measured: each scenario on a fresh database, alike for every queue.

mod drain;
mod enqueue;
mod idle;
mod pickup;

use std::time::Duration;

use serde_json::Value;

use crate::Failure;
use crate::figures::Values;
use crate::options::Options;
use crate::peer::Subject;
use crate::process::Process;
use crate::server::{Meter, Place, Server};

/// Jobs of one call of a bulk enqueue.
const BATCH: u64 = 10_000;
/// The longest that an adapter may take to install its tables, or to fill them.
const PREPARES: Duration = Duration::from_secs(300);

#[derive(Debug, Clone, Copy)]
pub(crate) enum Scenario {
    /// Bulk enqueue on one connection.
    Many { jobs: u64 },
    /// One job in a transaction of its own, again and again, on each of so many connections.
    Single { senders: u64, seconds: u64 },
    /// What waits is run by so many worker processes.
    Drain { jobs: u64, workers: u32, cap: u64 },
    /// The same with a snapshot held open from before.
    Pinned { jobs: u64, cap: u64 },
    /// Jobs come at a steady rate to a worker that has nothing else to do.
    Pickup { rate: u64, seconds: u64 },
    /// A worker that has nothing to do.
    Idle { seconds: u64 },
}

/// In the order in which they run.
pub(crate) fn all(options: &Options) -> Vec<Scenario> {
    let Options { jobs, seconds, cap, .. } = *options;
    let mut all = vec![Scenario::Many { jobs }];
    all.extend([1, 8, 32].map(|senders| Scenario::Single { senders, seconds }));
    all.extend([1, 2, 4].map(|workers| Scenario::Drain { jobs, workers, cap }));
    all.extend([50, 2000].map(|rate| Scenario::Pickup { rate, seconds }));
    // Long enough for rows that no vacuum may remove to be in the way.
    all.push(Scenario::Pinned { jobs: jobs * 5, cap });
    all.push(Scenario::Idle { seconds });
    all
}

impl Scenario {
    pub(crate) fn name(self) -> String {
        match self {
            Scenario::Many { .. } => format!("enqueue {BATCH} a call"),
            Scenario::Single { senders: 1, .. } => "enqueue one by one, 1 connection".to_owned(),
            Scenario::Single { senders, .. } => {
                format!("enqueue one by one, {senders} connections")
            }
            Scenario::Drain { workers: 1, .. } => "drain, 1 worker".to_owned(),
            Scenario::Drain { workers, .. } => format!("drain, {workers} workers"),
            Scenario::Pinned { .. } => "drain, pinned snapshot".to_owned(),
            Scenario::Pickup { rate, .. } => format!("pickup, {rate} jobs/s"),
            Scenario::Idle { .. } => "idle worker".to_owned(),
        }
    }

    /// Whether it is among those of the short form.
    pub(crate) fn is_short(self) -> bool {
        use Scenario::{Drain, Many, Pickup, Single};
        matches!(
            self,
            Many { .. }
                | Single { senders: 8, .. }
                | Drain { workers: 1, .. }
                | Pickup { rate: 50, .. }
        )
    }

    /// Whether the subject's mode makes a difference here.
    pub(crate) fn suits(self, subject: &Subject) -> bool {
        match self {
            Scenario::Many { .. } | Scenario::Single { .. } => subject.is_first,
            _ => true,
        }
    }

    pub(crate) fn measure(self, server: &mut Server, subject: &Subject) -> Result<Values, Failure> {
        let mut place = server.place()?;
        let values = self.measure_in(server, &mut place, subject);
        server.remove(place)?;
        values
    }

    fn measure_in(
        self,
        server: &mut Server,
        place: &mut Place,
        subject: &Subject,
    ) -> Result<Values, Failure> {
        ask(place, subject, &["setup"], PREPARES)?;
        match self {
            Scenario::Many { jobs } => enqueue::many(server, place, subject, jobs),
            Scenario::Single { senders, seconds } => {
                enqueue::single(server, place, subject, senders, seconds)
            }
            Scenario::Drain { jobs, workers, cap } => {
                let wanted = drain::Wanted { jobs, workers, cap: Duration::from_secs(cap) };
                drain::free(server, place, subject, wanted)
            }
            Scenario::Pinned { jobs, cap } => {
                let wanted = drain::Wanted { jobs, workers: 1, cap: Duration::from_secs(cap) };
                drain::pinned(server, place, subject, wanted)
            }
            Scenario::Pickup { rate, seconds } => pickup::measure(place, subject, rate, seconds),
            Scenario::Idle { seconds } => idle::measure(server, place, subject, seconds),
        }
    }
}

/// Runs one command of the adapter to its end.
fn ask(place: &Place, subject: &Subject, words: &[&str], most: Duration) -> Result<Value, Failure> {
    subject.queue.start(&place.url, words)?.finish(most)
}

fn fill(place: &mut Place, subject: &Subject, jobs: u64) -> Result<(), Failure> {
    let (jobs, batch) = (jobs.to_string(), BATCH.to_string());
    ask(place, subject, &["many", &jobs, &batch], PREPARES)?;
    place.settle_in()
}

/// Worker processes that are ready and wait for their "go".
fn workers(
    place: &Place,
    subject: &Subject,
    n: u32,
    with_times: bool,
) -> Result<Vec<Process>, Failure> {
    let mut words = vec!["work", &subject.mode];
    words.extend(with_times.then_some("times"));
    let start = |_| subject.queue.start(&place.url, &words);
    let mut workers: Vec<Process> = (0..n).map(start).collect::<Result<_, _>>()?;
    workers.iter_mut().try_for_each(Process::ready)?;
    Ok(workers)
}

/// What so many jobs have cost between two moments.
fn costs(values: &mut Values, jobs: f64, before: Meter, after: Meter, client_cpu: f64) {
    values.insert("server_cpu", (after.cpu - before.cpu) * 1000.0 / jobs);
    values.insert("client_cpu", client_cpu * 1000.0 / jobs);
    values.insert("wal", (after.wal - before.wal) as f64 / jobs);
}
