//! Looks whether what the jobs made is right, whether each ended once, and what the API felt of it.

use std::collections::BTreeMap;
use std::time::Duration;

use super::load::Lost;
use super::{Stage, ms};
use crate::demo::handlers::gzip;
use crate::demo::summary::grouped;
use crate::demo::{ask, database, shop};
use crate::failure::Failure;

/// A worker's death is seen and its jobs are in other hands within this.
const RESCUE: Duration = Duration::from_secs(10);
/// The alert that a worker is lost, and how long it may take.
const WORKER_LOST: &str = "worker_lost";
const ALERT: Duration = Duration::from_secs(20);
/// The API under load may be this much slower than at rest, or three times as slow, whichever is more. Two cores that
/// also run the database, the worker and whoever asks need some room; the same report inside the API takes seconds.
const SLOWER: Duration = Duration::from_millis(100);

impl Stage<'_> {
    pub(super) async fn check_work(&mut self, lost: &Lost) -> Result<(), Failure> {
        self.check_receipts().await?;
        self.check_reports(&lost.reports).await?;
        self.check_export(lost).await?;
        self.check_notifications().await
    }

    /// The total on each receipt against the order in the database.
    async fn check_receipts(&mut self) -> Result<(), Failure> {
        let (orders, jobs): (Vec<i64>, Vec<i64>) = self.orders.iter().copied().unzip();
        let outputs = ask::outputs(&self.db, &jobs).await?;
        let text = "select sum(quantity * price_cents)::bigint from shop.order_lines where order_id = any($1) group by order_id order by order_id";
        let rows =
            self.db.query(text, &[&orders]).await.map_err(|error| database::failed(&error))?;
        let totals: Vec<i64> = rows.iter().map(|row| row.get(0)).collect();
        let right = outputs
            .iter()
            .zip(&totals)
            .filter(|(output, total)| output["total_cents"] == **total)
            .count();
        let files = orders
            .iter()
            .filter(|order| self.folder.join(format!("receipt-{order}.txt")).is_file())
            .count();
        let held = right == orders.len() && totals.len() == right && files == right;
        let text = format!(
            "{right} of {} receipts, written by a {} program, have the right total",
            orders.len(),
            self.language.name
        );
        self.claim("any language", held, text);
        Ok(())
    }

    /// The totals of the reports against one query over the year, and each file against its own report.
    async fn check_reports(&mut self, jobs: &[i64]) -> Result<(), Failure> {
        let text = "
select to_char(o.ordered_at at time zone 'UTC', 'YYYY-MM'), sum(l.quantity * l.price_cents)::bigint
  from shop.orders o join shop.order_lines l on l.order_id = o.id where o.id <= $1 group by 1";
        let rows = self
            .db
            .query(text, &[&self.size.orders])
            .await
            .map_err(|error| database::failed(&error))?;
        let totals: BTreeMap<String, i64> =
            rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        let outputs = ask::outputs(&self.db, jobs).await?;
        let mut right = 0;
        for (month, output) in shop::months().iter().zip(&outputs) {
            let total = totals.get(month).copied().unwrap_or_default();
            let file = self.folder.join(format!("report-{month}.html"));
            let page = std::fs::read_to_string(file).unwrap_or_default();
            let shows =
                page.contains(&crate::demo::handlers::money(total)) && page.contains("<rect ");
            right +=
                usize::from(output["total_cents"] == total && shows && page.ends_with("</html>\n"));
        }
        let text = format!(
            "{right} of {} monthly sales reports have the total that the database gives for all {} orders, and a chart",
            jobs.len(),
            grouped(self.size.orders)
        );
        self.claim("reports", right == jobs.len() && right == 12, text);
        Ok(())
    }

    /// The file against the database: lines, and the sum over every byte.
    async fn check_export(&mut self, lost: &Lost) -> Result<(), Failure> {
        let output = ask::outputs(&self.db, &[lost.export]).await?.pop().unwrap_or_default();
        let name = output["file"].as_str().unwrap_or_default().to_owned();
        let (lines, sum) = gzip::sum(&self.folder.join(&name)).await.unwrap_or_default();
        let text = "
select count(*), coalesce(encode(sha256(convert_to(string_agg(line, '' order by id), 'UTF8')), 'hex'), '')
  from shop.export_lines where id <= $1";
        let row = self
            .db
            .query_one(text, &[&self.wanted.export_until])
            .await
            .map_err(|error| database::failed(&error))?;
        let (expected, expected_sum): (i64, String) = (row.get(0), row.get(1));
        let resumed = output["resumed_at"].as_i64().unwrap_or_default();
        let held = lines == expected && sum == expected_sum && resumed > 0;
        let text = format!(
            "{} of {} order lines in {name}, SHA-256 {}… {} that of the database; the second attempt went on at line {}",
            grouped(lines),
            grouped(expected),
            sum.get(..12).unwrap_or("none"),
            if sum == expected_sum { "is" } else { "IS NOT" },
            grouped(resumed)
        );
        self.claim("export", held, text);
        Ok(())
    }

    /// What arrived outside against what was written inside.
    async fn check_notifications(&mut self) -> Result<(), Failure> {
        let text = "select count(*), count(*) filter (where sent = 1) from shop.notifications";
        let row = self.db.query_one(text, &[]).await.map_err(|error| database::failed(&error))?;
        let (all, marked): (i64, i64) = (row.get(0), row.get(1));
        let ids: Vec<i64> = self
            .db
            .query("select id from shop.notifications", &[])
            .await
            .map_err(|error| database::failed(&error))?
            .iter()
            .map(|row| row.get(0))
            .collect();
        let (delivered, repeats, keys) = {
            let arrived = self.sink.arrived();
            let delivered = ids
                .iter()
                .filter(|id| arrived.notifications.contains_key(&format!("notification-{id}")))
                .count() as i64;
            let repeats: u32 = arrived.notifications.values().map(|times| times - 1).sum();
            (delivered, repeats, arrived.notifications.len() as i64)
        };
        let held =
            delivered == all && keys == all && marked == all && all == self.wanted.notifications;
        let text = format!(
            "{} of {} delivered, each once by its key; {repeats} came twice because of the kill and were recognised; {} are marked as sent exactly once in the database",
            grouped(delivered),
            grouped(all),
            grouped(marked)
        );
        self.claim("notifications", held, text);
        Ok(())
    }

    /// Each job that was committed has ended, and has ended once.
    pub(super) async fn check_ends(&mut self, lost: &Lost) -> Result<(), Failure> {
        let text = "select count(distinct job_id) from backstay.attempts where outcome = 'lost' and worker = $1";
        let rescued: i64 = ask::one(&self.db, text, &[&lost.worker]).await?;
        let in_time = lost.rescued_in.is_some_and(|took| took <= RESCUE);
        let took = lost
            .rescued_in
            .map_or("never".to_owned(), |took| format!("after {:.1} s", took.as_secs_f64()));
        let said = self.until(ALERT, |_, sink| sink.has_alert(WORKER_LOST)).await?;
        let alert = if said { "a signed alert said so" } else { "NOBODY WAS TOLD" };
        let kinds: std::collections::BTreeSet<&str> =
            lost.held.iter().map(|(_, kind)| kind.as_str()).collect();
        let kinds: Vec<&str> = kinds.into_iter().collect();
        let text = format!(
            "worker {} got SIGKILL with the export at {:.0} %; the other worker took over its {rescued} jobs ({}) {took}, and {alert}",
            lost.number,
            lost.export_at,
            kinds.join(", ")
        );
        self.claim("worker killed", in_time && rescued > 0 && said, text);
        let text = "
select count(*) filter (where ends = 1), count(*) filter (where ends > 1), count(*) filter (where ends = 0)
  from (select (select count(*) from backstay.attempts a where a.job_id = j.id and a.outcome = 'completed')
             + (select count(*) from backstay.dead_letters d where d.id = j.id) as ends
          from unnest($1::bigint[]) j(id)) n";
        let row = self
            .db
            .query_one(text, &[&self.jobs])
            .await
            .map_err(|error| database::failed(&error))?;
        let (once, twice, never): (i64, i64, i64) = (row.get(0), row.get(1), row.get(2));
        let left: i64 = ask::one(&self.db, "select count(*) from backstay.jobs", &[]).await?;
        let all = self.jobs.len() as i64;
        let held = lost.all_done && once == all && twice == 0 && never == 0 && left == 0;
        let text = format!(
            "of {all} jobs that were committed, {once} ended exactly once, {twice} twice, {never} never; {left} are left"
        );
        self.claim("nothing lost", held, text);
        Ok(())
    }

    pub(super) fn check_api(&mut self) {
        let (idle, loaded) = (self.idle, self.loaded);
        let bound = (idle.p99 * 3).max(idle.p99 + SLOWER);
        let held = idle.requests > 0
            && loaded.requests > 0
            && idle.failed + loaded.failed == 0
            && loaded.p99 <= bound;
        let text = format!(
            "p50 {} and p99 {} under all this, {} and {} at rest; {} of {} requests failed",
            ms(loaded.p50),
            ms(loaded.p99),
            ms(idle.p50),
            ms(idle.p99),
            idle.failed + loaded.failed,
            grouped((idle.requests + loaded.requests) as i64)
        );
        self.claim("API latency", held, text);
    }
}
