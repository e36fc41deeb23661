//! The life of one child on the pipes thread: boot, jobs one at a time, and an end that is always reached.

mod between;
mod body;
mod end;
mod hear;
mod stop;

use std::path::Path;
use std::time::Instant;

use tokio::sync::{oneshot, watch};

pub(crate) use body::Birth;
use body::{Child, Phase};

use crate::attempt::{Attempt, Nudge};
use crate::boot::BootFailed;
use crate::cgroup::Group;
use crate::ending::{Ending, StopReason};
use crate::hint;
use crate::pipes::{Traffic, Wires, until};
use crate::program::Mode;
use crate::protocol::write;
use crate::run::{Instruction, Report};
use crate::shelf::Delivery;
use crate::shim::confine::Confinement;
use crate::shim::order::ShimOrder;
use crate::spawn::SpawnOrder;
use crate::watch::Breach;

/// Runs a child from its start until its shim is reaped.
pub(crate) async fn live(birth: Birth) {
    let scratch = birth.launcher.scratch.next();
    let (wires, birth) = match launch(birth, &scratch).await {
        Ok(launched) => launched,
        Err((error, birth)) => return still_born(error, birth),
    };
    let mut child = Child::new(birth, wires, scratch);
    child.greet();
    while child.ended.is_none() {
        let happening = child.happening().await;
        child.handle(happening).await;
    }
    child.conclude().await;
    child.bury().await;
}

/// What [`launch`] gives back when nothing was started.
type Failure = (std::io::Error, Birth);

async fn launch(mut birth: Birth, scratch: &Path) -> Result<(Wires, Birth), Failure> {
    birth.adopt_own_limits();
    let mut env = birth.program.env.clone();
    let (mut stdin, mut checkpoint) = (Vec::new(), None);
    let warm = birth.program.mode == Mode::Warm;
    if let (Some(job), false) = (&mut birth.job, warm) {
        env.append(&mut job.order.env);
        stdin = std::mem::take(&mut job.order.stdin);
        checkpoint = job.order.checkpoint.take();
    }
    birth.name = birth.launcher.name(&mut env);
    let (argv, dir) = (birth.program.argv.clone(), birth.program.dir.clone());
    let limits = &birth.limits.limits;
    hint::add(&mut env, limits);
    let one_job = !warm || birth.limits.recycle_jobs <= 1;
    let confinement = Confinement::new(limits, one_job);
    let made = birth.launcher.groups.as_ref().map(|groups| groups.make(limits)).transpose();
    birth.group = match made {
        Ok(group) => group,
        Err(error) => {
            birth.launcher.lose_level(&format!("no control group can be made: {error}"));
            return Err((error, birth));
        }
    };
    let seat = birth.group.as_ref().map(Group::seat);
    let scratch = scratch.to_owned();
    let mut holds = birth.limits.held.then(|| birth.launcher.holds());
    let hold_until_ms = holds.as_mut().and_then(|holds| *holds.borrow_and_update());
    birth.holds = holds;
    let shim = ShimOrder { argv, dir, env, scratch, confinement, seat, hold_until_ms, warm };
    let (reply, spawned) = oneshot::channel();
    let sent = birth.launcher.spawn_shim(SpawnOrder { shim, stdin, checkpoint, reply });
    let spawned = match sent {
        Ok(()) => spawned.await.unwrap_or_else(|_| Err(std::io::Error::other("spawner is gone"))),
        Err(error) => Err(error),
    };
    match spawned.and_then(|spawned| Wires::new(spawned, birth.limits.output)) {
        Ok(wires) => Ok((wires, birth)),
        Err(error) => Err((error, birth)),
    }
}

