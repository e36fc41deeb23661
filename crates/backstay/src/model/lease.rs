//! When to beat, and when it is lawful to take over the jobs of a worker that seems dead.

use std::collections::HashMap;
use std::time::Duration;

use uuid::Uuid;

/// The times by which workers watch each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// Between two signs of life of a worker.
    pub beat: Duration,
    /// How long one sign of life holds.
    pub lease: Duration,
    /// Between two looks at the others' presence locks; everybody looks, for the leader may be the one that died.
    pub presence_look: Duration,
    /// How far apart two looks must be to count as two.
    pub looks_apart: Duration,
    /// Between two sweeps for leases that are over.
    pub lease_sweep: Duration,
    /// How long one statement that settles may take.
    pub settle_timeout: Duration,
    /// How long the rescuer itself must have beaten without a gap, to rescue by presence.
    pub gap_free_presence: Duration,
    /// The same, to rescue by lease.
    pub gap_free_lease: Duration,
    /// How long the database server must have been up.
    pub server_up: Duration,
}

impl Times {
    /// The times of production.
    #[must_use]
    pub const fn normal() -> Self {
        Self::in_tenths(Duration::from_millis(100))
    }

    /// A tenth of the normal times, for tests and demonstrations.
    #[must_use]
    pub const fn fast() -> Self {
        Self::in_tenths(Duration::from_millis(10))
    }

    /// How long after an accepted beat a worker lets go where `contact_lost` is `kill`: 10 s of 30 before its lease ends,
    /// so that everything is gone before anybody may rescue.
    #[must_use]
    pub fn hold(&self) -> Duration {
        self.lease * 2 / 3
    }

    /// Between two pings by which the connection that listens proves to itself that it hears, 10 s.
    #[must_use]
    pub fn ping(&self) -> Duration {
        self.beat * 2
    }

    /// How long such a ping may stay without an answer, 5 s; it comes in milliseconds, or not at all.
    #[must_use]
    pub fn deaf_after(&self) -> Duration {
        self.beat.max(Duration::from_secs(1))
    }

    /// How far apart the connections of one loop are at least, half a second: one that is made well and breaks at once must
    /// not become a storm of them. Well below `looks_apart`, so that a live worker always shows its presence again in time.
    #[must_use]
    pub fn redial(&self) -> Duration {
        self.presence_look / 2
    }

    /// From a tenth of what is a second in production.
    const fn in_tenths(tenth: Duration) -> Self {
        Self {
            beat: tenth.saturating_mul(50),
            lease: tenth.saturating_mul(300),
            presence_look: tenth.saturating_mul(10),
            // The third look after the first counts, though its timer came a little early: waiting for a fourth costs a second.
            looks_apart: tenth.saturating_mul(29),
            lease_sweep: tenth.saturating_mul(50),
            settle_timeout: tenth.saturating_mul(50),
            gap_free_presence: tenth.saturating_mul(50),
            gap_free_lease: tenth.saturating_mul(300),
            server_up: tenth.saturating_mul(300),
        }
    }
}

impl Default for Times {
    fn default() -> Self {
        Self::normal()
    }
}

/// One accepted beat, as its own worker saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Beat {
    /// When the answer came, on this host's monotonic clock.
    pub at: Duration,
    /// The server's clock in the answer, since any fixed instant; it tells a host that was suspended.
    pub server_now: Duration,
    /// When the server was started, in milliseconds; another value is another server.
    pub server_started_ms: i64,
}

/// Keeps how long this worker's own beats have been without a gap.
///
/// A worker that could not reach the database knows nothing about others: in that time nobody could
/// beat. So any error, reconnect, suspend or new server sets the book back to zero.
#[derive(Debug, Clone)]
pub struct BeatBook {
    most: Duration,
    first: Option<Beat>,
    last: Option<Beat>,
}

impl BeatBook {
    /// Opens a book for beats that are `period` apart.
    #[must_use]
    pub fn new(period: Duration) -> Self {
        Self { most: period.saturating_mul(2), first: None, last: None }
    }

    /// Enters a beat that was accepted.
    pub fn accepted(&mut self, beat: Beat) {
        if !self.last.is_some_and(|last| self.follows(last, beat)) {
            self.first = Some(beat);
        }
        self.last = Some(beat);
    }

    /// Enters an error, a reconnect, or anything else after which nothing is known.
    pub fn broken(&mut self) {
        self.first = None;
        self.last = None;
    }

