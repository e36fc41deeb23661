//! Codes 2xx: what an attempt can be told.

use super::Code;

pub(super) const CODES: &[Code] = &[
    Code {
        code: "BS201",
        name: "stale",
        status: Some(409),
        title: "this attempt no longer holds the job",
        meaning: "The job id, attempt and worker together match no running job: the attempt has \
                  ended, was cancelled, or was taken over by another worker. Whatever it wanted to \
                  write was not written.",
        causes: &[
            "the worker was frozen or cut off from the database for longer than its lease (30 s), \
             and another one has taken over",
            "the attempt ran longer than its timeout",
            "somebody cancelled the job",
            "a handler goes on working in the background after it has returned",
        ],
        remedy: "Roll back: another attempt may be running or may have finished. In a handler, stop; \
                 Backstay has already judged this attempt. Effects in the same database stay exact if \
                 the handler calls `complete` in its own transaction.",
        example: "select backstay.complete(4211, 2, '018f6f1e-7d2c-7000-8000-000000000001');\n\
                  ERROR:  attempt 2 of job 4211 is stale\n\
                  HINT:   roll back: another attempt may be running",
    },
    Code {
        code: "BS202",
        name: "checkpoint_too_large",
        status: Some(413),
        title: "a checkpoint is larger than 64 KiB",
        meaning: "A checkpoint says how far the work has come, so that the next attempt can go on from \
                  there. It was not saved; the one before still holds.",
        causes: &[
            "the result so far inside the checkpoint, rather than its position",
            "a list of all that has been done, which grows with every step",
        ],
        remedy: "Save a position: the last id, the page, a key of object storage. Write results where \
                 they belong, in the same transaction if you can.",
        example: "ctx.checkpoint(&Cursor { last_id: 81_200 }).await?;",
    },
    Code {
        code: "BS203",
        name: "not_committed",
        status: Some(409),
        title: "the handler completed its job in a transaction that never committed",
        meaning: "The handler called `complete` in its own transaction and returned success, but the \
                  job is still running: the transaction was rolled back or left open. The attempt \
                  counts as failed and is retried by its policy.",
        causes: &[
            "the commit is missing after `ctx.complete`",
            "an error in the commit that the handler ignored",
            "the connection was lost before the commit",
            "the commit went to another database than the one that holds the jobs",
        ],
        remedy: "Commit after `complete` and pass an error of the commit on.",
        example: "ctx.complete(&mut tx, ()).await?;\ntx.commit().await?;\nOk(())",
    },
    Code {
        code: "BS204",
        name: "verdict_refused",
        status: None,
        title: "the database refuses what became of a job, in every form",
        meaning: "The end of an attempt could not be written: not with its batch, not alone, not \
                  without its details, and not as a dead letter. The worker keeps it in memory with \
                  the slot of the job, goes on with the others, and offers it again every 30 s.",
        causes: &[
            "a trigger or a constraint on Backstay's tables that is not ours",
            "a right that was taken from the role of the worker",
            "a table or partition that was changed or dropped by hand",
        ],
        remedy: "Read the error behind it, run `backstay doctor`, and take back what was changed. The \
                 verdict is then written by itself; a worker that stops before leaves the job to be \
                 rescued and run again.",
        example: "BS204: permission denied for table dead_letter",
    },
];
