//! When there is colour, what of a text is shown, and how tables and failures look.

use super::*;

fn printer(terminal: bool) -> Printer {
    Printer {
        wishes: Wishes::default(),
        terminal,
        color_out: false,
        color_err: false,
        closed: Cell::new(false),
        busy: Cell::new(false),
    }
}

#[test]
fn colour_follows_flag_then_variables_then_terminal() {
    use Color::{Always, Auto, Never};
    let no = ("NO_COLOR", "1");
    let force = ("CLICOLOR_FORCE", "1");
    for (color, variables, terminal, expected) in [
        (Auto, &[][..], true, true),
        (Auto, &[], false, false),
        (Auto, &[no], true, false),
        (Auto, &[force], false, true),
        (Auto, &[("CLICOLOR_FORCE", "0")], false, false),
        (Auto, &[no, force], true, false),
        (Auto, &[("NO_COLOR", "")], true, true),
        (Auto, &[("TERM", "dumb")], true, false),
        (Always, &[no], false, true),
        (Never, &[force], true, false),
    ] {
        let environment = Environment::of(variables);
        assert_eq!(color.decide(&environment, terminal), expected, "{color:?} {variables:?}");
    }
}

#[test]
fn control_characters_are_shown_and_not_sent() {
    for (text, shown) in [
        ("plain ü 漢", "plain ü 漢"),
        ("a\u{1b}[2Jb", "a\\u{1b}[2Jb"),
        ("two\nlines\t\r", "two\\nlines\\t\\r"),
        ("bell\u{7}", "bell\\u{7}"),
        ("c1 \u{9b}31m", "c1 \\u{9b}31m"),
        ("turned \u{202e}txt", "turned \\u{202e}txt"),
        ("marked \u{200f}\u{61c}", "marked \\u{200f}\\u{61c}"),
        ("ended\u{2028}here", "ended\\u{2028}here"),
    ] {
        assert_eq!(visible(text), shown);
    }
    assert_eq!(visible_lines("a\nb\u{1b}[31mc", false), "a\nb\\u{1b}[31mc");
}

#[test]
fn only_our_own_colours_pass_a_line() {
    let ours = format!("{}ok{}", Tone::Good.sequence(), "\u{1b}[0m");
    assert_eq!(visible_lines(&ours, true), ours);
    assert_eq!(visible_lines("\u{1b}[2Jgone", true), "\\u{1b}[2Jgone");
}

#[test]
fn a_table_has_columns_on_a_terminal_and_tabs_elsewhere() {
    let mut table = Table::new(&["JOB", "KIND"]);
    table.row(["4187", "report"]);
    table.row(["2", "a\tb"]);
    assert_eq!(table.columns(), "JOB   KIND\n4187  report\n2     a\\tb\n");
    assert_eq!(table.tabs(), "4187\treport\n2\ta\\tb\n");
}

#[test]
fn a_failure_shows_code_sentence_causes_and_hint_once() {
    let mut failure =
        Failure::new("BS501", "the database cannot be reached").hint("is it running?");
    failure.causes = vec!["connection refused".into()];
    assert_eq!(
        printer(true).failure_text(&failure),
        "error BS501: the database cannot be reached\n  because connection refused\n  is it running?\n"
    );
}

#[test]
fn faults_stand_in_columns() {
    let fault = |place, path: &str, message: &str| Fault {
        code: "BS402",
        place,
        path: path.into(),
        message: message.into(),
    };
    let line = |line| Origin::File { path: "backstay.toml".into(), line };
    let faults = [
        fault(line(3), "queues.a.slots", "first"),
        fault(line(120), "log", "second"),
        fault(Origin::Default, "queues", "third"),
    ];
    assert_eq!(
        fault_lines(&faults),
        "\
BS402  backstay.toml:3    queues.a.slots  first
BS402  backstay.toml:120  log             second
BS402  queues                             third
"
    );
}
