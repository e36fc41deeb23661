//! Where log lines go: text on a terminal, JSON lines otherwise; always stderr.

use std::io::IsTerminal;

use backstay::config::{LogFormat, LogSettings};
use tracing_subscriber::EnvFilter;

use crate::settings::Environment;

/// Starts logging for the life of this process.
pub(crate) fn start(settings: &LogSettings, environment: &Environment, verbose: u8) {
    let asked = environment.get("BACKSTAY_LOG").or_else(|| environment.get("RUST_LOG"));
    let level = match verbose {
        0 => settings.level,
        1 => "debug",
        _ => "trace",
    };
    let default = format!("warn,backstay={level}");
    let filter =
        EnvFilter::try_new(asked.unwrap_or(&default)).unwrap_or_else(|_| EnvFilter::new(&default));
    let is_terminal = std::io::stderr().is_terminal();
    let is_text = match settings.format {
        LogFormat::Auto => is_terminal,
        LogFormat::Text => true,
        LogFormat::Json => false,
    };
    let builder = tracing_subscriber::fmt().with_writer(std::io::stderr).with_env_filter(filter);
    // A second start within one process (the demo) keeps the first.
    let started = if is_text {
        let plain =
            environment.get("NO_COLOR").is_some_and(|value| !value.is_empty()) || !is_terminal;
        builder.with_ansi(!plain).with_target(false).try_init()
    } else {
        builder
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            .with_target(false)
            .try_init()
    };
    drop(started);
}
