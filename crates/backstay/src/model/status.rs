//! What operators see of jobs, queues, workers, alerts and replays: the shapes of every list.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::instant::Instant;
use super::outcome::Outcome;
use super::peak::PeakStatus;
use super::priority::Priority;
use super::scope::Scope;
use super::sought::Sought;
use super::state::State;

/// Which jobs are meant; what is empty excludes nothing, what is set narrows down.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct JobFilter {
    /// One of these; empty for any.
    pub ids: Vec<i64>,
    /// In one of these states.
    pub states: Vec<State>,
    /// Of one of these kinds.
    pub kinds: Vec<String>,
    /// In one of these queues.
    pub queues: Vec<String>,
    /// Of this group.
    pub group: Option<String>,
    /// With all of these tags.
    pub tags: Vec<String>,
    /// The holder of this unique key.
    pub unique: Option<String>,
    /// With this limit key.
    pub limit_key: Option<String>,
    /// In the hands of this worker.
    pub worker: Option<uuid::Uuid>,
    /// With an attempt that came to one of these.
    pub outcomes: Vec<Outcome>,
    /// With args in which this is found. No index knows it, so that it is looked for from the newest on, as far as there is time.
    pub with_args: Option<Sought>,
    /// Dead of this error; concerns dead letters only.
    pub fingerprint: Option<String>,
    /// Of a group that this one looks after; concerns dead letters only.
    pub owner: Option<String>,
    /// Enqueued at this instant or later; for dead letters: died.
    pub since: Option<Instant>,
    /// Enqueued before this instant; for dead letters: died.
    pub before: Option<Instant>,
}

impl JobFilter {
    /// Whether it lets every job pass.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == JobFilter::default()
    }
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// Where the next page goes on; none after the last.
    pub next: Option<String>,
}

/// A number that was counted up to a bound only, so that looking never costs more than it is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Bounded {
    /// What was counted.
    pub count: u64,
    /// There are more.
    pub more: bool,
}

impl fmt::Display for Bounded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}{}", self.count, if self.more { "+" } else { "" }))
    }
}

/// An attempt that ended.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct AttemptRecord {
    /// Its number, from 1.
    pub attempt: i32,
    /// What it came to.
    pub outcome: String,
    /// Against which of the job's limits it counts: `retry crash lost snooze interrupt nothing`.
    pub billed: String,
    /// When a worker took the job.
    pub claimed_at: Option<Instant>,
    /// When it was over.
    pub ended_at: Option<Instant>,
    /// Which worker.
    pub worker: Option<String>,
    /// On which host.
    pub host: Option<String>,
    /// The class of the error.
    pub error_class: Option<String>,
    /// What went wrong.
    pub message: Option<String>,
    /// Where in the code.
    pub trace: Option<String>,
    /// Equal errors have equal fingerprints.
    pub fingerprint: Option<String>,
    /// The signal that ended the process.
    pub signal: Option<i32>,
    /// The exit code of the process.
    pub exit_code: Option<i32>,
    /// Its result came after it was told to stop.
    pub late: bool,
    /// How long it took.
    pub wall_ms: Option<i32>,
    /// How much of a processor it used.
    pub cpu_ms: Option<i32>,
    /// The most memory it had.
    pub peak_kib: Option<i32>,
    /// Where that figure is from: `sampled`, `hwm`, `limit`, or `last` for what a worker saw last before it was lost.
    pub peak_source: Option<String>,
    /// The most processes and threads that it had at once.
    pub processes_peak: Option<i32>,
    /// How much lay in its folder.
    pub scratch_bytes: Option<i64>,
    /// How much it printed.
    pub output_bytes: Option<i64>,
    /// Something of it could not be ended.
    pub survivor: bool,
    /// It ran apart, because workers had died with this job aboard.
    pub suspect: bool,
    /// What it was allowed: `{"memory_bytes": 536870912, "processes": 256, …}`.
    pub limits: Option<serde_json::Value>,
    /// How much isolation the host granted.
    pub level: Option<String>,
    /// Who held each limit: `{"memory": "cgroup", …}`.
    pub holders: Option<serde_json::Value>,
    /// The process that ran it: `{"pid": 4711, "age_ms": 60000, "jobs": 12}`.
    pub child: Option<serde_json::Value>,
    /// The end of what it printed to stderr.
    pub stderr: Option<String>,
    /// The release of the application.
    pub release: Option<String>,
}

