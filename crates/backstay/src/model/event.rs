//! The closed list of things that happen, and the one place where log lines are born.

use std::time::Duration;

use tracing::Level;
use uuid::Uuid;

use super::judge::Reason;
use super::lease::Evidence;
use super::outcome::Outcome;

mod fields;
mod message;

pub use fields::Fields;

/// The job that an event is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobRef {
    /// Its id.
    pub id: i64,
    /// Its kind.
    pub kind: String,
    /// Its queue.
    pub queue: String,
    /// The attempt, 0 where none is meant.
    pub attempt: i32,
}

/// Something that happened. Log lines, metrics and the testing kit are made from these.
///
/// No event holds args: what a job works on is nobody's business but its own.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
#[allow(missing_docs, reason = "each field is named after the field of the log line it fills")]
pub enum Event {
    // ---- jobs
    /// A worker took a job.
    Claimed { job: JobRef, worker: Uuid, waited: Duration },
    /// A job is done.
    Completed { job: JobRef, took: Duration },
    /// An attempt failed; the job is tried again.
    Retried { job: JobRef, outcome: Outcome, delay: Duration, error: String },
    /// The handler asked for a later start.
    Snoozed { job: JobRef, delay: Duration },
    /// A job was given back, nobody's fault.
    Released { job: JobRef, outcome: Outcome },
    /// A stop took the job out of its worker's hands.
    Interrupted { job: JobRef },
    /// A job was stopped for good.
    Cancelled { job: JobRef, reason: String },
    /// Jobs could not start in time.
    Expired { count: u64 },
    /// A job is a dead letter now.
    Buried { job: JobRef, reason: Reason, fingerprint: String, error: String },
    /// A job was taken over from a lost worker.
    Rescued { job: JobRef, worker: Uuid, evidence: Evidence },
    /// What a job answered was too large or could not be stored, and was replaced by a note.
    OutputDropped { job: JobRef, reason: String },
    /// A line that a job printed.
    Output { job: JobRef, line: String },
    /// Scheduled jobs are due and stand in line now.
    Promoted { count: u64 },
    /// Jobs were taken out of the line, with a reason.
    Parked { count: u64, reason: String },
    /// Parked jobs stand in line again.
    Admitted { count: u64 },
    /// Dead letters stand in line again.
    Revived { count: u64 },
    /// Dead letters were thrown away.
    Discarded { count: u64 },
    /// Waiting jobs were changed.
    Edited { count: u64 },

