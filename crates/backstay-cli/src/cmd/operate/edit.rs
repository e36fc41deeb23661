//! `backstay jobs edit`, `backstay jobs bury`: what is done to jobs that wait.

use backstay::JobState::{self, Parked, Ready, Scheduled};
use backstay::operate;
use backstay::unit::format_duration;
use serde_json::{Map, Value, json};

use super::super::connect::of_store;
use super::super::desk::{Desk, count};
use super::super::enqueue::{json_of, read_args};
use super::jobs::meant;
use super::{none_fit, tell};
use crate::args::{Changes, EditArgs, VerbArgs};
use crate::failure::{Exit, Failure};

const WAITING: [JobState; 3] = [Scheduled, Parked, Ready];

pub(crate) async fn edit(desk: &Desk<'_>, args: &EditArgs) -> Result<Exit, Failure> {
    let changes = changes(&args.changes)?;
    if args.changes.args.is_some() && args.which.ids.len() != 1 {
        return Err(Failure::new("BS102", "--args is for one job, named by its id")
            .hint("backstay jobs edit ID --args '{...}'")
            .exit(Exit::Usage));
    }
    let ids = meant(desk, &args.which, &WAITING).await?;
    if ids.is_empty() {
        return Ok(none_fit(desk));
    }
    let done = operate::edit(&desk.database, &ids, &changes, desk.reason()).await;
    let done = done.map_err(|error| of_store(&error))?;
    Ok(tell(desk, &done, &format!("{} changed", many(done.count))))
}

pub(crate) async fn bury(desk: &Desk<'_>, args: &VerbArgs) -> Result<Exit, Failure> {
    let ids = meant(desk, args, &WAITING).await?;
    if ids.is_empty() {
        return Ok(none_fit(desk));
    }
    let done = operate::bury(&desk.database, &ids, desk.reason()).await;
    let done = done.map_err(|error| of_store(&error))?;
    let again = "again: backstay dead revive ID";
    Ok(tell(desk, &done, &format!("{} buried; {again}", many(done.count))))
}

/// The changes as the door takes them: a JSON text, in which the args stand as they were typed.
fn changes(typed: &Changes) -> Result<String, Failure> {
    let mut changes = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            changes.insert(name.to_owned(), value);
        }
    };
    put("priority", typed.priority.map(|priority| json!(priority)));
    put("run_in", typed.run_in.map(format_duration).map(Value::from));
    put("run_at", typed.run_at.clone().map(Value::from));
    put("max_retries", typed.max_retries.map(Value::from));
    put("tags", typed.tags.as_deref().map(tags));
    put("meta", typed.meta.as_deref().map(|text| json_of("--meta", text)).transpose()?);
    let args = typed.args.as_deref().map(read_args).transpose()?;
    if changes.is_empty() && args.is_none() {
        return Err(Failure::new("BS102", "there is nothing to change")
            .hint("give one of --priority --run-in --run-at --max-retries --tags --meta --args")
            .exit(Exit::Usage));
    }
    let changes = Value::Object(changes).to_string();
    Ok(match args {
        None => changes,
        Some(args) => operate::spliced(&changes, "args", &args),
    })
}

/// `--tags ""` takes all away.
fn tags(tags: &[String]) -> Value {
    tags.iter().filter(|tag| !tag.is_empty()).map(String::as_str).collect()
}

fn many(n: u64) -> String {
    count(usize::try_from(n).unwrap_or(usize::MAX), "job")
}
