//! A job dies in a worker, and somebody hears of it.

use std::pin::Pin;
use std::time::{Duration, Instant};

use backstay::model::alert::{Alert, Rule};
use backstay::{Database, Deliver, DeliverError, Fail, Job, Queue, Worker, enqueue};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::database::{connect, fresh};

#[derive(Serialize, Deserialize, Job)]
#[job(kind = "report")]
struct Report {
    month: String,
}

async fn report(_: Report) -> Result<(), Fail> {
    Err(Fail::dead("no such month"))
}

struct Inbox(UnboundedSender<Alert>);

impl Deliver for Inbox {
    fn deliver<'a>(
        &'a self,
        alert: &'a Alert,
    ) -> Pin<Box<dyn Future<Output = Result<(), DeliverError>> + Send + 'a>> {
        Box::pin(async {
            self.0.send(alert.clone()).map_err(|_| DeliverError::later("the test is over"))
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g10_a_death_is_told_with_its_job_and_what_to_do() {
    let Some(db) = fresh() else { return };
    let (heard, mut hears) = unbounded_channel();
    let database = Database::connect(&db.url).await.unwrap();
    let worker = Worker::without_state()
        .queue(Queue::new("default").inline())
        .handle(report)
        .channel("team", Inbox(heard))
        .build()
        .unwrap();
    let mut running = worker.start(&database).await.unwrap();
    let client = connect(&db.url).await;
    let job = enqueue(&client, Report { month: "CANARY".into() }).await.unwrap();

    let heard = tokio::time::timeout(Duration::from_secs(30), hears.recv()).await;
    let alert = heard.expect("within half a minute").unwrap();
    assert_eq!((alert.rule, alert.count), (Rule::First, 1));
    assert_eq!(alert.title, "report died: rejected: no such month");
    let fingerprint = alert.fingerprint.clone().unwrap();
    assert!(alert.text.ends_with(&format!("backstay dead show {fingerprint}")), "{}", alert.text);
    let document = alert.job.as_ref().unwrap();
    assert_eq!(document["id"], job.id.to_string());
    assert!(!serde_json::to_string(&alert).unwrap().contains("CANARY"), "no args");

    let began = Instant::now();
    running.drain().await;
    running.join().await;
    assert!(began.elapsed() < Duration::from_secs(10));
    let told =
        "select count(*) from backstay.message m join backstay.alert a on a.message_id = m.id
                 where m.delivered_at is not null and a.job_id = $1";
    let n: i64 = client.query_one(told, &[&job.id]).await.unwrap().get(0);
    assert_eq!(n, 1);
    let group = backstay::inspect::dead_group(&database, &fingerprint).await.unwrap().unwrap();
    assert_eq!(group.releases, [env!("CARGO_PKG_VERSION")]);
}
