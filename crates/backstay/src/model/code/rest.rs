//! Codes 9xx: the rest.

use super::Code;

pub(super) const CODES: &[Code] = &[
    Code {
        code: "BS901",
        name: "no_postgresql",
        status: None,
        title: "there is no PostgreSQL on this machine that could be started",
        meaning: "No DATABASE_URL is set, so a private PostgreSQL was to be started, but its programs \
                  (initdb, postgres) were not found and could not be fetched.",
        causes: &[
            "PostgreSQL is not installed, and there is no network, or `--no-fetch` is set",
            "its programs lie in a folder where nobody looks: set `BACKSTAY_PG_BIN`",
            "root runs it, and there is no ordinary user that the server could run as",
        ],
        remedy: "Install PostgreSQL 14 or newer, or name a server with DATABASE_URL. The message lists \
                 where was looked.",
        example: "# apt install postgresql\n$ DATABASE_URL=postgres://me@localhost/shop backstay dev",
    },
    Code {
        code: "BS999",
        name: "internal",
        status: Some(500),
        title: "something happened that Backstay did not expect",
        meaning: "This is a mistake in Backstay, or a database that was changed by hand. A job that \
                  could not be handled because of it is a dead letter with the reason `internal`; the \
                  others go on.",
        causes: &[
            "a case that nobody had thought of",
            "tables of the schema `backstay` that were altered or written by hand",
        ],
        remedy: "Please report it with the message, the log lines around it, the output of `backstay \
                 version` and that of `backstay doctor`. None of them holds args or secrets.",
        example: "$ backstay version; backstay doctor --json > doctor.json",
    },
];
