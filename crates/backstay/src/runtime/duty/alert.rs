//! Folds what was raised into messages for the channels of its routes, and looks for states that people must know.
//!
//! All of one round is one transaction, so a row of the outbox is told of exactly once. Delivery is
//! another task: see [`courier`].

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::{Mutex, Notify};

use self::courier::Courier;
use crate::failpoint::failpoint;
use crate::model::alert::{
    Alert, Deaths, Folding, How, Incident, News, Pace, Raised, Rule, Scene, Subject, compose, fold,
    subjects,
};
use crate::model::bounds::ALERTS_PER_ROUND;
use crate::model::config::Settings;
use crate::model::route::{About, Turn, turns_for};
use crate::model::unit::format_duration;
use crate::runtime::deliver::Channels;
use crate::runtime::figures::Tally;
use crate::store::alert::Marks;
use crate::store::statement::Link;
use crate::store::{StoreError, alert};

pub(crate) mod courier;

/// After this time hot tables are slow (`doctor` warns then, too).
const HORIZON: Duration = Duration::from_secs(15 * 60);

/// The alert duty of one worker.
pub(crate) struct Alerts {
    channels: Arc<Channels>,
    pace: Pace,
    marks: Marks,
    wake: Arc<Notify>,
    tally: Tally,
    /// Others know which channels there are.
    known: AtomicBool,
}

impl Alerts {
    pub(crate) fn new(channels: Channels, settings: &Settings, tally: Tally) -> Alerts {
        let prompt = settings
            .queues
            .iter()
            .filter_map(|queue| Some((queue.name.clone(), queue.start_within?)))
            .collect();
        let of_alerts = &settings.alerts;
        let off = of_alerts.rules.iter().filter(|one| !one.enabled).map(|one| one.rule);
        let pace = Pace {
            quiet: channels.quiet.unwrap_or(of_alerts.quiet),
            quiet_of: of_alerts
                .rules
                .iter()
                .filter_map(|one| Some((one.rule, one.quiet?)))
                .collect(),
            off: off.collect(),
            ..Pace::default()
        };
        let marks = Marks {
            unread: of_alerts.unread,
            prompt,
            horizon: HORIZON,
            off: pace.off.iter().map(|rule| rule.as_str()).collect(),
            big: of_alerts.rule(Rule::TooBig),
            interrupted: of_alerts.rule(Rule::InterruptedOften).times,
        };
        Alerts {
            channels: Arc::new(channels),
            pace,
            marks,
            wake: Arc::default(),
            tally,
            known: AtomicBool::new(false),
        }
    }

    /// The task that delivers: it works on the duties' connection, between their statements.
    pub(crate) fn courier(&self, link: Arc<Mutex<Option<Link>>>) -> Courier {
        Courier::new(link, self.channels.clone(), self.wake.clone(), self.tally.clone())
    }

    /// Looks for states that hold or are over.
    pub(crate) async fn watch(&self, link: &Link) -> Result<(), StoreError> {
        alert::know_channels(link, &self.channels.names()).await?;
        alert::watch(link, &self.marks).await
    }

    /// One round, and the courier looks for what is due.
    pub(crate) async fn tick(&self, link: &Link) -> Result<(), StoreError> {
        // The first look comes half a minute after a start.
        if !self.known.load(Ordering::Relaxed) {
            alert::know_channels(link, &self.channels.names()).await?;
            self.known.store(true, Ordering::Relaxed);
        }
        link.batch("begin isolation level read committed").await?;
        let folded = self.round(link).await;
        // What fails half-way must not leave its transaction to the courier.
        link.batch(if folded.is_ok() { "commit" } else { "rollback" }).await.and(folded)?;
        self.wake.notify_one();
        Ok(())
    }

    async fn round(&self, link: &Link) -> Result<(), StoreError> {
        alert::steps_ended(link).await?;
        let most = i32::try_from(ALERTS_PER_ROUND).expect("a small number");
        let (raised, details): (Vec<Raised>, Vec<Value>) =
            alert::new_alerts(link, most).await?.into_iter().unzip();
        if raised.is_empty() {
            return Ok(());
        }
        failpoint!("alert.before_fold");
        let (known, now) = alert::incidents(link, subjects(&raised)).await?;
        let folding = fold(now, &raised, &known, &self.pace);
        alert::fold_groups(link, &each_group_once(&folding)).await?;
        let details = raised.iter().map(|row| row.id).zip(details).collect();
        let owners = owners(&known);
        let told = self.tell(link, now, &folding.news, details, &owners).await?;
        let silent = folding.silent.iter().map(|id| (*id, 0));
        let (ids, messages): (Vec<i64>, Vec<i64>) = told.into_iter().chain(silent).unzip();
        alert::alerts_folded(link, &ids, &messages).await
    }

    /// Writes or changes the messages; which row of the outbox is told by which message.
    async fn tell(
        &self,
        link: &Link,
        now: Timestamp,
        news: &[News],
        mut details: HashMap<i64, Value>,
        owners: &HashMap<&str, &str>,
    ) -> Result<Vec<(i64, i64)>, StoreError> {
        let jobs: Vec<i64> = news.iter().filter_map(|one| one.newest.job).collect();
        let mut jobs = alert::told_jobs(link, &jobs).await?;
        let mut told = Vec::new();
        for one in news {
            let scene = Scene {
                environment: self.channels.environment.as_deref(),
                detail: details.remove(&one.newest.id).unwrap_or_default(),
                job: one.newest.job.and_then(|job| jobs.remove(&job)),
                owner: one.fingerprint.as_deref().and_then(|group| owners.get(group).copied()),
            };
            let message = self.tell_one(link, now, one, scene).await?;
            told.extend(one.rows.iter().map(|row| (*row, message)));
        }
        Ok(told)
    }

