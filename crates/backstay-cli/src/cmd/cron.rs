//! `backstay cron`: schedules, their coming and their past ticks, and what people do about them.

use backstay::inspect::{self, ScheduleStatus};
use backstay::operate::{self, Pause, Scope};
use backstay::unit::format_duration;

use super::connect::of_store;
use super::desk::{Desk, count};
use super::inspect::{ago, list_json, more, paused};
use super::operate::tell;
use crate::args::filter::when;
use crate::args::{BackfillArgs, CronCommand, CronResumeArgs, NextArgs, PauseArgs, TicksArgs};
use crate::failure::{Exit, Failure};
use crate::print::{Printer, Table};

/// Most ticks of one back-fill; the database refuses more.
const BACKFILL_MOST: usize = 1_000;
/// Ticks of a back-fill that are shown before the question.
const PREVIEWED: usize = 5;

pub(crate) async fn run(desk: &Desk<'_>, command: CronCommand) -> Result<Exit, Failure> {
    match command {
        CronCommand::List => list(desk).await,
        CronCommand::Next(args) => next(desk, &args).await,
        CronCommand::Ticks(args) => ticks(desk, &args).await,
        CronCommand::Run(args) => run_now(desk, &args.name).await,
        CronCommand::Pause(args) => pause(desk, &args).await,
        CronCommand::Resume(args) => resume(desk, &args).await,
        CronCommand::Backfill(args) => backfill(desk, &args).await,
    }
}

async fn list(desk: &Desk<'_>) -> Result<Exit, Failure> {
    let schedules =
        inspect::schedules(&desk.database, 3).await.map_err(|error| of_store(&error))?;
    let printer = desk.printer;
    if printer.is_json() {
        list_json(printer, &schedules, None);
        return Ok(Exit::Done);
    }
    let mut table =
        Table::new(&["SCHEDULE", "LINE", "ZONE", "KIND", "NEXT", "LAST", "OPEN", "STATE"]);
    for schedule in &schedules {
        let next = schedule.next.first().filter(|_| schedule.paused.is_none());
        table.row([
            schedule.name.clone(),
            schedule.line.clone(),
            schedule.zone.clone(),
            schedule.kind.clone(),
            next.map(|next| ago(printer, next.at)).unwrap_or_default(),
            schedule.last_at.map(|at| ago(printer, at)).unwrap_or_default(),
            schedule.unfinished.to_string(),
            state(printer, schedule),
        ]);
    }
    printer.table(&table);
    if schedules.is_empty() {
        printer.note("no schedule is declared; write one under [cron.NAME], and start a worker");
    }
    Ok(Exit::Done)
}

fn state(printer: &Printer, schedule: &ScheduleStatus) -> String {
    if let Some(at) = schedule.retired_at {
        return format!("retired {}", ago(printer, at));
    }
    if let Some(pause) = &schedule.paused {
        return paused(printer, pause);
    }
    match &schedule.error {
        Some(error) => format!("stuck: {error}"),
        None if schedule.origin == "file" && schedule.declared == 0 => {
            "no live worker declares it".into()
        }
        None => "ticks".into(),
    }
}

async fn next(desk: &Desk<'_>, args: &NextArgs) -> Result<Exit, Failure> {
    let n = usize::from(args.count);
    let schedules = match &args.name {
        Some(name) => vec![one(desk, name, n).await?],
        None => inspect::schedules(&desk.database, n).await.map_err(|error| of_store(&error))?,
    };
    let printer = desk.printer;
    if printer.is_json() {
        list_json(printer, &schedules, None);
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&["SCHEDULE", "ZONE", "LOCAL", "UTC"]);
    for schedule in &schedules {
        for coming in &schedule.next {
            table.row([
                schedule.name.clone(),
                schedule.zone.clone(),
                coming.local.clone(),
                coming.at.to_string(),
            ]);
        }
    }
    printer.table(&table);
    for schedule in schedules.iter().filter(|schedule| schedule.paused.is_some()) {
        printer.note(format!("schedule {} is paused and will not tick", schedule.name));
    }
    Ok(Exit::Done)
}

async fn one(desk: &Desk<'_>, name: &str, n: usize) -> Result<ScheduleStatus, Failure> {
    let found = inspect::schedule(&desk.database, name, n).await;
    found.map_err(|error| of_store(&error))?.ok_or_else(|| {
        Failure::new("BS301", format!("there is no schedule `{name}`"))
            .hint("what there is: backstay cron list")
    })
}

