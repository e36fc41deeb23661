//! `backstay top`: running jobs by memory, processor and age, on a screen that follows them.

mod deed;
mod keys;
mod picture;
mod screen;
mod table;
mod terminal;
mod view;

use std::time::{Duration, Instant};

use backstay::operate::{Pause, Scope};
use backstay::{Database, StoreError, inspect, operate};
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;

use self::deed::Deed;
use self::keys::Next;
use self::picture::Picture;
use self::terminal::Terminal;
use self::view::View;
use super::connect::of_store;
use super::desk::Desk;
use crate::args::TopArgs;
use crate::failure::{Exit, Failure};

pub(crate) use self::picture::Sort;

/// How often the screen is drawn again at least, so that ages and a lost database are told.
const REDRAW: Duration = Duration::from_millis(500);

pub(crate) async fn run(desk: &Desk<'_>, args: &TopArgs) -> Result<Exit, Failure> {
    if desk.printer.is_json() && !args.once {
        return documents(desk, args).await;
    }
    // Without a terminal nobody presses keys.
    if args.once || desk.printer.is_json() || !terminal::is_there() {
        return once(desk, args).await;
    }
    follow(desk, args).await
}

async fn once(desk: &Desk<'_>, args: &TopArgs) -> Result<Exit, Failure> {
    let picture = look(desk.database.clone()).await.map_err(|error| of_store(&error))?;
    if desk.printer.is_json() {
        desk.printer.json(&document(&picture));
        return Ok(Exit::Done);
    }
    table::print(desk.printer, &picture, args.sort);
    Ok(Exit::Done)
}

/// One document per interval, until whoever reads has gone. A look that fails ends it, as with every other list.
async fn documents(desk: &Desk<'_>, args: &TopArgs) -> Result<Exit, Failure> {
    let mut due = tokio::time::interval(args.interval);
    due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    while !desk.printer.is_closed() {
        due.tick().await;
        let picture = look(desk.database.clone()).await.map_err(|error| of_store(&error))?;
        desk.printer.json(&document(&picture));
    }
    Ok(Exit::Done)
}

/// The picture as programs read it.
fn document(picture: &Picture) -> impl Serialize + '_ {
    #[derive(Serialize)]
    struct Document<'a> {
        at: backstay::model::instant::Instant,
        jobs: &'a [inspect::RunningJob],
        queues: &'a [inspect::QueueStatus],
        workers: &'a [inspect::WorkerStatus],
    }
    Document {
        at: picture.at,
        jobs: &picture.jobs,
        queues: &picture.queues,
        workers: &picture.workers,
    }
}

/// What the database says now.
async fn look(database: Database) -> Result<Picture, StoreError> {
    let jobs = inspect::running(&database).await?;
    let queues = inspect::queues(&database).await?;
    let workers = inspect::workers(&database, false).await?;
    Ok(Picture::new(jobs, queues, workers))
}

/// The screen, until somebody leaves it.
async fn follow(desk: &Desk<'_>, args: &TopArgs) -> Result<Exit, Failure> {
    let unheard =
        |error: std::io::Error| Failure::new("BS999", "signals cannot be heard").because(&error);
    let mut term = signal(SignalKind::terminate()).map_err(unheard)?;
    let mut hup = signal(SignalKind::hangup()).map_err(unheard)?;
    let first = look(desk.database.clone()).await.map_err(|error| of_store(&error))?;
    let mut view = View::new(args.sort, args.interval, first);
    let mut terminal = Terminal::open()
        .map_err(|error| Failure::new("BS999", "this terminal cannot be used").because(&error))?;
    let mut tasks = Tasks::default();
    let mut looked_at = Instant::now();
    loop {
        // Whoever draws on a terminal that has gone is told by a signal, too.
        if terminal.draw(|frame| screen::draw(frame, &view, Instant::now())).is_err() {
            return Ok(Exit::NotDone);
        }
        if tasks.look.is_none() && looked_at.elapsed() >= args.interval {
            looked_at = Instant::now();
            tasks.look = Some(tokio::spawn(look(desk.database.clone())));
        }
        let rest = args.interval.saturating_sub(looked_at.elapsed()).min(REDRAW);
        tokio::select! {
            _ = term.recv() => return Ok(Exit::Terminated),
            _ = hup.recv() => return Ok(Exit::Terminated),
            pressed = terminal.key() => match pressed.map_or(Next::Leave, |key| keys::press(&mut view, key)) {
                Next::Stay => {}
                Next::Leave => return Ok(Exit::Done),
                Next::Interrupt => return Ok(Exit::Interrupted),
                Next::Do(deed) => tasks.deed = Some(tokio::spawn(act(desk.database.clone(), deed, desk.reason().to_owned()))),
            },
            seen = ended(&mut tasks.look) => {
                tasks.look = None;
                view.saw(seen);
            }
            said = ended(&mut tasks.deed) => {
                tasks.deed = None;
                view.say(said);
                // What was done should be seen at once.
                looked_at = Instant::now().checked_sub(args.interval).unwrap_or(looked_at);
            }
            () = tokio::time::sleep(rest.max(Duration::from_millis(20))) => {}
        }
    }
}

/// What is under way at the database, one of each: the screen never waits for it.
#[derive(Default)]
struct Tasks {
    look: Option<JoinHandle<Result<Picture, StoreError>>>,
    deed: Option<JoinHandle<String>>,
}

/// Waits for a task where there is one. One that panicked has told so on the terminal's own way out.
async fn ended<T>(task: &mut Option<JoinHandle<T>>) -> T {
    match task {
        Some(task) => match task.await {
            Ok(done) => done,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        },
        None => std::future::pending().await,
    }
}

/// Does what a key asked for; one line about what came of it.
async fn act(database: Database, deed: Deed, reason: String) -> String {
    let done = match &deed {
        Deed::Cancel(id) => cancel(&database, *id, None, &reason).await,
        Deed::Kill(id) => cancel(&database, *id, Some(Duration::ZERO), &reason).await,
        Deed::Pause(queue) => {
            let how = Pause::default();
            let done = operate::pause(&database, Scope::Queue, queue, how, &reason).await;
            done.map(|_| format!("queue {queue} paused; what runs goes on"))
        }
        Deed::Resume(queue) => {
            let done = operate::resume(&database, Scope::Queue, queue, &reason).await;
            done.map(|_| format!("queue {queue} resumed"))
        }
    };
    done.unwrap_or_else(|error| format!("{} {error}", error.code()))
}

async fn cancel(
    database: &Database,
    id: i64,
    grace: Option<Duration>,
    reason: &str,
) -> Result<String, StoreError> {
    use operate::Cancelled;
    let answers = operate::cancel(database, &[id], grace, reason).await?;
    Ok(match answers.first().map(|(_, answer)| answer) {
        Some(Cancelled::Cancelling) if grace.is_some() => {
            format!("job {id} is killed; its worker hears of it within 5 s, most often at once")
        }
        Some(Cancelled::Cancelling) => {
            format!("job {id} told to stop; killed when its grace is over")
        }
        Some(Cancelled::Cancelled) => format!("job {id} cancelled"),
        _ => format!("job {id} had ended before"),
    })
}
