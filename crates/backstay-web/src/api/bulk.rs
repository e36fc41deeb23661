//! `POST /bulk`: one verb for all that pass a filter. First its count, then the deed for whoever names that count.

use axum::http::StatusCode;
use axum::response::Response;
use backstay::JobState::{Parked, Ready, Running, Scheduled};
use backstay::inspect::{self, JobFilter};
use backstay::operate::{self, Cancelled, Done, Letters, Pace, Skipped};
use backstay::unit::parse_rate;
use backstay::{Database, JobState};
use serde_json::{Map, Value, json};

use super::{OF_BULK_FILTER, OF_BULK_LETTERS};
use crate::ask::{Call, json as answer};
use crate::problem::Problem;
use crate::query::Query;

/// Jobs that one request acts on, so that it is answered in time; a replay takes a million, since it goes on by itself.
const AT_ONCE: usize = 10_000;
/// Of those that were passed over, so many are named.
const SKIPPED: usize = 1_000;

/// What can be done to many.
pub(crate) const VERBS: &[&str] = &["cancel", "promote", "bury", "revive", "discard", "restore"];

/// Those that are meant, and how they were found.
struct Meant {
    filter: JobFilter,
    ids: Vec<i64>,
    groups: Option<usize>,
}

pub(super) async fn act(call: Call) -> Result<Response, Problem> {
    let verb = call.body.text("verb")?.unwrap_or_default();
    if !VERBS.contains(&verb.as_str()) {
        let verb: String = verb.chars().take(64).collect();
        return Err(Problem::new("BS102", format!("`{verb}` is no verb for many"))
            .hint(VERBS.join(", "))
            .at("/verb"));
    }
    let typed: Map<String, Value> = call.body.get("filter")?.unwrap_or_default();
    let meant = find(&call.service.database, &verb, &typed).await?;
    if call.body.get("dry_run")?.unwrap_or(false) {
        let count = json!({ "count": meant.ids.len(), "groups": meant.groups });
        return Ok(answer(StatusCode::OK, &count));
    }
    let reason = call.body.reason()?;
    if reason.trim().is_empty() {
        return Err(Problem::new("BS305", "what is done to many needs a reason").at("/reason"));
    }
    check_count(&call, meant.ids.len())?;
    if verb == "revive" {
        return replay(&call, &meant, &reason).await;
    }
    if meant.ids.len() > AT_ONCE {
        let said = format!("{} jobs fit, one request acts on {AT_ONCE}", meant.ids.len());
        return Err(
            Problem::new("BS109", said).hint("narrow it by since and before, and ask again")
        );
    }
    let done = each(&call.acting(), &verb, &meant.ids, &reason).await?;
    Ok(answer(StatusCode::OK, &done))
}

/// How many are meant by a filter.
pub(crate) async fn count(
    database: &Database,
    verb: &str,
    typed: &Map<String, Value>,
) -> Result<usize, Problem> {
    Ok(find(database, verb, typed).await?.ids.len())
}

async fn find(
    database: &Database,
    verb: &str,
    typed: &Map<String, Value>,
) -> Result<Meant, Problem> {
    let states: &[JobState] = match verb {
        "cancel" => &[Scheduled, Parked, Ready, Running],
        "promote" => &[Scheduled],
        "bury" => &[Scheduled, Parked, Ready],
        _ => &[],
    };
    let fields = if states.is_empty() { OF_BULK_LETTERS } else { OF_BULK_FILTER };
    let mut filter = Query::from_json(typed, fields)?.filter()?;
    if filter.is_empty() {
        return Err(Problem::new("BS102", "the filter is empty, which would be all there are")
            .hint("for all there are: {\"since\": \"3650d\"}")
            .at("/filter"));
    }
    if states.is_empty() {
        let (ids, groups) = inspect::dead_letter_ids(database, &filter, verb == "restore").await?;
        return Ok(Meant { filter, ids, groups: Some(groups) });
    }
    filter.states = states.to_vec();
    let ids = inspect::job_ids(database, &filter).await?;
    Ok(Meant { filter, ids, groups: None })
}

/// Nobody acts on many without having seen how many; the same tenth as in the database for what comes or goes meanwhile.
fn check_count(call: &Call, count: usize) -> Result<(), Problem> {
    let expected: Option<u64> = call.body.get("expect")?;
    let Some(expected) = expected else {
        return Err(Problem::new("BS304", format!("{count} fit; nothing was done"))
            .hint(format!("say that you mean it: {{\"expect\": {count}}}"))
            .at("/expect"));
    };
    if (count as u64).abs_diff(expected).saturating_mul(10) > expected {
        return Err(Problem::new("BS304", format!("{count} fit, {expected} were expected"))
            .hint("look at them again, then give that number")
            .at("/expect"));
    }
    Ok(())
}

async fn replay(call: &Call, meant: &Meant, reason: &str) -> Result<Response, Problem> {
    let rate = call.body.text("rate")?;
    let rate = rate.map(|text| parse_rate(&text)).transpose();
    let rate = rate.map_err(|error| Problem::new("BS102", error.to_string()).at("/rate"))?;
    let pace = Pace { first: call.body.get("first")?, rate, stop_at: call.body.get("stop_at")? };
    let letters = Letters::of(&meant.filter, &meant.ids);
    let done = operate::replay(&call.acting(), &letters, pace, reason).await?;
    Ok(answer(StatusCode::ACCEPTED, &done))
}

async fn each(database: &Database, verb: &str, ids: &[i64], reason: &str) -> Result<Done, Problem> {
    let mut done = match verb {
        "promote" => operate::promote(database, ids, reason).await?,
        "bury" => operate::bury(database, ids, reason).await?,
        "discard" => operate::discard(database, ids, reason).await?,
        "restore" => operate::restore(database, ids, reason).await?,
        _ => cancelled(&operate::cancel(database, ids, None, reason).await?),
    };
    done.skipped.truncate(SKIPPED);
    Ok(done)
}

fn cancelled(answers: &[(i64, Cancelled)]) -> Done {
    let mut done = Done::default();
    for (id, answer) in answers {
        let code = match answer {
            Cancelled::Cancelled | Cancelled::Cancelling => {
                done.count += 1;
                continue;
            }
            Cancelled::TooLate => "BS302",
            _ => "BS301",
        };
        done.skipped.push(Skipped { id: id.to_string(), code: code.into() });
    }
    done
}
