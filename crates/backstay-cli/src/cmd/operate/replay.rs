//! Replays: begun by `dead revive`, followed on a terminal, stopped and resumed by `replays`.

use std::time::Duration;

use backstay::inspect::{self, ReplayStatus};
use backstay::operate::{self, Letters, Pace};
use backstay::unit::{Rate, format_rate};
use serde_json::json;

use super::super::connect::of_store;
use super::super::desk::Desk;
use super::{none_fit, tell};
use crate::args::ReplayArgs;
use crate::failure::{Exit, Failure};

/// How often a replay is looked at that somebody follows.
const LOOK: Duration = Duration::from_millis(500);

/// Begins a replay, and follows it where somebody watches.
pub(super) async fn begin(
    desk: &Desk<'_>,
    letters: &Letters<'_>,
    pace: Pace,
) -> Result<Exit, Failure> {
    let reason = desk.need_reason()?;
    let begun = operate::replay(&desk.database, letters, pace, &reason).await;
    let begun = begun.map_err(|error| of_store(&error))?;
    let Some(id) = begun.replay.as_ref().and_then(|id| id.parse().ok()) else {
        return Ok(none_fit(desk));
    };
    if desk.printer.is_json() {
        desk.printer.json(&json!({ "count": begun.count, "replay": begun.replay }));
        return Ok(Exit::Done);
    }
    let status = look(desk, id).await?;
    desk.printer.line(format!("replay {id}: {}", plan(&status)));
    if !desk.printer.is_terminal() {
        return Ok(Exit::Done);
    }
    let living = inspect::workers(&desk.database, false).await.map_err(|error| of_store(&error))?;
    if !living.iter().any(|worker| worker.state == "live") {
        desk.printer.note("no worker lives; it goes on as soon as one does: backstay work");
        return Ok(Exit::Done);
    }
    follow(desk, id).await
}

fn plan(status: &ReplayStatus) -> String {
    let first = status.first.min(status.total);
    let rest = status.total - first;
    match pace(status) {
        Some(rate) if rest > 0 => format!("{first} first, then {rest} more at {rate}"),
        _ => format!("{first} at once"),
    }
}

/// `60/1m`.
pub(crate) fn pace(status: &ReplayStatus) -> Option<String> {
    let (count, per) = status.rate()?;
    Some(format_rate(Rate { count: u32::try_from(count).ok()?, per }))
}

/// Leaves it alone when the terminal goes away: it goes on without us.
async fn follow(desk: &Desk<'_>, id: i64) -> Result<Exit, Failure> {
    desk.printer.note("it goes on by itself; Ctrl-C only ends the watching");
    loop {
        let status = look(desk, id).await?;
        let far = format!(
            "{} of {} handled: {} completed, {} dead, {} on their way",
            status.handled, status.total, status.completed, status.dead, status.open
        );
        let is_over = status.state == "stopped" || status.state == "done" && status.open == 0;
        if is_over {
            desk.printer.status("");
            return Ok(end(desk, id, &status));
        }
        desk.printer.status(&far);
        tokio::time::sleep(LOOK).await;
    }
}

fn end(desk: &Desk<'_>, id: i64, status: &ReplayStatus) -> Exit {
    let (completed, dead, open) = (status.completed, status.dead, status.open);
    let open = if open > 0 { format!(", {open} still on their way") } else { String::new() };
    desk.printer.line(format!("completed {completed}, dead {dead}{open}. {}", status.state));
    match (status.state.as_str(), status.handled < status.total) {
        ("done", _) => {}
        (_, true) => desk
            .printer
            .note(format!("too many failed again; after a look: backstay replays resume {id}")),
        (_, false) => desk.printer.note("too many failed again; every one has been tried"),
    }
    let well = status.state == "done" && dead == 0;
    if well { Exit::Done } else { Exit::NotDone }
}

async fn look(desk: &Desk<'_>, id: i64) -> Result<ReplayStatus, Failure> {
    let found = inspect::replay(&desk.database, id).await.map_err(|error| of_store(&error))?;
    found.ok_or_else(|| Failure::new("BS301", format!("there is no replay {id}")))
}

pub(crate) async fn stop(desk: &Desk<'_>, args: &ReplayArgs) -> Result<Exit, Failure> {
    let done = operate::stop_replay(&desk.database, args.id, desk.reason()).await;
    let done = done.map_err(|error| of_store(&error))?;
    Ok(tell(desk, &done, &format!("replay {} stopped; what it has revived goes on", args.id)))
}

pub(crate) async fn resume(desk: &Desk<'_>, args: &ReplayArgs) -> Result<Exit, Failure> {
    let done = operate::resume_replay(&desk.database, args.id, desk.reason()).await;
    let done = done.map_err(|error| of_store(&error))?;
    Ok(tell(desk, &done, &format!("replay {} goes on", args.id)))
}
