//! What comes from a child and its shim: boot, messages, broken rules, the last word.

use std::fs::File;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::attempt::{Attempt, Ended};
use crate::boot::{BootError, Ready};
use crate::child::between::Between;
use crate::child::body::{Child, Phase};
use crate::ending::{Exit, StopReason};
use crate::kill::kill_session;
use crate::news::{ChildNews, Wear};
use crate::pipes::Traffic;
use crate::protocol::read::{Line, Said, parse};
use crate::protocol::write;
use crate::protocol::{Fault, PROTOCOL};
use crate::run::RunEvent;
use crate::shim::order::{Cause, ShimWord};

/// A child whose descriptor 3 is closed has normally ended; this long its shim may take to say so.
const MUTE: Duration = Duration::from_secs(2);

impl Child {
    pub(super) async fn carry(&mut self, traffic: Traffic) {
        match traffic {
            Traffic::Read => {
                self.note_command_runs();
                self.take_lines();
                // A child that writes without end takes turns with its siblings: they share this thread.
                tokio::task::yield_now().await;
            }
            Traffic::Mute => self.fall_mute(),
            Traffic::Printed if self.wires.output.over_limit() => {
                self.stop(StopReason::OutputLimit)
            }
            Traffic::Printed => {}
            Traffic::Shim(ShimWord::Started { pid }) => self.started(pid),
            Traffic::Shim(ShimWord::Refused { message, cause }) => {
                let code = if cause == Cause::NotExecutable { "BS603" } else { "BS604" };
                if cause == Cause::NoGroup {
                    self.launcher.lose_level(&message);
                }
                self.boot_error = Some(BootError { message, code });
                self.ended =
                    Some(Ended { exit: Exit::Code(127), survivor: false, scratch_bytes: None });
            }
            Traffic::Shim(ShimWord::Ended {
                code,
                signal,
                cpu_ms,
                left,
                scratch_bytes,
                forsaken,
            }) => {
                if let (true, Some(attempt)) = (forsaken, &mut self.attempt) {
                    attempt.reason = Some(StopReason::Stale);
                }
                let exit = code.map_or(Exit::Signal(signal.unwrap_or(0)), Exit::Code);
                self.ended = Some(Ended { exit, survivor: left, scratch_bytes });
                self.stat = None;
                self.cpu = self.cpu.max(Duration::from_millis(cpu_ms));
            }
            Traffic::ShimGone => self.sweep_for_shim().await,
        }
    }

    /// The shim was killed: its session is swept from here. What escaped that as well comes to the
    /// next subreaper above.
    pub(super) async fn sweep_for_shim(&mut self) {
        let (session, (done, swept)) = (self.wires.shim_pid as i32, oneshot::channel());
        self.launcher.aside(move || {
            // The child's life waits for it.
            let _waits = done.send(kill_session(session));
        });
        let clean = swept.await.unwrap_or(false);
        self.ended = Some(Ended { exit: Exit::Signal(9), survivor: !clean, scratch_bytes: None });
    }

    pub(super) fn started(&mut self, pid: u32) {
        self.pid = pid;
        self.stat = File::open(format!("/proc/{pid}/stat")).ok();
        self.subject.set_child(pid);
        self.standing.tell(ChildNews::Started { pid });
        self.note_command_runs();
    }

    /// A command runs from the first thing that is heard of it; its own line may outrun its shim's.
    pub(super) fn note_command_runs(&mut self) {
        if !self.is_command() || !matches!(self.phase, Phase::Booting { .. }) {
            return;
        }
        self.phase = Phase::Busy;
        self.note_booted(&Ready::default());
        if let Some(attempt) = &mut self.attempt {
            attempt.started = Some(Instant::now());
        }
    }

    pub(super) fn fall_mute(&mut self) {
        if self.is_command() {
            return;
        }
        if matches!(self.phase, Phase::Idle { .. }) {
            self.leave();
        }
        self.mute_until = Some(Instant::now() + MUTE);
    }

