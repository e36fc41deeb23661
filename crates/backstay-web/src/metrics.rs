//! `/metrics`: what stands in the queues of the whole installation, or what one worker has counted, in the text formats of
//! Prometheus and OpenMetrics.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::SystemTime;

use axum::http::HeaderMap;
use axum::http::header::ACCEPT;
use backstay::Priority;
use backstay::figures::{Family, Histogram, Labels, Series};
use backstay::inspect::{
    self, DeadGroup, JobFilter, MessageStatus, QueueStatus, ScheduleStatus, ServerStatus,
    WorkerStatus,
};
use backstay::{Database, StoreError};

/// The text format that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Prometheus,
    OpenMetrics,
}

impl Format {
    pub(crate) fn asked(headers: &HeaderMap) -> Format {
        let accepts = headers.get(ACCEPT).and_then(|accepts| accepts.to_str().ok());
        match accepts.is_some_and(|accepts| accepts.contains("application/openmetrics-text")) {
            true => Format::OpenMetrics,
            false => Format::Prometheus,
        }
    }

    /// As a header says it.
    pub(crate) fn sort(self) -> &'static str {
        match self {
            Format::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    /// The name of a counter's family, which has no ending in OpenMetrics.
    fn family(self, name: &str) -> &str {
        match self {
            Format::Prometheus => name,
            Format::OpenMetrics => name.strip_suffix("_total").unwrap_or(name),
        }
    }
}

/// What one worker has counted, as a page.
pub(crate) fn of_worker(families: &[Family], format: Format) -> String {
    let mut page = Page::default();
    page.build_info();
    for Family { name, help, series } in families {
        match series {
            Series::Gauge(lines) => {
                page.family(name, help);
                lines.iter().for_each(|(labels, value)| page.line(name, &borrowed(labels), *value));
            }
            Series::Counter(lines) => {
                page.typed(format.family(name), "counter", help);
                lines.iter().for_each(|(labels, value)| page.line(name, &borrowed(labels), *value));
            }
            Series::Histogram(lines) => {
                page.typed(name, "histogram", help);
                lines.iter().for_each(|(labels, seen)| page.histogram(name, labels, seen));
            }
        }
    }
    page.0 + "# EOF\n"
}

fn borrowed(labels: &Labels) -> Vec<(&str, &str)> {
    labels.iter().map(|(name, text)| (*name, text.as_str())).collect()
}

/// Queues that have lines of their own; the others together are `other`.
const QUEUES: usize = 200;
/// Schedules that have a line of their own; a sum of times says nothing.
const SCHEDULES: usize = 200;
/// Dead groups and messages that are looked at.
const ROWS: u16 = 1_000;

/// What the figures are made from.
pub(crate) struct Seen {
    queues: Vec<QueueStatus>,
    workers: Vec<WorkerStatus>,
    groups: Vec<DeadGroup>,
    messages: Vec<MessageStatus>,
    server: ServerStatus,
    schedules: Vec<ScheduleStatus>,
}

impl Seen {
    /// Looks, with the bounds of the lists: nothing is counted beyond 10,000.
    pub(crate) async fn now(database: &Database) -> Result<Seen, StoreError> {
        Ok(Seen {
            queues: inspect::queues(database).await?,
            workers: inspect::workers(database, false).await?,
            groups: inspect::dead_groups(database, &JobFilter::default(), None, ROWS).await?.items,
            messages: inspect::alerts(database, None, ROWS).await?.items,
            server: inspect::server(database).await?,
            schedules: inspect::schedules(database, 0).await?,
        })
    }

