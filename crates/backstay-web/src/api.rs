//! Every path of `/api/v1`, once: the router and the description of the API are made from this table.

pub(crate) mod backfill;
pub(crate) mod bulk;
mod dead;
mod enqueue;
mod events;
mod jobs;
mod machines;
mod tokens;
mod verbs;

use axum::extract::Request;
use axum::http::StatusCode;
use backstay::inspect::{SeriesName, SeriesRange};
use backstay::model::nearest::nearest;
use backstay::operate::Scope as Of;

use crate::ask::Answers::{One, Page, Stream, Text};
use crate::ask::{Answering, Answers, Call, Endpoint, Needs, Verb};
use crate::health;
use crate::live;
use crate::login;
use crate::problem::Problem;
use crate::query::{Field, Form, field};

const STATES: &[&str] =
    &["scheduled", "parked", "ready", "running", "completed", "cancelled", "dead"];

const LIMIT: Field = field("limit", Form::Whole(1, 200), "At most that many [50]");
const CURSOR: Field = field("cursor", Form::Text, "Go on after a page: its `next`");
const KIND: Field = field("kind", Form::Texts, "Only of these kinds");
const QUEUE: Field = field("queue", Form::Texts, "Only in these queues");
const STATE: Field = field("state", Form::Words(STATES), "Only in these states");
const GROUP: Field = field("group", Form::Text, "Only of this group");
const TAG: Field = field("tag", Form::Texts, "Only with all of these tags");
const UNIQUE: Field = field("unique", Form::Text, "Only the holder of this unique key");
const LIMIT_KEY: Field = field("limit_key", Form::Text, "Only with this limit key");
const ID: Field = field("id", Form::Ids, "Only these jobs, up to 200");
const IN_ARGS: Field = field(
    "with_args",
    Form::Text,
    "Only with this in their args: a text, or a JSON object whose members they have. No index knows it: a page may hold less than there is, and its `next` goes on",
);
const WORKER: Field = field("worker", Form::Text, "Only in the hands of this worker");
const OUTCOME: Field = field("outcome", Form::Texts, "Only with an attempt that came to this");
const FINGERPRINT: Field = field("fingerprint", Form::Text, "Only dead of this error");
const OWNER: Field = field("owner", Form::Text, "Only of groups that this one looks after");
const BACK: Field = field("back", Form::Text, "The page to go back to");
const SINCE: Field =
    field("since", Form::When, "Only since then: an instant, or a duration back from now");
const BEFORE: Field =
    field("before", Form::When, "Only before then: an instant, or a duration back from now");

pub(crate) const OF_JOBS: &[Field] = &[
    ID, KIND, QUEUE, STATE, GROUP, TAG, UNIQUE, LIMIT_KEY, WORKER, OUTCOME, IN_ARGS, SINCE, BEFORE,
    LIMIT, CURSOR,
];
pub(crate) const OF_LETTERS: &[Field] = &[
    ID,
    KIND,
    QUEUE,
    GROUP,
    TAG,
    UNIQUE,
    LIMIT_KEY,
    OUTCOME,
    IN_ARGS,
    FINGERPRINT,
    OWNER,
    SINCE,
    BEFORE,
    field("discarded", Form::Flag, "Those that were put aside instead"),
    LIMIT,
    CURSOR,
];
pub(crate) const OF_GROUPS: &[Field] = &[KIND, QUEUE, FINGERPRINT, OWNER, LIMIT, CURSOR];
pub(crate) const PAGE: &[Field] = &[LIMIT, CURSOR];
pub(crate) const OF_DISCARDED: &[Field] =
    &[KIND, QUEUE, GROUP, TAG, IN_ARGS, FINGERPRINT, LIMIT, CURSOR];
pub(crate) const OF_GROUP: &[Field] = &[IN_ARGS, LIMIT, CURSOR];
const OF_CRON: &[Field] = &[field("next", Form::Whole(0, 100), "Coming ticks of each [3]")];
const OF_OUTPUT: &[Field] = &[
    field("attempt", Form::Whole(1, 1_000_000), "Only of this attempt"),
    field("stream", Form::Words(&["out", "err", "log", "note"]), "Only from there"),
];
const OF_EVENTS: &[Field] = &[
    field("topics", Form::Words(live::TOPICS), "Only of these topics"),
    field("queue", Form::Texts, "Only of these queues"),
    field("kind", Form::Texts, "Only of these kinds"),
];
pub(crate) const OF_AUDIT: &[Field] = &[
    field("verb", Form::Text, "Only of this verb"),
    field("target", Form::Text, "Only done to this: a job, a queue, a token"),
    field("actor", Form::Text, "Only by this login, or from a source that begins so"),
    SINCE,
    BEFORE,
    LIMIT,
    CURSOR,
];
const OF_JOB: &[Field] = &[field(
    "wait",
    Form::Span,
    "Wait until it has ended, up to 30s; 202 where it has not by then",
)];
pub(crate) const RANGE: Field =
    field("range", Form::Word(&SeriesRange::WORDS), "How far back [24h]");
