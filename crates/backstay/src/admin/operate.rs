//! The verbs of operators, each with its reason, which stays in the audit.
//!
//! ```
//! use backstay::operate::{self, Done, Pace, Pause, Revealed, Revive, Scope, Skipped};
//! use backstay::testing::TestQueue;
//! use backstay::unit::{days, hours};
//! use backstay::{Options, Queue, Request, Worker, enqueue, inspect};
//! use serde_json::json;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # if backstay::testing::is_skipped() { return Ok(()) }
//! let t = TestQueue::start(Worker::without_state().queue(Queue::new("default")).build()).await?;
//! let database = t.database();
//! let later = Request::new("report", json!({ "n": 1 })).with(Options::new().run_in(days(1)));
//! let id = enqueue(database, later).await?.id;
//!
//! operate::pause(database, Scope::Queue, "default", Pause::default(), "a release").await?;
//! assert_eq!(operate::promote(database, &[id], "asked for").await?.count, 1);
//! operate::edit(database, &[id], r#"{"priority": "urgent"}"#, "the customer waits").await?;
//! let revealed: Vec<Revealed> = operate::reveal(database, &[id], "ticket 12").await?;
//! assert!(revealed[0].args.is_some());
//!
//! // A dead letter, and its ways back.
//! operate::bury(database, &[id], "it cannot work").await?;
//! let group = &inspect::dead_groups(database, &Default::default(), None, 10).await?.items[0].fingerprint;
//! operate::acknowledge(database, group, Some("fixed with the next release"), "seen").await?;
//! operate::own(database, group, Some("ana"), "hers").await?;
//! operate::mute(database, group, hours(1), "seen").await?;
//! let Done { count, skipped, .. } = operate::discard(database, &[id, 99], "not wanted").await?;
//! assert_eq!(count, 1);
//! for Skipped { id, code, .. } in &skipped {
//!     println!("{id} was passed over: {code}"); // BS301, there is no such job
//! }
//! operate::restore(database, &[id], "wanted after all").await?;
//! let other = Revive { args: Some(r#"{"n": 2}"#.into()), ..Revive::default() };
//! assert_eq!(operate::revive(database, &[id], &other, "mended").await?.count, 1);
//!
//! operate::resume(database, Scope::Queue, "default", "released").await?;
//! assert_eq!(operate::cancel(database, &[id], None, "paid").await?, [(id, operate::Cancelled::Cancelled)]);
//!
//! // Many at once: slowly, and no further when they fail again.
//! let dead = enqueue(database, Request::new("report", json!({}))).await?.id;
//! operate::bury(database, &[dead], "for the example").await?;
//! let letters = operate::Letters::Ids(&[dead]);
//! let replay = operate::replay(database, &letters, Pace::default(), "mended").await?.replay;
//! let replay: i64 = replay.ok_or("there is one")?.parse()?;
//! operate::stop_replay(database, replay, "not yet").await?;
//! operate::resume_replay(database, replay, "now").await?;
//!
//! let worker = &inspect::workers(database, false).await?[0];
//! operate::drain(database, worker.id.parse()?, "the machine is replaced").await?;
//! # Ok(())
//! # }
//! ```

use std::time::Duration;

use serde_json::{Map, Value, json};
use uuid::Uuid;

pub use crate::call::cancel::Cancelled;
use crate::call::enqueue::Enqueued;
use crate::model::document::JobDocument;
use crate::model::instant::Instant;
pub use crate::model::status::{Done, Revealed, Skipped};
use crate::model::status::{JobFilter, MessageStatus};
use crate::model::unit::{Rate, format_duration, format_rate};
use crate::store::StoreError;
use crate::store::database::Database;
use crate::store::{inspect as messages, operate as store, schedule as schedules};

/// Rows that one statement of a mass verb touches, so that no lock is held for long.
const AT_ONCE: usize = 1_000;
/// Between two looks for what a channel answered.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// What a pause is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// A queue.
    Queue,
    /// A kind, in whatever queue.
    Kind,
    /// A schedule: it does not tick.
    Schedule,
}

impl Scope {
    fn word(self) -> &'static str {
        match self {
            Scope::Queue => "queue",
            Scope::Kind => "kind",
            Scope::Schedule => "schedule",
        }
    }
}

