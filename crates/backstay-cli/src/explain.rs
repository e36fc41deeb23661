//! `backstay explain CODE`: the page of an error code; without a code the list of all.

use backstay::model::code::Code;
use backstay::model::nearest::nearest;
use serde_json::{Value as Json, json};

use crate::args::ExplainArgs;
use crate::failure::{Exit, Failure};
use crate::print::{Printer, Table};

pub(crate) fn run(args: &ExplainArgs, printer: &Printer) -> Result<Exit, Failure> {
    let Some(word) = &args.code else {
        list(printer);
        return Ok(Exit::Done);
    };
    let code = Code::of(word).ok_or_else(|| unknown(word))?;
    if printer.is_json() {
        printer.json(&document(code));
    } else {
        printer.line(code.help().trim_end());
    }
    Ok(Exit::Done)
}

fn list(printer: &Printer) {
    if printer.is_json() {
        let items: Vec<Json> = Code::all().map(document).collect();
        return printer.json(&json!({ "items": items, "next": null }));
    }
    let mut table = Table::new(&["CODE", "NAME", "MEANING"]);
    for code in Code::all() {
        table.row([code.code, code.name, code.title]);
    }
    printer.table(&table);
}

fn document(code: &Code) -> Json {
    json!({
        "code": code.code,
        "name": code.name,
        "status": code.status,
        "title": code.title,
        "meaning": code.meaning,
        "causes": code.causes,
        "remedy": code.remedy,
        "example": code.example,
    })
}

fn unknown(word: &str) -> Failure {
    let hint = match nearest(word, Code::all().map(|code| code.name)).and_then(Code::of) {
        Some(near) => format!("did you mean `{}`? Try: backstay explain {}", near.name, near.code),
        None => "all codes: backstay explain".to_owned(),
    };
    // Not an error of ours with a code of its own: what was typed means nothing.
    Failure::new("BS402", format!("`{word}` is no code")).hint(hint).exit(Exit::Usage)
}
