//! `[retention]`: how long what has ended is kept; dead letters stay unless somebody says otherwise.

use std::time::Duration;

use super::form;
use super::key::{Form, Key, Keys, key};
use super::section::Section;
use super::value::{Shape, Value};

/// The span of every retention but that of dead letters.
const KEPT: Form = Form::Span("0s", "3652d");

pub(super) const KEYS: Keys = Keys {
    now: &[
        key("completed", KEPT, "\"7d\"", "How long a completed job is kept"),
        key("args_and_output", KEPT, "\"1d\"", "How long the args and output of one are kept"),
        key("cancelled", KEPT, "\"7d\"", "How long a cancelled job is kept"),
        key("attempts", KEPT, "\"30d\"", "How long attempts and their errors are kept"),
        key("output_log", KEPT, "\"7d\"", "How long what jobs printed is kept"),
        key(
            "figures",
            Form::Span("1d", "3652d"),
            "\"35d\"",
            "How long the figures of charts are kept by hour; finer ones are kept for two days",
        ),
        key(
            "dead",
            Form::Keep,
            "\"forever\"",
            "How long a dead letter is kept, counted from its acknowledgement and never before it",
        ),
    ],
    later: &[],
    moved: &[],
};

/// How long what has ended is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    /// Completed jobs \[7 d\].
    pub completed: Duration,
    /// Args and output of completed jobs \[1 d\].
    pub args_and_output: Duration,
    /// Cancelled jobs \[7 d\].
    pub cancelled: Duration,
    /// Attempts and their errors \[30 d\].
    pub attempts: Duration,
    /// What jobs printed \[7 d\].
    pub output_log: Duration,
    /// The figures of charts, by hour \[35 d\].
    pub figures: Duration,
    /// Dead letters, counted from their acknowledgement \[forever\].
    pub dead: Keep,
}

/// How long something is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Until somebody removes it.
    Forever,
    /// That long.
    For(Duration),
}

pub(super) fn read(section: &Section<'_>) -> Retention {
    Retention {
        completed: section.span_set("completed"),
        args_and_output: section.span_set("args_and_output"),
        cancelled: section.span_set("cancelled"),
        attempts: section.span_set("attempts"),
        output_log: section.span_set("output_log"),
        figures: section.span_set("figures"),
        dead: section.take("dead", keep).unwrap_or(Keep::Forever),
    }
}

/// Reads a duration or `forever`.
pub(super) fn keep(key: &Key, value: &Value) -> Result<Keep, String> {
    if matches!(&value.shape, Shape::Text(text) if text == "forever") {
        return Ok(Keep::Forever);
    }
    form::span(key, value).map(Keep::For)
}
