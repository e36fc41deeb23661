//! After the process: what it said before still counts, then nothing of it stays.

use std::time::Duration;

use crate::attempt::Ended;
use crate::boot::{BootError, BootFailed};
use crate::child::body::Child;
use crate::ending::Exit;
use crate::kill::Ladder;
use crate::news::ChildNews;
use crate::protocol::LastWord;
use crate::scratch;

/// A shim needs 2 s to sweep; one that removes a huge scratch folder may take longer, and is ended.
const SHIM_LEAVES: Duration = Duration::from_secs(10);

/// What a pipe of a child that has ended can still hold.
const REST_READS: usize = 64;

impl Child {
    /// The process has ended: what it said before still counts.
    pub(super) async fn conclude(&mut self) {
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
        while let Ok(breach) = self.breaches.try_recv() {
            self.convict(breach);
        }
        self.note_boot_error();
        self.tell_boot_failed();
        let unasked = self.attempt.as_ref().is_some_and(|attempt| attempt.reason.is_none());
        if unasked && self.ended.is_some_and(|ended| ended.exit.is_sent_by_others()) {
            self.launcher.await_stop_note().await;
        }
        self.tell_ended();
        if let Some(finished) = self.finish(self.ended) {
            finished.tell();
        }
    }

    /// Says how it ended, and whether that was a crash after its last job was done.
    fn tell_ended(&self) {
        let Some(Ended { exit, .. }) = self.ended else { return };
        let (pid, how) = (self.pid, exit.to_string());
        let killed = self.ladder.as_ref().is_some_and(Ladder::has_killed);
        let done = match (&self.attempt, &self.previous) {
            (Some(attempt), _) => {
                let done = matches!(attempt.last_word, Some(LastWord::Done { .. }));
                done.then(|| attempt.job.order.id.clone())
            }
            (None, Some((job, _))) => Some(job.clone()),
            (None, None) => None,
        };
        if let (Some(job), false, false) = (done, killed, exit == Exit::Code(0)) {
            self.standing.tell(ChildNews::DirtyExit { pid, job, how: how.clone() });
        }
        self.standing.tell(ChildNews::Ended { pid, how });
    }

    /// Says why no job was taken, if that is how it ended.
    pub(super) fn note_boot_error(&mut self) {
        let how = match self.ended.map(|ended| ended.exit) {
            Some(Exit::Code(code)) => format!("it exited with {code} before it was ready"),
            Some(Exit::Signal(signal)) => format!("signal {signal} ended it before it was ready"),
            None => "it ended before it was ready".to_owned(),
        };
        self.boot_error.get_or_insert(BootError { message: how, code: "BS604" });
    }

    pub(super) fn tell_boot_failed(&mut self) {
        if self.booted {
            return;
        }
        let Some(error) = self.boot_error.clone() else { return };
        let stderr = self.wires.output.tail();
        let failed = BootFailed { message: error.message, stderr, code: error.code };
        let told = self.attempt.as_ref().is_some_and(|attempt| attempt.reason.is_some());
        let ours = told || self.stop_seen || self.launcher.has_lost_level();
        if let (false, Some(shelf)) = (ours, self.shelf.upgrade()) {
            shelf.circuit.failed(&failed);
        }
        if let Some(ready) = self.ready.take() {
            // Nobody waits for it any more.
            let _unheard = ready.send(Err(failed));
        }
    }

    /// Gives away jobs that came too late, and waits until nothing is left of shim and folder.
    pub(super) async fn bury(&mut self) {
        while let Some(delivery) = self.deliveries.recv().await {
            (self.give_back)(delivery.job);
        }
        if tokio::time::timeout(SHIM_LEAVES, self.wires.reap_shim()).await.is_err() {
            self.wires.kill_shim();
            self.wires.reap_shim().await;
        }
        let (folder, group) = (std::mem::take(&mut self.scratch), self.group.take());
        self.launcher.aside(move || {
            if let Some(group) = group {
                group.remove();
            }
            scratch::remove(&folder);
        });
    }
}
