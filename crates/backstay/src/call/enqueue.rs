//! Asks for one job, or for many in one call, in the caller's transaction.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::caller::{CallError, Caller, Refusal, read};
use super::text;
use crate::model::bounds::JOBS_PER_CALL;
use crate::model::request::{Asked, Request, RequestError};

/// A job that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Enqueued {
    /// The job's id, or the id of the one that stands for it already.
    pub id: i64,
    /// False where a unique or idempotency key led to a job that was there before.
    pub created: bool,
}

/// Why no job was enqueued.
///
/// ```
/// use backstay::{CallError, EnqueueError, Refusal};
///
/// /// What a person who clicked is told.
/// fn say(error: &EnqueueError) -> String {
///     match error {
///         EnqueueError::UniqueConflict(_) => "this report is being made already".into(),
///         EnqueueError::Database(_) => "try again in a moment".into(),
///         other => format!("{}: {other}", other.code()), // a mistake of ours
///     }
/// }
///
/// assert_eq!(say(&CallError::unreached("reset").into()), "try again in a moment");
/// let refusal = Refusal::new("BS103", "the kind `send mail` holds a space");
/// assert_eq!(say(&EnqueueError::BadName(refusal.clone())), "BS103: the kind `send mail` holds a space");
/// assert_eq!(EnqueueError::BadName(refusal.clone()).refusal(), Some(&refusal));
/// ```
///
/// The caller's transaction is aborted unless it had set a savepoint.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EnqueueError {
    /// BS101: an option that no door knows.
    #[error("{0}")]
    UnknownOption(Refusal),
    /// BS102: a value that its option does not take.
    #[error("{0}")]
    BadOption(Refusal),
    /// BS103: a name of a kind or queue that is too long or holds another character than allowed.
    #[error("{0}")]
    BadName(Refusal),
    /// BS104: args that are no JSON object, or hold a NUL or a lone surrogate.
    #[error("{0}")]
    BadArgs(Refusal),
    /// BS105: args beyond 256 KiB; store the file and pass a reference.
    #[error("{0}")]
    ArgsTooLarge(Refusal),
    /// BS106: args nested deeper than 64 levels.
    #[error("{0}")]
    ArgsTooDeep(Refusal),
    /// BS107: a kind that nobody declared, where `strict_kinds` is on.
    #[error("{0}")]
    KindNotDeclared(Refusal),
    /// BS108: this login may not use the kind or queue.
    #[error("{0}")]
    NotAllowed(Refusal),
    /// BS109: more than 10,000 jobs, or more than 64 MiB, in one call.
    #[error("{0}")]
    TooMany(Refusal),
    /// BS110: another job holds the unique key, and the request said `reject`.
    #[error("{0}")]
    UniqueConflict(Refusal),
    /// BS111: the idempotency key was used for another kind or other args.
    #[error("{0}")]
    IdempotencyConflict(Refusal),
    /// The database could not be asked, or failed for a reason of its own.
    #[error("{0}")]
    Database(#[from] CallError),
}

impl EnqueueError {
    /// Gives the code, `BS` and three digits, that this failure has at every door.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::UnknownOption(_) => "BS101",
            Self::BadOption(_) => "BS102",
            Self::BadName(_) => "BS103",
            Self::BadArgs(_) => "BS104",
            Self::ArgsTooLarge(_) => "BS105",
            Self::ArgsTooDeep(_) => "BS106",
            Self::KindNotDeclared(_) => "BS107",
            Self::NotAllowed(_) => "BS108",
            Self::TooMany(_) => "BS109",
            Self::UniqueConflict(_) => "BS110",
            Self::IdempotencyConflict(_) => "BS111",
            Self::Database(error) => error.code(),
        }
    }

    /// Gives what was refused, with its hint; none where the database was not reached.
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::UnknownOption(refusal)
            | Self::BadOption(refusal)
            | Self::BadName(refusal)
            | Self::BadArgs(refusal)
            | Self::ArgsTooLarge(refusal)
            | Self::ArgsTooDeep(refusal)
            | Self::KindNotDeclared(refusal)
            | Self::NotAllowed(refusal)
            | Self::TooMany(refusal)
            | Self::UniqueConflict(refusal)
            | Self::IdempotencyConflict(refusal) => Some(refusal),
            Self::Database(error) => error.refusal(),
        }
    }

    fn of(error: CallError) -> Self {
        let Some(refusal) = error.refusal() else { return Self::Database(error) };
        let refusal = &in_our_words(refusal);
        let variant = match refusal.sqlstate.as_str() {
            "BS101" => Self::UnknownOption,
            "BS102" => Self::BadOption,
            "BS103" => Self::BadName,
            // What jsonb cannot hold is refused before a door sees it.
            "BS104" | "22P02" | "22P05" => Self::BadArgs,
            "BS105" => Self::ArgsTooLarge,
            "BS106" => Self::ArgsTooDeep,
            "BS107" => Self::KindNotDeclared,
            "BS108" => Self::NotAllowed,
            "BS109" => Self::TooMany,
            "BS110" => Self::UniqueConflict,
            "BS111" => Self::IdempotencyConflict,
            _ => return Self::Database(error),
        };
        variant(refusal.clone())
    }
}

