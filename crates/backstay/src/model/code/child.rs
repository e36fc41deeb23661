//! Codes 6xx and 7xx: the programs that run handlers.

use super::Code;

pub(super) const CODES: &[Code] = &[
    Code {
        code: "BS601",
        name: "isolation_level",
        status: None,
        title: "limits cannot be held as exactly here as is required",
        meaning: "The worker must have a control group of its own in which it may make groups for its \
                  jobs, and it has none. It does not start rather than run jobs with less.",
        causes: &[
            "a container whose `/sys/fs/cgroup` is read-only, as Docker and Kubernetes mount it by default",
            "a service without `Delegate=`, so that controllers are missing",
            "another process in the worker's own group, which stands in the way",
            "a kernel with control groups of version 1",
        ],
        remedy: "Give the worker its own group, or take the requirement back: limits are then held by a \
                 watch that looks many times a second.",
        example: "# systemd unit\n[Service]\nDelegate=memory pids cpu io",
    },
    Code {
        code: "BS602",
        name: "over_budget",
        status: None,
        title: "what the queues may use together is more than this machine has",
        meaning: "Slots times memory, over all queues of this worker, is more than its memory budget: the \
                  limit of its container or the memory of its host, less a reserve. If all jobs used \
                  what they may, the host would have to kill something.",
        causes: &[
            "more slots than the machine can hold at the memory of their queue",
            "a container that is smaller than the one the file was written for",
            "`memory` of a kind that is far above that of its queue",
        ],
        remedy: "Lower `slots` or `memory`, give the worker more memory, or say how much it may plan \
                 with: `memory_budget` below [worker].",
        example: "[queues.reports]\nslots  = 2\nmemory = \"1GiB\"",
    },
    Code {
        code: "BS603",
        name: "not_executable",
        status: None,
        title: "the program of a handler cannot be started",
        meaning: "The operating system refused to start the program that a queue or kind names. No job \
                  is billed for it.",
        causes: &[
            "the program is not installed, or not in the PATH that children get",
            "the file is not executable, or its first line names an interpreter that is missing",
            "a shell command as one text: programs are started without a shell, word by word",
            "a relative path: it counts from the folder of `backstay.toml`, or from `dir`",
        ],
        remedy: "Start it by hand in that folder, as the user of the worker.",
        example: "command = [\"node\", \"jobs/report.js\"]       # not: command = [\"node jobs/report.js\"]",
    },
    Code {
        code: "BS604",
        name: "boot_failed",
        status: None,
        title: "the program of a handler ended, or said nothing, before it was ready",
        meaning: "A child must say `ready` within 30 s (`boot`). Jobs wait meanwhile and are not \
                  billed; the pool tries again with growing pauses.",
        causes: &[
            "an error when the program loads: a missing module, a syntax error",
            "a variable that it needs is not passed: children inherit nothing but what `env.pass` names",
            "a connection at its start that hangs",
            "the program does not speak the child protocol: use `command` rather than `serve`",
        ],
        remedy: "Read the end of its stderr in the message. `backstay check child -- CMD` starts it and \
                 shows the conversation.",
        example: "[queues.default]\nserve = [\"node\", \"jobs/index.js\"]\nenv   = { pass = [\"APP_DATABASE_URL\"] }",
    },
    Code {
        code: "BS701",
        name: "bad_line",
        status: None,
        title: "a child wrote a line that is no message",
        meaning: "On descriptor 3 every line is one JSON object with a `type`. The job in hand ends as \
                  `protocol_error`, and the child is replaced.",
        causes: &[
            "a program that prints to descriptor 3 by mistake",
            "two threads that write at once, so that lines are mixed",
            "JSON that was printed over several lines",
        ],
        remedy: "Write each message as one line and one write. stdout and stderr are free for any text.",
        example: "{\"type\":\"progress\",\"id\":\"4211\",\"attempt\":2,\"percent\":40}",
    },
    Code {
        code: "BS702",
        name: "line_too_long",
        status: None,
        title: "a child wrote a line of more than 8 MiB",
        meaning: "The supervisor holds at most 8 MiB of one message, so that no child can fill its \
                  memory. The job in hand ends as `protocol_error`, and the child is replaced.",
        causes: &[
            "a result with the content of a file in it",
            "a missing line feed at the end of a message",
        ],
        remedy: "Store large results elsewhere and answer with their key.",
        example: "{\"type\":\"done\",\"id\":\"4211\",\"attempt\":2,\"output\":{\"file\":\"reports/2026-11.pdf\"}}",
    },
    Code {
        code: "BS703",
        name: "unsupported_protocol",
        status: None,
        title: "the child speaks no version of the protocol that this worker knows",
        meaning: "The worker offers its versions in `hello`, and the child answers in `ready` with one \
                  of them. It chose another one.",
        causes: &[
            "the package in the child is newer than the worker",
            "`ready` without the field `protocol`",
        ],
        remedy: "Bring package and worker to the same release; this worker speaks version 1.",
        example: "{\"type\":\"ready\",\"protocol\":1,\"kinds\":[\"report\"]}",
    },
    Code {
        code: "BS704",
        name: "unexpected_message",
        status: None,
        title: "a child spoke of a job that it does not have in hand",
        meaning: "A child has one job at a time, and one last word for it: `done` or `fail`. The job in \
                  hand ends as `protocol_error`, and the child is replaced.",
        causes: &[
            "two answers for one job, such as `done` after `fail`",
            "work that goes on in the background after the answer",
            "an id or an attempt that is not copied from the `job` message",
        ],
        remedy: "Wait for everything that a job has started before answering, and answer once.",
        example: "{\"type\":\"fail\",\"id\":\"4211\",\"attempt\":2,\"message\":\"no such month\"}",
    },
    Code {
        code: "BS705",
        name: "no_result",
        status: None,
        title: "a program ended well without saying what became of its job",
        meaning: "Exit code 0 without `done` or `fail` says nothing: the program may have left early. \
                  The attempt counts as `protocol_error`. Of a `command`, exit code 0 does mean done.",
        causes: &[
            "a call of exit inside the handler or in a library",
            "a promise that nobody waited for, so that the program ran out of work",
            "a program that is meant for `command` stands under `serve`",
        ],
        remedy: "Answer each job before the program ends.",
        example: "[kinds.thumbnail]\ncommand = [\"bin/thumbnail\"]      # exit code 0: completed",
    },
];
