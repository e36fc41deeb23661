//! What operators do: to one job, a group, a queue, a kind, a worker, a replay. The audit names the token that did it.

use std::time::Duration;

use axum::http::StatusCode;
use axum::response::Response;
use backstay::operate::{self, Cancelled, Done, Pause, Revive, Scope as Of};
use backstay::tokens::Scope;
use backstay::unit::parse_duration;
use backstay::{Database, StoreError};
use serde_json::json;
use uuid::Uuid;

use super::jobs::unknown;
use crate::ask::{Call, json as answer};
use crate::problem::Problem;

/// How long a channel that is tried out has to answer.
const TEST: Duration = Duration::from_secs(15);
/// What of a waiting job can be changed.
const CHANGES: [&str; 7] = ["priority", "run_at", "run_in", "max_retries", "tags", "meta", "args"];

impl Call {
    /// The database, for a verb of this caller.
    pub(super) fn acting(&self) -> Database {
        self.service.database.on_behalf(&self.caller.name())
    }

    /// A duration of the body.
    pub(super) fn span(&self, name: &str) -> Result<Option<Duration>, Problem> {
        let Some(text) = self.body.text(name)? else { return Ok(None) };
        let span = parse_duration(&text);
        span.map(Some)
            .map_err(|error| Problem::new("BS102", error.to_string()).at(format!("/{name}")))
    }
}

/// The answer of a verb on one thing: what was passed over is a problem.
fn one(done: Result<Done, StoreError>) -> Result<Response, Problem> {
    let done = done?;
    match done.skipped.first() {
        None => Ok(answer(StatusCode::OK, &done)),
        Some(skipped) => {
            let why = match skipped.code.as_str() {
                "BS301" => "is not there",
                "BS303" => "has a unique key that another job holds now",
                _ => "is in a state in which that cannot be",
            };
            Err(Problem::new(&skipped.code, format!("`{}` {why}", skipped.id)))
        }
    }
}

pub(super) async fn cancel(call: Call) -> Result<Response, Problem> {
    let (id, reason, grace) = (call.id()?, call.body.reason()?, call.span("grace")?);
    let answers = operate::cancel(&call.acting(), &[id], grace, &reason).await?;
    let (status, word) = match answers.first().map(|(_, answer)| *answer) {
        Some(Cancelled::Cancelled) => (StatusCode::OK, "cancelled"),
        Some(Cancelled::Cancelling) => (StatusCode::ACCEPTED, "cancelling"),
        Some(Cancelled::TooLate) => {
            return Err(Problem::new("BS302", format!("job {id} had ended before")));
        }
        _ => return Err(unknown(id)),
    };
    Ok(answer(status, &json!({ "id": id.to_string(), "answer": word })))
}

pub(super) async fn promote(call: Call) -> Result<Response, Problem> {
    let (id, reason) = (call.id()?, call.body.reason()?);
    one(operate::promote(&call.acting(), &[id], &reason).await)
}

pub(super) async fn bury(call: Call) -> Result<Response, Problem> {
    let (id, reason) = (call.id()?, call.body.reason()?);
    one(operate::bury(&call.acting(), &[id], &reason).await)
}

pub(super) async fn edit(call: Call) -> Result<Response, Problem> {
    let (id, reason) = (call.id()?, call.body.reason()?);
    if call.body.raw("args").is_some() {
        call.caller.check(&Scope::Admin).map_err(|problem| problem.at("/args"))?;
    }
    // As it came, so that every digit of it stays.
    let set = CHANGES.iter().filter_map(|name| Some((*name, call.body.raw(name)?)));
    let changes = set.fold("{}".to_owned(), |all, (name, raw)| operate::spliced(&all, name, raw));
    if changes == "{}" {
        return Err(Problem::new("BS102", "nothing is to be changed").hint(CHANGES.join(", ")));
    }
    one(operate::edit(&call.acting(), &[id], &changes, &reason).await)
}

pub(super) async fn revive(call: Call) -> Result<Response, Problem> {
    let (id, reason) = (call.id()?, call.body.reason()?);
    let args = call.body.raw("args").map(str::to_owned);
    if args.is_some() {
        call.caller.check(&Scope::Admin).map_err(|problem| problem.at("/args"))?;
    }
    let without_unique = call.body.get("without_unique")?.unwrap_or(false);
    let how = Revive { args, without_unique };
    one(operate::revive(&call.acting(), &[id], &how, &reason).await)
}