/// What the server says of a request before a door sees it, where its words do not tell what to do.
fn in_our_words(refusal: &Refusal) -> Refusal {
    let (code, said) = match refusal.sqlstate.as_str() {
        // The kind alone is sent as a text; everything else is JSON.
        "22021" => ("BS103", "the kind holds a NUL"),
        "22003" => ("BS104", "args hold a number of more than 131,072 digits; give it as a text"),
        "54001" => ("BS106", "args are nested too deep to be read; at most 63 levels are allowed"),
        _ => return refusal.clone(),
    };
    Refusal::new(code, said)
}

impl From<RequestError> for EnqueueError {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::Args(message) => Self::BadArgs(Refusal::new("BS104", message)),
            RequestError::Option(message) => Self::BadOption(Refusal::new("BS102", message)),
        }
    }
}

/// Asks for one job. In a transaction it comes into being with the commit, and never after a rollback.
///
/// # Errors
/// BS101 to BS111 for what was asked, BS5xx for the database; see [`EnqueueError`].
///
/// # Cancellation
/// May be dropped: what was sent counts if the transaction commits.
///
/// ```
/// # use sqlx_0_9 as sqlx;
/// use backstay::{Enqueued, Job, enqueue};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize, Job)]
/// #[job(kind = "digest")]
/// struct Digest { user: i64 }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # if backstay::testing::is_skipped() { return Ok(()) }
/// # let worker = backstay::Worker::without_state().queue(backstay::Queue::new("default")).build();
/// # let t = backstay::testing::TestQueue::start(worker).await?;
/// # let pool = t.sqlx();
/// # sqlx::raw_sql("create table account (id int, plan text)").execute(pool).await?;
/// let mut tx = pool.begin().await?;
/// sqlx::query("update account set plan = 'pro' where id = 7").execute(&mut *tx).await?;
/// let Enqueued { id, created, .. } = enqueue(&mut tx, Digest { user: 7 }).await?;
/// tx.commit().await?;
/// println!("job {id} is new: {created}");
/// # Ok(())
/// # }
/// ```
pub async fn enqueue(db: impl Caller, job: impl Into<Request>) -> Result<Enqueued, EnqueueError> {
    let request = job.into();
    let options = json(&request.options()?)?;
    let answer = db.call(text::ENQUEUE, &[request.kind(), request.args()?, &options]).await;
    let row: Row = answer.and_then(|answer| read(&answer)).map_err(EnqueueError::of)?;
    row.enqueued()
}