const OF_SERIES: &[Field] = &[
    field("name", Form::Word(&SeriesName::WORDS), "What to show [throughput]"),
    RANGE,
    field("queue", Form::Text, "Only in this queue"),
    field("kind", Form::Text, "Only of this kind; what stands where is counted by queue alone"),
];
pub(crate) const OF_WORKERS: &[Field] =
    &[field("gone", Form::Flag, "Also those that said goodbye")];

/// What a page about many may be asked with; which of it a verb takes, is looked at with the verb.
pub(crate) const OF_BULK_PAGE: &[Field] = &[
    ID,
    KIND,
    QUEUE,
    GROUP,
    TAG,
    UNIQUE,
    LIMIT_KEY,
    WORKER,
    OUTCOME,
    IN_ARGS,
    FINGERPRINT,
    SINCE,
    BEFORE,
    BACK,
];

const OF_BULK_FILTER: &[Field] =
    &[ID, KIND, QUEUE, GROUP, TAG, UNIQUE, LIMIT_KEY, WORKER, OUTCOME, IN_ARGS, SINCE, BEFORE];
const OF_BULK_LETTERS: &[Field] =
    &[ID, KIND, QUEUE, GROUP, TAG, UNIQUE, LIMIT_KEY, OUTCOME, IN_ARGS, FINGERPRINT, SINCE, BEFORE];

const REASON: Field = field("reason", Form::Text, "Why it is done; kept in the audit");
const ARGS: Field = field("args", Form::Object, "What the handler gets");
const FOR_IN: Field = field("for_in", Form::Text, "It ends by itself after that long, such as 30m");

const WHY: &[Field] = &[REASON];
const TO_ENQUEUE: &[Field] = &[
    field("kind", Form::Text, "The kind of work"),
    ARGS,
    field(
        "options",
        Form::Object,
        "What `enqueue` takes in SQL: queue, priority, run_in, unique ...",
    ),
];
const TO_ENQUEUE_MANY: &[Field] = &[
    field("jobs", Form::Objects, "Up to 10,000, each with kind, args and options"),
    field("options", Form::Object, "Options of all; those of a job win"),
];
const TO_CANCEL: &[Field] = &[
    field("grace", Form::Text, "How long what runs has to stop, up to 5m; 0s kills it at once"),
    REASON,
];
const TO_EDIT: &[Field] = &[
    field("priority", Form::Json, "0 to 9 or a name"),
    field("run_at", Form::Text, "Not before this instant"),
    field("run_in", Form::Text, "Not before that long has passed"),
    field("max_retries", Form::Whole(0, 100), "How many retries it has"),
    field("tags", Form::Texts, "Words to find it by"),
    field("meta", Form::Object, "Notes for people and tools"),
    field("args", Form::Object, "Other args; needs the scope admin"),
    REASON,
];
const TO_REVIVE: &[Field] = &[
    field("args", Form::Object, "Other args; needs the scope admin"),
    field("without_unique", Form::Flag, "Give up the unique key, which another job may hold"),
    REASON,
];
const TO_ACKNOWLEDGE: &[Field] = &[field("note", Form::Text, "What people should know"), REASON];
const TO_OWN: &[Field] = &[
    field("owner", Form::Text, "A person or a team, up to 128 bytes; none: nobody any more"),
    REASON,
];
const TO_MUTE: &[Field] = &[FOR_IN, REASON];
const TO_PAUSE: &[Field] =
    &[FOR_IN, field("cancel_running", Form::Flag, "Also stop what runs"), REASON];
const TO_RESUME_CRON: &[Field] =
    &[field("catch_up", Form::Flag, "What it missed in its pause counts as missed"), REASON];
