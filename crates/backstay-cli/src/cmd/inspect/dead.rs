//! `backstay dead list`, `backstay dead show`.

use backstay::inspect::{self, Bounded, DeadGroup, DeadLetter, JobDocument, JobFilter};
use serde_json::json;

use super::super::connect::of_store;
use super::super::desk::{Desk, count};
use super::attempts::history;
use super::{Beside, ago, brief, jobs, list_json, more};
use crate::args::{DeadListArgs, DeadShowArgs};
use crate::failure::{Exit, Failure};
use crate::print::{Printer, Table, visible};

/// Letters of a group that are shown with it.
const SHOWN: u16 = 10;
/// Lines of the newest error that are shown with its group.
const LINES: usize = 20;

pub(crate) async fn list(desk: &Desk<'_>, args: &DeadListArgs) -> Result<Exit, Failure> {
    let mut filter = args.filter.read()?;
    filter.fingerprint.clone_from(&args.fingerprint);
    filter.owner.clone_from(&args.owner);
    if args.flat || args.discarded {
        return letters(desk, args, &filter).await;
    }
    only_groups(&filter)?;
    let (cursor, limit) = (args.page.cursor.as_deref(), args.page.limit);
    let found = inspect::dead_groups(&desk.database, &filter, cursor, limit).await;
    let found = found.map_err(|error| of_store(&error))?;
    if desk.printer.is_json() {
        list_json(desk.printer, &found.items, found.next.as_ref());
        return Ok(Exit::Done);
    }
    desk.printer.table(&table(desk.printer, &found.items));
    more(desk.printer, found.next.as_ref());
    sum_up(desk.printer, &found.items);
    Ok(Exit::Done)
}

/// A group is one kind of error; what a single job has does not tell groups apart.
fn only_groups(filter: &JobFilter) -> Result<(), Failure> {
    let groups = JobFilter {
        kinds: filter.kinds.clone(),
        queues: filter.queues.clone(),
        fingerprint: filter.fingerprint.clone(),
        owner: filter.owner.clone(),
        ..JobFilter::default()
    };
    if *filter == groups {
        return Ok(());
    }
    Err(Failure::new(
        "BS102",
        "groups are filtered by --kind, --queue, --fingerprint and --owner only",
    )
    .hint("for single letters add --flat")
    .exit(Exit::Usage))
}

fn table(printer: &Printer, groups: &[DeadGroup]) -> Table {
    let mut table =
        Table::new(&["GROUP", "JOBS", "FIRST", "LAST", "KIND", "WHAT", "OWNER", "STATE"]);
    for group in groups {
        table.row([
            group.fingerprint.clone(),
            group.letters.to_string(),
            ago(printer, group.first_at),
            ago(printer, group.last_at),
            group.kind.clone(),
            brief(&group.title),
            group.owner.clone().unwrap_or_default(),
            state(group),
        ]);
    }
    table
}

/// `open`, or who has seen it and what they said.
fn state(group: &DeadGroup) -> String {
    let by = group.by.as_deref().unwrap_or("?");
    let note = group.note.as_deref().map(|note| format!(": {note}")).unwrap_or_default();
    match group.state.as_str() {
        "open" => "open".into(),
        state => format!("{state} ({by}{note})"),
    }
}

/// The last line, for people: how bad it is, and what they can do.
fn sum_up(printer: &Printer, groups: &[DeadGroup]) {
    let Some(newest) = groups.first() else { return printer.note("no dead letters") };
    let all = Bounded {
        count: groups.iter().map(|group| group.letters.count).sum(),
        more: groups.iter().any(|group| group.letters.more),
    };
    let mut open = groups.iter().filter(|group| group.state == "open");
    let first = &open.next().unwrap_or(newest).fingerprint;
    let opened = groups.iter().filter(|group| group.state == "open").count();
    let letters = if all.count == 1 { "letter" } else { "letters" };
    printer.note(format!(
        "{all} dead {letters}, {}.  Look: backstay dead show {first}   \
         Again: backstay dead revive --fingerprint {first}",
        count(opened, "open group"),
    ));
}

async fn letters(
    desk: &Desk<'_>,
    args: &DeadListArgs,
    filter: &JobFilter,
) -> Result<Exit, Failure> {
    let (cursor, limit) = (args.page.cursor.as_deref(), args.page.limit);
    let found = inspect::dead_letters(&desk.database, filter, args.discarded, cursor, limit).await;
    let found = found.map_err(|error| of_store(&error))?;
    if desk.printer.is_json() {
        list_json(desk.printer, &found.items, found.next.as_ref());
        return Ok(Exit::Done);
    }
    desk.printer.table(&jobs::table(desk.printer, &found.items));
    if found.items.is_empty() {
        desk.printer.note("no dead letters");
    }
    more(desk.printer, found.next.as_ref());
    Ok(Exit::Done)
}

