//! How many jobs may be taken from which queue: slots, what runs in them, and where each line is entered.

use std::time::Duration;

use crate::model::ahead::Ahead;
use crate::model::config::QueueSettings;
use crate::model::figures::Slots;
use crate::model::mark::Mark;
use crate::model::priority::{aged_turns, shares};
use crate::model::status::QueueSlots;
use crate::store::turn::Ask;

/// Levels of priority: 0 to 9.
pub(crate) const LEVELS: usize = 10;
/// A job may overrun its timeout by its grace and this before another worker may take it as stuck.
const SLACK: Duration = Duration::from_secs(60);

/// One queue as this worker serves it.
#[derive(Debug)]
pub(crate) struct Room {
    pub(crate) queue: QueueSettings,
    /// The longest that a job which says nothing of it may run here.
    longest: Duration,
    /// Slots that its programs were started for; a reload cannot give more.
    slots_most: u16,
    /// Jobs of this queue that this worker holds, by level.
    running: [u16; LEVELS],
    /// Those of them that are in a slot: begun, or waiting for memory, and not ended.
    in_slots: u16,
    ahead: Ahead,
    /// Slots that hold something which could not be ended.
    stuck: u16,
    starts: u64,
    marks: [Mark; LEVELS],
    /// The last answer was full, so there is more.
    pub(crate) has_more: bool,
    /// None: every kind of this queue.
    pub(crate) kinds: Option<Vec<String>>,
}

impl Room {
    pub(crate) fn new(queue: QueueSettings, longest: Duration, kinds: Option<Vec<String>>) -> Room {
        Room {
            slots_most: queue.slots,
            queue,
            longest,
            running: [0; LEVELS],
            in_slots: 0,
            ahead: Ahead::default(),
            stuck: 0,
            starts: 0,
            marks: std::array::from_fn(|_| Mark::default()),
            has_more: false,
            kinds,
        }
    }

    /// Takes over what can change while jobs run: slots up to those of the start, ageing, reserve. Fewer slots than jobs
    /// that run end none: nothing new begins until enough are free.
    pub(crate) fn reload(&mut self, new: &QueueSettings) {
        self.queue.slots = new.slots.min(self.slots_most);
        self.queue.ageing = new.ageing;
        // A reserve is checked against its own slots; where those are not given, it would not fit.
        if new.slots <= self.slots_most {
            self.queue.reserve.clone_from(&new.reserve);
        }
    }

    pub(crate) fn busy(&self) -> u16 {
        self.running.iter().sum::<u16>() + self.stuck
    }

    /// Jobs that can be taken once `leaving` verdicts are written: for free slots, and some that wait for the next ones.
    pub(crate) fn free(&self, leaving: &[u16; LEVELS]) -> u16 {
        let most = self.queue.slots.saturating_add(self.ahead());
        most.saturating_sub(self.busy().saturating_sub(leaving.iter().sum()))
    }

    /// Jobs that may be held beyond the slots: none where some are kept for urgent work, which nothing may pass over.
    pub(crate) fn ahead(&self) -> u16 {
        if self.queue.reserve.is_empty() { self.ahead.beyond(self.queue.slots) } else { 0 }
    }

    pub(crate) fn has_slot(&self) -> bool {
        self.in_slots + self.stuck < self.queue.slots
    }

    pub(crate) fn enter_slot(&mut self) {
        self.in_slots += 1;
    }

    /// Notes that a job left its slot after so long.
    pub(crate) fn leave_slot(&mut self, took: Duration) {
        self.in_slots = self.in_slots.saturating_sub(1);
        self.ahead.ran(took);
    }

