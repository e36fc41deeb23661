//! What ends a child from our side: time, the caller, the launcher; each by the kill ladder.

use std::time::{Duration, Instant};

use crate::attempt::{Attempt, Ended, Finished};
use crate::boot::BootError;
use crate::child::between::Between;
use crate::child::body::{Child, Phase};
use crate::ending::{Exit, StopReason};
use crate::kill::{Ladder, Step};
use crate::news::ChildNews;
use crate::protocol::{Fault, write};
use crate::shim;

/// An idle child that is not the last one leaves after this.
const IDLE: Duration = Duration::from_secs(60);

impl Child {
    pub(super) fn next_time(&self) -> Option<Instant> {
        let phase = match self.phase {
            Phase::Booting { until } => Some(until),
            Phase::Idle { since } => {
                let look =
                    self.between.as_ref().filter(|it| self.jobs > 0 && !it.looked_since(since));
                Some(look.map_or(since + IDLE, Between::due))
            }
            Phase::Busy | Phase::Leaving => None,
        };
        let attempt = self.attempt.as_ref().and_then(Attempt::deadline);
        let ladder = self.ladder.as_ref().and_then(Ladder::next_at);
        [phase, attempt, ladder, self.mute_until].into_iter().flatten().min()
    }

    pub(super) fn tick(&mut self, now: Instant) {
        match self.phase {
            Phase::Booting { until } if until <= now => {
                let seconds = self.limits.boot.as_secs_f32();
                let message = format!("it did not answer `hello` within {seconds} s");
                self.boot_error.get_or_insert(BootError { message, code: "BS604" });
                self.kill();
            }
            Phase::Idle { since } if since + IDLE <= now => self.leave_if_surplus(now),
            Phase::Idle { .. } => {
                self.read_cpu();
                if let (true, Some(cause)) = (self.jobs > 0, self.wear()) {
                    self.retire(cause);
                }
            }
            _ => {}
        }
        if self.attempt.as_ref().and_then(Attempt::deadline).is_some_and(|at| at <= now) {
            self.stop(StopReason::TimedOut);
        }
        if self.mute_until.is_some_and(|at| at <= now) {
            self.mute_until = None;
            self.broke(Fault::NoResult, "it closed descriptor 3 with a job in hand");
        }
        while let Some(step) = self.ladder.as_mut().and_then(|ladder| ladder.climb(now)) {
            self.step(step);
        }
    }

    pub(super) fn leave_if_surplus(&mut self, now: Instant) {
        self.phase = Phase::Idle { since: now };
        if self.shelf.upgrade().is_some_and(|shelf| shelf.take_surplus(self.number)) {
            self.leave();
        }
    }

    pub(super) fn stop(&mut self, reason: StopReason) {
        self.stop_within(reason, None);
    }

    pub(super) fn stop_within(&mut self, reason: StopReason, grace: Option<Duration>) {
        let Some(attempt) = &mut self.attempt else { return };
        let order = &mut attempt.job.order;
        let is_hastened = grace.is_some_and(|grace| grace < order.grace);
        order.grace = grace.map_or(order.grace, |grace| grace.min(order.grace));
        if attempt.reason.is_none_or(|noted| reason.outranks(noted)) {
            attempt.reason = Some(reason);
        } else if !is_hastened {
            return;
        }
        let (now, grace) = (Instant::now(), order.grace);
        // Nothing can be asked of a child that has no job yet, or no time.
        let is_deaf = attempt.started.is_none() || attempt.fault.is_some();
        if reason.at_once() || is_deaf || grace.is_zero() {
            return self.kill();
        }
        if self.ladder.as_ref().is_some_and(|ladder| ladder.kills_by(now + grace)) {
            return;
        }
        self.phase = Phase::Leaving;
        self.ladder = Some(Ladder::asking(now, self.program.mode, grace));
        self.tick(now);
    }

    /// The launcher stops.
    pub(super) fn stop_for_good(&mut self) {
        if let Some(attempt) = &mut self.attempt {
            attempt.reason.get_or_insert(StopReason::Shutdown);
        }
        self.kill();
    }

    pub(super) fn step(&mut self, step: Step) {
        match step {
            Step::Ask if self.is_command() => self.wires.tell_shim(shim::TERM),
            Step::Ask => self.ask(),
            Step::Insist => self.wires.tell_shim(shim::TERM),
            Step::Kill => {
                self.tell_killed();
                if let Some(group) = &self.group {
                    group.kill();
                }
                self.wires.tell_shim(shim::KILL);
            }
            Step::KillShim => self.wires.kill_shim(),
            Step::GiveUp => {
                tracing::error!(pid = self.pid, "a child cannot be killed; its place stays closed");
                let survivor =
                    Some(Ended { exit: Exit::Signal(9), survivor: true, scratch_bytes: None });
                self.stuck = self.finish(survivor).map(Finished::tell_stuck);
            }
        }
    }

    fn tell_killed(&self) {
        let Some(attempt) = &self.attempt else { return };
        let reason = match (attempt.reason, attempt.fault) {
            (Some(reason), _) => reason.as_str(),
            (None, Some(_)) => "protocol_error",
            (None, None) => "boot_failed",
        };
        let (pid, job) = (self.pid, attempt.job.order.id.clone());
        self.standing.tell(ChildNews::Killed { pid, job, reason });
    }

    pub(super) fn ask(&mut self) {
        let Some(attempt) = &self.attempt else { return };
        let (order, reason) = (&attempt.job.order, attempt.reason);
        let word = reason.map_or("cancelled", StopReason::as_str);
        let line = write::cancel(&order.id, order.attempt, word, order.grace);
        self.wires.say(&line);
    }
}
