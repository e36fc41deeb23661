//! How fast jobs come in: in bulk, and one by one in transactions of the caller's own.

use std::time::Duration;

use super::{BATCH, PREPARES, ask, costs};
use crate::Failure;
use crate::figures::Values;
use crate::peer::Subject;
use crate::process::cpu_seconds;
use crate::server::{Place, Server};

pub(super) fn many(
    server: &mut Server,
    place: &Place,
    subject: &Subject,
    jobs: u64,
) -> Result<Values, Failure> {
    let (jobs, batch) = (jobs.to_string(), BATCH.to_string());
    measure(server, place, subject, &["many", &jobs, &batch], PREPARES)
}

pub(super) fn single(
    server: &mut Server,
    place: &Place,
    subject: &Subject,
    senders: u64,
    seconds: u64,
) -> Result<Values, Failure> {
    let most = PREPARES + Duration::from_secs(seconds);
    let (senders, seconds) = (senders.to_string(), seconds.to_string());
    measure(server, place, subject, &["single", &senders, &seconds], most)
}

/// With workers woken, and before that without; `kept` is the one in per cent of the other.
pub(super) fn wake(
    server: &mut Server,
    place: &Place,
    subject: &Subject,
    senders: u64,
    seconds: u64,
) -> Result<Values, Failure> {
    let quiet = single(server, place, &subject.wishing("quiet"), senders, seconds)?;
    let mut values = single(server, place, subject, senders, seconds)?;
    values.insert("kept", 100.0 * values["jobs_per_s"] / quiet["jobs_per_s"]);
    Ok(values)
}

fn measure(
    server: &mut Server,
    place: &Place,
    subject: &Subject,
    words: &[&str],
    most: Duration,
) -> Result<Values, Failure> {
    let me = std::process::id().cast_signed();
    let (before, mine) = (server.meter()?, cpu_seconds(me));
    let said = ask(place, subject, words, most)?;
    // The adapter has been reaped: its time is this process's now.
    let (after, mine) = (server.meter()?, cpu_seconds(me) - mine);
    let number = |name: &str| said[name].as_f64().ok_or(format!("it did not say `{name}`"));
    let (jobs, timed, seconds) = (number("jobs")?, number("timed")?, number("seconds")?);
    if timed == 0.0 {
        return Err("too few jobs: the first call is not counted".into());
    }
    let mut values = Values::from([("jobs_per_s", timed / seconds)]);
    costs(&mut values, jobs, before, after, mine);
    Ok(values)
}