    /// What to ask the database for, `most` jobs at most, most patient levels first, so that slots kept for urgent work stay free.
    pub(crate) fn asks(
        &mut self,
        now: Duration,
        from_start: bool,
        leaving: &[u16; LEVELS],
        most: u16,
    ) -> Vec<Ask> {
        let staying: [u16; LEVELS] =
            std::array::from_fn(|level| self.running[level].saturating_sub(leaving[level]));
        let split = shares(self.free(leaving).min(most), &staying, &self.queue.reserve);
        let lows: Vec<i64> =
            self.marks.iter_mut().map(|mark| if from_start { 0 } else { mark.low(now) }).collect();
        split
            .iter()
            .map(|share| {
                let depth = usize::from(share.down_to.level()) + 1;
                let aged = aged_turns(self.starts, usize::from(share.n), self.queue.ageing.share);
                Ask {
                    n: i32::from(share.n),
                    kinds: self.kinds.clone(),
                    aged: i32::try_from(aged).unwrap_or(0),
                    ..self.ask(lows[..depth].to_vec())
                }
            })
            .collect()
    }

    /// Asks for one job of a kind that the line passes over otherwise, wherever it stands.
    pub(crate) fn ask_one(&self, kind: String) -> Ask {
        Ask { kinds: Some(vec![kind]), ..self.ask(vec![0; LEVELS]) }
    }

    /// Asks for one job of any kind in the levels from the first on, each entered at its low mark.
    fn ask(&self, lows: Vec<i64>) -> Ask {
        Ask {
            queue: self.queue.name.clone(),
            levels: (0..i16::try_from(lows.len()).expect("at most ten levels")).collect(),
            lows,
            n: 1,
            memory_most: None,
            kinds: None,
            aged: 0,
            ageing: self.queue.ageing.after,
            timeout: self.longest,
            slack: self.queue.grace + SLACK,
        }
    }

    pub(crate) fn lows(&mut self, now: Duration, from_start: bool) -> [i64; LEVELS] {
        std::array::from_fn(|level| if from_start { 0 } else { self.marks[level].low(now) })
    }

    /// Notes a claimed job.
    pub(crate) fn took(&mut self, now: Duration, level: usize, seq: i64) {
        self.running[level] += 1;
        self.starts += 1;
        self.marks[level].saw(now, seq);
    }

    /// Notes that a job's verdict was written, or that it is somebody else's by now.
    pub(crate) fn left(&mut self, level: usize) {
        self.running[level] = self.running[level].saturating_sub(1);
    }

    /// A slot whose handler could not be ended is never opened twice.
    pub(crate) fn close_slot(&mut self) {
        self.stuck += 1;
    }

    /// What is in the slots now.
    pub(crate) fn slots_now(&self) -> Slots {
        let free = self.queue.slots.saturating_sub(self.in_slots + self.stuck);
        Slots { busy: self.in_slots, free, closed: self.stuck }
    }

    /// The queue and its slots, as people are told of them.
    pub(crate) fn slots(&self) -> (String, QueueSlots) {
        let count = self.queue.slots.saturating_sub(self.stuck);
        (self.queue.name.clone(), QueueSlots { count, reserve: self.queue.reserve.clone() })
    }

    /// Jobs waited behind longer ones than the last runs told of.
    pub(crate) fn forget_runs(&mut self) {
        self.ahead = Ahead::default();
    }

    pub(crate) fn is_stuck(&self) -> bool {
        self.stuck >= self.queue.slots
    }

    pub(crate) fn forget_marks(&mut self) {
        self.marks.iter_mut().for_each(Mark::reset);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::config::Settings;
    use crate::model::config::Value;

    #[test]
    fn a_reload_takes_slots_up_to_those_of_the_start_and_ends_nothing() {
        let settings = Settings::from_value(&Value::empty()).unwrap();
        let queue = |slots| QueueSettings { slots, ..settings.queues[0].clone() };
        let mut room = Room::new(queue(4), Duration::ZERO, None);
        let none = [0; LEVELS];
        (0..3).for_each(|seq| room.took(Duration::ZERO, 5, seq));
        room.reload(&queue(2));
        assert_eq!((room.free(&none), room.busy()), (0, 3));
        room.left(5);
        room.left(5);
        assert_eq!(room.free(&none), 1);
        room.reload(&queue(9));
        assert_eq!(room.free(&none), 3);
    }
}
