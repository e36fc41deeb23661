//! Codes 4xx: what can be wrong with the settings.

use super::Code;

pub(super) const CODES: &[Code] = &[
    Code {
        code: "BS401",
        name: "unknown_key",
        status: None,
        title: "the settings have a key that does not exist",
        meaning: "A key in `backstay.toml`, in a `BACKSTAY_` variable or in a contract is not known. \
                  Nothing was started: an ignored key would be a limit that does not hold.",
        causes: &[
            "a misspelt key; the message shows the nearest one",
            "a key at the wrong place, such as `slots` under [kinds.x] instead of [queues.x]",
            "a file that was written for a later release",
        ],
        remedy: "Correct the key. `backstay config show --all` prints every key with its value, and \
                 `backstay check` shows all faults of a file at once.",
        example: "BS401  backstay.toml:31  queues.reports.memry  unknown key; did you mean `memory`?",
    },
    Code {
        code: "BS402",
        name: "bad_value",
        status: None,
        title: "a setting has a value that it cannot have",
        meaning: "The key exists, but its value has the wrong type, no unit, or lies outside its \
                  bounds.",
        causes: &[
            "a duration or a size without its unit: \"30s\", \"512MiB\"",
            "a number in quotes, or a text without them",
            "a value that contradicts another, such as a `timeout` above `timeout_max`",
            "a line of a schedule that cannot be read, a date that never comes, or a time zone that is unknown",
            "an address of an alert channel or an `http` handler that lies in an inner network which `allow_networks` does not name",
        ],
        remedy: "Change the value as the message says; it shows the bounds.",
        example: "BS402  backstay.toml:34  queues.reports.timeout  `30` has no unit; did you mean \"30s\"?",
    },
    Code {
        code: "BS403",
        name: "missing",
        status: None,
        title: "a setting is missing that has no default",
        meaning: "Something needs a value that only you can know, mostly an address or a secret.",
        causes: &[
            "no DATABASE_URL, and no `url` under [database]",
            "`{ env = \"NAME\" }` names a variable that is not set in this process",
            "an alert channel without its address",
        ],
        remedy: "Set it in the file or in the environment. For a first try, `backstay dev` needs no \
                 settings at all and brings its own PostgreSQL.",
        example: "$ DATABASE_URL=postgres://worker@localhost/shop backstay work",
    },
    Code {
        code: "BS404",
        name: "unknown_reference",
        status: None,
        title: "a setting names something that is not there",
        meaning: "A queue, kind, limit or alert channel is named in one place and declared in none.",
        causes: &[
            "a misspelt name; the message shows the nearest one",
            "a section that was removed or renamed while others still speak of it",
        ],
        remedy: "Declare it, or correct the name.",
        example: "[[alerts.routes]]\nto = [\"team\"]        # needs: [alerts.channels] team = { slack = … }",
    },
    Code {
        code: "BS405",
        name: "duplicate",
        status: None,
        title: "something is declared twice",
        meaning: "Two handlers serve the same kind, two sections or two schedules have the same name, so \
                  it would be chance which of them counts.",
        causes: &[
            "a handler registered twice, after moving it to another file",
            "two Rust types with the same KIND",
            "a kind with a handler in Rust and a `command` in the file",
            "a schedule under [cron.NAME] whose name somebody wrote to `backstay.schedule` by hand; one \
             of the file takes no such row over",
        ],
        remedy: "Keep one of them. Two versions of a handler need two kinds. A schedule gets another name, \
                 or whoever owns the database deletes the row; `backstay cron list --json` says by its \
                 `origin` whose a schedule is.",
        example: "Worker::new(App::connect).handle(report).handle(report)    // BS405: kind `report`",
    },
    Code {
        code: "BS407",
        name: "secret_unreadable",
        status: None,
        title: "a secret cannot be read",
        meaning: "A setting takes its value from a file or a variable, and that cannot be read. The \
                  value itself is never shown.",
        causes: &[
            "the file does not exist, or belongs to another user",
            "the secret is not mounted into this container",
            "the file holds no valid UTF-8",
        ],
        remedy: "Check the path and its rights as the user that runs Backstay.",
        example: "url = { file = \"/run/secrets/database_url\" }      # ls -l /run/secrets",
    },
    Code {
        code: "BS408",
        name: "memory_overcommitted",
        status: None,
        title: "the queues promise more memory than there is",
        meaning: "A size under `memory` is a promise: with every slot busy all of them must fit into \
                  `memory_budget`, or the kernel would end jobs that kept to their limits. The worker \
                  did not start.",
        causes: &[
            "more slots, or more memory for each, than this host or container has",
            "a container with a smaller limit than the host that the file was written for",
            "a kind whose memory alone is more than the whole budget",
        ],
        remedy: "Lower `slots` or `memory`, give the container more, or set `overcommit = \"wait\"` \
                 under `[worker]`: jobs then wait until there is room. `memory = \"auto\"` always fits.",
        example: "[queues.exports]\nslots  = 2\nmemory = \"1GiB\"      # 2GiB of what all jobs share",
    },
];
