//! What is measured: each scenario on a fresh database, alike for every queue.

mod drain;
mod enqueue;
mod idle;
mod pickup;
mod weight;

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
/// Jobs that a stranger has locked.
const LOCKED: u64 = 100_000;
/// A steady rate beside a snapshot that is held.
const STEADY: u64 = 1000;
/// Jobs that come due at a steady rate do so within this time.
const DUE_WITHIN_S: u64 = 10;

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
    /// The same beside jobs that a stranger has locked.
    Locked { jobs: u64, locked: u64, cap: u64 },
    /// The same with the jobs in 1,000 queues.
    Queues { jobs: u64, cap: u64 },
    /// Jobs come at a steady rate to a worker that has nothing else to do.
    Pickup { rate: u64, seconds: u64 },
    /// The same for long, with a snapshot held open from before.
    Steady { rate: u64, seconds: u64 },
    /// Scheduled jobs come due, many in a short time.
    Due { jobs: u64 },
    /// Single enqueues where each flush of the disk takes a millisecond longer.
    SlowFlush { senders: u64, seconds: u64 },
    /// Single enqueues that wake workers, set against those that do not.
    Wake { senders: u64, seconds: u64 },
    /// Another scenario in a database with so many ended jobs, set against an empty one.
    Weight { what: Burdened, ended: u64 },
    /// A worker that has nothing to do.
    Idle { seconds: u64 },
}

/// What is measured in a database that is not empty.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Burdened {
    Drain { jobs: u64, cap: u64 },
    Single { seconds: u64 },
    Pickup { seconds: u64 },
}

