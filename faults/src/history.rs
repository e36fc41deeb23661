//! The history of a run: each process writes down what it is about to do and what came of it, one JSON object a line.
//!
//! # The files
//!
//! A run has one folder. Each process that takes part appends to a file of its own in it, `<process uuid>.jsonl`, opened with
//! `O_APPEND`, one `write` for a line together with its line break. So a `kill -9` tears at most the last line, and the reader
//! drops a last line that has no line break. Threads of one process share the file under a lock, so that `n` is the order of
//! writing.
//!
//! # The fields
//!
//! ```text
//! {"p":"0196..","n":7,"mono_us":81234567,"at":"2026-01-31T10:00:00.123456Z","phase":"ok",
//!  "op":"settle","id":12,"attempt":2,"worker":"0196..","verdict":"complete","answer":"stale"}
//! ```
//!
//! | field | what it is |
//! |---|---|
//! | `p` | uuid of the process, new for each process |
//! | `n` | 1 for the first line of the process, and one more for each further one |
//! | `mono_us` | `CLOCK_MONOTONIC` in microseconds, which all processes of one host share |
//! | `at` | the database's time, RFC 3339, or null; on the database's own host that is the host's time |
//! | `phase` | `invoke` before an operation; after it `ok` (done), `fail` (surely not done) or `info` (nobody knows) |
//! | `op` | the operation; its own fields stand beside it |
//!
//! An `invoke` that nothing follows counts as `info`: the process ended in between.
//!
//! | `op` | its fields | who writes it, and when |
//! |---|---|---|
//! | `begin` | `role`, `pid`, `worker` (null where it is none, or does not know yet) | every process, first; phase `ok` only |
//! | `enqueue` | `key`, `id` (with `ok`) | a producer: before the statement, and after the commit or the rollback |
//! | `claim` | `id`, `attempt`, `worker` | a worker, for each job that it got, after the commit; phase `ok` only, since nobody knows before which job it will be |
//! | `work` | `id`, `attempt` | a handler: `invoke` is the start, `ok` or `fail` its own end |
//! | `effect` | `id`, `attempt` | a handler that completes in its own transaction, around that transaction |
//! | `settle` | `id`, `attempt`, `worker`, `verdict`, `answer` (with `ok`) | a worker, for each job of a batch, around the transaction |
//! | `rescue` | as `settle`; `worker` is the lost one | whoever takes over, around its transaction |
//! | `cancel`, `bury`, `revive`, `discard`, `restore`, `promote`, `edit` | `id` | an operator: `fail` where nothing was done, since the job stood elsewhere |
//! | `alert` | `incident` | the receiver of alerts, when it accepts one; phase `ok` only |
//! | `fault` | `fault`, `pid` (null: everybody) | whoever does the harm: `invoke` before it, `ok` when it is over |
//!
//! A `settle` is `ok` when the database has answered, whatever it said: `answer` is `ok` where the row was moved and `stale`
//! where no row matched. `verdict` is one of `complete`, `retry`, `snooze`, `release`, `cancel`, `bury`; putting off and
//! releasing for later are `release`. A verdict that is written again, alone or after a lost connection, is invoked again.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use jiff::Timestamp;
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// The process that wrote it.
    #[serde(rename = "p")]
    pub process: Uuid,
    /// Its number within the process, from 1.
    pub n: u64,
    /// Microseconds of `CLOCK_MONOTONIC`.
    pub mono_us: u64,
    /// The database's time, where the process knew it.
    pub at: Option<Timestamp>,
    /// Before the operation, or how it ended.
    pub phase: Phase,
    /// The operation.
    #[serde(flatten)]
    pub op: Op,
}

/// Where in its operation a line stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// It is about to begin.
    Invoke,
    /// It is done.
    Ok,
    /// It is surely not done.
    Fail,
    /// It may be done or not.
    Info,
}

/// An operation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum Op {
    /// A process takes part.
    Begin {
        /// What it is.
        role: Role,
        /// Its number on its host.
        pid: i32,
        /// The worker that it is, where it knows that already.
        worker: Option<Uuid>,
    },
    /// A job is asked for.
    Enqueue {
        /// What the producer calls the job; no two jobs have the same.
        key: String,
        /// Its id, once it is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<i64>,
    },
    /// A worker has got a job.
    Claim {
        /// The job.
        id: i64,
        /// Which attempt this is.
        attempt: i32,
        /// Whose it is now.
        worker: Uuid,
    },
    /// A handler is at work.
    Work {
        /// The job.
        id: i64,
        /// Which attempt.
        attempt: i32,
    },
    /// A handler's own transaction, in which it completes the job.
    Effect {
        /// The job.
        id: i64,
        /// Which attempt.
        attempt: i32,
    },
    /// A worker writes down what becomes of a job.
    Settle(Settle),
    /// The same for a worker that is lost, by another one.
    Rescue(Settle),
    /// An operator stops a job, or asks its worker to.
    Cancel {
        /// The job.
        id: i64,
    },
    /// An operator makes a dead letter of a job that waits.
    Bury {
        /// The job.
        id: i64,
    },
    /// An operator brings a dead letter back.
    Revive {
        /// The job.
        id: i64,
    },
    /// An operator puts a dead letter aside.
    Discard {
        /// The job.
        id: i64,
    },
    /// An operator takes a discard back.
    Restore {
        /// The job.
        id: i64,
    },
    /// An operator lets a job come into line now.
    Promote {
        /// The job.
        id: i64,
    },
    /// An operator changes a job that waits.
    Edit {
        /// The job.
        id: i64,
    },
    /// Somebody was told.
    Alert {
        /// The incident's key, the same however often it is told.
        incident: String,
    },
    /// Harm is done.
    Fault {
        /// Which.
        fault: Fault,
        /// To which process; to everybody, where it is none.
        pid: Option<i32>,
    },
}

