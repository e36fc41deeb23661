//! Hands messages to their channels until they are accepted or given up, outside of transactions.
//!
//! A message that is taken is held for a minute. Whoever dies between the acceptance and its note
//! leaves it to the next one, which sends it again under the same id: at least once, never lost.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, Notify, watch};
use tokio::task::JoinSet;

use crate::failpoint::failpoint;
use crate::model::alert::{Alert, AlertState, LOG, Rule, next_try};
use crate::model::bounds::{ERROR_MESSAGE_BYTES, clip};
use crate::model::event::{self, Event};
use crate::runtime::deliver::{Channels, Deliver, DeliverError};
use crate::runtime::figures::Tally;
use crate::store::StoreError;
use crate::store::alert::{self, DueMessage};
use crate::store::statement::Link;

/// Calls at the same time.
const AT_ONCE: usize = 8;
/// Nobody else tries a message for this long.
const HOLD: Duration = Duration::from_secs(60);
/// A channel must answer before the hold ends.
const CALL: Duration = Duration::from_secs(55);
/// A channel that is not known here may be known to a worker with newer settings; after this time
/// the log gets its messages.
const STRANGE: Duration = Duration::from_secs(5 * 60);
/// How often a note is tried, a second apart, while the connection is away. After that the hold ends.
const NOTES: u32 = 30;
/// At the end of a worker its calls under way get this long.
const AT_END: Duration = Duration::from_secs(3);

/// The delivering task of one worker.
#[derive(Clone)]
pub(crate) struct Courier {
    link: Arc<Mutex<Option<Link>>>,
    channels: Arc<Channels>,
    wake: Arc<Notify>,
    tally: Tally,
}

impl Courier {
    pub(crate) fn new(
        link: Arc<Mutex<Option<Link>>>,
        channels: Arc<Channels>,
        wake: Arc<Notify>,
        tally: Tally,
    ) -> Courier {
        Courier { link, channels, wake, tally }
    }

