//! One attempt as its caller sees it: the order, the events, the stopper, the report.

use std::time::Duration;

use serde_json::Value;
use serde_json::value::RawValue;
use tokio::sync::{mpsc, oneshot};

use crate::ending::{Ending, StopReason};
use crate::limits::Limits;
use crate::output::OutputRing;
use crate::protocol::{Fault, LastWord};
use crate::usage::Gauge;

/// Says what to run: one attempt of one job.
#[derive(Clone, Debug)]
pub struct Order {
    /// The object of the `job` line, without `type` and `scratch`; ignored by commands.
    pub job: Box<RawValue>,
    /// The job's id, as the child repeats it.
    pub id: String,
    /// The attempt's number, as the child repeats it.
    pub attempt: i32,
    /// Wall clock time from the start of the attempt until it is told to stop.
    pub timeout: Duration,
    /// Time between "stop" and the kill of the whole tree.
    pub grace: Duration,
    /// Variables on top of the program's; commands only, a warm child has its own for life.
    pub env: Vec<(String, String)>,
    /// What a command reads on stdin: the args.
    pub stdin: Vec<u8>,
    /// What a command finds in `checkpoint.json` in its scratch folder.
    pub checkpoint: Option<Box<RawValue>>,
    /// Limits of its own instead of the pool's; such a job has a fresh child to itself.
    pub limits: Option<Limits>,
}

impl Order {
    /// Makes an order without args, environment and checkpoint.
    pub fn new(id: impl Into<String>, attempt: i32, timeout: Duration, grace: Duration) -> Order {
        Order {
            job: RawValue::NULL.to_owned(),
            id: id.into(),
            attempt,
            timeout,
            grace,
            env: Vec::new(),
            stdin: Vec::new(),
            checkpoint: None,
            limits: None,
        }
    }
}

/// What a running attempt says.
#[derive(Debug)]
pub enum RunEvent {
    /// How far it is.
    Progress {
        /// 0 to 100, unchecked.
        percent: Option<f32>,
        /// A short text, unchecked except for the length of the line.
        note: Option<String>,
    },
    /// It lives.
    Alive,
    /// A line for the job's output, cut at 8 KiB.
    Log {
        /// The level as the child wrote it; empty when it wrote none.
        level: String,
        /// The text.
        message: String,
        /// Structured fields.
        fields: Option<Box<RawValue>>,
    },
    /// A value to store under the fence; answer it with [`Run::answer`] if there is a reference.
    Checkpoint {
        /// The value, up to the length of a line.
        value: Box<RawValue>,
        /// The child's reference, to be repeated in the answer.
        reference: Option<Value>,
    },
    /// Jobs to enqueue when this one completes; answer it with [`Run::answer`] if there is a reference.
    Enqueue {
        /// A list of `{kind, args, options}`, unchecked.
        jobs: Box<RawValue>,
        /// The child's reference, to be repeated in the answer.
        reference: Option<Value>,
    },
    /// The end, exactly once and last.
    Ended(Box<Report>),
}

/// Where a peak of memory comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PeakSource {
    /// The largest sum over the tree that the watch has seen.
    Sampled,
    /// The kernel's high water mark of the child, larger than any sample.
    Hwm,
    /// What the limit says: the kernel ended it there.
    Limit,
}

impl PeakSource {
    /// Gives the word for it: `sampled`, `hwm` or `limit`.
    pub fn as_str(self) -> &'static str {
        match self {
            PeakSource::Sampled => "sampled",
            PeakSource::Hwm => "hwm",
            PeakSource::Limit => "limit",
        }
    }
}

/// What is known after the end of an attempt.
#[derive(Clone, Debug)]
pub struct Report {
    /// How it ended, in one word.
    pub ending: Ending,
    /// The handler's own last word, kept also where the ending is decided by something else.
    pub last_word: Option<LastWord>,
    /// The signal that ended the process; also from a shell's exit code 128 + n.
    pub signal: Option<i32>,
    /// The exit code, if the process has exited.
    pub exit_code: Option<i32>,
    /// Completed, but after it was told to stop.
    pub late: bool,
    /// Something of its tree could not be killed.
    pub survivor: bool,
    /// From the start of the attempt to its end.
    pub wall: Duration,
    /// User and system time of the process, in steps of 10 ms; of a warm child, since its last job.
    pub cpu: Option<Duration>,
    /// Peak resident memory of its tree in bytes, as far as it was seen.
    pub peak_bytes: Option<u64>,
    /// Where the peak comes from.
    pub peak_source: Option<PeakSource>,
    /// The most processes and threads that were seen at once.
    pub processes_peak: Option<u32>,
    /// What lay in its scratch folder when it was last measured.
    pub scratch_bytes: Option<u64>,
    /// The limits that were in force.
    pub limits: Limits,
    /// How old its process was when it ended.
    pub child_age: Duration,
    /// Jobs that this process had ended before this one.
    pub child_jobs: u32,
    /// The last 16 KiB of stderr, as valid text without NUL.
    pub stderr: String,
    /// Bytes read from stdout and stderr.
    pub output_bytes: u64,
    /// The process that ran it; 0 if there was none.
    pub pid: u32,
    /// The name of its process, where children have names; see `Launcher::name_children`.
    pub name: Option<String>,
    /// Which rule of the protocol was broken.
    pub fault: Option<Fault>,
    /// A sentence about a broken rule or a failed boot.
    pub detail: Option<String>,
}