/// How a pause is meant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pause {
    /// It ends by itself after that long.
    pub for_in: Option<Duration>,
    /// What runs is told to stop, too.
    pub cancel_running: bool,
}

/// How dead letters are revived.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Revive {
    /// Other args, as a JSON object; for one job.
    pub args: Option<String>,
    /// The unique key is given up, for another job may hold it.
    pub without_unique: bool,
}

/// How fast a replay goes; what is not set is 10 first, then 60 a minute, and a stop at 20 %.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Pace {
    /// So many before all others.
    pub first: Option<u32>,
    /// The rate of the others.
    pub rate: Option<Rate>,
    /// The part of the last 50 that may fail, in percent.
    pub stop_at: Option<u8>,
}

/// Ends jobs for good; what became of each, in the order of their ids. `grace` is how long what runs has to stop before it is
/// killed, up to 5 min; it only ever shortens what its queue gives, also for a cancel that is under way, and 0 kills at once.
///
/// # Errors
///
/// BS102 for a longer grace, BS5xx from the database; what was done before stays done.
pub async fn cancel(
    database: &Database,
    ids: &[i64],
    grace: Option<Duration>,
    reason: &str,
) -> Result<Vec<(i64, Cancelled)>, StoreError> {
    let mut options = with(reason);
    if let Some(grace) = grace {
        options.insert("grace".into(), format_duration(grace).into());
    }
    let (options, mut answers) = (text(options), Vec::with_capacity(ids.len()));
    for some in ids.chunks(AT_ONCE) {
        answers.extend(store::cancel(database, some, &options).await?);
    }
    Ok(answers)
}

/// Lets jobs that are scheduled or wait for their retry come into line now.
///
/// # Errors
///
/// BS5xx from the database; what was done before stays done.
pub async fn promote(database: &Database, ids: &[i64], reason: &str) -> Result<Done, StoreError> {
    let mut done = Done::default();
    for some in ids.chunks(AT_ONCE) {
        done.add(store::promote(database, some, &only(reason)).await?);
    }
    Ok(done)
}

/// Changes jobs that wait; `changes` is a JSON object with `priority run_at run_in max_retries tags meta args`. Another
/// priority takes a job to the tail of that level.
///
/// # Errors
///
/// BS101 and BS102 for changes that cannot be, BS104 to BS106 for such args, BS5xx from the database; what was done before
/// stays done.
pub async fn edit(
    database: &Database,
    ids: &[i64],
    changes: &str,
    reason: &str,
) -> Result<Done, StoreError> {
    let mut done = Done::default();
    for some in ids.chunks(AT_ONCE) {
        done.add(store::edit(database, some, changes, &only(reason)).await?);
    }
    Ok(done)
}

/// Makes dead letters of jobs that wait, reason `buried`, each with its alert.
///
/// # Errors
///
/// BS5xx from the database; what was done before stays done.
pub async fn bury(database: &Database, ids: &[i64], reason: &str) -> Result<Done, StoreError> {
    let mut done = Done::default();
    for some in ids.chunks(AT_ONCE) {
        done.add(store::bury(database, some, &only(reason)).await?);
    }
    Ok(done)
}

/// Gives args and meta of jobs as they are, with what is hidden elsewhere; the audit tells who looked, and why.
///
/// # Errors
///
/// BS504 for whoever is no operator, BS5xx from the database.
pub async fn reveal(
    database: &Database,
    ids: &[i64],
    reason: &str,
) -> Result<Vec<Revealed>, StoreError> {
    let mut seen = Vec::with_capacity(ids.len());
    for some in ids.chunks(AT_ONCE) {
        seen.extend(store::reveal(database, some, &only(reason)).await?);
    }
    Ok(seen)
}

/// Starts nothing more of a queue, kind or schedule; what runs goes on, unless told otherwise.
///
/// # Errors
///
/// BS103 for a name that cannot be one, BS5xx from the database.
pub async fn pause(
    database: &Database,
    what: Scope,
    name: &str,
    how: Pause,
    reason: &str,
) -> Result<Done, StoreError> {
    let mut options = with(reason);
    if let Some(span) = how.for_in {
        options.insert("for_in".into(), format_duration(span).into());
    }
    if how.cancel_running {
        options.insert("cancel_running".into(), true.into());
    }
    store::pause(database, what.word(), name, &text(options)).await
}