pub(super) async fn discard(call: Call) -> Result<Response, Problem> {
    let (id, reason) = (call.id()?, call.body.reason()?);
    one(operate::discard(&call.acting(), &[id], &reason).await)
}

pub(super) async fn restore(call: Call) -> Result<Response, Problem> {
    let (id, reason) = (call.id()?, call.body.reason()?);
    one(operate::restore(&call.acting(), &[id], &reason).await)
}

pub(super) async fn acknowledge(call: Call) -> Result<Response, Problem> {
    let (note, reason) = (call.body.text("note")?, call.body.reason()?);
    let group = call.part("fingerprint");
    one(operate::acknowledge(&call.acting(), group, note.as_deref(), &reason).await)
}

pub(super) async fn acknowledge_alert(call: Call) -> Result<Response, Problem> {
    let (id, reason) = (call.id()?, call.body.reason()?);
    one(operate::acknowledge_alert(&call.acting(), id, &reason).await)
}

pub(super) async fn own(call: Call) -> Result<Response, Problem> {
    let (owner, reason) = (call.body.text("owner")?, call.body.reason()?);
    let owner = owner.filter(|owner| !owner.trim().is_empty());
    let group = call.part("fingerprint");
    one(operate::own(&call.acting(), group, owner.as_deref(), &reason).await)
}

pub(super) async fn mute(call: Call) -> Result<Response, Problem> {
    let needed = || {
        Problem::new("BS102", "a mute needs an end").hint("add {\"for_in\": \"7d\"}").at("/for_in")
    };
    let (span, reason) = (call.span("for_in")?.ok_or_else(needed)?, call.body.reason()?);
    one(operate::mute(&call.acting(), call.part("fingerprint"), span, &reason).await)
}

pub(super) async fn pause(call: Call, of: Of) -> Result<Response, Problem> {
    let (for_in, reason) = (call.span("for_in")?, call.body.reason()?);
    let how = Pause { for_in, cancel_running: call.body.get("cancel_running")?.unwrap_or(false) };
    one(operate::pause(&call.acting(), of, call.part("name"), how, &reason).await)
}

pub(super) async fn resume(call: Call, of: Of) -> Result<Response, Problem> {
    let reason = call.body.reason()?;
    one(operate::resume(&call.acting(), of, call.part("name"), &reason).await)
}

/// By the worker that tells alerts, with its settings: those of this server may be others, and have no secrets.
pub(super) async fn test_channel(call: Call) -> Result<Response, Problem> {
    let (name, reason) = (call.part("name").to_owned(), call.body.reason()?);
    let came = operate::test_channel(&call.acting(), &name, TEST, &reason).await?;
    let came = came.ok_or_else(|| Problem::new("BS301", "the message of the test is gone"))?;
    let status = if came.state == "waiting" { StatusCode::ACCEPTED } else { StatusCode::OK };
    Ok(answer(status, &came))
}

pub(super) async fn resume_schedule(call: Call) -> Result<Response, Problem> {
    let (catch_up, reason) = (call.body.get("catch_up")?.unwrap_or(false), call.body.reason()?);
    let (database, name) = (call.acting(), call.part("name"));
    one(if catch_up {
        operate::resume_and_catch_up(&database, name, &reason).await
    } else {
        operate::resume(&database, Of::Schedule, name, &reason).await
    })
}

pub(super) async fn run(call: Call) -> Result<Response, Problem> {
    one(operate::run(&call.acting(), call.part("name"), &call.body.reason()?).await)
}

pub(super) async fn drain(call: Call) -> Result<Response, Problem> {
    let no_id = |_| Problem::new("BS301", "the id of a worker is a uuid");
    let worker: Uuid = call.part("id").parse().map_err(no_id)?;
    one(operate::drain(&call.acting(), worker, &call.body.reason()?).await)
}

pub(super) async fn stop_replay(call: Call) -> Result<Response, Problem> {
    one(operate::stop_replay(&call.acting(), call.id()?, &call.body.reason()?).await)
}

pub(super) async fn resume_replay(call: Call) -> Result<Response, Problem> {
    one(operate::resume_replay(&call.acting(), call.id()?, &call.body.reason()?).await)
}