/// Digits alone may be an id or a fingerprint; a letter of that id comes first.
pub(crate) async fn show(desk: &Desk<'_>, args: &DeadShowArgs) -> Result<Exit, Failure> {
    if let Ok(id) = args.which.parse::<i64>() {
        let letter = inspect::dead_letter(&desk.database, id).await;
        if let Some(letter) = letter.map_err(|error| of_store(&error))? {
            return show_letter(desk, id, &letter).await;
        }
    }
    let group = inspect::dead_group(&desk.database, &args.which).await;
    match group.map_err(|error| of_store(&error))? {
        Some(group) => show_group(desk, &group).await,
        None => {
            Err(Failure::new("BS301", format!("no dead letter and no group is `{}`", args.which))
                .hint("what there is: backstay dead list"))
        }
    }
}

async fn show_letter(desk: &Desk<'_>, id: i64, letter: &DeadLetter) -> Result<Exit, Failure> {
    let job = inspect::job(&desk.database, id).await.map_err(|error| of_store(&error))?;
    let job = job.ok_or_else(|| jobs::unknown(id))?;
    let attempts = jobs::attempts(desk, id).await?;
    let printer = desk.printer;
    if printer.is_json() {
        let (letter, attempts) = (Some(letter), Some(&attempts[..]));
        printer.json(&Beside { job: &job, letter, attempts, origins: None, seen: None, why: None });
        return Ok(Exit::Done);
    }
    printer.line(jobs::headline(&job));
    let (group, state) = (&letter.fingerprint, &letter.group_state);
    printer.line(format!("  {:9} {group} ({state}): {}", "group", visible(&letter.title)));
    if let (Some(at), Some(by)) = (letter.discarded_at, &letter.discarded_by) {
        printer.line(format!("  {:9} {} by {by}", "discarded", ago(printer, at)));
    }
    printer.line(jobs::facts(printer, &job, &[], None).trim_end());
    printer.line(history(printer, &job, &attempts, &[]).trim_end());
    printer.note(match letter.discarded_at {
        None => format!("Again: backstay dead revive {id}   Away: backstay dead discard {id}"),
        Some(_) => format!("Back: backstay dead restore {id}"),
    });
    Ok(Exit::Done)
}

async fn show_group(desk: &Desk<'_>, group: &DeadGroup) -> Result<Exit, Failure> {
    let filter = JobFilter { fingerprint: Some(group.fingerprint.clone()), ..JobFilter::default() };
    let letters = inspect::dead_letters(&desk.database, &filter, false, None, SHOWN).await;
    let letters = letters.map_err(|error| of_store(&error))?;
    let printer = desk.printer;
    if printer.is_json() {
        let mut document = json!(group);
        document["items"] = json!(letters.items);
        printer.json(&document);
        return Ok(Exit::Done);
    }
    let fingerprint = &group.fingerprint;
    let jobs = if group.letters.count == 1 { "job" } else { "jobs" };
    printer.line(format!(
        "{fingerprint}  {}  {} {jobs} of {} in {}",
        state(group),
        group.letters,
        group.kind,
        group.queue
    ));
    printer.line(format!("  {}", visible(&group.title)));
    let (first, last) = (ago(printer, group.first_at), ago(printer, group.last_at));
    printer.line(format!("  first {first}, last {last}"));
    if let Some(owner) = &group.owner {
        printer.line(format!("  owner {}", visible(owner)));
    }
    if !group.releases.is_empty() {
        printer.line(format!("  releases {}", group.releases.join(", ")));
    }
    newest_error(printer, &letters.items);
    printer.table(&jobs::table(printer, &letters.items));
    if letters.next.is_some() {
        printer.note(format!("more: backstay dead list --flat --fingerprint {fingerprint}"));
    }
    printer.note(format!(
        "Again: backstay dead revive --fingerprint {fingerprint} --first 10   \
         Seen: backstay dead acknowledge {fingerprint}"
    ));
    Ok(Exit::Done)
}

/// What went wrong in full, of the letter that died last.
fn newest_error(printer: &Printer, letters: &[JobDocument]) {
    let message = letters.first().and_then(|job| job.error.as_ref()?.message.clone());
    for line in message.iter().flat_map(|text| text.lines()).take(LINES) {
        printer.line(format!("  | {line}"));
    }
}