/// The fence of a settled attempt, the verdict and the database's answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settle {
    /// The job.
    pub id: i64,
    /// Which attempt.
    pub attempt: i32,
    /// The worker in the fence: whose attempt it was.
    pub worker: Uuid,
    /// What becomes of the job.
    pub verdict: Verdict,
    /// What the database said, where the phase is `ok`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Answer>,
}

/// What becomes of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is done.
    Complete,
    /// It is tried again later.
    Retry,
    /// It is started later, as asked.
    Snooze,
    /// It is given back.
    Release,
    /// It is stopped for good.
    Cancel,
    /// It is a dead letter.
    Bury,
}

impl Verdict {
    /// Whether nothing may start after it, unless somebody revives the job.
    #[must_use]
    pub fn is_end(self) -> bool {
        matches!(self, Verdict::Complete | Verdict::Cancel | Verdict::Bury)
    }
}

/// What the database said to a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The job has moved.
    Ok,
    /// No row matched the fence, so nothing has changed.
    Stale,
}

/// What a process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// It enqueues.
    Producer,
    /// It claims and settles.
    Worker,
    /// It runs a job.
    Handler,
    /// It receives alerts.
    Sink,
    /// It cancels, revives, discards.
    Operator,
    /// It does the harm.
    Nemesis,
}

/// Harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// A process is killed, or kills itself where it stands.
    Kill,
    /// A process stands still, from `invoke` to `ok`.
    Freeze,
    /// The way between a process and the database is cut, from `invoke` to `ok`.
    Cut,
    /// A worker is told to end.
    Drain,
    /// The database is away, from `invoke` to `ok`.
    Server,
    /// A standby takes over that may have heard of nothing since `invoke`; from `ok` on it is the database.
    Takeover,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Fault::Kill => "kill",
            Fault::Freeze => "freeze",
            Fault::Cut => "cut",
            Fault::Drain => "drain",
            Fault::Server => "server",
            Fault::Takeover => "takeover",
        })
    }
}

/// Appends the lines of this process.
#[derive(Debug)]
pub struct Recorder {
    process: Uuid,
    /// The file and the number of its newest line.
    tail: Mutex<(File, u64)>,
}

impl Recorder {
    /// Opens a new file in a folder, which is made where it is missing, and says who begins.
    ///
    /// # Errors
    ///
    /// Where the folder or the file cannot be written.
    pub fn open(folder: &Path, role: Role, worker: Option<Uuid>) -> io::Result<Recorder> {
        fs::create_dir_all(folder)?;
        let process = Uuid::new_v4();
        let path = folder.join(format!("{process}.jsonl"));
        let file = File::options().append(true).create_new(true).open(path)?;
        let recorder = Recorder { process, tail: Mutex::new((file, 0)) };
        let pid = std::process::id().cast_signed();
        recorder.note(Phase::Ok, Op::Begin { role, pid, worker })?;
        Ok(recorder)
    }

    /// Writes one line.
    ///
    /// # Errors
    ///
    /// Where it cannot be written; it may then be there in part.
    pub fn note(&self, phase: Phase, op: Op) -> io::Result<()> {
        let mut tail = self.tail.lock().expect("nobody panics while holding it");
        tail.1 += 1;
        let (n, mono_us) = (tail.1, mono_us());
        let line =
            Line { process: self.process, n, mono_us, at: Some(Timestamp::now()), phase, op };
        let mut text = serde_json::to_string(&line)?;
        text.push('\n');
        tail.0.write_all(text.as_bytes())
    }
}

fn mono_us() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    time.tv_sec.cast_unsigned() * 1_000_000 + time.tv_nsec.cast_unsigned() / 1_000
}

/// A file that is no history.
#[derive(Debug)]
pub enum ReadError {
    /// It cannot be read.
    File(PathBuf, io::Error),
    /// A line that is not the last one is no line of the format.
    Line(PathBuf, usize, serde_json::Error),
    /// A number is missing or stands twice, so what happened is not all there.
    Gap(PathBuf, u64),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReadError::File(path, error) => write!(f, "{}: {error}", path.display()),
            ReadError::Line(path, line, error) => write!(f, "{}:{line}: {error}", path.display()),
            ReadError::Gap(path, n) => {
                write!(f, "{}: line {n} of its process is not where it must be", path.display())
            }
        }
    }
}

