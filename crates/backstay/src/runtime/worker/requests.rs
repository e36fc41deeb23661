//! What attempts ask of the worker while they run: progress, checkpoints; and what they ask for at their end.

use std::collections::HashMap;

use serde_json::value::RawValue;
use tokio::sync::{mpsc, oneshot};

use crate::model::bounds;
use crate::model::job::Fence;
use crate::runtime::context::{Denied, Say};
use crate::store::attempt::Note;

/// Checkpoints that may wait for the connection; handlers wait with them.
const CHECKPOINTS: usize = 1024;

/// A checkpoint on its way to the database.
#[derive(Debug)]
pub(crate) struct Checkpoint {
    pub(crate) fence: Fence,
    pub(crate) value: String,
    pub(crate) answer: oneshot::Sender<Result<(), Denied>>,
}

/// The attempts' end of the line.
#[derive(Debug, Clone)]
pub(crate) struct Requests {
    checkpoints: mpsc::Sender<Checkpoint>,
    notes: mpsc::Sender<Note>,
}

/// The worker's end.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) checkpoints: mpsc::Receiver<Checkpoint>,
    notes: mpsc::Receiver<Note>,
    latest: HashMap<i64, Note>,
}

pub(crate) fn channel() -> (Requests, Asked) {
    let (checkpoints, asked) = mpsc::channel(CHECKPOINTS);
    let (notes, noted) = mpsc::channel(CHECKPOINTS);
    (
        Requests { checkpoints, notes },
        Asked { checkpoints: asked, notes: noted, latest: HashMap::new() },
    )
}

impl Asked {
    /// Takes the newest note of each job.
    pub(crate) fn notes(&mut self) -> Vec<Note> {
        while let Ok(note) = self.notes.try_recv() {
            self.latest.insert(note.fence.job, note);
        }
        self.latest.drain().map(|(_, note)| note).collect()
    }
}

impl Requests {
    /// Passes progress on; a later one says more, so it is dropped where the line is full.
    pub(crate) fn note(&self, note: Note) {
        if self.notes.try_send(note).is_err() {
            tracing::debug!(target: "backstay", "progress was dropped: the worker is behind");
        }
    }

    /// Stores a checkpoint and says how that went.
    pub(crate) async fn checkpoint(&self, fence: Fence, value: &RawValue) -> Result<(), Denied> {
        if value.get().len() > bounds::CHECKPOINT_BYTES {
            return Err(Denied::new("BS202", "the checkpoint is too large: at most 64 KiB"));
        }
        let (answer, answered) = oneshot::channel();
        let ask = Checkpoint { fence, value: value.get().to_owned(), answer };
        let ended = || Denied::new("BS201", "the worker ends");
        self.checkpoints.send(ask).await.map_err(|_| ended())?;
        answered.await.map_err(|_| ended())?
    }
}

/// The line of one inline attempt.
pub(crate) struct Line {
    fence: Fence,
    requests: Requests,
    enqueue: Vec<Box<RawValue>>,
    bytes: usize,
}

impl Line {
    pub(crate) fn new(fence: Fence, requests: Requests) -> Line {
        Line { fence, requests, enqueue: Vec::new(), bytes: 0 }
    }

    /// Takes one thing that the handler says.
    pub(crate) async fn take(&mut self, say: Say) {
        match say {
            Say::Progress { percent, note } => self.progress(Some(percent), note),
            Say::Log { level, message } => {
                tracing::debug!(target: "backstay::job", job_id = self.fence.job, level, "{message}")
            }
            Say::Checkpoint { value, answer } => {
                let stored = self.requests.checkpoint(self.fence, &value).await;
                // The handler may have given up on the answer; the checkpoint stands.
                drop(answer.send(stored));
            }
            // The handler may have given up on the answer; the jobs are noted.
            Say::Enqueue { jobs, answer } => drop(answer.send(self.enqueue(&jobs))),
        }
    }

    pub(crate) fn progress(&self, percent: Option<f32>, text: Option<String>) {
        let percent =
            percent.filter(|percent| percent.is_finite()).map(|percent| percent.clamp(0.0, 100.0));
        let text = text.map(|text| bounds::clip_chars(&text, bounds::NOTE_CHARS));
        self.requests.note(Note { fence: self.fence, percent, text });
    }

    pub(crate) async fn checkpoint(&self, value: &RawValue) -> Result<(), Denied> {
        self.requests.checkpoint(self.fence, value).await
    }

    /// Notes jobs for the completion: at most 10,000 of them, and 8 MiB.
    pub(crate) fn enqueue(&mut self, jobs: &RawValue) -> Result<(), Denied> {
        let list: Vec<Box<RawValue>> = serde_json::from_str(jobs.get()).map_err(|error| {
            Denied::new(
                "BS102",
                format!("`jobs` must be a list of {{kind, args, options}}: {error}"),
            )
        })?;
        for job in &list {
            check(job)?;
        }
        self.bytes += jobs.get().len();
        if self.enqueue.len() + list.len() > bounds::JOBS_PER_CALL
            || self.bytes > bounds::LINE_BYTES
        {
            return Err(Denied::new(
                "BS109",
                "an attempt may enqueue at most 10,000 jobs and 8 MiB",
            ));
        }
        self.enqueue.extend(list);
        Ok(())
    }

    pub(crate) fn into_enqueue(self) -> Vec<Box<RawValue>> {
        self.enqueue
    }
}

/// The shape of one job that a handler asks for; the rest is checked by the database when it comes into being.
fn check(job: &RawValue) -> Result<(), Denied> {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Shape<'a> {
        kind: String,
        #[serde(borrow, default)]
        args: Option<&'a RawValue>,
        #[serde(default)]
        options: Option<serde_json::Map<String, serde_json::Value>>,
    }
    let shape: Shape<'_> = serde_json::from_str(job.get()).map_err(|error| {
        Denied::new("BS102", format!("a job must be {{kind, args, options}}: {error}"))
    })?;
    bounds::check_name(&shape.kind).map_err(|why| Denied::new("BS103", why.to_string()))?;
    let args = shape.args.map_or("{}", RawValue::get);
    if !args.starts_with('{') {
        return Err(Denied::new("BS104", "`args` must be a JSON object"));
    }
    drop(shape.options);
    Ok(())
}
