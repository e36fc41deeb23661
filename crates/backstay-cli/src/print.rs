//! The only place that prints: results to stdout, everything else to stderr, nothing unescaped.
#![allow(clippy::print_stdout)]

use std::cell::Cell;
use std::io::{self, BufRead, IsTerminal, Write};

use backstay::config::{Fault, Origin};
use backstay::model::steer::steers;
use clap::ValueEnum;
use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table as Grid};
use serde::Serialize;
use serde_json::{Value as Json, json};

use crate::failure::Failure;
use crate::settings::Environment;

/// When results are coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR is set; always with CLICOLOR_FORCE.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Color {
    /// Decides for one stream. A flag says more than a variable, NO_COLOR more than CLICOLOR_FORCE.
    fn decide(self, environment: &Environment, is_terminal: bool) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto if environment.get("NO_COLOR").is_some() => false,
            Self::Auto if environment.get("CLICOLOR_FORCE").is_some_and(|it| it != "0") => true,
            Self::Auto => is_terminal && environment.get("TERM") != Some("dumb"),
        }
    }
}

/// The colours that mean something; a word always says the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Good,
    Careful,
    Bad,
    Faint,
    Strong,
}

impl Tone {
    fn sequence(self) -> &'static str {
        match self {
            Self::Good => "\u{1b}[32m",
            Self::Careful => "\u{1b}[33m",
            Self::Bad => "\u{1b}[31m",
            Self::Faint => "\u{1b}[2m",
            Self::Strong => "\u{1b}[1m",
        }
    }
}

/// What the command line said about printing.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Wishes {
    pub(crate) json: bool,
    pub(crate) color: Color,
    pub(crate) quiet: bool,
    pub(crate) verbose: u8,
}

/// Where a command writes.
#[derive(Debug)]
pub(crate) struct Printer {
    wishes: Wishes,
    terminal: bool,
    color_out: bool,
    color_err: bool,
    closed: Cell<bool>,
    /// A line that says how far something is stands on the terminal.
    busy: Cell<bool>,
}

/// Cells are folded down to this width of the terminal, and not for less.
const NARROWEST: u16 = 40;

/// Rows with headings: columns on a terminal, tabs elsewhere.
#[derive(Debug, Default)]
pub(crate) struct Table {
    headings: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(headings: &[&str]) -> Self {
        let headings = headings.iter().map(|heading| (*heading).to_owned()).collect();
        Self { headings, rows: Vec::new() }
    }

    pub(crate) fn row<T: Into<String>>(&mut self, cells: impl IntoIterator<Item = T>) {
        self.rows.push(cells.into_iter().map(|cell| visible(&cell.into())).collect());
    }

    /// Two blanks between columns, no lines: as wide as the terminal allows.
    fn columns(&self) -> String {
        let mut grid = Grid::new();
        grid.load_style(NOTHING);
        // A terminal that tells no width, or a silly one, is one that a program holds.
        if grid.width().is_some_and(|width| width >= NARROWEST) {
            grid.set_content_arrangement(ContentArrangement::Dynamic);
        }
        grid.set_header(self.headings.iter());
        grid.add_rows(&self.rows);
        for column in grid.column_iter_mut() {
            column.set_padding((0, 2));
        }
        let lines = grid.to_string();
        lines.lines().map(|line| format!("{}\n", line.trim_end())).collect()
    }

    /// No headings: whoever reads this by program counts columns.
    fn tabs(&self) -> String {
        self.rows.iter().map(|row| format!("{}\n", row.join("\t"))).collect()
    }
}

impl Printer {
    pub(crate) fn new(wishes: Wishes, environment: &Environment) -> Self {
        let (out, err) = (io::stdout().is_terminal(), io::stderr().is_terminal());
        Self {
            wishes,
            terminal: out,
            color_out: !wishes.json && wishes.color.decide(environment, out),
            color_err: wishes.color.decide(environment, err),
            closed: Cell::new(false),
            busy: Cell::new(false),
        }
    }

    /// Tells whether one JSON document is wanted rather than text.
    pub(crate) fn is_json(&self) -> bool {
        self.wishes.json
    }