/// Dead letters of the same error.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DeadGroup {
    /// What they have in common.
    pub fingerprint: String,
    /// The kind of the newest.
    pub kind: String,
    /// The queue of the newest.
    pub queue: String,
    /// Why they are dead.
    pub reason: String,
    /// The first line of what went wrong, blanked of what varies.
    pub title: String,
    /// The newest of them.
    pub sample: String,
    /// How many there are now.
    pub letters: Bounded,
    /// How many there ever were, those revived and discarded too.
    pub deaths: i64,
    /// The first death of this error.
    pub first_at: Instant,
    /// The last.
    pub last_at: Instant,
    /// The oldest that is still here.
    pub oldest_at: Instant,
    /// `open acknowledged muted`.
    pub state: String,
    /// Who said so.
    pub by: Option<String>,
    /// What they said.
    pub note: Option<String>,
    /// Until when it is muted.
    pub until: Option<Instant>,
    /// Who looks after it.
    pub owner: Option<String>,
    /// In which releases of the application it was seen.
    pub releases: Vec<String>,
}

/// What a dead letter has beyond its job document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DeadLetter {
    /// The job.
    pub id: String,
    /// Its group.
    pub fingerprint: String,
    /// The first line of what went wrong, blanked of what varies.
    pub title: String,
    /// When it died.
    pub died_at: Instant,
    /// When it was put aside.
    pub discarded_at: Option<Instant>,
    /// By whom.
    pub discarded_by: Option<String>,
    /// How people see its group.
    pub group_state: String,
    /// Who said so.
    pub group_by: Option<String>,
    /// What they said.
    pub group_note: Option<String>,
    /// The login that asked for the job.
    pub enqueued_by: String,
    /// What it counts against.
    pub limit_key: Option<String>,
}

/// What the server says of itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ServerStatus {
    /// How old the oldest snapshot is that keeps dead rows, in seconds.
    pub horizon_age_seconds: f64,
    /// Dead rows of our tables, as the server estimates them.
    pub dead_rows: u64,
    /// Sessions of this database by their state: `active`, `idle`, `idle_in_transaction`; `unknown` where the login may not see it.
    pub connections: BTreeMap<String, u64>,
}

/// A queue, with what stands where.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct QueueStatus {
    /// Its name.
    pub name: String,
    /// Some worker's settings declare it.
    pub declared: bool,
    /// In line.
    pub ready: Bounded,
    /// In line by priority, 0 to 9; levels without jobs are left out.
    pub by_priority: std::collections::BTreeMap<String, Bounded>,
    /// Since when the first in line waits.
    pub oldest_ready_at: Option<Instant>,
    /// The same by priority, 0 to 9; levels without jobs are left out.
    #[serde(default)]
    pub oldest_by_priority: std::collections::BTreeMap<String, Instant>,
    /// Not due yet.
    pub scheduled: Bounded,
    /// When the next of those is due.
    pub next_run_at: Option<Instant>,
    /// Held back.
    pub parked: Bounded,
    /// In the hands of workers.
    pub running: Bounded,
    /// Dead letters.
    pub dead: Bounded,
    /// Live workers that serve it.
    pub workers: i64,
    /// Slots of those workers, which other queues may share.
    pub slots: i64,
    /// When a worker that serves or served it was heard of last.
    pub served_at: Option<Instant>,
    /// On which host.
    pub served_by: Option<String>,
    /// How soon its jobs are to start, in milliseconds, where its settings promise that.
    #[serde(default)]
    pub start_within_ms: Option<u64>,
    /// Nothing of it starts.
    pub paused: Option<PauseStatus>,
}

