//! The life of one child on the pipes thread: boot, jobs one at a time, and an end that is always reached.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot, watch};

use crate::attempt::{Account, Attempt, Ended, Finished, Job, Nudge};
use crate::ending::{Exit, StopReason};
use crate::kill::{Ladder, Process, Step, kill_session};
use crate::launcher::Shared;
use crate::pipes::{Traffic, Wires, until};
use crate::pool::{self, BootFailed, Idle, Place, PoolLimits, Ready};
use crate::protocol::{self, Fault, Line, PROTOCOL, Said};
use crate::run::{Instruction, RunEvent};
use crate::scratch;
use crate::shim::{self, ShimOrder, ShimWord};
use crate::spawn::{Mode, Program, SpawnOrder};

/// An idle child that is not the last one leaves after this.
const IDLE: Duration = Duration::from_secs(60);

/// A child whose descriptor 3 is closed has normally ended; this long its shim may take to say so.
const MUTE: Duration = Duration::from_secs(2);

/// A shim needs 2 s to sweep; one that removes a huge scratch folder may take longer, and is ended.
const SHIM_LEAVES: Duration = Duration::from_secs(10);

/// What a pipe of a child that has ended can still hold.
const REST_READS: usize = 64;

/// A job for an idle child, with the door through which it becomes idle again.
pub(crate) struct Delivery {
    pub(crate) job: Job,
    pub(crate) door: mpsc::Sender<Delivery>,
}

/// Everything a new child needs.
pub(crate) struct Birth {
    pub(crate) number: u64,
    pub(crate) pool: Weak<pool::Inner>,
    pub(crate) launcher: Arc<Shared>,
    pub(crate) program: Program,
    pub(crate) limits: PoolLimits,
    pub(crate) job: Option<Job>,
    pub(crate) ready: Option<oneshot::Sender<Result<Ready, BootFailed>>>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    Booting {
        until: Instant,
    },
    Idle {
        since: Instant,
    },
    Busy,
    /// Takes no further job.
    Leaving,
}

/// Why a child never came to take a job.
#[derive(Clone, Debug)]
struct BootError {
    message: String,
    code: &'static str,
}

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
    let mut env = birth.program.env.clone();
    let (mut stdin, mut checkpoint) = (Vec::new(), None);
    let warm = birth.program.mode == Mode::Warm;
    if let (Some(job), false) = (&mut birth.job, warm) {
        env.append(&mut job.order.env);
        stdin = std::mem::take(&mut job.order.stdin);
        checkpoint = job.order.checkpoint.take();
    }
    let (argv, dir) = (birth.program.argv.clone(), birth.program.dir.clone());
    let shim = ShimOrder { argv, dir, env, scratch: scratch.to_owned(), warm };
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
    if let Some(job) = birth.job {
        let mut report = crate::run::Report::bare(crate::ending::Ending::BootFailed);
        report.detail = Some(message.clone());
        job.return_unstarted(report);
    }
    if let Some(ready) = birth.ready {
        let failed = BootFailed { message, stderr: String::new(), code: "BS604" };
        // Nobody waits for it any more.
        let _unheard = ready.send(Err(failed));
    }
}

struct Child {
    number: u64,
    pool: Weak<pool::Inner>,
    launcher: Arc<Shared>,
    program: Program,
    limits: PoolLimits,
    scratch: PathBuf,
    born: Instant,
    phase: Phase,
    wires: Wires,
    deliveries: mpsc::Receiver<Delivery>,
    /// Our own door, while it is not on the pool's shelf.
    door: Option<mpsc::Sender<Delivery>>,
    doorless: bool,
    stopping: watch::Receiver<bool>,
    stop_seen: bool,
    ready: Option<oneshot::Sender<Result<Ready, BootFailed>>>,
    boot_error: Option<BootError>,
    attempt: Option<Attempt>,
    previous: Option<(String, i32)>,
    jobs: u32,
    pid: u32,
    stat: Option<File>,
    /// Of its whole life, and how much of that is told in reports.
    cpu_ticks: u64,
    cpu_told: u64,
    ladder: Option<Ladder>,
    mute_until: Option<Instant>,
    /// The place of an attempt that was settled without its process.
    stuck: Option<Place>,
    ended: Option<Ended>,
}

