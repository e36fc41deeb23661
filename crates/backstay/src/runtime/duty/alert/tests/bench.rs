//! A database, channels that answer as they are told, and the duty between them.

use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use backstay_postgres::template::{self, TestDatabase};
use tokio::sync::{Mutex, Notify, mpsc};
use tokio_postgres::{Client, NoTls};
use uuid::Uuid;

use super::super::Alerts;
use super::super::courier::Courier;
use crate::model::alert::{Alert, Pace, Rule};
use crate::model::config::{Route, RuleSettings};
use crate::runtime::deliver::{Channels, Deliver, DeliverError};
use crate::runtime::figures::Tally;
use crate::store::alert::Marks;
use crate::store::database::{Database, Purpose};
use crate::store::statement::Link;
use crate::store::{duty, migrate};

/// What a channel does with a message.
pub(super) enum Answer {
    Fail,
    Never,
    Panic,
    TakeAndHang,
}

/// A channel that accepts unless told otherwise.
#[derive(Clone)]
pub(super) struct Inbox {
    answers: Arc<std::sync::Mutex<VecDeque<Answer>>>,
    heard: mpsc::UnboundedSender<Alert>,
}

pub(super) fn inbox() -> (Inbox, mpsc::UnboundedReceiver<Alert>) {
    let (heard, hears) = mpsc::unbounded_channel();
    (Inbox { answers: Arc::default(), heard }, hears)
}

impl Inbox {
    pub(super) fn answer(&self, answers: impl IntoIterator<Item = Answer>) {
        self.answers.lock().unwrap().extend(answers);
    }

    async fn take(&self, alert: &Alert) -> Result<(), DeliverError> {
        let answer = self.answers.lock().unwrap().pop_front();
        match answer {
            Some(Answer::Fail) => return Err(DeliverError::later("no route to host")),
            Some(Answer::Never) => return Err(DeliverError::never("no such channel")),
            Some(Answer::Panic) => panic!("a channel of somebody else"),
            Some(Answer::TakeAndHang) => {
                self.heard.send(alert.clone()).unwrap();
                std::future::pending::<()>().await;
            }
            // A test that does not listen to this channel has dropped the other end.
            None => drop(self.heard.send(alert.clone())),
        }
        Ok(())
    }
}

impl Deliver for Inbox {
    fn deliver<'a>(
        &'a self,
        alert: &'a Alert,
    ) -> Pin<Box<dyn Future<Output = Result<(), DeliverError>> + Send + 'a>> {
        Box::pin(self.take(alert))
    }
}

pub(super) struct Bench {
    link: Arc<Mutex<Option<Link>>>,
    alerts: Alerts,
    client: Client,
    _db: TestDatabase,
}

impl Bench {
    /// None where tests with a database are switched off.
    pub(super) async fn new(channels: Vec<(&str, Inbox)>, routes: Vec<Route>) -> Option<Bench> {
        if template::is_skipped() {
            return None;
        }
        let key: String = migrate::whole().iter().map(|step| step.sql).collect();
        let db = template::test_database(&key, run_sql, |url| apart(install(url)));
        let database = Database::connect(&db.url).await.unwrap();
        let link = database.open(Purpose::Duty, None).await.unwrap();
        let (client, connection) = tokio_postgres::connect(&db.url, NoTls).await.unwrap();
        tokio::spawn(connection);
        let by_name: BTreeMap<String, Arc<dyn Deliver>> = channels
            .into_iter()
            .map(|(name, inbox)| (name.to_owned(), Arc::new(inbox) as Arc<dyn Deliver>))
            .collect();
        let channels = Arc::new(Channels {
            by_name,
            routes,
            environment: Some("tests".into()),
            ..Channels::default()
        });
        let alerts = Alerts {
            channels,
            pace: Pace::default(),
            marks: Marks {
                unread: Duration::from_secs(24 * 3600),
                prompt: Vec::new(),
                horizon: super::super::HORIZON,
                off: Vec::new(),
                big: RuleSettings::of(Rule::TooBig),
                interrupted: 5,
            },
            wake: Arc::new(Notify::new()),
            tally: Tally::default(),
            known: AtomicBool::new(false),
        };
        Some(Bench { link: Arc::new(Mutex::new(Some(link))), alerts, client, _db: db })
    }

    pub(super) fn courier(&self) -> Courier {
        self.alerts.courier(self.link.clone())
    }