/// A kind, with who knows it and what of it stands where.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct KindStatus {
    /// Its name.
    pub name: String,
    /// Some worker's settings declare it.
    pub declared: bool,
    /// When they were written last.
    pub declared_at: Option<Instant>,
    /// What a job of it gets that says nothing itself, as options of enqueue.
    pub contract: Value,
    /// Live workers that know it.
    pub workers: i64,
    /// Held back.
    pub parked: Bounded,
    /// In the hands of workers.
    pub running: Bounded,
    /// Dead letters.
    pub dead: Bounded,
    /// Nothing of it starts.
    pub paused: Option<PauseStatus>,
    /// What its attempts had of memory; nothing where none was measured, as of those that run inside a worker.
    #[serde(default)]
    pub memory: Option<PeakStatus>,
    /// An address handles it, as a live worker says that sends its jobs there.
    #[serde(default)]
    pub by_address: bool,
}

/// What a job carries, beside what its kind gives now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct JobTerms {
    /// The job's own `queue priority max_retries timeout_ms memory_bytes`; null where it says nothing.
    pub job: Value,
    /// What a job of its kind gets that says nothing itself, as options of enqueue.
    pub contract: Value,
    /// Some worker's settings declare the kind.
    pub declared: bool,
    /// It has not ended; of others not everything is kept.
    pub living: bool,
}

/// Args and meta of a job as they are, with what is hidden elsewhere.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Revealed {
    /// The job.
    pub id: String,
    /// Its args, every digit of them.
    pub args: Option<Box<RawValue>>,
    /// Its meta.
    pub meta: Box<RawValue>,
}

/// Why nothing of a queue or kind starts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PauseStatus {
    /// Since when.
    pub since: Instant,
    /// Until when; none: until somebody resumes it.
    pub until: Option<Instant>,
    /// Who paused it.
    pub by: String,
    /// Why.
    pub reason: Option<String>,
}

/// What is enqueued again and again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ScheduleStatus {
    /// Its name.
    pub name: String,
    /// When: five or six fields.
    pub line: String,
    /// In which time zone.
    pub zone: String,
    /// The kind of its jobs.
    pub kind: String,
    /// Their options.
    pub options: Value,
    /// What is done about missed ticks.
    pub missed: String,
    /// Only those younger than so many milliseconds.
    pub missed_within_ms: i64,
    /// So many of them at most.
    pub missed_max: i32,
    /// What is done while the job of an earlier tick has not ended.
    pub overlap: String,
    /// `file`: the settings of workers declare it. `database`: it was made here.
    pub origin: String,
    /// When it was written last.
    pub set_at: Instant,
    /// By whom.
    pub set_by: String,
    /// Since when no live worker declares it, so that it is stopped.
    pub retired_at: Option<Instant>,
    /// Its next tick, as the workers found it; none: none was found, or nobody has looked yet.
    pub next_at: Option<Instant>,
    /// The newest tick that was decided.
    pub last_at: Option<Instant>,
    /// Why its next tick is not known.
    pub error: Option<String>,
    /// Live workers that declare it.
    pub declared: i64,
    /// Jobs of its newest hundred that have not ended.
    pub unfinished: i64,
    /// It does not tick.
    pub paused: Option<PauseStatus>,
    /// Coming ticks.
    #[serde(default)]
    pub next: Vec<ComingTick>,
}

/// A tick that will come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ComingTick {
    /// When.
    pub at: Instant,
    /// The same, as the clock of its zone shows it: `2026-11-24 02:30:00 +01:00`.
    pub local: String,
}

