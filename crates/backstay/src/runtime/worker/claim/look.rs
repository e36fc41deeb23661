//! Looks at the queues and at the own claims: what is there, and what the database thinks runs here.

use std::time::{Duration, Instant};

use super::super::run::Hurry;
use super::Claims;
use super::drain::given_back;
use crate::model::judge::Bill;
use crate::store::StoreError;
use crate::store::attempt;
use crate::store::settle::Settled;

/// Every so often the line is walked from its start, for rows that came in below the low marks.
const FROM_START: Duration = Duration::from_secs(30);
/// Every so often the database's idea of what runs here is compared with ours.
pub(super) const MINE_EVERY: Duration = Duration::from_secs(600);

impl Claims {
    /// One look at all queues; who answers yes is claimed from at once.
    pub(super) async fn poll(&mut self, now: Instant) -> Result<(), StoreError> {
        self.state.poll_at = now + self.state.dice.about(self.pace());
        if now.saturating_duration_since(self.state.from_start_at) >= FROM_START {
            self.look_from_start(now);
        }
        self.publish_lows();
        self.publish_admission();
        if self.state.hungry || !self.may_claim() {
            return Ok(());
        }
        let (mut queues, mut levels, mut lows) = (Vec::new(), Vec::new(), Vec::new());
        let at = self.state.began.elapsed();
        for room in &mut self.rooms {
            for (level, low) in room.lows(at, false).into_iter().enumerate() {
                queues.push(room.queue.name.clone());
                levels.push(i16::try_from(level).expect("at most ten levels"));
                lows.push(low);
            }
        }
        let kinds = self.runner.kinds_of_all();
        let Some(link) = &self.state.link else { return Ok(()) };
        let (lowered, found) =
            attempt::peek(link, &queues, &levels, &lows, kinds.as_deref()).await?;
        self.state.hungry |= !found.is_empty();
        self.note_lowered(lowered);
        Ok(())
    }

    pub(super) fn publish_lows(&mut self) {
        let at = self.state.began.elapsed();
        let mut all = Vec::new();
        for room in &mut self.rooms {
            for (level, low) in room.lows(at, false).into_iter().enumerate() {
                all.push((
                    room.queue.name.clone(),
                    i16::try_from(level).expect("at most ten levels"),
                    low,
                ));
            }
        }
        self.lows.send_replace(all);
    }

    /// Somebody put a row back at an old number: look from the start now, and once more when it has surely committed.
    pub(super) fn note_lowered(&mut self, lowered: i64) {
        if lowered == self.state.lowered {
            return;
        }
        self.state.lowered = lowered;
        let now = Instant::now();
        self.look_from_start(now);
        self.state.lowered_again_at = Some(now + Duration::from_secs(1));
    }

    pub(super) fn look_from_start(&mut self, now: Instant) {
        self.state.from_start_at = now;
        self.state.from_start = true;
        self.state.hungry = true;
    }

    /// Compares what runs here with what the database thinks that runs here, both ways.
    pub(super) async fn compare(&mut self) -> Result<(), StoreError> {
        self.give_unknown_back().await?;
        if self.state.is_in_doubt {
            self.stop_taken().await?;
            self.state.is_in_doubt = false;
        }
        self.state.mine_at = Instant::now() + MINE_EVERY;
        Ok(())
    }

    /// Ends what somebody else holds by now, at once: each moment that it goes on is work done twice.
    async fn stop_taken(&self) -> Result<(), StoreError> {
        let Some(link) = &self.state.link else { return Ok(()) };
        let running: Vec<(i64, i32)> =
            self.state.hands.iter().map(|(job, hand)| (*job, hand.attempt)).collect();
        for job in attempt::taken(link, self.worker, &running).await? {
            if let Some(hand) = self.state.hands.get(&job) {
                hand.stop.tell(Hurry::stale());
            }
        }
        Ok(())
    }

    /// Gives back what the database thinks runs here and nobody knows of: claims whose answer was lost.
    async fn give_unknown_back(&mut self) -> Result<(), StoreError> {
        let Some(link) = &self.state.link else { return Ok(()) };
        let theirs = attempt::mine(link, self.worker).await?;
        let unknown = theirs.into_iter().filter(|(job, attempt)| {
            self.state.hands.get(job).is_none_or(|hand| hand.attempt != *attempt)
        });
        let given: Vec<Settled> = unknown
            .map(|(job, attempt)| given_back(job, attempt, self.worker, Bill::Nothing))
            .collect();
        given.into_iter().for_each(|settled| self.push(settled));
        Ok(())
    }
}
