//! `backstay check`: every fault of the configuration at once, whether its programs are there, and whether its addresses
//! may be called.

use std::path::Path;

use backstay::config::{BAD_VALUE, Fault, Origin};
use backstay_alert::HandlerError;
use backstay_isolate::{scratch_default, scratch_lies_in_memory, scratch_refusal};
use serde_json::{Value as Json, json};

use crate::args::CheckArgs;
use crate::failure::{Exit, Failure};
use crate::print::{Printer, fault_end, fault_json, fault_lines};
use crate::settings::{self, Environment, Loaded, Need, Sources};

/// A program that a kind names and that cannot be run.
const NOT_EXECUTABLE: &str = "BS603";

pub(crate) fn run(
    args: &CheckArgs,
    sources: &Sources,
    environment: &Environment,
    printer: &Printer,
) -> Result<Exit, Failure> {
    let mut loaded = settings::load(sources, environment, Need::Everything)?;
    printer.detail(settings::read_from(&loaded));
    let programs = missing_programs(&loaded, environment);
    let addresses = refused_addresses(&loaded);
    loaded.faults.extend(programs.into_iter().chain(addresses));
    look_at_scratch(&mut loaded);
    if args.strict {
        let notes = std::mem::take(&mut loaded.notes);
        loaded.faults.extend(notes);
    }
    loaded.faults.sort_by(|a, b| a.order().cmp(&b.order()));
    if printer.is_json() {
        printer.json(&document(&loaded));
    } else {
        print(&loaded, printer);
    }
    Ok(if loaded.faults.is_empty() { Exit::Done } else { Exit::Configuration })
}

fn document(loaded: &Loaded) -> Json {
    let list = |faults: &[Fault]| faults.iter().map(fault_json).collect::<Vec<_>>();
    json!({
        "file": loaded.file.as_ref().map(|file| file.display().to_string()),
        "faults": list(&loaded.faults),
        "notes": list(&loaded.notes),
    })
}

fn print(loaded: &Loaded, printer: &Printer) {
    for note in &loaded.notes {
        printer.note(format!("note: {}: {}: {}", note.place, note.path, note.message));
    }
    if loaded.faults.is_empty() {
        printer.line(summary(loaded));
        return;
    }
    printer.line(format!("{}{}", fault_lines(&loaded.faults), fault_end(loaded.faults.len())));
}

fn summary(loaded: &Loaded) -> String {
    let settings = &loaded.settings;
    let file = match &loaded.file {
        Some(file) => file.display().to_string(),
        None => "no file".to_owned(),
    };
    format!(
        "{file}: no faults. {}, {}, {}",
        count(settings.queues.len(), "queue"),
        count(settings.kinds.len(), "kind"),
        count(settings.alerts.channels.len(), "alert channel"),
    )
}

fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

/// Programs are looked for as the worker will: by `PATH`, or from the folder of their kind or queue.
fn missing_programs(loaded: &Loaded, environment: &Environment) -> Vec<Fault> {
    let settings = &loaded.settings;
    let search = environment.get("PATH").unwrap_or_default();
    let of_queues = settings.queues.iter().filter_map(|queue| {
        Some(("queues", &queue.name, queue.runner.as_ref()?, queue.dir.clone()))
    });
    let of_kinds = settings.kinds.iter().filter_map(|kind| {
        let queue = settings.queue(kind.queue.as_deref().unwrap_or("default"));
        Some(("kinds", &kind.name, kind.runner.as_ref()?, kind.dir.clone().or(queue.dir)))
    });
    let missing = of_queues.chain(of_kinds).filter_map(|(section, name, runner, dir)| {
        let program = runner.argv().first()?;
        let why = unusable(program, &dir.unwrap_or_else(|| loaded.folder.clone()), search)?;
        let path = row_path(loaded, section, name, runner.key());
        let (place, message) = (origin(loaded, &path), format!("`{program}` {why}"));
        Some(Fault { code: NOT_EXECUTABLE, place, path, message })
    });
    missing.collect()
}

/// Where jobs get their folders: refused where it is another's, noted where it takes memory.
fn look_at_scratch(loaded: &mut Loaded) {
    let written = loaded.settings.worker.scratch_dir.clone();
    let path = "worker.scratch_dir".to_owned();
    let place = origin(loaded, &path);
    let fault = |message| Fault { code: BAD_VALUE, place, path, message };
    if let Some(why) = written.as_deref().and_then(scratch_refusal) {
        loaded.faults.push(fault(format!("{why}; name a folder of the worker's own")));
        return;
    }
    let folder = written.unwrap_or_else(scratch_default);
    if scratch_lies_in_memory(&folder) {
        let message = format!("`{}` lies in memory, which counts as nobody's", folder.display());
        loaded.notes.push(fault(message));
    }
}

/// Addresses of kinds are only looked at: no job is sent, and no name is looked up.
pub(super) fn refused_addresses(loaded: &Loaded) -> Vec<Fault> {
    let refused = backstay_alert::pushes(&loaded.settings).err().unwrap_or_default();
    let fault = |refused: HandlerError| {
        let inner = row_path(loaded, "kinds", &refused.kind, "http.url");
        let is_table = loaded.rows.iter().any(|row| row.path == inner);
        let path = if is_table { inner } else { row_path(loaded, "kinds", &refused.kind, "http") };
        let (place, message) = (origin(loaded, &path), refused.reason.to_string());
        Fault { code: refused.code(), place, path, message }
    };
    refused.into_iter().map(fault).collect()
}

/// Where a setting was written.
fn origin(loaded: &Loaded, path: &str) -> Origin {
    let row = loaded.rows.iter().find(|row| row.path == path);
    row.map_or(Origin::Default, |row| row.origin.clone())
}

fn row_path(loaded: &Loaded, section: &str, name: &str, key: &str) -> String {
    let quoted = format!("{section}.\"{name}\".{key}");
    let is_quoted = loaded.rows.iter().any(|row| row.path == quoted);
    if is_quoted { quoted } else { format!("{section}.{name}.{key}") }
}

/// Says why a program cannot be started; nothing where it can.
fn unusable(program: &str, folder: &Path, search: &str) -> Option<String> {
    if program.contains('/') {
        let path = folder.join(program);
        return match (path.is_file(), is_executable(&path)) {
            (false, _) => Some(format!("is not there; looked for {}", path.display())),
            (true, false) => Some("is not executable: chmod +x".to_owned()),
            (true, true) => None,
        };
    }
    let found = std::env::split_paths(search).any(|folder| is_executable(&folder.join(program)));
    (!found).then(|| "is in no folder of PATH".to_owned())
}

fn is_executable(path: &Path) -> bool {
    path.is_file() && rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok()
}

#[cfg(test)]
mod tests;