/// A tick that has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TickStatus {
    /// The instant that is meant.
    pub tick_at: Instant,
    /// When a worker decided about it.
    pub decided_at: Instant,
    /// `enqueued`, `waiting`, `skipped`, `missed` or `refused`.
    pub outcome: String,
    /// `tick`, `run` or `backfill`.
    pub cause: String,
    /// Why it has no job.
    pub note: Option<String>,
    /// Its job.
    pub job: Option<String>,
    /// Where that stands; none where it is forgotten.
    pub state: Option<String>,
}

/// A worker, alive or not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct WorkerStatus {
    /// A new one with every start of the process.
    pub id: String,
    /// `live draining late lost gone`.
    pub state: String,
    /// Where it runs.
    pub host: String,
    /// Its process there.
    pub pid: i32,
    /// The release of the application.
    pub release: String,
    /// How it isolates jobs.
    pub level: String,
    /// Who holds each limit: `{"memory": "cgroup", …}`; nothing where handlers run inside it.
    pub holders: Option<serde_json::Value>,
    /// Jobs at once.
    pub slots: i32,
    /// Jobs now.
    pub running: i64,
    /// What it serves.
    pub queues: Vec<String>,
    /// The kinds it knows; `*` stands for all.
    pub kinds: Vec<String>,
    /// Since when.
    pub started_at: Instant,
    /// Its last sign of life.
    pub beat_at: Instant,
    /// Until when its jobs are its own without another sign.
    pub lease_until: Instant,
    /// When it was told to finish and leave.
    pub drain_at: Option<Instant>,
    /// When it said goodbye.
    pub goodbye_at: Option<Instant>,
    /// When its jobs were taken over.
    pub lost_at: Option<Instant>,
    /// It has a connection of its own, so it hears at once, and its death is seen at once.
    pub direct: bool,
    /// What keeps it from claiming, as it said with its last beat.
    #[serde(default)]
    pub admission: Admission,
}

/// What keeps a worker from claiming, the memory that its jobs share, and what it only sends on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Admission {
    /// What it claims less for.
    pub brakes: Vec<BrakeStatus>,
    /// Kinds whose programs do not boot, by queue.
    pub pool_broken: BTreeMap<String, Vec<String>>,
    /// Kinds whose attempts crash again and again: they start one at a time.
    pub kind_braked: Vec<String>,
    /// Why limits cannot be held as they were at its start: it claims nothing until they can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level_lost: Option<String>,
    /// Bytes that all its jobs may use together.
    pub memory_budget: Option<u64>,
    /// What is free of that.
    pub memory_free: u64,
    /// Jobs that it has taken and that wait for memory: how many bytes, by id.
    pub in_hand: BTreeMap<String, u64>,
    /// Bytes of memory that a job may use of whose kind nothing is said, by queue; of queues that start processes.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub memory_of_one: BTreeMap<String, u64>,
    /// Kinds whose jobs it sends to addresses, by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub by_address: Vec<String>,
    /// How many jobs of each queue it runs at once.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub slots: BTreeMap<String, QueueSlots>,
    /// Processes and threads that all its jobs may start together; none where it starts no processes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub processes_most: Option<u64>,
    /// Bytes that its own container or unit allows it and its jobs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container_memory: Option<u64>,
    /// Processes and threads that its own container or unit allows it and its jobs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container_processes: Option<u64>,
}

/// How many jobs of one queue a worker runs at once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct QueueSlots {
    /// All of them, without those that hold something which could not be ended.
    pub count: u16,
    /// How many of them are kept for each of these levels and the more urgent ones.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reserve: Vec<(Priority, u16)>,
}

impl Admission {
    /// One sentence for each thing that keeps it from claiming.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let brakes = self.brakes.iter().map(BrakeStatus::line);
        let pools = self.pool_broken.iter().map(|(queue, kinds)| {
            format!("the program of {} in {queue} does not boot", kinds.join(", "))
        });
        let kinds = self.kind_braked.iter().map(|kind| format!("{kind} crashes again and again"));
        let level = self
            .level_lost
            .iter()
            .map(|why| format!("claims nothing: limits cannot be held, {why}"));
        level.chain(brakes).chain(pools).chain(kinds).collect()
    }
}

