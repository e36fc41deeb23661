//! The server itself: version, role, durability, connections, what it gives our sessions, clock.

use serde::Deserialize;

use super::{Finding, Wishes, blind, facts};
use crate::model::unit::about;
use crate::store::database::Database;
use crate::store::doctor::{self as store, Facts};
use crate::store::migrate::OLDEST_SERVER;

/// Connections that one worker may open: its login gets this ceiling from `init`.
const PER_WORKER: i64 = 8;
/// Beyond this part of it somebody has not read notifications for long.
const NOTIFY_USAGE: f64 = 0.5;
/// Our clock decides nothing, but people compare its times with the server's.
const SKEW_MS: i64 = 2_000;

#[derive(Debug, Clone, Deserialize)]
struct Server {
    version: String,
    version_num: i32,
    standby: bool,
    fsync: String,
    full_page_writes: String,
    synchronous_commit: String,
    synchronous_standbys: String,
    autovacuum: String,
    max_connections: i64,
    reserved: i64,
    connections: i64,
    ours: i64,
    isolation: String,
    read_only: String,
    notify_usage: f64,
    listener: Option<Listener>,
    ceilings: Vec<Ceiling>,
    login: String,
}

/// The session that has been in a transaction for longest.
#[derive(Debug, Clone, Deserialize)]
struct Listener {
    pid: i32,
    who: String,
}

/// A login of ours that may not open as many connections as it likes.
#[derive(Debug, Clone, Deserialize)]
struct Ceiling {
    login: String,
    used: i64,
    most: i64,
}

pub(super) async fn check(database: &Database, wishes: &Wishes) -> Vec<Finding> {
    let mut found = match facts::<Server>(database, Facts::Server).await {
        Ok(server) => {
            let mut found = vec![
                version(&server),
                durability(&server, wishes.require_durable),
                connections(&server),
                autovacuum(&server),
            ];
            found.extend(server.ceilings.iter().filter_map(ceiling));
            found.extend(defaults(&server));
            found.extend(notifications(&server));
            found
        }
        Err(error) => vec![blind("server", &error)],
    };
    found.push(match store::clock(database).await {
        Ok((ahead_ms, took)) => clock(ahead_ms, took.as_millis()),
        Err(error) => blind("clock", &error),
    });
    found
}

fn version(server: &Server) -> Finding {
    // "15.18 (Debian 15.18-0+deb12u1)": people know the packager already.
    let short = server.version.split(' ').next().unwrap_or_default();
    let major = server.version_num / 10_000;
    if major < OLDEST_SERVER {
        let finding = format!("PostgreSQL {short} is too old");
        return Finding::fail(
            "server",
            finding,
            format!("use PostgreSQL {OLDEST_SERVER} or newer"),
        );
    }
    if server.standby {
        let finding = format!("PostgreSQL {short} is a standby, which takes no writes");
        return Finding::fail("server", finding, "use the address of the primary");
    }
    Finding::ok("server", format!("PostgreSQL {short}, primary"))
}

/// What was committed survives what?
fn durability(server: &Server, required: bool) -> Finding {
    let weak = |finding: &str, setting: &str| {
        let remedy = format!("alter system set {setting} = on; select pg_reload_conf()");
        if required {
            Finding::fail("durability", finding, remedy)
        } else {
            Finding::warn("durability", finding, remedy)
        }
    };
    if server.fsync != "on" {
        return weak("fsync is off: a crash of the machine may lose or damage everything", "fsync");
    }
    if server.full_page_writes != "on" {
        return weak("full_page_writes is off: a crash may damage pages", "full_page_writes");
    }
    match server.synchronous_commit.as_str() {
        "off" => weak(
            "synchronous_commit is off: a crash loses what was committed just before",
            "synchronous_commit",
        ),
        _ if server.synchronous_standbys.is_empty() => {
            Finding::ok("durability", "durable on this server only (no synchronous standby)")
        }
        "local" => Finding::ok(
            "durability",
            "durable on this server; commits do not wait for the synchronous standby",
        ),
        _ => Finding::ok("durability", "durable on this server and on a synchronous standby"),
    }
}

fn connections(server: &Server) -> Finding {
    let most = server.max_connections - server.reserved;
    let free = most - server.connections;
    let finding = format!("{} of {most} in use, {} of them ours", server.connections, server.ours);
    if free < PER_WORKER {
        let finding = format!("{finding}; one more worker needs up to {PER_WORKER}");
        let remedy = "raise max_connections, or put a pooler before the other clients";
        return Finding::warn("connections", finding, remedy);
    }
    Finding::ok("connections", finding)
}

/// A login at its ceiling: the next worker, or this one after a broken connection, is refused.
fn ceiling(seen: &Ceiling) -> Option<Finding> {
    let Ceiling { login, used, most } = seen;
    if most - used >= PER_WORKER / 2 {
        return None;
    }
    let finding = format!("`{login}` has {used} of the {most} connections that it may have");
    let remedy =
        format!("run: alter role {login} connection limit {}", most.max(used) + PER_WORKER);
    Some(Finding::warn("connections", finding, remedy))
}

