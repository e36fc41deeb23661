//! What millions of ended, scheduled, parked and dead jobs cost those that run: a scenario beside them and without them.

use std::time::Duration;

use super::{Burdened, PREPARES, ask};
use crate::Failure;
use crate::figures::Values;
use crate::peer::Subject;
use crate::server::{Place, Server};

/// The longest that tables may take to be filled.
const FILLS: Duration = Duration::from_secs(3600);

/// The figures are those of the full database; `kept` sets them against an empty one in per cent.
pub(super) fn measure(
    server: &mut Server,
    subject: &Subject,
    what: Burdened,
    ended: u64,
) -> Result<Values, Failure> {
    let free = what.free().measure(server, subject)?;
    let place = filled(server, subject, ended)?;
    let mut values = what.free().measure_at(server, place, subject)?;
    // More jobs are better, and less waiting is.
    let kept = match values.get("p99_ms") {
        Some(p99) => free["p99_ms"] / p99.max(0.001),
        None => values["jobs_per_s"] / free["jobs_per_s"],
    };
    values.insert("kept", 100.0 * kept);
    Ok(values)
}

/// A database with all of that in it: filled once for a queue, and copied for each measurement.
fn filled(server: &mut Server, subject: &Subject, ended: u64) -> Result<Place, Failure> {
    let what = &subject.queue.name;
    if let Some(place) = server.place_like(what)? {
        return Ok(place);
    }
    let mut place = server.place()?;
    ask(&place, subject, &["setup"], PREPARES)?;
    ask(&place, subject, &["weigh", &ended.to_string()], FILLS)?;
    place.settle_in()?;
    server.keep(what, place);
    server.place_like(what)?.ok_or_else(|| "what was just filled is gone".into())
}
