//! What the database says of a job, of those that could take it, and of what stands before it: one look at one moment.

use serde::Deserialize;

use crate::model::document::JobDocument;
use crate::model::instant::Instant;
use crate::model::priority::Priority;
use crate::model::status::{PauseStatus, WorkerStatus};

/// The answer of `sql/inner/why_facts.sql`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Facts {
    /// The database's time.
    pub(crate) now: Instant,
    /// None: no job of this id is known any more.
    pub(crate) job: Option<JobDocument>,
    /// Since when it stands where it stands.
    pub(crate) since: Option<Instant>,
    /// For what it is parked.
    pub(crate) subject: Option<String>,
    /// Somebody wants a running job stopped.
    pub(crate) cancel: Option<Cancel>,
    pub(crate) letter: Option<Letter>,
    /// Its last attempt that is remembered.
    pub(crate) last: Option<LastAttempt>,
    /// Of its queue and of its kind.
    pub(crate) pauses: Vec<Pause>,
    /// Of a waiting job: those that serve its queue; of a running one: who has it, and all that live.
    pub(crate) workers: Vec<WorkerStatus>,
    /// Who served its queue last.
    pub(crate) served: Option<Served>,
    /// What stands before it in line.
    pub(crate) ahead: Ahead,
    /// What runs of its queue, where it stands in line.
    pub(crate) busy: Vec<Busy>,
    /// The longest running of those.
    pub(crate) longest: Vec<Holder>,
    /// Attempts of its queue that ended, of the last five minutes; none: nothing ended.
    pub(crate) per_hour: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Cancel {
    pub(crate) by: Option<String>,
    pub(crate) reason: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Letter {
    pub(crate) title: String,
    pub(crate) fingerprint: String,
    /// Of its group: `open acknowledged muted empty`.
    pub(crate) state: String,
    pub(crate) by: Option<String>,
    pub(crate) note: Option<String>,
    pub(crate) discarded_at: Option<Instant>,
    pub(crate) discarded_by: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct LastAttempt {
    pub(crate) attempt: i32,
    pub(crate) outcome: String,
    pub(crate) ended_at: Instant,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Pause {
    /// `queue` or `kind`.
    pub(crate) scope: String,
    pub(crate) name: String,
    #[serde(flatten)]
    pub(crate) status: PauseStatus,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Served {
    pub(crate) host: String,
    pub(crate) at: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub(crate) struct Ahead {
    pub(crate) count: u64,
    pub(crate) more: bool,
    /// How many of them are of a more urgent level.
    pub(crate) urgent: u64,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Busy {
    pub(crate) worker: String,
    pub(crate) priority: Priority,
    pub(crate) jobs: u16,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Holder {
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) worker: String,
    pub(crate) since: Instant,
}
