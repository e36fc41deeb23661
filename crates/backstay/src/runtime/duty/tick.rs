//! Makes the jobs of schedules whose time has come, each tick at most once whoever looks, and within a second of its time.

use std::time::{Duration, Instant};

use crate::failpoint::failpoint;
use crate::model::cron::{Rhythm, plan};
use crate::model::event::{self, Event};
use crate::store::StoreError;
use crate::store::schedule::{self, Decided, Due, Ticked};
use crate::store::statement::Link;

/// Schedules of one transaction, so that no lock is held for long.
const SCHEDULES: i32 = 100;
/// Transactions of one round, so that other duties get their turn.
const ROUNDS: usize = 10;
/// How often it is asked who still declares what.
const RETIRE: Duration = Duration::from_secs(30);
/// A schedule whose next tick cannot be found is tried again then: another host may know its zone.
const STUCK: Duration = Duration::from_secs(60);
/// A calendar that has ended is looked at this rarely.
const ENDED: Duration = Duration::from_secs(86_400);

/// When the next is due.
#[derive(Debug, Default)]
pub(crate) struct Tick {
    next_in: Option<Duration>,
    retired_at: Option<Instant>,
}

impl Tick {
    /// The wait until the next round: until a schedule is due, but no longer than usual.
    pub(crate) fn next_in(&self, usual: Duration) -> Duration {
        // A statement that runs a moment early finds nothing, so it is a moment late.
        self.next_in.map_or(usual, |next| usual.min(next + Duration::from_millis(2)))
    }

    /// One round.
    pub(crate) async fn tick(&mut self, link: &Link) -> Result<(), StoreError> {
        let mut look = schedule::next_look(link).await?;
        for _ in 0..ROUNDS {
            if !look.due || round(link).await? == 0 {
                break;
            }
            look = schedule::next_look(link).await?;
        }
        self.next_in = look.next_in;
        if self.retired_at.is_none_or(|at| at.elapsed() >= RETIRE) {
            self.retired_at = Some(Instant::now());
            for name in schedule::retire(link).await? {
                let what = format!("schedule {name} is retired: no live worker declares it");
                event::emit(&Event::ConfigApplied { what });
            }
        }
        Ok(())
    }
}

/// One transaction; how many schedules were settled.
async fn round(link: &Link) -> Result<usize, StoreError> {
    link.batch("begin isolation level read committed").await?;
    let due = schedule::due(link, SCHEDULES).await?;
    let mut told = Vec::new();
    for due in &due {
        let decided = decide(due);
        failpoint!("tick.before_send");
        for ticked in schedule::tick(link, &due.name, &decided).await? {
            told.push(said(due, &decided, ticked));
        }
        if let Some(error) = decided.error {
            told.push(Event::CronStuck { schedule: due.name.clone(), error });
        }
    }
    failpoint!("tick.before_commit", if !due.is_empty());
    link.batch("commit").await?;
    failpoint!("tick.after_commit", if !due.is_empty());
    // What was rolled back did not happen, so nothing is said before.
    told.iter().for_each(event::emit);
    Ok(due.len())
}

fn decide(due: &Due) -> Decided {
    let rhythm = match Rhythm::parse(&due.line, &due.zone) {
        Ok(rhythm) => rhythm,
        Err(error) => {
            let error = Some(error.to_string());
            return Decided { again_in: STUCK, error, ..Decided::default() };
        }
    };
    let plan = plan(&rhythm, &due.policy, due.counted_to, due.now);
    Decided {
        ticks: plan.run,
        counted_to: plan.counted_to,
        next: plan.next,
        again_in: ENDED,
        dropped: plan.dropped,
        error: None,
    }
}

fn said(due: &Due, decided: &Decided, ticked: Ticked) -> Event {
    let schedule = due.name.clone();
    match (ticked.outcome.as_str(), ticked.job) {
        ("enqueued", Some(job)) => Event::CronTicked { schedule, job },
        ("missed", _) => {
            let count = decided.dropped.map_or(0, |dropped| u64::from(dropped.count));
            Event::CronMissed { schedule, count }
        }
        _ => Event::CronSkipped { schedule, reason: ticked.note.unwrap_or(ticked.outcome) },
    }
}