    /// The page, at this time.
    pub(crate) fn page(&self, now: SystemTime) -> String {
        let mut page = Page::default();
        page.build_info();
        self.write_queues(&mut page, now);
        self.write_dead(&mut page);
        self.write_schedules(&mut page);
        page.family("workers", "Workers by state; those that said goodbye are not counted");
        for (state, n) in counted(self.workers.iter().map(|worker| worker.state.as_str())) {
            page.line("workers", &[("state", state)], n);
        }
        let open = self
            .messages
            .iter()
            .filter(|told| ["waiting", "failing"].contains(&told.state.as_str()));
        page.family(
            "alerts_undelivered",
            "Messages about alerts that no channel has accepted yet, of the last 1000",
        );
        page.line("alerts_undelivered", &[], as_float(open.count() as u64));
        self.write_server(&mut page);
        page.0 + "# EOF\n"
    }

    fn write_schedules(&self, page: &mut Page) {
        page.family(
            "cron_last_tick_timestamp_seconds",
            "The newest tick of a schedule that was decided, for the first 200 schedules",
        );
        for schedule in self.schedules.iter().take(SCHEDULES) {
            let Some(at) = schedule.last_at else { continue };
            let since = SystemTime::from(at).duration_since(SystemTime::UNIX_EPOCH);
            let seconds = since.unwrap_or_default().as_secs_f64();
            page.line("cron_last_tick_timestamp_seconds", &[("schedule", &schedule.name)], seconds);
        }
    }

    fn write_queues(&self, page: &mut Page, now: SystemTime) {
        let (mut jobs, mut oldest) = (BTreeMap::new(), BTreeMap::new());
        for (n, queue) in self.queues.iter().enumerate() {
            let name = if n < QUEUES { queue.name.as_str() } else { "other" };
            let states = [
                ("ready", queue.ready),
                ("scheduled", queue.scheduled),
                ("parked", queue.parked),
                ("running", queue.running),
                ("dead", queue.dead),
            ];
            for (state, bounded) in states {
                *jobs.entry((name, state)).or_insert(0) += bounded.count;
            }
            for (level, at) in &queue.oldest_by_priority {
                let age = at.age(now).as_secs_f64();
                let known = oldest.entry((name, level_name(level))).or_insert(age);
                *known = known.max(age);
            }
        }
        page.family("queue_jobs", "Jobs by queue and state, counted up to 10000");
        for ((queue, state), n) in jobs {
            page.line("queue_jobs", &[("queue", queue), ("state", state)], as_float(n));
        }
        page.family(
            "queue_oldest_seconds",
            "How long the first in line has been due, by queue and priority",
        );
        for ((queue, priority), age) in oldest {
            page.line("queue_oldest_seconds", &[("queue", queue), ("priority", &priority)], age);
        }
        page.family("paused", "1 for each queue of which nothing starts");
        for queue in self.queues.iter().filter(|queue| queue.paused.is_some()).take(QUEUES) {
            page.line("paused", &[("queue", &queue.name)], 1.0);
        }
    }

    fn write_server(&self, page: &mut Page) {
        let ServerStatus { horizon_age_seconds, dead_rows, connections, .. } = &self.server;
        page.family("horizon_age_seconds", "How old the oldest snapshot is that keeps dead rows");
        page.line("horizon_age_seconds", &[], *horizon_age_seconds);
        page.family("dead_rows", "Dead rows of the tables of Backstay, as the server estimates");
        page.line("dead_rows", &[], as_float(*dead_rows));
        page.family("connections", "Sessions of this database by state");
        for (state, n) in connections {
            page.line("connections", &[("state", state)], as_float(*n));
        }
    }

    fn write_dead(&self, page: &mut Page) {
        page.family(
            "dead_letters",
            "Dead letters by how people see their group, up to 1000 of each group",
        );
        for state in ["open", "acknowledged", "muted"] {
            let of = self.groups.iter().filter(|group| group.state == state);
            let n = of.map(|group| group.letters.count).sum();
            page.line("dead_letters", &[("state", state)], as_float(n));
        }
    }
}

/// The name of a level, which is the same wherever people see it.
pub(crate) fn level_name(level: &str) -> String {
    level.parse().map_or_else(|_| level.to_owned(), Priority::word)
}

fn counted<'a>(words: impl Iterator<Item = &'a str>) -> BTreeMap<&'a str, f64> {
    let mut counted = BTreeMap::new();
    words.for_each(|word| *counted.entry(word).or_insert(0.0) += 1.0);
    counted
}