enum Happening {
    Time,
    Stop,
    Delivered(Option<Delivery>),
    Nudged(Nudge),
    Traffic(Traffic),
}

impl Child {
    fn new(birth: Birth, wires: Wires, scratch: PathBuf) -> Child {
        let now = Instant::now();
        // One job at a time: whoever takes the door off the shelf is the only one who knocks.
        let (door, deliveries) = mpsc::channel(1);
        let stopping = birth.launcher.stopping();
        Child {
            number: birth.number,
            pool: birth.pool,
            launcher: birth.launcher,
            program: birth.program,
            limits: birth.limits,
            scratch,
            born: now,
            phase: Phase::Booting { until: now + birth.limits.boot },
            wires,
            deliveries,
            door: Some(door),
            doorless: false,
            stopping,
            stop_seen: false,
            ready: birth.ready,
            boot_error: None,
            attempt: birth.job.map(Attempt::new),
            previous: None,
            jobs: 0,
            pid: 0,
            stat: None,
            cpu_ticks: 0,
            cpu_told: 0,
            ladder: None,
            mute_until: None,
            stuck: None,
            ended: None,
        }
    }

    fn is_command(&self) -> bool {
        self.program.mode == Mode::Command
    }

    fn greet(&mut self) {
        if !self.is_command() {
            let hello = protocol::hello_line(self.program.hello.as_deref());
            self.wires.say(&hello);
        }
    }

    async fn happening(&mut self) -> Happening {
        let (at, listen) = (self.next_time(), self.listens());
        tokio::select! {
            // Ours first: no traffic of a child can hold up what ends it.
            biased;
            () = until(at) => Happening::Time,
            nudge = nudged(&mut self.attempt) => Happening::Nudged(nudge),
            delivery = self.deliveries.recv(), if !self.doorless => Happening::Delivered(delivery),
            _ = self.stopping.wait_for(|stop| *stop), if !self.stop_seen => Happening::Stop,
            traffic = self.wires.next(listen) => Happening::Traffic(traffic),
        }
    }

    fn next_time(&self) -> Option<Instant> {
        let phase = match self.phase {
            Phase::Booting { until } => Some(until),
            Phase::Idle { since } => Some(since + IDLE),
            Phase::Busy | Phase::Leaving => None,
        };
        let attempt = self.attempt.as_ref().and_then(Attempt::deadline);
        let ladder = self.ladder.as_ref().and_then(Ladder::next_at);
        [phase, attempt, ladder, self.mute_until].into_iter().flatten().min()
    }

    /// Says whether a message may be taken in now.
    fn listens(&self) -> bool {
        match &self.attempt {
            Some(attempt) => !attempt.is_blocked() && attempt.fault.is_none(),
            None => self.phase != Phase::Leaving,
        }
    }

    async fn handle(&mut self, happening: Happening) {
        match happening {
            Happening::Time => self.tick(Instant::now()),
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
            Happening::Nudged(Nudge::Told(Instruction::Stop(reason))) => self.stop(reason),
            Happening::Nudged(Nudge::Told(Instruction::Answer {
                reference,
                ok,
                code,
                message,
            })) => {
                let line =
                    protocol::answer_line(&reference, ok, code.as_deref(), message.as_deref());
                self.answer(&line);
            }
            Happening::Nudged(Nudge::Took) => self.take_lines(),
            Happening::Nudged(Nudge::Abandoned) => self.stop(StopReason::Stale),
            Happening::Traffic(traffic) => self.carry(traffic).await,
        }
    }