    /// Tells whether a person reads the results: then times are told as people tell them.
    pub(crate) fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Asks a person on the terminal; nothing where nobody sits there.
    pub(crate) fn ask(&self, question: &str) -> Option<String> {
        if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            return None;
        }
        self.err(&visible(question));
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer).ok()?;
        Some(answer.trim().to_owned())
    }

    /// Shows how far something is: over and over on the same line, on a terminal only.
    pub(crate) fn status(&self, text: &str) {
        let is_wanted = io::stderr().is_terminal() && !self.wishes.quiet;
        // Nothing is wiped off that was never shown.
        if is_wanted && (!text.is_empty() || self.busy.get()) {
            self.err(&format!("\r\u{1b}[K{}", visible(text)));
            self.busy.set(!text.is_empty());
        }
    }

    /// How much more than usual is wanted: the number of `-v`.
    pub(crate) fn verbosity(&self) -> u8 {
        self.wishes.verbose
    }

    /// Tells whether only results and faults are wanted.
    pub(crate) fn is_quiet(&self) -> bool {
        self.wishes.quiet
    }

    /// Tells whether whoever read stdout has gone: a command that goes on for long should end.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.get()
    }

    /// Prints a line that a job wrote: nothing in it steers the terminal, and only the tone is ours.
    pub(crate) fn foreign(&self, prefix: &str, tone: Option<Tone>, text: &str) {
        // A tab stays one where a program reads, and is no escape where a person does.
        let text = text.split('\t').map(visible).collect::<Vec<_>>().join("\t");
        let text = match tone {
            Some(tone) => self.toned(tone, &text),
            None => text,
        };
        self.out(&format!("{prefix}{text}\n"));
    }

    /// Prints one line of a result.
    pub(crate) fn line(&self, text: impl AsRef<str>) {
        self.out(&format!("{}\n", visible_lines(text.as_ref(), self.color_out)));
    }

    /// Prints the result as one JSON document.
    pub(crate) fn json(&self, document: &impl Serialize) {
        let text = if self.terminal {
            serde_json::to_string_pretty(document)
        } else {
            serde_json::to_string(document)
        };
        // JSON escapes control characters itself.
        self.out(&format!("{}\n", text.expect("results are plain data with text keys")));
    }

    /// Prints one of many JSON documents, on one line of its own.
    pub(crate) fn json_line(&self, document: &impl Serialize) {
        let text = serde_json::to_string(document);
        self.out(&format!("{}\n", text.expect("results are plain data with text keys")));
    }

    /// Prints a table of results.
    pub(crate) fn table(&self, table: &Table) {
        if table.rows.is_empty() {
            return;
        }
        let text = if self.terminal { table.columns() } else { table.tabs() };
        self.out(&text);
    }

    /// Prints what is worth knowing but no result: to stderr, unless `-q`.
    pub(crate) fn note(&self, text: impl AsRef<str>) {
        if !self.wishes.quiet {
            self.err(&format!("{}\n", visible_lines(text.as_ref(), self.color_err)));
        }
    }

    /// Prints what only `-v` wants to know.
    pub(crate) fn detail(&self, text: impl AsRef<str>) {
        if self.wishes.verbose > 0 {
            self.note(text);
        }
    }

    /// Colours a word of a result. The text must be ours: what comes from outside goes through
    /// [`visible`] first.
    pub(crate) fn toned(&self, tone: Tone, text: &str) -> String {
        if self.color_out { format!("{}{text}\u{1b}[0m", tone.sequence()) } else { text.to_owned() }
    }

    /// Prints why a command failed, once: code, sentence, causes, hint.
    pub(crate) fn failure(&self, failure: &Failure) {
        self.status("");
        if self.wishes.json {
            return self.err(&format!("{}\n", failure_json(failure)));
        }
        self.err(&self.failure_text(failure));
    }

    fn failure_text(&self, failure: &Failure) -> String {
        if !failure.faults.is_empty() {
            return format!(
                "{}{}\n",
                fault_lines(&failure.faults),
                fault_end(failure.faults.len())
            );
        }
        let error = if self.color_err { "\u{1b}[31merror\u{1b}[0m" } else { "error" };
        let mut text =
            format!("{error} {}: {}\n", failure.code, visible_lines(&failure.message, false));
        for cause in &failure.causes {
            text.push_str(&format!("  because {}\n", visible_lines(cause, false)));
        }
        if let Some(hint) = &failure.hint {
            text.push_str(&format!("  {}\n", visible_lines(hint, false)));
        }
        text
    }

    /// Prints text that another part has made with its own escapes: help, completions.
    pub(crate) fn raw(&self, text: &str) {
        self.out(text);
    }

    /// Prints the parser's own answer to a command line, coloured as the stream allows.
    pub(crate) fn usage(&self, error: &clap::Error) {
        let to_out = !error.use_stderr();
        let colored = if to_out { self.color_out } else { self.color_err };
        let rendered = error.render();
        let text = if colored { rendered.ansi().to_string() } else { rendered.to_string() };
        let text = format!("{}\n", text.trim_end());
        if to_out { self.out(&text) } else { self.err(&text) }
    }

    /// A reader that has gone, such as `head`, ends the printing and nothing else.
    fn out(&self, text: &str) {
        if self.closed.get() {
            return;
        }
        let mut out = io::stdout().lock();
        if out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_err() {
            self.closed.set(true);
        }
    }

    fn err(&self, text: &str) {
        if io::stderr().lock().write_all(text.as_bytes()).is_err() {
            // Nobody is left to be told.
        }
    }
}

