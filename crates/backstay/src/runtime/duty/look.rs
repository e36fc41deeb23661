//! Looks for rows that came into line below the low marks, and tells every worker when there are some.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::model::mark::MARGIN;
use crate::store::statement::Link;
use crate::store::{StoreError, duty};

type Lows = Vec<(String, i16, i64)>;

/// The marks of the last seconds: a row may lie below one of ten seconds ago only if it came in late.
#[derive(Debug, Default)]
pub(crate) struct Look {
    past: VecDeque<(Instant, Lows)>,
}

/// Looks come every 2 s, so this many span the margin.
const PAST: usize = 32;

impl Look {
    /// One round.
    pub(crate) async fn tick(&mut self, link: &Link, lows: &Lows) -> Result<(), StoreError> {
        self.past.push_back((Instant::now(), lows.clone()));
        let mut old = None;
        while self
            .past
            .front()
            .is_some_and(|(at, _)| at.elapsed() >= MARGIN + Duration::from_secs(1))
            || self.past.len() > PAST
        {
            old = self.past.pop_front();
        }
        let Some((_, old)) = old else { return Ok(()) };
        let old: Vec<_> = old.into_iter().filter(|(_, _, low)| *low > 0).collect();
        if old.is_empty() {
            return Ok(());
        }
        let queues: Vec<String> = old.iter().map(|(queue, _, _)| queue.clone()).collect();
        let levels: Vec<i16> = old.iter().map(|(_, level, _)| *level).collect();
        let lows: Vec<i64> = old.iter().map(|(_, _, low)| *low).collect();
        duty::look(link, &queues, &levels, &lows).await
    }
}
