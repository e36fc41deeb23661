//! The first page: is anything late, is anything dead, is anything too big.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::response::Response;
use backstay::doctor::{self, Finding, Health, Wishes};
use backstay::inspect::{
    self, AuditEntry, AuditFilter, DeadGroup, JobFilter, QueueStatus, RunningJob, SeriesName,
    SeriesRange, WorkerStatus,
};
use backstay::tokens::Scope;

use super::chart::{self, Chart};
use super::frame::{Frame, respond};
use super::text;
use crate::ask::Call;
use crate::problem::Problem;

/// From here on the alert `queue_late` is raised where a queue does not promise more by `start_within`.
const LATE: Duration = Duration::from_secs(900);
/// The same for a queue that no worker serves.
const UNSERVED: Duration = Duration::from_secs(300);
/// The part of its memory from which on a job counts as large.
const LARGE_PERCENT: u64 = 80;
/// Rows of the lists on this page; each leads to the whole.
const ROWS: usize = 8;
/// Entries of the audit that are looked at to find those by which something was done.
const ENTRIES: u16 = 100;
/// Verbs by which people come and go, and do nothing yet.
const COMINGS: &[&str] = &["sign_in", "sign_out"];
/// Groups of dead letters that are looked at to count their letters.
const GROUPS: u16 = 100;

#[derive(askama::Template)]
#[template(path = "overview.html")]
struct Overview {
    frame: Frame,
    range: SeriesRange,
    charts: Vec<Chart>,
    queues: Vec<QueueLine>,
    groups: Vec<DeadGroup>,
    largest: Vec<Large>,
    workers: Vec<WorkerStatus>,
    troubles: Vec<Finding>,
    /// What was done last; none for whoever may not see it, or where the login of this server may not.
    done: Option<Vec<AuditEntry>>,
}

/// A queue with what its oldest job says of it.
pub(super) struct QueueLine {
    pub(super) queue: QueueStatus,
    pub(super) lag: Option<Duration>,
    pub(super) is_late: bool,
    /// Jobs of it that its live workers run at once; none where they do not say.
    pub(super) slots: u64,
}

/// A running job with the part of its memory that it uses.
struct Large {
    job: RunningJob,
    percent: u64,
}

pub(super) async fn show(call: Call) -> Result<Response, Problem> {
    let database = call.pages();
    let all = JobFilter::default();
    let examine = async { Arc::new(doctor::examine(database, Wishes::default()).await) };
    let range = chart::range(&call, SeriesRange::Hour);
    let of = |series| inspect::series(database, series, range, None, None);
    let (queues, groups, running, workers, done, report, throughput, failures, lateness) = tokio::join!(
        inspect::queues(database),
        inspect::dead_groups(database, &all, None, GROUPS),
        inspect::running(database),
        inspect::workers(database, false),
        done(&call),
        call.service.doctor.get(examine),
        of(SeriesName::Throughput),
        of(SeriesName::Failures),
        of(SeriesName::Lateness),
    );
    let frame = Frame::of(&call, "", "Overview");
    let mut queues: Vec<QueueLine> =
        queues?.into_iter().map(|queue| QueueLine::of(queue, frame.now)).collect();
    queues.sort_by_key(|line| std::cmp::Reverse((line.is_late, line.lag)));
    let groups = groups?.items.into_iter().filter(|group| group.state == "open").collect();
    let bad = |finding: &&Finding| finding.health != Health::Ok;
    let mut troubles: Vec<Finding> = report.findings.iter().filter(bad).cloned().collect();
    troubles.sort_by_key(|finding| std::cmp::Reverse(finding.health));
    let charts = vec![
        Chart::of("Throughput", &throughput?),
        Chart::of("Failures", &failures?),
        Chart::of("The first in any line waited", &lateness?),
    ];
    let page = Overview {
        frame,
        range,
        charts,
        queues,
        groups,
        largest: largest(running?),
        workers: workers?,
        troubles,
        done,
    };
    respond(&page)
}

/// What was done last, for whoever may see it.
async fn done(call: &Call) -> Option<Vec<AuditEntry>> {
    call.caller.check(&Scope::Audit).ok()?;
    let page = inspect::audit(call.pages(), &AuditFilter::default(), None, ENTRIES).await;
    let acts = page.ok()?.items.into_iter().filter(|entry| !COMINGS.contains(&&*entry.verb));
    Some(acts.take(ROWS).collect())
}

