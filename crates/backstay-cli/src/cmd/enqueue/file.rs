//! Many jobs from a file of JSON lines: checked as they are read, sent by the ten thousand.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use backstay::model::bounds::{BYTES_PER_CALL, JOBS_PER_CALL, LINE_BYTES};
use backstay::{CallError, Caller, operate, text};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::super::connect::{of_call, of_store};
use super::super::desk::{Desk, count};
use crate::failure::{Exit, Failure};

/// Some lines that go into the database together, or not at all.
#[derive(Default)]
struct Batch {
    /// A JSON array that is still open.
    jobs: String,
    /// The line of each job.
    lines: Vec<usize>,
}

/// How far the file has come.
#[derive(Default)]
struct Sum {
    made: usize,
    kept: usize,
    /// The last line that is in the database.
    line: usize,
}

pub(super) async fn run(
    desk: &Desk<'_>,
    path: &Path,
    options: &Value,
    dry_run: bool,
) -> Result<Exit, Failure> {
    let mut input = open(path)?;
    let (mut sum, mut number, mut ended) = (Sum::default(), 0, false);
    while !ended {
        let mut batch = Batch::default();
        while batch.lines.len() < JOBS_PER_CALL && batch.jobs.len() < BYTES_PER_CALL / 2 {
            number += 1;
            let Some(line) = next_line(&mut input, number)? else {
                ended = true;
                break;
            };
            add(&mut batch, &line, number).map_err(|failure| after(failure, &sum))?;
        }
        if !batch.lines.is_empty() {
            send(desk, &batch, options, dry_run, &mut sum).await?;
            desk.printer.status(&format!("{} jobs ...", sum.made + sum.kept));
        }
    }
    desk.printer.status("");
    tell(desk, &sum, dry_run);
    Ok(Exit::Done)
}

fn open(path: &Path) -> Result<Box<dyn BufRead>, Failure> {
    if path == Path::new("-") {
        return Ok(Box::new(BufReader::new(std::io::stdin())));
    }
    let file = std::fs::File::open(path)
        .map_err(|error| super::unreadable(&path.display().to_string(), &error))?;
    Ok(Box::new(BufReader::new(file)))
}

/// The next line; an empty one is only a line, the end is none.
fn next_line(input: &mut dyn BufRead, number: usize) -> Result<Option<String>, Failure> {
    let mut bytes = Vec::new();
    let most = u64::try_from(LINE_BYTES).expect("8 MiB fits") + 1;
    let read = input.take(most).read_until(b'\n', &mut bytes);
    read.map_err(|error| at(number, Failure::new("BS102", "cannot be read").because(&error)))?;
    if bytes.len() > LINE_BYTES {
        return Err(at(
            number,
            Failure::new("BS105", format!("is longer than {LINE_BYTES} bytes")),
        ));
    }
    if bytes.is_empty() {
        return Ok(None);
    }
    let line = String::from_utf8(bytes);
    line.map(Some).map_err(|_| at(number, Failure::new("BS104", "is not UTF-8")))
}

fn add(batch: &mut Batch, line: &str, number: usize) -> Result<(), Failure> {
    let line = line.trim();
    if line.is_empty() {
        return Ok(());
    }
    let parsed: Result<&RawValue, _> = serde_json::from_str(line);
    match parsed {
        Ok(raw) if raw.get().starts_with('{') => {}
        Ok(_) => {
            let failure = Failure::new("BS104", "is no JSON object");
            let hint =
                "write one job a line: {\"kind\": \"report\", \"args\": {}, \"options\": {}}";
            return Err(at(number, failure.hint(hint)));
        }
        Err(error) => {
            return Err(at(number, Failure::new("BS104", format!("is no JSON: {error}"))));
        }
    }
    let job = without_letter(line).map_err(|failure| at(number, failure))?;
    batch.jobs.push(if batch.lines.is_empty() { '[' } else { ',' });
    batch.jobs.push_str(job.as_deref().unwrap_or(line));
    batch.lines.push(number);
    Ok(())
}

/// What `dead export` wrote tells of the death beside the job; none where a line is a job and nothing else.
fn without_letter(line: &str) -> Result<Option<String>, Failure> {
    if !line.contains("\"letter\"") {
        return Ok(None);
    }
    // A line that is read again loses no digit: every value stays the text that it is.
    let members: Result<BTreeMap<String, &RawValue>, _> = serde_json::from_str(line);
    let Ok(mut members) = members else { return Ok(None) };
    let Some(letter) = members.remove("letter") else { return Ok(None) };
    let letter: Value = serde_json::from_str(letter.get()).unwrap_or_default();
    if letter["hidden"] == true {
        let id = letter["id"].as_str().unwrap_or("?");
        return Err(Failure::new("BS104", format!("hides something of the args of {id}"))
            .hint("as an operator: backstay dead export --reveal"));
    }
    Ok(Some(serde_json::to_string(&members).expect("texts with text keys")))
}

