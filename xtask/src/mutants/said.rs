//! What a run said: whether it passed, and the names of all that failed.

use std::collections::BTreeSet;
use std::fmt;

/// How a run ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    Passed,
    /// What failed: tests and faults, and rules of the checker of histories.
    Failed(BTreeSet<String>),
    /// It was ended.
    Endless,
}

impl Said {
    /// Reads what a run that failed has printed.
    pub(super) fn failed(text: &str) -> Said {
        Said::Failed(text.lines().filter_map(named).map(str::to_owned).collect())
    }

    /// Whether it failed by this check.
    pub(super) fn names(&self, check: &str) -> bool {
        matches!(self, Said::Failed(names) if names.contains(check))
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Said::Passed => f.write_str("nobody"),
            Said::Failed(names) if names.is_empty() => {
                f.write_str("a run that failed and named nothing")
            }
            Said::Failed(names) => {
                f.write_str(&names.iter().map(String::as_str).collect::<Vec<_>>().join(", "))
            }
            Said::Endless => f.write_str("a run that did not end"),
        }
    }
}

/// The name in a line that tells of a failure: those of Rust's harness, of the faults, of the children, and of the checker.
fn named(line: &str) -> Option<&str> {
    let words: Vec<&str> = line.split_whitespace().take(4).collect();
    match words[..] {
        ["test" | "fault", name, "...", "FAILED"] | ["FAILED", name, ..] => {
            name.rsplit("::").next()
        }
        [rule, ..] if is_rule(rule) => Some(rule),
        _ => None,
    }
}

/// `H6` of histories, `I17` of the database.
fn is_rule(word: &str) -> bool {
    let number = word.strip_prefix(['H', 'I']).unwrap_or_default();
    !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_failed_is_named_and_nothing_that_passed() {
        let text = "test model::mark::tests::a_number_counts ... FAILED\n\
            test model::mark::tests::another ... ok\n\
            fault killed_workers_take_their_children_along ... FAILED (3.1 s)\n\
            fault a_silent_line ... ok (2.0 s)\n\
            FAILED no_descendant_outlives_a_kill (512 ms)\n\
            ok     a_fork_loop_is_killed (99 ms)\n\
            I17 attempts grow: 2 rows\n\
            H6 job 12: taken\n\
            HTTP 200\n\
            test result: FAILED. 1 passed; 1 failed\n";
        let said = Said::failed(text);
        let expected = "H6, I17, a_number_counts, killed_workers_take_their_children_along, no_descendant_outlives_a_kill";
        assert_eq!(said.to_string(), expected);
        assert!(said.names("H6") && !said.names("H1"));
    }
}
