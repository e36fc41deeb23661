//! Codes 5xx: what can be wrong with the database.

use super::Code;

pub(super) const CODES: &[Code] = &[
    Code {
        code: "BS501",
        name: "unreachable",
        status: Some(503),
        title: "the database cannot be reached",
        meaning: "No connection could be made, or the one in use broke. A worker goes on with its \
                  running jobs and writes their verdicts when the database is back; nothing is lost.",
        causes: &[
            "the server is down, restarting or switching over",
            "a wrong host, port, password or certificate in the URL",
            "all connections of the server or of this role are in use",
            "a firewall between the two",
        ],
        remedy: "Try the URL with psql from the same machine. `backstay doctor` says which step fails.",
        example: "$ psql \"$DATABASE_URL\" -c 'select 1'",
    },
    Code {
        code: "BS502",
        name: "not_installed",
        status: Some(503),
        title: "this database has no Backstay in it",
        meaning: "The schema `backstay` does not exist, or this login cannot see it.",
        causes: &[
            "`backstay init` has not been run on this database",
            "the URL names another database of the same server",
            "the login has no right to use the schema",
        ],
        remedy: "Run `backstay init`, or `backstay init --print` to read the SQL first.",
        example: "$ backstay init --print | less\n$ backstay init",
    },
    Code {
        code: "BS503",
        name: "schema_mismatch",
        status: Some(503),
        title: "the schema and this program do not fit together",
        meaning: "The schema is older than this program needs, or so new that it no longer serves it.",
        causes: &[
            "a new release was started before `backstay migrate up`",
            "an old worker is still running after an upgrade was finished",
            "a database restored from before the last upgrade",
        ],
        remedy: "Look at `backstay migrate status`. First run `backstay migrate up --phase pre`, then \
                 start the new programs, then run `--phase post`.",
        example: "$ backstay migrate status\n$ backstay migrate up",
    },
    Code {
        code: "BS504",
        name: "no_privilege",
        status: Some(403),
        title: "this login may not do this",
        meaning: "PostgreSQL refused: the login is not a member of the role that the action needs.",
        causes: &[
            "an application that enqueues is not in `backstay_enqueuer`",
            "a worker is not in `backstay_worker`",
            "an operator's verb with a login that may only look",
        ],
        remedy: "Grant the role, as the owner of the database.",
        example: "grant backstay_enqueuer to api;\ngrant backstay_operator to ana;",
    },
    Code {
        code: "BS505",
        name: "read_only",
        status: Some(503),
        title: "the server takes no writes",
        meaning: "The connection reached a standby, or a database that is set to read only.",
        causes: &[
            "the address still points to the old primary after a switch",
            "a URL that names several hosts without `target_session_attrs=read-write`",
            "`default_transaction_read_only` is on for this login or database",
        ],
        remedy: "Connect to the primary.",
        example: "postgres://worker@a,b/shop?target_session_attrs=read-write",
    },
    Code {
        code: "BS506",
        name: "too_old",
        status: None,
        title: "the server is older than PostgreSQL 14",
        meaning: "Backstay uses what came with PostgreSQL 14, and is tested from there on.",
        causes: &[
            "a server that has not been upgraded for years",
            "a compatible product that reports an older version",
        ],
        remedy: "Upgrade the server. Backstay may also use a database of its own on a newer server, at \
                 the price that jobs no longer commit together with the application's rows.",
        example: "$ psql \"$DATABASE_URL\" -c 'show server_version'",
    },
    Code {
        code: "BS507",
        name: "timed_out",
        status: Some(503),
        title: "a statement took too long and was stopped",
        meaning: "Backstay's own statements have time limits, so that they never hold the \
                  application up. This one was stopped by the server, or waited too long for a lock.",
        causes: &[
            "another transaction holds a lock, often one that is idle",
            "the server is overloaded or its disk is slow",
            "autovacuum has been held up for long: see `backstay doctor`, line horizon",
        ],
        remedy: "Repeat it. If it happens often, `backstay doctor` names who holds the lock.",
        example: "select pid, state, query from pg_stat_activity where state = 'idle in transaction';",
    },
    Code {
        code: "BS508",
        name: "not_durable",
        status: None,
        title: "the server may lose what it has confirmed, and the settings forbid that",
        meaning: "`require_durable = true` is set, and the server runs with settings under which a \
                  crash loses committed jobs.",
        causes: &[
            "`fsync` or `full_page_writes` is off",
            "`synchronous_commit` is off for this login, database or server",
            "a server that was set up for tests",
        ],
        remedy: "Switch the named setting on, or take `require_durable` out if losing jobs is fine here.",
        example: "alter role worker set synchronous_commit = on;",
    },
    Code {
        code: "BS509",
        name: "clock_fixed",
        status: None,
        title: "only a test database has a clock that can be moved",
        meaning: "Moving the clock is for tests. A database that was not created by the testing kit or \
                  by `backstay dev --test` keeps the real time.",
        causes: &[
            "a test that was pointed at an ordinary database",
            "`test_advance` called by hand in production",
        ],
        remedy: "Use `TestQueue` in tests, which creates a database for each of them.",
        example: "let t = TestQueue::start(worker()).await?;\nt.advance(secs(31)).await;",
    },
    Code {
        code: "BS510",
        name: "no_connection_left",
        status: Some(503),
        title: "the server, or this login, has as many connections as it may",
        meaning: "PostgreSQL refused one more session. Nothing is lost: a worker keeps what it has in hand \
                  and tries again, waiting up to 5 s between tries.",
        causes: &[
            "a `connection limit` on the login that is smaller than what a worker and its handlers open; \
             the start of a worker prints the sum",
            "an application whose pools together want more than `max_connections`",
            "handlers that open a pool each where one connection would do",
        ],
        remedy: "Raise the limit, lower slots or pool sizes, or put a transaction pooler between.",
        example: "alter role app_jobs connection limit 32;",
    },
    Code {
        code: "BS511",
        name: "disk_full",
        status: Some(503),
        title: "the disk of the server is full",
        meaning: "PostgreSQL could not make a table or its log larger. What was asked for has not happened; \
                  a worker keeps its verdicts and goes on by itself when there is room again.",
        causes: &[
            "a replication slot that nobody reads, so that the log is kept for ever",
            "a table that grows without end, ours or the application's",
            "a query that sorts more than the disk holds: see `temp_file_limit`",
        ],
        remedy: "Make room, best by deleting what does not belong to the database, or enlarge the disk.",
        example: "select slot_name, active, restart_lsn from pg_replication_slots;",
    },
    Code {
        code: "BS512",
        name: "invariant_broken",
        status: None,
        title: "something that must hold in every database does not",
        meaning: "`backstay doctor --invariants` found jobs, keys or things of the schema that no way through \
                  Backstay leads to. No job is changed by the look, and workers go on.",
        causes: &[
            "a defect in Backstay",
            "somebody changed our tables with statements of their own, past the doors",
            "a server that lost what it had confirmed, or a copy that does not belong together",
            "for our_sessions: a program of ours was stopped, not ended, in the middle of a transaction",
            "for catalogue: an index whose making was broken off; `reindex index concurrently` mends it",
        ],
        remedy: "Keep the finding before anything is mended: the JSON names up to 100 rows of each. Look up one job \
                 with `backstay jobs show ID --attempts`. If nobody worked past the doors, report it as a defect.",
        example: "backstay doctor --invariants --json > finding.json",
    },
];
