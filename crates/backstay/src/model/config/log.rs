//! `[log]`: in which form and how much is logged.

use super::key::{Form, Keys, key};
use super::section::Section;

pub(super) const KEYS: Keys = Keys {
    now: &[
        key(
            "format",
            Form::Words(&["auto", "text", "json"]),
            "\"auto\"",
            "Form of a log line; auto is text on a terminal, else JSON",
        ),
        key(
            "level",
            Form::Words(&["error", "warn", "info", "debug", "trace"]),
            "\"info\"",
            "The least important lines that are written; BACKSTAY_LOG and RUST_LOG say more",
        ),
        key("jobs", Form::Switch, "false", "Repeat in the log what jobs print"),
    ],
    later: &[],
    moved: &[],
};

/// In which form and how much is logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSettings {
    /// The form of a line.
    pub format: LogFormat,
    /// `error`, `warn`, `info`, `debug` or `trace`.
    pub level: &'static str,
    /// Repeat what jobs print.
    pub jobs: bool,
}

/// The form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// Text on a terminal, else JSON.
    #[default]
    Auto,
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

pub(super) fn read(section: &Section<'_>) -> LogSettings {
    LogSettings {
        format: match section.word("format") {
            Some("text") => LogFormat::Text,
            Some("json") => LogFormat::Json,
            _ => LogFormat::Auto,
        },
        level: section.word("level").unwrap_or("info"),
        jobs: section.switch("jobs"),
    }
}