/// Whose token it is, and what it allows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TokenHolder {
    /// Which token.
    pub id: String,
    /// Who or what uses it.
    pub name: String,
    /// What it allows.
    pub scopes: Vec<Scope>,
}

/// A token of the HTTP API as lists show it: all but the token itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TokenStatus {
    /// The eight characters after `bst_`.
    pub id: String,
    /// Who or what uses it.
    pub name: String,
    /// What it allows.
    pub scopes: Vec<Scope>,
    /// `valid expired revoked`.
    pub state: String,
    /// When it was made.
    pub created_at: Instant,
    /// By which login.
    pub created_by: String,
    /// Until when it is valid.
    pub expires_at: Instant,
    /// When somebody ended it.
    pub revoked_at: Option<Instant>,
    /// By which login.
    pub revoked_by: Option<String>,
    /// The day of its last use, as `2026-11-23`.
    pub used_on: Option<String>,
}

/// A brake that is on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrakeStatus {
    /// `database` or `memory`.
    pub what: String,
    /// What is wrong with it.
    pub reason: String,
    /// Since when, by the worker's clock.
    pub since: Instant,
}

impl BrakeStatus {
    /// Gives one sentence: what it claims less for, and why.
    #[must_use]
    pub fn line(&self) -> String {
        format!("claims less, the {} is in trouble: {}", self.what, self.reason)
    }
}

/// A job that runs, with what its worker saw of it last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RunningJob {
    /// The job.
    pub id: String,
    /// The kind of work.
    pub kind: String,
    /// Its queue.
    pub queue: String,
    /// 0 to 9, lower runs first.
    pub priority: i16,
    /// The number of this attempt, from 1.
    pub attempt: i32,
    /// Since when.
    pub started_at: Instant,
    /// In whose hands.
    pub worker: String,
    /// On which host, where the worker is known.
    pub host: Option<String>,
    /// How it is isolated.
    pub level: Option<String>,
    /// Somebody has told it to stop.
    pub cancelling: bool,
    /// Memory that it had; of a worker's jobs only the 32 largest are known.
    pub memory_bytes: Option<u64>,
    /// Memory that it may have.
    pub memory_limit_bytes: Option<u64>,
    /// Processor time that it had used.
    pub cpu_ms: Option<u64>,
    /// When that was seen.
    pub sampled_at: Option<Instant>,
    /// How far it says that it is.
    pub percent: Option<f32>,
    /// What it says about that.
    pub note: Option<String>,
}

/// A message to one channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MessageStatus {
    /// Its number.
    pub id: String,
    /// When it was made.
    pub made_at: Instant,
    /// By which rule.
    pub rule: String,
    /// What it is about.
    pub subject: String,
    /// Who gets it.
    pub channel: String,
    /// How many events it stands for.
    pub count: i32,
    /// `sent waiting failing undeliverable`.
    pub state: String,
    /// How often it was tried.
    pub tries: i32,
    /// So long after the first message of its incident it comes, unless that is acknowledged or over; 0 is the first.
    #[serde(default)]
    pub after_ms: i64,
    /// When it was accepted.
    pub delivered_at: Option<Instant>,
    /// When it is tried again.
    pub next_try_at: Option<Instant>,
    /// What the channel said last.
    pub last_error: Option<String>,
    /// `info warning error`.
    pub severity: Option<String>,
    /// Its first line.
    pub title: Option<String>,
    /// The dead group it is about.
    pub fingerprint: Option<String>,
    /// When somebody took its incident in hand.
    #[serde(default)]
    pub acknowledged_at: Option<Instant>,
    /// Who did.
    #[serde(default)]
    pub acknowledged_by: Option<String>,
    /// Its incident goes on, and nobody has taken it in hand.
    #[serde(default)]
    pub open: bool,
}

