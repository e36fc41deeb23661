//! `backstay tail`: what a job printed, and with `-f` what it prints, until it has ended.

use std::time::{Duration, Instant, SystemTime};

use backstay::JobState;
use backstay::inspect::{self, JobDocument, OutputPart, PrintedLine, Stream};
use backstay::unit::about;
use serde_json::json;

use super::super::connect::of_store;
use super::super::desk::Desk;
use super::instant;
use super::jobs::unknown;
use crate::args::TailArgs;
use crate::failure::{Exit, Failure};
use crate::print::{Printer, Tone};

/// A worker stores what is followed once a second.
const LOOK: Duration = Duration::from_millis(300);
/// A wish holds for 30 s.
const WISH_AGAIN: Duration = Duration::from_secs(10);
/// A worker that hears no NOTIFY hears of a wish with its next beat, at most 5 s away.
const HEARD_WITHIN: Duration = Duration::from_secs(7);
/// Behind the end of an attempt its last lines are stored; where the worker is gone, they never are.
const LAST_LINES: Duration = Duration::from_secs(3);

pub(crate) async fn tail(desk: &Desk<'_>, args: &TailArgs) -> Result<Exit, Failure> {
    let mut tail = Tail::new(desk, args);
    let told = async {
        match args.follow {
            true => tail.follow().await,
            false => tail.once().await,
        }
    };
    tokio::select! {
        exit = told => exit,
        _ = tokio::signal::ctrl_c() => {
            desk.printer.status("");
            Ok(Exit::Interrupted)
        }
    }
}

/// Somebody who looks at one job.
struct Tail<'a> {
    desk: &'a Desk<'a>,
    args: &'a TailArgs,
    /// The last part that was printed: attempt and number.
    place: (i32, i32),
    /// The attempt at `place` has printed all it will.
    is_whole: bool,
    /// The attempt whose lines were printed last, from 1; each but the first gets a heading.
    shown: i32,
    wished_at: Option<Instant>,
    /// The attempt that ended last, and how.
    ended: Option<(i32, String)>,
    /// The job is in a later attempt, and the last lines of the one at `place` may still come.
    behind_since: Option<Instant>,
    /// For a list as one document.
    items: Vec<PrintedLine>,
}