    // ---- attempts and their processes
    /// An attempt no longer holds its job.
    LeaseLost { job: JobRef, worker: Uuid },
    /// A verdict came too late and changed nothing.
    SettleStale { job: JobRef, outcome: Outcome },
    /// A batch of verdicts failed and is written row by row.
    SettleSplit { count: u64, error: String },
    /// A child was started.
    ChildStarted { queue: String, pid: u32 },
    /// A child can take jobs.
    ChildReady { queue: String, pid: u32, took: Duration },
    /// A child has ended.
    ChildEnded { queue: String, pid: u32, reason: String },
    /// A child has served long enough and is replaced.
    ChildRecycled { queue: String, pid: u32, reason: String },
    /// A child was killed with a job in hand.
    ChildKilled { queue: String, pid: u32, job: i64, reason: String },
    /// A child said that its job is done, and crashed afterwards.
    ChildDirtyExit { queue: String, pid: u32, job: i64, reason: String },
    /// A child printed between two jobs; that is in nobody's output.
    ChildStrayOutput { queue: String, pid: u32, count: u64 },
    /// An attempt went beyond one of its limits and was ended for it.
    LimitHit { job: JobRef, outcome: Outcome, error: String },
    /// A job asked for more than its queue allows now, and got the most of it.
    LimitClamped { job: JobRef, limit: &'static str, asked: String, most: String },
    /// An attempt was ended to save the others: memory was used up.
    Evicted { job: JobRef, reason: String },
    /// A child broke the protocol.
    ChildProtocolError { queue: String, pid: u32, code: &'static str, error: String },

    // ---- queues and kinds
    /// Nothing of this is started for now.
    QueuePaused { queue: String, reason: String },
    /// It is started again.
    QueueResumed { queue: String },
    /// The oldest job of a queue waits for too long.
    QueueLate { queue: String, waited: Duration },
    /// The program of a queue does not boot.
    PoolBroken { queue: String, error: String },
    /// It boots again.
    PoolMended { queue: String },
    /// A job of a kind that this worker does not know.
    KindUnknown { kind: String, queue: String },
    /// Attempts of a kind crash again and again: they start one at a time.
    KindBraked { kind: String, count: u64 },
    /// One has completed: they start as usual.
    KindFreed { kind: String },
    /// Jobs of a kind that no worker knows are held back.
    KindHeld { kind: String, count: u64 },

    // ---- workers
    /// A worker starts.
    WorkerStarted { worker: Uuid, release: String },
    /// A worker claims from now on.
    WorkerReady { worker: Uuid, queues: Vec<String>, slots: u64 },
    /// A worker claims nothing any more and waits for what runs.
    WorkerDraining { worker: Uuid, running: u64, left: Duration },
    /// A worker has stopped.
    WorkerStopped { worker: Uuid, released: u64 },
    /// Another worker is lost.
    WorkerLost { worker: Uuid, evidence: Evidence, jobs: u64 },
    /// The worker that ran here before was lost.
    PredecessorLost { worker: Uuid, jobs: u64 },
    /// How strictly this host holds limits, by what each of them, and why not better.
    LevelReached { level: String, holders: String, reason: String },
    /// It does not any more: nothing is claimed until it does.
    LevelLost { level: String, error: String },
    /// Other workers here also plan with all the memory there is.
    BudgetShared { others: u64 },
    /// A shell runs this worker, and may keep the signal to stop to itself.
    BehindShell { shell: String },
    /// Scratch folders lie where what is written takes memory, and is counted as nobody's.
    ScratchInMemory { place: String },
    /// This worker does the housekeeping from now on.
    LeaderElected { worker: Uuid },
    /// A loop has not succeeded for too long.
    LoopSilent { name: String, silent: Duration },

    // ---- the database
    /// The database cannot be reached.
    DatabaseLost { error: String },
    /// It can be reached again.
    DatabaseRestored { away: Duration },
    /// A commit may be lost in a crash of the server.
    DurabilityWeak { setting: String },
    /// Wake-ups by NOTIFY stopped; polling goes on.
    ListenLost { error: String },
    /// Wake-ups by NOTIFY are back.
    ListenRestored,
    /// A pooler in transaction mode stands between us and the server.
    PoolerFound,
    /// How many connections a worker and its handlers may open; the problem is what that does not fit into.
    ConnectionBudget { sum: String, problem: Option<String> },
    /// Claims are slowed down or held, because something this worker depends on is in trouble.
    BrakeOn { what: &'static str, reason: String },
    /// They are as fast as ever.
    BrakeOff { what: &'static str, lasted: Duration },
    /// What a killed child had running in the database was ended.
    BackendsEnded { name: String, count: u64 },
    /// It was not, so it goes on until the server notices by itself.
    BackendsLeft { name: String, error: String },

    // ---- duties
    /// An alert whose channel is the log; `text` says what to do.
    AlertLogged {
        rule: String,
        subject: String,
        count: u64,
        headline: String,
        text: String,
        resolved: bool,
    },
    /// A channel accepted a message.
    AlertSent { channel: String, rule: String, subject: String, count: u64 },
    /// A channel did not; it is tried again.
    AlertFailed {
        channel: String,
        rule: String,
        subject: String,
        again_in: Duration,
        error: String,
    },
    /// A channel did not for three days; the message is kept and shown.
    AlertUndeliverable { channel: String, rule: String, subject: String, error: String },
    /// A tick of a schedule has made a job.
    CronTicked { schedule: String, job: i64 },
    /// A tick of a schedule made none.
    CronSkipped { schedule: String, reason: String },
    /// Ticks of a schedule were dropped, for nobody was there to run them.
    CronMissed { schedule: String, count: u64 },
    /// The next tick of a schedule cannot be found.
    CronStuck { schedule: String, error: String },
    /// What was past its retention is gone.
    PruneDone { count: u64 },
    /// A migration was applied.
    MigrateApplied { version: u64, name: String },

    // ---- doors
    /// Settings took effect.
    ConfigApplied { what: String },
    /// Settings were refused; the old ones stay.
    ConfigRefused { code: &'static str, error: String },
    /// Two live workers were started with different settings.
    ConfigDiffers { what: String },
    /// This installation starts nothing.
    InstallationHeld { reason: String },
    /// An operator did something.
    AuditRecorded { verb: String, actor: String, target: String },
    /// Spans of traces could not be handed to their collector, and are gone. Said once a minute at most.
    TracesLost { count: u64, error: String },
    /// Somebody showed a token that opens nothing.
    AuthFailed { from: String },
    /// They did so too often, and are not listened to for a while.
    AuthLimited { from: String },
}

impl Event {
    /// Gives the name, which is an interface: it never changes its meaning.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.kind().0
    }

    /// Gives the level of its log line.
    #[must_use]
    pub fn level(&self) -> Level {
        self.kind().1
    }

    /// Gives one sentence that can be read alone.
    #[must_use]
    pub fn message(&self) -> String {
        message::message(self)
    }

    /// Gives the fields of its log line.
    #[must_use]
    pub fn fields(&self) -> Fields<'_> {
        fields::fields(self)
    }

    /// The one table of names and levels.
    fn kind(&self) -> (&'static str, Level) {
        const D: Level = Level::DEBUG;
        const I: Level = Level::INFO;
        const W: Level = Level::WARN;
        const E: Level = Level::ERROR;
        match self {
            Self::Claimed { .. } => ("job.claimed", D),
            Self::Completed { .. } => ("job.completed", I),
            Self::Retried { .. } => ("job.retried", W),
            Self::Snoozed { .. } => ("job.snoozed", I),
            Self::Released { .. } => ("job.released", I),
            Self::Interrupted { .. } => ("job.interrupted", I),
            Self::Cancelled { .. } => ("job.cancelled", I),
            Self::Expired { .. } => ("job.expired", W),
            Self::Buried { .. } => ("job.buried", E),
            Self::Rescued { .. } => ("job.rescued", W),
            Self::OutputDropped { .. } => ("job.output_dropped", W),
            Self::Output { .. } => ("job.output", I),
            Self::Promoted { .. } => ("job.promoted", D),
            Self::Parked { .. } => ("job.parked", D),
            Self::Admitted { .. } => ("job.admitted", D),
            Self::Revived { .. } => ("job.revived", I),
            Self::Discarded { .. } => ("job.discarded", I),
            Self::Edited { .. } => ("job.edited", I),
            Self::LeaseLost { .. } => ("lease.lost", W),
            Self::SettleStale { .. } => ("settle.stale", W),
            Self::SettleSplit { .. } => ("settle.split", W),
            Self::ChildStarted { .. } => ("child.started", D),
            Self::ChildReady { .. } => ("child.ready", D),
            Self::ChildEnded { .. } => ("child.ended", D),
            Self::ChildRecycled { .. } => ("child.recycled", D),
            Self::ChildKilled { .. } => ("child.killed", W),
            Self::ChildDirtyExit { .. } => ("child.dirty_exit", W),
            Self::ChildStrayOutput { .. } => ("child.stray_output", W),
            Self::LimitHit { .. } => ("limit.hit", I),
            Self::LimitClamped { .. } => ("limit.clamped", W),
            Self::Evicted { .. } => ("job.evicted", W),
            Self::ChildProtocolError { .. } => ("child.protocol_error", E),
            Self::QueuePaused { .. } => ("queue.paused", I),
            Self::QueueResumed { .. } => ("queue.resumed", I),
            Self::QueueLate { .. } => ("queue.late", W),
            Self::PoolBroken { .. } => ("pool.broken", E),
            Self::PoolMended { .. } => ("pool.mended", I),
            Self::KindUnknown { .. } => ("kind.unknown", W),
            Self::KindBraked { .. } => ("kind.braked", E),
            Self::KindFreed { .. } => ("kind.freed", I),
            Self::KindHeld { .. } => ("kind.held", W),
            Self::WorkerStarted { .. } => ("worker.started", I),
            Self::WorkerReady { .. } => ("worker.ready", I),
            Self::WorkerDraining { .. } => ("worker.draining", I),
            Self::WorkerStopped { .. } => ("worker.stopped", I),
            Self::WorkerLost { .. } => ("worker.lost", E),
            Self::PredecessorLost { .. } => ("worker.predecessor_lost", W),
            Self::LevelReached { .. } => ("level.reached", I),
            Self::LevelLost { .. } => ("level.lost", E),
            Self::BudgetShared { .. } => ("budget.shared", W),
            Self::BehindShell { .. } => ("worker.behind_shell", W),
            Self::ScratchInMemory { .. } => ("scratch.in_memory", W),
            Self::LeaderElected { .. } => ("leader.elected", I),
            Self::LoopSilent { .. } => ("loop.silent", E),
            Self::DatabaseLost { .. } => ("database.lost", E),
            Self::DatabaseRestored { .. } => ("database.restored", I),
            Self::DurabilityWeak { .. } => ("durability.weak", W),
            Self::ListenLost { .. } => ("listen.lost", W),
            Self::ListenRestored => ("listen.restored", I),
            Self::PoolerFound => ("pooler.found", I),
            Self::ConnectionBudget { problem: None, .. } => ("connections.budget", I),
            Self::ConnectionBudget { .. } => ("connections.budget", W),
            Self::BrakeOn { .. } => ("brake.on", W),
            Self::BrakeOff { .. } => ("brake.off", I),
            Self::BackendsEnded { .. } => ("backends.ended", I),
            Self::BackendsLeft { .. } => ("backends.left", W),
            Self::AlertLogged { resolved: false, .. } => ("alert.raised", E),
            Self::AlertLogged { resolved: true, .. } => ("alert.resolved", I),
            Self::AlertSent { .. } => ("alert.sent", I),
            Self::AlertFailed { .. } => ("alert.failed", W),
            Self::AlertUndeliverable { .. } => ("alert.undeliverable", E),
            Self::CronTicked { .. } => ("cron.ticked", I),
            Self::CronSkipped { .. } => ("cron.skipped", W),
            Self::CronMissed { .. } => ("cron.missed", W),
            Self::CronStuck { .. } => ("cron.stuck", E),
            Self::PruneDone { .. } => ("prune.done", D),
            Self::MigrateApplied { .. } => ("migrate.applied", I),
            Self::ConfigApplied { .. } => ("config.applied", I),
            Self::ConfigRefused { .. } => ("config.refused", E),
            Self::ConfigDiffers { .. } => ("config.differs", W),
            Self::InstallationHeld { .. } => ("installation.held", E),
            Self::TracesLost { .. } => ("traces.lost", W),
            Self::AuthFailed { .. } => ("auth.failed", W),
            Self::AuthLimited { .. } => ("auth.limited", W),
            Self::AuditRecorded { .. } => ("audit.recorded", I),
        }
    }
}

/// Says whether anybody reads log lines of this level; what happens to every job is put together only then.
pub(crate) fn is_read(level: Level) -> bool {
    match level {
        Level::DEBUG => tracing::event_enabled!(target: "backstay", Level::DEBUG),
        _ => tracing::event_enabled!(target: "backstay", Level::INFO),
    }
}

/// Writes the log line of an event, under the target `backstay`.
///
/// Whoever forwards events to somebody else does so beside this call.
pub fn emit(event: &Event) {
    macro_rules! line {
        ($level:ident, $f:ident) => {
            tracing::event!(
                target: "backstay",
                Level::$level,
                event = event.name(),
                job_id = $f.job_id,
                kind = $f.kind,
                queue = $f.queue,
                attempt = $f.attempt,
                worker_id = $f.worker_id.map(tracing::field::display),
                duration_ms = $f.duration_ms,
                outcome = $f.outcome,
                error_code = $f.error_code,
                reason = $f.reason.as_deref(),
                error = $f.error.as_deref(),
                fingerprint = $f.fingerprint,
                delay_ms = $f.delay_ms,
                count = $f.count,
                pid = $f.pid,
                channel = $f.channel,
                rule = $f.rule,
                subject = $f.subject,
                "{}",
                event.message()
            )
        };
    }
    let fields = event.fields();
    match event.level() {
        Level::ERROR => line!(ERROR, fields),
        Level::WARN => line!(WARN, fields),
        Level::INFO => line!(INFO, fields),
        _ => line!(DEBUG, fields),
    }
}

#[cfg(test)]
mod tests;