/// Ends a pause; one that there is not is skipped with BS301.
///
/// # Errors
///
/// BS103 for a name that cannot be one, BS5xx from the database.
pub async fn resume(
    database: &Database,
    what: Scope,
    name: &str,
    reason: &str,
) -> Result<Done, StoreError> {
    store::resume(database, what.word(), name, &only(reason)).await
}

/// Ends the pause of a schedule, and lets the ticks that it had meanwhile count as missed.
///
/// # Errors
///
/// BS301 where there is no such schedule, BS5xx from the database.
pub async fn resume_and_catch_up(
    database: &Database,
    name: &str,
    reason: &str,
) -> Result<Done, StoreError> {
    let mut options = with(reason);
    options.insert("catch_up".into(), true.into());
    store::resume(database, Scope::Schedule.word(), name, &text(options)).await
}

/// Makes a job of a schedule now, whatever its line, its pause and its policy of overlap say.
///
/// # Errors
///
/// BS301 where there is no such schedule, BS302 where it is retired, BS303 where another job holds the unique key, BS5xx from the database.
pub async fn run(database: &Database, name: &str, reason: &str) -> Result<Done, StoreError> {
    schedules::run(database, name, &only(reason)).await
}

/// Makes the jobs of ticks that have passed, 1,000 at most and none older than 85 days; one that has its job is skipped with
/// BS302. [`inspect::ticks_between`](crate::inspect::ticks_between) finds them.
///
/// # Errors
///
/// BS301 where there is no such schedule, BS109 for too many, BS102 for one that cannot be filled in, BS5xx from the database.
pub async fn backfill(
    database: &Database,
    name: &str,
    ticks: &[Instant],
    reason: &str,
) -> Result<Done, StoreError> {
    let ticks: Vec<_> = ticks.iter().map(|tick| tick.timestamp()).collect();
    schedules::backfill(database, name, &ticks, &only(reason)).await
}

/// Brings dead letters back into line at once, under their own ids, with all retries before them.
///
/// # Errors
///
/// BS104 to BS106 for args that cannot be, BS5xx from the database.
pub async fn revive(
    database: &Database,
    ids: &[i64],
    how: &Revive,
    reason: &str,
) -> Result<Done, StoreError> {
    let mut options = with(reason);
    if how.without_unique {
        options.insert("without_unique".into(), true.into());
    }
    let options = match &how.args {
        // As it was typed, so that every digit of it stays.
        Some(args) => spliced(&text(options), "args", args),
        None => text(options),
    };
    let mut done = Done::default();
    for some in ids.chunks(AT_ONCE) {
        done.add(store::revive(database, some, &options).await?);
    }
    Ok(done)
}

/// Which dead letters a replay takes.
#[derive(Debug, Clone, PartialEq)]
pub enum Letters<'a> {
    /// These.
    Ids(&'a [i64]),
    /// All that pass; the database refuses if they are no longer about as many as were counted.
    Filter {
        /// Which.
        filter: &'a JobFilter,
        /// So many were counted.
        expect: u64,
    },
}

impl<'a> Letters<'a> {
    /// The filter itself where the door knows all of it, so that the audit tells it; else the ids it came to.
    #[must_use]
    pub fn of(filter: &'a JobFilter, ids: &'a [i64]) -> Letters<'a> {
        let known = filter.kinds.len() < 2
            && filter.queues.len() < 2
            && filter.tags.len() < 2
            && filter.unique.is_none()
            && filter.limit_key.is_none()
            && filter.worker.is_none()
            && filter.states.is_empty()
            && filter.outcomes.is_empty()
            && filter.ids.is_empty()
            && filter.with_args.is_none()
            && filter.owner.is_none();
        if known && !filter.is_empty() {
            Letters::Filter { filter, expect: ids.len() as u64 }
        } else {
            Letters::Ids(ids)
        }
    }
}

