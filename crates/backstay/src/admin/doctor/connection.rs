//! The way to the server: a pooler in between, and whether notifications come through.

use super::{Finding, blind};
use crate::store::database::Database;
use crate::store::doctor as store;

pub(super) async fn check(database: &Database, installed: bool) -> Vec<Finding> {
    let pooled = match database.is_pooled().await {
        Ok(pooled) => pooled,
        Err(error) => return vec![blind("pooler", &error)],
    };
    if !installed {
        return vec![pooler(pooled, false)];
    }
    match store::ears(database).await {
        Ok(heard) => {
            let mut found = vec![pooler(pooled, heard.is_some())];
            if heard.is_some() || !pooled {
                found.push(ears(heard.map(|took| took.as_millis())));
            }
            found
        }
        Err(error) => vec![pooler(pooled, false), blind("listen", &error)],
    }
}

fn pooler(pooled: bool, way_past: bool) -> Finding {
    match (pooled, way_past) {
        (false, _) => Finding::ok("pooler", "none, or one that keeps sessions"),
        (true, true) => Finding::ok("pooler", "transaction mode, with a direct way past it"),
        (true, false) => Finding::warn(
            "pooler",
            "transaction mode: jobs are found by polling, a dead worker by its lease only",
            "set database.direct_url to an address past the pooler",
        ),
    }
}

fn ears(heard_ms: Option<u128>) -> Finding {
    match heard_ms {
        Some(ms) => Finding::ok("listen", format!("a notification came back in {ms} ms")),
        None => Finding::warn(
            "listen",
            "a notification did not come back: jobs are found by polling only",
            "is a proxy in between? say so with database.pooler = \"transaction\"",
        ),
    }
}
