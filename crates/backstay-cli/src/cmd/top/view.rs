//! What the screen shows and what is selected on it: changed by keys and by looks, drawn by `screen`.

use std::time::{Duration, Instant};

use backstay::StoreError;
use backstay::inspect::{QueueStatus, RunningJob};

use super::deed::Deed;
use super::picture::{Picture, Sort};

/// Which list the arrows move in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Focus {
    Jobs,
    Queues,
}

/// The state of the screen.
#[derive(Debug)]
pub(super) struct View {
    pub(super) picture: Picture,
    pub(super) sort: Sort,
    pub(super) interval: Duration,
    pub(super) focus: Focus,
    /// The job under the bar, by its id: it stays the same one when the order changes.
    job: Option<String>,
    /// The queue under the bar.
    queue: Option<String>,
    /// What is done if the answer is yes.
    pub(super) asked: Option<Deed>,
    /// What came of the last deed.
    pub(super) said: Option<String>,
    /// When the picture was taken.
    pub(super) seen_at: Instant,
    /// Why the last look showed nothing.
    pub(super) trouble: Option<String>,
}

impl View {
    pub(super) fn new(sort: Sort, interval: Duration, picture: Picture) -> View {
        View {
            picture,
            sort,
            interval,
            focus: Focus::Jobs,
            job: None,
            queue: None,
            asked: None,
            said: None,
            seen_at: Instant::now(),
            trouble: None,
        }
    }

    /// Takes what a look showed; where it showed nothing, the last picture stays.
    pub(super) fn saw(&mut self, seen: Result<Picture, StoreError>) {
        match seen {
            Ok(picture) => {
                self.picture = picture.after(&self.picture);
                self.seen_at = Instant::now();
                self.trouble = None;
            }
            Err(error) => self.trouble = Some(format!("{} {error}", error.code())),
        }
    }

    pub(super) fn say(&mut self, said: String) {
        self.said = Some(said);
    }

    pub(super) fn rows(&self) -> Vec<&RunningJob> {
        self.picture.sorted(self.sort)
    }

    /// The place of the bar among the rows; the first where its job has ended.
    pub(super) fn at_job(&self) -> Option<usize> {
        let rows = self.rows();
        let at = rows.iter().position(|job| Some(&job.id) == self.job.as_ref());
        at.or_else(|| (!rows.is_empty()).then_some(0))
    }

    pub(super) fn selected_job(&self) -> Option<&RunningJob> {
        self.rows().get(self.at_job()?).copied()
    }

    pub(super) fn at_queue(&self) -> Option<usize> {
        let queues = &self.picture.queues;
        let at = queues.iter().position(|queue| Some(&queue.name) == self.queue.as_ref());
        at.or_else(|| (!queues.is_empty()).then_some(0))
    }

    /// The queue under the bar, or that of the job under the bar.
    pub(super) fn selected_queue(&self) -> Option<&QueueStatus> {
        let queues = &self.picture.queues;
        match self.focus {
            Focus::Queues => queues.get(self.at_queue()?),
            Focus::Jobs => {
                let job = self.selected_job()?;
                queues.iter().find(|queue| queue.name == job.queue)
            }
        }
    }

    /// Moves the bar by so many lines, and no further than to an end.
    pub(super) fn step(&mut self, by: isize) {
        let moved = |at: Option<usize>, n: usize| {
            Some(at?.saturating_add_signed(by).min(n.saturating_sub(1)))
        };
        match self.focus {
            Focus::Jobs => {
                let at = moved(self.at_job(), self.picture.jobs.len());
                let job = at.and_then(|at| Some(self.rows().get(at)?.id.clone()));
                self.job = job;
            }
            Focus::Queues => {
                let at = moved(self.at_queue(), self.picture.queues.len());
                let queue = at.and_then(|at| Some(self.picture.queues.get(at)?.name.clone()));
                self.queue = queue;
            }
        }
    }

    pub(super) fn turn_focus(&mut self) {
        self.focus = match self.focus {
            Focus::Jobs if !self.picture.queues.is_empty() => Focus::Queues,
            _ => Focus::Jobs,
        };
    }

    /// How long the picture is older than it should be; none while looks are answered in time.
    pub(super) fn late(&self, now: Instant) -> Option<Duration> {
        let age = now.duration_since(self.seen_at);
        let is_late = self.trouble.is_some() || age > 2 * self.interval + Duration::from_secs(1);
        is_late.then_some(age)
    }
}