/// An alert channel of the worker that tells alerts, with what became of its newest 500 messages. Its address is never shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ChannelStatus {
    /// Its name.
    pub name: String,
    /// When that worker said last that it has it.
    pub seen_at: Instant,
    /// When it accepted something last.
    pub sent_at: Option<Instant>,
    /// Messages for it that are not due, or not tried.
    pub waiting: i64,
    /// Messages that it did not take, and that are tried again.
    pub failing: i64,
    /// Messages of the last seven days that were given up.
    pub undeliverable: i64,
    /// Messages that wait for their step.
    pub steps: i64,
    /// When the first of them comes, unless its incident is acknowledged or over.
    pub next_step_at: Option<Instant>,
}

/// Something that somebody did, as the audit keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AuditEntry {
    /// Its number.
    pub id: String,
    /// When.
    pub at: Instant,
    /// The login of the database.
    pub actor: String,
    /// The role that it had taken on, or `none`.
    pub role: String,
    /// Through what: a program, or a server with whoever asked it, such as `web 4f1c09ab ana`.
    pub source: String,
    /// What was done, such as `cancel` or `sign_in`.
    pub verb: String,
    /// To what: a job, a queue, a token.
    pub target: Option<String>,
    /// Why, where somebody said so.
    pub reason: Option<String>,
    /// To how many.
    pub affected: i64,
    /// Which were meant, of a verb on many.
    pub filter: Option<Value>,
    /// What stood there before.
    pub before: Option<Value>,
    /// What stands there now.
    pub after: Option<Value>,
}

/// Which entries of the audit are meant; what is not set lets all pass.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Of this verb.
    pub verb: Option<String>,
    /// Done to this.
    pub target: Option<String>,
    /// By this login of the database, or from a source that begins so.
    pub actor: Option<String>,
    /// Since then.
    pub since: Option<Instant>,
    /// Before then.
    pub before: Option<Instant>,
}

/// A throttled revival of many dead letters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ReplayStatus {
    /// Its number.
    pub id: String,
    /// `running stopped done`.
    pub state: String,
    /// How many letters it froze.
    pub total: i32,
    /// How many of them it has handled.
    pub handled: i32,
    /// How many it tries before all others.
    pub first: i32,
    /// So many ...
    pub per_count: Option<i32>,
    /// ... in this time.
    pub per_ms: Option<i64>,
    /// It stops when a larger part of the last jobs fails.
    pub stop_at: f32,
    /// Who started it.
    pub by: String,
    /// Why.
    pub reason: Option<String>,
    /// Which letters were meant.
    pub filter: Value,
    /// Since when.
    pub started_at: Instant,
    /// When it was done.
    pub done_at: Option<Instant>,
    /// Its next step.
    pub next_at: Option<Instant>,
    /// Of the last 1,000 handled: completed or cancelled.
    pub completed: i64,
    /// Dead again.
    pub dead: i64,
    /// Still on their way.
    pub open: i64,
    /// Passed over, such as for a key that another job holds.
    pub skipped: i64,
}

impl ReplayStatus {
    /// How fast it goes on after the first.
    #[must_use]
    pub fn rate(&self) -> Option<(i32, Duration)> {
        Some((self.per_count?, Duration::from_millis(u64::try_from(self.per_ms?).ok()?)))
    }
}

/// What a verb came to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Done {
    /// How many it acted on.
    pub count: u64,
    /// Which it passed over, and why.
    pub skipped: Vec<Skipped>,
    /// How many running jobs were told to stop, by a pause that does so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancelling: Option<u64>,
    /// The number of the replay that was begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay: Option<String>,
    /// The job that was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
}

/// What a verb passed over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// The job, group, queue or worker.
    pub id: String,
    /// `BS301` unknown, `BS302` in another state, `BS303` its unique key is held.
    pub code: String,
}

impl Done {
    /// Adds what a further call came to.
    pub(crate) fn add(&mut self, more: Done) {
        self.count += more.count;
        self.skipped.extend(more.skipped);
    }
}