fn failure_json(failure: &Failure) -> Json {
    json!({ "error": {
        "code": failure.code,
        "message": failure.message,
        "hint": failure.hint,
        "causes": failure.causes,
        "faults": failure.faults.iter().map(fault_json).collect::<Vec<_>>(),
    }})
}

/// A fault of the configuration as a program reads it.
pub(crate) fn fault_json(fault: &Fault) -> Json {
    json!({
        "code": fault.code,
        "place": fault.place.to_string(),
        "path": fault.path,
        "message": fault.message,
    })
}

/// Faults in columns: code, place, setting, what is wrong.
pub(crate) fn fault_lines(faults: &[Fault]) -> String {
    let rows: Vec<[String; 3]> = faults.iter().map(fault_row).collect();
    let width = |n: usize| rows.iter().map(|row| row[n].chars().count()).max().unwrap_or(0);
    let (place, path) = (width(1), width(2));
    let line = |(row, fault): (&[String; 3], &Fault)| {
        let [code, at, setting] = row;
        let setting = if path == 0 { String::new() } else { format!("{setting:path$}  ") };
        format!("{code}  {at:place$}  {setting}{}\n", visible(&fault.message))
    };
    rows.iter().zip(faults).map(line).collect()
}

fn fault_row(fault: &Fault) -> [String; 3] {
    let path = visible(&fault.path);
    match &fault.place {
        // Nothing is written anywhere: the setting itself is the place.
        Origin::Default | Origin::Contract => [fault.code.into(), path, String::new()],
        // A variable is place and name at once.
        Origin::Env(name) if *name == fault.path => [fault.code.into(), path, String::new()],
        place => [fault.code.into(), visible(&place.to_string()), path],
    }
}

/// The line below the faults.
pub(crate) fn fault_end(count: usize) -> String {
    let faults = if count == 1 { "fault" } else { "faults" };
    format!("{count} {faults}; nothing was started. Each is explained by: backstay explain CODE")
}

/// Makes every control character visible, so that no text from a job can steer a terminal.
pub(crate) fn visible(text: &str) -> String {
    if !text.chars().any(steers) {
        return text.to_owned();
    }
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        match c {
            c if !steers(c) => out.push(c),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c => out.extend(c.escape_unicode()),
        }
        out
    })
}

/// Like [`visible`], but line ends stay: for texts of several lines.
fn visible_lines(text: &str, colors: bool) -> String {
    let line = if colors { visible_but_colors } else { visible };
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

/// Our own colours pass where colours are wanted; any other escape never does.
fn visible_but_colors(line: &str) -> String {
    const END: &str = "\u{1b}[0m";
    let Some((before, rest)) = line.split_once('\u{1b}') else { return visible(line) };
    let tones = [Tone::Good, Tone::Careful, Tone::Bad, Tone::Faint, Tone::Strong];
    let known = tones.map(Tone::sequence).into_iter().chain([END]);
    for sequence in known {
        if let Some(after) = rest.strip_prefix(&sequence[1..]) {
            return format!("{}{sequence}{}", visible(before), visible_but_colors(after));
        }
    }
    format!("{}\\u{{1b}}{}", visible(before), visible_but_colors(rest))
}

#[cfg(test)]
mod tests;
