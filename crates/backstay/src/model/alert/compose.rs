//! Writes an alert for people: one line, and a few sentences that end with what to do.

use std::time::Duration;

use serde_json::Value;

use super::fold::News;
use super::{Alert, AlertState, Rule, Severity, dedupe_key};
use crate::model::bounds::{DETAIL_CHARS, clip_chars};
use crate::model::unit::format_duration;

/// What is known beside the news itself.
#[derive(Debug, Clone, Default)]
pub struct Scene<'a> {
    /// The name of the installation.
    pub environment: Option<&'a str>,
    /// What was noted with the newest row of the outbox, a JSON object.
    pub detail: Value,
    /// The document of the newest job, without its args.
    pub job: Option<Value>,
    /// Who looks after the group of a death.
    pub owner: Option<&'a str>,
}

/// Writes the document of a message; its id is known once the message has its row.
#[must_use]
pub fn compose(news: &News, rule: Rule, scene: Scene<'_>) -> Alert {
    let state = if news.resolved { AlertState::Resolved } else { AlertState::Open };
    let severity = if news.resolved { Severity::Info } else { rule.severity() };
    let (job, owner) = (scene.job.as_ref(), scene.owner);
    let writing = Writing { news, rule, detail: &scene.detail, job, owner };
    Alert {
        id: String::new(),
        dedupe_key: dedupe_key(scene.environment, rule, &news.subject),
        rule,
        subject: news.subject.clone(),
        severity,
        state,
        title: clip_chars(&writing.title(), DETAIL_CHARS),
        text: if news.resolved { String::new() } else { writing.text() },
        link: None,
        environment: scene.environment.map(str::to_owned),
        count: news.count(),
        first_at: news.first_at,
        last_at: news.newest.raised_at,
        fingerprint: news.fingerprint.clone(),
        owner: scene.owner.map(str::to_owned),
        kind: news.newest.kind.clone(),
        queue: news.newest.queue.clone(),
        job: scene.job,
    }
}

/// What the sentences are made of.
struct Writing<'a> {
    news: &'a News,
    rule: Rule,
    detail: &'a Value,
    job: Option<&'a Value>,
    owner: Option<&'a str>,
}