async fn send(
    desk: &Desk<'_>,
    batch: &Batch,
    options: &Value,
    dry_run: bool,
    sum: &mut Sum,
) -> Result<(), Failure> {
    let jobs = format!("{}]", batch.jobs);
    let options = options.to_string();
    let made = if dry_run {
        let seen = operate::preview(&desk.database, &jobs, &options).await;
        let seen = seen.map_err(|error| after(of_line(of_store(&error), batch), sum))?;
        seen.into_iter().map(|(made, _)| made.created).collect()
    } else {
        enqueue(desk, &jobs, &options)
            .await
            .map_err(|error| after(of_line(of_call(&error), batch), sum))?
    };
    let created = made.iter().filter(|created| **created).count();
    sum.made += created;
    sum.kept += made.len() - created;
    sum.line = batch.lines.last().copied().unwrap_or(sum.line);
    Ok(())
}

/// The lines as they stand in the file, so that every digit of them stays; whether each was made.
async fn enqueue(desk: &Desk<'_>, jobs: &str, options: &str) -> Result<Vec<bool>, CallError> {
    #[derive(Deserialize)]
    struct Made {
        created: bool,
    }
    let answer = (&desk.database).call(text::ENQUEUE_MANY, &[jobs, options]).await?;
    let made: Vec<Made> = serde_json::from_str(&answer).map_err(CallError::unreached)?;
    Ok(made.into_iter().map(|made| made.created).collect())
}

/// The database counts jobs, people count lines.
fn of_line(mut failure: Failure, batch: &Batch) -> Failure {
    let job = failure.message.strip_prefix("job ").and_then(|rest| rest.split_once(": "));
    let job = job.and_then(|(n, what)| Some((n.parse::<usize>().ok()?, what.to_owned())));
    if let Some((n, what)) = job
        && let Some(line) = n.checked_sub(1).and_then(|n| batch.lines.get(n))
    {
        failure.message = format!("line {line}: {what}");
    }
    failure
}

fn at(line: usize, mut failure: Failure) -> Failure {
    failure.message = format!("line {line} {}", failure.message);
    failure
}

/// What was sent before stays; somebody must know where to go on.
fn after(failure: Failure, sum: &Sum) -> Failure {
    let hint = match (&failure.hint, sum.line) {
        (_, 0) => return failure,
        (Some(hint), line) => format!("{hint}; lines up to {line} are enqueued"),
        (None, line) => format!("lines up to {line} are enqueued"),
    };
    failure.hint(hint)
}

fn tell(desk: &Desk<'_>, sum: &Sum, dry_run: bool) {
    let printer = desk.printer;
    if printer.is_json() {
        let all = sum.made + sum.kept;
        return printer.json(&json!({ "count": all, "created": sum.made, "dry_run": dry_run }));
    }
    let verb = if dry_run { "would be enqueued" } else { "enqueued" };
    let mut line = format!("{} {verb}", count(sum.made, "job"));
    if sum.kept > 0 {
        line += &format!(", {} there already", sum.kept);
    }
    printer.line(line);
    if dry_run {
        printer.note("only tried: nothing was made");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_number_becomes_the_number_of_its_line() {
        let mut batch = Batch::default();
        for (number, line) in [(1, ""), (2, "{}"), (3, ""), (4, "{}")] {
            add(&mut batch, line, number).unwrap();
        }
        let failure = of_line(Failure::new("BS103", "job 2: kind is missing"), &batch);
        assert_eq!(failure.message, "line 4: kind is missing");
        assert_eq!(batch.jobs, "[{},{}");
    }

    #[test]
    fn what_was_exported_is_taken_but_not_what_hides_something() {
        let mut batch = Batch::default();
        let line = |hidden: &str| {
            format!(r#"{{"kind":"a","args":{{"n":1e400}},"letter":{{"id":"7"{hidden}}}}}"#)
        };
        add(&mut batch, &line(""), 1).unwrap();
        assert_eq!(batch.jobs, r#"[{"args":{"n":1e400},"kind":"a""#.to_owned() + "}");
        let failure = add(&mut batch, &line(r#","hidden":true"#), 2).unwrap_err();
        assert_eq!(failure.message, "line 2 hides something of the args of 7");
    }

    #[test]
    fn a_line_that_is_no_object_is_named() {
        let mut batch = Batch::default();
        for line in ["[1]", "{\"a\":", "7"] {
            let failure = add(&mut batch, line, 12).unwrap_err();
            assert!(failure.message.starts_with("line 12 is no JSON"), "{}", failure.message);
        }
    }
}