impl<'a> Tail<'a> {
    fn new(desk: &'a Desk<'a>, args: &'a TailArgs) -> Tail<'a> {
        Tail {
            desk,
            args,
            place: (0, 0),
            is_whole: false,
            shown: 0,
            wished_at: None,
            ended: None,
            behind_since: None,
            items: Vec::new(),
        }
    }

    /// Prints what there is.
    async fn once(&mut self) -> Result<Exit, Failure> {
        let job = self.job().await?;
        while self.read(self.args.attempt).await? {}
        if let Some(job) = job.as_ref().filter(|job| self.prints_now(job)) {
            self.ask_once(job).await?;
        }
        let (job, id) = (self.job().await?.or(job), self.args.id);
        if job.is_none() && self.place == (0, 0) {
            return Err(unknown(id));
        }
        if self.desk.printer.is_json() {
            self.desk.printer.json(&json!({ "items": self.items, "next": null }));
            return Ok(Exit::Done);
        }
        if self.shown == 0 {
            self.desk.printer.note(nothing_kept(job.as_ref()));
        }
        self.desk.printer.note(sentence(id, job.as_ref()));
        Ok(Exit::Done)
    }

    /// The worker has lines that nobody has looked at yet: it is asked for them, and its first answer is all of them.
    async fn ask_once(&mut self, job: &JobDocument) -> Result<(), Failure> {
        let begun = Instant::now();
        self.wish().await?;
        // Somebody who follows it already has everything stored within a second.
        let is_followed = self.place.0 == job.attempt;
        let patience = if is_followed { Duration::from_millis(1500) } else { HEARD_WITHIN };
        while begun.elapsed() < patience && !self.read(self.args.attempt).await? {
            self.desk.printer.status("asking its worker ...");
            tokio::time::sleep(LOOK).await;
        }
        self.desk.printer.status("");
        while self.read(self.args.attempt).await? {}
        Ok(())
    }

    /// Prints what there is and what comes, until the job or the attempt has ended.
    async fn follow(&mut self) -> Result<Exit, Failure> {
        let mut over_since: Option<Instant> = None;
        let mut last_known: Option<JobDocument> = None;
        loop {
            let job = self.job().await?;
            if job.is_none() && last_known.is_none() && self.place == (0, 0) {
                while self.read(self.args.attempt).await? {}
                if self.place == (0, 0) {
                    return Err(unknown(self.args.id));
                }
            }
            let is_over = job.as_ref().is_none_or(|job| self.is_over(job));
            if !is_over {
                over_since = None;
                self.wish().await?;
            }
            self.catch_up(job.as_ref()).await?;
            if is_over {
                let since = *over_since.get_or_insert_with(Instant::now);
                if since.elapsed() >= self.patience(job.as_ref()) {
                    let job = job.or(last_known);
                    self.conclude(job.as_ref());
                    return Ok(Exit::Done);
                }
            }
            if self.desk.printer.is_closed() {
                return Ok(Exit::Done);
            }
            if let Some(job) = job {
                self.desk.printer.status(&waits(&job));
                last_known = Some(job);
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Prints what is stored: an attempt's lines come before those of the next.
    async fn catch_up(&mut self, job: Option<&JobDocument>) -> Result<(), Failure> {
        let attempt = self.place.0;
        let is_behind =
            attempt > 0 && !self.is_whole && job.is_some_and(|job| job.attempt > attempt);
        if !is_behind {
            self.behind_since = None;
        } else if self.behind_since.get_or_insert_with(Instant::now).elapsed() < LAST_LINES {
            while self.read(Some(attempt)).await? {}
            if !self.is_whole {
                return Ok(());
            }
        }
        while self.read(self.args.attempt).await? {}
        Ok(())
    }

    /// How long last lines are waited for.
    fn patience(&self, job: Option<&JobDocument>) -> Duration {
        let Some(job) = job else { return Duration::ZERO };
        let ended = instant(job.finished_at).map(|at| at.age(SystemTime::now()));
        let is_whole = self.is_whole && self.place.0 >= self.args.attempt.unwrap_or(job.attempt);
        let is_old = ended.is_some_and(|age| age > LAST_LINES * 2);
        if is_whole || is_old || job.attempt == 0 { Duration::ZERO } else { LAST_LINES }
    }

    /// Prints the parts behind the place; whether there may be more.
    async fn read(&mut self, only: Option<i32>) -> Result<bool, Failure> {
        let parts = inspect::output(&self.desk.database, self.args.id, self.place, only).await;
        let parts = parts.map_err(|error| of_store(&error))?;
        let any = !parts.is_empty();
        for part in parts {
            // A part may be there twice: its worker did not hear that it was stored.
            if (part.attempt, part.part) > self.place {
                self.print(part);
            }
        }
        Ok(any && !self.desk.printer.is_closed())
    }

    fn print(&mut self, part: OutputPart) {
        let printer = self.desk.printer;
        if part.attempt != self.shown && !part.lines.is_empty() {
            self.shown = part.attempt;
            if part.attempt > 1 {
                printer.status("");
                printer.note(self.heading(part.attempt));
            }
        }
        self.place = (part.attempt, part.part);
        self.is_whole = part.last;
        let fits = |line: &PrintedLine| {
            self.args.stream.is_none_or(|only| line.stream == only || line.stream == Stream::Note)
        };
        for line in part.lines.into_iter().filter(fits) {
            match (printer.is_json(), self.args.follow) {
                (true, true) => printer.json_line(&line),
                (true, false) => self.items.push(line),
                _ => {
                    printer.status("");
                    show(printer, &line);
                }
            }
        }
    }

    /// Names an attempt, and how the one before it ended where that is known.
    fn heading(&self, attempt: i32) -> String {
        match &self.ended {
            Some((before, how)) if *before == attempt - 1 => {
                format!("attempt {before} ended: {how}\nattempt {attempt}:")
            }
            _ => format!("attempt {attempt}:"),
        }
    }

    async fn job(&mut self) -> Result<Option<JobDocument>, Failure> {
        let job = inspect::job(&self.desk.database, self.args.id).await;
        let job = job.map_err(|error| of_store(&error))?;
        let error = job.as_ref().and_then(|job| job.error.as_ref());
        if let Some((attempt, error)) = error.and_then(|error| Some((error.attempt?, error))) {
            let outcome = error.outcome.as_deref().unwrap_or("failed");
            let message = error.message.as_deref().map(super::brief).unwrap_or_default();
            self.ended = Some((attempt, format!("{outcome}: {message}")));
        }
        Ok(job)
    }

    /// Says that somebody looks, again before the last wish lapses.
    async fn wish(&mut self) -> Result<(), Failure> {
        if self.wished_at.is_some_and(|at| at.elapsed() < WISH_AGAIN) {
            return Ok(());
        }
        let wished = inspect::follow(&self.desk.database, self.args.id).await;
        wished.map_err(|error| of_store(&error))?;
        self.wished_at = Some(Instant::now());
        Ok(())
    }

    fn prints_now(&self, job: &JobDocument) -> bool {
        job.state == JobState::Running && self.args.attempt.is_none_or(|n| n == job.attempt)
    }

    fn is_over(&self, job: &JobDocument) -> bool {
        let is_past =
            |n: i32| job.attempt > n || (job.attempt == n && job.state != JobState::Running);
        is_ended(job) || self.args.attempt.is_some_and(is_past)
    }

    fn conclude(&self, job: Option<&JobDocument>) {
        let printer = self.desk.printer;
        printer.status("");
        if !printer.is_json() {
            return printer.note(sentence(self.args.id, job));
        }
        let end = job.map(|job| {
            json!({ "id": job.id.to_string(), "state": job.state, "attempt": job.attempt, "reason": job.reason, "error": job.error })
        });
        printer.json_line(&json!({ "end": end }));
    }
}

fn is_ended(job: &JobDocument) -> bool {
    matches!(job.state, JobState::Completed | JobState::Cancelled | JobState::Dead)
}

/// One line as a person reads it; with `-v` when it was printed, and where.
fn show(printer: &Printer, line: &PrintedLine) {
    let prefix = match printer.verbosity() {
        0 => String::new(),
        _ => format!("{:24} {:4} ", line.at.to_string(), line.stream),
    };
    let tone = match line.stream {
        Stream::Out => None,
        Stream::Err => Some(Tone::Careful),
        Stream::Log | Stream::Note => Some(Tone::Faint),
    };
    printer.foreign(&prefix, tone, &line.text);
}

/// What somebody who follows a job waits for; nothing while it prints.
fn waits(job: &JobDocument) -> String {
    let at =
        instant(job.run_at).map(|at| at.ahead(SystemTime::now())).filter(|wait| !wait.is_zero());
    match (job.state, at) {
        (JobState::Scheduled, Some(wait)) => format!("scheduled, due in {}", about(wait)),
        (JobState::Parked, _) => {
            format!("parked: {}", job.reason.as_deref().unwrap_or("waits for admission"))
        }
        (JobState::Scheduled | JobState::Ready, _) => "waits for a worker ...".into(),
        _ => String::new(),
    }
}

fn nothing_kept(job: Option<&JobDocument>) -> &'static str {
    match job.map(|job| (job.state, job.attempt)) {
        Some((_, 0)) => "it has not begun, so it has printed nothing",
        Some((JobState::Running, _)) => "it has printed nothing so far; to go on looking: -f",
        Some((JobState::Completed, _)) => {
            "nothing is kept of what it printed: that is so for jobs that complete, unless keep_output = \"all\" or somebody follows them"
        }
        _ => "nothing is kept of what it printed",
    }
}

/// How things stand with the job, in one sentence.
fn sentence(id: i64, job: Option<&JobDocument>) -> String {
    let Some(job) = job else { return format!("job {id} is past its retention") };
    let name = format!("{} {id}", job.kind);
    let took =
        instant(job.started_at).zip(instant(job.finished_at)).map(|(from, to)| from.age(to.into()));
    let took = took.map(|took| format!(" after {}", about(took))).unwrap_or_default();
    let error = job.error.as_ref().and_then(|error| error.message.as_deref());
    let error = error.map(|error| format!(": {}", super::brief(error))).unwrap_or_default();
    let reason = job.reason.as_deref().unwrap_or_default();
    match job.state {
        JobState::Completed => format!("{name} completed{took}, attempt {}", job.attempt),
        JobState::Cancelled => format!("{name} was cancelled{took}: {reason}"),
        JobState::Dead => format!("{name} is dead, {reason}{error}"),
        JobState::Running => format!("{name} runs, attempt {}", job.attempt),
        JobState::Parked => format!("{name} is parked: {reason}"),
        JobState::Scheduled if job.attempt > 0 => {
            format!("{name} waits for its next attempt; attempt {} ended{error}", job.attempt)
        }
        _ => format!("{name} is {}", job.state),
    }
}
