//! The story: a shop works, its worker is killed, and everything is finished all the same; each claim is checked.

mod check;
mod enqueue;
mod fail;
mod load;
mod prepare;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::Value as Json;
use tokio_postgres::Client;
use uuid::Uuid;

use super::ask::{self, Counts};
use super::language::Language;
use super::parts::Part;
use super::screen::{Level, Screen};
use super::shop::Size;
use super::sink::Sink;
use super::summary::{Claim, Summary};
use super::trickle::Trickle;
use super::{api, http};
use crate::failure::Failure;
use crate::latency::Latency;

/// Between two looks at the database while something is waited for.
const LOOK: Duration = Duration::from_millis(100);

/// One worker process.
struct Hand {
    part: Part,
    id: Uuid,
    number: usize,
}

/// Everything that takes part, and what was learnt so far.
pub(crate) struct Stage<'a> {
    /// Keeps a second demo away.
    _admin: Client,
    db: Client,
    url: String,
    how: String,
    is_private: bool,
    folder: PathBuf,
    language: Language,
    size: Size,
    sink: Sink,
    shop_api: Part,
    api_address: String,
    api: http::Client,
    workers: Vec<Hand>,
    trickle: Trickle,
    pub(crate) screen: Screen<'a>,
    began: Instant,
    claims: Vec<Claim>,
    /// Every job that the API said it has enqueued, and committed.
    jobs: Vec<i64>,
    orders: Vec<(i64, i64)>,
    wanted: Wanted,
    idle: Latency,
    loaded: Latency,
}

/// How many of each are expected in the end; the bars show it.
#[derive(Debug, Default, Clone, Copy)]
struct Wanted {
    reports: i64,
    export_lines: i64,
    /// The number of the last line that is exported; numbers of refused orders are missing.
    export_until: i64,
    export_job: i64,
    notifications: i64,
    mails: i64,
}

