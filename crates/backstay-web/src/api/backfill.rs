//! `POST /cron/{name}/backfill`: the jobs of ticks that have passed. First how many ticks a span holds, then the deed for whoever names that count.

use std::time::SystemTime;

use axum::http::StatusCode;
use axum::response::Response;
use backstay::Database;
use backstay::inspect;
use backstay::model::bounds::BACKFILL_TICKS;
use backstay::model::instant::Instant;
use backstay::operate;
use serde_json::json;

use crate::ask::{Call, json as answer};
use crate::problem::Problem;
use crate::query::when;

pub(super) async fn act(call: Call) -> Result<Response, Problem> {
    let needed = || {
        Problem::new("BS102", "a back-fill needs a beginning")
            .hint("add {\"from\": \"12h\"}")
            .at("/from")
    };
    let text = |name: &str| call.body.text(name).map(|it| it.filter(|it| !it.trim().is_empty()));
    let from = when("from", &text("from")?.ok_or_else(needed)?)?;
    let to = text("to")?.map(|to| when("to", &to)).transpose()?;
    let name = call.part("name");
    let ticks = ticks(&call.service.database, name, from, to).await?;
    if call.body.get("dry_run")?.unwrap_or(false) {
        return Ok(answer(StatusCode::OK, &json!({ "count": ticks.len(), "ticks": ticks })));
    }
    check_count(call.body.get("expect")?, ticks.len())?;
    let done = operate::backfill(&call.acting(), name, &ticks, &call.body.reason()?).await?;
    Ok(answer(StatusCode::OK, &done))
}

/// The ticks from one instant up to another, which is now where none is said; as many as one back-fill takes.
pub(crate) async fn ticks(
    database: &Database,
    name: &str,
    from: Instant,
    to: Option<Instant>,
) -> Result<Vec<Instant>, Problem> {
    let now = Instant::try_from(SystemTime::now())
        .map_err(|error| Problem::new("BS999", error.to_string()))?;
    let to = to.unwrap_or(now);
    if to > now {
        return Err(Problem::new("BS102", "a tick that has not come yet cannot be filled in")
            .hint("end the span before now")
            .at("/to"));
    }
    let ticks = inspect::ticks_between(database, name, from, to).await?;
    if ticks.len() > BACKFILL_TICKS {
        let said = format!("more than {BACKFILL_TICKS} ticks lie in this span");
        return Err(Problem::new("BS109", said).hint("give a shorter one").at("/from"));
    }
    Ok(ticks)
}

/// Nobody makes many jobs without having seen how many.
fn check_count(expected: Option<usize>, count: usize) -> Result<(), Problem> {
    if expected == Some(count) {
        return Ok(());
    }
    let said = match expected {
        Some(expected) => format!("{count} ticks lie in the span, {expected} were expected"),
        None => format!("{count} ticks lie in the span; nothing was done"),
    };
    Err(Problem::new("BS304", said)
        .hint(format!("say that you mean it: {{\"expect\": {count}}}"))
        .at("/expect"))
}