/// Revives many dead letters slowly: some first, the rest at a rate, and no further when they fail again.
/// The answer names the replay, unless no letter fitted.
///
/// # Errors
///
/// BS305 without a reason, BS304 if there are by a tenth more or fewer than were counted, BS302 while another replay of
/// the group runs, BS109 for more than 1,000,000, BS5xx from the database.
pub async fn replay(
    database: &Database,
    letters: &Letters<'_>,
    pace: Pace,
    reason: &str,
) -> Result<Done, StoreError> {
    let mut options = with(reason);
    if let Some(first) = pace.first {
        options.insert("first".into(), first.into());
    }
    if let Some(rate) = pace.rate {
        options.insert("rate".into(), format_rate(rate).into());
    }
    if let Some(percent) = pace.stop_at {
        options.insert("stop_at".into(), format!("{percent}%").into());
    }
    let filter = match letters {
        Letters::Ids(ids) => {
            json!({ "ids": ids.iter().map(ToString::to_string).collect::<Vec<_>>() })
        }
        Letters::Filter { filter, expect } => {
            options.insert("expect".into(), (*expect).into());
            narrow(filter)
        }
    };
    store::replay(database, &filter.to_string(), &text(options)).await
}

/// A filter as the door of replays takes it.
fn narrow(filter: &JobFilter) -> Value {
    let fields = [
        ("fingerprint", filter.fingerprint.clone()),
        ("kind", filter.kinds.first().cloned()),
        ("queue", filter.queues.first().cloned()),
        ("group", filter.group.clone()),
        ("tag", filter.tags.first().cloned()),
        ("since", filter.since.map(|at| at.to_string())),
        ("before", filter.before.map(|at| at.to_string())),
    ];
    let set = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.into())));
    Value::Object(set.collect())
}

/// Stops a replay where it is; what it has revived goes on.
///
/// # Errors
///
/// BS5xx from the database.
pub async fn stop_replay(database: &Database, id: i64, reason: &str) -> Result<Done, StoreError> {
    store::stop_replay(database, id, &only(reason)).await
}

/// Lets a stopped replay go on after the last letter.
///
/// # Errors
///
/// BS5xx from the database.
pub async fn resume_replay(database: &Database, id: i64, reason: &str) -> Result<Done, StoreError> {
    store::resume_replay(database, id, &only(reason)).await
}

/// Puts dead letters aside; [`restore`] brings them back for seven days.
///
/// # Errors
///
/// BS305 without a reason, BS5xx from the database.
pub async fn discard(database: &Database, ids: &[i64], reason: &str) -> Result<Done, StoreError> {
    let mut done = Done::default();
    for some in ids.chunks(AT_ONCE) {
        done.add(store::discard(database, some, &only(reason)).await?);
    }
    Ok(done)
}

/// Takes back a discard.
///
/// # Errors
///
/// BS5xx from the database.
pub async fn restore(database: &Database, ids: &[i64], reason: &str) -> Result<Done, StoreError> {
    let mut done = Done::default();
    for some in ids.chunks(AT_ONCE) {
        done.add(store::restore(database, some, &only(reason)).await?);
    }
    Ok(done)
}

/// Marks a group of dead letters as seen; a further death opens it again.
///
/// # Errors
///
/// BS5xx from the database.
pub async fn acknowledge(
    database: &Database,
    fingerprint: &str,
    note: Option<&str>,
    reason: &str,
) -> Result<Done, StoreError> {
    let mut options = with(reason);
    if let Some(note) = note {
        options.insert("note".into(), note.into());
    }
    store::acknowledge(database, fingerprint, &text(options)).await
}