impl Stage<'_> {
    /// Plays the whole story.
    pub(crate) async fn play(&mut self) -> Result<(), Failure> {
        self.claim_server().await?;
        self.rest().await?;
        self.enqueue_with_orders().await?;
        let troubles = self.begin_troubles().await?;
        self.urgent_before_low().await?;
        self.second_worker().await?;
        self.end_troubles(troubles).await?;
        let lost = self.work_and_kill().await?;
        self.check_work(&lost).await?;
        self.check_ends(&lost).await?;
        self.check_api();
        Ok(())
    }

    pub(crate) fn summary(&self) -> Summary {
        Summary {
            claims: self.claims.clone(),
            idle: self.idle,
            loaded: self.loaded,
            folder: self.folder.display().to_string(),
            files: self.files(),
            seconds: self.began.elapsed().as_secs_f64(),
        }
    }

    /// Where to look while it stays up.
    pub(crate) fn addresses(&self) -> [String; 3] {
        [
            format!("API       http://{}/orders/1", self.api_address),
            format!("database  {}", self.url),
            format!("look      psql '{}' -c 'select * from backstay.dead_letters'", self.url),
        ]
    }

    /// Ends every process, the worker before the API, as in life.
    pub(crate) async fn strike(mut self) {
        self.screen.close();
        drop(self.trickle);
        for hand in self.workers {
            hand.part.stop().await;
        }
        self.shop_api.stop().await;
    }

    /// What the jobs made.
    fn files(&self) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(&self.folder) else { return Vec::new() };
        let names = entries.filter_map(Result::ok).map(|entry| entry.file_name());
        let mut names: Vec<String> =
            names.map(|name| name.to_string_lossy().into_owned()).collect();
        let made = ["export.", "report-", "receipt-"];
        names.retain(|name| made.iter().any(|start| name.starts_with(start)));
        names.sort_unstable();
        names
    }

    fn claim(&mut self, name: &'static str, held: bool, text: impl Into<String>) {
        let text = text.into();
        if held {
            self.screen.say(&text);
        } else {
            self.screen.say(format!("BROKEN: {text}"));
        }
        self.claims.push(Claim { name, text, held });
    }

    /// Asks the API for something, and remembers the jobs that it committed.
    async fn post(&mut self, path: &str, body: &Json) -> Result<(u16, Vec<i64>, Json), Failure> {
        let failed = |error: std::io::Error| {
            Failure::new("BS999", format!("the demo's API did not answer POST {path}"))
                .because(&error)
        };
        let answer = self.api.post(path, body).await.map_err(failed)?;
        let said = answer.read();
        let jobs = api::jobs_of(&said);
        if answer.is_good() {
            self.jobs.extend(&jobs);
        }
        Ok((answer.status, jobs, said))
    }

    /// The same, where anything but a yes is an error.
    async fn ask_for(&mut self, path: &str, body: &Json) -> Result<Vec<i64>, Failure> {
        match self.post(path, body).await? {
            (status, jobs, _) if (200..300).contains(&status) => Ok(jobs),
            (status, _, said) => Err(Failure::new(
                "BS999",
                format!("the demo's API answered {status} to POST {path}: {said}"),
            )),
        }
    }

    /// Looks at the database until something is so, and shows how far everything is. False after `patience`.
    async fn until(
        &mut self,
        patience: Duration,
        is_so: impl Fn(&Counts, &Sink) -> bool,
    ) -> Result<bool, Failure> {
        let deadline = Instant::now() + patience;
        loop {
            let counts = self.look().await?;
            if is_so(&counts, &self.sink) {
                return Ok(true);
            }
            if Instant::now() > deadline {
                return Ok(false);
            }
            self.guard()?;
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn look(&mut self) -> Result<Counts, Failure> {
        let counts = ask::counts(&self.db).await?;
        let levels = self.levels(&counts).await?;
        let foot = self.foot();
        self.screen.show(&levels, &foot);
        Ok(counts)
    }

    /// A process that ended by itself is a fault of the demo, and waiting for it would be in vain.
    fn guard(&mut self) -> Result<(), Failure> {
        let api = self.shop_api.has_ended().then(|| "the API".to_owned());
        let mut workers = self.workers.iter_mut();
        let worker = workers.find_map(|hand| hand.part.has_ended().then_some(hand.number));
        match api.or(worker.map(|number| format!("worker {number}"))) {
            Some(who) => {
                Err(Failure::new("BS999", format!("{who} of the demo has ended by itself"))
                    .hint(format!("its log lies in {}", self.folder.display())))
            }
            None => Ok(()),
        }
    }

    async fn levels(&self, counts: &Counts) -> Result<Vec<Level>, Failure> {
        let level = |name, done, all, note: String| Level { name, done, all, note };
        let running = |kind: &str| match counts.of(kind, "running") {
            0 => String::new(),
            n => format!("{n} running"),
        };
        let wanted = self.wanted;
        let export_done = counts.of("export", "completed") > 0;
        let exported = match (export_done, wanted.export_job) {
            (true, _) => wanted.export_lines,
            (false, 0) => 0,
            (false, job) => {
                let (_, percent) = ask::export_at(&self.db, job, wanted.export_until).await?;
                (percent * wanted.export_lines as f64 / 100.0) as i64
            }
        };
        let notified = self.sink.arrived().notifications.len() as i64;
        Ok(vec![
            level("mails", counts.of("mail", "completed"), wanted.mails, running("mail")),
            level(
                "receipts",
                counts.of("receipt", "completed"),
                self.orders.len() as i64,
                running("receipt"),
            ),
            level("reports", counts.of("report", "completed"), wanted.reports, running("report")),
            level("export", exported, wanted.export_lines, running("export")),
            level("notifications", notified, wanted.notifications, running("notify")),
        ])
    }

    fn foot(&self) -> String {
        let now = self.trickle.now();
        let workers: Vec<String> =
            self.workers.iter().map(|hand| format!("worker {}", hand.number)).collect();
        format!("API p50 {} p99 {} at 100/s   {}", ms(now.p50), ms(now.p99), workers.join(", "))
    }
}

/// A latency as people read it.
fn ms(took: Duration) -> String {
    format!("{:.1} ms", took.as_secs_f64() * 1000.0)
}