    /// Gives how long the beats have been without a gap, seen at `now`; zero once one is overdue.
    #[must_use]
    pub fn gap_free(&self, now: Duration) -> Duration {
        match (self.first, self.last) {
            (Some(first), Some(last)) if now.saturating_sub(last.at) <= self.most => {
                now.saturating_sub(first.at)
            }
            _ => Duration::ZERO,
        }
    }

    /// Both clocks must agree that it came in time: the host's stands still while it is suspended.
    fn follows(&self, last: Beat, beat: Beat) -> bool {
        last.server_started_ms == beat.server_started_ms
            && beat.at >= last.at
            && beat.at - last.at <= self.most
            && beat.server_now >= last.server_now
            && beat.server_now - last.server_now <= self.most
    }
}

/// Most workers whose locks are remembered: as many as one look shows.
const WORKERS_SEEN: usize = 1000;

/// Keeps since when each worker's presence lock has been seen free, with no beat in between.
#[derive(Debug, Clone, Default)]
pub struct Looks {
    free_since: HashMap<Uuid, (Duration, i64)>,
}

impl Looks {
    /// Enters one look and gives for how long the lock has been free, at two looks at least.
    ///
    /// `at` is this host's monotonic clock, `beat_at_ms` the worker's last beat by the server's.
    pub fn look(&mut self, worker: Uuid, at: Duration, free: bool, beat_at_ms: i64) -> Duration {
        if !free {
            self.free_since.remove(&worker);
            return Duration::ZERO;
        }
        if let Some((since, beat)) = self.free_since.get(&worker)
            && *beat == beat_at_ms
        {
            return at.saturating_sub(*since);
        }
        if self.free_since.len() < WORKERS_SEEN || self.free_since.contains_key(&worker) {
            self.free_since.insert(worker, (at, beat_at_ms));
        }
        Duration::ZERO
    }

    /// Forgets all looks: after a reconnect an old one proves nothing.
    pub fn forget(&mut self) {
        self.free_since.clear();
    }

    /// Forgets all workers but these.
    pub fn keep(&mut self, workers: &[Uuid]) {
        self.free_since.retain(|worker, _| workers.contains(worker));
    }
}

/// By what a job may be taken out of a worker's hands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Evidence {
    /// The worker said goodbye and left jobs behind.
    Goodbye,
    /// Its presence lock is free and it does not beat.
    Presence,
    /// Its lease is over.
    Lease,
    /// It has no row at all.
    NoRow,
    /// It beats, but this attempt is past its deadline by far.
    Deadline,
}

impl Evidence {
    /// Gives the word for logs and rows.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Goodbye => "goodbye",
            Self::Presence => "presence",
            Self::Lease => "lease",
            Self::NoRow => "no_row",
            Self::Deadline => "deadline",
        }
    }
}

/// What was seen of a worker that holds jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sighting {
    /// Its row is there.
    Worker {
        /// It said goodbye.
        goodbye: bool,
        /// For how long its presence lock has been free; see [`Looks::look`].
        lock_free: Duration,
        /// Its lease is over, by the server's clock.
        lease_over: bool,
        /// One of its jobs stands in a queue with `contact_lost = "kill"`.
        kills_itself: bool,
    },
    /// There is no row; its youngest claim is this old.
    NoRow {
        /// The age by the server's clock.
        claimed_ago: Duration,
    },
    /// One attempt whose own deadline is over though its worker beats.
    Overdue,
}

/// Tells by what evidence the jobs may be taken over, or nothing while they may not.
///
/// `gap_free` is the rescuer's own [`BeatBook::gap_free`]: time in which the database was away is
/// never held against anybody.
#[must_use]
pub fn may_rescue(
    seen: &Sighting,
    gap_free: Duration,
    server_up: Duration,
    times: &Times,
) -> Option<Evidence> {
    let settled = server_up > times.server_up && gap_free >= times.gap_free_lease;
    match *seen {
        Sighting::Worker { goodbye: true, .. } => Some(Evidence::Goodbye),
        Sighting::Worker { lock_free, lease_over, kills_itself, .. } => {
            let absent = lock_free >= times.looks_apart
                && !kills_itself
                && server_up > times.server_up
                && gap_free >= times.gap_free_presence;
            if absent {
                Some(Evidence::Presence)
            } else {
                (lease_over && settled).then_some(Evidence::Lease)
            }
        }
        Sighting::NoRow { claimed_ago } => {
            (claimed_ago > times.lease && settled).then_some(Evidence::NoRow)
        }
        Sighting::Overdue => settled.then_some(Evidence::Deadline),
    }
}

#[cfg(test)]
mod tests;