    async fn carry(&mut self, traffic: Traffic) {
        match traffic {
            Traffic::Read => {
                self.note_command_runs();
                self.take_lines();
            }
            Traffic::Mute => self.fall_mute(),
            Traffic::Printed if self.wires.output.over_limit() => {
                self.stop(StopReason::OutputLimit)
            }
            Traffic::Printed => {}
            Traffic::Shim(ShimWord::Started { pid }) => self.started(pid),
            Traffic::Shim(ShimWord::Refused { message, not_executable }) => {
                let code = if not_executable { "BS603" } else { "BS604" };
                self.boot_error = Some(BootError { message, code });
                self.ended = Some(Ended { exit: Exit::Code(127), survivor: false });
            }
            Traffic::Shim(ShimWord::Ended { code, signal, cpu_ms, left }) => {
                let exit = code.map_or(Exit::Signal(signal.unwrap_or(0)), Exit::Code);
                self.ended = Some(Ended { exit, survivor: left });
                self.stat = None;
                self.cpu_ticks = self.cpu_ticks.max(cpu_ms / 10);
            }
            Traffic::ShimGone => self.sweep_for_shim().await,
        }
    }

    /// The shim was killed: its session is swept from here. What escaped that as well comes to the
    /// next subreaper above.
    async fn sweep_for_shim(&mut self) {
        let (session, (done, swept)) = (self.wires.shim_pid as i32, oneshot::channel());
        self.launcher.aside(move || {
            // The child's life waits for it.
            let _waits = done.send(kill_session(session));
        });
        let clean = swept.await.unwrap_or(false);
        self.ended = Some(Ended { exit: Exit::Signal(9), survivor: !clean });
    }

    fn started(&mut self, pid: u32) {
        self.pid = pid;
        self.stat = File::open(format!("/proc/{pid}/stat")).ok();
        self.note_command_runs();
    }

    /// A command runs from the first thing that is heard of it; its own line may outrun its shim's.
    fn note_command_runs(&mut self) {
        if !self.is_command() || !matches!(self.phase, Phase::Booting { .. }) {
            return;
        }
        self.phase = Phase::Busy;
        if let Some(attempt) = &mut self.attempt {
            attempt.started = Some(Instant::now());
        }
    }

    fn fall_mute(&mut self) {
        if self.is_command() {
            return;
        }
        if matches!(self.phase, Phase::Idle { .. }) {
            self.leave();
        }
        self.mute_until = Some(Instant::now() + MUTE);
    }

    fn take_lines(&mut self) {
        while self.listens() {
            let line = match self.wires.decoder.next_line() {
                Ok(None) => return,
                Ok(Some(line)) => protocol::parse(line),
                Err(_) => Err(Fault::LineTooLong),
            };
            match line {
                Ok(line) => self.hear(line),
                Err(Fault::LineTooLong) => {
                    self.broke(Fault::LineTooLong, "a line on descriptor 3 is longer than 8 MiB");
                    return;
                }
                Err(fault) => {
                    self.broke(fault, "a line on descriptor 3 is not a message of the protocol");
                    return;
                }
            }
        }
    }

    fn hear(&mut self, line: Line) {
        if matches!(line.said, Said::Unknown) {
            return;
        }
        if self.is_command() {
            return self.hear_about_attempt(line.said);
        }
        if matches!(self.phase, Phase::Booting { .. }) {
            return self.hear_boot(line.said);
        }
        let about =
            |attempt: &Attempt| line.is_about(&attempt.job.order.id, attempt.job.order.attempt);
        if self.attempt.as_ref().is_some_and(about) {
            return self.hear_about_attempt(line.said);
        }
        // A thread of the last job may say one more thing; only a last word cannot be had twice.
        let last = matches!(line.said, Said::Last(_) | Said::Ready { .. });
        let stale = self.previous.as_ref().is_some_and(|(id, number)| line.is_about(id, *number));
        if last || !stale {
            self.broke(Fault::UnexpectedMessage, "a message is about a job that is not in hand");
        }
    }