    /// Delivers what is due whenever it is woken, until it is told to stop.
    pub(crate) async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut calls = JoinSet::new();
        loop {
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => break,
                () = self.wake.notified() => {}
                Some(_) = calls.join_next() => {}
            }
            self.take(&mut calls).await;
        }
        // What does not end in time is sent again by another worker.
        drop(tokio::time::timeout(AT_END, calls.join_all()).await);
    }

    /// Starts a call for each due message that there is room for.
    async fn take(&self, calls: &mut JoinSet<()>) {
        while calls.try_join_next().is_some() {}
        let room = AT_ONCE - calls.len().min(AT_ONCE);
        if room == 0 {
            return;
        }
        for message in self.due(room).await {
            let courier = self.clone();
            calls.spawn(async move { courier.carry(message).await });
        }
    }

    pub(super) async fn due(&self, room: usize) -> Vec<DueMessage> {
        let guard = self.link.lock().await;
        let Some(link) = guard.as_ref().filter(|link| !link.is_closed()) else {
            return Vec::new();
        };
        let mut known = self.channels.names();
        known.push(LOG);
        let room = i32::try_from(room).expect("a small number");
        match alert::due_messages(link, room, HOLD, &known, STRANGE).await {
            Ok(messages) => messages,
            Err(error) => {
                // The duties' own statements meet the same error, and it is told there.
                tracing::debug!(target: "backstay", "due messages cannot be read: {error}");
                Vec::new()
            }
        }
    }

    /// Brings one message to its channel and notes what came of it.
    pub(super) async fn carry(&self, message: DueMessage) {
        let alert = match serde_json::from_str::<Alert>(&message.body) {
            Ok(alert) => Alert { id: message.id.to_string(), ..alert },
            Err(error) => return self.unreadable(&message, &error.to_string()).await,
        };
        failpoint!(pass "alert.before_send");
        let answer = match self.channels.by_name.get(&message.channel) {
            Some(channel) => call(channel.clone(), alert.clone()).await,
            // Nobody hears of a test in the log.
            None if alert.rule == Rule::Test && message.channel != LOG => {
                Err(DeliverError::never("no worker has this channel"))
            }
            None => {
                log(&alert);
                return self.note(message.id, &Note::Accepted).await;
            }
        };
        match answer {
            Ok(()) => {
                failpoint!(pass "alert.after_accept");
                self.note(message.id, &Note::Accepted).await;
                self.tally.note(|figures| figures.alerted(&message.channel, "sent"));
                event::emit(&Event::AlertSent {
                    channel: message.channel,
                    rule: alert.rule.to_string(),
                    subject: alert.subject,
                    count: alert.count,
                });
            }
            Err(error) => self.failed(&message, &alert, &error).await,
        }
    }

    async fn failed(&self, message: &DueMessage, alert: &Alert, error: &DeliverError) {
        let error_is_final = error.is_final();
        let error = clip(&error.to_string(), ERROR_MESSAGE_BYTES);
        let (channel, rule) = (message.channel.clone(), alert.rule.to_string());
        let subject = alert.subject.clone();
        // Whoever tries a channel out wants to know what it says, and not later.
        let is_over = error_is_final || alert.rule == Rule::Test;
        match next_try(message.tries, message.due_for).filter(|_| !is_over) {
            Some(again_in) => {
                self.note(message.id, &Note::Failed { error: &error, again_in }).await;
                self.tally.note(|figures| figures.alerted(&channel, "failed"));
                event::emit(&Event::AlertFailed { channel, rule, subject, again_in, error });
            }
            None => {
                self.note(message.id, &self.given_up(&message.channel, alert.rule, &error)).await;
                self.tally.note(|figures| figures.alerted(&channel, "undeliverable"));
                event::emit(&Event::AlertUndeliverable { channel, rule, subject, error });
                self.wake.notify_one();
            }
        }
    }

    /// Kept, shown, and told on every other channel; that channels fail is told there already, and a test is for its channel alone.
    fn given_up<'a>(&'a self, channel: &'a str, rule: Rule, error: &'a str) -> Note<'a> {
        let mut others: Vec<&str> = self.channels.names();
        others.retain(|name| *name != channel && *name != LOG);
        others.push(LOG);
        if matches!(rule, Rule::AlertsFailing | Rule::Test) {
            others.clear();
        }
        Note::GivenUp { error, others, remark: format!("Channel {channel} did not take this. ") }
    }

    /// A body that only a newer worker can read is left to that one for as long as any other.
    async fn unreadable(&self, message: &DueMessage, error: &str) {
        let error = format!("message {} cannot be read here: {error}", message.id);
        let Some(again_in) = next_try(message.tries, message.due_for) else {
            let remark = String::new();
            let note = Note::GivenUp { error: &error, others: Vec::new(), remark };
            self.note(message.id, &note).await;
            let (channel, subject) = (message.channel.clone(), message.id.to_string());
            let rule = "unknown".to_owned();
            return event::emit(&Event::AlertUndeliverable { channel, rule, subject, error });
        };
        self.note(message.id, &Note::Failed { error: &error, again_in }).await;
    }

    /// Writes a note, again and again while the connection is away: without it people are told twice.
    async fn note(&self, message: i64, note: &Note<'_>) {
        for _ in 0..NOTES {
            if let Some(link) = self.link.lock().await.as_ref()
                && note.write(link, message).await.is_ok()
            {
                return;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        tracing::warn!(target: "backstay", "what a channel answered could not be noted; its message is sent again");
    }
}

/// What came of a call.
enum Note<'a> {
    Accepted,
    Failed { error: &'a str, again_in: Duration },
    GivenUp { error: &'a str, others: Vec<&'a str>, remark: String },
}

impl Note<'_> {
    async fn write(&self, link: &Link, message: i64) -> Result<(), StoreError> {
        match self {
            Note::Accepted => alert::message_accepted(link, message).await,
            Note::Failed { error, again_in } => {
                alert::message_failed(link, message, error, *again_in).await
            }
            Note::GivenUp { error, others, remark } => {
                alert::message_given_up(link, message, error, others, remark).await
            }
        }
    }
}

/// In a task of its own, so that a channel that panics has failed and nothing more.
async fn call(channel: Arc<dyn Deliver>, alert: Alert) -> Result<(), DeliverError> {
    let mut one = JoinSet::new();
    one.spawn(async move { channel.deliver(&alert).await });
    match tokio::time::timeout(CALL, one.join_next()).await {
        Ok(Some(Ok(answer))) => answer,
        Ok(_) => Err(DeliverError::later("the channel panicked")),
        Err(_) => Err(DeliverError::later(format!("no answer within {} s", CALL.as_secs()))),
    }
}

/// The channel that is always there: a line in the log.
fn log(alert: &Alert) {
    event::emit(&Event::AlertLogged {
        rule: alert.rule.to_string(),
        subject: alert.subject.clone(),
        count: alert.count,
        headline: alert.headline(),
        text: alert.text.clone(),
        resolved: alert.state == AlertState::Resolved,
    });
}