const TO_BACKFILL: &[Field] = &[
    field("from", Form::When, "From then on: an instant, or a duration back from now"),
    field("to", Form::When, "Up to then [now]"),
    field("dry_run", Form::Flag, "Only count and name the ticks"),
    field("expect", Form::Whole(0, 1_000), "So many ticks were counted; another number is refused"),
    REASON,
];
/// The span of a back-fill, on its page.
pub(crate) const OF_BACKFILL: &[Field] = &[
    field("from", Form::When, "From then on: an instant, or a duration back from now"),
    field("to", Form::When, "Up to then [now]"),
];
const TO_BULK: &[Field] = &[
    field("verb", Form::Words(bulk::VERBS), "What to do"),
    field("filter", Form::Object, "To which; the fields of the lists"),
    field("dry_run", Form::Flag, "Only count them"),
    field(
        "expect",
        Form::Whole(0, 1_000_000),
        "So many were counted; a tenth more or less is refused",
    ),
    field("first", Form::Whole(1, 10_000), "Of a revive: so many before all others [10]"),
    field("rate", Form::Text, "Of a revive: the rate of the others [60/1m]"),
    field(
        "stop_at",
        Form::Whole(0, 100),
        "Of a revive: stop when so many per cent fail again [20]",
    ),
    REASON,
];
const TO_MAKE_A_TOKEN: &[Field] = &[
    field("name", Form::Text, "Who or what will use it"),
    field("scopes", Form::Texts, "read, operate, admin, audit, enqueue, enqueue:QUEUE"),
    field("expires_in", Form::Text, "How long it is valid [90d]"),
    REASON,
];

/// How a request is answered.
type Run = fn(Call) -> Answering;

/// One that only looks.
const fn look(
    path: &'static str,
    does: &'static str,
    answers: Answers,
    query: &'static [Field],
    run: Run,
) -> Endpoint {
    let (verb, needs) = (Verb::Get, Needs::Read);
    Endpoint { verb, path, needs, does, query, body: &[], answers, run }
}

/// One that acts.
const fn act(path: &'static str, does: &'static str, body: &'static [Field], run: Run) -> Endpoint {
    let (verb, needs, answers) = (Verb::Post, Needs::Operate, One(200, "Done"));
    Endpoint { verb, path, needs, does, query: &[], body, answers, run }
}