async fn ticks(desk: &Desk<'_>, args: &TicksArgs) -> Result<Exit, Failure> {
    one(desk, &args.name, 0).await?;
    let (cursor, limit) = (args.page.cursor.as_deref(), args.page.limit);
    let page = inspect::ticks(&desk.database, &args.name, cursor, limit).await;
    let page = page.map_err(|error| of_store(&error))?;
    let printer = desk.printer;
    if printer.is_json() {
        list_json(printer, &page.items, page.next.as_ref());
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&["TICK", "DECIDED", "BY", "OUTCOME", "JOB", "STATE", "NOTE"]);
    for tick in &page.items {
        table.row([
            tick.tick_at.to_string(),
            ago(printer, tick.decided_at),
            tick.cause.clone(),
            tick.outcome.clone(),
            tick.job.clone().unwrap_or_default(),
            tick.state.clone().unwrap_or_default(),
            tick.note.clone().unwrap_or_default(),
        ]);
    }
    printer.table(&table);
    more(printer, page.next.as_ref());
    Ok(Exit::Done)
}

async fn run_now(desk: &Desk<'_>, name: &str) -> Result<Exit, Failure> {
    let done = operate::run(&desk.database, name, desk.reason()).await;
    let done = done.map_err(|error| of_store(&error))?;
    let job = done.job.as_deref().unwrap_or("");
    Ok(tell(desk, &done, &format!("schedule {name}: job {job} enqueued; backstay jobs show {job}")))
}

async fn pause(desk: &Desk<'_>, args: &PauseArgs) -> Result<Exit, Failure> {
    let how = Pause { for_in: args.for_in, cancel_running: args.cancel_running };
    let done =
        operate::pause(&desk.database, Scope::Schedule, &args.name, how, desk.reason()).await;
    let done = done.map_err(|error| of_store(&error))?;
    let until = match args.for_in {
        Some(span) => format!("for {}", format_duration(span)),
        None => format!("until: backstay cron resume {}", args.name),
    };
    Ok(tell(desk, &done, &format!("schedule {} paused {until}; what runs goes on", args.name)))
}

async fn resume(desk: &Desk<'_>, args: &CronResumeArgs) -> Result<Exit, Failure> {
    let (database, name) = (&desk.database, &args.name);
    let done = if args.catch_up {
        operate::resume_and_catch_up(database, name, desk.reason()).await
    } else {
        operate::resume(database, Scope::Schedule, name, desk.reason()).await
    };
    let done = done.map_err(|error| of_store(&error))?;
    if done.count == 0 && !desk.printer.is_json() {
        desk.printer.note(format!("schedule {name} is not paused"));
        return Ok(Exit::NotDone);
    }
    let missed = if args.catch_up { "what it missed counts as missed" } else { "from now on" };
    Ok(tell(desk, &done, &format!("schedule {name} ticks again, {missed}")))
}

async fn backfill(desk: &Desk<'_>, args: &BackfillArgs) -> Result<Exit, Failure> {
    let (from, to) = (when("FROM", &args.from)?, when("TO", &args.to)?);
    let ticks = inspect::ticks_between(&desk.database, &args.name, from, to).await;
    let ticks = ticks.map_err(|error| of_store(&error))?;
    if ticks.is_empty() {
        desk.printer.note("no tick lies in this span; nothing was done");
        return Ok(Exit::NotDone);
    }
    if ticks.len() > BACKFILL_MOST {
        let message = format!("more than {BACKFILL_MOST} ticks lie in this span");
        return Err(Failure::new("BS109", message).hint("give a shorter one").exit(Exit::Usage));
    }
    for tick in ticks.iter().take(PREVIEWED) {
        desk.printer.note(format!("tick {tick}"));
    }
    if ticks.len() > PREVIEWED {
        let rest = ticks.len() - PREVIEWED;
        desk.printer.note(format!("... and {rest} more, the last {}", ticks[ticks.len() - 1]));
    }
    let what = count(ticks.len(), "tick");
    desk.confirm(ticks.len(), &what, args.expect)?;
    let reason = desk.need_reason()?;
    let done = operate::backfill(&desk.database, &args.name, &ticks, &reason).await;
    let done = done.map_err(|error| of_store(&error))?;
    let made = usize::try_from(done.count).unwrap_or(usize::MAX);
    Ok(tell(desk, &done, &format!("schedule {}: {} enqueued", args.name, count(made, "job"))))
}
