//! Dead letters that were put aside: who did it, until when they can be restored, and the form that does so.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use axum::response::Response;
use backstay::inspect::{self, DeadLetter};
use backstay::model::instant::Instant;

use super::dead::looked_to;
use super::frame::{Frame, respond};
use super::text;
use crate::ask::Call;
use crate::problem::Problem;

/// How long what is put aside is kept, as `discard` promises.
const KEPT: Duration = Duration::from_secs(7 * 24 * 60 * 60);

#[derive(askama::Template)]
#[template(path = "discarded.html")]
struct Discarded {
    frame: Frame,
    call: Call,
    letters: Vec<Aside>,
    next: Option<String>,
    /// When the last one died that was looked at, where that was not all.
    looked_to: Option<Instant>,
}

/// A letter that was put aside.
struct Aside {
    id: String,
    kind: String,
    title: String,
    died_at: Instant,
    discarded_at: Option<Instant>,
    by: String,
}

pub(super) async fn show(call: Call) -> Result<Response, Problem> {
    let (filter, cursor) = (call.query.filter()?, call.cursor()?);
    let (database, limit) = (call.pages(), call.limit());
    let page = inspect::dead_letters(database, &filter, true, cursor.as_deref(), limit).await?;
    let ids: Vec<i64> = page.items.iter().map(|job| job.id).collect();
    let letters = inspect::letters(database, &ids).await?;
    let kinds = page.items.iter().map(|job| (job.id.to_string(), job.kind.clone())).collect();
    let looked_to = looked_to(&page, limit);
    let next = call.next(page.next);
    let frame = Frame::of(&call, "dead", "Discarded");
    let letters = letters.into_iter().map(|letter| Aside::of(letter, &kinds)).collect();
    respond(&Discarded { frame, letters, next, looked_to, call })
}

impl Aside {
    fn of(letter: DeadLetter, kinds: &HashMap<String, String>) -> Aside {
        Aside {
            kind: kinds.get(&letter.id).cloned().unwrap_or_default(),
            id: letter.id,
            title: letter.title,
            died_at: letter.died_at,
            discarded_at: letter.discarded_at,
            by: letter.discarded_by.unwrap_or_default(),
        }
    }

    /// From when on it may be gone.
    fn deleted_at(&self) -> Option<SystemTime> {
        SystemTime::from(self.discarded_at?).checked_add(KEPT)
    }
}

impl Discarded {
    fn is_filtered(&self) -> bool {
        let rest = ["limit", "cursor"];
        self.call.query.pairs().iter().any(|(name, _)| !rest.contains(name))
    }

    fn older(&self, next: &str) -> String {
        let list = self.frame.older(&self.call.query, next);
        list.replacen("dead?", "dead/discarded?", 1)
    }
}