    fn hear_boot(&mut self, said: Said) {
        match said {
            Said::Ready { protocol: PROTOCOL, kinds, name } => self.booted(Ready { kinds, name }),
            Said::Ready { protocol, .. } => self.boot_failed(
                format!("it speaks protocol {protocol}, this version speaks {PROTOCOL}"),
                "BS703",
            ),
            _ => self.boot_failed("it spoke of a job before `ready`".into(), "BS703"),
        }
    }

    fn booted(&mut self, ready: Ready) {
        if let Some(pool) = self.pool.upgrade() {
            pool.note_ready(&ready);
        }
        if let Some(told) = self.ready.take() {
            self.go_idle();
            // Nobody waits for it any more.
            let _unheard = told.send(Ok(ready));
        } else if self.attempt.is_some() {
            self.begin();
        } else {
            self.go_idle();
        }
    }

    fn boot_failed(&mut self, message: String, code: &'static str) {
        self.boot_error.get_or_insert(BootError { message, code });
        self.kill();
    }

    /// Sends the job that is in hand.
    fn begin(&mut self) {
        if self.jobs == 0 {
            // Booting is nobody's work.
            self.take_cpu();
        }
        self.wires.output.move_mark();
        let Some(attempt) = &mut self.attempt else { return };
        let scratch = self.scratch.to_string_lossy();
        let line = protocol::job_line(&attempt.job.order.job, &scratch);
        attempt.started = Some(Instant::now());
        self.phase = Phase::Busy;
        self.wires.say(&line);
    }

    fn deliver(&mut self, Delivery { job, door }: Delivery) {
        if !matches!(self.phase, Phase::Idle { .. }) {
            return pool::redispatch(&self.pool, job);
        }
        self.door = Some(door);
        self.attempt = Some(Attempt::new(job));
        self.begin();
    }

    fn answer(&mut self, line: &[u8]) {
        if !self.is_command() && !self.wires.say(line) {
            self.broke(Fault::AnswersUnread, "it asks, but does not read the answers");
        }
    }

    fn hear_about_attempt(&mut self, said: Said) {
        let Some(attempt) = &mut self.attempt else { return };
        let event = match said {
            Said::Progress { percent, note } => RunEvent::Progress { percent, note },
            Said::Alive => RunEvent::Alive,
            Said::Log { level, message, fields } => RunEvent::Log { level, message, fields },
            Said::Checkpoint { value, reference } => RunEvent::Checkpoint { value, reference },
            Said::Enqueue { jobs, reference } => RunEvent::Enqueue { jobs, reference },
            Said::Last(_) if attempt.last_word.is_some() => {
                return self.broke(Fault::UnexpectedMessage, "it gave a second last word");
            }
            Said::Last(word) => {
                attempt.last_word = Some(word);
                if !self.is_command() {
                    self.finish_alive();
                }
                return;
            }
            Said::Ready { .. } => {
                return self.broke(Fault::UnexpectedMessage, "it said `ready` with a job in hand");
            }
            Said::Unknown => return,
        };
        attempt.emit(event);
    }

    /// A rule is broken: the job in hand pays, and the child goes.
    fn broke(&mut self, fault: Fault, detail: &str) {
        if matches!(self.phase, Phase::Booting { .. }) && !self.is_command() {
            return self.boot_failed(detail.to_owned(), "BS703");
        }
        if let Some(attempt) = &mut self.attempt {
            attempt.fault = Some(fault);
            attempt.detail = Some(detail.to_owned());
        }
        self.kill();
    }

    /// The warm child has given its last word and lives.
    fn finish_alive(&mut self) {
        self.wires.read_output();
        let Some(finished) = self.finish(None) else { return };
        self.jobs += 1;
        self.ladder = None;
        let keeps = finished.report.ending.keeps_child() && !finished.report.late;
        let worn_out = self.jobs >= self.limits.recycle_jobs.max(1)
            || self.born.elapsed() >= self.limits.recycle_age;
        if !keeps {
            self.kill();
        } else if worn_out || self.stop_seen || !self.wires.is_open() || !self.tidy_scratch() {
            self.leave();
        } else {
            self.go_idle();
        }
        finished.tell();
    }