    /// One message for each channel; the id of the first. What begins is written for the later steps, too; what goes on is told
    /// to whoever heard of it by one.
    async fn tell_one(
        &self,
        link: &Link,
        now: Timestamp,
        news: &News,
        scene: Scene<'_>,
    ) -> Result<i64, StoreError> {
        let rule = match news.how {
            How::Extend { of } => of,
            How::Write { .. } | How::Hasten { .. } => news.rule,
        };
        let alert = compose(news, rule, scene);
        let (mut first, later): (Vec<Turn>, Vec<Turn>) =
            self.turns_of(&alert).into_iter().partition(|turn| turn.after.is_zero());
        if news.opens {
            self.begin_steps(link, now, news, &alert, &later).await?;
        } else if !later.is_empty() {
            if !news.resolved {
                alert::steps_extend(link, &alert).await?;
            }
            let reached = alert::steps_reached(link, &alert).await?;
            first.extend(joining(&first, later, &reached));
        }
        let mut told = None;
        for turn in &first {
            let message = self.hand(link, now, news, &alert, turn).await?;
            told.get_or_insert(message);
        }
        Ok(told.expect("the log is a channel"))
    }

    /// What waits in a channel is changed there; a channel in which nothing waits any more gets a message of its own.
    async fn hand(
        &self,
        link: &Link,
        now: Timestamp,
        news: &News,
        alert: &Alert,
        turn: &Turn,
    ) -> Result<i64, StoreError> {
        let channel = &turn.channel;
        let (waiting, due_in) = match news.how {
            How::Write { due_in } => {
                let held = turn.due_in(now, due_in);
                // Quiet hours: what waits there for their end takes it along.
                let waiting = if held > due_in {
                    alert::extend_message(link, channel, alert).await?
                } else {
                    None
                };
                (waiting, held)
            }
            How::Extend { .. } => {
                let waiting = alert::extend_message(link, channel, alert).await?;
                (waiting, turn.due_in(now, self.pace.quiet_of(alert.rule)))
            }
            How::Hasten { of, due_in } => {
                let held = turn.due_in(now, due_in);
                (alert::hasten_message(link, channel, of, alert, held).await?, held)
            }
        };
        match waiting {
            Some(id) => Ok(id),
            None => alert::write_message(link, channel, alert, due_in, Duration::ZERO).await,
        }
    }

    /// Writes the messages of the later steps; what ends the incident deletes them.
    async fn begin_steps(
        &self,
        link: &Link,
        now: Timestamp,
        news: &News,
        alert: &Alert,
        later: &[Turn],
    ) -> Result<(), StoreError> {
        alert::steps_begin(link, alert).await?;
        let due_in = match news.how {
            How::Write { due_in } | How::Hasten { due_in, .. } => due_in,
            How::Extend { .. } => Duration::ZERO,
        };
        for turn in later {
            let open_for = format_duration(turn.after);
            let text =
                format!("Open for {open_for}, and nobody has acknowledged it. {}", alert.text);
            let alert = Alert { text, ..alert.clone() };
            let due_in = turn.due_in(now, due_in.saturating_add(turn.after));
            alert::write_message(link, &turn.channel, &alert, due_in, turn.after).await?;
        }
        Ok(())
    }

    fn turns_of(&self, alert: &Alert) -> Vec<Turn> {
        let about = About {
            rule: alert.rule,
            subject: &alert.subject,
            queue: alert.queue.as_deref(),
            kind: alert.kind.as_deref(),
        };
        turns_for(&about, &self.channels.routes, &self.channels.names())
    }
}

/// Those of the later steps that were reached, each channel once, and none that is told anyway.
fn joining(first: &[Turn], later: Vec<Turn>, reached: &[String]) -> Vec<Turn> {
    let mut joining: Vec<Turn> = Vec::new();
    for turn in later.into_iter().filter(|turn| reached.contains(&turn.channel)) {
        if first.iter().chain(&joining).all(|told| told.channel != turn.channel) {
            joining.push(turn);
        }
    }
    joining
}

/// Who looks after which group.
fn owners(known: &HashMap<Subject, Incident>) -> HashMap<&str, &str> {
    let mut owners = HashMap::new();
    for (subject, incident) in known {
        if let Some(owner) = incident.group.as_ref().and_then(|group| group.owner.as_deref()) {
            owners.insert(subject.subject.as_str(), owner);
        }
    }
    owners
}

/// Two kinds may share a fingerprint by chance; one statement counts into a group once.
fn each_group_once(folding: &Folding) -> Vec<Deaths> {
    let mut groups: BTreeMap<&str, Deaths> = BTreeMap::new();
    for deaths in &folding.deaths {
        groups
            .entry(&deaths.fingerprint)
            .and_modify(|group| group.count += deaths.count)
            .or_insert_with(|| deaths.clone());
    }
    groups.into_values().collect()
}

#[cfg(test)]
mod tests;