/// Those that claim and run.
fn live(workers: &[WorkerStatus]) -> impl Iterator<Item = &WorkerStatus> {
    workers.iter().filter(|worker| worker.state == "live")
}

impl QueueLine {
    pub(super) fn of(queue: QueueStatus, now: SystemTime) -> QueueLine {
        let lag = queue.oldest_ready_at.map(|at| at.age(now));
        let promised = queue.start_within_ms.map(Duration::from_millis);
        let most = promised.unwrap_or(if queue.workers == 0 { UNSERVED } else { LATE });
        let is_late = queue.paused.is_none() && lag.is_some_and(|lag| lag > most);
        QueueLine { queue, lag, is_late, slots: 0 }
    }

    pub(super) fn with_slots(self, workers: &[WorkerStatus]) -> QueueLine {
        let slots = live(workers).filter_map(|worker| worker.admission.slots.get(&self.queue.name));
        QueueLine { slots: slots.map(|slots| u64::from(slots.count)).sum(), ..self }
    }

    pub(super) fn lag_text(&self) -> String {
        let promised = self.queue.start_within_ms.map(Duration::from_millis);
        match (self.lag, promised) {
            (Some(lag), Some(promised)) => {
                format!("{} of {}", text::span(lag), text::span(promised))
            }
            (Some(lag), None) => text::span(lag),
            (None, _) => "–".into(),
        }
    }
}

/// Running jobs, those first that use the largest part of what they may.
fn largest(running: Vec<RunningJob>) -> Vec<Large> {
    let percent = |job: &RunningJob| {
        let (used, limit) = job.memory_bytes.zip(job.memory_limit_bytes)?;
        Some(used.saturating_mul(100) / limit.max(1))
    };
    let mut all: Vec<Large> = running
        .into_iter()
        .filter_map(|job| Some(Large { percent: percent(&job)?, job }))
        .collect();
    all.sort_by_key(|large| std::cmp::Reverse(large.percent));
    all.truncate(ROWS);
    all
}

impl Large {
    fn text(&self) -> String {
        let size = |bytes: Option<u64>| text::size(&bytes.unwrap_or_default());
        format!("{} of {}", size(self.job.memory_bytes), size(self.job.memory_limit_bytes))
    }
}

impl Overview {
    fn late(&self) -> Vec<&QueueLine> {
        self.queues.iter().filter(|line| line.is_late).collect()
    }

    fn shown(&self) -> &[QueueLine] {
        &self.queues[..self.queues.len().min(ROWS)]
    }

    fn shown_groups(&self) -> &[DeadGroup] {
        &self.groups[..self.groups.len().min(ROWS)]
    }

    /// Dead letters of groups that nobody has looked at.
    fn letters(&self) -> String {
        let n = self.groups.iter().map(|group| group.letters.count).sum();
        let more = self.groups.iter().any(|group| group.letters.more)
            || self.groups.len() == usize::from(GROUPS);
        format!("{}{}", text::many(&n, "letter"), if more { " or more" } else { "" })
    }

    fn large(&self) -> usize {
        self.largest.iter().filter(|large| large.percent >= LARGE_PERCENT).count()
    }

    fn running(&self) -> i64 {
        self.workers.iter().map(|worker| worker.running).sum()
    }

    fn slots(&self) -> i32 {
        live(&self.workers).map(|worker| worker.slots).sum()
    }

    fn live(&self) -> usize {
        live(&self.workers).count()
    }

    /// Workers of which something is to be said.
    fn troubled(&self) -> Vec<(&WorkerStatus, String)> {
        let said = |worker: &WorkerStatus| {
            let mut lines = worker.admission.lines();
            if worker.state == "late" || worker.state == "lost" {
                lines.insert(0, format!("is {}", worker.state));
            }
            (!lines.is_empty()).then(|| lines.join("; "))
        };
        self.workers.iter().filter_map(|worker| Some((worker, said(worker)?))).take(ROWS).collect()
    }

    fn failed(&self) -> usize {
        self.troubles.iter().filter(|finding| finding.health == Health::Fail).count()
    }
}
