//! Folds what was raised into messages for the channels of its routes, and looks for states that people must know.
//!
//! All of one round is one transaction, so a row of the outbox is told of exactly once. Delivery is
//! another task: see [`courier`].

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{Mutex, Notify};

use self::courier::Courier;
use crate::failpoint::failpoint;
use crate::model::alert::{
    Alert, Deaths, Folding, How, News, Pace, Raised, Scene, compose, fold, subjects,
};
use crate::model::bounds::ALERTS_PER_ROUND;
use crate::model::config::Settings;
use crate::model::route::{About, channels_for};
use crate::runtime::deliver::Channels;
use crate::runtime::figures::Tally;
use crate::store::statement::Link;
use crate::store::{StoreError, alert};

pub(crate) mod courier;

/// After this time hot tables are slow (`doctor` warns then, too).
const HORIZON: Duration = Duration::from_secs(15 * 60);

/// The alert duty of one worker.
pub(crate) struct Alerts {
    channels: Arc<Channels>,
    pace: Pace,
    unread: Duration,
    /// Queues that promise to start their jobs within a time.
    prompt: Vec<(String, Duration)>,
    /// How long a transaction may keep the database from cleaning up.
    horizon: Duration,
    wake: Arc<Notify>,
    tally: Tally,
}

impl Alerts {
    pub(crate) fn new(channels: Channels, settings: &Settings, tally: Tally) -> Alerts {
        let prompt = settings
            .queues
            .iter()
            .filter_map(|queue| Some((queue.name.clone(), queue.start_within?)))
            .collect();
        let quiet = channels.quiet.unwrap_or(settings.alerts.quiet);
        Alerts {
            channels: Arc::new(channels),
            pace: Pace { quiet, ..Pace::default() },
            unread: settings.alerts.unread,
            prompt,
            horizon: HORIZON,
            wake: Arc::default(),
            tally,
        }
    }

    /// The task that delivers: it works on the duties' connection, between their statements.
    pub(crate) fn courier(&self, link: Arc<Mutex<Option<Link>>>) -> Courier {
        Courier::new(link, self.channels.clone(), self.wake.clone(), self.tally.clone())
    }

    /// Looks for states that hold or are over.
    pub(crate) async fn watch(&self, link: &Link) -> Result<(), StoreError> {
        alert::watch(link, self.unread, &self.prompt, self.horizon).await
    }

    /// One round, and the courier looks for what is due.
    pub(crate) async fn tick(&self, link: &Link) -> Result<(), StoreError> {
        link.batch("begin isolation level read committed").await?;
        let folded = self.round(link).await;
        // What fails half-way must not leave its transaction to the courier.
        link.batch(if folded.is_ok() { "commit" } else { "rollback" }).await.and(folded)?;
        self.wake.notify_one();
        Ok(())
    }

    async fn round(&self, link: &Link) -> Result<(), StoreError> {
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
        let told = self.tell(link, &folding.news, details).await?;
        let silent = folding.silent.iter().map(|id| (*id, 0));
        let (ids, messages): (Vec<i64>, Vec<i64>) = told.into_iter().chain(silent).unzip();
        alert::alerts_folded(link, &ids, &messages).await
    }

    /// Writes or changes the messages; which row of the outbox is told by which message.
    async fn tell(
        &self,
        link: &Link,
        news: &[News],
        mut details: HashMap<i64, Value>,
    ) -> Result<Vec<(i64, i64)>, StoreError> {
        let jobs: Vec<i64> = news.iter().filter_map(|one| one.newest.job).collect();
        let mut jobs = alert::told_jobs(link, &jobs).await?;
        let mut told = Vec::new();
        for one in news {
            let scene = Scene {
                environment: self.channels.environment.as_deref(),
                detail: details.remove(&one.newest.id).unwrap_or_default(),
                job: one.newest.job.and_then(|job| jobs.remove(&job)),
            };
            let message = self.tell_one(link, one, scene).await?;
            told.extend(one.rows.iter().map(|row| (*row, message)));
        }
        Ok(told)
    }

    /// One message for each channel; the id of the first. What waits in a channel is changed there; a
    /// channel in which nothing waits any more gets a message of its own.
    async fn tell_one(
        &self,
        link: &Link,
        news: &News,
        scene: Scene<'_>,
    ) -> Result<i64, StoreError> {
        let rule = match news.how {
            How::Extend { of } => of,
            How::Write { .. } | How::Hasten { .. } => news.rule,
        };
        let alert = compose(news, rule, scene);
        let mut first = None;
        for channel in self.channels_of(&alert) {
            let waiting = match news.how {
                How::Write { .. } => None,
                How::Extend { .. } => alert::extend_message(link, &channel, &alert).await?,
                How::Hasten { of, due_in } => {
                    alert::hasten_message(link, &channel, of, &alert, due_in).await?
                }
            };
            let message = match (waiting, news.how) {
                (Some(id), _) => id,
                (None, How::Write { due_in } | How::Hasten { due_in, .. }) => {
                    alert::write_message(link, &channel, &alert, due_in).await?
                }
                (None, How::Extend { .. }) => {
                    alert::write_message(link, &channel, &alert, self.pace.quiet).await?
                }
            };
            first.get_or_insert(message);
        }
        Ok(first.expect("the log is a channel"))
    }

    fn channels_of(&self, alert: &Alert) -> Vec<String> {
        let about = About {
            rule: alert.rule,
            subject: &alert.subject,
            queue: alert.queue.as_deref(),
            kind: alert.kind.as_deref(),
        };
        channels_for(&about, &self.channels.routes, &self.channels.names())
    }
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