impl std::error::Error for ReadError {}

/// Reads every file of a folder and puts their lines into one order: by time, and within a process by number.
///
/// # Errors
///
/// A file that cannot be read, or that is broken elsewhere than in its last line.
pub fn read(folder: &Path) -> Result<Vec<Line>, ReadError> {
    let at = |error| ReadError::File(folder.to_owned(), error);
    let mut lines = Vec::new();
    for entry in fs::read_dir(folder).map_err(at)? {
        let path = entry.map_err(at)?.path();
        if path.extension().is_some_and(|ending| ending == "jsonl") {
            let text = fs::read(&path).map_err(|error| ReadError::File(path.clone(), error))?;
            lines.extend(parse(&path, &text)?);
        }
    }
    lines.sort_by_key(|line| (line.mono_us, line.process, line.n));
    Ok(lines)
}

/// The lines of one file; what stands after its last line break was torn.
fn parse(path: &Path, text: &[u8]) -> Result<Vec<Line>, ReadError> {
    let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let mut lines: Vec<Line> = Vec::new();
    for (number, line) in text[..whole].split_inclusive(|byte| *byte == b'\n').enumerate() {
        let line: Line = serde_json::from_slice(line)
            .map_err(|error| ReadError::Line(path.to_owned(), number + 1, error))?;
        if line.n != number as u64 + 1 {
            return Err(ReadError::Gap(path.to_owned(), number as u64 + 1));
        }
        lines.push(line);
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder that goes with this value.
    struct Folder(PathBuf);

    impl Folder {
        fn new() -> Folder {
            Folder(std::env::temp_dir().join(format!("backstay-history-{}", Uuid::new_v4())))
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }

    fn settle(answer: Option<Answer>) -> Op {
        Op::Settle(Settle {
            id: 12,
            attempt: 2,
            worker: Uuid::nil(),
            verdict: Verdict::Complete,
            answer,
        })
    }

    #[test]
    fn a_line_has_the_documented_form_and_reads_back() {
        let line = Line {
            process: Uuid::nil(),
            n: 7,
            mono_us: 81,
            at: Some("2026-01-31T10:00:00.123456Z".parse().unwrap()),
            phase: Phase::Ok,
            op: settle(Some(Answer::Stale)),
        };
        let text = serde_json::to_string(&line).unwrap();
        let nil = "00000000-0000-0000-0000-000000000000";
        assert_eq!(
            text,
            format!(
                "{{\"p\":\"{nil}\",\"n\":7,\"mono_us\":81,\"at\":\"2026-01-31T10:00:00.123456Z\",\"phase\":\"ok\",\
                 \"op\":\"settle\",\"id\":12,\"attempt\":2,\"worker\":\"{nil}\",\"verdict\":\"complete\",\"answer\":\"stale\"}}"
            )
        );
        assert_eq!(serde_json::from_str::<Line>(&text).unwrap(), line);
    }

    #[test]
    fn an_operation_that_nobody_knows_is_refused() {
        let text = r#"{"p":"00000000-0000-0000-0000-000000000000","n":1,"mono_us":1,"at":null,"phase":"ok","op":"dance"}"#;
        let error = parse(Path::new("x"), format!("{text}\n").as_bytes()).unwrap_err();
        assert!(matches!(error, ReadError::Line(_, 1, _)), "{error}");
    }

    #[test]
    fn files_of_several_processes_become_one_history_in_order() {
        let folder = Folder::new();
        let one = Recorder::open(&folder.0, Role::Worker, Some(Uuid::nil())).unwrap();
        let two = Recorder::open(&folder.0, Role::Operator, None).unwrap();
        one.note(Phase::Invoke, settle(None)).unwrap();
        two.note(Phase::Ok, Op::Revive { id: 12 }).unwrap();
        one.note(Phase::Ok, settle(Some(Answer::Ok))).unwrap();
        let ops: Vec<Op> =
            read(&folder.0).unwrap().into_iter().skip(2).map(|line| line.op).collect();
        assert_eq!(ops, [settle(None), Op::Revive { id: 12 }, settle(Some(Answer::Ok))]);
    }

    #[test]
    fn a_torn_last_line_is_dropped_and_a_missing_one_is_an_error() {
        let folder = Folder::new();
        let recorder = Recorder::open(&folder.0, Role::Producer, None).unwrap();
        recorder.note(Phase::Ok, Op::Cancel { id: 1 }).unwrap();
        recorder.note(Phase::Ok, Op::Cancel { id: 2 }).unwrap();
        let path = fs::read_dir(&folder.0).unwrap().next().unwrap().unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, &text[..text.len() - 1]).unwrap();
        assert_eq!(read(&folder.0).unwrap().len(), 2);
        let first_is_gone: String = text.split_inclusive('\n').skip(1).collect();
        fs::write(&path, first_is_gone).unwrap();
        assert!(matches!(read(&folder.0), Err(ReadError::Gap(_, 1))));
    }
}
