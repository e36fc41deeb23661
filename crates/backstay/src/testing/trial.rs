//! Runs one handler on one job, with real encoding and decoding, without a database.

use std::sync::Arc;

use serde_json::Value;
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::model::claim::JobInfo;
use crate::model::request::{Job, Request};
use crate::runtime::context::{Ctx, Say};
use crate::runtime::fail::Fail;
use crate::runtime::fail::Output;
use crate::runtime::inline::flatten;
use crate::runtime::worker::build::Worker;
use crate::runtime::worker::requests::{self, Line};

impl<S: Clone + Send + Sync + 'static> Worker<S> {
    /// Runs the handler of a job once, as a first attempt, and gives its output; for tests.
    ///
    /// The job is written and read as on its way through a database. Progress and checkpoints are accepted and
    /// forgotten, jobs that the handler enqueues are checked and forgotten.
    ///
    /// ```
    /// use backstay::{BuildError, Fail, Job, Then, Worker};
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Serialize, Deserialize, Job)]
    /// #[job(kind = "report")]
    /// struct Report { month: String }
    ///
    /// async fn report(job: Report) -> Result<usize, Fail> {
    ///     if job.month.len() != 7 { return Err(Fail::dead("month must be YYYY-MM")) }
    ///     Ok(job.month.len())
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), BuildError> {
    /// let worker = Worker::without_state().handle(report).build()?;
    /// let failed = worker.try_job((), Report { month: "x".into() }).await.unwrap_err();
    /// assert_eq!(failed.then(), Then::Dead);
    /// let output = worker.try_job((), Report { month: "2026-11".into() }).await.unwrap();
    /// assert_eq!(output, 7);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// What the handler fails with; a panic and args that cannot be read are such failures, too.
    pub async fn try_job<J: Job>(&self, state: S, job: J) -> Result<Value, Fail> {
        let request = Request::from(job);
        let args = request.raw_args().map_err(Fail::dead)?;
        let line = serde_json::to_string(&first_attempt(request.kind(), args.to_owned()))?;
        let (_draining, drained) = tokio::sync::watch::channel(false);
        let info: Arc<JobInfo> = Arc::new(serde_json::from_str(&line)?);
        let (ctx, says) = Ctx::new(info, std::env::temp_dir(), drained);
        let kind = request.kind();
        let handler = self.handlers().call(ctx.clone(), state);
        let handler = handler.ok_or_else(|| Fail::dead(format!("no handler for `{kind}`")))?;
        let output = attend(ctx, says, tokio::spawn(handler)).await?;
        Ok(output.map_or(Value::Null, |output| {
            serde_json::from_str(output.get()).expect("it was JSON when the handler gave it")
        }))
    }
}

/// Answers what the handler asks for until it has ended.
async fn attend(
    ctx: Ctx,
    mut says: mpsc::Receiver<Box<Say>>,
    mut handler: tokio::task::JoinHandle<Result<Output, Fail>>,
) -> Result<Output, Fail> {
    let (requests, _nobody) = requests::channel();
    let mut line = Line::new(ctx.fence(), requests);
    loop {
        tokio::select! {
            biased;
            Some(say) = says.recv() => match *say {
                // A handler that has given up on the answer does not need it.
                Say::Checkpoint { answer, .. } => drop(answer.send(Ok(()))),
                Say::Enqueue { jobs, answer } => drop(answer.send(line.enqueue(&jobs))),
                Say::Progress { .. } | Say::Log { .. } => {}
            },
            answer = &mut handler => return flatten(answer),
        }
    }
}

fn first_attempt(kind: &str, args: Box<serde_json::value::RawValue>) -> JobInfo {
    JobInfo {
        id: 1,
        attempt: 1,
        worker: Uuid::nil(),
        kind: kind.to_owned(),
        queue: "default".to_owned(),
        retry_count: 0,
        max_retries: 10,
        group: None,
        tags: Vec::new(),
        meta: None,
        trace: None,
        cron_tick: None,
        enqueued_at: "2026-01-01T00:00:00Z".to_owned(),
        timeout_ms: 900_000,
        checkpoint: None,
        args,
    }
}
