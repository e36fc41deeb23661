//! How fast waiting jobs are run: from the start of the first handler to the moment when all have ended.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{costs, fill, workers};
use crate::Failure;
use crate::figures::Values;
use crate::peer::Subject;
use crate::process::Process;
use crate::server::{Place, Server};

/// How often the workers' lines are read, and, near the end, the database is asked.
const LOOK: Duration = Duration::from_millis(10);
/// After this long sessions have told of their dead rows.
const TOLD: Duration = Duration::from_millis(1500);

#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    pub(super) jobs: u64,
    pub(super) workers: u32,
    /// Jobs that are left all the same, since they were there before or nobody can have them.
    pub(super) rest: u64,
    /// A drain that takes longer ends with what is done.
    pub(super) cap: Duration,
}

/// How far a drain came, and when.
struct Course {
    /// Seconds since the epoch at which the first handler began.
    began: f64,
    ended: f64,
    done: u64,
    /// Time and handlers that had run by then, as the workers said it.
    marks: Vec<(f64, u64)>,
}

pub(super) fn free(
    server: &mut Server,
    place: &mut Place,
    subject: &Subject,
    wanted: Wanted,
) -> Result<Values, Failure> {
    fill(place, subject, wanted.jobs)?;
    Ok(run(server, place, subject, wanted)?.0)
}

pub(super) fn pinned(
    server: &mut Server,
    place: &mut Place,
    subject: &Subject,
    wanted: Wanted,
) -> Result<Values, Failure> {
    fill(place, subject, wanted.jobs)?;
    let pin = place.pin()?;
    let (mut values, course) = run(server, place, subject, wanted)?;
    drop(pin);
    if let Some(kept) = course.kept() {
        values.insert("kept", kept);
    }
    values.insert("span", course.ended - course.began);
    Ok(values)
}

/// Beside so many jobs that a stranger has locked, as one that stands still in a transaction.
pub(super) fn locked(
    server: &mut Server,
    place: &mut Place,
    subject: &Subject,
    wanted: Wanted,
) -> Result<Values, Failure> {
    fill(place, subject, wanted.rest + wanted.jobs)?;
    let rows = i64::try_from(wanted.rest)?;
    let (stranger, locked) = place.lock(&subject.queue.lock, rows)?;
    if locked != wanted.rest {
        return Err(format!("{locked} of {} jobs could be locked", wanted.rest).into());
    }
    let values = run(server, place, subject, wanted)?.0;
    drop(stranger);
    Ok(values)
}

fn run(
    server: &mut Server,
    place: &mut Place,
    subject: &Subject,
    wanted: Wanted,
) -> Result<(Values, Course), Failure> {
    let mut workers = workers(place, subject, wanted.workers, false)?;
    let used = |workers: &[Process]| workers.iter().map(Process::cpu).sum::<f64>();
    let (before, mine) = (server.meter()?, used(&workers));
    let course = follow(place, subject, wanted, &mut workers)?;
    let (after, mine) = (server.meter()?, used(&workers) - mine);
    let jobs = course.done as f64;
    let mut values = Values::from([("jobs_per_s", jobs / (course.ended - course.began))]);
    costs(&mut values, jobs, before, after, mine);
    let peak = workers.iter().map(Process::peak_mib).fold(0.0, f64::max);
    values.insert("rss_mib", peak);
    values.insert("done", jobs);
    std::thread::sleep(TOLD);
    values.insert("dead_rows", place.dead_rows()? as f64 * 1000.0 / jobs);
    workers.into_iter().try_for_each(|worker| worker.stop().map(drop))?;
    Ok((values, course))
}

fn follow(
    place: &mut Place,
    subject: &Subject,
    wanted: Wanted,
    workers: &mut [Process],
) -> Result<Course, Failure> {
    workers.iter_mut().try_for_each(Process::go)?;
    let end = now() + wanted.cap.as_secs_f64();
    let mut ran = vec![0; workers.len()];
    let mut course = Course { began: f64::MAX, ended: 0.0, done: 0, marks: Vec::new() };
    loop {
        for (worker, ran) in workers.iter_mut().zip(&mut ran) {
            while let Some(line) = worker.line(Duration::ZERO)? {
                *ran = line["ran"].as_u64().unwrap_or(*ran);
                let first = line["first_us"].as_f64().filter(|first| *first > 0.0);
                course.began = first.map_or(course.began, |us| course.began.min(us / 1e6));
            }
        }
        let total: u64 = ran.iter().sum();
        if course.marks.last().is_none_or(|last| last.1 != total) {
            course.marks.push((now(), total));
        }
        let is_late = now() > end;
        if total >= wanted.jobs || is_late {
            course.ended = now();
            let left = u64::try_from(place.number(&subject.queue.left)?)?;
            let left = left.saturating_sub(wanted.rest);
            course.done = wanted.jobs.saturating_sub(left);
            if course.done == 0 {
                return Err(format!("no job has ended within {:?}", wanted.cap).into());
            }
            if left == 0 || is_late {
                return Ok(course);
            }
        }
        std::thread::sleep(LOOK);
    }
}

impl Course {
    /// The rate of the last quarter in per cent of the first quarter's.
    fn kept(&self) -> Option<f64> {
        let total = self.marks.last()?.1;
        let at = |share: f64| {
            let wanted = (total as f64 * share) as u64;
            self.marks.iter().find(|mark| mark.1 >= wanted).map(|mark| mark.0)
        };
        let (first, last) = (at(0.25)? - self.began, at(1.0)? - at(0.75)?);
        (first > 0.0 && last > 0.0).then(|| 100.0 * first / last)
    }
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_sets_the_last_quarter_against_the_first() {
        let marks = vec![(0.0, 0), (1.0, 25), (2.0, 50), (4.0, 75), (8.0, 100)];
        let course = Course { began: 0.0, ended: 8.0, done: 100, marks };
        assert_eq!(course.kept(), Some(25.0));
    }
}