    fn finish(&mut self, ended: Option<Ended>) -> Option<Finished> {
        let cpu = self.take_cpu();
        let mut attempt = self.attempt.take()?;
        let order = &mut attempt.job.order;
        self.previous = Some((std::mem::take(&mut order.id), order.attempt));
        if let (None, Some(error)) = (attempt.started, &self.boot_error) {
            attempt.detail = Some(error.message.clone());
        }
        let account = Account {
            command: self.is_command(),
            supervisor_stopping: self.launcher.stop_was_noted(),
            ended,
            cpu: Some(cpu),
            stderr: self.wires.output.tail(),
            output_bytes: self.wires.output.since_mark(),
            pid: self.pid,
        };
        Some(attempt.conclude(account))
    }

    /// What a job left in its folder goes away without anybody waiting for it.
    fn tidy_scratch(&self) -> bool {
        if scratch::is_empty(&self.scratch) {
            return true;
        }
        let aside = self.launcher.scratch.next();
        if scratch::renew(&self.scratch, &aside).is_err() {
            return false;
        }
        self.launcher.aside(move || scratch::remove(&aside));
        true
    }

    fn go_idle(&mut self) {
        let (pool, door) = (self.pool.upgrade(), self.door.take());
        let (Some(pool), Some(door)) = (pool, door) else { return self.leave() };
        self.phase = Phase::Idle { since: Instant::now() };
        pool.shelve(Idle { number: self.number, door });
    }

    /// Takes no further job, and may go in peace.
    fn leave(&mut self) {
        if self.phase == Phase::Leaving {
            return;
        }
        self.close_door();
        self.ladder = Some(Ladder::leaving(Instant::now()));
        self.wires.say(&protocol::drain_line(Duration::from_secs(2)));
        self.wires.hang_up();
    }

    /// Takes no further job, and is killed now.
    fn kill(&mut self) {
        self.close_door();
        if !self.ladder.as_ref().is_some_and(Ladder::has_killed) {
            self.ladder = Some(Ladder::killing(Instant::now()));
        }
        self.tick(Instant::now());
    }

    fn close_door(&mut self) {
        self.phase = Phase::Leaving;
        self.door = None;
        if let Some(pool) = self.pool.upgrade() {
            pool.unshelve(self.number);
        }
        // A job that is already on its way is given to another child.
        self.deliveries.close();
    }