/// Every path with its methods.
#[rustfmt::skip]
pub(crate) static ENDPOINTS: &[Endpoint] = &[
    look("/api/v1/jobs", "List jobs, newest first", Page("Job"), OF_JOBS, |call| Box::pin(jobs::list(call))),
    Endpoint { needs: Needs::Enqueue, answers: One(201, "Enqueued"),
        ..act("/api/v1/jobs", "Enqueue a job; the header Idempotency-Key makes a repeat harmless", TO_ENQUEUE, |call| Box::pin(enqueue::one(call))) },
    Endpoint { needs: Needs::Enqueue, answers: One(201, "EnqueuedMany"),
        ..act("/api/v1/jobs/many", "Enqueue up to 10,000 jobs, all or none", TO_ENQUEUE_MANY, |call| Box::pin(enqueue::many(call))) },
    look("/api/v1/jobs/{id}", "Show a job", One(200, "Job"), OF_JOB, |call| Box::pin(jobs::show(call))),
    Endpoint { verb: Verb::Patch,
        ..act("/api/v1/jobs/{id}", "Change a job that waits", TO_EDIT, |call| Box::pin(verbs::edit(call))) },
    look("/api/v1/jobs/{id}/attempts", "The attempts of a job that ended, the last 200", Page("Attempt"), &[], |call| Box::pin(jobs::attempts(call))),
    look("/api/v1/jobs/{id}/why", "Why a job does not start", One(200, "Why"), &[], |call| Box::pin(jobs::why(call))),
    look("/api/v1/jobs/{id}/output", "What a job printed, as text; for whoever accepts text/event-stream, also what it prints", Text, OF_OUTPUT, |call| Box::pin(events::output(call))),
    Endpoint { answers: One(200, "Cancelled"),
        ..act("/api/v1/jobs/{id}/cancel", "End a job for good; 202 where it runs and is told to stop", TO_CANCEL, |call| Box::pin(verbs::cancel(call))) },
    act("/api/v1/jobs/{id}/promote", "Let a job that is scheduled, or waits for its retry, come into line now", WHY, |call| Box::pin(verbs::promote(call))),
    act("/api/v1/jobs/{id}/bury", "Make a dead letter of a job that waits", WHY, |call| Box::pin(verbs::bury(call))),
    look("/api/v1/dead", "Groups of dead letters of the same error, the one hit last first", Page("DeadGroup"), OF_GROUPS, |call| Box::pin(dead::groups(call))),
    look("/api/v1/dead/jobs", "Dead letters, the newest death first", Page("Job"), OF_LETTERS, |call| Box::pin(dead::letters(call))),
    look("/api/v1/dead/{id}", "Show a dead letter", One(200, "DeadJob"), &[], |call| Box::pin(dead::show(call))),
    act("/api/v1/dead/{id}/revive", "Bring a dead letter back into line, with all retries before it", TO_REVIVE, |call| Box::pin(verbs::revive(call))),
    act("/api/v1/dead/{id}/discard", "Put a dead letter aside; for seven days it can be restored", WHY, |call| Box::pin(verbs::discard(call))),
    act("/api/v1/dead/{id}/restore", "Take back a discard", WHY, |call| Box::pin(verbs::restore(call))),
    act("/api/v1/dead/groups/{fingerprint}/acknowledge", "Mark a group as seen; a further death opens it again", TO_ACKNOWLEDGE, |call| Box::pin(verbs::acknowledge(call))),
    act("/api/v1/dead/groups/{fingerprint}/own", "Say who looks after a group, whatever becomes of it", TO_OWN, |call| Box::pin(verbs::own(call))),
    act("/api/v1/dead/groups/{fingerprint}/mute", "Send no alerts about a group for a while", TO_MUTE, |call| Box::pin(verbs::mute(call))),
    Endpoint { answers: One(200, "Done"),
        ..act("/api/v1/bulk", "Do one thing to all that pass a filter: counted first, then done; 202 for a revive, which is a replay", TO_BULK, |call| Box::pin(bulk::act(call))) },
    look("/api/v1/bulk", "Replays, newest first", Page("Replay"), PAGE, |call| Box::pin(machines::replays(call))),
    look("/api/v1/bulk/{id}", "Show a replay", One(200, "Replay"), &[], |call| Box::pin(machines::replay(call))),
    act("/api/v1/bulk/{id}/stop", "Stop a replay where it is", WHY, |call| Box::pin(verbs::stop_replay(call))),
    act("/api/v1/bulk/{id}/resume", "Let a stopped replay go on", WHY, |call| Box::pin(verbs::resume_replay(call))),
    look("/api/v1/queues", "Queues with what stands where, by name", Page("Queue"), &[], |call| Box::pin(machines::queues(call))),
    act("/api/v1/queues/{name}/pause", "Start nothing more of a queue", TO_PAUSE, |call| Box::pin(verbs::pause(call, Of::Queue))),
    act("/api/v1/queues/{name}/resume", "End the pause of a queue", WHY, |call| Box::pin(verbs::resume(call, Of::Queue))),
    look("/api/v1/kinds", "Kinds with what stands where, by name", Page("Kind"), &[], |call| Box::pin(machines::kinds(call))),
    act("/api/v1/kinds/{name}/pause", "Start nothing more of a kind", TO_PAUSE, |call| Box::pin(verbs::pause(call, Of::Kind))),
    act("/api/v1/kinds/{name}/resume", "End the pause of a kind", WHY, |call| Box::pin(verbs::resume(call, Of::Kind))),
    look("/api/v1/cron", "Schedules with their coming ticks, by name", Page("Schedule"), OF_CRON, |call| Box::pin(machines::schedules(call))),
    look("/api/v1/cron/{name}/ticks", "The ticks of a schedule that have come, newest first", Page("Tick"), PAGE, |call| Box::pin(machines::ticks(call))),
    act("/api/v1/cron/{name}/pause", "Let a schedule not tick", TO_PAUSE, |call| Box::pin(verbs::pause(call, Of::Schedule))),
    act("/api/v1/cron/{name}/resume", "Let a schedule tick again", TO_RESUME_CRON, |call| Box::pin(verbs::resume_schedule(call))),
    act("/api/v1/cron/{name}/run", "Make a job of a schedule now", WHY, |call| Box::pin(verbs::run(call))),
    act("/api/v1/cron/{name}/backfill", "Make the jobs of ticks that have passed, up to 1,000 and each at most once ever: counted first, then done", TO_BACKFILL, |call| Box::pin(backfill::act(call))),
    look("/api/v1/workers", "Workers, the youngest first", Page("Worker"), OF_WORKERS, |call| Box::pin(machines::workers(call))),
    act("/api/v1/workers/{id}/drain", "Let a worker finish what it runs, and leave", WHY, |call| Box::pin(verbs::drain(call))),
    look("/api/v1/events", "What happens, as it happens; Last-Event-ID goes on for five minutes", Stream, OF_EVENTS, |call| Box::pin(events::events(call))),
    look("/metrics", "Figures of the whole installation, for Prometheus", Text, &[], |call| Box::pin(machines::metrics(call))),
    look("/api/v1/openapi.json", "This description", One(200, "Json"), &[], |call| Box::pin(machines::openapi(call))),
    look("/api/v1/doctor", "All that could be wrong, each with its remedy", One(200, "Doctor"), &[], |call| Box::pin(machines::doctor(call))),
    look("/api/v1/series", "Figures over time, from what workers counted: at most 288 points, and how often it was how much", One(200, "Series"), OF_SERIES, |call| Box::pin(machines::series(call))),
    look("/api/v1/backlog/{name}", "How many jobs of a queue run or could run now, for what starts more workers", One(200, "Backlog"), &[], |call| Box::pin(machines::backlog(call))),
    Endpoint { needs: Needs::Audit,
        ..look("/api/v1/audit", "Who did what, newest first", Page("AuditEntry"), OF_AUDIT, |call| Box::pin(machines::audit(call))) },
    look("/api/v1/alerts", "Messages about alerts, newest first", Page("Alert"), PAGE, |call| Box::pin(machines::alerts(call))),
    look("/api/v1/alerts/channels", "Alert channels of the worker that tells alerts, by name", Page("Channel"), &[], |call| Box::pin(machines::channels(call))),
    act("/api/v1/alerts/{id}/acknowledge", "Take the incident of a message in hand: later steps are told to nobody, and what is raised after that begins anew", WHY, |call| Box::pin(verbs::acknowledge_alert(call))),
    Endpoint { answers: One(200, "Alert"),
        ..act("/api/v1/alerts/channels/{name}/test", "Send a test through an alert channel, and say what it answered; 202 where it has not by then", WHY, |call| Box::pin(verbs::test_channel(call))) },
    Endpoint { needs: Needs::Admin,
        ..look("/api/v1/tokens", "Tokens, the youngest first", Page("Token"), &[], |call| Box::pin(tokens::list(call))) },
    Endpoint { needs: Needs::Admin, answers: One(201, "NewToken"),
        ..act("/api/v1/tokens", "Make a token; it is shown once", TO_MAKE_A_TOKEN, |call| Box::pin(tokens::create(call))) },
    Endpoint { needs: Needs::Admin, verb: Verb::Delete,
        ..act("/api/v1/tokens/{id}", "End a token at once", WHY, |call| Box::pin(tokens::revoke(call))) },
];

