//! The outbox of alerts and the messages made from it: the statements of `sql/duty/` that tell people.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tokio_postgres::Row;

use super::StoreError;
use super::statement::{Link, Param, Sql, millis, sql};
use crate::model::alert::{
    Alert, Cause, Deaths, Group, GroupState, Incident, Raised, Rule, Subject, Told,
};
use crate::model::config::RuleSettings;

static WATCH: Sql =
    sql!("duty/watch", [INT8, TEXT_ARRAY, INT8_ARRAY, INT8, TEXT_ARRAY, INT4, INT4, INT8, INT4]);
static KNOW_CHANNELS: Sql = sql!("duty/know_channels", [TEXT_ARRAY]);
static RAISE: Sql = sql!("duty/raise", [TEXT, TEXT, TEXT, TEXT, TEXT]);
static NEW_ALERTS: Sql = sql!("duty/new_alerts", [INT4, TEXT_ARRAY]);
static INCIDENTS: Sql = sql!("duty/incidents", [TEXT_ARRAY, TEXT_ARRAY, TEXT_ARRAY]);
static TOLD_JOBS: Sql = sql!("duty/told_jobs", [INT8_ARRAY]);
static FOLD_GROUP: Sql = sql!(
    "duty/fold_group",
    [TEXT_ARRAY, TEXT_ARRAY, TEXT_ARRAY, TEXT_ARRAY, INT8_ARRAY, INT8_ARRAY]
);
static WRITE_MESSAGE: Sql =
    sql!("duty/write_message", [TEXT, TEXT, TEXT, TEXT, INT4, TEXT, INT8, INT8]);
static STEPS_ENDED: Sql = sql!("duty/steps_ended", []);
static STEPS_BEGIN: Sql = sql!("duty/steps_begin", [TEXT, TEXT]);
static STEPS_EXTEND: Sql = sql!("duty/steps_extend", [TEXT, TEXT, INT4, TEXT]);
static STEPS_REACHED: Sql = sql!("duty/steps_reached", [TEXT, TEXT]);
static EXTEND_MESSAGE: Sql = sql!("duty/extend_message", [TEXT, TEXT, TEXT, INT4, TEXT]);
static HASTEN_MESSAGE: Sql =
    sql!("duty/hasten_message", [TEXT, TEXT, TEXT, INT4, TEXT, INT8, TEXT]);
static ALERTS_FOLDED: Sql = sql!("duty/alerts_folded", [INT8_ARRAY, INT8_ARRAY]);
static DUE_MESSAGES: Sql = sql!("duty/due_messages", [INT4, INT8, TEXT_ARRAY, INT8]);
static MESSAGE_ACCEPTED: Sql = sql!("duty/message_accepted", [INT8]);
static MESSAGE_FAILED: Sql = sql!("duty/message_failed", [INT8, TEXT, INT8]);
static MESSAGE_GIVEN_UP: Sql = sql!("duty/message_given_up", [INT8, TEXT, TEXT_ARRAY, TEXT]);

/// From when on a state is told.
pub(crate) struct Marks {
    /// Dead letters that nobody has looked at for so long.
    pub(crate) unread: Duration,
    /// Queues that promise to start their jobs within a time.
    pub(crate) prompt: Vec<(String, Duration)>,
    /// How long a transaction may keep the database from cleaning up.
    pub(crate) horizon: Duration,
    /// Rules that nobody is told of.
    pub(crate) off: Vec<&'static str>,
    /// Attempts of a kind that came so close to their limit.
    pub(crate) big: RuleSettings,
    /// Interruptions of a job since its last checkpoint.
    pub(crate) interrupted: u32,
}

