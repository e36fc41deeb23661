//! Tells the story while it happens: a live view on a terminal, plain lines elsewhere; always stderr.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::summary::{grouped, width, wrapped};
use crate::print::{Printer, visible};

/// Without a terminal, one line about the state this often.
const STATUS_EVERY: Duration = Duration::from_secs(5);
/// Columns before the text of a bar, and before that of the foot, with one that stays free for Ctrl-C.
const BAR: usize = 45;
const FOOT: usize = 8;
/// Room for the time before each line of the story.
const INDENT: usize = 9;

/// One bar: how much of what is done.
#[derive(Debug, Clone)]
pub(crate) struct Level {
    pub(crate) name: &'static str,
    pub(crate) done: i64,
    pub(crate) all: i64,
    pub(crate) note: String,
}

/// Where the story is told.
pub(crate) struct Screen<'a> {
    printer: &'a Printer,
    began: Instant,
    live: Option<Live>,
    told_at: Instant,
}

struct Live {
    view: MultiProgress,
    bars: Vec<(&'static str, ProgressBar)>,
    /// The latency and the workers stand below all bars.
    foot: ProgressBar,
}

impl<'a> Screen<'a> {
    pub(crate) fn new(printer: &'a Printer, began: Instant) -> Screen<'a> {
        let is_live = std::io::stderr().is_terminal()
            && std::io::stdout().is_terminal()
            && std::env::var("TERM").is_ok_and(|term| term != "dumb")
            && !printer.is_json()
            && !printer.is_quiet();
        Screen { printer, began, live: is_live.then(Live::new), told_at: began }
    }

    /// Tells what has just happened, with the time since the beginning.
    pub(crate) fn say(&mut self, text: impl AsRef<str>) {
        self.told_at = Instant::now();
        let text = wrapped(&visible(text.as_ref()), width().saturating_sub(INDENT), INDENT);
        let line = format!("{:5.1} s  {text}", self.began.elapsed().as_secs_f64());
        match &self.live {
            // A terminal that has gone ends the demo by a signal.
            Some(live) => live.view.suspend(|| self.printer.note(&line)),
            None => self.printer.note(&line),
        }
    }

    /// Shows how far everything is.
    pub(crate) fn show(&mut self, levels: &[Level], foot: &str) {
        if let Some(live) = &mut self.live {
            return live.show(levels, foot);
        }
        if self.told_at.elapsed() >= STATUS_EVERY {
            let parts: Vec<String> = levels
                .iter()
                .filter(|level| level.all > 0)
                .map(|level| {
                    format!("{} {}/{}", level.name, grouped(level.done), grouped(level.all))
                })
                .collect();
            self.say(format!("{}  {foot}", parts.join("  ")).trim());
        }
    }

    /// Takes the live view away; what was told stays.
    pub(crate) fn close(&mut self) {
        if let Some(live) = self.live.take() {
            // A terminal that has gone shows nothing anyway.
            drop(live.view.clear());
        }
    }
}

impl Live {
    fn new() -> Live {
        let view = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10));
        let foot = view.add(ProgressBar::no_length());
        foot.set_style(style("  {spinner}  {msg}"));
        Live { view, bars: Vec::new(), foot }
    }

    fn show(&mut self, levels: &[Level], foot: &str) {
        for level in levels.iter().filter(|level| level.all > 0) {
            let bar = self.bar(level.name);
            bar.set_length(level.all.unsigned_abs());
            bar.set_position(level.done.max(0).unsigned_abs());
            let text = format!("{} of {}  {}", grouped(level.done), grouped(level.all), level.note);
            bar.set_message(fit(&text, BAR));
        }
        self.foot.set_message(fit(foot, FOOT));
        self.foot.tick();
    }

    fn bar(&mut self, name: &'static str) -> &ProgressBar {
        let at = self.bars.iter().position(|(known, _)| *known == name).unwrap_or_else(|| {
            let bar = self.view.insert_before(&self.foot, ProgressBar::new(1));
            bar.set_style(style("  {prefix:14} {bar:24.cyan/dim} {msg}"));
            bar.set_prefix(name);
            self.bars.push((name, bar));
            self.bars.len() - 1
        });
        &self.bars[at].1
    }
}

/// Cuts what would not fit behind so many columns. A line that fills the terminal would be two after Ctrl-C.
fn fit(text: &str, used: usize) -> String {
    text.trim_end().chars().take(width().saturating_sub(used)).collect()
}

fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template).expect("the templates here are sound");
    style.progress_chars("━━─").tick_chars("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ ")
}
