//! `backstay version`: which release this is.

use serde_json::json;

use crate::failure::{Exit, Failure};
use crate::print::Printer;

pub(crate) fn run(printer: &Printer) -> Result<Exit, Failure> {
    let version = env!("CARGO_PKG_VERSION");
    if printer.is_json() {
        printer.json(&json!({ "version": version }));
    } else {
        printer.line(format!("backstay {version}"));
    }
    Ok(Exit::Done)
}
