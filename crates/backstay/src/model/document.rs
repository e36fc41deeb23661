//! The job document: a job as every door shows it.

use std::time::SystemTime;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use super::job::Counters;
use super::state::State;

/// A job as it stands, under the same names as in SQL, HTTP and `--json`; fields are only ever added.
///
/// ```
/// use backstay::{JobDocument, JobState, LastError, Progress};
///
/// fn sentence(job: &JobDocument) -> String {
///     match (&job.state, &job.progress, &job.error) {
///         (JobState::Running, Some(Progress { percent: Some(percent), .. }), _) => {
///             format!("your {} is at {percent} %", job.kind)
///         }
///         (JobState::Dead, _, Some(LastError { message: Some(why), .. })) => format!("it failed: {why}"),
///         _ => format!("your {} is {}", job.kind, job.state),
///     }
/// }
///
/// let job: JobDocument = serde_json::from_str(
///     r#"{"id": "4211", "kind": "report", "queue": "reports", "state": "running", "progress": {"percent": 40}}"#,
/// )?;
/// assert_eq!(sentence(&job), "your report is at 40 %");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct JobDocument {
    /// The job's id.
    #[serde(with = "id")]
    pub id: i64,
    /// The kind of work.
    pub kind: String,
    /// The queue where it stands.
    pub queue: String,
    /// Where it stands in its life.
    pub state: State,
    /// 0 to 9, lower runs first.
    #[serde(default)]
    pub priority: i16,
    /// Whose job it is.
    #[serde(default)]
    pub group: Option<String>,
    /// The named limits that it needs.
    #[serde(default)]
    pub limits: Vec<String>,
    /// Words to find it by.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Notes for people and tools, as JSON text.
    #[serde(default, with = "text")]
    pub meta: Option<String>,
    /// The number of its newest attempt, 0 before the first.
    #[serde(default)]
    pub attempt: i32,
    /// Failures that were retried.
    #[serde(default)]
    pub retry_count: i16,
    /// How many may be.
    #[serde(default)]
    pub max_retries: i16,
    /// Attempts that ended by a crash of their process.
    #[serde(default)]
    pub crash_count: i16,
    /// Attempts that ended by the loss of their worker.
    #[serde(default)]
    pub lost_count: i16,
    /// How often its handler asked for a later start.
    #[serde(default)]
    pub snooze_count: i16,
    /// How often a deploy or a stop interrupted it.
    #[serde(default)]
    pub interrupt_count: i16,
    /// How often it was brought back from the dead letters.
    #[serde(default)]
    pub revived_count: i16,
    /// When it was asked for.
    #[serde(default, with = "instant")]
    pub enqueued_at: Option<SystemTime>,
    /// Not before this instant.
    #[serde(default, with = "instant")]
    pub run_at: Option<SystemTime>,
    /// When its newest attempt started.
    #[serde(default, with = "instant")]
    pub started_at: Option<SystemTime>,
    /// When it ended for good.
    #[serde(default, with = "instant")]
    pub finished_at: Option<SystemTime>,
    /// No attempt starts after this instant.
    #[serde(default, with = "instant")]
    pub expires_at: Option<SystemTime>,
    /// Its unique key; one made of args is a JSON list.
    #[serde(default)]
    pub unique: Option<String>,
    /// How far its attempt is.
    #[serde(default)]
    pub progress: Option<Progress>,
    /// What its handler gave back, as JSON text.
    #[serde(default, with = "text")]
    pub output: Option<String>,
    /// The batch it belongs to.
    #[serde(default)]
    pub batch: Option<String>,
    /// The tick of the schedule that made it.
    #[serde(default, with = "instant")]
    pub cron_tick: Option<SystemTime>,
    /// The worker that has it, or had it last.
    #[serde(default)]
    pub worker: Option<String>,
    /// What went wrong last.
    #[serde(default)]
    pub error: Option<LastError>,
    /// Why it is dead or cancelled, and why it is held back while it waits.
    #[serde(default)]
    pub reason: Option<String>,
    /// The caller's W3C `traceparent`.
    #[serde(default)]
    pub trace: Option<String>,
    /// Bytes that one attempt may use, where the job asks for its own.
    #[serde(default)]
    pub memory_bytes: Option<u64>,
    /// What it was given, as JSON text with secrets blanked; only where a viewer asked for one job.
    #[serde(default, with = "text", skip_serializing_if = "Option::is_none")]
    pub args: Option<String>,
}

