//! How the database keeps our tables: what holds back cleaning up, dead rows, indexes, sequences.

use std::time::Duration;

use serde::Deserialize;

use super::{Finding, blind, facts};
use crate::model::unit::about;
use crate::store::StoreError;
use crate::store::database::Database;
use crate::store::doctor::Facts;

/// An index that holds less than this for nothing is no trouble.
const SWOLLEN: i64 = 64 << 20;
/// A snapshot that is held this long makes hot tables slow (the alert `horizon` fires then, too).
const HELD: Duration = Duration::from_secs(15 * 60);

#[derive(Debug, Clone, Deserialize)]
struct Holder {
    sort: String,
    name: String,
    who: String,
    state: Option<String>,
    /// Its beginning, where this login may see it.
    query: Option<String>,
    xids: i64,
    seconds: Option<u64>,
}

#[derive(Debug, Clone, Deserialize)]
struct Tables {
    crowded: Vec<Crowded>,
    unvacuumed: Vec<String>,
    invalid: Vec<String>,
    swollen: Vec<Swollen>,
    spent: Vec<Spent>,
}

#[derive(Debug, Clone, Deserialize)]
struct Crowded {
    table: String,
    dead: i64,
    live: i64,
}

/// An index that is several times as large as its rows need.
#[derive(Debug, Clone, Deserialize)]
struct Swollen {
    index: String,
    bytes: i64,
    needed: i64,
}

#[derive(Debug, Clone, Deserialize)]
struct Spent {
    sequence: String,
    percent: i64,
}

#[derive(Debug, Clone, Deserialize)]
struct Sight {
    sees_all: bool,
}

pub(super) async fn check(database: &Database) -> Vec<Finding> {
    let mut found = vec![match horizon(database).await {
        Ok(finding) => finding,
        Err(error) => blind("horizon", &error),
    }];
    match facts::<Tables>(database, Facts::Tables).await {
        Ok(tables) => found.extend(judge(&tables)),
        Err(error) => found.push(blind("tables", &error)),
    }
    found
}

async fn horizon(database: &Database) -> Result<Finding, StoreError> {
    let holder: Option<Holder> = facts(database, Facts::Horizon).await?;
    let sight: Sight = facts(database, Facts::Server).await?;
    Ok(held(holder.as_ref(), sight.sees_all))
}

fn held(holder: Option<&Holder>, sees_all: bool) -> Finding {
    let long = holder.filter(|holder| match holder.seconds {
        Some(seconds) => Duration::from_secs(seconds) >= HELD,
        // A slot has no age in time: a million transactions are hours on a busy server.
        None => holder.xids > 1_000_000,
    });
    let Some(holder) = long else {
        if !sees_all {
            let finding = "held by nobody that this login can see";
            return Finding::warn("horizon", finding, "grant pg_read_all_stats to this login");
        }
        return Finding::ok("horizon", "nobody keeps dead rows from being cleaned up");
    };
    let since = match holder.seconds {
        Some(seconds) => about(Duration::from_secs(seconds)),
        None => format!("{} transactions", holder.xids),
    };
    let state = holder.state.as_deref().unwrap_or("unknown state");
    let (what, remedy) = match holder.sort.as_str() {
        "prepared" => ("prepared transaction", format!("rollback prepared '{}'", holder.name)),
        "slot" => {
            ("replication slot", format!("select pg_drop_replication_slot('{}')", holder.name))
        }
        "standby" => (
            "a standby, by pid",
            "end the long query there, or set hot_standby_feedback = off on it".into(),
        ),
        _ => ("pid", format!("select pg_terminate_backend({})", holder.name)),
    };
    let query = holder.query.as_ref().map(|query| format!(": {query}")).unwrap_or_default();
    let finding =
        format!("held for {since} by {what} {} ({}, {state}{query})", holder.name, holder.who);
    Finding::warn("horizon", finding, remedy)
}