    pub(super) fn take_lines(&mut self) {
        while self.listens() {
            let line = match self.wires.decoder.next_line() {
                Ok(None) => return,
                Ok(Some(line)) => parse(line),
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

    pub(super) fn hear(&mut self, line: Line) {
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

    pub(super) fn hear_boot(&mut self, said: Said) {
        match said {
            Said::Ready { protocol: PROTOCOL, kinds, versions, name } => {
                self.booted(Ready { kinds, versions, name });
            }
            Said::Ready { protocol, .. } => self.boot_failed(
                format!("it speaks protocol {protocol}, this version speaks {PROTOCOL}"),
                "BS703",
            ),
            _ => self.boot_failed("it spoke of a job before `ready`".into(), "BS703"),
        }
    }

    fn note_booted(&mut self, ready: &Ready) {
        self.booted = true;
        if let Some(shelf) = self.shelf.upgrade() {
            shelf.circuit.booted(ready);
        }
    }

    pub(super) fn booted(&mut self, ready: Ready) {
        self.between = Some(Between::new(self.pid, self.wires.shim_pid));
        if self.attempt.is_none() {
            // Before anybody hears that the program boots, since who does may have a job for it.
            self.go_idle();
        }
        self.note_booted(&ready);
        self.standing.tell(ChildNews::Ready { pid: self.pid, took: self.born.elapsed() });
        if let Some(told) = self.ready.take() {
            // Nobody waits for it any more.
            let _unheard = told.send(Ok(ready));
        } else if self.attempt.is_some() {
            // If it has ended since it was ready, that is how this attempt ends.
            self.begin();
        }
    }

    pub(super) fn boot_failed(&mut self, message: String, code: &'static str) {
        self.boot_error.get_or_insert(BootError { message, code });
        self.kill();
    }

    pub(super) fn hear_about_attempt(&mut self, said: Said) {
        let Some(attempt) = &mut self.attempt else { return };
        let event = match said {
            Said::Progress { percent, note } => RunEvent::Progress { percent, note },
            Said::Alive => RunEvent::Alive,
            Said::Log { level, message, fields } => {
                self.wires.output.log(&level, &message);
                RunEvent::Log { level, message, fields }
            }
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

    /// The last job of this child: it is told so, and goes when it has ended.
    pub(super) fn drain(&mut self, left: Duration) {
        if self.is_command() || self.draining {
            return;
        }
        self.draining = true;
        if matches!(self.phase, Phase::Booting { .. }) {
            // Told before its job, it would go without it: `begin` says it after the job.
            self.drain_after_job = Some(left);
            return;
        }
        if !self.wires.say(&write::drain(left)) {
            self.broke(Fault::AnswersUnread, "it does not read what it is told");
        }
    }

    pub(super) fn answer(&mut self, line: &[u8]) {
        if !self.is_command() && !self.wires.say(line) {
            self.broke(Fault::AnswersUnread, "it asks, but does not read the answers");
        }
    }

    /// A rule is broken: the job in hand pays, and the child goes.
    pub(super) fn broke(&mut self, fault: Fault, detail: &str) {
        if matches!(self.phase, Phase::Booting { .. }) && !self.is_command() {
            return self.boot_failed(detail.to_owned(), "BS703");
        }
        let (pid, code) = (self.pid, fault.code());
        self.standing.tell(ChildNews::BrokeRule { pid, code, detail: detail.to_owned() });
        if let Some(attempt) = &mut self.attempt {
            attempt.fault = Some(fault);
            attempt.detail = Some(detail.to_owned());
        }
        self.kill();
    }

    /// The warm child has given its last word and lives.
    pub(super) fn finish_alive(&mut self) {
        self.wires.read_output();
        let Some(finished) = self.finish(None) else { return };
        self.jobs += 1;
        self.ladder = None;
        let keeps = finished.report.ending.keeps_child() && !finished.report.late;
        if !keeps {
            self.standing.tell(ChildNews::Recycled { pid: self.pid, cause: Wear::Ending });
            self.kill();
        } else if self.stop_seen || self.draining || !self.wires.is_open() || !self.tidy_scratch() {
            self.leave();
        } else if let Some(cause) = self.wear() {
            self.retire(cause);
        } else {
            self.go_idle();
        }
        finished.tell();
    }
}
