//! `backstay enqueue`: one job with every option as a flag, or many from a file.

mod file;

use std::io::Read;

use backstay::{EnqueueError, Enqueued, JobDocument, Options, Request, enqueue, operate};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::connect::{known, of_call, of_refusal, of_store};
use super::desk::Desk;
use super::inspect::headline;
use crate::args::EnqueueArgs;
use crate::failure::{Exit, Failure};
use crate::print::Table;

/// Args in a file or on stdin: the largest that any installation takes, and no endless pipe.
const ARGS_BYTES: u64 = backstay::model::bounds::ARGS_BYTES_MOST as u64;

pub(crate) async fn run(desk: &Desk<'_>, args: &EnqueueArgs) -> Result<Exit, Failure> {
    let options = options(args)?;
    if let Some(path) = &args.file {
        return file::run(desk, path, &options, args.dry_run).await;
    }
    let kind = args.kind.as_deref().expect("clap asks for it where there is no file");
    let text = read_args(args.args.as_deref().unwrap_or("{}"))?;
    if args.dry_run {
        return preview(desk, kind, &text, &options).await;
    }
    let raw = RawValue::from_string(text).map_err(|error| bad_json("the args", &error))?;
    let request = Request::new(kind, raw).with(typed(&options));
    let made = enqueue(&desk.database, request).await.map_err(|error| of_enqueue(&error))?;
    tell(desk, kind, &made);
    Ok(Exit::Done)
}

fn tell(desk: &Desk<'_>, kind: &str, made: &Enqueued) {
    let printer = desk.printer;
    let id = made.id.to_string();
    if printer.is_json() {
        printer.json(&json!({ "id": id, "created": made.created }));
    } else if printer.is_terminal() && made.created {
        printer.line(format!("{kind} {id} enqueued"));
    } else if printer.is_terminal() {
        printer.line(format!("{kind} {id} was there already, by its key; nothing was made"));
    } else {
        let mut table = Table::new(&["JOB", "RESULT"]);
        table.row([id.as_str(), if made.created { "created" } else { "kept" }]);
        printer.table(&table);
    }
}

/// Shows what would be made.
async fn preview(
    desk: &Desk<'_>,
    kind: &str,
    args: &str,
    options: &Value,
) -> Result<Exit, Failure> {
    let job = format!("[{{\"kind\":{},\"args\":{args}}}]", json!(kind));
    let made = operate::preview(&desk.database, &job, &options.to_string()).await;
    // There is one job only, so its number says nothing.
    let made = made.map_err(|error| {
        let mut failure = of_store(&error);
        failure.message = failure.message.trim_start_matches("job 1: ").to_owned();
        failure
    })?;
    let (made, job) = made.into_iter().next().expect("one job in, one answer out");
    if desk.printer.is_json() {
        #[derive(serde::Serialize)]
        struct Preview<'a> {
            created: bool,
            job: Option<&'a JobDocument>,
        }
        desk.printer.json(&Preview { created: made.created, job: job.as_ref() });
        return Ok(Exit::Done);
    }
    match (&job, made.created) {
        (Some(job), true) => desk.printer.line(headline(job)),
        (Some(job), false) => desk.printer.line(format!("{}  (is there already)", headline(job))),
        (None, _) => {}
    }
    desk.printer.note("only tried: nothing was made");
    Ok(Exit::Done)
}

/// JSON as typed, from a file (`@name`) or from stdin (`-`).
pub(super) fn read_args(typed: &str) -> Result<String, Failure> {
    let text = match typed.strip_prefix('@') {
        Some(path) => {
            let open = std::fs::File::open(path);
            let text = open.and_then(read_all);
            text.map_err(|error| unreadable(path, &error))?
        }
        None if typed == "-" => {
            read_all(std::io::stdin()).map_err(|error| unreadable("stdin", &error))?
        }
        None => typed.to_owned(),
    };
    // The server would refuse it too, but its words are about columns of its own statement.
    match serde_json::from_str::<&RawValue>(&text) {
        Ok(raw) if raw.get().starts_with('{') => Ok(raw.get().to_owned()),
        Ok(_) => Err(Failure::new("BS104", "the args are no JSON object")
            .hint("write it like '{\"month\": \"2026-11\"}'; @FILE and - read it from elsewhere")
            .exit(Exit::Usage)),
        Err(error) => Err(bad_json("the args", &error)),
    }
}

fn read_all(from: impl Read) -> std::io::Result<String> {
    let mut text = String::new();
    from.take(ARGS_BYTES + 1).read_to_string(&mut text)?;
    Ok(text)
}

fn unreadable(what: &str, error: &std::io::Error) -> Failure {
    Failure::new("BS102", format!("`{what}` cannot be read")).because(error).exit(Exit::Usage)
}

fn bad_json(what: &str, error: &serde_json::Error) -> Failure {
    Failure::new("BS104", format!("{what} are no JSON: {error}"))
        .hint("quotes: '{\"month\": \"2026-11\"}' keeps the shell's hands off them")
        .exit(Exit::Usage)
}

fn of_enqueue(error: &EnqueueError) -> Failure {
    match error {
        EnqueueError::Database(error) => of_call(error),
        error => match error.refusal() {
            Some(refusal) => of_refusal(error.code(), refusal),
            None => Failure::new(known(error.code()), error.to_string()),
        },
    }
}

/// The flags as the doors take them.
fn options(args: &EnqueueArgs) -> Result<Value, Failure> {
    let span = |span: Option<std::time::Duration>| span.map(backstay::unit::format_duration);
    let mut options = serde_json::Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            options.insert(name.to_owned(), value);
        }
    };
    put("queue", args.queue.clone().map(Value::from));
    put("priority", args.priority.map(|priority| json!(priority)));
    put("run_in", span(args.run_in).map(Value::from));
    put("run_at", args.run_at.clone().map(Value::from));
    put("max_retries", args.max_retries.map(Value::from));
    put("backoff", args.backoff.as_deref().map(|text| json_of("--backoff", text)).transpose()?);
    put("timeout", span(args.timeout).map(Value::from));
    put("memory", args.memory.map(backstay::unit::format_size).map(Value::from));
    put("unique", args.unique.as_deref().map(unique).transpose()?);
    put("idempotency_key", args.idempotency_key.clone().map(Value::from));
    put("group", args.group.clone().map(Value::from));
    put("limit_key", args.limit_key.clone().map(Value::from));
    put("expires_in", span(args.expires_in).map(Value::from));
    put("expires_at", args.expires_at.clone().map(Value::from));
    put("tags", (!args.tags.is_empty()).then(|| json!(args.tags)));
    put("meta", args.meta.as_deref().map(|text| json_of("--meta", text)).transpose()?);
    put("trace", args.trace.clone().map(Value::from));
    Ok(Value::Object(options))
}

fn typed(options: &Value) -> Options {
    let all = options.as_object().into_iter().flatten();
    all.fold(Options::new(), |options, (name, value)| options.set(name, value))
}

/// A key, `true`, or an object.
fn unique(text: &str) -> Result<Value, Failure> {
    match text {
        "true" => Ok(true.into()),
        text if text.starts_with('{') => json_of("--unique", text),
        key => Ok(key.into()),
    }
}

pub(super) fn json_of(flag: &str, text: &str) -> Result<Value, Failure> {
    serde_json::from_str(text).map_err(|error| {
        Failure::new("BS102", format!("{flag} is no JSON: {error}")).exit(Exit::Usage)
    })
}