fn judge(tables: &Tables) -> Vec<Finding> {
    let mut found = Vec::new();
    for table in &tables.crowded {
        let Crowded { table, dead, live } = table;
        let finding = format!("`{table}` has {dead} dead rows beside {live}");
        found.push(Finding::warn("dead_rows", finding, format!("vacuum backstay.{table}")));
    }
    for table in &tables.unvacuumed {
        let remedy = format!("run: alter table backstay.{table} reset (autovacuum_enabled)");
        found.push(Finding::warn("autovacuum", format!("off for `{table}`"), remedy));
    }
    for index in &tables.invalid {
        let remedy = format!("reindex index concurrently {index}");
        found.push(Finding::fail("indexes", format!("`{index}` is invalid"), remedy));
    }
    for Swollen { index, bytes, needed } in &tables.swollen {
        if bytes - needed < SWOLLEN {
            continue;
        }
        let mib = |bytes: &i64| format!("{} MiB", bytes >> 20);
        let finding = format!("`{index}` takes {} for rows that need {}", mib(bytes), mib(needed));
        found.push(Finding::warn("bloat", finding, format!("reindex index concurrently {index}")));
    }
    for Spent { sequence, percent } in &tables.spent {
        let finding = format!("`{sequence}` has used {percent} % of its numbers");
        found.push(Finding::warn("sequences", finding, "tell us: it should not come that far"));
    }
    if found.is_empty() {
        let finding =
            "few dead rows, every index valid and of its size, every sequence far from its end";
        found.push(Finding::ok("tables", finding));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::Health;
    use super::*;

    fn holder(sort: &str, seconds: Option<u64>, xids: i64) -> Holder {
        Holder {
            sort: sort.into(),
            name: "8123".into(),
            who: "metabase".into(),
            state: Some("idle in transaction".into()),
            query: None,
            xids,
            seconds,
        }
    }

    #[test]
    fn the_holder_of_the_horizon_is_named_with_what_ends_it() {
        let found = held(Some(&holder("session", Some(47 * 60), 5)), true);
        assert_eq!(found.finding, "held for 47 min by pid 8123 (metabase, idle in transaction)");
        assert_eq!(found.remedy.as_deref(), Some("select pg_terminate_backend(8123)"));
        assert_eq!(held(Some(&holder("session", Some(60), 5)), true).health, Health::Ok);
        assert_eq!(held(Some(&holder("slot", None, 2_000_000)), true).health, Health::Warn);
        let query = Some("select * from report".to_owned());
        let asking = held(Some(&Holder { query, ..holder("session", Some(3_600), 5) }), true);
        assert!(asking.finding.ends_with("(metabase, idle in transaction: select * from report)"));
        let standby = held(Some(&holder("standby", Some(47 * 60), 5)), true);
        assert!(standby.finding.contains("by a standby, by pid 8123"), "{}", standby.finding);
        assert_eq!(held(None, true).health, Health::Ok);
        assert_eq!(held(None, false).health, Health::Warn);
    }

    #[test]
    fn every_table_in_trouble_has_its_own_line() {
        let well = Tables {
            crowded: vec![],
            unvacuumed: vec![],
            invalid: vec![],
            swollen: vec![],
            spent: vec![],
        };
        assert_eq!(judge(&well).len(), 1);
        let ill = Tables {
            invalid: vec!["backstay.job_tags".into()],
            spent: vec![Spent { sequence: "entry_seq".into(), percent: 61 }],
            ..well
        };
        let healths: Vec<Health> = judge(&ill).iter().map(|finding| finding.health).collect();
        assert_eq!(healths, [Health::Fail, Health::Warn]);
    }

    #[test]
    fn an_index_is_told_that_takes_much_more_than_its_rows_need() {
        let of = |bytes, needed| Tables {
            crowded: vec![],
            unvacuumed: vec![],
            invalid: vec![],
            swollen: vec![Swollen { index: "backstay.ready_pkey".into(), bytes, needed }],
            spent: vec![],
        };
        let found = judge(&of(300 << 20, 20 << 20));
        assert_eq!(
            found,
            [Finding::warn(
                "bloat",
                "`backstay.ready_pkey` takes 300 MiB for rows that need 20 MiB",
                "reindex index concurrently backstay.ready_pkey"
            )]
        );
        assert_eq!(judge(&of(50 << 20, 0))[0].id, "tables", "that is no trouble");
    }

    #[tokio::test]
    async fn the_server_says_who_holds_the_horizon_and_which_index_is_mostly_empty() {
        if crate::testing::is_skipped() {
            return;
        }
        let place = crate::testing::place::make().await;
        let database = Database::connect(&place.url).await.unwrap();
        let swollen = async || facts::<Tables>(&database, Facts::Tables).await.unwrap().swollen;
        assert!(swollen().await.is_empty());
        let (client, connection) =
            tokio_postgres::connect(&place.url, tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        let keys = "insert into backstay.unique_key (hash, job_id, until)
                    select sha256(n::text::bytea), n, 'finished' from generate_series(1, 5000) n";
        for text in [keys, "delete from backstay.unique_key", "vacuum backstay.unique_key"] {
            client.batch_execute(text).await.unwrap();
        }
        let found = swollen().await;
        let [one] = &found[..] else { panic!("{found:?}") };
        assert_eq!((one.index.as_str(), one.needed), ("backstay.unique_key_pkey", 0));

        let begin = "begin isolation level repeatable read; select 'held' as horizon";
        client.batch_execute(begin).await.unwrap();
        let pid: i32 = client.query_one("select pg_backend_pid()", &[]).await.unwrap().get(0);
        let holder: Option<Holder> = facts(&database, Facts::Horizon).await.unwrap();
        // Others may hold it, too, on a server of many tests: in this database it is nobody else.
        let holder = holder.expect("a snapshot is open");
        assert_eq!((holder.sort.as_str(), holder.name), ("session", pid.to_string()));
        assert_eq!(holder.query.as_deref(), Some("select pg_backend_pid()"));
    }
}
