//! The verbs of operators: cancel, promote, edit, bury, revive, discard, restore, acknowledge, own, mute, pause, resume, drain, replays.

mod dead;
mod edit;
mod jobs;
mod machines;
mod replay;

pub(crate) use dead::{acknowledge, discard, mute, own, restore, revive};
pub(crate) use edit::{bury, edit};
pub(crate) use jobs::{cancel, promote};
pub(crate) use machines::{acknowledge_alert, drain, pause, resume};
pub(crate) use replay::{pace, resume as resume_replay, stop as stop_replay};

use backstay::model::code::Code;
use backstay::operate::Done;

use super::desk::Desk;
use crate::failure::Exit;

/// Tells what a verb came to: a sentence, then what it passed over and why.
pub(super) fn tell(desk: &Desk<'_>, done: &Done, sentence: &str) -> Exit {
    let printer = desk.printer;
    if printer.is_json() {
        printer.json(done);
    } else {
        if done.count > 0 {
            printer.line(sentence);
        }
        for skipped in &done.skipped {
            let why = Code::of(&skipped.code).map_or("", |code| code.title);
            printer.note(format!("{}: {} {why}", skipped.id, skipped.code));
        }
    }
    if done.count > 0 && done.skipped.is_empty() { Exit::Done } else { Exit::NotDone }
}

/// Tells that nothing fits a filter.
fn none_fit(desk: &Desk<'_>) -> Exit {
    if desk.printer.is_json() {
        desk.printer.json(&Done::default());
    } else {
        desk.printer.note("nothing fits; nothing was done");
    }
    Exit::NotDone
}