fn still_born(error: std::io::Error, birth: Birth) {
    let message = format!("no process could be started: {error}");
    let failed = BootFailed { message: message.clone(), stderr: String::new(), code: "BS604" };
    if let (false, Some(shelf)) = (birth.launcher.has_lost_level(), birth.shelf.upgrade()) {
        shelf.circuit.failed(&failed);
    }
    if let Some(group) = birth.group {
        birth.launcher.aside(move || group.remove());
    }
    if let Some(job) = birth.job {
        let mut report = Report::bare(Ending::BootFailed);
        report.detail = Some(message);
        job.return_unstarted(report);
    }
    if let Some(ready) = birth.ready {
        // Nobody waits for it any more.
        let _unheard = ready.send(Err(failed));
    }
}

#[expect(clippy::large_enum_variant, reason = "there is one at a time, and none is kept")]
enum Happening {
    Time,
    Stop,
    Breached(Breach),
    Delivered(Option<Delivery>),
    Nudged(Nudge),
    Held(u64),
    Traffic(Traffic),
}

impl Child {
    async fn happening(&mut self) -> Happening {
        // Not before its shim has named it: whoever hears of an attempt may ask for its pid.
        let (at, listen) = (self.next_time(), self.pid != 0 && self.listens());
        tokio::select! {
            // Ours first: no traffic of a child can hold up what ends it.
            biased;
            Some(breach) = self.breaches.recv() => Happening::Breached(breach),
            () = until(at) => Happening::Time,
            nudge = nudged(&mut self.attempt) => Happening::Nudged(nudge),
            until_ms = held(&mut self.holds) => Happening::Held(until_ms),
            delivery = self.deliveries.recv(), if !self.doorless => Happening::Delivered(delivery),
            _ = self.stopping.wait_for(|stop| *stop), if !self.stop_seen => Happening::Stop,
            traffic = self.wires.next(listen) => {
                self.subject.sign();
                Happening::Traffic(traffic)
            }
        }
    }

    async fn handle(&mut self, happening: Happening) {
        match happening {
            Happening::Time => self.tick(Instant::now()),
            Happening::Breached(breach) => self.convict(breach),
            Happening::Stop => {
                self.stop_seen = true;
                self.stop_for_good();
            }
            Happening::Delivered(Some(delivery)) => self.deliver(delivery),
            // The pool is gone.
            Happening::Delivered(None) => {
                self.doorless = true;
                self.leave();
            }
            Happening::Nudged(Nudge::Told(Instruction::Stop(reason, grace))) => {
                self.stop_within(reason, grace);
            }
            Happening::Nudged(Nudge::Told(Instruction::Drain(left))) => self.drain(left),
            Happening::Nudged(Nudge::Told(Instruction::Answer {
                reference,
                ok,
                code,
                message,
            })) => {
                let line = write::answer(&reference, ok, code.as_deref(), message.as_deref());
                self.answer(&line);
            }
            Happening::Nudged(Nudge::Took) => self.take_lines(),
            Happening::Nudged(Nudge::Abandoned) => self.stop(StopReason::Stale),
            Happening::Held(until_ms) => self.wires.hold_shim(until_ms),
            Happening::Traffic(traffic) => self.carry(traffic).await,
        }
    }

    fn deliver(&mut self, Delivery { job, door }: Delivery) {
        if !matches!(self.phase, Phase::Idle { .. }) {
            return (self.give_back)(job);
        }
        self.door = Some(door);
        self.attempt = Some(Attempt::new(job));
        if self.begin() {
            return;
        }
        // It has died idle, and its shim has not said so yet: not this job's fault.
        if let Some(attempt) = self.attempt.take() {
            (self.give_back)(attempt.job);
        }
        self.leave();
    }
}

async fn nudged(attempt: &mut Option<Attempt>) -> Nudge {
    match attempt {
        Some(attempt) => attempt.nudge().await,
        None => std::future::pending().await,
    }
}

/// Waits until a held child may run for longer.
async fn held(holds: &mut Option<watch::Receiver<Option<u64>>>) -> u64 {
    loop {
        let Some(holds) = holds else { return std::future::pending().await };
        if holds.changed().await.is_err() {
            // The launcher is gone, and the shim will see its line close.
            return std::future::pending().await;
        }
        if let Some(until_ms) = *holds.borrow_and_update() {
            return until_ms;
        }
    }
}
