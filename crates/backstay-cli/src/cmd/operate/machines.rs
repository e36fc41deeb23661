//! `pause` and `resume` of queues and kinds, `backstay workers drain`, `backstay alerts acknowledge`.

use backstay::inspect::{self, WorkerStatus};
use backstay::operate::{self, Pause, Scope};
use backstay::unit::format_duration;

use super::super::connect::of_store;
use super::super::desk::Desk;
use super::tell;
use crate::args::{AlertsAcknowledgeArgs, DrainArgs, PauseArgs, ResumeArgs};
use crate::failure::{Exit, Failure};

/// What is paused, as its noun on the command line and in a sentence.
fn nouns(what: Scope) -> (&'static str, &'static str) {
    match what {
        Scope::Queue => ("queues", "queue"),
        Scope::Kind => ("kinds", "kind"),
        Scope::Schedule => ("cron", "schedule"),
    }
}

pub(crate) async fn pause(desk: &Desk<'_>, what: Scope, args: &PauseArgs) -> Result<Exit, Failure> {
    let (nouns, noun) = nouns(what);
    let how = Pause { for_in: args.for_in, cancel_running: args.cancel_running };
    let done = operate::pause(&desk.database, what, &args.name, how, desk.reason()).await;
    let done = done.map_err(|error| of_store(&error))?;
    let until = match args.for_in {
        Some(span) => format!("for {}", format_duration(span)),
        None => format!("until: backstay {nouns} resume {}", args.name),
    };
    let running = match done.cancelling {
        Some(n) => format!("{n} running jobs told to stop"),
        None => "what runs goes on".into(),
    };
    Ok(tell(desk, &done, &format!("{noun} {} paused {until}; {running}", args.name)))
}

pub(crate) async fn resume(
    desk: &Desk<'_>,
    what: Scope,
    args: &ResumeArgs,
) -> Result<Exit, Failure> {
    let (_, noun) = nouns(what);
    let done = operate::resume(&desk.database, what, &args.name, desk.reason()).await;
    let done = done.map_err(|error| of_store(&error))?;
    if done.count == 0 && !desk.printer.is_json() {
        desk.printer.note(format!("{noun} {} is not paused", args.name));
        return Ok(Exit::NotDone);
    }
    Ok(tell(desk, &done, &format!("{noun} {} resumed", args.name)))
}

pub(crate) async fn acknowledge_alert(
    desk: &Desk<'_>,
    args: &AlertsAcknowledgeArgs,
) -> Result<Exit, Failure> {
    let done = operate::acknowledge_alert(&desk.database, args.id, desk.reason()).await;
    let done = done.map_err(|error| of_store(&error))?;
    let sentence =
        format!("message {}: its incident is acknowledged; no later step is told", args.id);
    Ok(tell(desk, &done, &sentence))
}

pub(crate) async fn drain(desk: &Desk<'_>, args: &DrainArgs) -> Result<Exit, Failure> {
    let workers =
        inspect::workers(&desk.database, false).await.map_err(|error| of_store(&error))?;
    let worker = one(&workers, &args.id)?;
    let id = worker.id.parse().expect("the database gives whole ids");
    let done = operate::drain(&desk.database, id, desk.reason()).await;
    let done = done.map_err(|error| of_store(&error))?;
    let (short, host, running) = (&worker.id[..8], &worker.host, worker.running);
    Ok(tell(
        desk,
        &done,
        &format!("worker {short} on {host} finishes {running} running and leaves"),
    ))
}

/// The worker whose id begins so.
fn one<'a>(workers: &'a [WorkerStatus], begin: &str) -> Result<&'a WorkerStatus, Failure> {
    let begin = begin.to_ascii_lowercase();
    let mut fit = workers.iter().filter(|worker| worker.id.starts_with(&begin));
    match (fit.next(), fit.next()) {
        (Some(worker), None) => Ok(worker),
        (None, _) => Err(Failure::new("BS301", format!("no worker's id begins with `{begin}`"))
            .hint("who is there: backstay workers list")),
        (Some(one), Some(other)) => {
            let ids = format!("{} and {}", one.id, other.id);
            Err(Failure::new("BS102", format!("`{begin}` may be {ids}"))
                .hint("give more of the id")
                .exit(Exit::Usage))
        }
    }
}
