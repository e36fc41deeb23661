//! `backstay why JOB`: one reason why it does not run, and what to do about it.

use backstay::inspect::{self, Reason, Why};

use super::super::connect::of_store;
use super::super::desk::Desk;
use crate::args::WhyArgs;
use crate::failure::{Exit, Failure};
use crate::print::visible;

pub(crate) async fn why(desk: &Desk<'_>, args: &WhyArgs) -> Result<Exit, Failure> {
    let why = inspect::why(&desk.database, args.id).await.map_err(|error| of_store(&error))?;
    if desk.printer.is_json() {
        desk.printer.json(&why);
    } else {
        desk.printer.line(lines(&why));
    }
    Ok(if why.reason == Reason::NoSuchJob { Exit::NotDone } else { Exit::Done })
}

/// `ready  behind: 17 jobs stand before it`, and below that what to do.
fn lines(why: &Why) -> String {
    let reason = why.reason.as_str();
    let (head, indent) = match why.state.map(|state| state.to_string()) {
        // "dead 2 h ago" says its state itself.
        Some(state) if why.text.starts_with(&state) => (String::new(), state.len() + 2),
        Some(state) if state == reason => (format!("{state}  "), state.len() + 2),
        Some(state) => (format!("{state}  {reason}: "), state.len() + 2),
        None => (format!("{reason}  "), reason.len() + 2),
    };
    let mut lines = format!("{head}{}", visible(&why.text));
    if let Some(remedy) = &why.remedy {
        lines += &format!("\n{:indent$}{}", "", visible(remedy));
    }
    lines
}
