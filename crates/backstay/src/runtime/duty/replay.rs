//! Revives the dead letters of a replay at its rate, and stops where too many die again.

use std::time::Duration;

use crate::store::duty::Replay;
use crate::store::statement::Link;
use crate::store::{StoreError, duty};

/// So many must have ended before their share says anything.
const JUDGED_FROM: i64 = 10;
/// Between two looks at jobs that have not ended.
const LOOK: Duration = Duration::from_millis(500);
/// Jobs revived by one statement.
const ROWS: i32 = 1000;

/// What a replay does next.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    Revive { n: i32, then: Duration },
    Wait,
    Stop,
    Done,
}

/// One round: one step of one replay.
pub(crate) async fn tick(link: &Link) -> Result<(), StoreError> {
    link.batch("begin isolation level read committed").await?;
    let stepped = step(link).await;
    match stepped {
        Ok(()) => link.batch("commit").await,
        Err(error) => Err(error),
    }
}

async fn step(link: &Link) -> Result<(), StoreError> {
    let Some(replay) = duty::replay_due(link).await? else { return Ok(()) };
    match next(&replay) {
        Next::Revive { n, then } => {
            duty::replay_next(link, replay.id, replay.next, n).await?;
            duty::replay_step(link, replay.id, replay.next + n, then, "running").await
        }
        Next::Wait => duty::replay_step(link, replay.id, replay.next, LOOK, "running").await,
        Next::Stop => duty::replay_step(link, replay.id, replay.next, LOOK, "stopped").await,
        Next::Done => duty::replay_step(link, replay.id, replay.next, LOOK, "done").await,
    }
}

/// First a few, and only when those have ended the rest, at its rate; too many bad ends stop it.
fn next(replay: &Replay) -> Next {
    let share = replay.bad as f32 / replay.settled.max(1) as f32;
    let is_trial = replay.next <= replay.first;
    let is_judged =
        replay.settled >= JUDGED_FROM || is_trial && replay.open == 0 && replay.settled > 0;
    if replay.next >= replay.total {
        return if replay.open == 0 { Next::Done } else { Next::Wait };
    }
    if is_judged && share > replay.stop_at {
        return Next::Stop;
    }
    if replay.first > 0 && replay.next < replay.first {
        let n = (replay.first - replay.next).min(ROWS);
        return Next::Revive { n, then: LOOK };
    }
    if is_trial && replay.first > 0 && replay.open > 0 {
        return Next::Wait;
    }
    let left = replay.total - replay.next;
    match replay.rate {
        None => Next::Revive { n: left.min(ROWS), then: LOOK },
        Some((per_count, per)) => {
            // In even steps of at least half a second, so that a rate per hour does not come as one flood.
            let steps = (per.as_millis() / LOOK.as_millis()).max(1);
            let n = i32::try_from(u128::try_from(per_count).unwrap_or(1).div_ceil(steps))
                .unwrap_or(ROWS)
                .max(1);
            let then = per.mul_f64(f64::from(n) / f64::from(per_count.max(1)));
            Next::Revive { n: n.min(left).min(ROWS), then }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replay(next: i32, settled: i64, bad: i64, open: i64) -> Replay {
        Replay {
            id: 1,
            total: 100,
            first: 10,
            next,
            rate: Some((60, Duration::from_secs(60))),
            stop_at: 0.2,
            settled,
            bad,
            open,
        }
    }

    #[test]
    fn the_first_few_go_alone_and_are_waited_for() {
        assert_eq!(super::next(&replay(0, 0, 0, 0)), Next::Revive { n: 10, then: LOOK });
        assert_eq!(super::next(&replay(10, 4, 0, 6)), Next::Wait);
        assert_eq!(
            super::next(&replay(10, 10, 0, 0)),
            Next::Revive { n: 1, then: Duration::from_secs(1) }
        );
    }

    #[test]
    fn it_stops_where_too_many_die_again() {
        assert_eq!(super::next(&replay(10, 10, 10, 0)), Next::Stop);
        assert_eq!(super::next(&replay(40, 50, 11, 0)), Next::Stop);
        assert_ne!(super::next(&replay(40, 50, 10, 0)), Next::Stop);
    }

    #[test]
    fn it_is_done_when_the_last_has_ended() {
        assert_eq!(super::next(&replay(100, 50, 0, 3)), Next::Wait);
        assert_eq!(super::next(&replay(100, 50, 0, 0)), Next::Done);
    }
}
