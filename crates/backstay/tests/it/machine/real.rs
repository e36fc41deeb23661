//! The real thing: the same operations by the files of `sql/`, in one transaction that is rolled back at the end.

use std::collections::HashMap;
use std::time::Duration;

use backstay::model::job::Counters;
use backstay::model::judge::{Bill, Policy, Verdict, judge_lost};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, SimpleQueryMessage, Statement};
use uuid::Uuid;

use super::model::{Answer, BACKOFF, Model, UNKNOWN_AFTER};
use super::op::{Conflict, Op, Until, Verb, Wish};
use super::{FREEZE, NAMES, STATE};

macro_rules! file {
    ($name:literal) => {
        ($name, include_str!(concat!("../../../sql/", $name, ".sql")))
    };
}

type File = (&'static str, &'static str);

/// A database, and which job has which id there.
pub(crate) struct Real {
    client: Client,
    files: HashMap<&'static str, Statement>,
    pub(crate) ids: Vec<i64>,
}

fn worker(number: u8) -> Uuid {
    Uuid::from_u128(u128::from(number))
}

impl Real {
    pub(crate) async fn new(client: Client) -> Real {
        client.batch_execute(FREEZE).await.unwrap();
        client.batch_execute(NAMES).await.unwrap();
        Real { client, files: HashMap::new(), ids: Vec::new() }
    }

    pub(crate) async fn begin(&mut self) {
        self.ids.clear();
        // Also out of a case that has panicked.
        self.client.batch_execute("rollback; begin").await.unwrap();
    }

    pub(crate) async fn roll_back(&mut self) {
        self.client.batch_execute("rollback").await.unwrap();
    }

    /// Moves the clock itself, which the kit's function does only in its own databases.
    async fn pass(&self, span: i64) {
        let sql = format!("update backstay.test_clock set ahead = ahead + interval '{span} s'");
        self.client.batch_execute(&sql).await.unwrap();
    }

    pub(crate) async fn lines(&mut self) -> Vec<String> {
        self.file(("state", STATE), &[]).await.remove(0).get("lines")
    }

    /// What must hold in every database, as far as it needs no worker that really lives.
    pub(crate) async fn broken(&mut self) -> Vec<(&'static str, String)> {
        let mut broken = Vec::new();
        for invariant in [
            file!("invariant/i01_one_place"),
            file!("invariant/i02_body_present"),
            file!("invariant/i04_counters_sane"),
            file!("invariant/i07_dead_and_alert"),
            file!("invariant/i09_unique_keys"),
        ] {
            let rows = self.file(invariant, &[&None::<i32>]).await;
            broken.extend(rows.iter().map(|row| (invariant.0, row.get("detail"))));
        }
        broken
    }

    async fn file(&mut self, (name, text): File, params: &[&(dyn ToSql + Sync)]) -> Vec<Row> {
        if !self.files.contains_key(name) {
            let statement =
                self.client.prepare(text).await.unwrap_or_else(|e| panic!("{name}: {e:?}"));
            self.files.insert(name, statement);
        }
        let rows = self.client.query(&self.files[name], params).await;
        rows.unwrap_or_else(|error| panic!("{name}: {error:?}"))
    }

    async fn count(&mut self, file: File, params: &[&(dyn ToSql + Sync)]) -> usize {
        let rows = self.file(file, params).await;
        usize::try_from(rows[0].get::<_, i64>(0)).unwrap()
    }

