//! What must hold in every database, each a statement of `sql/invariant/`, all looked at in one snapshot.

use super::StoreError;
use super::database::Database;
use super::statement::{Link, Sql, sql};

static CENSUS: Sql = sql!("doctor/census", [INT8]);

/// Those that look at jobs take the part of the jobs that is looked at; null is all of them.
static INVARIANTS: [Sql; 14] = [
    sql!("invariant/i01_one_place", [INT4]),
    sql!("invariant/i02_body_present", [INT4]),
    sql!("invariant/i03_running_is_a_claim", []),
    sql!("invariant/i04_counters_sane", [INT4]),
    sql!("invariant/i05_rescue_bound", []),
    sql!("invariant/i06_has_a_mover", [INT4]),
    sql!("invariant/i07_dead_and_alert", [INT4]),
    sql!("invariant/i08_alerts_move", []),
    sql!("invariant/i09_unique_keys", [INT4]),
    sql!("invariant/i13_our_sessions", []),
    sql!("invariant/i14_catalogue", []),
    sql!("invariant/i15_functions_closed", []),
    sql!("invariant/i16_sizes", [INT4]),
    sql!("invariant/i24_pause_holds", []),
];

/// One snapshot for all, planned for whole tables: by hash, whatever the statistics say, and never row by row.
const LOOK: &str = "begin isolation level repeatable read read only; set local statement_timeout = '5s'; \
    set local lock_timeout = '500ms'; set local enable_seqscan = on; set local enable_hashjoin = on; \
    set local enable_sort = on; set local enable_nestloop = off; set local work_mem = '64MB'; set local jit = off; \
    set local plan_cache_mode = force_custom_plan";

/// What its header says of an invariant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    /// `i01_one_place`
    pub(crate) id: &'static str,
    pub(crate) promise: &'static str,
    /// When it may be otherwise without a defect; none if that is always one.
    pub(crate) excuse: Option<&'static str>,
    /// Looks at sessions, of which most logins see only their own.
    pub(crate) needs_sight: bool,
}

/// What was seen of one invariant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    /// What does not keep it: subject and detail, 101 at most.
    Rows(Vec<(String, String)>),
    /// The look took too long.
    Unfinished,
}

/// What is known before the look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Census {
    /// There are more unfinished jobs than one look takes.
    pub(crate) many: bool,
    /// The database's clock, in whole minutes.
    pub(crate) minute: i64,
    pub(crate) sees_all: bool,
}

/// Looks at all invariants in one transaction; `part` says by the census which jobs are looked at.
pub(crate) async fn invariants(
    database: &Database,
    most: i64,
    part: fn(&Census) -> Option<i32>,
) -> Result<(Census, Vec<(Header, Seen)>), StoreError> {
    database
        .call(async |link| {
            link.batch(LOOK).await?;
            let row = link.query_one(&CENSUS, &[&most]).await?;
            let (many, minute, sees_all) =
                (row.get("many"), row.get("minute"), row.get("sees_all"));
            let census = Census { many, minute, sees_all };
            let part = part(&census);
            let mut seen = Vec::with_capacity(INVARIANTS.len());
            for sql in &INVARIANTS {
                seen.push((header(sql), one(link, sql, part).await?));
            }
            link.batch("commit").await?;
            Ok((census, seen))
        })
        .await
}

/// One that takes too long does not keep the others from being looked at.
async fn one(link: &Link, sql: &'static Sql, part: Option<i32>) -> Result<Seen, StoreError> {
    link.batch("savepoint one").await?;
    let asked = if sql.types.is_empty() {
        link.query(sql, &[]).await
    } else {
        link.query(sql, &[&part]).await
    };
    match asked {
        Ok(rows) => {
            link.batch("release savepoint one").await?;
            let pair = |row: &tokio_postgres::Row| (row.get("subject"), row.get("detail"));
            Ok(Seen::Rows(rows.iter().map(pair).collect()))
        }
        Err(error @ StoreError::Refused { .. }) if error.is_timeout() => {
            link.batch("rollback to savepoint one").await?;
            Ok(Seen::Unfinished)
        }
        Err(error) => Err(error),
    }
}

fn header(sql: &Sql) -> Header {
    let line = |lead: &str| sql.text.lines().find_map(|line| line.strip_prefix(lead));
    let sort = line("-- sort: ").unwrap_or_default();
    Header {
        id: sql.name.strip_prefix("invariant/").unwrap_or(sql.name),
        promise: line("-- ").unwrap_or_default().trim_end_matches('.'),
        excuse: sort
            .strip_prefix("alarm (")
            .and_then(|rest| rest.split_once(')'))
            .map(|(excuse, _)| excuse),
        needs_sight: sort.contains("with pg_monitor"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_header_says_what_is_promised_and_whether_otherwise_is_a_defect() {
        for sql in &INVARIANTS {
            let head = header(sql);
            assert!(head.promise.len() > 20 && !head.promise.starts_with("--"), "{head:?}");
            let sort = sql.text.lines().nth(1).unwrap();
            assert_eq!(sort.starts_with("-- sort: alarm ("), head.excuse.is_some(), "{sort}");
            assert!(head.excuse.is_some() || sort.starts_with("-- sort: defect "), "{sort}");
            assert_eq!(!sql.types.is_empty(), sql.text.contains("-- $1 part int"), "{}", sql.name);
            assert_eq!(head.needs_sight, sql.text.contains("pg_stat_activity"), "{}", sql.name);
        }
    }
}