    /// One round of folding.
    pub(super) async fn tick(&self) {
        let guard = self.link.lock().await;
        self.alerts.tick(guard.as_ref().unwrap()).await.unwrap();
    }

    /// Delivers what is due, one after the other; how much it was.
    pub(super) async fn deliver(&self) -> usize {
        let courier = self.courier();
        let due = courier.due(100).await;
        let n = due.len();
        for message in due {
            courier.carry(message).await;
        }
        n
    }

    /// Tells of a transaction at once.
    pub(super) fn without_patience(self) -> Bench {
        let marks = Marks { horizon: Duration::ZERO, ..self.alerts.marks };
        Bench { alerts: Alerts { marks, ..self.alerts }, ..self }
    }

    /// The same worker, which tells nobody of a rule.
    pub(super) fn without(mut self, rule: Rule) -> Bench {
        self.alerts.pace.off.insert(rule);
        self.alerts.marks.off.push(rule.as_str());
        self
    }

    /// The same worker started anew: nothing but the database is left of it.
    pub(super) async fn restarted(self) -> Bench {
        let database = Database::connect(&self._db.url).await.unwrap();
        let link = database.open(Purpose::Duty, None).await.unwrap();
        Bench { link: Arc::new(Mutex::new(Some(link))), ..self }
    }

    pub(super) async fn watch_and_tell(&self) {
        self.alerts.watch(self.link.lock().await.as_ref().unwrap()).await.unwrap();
        self.tick().await;
        self.deliver().await;
    }

    pub(super) async fn die(&self, fingerprint: &str, kind: &str, times: i32) {
        self.die_in("default", fingerprint, kind, times).await;
    }

    pub(super) async fn die_in(&self, queue: &str, fingerprint: &str, kind: &str, times: i32) {
        self.run(&format!(
            "insert into backstay.alert (raised_at, rule, subject, kind, queue, reason, fingerprint, job_id, attempt, detail)
             select now(), 'death', '{fingerprint}', '{kind}', '{queue}', 'failed', '{fingerprint}', n, 1,
                    '{{\"title\": \"failed: no such month\"}}' from generate_series(1, {times}) n"
        ))
        .await;
    }

    /// A live worker of these queues, which knows every kind.
    pub(super) async fn serve(&self, queues: &[&str]) -> Uuid {
        let id = Uuid::now_v7();
        self.client
            .execute(
                "insert into backstay.worker (id, beat_at, lease_until, started_at, pid, slots, host, release, level, queues, kinds)
                 values ($1, now(), now() + interval '1 h', now(), 1, 4, 'app-1', '0', 'process', $2, '{\"*\": 1}')",
                &[&id, &queues],
            )
            .await
            .unwrap();
        id
    }

    pub(super) async fn lose(&self, worker: Uuid) {
        let guard = self.link.lock().await;
        duty::lost(guard.as_ref().unwrap(), worker, 3, "lease").await.unwrap();
    }

    pub(super) async fn run(&self, sql: &str) {
        self.client.batch_execute(sql).await.unwrap();
    }

    pub(super) async fn number(&self, sql: &str) -> i64 {
        self.client.query_one(sql, &[]).await.unwrap().get(0)
    }

    pub(super) async fn text(&self, sql: &str) -> String {
        self.client.query_one(sql, &[]).await.unwrap().get(0)
    }
}

async fn install(url: &str) -> Result<(), String> {
    let database = Database::connect(url).await.map_err(|e| format!("{e:?}"))?;
    database.migrate().await.map_err(|e| format!("{e:?}"))?;
    Ok(())
}

fn run_sql(url: &str, sql: &str) -> Result<(), String> {
    apart(async {
        let (client, connection) =
            tokio_postgres::connect(url, NoTls).await.map_err(|e| format!("{e:?}"))?;
        let connection = tokio::spawn(connection);
        let done = client.batch_execute(sql).await.map_err(|e| format!("{e:?}"));
        drop(client);
        connection.await.expect("it does not panic").map_err(|e| format!("{e:?}"))?;
        done
    })
}

/// The template calls back from inside and outside of runtimes, so this brings a thread and a runtime.
fn apart(work: impl Future<Output = Result<(), String>> + Send) -> Result<(), String> {
    let run = || {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        runtime.map_err(|e| e.to_string())?.block_on(work)
    };
    std::thread::scope(|scope| scope.spawn(run).join().expect("its errors are values"))
}
