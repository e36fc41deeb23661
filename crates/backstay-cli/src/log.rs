//! Where log lines go: text on a terminal, JSON lines otherwise; always stderr.

use std::io::IsTerminal;

use backstay::config::{LogFormat, LogSettings};
use tracing_subscriber::EnvFilter;

use crate::settings::Environment;

/// Changes the level of the lines that are written.
pub(crate) struct Dial {
    turn: Option<Box<dyn Fn(EnvFilter) + Send + Sync>>,
}

impl Dial {
    /// Takes the level of other settings. What was asked for by flag or variable holds against any file.
    pub(crate) fn turn(&self, settings: &LogSettings, environment: &Environment, verbose: u8) {
        if let Some(turn) = &self.turn {
            turn(filter(settings, environment, verbose));
        }
    }
}

fn filter(settings: &LogSettings, environment: &Environment, verbose: u8) -> EnvFilter {
    let asked = environment.get("BACKSTAY_LOG").or_else(|| environment.get("RUST_LOG"));
    let level = match verbose {
        0 => settings.level,
        1 => "debug",
        _ => "trace",
    };
    let default = format!("warn,backstay={level}");
    EnvFilter::try_new(asked.unwrap_or(&default)).unwrap_or_else(|_| EnvFilter::new(&default))
}

/// Starts logging for the life of this process.
pub(crate) fn start(settings: &LogSettings, environment: &Environment, verbose: u8) -> Dial {
    let is_terminal = std::io::stderr().is_terminal();
    let is_text = match settings.format {
        LogFormat::Auto => is_terminal,
        LogFormat::Text => true,
        LogFormat::Json => false,
    };
    let builder = tracing_subscriber::fmt().with_writer(std::io::stderr).with_env_filter(filter(
        settings,
        environment,
        verbose,
    ));
    // A second start within one process (the demo) keeps the first, and turns nothing.
    if is_text {
        let plain =
            environment.get("NO_COLOR").is_some_and(|value| !value.is_empty()) || !is_terminal;
        let builder = builder.with_ansi(!plain).with_target(false).with_filter_reloading();
        let handle = builder.reload_handle();
        dial(builder.try_init().is_ok(), move |filter| drop(handle.reload(filter)))
    } else {
        let builder = builder
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            .with_target(false)
            .with_filter_reloading();
        let handle = builder.reload_handle();
        dial(builder.try_init().is_ok(), move |filter| drop(handle.reload(filter)))
    }
}

fn dial(is_ours: bool, turn: impl Fn(EnvFilter) + Send + Sync + 'static) -> Dial {
    Dial { turn: is_ours.then(|| Box::new(turn) as _) }
}
