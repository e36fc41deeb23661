//! Calls somebody outside once a minute while all goes well, who tells people when the calls stop.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::runtime::deliver::Ping;
use crate::store::statement::Link;
use crate::store::{StoreError, duty};

/// Those who watch wait for the next call anyway.
const CALL: Duration = Duration::from_secs(20);

/// The dead-man's switch of one worker; only one worker of a fleet uses its own.
pub(crate) struct DeadMan {
    ping: Option<Arc<dyn Ping>>,
    call: Option<JoinHandle<()>>,
}

impl DeadMan {
    pub(crate) fn new(ping: Option<Arc<dyn Ping>>) -> DeadMan {
        DeadMan { ping, call: None }
    }

    /// One call, where all goes well; it is not waited for.
    pub(crate) async fn tick(&mut self, link: &Link) -> Result<(), StoreError> {
        let Some(ping) = self.ping.clone() else { return Ok(()) };
        if !duty::alive(link).await? {
            tracing::warn!(target: "backstay", "the dead-man's switch is not called: no worker takes over lost jobs, or none tells alerts");
            return Ok(());
        }
        if self.call.as_ref().is_none_or(JoinHandle::is_finished) {
            self.call = Some(tokio::spawn(call(ping)));
        }
        Ok(())
    }
}

async fn call(ping: Arc<dyn Ping>) {
    match tokio::time::timeout(CALL, ping.ping()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            tracing::warn!(target: "backstay", "the dead-man's switch did not take the call: {error}");
        }
        Err(_) => {
            tracing::warn!(target: "backstay", "the dead-man's switch did not answer within {} s", CALL.as_secs());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;

    use tokio::sync::mpsc;

    use super::*;
    use crate::runtime::deliver::DeliverError;
    use crate::store::database::{Database, Purpose};

    struct Switch(mpsc::UnboundedSender<()>);

    impl Ping for Switch {
        fn ping<'a>(
            &'a self,
        ) -> Pin<Box<dyn Future<Output = Result<(), DeliverError>> + Send + 'a>> {
            self.0.send(()).unwrap();
            Box::pin(async { Err(DeliverError::later("it is out of order")) })
        }
    }

    #[tokio::test]
    async fn the_switch_is_called_only_while_lost_jobs_are_taken_over_and_alerts_are_told() {
        if crate::testing::is_skipped() {
            return;
        }
        let place = crate::testing::place::make().await;
        let database = Database::connect(&place.url).await.unwrap();
        let link = database.open(Purpose::Duty, None).await.unwrap();
        let (called, mut calls) = mpsc::unbounded_channel();
        let mut dead_man = DeadMan::new(Some(Arc::new(Switch(called))));
        dead_man.tick(&link).await.unwrap();
        assert!(dead_man.call.is_none(), "no duty has ever succeeded");
        let done = "insert into backstay.duty (name, last_ok_at, last_worker, last_ms)
                    select d, now(), gen_random_uuid(), 1 from unnest(array['rescue', 'alert']) d";
        link.batch(done).await.unwrap();
        dead_man.tick(&link).await.unwrap();
        calls.recv().await.unwrap();
        dead_man.call.take().unwrap().await.unwrap();
        dead_man.tick(&link).await.unwrap();
        calls.recv().await.unwrap();
        dead_man.call.take().unwrap().await.unwrap();
        let stale =
            "update backstay.duty set last_ok_at = now() - interval '2 min' where name = 'alert'";
        link.batch(stale).await.unwrap();
        dead_man.tick(&link).await.unwrap();
        assert!(dead_man.call.is_none(), "nobody tells alerts any more");
    }
}
