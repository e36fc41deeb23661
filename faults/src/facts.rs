//! What the database says after a run: its jobs, whom it told, what handlers left in it, and the trail of every move.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// All of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// Every job that it knows.
    pub jobs: Vec<Job>,
    /// Every move, in the order of `seq`.
    pub trail: Vec<Row>,
    /// Each row that a handler wrote in the transaction in which it completed.
    pub effects: Vec<Effect>,
    /// Which incident each death belongs to; none in a run that has no receiver of alerts.
    pub told: Option<Vec<Told>>,
}

/// A job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Its id.
    pub id: i64,
    /// What its producer calls it, where the database still knows that.
    pub key: Option<String>,
    /// Where it stands.
    pub stands: Stands,
}

/// Where a job stands at the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stands {
    /// It waits, and why it may: a pause, say. Without a reason it should not.
    Waiting(Option<String>),
    /// It runs.
    Running,
    /// It is done.
    Completed,
    /// It was stopped on purpose.
    Cancelled,
    /// It is a dead letter.
    Dead {
        /// The attempt that it died of.
        attempt: i32,
    },
}

/// A row of the application's, written by a handler in the transaction in which it completed its job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effect {
    /// The job.
    pub job: i64,
    /// The attempt that wrote it.
    pub attempt: i32,
    /// The transaction.
    pub xid: i64,
}

/// A death and the incident as which it is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// The job that died.
    pub job: i64,
    /// Of which attempt.
    pub attempt: i32,
    /// The incident's key.
    pub incident: String,
}

/// A row that came into a place, or left it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// For one job this is the order in which things happened.
    pub seq: i64,
    /// When.
    pub at: Timestamp,
    /// The transaction.
    pub xid: i64,
    /// The name of the session that did it.
    pub writer: String,
    /// The job.
    pub job: i64,
    /// The place.
    pub place: Place,
    /// Which way.
    pub way: Way,
    /// The attempt, as the row has it.
    pub attempt: Option<i32>,
    /// The worker, as the row has it.
    pub worker: Option<Uuid>,
}

impl Row {
    /// Whether this is an attempt that begins or ends: a row of `running` that goes this way.
    #[must_use]
    pub fn is_running(&self, way: Way) -> bool {
        self.place == Place::Running && self.way == way
    }

    /// Whether a worker's housekeeping did it, so that a running row which leaves is a rescue.
    #[must_use]
    pub fn is_by_duty(&self) -> bool {
        self.writer.starts_with("backstay work ") && self.writer.ends_with(" duty")
    }

    /// Whether the worker that the row names did it itself.
    #[must_use]
    pub fn is_by_owner(&self) -> bool {
        let Some(worker) = self.worker else { return false };
        let start = &worker.to_string()[..8];
        self.writer.strip_prefix("backstay work ").is_some_and(|rest| rest.starts_with(start))
            && !self.is_by_duty()
    }
}

/// A table in which a job may stand, and that of alerts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// In line.
    Ready,
    /// Not due yet.
    Scheduled,
    /// Held back.
    Parked,
    /// Claimed.
    Running,
    /// Completed or cancelled.
    History,
    /// Dead.
    DeadLetter,
    /// Not a place of jobs: what people are to be told.
    Alert,
}

/// Which way a row went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// It came.
    Enter,
    /// It left.
    Leave,
}