/// Raises the states that hold by now and were not told yet, and the end of those that are over.
pub(crate) async fn watch(link: &Link, marks: &Marks) -> Result<(), StoreError> {
    let queues: Vec<&str> = marks.prompt.iter().map(|(queue, _)| queue.as_str()).collect();
    let within: Vec<i64> = marks.prompt.iter().map(|(_, within)| millis(*within)).collect();
    let (unread, horizon) = (millis(marks.unread), millis(marks.horizon));
    let (percent, times) = (small(marks.big.percent), small(marks.big.times));
    let (big_within, interrupted) = (millis(marks.big.within), small(marks.interrupted));
    let off = &marks.off;
    let all: [Param<'_>; 9] =
        [&unread, &queues, &within, &horizon, off, &percent, &times, &big_within, &interrupted];
    link.query(&WATCH, &all).await.map(drop)
}

fn small(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// Says which channels this worker has, which tells alerts.
pub(crate) async fn know_channels(link: &Link, names: &[&str]) -> Result<(), StoreError> {
    link.query(&KNOW_CHANNELS, &[&names]).await.map(drop)
}

/// Raises an alert of what a worker has noticed by itself.
pub(crate) async fn raise(
    link: &Link,
    rule: Rule,
    subject: &str,
    kind: Option<&str>,
    queue: Option<&str>,
    detail: &Value,
) -> Result<(), StoreError> {
    let detail = detail.to_string();
    link.query(&RAISE, &[&rule.as_str(), &subject, &kind, &queue, &detail]).await.map(drop)
}

/// Takes alerts that no message tells of yet, each with what was noted beside it.
pub(crate) async fn new_alerts(link: &Link, n: i32) -> Result<Vec<(Raised, Value)>, StoreError> {
    let known: Vec<&str> =
        Rule::ALL.iter().map(|rule| rule.as_str()).chain([Cause::Death.as_str()]).collect();
    let rows = link.query(&NEW_ALERTS, &[&n, &known]).await?;
    Ok(rows.iter().filter_map(raised).collect())
}

fn raised(row: &Row) -> Option<(Raised, Value)> {
    let detail: Option<String> = row.get("detail");
    // The column is jsonb, so it reads as JSON.
    let detail: Value =
        detail.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    let raised = Raised {
        id: row.get("id"),
        raised_at: at(row.get("raised_at_ms")),
        cause: Cause::of(row.get("rule"))?,
        subject: row.get("subject"),
        kind: row.get("kind"),
        queue: row.get("queue"),
        reason: row.get("reason"),
        job: row.get("job_id"),
        title: detail["title"].as_str().map(str::to_owned),
        resolved: detail["resolved"].as_bool().unwrap_or(false),
    };
    Some((raised, detail))
}

/// Shows what is known of incidents, and the database's time.
pub(crate) async fn incidents(
    link: &Link,
    subjects: Vec<Subject>,
) -> Result<(HashMap<Subject, Incident>, Timestamp), StoreError> {
    let rules: Vec<&str> = subjects.iter().map(|one| one.cause.as_str()).collect();
    let names: Vec<&str> = subjects.iter().map(|one| one.subject.as_str()).collect();
    let kinds: Vec<Option<&str>> = subjects.iter().map(|one| one.kind.as_deref()).collect();
    let rows = link.query(&INCIDENTS, &[&rules, &names, &kinds]).await?;
    let now = rows.first().map_or(Timestamp::UNIX_EPOCH, |row| at(row.get("now_ms")));
    Ok((subjects.into_iter().zip(rows.iter().map(incident)).collect(), now))
}

fn incident(row: &Row) -> Incident {
    let group = row.get::<_, Option<&str>>("state").map(|state| Group {
        state: GroupState::of(state),
        last_at: at(row.get::<_, Option<i64>>("last_at_ms").unwrap_or(0)),
        muted_until: row.get::<_, Option<i64>>("muted_until_ms").map(at),
        owner: row.get("owner"),
    });
    let rule = row.get::<_, Option<&str>>("told_rule").and_then(|word| word.parse().ok());
    let told = rule.map(|rule| Told {
        rule,
        due_at: at(row.get("told_due_at_ms")),
        closed: row.get::<_, Option<bool>>("told_closed").unwrap_or(true),
        resolved: row.get::<_, Option<bool>>("told_resolved").unwrap_or(false),
        acknowledged: row.get::<_, Option<bool>>("told_acknowledged").unwrap_or(false),
    });
    Incident {
        group,
        told,
        kind_deaths: row.get::<_, i64>("kind_deaths").unsigned_abs(),
        kind_fingerprints: row.get::<_, i64>("kind_fingerprints").unsigned_abs(),
    }
}

/// What lies beyond what can be told is as far as it can be.
fn at(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap_or(if ms < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

/// Shows the documents of jobs, without their args; jobs that are gone are left out.
pub(crate) async fn told_jobs(link: &Link, ids: &[i64]) -> Result<HashMap<i64, Value>, StoreError> {
    let rows = link.query(&TOLD_JOBS, &[&ids]).await?;
    let shown = |row: &Row| {
        let text: Option<String> = row.get("document");
        Some((row.get("id"), serde_json::from_str(&text?).ok()?))
    };
    Ok(rows.iter().filter_map(shown).collect())
}

/// Counts deaths into their groups.
pub(crate) async fn fold_groups(link: &Link, deaths: &[Deaths]) -> Result<(), StoreError> {
    let text = |pick: fn(&Deaths) -> &str| deaths.iter().map(pick).collect::<Vec<&str>>();
    let counts: Vec<i64> =
        deaths.iter().map(|one| i64::try_from(one.count).unwrap_or(i64::MAX)).collect();
    let samples: Vec<i64> = deaths.iter().map(|one| one.sample).collect();
    let (prints, kinds) = (text(|one| &one.fingerprint), text(|one| &one.kind));
    let (reasons, titles) = (text(|one| &one.reason), text(|one| &one.title));
    link.query(&FOLD_GROUP, &[&prints, &kinds, &reasons, &titles, &counts, &samples])
        .await
        .map(drop)
}

/// Writes a message to one channel; its id. `after` is zero, or how long after the first message of its incident its step comes.
pub(crate) async fn write_message(
    link: &Link,
    channel: &str,
    alert: &Alert,
    due_in: Duration,
    after: Duration,
) -> Result<i64, StoreError> {
    let body = json(alert);
    let row = link
        .query_one(
            &WRITE_MESSAGE,
            &[
                &alert.rule.as_str(),
                &alert.subject,
                &channel,
                &alert.dedupe_key,
                &count(alert),
                &body,
                &millis(due_in),
                &millis(after),
            ],
        )
        .await?;
    Ok(row.get(0))
}

/// Ends the steps of incidents that are acknowledged or over.
pub(crate) async fn steps_ended(link: &Link) -> Result<(), StoreError> {
    link.query(&STEPS_ENDED, &[]).await.map(drop)
}

/// Forgets the steps of an incident that begins anew.
pub(crate) async fn steps_begin(link: &Link, alert: &Alert) -> Result<(), StoreError> {
    link.query(&STEPS_BEGIN, &[&alert.subject, &alert.dedupe_key]).await.map(drop)
}

/// Adds an alert to what waits for its step.
pub(crate) async fn steps_extend(link: &Link, alert: &Alert) -> Result<(), StoreError> {
    let (more, news) = (count(alert), newer(alert));
    let all: [Param<'_>; 4] = [&alert.subject, &alert.dedupe_key, &more, &news];
    link.query(&STEPS_EXTEND, &all).await.map(drop)
}

/// Lists the channels that heard of an incident by a later step.
pub(crate) async fn steps_reached(link: &Link, alert: &Alert) -> Result<Vec<String>, StoreError> {
    let rows = link.query(&STEPS_REACHED, &[&alert.subject, &alert.dedupe_key]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Adds an alert to the message that waits in one channel, if one does; its id.
pub(crate) async fn extend_message(
    link: &Link,
    channel: &str,
    alert: &Alert,
) -> Result<Option<i64>, StoreError> {
    let (rule, subject) = (alert.rule.as_str(), &alert.subject);
    let news = newer(alert);
    let rows =
        link.query(&EXTEND_MESSAGE, &[&rule, subject, &channel, &count(alert), &news]).await?;
    Ok(rows.first().map(|row| row.get(0)))
}

/// The same with a message of rule `of`, which is told for a better reason and sooner.
pub(crate) async fn hasten_message(
    link: &Link,
    channel: &str,
    of: Rule,
    alert: &Alert,
    due_in: Duration,
) -> Result<Option<i64>, StoreError> {
    let (of, rule, news) = (of.as_str(), alert.rule.as_str(), newer(alert));
    let more = count(alert);
    let due_in = millis(due_in);
    let rows = link
        .query(&HASTEN_MESSAGE, &[&of, &alert.subject, &channel, &more, &rule, &due_in, &news])
        .await?;
    Ok(rows.first().map(|row| row.get(0)))
}

fn count(alert: &Alert) -> i32 {
    i32::try_from(alert.count).unwrap_or(i32::MAX)
}

fn json(alert: &Alert) -> String {
    serde_json::to_string(alert).expect("texts, numbers and JSON are JSON")
}

/// What a newer row says better; the message stays the same one, and when it began and how often it happened add up.
fn newer(alert: &Alert) -> String {
    let mut body = serde_json::to_value(alert).expect("texts, numbers and JSON are JSON");
    if let Some(fields) = body.as_object_mut() {
        for kept in ["id", "count", "first_at"] {
            fields.remove(kept);
        }
    }
    body.to_string()
}

/// Marks alerts as folded into messages (0: nobody is told).
pub(crate) async fn alerts_folded(
    link: &Link,
    ids: &[i64],
    messages: &[i64],
) -> Result<(), StoreError> {
    link.query(&ALERTS_FOLDED, &[&ids, &messages]).await.map(drop)
}

/// A message whose time has come.
#[derive(Debug, Clone)]
pub(crate) struct DueMessage {
    pub(crate) id: i64,
    pub(crate) channel: String,
    /// This try among them.
    pub(crate) tries: u32,
    pub(crate) due_for: Duration,
    /// The alert document.
    pub(crate) body: String,
}

/// Takes messages to deliver; while `hold` lasts nobody else takes them. What is for channels that
/// are not `known` here is taken once it has been due for `patience`.
pub(crate) async fn due_messages(
    link: &Link,
    n: i32,
    hold: Duration,
    known: &[&str],
    patience: Duration,
) -> Result<Vec<DueMessage>, StoreError> {
    let shown = |row: &Row| DueMessage {
        id: row.get("id"),
        channel: row.get("channel"),
        tries: row.get::<_, i32>("tries").unsigned_abs(),
        due_for: Duration::from_millis(row.get::<_, i64>("age_ms").max(0).unsigned_abs()),
        body: row.get("body"),
    };
    let rows = link.query(&DUE_MESSAGES, &[&n, &millis(hold), &known, &millis(patience)]).await?;
    Ok(rows.iter().map(shown).collect())
}

/// Notes that a channel accepted a message.
pub(crate) async fn message_accepted(link: &Link, id: i64) -> Result<(), StoreError> {
    link.query(&MESSAGE_ACCEPTED, &[&id]).await.map(drop)
}

/// Notes that a channel did not take a message, and when it is tried again.
pub(crate) async fn message_failed(
    link: &Link,
    id: i64,
    error: &str,
    again_in: Duration,
) -> Result<(), StoreError> {
    link.query(&MESSAGE_FAILED, &[&id, &error, &millis(again_in)]).await.map(drop)
}

/// Gives a message up and writes its copies for `others`, whose text `remark` opens.
pub(crate) async fn message_given_up(
    link: &Link,
    id: i64,
    error: &str,
    others: &[&str],
    remark: &str,
) -> Result<(), StoreError> {
    link.query(&MESSAGE_GIVEN_UP, &[&id, &error, &others, &remark]).await.map(drop)
}
