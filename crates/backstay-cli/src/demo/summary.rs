//! What the demo came to: each claim with its figures, held or broken, for people and for programs.

use serde_json::json;

use crate::latency::Latency;
use crate::print::{Printer, Tone, visible};

/// The widest line; longer ones are hard to read.
const WIDEST: usize = 110;

/// One thing that the demo says of Backstay, and whether it was so.
#[derive(Debug, Clone)]
pub(crate) struct Claim {
    pub(crate) name: &'static str,
    pub(crate) text: String,
    pub(crate) held: bool,
}

/// All that is told at the end.
#[derive(Debug)]
pub(crate) struct Summary {
    pub(crate) claims: Vec<Claim>,
    pub(crate) idle: Latency,
    pub(crate) loaded: Latency,
    pub(crate) folder: String,
    pub(crate) files: Vec<String>,
    pub(crate) seconds: f64,
}

impl Summary {
    pub(crate) fn all_held(&self) -> bool {
        !self.claims.is_empty() && self.claims.iter().all(|claim| claim.held)
    }

    pub(crate) fn print(&self, printer: &Printer) {
        if printer.is_json() {
            return printer.json(&self.to_json());
        }
        let names = self.claims.iter().map(|claim| claim.name.len()).max().unwrap_or(0);
        printer.line("");
        for claim in &self.claims {
            let (tone, word) =
                if claim.held { (Tone::Good, "held  ") } else { (Tone::Bad, "BROKEN") };
            let indent = word.len() + names + 4;
            let text = wrapped(&visible(&claim.text), width().saturating_sub(indent), indent);
            let line = format!("{}  {:names$}  {text}", printer.toned(tone, word), claim.name);
            printer.line(line);
        }
        printer.line("");
        let files = visible(&self.files_in_short());
        printer.line(format!("files  {}/", visible(&self.folder)));
        printer.line(format!("       {}", wrapped(&files, width().saturating_sub(7), 7)));
        let broken = self.claims.iter().filter(|claim| !claim.held).count();
        let end = match broken {
            0 => printer.toned(Tone::Good, &format!("all {} claims held", self.claims.len())),
            n => printer.toned(Tone::Bad, &format!("{n} of {} claims broken", self.claims.len())),
        };
        printer.line(format!("{end}, after {:.0} s", self.seconds));
    }

    /// Files of a sort in one word, those of one kind with their number.
    fn files_in_short(&self) -> String {
        let of = |start: &str| self.files.iter().filter(|name| name.starts_with(start)).count();
        let exports = self.files.iter().filter(|name| name.starts_with("export."));
        let mut parts: Vec<String> = exports.cloned().collect();
        parts.push(format!("{} report-YEAR-MONTH.html", of("report-")));
        parts.push(format!("{} receipt-ORDER.txt", of("receipt-")));
        parts.push("the logs of API and workers".to_owned());
        parts.join(", ")
    }

    fn to_json(&self) -> serde_json::Value {
        let claims: Vec<_> = self
            .claims
            .iter()
            .map(|claim| json!({ "name": claim.name, "held": claim.held, "text": claim.text }))
            .collect();
        json!({
            "held": self.all_held(), "claims": claims,
            "api": { "idle": self.idle.to_json("longest_ms"), "loaded": self.loaded.to_json("longest_ms") },
            "folder": self.folder, "files": self.files,
            "seconds": (self.seconds * 10.0).round() / 10.0,
        })
    }
}

/// How wide lines may be here.
pub(crate) fn width() -> usize {
    let terminal = comfy_table::Table::new().width().map_or(WIDEST, usize::from);
    terminal.clamp(40, WIDEST)
}

/// Breaks a text between words; lines after the first are set in by `indent`.
pub(crate) fn wrapped(text: &str, width: usize, indent: usize) -> String {
    let (mut lines, mut line) = (Vec::new(), String::new());
    for word in text.split(' ') {
        let is_full = line.chars().count() + 1 + word.chars().count() > width;
        if is_full && !line.is_empty() {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines.join(&format!("\n{}", " ".repeat(indent)))
}

/// A number with commas between thousands.
pub(crate) fn grouped(n: i64) -> String {
    let digits = n.unsigned_abs().to_string();
    let mut text = if n < 0 { "-".to_owned() } else { String::new() };
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_parted_and_lines_break_between_words() {
        assert_eq!([0, 999, 1000, -1_234_567].map(grouped), ["0", "999", "1,000", "-1,234,567"]);
        assert_eq!(wrapped("one two three", 7, 2), "one two\n  three");
        assert_eq!(wrapped("averylongword x", 5, 0), "averylongword\nx");
    }

    #[test]
    fn nothing_claimed_is_nothing_held() {
        let mut summary = Summary {
            claims: Vec::new(),
            idle: Latency::default(),
            loaded: Latency::default(),
            folder: String::new(),
            files: Vec::new(),
            seconds: 1.0,
        };
        assert!(!summary.all_held());
        summary.claims.push(Claim { name: "a", text: "b".into(), held: true });
        assert!(summary.all_held());
        summary.claims.push(Claim { name: "c", text: "d".into(), held: false });
        assert!(!summary.all_held());
    }
}
