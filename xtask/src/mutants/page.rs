//! The page that tells which bug was found by what, and when: a line for each, of which a run changes its own.

use std::fs;
use std::path::Path;

use super::Judged;
use super::patch::Mutant;
use crate::supply::today;

const PAGE: &str = "docs/mutants.md";

const HEAD: &str = "# Bugs in the Rust code

Written by `cargo xtask mutants`, never by hand. Each patch in `faults/mutants` puts a bug into the product, one at a time; the run
beside it must then fail, and the check that is named must be among what fails. Without a bug all of these runs pass, or nothing is
written here. Bugs in SQL are put in by every campaign: see [reliability.md](reliability.md).
";

const TABLE: &str = "| bug | run | must be found by | was found by | on |\n|---|---|---|---|---|\n";

/// Writes the lines of these, and keeps those of the others as long as they are still about the same bug.
pub(super) fn write(root: &Path, all: &[Mutant], judged: &[Judged<'_>]) -> Result<(), String> {
    let path = root.join(PAGE);
    let before = fs::read_to_string(&path).unwrap_or_default();
    fs::write(&path, page(&before, all, judged, &today())).map_err(|e| format!("{PAGE}: {e}"))
}

fn page(before: &str, all: &[Mutant], judged: &[Judged<'_>], day: &str) -> String {
    let lines: Vec<String> = all
        .iter()
        .map(|mutant| {
            let begin = begin(mutant);
            let now = judged.iter().find(|one| one.mutant.name == mutant.name);
            let earlier = || before.lines().find(|line| line.starts_with(&begin));
            match (now, earlier()) {
                (Some(one), _) => format!("{begin}{} | {day} |\n", found(one)),
                (None, Some(line)) => format!("{line}\n"),
                (None, None) => format!("{begin}**not tried yet** | |\n"),
            }
        })
        .collect();
    let found = lines.iter().filter(|line| !line.contains("**")).count();
    let sum = format!("**{found} of {} were found.**", lines.len());
    format!("{HEAD}\n{sum}\n\n{TABLE}{}", lines.concat())
}

fn begin(mutant: &Mutant) -> String {
    let Mutant { bug, found_by, run, .. } = mutant;
    format!("| {bug} | `{}` | {found_by} | ", run.join(" "))
}

/// What must not be is in bold.
fn found(one: &Judged<'_>) -> String {
    if one.is_found() { one.said.to_string() } else { format!("**{}**", one.said) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::patch;
    use super::super::said::Said;
    use super::*;

    fn mutant(bug: &str) -> Mutant {
        let text = format!("{bug}\nfound by: H6\nrun: --test faults pauses\ndiff --git a/x b/x\n");
        patch::read(bug, Path::new("x.patch"), &text).unwrap()
    }

    #[test]
    fn a_run_changes_its_own_lines_and_keeps_those_of_bugs_that_are_still_there() {
        let all = [mutant("Twice."), mutant("Never."), mutant("Late.")];
        let of = |mutant, said| Judged { mutant, said, took: Duration::ZERO };
        let both = ["H6", "H7"].map(str::to_owned).into();
        let judged = [of(&all[0], Said::Failed(both)), of(&all[1], Said::Passed)];
        let first = page("", &all, &judged, "2026-01-31");
        assert!(first.contains("**1 of 3 were found.**"), "{first}");
        let twice = "| Twice. | `--test faults pauses` | H6 | H6, H7 | 2026-01-31 |\n";
        assert!(first.contains(twice), "{first}");
        assert!(first.contains("| H6 | **nobody** | 2026-01-31 |"), "{first}");
        assert!(first.contains("| Late. | `--test faults pauses` | H6 | **not tried yet** | |"));

        let left = &all[..2];
        let now = [of(&all[1], Said::Failed(["H6".to_owned()].into()))];
        let second = page(&first, left, &now, "2026-02-01");
        assert!(second.contains("**2 of 2 were found.**") && second.contains(twice), "{second}");
        assert!(second.contains("| Never. | `--test faults pauses` | H6 | H6 | 2026-02-01 |"));
    }
}
