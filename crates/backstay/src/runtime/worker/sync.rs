//! What the settings say about the whole fleet, written to the database.

use std::collections::BTreeMap;

use serde_json::json;
use uuid::Uuid;

use crate::model::config::{KindSettings, Settings};
use crate::model::event::{self, Event};
use crate::model::unit::{format_duration, format_size};
use crate::store::statement::{Link, millis};
use crate::store::{StoreError, duty, schedule};

/// Writes the fleet's part of the settings to the database.
pub(crate) async fn sync(link: &Link, settings: &Settings) -> Result<i64, StoreError> {
    let queues: BTreeMap<&str, serde_json::Value> = settings
        .queues
        .iter()
        .map(|queue| {
            let mut said = json!({
                "timeout": format_duration(queue.timeout),
                "timeout_max": format_duration(queue.timeout_max),
                "contact_lost": queue.contact_lost.as_str(),
            });
            // The doors refuse what is above it; without it this worker still limits what a job gets.
            if let Some(most) = queue.limits.memory_max {
                said["memory_max"] = format_size(most).into();
            }
            if let Some(promised) = queue.start_within {
                said["start_within_ms"] = millis(promised).into();
            }
            (queue.name.as_str(), said)
        })
        .collect();
    let kinds: BTreeMap<&str, serde_json::Value> =
        settings.kinds.iter().map(|kind| (kind.name.as_str(), contract(kind))).collect();
    let args = i32::try_from(settings.bounds.args_bytes).unwrap_or(i32::MAX);
    let (queues, kinds) = (json!(queues).to_string(), json!(kinds).to_string());
    let changed = duty::sync(
        link,
        &queues,
        &kinds,
        args,
        settings.strict_kinds,
        settings.environment.as_deref(),
    )
    .await?;
    if changed > 0 {
        event::emit(&Event::ConfigApplied { what: format!("{changed} queues, kinds or bounds") });
    }
    Ok(changed)
}

/// Writes the schedules of the settings to the database; the names that it has of its own already.
pub(crate) async fn sync_schedules(
    link: &Link,
    settings: &Settings,
    worker: Uuid,
) -> Result<Vec<String>, StoreError> {
    let schedules: BTreeMap<&str, serde_json::Value> = settings
        .cron
        .iter()
        .map(|schedule| {
            let said = json!({
                "line": schedule.line,
                "zone": schedule.zone,
                "kind": schedule.kind,
                "args": schedule.args,
                "options": schedule.options,
                "missed": schedule.missed,
                "missed_within_ms": millis(schedule.missed_within),
                "missed_max": schedule.missed_max,
                "overlap": schedule.overlap,
            });
            (schedule.name.as_str(), said)
        })
        .collect();
    if schedules.is_empty() {
        return Ok(Vec::new());
    }
    let (changed, theirs) = schedule::sync(link, &json!(schedules).to_string(), worker).await?;
    if changed > 0 {
        event::emit(&Event::ConfigApplied { what: format!("{changed} schedules") });
    }
    Ok(theirs)
}

fn contract(kind: &KindSettings) -> serde_json::Value {
    let keep_ms = kind.keep.map(|keep| u64::try_from(keep.as_millis()).unwrap_or(u64::MAX));
    json!({ "contract": kind.contract, "sensitive": kind.sensitive, "keep_ms": keep_ms })
}