/// What every transaction of this login begins with, unless it says otherwise.
fn defaults(server: &Server) -> Vec<Finding> {
    let login = &server.login;
    let mut found = Vec::new();
    if server.read_only == "on" && !server.standby {
        found.push(Finding::fail(
            "settings",
            format!("transactions of `{login}` may not write (default_transaction_read_only)"),
            format!("run: alter role {login} set default_transaction_read_only = off"),
        ));
    }
    if server.isolation != "read committed" {
        found.push(Finding::warn(
            "settings",
            format!(
                "transactions of `{login}` are {} by default: calls that meet others fail and must be repeated",
                server.isolation
            ),
            format!("run: alter role {login} set default_transaction_isolation = 'read committed'"),
        ));
    }
    found
}

/// When the queue of notifications is full, every transaction that sends one fails.
fn notifications(server: &Server) -> Option<Finding> {
    if server.notify_usage < NOTIFY_USAGE {
        return None;
    }
    let percent = server.notify_usage * 100.0;
    let finding = format!(
        "the server's queue of notifications is {percent:.0} % full; when it is full, enqueues fail"
    );
    let remedy = match &server.listener {
        Some(Listener { pid, who }) => {
            format!(
                "a session that listens stays in a transaction, perhaps {who}: select pg_terminate_backend({pid})"
            )
        }
        None => "end the session that listens and stays in a transaction".into(),
    };
    Some(Finding::fail("notify", finding, remedy))
}

fn autovacuum(server: &Server) -> Finding {
    if server.autovacuum == "on" {
        return Finding::ok("autovacuum", "on");
    }
    Finding::fail(
        "autovacuum",
        "off: the tables of jobs grow and slow down without it",
        "alter system set autovacuum = on; select pg_reload_conf()",
    )
}

fn clock(ahead_ms: i64, took_ms: u128) -> Finding {
    let apart = std::time::Duration::from_millis(ahead_ms.unsigned_abs());
    if ahead_ms.abs() <= SKEW_MS + i64::try_from(took_ms).unwrap_or(i64::MAX) {
        return Finding::ok("clock", format!("here and there {} ms apart", apart.as_millis()));
    }
    let side = if ahead_ms > 0 { "ahead of" } else { "behind" };
    let finding = format!("this machine is {} {side} the server, whose time counts", about(apart));
    Finding::warn("clock", finding, "let both be set by the network: timedatectl set-ntp true")
}

#[cfg(test)]
mod tests {
    use super::super::Health;
    use super::*;

    fn good() -> Server {
        Server {
            version: "16.4 (Debian 16.4-1)".into(),
            version_num: 160_004,
            standby: false,
            fsync: "on".into(),
            full_page_writes: "on".into(),
            synchronous_commit: "on".into(),
            synchronous_standbys: String::new(),
            autovacuum: "on".into(),
            max_connections: 100,
            reserved: 3,
            connections: 20,
            ours: 4,
            isolation: "read committed".into(),
            read_only: "off".into(),
            notify_usage: 0.0,
            listener: None,
            ceilings: Vec::new(),
            login: "worker".into(),
        }
    }

    #[test]
    fn a_good_server_is_told_in_plain_words() {
        assert_eq!(version(&good()).finding, "PostgreSQL 16.4, primary");
        assert_eq!(connections(&good()).finding, "20 of 97 in use, 4 of them ours");
        assert_eq!(durability(&good(), true).health, Health::Ok);
    }

    #[test]
    fn what_may_lose_jobs_is_a_failure_only_where_that_was_ruled_out() {
        for change in [
            |server: &mut Server| server.fsync = "off".into(),
            |server: &mut Server| server.synchronous_commit = "off".into(),
        ] {
            let mut server = good();
            change(&mut server);
            assert_eq!(durability(&server, false).health, Health::Warn);
            assert_eq!(durability(&server, true).health, Health::Fail);
        }
    }

    #[test]
    fn a_login_near_its_ceiling_is_told_with_one_that_fits() {
        let of = |used, most| ceiling(&Ceiling { login: "worker".into(), used, most });
        assert_eq!(of(4, 8), None);
        let found = of(7, 8).unwrap();
        assert_eq!(found.finding, "`worker` has 7 of the 8 connections that it may have");
        assert_eq!(found.remedy.as_deref(), Some("run: alter role worker connection limit 16"));
    }

    #[test]
    fn notifications_that_nobody_reads_are_a_failure_with_who_keeps_them() {
        assert_eq!(notifications(&good()), None);
        let listener = Some(Listener { pid: 812, who: "metabase".into() });
        let found = notifications(&Server { notify_usage: 0.61, listener, ..good() }).unwrap();
        assert_eq!(found.health, Health::Fail);
        assert!(found.finding.starts_with("the server's queue of notifications is 61 % full"));
        assert!(found.remedy.unwrap().ends_with("metabase: select pg_terminate_backend(812)"));
    }

    #[test]
    fn a_standby_and_an_old_server_cannot_do() {
        let standby = Server { standby: true, ..good() };
        assert_eq!(version(&standby).health, Health::Fail);
        let old = Server { version_num: 130_012, ..good() };
        assert_eq!(version(&old).health, Health::Fail);
    }

    #[test]
    fn a_clock_is_only_wrong_beyond_what_the_question_took() {
        assert_eq!(clock(1_900, 0).health, Health::Ok);
        assert_eq!(clock(-2_500, 600).health, Health::Ok);
        assert_eq!(
            clock(-90_000, 600).finding,
            "this machine is 90 s behind the server, whose time counts"
        );
    }
}
