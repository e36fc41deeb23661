//! `backstay dead export`: dead letters as JSON lines that `enqueue --file` takes again.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{BufWriter, Write};
use std::path::Path;

use backstay::inspect;
use backstay::operate::{self, Revealed};
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;

use super::super::connect::of_store;
use super::super::desk::{Desk, both_named, count};
use crate::args::ExportArgs;
use crate::failure::{Exit, Failure};
use crate::print::Printer;

/// Letters that are fetched together, so that no answer is much larger than 1,000 args may be.
const AT_ONCE: usize = 500;

/// One line: what would be enqueued, and what is known of the death. All as it is stored, so that every digit stays.
#[derive(Deserialize, Serialize)]
struct Line {
    kind: Box<RawValue>,
    args: Box<RawValue>,
    options: BTreeMap<String, Box<RawValue>>,
    letter: BTreeMap<String, Box<RawValue>>,
}

pub(crate) async fn export(desk: &Desk<'_>, args: &ExportArgs) -> Result<Exit, Failure> {
    let ids = meant(desk, args).await?;
    let mut out = Out::open(args.to.as_deref(), desk.printer)?;
    let mut written = 0;
    for some in ids.chunks(AT_ONCE) {
        for line in lines(desk, some, args.reveal).await? {
            out.line(&line)?;
            written += 1;
        }
        if desk.printer.is_closed() {
            return Ok(Exit::Done);
        }
    }
    out.close()?;
    tell(desk, args, written);
    Ok(Exit::Done)
}

/// The letters that were named, or that fit; without either all there are, oldest first as they died.
async fn meant(desk: &Desk<'_>, args: &ExportArgs) -> Result<Vec<i64>, Failure> {
    let mut filter = args.filter.read()?;
    filter.fingerprint.clone_from(&args.fingerprint);
    if !args.ids.is_empty() {
        return if filter.is_empty() { Ok(args.ids.clone()) } else { Err(both_named()) };
    }
    let found = inspect::dead_letter_ids(&desk.database, &filter, false).await;
    let (mut ids, _) = found.map_err(|error| of_store(&error))?;
    ids.reverse();
    Ok(ids)
}

async fn lines(desk: &Desk<'_>, ids: &[i64], reveal: bool) -> Result<Vec<String>, Failure> {
    let found = inspect::export(&desk.database, ids).await.map_err(|error| of_store(&error))?;
    let shown = if reveal {
        let shown = operate::reveal(&desk.database, ids, desk.reason()).await;
        shown.map_err(|error| of_store(&error))?
    } else {
        Vec::new()
    };
    let line = |text: String| -> Result<String, serde_json::Error> {
        let mut line: Line = serde_json::from_str(&text)?;
        if reveal {
            unveil(&mut line, &shown);
        } else {
            note_hidden(&mut line);
        }
        serde_json::to_string(&line)
    };
    found.into_iter().map(line).collect::<Result<_, _>>().map_err(|error| {
        Failure::new("BS999", "a letter of the database cannot be read").because(&error)
    })
}

/// Puts back what is hidden elsewhere.
fn unveil(line: &mut Line, shown: &[Revealed]) {
    let id = line.letter.get("id").map(|id| id.get().trim_matches('"'));
    let Some(seen) = shown.iter().find(|seen| Some(seen.id.as_str()) == id) else { return };
    if let Some(args) = &seen.args {
        line.args.clone_from(args);
    }
    line.options.insert("meta".into(), seen.meta.clone());
}

/// Says of a line that it does not tell everything: nobody should enqueue three stars.
fn note_hidden(line: &mut Line) {
    let meta = line.options.get("meta").map_or("", |meta| meta.get());
    if [line.args.get(), meta].iter().any(|text| text.contains("\"***\"")) {
        let yes = RawValue::from_string("true".into()).expect("it is JSON");
        line.letter.insert("hidden".into(), yes);
    }
}

/// Where the lines go.
enum Out<'a> {
    Printed(&'a Printer),
    File(BufWriter<std::fs::File>),
}

impl<'a> Out<'a> {
    /// A file that is there already is somebody's, and what it holds may be secret: it is made for its owner alone.
    fn open(path: Option<&Path>, printer: &'a Printer) -> Result<Self, Failure> {
        use std::os::unix::fs::OpenOptionsExt;
        let Some(path) = path else { return Ok(Self::Printed(printer)) };
        let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        made.map(|file| Self::File(BufWriter::new(file))).map_err(|error| {
            Failure::new("BS102", format!("--to: `{}` cannot be made", path.display()))
                .because(&error)
                .exit(Exit::Usage)
        })
    }

    fn line(&mut self, line: &str) -> Result<(), Failure> {
        match self {
            Self::Printed(printer) => printer.raw(&format!("{line}\n")),
            Self::File(file) => writeln!(file, "{line}").map_err(unwritten)?,
        }
        Ok(())
    }

    fn close(self) -> Result<(), Failure> {
        let Self::File(mut file) = self else { return Ok(()) };
        file.flush().and_then(|()| file.get_ref().sync_all()).map_err(unwritten)
    }
}

fn unwritten(error: std::io::Error) -> Failure {
    Failure::new("BS999", "the file cannot be written").because(&error)
}

fn tell(desk: &Desk<'_>, args: &ExportArgs, written: usize) {
    let letters = count(written, "dead letter");
    match &args.to {
        Some(path) if desk.printer.is_json() => {
            desk.printer.json(&json!({ "count": written, "file": path }));
        }
        Some(path) => desk.printer.line(format!("{letters} written to {}", path.display())),
        None => desk.printer.note(letters),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(args: &str) -> Line {
        let text = format!(r#"{{"kind":"a","args":{args},"options":{{}},"letter":{{"id":"7"}}}}"#);
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn a_line_with_something_hidden_says_so() {
        let mut open = line(r#"{"n":1e400}"#);
        note_hidden(&mut open);
        assert!(serde_json::to_string(&open).unwrap().contains(r#""args":{"n":1e400}"#));
        assert!(!open.letter.contains_key("hidden"));
        let mut hidden = line(r#"{"token":"***"}"#);
        note_hidden(&mut hidden);
        assert_eq!(hidden.letter["hidden"].get(), "true");
    }
}