/// A path that exists, with a method that it does not know.
pub(crate) fn wrong_method(request: &Request) -> Problem {
    let path = request.uri().path();
    // A path without a part of its own comes before one that has it.
    let is_literal = ENDPOINTS.iter().any(|endpoint| endpoint.path == path);
    let of_api = ENDPOINTS
        .iter()
        .filter(|endpoint| endpoint.is_at(path) && (!is_literal || endpoint.path == path));
    let mut methods: Vec<&str> = of_api.map(|endpoint| endpoint.verb.as_str()).collect();
    if health::is_open(path) {
        methods.push("GET");
    }
    let for_people = login::PATHS.iter().filter(|(of_people, _)| *of_people == path);
    methods.extend(for_people.flat_map(|(_, methods)| *methods));
    if methods.contains(&"GET") {
        methods.push("HEAD");
    }
    let all = methods.join(", ");
    Problem::new("BS804", format!("this path knows {all}, and not {}", request.method()))
        .status(StatusCode::METHOD_NOT_ALLOWED)
        .allow(all)
}

/// A path that does not exist.
pub(crate) fn unknown_path(path: &str) -> Problem {
    let path: String = path.chars().filter(|c| !c.is_control()).take(100).collect();
    let near = nearest(&path, ENDPOINTS.iter().map(|endpoint| endpoint.path));
    let hint = near.map(|near| format!("did you mean `{near}`?"));
    Problem::new("BS301", format!("there is no path `{path}`"))
        .hint(hint.unwrap_or_else(|| "all paths stand in /api/v1/openapi.json".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_has_a_method_twice_and_each_says_what_it_does() {
        for (at, endpoint) in ENDPOINTS.iter().enumerate() {
            let same =
                |other: &Endpoint| (other.verb, other.path) == (endpoint.verb, endpoint.path);
            assert!(!ENDPOINTS[at + 1..].iter().any(same), "{}", endpoint.path);
            assert!(endpoint.does.len() > 5 && !endpoint.does.ends_with('.'), "{}", endpoint.does);
        }
    }

    #[test]
    fn a_path_belongs_to_its_route() {
        let job = ENDPOINTS.iter().find(|endpoint| endpoint.path == "/api/v1/jobs/{id}").unwrap();
        assert!(job.is_at("/api/v1/jobs/7"));
        assert!(!job.is_at("/api/v1/jobs/") && !job.is_at("/api/v1/jobs/7/why"));
    }
}
