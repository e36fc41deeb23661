//! Codes 3xx: what can stand against an operator's verb.

use super::Code;

pub(super) const CODES: &[Code] = &[
    Code {
        code: "BS301",
        name: "not_found",
        status: Some(404),
        title: "there is no such job, group, queue, schedule or worker",
        meaning: "Nothing of this id or name exists, or this login may not see it: an application sees \
                  only the jobs that it enqueued itself.",
        causes: &[
            "the job has ended and is past its retention (completed jobs: 7 days)",
            "the id belongs to another installation, such as staging",
            "the job was enqueued in a transaction that was rolled back",
            "a schedule that no worker has declared yet: it stands in `backstay cron list` once one has started",
            "a job id that lost its last digits as a JavaScript number: ids are texts in JSON",
        ],
        remedy: "Look for it by what you know: `backstay jobs list --kind report`, `backstay dead list`.",
        example: "$ backstay jobs show 4211\nBS301 no job 4211",
    },
    Code {
        code: "BS302",
        name: "wrong_state",
        status: Some(409),
        title: "the job is not in a state in which this can be done",
        meaning: "The verb exists, and so does the job, but it stands elsewhere: only waiting jobs are \
                  promoted and edited, only dead letters are revived and discarded.",
        causes: &[
            "it has moved since you looked: a worker has just claimed or finished it",
            "the same command was sent twice",
            "it was discarded: `backstay dead restore` brings it back for seven days",
            "a schedule that no worker declares any more is retired, and is not run",
            "a tick that is to be filled in has its job already: there is one at most, ever",
        ],
        remedy: "Look at it again with `backstay jobs show ID`; its state says which verbs fit.",
        example: "$ backstay jobs promote 4211\nBS302 job 4211 is running; only what waits for its time can be promoted",
    },
    Code {
        code: "BS303",
        name: "unique_held",
        status: Some(409),
        title: "another job holds the unique key of this dead letter",
        meaning: "A dead letter gives its unique key back, and meanwhile a new job has taken it. To \
                  revive it would make two jobs with one key.",
        causes: &[
            "the same work was asked for again after the job had died",
            "two dead letters with one key are revived together",
            "a schedule is run, or a tick filled in, while another job holds the key that its options name",
        ],
        remedy: "If the new job does the work, discard the dead letter. Otherwise wait until it has \
                 ended, or revive with `--without-unique`.",
        example: "$ backstay dead revive 4211 --without-unique --reason \"both are needed\"",
    },
    Code {
        code: "BS304",
        name: "count_changed",
        status: Some(409),
        title: "many more jobs fit the filter now than were shown",
        meaning: "A verb on a filter shows how many jobs it will touch. Between that and the \
                  confirmation the number has grown by more than a tenth, so nothing was done.",
        causes: &[
            "jobs go on dying while you look at them",
            "the filter is wider than it was meant to be",
            "a script passes a number in `--expect` that is long out of date",
            "a back-fill whose span ends now holds another tick by now; its number must be the same",
        ],
        remedy: "Look at the number again and repeat the command; narrow the filter with `--before`, so \
                 that nothing new falls into it.",
        example: "$ backstay dead revive --kind report --before 2026-11-24T09:00:00Z --expect 412",
    },
    Code {
        code: "BS305",
        name: "reason_required",
        status: Some(422),
        title: "this verb wants a reason",
        meaning: "What touches many jobs, throws something away or lifts a safeguard is written into \
                  the audit with a reason, for whoever asks later.",
        causes: &[
            "`--reason` is missing on the command line",
            "the option `reason` is missing in a call of the SQL function",
        ],
        remedy: "Say why, in a few words.",
        example: "$ backstay dead discard --fingerprint a3f19c02 --reason \"test data, ticket 77\"",
    },
    Code {
        code: "BS306",
        name: "installation_held",
        status: Some(409),
        title: "this installation starts nothing until somebody says so",
        meaning: "The database looks like a copy: it was restored, renamed or opened under another \
                  environment. Jobs in a copy would send their mails a second time, so nothing is \
                  claimed, ticks or is sent. Enqueuing and looking work.",
        causes: &[
            "a dump of production was restored for staging",
            "the server was restored from a backup",
            "`environment` was changed in the settings",
        ],
        remedy: "Find out whether the original is still running. If this database is to work, resume \
                 it; if it is a copy, leave it held or delete its jobs first.",
        example: "$ backstay doctor\n$ backstay installation resume --reason \"moved to the new server\"",
    },
    Code {
        code: "BS307",
        name: "bench_refused",
        status: None,
        title: "the bench does not run in this database",
        meaning: "`backstay bench` works beside other people's jobs, so it begins only where it harms nobody and \
                  nobody spoils its figures. Nothing was measured and nothing was changed.",
        causes: &[
            "the settings or the installation say `environment = \"production\"`: a bench is load",
            "a worker serves the queue `backstay_bench` and would take the bench's jobs",
            "another bench runs in the same database",
            "a transaction pooler stands in between, so that neither sessions nor figures are the server's own",
        ],
        remedy: "Run it on a copy or on the private PostgreSQL (`backstay bench` without an address). In production \
                 give `--in-production`, at an hour in which load does no harm.",
        example: "$ backstay bench --database-url postgres://db/shop\n\
                  BS307 this is a production database (environment = \"production\")",
    },
];