/// In the order in which they run.
pub(crate) fn all(options: &Options) -> Vec<Scenario> {
    let Options { jobs, seconds, cap, pin, weight, .. } = *options;
    let mut all = vec![Scenario::Many { jobs }];
    all.extend([1, 8, 32].map(|senders| Scenario::Single { senders, seconds }));
    all.extend([1, 2, 4].map(|workers| Scenario::Drain { jobs, workers, cap }));
    all.extend([50, 2000].map(|rate| Scenario::Pickup { rate, seconds }));
    // Long enough for rows that no vacuum may remove to be in the way.
    all.push(Scenario::Pinned { jobs: jobs * 5, cap });
    all.push(Scenario::Idle { seconds });
    all.extend([1, 8, 32].map(|senders| Scenario::SlowFlush { senders, seconds }));
    all.push(Scenario::Wake { senders: 32, seconds });
    all.push(Scenario::Locked { jobs, locked: LOCKED.min(jobs), cap });
    all.push(Scenario::Queues { jobs, cap });
    all.push(Scenario::Due { jobs });
    all.push(Scenario::Steady { rate: STEADY, seconds: pin });
    let burdened =
        [Burdened::Drain { jobs, cap }, Burdened::Single { seconds }, Burdened::Pickup { seconds }];
    all.extend(burdened.map(|what| Scenario::Weight { what, ended: weight }));
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
            Scenario::SlowFlush { senders, .. } => format!("slow flush, {senders} connections"),
            Scenario::Wake { senders, .. } => format!("wake, {senders} connections"),
            Scenario::Locked { locked, .. } => format!("drain, {locked} locked by a stranger"),
            Scenario::Queues { .. } => "drain, 1000 queues".to_owned(),
            Scenario::Due { jobs } => format!("due, {jobs} within {DUE_WITHIN_S} s"),
            Scenario::Steady { rate, seconds } => {
                format!("steady, {rate} jobs/s, pinned snapshot for {seconds} s")
            }
            Scenario::Weight { what, .. } => format!("weight, {}", what.free().name()),
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
            Scenario::Many { .. } | Scenario::Single { .. } | Scenario::SlowFlush { .. } => {
                subject.is_first
            }
            Scenario::Wake { .. } => subject.is_first && subject.knows("quiet"),
            Scenario::Queues { .. } => subject.knows("queues"),
            Scenario::Due { .. } => subject.knows("later"),
            Scenario::Locked { .. } => !subject.queue.lock.is_empty(),
            Scenario::Weight { what, .. } => subject.knows("weigh") && what.free().suits(subject),
            _ => true,
        }
    }

    pub(crate) fn measure(self, server: &mut Server, subject: &Subject) -> Result<Values, Failure> {
        if let Scenario::Weight { what, ended } = self {
            return weight::measure(server, subject, what, ended);
        }
        let place = server.place()?;
        self.measure_at(server, place, subject)
    }

    /// In this database, which goes with it.
    fn measure_at(
        self,
        server: &mut Server,
        mut place: Place,
        subject: &Subject,
    ) -> Result<Values, Failure> {
        let installed = ask(&place, subject, &["setup"], PREPARES);
        let values = installed.and_then(|_| self.measure_in(server, &mut place, subject));
        server.remove(place)?;
        values
    }

    fn measure_in(
        self,
        server: &mut Server,
        place: &mut Place,
        subject: &Subject,
    ) -> Result<Values, Failure> {
        match self {
            Scenario::Many { jobs } => enqueue::many(server, place, subject, jobs),
            Scenario::Single { senders, seconds } => {
                enqueue::single(server, place, subject, senders, seconds)
            }
            Scenario::Drain { jobs, workers, cap } => {
                let wanted = wanted(place, subject, jobs, workers, cap)?;
                drain::free(server, place, subject, wanted)
            }
            Scenario::Pinned { jobs, cap } => {
                let wanted = wanted(place, subject, jobs, 1, cap)?;
                drain::pinned(server, place, subject, wanted)
            }
            Scenario::Locked { jobs, locked, cap } => {
                let wanted =
                    drain::Wanted { rest: locked, ..wanted(place, subject, jobs, 1, cap)? };
                drain::locked(server, place, subject, wanted)
            }
            Scenario::Queues { jobs, cap } => {
                let wanted = wanted(place, subject, jobs, 1, cap)?;
                drain::free(server, place, &subject.wishing("queues"), wanted)
            }
            Scenario::Pickup { rate, seconds } => pickup::measure(place, subject, rate, seconds),
            Scenario::Steady { rate, seconds } => pickup::steady(place, subject, rate, seconds),
            Scenario::Due { jobs } => pickup::due(place, subject, jobs, DUE_WITHIN_S),
            Scenario::SlowFlush { senders, seconds } => {
                place.slow_flush()?;
                enqueue::single(server, place, subject, senders, seconds)
            }
            Scenario::Wake { senders, seconds } => {
                enqueue::wake(server, place, subject, senders, seconds)
            }
            Scenario::Weight { .. } => Err("it is measured in two databases".into()),
            Scenario::Idle { seconds } => idle::measure(server, place, subject, seconds),
        }
    }
}

impl Burdened {
    /// The same in an empty database.
    fn free(self) -> Scenario {
        match self {
            Burdened::Drain { jobs, cap } => Scenario::Drain { jobs, workers: 1, cap },
            Burdened::Single { seconds } => Scenario::Single { senders: 8, seconds },
            Burdened::Pickup { seconds } => Scenario::Pickup { rate: 50, seconds },
        }
    }
}

/// A drain of so many jobs, whatever is in the database before.
fn wanted(
    place: &mut Place,
    subject: &Subject,
    jobs: u64,
    workers: u32,
    cap: u64,
) -> Result<drain::Wanted, Failure> {
    let rest = u64::try_from(place.number(&subject.queue.left)?)?;
    Ok(drain::Wanted { jobs, workers, rest, cap: Duration::from_secs(cap) })
}

/// Runs one command of the adapter to its end.
fn ask(place: &Place, subject: &Subject, words: &[&str], most: Duration) -> Result<Value, Failure> {
    subject.start(&place.url, words)?.finish(most)
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
    let start = |_| subject.start(&place.url, &words);
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
