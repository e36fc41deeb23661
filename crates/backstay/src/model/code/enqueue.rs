//! Codes 1xx: what can be wrong with a request to enqueue.

use super::Code;

pub(super) const CODES: &[Code] = &[
    Code {
        code: "BS101",
        name: "unknown_option",
        status: Some(422),
        title: "an option of this name does not exist",
        meaning: "A request named an option that Backstay does not know. Nothing was enqueued. \
                  Unknown options are refused rather than ignored, so that a slip of the pen is not \
                  found weeks later by its missing effect.",
        causes: &[
            "a misspelt name; the hint shows the nearest one",
            "an option that came with a later release than the functions in this database: run \
             `backstay migrate status`",
            "the option of another job library, such as `attempts` or `delay`",
            "what holds for a whole kind: on, on_oom, restart, crash_limit, lost_limit stand under [kinds.NAME] or in \
             the contract in code",
        ],
        remedy: "Correct the name. The options are: queue, priority, run_in, run_at, max_retries, \
                 backoff, timeout, memory, unique, idempotency_key, group, limit_key, expires_in, \
                 expires_at, tags, meta, trace, notify; and contract, in which a library sends what its \
                 code declares for the kind.",
        example: "select backstay.enqueue('report', '{}', '{\"priorty\": 2}');\n\
                  ERROR:  option \"priorty\" is not known\n\
                  HINT:   did you mean \"priority\"?",
    },
    Code {
        code: "BS102",
        name: "bad_option",
        status: Some(422),
        title: "an option has a value that it cannot have",
        meaning: "The option exists, but its value has the wrong type, no unit, or lies outside its \
                  bounds. Nothing was enqueued; values are never clamped silently.",
        causes: &[
            "a duration without a unit: write \"300s\" or \"5m\" instead of 300",
            "a priority as text: write 3, or one of \"urgent\", \"high\", \"normal\", \"low\"",
            "two options that exclude each other, such as run_in and run_at",
            "a time without an offset: write \"2026-11-24T09:00:00Z\"",
            "a timeout above the `timeout_max` of its queue",
        ],
        remedy: "Change the value as the message says. Durations take the units ms, s, m, h, d and w, \
                 sizes KiB, MiB and GiB.",
        example: "select backstay.enqueue('mail', '{}', '{\"run_in\": 300}');       -- refused\n\
                  select backstay.enqueue('mail', '{}', '{\"run_in\": \"300s\"}');    -- accepted",
    },
    Code {
        code: "BS103",
        name: "bad_name",
        status: Some(422),
        title: "a name has a character that names cannot have",
        meaning: "Names of kinds, queues, limits and schedules have 1 to 128 characters out of the \
                  letters A to Z and a to z, the digits, and `_` `.` `:` `-`. They stand in addresses, \
                  logs and metrics, where anything else would have to be escaped.",
        causes: &[
            "a space, a slash or a letter with an accent in the name of a queue or kind",
            "an empty name, often from a variable that was not set",
            "the name of a class of your language with its namespace: `App\\Jobs\\Mail`",
        ],
        remedy: "Choose a name of these characters; the detail shows the first wrong one. What comes \
                 from users belongs into args, or into a key such as `group`.",
        example: "select backstay.enqueue('send mail', '{}');     -- refused: ' ' at character 5\n\
                  select backstay.enqueue('mail.send', '{}');     -- accepted",
    },
    Code {
        code: "BS104",
        name: "bad_args",
        status: Some(422),
        title: "the args are no JSON object that PostgreSQL can store",
        meaning: "Args must be one JSON object, as text that PostgreSQL accepts as jsonb. Nothing was \
                  enqueued.",
        causes: &[
            "an array, a number or a text at the top: wrap it, {\"ids\": [1, 2]}",
            "a character U+0000 or half of a surrogate pair in a text, mostly from binary data",
            "a number that JSON does not have: NaN or Infinity",
            "in Rust: a job type that serialises to something else than a struct or a map",
        ],
        remedy: "Pass an object. Binary data is best stored elsewhere, with a reference to it in the \
                 args; short pieces can be encoded as base64.",
        example: "select backstay.enqueue('resize', '[1, 2]');               -- refused\n\
                  select backstay.enqueue('resize', '{\"ids\": [1, 2]}');    -- accepted",
    },
    Code {
        code: "BS105",
        name: "args_too_large",
        status: Some(413),
        title: "the args are larger than allowed",
        meaning: "Args may have 256 KiB as JSON text, or what `bounds.args` in the settings allows (up \
                  to 4 MiB). Every attempt reads them, every page that shows the job too, so large \
                  args make everything slower.",
        causes: &[
            "a file, an image or a whole document inside the args",
            "a list of all ids that a job should work on",
            "an object of the application with everything that hangs on it",
        ],
        remedy: "Store the content in a table or in object storage and pass its key. For a long list, \
                 enqueue one job per element with `enqueue_many`, or let the handler run the query.",
        example: "select backstay.enqueue('scan', '{\"document\": 4211}');    -- the key, not the content",
    },
    Code {
        code: "BS106",
        name: "args_too_deep",
        status: Some(422),
        title: "the args are nested too deeply",
        meaning: "Nothing in args may lie at level 64 or deeper; the object itself is level 0. Deeper \
                  values make parsers of some languages run out of stack.",
        causes: &[
            "a tree that was written as nested objects, such as comments and their answers",
            "an error in a serialiser that wraps its own result again and again",
            "text from outside that was passed on as it came",
        ],
        remedy: "Pass the tree as a list of nodes with the ids of their parents, or store it and pass \
                 its key.",
        example: "{\"nodes\": [{\"id\": 1}, {\"id\": 2, \"parent\": 1}]}",
    },
    Code {
        code: "BS107",
        name: "kind_not_declared",
        status: Some(422),
        title: "no job of this kind is declared, and the installation asks for it",
        meaning: "With `strict_kinds = true` only kinds are accepted that a worker has declared. \
                  Without it any kind is accepted, because the application may be deployed before its \
                  worker.",
        causes: &[
            "a misspelt kind; the hint shows the nearest one",
            "a new kind whose worker has not been started yet",
            "a kind that was renamed in the worker and not in the application",
        ],
        remedy: "Correct the name, or start a worker (or run `backstay apply`) that declares the kind, \
                 before the application uses it.",
        example: "[kinds.report]        # in backstay.toml\nqueue = \"reports\"",
    },
    Code {
        code: "BS108",
        name: "not_allowed",
        status: Some(403),
        title: "this login may not enqueue this kind, or not into this queue",
        meaning: "The table `backstay.enqueue_grant` limits which kinds and queues a login may use, and \
                  this login has no row that fits. A row without a queue or a kind stands for all of \
                  them, and a login without any row may use everything.",
        causes: &[
            "a new kind, and nobody has added the grant",
            "the application connects with another login than planned",
            "a queue in the options that is meant for another application",
        ],
        remedy: "Let somebody with the role `backstay_migrator` add a row for the login, or connect \
                 with the login that has it.",
        example: "insert into backstay.enqueue_grant (role, queue, kind) values ('api', 'reports', 'report');",
    },
    Code {
        code: "BS109",
        name: "too_many",
        status: Some(413),
        title: "too many jobs in one call",
        meaning: "One call takes at most 10,000 jobs with 64 MiB of args in all, so that no single \
                  statement holds the database up. None of them was enqueued.",
        causes: &[
            "a whole table enqueued in one call",
            "large args, so that fewer jobs already reach the 64 MiB",
            "a back-fill of a schedule over a span that holds more than 1,000 ticks",
        ],
        remedy: "Cut the list into pieces; calls in one transaction still commit or vanish together.",
        example: "for rows in rows.chunks(10_000) { enqueue_many(&mut tx, rows.to_vec()).await?; }",
    },
    Code {
        code: "BS110",
        name: "unique_conflict",
        status: Some(409),
        title: "another job holds this unique key",
        meaning: "The request asked for `on_conflict: \"reject\"`, and an unfinished job holds the same \
                  unique key. The detail shows its id. Nothing was enqueued, and the transaction is \
                  rolled back unless it is caught at a savepoint.",
        causes: &[
            "the work was already asked for and has not ended",
            "a key that is too coarse, such as a constant",
            "a retry of the caller after it had been successful",
        ],
        remedy: "If it is enough that the work is on its way, leave `on_conflict` out: then the answer \
                 is the id of the holder with `created` false. To change the waiting job, use \
                 `\"replace\"`.",
        example: "select * from backstay.enqueue('report', '{}', '{\"unique\": \"2026-11\"}');\n\
                  --   id  | created\n\
                  --  4211 | f",
    },
    Code {
        code: "BS111",
        name: "idempotency_conflict",
        status: Some(409),
        title: "the idempotency key was used for something else",
        meaning: "A call with the same idempotency key was made within the last 24 hours, for another \
                  kind or with other args. Answering with that job would hide a mistake.",
        causes: &[
            "a key that is not taken from the request, such as a constant or the id of a user",
            "args that hold a time or a random value, so that the repeated call differs",
            "two programs that use the same keys",
        ],
        remedy: "Use one key for one request, made where the request begins, and repeat the call with \
                 exactly the same args.",
        example: "select backstay.enqueue('pay', '{\"order\": 7}', '{\"idempotency_key\": \"pay-order-7\"}');",
    },
];