impl Report {
    /// Makes a report without evidence.
    pub(crate) fn bare(ending: Ending) -> Report {
        Report {
            ending,
            last_word: None,
            signal: None,
            exit_code: None,
            late: false,
            survivor: false,
            wall: Duration::ZERO,
            cpu: None,
            peak_bytes: None,
            peak_source: None,
            processes_peak: None,
            scratch_bytes: None,
            limits: Limits::default(),
            child_age: Duration::ZERO,
            child_jobs: 0,
            stderr: String::new(),
            output_bytes: 0,
            pid: 0,
            name: None,
            fault: None,
            detail: None,
        }
    }

    /// Gives the last line of stderr that is not blank: the message of a command that failed.
    pub fn last_line(&self) -> Option<&str> {
        self.stderr.lines().rev().map(str::trim).find(|line| !line.is_empty())
    }
}

/// One attempt under way. Dropping it kills the attempt at once, since nobody would hear its result.
#[derive(Debug)]
pub struct Run {
    pub(crate) events: mpsc::Receiver<RunEvent>,
    pub(crate) report: oneshot::Receiver<Report>,
    pub(crate) stopper: Stopper,
    pub(crate) output: OutputRing,
    pub(crate) gauge: Gauge,
}

impl Run {
    /// Waits for the next event; after [`RunEvent::Ended`] there is none, and it waits for ever.
    ///
    /// # Cancellation
    /// The future may be dropped; no event is lost.
    pub async fn next(&mut self) -> RunEvent {
        if let Some(event) = self.events.recv().await {
            return event;
        }
        if self.report.is_terminated() {
            return std::future::pending().await;
        }
        match (&mut self.report).await {
            Ok(report) => RunEvent::Ended(Box::new(report)),
            // The pipes thread is gone: the launcher was stopped under the run.
            Err(_) => RunEvent::Ended(Box::new(Report::bare(Ending::Interrupted))),
        }
    }

    /// Gives what the attempt prints, to be read while it runs and after its end.
    ///
    /// It is not an event: a child that prints much wakes nobody, and who does not look pays nothing.
    pub fn output(&self) -> OutputRing {
        self.output.clone()
    }

    /// Gives a handle by which anybody can read what the attempt uses, without waiting for it.
    pub fn gauge(&self) -> Gauge {
        self.gauge.clone()
    }

    /// Gives a handle that stops this attempt, and only this one.
    pub fn stopper(&self) -> Stopper {
        self.stopper.clone()
    }

    /// Answers a checkpoint or an enqueue; nothing happens if the attempt has ended.
    pub fn answer(
        &self,
        reference: Value,
        ok: bool,
        code: Option<String>,
        message: Option<String>,
    ) {
        self.stopper.tell(Instruction::Answer { reference, ok, code, message });
    }
}

/// What a caller tells an attempt under way.
#[derive(Debug)]
pub(crate) enum Instruction {
    /// The grace, where it is not the order's.
    Stop(StopReason, Option<Duration>),
    Drain(Duration),
    Answer {
        reference: Value,
        ok: bool,
        code: Option<String>,
        message: Option<String>,
    },
}

/// Stops one attempt; cheap to clone, and harmless after the end.
#[derive(Clone, Debug)]
pub struct Stopper {
    /// Bounded by use: a stop is sent once per rank, an answer once per message with a reference, and
    /// those wait in a bounded channel first.
    pub(crate) instructions: mpsc::UnboundedSender<Instruction>,
}

impl Stopper {
    /// Starts the kill ladder. The first reason stands, except that one which kills at once takes over.
    pub fn stop(&self, reason: StopReason) {
        self.tell(Instruction::Stop(reason, None));
    }

    /// The same with a shorter grace than the order's, 0 to kill at once; it also shortens a stop that is under way. A longer
    /// one changes nothing.
    pub fn stop_within(&self, reason: StopReason, grace: Duration) {
        self.tell(Instruction::Stop(reason, Some(grace)));
    }

    /// Tells a warm child to finish within `left`, or to save what it has; it takes no further job. A command is not told.
    pub fn drain(&self, left: Duration) {
        self.tell(Instruction::Drain(left));
    }

    fn tell(&self, instruction: Instruction) {
        // Nobody listens: the attempt has ended, and its report is on the way.
        let _ended = self.instructions.send(instruction);
    }
}
