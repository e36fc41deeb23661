//! The documents that are answered, each with its fields. A test on a real database looks that no answer has another one.

use serde_json::{Map, Value, json};

/// `name:sort` for each field, with `?` where it may be null.
const DOCUMENTS: &[(&str, &str)] = &[
    (
        "Job",
        "id:text kind:text queue:text state:text priority:whole group:text? limits:texts tags:texts meta:json attempt:whole \
         retry_count:whole max_retries:whole crash_count:whole lost_count:whole snooze_count:whole interrupt_count:whole \
         revived_count:whole enqueued_at:time? run_at:time? started_at:time? finished_at:time? expires_at:time? unique:text? \
         progress:object? output:json batch:text? cron_tick:time? worker:text? error:object? reason:text? trace:text? \
         memory_bytes:whole? args:json",
    ),
    (
        "Attempt",
        "attempt:whole outcome:text billed:text claimed_at:time? ended_at:time? worker:text? host:text? error_class:text? \
         message:text? trace:text? fingerprint:text? signal:whole? exit_code:whole? late:flag wall_ms:whole? cpu_ms:whole? \
         peak_kib:whole? peak_source:text? processes_peak:whole? scratch_bytes:whole? output_bytes:whole? survivor:flag \
         suspect:flag limits:json level:text? holders:json child:json stderr:text? release:text?",
    ),
    (
        "DeadGroup",
        "fingerprint:text kind:text queue:text reason:text title:text sample:text letters:count deaths:whole first_at:time \
         last_at:time oldest_at:time state:text by:text? note:text? until:time? owner:text? releases:texts",
    ),
    (
        "Letter",
        "id:text fingerprint:text title:text died_at:time discarded_at:time? discarded_by:text? group_state:text group_by:text? \
         group_note:text? enqueued_by:text limit_key:text?",
    ),
    (
        "Queue",
        "name:text declared:flag ready:count by_priority:object oldest_ready_at:time? oldest_by_priority:object scheduled:count next_run_at:time? \
         parked:count running:count dead:count workers:whole slots:whole served_at:time? served_by:text? start_within_ms:whole? \
         paused:object?",
    ),
    (
        "Kind",
        "name:text declared:flag declared_at:time? contract:object workers:whole parked:count running:count dead:count \
         paused:object? memory:object? by_address:flag",
    ),
    (
        "Schedule",
        "name:text line:text zone:text kind:text options:object missed:text missed_within_ms:whole missed_max:whole overlap:text \
         origin:text set_at:time set_by:text retired_at:time? next_at:time? last_at:time? error:text? declared:whole \
         unfinished:whole paused:object? next:objects",
    ),
    (
        "Tick",
        "tick_at:time decided_at:time outcome:text cause:text note:text? job:text? state:text?",
    ),
    (
        "Worker",
        "id:text state:text host:text pid:whole release:text level:text holders:json slots:whole running:whole queues:texts \
         kinds:texts started_at:time beat_at:time lease_until:time drain_at:time? goodbye_at:time? lost_at:time? direct:flag \
         admission:object",
    ),
    (
        "Alert",
        "id:text made_at:time rule:text subject:text channel:text count:whole state:text tries:whole after_ms:whole delivered_at:time? \
         next_try_at:time? last_error:text? severity:text? title:text? fingerprint:text? acknowledged_at:time? \
         acknowledged_by:text? open:flag",
    ),
    (
        "Channel",
        "name:text seen_at:time sent_at:time? waiting:whole failing:whole undeliverable:whole steps:whole next_step_at:time?",
    ),
    (
        "Replay",
        "id:text state:text total:whole handled:whole first:whole per_count:whole? per_ms:whole? stop_at:number by:text \
         reason:text? filter:json started_at:time done_at:time? next_at:time? completed:whole dead:whole open:whole skipped:whole",
    ),
    (
        "Token",
        "id:text name:text scopes:texts state:text created_at:time created_by:text expires_at:time revoked_at:time? \
         revoked_by:text? used_on:text?",
    ),
    (
        "AuditEntry",
        "id:text at:time actor:text role:text source:text verb:text target:text? reason:text? affected:whole filter:json before:json \
         after:json",
    ),
    ("Backlog", "jobs:whole"),
    (
        "Series",
        "name:text range:text queue:text? kind:text? unit:text step_seconds:whole lines:texts points:objects spread:objects",
    ),
    ("NewToken", "id:text name:text scopes:texts expires_at:time token:text"),
    ("Enqueued", "id:text created:flag"),
    ("EnqueuedMany", "items:objects"),
    (
        "Done",
        "count:whole skipped:objects groups:whole? cancelling:whole? replay:text? job:text? ticks:texts",
    ),
    ("Cancelled", "id:text answer:text"),
    ("Why", "state:text? reason:text text:text since:time? remedy:text? start_at:time?"),
    ("Doctor", "ready:flag findings:objects"),
    ("Problem", "type:text title:text status:whole detail:text code:text hint:text? at:text?"),
];

/// Every document by its name.
pub(super) fn all() -> Value {
    let mut all: Map<String, Value> =
        DOCUMENTS.iter().map(|(name, fields)| ((*name).to_owned(), object(fields))).collect();
    let bounded = "A number that was counted up to a bound: `more` says that there are more.";
    let fields = object("count:whole more:flag");
    all.insert("Count".into(), json!({ "allOf": [fields], "description": bounded }));
    all.insert("Json".into(), json!({ "type": "object" }));
    let letter = json!({ "type": "object", "properties": { "letter": reference("Letter") } });
    all.insert("DeadJob".into(), json!({ "allOf": [reference("Job"), letter] }));
    Value::Object(all)
}

/// Points at a document.
pub(super) fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

fn object(fields: &str) -> Value {
    let one = |field: &str| {
        let (name, sort) = field.split_once(':').expect("a field is name:sort");
        (name.to_owned(), described(sort))
    };
    let properties: Map<String, Value> = fields.split_whitespace().map(one).collect();
    json!({ "type": "object", "properties": properties })
}

fn described(sort: &str) -> Value {
    let may_be_null = sort.ends_with('?');
    let of = |name: &str| if may_be_null { json!([name, "null"]) } else { json!(name) };
    match sort.trim_end_matches('?') {
        "text" => json!({ "type": of("string") }),
        "time" => json!({ "type": of("string"), "format": "date-time" }),
        "whole" => json!({ "type": of("integer") }),
        "number" => json!({ "type": of("number") }),
        "flag" => json!({ "type": "boolean" }),
        "texts" => json!({ "type": "array", "items": { "type": "string" } }),
        "object" => json!({ "type": of("object") }),
        "objects" => json!({ "type": "array", "items": { "type": "object" } }),
        "count" => reference("Count"),
        // Whatever a job carries.
        "json" => json!({}),
        other => unreachable!("`{other}` is no sort of field"),
    }
}
