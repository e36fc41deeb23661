//! Kinds whose attempts crash again and again: they leave the line, and one attempt at a time finds out whether that is over.

use std::time::{Duration, Instant};

use serde_json::json;

use super::Claims;
use super::news::Raise;
use crate::model::alert::Rule;
use crate::model::event::{self, Event};
use crate::model::kind_brake::{Change, does_harm};
use crate::model::outcome::Outcome;
use crate::runtime::worker::room::LEVELS;
use crate::store::turn::Ask;

/// A braked kind of which no job waits is looked for again after this long.
const NOTHING_WAITS: Duration = Duration::from_secs(2);

impl Claims {
    /// Notes how an attempt ended, and what that means for its kind.
    pub(super) fn note_end(&mut self, job: i64, kind: &str, outcome: Outcome) {
        // Nothing is held against the kind, nor will be now: so it is with nearly every end.
        if !does_harm(outcome) && !self.state.brakes.contains_key(kind) {
            return;
        }
        let now = self.state.began.elapsed();
        let brake = self.state.brakes.entry(kind.to_owned()).or_default();
        let change = brake.ended(now, job, outcome);
        let ends = u64::from(brake.ends());
        if brake.is_blank() {
            self.state.brakes.remove(kind);
        }
        let detail = match change {
            None => return,
            Some(Change::Braked) => {
                event::emit(&Event::KindBraked { kind: kind.to_owned(), count: ends });
                json!({ "endings": ends })
            }
            Some(Change::Freed) => {
                event::emit(&Event::KindFreed { kind: kind.to_owned() });
                json!({ "resolved": true })
            }
        };
        self.set_kinds();
        self.raise(Raise {
            rule: Rule::KindBraked,
            subject: kind.to_owned(),
            kind: Some(kind.to_owned()),
            queue: None,
            detail,
        });
    }

    /// Which kinds each queue takes now: those whose programs boot and which are not braked.
    pub(super) fn set_kinds(&mut self) {
        let brakes = &self.state.brakes;
        let is_free = |kind: &String| !brakes.get(kind).is_some_and(|brake| brake.is_on());
        for room in &mut self.rooms {
            let kinds = self.runner.kinds_of(&room.queue.name);
            room.kinds = kinds.map(|kinds| kinds.into_iter().filter(is_free).collect());
        }
        self.publish_admission();
        // What was left standing lies below the marks.
        self.look_from_start(Instant::now());
    }

    /// When the next attempt under a brake is due.
    pub(super) fn trial_at(&self) -> Option<Instant> {
        let due = self.state.brakes.values().filter_map(|brake| brake.next_at()).min()?;
        Some(self.state.began + due)
    }

    /// At most one job of a braked kind, from one queue that has a slot for it.
    pub(super) fn trials(&mut self, now: Duration) -> (Vec<Ask>, Vec<usize>) {
        let due = self
            .state
            .brakes
            .iter()
            .filter(|(_, brake)| brake.next_at().is_some_and(|at| at <= now));
        let due: Vec<String> = due.map(|(kind, _)| kind.clone()).collect();
        let (mut asks, mut rooms) = (Vec::new(), Vec::new());
        for kind in due {
            self.state.trials += 1;
            let count = self.rooms.len();
            let mut order = (0..count).map(|n| (n + self.state.trials) % count);
            let room = order.find(|room| {
                let queue = &self.rooms[*room].queue.name;
                let knows = self.runner.kinds_of(queue).is_some_and(|kinds| kinds.contains(&kind));
                knows && self.rooms[*room].free(&[0; LEVELS]) > 0 && !rooms.contains(room)
            });
            if let Some(brake) = self.state.brakes.get_mut(&kind) {
                // If one is claimed, its end says when the next may start.
                brake.look_again_at(now + NOTHING_WAITS);
            }
            if let Some(room) = room {
                asks.push(self.rooms[room].ask_one(kind));
                rooms.push(room);
            }
        }
        (asks, rooms)
    }

    /// Notes a claimed job of a braked kind.
    pub(super) fn note_trial(&mut self, job: i64, kind: &str) {
        if let Some(brake) = self.state.brakes.get_mut(kind) {
            brake.began(job);
        }
    }
}