/// Asks for up to 10,000 jobs in one call, all or none; the answers are in the order of the jobs.
///
/// # Errors
/// As [`enqueue`]; one bad job refuses the call, and the message names its place from 1.
///
/// # Cancellation
/// May be dropped: what was sent counts if the transaction commits.
///
/// ```
/// # use backstay::{Job, enqueue_many};
/// # use serde::{Deserialize, Serialize};
/// #[derive(Serialize, Deserialize, Job)]
/// #[job(kind = "notify")]
/// struct Notify { address: String }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # if backstay::testing::is_skipped() { return Ok(()) }
/// # let worker = backstay::Worker::without_state().queue(backstay::Queue::new("default")).build();
/// # let t = backstay::testing::TestQueue::start(worker).await?;
/// # let mut client = t.connect().await?;
/// let tx = client.transaction().await?;
/// let all = (1..=500).map(|n| Notify { address: format!("{n}@example.org") });
/// let jobs = enqueue_many(&tx, all).await?;
/// tx.commit().await?;
/// assert_eq!(jobs.len(), 500);
/// # Ok(())
/// # }
/// ```
pub async fn enqueue_many<R: Into<Request>>(
    db: impl Caller,
    jobs: impl IntoIterator<Item = R>,
) -> Result<Vec<Enqueued>, EnqueueError> {
    let requests = gather(jobs)?;
    let Some(first) = requests.first() else { return Ok(Vec::new()) };
    let mut lines = lines(&requests)?;
    let answer = if lines.iter().all(|line| line.has_shape_of(&lines[0])) {
        // One shape: its options are checked and its kind looked up once for all.
        let args = json(&lines.iter().map(|line| line.args).collect::<Vec<_>>())?;
        let options = json(&lines[0].options)?;
        db.call(text::ENQUEUE_ROWS, &[first.kind(), &args, &options]).await
    } else {
        let shared = json(&Shared { contracts: gather_contracts(&mut lines) })?;
        db.call(text::ENQUEUE_MANY, &[&json(&lines)?, &shared]).await
    };
    let rows: Vec<Row> = answer.and_then(|answer| read(&answer)).map_err(EnqueueError::of)?;
    rows.iter().map(Row::enqueued).collect()
}

/// Collects at most one more than a call may hold: an endless iterator must end here.
fn gather<R: Into<Request>>(
    jobs: impl IntoIterator<Item = R>,
) -> Result<Vec<Request>, EnqueueError> {
    let requests: Vec<Request> = jobs.into_iter().take(JOBS_PER_CALL + 1).map(Into::into).collect();
    if requests.len() > JOBS_PER_CALL {
        let refusal = Refusal::new("BS109", format!("more than {JOBS_PER_CALL} jobs in one call"));
        let hint = Some("call once per part; in one transaction they still come together");
        return Err(EnqueueError::TooMany(refusal.hint(hint)));
    }
    Ok(requests)
}

/// One job as `enqueue_many` takes it.
#[derive(Serialize)]
struct Line<'r> {
    kind: &'r str,
    args: &'r RawValue,
    options: Asked<'r>,
    #[serde(skip)]
    contract: &'r Map<String, Value>,
}

impl Line<'_> {
    /// Whether both can go as rows. An idempotency key cannot: for rows it means the call, here the job.
    fn has_shape_of(&self, other: &Line<'_>) -> bool {
        self.kind == other.kind
            && self.options == other.options
            && !self.options.own.contains_key("idempotency_key")
    }
}

/// What all jobs of a call have in common.
#[derive(Serialize)]
struct Shared<'r> {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    contracts: BTreeMap<&'r str, &'r Map<String, Value>>,
}

/// Takes the contracts out of the jobs, so that each travels once: the first that a kind has is the kind's. A job whose
/// own differs keeps it, and one that has none says so.
fn gather_contracts<'r>(lines: &mut [Line<'r>]) -> BTreeMap<&'r str, &'r Map<String, Value>> {
    let mut contracts = BTreeMap::new();
    for line in lines.iter() {
        if !line.contract.is_empty() {
            contracts.entry(line.kind).or_insert(line.contract);
        }
    }
    for line in lines {
        let Some(shared) = contracts.get(line.kind) else { continue };
        line.options.contract = (line.contract != *shared).then_some(line.contract);
    }
    contracts
}

fn lines(requests: &[Request]) -> Result<Vec<Line<'_>>, EnqueueError> {
    let mut lines = Vec::with_capacity(requests.len());
    for (at, request) in requests.iter().enumerate() {
        let line = line(request).map_err(|problem| problem.of_job(at + 1))?;
        lines.push(line);
    }
    Ok(lines)
}

fn line(request: &Request) -> Result<Line<'_>, RequestError> {
    let (kind, args, options) = (request.kind(), request.raw_args()?, request.options()?);
    Ok(Line { kind, args, options, contract: request.contract() })
}

fn json(value: &impl Serialize) -> Result<String, EnqueueError> {
    // Its parts have been JSON before.
    Ok(serde_json::to_string(value).map_err(CallError::unreached)?)
}

/// What a door answers for one job; ids are text, since not every reader of JSON has 64 bits.
#[derive(Deserialize)]
struct Row {
    id: String,
    created: bool,
}

impl Row {
    fn enqueued(&self) -> Result<Enqueued, EnqueueError> {
        let id = self.id.parse().map_err(CallError::garbled)?;
        Ok(Enqueued { id, created: self.created })
    }
}

#[cfg(test)]
mod tests;
