//! Workers that stand still for a while and go on as if nothing had been: the harm that only a fence withstands.

use std::time::{Duration, Instant};

use backstay::model::lease::Times;

use crate::database::fresh;
use crate::operator::Operator;
use crate::process::{Process, chance};
use crate::run::{Judgement, Run};

const WORKERS: usize = 6;
/// As many stand still at one time.
const FROZEN: usize = 3;

/// A worker that stands still, and until when.
struct Frozen {
    worker: usize,
    until: Instant,
}

/// As many as there is time for in a suite.
pub(crate) fn some() {
    if let Some(judgement) = at_random(8) {
        judgement.must_hold();
    }
}

/// Freezes workers at random, each for half a lease to two leases, under load, while people touch jobs.
pub(crate) fn at_random(pauses: usize) -> Option<Judgement> {
    let db = fresh()?;
    let run = Run::begin(&db.url);
    let place = &run.place;
    let workers: Vec<Process> =
        (0..WORKERS).map(|n| run.worker(if n % 2 == 0 { "inline" } else { "process" })).collect();
    place.until("all beat", Duration::from_secs(30), |place| place.workers() == WORKERS as i64);
    let lease = u64::try_from(Times::fast().lease.as_millis()).unwrap();
    let mut operator = Operator::begin(&run);
    let (mut frozen, mut jobs, mut done): (Vec<Frozen>, i64, usize) = (Vec::new(), 0, 0);
    while done < pauses || !frozen.is_empty() {
        frozen.retain(|one| {
            let is_over = one.until <= Instant::now();
            if is_over {
                run.thaw(&workers[one.worker]);
            }
            !is_over
        });
        let worker = usize::try_from(chance(WORKERS as u64)).unwrap();
        let is_free = !frozen.iter().any(|one| one.worker == worker);
        if done < pauses && frozen.len() < FROZEN && is_free {
            run.freeze(&workers[worker]);
            let stands = Duration::from_millis(lease / 2 + chance(lease * 3 / 2));
            frozen.push(Frozen { worker, until: Instant::now() + stands });
            done += 1;
        }
        // Longer at work than a moment, so that a pause meets them.
        place.keep_busy(&mut jobs, 40, 40, 400);
        if chance(4) == 0 {
            operator.act(&run);
        }
        std::thread::sleep(Duration::from_millis(40));
    }
    place.until_done(Duration::from_secs(120));
    run.until_told();
    drop(workers);
    Some(run.judge())
}
