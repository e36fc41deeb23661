//! Schedules: what they are, which instants come next, and what became of those that have passed.
//!
//! ```no_run
//! use backstay::config::{ScheduleSettings, Settings, Value};
//! use backstay::inspect::{self, COMING_MOST, ComingTick, ScheduleStatus, TickStatus};
//! use backstay::{Database, operate};
//!
//! # async fn shown(database: &Database) -> Result<(), Box<dyn std::error::Error>> {
//! let settings = Settings::from_value(&Value::empty()).map_err(|faults| faults[0].to_string())?;
//! let declared: &[ScheduleSettings] = &settings.cron;
//! assert!(declared.is_empty());
//!
//! for ScheduleStatus { name, next, .. } in inspect::schedules(database, COMING_MOST.min(3)).await? {
//!     for ComingTick { at, local, .. } in next {
//!         println!("{name}: {at}, there {local}");
//!     }
//! }
//! if inspect::schedule(database, "nightly", 1).await?.is_some() {
//!     let ticks: Vec<TickStatus> = inspect::ticks(database, "nightly", None, 50).await?.items;
//!     operate::run(database, "nightly", "the figures were wrong").await?;
//!     if let [newest, .., oldest] = &ticks[..] {
//!         let passed = inspect::ticks_between(database, "nightly", oldest.tick_at, newest.tick_at).await?;
//!         operate::backfill(database, "nightly", &passed, "the queue was paused").await?;
//!     }
//!     operate::resume_and_catch_up(database, "nightly", "the warehouse is back").await?;
//! }
//! # Ok(())
//! # }
//! ```

use jiff::Timestamp;

use super::{ask, page};
use crate::model::bounds::BACKFILL_TICKS;
use crate::model::cron::Rhythm;
use crate::model::instant::Instant;
use crate::model::status::{ComingTick, Page, ScheduleStatus, TickStatus};
use crate::store::StoreError;
use crate::store::database::Database;
use crate::store::schedule as store;

/// Most coming ticks that are told at once.
pub const COMING_MOST: usize = 100;

/// Lists schedules by name, each with `n` coming ticks, 100 at most; at most 1,000.
///
/// # Errors
///
/// BS5xx from the database.
pub async fn schedules(database: &Database, n: usize) -> Result<Vec<ScheduleStatus>, StoreError> {
    let mut schedules = store::list(database, None).await?;
    schedules.iter_mut().for_each(|schedule| foresee(schedule, n));
    Ok(schedules)
}

/// One schedule with `n` coming ticks, 100 at most.
///
/// # Errors
///
/// BS5xx from the database.
pub async fn schedule(
    database: &Database,
    name: &str,
    n: usize,
) -> Result<Option<ScheduleStatus>, StoreError> {
    let mut found = store::list(database, Some(name)).await?.pop();
    found.iter_mut().for_each(|schedule| foresee(schedule, n));
    Ok(found)
}

/// Lists the ticks of a schedule, the newest first, each with the state of its job.
///
/// # Errors
///
/// BS102 for a cursor of something else, BS5xx from the database.
pub async fn ticks(
    database: &Database,
    name: &str,
    cursor: Option<&str>,
    limit: u16,
) -> Result<Page<TickStatus>, StoreError> {
    let bad = |cursor: &str| super::bad_cursor(cursor);
    let before =
        cursor.map(|cursor| cursor.parse::<Timestamp>().map_err(|_| bad(cursor))).transpose()?;
    let ticks = store::ticks(database, name, before, ask(limit)).await?;
    Ok(page(ticks, limit, |tick| tick.tick_at.to_string()))
}

/// The ticks of a schedule from one instant up to another, both included; one more than a back-fill takes says that there are more.
///
/// # Errors
///
/// BS301 where there is no such schedule, BS402 where its line cannot be read here, BS5xx from the database.
pub async fn ticks_between(
    database: &Database,
    name: &str,
    from: Instant,
    to: Instant,
) -> Result<Vec<Instant>, StoreError> {
    let Some(found) = store::list(database, Some(name)).await?.pop() else {
        return Err(refused("BS301", format!("there is no schedule `{name}`")));
    };
    let rhythm = Rhythm::parse(&found.line, &found.zone)
        .map_err(|error| refused("BS402", error.to_string()))?;
    let before = from.timestamp() - jiff::SignedDuration::from_nanos(1);
    let ticks = rhythm.coming(before, BACKFILL_TICKS + 1);
    Ok(ticks.take_while(|tick| *tick <= to.timestamp()).map(Instant::from).collect())
}

fn refused(code: &str, message: String) -> StoreError {
    let hint = Some("backstay cron list".to_owned());
    StoreError::Refused { sqlstate: code.into(), message, detail: None, hint }
}

/// Adds the coming ticks; a schedule that is stopped has none.
fn foresee(schedule: &mut ScheduleStatus, n: usize) {
    if schedule.retired_at.is_some() {
        return;
    }
    match Rhythm::parse(&schedule.line, &schedule.zone) {
        Ok(rhythm) => {
            let coming = rhythm.coming(Timestamp::now(), n.min(COMING_MOST));
            let told = |at: Timestamp| ComingTick {
                at: at.into(),
                local: rhythm.local(at).strftime("%Y-%m-%d %H:%M:%S %:z").to_string(),
            };
            schedule.next = coming.map(told).collect();
        }
        Err(error) => {
            schedule.error.get_or_insert_with(|| error.to_string());
        }
    }
}
