//! Attempts as whoever traces them sees them: told of each as it begins, and of its end once that is written down.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::model::claim::JobInfo;
use crate::model::outcome::Outcome;

/// Is told of each attempt that begins; gives what its handler is to have for a trace, and whom to tell of the end.
pub(crate) type Tracer = Arc<dyn Fn(&JobInfo, Duration) -> Option<Traced> + Send + Sync>;

/// An attempt that somebody traces, as [`Worker::trace`](crate::Worker::trace) begins it.
///
/// ```
/// use backstay::{AttemptEnd, JobInfo, Traced};
///
/// fn begin(job: &JobInfo) -> Traced {
///     let (id, attempt) = (job.id, job.attempt);
///     Traced {
///         trace: format!("00-{id:032x}-{attempt:016x}-01"),
///         end: Box::new(move |end: &AttemptEnd| println!("{id}/{attempt}: {} after {:?}", end.outcome, end.wall)),
///     }
/// }
/// # let _ = begin;
/// ```
pub struct Traced {
    /// What the handler gets in place of the caller's trace: a W3C `traceparent`, with its `tracestate` behind a blank where
    /// there is one.
    pub trace: String,
    /// Is told how the attempt ended, once, when that is written down. It runs on the thread that claims, so it must not block.
    pub end: Box<dyn FnOnce(&AttemptEnd) + Send>,
}

/// How an attempt ended, as it was written down.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct AttemptEnd {
    /// The word for it, such as `completed`, `failed`, `timed_out` or `memory_limit`.
    pub outcome: &'static str,
    /// It was none of `completed`, `snoozed`, `cancelled` and `interrupted`.
    pub is_error: bool,
    /// The class of the error, such as `smtp.550`, at most 256 bytes.
    pub error_class: Option<String>,
    /// What went wrong, in at most 4 KiB; nothing where nothing did.
    pub message: Option<String>,
    /// How long it ran.
    pub wall: Duration,
    /// The processor time that it took, where a process of its own ran it.
    pub cpu: Option<Duration>,
    /// The memory that it had at its most, in bytes, where a process of its own ran it.
    pub peak_bytes: Option<u64>,
}

impl AttemptEnd {
    /// An end of which only the word is known.
    pub(crate) fn bare(outcome: Outcome, wall: Duration) -> AttemptEnd {
        AttemptEnd {
            outcome: outcome.as_str(),
            is_error: is_error(outcome),
            error_class: None,
            message: None,
            wall,
            cpu: None,
            peak_bytes: None,
        }
    }
}

/// Whether something went wrong. What somebody wanted, or a deploy brought about, is nothing wrong.
fn is_error(outcome: Outcome) -> bool {
    !matches!(
        outcome,
        Outcome::Completed | Outcome::Snoozed | Outcome::Cancelled | Outcome::Interrupted
    )
}

/// A traced attempt whose end nobody was told of yet.
pub(crate) struct Open {
    tell: Box<dyn FnOnce(&AttemptEnd) + Send>,
    began: Instant,
    end: Option<AttemptEnd>,
}

impl Open {
    pub(crate) fn new(tell: Box<dyn FnOnce(&AttemptEnd) + Send>) -> Open {
        Open { tell, began: Instant::now(), end: None }
    }

    /// Keeps how it ended, until that is written down; a later end takes the place of an earlier one.
    pub(crate) fn ended(&mut self, end: AttemptEnd) {
        self.end = Some(end);
    }

    /// Takes over what the database made of it: an end that it did not take is stale, whatever had come before.
    pub(crate) fn settled(&mut self, outcome: Outcome) {
        match &mut self.end {
            Some(end) => (end.outcome, end.is_error) = (outcome.as_str(), is_error(outcome)),
            none => *none = Some(AttemptEnd::bare(outcome, self.began.elapsed())),
        }
    }

    /// Tells the end. An attempt that was let go without one is no longer this worker's.
    pub(crate) fn close(self) {
        let lost = || AttemptEnd::bare(Outcome::Stale, self.began.elapsed());
        let end = self.end.unwrap_or_else(lost);
        (self.tell)(&end);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn open() -> (Open, mpsc::Receiver<AttemptEnd>) {
        let (tell, told) = mpsc::channel();
        (Open::new(Box::new(move |end: &AttemptEnd| tell.send(end.clone()).unwrap())), told)
    }

    fn failed() -> AttemptEnd {
        let message = Some("no such month".to_owned());
        AttemptEnd { message, ..AttemptEnd::bare(Outcome::Failed, Duration::from_secs(3)) }
    }

    #[test]
    fn the_end_that_was_written_down_is_told_with_all_that_was_known_of_it() {
        let (mut open, told) = open();
        open.ended(AttemptEnd::bare(Outcome::Completed, Duration::from_secs(3)));
        open.ended(failed());
        open.settled(Outcome::Failed);
        open.close();
        assert_eq!(told.recv(), Ok(failed()));
    }

    #[test]
    fn an_end_that_the_database_did_not_take_is_stale() {
        let (mut open, told) = open();
        open.ended(AttemptEnd::bare(Outcome::Completed, Duration::from_secs(3)));
        open.settled(Outcome::Stale);
        open.close();
        let end = told.recv().unwrap();
        assert_eq!((end.outcome, end.is_error), ("stale", true));
        assert_eq!(end.wall, Duration::from_secs(3));
    }

    #[test]
    fn an_attempt_that_is_given_back_is_interrupted_and_one_that_is_lost_is_stale() {
        let (mut given_back, told) = open();
        given_back.settled(Outcome::Interrupted);
        given_back.close();
        let end = told.recv().unwrap();
        assert_eq!((end.outcome, end.is_error), ("interrupted", false));
        let (lost, told) = open();
        lost.close();
        assert_eq!(told.recv().unwrap().outcome, "stale");
    }
}