    fn tick(&mut self, now: Instant) {
        match self.phase {
            Phase::Booting { until } if until <= now => {
                let seconds = self.limits.boot.as_secs_f32();
                let message = format!("it did not answer `hello` within {seconds} s");
                self.boot_error.get_or_insert(BootError { message, code: "BS604" });
                self.kill();
            }
            Phase::Idle { since } if since + IDLE <= now => self.leave_if_surplus(now),
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

    fn leave_if_surplus(&mut self, now: Instant) {
        self.phase = Phase::Idle { since: now };
        if self.pool.upgrade().is_some_and(|pool| pool.unshelve_surplus(self.number)) {
            self.leave();
        }
    }

    fn stop(&mut self, reason: StopReason) {
        let Some(attempt) = &mut self.attempt else { return };
        if attempt.reason.is_some_and(|noted| !reason.outranks(noted)) {
            return;
        }
        attempt.reason = Some(reason);
        // Nothing can be asked of a child that has no job yet.
        if reason.at_once() || attempt.started.is_none() || attempt.fault.is_some() {
            return self.kill();
        }
        let (now, grace) = (Instant::now(), attempt.job.order.grace);
        self.phase = Phase::Leaving;
        self.ladder = Some(Ladder::asking(now, self.program.mode, grace));
        self.tick(now);
    }

    /// The launcher stops.
    fn stop_for_good(&mut self) {
        if let Some(attempt) = &mut self.attempt {
            attempt.reason.get_or_insert(StopReason::Shutdown);
        }
        self.kill();
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Ask if self.is_command() => self.wires.tell_shim(shim::TERM),
            Step::Ask => self.ask(),
            Step::Insist => self.wires.tell_shim(shim::TERM),
            Step::Kill => self.wires.tell_shim(shim::KILL),
            Step::KillShim => self.wires.kill_shim(),
            Step::GiveUp => {
                tracing::error!(pid = self.pid, "a child cannot be killed; its place stays closed");
                let survivor = Some(Ended { exit: Exit::Signal(9), survivor: true });
                self.stuck = self.finish(survivor).map(Finished::tell_stuck);
            }
        }
    }

    fn ask(&mut self) {
        let Some(attempt) = &self.attempt else { return };
        let (order, reason) = (&attempt.job.order, attempt.reason);
        let word = reason.map_or("cancelled", StopReason::as_str);
        let line = protocol::cancel_line(&order.id, order.attempt, word, order.grace);
        self.wires.say(&line);
    }

    fn read_cpu(&mut self) {
        let Some(stat) = &self.stat else { return };
        let mut line = [0; 1024];
        let Ok(read) = stat.read_at(&mut line, 0) else { return };
        if let Some(process) = Process::parse(&line[..read]) {
            self.cpu_ticks = process.cpu_ticks;
        }
    }

    /// Gives what was used since the last call.
    fn take_cpu(&mut self) -> Duration {
        self.read_cpu();
        let ticks = self.cpu_ticks.saturating_sub(self.cpu_told);
        self.cpu_told = self.cpu_ticks;
        Duration::from_millis(ticks * 10)
    }

    /// The process has ended: what it said before still counts.
    async fn conclude(&mut self) {
        self.close_door();
        for _ in 0..REST_READS {
            self.take_lines();
            if let Some(attempt) = &mut self.attempt {
                attempt.deliver().await;
            }
            if !self.wires.read_rest() {
                break;
            }
        }
        self.take_lines();
        self.wires.read_output();
        self.note_boot_error();
        self.tell_boot_failed();
        if let Some(finished) = self.finish(self.ended) {
            finished.tell();
        }
    }

    /// Says why no job was taken, if that is how it ended.
    fn note_boot_error(&mut self) {
        let how = match self.ended.map(|ended| ended.exit) {
            Some(Exit::Code(code)) => format!("it exited with {code} before it was ready"),
            Some(Exit::Signal(signal)) => format!("signal {signal} ended it before it was ready"),
            None => "it ended before it was ready".to_owned(),
        };
        self.boot_error.get_or_insert(BootError { message: how, code: "BS604" });
    }

    fn tell_boot_failed(&mut self) {
        let (Some(ready), Some(error)) = (self.ready.take(), self.boot_error.clone()) else {
            return;
        };
        let stderr = self.wires.output.tail();
        let failed = BootFailed { message: error.message, stderr, code: error.code };
        // Nobody waits for it any more.
        let _unheard = ready.send(Err(failed));
    }

    /// Gives away jobs that came too late, and waits until nothing is left of shim and folder.
    async fn bury(mut self) {
        while let Some(delivery) = self.deliveries.recv().await {
            pool::redispatch(&self.pool, delivery.job);
        }
        if tokio::time::timeout(SHIM_LEAVES, self.wires.reap_shim()).await.is_err() {
            self.wires.kill_shim();
            self.wires.reap_shim().await;
        }
        let folder = self.scratch;
        self.launcher.aside(move || scratch::remove(&folder));
    }
}

async fn nudged(attempt: &mut Option<Attempt>) -> Nudge {
    match attempt {
        Some(attempt) => attempt.nudge().await,
        None => std::future::pending().await,
    }
}