fn as_float(n: u64) -> f64 {
    n as f64
}

/// The text as far as it is written.
#[derive(Default)]
struct Page(String);

impl Page {
    fn build_info(&mut self) {
        let version = env!("CARGO_PKG_VERSION");
        let schema = backstay::migrate::SCHEMA.to_string();
        self.family("build_info", "Which release answers");
        self.line("build_info", &[("version", version), ("schema", &schema)], 1.0);
    }

    /// A gauge.
    fn family(&mut self, name: &str, help: &str) {
        self.typed(name, "gauge", help);
    }

    fn typed(&mut self, name: &str, sort: &str, help: &str) {
        let text = format!("# HELP backstay_{name} {help}\n# TYPE backstay_{name} {sort}\n");
        self.0.push_str(&text);
    }

    fn histogram(&mut self, name: &str, labels: &Labels, seen: &Histogram) {
        let (bucket, mut count) = (format!("{name}_bucket"), 0);
        for (bound, up_to) in seen.up_to() {
            let bound = if bound.is_finite() { bound.to_string() } else { "+Inf".to_owned() };
            let mut labels = borrowed(labels);
            labels.push(("le", &bound));
            self.line(&bucket, &labels, as_float(up_to));
            count = up_to;
        }
        self.line(&format!("{name}_sum"), &borrowed(labels), seen.sum());
        self.line(&format!("{name}_count"), &borrowed(labels), as_float(count));
    }

    fn line(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        let quoted =
            |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let labels: Vec<String> =
            labels.iter().map(|(name, text)| format!("{name}=\"{}\"", quoted(text))).collect();
        let labels =
            if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        writeln!(self.0, "backstay_{name}{labels} {value}").expect("a String takes any text");
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn queue(name: &str) -> QueueStatus {
        let none = serde_json::json!({ "count": 0, "more": false });
        serde_json::from_value(serde_json::json!({
            "name": name, "declared": true, "ready": { "count": 3, "more": false }, "by_priority": {},
            "oldest_by_priority": { "0": "1970-01-01T00:00:10Z", "7": "1970-01-01T00:00:40Z" },
            "oldest_ready_at": null, "scheduled": none, "next_run_at": null, "parked": none, "running": none,
            "dead": none, "workers": 0, "slots": 0, "served_at": null, "served_by": null, "paused": null,
        }))
        .unwrap()
    }

    #[test]
    fn a_page_has_a_line_for_each_queue_and_one_for_all_beyond_200() {
        let queues = (0..205).map(|n| queue(&format!("q{n:03}"))).collect();
        let seen = Seen {
            queues,
            workers: Vec::new(),
            groups: Vec::new(),
            messages: Vec::new(),
            server: ServerStatus::default(),
            schedules: Vec::new(),
        };
        let page = seen.page(SystemTime::UNIX_EPOCH + Duration::from_secs(70));
        assert!(page.contains("backstay_queue_jobs{queue=\"q000\",state=\"ready\"} 3\n"), "{page}");
        assert!(page.contains("backstay_queue_jobs{queue=\"other\",state=\"ready\"} 15\n"));
        assert!(
            page.contains("backstay_queue_oldest_seconds{queue=\"q000\",priority=\"urgent\"} 60\n")
        );
        assert!(
            page.contains("backstay_queue_oldest_seconds{queue=\"other\",priority=\"7\"} 30\n")
        );
        assert!(!page.contains("q200") && page.ends_with("# EOF\n"));
        let families = page.lines().filter(|line| line.starts_with("# TYPE")).count();
        assert_eq!(families, 11, "{page}");
    }
}
