//! What a worker did, as it saw it itself, for the checker of the fault programme, whose `history.rs` describes the lines.
//!
//! `FAULTS_HISTORY=DIR`: each process appends to a file of its own in it, one write for a line, so that it survives `kill -9`.
//! Without the feature `faults` nothing of it is built.

use super::settle::Settled;
use crate::model::claim::Claimed;
use crate::model::job::JobSet;

/// Jobs that a worker got, once the claim has committed.
pub(crate) fn claimed(claimed: &[Vec<Claimed>]) {
    #[cfg(feature = "faults")]
    line::claims(claimed.iter().flatten());
    #[cfg(not(feature = "faults"))]
    let _ = claimed;
}

/// Verdicts that are about to be written, for the worker itself or for one that is lost.
pub(crate) fn begin(op: &'static str, settled: &[Settled]) {
    #[cfg(feature = "faults")]
    line::verdicts(op, "invoke", settled, |_| None);
    #[cfg(not(feature = "faults"))]
    let _ = (op, settled);
}

/// What the database said of them: which were moved. Without an answer nobody knows.
pub(crate) fn end(op: &'static str, settled: &[Settled], moved: Option<&JobSet>) {
    #[cfg(feature = "faults")]
    match moved {
        None => line::verdicts(op, "info", settled, |_| None),
        Some(moved) => line::verdicts(op, "ok", settled, |id| Some(moved.contains(&id))),
    }
    #[cfg(not(feature = "faults"))]
    let _ = (op, settled, moved);
}

#[cfg(feature = "faults")]
mod line {
    use std::fs::File;
    use std::io::Write;
    use std::sync::{LazyLock, Mutex};

    use rustix::time::{ClockId, clock_gettime};
    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::{Claimed, Settled};
    use crate::model::judge::Verdict;

    struct History {
        process: Uuid,
        file: Mutex<(File, u64)>,
    }

    static HISTORY: LazyLock<Option<History>> = LazyLock::new(|| {
        let folder = std::env::var("FAULTS_HISTORY").ok()?;
        let process = Uuid::now_v7();
        let path = format!("{folder}/{process}.jsonl");
        let file = File::options().append(true).create(true).open(&path);
        let file = file.unwrap_or_else(|error| panic!("FAULTS_HISTORY: {path}: {error}"));
        let history = History { process, file: Mutex::new((file, 0)) };
        let pid = std::process::id();
        history.write("ok", json!({ "op": "begin", "role": "worker", "pid": pid, "worker": null }));
        Some(history)
    });

    impl History {
        fn write(&self, phase: &str, mut line: Value) {
            let now = clock_gettime(ClockId::Monotonic);
            let mut file = self.file.lock().expect("nobody panics while holding it");
            file.1 += 1;
            line["p"] = self.process.to_string().into();
            line["n"] = file.1.into();
            line["mono_us"] = (now.tv_sec * 1_000_000 + now.tv_nsec / 1_000).into();
            // On the database's own host this is its time.
            line["at"] = jiff::Timestamp::now().to_string().into();
            line["phase"] = phase.into();
            let text = format!("{line}\n");
            file.0.write_all(text.as_bytes()).expect("the history of a run has room");
        }
    }

    pub(super) fn claims<'a>(claimed: impl Iterator<Item = &'a Claimed>) {
        let Some(history) = &*HISTORY else { return };
        for info in claimed.map(|one| &one.info) {
            let (id, attempt, worker) = (info.id, info.attempt, info.worker);
            history.write(
                "ok",
                json!({ "op": "claim", "id": id, "attempt": attempt, "worker": worker }),
            );
        }
    }

    pub(super) fn verdicts(
        op: &str,
        phase: &str,
        settled: &[Settled],
        is_moved: impl Fn(i64) -> Option<bool>,
    ) {
        let Some(history) = &*HISTORY else { return };
        for one in settled {
            let Some(verdict) = word(&one.verdict) else { continue };
            let fence = one.fence;
            let mut line = json!({
                "op": op, "id": fence.job, "attempt": fence.attempt, "worker": fence.worker, "verdict": verdict,
            });
            if let Some(is_moved) = is_moved(fence.job) {
                line["answer"] = if is_moved { "ok" } else { "stale" }.into();
            }
            history.write(phase, line);
        }
    }

    fn word(verdict: &Verdict) -> Option<&'static str> {
        Some(match verdict {
            Verdict::Complete => "complete",
            Verdict::Retry { .. } => "retry",
            Verdict::Snooze { .. } => "snooze",
            Verdict::Release { .. } | Verdict::ReleaseLater { .. } | Verdict::PutOff { .. } => {
                "release"
            }
            Verdict::Cancel => "cancel",
            Verdict::Bury { .. } => "bury",
            Verdict::Drop => return None,
        })
    }
}