/// Has the worker that tells alerts send a test through one of its channels, and waits up to `wait` for what came of it: a message
/// that is `sent`, `undeliverable` with what the channel said, or still `waiting`. It is tried once.
///
/// ```no_run
/// use std::time::Duration;
///
/// # async fn shown(database: &backstay::Database) -> Result<(), Box<dyn std::error::Error>> {
/// let came = backstay::operate::test_channel(database, "ops", Duration::from_secs(20), "is it read?").await?;
/// println!("{}", came.map_or("it is gone".to_owned(), |message| message.state));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// BS301 for a channel that no worker has, BS5xx from the database.
///
/// # Cancellation
///
/// May be dropped; the test is sent all the same.
pub async fn test_channel(
    database: &Database,
    name: &str,
    wait: Duration,
    reason: &str,
) -> Result<Option<MessageStatus>, StoreError> {
    let id = store::test_channel(database, name, &only(reason)).await?;
    let end = std::time::Instant::now() + wait;
    loop {
        let found = messages::list_alerts(database, Some(id + 1), 1).await?.pop();
        let found = found.filter(|message| message.id == id.to_string());
        let is_open = found.as_ref().is_some_and(|message| message.state == "waiting");
        if !is_open || std::time::Instant::now() >= end {
            return Ok(found);
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// Takes the incident that a message about an alert tells of in hand: its later steps are told to nobody, and what is raised after
/// that begins anew. Where the message tells of dead letters, their group is acknowledged.
///
/// ```no_run
/// use backstay::{inspect, operate};
///
/// # async fn shown(database: &backstay::Database) -> Result<(), Box<dyn std::error::Error>> {
/// for message in inspect::alerts(database, None, 50).await?.items {
///     if message.open && message.rule == "worker_lost" {
///         operate::acknowledge_alert(database, message.id.parse()?, "the host was replaced").await?;
///     }
/// }
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// BS5xx from the database. A message that there is not is skipped with BS301, one whose incident is over with BS302.
pub async fn acknowledge_alert(
    database: &Database,
    message: i64,
    reason: &str,
) -> Result<Done, StoreError> {
    store::acknowledge_alert(database, message, &only(reason)).await
}

/// Says who looks after a group of dead letters, in up to 128 bytes, or that nobody does any more. It stays so when the group opens
/// again, and alerts about it say so.
///
/// # Errors
///
/// BS102 for a name that cannot be one, BS5xx from the database.
pub async fn own(
    database: &Database,
    fingerprint: &str,
    owner: Option<&str>,
    reason: &str,
) -> Result<Done, StoreError> {
    store::own(database, fingerprint, owner, &only(reason)).await
}

/// Sends no alerts about a group of dead letters for a while.
///
/// # Errors
///
/// BS5xx from the database.
pub async fn mute(
    database: &Database,
    fingerprint: &str,
    for_in: Duration,
    reason: &str,
) -> Result<Done, StoreError> {
    let mut options = with(reason);
    options.insert("for_in".into(), format_duration(for_in).into());
    store::mute(database, fingerprint, &text(options)).await
}

/// Tells a worker to claim nothing more, finish what it runs, and leave.
///
/// # Errors
///
/// BS5xx from the database.
pub async fn drain(database: &Database, worker: Uuid, reason: &str) -> Result<Done, StoreError> {
    store::drain(database, worker, &only(reason)).await
}

/// Does what `enqueue_many` would, shows what came of it, and keeps nothing; jobs and options are JSON, as that takes them.
///
/// # Errors
///
/// BS101 to BS111 as enqueue gives them, BS5xx from the database.
pub async fn preview(
    database: &Database,
    jobs: &str,
    options: &str,
) -> Result<Vec<(Enqueued, Option<JobDocument>)>, StoreError> {
    store::preview(database, jobs, options).await
}

fn with(reason: &str) -> Map<String, Value> {
    let mut options = Map::new();
    if !reason.is_empty() {
        options.insert("reason".into(), reason.into());
    }
    options
}

fn text(options: Map<String, Value>) -> String {
    Value::Object(options).to_string()
}

fn only(reason: &str) -> String {
    text(with(reason))
}

/// Adds a member whose value is JSON text already, as it was typed, to an object that ends in `}`. What is no JSON is
/// refused by the database.
#[must_use]
pub fn spliced(object: &str, name: &str, json: &str) -> String {
    let open = object.strip_suffix('}').unwrap_or(object);
    let comma = if open == "{" { "" } else { "," };
    format!("{open}{comma}\"{name}\":{json}}}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn args_keep_every_digit_on_their_way() {
        assert_eq!(spliced("{}", "args", r#"{"n":1e400}"#), r#"{"args":{"n":1e400}}"#);
        let options = spliced(&only("again"), "args", "{}");
        assert_eq!(options, r#"{"reason":"again","args":{}}"#);
    }

    #[test]
    fn a_filter_that_the_door_does_not_know_is_frozen_as_ids() {
        let one = JobFilter { kinds: vec!["a".into()], ..JobFilter::default() };
        let two = JobFilter { kinds: vec!["a".into(), "b".into()], ..JobFilter::default() };
        assert_eq!(Letters::of(&one, &[1, 2]), Letters::Filter { filter: &one, expect: 2 });
        assert_eq!(Letters::of(&two, &[1, 2]), Letters::Ids(&[1, 2]));
        assert_eq!(narrow(&one), json!({ "kind": "a" }));
    }
}
