//! Jobs come into being with the shop's own transactions, and the urgent ones go first.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{Stage, ms};
use crate::demo::ask;
use crate::demo::summary::Claim;
use crate::failure::Failure;

/// How long the API is watched with nothing else to do.
const REST: Duration = Duration::from_secs(5);
/// The first requests open connections and fill caches.
const WARM_UP: Duration = Duration::from_secs(1);
/// Orders that are placed to show the transaction.
const ORDERS: usize = 5;
/// Mails that can wait, and mails that cannot.
const LOW: usize = 30;
const URGENT: usize = 5;
/// Low mails that may start though an urgent one waits: the one that is being claimed when it comes.
const SLACK: usize = 2;

impl Stage<'_> {
    pub(super) async fn claim_server(&mut self) -> Result<(), Failure> {
        let text = "select current_setting('fsync') = 'on' and current_setting('synchronous_commit') <> 'off'";
        let durable: bool = ask::one(&self.db, text, &[]).await?;
        let keeps = if durable { "it keeps" } else { "by its settings it does not keep" };
        let text = format!("{}; {keeps} through a crash what was committed", self.how);
        // A server of somebody's own may be set up otherwise; ours may not. It was told when it was found.
        let held = durable || !self.is_private;
        self.claims.push(Claim { name: "postgresql", text, held });
        Ok(())
    }

    /// The API alone: what its latency is without any job.
    pub(super) async fn rest(&mut self) -> Result<(), Failure> {
        self.screen.say("the API answers 100 requests a second; first without any job, to compare");
        tokio::time::sleep(WARM_UP).await;
        let from = Instant::now();
        self.until(REST, |_, _| false).await?;
        self.idle = self.trickle.between(from, Instant::now());
        self.screen.say(format!("at rest: p50 {}, p99 {}", ms(self.idle.p50), ms(self.idle.p99)));
        Ok(())
    }

    /// Orders that are placed with their jobs, and one that the shop refuses after its job was enqueued.
    pub(super) async fn enqueue_with_orders(&mut self) -> Result<(), Failure> {
        self.place_orders(ORDERS).await?;
        let refused = json!({ "customer": 7, "lines": [[1, 2], [2, 0]] });
        let (status, jobs, said) = self.post("/orders", &refused).await?;
        let order = said["order"].as_i64().unwrap_or_default();
        let text = "select exists (select from shop.orders where id = $1)";
        let order_is_there: bool = ask::one(&self.db, text, &[&order]).await?;
        let rolled_back = match jobs[..] {
            [job] => status == 422 && !order_is_there && !ask::exists(&self.db, job).await?,
            _ => false,
        };
        let mut kept = 0;
        for (_, job) in &self.orders {
            kept += usize::from(ask::exists(&self.db, *job).await?);
        }
        let text = format!(
            "an order and its job commit together: {ORDERS} orders placed, {kept} jobs; one order was rolled back after its job had been enqueued, and there is neither"
        );
        self.claim("transactions", rolled_back && kept == ORDERS, text);
        Ok(())
    }

    /// Places orders through the API, each with the job of its receipt.
    pub(super) async fn place_orders(&mut self, count: usize) -> Result<(), Failure> {
        for n in 0..count {
            let (customer, product) = (1 + n * 37 % 20_000, 1 + n * 13 % 500);
            let order = json!({ "customer": customer, "lines": [[product, 1 + n % 4], [500, 2]] });
            let (_, jobs, said) = self.post("/orders", &order).await?;
            let [job] = jobs[..] else {
                return Err(Failure::new(
                    "BS999",
                    format!("the demo's API placed no order: {said}"),
                ));
            };
            self.orders.push((said["order"].as_i64().unwrap_or_default(), job));
        }
        Ok(())
    }

    /// Many low mails wait for the one slot of their queue; urgent ones come later and overtake them.
    pub(super) async fn urgent_before_low(&mut self) -> Result<(), Failure> {
        self.wanted.mails = (LOW + URGENT) as i64;
        let low = json!({ "subject": "newsletter", "count": LOW, "priority": "low" });
        let mut jobs = self.ask_for("/mails", &low).await?;
        self.until(Duration::from_secs(20), |counts, _| counts.of("mail", "completed") >= 3)
            .await?;
        let urgent = json!({ "subject": "password", "count": URGENT, "priority": "urgent" });
        let began: f64 =
            ask::one(&self.db, "select extract(epoch from clock_timestamp())::float8", &[]).await?;
        jobs.extend(self.ask_for("/mails", &urgent).await?);
        let all = (LOW + URGENT) as i64;
        let done = self
            .until(Duration::from_secs(40), |counts, _| counts.of("mail", "completed") >= all)
            .await?;
        let attempts = ask::attempts(&self.db, &jobs).await?;
        let last =
            attempts.iter().filter(|it| it.is_urgent).map(|it| it.claimed).fold(began, f64::max);
        let waiting = attempts.iter().filter(|it| !it.is_urgent && it.claimed > began).count();
        let between = attempts
            .iter()
            .filter(|it| !it.is_urgent && it.claimed > began && it.claimed < last)
            .count();
        let urgent = attempts.iter().filter(|it| it.is_urgent).count();
        let held = done && urgent == URGENT && waiting > SLACK && between <= SLACK;
        let text = format!(
            "{URGENT} urgent mails came while {waiting} low ones waited for the same slot: {between} of those started before the last urgent one, and all were sent in the end"
        );
        self.claim("priorities", held, text);
        Ok(())
    }

    pub(super) async fn second_worker(&mut self) -> Result<(), Failure> {
        self.hire().await?;
        self.screen.say("a second worker, as one would have on another machine");
        Ok(())
    }
}
