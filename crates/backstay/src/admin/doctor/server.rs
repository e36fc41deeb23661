//! The server itself: version, role, durability, connections, clock.

use serde::Deserialize;

use super::{Finding, Wishes, blind, facts};
use crate::model::unit::about;
use crate::store::database::Database;
use crate::store::doctor::{self as store, Facts};
use crate::store::migrate::OLDEST_SERVER;

/// Connections that one worker may open: its login gets this ceiling from `init`.
const PER_WORKER: i64 = 8;
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
}

pub(super) async fn check(database: &Database, wishes: &Wishes) -> Vec<Finding> {
    let mut found = match facts::<Server>(database, Facts::Server).await {
        Ok(server) => vec![
            version(&server),
            durability(&server, wishes.require_durable),
            connections(&server),
            autovacuum(&server),
        ],
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