    /// One value from a door, or the code with which it refuses; then nothing of the call remains.
    async fn door(&mut self, sql: &str) -> Result<Vec<Vec<String>>, String> {
        let answer = self.client.simple_query(&format!("savepoint door; {sql}")).await;
        let messages = match answer {
            Ok(messages) => messages,
            Err(error) => {
                self.client.batch_execute("rollback to door; release door").await.unwrap();
                let error = error.as_db_error().unwrap_or_else(|| panic!("{error:?}")).clone();
                assert!(error.code().code().starts_with("BS"), "{sql}: {error:?}");
                return Err(error.code().code().to_owned());
            }
        };
        let rows = messages.into_iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => {
                let columns = 0..row.len();
                Some(columns.map(|at| row.get(at).unwrap_or_default().to_owned()).collect())
            }
            _ => None,
        });
        Ok(rows.collect())
    }

    fn job(&self, id: i64) -> usize {
        self.ids
            .iter()
            .position(|known| *known == id)
            .unwrap_or_else(|| panic!("a strange job {id}"))
    }

    fn jobs(&self, rows: &[Row]) -> Answer {
        let mut jobs: Vec<usize> = rows.iter().map(|row| self.job(row.get(0))).collect();
        jobs.sort_unstable();
        Answer::Jobs(jobs)
    }

    /// Does it; `model` is the state before, by which both know which job is meant.
    pub(crate) async fn apply(&mut self, model: &Model, op: &Op) -> Answer {
        let job = model.picked(op);
        match (op, job) {
            (Op::Enqueue(wish), _) => self.enqueue(wish).await,
            (Op::Claim { worker, n, kinds }, _) => self.claim(*worker, *n, kinds.as_deref()).await,
            (Op::Beat { worker, kinds }, _) => self.beat(*worker, kinds).await,
            (Op::Settle { verb, first, most, fence }, _) => {
                let (batch, worker) = model.batch(*verb, *first, *most, *fence);
                let attempts = batch.iter().map(|job| model.fence(*job, *fence).0).collect();
                self.settle(*verb, batch, attempts, worker).await
            }
            (Op::Rescue { worker, goodbye }, _) => self.rescue(*worker, *goodbye).await,
            (Op::PromoteDue, _) => {
                let forever: Option<i64> = None;
                Answer::Count(self.count(file!("duty/promote"), &[&1000_i32, &forever]).await)
            }
            (Op::Sort, _) => Answer::Count(self.sort().await),
            (Op::Expire, _) => {
                let rows = self.file(file!("duty/expired"), &[&1000_i32]).await;
                self.jobs(&rows)
            }
            (Op::ForgetKeys, _) => {
                Answer::Count(self.count(file!("duty/expired_keys"), &[&1000_i32]).await)
            }
            (Op::Prune, _) => {
                let forever: Option<i64> = None;
                self.file(file!("duty/prune"), &[&1000_i32]).await;
                self.file(file!("duty/prune_dead"), &[&1000_i32, &forever]).await;
                Answer::Nothing
            }
            (Op::Pause { scope, name, for_in }, _) => {
                let until = for_in.map_or("null".to_owned(), |span| format!("\"{span}s\""));
                self.verb(&format!("pause('{scope}', '{name}', '{{\"for_in\": {until}}}')")).await
            }
            (Op::Resume { scope, name }, _) => {
                self.verb(&format!("resume('{scope}', '{name}')")).await
            }
            (Op::Pass(span), _) => {
                self.pass(*span).await;
                Answer::Nothing
            }
            (_, None) => Answer::Nothing,
            (op, Some(job)) => self.operate(model, op, job).await,
        }
    }

    async fn operate(&mut self, model: &Model, op: &Op, job: usize) -> Answer {
        let id = self.ids[job];
        match op {
            Op::Checkpoint(_, fence) => {
                let (attempt, number) = model.fence(job, *fence);
                let sql = format!(
                    "select backstay.checkpoint({id}, {attempt}, '{}', '1')",
                    worker(number)
                );
                code(self.door(&sql).await.map(drop))
            }
            Op::Cancel(_) => {
                let sql = format!("select backstay.cancel({id}, '{{\"reason\": \"operator\"}}')");
                let word = self.door(&sql).await.unwrap().remove(0).remove(0);
                let words = ["cancelled", "cancelling", "too_late", "not_found"];
                Answer::Word(words.into_iter().find(|known| *known == word).unwrap())
            }
            Op::Promote(_) => self.verb(&format!("promote({id})")).await,
            Op::Edit { priority, run_in, .. } => {
                let mut changes = serde_json::Map::new();
                changes.extend(priority.map(|level| ("priority".to_owned(), level.into())));
                changes.extend(run_in.map(|span| ("run_in".to_owned(), format!("{span}s").into())));
                let changes = serde_json::Value::Object(changes);
                self.verb(&format!("edit({id}, '{changes}')")).await
            }
            Op::Bury(_) => self.verb(&format!("bury({id})")).await,
            Op::Revive { without_unique, .. } => {
                self.verb(&format!(
                    "revive(array[{id}], '{{\"without_unique\": {without_unique}}}')"
                ))
                .await
            }
            Op::Discard(_) => {
                self.verb(&format!("discard(array[{id}], '{{\"reason\": \"done with\"}}')")).await
            }
            Op::Restore(_) => self.verb(&format!("restore(array[{id}])")).await,
            other => unreachable!("{other:?} is about no single job"),
        }
    }

    /// An operator's verb about one thing: how many it acted on, or the code why not.
    async fn verb(&mut self, call: &str) -> Answer {
        let rows = match self.door(&format!("select backstay.{call}")).await {
            Ok(rows) => rows,
            Err(refused) => return code(Err(refused)),
        };
        let tally: serde_json::Value = serde_json::from_str(&rows[0][0]).unwrap();
        match tally["skipped"][0]["code"].as_str() {
            Some(skipped) => code(Err(skipped.to_owned())),
            None => Answer::Count(usize::try_from(tally["count"].as_u64().unwrap()).unwrap()),
        }
    }

    async fn enqueue(&mut self, wish: &Wish) -> Answer {
        let options = options(wish);
        let args: Vec<String> = wish.args.iter().map(|v| format!("'{{\"v\": {v}}}'")).collect();
        let sql = match &args[..] {
            [one] => format!("select * from backstay.enqueue('{}', {one}, '{options}')", wish.kind),
            many => format!(
                "select id, created from backstay.enqueue_rows('{}', array[{}]::jsonb[], '{options}')",
                wish.kind,
                many.join(",")
            ),
        };
        let rows = match self.door(&sql).await {
            Ok(rows) => rows,
            Err(refused) => return code(Err(refused)),
        };
        let before = self.ids.len();
        let rows: Vec<(i64, bool)> =
            rows.iter().map(|row| (row[0].parse().unwrap(), row[1] == "t")).collect();
        self.ids.extend(rows.iter().filter(|(_, created)| *created).map(|(id, _)| id));
        let answer = rows.iter().map(|(id, created)| (self.job(*id), *created)).collect();
        if wish.rolled_back {
            self.client.batch_execute("rollback to door").await.unwrap();
            self.ids.truncate(before);
        }
        Answer::Enqueued(answer)
    }

    async fn claim(&mut self, number: u8, n: i32, kinds: Option<&[&'static str]>) -> Answer {
        let (levels, lows) = ((0..10).collect::<Vec<i16>>(), vec![0_i64; 10]);
        let queue = "default";
        self.file(file!("attempt/gate"), &[&queue]).await;
        let rows = self
            .file(
                file!("attempt/claim"),
                &[
                    &queue,
                    &levels,
                    &lows,
                    &n,
                    &worker(number),
                    &kinds,
                    &i32::MAX,
                    &0_i32,
                    &60_000_i64,
                    &900_000_i64,
                    &60_000_i64,
                ],
            )
            .await;
        let ids = rows.iter().filter_map(|row| row.get::<_, Option<i64>>("id"));
        let mut jobs: Vec<usize> = ids.map(|id| self.job(id)).collect();
        jobs.sort_unstable();
        Answer::Jobs(jobs)
    }

    async fn beat(&mut self, number: u8, kinds: &[&'static str]) -> Answer {
        let known: HashMap<_, _> = kinds.iter().map(|kind| (*kind, 1)).collect();
        let known = serde_json::to_string(&known).unwrap();
        let (presence, queues) = (None::<i32>, vec!["default"]);
        let row = self
            .file(
                file!("attempt/beat"),
                &[
                    &worker(number),
                    &3_600_000_i64,
                    &presence,
                    &1_i32,
                    &1_i32,
                    &"host",
                    &"1",
                    &"inline",
                    &queues,
                    &known,
                    &"[]",
                    &"{}",
                    &"{}",
                ],
            )
            .await
            .remove(0);
        let cancels: Option<String> = row.get("cancels");
        let cancels: Vec<serde_json::Value> =
            cancels.map_or(Vec::new(), |json| serde_json::from_str(&json).unwrap());
        let id = |cancel: &serde_json::Value| cancel["id"].as_str().unwrap().parse().unwrap();
        let mut cancels: Vec<usize> = cancels.iter().map(|cancel| self.job(id(cancel))).collect();
        cancels.sort_unstable();
        Answer::Heard { lost: row.get("lost"), cancels }
    }

    async fn settle(
        &mut self,
        verb: Verb,
        batch: Vec<usize>,
        attempts: Vec<i32>,
        number: u8,
    ) -> Answer {
        let ids: Vec<i64> = batch.iter().map(|job| self.ids[*job]).collect();
        if verb == Verb::CompleteInside {
            let Some((id, attempt)) = ids.first().zip(attempts.first()) else {
                return Answer::Nothing;
            };
            let sql = format!("select backstay.complete({id}, {attempt}, '{}')", worker(number));
            return code(self.door(&sql).await.map(drop));
        }
        let rows = self.write(verb, &ids, &attempts, worker(number)).await;
        self.jobs(&rows)
    }

    /// Writes one verdict for each of these.
    async fn write(&mut self, verb: Verb, ids: &[i64], attempts: &[i32], by: Uuid) -> Vec<Row> {
        let each = |value: &'static str| vec![value; ids.len()];
        let ms = |delay: i64| vec![delay * 1000; ids.len()];
        let (numbers, none) = (vec![1_i32; ids.len()], vec![None::<&str>; ids.len()]);
        let detail = each(
            r#"{"outcome": "failed", "message": "m", "late": false, "survivor": false, "suspect": false}"#,
        );
        match verb {
            Verb::Complete => {
                self.file(
                    file!("attempt/complete"),
                    &[
                        &ids, &attempts, &by, &numbers, &numbers, &numbers, &none, &"1", &numbers,
                        &none,
                    ],
                )
                .await
            }
            Verb::CompleteLean => {
                self.file(file!("attempt/complete_lean"), &[&ids, &attempts, &by]).await
            }
            Verb::CompleteInside => unreachable!("that is a door"),
            Verb::Retry(bill, delay) => {
                self.file(
                    file!("attempt/retry"),
                    &[&ids, &attempts, &by, &ms(delay), &each(bill), &detail],
                )
                .await
            }
            Verb::RetryLarger(delay) => {
                let bytes = vec![512_i64 << 20; ids.len()];
                self.file(
                    file!("attempt/retry_larger"),
                    &[
                        &ids,
                        &attempts,
                        &by,
                        &ms(delay),
                        &each("retry"),
                        &detail,
                        &bytes,
                        &none,
                        &each("{}"),
                    ],
                )
                .await
            }
            Verb::Snooze(delay) => {
                self.file(file!("attempt/snooze"), &[&ids, &attempts, &by, &ms(delay), &detail])
                    .await
            }
            Verb::Release(bill) => {
                self.file(file!("attempt/release"), &[&ids, &attempts, &by, &each(bill), &detail])
                    .await
            }
            Verb::ReleaseLater(bill, delay) => {
                self.file(
                    file!("attempt/release_later"),
                    &[&ids, &attempts, &by, &ms(delay), &each(bill), &detail, &each("released")],
                )
                .await
            }
            Verb::Cancel => {
                self.file(
                    file!("attempt/cancel"),
                    &[&ids, &attempts, &by, &each("handler"), &detail],
                )
                .await
            }
            Verb::Bury(reason, bill) => {
                let (print, title) = (each("abcdef01"), each("m"));
                self.file(
                    file!("attempt/bury"),
                    &[&ids, &attempts, &by, &each(reason), &each(bill), &print, &title, &detail],
                )
                .await
            }
        }
    }

    /// As `runtime/duty/rescue.rs` does it, with the judge's own verdicts.
    async fn rescue(&mut self, number: u8, goodbye: bool) -> Answer {
        let lost = worker(number);
        let now = self.client.query_one("select backstay.clock()", &[]).await.unwrap();
        let now: jiff::Timestamp = now.get(0);
        let doomed = self.file(file!("duty/doomed"), &[&lost, &500_i32, &false, &now]).await;
        let suspect: Option<i64> = doomed.first().and_then(|row| row.get("suspect"));
        for row in &doomed {
            let (id, attempt): (i64, i32) = (row.get("job_id"), row.get("attempt"));
            let counters = Counters {
                attempt,
                retry_count: row.get("retry_count"),
                crash_count: row.get("crash_count"),
                lost_count: row.get("lost_count"),
                snooze_count: row.get("snooze_count"),
                interrupt_count: row.get("interrupt_count"),
            };
            let policy = Policy::of(
                row.get("max_retries"),
                row.get("crash_limit"),
                row.get("lost_limit"),
                row.get("policy"),
            );
            let beside = suspect.is_some_and(|suspect| suspect != id);
            let verb = match judge_lost(&counters, &policy, beside, 0.5) {
                _ if row.get("cancelled") => Verb::Cancel,
                _ if goodbye => Verb::Release("interrupt"),
                verdict => verb(&verdict),
            };
            let written = self.write(verb, &[id], &[attempt], lost).await;
            assert_eq!(written.len(), 1, "a rescue under the dead worker's fence is never stale");
        }
        if goodbye {
            self.file(file!("duty/gone"), &[&lost]).await;
        } else {
            let jobs = i32::try_from(doomed.len()).unwrap();
            self.file(file!("duty/lost"), &[&lost, &jobs, &"lease_over"]).await;
        }
        self.jobs(&doomed)
    }

    async fn sort(&mut self) -> usize {
        let rows = 1000_i32;
        let paused = self.count(file!("duty/park_paused"), &[&rows]).await;
        let after = UNKNOWN_AFTER * 1000;
        let unknown = self.count(file!("duty/park_unknown"), &[&rows, &after]).await;
        paused + unknown + self.count(file!("duty/admit_kinds"), &[&rows]).await
    }
}

/// The verdicts of a judge on a lost worker.
fn verb(verdict: &Verdict) -> Verb {
    match verdict {
        Verdict::Release { bill } => Verb::Release(bill.as_str()),
        Verdict::Retry { delay, bill: Bill::Lost, memory: None } => {
            Verb::Retry("lost", i64::try_from(delay.as_secs()).unwrap())
        }
        Verdict::Bury { reason, bill } => Verb::Bury(reason.as_str(), bill.as_str()),
        other => unreachable!("{other:?} for a lost worker"),
    }
}

fn code(answer: Result<(), String>) -> Answer {
    const CODES: [&str; 7] = ["BS102", "BS110", "BS111", "BS201", "BS301", "BS302", "BS303"];
    match answer {
        Ok(()) => Answer::Nothing,
        Err(code) => Answer::Code(
            CODES.into_iter().find(|known| *known == code).unwrap_or_else(|| panic!("{code}")),
        ),
    }
}

fn options(wish: &Wish) -> serde_json::Value {
    let mut options = serde_json::json!({
        "priority": wish.priority, "max_retries": wish.max_retries, "backoff": {"fixed": format!("{BACKOFF}s")},
    });
    let span =
        |seconds: i64| Duration::from_secs(seconds.unsigned_abs()).as_secs().to_string() + "s";
    if let Some(run_in) = wish.run_in {
        options["run_in"] = span(run_in).into();
    }
    if let Some(expires_in) = wish.expires_in {
        options["expires_in"] = span(expires_in).into();
    }
    if let Some(once) = wish.once {
        options["idempotency_key"] = once.to_string().into();
    }
    if let Some(unique) = wish.unique {
        let conflict = match unique.conflict {
            Conflict::Keep => "keep",
            Conflict::Reject => "reject",
            Conflict::Replace => "replace",
        };
        options["unique"] = serde_json::json!({"by": ["v"], "on_conflict": conflict});
        match unique.until {
            Until::Finished => options["unique"]["until"] = "finished".into(),
            Until::Started => options["unique"]["until"] = "started".into(),
            Until::Period(period) => options["unique"]["period_in"] = span(period).into(),
        }
    }
    options
}