impl JobDocument {
    /// Tells whether it is to run, and is suspected of killing workers: it then runs apart from others.
    #[must_use]
    pub fn is_suspect(&self) -> bool {
        let is_over = matches!(self.state, State::Completed | State::Cancelled | State::Dead);
        let counters = Counters { lost_count: self.lost_count, ..Counters::default() };
        !is_over && counters.is_suspect()
    }
}

/// How far an attempt is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Progress {
    /// 0 to 100, if the handler knows.
    #[serde(default)]
    pub percent: Option<f32>,
    /// What it is doing.
    #[serde(default)]
    pub note: Option<String>,
}

/// What went wrong last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LastError {
    /// The number of the attempt.
    #[serde(default)]
    pub attempt: Option<i32>,
    /// What the attempt came to, such as `failed` or `timed_out`.
    #[serde(default)]
    pub outcome: Option<String>,
    /// The message, cut at 4 KiB.
    #[serde(default)]
    pub message: Option<String>,
    /// Equal errors have equal fingerprints.
    #[serde(default)]
    pub fingerprint: Option<String>,
}

/// An id is a text in JSON: other languages keep numbers only up to 2^53.
mod id {
    use super::*;

    pub(super) fn serialize<S: Serializer>(id: &i64, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(id)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<i64, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

mod instant {
    use super::*;
    use crate::model::instant::Instant;

    pub(super) fn serialize<S: Serializer>(
        at: &Option<SystemTime>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        let at = at.map(Instant::try_from).transpose().map_err(serde::ser::Error::custom)?;
        at.serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<SystemTime>, D::Error> {
        Ok(Option::<Instant>::deserialize(from)?.map(SystemTime::from))
    }
}

/// JSON kept as the text that it was, so that every digit stays.
mod text {
    use super::*;

    pub(super) fn serialize<S: Serializer>(
        text: &Option<String>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        let raw = text.clone().map(RawValue::from_string).transpose();
        raw.map_err(serde::ser::Error::custom)?.serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<String>, D::Error> {
        let raw = Option::<Box<RawValue>>::deserialize(from)?;
        Ok(raw.map(|raw| raw.get().to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_read_and_what_is_new_in_it_is_passed_over() {
        let document: JobDocument = serde_json::from_str(
            r#"{"id": "4211", "kind": "report", "queue": "reports", "state": "running", "priority": 5,
                "meta": {}, "limits": [], "attempt": 2, "run_at": "1970-01-01T00:00:15Z", "output": null,
                "finished_at": null, "progress": {"percent": 40, "note": "page 12"}, "to_come": [1],
                "error": {"attempt": 1, "outcome": "timed_out", "message": "15m", "fingerprint": "a3f19c02"}}"#,
        )
        .unwrap();
        assert_eq!((document.id, document.attempt), (4211, 2));
        assert_eq!(document.run_at, Some(SystemTime::UNIX_EPOCH + super::super::unit::secs(15)));
        assert_eq!(document.progress.unwrap().percent, Some(40.0));
        assert_eq!((document.output, document.meta.as_deref()), (None, Some("{}")));
        assert_eq!(document.error.unwrap().outcome.as_deref(), Some("timed_out"));
    }

    #[test]
    fn an_id_beyond_2_to_the_53_keeps_all_its_digits() {
        let document: JobDocument = serde_json::from_str(
            r#"{"id": "9007199254740993", "kind": "a", "queue": "b", "state": "ready"}"#,
        )
        .unwrap();
        assert_eq!(document.id, 9_007_199_254_740_993);
    }
}