impl Writing<'_> {
    fn title(&self) -> String {
        let subject = &self.news.subject;
        let kind = self.news.newest.kind.as_deref().unwrap_or("job");
        let error = self.news.newest.title.as_deref().unwrap_or("no message");
        match self.rule {
            Rule::First => format!("{kind} died: {error}"),
            Rule::Again => format!("{kind} died again: {error}"),
            Rule::Burst if self.news.fingerprint.is_some() => {
                format!("{kind} dies in great numbers: {error}")
            }
            Rule::Burst => format!("{kind} dies of many different errors"),
            Rule::WorkerLost => format!("worker on {} is lost", self.word("host", "some host")),
            Rule::NoWorker => format!("no worker serves queue {subject}"),
            Rule::HeldKind => format!("no worker knows kind {subject}"),
            Rule::QueueLate => format!("queue {subject} is late"),
            Rule::NothingCompleted => format!("nothing of queue {subject} completes"),
            Rule::Horizon => "something keeps the database from cleaning up".into(),
            Rule::LoopSilent => format!("the duty {subject} does not succeed"),
            Rule::Unread => format!("dead letters of {subject} are unread"),
            Rule::PoolBroken => format!("the program of {subject} does not boot"),
            Rule::KindBraked => format!("{subject} crashes again and again"),
            Rule::Brake => format!("claims are slowed down: the {subject} is in trouble"),
            Rule::Isolation if subject == "level" => {
                format!("limits of jobs are no longer held on {}", self.word("host", "some host"))
            }
            Rule::NeedsMemory => {
                format!("a job in queue {subject} needs more memory than any worker has")
            }
            Rule::Isolation => {
                format!("a job of {kind} was ended to save the others from want of memory")
            }
            Rule::CronMissed if self.number("dropped") > 0 => {
                format!("schedule {subject} has missed ticks")
            }
            Rule::CronMissed => format!("schedule {subject} is late"),
            Rule::AlertsFailing => format!("channel {subject} takes no alerts"),
            Rule::TooBig => format!("{subject} comes close to its memory limit"),
            Rule::InterruptedOften => format!("{subject} runs longer than your deploys allow"),
            rule => format!("{rule}: {subject}"),
        }
    }

    fn text(&self) -> String {
        let subject = &self.news.subject;
        let waited = self.waited();
        match self.rule {
            Rule::First | Rule::Again | Rule::Burst => self.death(),
            Rule::WorkerLost => format!(
                "Its lease ended without a goodbye ({}). Jobs taken over from it: {}. \
                 What to do: backstay workers list",
                self.word("evidence", "unknown"),
                self.number("jobs")
            ),
            Rule::NoWorker => format!(
                "The oldest job of the queue has waited for {waited}, and no live worker serves it. \
                 What to do: backstay work --queues {subject}"
            ),
            Rule::HeldKind => format!(
                "Jobs held back: {}, the first for {waited}, because no live worker of their queue has \
                 a handler for them. Nothing is lost; they start when one comes. \
                 What to do: backstay jobs list --kind {subject}",
                self.number("jobs")
            ),
            Rule::QueueLate => format!(
                "The oldest job of the queue has waited for {waited}. \
                 What to do: backstay queues list"
            ),
            Rule::NothingCompleted => format!(
                "Work has been due for {waited}, live workers serve the queue, and nothing of it has completed for 10 min, \
                 nor has a running job told progress. Jobs that run: {}. What to do: backstay top, and \
                 backstay jobs list --queue {subject}",
                self.number("running")
            ),
            Rule::Horizon => format!(
                "A transaction has been open for {waited}: pid {} ({}, {}). While it lasts dead rows stay, and the tables \
                 of jobs slow down. What to do: backstay doctor, or: select pg_terminate_backend({})",
                self.number("pid"),
                clip_chars(&self.word("who", "unknown"), DETAIL_CHARS),
                self.word("state", "unknown state"),
                self.number("pid")
            ),
            Rule::LoopSilent => format!(
                "It has not succeeded for {waited}, though workers live; their log says why. \
                 What to do: backstay doctor"
            ),
            Rule::Unread => format!(
                "Groups of equal errors that nobody has looked at: {}, the oldest for {waited}. \
                 What to do: backstay dead list --kind {subject}",
                self.number("groups")
            ),
            Rule::PoolBroken => format!(
                "A worker claims no job for it, and tries it again after 1, 2, 4 and at most 60 s: {}. \
                 No job is billed. What to do: mend the program; backstay check",
                clip_chars(&self.word("error", "no message"), DETAIL_CHARS)
            ),
            Rule::KindBraked => format!(
                "Attempts that crashed or ran out of memory without one that completed: {}. A worker \
                 starts one at a time now, with growing pauses, until one completes. \
                 What to do: backstay jobs list --kind {subject}",
                self.number("endings")
            ),
            Rule::Brake => format!(
                "A worker on {} has claimed less for {waited}, so as not to make it worse: {}. What runs goes \
                 on, and verdicts are written. It ends by itself. What to do: backstay doctor",
                self.word("host", "some host"),
                clip_chars(&self.word("reason", "no reason"), DETAIL_CHARS)
            ),
            Rule::Isolation if subject == "level" => format!(
                "A worker there claims nothing more, since its jobs would run with less than it promises: {}. \
                 What runs goes on. It tries again by itself, at the latest after 60 s. \
                 What to do there: backstay doctor --limits",
                clip_chars(&self.word("error", "no message"), DETAIL_CHARS)
            ),
            Rule::NeedsMemory => format!(
                "It asks for {} MiB, jobs of the queue have waited for {waited}, and none of its workers has so much for all \
                 jobs together. Those behind it are not held up. \
                 What to do: give a worker more, or: backstay jobs list --queue {subject}",
                self.number("memory_mib")
            ),
            Rule::Isolation => format!(
                "Memory on {} was used up by more than what jobs may have. The job was given back and runs again; all \
                 jobs together may use {} there until the next start. What to do: give the container more memory, or \
                 find what else runs in it; backstay doctor",
                self.word("host", "some host"),
                self.word("budget", "less")
            ),
            Rule::TooBig => format!(
                "Attempts that used more than {} % of their memory limit within {}: {}, the largest {} of {}. \
                 The next may be killed. What to do: backstay kinds list, which says what limit fits",
                self.number("percent"),
                self.span("within_ms"),
                self.number("attempts"),
                self.size("peak_kib"),
                self.size("limit_kib")
            ),
            Rule::InterruptedOften => format!(
                "Jobs that were given back {} times by the stop of their worker, and have saved no checkpoint \
                 since: {}, such as {}. They never die of it, and never get done. What to do: save checkpoints, or raise \
                 drain_timeout; backstay jobs show {}",
                self.number("interruptions"),
                self.number("jobs"),
                self.number("job"),
                self.number("job")
            ),
            Rule::CronMissed if self.number("dropped") > 0 => format!(
                "Ticks that nobody ran in time and that its policy drops: {}. What to do: see that workers run; \
                 backstay cron list, and for what is needed all the same: backstay cron backfill {subject} FROM TO",
                self.number("dropped")
            ),
            Rule::CronMissed => format!(
                "A tick ran {waited} late, for no worker was there before. What to do: backstay workers list"
            ),
            Rule::AlertsFailing => format!(
                "Messages that wait for it: {}. The last answer: {}. They are tried for three days. \
                 What to do: backstay alerts test {subject}",
                self.number("messages"),
                clip_chars(&self.word("error", "none"), DETAIL_CHARS)
            ),
            _ => format!("What to do: backstay doctor ({subject})"),
        }
    }

    fn death(&self) -> String {
        let newest = &self.news.newest;
        let kind = newest.kind.as_deref().unwrap_or("job");
        let job = newest.job.map_or(String::new(), |id| format!(" {id}"));
        let attempt = self.job.and_then(|job| job["attempt"].as_i64()).unwrap_or(0);
        let tried = if attempt > 0 { format!(" in attempt {attempt}") } else { String::new() };
        let queue =
            newest.queue.as_deref().map_or(String::new(), |name| format!(" (queue {name})"));
        let reason = newest.reason.as_deref().unwrap_or("unknown");
        let look = match &self.news.fingerprint {
            Some(fingerprint) => format!("backstay dead show {fingerprint}"),
            None => format!("backstay dead list --kind {kind}"),
        };
        let owner = self.owner.map_or(String::new(), |owner| format!(" Owner: {owner}."));
        format!("{kind}{job}{queue} died{tried}, reason {reason}.{owner} What to do: {look}")
    }

    fn word(&self, field: &str, without: &str) -> String {
        self.detail[field].as_str().unwrap_or(without).to_owned()
    }

    fn number(&self, field: &str) -> i64 {
        self.detail[field].as_i64().unwrap_or(0)
    }

    /// In whole seconds: nobody reads milliseconds of minutes.
    fn waited(&self) -> String {
        self.span("waited_ms")
    }

    fn span(&self, field: &str) -> String {
        format_duration(Duration::from_secs(self.detail[field].as_u64().unwrap_or(0) / 1000))
    }

    fn size(&self, kib: &str) -> String {
        format!("{} MiB", self.detail[kib].as_u64().unwrap_or(0).div_ceil(1024))
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::json;

    use super::super::fold::{Cause, How, Raised};
    use super::*;

    fn news(rule: Rule, subject: &str, fingerprint: Option<&str>) -> News {
        let cause = if rule.is_about_deaths() { Cause::Death } else { Cause::Rule(rule) };
        News {
            rule,
            subject: subject.to_owned(),
            how: How::Write { due_in: Duration::ZERO },
            resolved: false,
            opens: false,
            rows: vec![1, 2],
            first_at: Timestamp::UNIX_EPOCH,
            newest: Raised {
                id: 2,
                raised_at: Timestamp::UNIX_EPOCH,
                cause,
                subject: subject.to_owned(),
                kind: Some("report".into()),
                queue: Some("reports".into()),
                reason: Some("failed".into()),
                job: Some(41),
                title: Some("failed: no such month".into()),
                resolved: false,
            },
            fingerprint: fingerprint.map(str::to_owned),
        }
    }

    #[test]
    fn a_death_says_which_job_died_of_what_and_where_to_look() {
        let scene = Scene {
            environment: Some("production"),
            job: Some(json!({"id": "41", "attempt": 4})),
            ..Scene::default()
        };
        let alert = compose(&news(Rule::First, "a3f19c02", Some("a3f19c02")), Rule::First, scene);
        assert_eq!(alert.title, "report died: failed: no such month");
        assert_eq!(
            alert.text,
            "report 41 (queue reports) died in attempt 4, reason failed. \
             What to do: backstay dead show a3f19c02"
        );
        let hers = Scene { owner: Some("ana"), ..Scene::default() };
        let owned = compose(&news(Rule::Again, "a3f19c02", Some("a3f19c02")), Rule::Again, hers);
        assert!(owned.text.contains("reason failed. Owner: ana. What to do:"), "{}", owned.text);
        assert_eq!((owned.owner.as_deref(), alert.owner.as_deref()), (Some("ana"), None));
        assert_eq!(alert.dedupe_key, "production/dead/a3f19c02");
        assert_eq!((alert.count, alert.severity), (2, Severity::Error));
    }

    #[test]
    fn a_storm_of_different_errors_points_at_the_kind() {
        let alert = compose(&news(Rule::Burst, "report", None), Rule::Burst, Scene::default());
        assert_eq!(alert.title, "report dies of many different errors");
        assert!(alert.text.ends_with("What to do: backstay dead list --kind report"));
    }

    #[test]
    fn every_rule_has_a_title_and_says_what_to_do() {
        for rule in Rule::ALL {
            let detail = json!({"host": "app-1", "jobs": 3, "waited_ms": 312_400});
            let scene = Scene { detail, ..Scene::default() };
            let alert = compose(&news(rule, "reports", None), rule, scene);
            assert!(!alert.title.is_empty() && alert.text.contains("backstay "), "{rule}");
        }
    }

    #[test]
    fn an_incident_that_is_over_keeps_its_key_and_title_and_alarms_nobody() {
        let open = compose(&news(Rule::NoWorker, "mail", None), Rule::NoWorker, Scene::default());
        let over = News { resolved: true, ..news(Rule::NoWorker, "mail", None) };
        let over = compose(&over, Rule::NoWorker, Scene::default());
        assert_eq!((&over.title, &over.dedupe_key), (&open.title, &open.dedupe_key));
        assert_eq!((over.state, over.severity), (AlertState::Resolved, Severity::Info));
    }
}
