//! What Backstay says to the outside: alerts to people, by webhook, Slack, mail or a command, and jobs to `http` handlers.
//!
//! [`channels`] makes them of the settings; a worker delivers by them. A channel says `Ok` only when
//! the other side has accepted. Everything else is tried again for three days: an address may be
//! mended, a key replaced, a program deployed meanwhile. For that reason no answer is final, not
//! even a 404.
//!
//! ```
//! # use backstay::config::AlertSettings;
//! # fn of(settings: &AlertSettings) -> Result<(), backstay_alert::ChannelError> {
//! let channels = backstay_alert::channels(settings)?;
//! let worker = backstay::Worker::without_state().channels(channels);
//! # Ok(())
//! # }
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use backstay::config::{AlertSettings, Way};
use backstay::model::alert::{Alert, AlertState, Rule, dedupe_key};
use backstay::{Channels, Deliver, DeliverError, Ping};

pub mod address;
mod call;
mod command;
mod dead_man;
mod email;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzz;
mod handler;
mod message;
mod reason;
#[cfg(test)]
#[path = "../../../fuzz/replay.rs"]
mod replay;
pub mod sign;
mod slack;
/// For the other crates of Backstay; it may change with any version.
#[doc(hidden)]
pub mod tls;
mod webhook;

pub use handler::pushes;
pub use reason::{ChannelError, HandlerError, Reason};

/// Makes the channels of the settings, with their routes; the environment is the worker's to add.
///
/// # Errors
///
/// BS402 for the first channel whose address makes no sense or may not be called.
pub fn channels(settings: &AlertSettings) -> Result<Channels, ChannelError> {
    let mut by_name: BTreeMap<String, Arc<dyn Deliver>> = BTreeMap::new();
    for channel in &settings.channels {
        let made = make(&channel.way, settings)
            .map_err(|reason| ChannelError { channel: channel.name.clone(), reason })?;
        by_name.insert(channel.name.clone(), made);
    }
    let dead_man = match &settings.dead_man {
        None => None,
        Some(url) => {
            let made = dead_man::DeadMan::new(url, &settings.allow_networks)
                .map_err(|reason| ChannelError { channel: "dead_man".into(), reason })?;
            Some(Arc::new(made) as Arc<dyn Ping>)
        }
    };
    Ok(Channels {
        by_name,
        dead_man,
        routes: settings.routes.clone(),
        quiet: Some(settings.quiet),
        environment: None,
    })
}

fn make(way: &Way, settings: &AlertSettings) -> Result<Arc<dyn Deliver>, Reason> {
    let allowed = &settings.allow_networks;
    Ok(match way {
        Way::Webhook { url, secret } => Arc::new(webhook::Webhook::new(url, secret, allowed)?),
        Way::Slack { url } => Arc::new(slack::Slack::new(url, allowed)?),
        Way::Email { to, from, smtp } => Arc::new(email::Email::new(to, from, smtp)?),
        Way::Command { argv, timeout } => Arc::new(command::Command::new(argv, *timeout)),
    })
}

/// Sends a test alert through one channel; how long that took.
///
/// # Errors
///
/// What the channel said, without its address.
///
/// # Cancellation
///
/// May be dropped; the other side may have accepted then.
pub async fn test(
    channel: &dyn Deliver,
    environment: Option<&str>,
) -> Result<Duration, DeliverError> {
    let began = Instant::now();
    channel.deliver(&trial(environment)).await?;
    Ok(began.elapsed())
}

fn trial(environment: Option<&str>) -> Alert {
    let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    let now = i64::try_from(since.as_secs()).ok();
    let now =
        now.and_then(|seconds| jiff::Timestamp::from_second(seconds).ok()).unwrap_or_default();
    Alert {
        id: format!("test-{}", since.as_millis()),
        dedupe_key: dedupe_key(environment, Rule::Test, "alerts"),
        rule: Rule::Test,
        subject: "alerts".into(),
        severity: Rule::Test.severity(),
        state: AlertState::Open,
        title: "this is a test".into(),
        text: "Somebody tries out this channel. Nothing is wrong.".into(),
        link: None,
        environment: environment.map(str::to_owned),
        count: 1,
        first_at: now,
        last_at: now,
        fingerprint: None,
        owner: None,
        kind: None,
        queue: None,
        job: None,
    }
}

#[cfg(test)]
mod tests;
